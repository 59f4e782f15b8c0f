//! The trace index of a block: a filter and a list of pages in memory, and on disk a table of (hash, first row),
//! sorted by hash, in pages that check out alone.
//!
//! Written by the merge, asked by every fetch. A trace is found by reading one page (more only where the table has
//! equal hashes across a page's end); rows told are candidates whose trace id the caller must verify.

use super::filter::{TraceFilter, trace_hash};
use crate::segment::ReadAt;
use fanal_base::cast;
use fanal_model::TraceId;
use std::io;
use std::ops::RangeInclusive;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a page.
pub(crate) const PAGE_BYTES: usize = 4096;
const ENTRY_BYTES: usize = 8;
/// Entries of a page; its last 8 bytes are a checksum.
pub(crate) const PAGE_ENTRIES: usize = PAGE_BYTES / ENTRY_BYTES - 1;

/// The encoded parts of an index.
#[derive(Debug, Default)]
pub(crate) struct EncodedIndex {
    /// The filter.
    pub filter: Vec<u8>,
    /// First hash of each page, u32 little endian.
    pub fences: Vec<u8>,
    /// The pages.
    pub pages: Vec<u8>,
    /// Number of traces.
    pub trace_count: u32,
}

/// Encodes the index of a block whose traces are contiguous.
pub(crate) fn encode(trace_ids: &[TraceId]) -> EncodedIndex {
    let mut hashes = Vec::new();
    let mut entries: Vec<(u32, u32)> = Vec::new();
    for (row, &id) in trace_ids.iter().enumerate() {
        if row == 0 || trace_ids[row - 1] != id {
            let hash = trace_hash(id);
            hashes.push(hash);
            entries.push((prefix(hash), cast::narrow(row)));
        }
    }
    entries.sort_unstable();
    let mut index =
        EncodedIndex { trace_count: cast::narrow(entries.len()), ..EncodedIndex::default() };
    TraceFilter::build(&hashes).encode(&mut index.filter);
    for (number, entries) in entries.chunks(PAGE_ENTRIES).enumerate() {
        index.fences.extend_from_slice(&entries[0].0.to_le_bytes());
        let start = index.pages.len();
        for (hash, row) in entries {
            index.pages.extend_from_slice(&hash.to_le_bytes());
            index.pages.extend_from_slice(&row.to_le_bytes());
        }
        index.pages.resize(start + PAGE_ENTRIES * ENTRY_BYTES, 0xff);
        let checksum = xxh3_64_with_seed(&index.pages[start..], cast::wide(number));
        index.pages.extend_from_slice(&checksum.to_le_bytes());
    }
    index
}

/// The part of a hash that the table sorts by.
pub(crate) fn prefix(hash: u64) -> u32 {
    cast::narrow(cast::size(hash >> 32))
}

/// An open index.
#[derive(Debug)]
pub(crate) struct TraceIndex {
    source: Arc<dyn ReadAt>,
    pages_offset: u64,
    trace_count: usize,
    filter: TraceFilter,
    fences: Vec<u32>,
}

impl TraceIndex {
    /// An index whose pages lie in `source` from `pages_offset` on; `None` where its parts do not fit each other.
    pub(crate) fn open(
        source: Arc<dyn ReadAt>,
        pages_offset: u64,
        trace_count: u32,
        filter: &[u8],
        fences: &[u8],
    ) -> Option<Self> {
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
        let trace_count = cast::index(trace_count);
        let fences: Vec<u32> = fences.chunks(4).map(number).collect();
        (fences.len() == trace_count.div_ceil(PAGE_ENTRIES)).then_some(())?;
        let filter = TraceFilter::decode(filter)?;
        Some(Self { source, pages_offset, trace_count, filter, fences })
    }

    /// Whether a trace may be in the block.
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        self.filter.may_contain(hash)
    }

    /// First rows of the traces of this hash.
    pub(crate) fn candidate_rows(&self, hash: u64) -> io::Result<Vec<u32>> {
        let wanted = prefix(hash);
        // Equal hashes may begin on the page before the first fence that is not below.
        let mut page = self.fences.partition_point(|&fence| fence < wanted).saturating_sub(1);
        let mut rows = Vec::new();
        while self.fences.get(page).is_some_and(|&fence| fence <= wanted) {
            self.read_page(page, wanted, &mut rows)?;
            page += 1;
        }
        Ok(rows)
    }

    /// Whether all of it is the index of a block with these rows; says what differs.
    pub(crate) fn verify(&self, trace_ids: &[TraceId]) -> Result<(), String> {
        let wanted = encode(trace_ids);
        if self.trace_count != cast::index(wanted.trace_count) {
            let (told, count) = (self.trace_count, wanted.trace_count);
            return Err(format!("trace index has {told} traces, the rows have {count}"));
        }
        let mut filter = Vec::new();
        self.filter.encode(&mut filter);
        if filter != wanted.filter {
            return Err("filter of the trace index is not that of its traces".to_owned());
        }
        if !self.fences.iter().map(|fence| fence.to_le_bytes()).eq(wanted.fences.chunks(4)) {
            return Err("fences of the trace index are not those of its traces".to_owned());
        }
        for (number, wanted) in wanted.pages.chunks(PAGE_BYTES).enumerate() {
            let mut page = [0; PAGE_BYTES];
            let offset = self.pages_offset + cast::wide(number * PAGE_BYTES);
            self.source.read_exact_at(&mut page, offset).map_err(|error| error.to_string())?;
            if page != *wanted {
                return Err(format!("page {number} of the trace index is not that of its traces"));
            }
        }
        Ok(())
    }

    /// Appends the prefixes of all traces' hashes that lie in a range.
    pub(crate) fn prefixes(
        &self,
        range: &RangeInclusive<u32>,
        prefixes: &mut Vec<u32>,
    ) -> io::Result<()> {
        let mut page = self.fences.partition_point(|fence| fence < range.start()).saturating_sub(1);
        while self.fences.get(page).is_some_and(|fence| fence <= range.end()) {
            let mut bytes = [0; PAGE_BYTES];
            let count = self.load_page(page, &mut bytes)?;
            let found = (0..count).map(|entry| number(&bytes, entry, 0));
            prefixes.extend(found.filter(|prefix| range.contains(prefix)));
            page += 1;
        }
        Ok(())
    }

    /// Number of traces.
    pub(crate) fn trace_count(&self) -> usize {
        self.trace_count
    }

    /// Reads a page and checks it; answers how many entries it has.
    fn load_page(&self, page: usize, bytes: &mut [u8; PAGE_BYTES]) -> io::Result<usize> {
        let offset = self.pages_offset + cast::wide(page * PAGE_BYTES);
        self.source.read_exact_at(bytes, offset)?;
        let (entries, checksum) = bytes.split_at(PAGE_ENTRIES * ENTRY_BYTES);
        if xxh3_64_with_seed(entries, cast::wide(page)).to_le_bytes() != *checksum {
            let message = format!("page {page} of the trace index does not match its checksum");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(PAGE_ENTRIES.min(self.trace_count - page * PAGE_ENTRIES))
    }

    fn read_page(&self, page: usize, wanted: u32, rows: &mut Vec<u32>) -> io::Result<()> {
        let mut bytes = [0; PAGE_BYTES];
        let count = self.load_page(page, &mut bytes)?;
        let number = |entry: usize, half: usize| number(&bytes, entry, half);
        let (mut low, mut high) = (0, count);
        while low < high {
            let middle = low.midpoint(high);
            if number(middle, 0) < wanted { low = middle + 1 } else { high = middle }
        }
        rows.extend((low..count).take_while(|&e| number(e, 0) == wanted).map(|e| number(e, 1)));
        Ok(())
    }
}

/// One of the two numbers of an entry.
fn number(page: &[u8; PAGE_BYTES], entry: usize, half: usize) -> u32 {
    let start = entry * ENTRY_BYTES + half * 4;
    page.get(start..start + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u32) -> TraceId {
        let mut bytes = [9; 16];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        TraceId(bytes)
    }

    fn open(encoded: &EncodedIndex) -> TraceIndex {
        let source = Arc::new(encoded.pages.clone());
        TraceIndex::open(source, 0, encoded.trace_count, &encoded.filter, &encoded.fences)
            .expect("fits")
    }

    #[test]
    fn every_trace_is_found_at_its_first_row() {
        for count in [1, PAGE_ENTRIES, PAGE_ENTRIES + 1, 5000] {
            let ids: Vec<TraceId> =
                (0..cast::narrow(count)).flat_map(|number| [id(number), id(number)]).collect();
            let index = open(&encode(&ids));
            for number in 0..cast::narrow(count) {
                let rows = index.candidate_rows(trace_hash(id(number))).expect("reads");
                assert!(rows.contains(&(number * 2)), "{number} of {count}: {rows:?}");
                assert!(rows.len() <= 2);
            }
            let mut prefixes = Vec::new();
            for range in [0..=1 << 30, (1 << 30) + 1..=u32::MAX - 7, u32::MAX - 6..=u32::MAX] {
                index.prefixes(&range, &mut prefixes).expect("reads");
            }
            let mut expect: Vec<u32> =
                (0..cast::narrow(count)).map(|number| prefix(trace_hash(id(number)))).collect();
            expect.sort_unstable();
            assert_eq!(prefixes, expect, "every prefix once, whatever the ranges");
            let other = index.candidate_rows(trace_hash(id(1_000_000))).expect("reads");
            assert!(other.is_empty());
        }
    }

    #[test]
    fn a_damaged_page_is_noticed() {
        let mut encoded = encode(&[id(1)]);
        encoded.pages[5] ^= 1;
        let error = open(&encoded).candidate_rows(trace_hash(id(1))).expect_err("damaged");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
