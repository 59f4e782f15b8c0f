//! Builders of dictionary columns: of distinct entries, and of attribute values, which may give their dictionary up.
//!
//! Fed by the batch builder. Guesses that a value repeats the last one, and hashes only where the guess fails.
//! Invariant: an entry that came as text was checked when it was new.

use crate::column::{BytesTable, DictionaryColumn};
use crate::raw::{NotText, check_text};
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Builds a [`DictionaryColumn`] of distinct entries.
#[derive(Debug, Default)]
pub struct DictionaryBuilder {
    column: DictionaryColumn,
    index: Index,
    last: LastEntry,
}

/// Where the entry of the last value lies, so that a repeated one is known by one comparison.
#[derive(Debug, Clone, Copy)]
struct LastEntry {
    code: u32,
    start: usize,
    end: usize,
}

impl Default for LastEntry {
    /// No last value: a place that no table has.
    fn default() -> Self {
        Self { code: 0, start: 1, end: 0 }
    }
}

impl LastEntry {
    #[inline]
    fn is(&self, table: &BytesTable, entry: &[u8]) -> bool {
        table.bytes.get(self.start..self.end).is_some_and(|last| is_same(last, entry))
    }

    #[inline]
    fn of(table: &BytesTable, code: u32) -> Self {
        let index = cast::index(code);
        let end_of = |index: usize| table.ends.get(index).map_or(0, |&end| cast::index(end));
        let start = index.checked_sub(1).map_or(0, end_of);
        Self { code, start, end: end_of(index) }
    }
}

/// Whether two byte strings are equal; for short ones, which keys and values mostly are, cheaper than a call.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs twice for every attribute")]
pub(crate) fn is_same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // The end first: keys and values that differ mostly begin alike.
    if let (Some(left_end), Some(right_end)) = (left.last_chunk::<8>(), right.last_chunk::<8>()) {
        return left_end == right_end && (left.len() == 8 || is_same_begin(left, right));
    }
    if let (Some(left_end), Some(right_end)) = (left.last_chunk::<4>(), right.last_chunk::<4>()) {
        return left_end == right_end && left.first_chunk::<4>() == right.first_chunk::<4>();
    }
    left.iter().zip(right).all(|(left, right)| left == right)
}

/// Of two byte strings of one length, whether all whole pieces of eight bytes are equal.
#[inline(always)]
#[expect(clippy::inline_always, reason = "measured: runs twice for every attribute")]
fn is_same_begin(left: &[u8], right: &[u8]) -> bool {
    if left.len() > SHORT_BYTES_MAX {
        return left == right;
    }
    let (left, _) = left.as_chunks::<8>();
    let (right, _) = right.as_chunks::<8>();
    left.iter().zip(right).all(|(left, right)| left == right)
}

/// Longest byte strings that are compared in place.
const SHORT_BYTES_MAX: usize = 32;

/// Finds entries of a table by their hash.
#[derive(Debug, Default)]
struct Index {
    codes: HashTable<u32>,
    hasher: RandomState,
}

impl Index {
    #[inline]
    fn hash(hasher: &RandomState, entry: &[u8]) -> u64 {
        let mut state = hasher.build_hasher();
        state.write(entry);
        state.finish()
    }

    /// The code of an entry, and whether it is new; a new one is checked first where it must be text.
    #[inline]
    fn code(
        &mut self,
        column: &mut DictionaryColumn,
        entry: &[u8],
        check: impl FnOnce(&[u8]) -> Result<(), NotText>,
    ) -> Result<(u32, bool), NotText> {
        let (table, hasher) = (&mut column.table, &self.hasher);
        let hash = Self::hash(hasher, entry);
        if let Some(&code) = self.codes.find(hash, |&code| is_same(table.get(code), entry)) {
            return Ok((code, false));
        }
        check(entry)?;
        let code = table.push(entry);
        self.codes.insert_unique(hash, code, |&code| Self::hash(hasher, table.get(code)));
        Ok((code, true))
    }

    fn memory_bytes(&self) -> usize {
        self.codes.capacity() * 5
    }
}

/// A check that passes, for entries that are no text or are known to be one.
#[inline]
#[expect(clippy::unnecessary_wraps, reason = "stands where a check stands")]
fn unchecked(_: &[u8]) -> Result<(), NotText> {
    Ok(())
}

impl DictionaryBuilder {
    /// The code of an entry, new or known.
    #[inline]
    pub fn intern(&mut self, entry: &[u8]) -> u32 {
        // Nothing is checked, so that nothing fails.
        self.intern_checked(entry, unchecked).unwrap_or_default()
    }

    /// The code of an entry that must be text.
    #[inline]
    pub fn intern_text(&mut self, entry: &[u8]) -> Result<u32, NotText> {
        self.intern_checked(entry, check_text)
    }

    #[inline]
    fn intern_checked(
        &mut self,
        entry: &[u8],
        check: impl FnOnce(&[u8]) -> Result<(), NotText>,
    ) -> Result<u32, NotText> {
        if !self.last.is(&self.column.table, entry) {
            let (code, _) = self.index.code(&mut self.column, entry, check)?;
            self.last = LastEntry::of(&self.column.table, code);
        }
        Ok(self.last.code)
    }

    /// Appends a value.
    #[inline]
    pub fn push(&mut self, entry: &[u8]) {
        let code = self.intern(entry);
        self.column.codes.push(code);
    }

    /// Appends a value whose code [`DictionaryBuilder::intern`] gave.
    #[inline]
    pub fn push_code(&mut self, code: u32) {
        self.column.codes.push(code);
    }

    /// Takes the last value away; its entry stays in the table.
    pub fn pop(&mut self) {
        self.column.codes.pop();
    }

    /// What was built so far.
    pub fn column(&self) -> &DictionaryColumn {
        &self.column
    }

    /// The column.
    pub fn finish(mut self) -> DictionaryColumn {
        self.drain(Drain::Last)
    }

    /// The column; the builder begins anew.
    pub(crate) fn drain(&mut self, drain: Drain) -> DictionaryColumn {
        self.index.codes.clear();
        self.last = LastEntry::default();
        drain.column(&mut self.column)
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.column.memory_bytes() + self.index.memory_bytes()
    }
}

/// How what was built leaves a builder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drain {
    /// The builder goes on: its buffers stay, and the batch gets exact copies.
    Next,
    /// The builder ends: the batch gets its buffers.
    Last,
}

impl Drain {
    pub(crate) fn vec<T: Copy>(self, from: &mut Vec<T>) -> Vec<T> {
        match self {
            Self::Last => std::mem::take(from),
            Self::Next => {
                let copy = from.as_slice().to_vec();
                from.clear();
                copy
            }
        }
    }

    fn column(self, from: &mut DictionaryColumn) -> DictionaryColumn {
        let codes = self.vec(&mut from.codes);
        let (ends, bytes) = (self.vec(&mut from.table.ends), self.vec(&mut from.table.bytes));
        DictionaryColumn { codes, table: BytesTable { ends, bytes } }
    }
}

/// When values are no longer looked up: so many were, and of four of them more than three were new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GiveUp {
    /// Values, over all batches of a builder that goes on.
    pub(crate) values_min: u32,
}

impl GiveUp {
    /// For batches that may grow to blocks: a value that is rare in thousands may be frequent in half a million.
    pub(crate) const LARGE: Self = Self { values_min: 64 << 10 };
    /// For requests, which come by the thousand and are forgotten soon.
    pub(crate) const SMALL: Self = Self { values_min: 128 };
}

/// Batches that a column goes without a dictionary before it is tried again.
const BATCHES_GIVEN_UP: u32 = 15;

/// Builds the [`DictionaryColumn`] of an attribute. Equal values share a code, until the dictionary is given up.
#[derive(Debug)]
pub(crate) struct ValueDictionary {
    column: DictionaryColumn,
    index: Index,
    last: LastEntry,
    give_up: GiveUp,
    /// Looked up and new, of earlier batches.
    values_before: u32,
    entries_before: u32,
    /// Batches to go without a dictionary, this one included; 0 where there is one.
    batches_given_up: u32,
}

impl ValueDictionary {
    pub(crate) fn new(give_up: GiveUp) -> Self {
        Self {
            column: DictionaryColumn::default(),
            index: Index::default(),
            last: LastEntry::default(),
            give_up,
            values_before: 0,
            entries_before: 0,
            batches_given_up: 0,
        }
    }

    /// A code of a value. It shares its code with the last one, if equal, and with others while there is a dictionary.
    #[inline]
    pub(crate) fn intern(&mut self, entry: &[u8]) -> u32 {
        // Nothing is checked, so that nothing fails.
        self.intern_checked(entry, unchecked).unwrap_or_default()
    }

    #[inline]
    fn intern_checked(
        &mut self,
        entry: &[u8],
        check: impl FnOnce(&[u8]) -> Result<(), NotText>,
    ) -> Result<u32, NotText> {
        if self.last.is(&self.column.table, entry) {
            return Ok(self.last.code);
        }
        let code = if self.batches_given_up > 0 {
            check(entry)?;
            self.column.table.push(entry)
        } else {
            let (code, is_new) = self.index.code(&mut self.column, entry, check)?;
            if is_new {
                self.consider();
            }
            code
        };
        self.last = LastEntry::of(&self.column.table, code);
        Ok(code)
    }

    /// Gives the dictionary up where it does not pay.
    #[inline]
    fn consider(&mut self) {
        let values = self.values_before.saturating_add(cast::narrow(self.column.codes.len()));
        let entries = self.entries_before.saturating_add(cast::narrow(self.column.table.len()));
        if values >= self.give_up.values_min && entries > values / 4 * 3 {
            self.batches_given_up = BATCHES_GIVEN_UP;
        }
    }

    #[inline]
    pub(crate) fn push(&mut self, entry: &[u8]) {
        let code = self.intern(entry);
        self.column.codes.push(code);
    }

    #[inline]
    pub(crate) fn push_text(&mut self, entry: &[u8]) -> Result<(), NotText> {
        let code = self.intern_checked(entry, check_text)?;
        self.column.codes.push(code);
        Ok(())
    }

    #[inline]
    pub(crate) fn push_code(&mut self, code: u32) {
        self.column.codes.push(code);
    }

    pub(crate) fn pop(&mut self) {
        self.column.codes.pop();
    }

    pub(crate) fn len(&self) -> usize {
        self.column.codes.len()
    }

    pub(crate) fn drain(&mut self, drain: Drain) -> DictionaryColumn {
        if self.batches_given_up > 0 {
            self.batches_given_up -= 1;
            (self.values_before, self.entries_before) = (0, 0);
        } else {
            let is_long = self.values_before >= self.give_up.values_min;
            let kept = |count: u32| if is_long { count / 2 } else { count };
            let (values, entries) = (self.column.codes.len(), self.column.table.len());
            self.values_before = kept(self.values_before) + cast::narrow(values);
            self.entries_before = kept(self.entries_before) + cast::narrow(entries);
        }
        self.index.codes.clear();
        self.last = LastEntry::default();
        drain.column(&mut self.column)
    }

    /// Forgets values and entries.
    pub(crate) fn clear(&mut self) {
        if !self.column.table.is_empty() {
            self.index.codes.clear();
            self.last = LastEntry::default();
            self.column.codes.clear();
            self.column.table.ends.clear();
            self.column.table.bytes.clear();
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.column.memory_bytes() + self.index.memory_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_the_same_when_all_are() {
        for length in 0..2 * SHORT_BYTES_MAX {
            let left = vec![7; length];
            assert!(is_same(&left, &left.clone()), "{length}");
            assert!(!is_same(&left, &vec![7; length + 1]), "{length}");
            for position in 0..length {
                let mut right = left.clone();
                right[position] = 8;
                assert!(!is_same(&left, &right), "{position} of {length}");
            }
        }
    }

    #[test]
    fn dictionary_interns_and_pops() {
        let mut builder = DictionaryBuilder::default();
        for entry in ["a", "b", "a", "", "b"] {
            builder.push(entry.as_bytes());
        }
        builder.pop();
        let column = builder.finish();
        assert_eq!(column.codes, [0, 1, 0, 2]);
        assert_eq!((column.get_str(2), column.get_str(3), column.get_str(9)), ("a", "", ""));
        assert!(column.is_valid());
    }

    #[test]
    fn new_texts_are_checked_and_known_ones_found() {
        let mut builder = DictionaryBuilder::default();
        assert_eq!(builder.intern_text("é".as_bytes()), Ok(0));
        assert_eq!(builder.intern_text(b"a\xff"), Err(NotText { valid_up_to: 1 }));
        assert_eq!(builder.intern_text(b"b"), Ok(1));
        assert_eq!(builder.intern_text("é".as_bytes()), Ok(0));
        let mut values = ValueDictionary::new(GiveUp { values_min: 0 });
        assert_eq!(values.push_text(b"a"), Ok(()));
        assert_eq!(values.push_text(b"a\xff"), Err(NotText { valid_up_to: 1 }), "also given up");
        assert_eq!(values.drain(Drain::Next).codes, [0]);
    }

    #[test]
    fn dictionaries_are_given_up_where_most_values_differ_and_tried_again() {
        let mut values = ValueDictionary::new(GiveUp { values_min: 8 });
        let mut batch = |entries: &[u8]| {
            entries.iter().for_each(|entry| values.push(&[*entry]));
            let column = values.drain(Drain::Next);
            assert!(column.is_valid());
            let read: Vec<u8> = (0..entries.len()).map(|index| column.get(index)[0]).collect();
            assert_eq!(read, entries);
            column.table.len()
        };
        assert_eq!(batch(&[1, 2, 3, 4, 1, 2, 3, 4, 1]), 4, "most are equal");
        assert_eq!(batch(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]), 15);
        assert_eq!(batch(&[16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27]), 12);
        assert_eq!(batch(&[1, 2, 1, 2, 2]), 4, "given up; the last value is known still");
        for _ in 2..BATCHES_GIVEN_UP {
            batch(&[1]);
        }
        assert_eq!(batch(&[1, 2, 1, 2]), 2, "tried again");
    }
}
