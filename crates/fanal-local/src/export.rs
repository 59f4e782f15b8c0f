//! Exports: the spans of a snapshot piece by piece, one granule in memory at a time.
//!
//! Asked through the store. The head is handed out first and let go of part by part, so that a slow reader does not keep
//! what a merge has taken; blocks stay readable through their open files when compaction replaces them.

use crate::block::Block;
use crate::config::LocalConfig;
use crate::head::HeadPart;
use crate::search;
use crate::search::question::Question;
use crate::tenant::Snapshot;
use fanal_model::{IndexedBatch, InvalidBatch, Remap, SpanBatchBuilder, TraceId};
use fanal_storage::export::EXPORT_TRACES_MAX;
use fanal_storage::{ExportSpans, FindTraces, Projection, SpanPieces, StoreError};
use foldhash::fast::RandomState;
use hashbrown::HashSet;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Most spans of a piece.
const PIECE_ROWS: usize = 8192;

/// Ids of traces.
type TraceIds = HashSet<TraceId, RandomState>;

/// An export under way.
#[derive(Debug)]
pub(crate) struct Export {
    /// The traces to hand out; `None` for all.
    wanted: Option<TraceIds>,
    head: VecDeque<Arc<HeadPart>>,
    blocks: Arc<[Arc<Block>]>,
    /// Block and granule that come next.
    next: (usize, usize),
    /// Rows that are read and not handed out.
    open: Option<(Source, Range<usize>)>,
    warnings: Vec<String>,
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Source {
    Part(Arc<HeadPart>),
    Granule(Box<IndexedBatch>),
}

impl Source {
    fn spans(&self) -> &IndexedBatch {
        match self {
            Self::Part(part) => &part.spans,
            Self::Granule(spans) => spans,
        }
    }
}

impl Export {
    /// Finds what to export. Fails with `Invalid` where it is more traces than [`EXPORT_TRACES_MAX`].
    pub(crate) fn begin(
        snapshot: Snapshot,
        request: &ExportSpans,
        config: &LocalConfig,
        question: &Question,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, StoreError> {
        let unreadable = |block: &Arc<Block>| block.readable().err().map(str::to_owned);
        let mut warnings: Vec<String> = snapshot.blocks.iter().filter_map(unreadable).collect();
        let wanted = if request.is_everything() {
            None
        } else {
            let (wanted, told) = find(&snapshot, request, config, question)?;
            warnings.extend(told);
            warnings.sort_unstable();
            warnings.dedup();
            Some(wanted)
        };
        Ok(Self {
            wanted,
            head: snapshot.head.into(),
            blocks: snapshot.blocks,
            next: (0, 0),
            open: None,
            warnings,
            _permit: permit,
        })
    }

    /// What comes next, of which at least one row is wanted; `None` at the end.
    fn advance(&mut self) -> Result<Option<Source>, StoreError> {
        while let Some(part) = self.head.pop_front() {
            if self.is_any_wanted(&part.spans.batch().trace_ids) {
                return Ok(Some(Source::Part(part)));
            }
        }
        while let Some(block) = self.blocks.get(self.next.0).cloned() {
            let (number, granule) = self.next;
            let open = block.readable().ok();
            let Some(open) = open.filter(|open| granule < open.segment.granules().len()) else {
                if let Some(open) = open {
                    open.segment.release_cache();
                }
                self.next = (number + 1, 0);
                continue;
            };
            // Before it is read: a granule that fails is told once and then left out.
            self.next.1 += 1;
            let segment = &open.segment;
            if self.wanted.is_some() {
                let ids = segment.trace_ids(granule).map_err(open.failed())?;
                if !self.is_any_wanted(&ids) {
                    continue;
                }
            }
            let batch = segment
                .read_batch(granule..granule + 1, Projection::Full)
                .map_err(open.failed())?;
            return Ok(Some(Source::Granule(Box::new(indexed(IndexedBatch::new(Arc::new(
                batch,
            )))?))));
        }
        Ok(None)
    }

    fn is_any_wanted(&self, ids: &[TraceId]) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| ids.iter().any(|id| wanted.contains(id)))
    }
}

fn indexed(batch: Result<IndexedBatch, InvalidBatch>) -> Result<IndexedBatch, StoreError> {
    batch.map_err(|error| StoreError::Corrupt {
        object: "exported spans".to_owned(),
        message: error.to_string(),
    })
}

/// Traces that a search finds, with its warnings.
fn find(
    snapshot: &Snapshot,
    request: &ExportSpans,
    config: &LocalConfig,
    question: &Question,
) -> Result<(TraceIds, Vec<String>), StoreError> {
    let search = FindTraces {
        conditions: request.conditions.clone(),
        start_min_unix_nanos: request.start_min_unix_nanos,
        start_max_unix_nanos: request.start_max_unix_nanos,
        limit: EXPORT_TRACES_MAX,
        after: None,
    };
    let config = LocalConfig { search_candidates_max: usize::MAX, ..config.clone() };
    let found = search::find_traces(snapshot, &search, &config, question)?;
    if found.has_more {
        let message = format!(
            "export is of more than {EXPORT_TRACES_MAX} traces; export shorter ranges of time one by one, or everything"
        );
        return Err(StoreError::Invalid { message });
    }
    Ok((found.traces.into_iter().map(|position| position.trace_id).collect(), found.warnings))
}

impl SpanPieces for Export {
    fn next_piece(&mut self) -> Result<Option<IndexedBatch>, StoreError> {
        loop {
            let (source, rows) = match self.open.take() {
                Some(open) => open,
                None => match self.advance()? {
                    Some(source) => {
                        let rows = 0..source.spans().len();
                        (source, rows)
                    }
                    None => return Ok(None),
                },
            };
            let mut builder = SpanBatchBuilder::default();
            let mut remap = Remap::default();
            let spans = source.spans();
            let mut next = rows.start;
            while next < rows.end && builder.len() < PIECE_ROWS {
                let id = spans.batch().trace_ids[next];
                if self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&id)) {
                    builder.append_row(spans, &mut remap, next);
                }
                next += 1;
            }
            if next < rows.end {
                self.open = Some((source, next..rows.end));
            }
            if !builder.is_empty() {
                return indexed(IndexedBatch::new(Arc::new(builder.finish()))).map(Some);
            }
        }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
