//! Gathers dictionary columns: merges the tables of all sources, then writes codes to their places.
//!
//! Equal entries of different sources become one as long as that pays: a column of nearly as many entries as values
//! (ids, statements with their arguments) is no dictionary to anybody, and looking half a million entries up would be
//! half of the time of a merge. What a source has twice, because it gave up its own dictionary, may stay twice.

use crate::column::{BytesTable, DictionaryColumn};
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Whether equal entries must become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interning {
    /// Always: the column is stored as a dictionary whatever is in it.
    Always,
    /// Until it is known that the column is no dictionary.
    WherePays,
}

/// Entries that are looked up before it is asked whether that pays.
const TRIAL_ENTRIES: usize = 1024;

/// A column of fewer values for each entry is no dictionary.
const USES_MIN: usize = 4;

/// A column is given up where fewer than one of so many entries was met before.
const REPEATS_MIN: usize = 4;

/// A dictionary column that grows source by source.
#[derive(Debug)]
pub(super) struct TextGather {
    gathered: DictionaryColumn,
    index: HashTable<u32>,
    hasher: RandomState,
    interning: Interning,
    /// Entries looked up so far.
    offered: usize,
    is_given_up: bool,
    /// Code of each entry of the source at hand.
    map: Vec<u32>,
}

impl TextGather {
    /// A column of so many values.
    pub(super) fn new(count: usize, interning: Interning) -> Self {
        Self {
            gathered: DictionaryColumn { codes: vec![0; count], table: BytesTable::default() },
            index: HashTable::new(),
            hasher: RandomState::default(),
            interning,
            offered: 0,
            is_given_up: false,
            map: Vec::new(),
        }
    }

    /// Adds the values of a source; `places` are theirs, those beyond the column are left out.
    pub(super) fn add(&mut self, column: &DictionaryColumn, places: &[u32]) {
        if column.codes.is_empty() {
            return;
        }
        self.merge(&column.table);
        let gathered = &mut self.gathered.codes;
        for (&place, &code) in places.iter().zip(&column.codes) {
            if let Some(slot) = gathered.get_mut(cast::index(place)) {
                *slot = self.map[cast::index(code)];
            }
        }
    }

    fn merge(&mut self, table: &BytesTable) {
        self.map.clear();
        if self.is_given_up {
            let first = cast::narrow(self.gathered.table.len());
            self.map.extend((first..).take(table.len()));
            self.gathered.table.append(table);
            return;
        }
        for entry in table.iter() {
            let code = self.intern(entry);
            self.map.push(code);
        }
        self.offered += table.len();
        self.is_given_up = self.interning == Interning::WherePays && !self.pays();
        if self.is_given_up {
            self.index = HashTable::new();
        }
    }

    #[inline]
    fn intern(&mut self, entry: &[u8]) -> u32 {
        let (table, hasher) = (&mut self.gathered.table, &self.hasher);
        let hash = hasher.hash_one(entry);
        if let Some(&code) = self.index.find(hash, |&code| table.get(code) == entry) {
            return code;
        }
        let code = table.push(entry);
        self.index.insert_unique(hash, code, |&code| hasher.hash_one(table.get(code)));
        code
    }

    fn pays(&self) -> bool {
        let entries = self.gathered.table.len();
        let repeats = self.offered - entries;
        self.offered < TRIAL_ENTRIES
            || entries <= self.gathered.codes.len() / USES_MIN
            || repeats >= self.offered / REPEATS_MIN
    }

    /// The column.
    pub(super) fn finish(self) -> DictionaryColumn {
        self.gathered
    }
}
