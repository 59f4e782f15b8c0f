//! Pages: the parts of a granule that can be read alone. A chunk of a granule with several pages is either whole, or
//! cut, so that a fetch of few rows reads and decodes no more than their pages.
//!
//! The encoder cuts what is large; what is small is whole, because it compresses better and is read in one piece.
//! Invariant: every byte is covered by a checksum, whichever way it is read.

use super::chunk::{Ahead, decode_chunk};
use super::error::{Flaw, SegmentError};
use super::granule::Granule;
use super::layout::{CHECKSUM_BYTES, Extent, Sink};
use super::shared::{NumberHabit, SharedPages, SharedReader};
use super::source::ReadAt;
use super::{ColumnValues, TextValues};
use fanal_base::cast;
use fanal_model::nested::{self, Reader};
use std::cell::RefCell;
use std::ops::Range;

/// Forms of a chunk of a granule with several pages.
const WHOLE: u8 = 0;
const CUT: u8 = 1;
const SHARED: u8 = 2;

/// Bytes of a chunk from which on it is cut.
const CUT_BYTES_MIN: u32 = 2 << 10;

/// Bytes of a cut chunk before its list of pages: form and length of the list.
const HEAD_BYTES: usize = 1 + 2;

/// Bytes read at first of a chunk of which few pages are wanted.
const PEEK_BYTES: u32 = 512;

/// Whether a column is cut, from its size in the granule before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Cut {
    /// Nothing is known yet.
    #[default]
    Undecided,
    /// It was small.
    No,
    /// It was large.
    Yes,
    /// Whatever its size: its pages cannot be read otherwise.
    Always,
}

impl Cut {
    fn decide(&mut self, length: u32) {
        if *self != Self::Always {
            *self = if length >= CUT_BYTES_MIN { Self::Yes } else { Self::No };
        }
    }
}

/// What is known of a column from the granules before.
#[derive(Debug, Clone, Default)]
pub(super) struct Habit {
    pub(super) cut: Cut,
    numbers: Option<NumberHabit>,
}

/// Where the values of a column end, page by page.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageEnds<'a> {
    /// One past the last value of each page, counted within the granule.
    pub(super) ends: &'a [usize],
    /// Whether there is one value a row, so that readers know the ends.
    pub(super) are_rows: bool,
}

impl PageEnds<'_> {
    fn total(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    fn write_counts(&self, out: &mut Vec<u8>) {
        if !self.are_rows {
            ranges(self.ends).for_each(|page| nested::write_length(page.len(), out));
        }
    }
}

fn ranges(ends: &[usize]) -> impl Iterator<Item = Range<usize>> {
    let starts = std::iter::once(0).chain(ends.iter().copied());
    starts.zip(ends).map(|(start, &end)| start..end)
}

/// Appends the values of one column of a granule; `write` appends those of a range. With `numbers`, the same values,
/// cut pages share their tables.
pub(super) fn write_chunk(
    sink: &mut Sink,
    pages: PageEnds<'_>,
    habit: &mut Habit,
    numbers: Option<&[u64]>,
    mut write: impl FnMut(Range<usize>, &mut Vec<u8>) -> Result<(), SegmentError>,
) -> Result<(), SegmentError> {
    if pages.ends.len() <= 1 {
        write(0..pages.total(), &mut sink.bytes)?;
        sink.close_chunk()?;
        return Ok(());
    }
    let begin = sink.bytes.len();
    let cut = &mut habit.cut;
    if matches!(cut, Cut::Undecided | Cut::No) {
        sink.bytes.push(WHOLE);
        pages.write_counts(&mut sink.bytes);
        write(0..pages.total(), &mut sink.bytes)?;
        let length = cast::narrow(sink.bytes.len() - begin);
        let is_first = *cut == Cut::Undecided;
        cut.decide(length);
        if !(is_first && *cut == Cut::Yes) {
            sink.close_chunk()?;
            return Ok(());
        }
        sink.bytes.truncate(begin);
    }
    if let Some(numbers) = numbers {
        let counts: Vec<usize> = ranges(pages.ends).map(|page| page.len()).collect();
        let shared = SharedPages::compress(numbers, &counts, &mut habit.numbers)?;
        let form = Form { tag: SHARED, tables: &shared.tables };
        write_cut(sink, pages, &form, &shared.bodies, &shared.ends)?;
    } else {
        let mut bodies = Vec::new();
        let mut ends = Vec::with_capacity(pages.ends.len());
        for page in ranges(pages.ends) {
            if !page.is_empty() {
                write(page, &mut bodies)?;
            }
            ends.push(bodies.len());
        }
        write_cut(sink, pages, &Form { tag: CUT, tables: &[] }, &bodies, &ends)?;
    }
    cut.decide(cast::narrow(sink.bytes.len() - begin));
    Ok(())
}

/// How pages are written.
struct Form<'a> {
    tag: u8,
    /// What they share.
    tables: &'a [u8],
}

fn write_cut(
    sink: &mut Sink,
    pages: PageEnds<'_>,
    form: &Form<'_>,
    bodies: &[u8],
    ends: &[usize],
) -> Result<(), SegmentError> {
    let mut list = Vec::new();
    pages.write_counts(&mut list);
    for body in ranges(ends) {
        let stored = if body.is_empty() { 0 } else { body.len() + CHECKSUM_BYTES };
        nested::write_length(stored, &mut list);
    }
    list.extend_from_slice(form.tables);
    let list_bytes = u16::try_from(list.len()).map_err(|_| SegmentError::TooLarge {
        part: "bytes of a list of pages",
        observed: cast::wide(list.len()),
        limit: u64::from(u16::MAX),
    })?;
    sink.bytes.push(form.tag);
    sink.bytes.extend_from_slice(&list_bytes.to_le_bytes());
    sink.bytes.extend_from_slice(&list);
    sink.close_chunk()?;
    for body in ranges(ends) {
        sink.bytes.extend_from_slice(&bodies[body]);
        sink.close_chunk()?;
    }
    Ok(())
}

/// Decoded values that can be put together from pages, and cut.
pub(super) trait Values: Sized {
    /// Number of values.
    fn count(&self) -> usize;
    /// Appends those of the next page.
    fn append(&mut self, next: Self) -> Result<(), Flaw>;
    /// Makes room for so many more, where they are moved else.
    fn reserve(&mut self, _: usize) {}
    /// Keeps a range, which is within the count.
    fn keep(&mut self, range: Range<usize>);
    /// Zeros in place of a page that nobody looks at; `None` where pages cannot be left out.
    fn filler(count: usize) -> Option<Self>;
}

impl<T: Default + Clone> Values for Vec<T> {
    fn count(&self) -> usize {
        self.len()
    }

    fn append(&mut self, mut next: Self) -> Result<(), Flaw> {
        Vec::append(self, &mut next);
        Ok(())
    }

    fn reserve(&mut self, count: usize) {
        Vec::reserve(self, count);
    }

    fn keep(&mut self, range: Range<usize>) {
        self.truncate(range.end);
        self.drain(..range.start.min(self.len()));
    }

    fn filler(count: usize) -> Option<Self> {
        Some(vec![T::default(); count])
    }
}

impl Values for TextValues {
    fn count(&self) -> usize {
        match self {
            Self::Coded(codes) => codes.len(),
            Self::Local(texts) => texts.codes.len(),
        }
    }

    fn append(&mut self, next: Self) -> Result<(), Flaw> {
        match (self, next) {
            (Self::Coded(codes), Self::Coded(mut next)) => codes.append(&mut next),
            (Self::Local(texts), Self::Local(next)) => {
                let shift = cast::narrow(texts.table.len());
                next.table.iter().for_each(|entry| {
                    texts.table.push(entry);
                });
                texts.codes.extend(next.codes.iter().map(|code| code + shift));
            }
            _ => return Err(Flaw("texts of two forms")),
        }
        Ok(())
    }

    fn keep(&mut self, range: Range<usize>) {
        match self {
            Self::Coded(codes) => codes.keep(range),
            Self::Local(texts) => texts.codes.keep(range),
        }
    }

    fn filler(_: usize) -> Option<Self> {
        None
    }
}

impl Values for ColumnValues {
    fn count(&self) -> usize {
        match self {
            Self::Empty(count) => *count,
            Self::Text(texts) => texts.count(),
            Self::Bool(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Float(values) => values.len(),
        }
    }

    fn append(&mut self, next: Self) -> Result<(), Flaw> {
        match (self, next) {
            (Self::Empty(count), Self::Empty(next)) => *count += next,
            (Self::Text(texts), Self::Text(next)) => texts.append(next)?,
            (Self::Bool(values), Self::Bool(next)) => Values::append(values, next)?,
            (Self::Int(values), Self::Int(next)) => Values::append(values, next)?,
            (Self::Float(values), Self::Float(next)) => Values::append(values, next)?,
            _ => return Err(Flaw("values of two types")),
        }
        Ok(())
    }

    fn keep(&mut self, range: Range<usize>) {
        match self {
            Self::Empty(count) => *count = range.len(),
            Self::Text(texts) => texts.keep(range),
            Self::Bool(values) => values.keep(range),
            Self::Int(values) => values.keep(range),
            Self::Float(values) => values.keep(range),
        }
    }

    fn filler(_: usize) -> Option<Self> {
        None
    }
}

/// How many values a column has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Count {
    /// One a row.
    Rows,
    /// So many in the granule.
    Items(usize),
}

/// Some pages of one chunk.
pub(super) struct PagedChunk<'a> {
    pub(super) source: &'a dyn ReadAt,
    pub(super) ahead: Option<&'a Ahead>,
    pub(super) granule: &'a Granule,
    /// The pages wanted.
    pub(super) pages: Range<usize>,
    /// By page of the granule: whether its values are looked at; empty: they all are.
    pub(super) needed: &'a [bool],
    pub(super) extent: Extent,
    pub(super) part: &'static str,
    pub(super) count: Count,
}

impl PagedChunk<'_> {
    /// Decodes the pages. `decode` gets how many values to read, and which rows of the granule they belong to;
    /// `from_numbers` makes values of numbers. `None` where there is no value.
    pub(super) fn decode<V: Values>(
        &self,
        decode: impl Fn(&mut Reader<'_>, usize, Range<usize>) -> Result<V, Flaw>,
        from_numbers: impl Fn(Vec<u64>) -> Result<V, Flaw>,
    ) -> Result<Option<V>, SegmentError> {
        let row_ends: Vec<usize> =
            self.granule.page_ends.iter().map(|&end| cast::index(end)).collect();
        let rows = 0..self.granule.row_count();
        if row_ends.len() <= 1 {
            let count = match self.count {
                Count::Rows => rows.len(),
                Count::Items(count) => count,
            };
            let read = |reader: &mut Reader<'_>| decode(reader, count, rows);
            return decode_chunk(self.source, self.ahead, self.extent, self.part, read).map(Some);
        }
        let head;
        let ahead = match self.ahead {
            Some(ahead) => ahead,
            None => {
                head = self.peek(row_ends.len())?;
                &head
            }
        };
        match ahead.byte(self.extent.offset) {
            Some(WHOLE) => {
                let read = |reader: &mut Reader<'_>| {
                    reader.take(1)?;
                    let ends = self.value_ends(reader, &row_ends)?;
                    let total = ends.last().copied().unwrap_or(0);
                    let mut values = decode(reader, total, rows)?;
                    if values.count() != total {
                        return Err(Flaw("number of values"));
                    }
                    let first = self.pages.start.checked_sub(1).map_or(0, |page| ends[page]);
                    values.keep(first..self.pages.end.checked_sub(1).map_or(0, |page| ends[page]));
                    Ok(values)
                };
                decode_chunk(self.source, Some(ahead), self.extent, self.part, read).map(Some)
            }
            Some(CUT) => {
                let (list, tables) = self.read_list(ahead, &row_ends)?;
                if !tables.is_empty() {
                    return Err(self.corrupt("list of pages"));
                }
                self.decode_pages(ahead, &list, &row_ends, decode)
            }
            Some(SHARED) => {
                let (list, tables) = self.read_list(ahead, &row_ends)?;
                let reader = SharedReader::new(&tables).map_err(|flaw| self.corrupt(flaw.0))?;
                let reader = RefCell::new(reader);
                self.decode_pages(ahead, &list, &row_ends, |bytes, count, _| {
                    let bytes = bytes.take(bytes.rest().len())?;
                    from_numbers(reader.borrow_mut().page(bytes, count)?)
                })
            }
            _ => Err(self.corrupt("unknown form of a chunk")),
        }
    }

    fn corrupt(&self, found: &'static str) -> SegmentError {
        SegmentError::Corrupt { part: self.part, offset: self.extent.offset, found }
    }

    /// Reads the front of the chunk, or all of it where most is wanted.
    fn peek(&self, page_count: usize) -> Result<Ahead, SegmentError> {
        let is_most = self.pages.len() * 2 > page_count;
        let length = if is_most { self.extent.length } else { self.extent.length.min(PEEK_BYTES) };
        Ahead::read(self.source, Extent { length, ..self.extent })
    }

    /// One past the last value of each page.
    fn value_ends(&self, reader: &mut Reader<'_>, row_ends: &[usize]) -> Result<Vec<usize>, Flaw> {
        let Count::Items(total) = self.count else { return Ok(row_ends.to_vec()) };
        let mut end = 0_usize;
        let mut ends = Vec::with_capacity(row_ends.len());
        for _ in row_ends {
            end = end.saturating_add(cast::size(reader.varint()?));
            ends.push(end);
        }
        if end == total { Ok(ends) } else { Err(Flaw("number of values")) }
    }

    /// Reads the list of pages, and what is behind it.
    fn read_list(
        &self,
        ahead: &Ahead,
        row_ends: &[usize],
    ) -> Result<(PageList, Vec<u8>), SegmentError> {
        let list_bytes = ahead
            .get(Extent { offset: self.extent.offset + 1, length: 2 })
            .and_then(|bytes| bytes.try_into().ok())
            .map(u16::from_le_bytes)
            .ok_or_else(|| self.corrupt("list of pages"))?;
        let head_bytes = HEAD_BYTES + usize::from(list_bytes) + CHECKSUM_BYTES;
        let head = Extent { length: cast::narrow(head_bytes), ..self.extent };
        if head.length > self.extent.length {
            return Err(self.corrupt("list of pages"));
        }
        let (list, tables) = decode_chunk(self.source, Some(ahead), head, self.part, |reader| {
            reader.take(HEAD_BYTES)?;
            let value_ends = self.value_ends(reader, row_ends)?;
            let mut stored_end = head.length;
            let mut stored_ends = Vec::with_capacity(value_ends.len());
            for _ in row_ends {
                let length = u32::try_from(reader.varint()?).map_err(|_| Flaw("page length"))?;
                stored_end = stored_end.checked_add(length).ok_or(Flaw("page length"))?;
                stored_ends.push(stored_end);
            }
            let tables = reader.take(reader.rest().len())?.to_vec();
            Ok((PageList { first: head.length, value_ends, stored_ends }, tables))
        })?;
        if list.stored_ends.last() != Some(&self.extent.length) {
            return Err(self.corrupt("lengths of pages do not add up"));
        }
        Ok((list, tables))
    }

    fn decode_pages<V: Values>(
        &self,
        ahead: &Ahead,
        list: &PageList,
        row_ends: &[usize],
        decode: impl Fn(&mut Reader<'_>, usize, Range<usize>) -> Result<V, Flaw>,
    ) -> Result<Option<V>, SegmentError> {
        let wanted = list.stored_start(self.pages.start)..list.stored_start(self.pages.end);
        let wanted = Extent::within(self.extent.offset, wanted);
        let read;
        let ahead = if ahead.get(wanted).is_some() {
            ahead
        } else {
            read = Ahead::read(self.source, wanted)?;
            &read
        };
        let mut all: Option<V> = None;
        for page in self.pages.clone() {
            let start = |ends: &[usize]| page.checked_sub(1).map_or(0, |last| ends[last]);
            let count = list.value_ends[page] - start(&list.value_ends);
            let stored = list.stored_start(page)..list.stored_ends[page];
            let extent = Extent::within(self.extent.offset, stored);
            if count == 0 && extent.length == 0 {
                continue;
            }
            if self.needed.get(page) == Some(&false)
                && let Some(filler) = V::filler(count)
            {
                self.append(&mut all, filler)?;
                continue;
            }
            let rows = start(row_ends)..row_ends[page];
            let values = decode_chunk(self.source, Some(ahead), extent, self.part, |reader| {
                let values = decode(reader, count, rows)?;
                if values.count() == count { Ok(values) } else { Err(Flaw("number of values")) }
            })?;
            self.append(&mut all, values)?;
        }
        Ok(all)
    }

    fn append<V: Values>(&self, all: &mut Option<V>, mut next: V) -> Result<(), SegmentError> {
        match all {
            None => {
                next.reserve(next.count() * self.pages.len());
                *all = Some(next);
            }
            Some(all) => all.append(next).map_err(|flaw| self.corrupt(flaw.0))?,
        }
        Ok(())
    }
}

/// Where the pages of a cut chunk are.
struct PageList {
    /// Where the first one begins in the chunk.
    first: u32,
    /// One past the last value of each.
    value_ends: Vec<usize>,
    /// One past the last byte of each, counted within the chunk.
    stored_ends: Vec<u32>,
}

impl PageList {
    fn stored_start(&self, page: usize) -> u32 {
        let before = page.checked_sub(1).and_then(|last| self.stored_ends.get(last));
        before.copied().unwrap_or(self.first)
    }
}
