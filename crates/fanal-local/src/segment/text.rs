//! Tables of byte strings, and texts of one granule: codes into a dictionary, or codes with a table of their own.

use super::compress::{BLOCK_BYTES_MAX, Packer, read_block};
use super::error::{Flaw, SegmentError};
use super::integers::{self, Nature};
use super::tokens::Tokens;
use super::{Profile, TextValues};
use fanal_base::cast;
use fanal_model::nested::{self, Reader};
use fanal_model::{BytesTable, DictionaryColumn};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Forms of a table.
const PLAIN: u8 = 0;
const TOKENS: u8 = 1;

/// Tables of a column that take the form of one before, until both forms are tried again.
const FORM_USES: u8 = 31;

/// Which form suited the tables of a column: those of its next pages are alike.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TableForm {
    form: u8,
    uses_left: u8,
}

impl TableForm {
    /// The form to take, where one is known.
    fn known(&mut self) -> Option<u8> {
        self.uses_left = self.uses_left.checked_sub(1)?;
        Some(self.form)
    }
}

/// Most entries of a dictionary: as many as a batch has rows.
pub(super) const ENTRIES_MAX: usize = fanal_model::batch::ROWS_MAX;

/// Appends a table.
pub(super) fn write_table(
    ends: &[u32],
    bytes: &[u8],
    form: &mut TableForm,
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    nested::write_length(ends.len(), out);
    let known = form.known();
    if packer.profile() == Profile::Small
        && known != Some(PLAIN)
        && let Some(tokens) = Tokens::of(ends, bytes)
    {
        let begin = out.len();
        out.push(TOKENS);
        tokens.write(packer, out)?;
        if known.is_some() {
            return Ok(());
        }
        // Both are written: no estimate tells which one the compressor likes better.
        let tokens_bytes = out.len() - begin;
        let mut plain = vec![PLAIN];
        write_plain(ends, bytes, packer, &mut plain)?;
        let is_plain = plain.len() <= tokens_bytes;
        if is_plain {
            out.truncate(begin);
            out.extend_from_slice(&plain);
        }
        *form = TableForm { form: if is_plain { PLAIN } else { TOKENS }, uses_left: FORM_USES };
        return Ok(());
    }
    out.push(PLAIN);
    write_plain(ends, bytes, packer, out)
}

/// Appends the lengths of entries, then the entries.
pub(super) fn write_plain(
    ends: &[u32],
    bytes: &[u8],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let mut last = 0;
    let lengths: Vec<u32> = ends
        .iter()
        .map(|&end| {
            let length = end - last;
            last = end;
            length
        })
        .collect();
    integers::write(&lengths, Nature::Codes, packer, out)?;
    packer.block(bytes, out)
}

/// Reads a table of at most `entries_max` entries.
pub(super) fn read_table(reader: &mut Reader<'_>, entries_max: usize) -> Result<BytesTable, Flaw> {
    let count = cast::size(reader.varint()?);
    if count > entries_max {
        return Err(Flaw("number of entries beyond the limit"));
    }
    match reader.take(1)?[0] {
        PLAIN => read_plain(reader, count),
        TOKENS => Tokens::read(reader, count)?.table(),
        _ => Err(Flaw("unknown form of a table")),
    }
}

/// Reads a table of `count` entries as [`write_plain`] leaves it.
pub(super) fn read_plain(reader: &mut Reader<'_>, count: usize) -> Result<BytesTable, Flaw> {
    let mut ends: Vec<u32> = integers::read(reader, count)?;
    let mut sum = 0_u32;
    for end in &mut ends {
        sum = sum.checked_add(*end).ok_or(Flaw("lengths of entries"))?;
        *end = sum;
    }
    let bytes = read_block(reader, BLOCK_BYTES_MAX)?.into_owned();
    if bytes.len() != cast::index(sum) {
        return Err(Flaw("lengths of entries"));
    }
    Ok(BytesTable { ends, bytes })
}

/// Numbers entries anew, in the order in which they are first met.
#[derive(Debug, Default)]
pub(super) struct Renumber {
    round: u32,
    marks: Vec<(u32, u32)>,
    table: BytesTable,
    codes: Vec<u32>,
    /// Entries of `table` by their bytes: a batch may hold an entry more than once.
    known: HashTable<u32>,
    hasher: RandomState,
}

impl Renumber {
    fn run(&mut self, codes: &[u32], table: &BytesTable) {
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.marks.clear();
            self.round = 1;
        }
        if self.marks.len() < table.len() {
            self.marks.resize(table.len(), (0, 0));
        }
        self.table.ends.clear();
        self.table.bytes.clear();
        self.codes.clear();
        self.known.clear();
        for &code in codes {
            // The batch is valid, so that the code is in the table.
            let Some(mark) = self.marks.get_mut(cast::index(code)) else { continue };
            if mark.0 != self.round {
                let entry = table.get(code);
                let (table, hasher) = (&mut self.table, &self.hasher);
                let hash = hasher.hash_one(entry);
                let found = self.known.find(hash, |&known| table.get(known) == entry).copied();
                let number = found.unwrap_or_else(|| {
                    let number = table.push(entry);
                    let rehash = |&known: &u32| hasher.hash_one(table.get(known));
                    self.known.insert_unique(hash, number, rehash);
                    number
                });
                *mark = (self.round, number);
            }
            self.codes.push(mark.1);
        }
    }
}

/// Appends texts with a table of their own, which has at most as many entries as there are texts. `is_whole` says that
/// the codes are all there are of the table.
pub(super) fn write_local(
    codes: &[u32],
    table: &BytesTable,
    is_whole: bool,
    (renumber, form): (&mut Renumber, &mut TableForm),
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    if is_whole && table.len() <= codes.len() {
        integers::write(codes, Nature::Codes, packer, out)?;
        return write_table(&table.ends, &table.bytes, form, packer, out);
    }
    renumber.run(codes, table);
    integers::write(&renumber.codes, Nature::Codes, packer, out)?;
    write_table(&renumber.table.ends, &renumber.table.bytes, form, packer, out)
}

/// Reads `count` texts: codes where the column has a dictionary, codes and table where it has none.
pub(super) fn read_texts(
    reader: &mut Reader<'_>,
    count: usize,
    has_dictionary: bool,
) -> Result<TextValues, Flaw> {
    if has_dictionary {
        return Ok(TextValues::Coded(integers::read(reader, count)?));
    }
    let codes: Vec<u32> = integers::read(reader, count)?;
    let table = read_table(reader, count)?;
    let entries = cast::narrow(table.len());
    if codes.iter().any(|&code| code >= entries) {
        return Err(Flaw("code without an entry"));
    }
    Ok(TextValues::Local(DictionaryColumn { codes, table }))
}
