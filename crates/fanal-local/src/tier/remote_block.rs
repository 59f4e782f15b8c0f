//! A block in the object store as the source of its bytes: the ends from its stub, the rest in pages through the cache.
//!
//! Read like a local file by everyone who reads blocks. Neighbouring pages that are missing are one request, and
//! requests of one read go out together. Checks no content: the readers of segment and index do, as for any file.

use super::Tier;
use super::cache::{PAGE_BYTES, PageKey};
use super::stub::Stub;
use crate::guard::lock;
use crate::segment::ReadAt;
use bytes::Bytes;
use fanal_base::cast;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Most bytes that one read or one look ahead asks the object store for at a time.
const READ_BYTES_MAX: u64 = 16 << 20;
/// Longest request; longer runs of pages are read by several at once.
const REQUEST_PAGES_MAX: u64 = 64;
/// Pages between two missing ones that are read along, because a request costs more than they do.
const GAP_PAGES_MAX: u64 = 3;

/// A block that moved.
#[derive(Debug)]
pub(crate) struct RemoteBlock {
    tier: Arc<Tier>,
    object: String,
    stub: Stub,
    /// Number of this open block in the process.
    file: u64,
}

impl RemoteBlock {
    /// The block of a stub.
    pub(super) fn new(tier: Arc<Tier>, object: String, stub: Stub, file: u64) -> Self {
        *lock(&tier.open).entry(object.clone()).or_default() += 1;
        Self { tier, object, stub, file }
    }

    fn key(&self, page: u64) -> PageKey {
        PageKey { file: self.file, page }
    }

    /// Fetches pages of an ascending list; answers each with its number.
    fn fetch(&self, pages: &[u64]) -> io::Result<Vec<(u64, Bytes)>> {
        let runs = runs_of(pages);
        let byte_range = |run: &Range<u64>| {
            let page_bytes = cast::wide(PAGE_BYTES);
            run.start * page_bytes..(run.end * page_bytes).min(self.byte_length())
        };
        let ranges: Vec<Range<u64>> = runs.iter().map(byte_range).collect();
        let answers = self.tier.read(&self.object, &ranges)?;
        let mut fetched = Vec::new();
        for (run, bytes) in runs.into_iter().zip(answers) {
            for page in run.clone() {
                let start = cast::size(page - run.start) * PAGE_BYTES;
                let end = (start + PAGE_BYTES).min(bytes.len());
                if start < end {
                    self.tier.cache.put(self.key(page), &bytes[start..end]);
                    fetched.push((page, bytes.slice(start..end)));
                }
            }
        }
        Ok(fetched)
    }

    fn read_pages(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let wanted = offset..offset + cast::wide(buffer.len());
        let mut missing = Vec::new();
        for page in pages_of(&wanted) {
            match self.tier.cache.get(self.key(page)) {
                Some(bytes) => copy_page(page, &bytes, buffer, offset),
                None => missing.push(page),
            }
        }
        let hits = pages_of(&wanted).count() - missing.len();
        self.tier.counters.add_cache_looks(hits, missing.len());
        let pages_max = cast::size(READ_BYTES_MAX) / PAGE_BYTES;
        for pages in missing.chunks(pages_max) {
            for (page, bytes) in self.fetch(pages)? {
                copy_page(page, &bytes, buffer, offset);
            }
        }
        Ok(())
    }
}

impl Drop for RemoteBlock {
    fn drop(&mut self) {
        let mut open = lock(&self.tier.open);
        if let Some(count) = open.get_mut(&self.object) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.object);
            }
        }
    }
}

impl ReadAt for RemoteBlock {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(cast::wide(buffer.len()));
        let end = end.filter(|&end| end <= self.byte_length());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let far = self.stub.meta.far();
        let (front_end, back_start) = (far.start.clamp(offset, end), far.end.clamp(offset, end));
        let (front, rest) = buffer.split_at_mut(cast::size(front_end - offset));
        let (middle, back) = rest.split_at_mut(cast::size(back_start - front_end));
        if !front.is_empty() {
            self.stub.read_exact_at(front, offset)?;
        }
        if !middle.is_empty() {
            self.read_pages(middle, front_end)?;
        }
        if !back.is_empty() {
            self.stub.read_exact_at(back, back_start)?;
        }
        Ok(())
    }

    fn byte_length(&self) -> u64 {
        self.stub.meta.block_bytes
    }

    fn will_read(&self, ranges: &[Range<u64>]) {
        let far = self.stub.meta.far();
        let in_far = ranges.iter().map(|range| range.start.max(far.start)..range.end.min(far.end));
        let mut pages: Vec<u64> =
            in_far.filter(|range| !range.is_empty()).flat_map(|range| pages_of(&range)).collect();
        pages.sort_unstable();
        pages.dedup();
        pages.retain(|&page| !self.tier.cache.has(self.key(page)));
        pages.truncate(cast::size(READ_BYTES_MAX) / PAGE_BYTES);
        if pages.len() > 1
            && let Err(error) = self.fetch(&pages)
        {
            // Whoever reads them meets the failure again, and tells.
            tracing::debug!(%error, object = self.object, "pages were not read ahead");
        }
    }
}

/// Pages that hold a range of bytes.
fn pages_of(range: &Range<u64>) -> Range<u64> {
    let page_bytes = cast::wide(PAGE_BYTES);
    range.start / page_bytes..range.end.div_ceil(page_bytes)
}

/// Runs of pages that are each worth one request, of an ascending list.
fn runs_of(pages: &[u64]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for &page in pages {
        match runs.last_mut() {
            Some(run)
                if page <= run.end + GAP_PAGES_MAX && page < run.start + REQUEST_PAGES_MAX =>
            {
                run.end = page + 1;
            }
            _ => runs.push(page..page + 1),
        }
    }
    runs
}

/// Copies what a page has of the bytes that `buffer` wants from `offset` on.
fn copy_page(page: u64, bytes: &[u8], buffer: &mut [u8], offset: u64) {
    let page_start = page * cast::wide(PAGE_BYTES);
    let skipped = cast::size(offset.saturating_sub(page_start));
    let place = cast::size(page_start.saturating_sub(offset));
    let source = bytes.get(skipped..).unwrap_or_default();
    let target = buffer.get_mut(place..).unwrap_or_default();
    let length = source.len().min(target.len());
    target[..length].copy_from_slice(&source[..length]);
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one range")]
mod tests {
    use super::*;

    #[test]
    fn missing_pages_are_read_in_few_requests() {
        let check = |pages: &[u64], expect: &[Range<u64>]| {
            assert_eq!(runs_of(pages), expect, "{pages:?}");
        };
        check(&[], &[]);
        check(&[3], &[3..4]);
        check(&[3, 4, 5], &[3..6]);
        check(&[3, 7], &[3..8]);
        check(&[3, 8], &[3..4, 8..9]);
        let long: Vec<u64> = (0..REQUEST_PAGES_MAX + 2).collect();
        check(&long, &[0..REQUEST_PAGES_MAX, REQUEST_PAGES_MAX..REQUEST_PAGES_MAX + 2]);
    }
}
