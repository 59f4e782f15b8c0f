//! Numbers whose pages share one set of pco's tables, which are as large as half a page of them would be.
//!
//! Pages of a cut chunk are written and read through this where the column is one of numbers.

use super::error::{Flaw, SegmentError};
use super::integers::PCO_LEVEL;
use pco::metadata::{ChunkMeta, DeltaEncoding, Mode};
use pco::wrapped::{ChunkDecompressor, FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};

/// How pco saw the numbers of a column: those of its next granules are alike, and looking costs as much as compressing.
#[derive(Debug, Clone)]
pub(super) struct NumberHabit {
    mode: ModeSpec,
    delta: DeltaSpec,
}

impl NumberHabit {
    /// What was found, as far as it can be told to pco.
    fn of(meta: &ChunkMeta) -> Self {
        let mode = match meta.mode {
            Mode::Classic => ModeSpec::Classic,
            _ => ModeSpec::Auto,
        };
        let delta = match meta.delta_encoding {
            DeltaEncoding::NoOp => DeltaSpec::NoOp,
            DeltaEncoding::Consecutive { order, .. } => DeltaSpec::TryConsecutive(order),
            _ => DeltaSpec::Auto,
        };
        Self { mode, delta }
    }
}

/// Numbers of pages, compressed.
#[derive(Debug)]
pub(super) struct SharedPages {
    /// What the pages share.
    pub(super) tables: Vec<u8>,
    /// The pages, one after the other.
    pub(super) bodies: Vec<u8>,
    /// One past the last byte of each page.
    pub(super) ends: Vec<usize>,
}

impl SharedPages {
    /// Compresses pages of so many numbers each.
    pub(super) fn compress(
        numbers: &[u64],
        counts: &[usize],
        habit: &mut Option<NumberHabit>,
    ) -> Result<Self, SegmentError> {
        Self::try_compress(numbers, counts, habit)
            .ok_or(SegmentError::Compress { part: "pages of integers" })
    }

    fn try_compress(
        numbers: &[u64],
        counts: &[usize],
        habit: &mut Option<NumberHabit>,
    ) -> Option<Self> {
        let filled: Vec<usize> = counts.iter().copied().filter(|&count| count > 0).collect();
        let mut config = ChunkConfig::default()
            .with_compression_level(PCO_LEVEL)
            .with_paging_spec(PagingSpec::Exact(filled));
        if let Some(NumberHabit { mode, delta }) = habit.clone() {
            config = config.with_mode_spec(mode).with_delta_spec(delta);
        }
        let file = FileCompressor::default();
        let mut chunk = file.chunk_compressor(numbers, &config).ok()?;
        habit.get_or_insert_with(|| NumberHabit::of(chunk.meta()));
        let tables = file.write_header(Vec::new()).ok()?;
        let tables = chunk.write_meta(tables).ok()?;
        let mut bodies = Vec::new();
        let mut page = 0;
        let mut ends = Vec::with_capacity(counts.len());
        for &count in counts {
            if count > 0 {
                bodies = chunk.write_page(page, bodies).ok()?;
                page += 1;
            }
            ends.push(bodies.len());
        }
        Some(Self { tables, bodies, ends })
    }
}

/// Reads pages with their shared tables.
pub(super) struct SharedReader {
    chunk: ChunkDecompressor<u64>,
}

impl SharedReader {
    /// From what the pages share.
    pub(super) fn new(tables: &[u8]) -> Result<Self, Flaw> {
        const FLAW: Flaw = Flaw("pco tables");
        let (file, rest) = FileDecompressor::new(tables).map_err(|_| FLAW)?;
        let (chunk, rest) = file.chunk_decompressor::<u64, _>(rest).map_err(|_| FLAW)?;
        if rest.is_empty() { Ok(Self { chunk }) } else { Err(FLAW) }
    }

    /// Reads a page of `count` numbers, all of its bytes. The caller has bounded the count.
    pub(super) fn page(&mut self, bytes: &[u8], count: usize) -> Result<Vec<u64>, Flaw> {
        const FLAW: Flaw = Flaw("pco data");
        let mut page = self.chunk.page_decompressor(bytes, count).map_err(|_| FLAW)?;
        let mut numbers = vec![0; count];
        let progress = page.read(&mut numbers).map_err(|_| FLAW)?;
        let is_all = progress.n_processed == count && progress.finished;
        if is_all && page.into_src().is_empty() { Ok(numbers) } else { Err(FLAW) }
    }
}
