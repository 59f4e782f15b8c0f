//! Blocks: immutable files of spans ordered by trace. One file is a segment, a trace index behind it, and a footer.
//!
//! The merge writes them, search and fetch read them. A block that cannot be opened stays listed, so that every answer
//! which it might have changed says so. `FORMAT.md` has the bytes.

pub(crate) mod filter;
pub(crate) mod index;
mod write;

pub(crate) use write::write_block;

use crate::catalog::{BlockMeta, Place};
use crate::disk::Disk;
use crate::failure;
use crate::segment::{ReadAt, Segment, SegmentError};
use crate::tier;
use fanal_base::{ErrorKind, cast};
use fanal_model::TraceId;
use fanal_storage::StoreError;
use index::TraceIndex;
use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a footer.
const FOOTER_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"FNLBLK\0\0";
const VERSION: u32 = 1;
/// Largest filter and list of pages that are read, in bytes.
const INDEX_BYTES_MAX: u64 = 256 << 20;

/// A block of the catalog.
#[derive(Debug)]
pub(crate) struct Block {
    /// What the catalog knows of it.
    pub meta: BlockMeta,
    /// The open file, or why it is not.
    state: Result<OpenBlock, String>,
}

/// An open block.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    /// The spans.
    pub segment: Segment,
    index: TraceIndex,
    name: String,
}

/// Name of a block's file.
pub(crate) fn block_name(number: u64) -> String {
    format!("{number:016x}.block")
}

/// Lengths of the parts of a block file, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Footer {
    segment_bytes: u64,
    filter_bytes: u64,
    fences_bytes: u64,
    pages_bytes: u64,
    trace_count: u32,
    /// Of filter and fences.
    index_checksum: u64,
}

impl Footer {
    fn encode(self) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        let lengths = [self.segment_bytes, self.filter_bytes, self.fences_bytes, self.pages_bytes];
        for (place, number) in lengths.into_iter().enumerate() {
            bytes[place * 8..place * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes[32..36].copy_from_slice(&self.trace_count.to_le_bytes());
        bytes[36..40].copy_from_slice(&VERSION.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.index_checksum.to_le_bytes());
        bytes[48..56].copy_from_slice(&MAGIC);
        let checksum = xxh3_64_with_seed(&bytes[..56], 0);
        bytes[56..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; FOOTER_BYTES], file_bytes: u64) -> Result<Self, String> {
        let u64_at = |place: usize| {
            bytes
                .get(place..place + 8)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u64::from_le_bytes)
        };
        let u32_at = |place: usize| {
            bytes
                .get(place..place + 4)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u32::from_le_bytes)
        };
        if bytes[48..56] != MAGIC {
            return Err("it does not end with the magic of a block".to_owned());
        }
        if u32_at(36) != VERSION {
            return Err(format!("version {}, this program reads {VERSION}", u32_at(36)));
        }
        let footer = Self {
            segment_bytes: u64_at(0),
            filter_bytes: u64_at(8),
            fences_bytes: u64_at(16),
            pages_bytes: u64_at(24),
            trace_count: u32_at(32),
            index_checksum: u64_at(40),
        };
        let parts = [
            footer.segment_bytes,
            footer.filter_bytes,
            footer.fences_bytes,
            footer.pages_bytes,
            cast::wide(FOOTER_BYTES),
        ];
        let total = parts.into_iter().try_fold(0_u64, u64::checked_add);
        let fits = total == Some(file_bytes)
            && footer.filter_bytes.saturating_add(footer.fences_bytes) <= INDEX_BYTES_MAX;
        if !fits || xxh3_64_with_seed(&bytes[..56], 0) != u64_at(56) {
            return Err("its footer does not check out".to_owned());
        }
        Ok(footer)
    }
}

/// The front of a file as the source of a segment.
#[derive(Debug)]
struct Front {
    file: Arc<dyn ReadAt>,
    length: u64,
}

impl ReadAt for Front {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(cast::wide(buffer.len()));
        if end.is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.length
    }

    fn will_read(&self, ranges: &[Range<u64>]) {
        self.file.will_read(ranges);
    }
}

impl Block {
    /// Opens a block of a folder. One that does not open is told to the log and to everyone who asks.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, meta: BlockMeta) -> Self {
        Self::new(meta, OpenBlock::open(disk, dir, &block_name(meta.number)))
    }

    /// A block, and what became of opening it.
    pub(crate) fn new(meta: BlockMeta, opened: Result<OpenBlock, StoreError>) -> Self {
        let state = opened.map_err(|error| {
            let (name, message) = (block_name(meta.number), failure::chain(&error));
            tracing::error!(block = name, error = message, "block cannot be read");
            format!("block {name} cannot be read: {message}; {} spans are missing", meta.rows)
        });
        Self { meta, state }
    }

    /// The open block, or the warning that an answer without it needs.
    pub(crate) fn readable(&self) -> Result<&OpenBlock, &str> {
        self.state.as_ref().map_err(|warning| &**warning)
    }

    /// Whether its file is on the disk, and not in the object store.
    pub(crate) fn is_local(&self) -> bool {
        self.meta.place == Place::Local
    }

    /// Makes a failure of reading into the warning of an answer.
    pub(crate) fn warning(&self, error: &StoreError) -> String {
        match tier::bucket_failure(error) {
            // The same words for all blocks: an answer says once that the object store did not answer.
            Some(failure) if failure.kind() == ErrorKind::Unavailable => {
                format!("older spans may be missing: {failure}")
            }
            _ => {
                let name = block_name(self.meta.number);
                format!("block {name} was left out: {}", failure::chain(error))
            }
        }
    }
}

impl OpenBlock {
    fn open(disk: &dyn Disk, dir: &Path, name: &str) -> Result<Self, StoreError> {
        let path = dir.join(name);
        let file = disk.open(&path).map_err(failure::io("opening", &path))?;
        Self::from_source(&path.display().to_string(), file)
    }

    /// Opens the block that `source` holds; `name` stands in errors.
    pub(crate) fn from_source(name: &str, file: Arc<dyn ReadAt>) -> Result<Self, StoreError> {
        let corrupt = |message: String| StoreError::Corrupt { object: name.to_owned(), message };
        let length = file.byte_length();
        let footer_offset = length
            .checked_sub(cast::wide(FOOTER_BYTES))
            .ok_or_else(|| corrupt(format!("{length} bytes are too few")))?;
        let mut footer = [0; FOOTER_BYTES];
        let read_failed = |source| StoreError::Io { operation: format!("reading {name}"), source };
        file.read_exact_at(&mut footer, footer_offset).map_err(read_failed)?;
        let footer = Footer::decode(&footer, length).map_err(corrupt)?;
        let mut index = vec![0; cast::size(footer.filter_bytes + footer.fences_bytes)];
        file.read_exact_at(&mut index, footer.segment_bytes).map_err(read_failed)?;
        if xxh3_64_with_seed(&index, 0) != footer.index_checksum {
            return Err(corrupt("the filter of its trace index does not match".to_owned()));
        }
        let (filter, fences) = index.split_at(cast::size(footer.filter_bytes));
        let pages_offset = footer.segment_bytes + cast::wide(index.len());
        let pages = Arc::clone(&file);
        let index = TraceIndex::open(pages, pages_offset, footer.trace_count, filter, fences)
            .ok_or_else(|| corrupt("the parts of its trace index do not fit".to_owned()))?;
        let front = Arc::new(Front { file, length: footer.segment_bytes });
        let segment = Segment::open(front).map_err(failure::segment(name))?;
        Ok(Self { segment, index, name: name.to_owned() })
    }

    /// Names the block in errors of its segment.
    pub(crate) fn failed(&self) -> impl FnOnce(SegmentError) -> StoreError {
        failure::segment(&self.name)
    }

    /// Whether the trace index is that of these rows; says what differs.
    pub(crate) fn verify_index(&self, trace_ids: &[TraceId]) -> Result<(), String> {
        self.index.verify(trace_ids)
    }

    /// Whether a trace may have spans here.
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        self.index.may_contain(hash)
    }

    /// First rows of traces of this hash; another trace may be there.
    pub(crate) fn candidate_rows(&self, hash: u64) -> Result<Vec<u32>, StoreError> {
        self.index.candidate_rows(hash).map_err(|source| StoreError::Io {
            operation: format!("reading the trace index of {}", self.name),
            source,
        })
    }

    /// Appends what the index sorts its traces by, of those in a range.
    pub(crate) fn trace_prefixes(
        &self,
        range: &RangeInclusive<u32>,
        prefixes: &mut Vec<u32>,
    ) -> Result<(), StoreError> {
        self.index.prefixes(range, prefixes).map_err(|source| StoreError::Io {
            operation: format!("reading the trace index of {}", self.name),
            source,
        })
    }

    /// Number of traces.
    pub(crate) fn trace_count(&self) -> usize {
        self.index.trace_count()
    }

    /// Rows of a trace; `None` where it has none. `hash` is that of the trace.
    pub(crate) fn rows_of(
        &self,
        trace_id: TraceId,
        hash: u64,
    ) -> Result<Option<Range<u32>>, StoreError> {
        if !self.may_contain(hash) {
            return Ok(None);
        }
        for first in self.candidate_rows(hash)? {
            let end = self.run_end(trace_id, first)?;
            if end > first {
                return Ok(Some(first..end));
            }
        }
        Ok(None)
    }

    /// One past the last row of the run of a trace that begins at `first`; `first` where another trace is there.
    fn run_end(&self, trace_id: TraceId, first: u32) -> Result<u32, StoreError> {
        let mut end = first;
        loop {
            let page = self.segment.page_of(end);
            let ids = self.segment.trace_ids_of(end..page.end).map_err(self.failed())?;
            end += cast::narrow(ids.iter().take_while(|id| **id == trace_id).count());
            if end < page.end || page.is_empty() {
                return Ok(end);
            }
        }
    }

    /// Earliest start of rows.
    pub(crate) fn start_min(&self, rows: &Range<u32>) -> Result<u64, StoreError> {
        let starts = self.segment.starts_of(rows.clone()).map_err(self.failed())?;
        Ok(starts.into_iter().fold(u64::MAX, u64::min))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;
    use fanal_model::{IndexedBatch, SpanBatch, SpanBatchBuilder};
    use fanal_storage::Projection;
    use fanal_testkit::{Generator, GeneratorConfig, push_into};
    use filter::trace_hash;

    fn generated() -> SpanBatch {
        let mut generator = Generator::new(GeneratorConfig::clean(), 11);
        let mut builder = SpanBatchBuilder::default();
        for second in 0..30 {
            let start = 1_760_000_000_000_000_000 + second * 1_000_000_000;
            push_into(&generator.next_trace(start).spans, &mut builder);
        }
        builder.finish()
    }

    /// Everything of a block as text: each trace by its id, then all spans with dictionaries and classes.
    fn read_all(bytes: Vec<u8>, ids: &[TraceId]) -> Result<Vec<String>, StoreError> {
        let open = OpenBlock::from_source("block", Arc::new(bytes))?;
        let mut shown = Vec::new();
        for &id in ids {
            shown.push(format!("{:?}", open.rows_of(id, trace_hash(id))?));
        }
        let granules = 0..open.segment.granules().len();
        for granule in granules.clone() {
            let durations = open.segment.durations(granule).map_err(open.failed())?;
            shown.push(format!("{durations:?}"));
        }
        let batch = open.segment.read_batch(granules, Projection::Full).map_err(open.failed())?;
        let spans = IndexedBatch::new(Arc::new(batch)).expect("decodes");
        shown.extend(spans.spans().map(|span| {
            let attributes: Vec<_> = span.attributes().collect();
            let ids = (span.trace_id(), span.span_id(), span.parent_span_id());
            format!("{ids:?} {:?} {} {attributes:?}", span.name(), span.end_unix_nanos())
        }));
        Ok(shown)
    }

    #[test]
    fn a_flipped_bit_anywhere_is_an_error_and_never_a_wrong_answer() {
        let folder = tempfile::tempdir().expect("temp folder");
        let batch = generated();
        write_block(&RealDisk, folder.path(), 1, &batch, 4096, &|| ()).expect("writes");
        let bytes = std::fs::read(folder.path().join(block_name(1))).expect("reads");
        let mut ids = batch.trace_ids.clone();
        ids.dedup();
        let expected = read_all(bytes.clone(), &ids).expect("reads");
        let footer = bytes.len() - FOOTER_BYTES;
        // Every section, at steps that share no factor with their sizes; the end in full.
        for place in (0..footer - 5000).step_by(97).chain((footer - 5000..footer).step_by(11)) {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << (place % 8);
            if let Ok(shown) = read_all(damaged, &ids) {
                panic!("byte {place} unseen, answer is right: {}", shown == expected);
            }
        }
    }

    #[test]
    fn a_footer_reads_back_and_notices_every_flipped_bit() {
        let footer = Footer {
            segment_bytes: 1000,
            filter_bytes: 32,
            fences_bytes: 4,
            pages_bytes: 4096,
            trace_count: 5,
            index_checksum: 77,
        };
        let file_bytes = 1000 + 32 + 4 + 4096 + cast::wide(FOOTER_BYTES);
        let bytes = footer.encode();
        assert_eq!(Footer::decode(&bytes, file_bytes), Ok(footer));
        assert!(Footer::decode(&bytes, file_bytes + 1).is_err());
        for bit in 0..FOOTER_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Footer::decode(&damaged, file_bytes).is_err(), "bit {bit}");
        }
    }
}
