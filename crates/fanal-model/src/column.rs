//! The three kinds of column that batches are made of, beside plain vectors: byte tables, dictionary columns and
//! columns that are almost always zero.

use fanal_base::cast;

/// A list of byte strings in one allocation. Holds at most 4 GiB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BytesTable {
    /// End of each entry in `bytes`.
    pub ends: Vec<u32>,
    /// The entries, one after the other.
    pub bytes: Vec<u8>,
}

impl BytesTable {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends an entry and returns its index.
    pub fn push(&mut self, entry: &[u8]) -> u32 {
        let index = cast::narrow(self.ends.len());
        self.bytes.extend_from_slice(entry);
        self.ends.push(cast::narrow(self.bytes.len()));
        index
    }

    /// Appends all entries of another table.
    pub fn append(&mut self, other: &Self) {
        let base = cast::narrow(self.bytes.len());
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|&end| end.saturating_add(base)));
    }

    /// The entry of a code; empty for a code that is not there.
    #[inline]
    pub fn get(&self, code: u32) -> &[u8] {
        let index = cast::index(code);
        let Some(&end) = self.ends.get(index) else { return &[] };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.bytes.get(cast::index(start)..cast::index(end)).unwrap_or_default()
    }

    /// The entry as text; empty where it is not UTF-8, which a validated batch excludes.
    #[inline]
    pub fn get_str(&self, code: u32) -> &str {
        std::str::from_utf8(self.get(code)).unwrap_or_default()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..cast::narrow(self.len())).map(|code| self.get(code))
    }

    /// Whether the ends rise and stay within the bytes.
    pub fn is_valid(&self) -> bool {
        self.ends.is_sorted()
            && self.ends.last().map_or(0, |&end| cast::index(end)) == self.bytes.len()
    }

    /// Whether every entry is UTF-8.
    pub fn is_text(&self) -> bool {
        self.bytes.is_ascii() || self.iter().all(|entry| std::str::from_utf8(entry).is_ok())
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.ends.capacity() * 4 + self.bytes.capacity()
    }
}

/// Values as codes into a table of entries.
///
/// The entries of names, resources, scopes and other columns that every span has are distinct. Those of an attribute
/// column need not be: where most values differ, looking them up would cost more than it saves. So equal codes mean
/// equal values everywhere, but different codes mean different values in the former columns only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DictionaryColumn {
    /// One code a value.
    pub codes: Vec<u32>,
    /// The entries.
    pub table: BytesTable,
}

impl DictionaryColumn {
    /// The bytes of a value.
    #[inline]
    pub fn get(&self, index: usize) -> &[u8] {
        self.codes.get(index).map_or(&[], |&code| self.table.get(code))
    }

    /// The text of a value.
    #[inline]
    pub fn get_str(&self, index: usize) -> &str {
        self.codes.get(index).map_or("", |&code| self.table.get_str(code))
    }

    /// Whether every code is in the table.
    pub fn is_valid(&self) -> bool {
        // The greatest of all first: one comparison a code, which the compiler does for many at once.
        let last = self.codes.iter().copied().fold(0, u32::max);
        let is_known = self.codes.is_empty() || cast::index(last) < self.table.len();
        is_known && self.table.is_valid()
    }

    /// Bytes of memory held.
    pub fn memory_bytes(&self) -> usize {
        self.codes.capacity() * 4 + self.table.memory_bytes()
    }
}

/// A column of counts that are almost always zero: nothing is stored behind the last count that is not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SparseColumn {
    /// Values of the first rows; every later row is zero.
    pub values: Vec<u32>,
}

impl SparseColumn {
    /// Sets the value of `row`, which is not before any row set so far.
    #[inline]
    pub fn set(&mut self, row: usize, value: u32) {
        if value != 0 {
            self.values.resize(row, 0);
            self.values.push(value);
        }
    }

    /// The value of a row.
    #[inline]
    pub fn get(&self, row: usize) -> u32 {
        self.values.get(row).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_column_reads_zero_where_nothing_was_set() {
        let mut column = SparseColumn::default();
        column.set(0, 0);
        column.set(2, 7);
        column.set(4, 0);
        assert_eq!((0..5).map(|row| column.get(row)).collect::<Vec<_>>(), [0, 0, 7, 0, 0]);
    }
}
