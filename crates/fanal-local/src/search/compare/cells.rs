//! The attributes of spans, and what else has a table of its own, counted for one block or part.
//!
//! A column with a dictionary is counted by code; so are values that the class of a span fixes, by class. Numbers, and texts
//! that only a granule knows, are counted by value.

use super::tally::{NOT_COUNTED, SlotCounts, Tally};
use crate::search::cell::Entries;
use crate::search::columns::{Cells, Columns, Dictionaries};
use crate::segment::{AttributeOwner, SegmentError, Source};
use fanal_base::cast;
use fanal_model::attributes::overflow_entry;
use fanal_model::{AttributeType, BytesTable, ValueRef};
use fanal_storage::ComparedField;
use fanal_storage::aggregate::{encode_ref, encode_text};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

/// What was counted of a block or part.
#[derive(Debug)]
pub(super) struct AttributeCounts {
    columns: Vec<Counted>,
    messages: Counted,
}

/// One column.
#[derive(Debug)]
struct Counted {
    column: u32,
    holds: Holds,
    table: Option<Arc<BytesTable>>,
    /// By class: whether granules store values of its spans; empty where classes do not tell.
    is_stored: Vec<bool>,
    /// By code of the table.
    codes: Tally,
    /// By encoded value; the tally's code is the number of the value.
    numbers: HashMap<Vec<u8>, u32, RandomState>,
    numbers_bytes: usize,
    numbered: Tally,
    /// Most of them, of one field.
    values_max: usize,
    /// Spans with a value beyond.
    left_out: u64,
}

/// The number of values beyond the most that are counted.
const LEFT_OUT: u32 = u32::MAX;

/// What a column holds.
#[derive(Debug, Clone)]
enum Holds {
    StatusMessages,
    Attribute(ComparedField, AttributeType),
    /// Rare keys with their values.
    RareKeys,
}

/// Takes the spans of each slot that have a value.
type Add<'a> = dyn FnMut(&ComparedField, &[u8], &[(u32, u64)]) + 'a;

/// Memory of a value that is counted by itself, besides its bytes, about.
const NUMBER_BYTES: usize = 48;

impl AttributeCounts {
    /// Nothing counted yet.
    pub(super) fn new(
        dictionaries: &impl Dictionaries,
        values_max: usize,
    ) -> Result<Self, SegmentError> {
        let owner = AttributeOwner::Span;
        let mut columns = Vec::new();
        for (column, told) in dictionaries.all_columns(owner) {
            let holds = match told {
                Some((key, kind)) => Holds::Attribute(ComparedField::SpanAttribute(key), kind),
                None => Holds::RareKeys,
            };
            let mut counted = Counted::new(
                column,
                holds,
                dictionaries.attribute_table(owner, column)?,
                values_max,
            );
            if let Some(told) = dictionaries.class_cells(column)? {
                let is_stored =
                    |source: &Source| !matches!(source, Source::Stored(0) | Source::Fixed(_));
                counted.is_stored = told.sources.iter().map(is_stored).collect();
            }
            columns.push(counted);
        }
        let table = dictionaries.status_message_table()?;
        Ok(Self { columns, messages: Counted::new(0, Holds::StatusMessages, table, values_max) })
    }

    /// Counts the rows of a granule or part. `classes`: the class of each row, where there are classes.
    pub(super) fn count(
        &mut self,
        columns: &impl Columns,
        slots: &[u32],
        classes: Option<&[u32]>,
    ) -> Result<(), SegmentError> {
        let seen = classes.map(|classes| seen(classes, slots));
        for counted in &mut self.columns {
            let is_needed = |seen: &Vec<bool>| {
                let mut pairs = counted.is_stored.iter().zip(seen);
                counted.is_stored.is_empty() || pairs.any(|(own, it)| *own && *it)
            };
            if !seen.as_ref().is_none_or(is_needed) {
                continue;
            }
            if let Some((cells, rows)) = columns.stored_cells(counted.column)? {
                let slot = |row: &u32| slots.get(cast::index(*row)).copied().unwrap_or(NOT_COUNTED);
                let slots: Vec<u32> = rows.iter().map(slot).collect();
                counted.count(&cells, &slots);
            }
        }
        self.messages.count(&columns.status_messages()?, slots);
        Ok(())
    }

    /// Memory that the counters take.
    pub(super) fn bytes(&self) -> usize {
        let of_column = |it: &Counted| it.codes.bytes() + it.numbered.bytes() + it.numbers_bytes;
        self.columns.iter().chain([&self.messages]).map(of_column).sum()
    }

    /// Fields of which values are left out, and spans that have these.
    pub(super) fn left_out(&self) -> impl Iterator<Item = (ComparedField, u64)> {
        let columns = self.columns.iter().chain([&self.messages]).filter(|it| it.left_out > 0);
        columns.filter_map(|it| Some((it.field()?, it.left_out)))
    }

    /// Hands out what was counted. `classes`: by class, the spans of each slot.
    pub(super) fn add(
        &self,
        dictionaries: &impl Dictionaries,
        classes: &[SlotCounts],
        add: &mut Add<'_>,
    ) -> Result<(), SegmentError> {
        self.messages.add(add);
        for counted in &self.columns {
            counted.add(add);
            if classes.is_empty() {
                continue;
            }
            let Some(told) = dictionaries.class_cells(counted.column)? else { continue };
            let Some(values) = told.values.map(Cells::from) else { continue };
            for (source, counts) in told.sources.iter().zip(classes) {
                if let Source::Fixed(place) = source
                    && !counts.is_empty()
                    && let Some((field, value)) = counted.value(&values, cast::index(*place))
                {
                    add(&field, &value, counts);
                }
            }
        }
        Ok(())
    }
}

/// By class: whether a row of it counts.
fn seen(classes: &[u32], slots: &[u32]) -> Vec<bool> {
    let mut seen = Vec::new();
    for (&class, _) in classes.iter().zip(slots).filter(|(_, slot)| **slot != NOT_COUNTED) {
        let class = cast::index(class);
        if class >= seen.len() {
            seen.resize(class + 1, false);
        }
        seen[class] = true;
    }
    seen
}

impl Counted {
    fn new(column: u32, holds: Holds, table: Option<Arc<BytesTable>>, values_max: usize) -> Self {
        Self {
            column,
            // A column of rare keys is of many fields.
            values_max: if matches!(holds, Holds::RareKeys) { usize::MAX } else { values_max },
            holds,
            table,
            is_stored: Vec::new(),
            codes: Tally::default(),
            numbers: HashMap::default(),
            numbers_bytes: 0,
            numbered: Tally::default(),
            left_out: 0,
        }
    }

    /// Counts cells, each in its slot.
    fn count(&mut self, cells: &Cells<'_>, slots: &[u32]) {
        match cells {
            Cells::Coded(codes) => self.codes.add(slots, codes),
            Cells::Local(column) => {
                let mut numbers: Vec<Option<u32>> = vec![None; column.table.len()];
                for (&code, &slot) in column.codes.iter().zip(slots) {
                    let Some(number) = numbers.get_mut(cast::index(code)) else { continue };
                    if slot != NOT_COUNTED {
                        let number =
                            *number.get_or_insert_with(|| self.number(column.table.get(code)));
                        self.count_one(slot, number);
                    }
                }
            }
            Cells::Empty(count) => self.each(std::iter::repeat_n((), *count), slots, |()| 0),
            Cells::Bool(values) => self.each(values.iter(), slots, |it| u64::from(*it)),
            Cells::Int(values) => self.each(values.iter(), slots, |it| it.cast_unsigned()),
            Cells::Float(values) => self.each(values.iter(), slots, |it| it.to_bits()),
        }
    }

    /// Counts values by their bits.
    fn each<T>(&mut self, values: impl Iterator<Item = T>, slots: &[u32], bits: impl Fn(T) -> u64) {
        let mut last = None;
        for (value, &slot) in values.zip(slots).filter(|(_, slot)| **slot != NOT_COUNTED) {
            let bits = bits(value);
            let number = match last {
                Some((known, number)) if known == bits => number,
                _ => self.number(&bits.to_le_bytes()),
            };
            last = Some((bits, number));
            self.count_one(slot, number);
        }
    }

    fn count_one(&mut self, slot: u32, number: u32) {
        if number == LEFT_OUT { self.left_out += 1 } else { self.numbered.add_one(slot, number) }
    }

    /// The number of a value, by its bytes in a table or by its bits.
    fn number(&mut self, bytes: &[u8]) -> u32 {
        if let Some(&known) = self.numbers.get(bytes) {
            return known;
        }
        if self.numbers.len() >= self.values_max {
            return LEFT_OUT;
        }
        let number = cast::narrow(self.numbers.len());
        self.numbers_bytes += NUMBER_BYTES + bytes.len();
        self.numbers.insert(bytes.to_vec(), number);
        number
    }

    fn add(&self, add: &mut Add<'_>) {
        let by_code = self.codes.by_code();
        let table = self.table.iter().flat_map(|table| table.iter());
        for (entry, counts) in table.zip(&by_code).filter(|(_, counts)| !counts.is_empty()) {
            if let Some((field, value)) = self.of_entry(entry) {
                add(&field, &value, counts);
            }
        }
        let by_number = self.numbered.by_code();
        for (bytes, &number) in &self.numbers {
            let found = self.of_bits(bytes).or_else(|| self.of_entry(bytes));
            if let (Some((field, value)), Some(counts)) =
                (found, by_number.get(cast::index(number)))
            {
                add(&field, &value, counts);
            }
        }
    }

    /// What all values are of, where that is one field.
    fn field(&self) -> Option<ComparedField> {
        match &self.holds {
            Holds::StatusMessages => Some(ComparedField::StatusMessage),
            Holds::Attribute(field, _) => Some(field.clone()),
            Holds::RareKeys => None,
        }
    }

    /// The value of an entry of a table.
    fn of_entry(&self, entry: &[u8]) -> Option<(ComparedField, Vec<u8>)> {
        Some(match &self.holds {
            Holds::StatusMessages => {
                let text = std::str::from_utf8(entry).unwrap_or_default();
                (ComparedField::StatusMessage, encode_text(text))
            }
            Holds::Attribute(field, kind) => {
                (field.clone(), encode_ref(Entries::Typed(*kind).value(entry)?))
            }
            Holds::RareKeys => {
                let (key, value) = overflow_entry(entry);
                (ComparedField::SpanAttribute(key.to_owned()), encode_ref(value))
            }
        })
    }

    /// The value of the bits of a number; `None` where the column holds none.
    fn of_bits(&self, bytes: &[u8]) -> Option<(ComparedField, Vec<u8>)> {
        let Holds::Attribute(field, kind) = &self.holds else { return None };
        let bits = u64::from_le_bytes(bytes.try_into().ok()?);
        let value = match kind {
            AttributeType::Empty => ValueRef::Empty,
            AttributeType::Bool => ValueRef::Bool(bits != 0),
            AttributeType::Int => ValueRef::Int(bits.cast_signed()),
            AttributeType::Float => ValueRef::Float(f64::from_bits(bits)),
            _ => return None,
        };
        Some((field.clone(), encode_ref(value)))
    }

    /// The value of a cell.
    fn value(&self, cells: &Cells<'_>, place: usize) -> Option<(ComparedField, Vec<u8>)> {
        let bits = match cells {
            Cells::Coded(codes) => {
                let (table, code) = (self.table.as_ref()?, *codes.get(place)?);
                let is_known = cast::index(code) < table.len();
                return is_known.then(|| self.of_entry(table.get(code))).flatten();
            }
            Cells::Local(column) => {
                let code = *column.codes.get(place)?;
                let is_known = cast::index(code) < column.table.len();
                return is_known.then(|| self.of_entry(column.table.get(code))).flatten();
            }
            Cells::Empty(_) => 0,
            Cells::Bool(values) => u64::from(*values.get(place)?),
            Cells::Int(values) => values.get(place)?.cast_unsigned(),
            Cells::Float(values) => values.get(place)?.to_bits(),
        };
        self.of_bits(&bits.to_le_bytes())
    }
}
