//! Attribute values that follow from the class of a span: stored once for the class, not in the rows.
//!
//! The encoder looks for (class, column) pairs with one value in the whole batch; the reader blends such values with
//! those that granules store. Works for every type but keys without value and the overflow column.

use super::ColumnValues;
use super::TextValues;
use super::classes::{Classes, Classified};
use super::error::Flaw;
use super::pages::Values;
use super::reader::Shapes;
use fanal_base::cast;
use fanal_model::AttributeTable;
use fanal_model::attributes::AttributeValues;
use fanal_model::{BytesTable, DictionaryColumn};

/// Rows of a class from which on its values are fixed: below, a list of its own costs more.
const FIXED_ROWS_MIN: u32 = 4;

/// What one place of a class's shape has held so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    New,
    Same { value: u64, cell: u32 },
    Varies,
}

/// What classes fix of a batch.
#[derive(Debug, Default)]
pub(super) struct FixedCells {
    /// By class: where its places begin in `is_fixed`.
    starts: Vec<usize>,
    /// By place of the shape of each class.
    is_fixed: Vec<bool>,
    /// By column: whether each class whose shape names it once fixes it, and a cell with the value where so.
    columns: Vec<Vec<Option<u32>>>,
    /// By column: how many cells are fixed.
    counts: Vec<usize>,
}

impl FixedCells {
    /// Looks at all cells of a table.
    pub(super) fn find(table: &AttributeTable, classified: &Classified) -> Self {
        let classes = &classified.classes;
        if classes.shapes.is_empty() {
            return Self::default();
        }
        let shape_of = |class: usize| &table.shapes[cast::index(classes.shapes[class])];
        let mut starts = Vec::with_capacity(classes.len());
        let mut slots = Vec::new();
        for class in 0..classes.len() {
            starts.push(slots.len());
            slots.extend(shape_of(class).iter().map(|&column| {
                let is_open = classified.counts[class] >= FIXED_ROWS_MIN
                    && uses(shape_of(class), column) == 1
                    && Lane::of(&table.columns[cast::index(column)].values).is_some();
                if is_open { Slot::New } else { Slot::Varies }
            }));
        }
        let lanes: Vec<Option<Lane<'_>>> =
            table.columns.iter().map(|column| Lane::of(&column.values)).collect();
        let mut next = vec![0_u32; table.columns.len()];
        for &class in &classified.codes {
            let class = cast::index(class);
            let shape = shape_of(class);
            let slots = &mut slots[starts[class]..starts[class] + shape.len()];
            for (slot, &column) in slots.iter_mut().zip(shape) {
                let cell = &mut next[cast::index(column)];
                if *slot != Slot::Varies {
                    let lane = lanes[cast::index(column)].as_ref();
                    let value = lane.map_or(0, |lane| lane.value(cast::index(*cell)));
                    match *slot {
                        Slot::Same { value: known, .. } if known != value => *slot = Slot::Varies,
                        Slot::New => *slot = Slot::Same { value, cell: *cell },
                        _ => {}
                    }
                }
                *cell += 1;
            }
        }
        let mut fixed = Self {
            starts,
            is_fixed: slots.iter().map(|slot| matches!(slot, Slot::Same { .. })).collect(),
            columns: vec![Vec::new(); table.columns.len()],
            counts: vec![0; table.columns.len()],
        };
        for class in 0..classes.len() {
            let start = fixed.starts[class];
            for (place, &column) in shape_of(class).iter().enumerate() {
                let column = cast::index(column);
                let cell = match slots[start + place] {
                    Slot::Same { cell, .. } => Some(cell),
                    _ => None,
                };
                fixed.counts[column] += cell.map_or(0, |_| cast::index(classified.counts[class]));
                if uses(shape_of(class), cast::narrow(column)) == 1 {
                    fixed.columns[column].push(cell);
                }
            }
        }
        fixed
    }

    /// For each place of the shape of a class, whether the class fixes it.
    #[inline]
    pub(super) fn of_class(&self, class: u32) -> &[bool] {
        let start = self.starts.get(cast::index(class)).copied().unwrap_or(usize::MAX);
        self.is_fixed.get(start..).unwrap_or_default()
    }

    /// How many cells of a column are fixed.
    pub(super) fn count(&self, column: usize) -> usize {
        self.counts.get(column).copied().unwrap_or(0)
    }

    /// For each class whose shape names a column once: 1 where it fixes it; and the cells with the fixed values.
    pub(super) fn column(&self, column: usize) -> (Vec<u8>, Vec<u32>) {
        let classes = self.columns.get(column).map_or(&[][..], |classes| classes);
        let flags = classes.iter().map(|cell| u8::from(cell.is_some())).collect();
        (flags, classes.iter().copied().flatten().collect())
    }
}

fn uses(shape: &[u32], column: u32) -> usize {
    shape.iter().filter(|&&used| used == column).count()
}

/// Values of a column as numbers that are equal where the values are.
enum Lane<'a> {
    Codes(&'a [u32]),
    Bools(&'a [bool]),
    Ints(&'a [i64]),
    Floats(&'a [f64]),
}

impl<'a> Lane<'a> {
    fn of(values: &'a AttributeValues) -> Option<Self> {
        match values {
            AttributeValues::Empty(_) | AttributeValues::Overflow(_) => None,
            AttributeValues::Bool(values) => Some(Self::Bools(values)),
            AttributeValues::Int(values) => Some(Self::Ints(values)),
            AttributeValues::Float(values) => Some(Self::Floats(values)),
            AttributeValues::String(texts)
            | AttributeValues::Bytes(texts)
            | AttributeValues::Array(texts)
            | AttributeValues::Map(texts) => Some(Self::Codes(&texts.codes)),
        }
    }

    #[inline]
    fn value(&self, cell: usize) -> u64 {
        match self {
            Self::Codes(values) => u64::from(values[cell]),
            Self::Bools(values) => u64::from(values[cell]),
            Self::Ints(values) => values[cell].cast_unsigned(),
            Self::Floats(values) => values[cell].to_bits(),
        }
    }
}

/// Where the values of a row come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The granule stores so many.
    Stored(u32),
    /// The value of this index, of the class.
    Fixed(u32),
}

/// What classes tell of one column.
#[derive(Debug)]
pub(crate) struct ClassCells {
    /// By class.
    pub sources: Vec<Source>,
    /// The values of [`Source::Fixed`].
    pub values: Option<ColumnValues>,
}

impl ClassCells {
    /// Of a column of which nothing is fixed.
    pub(super) fn stored(column: u32, classes: &Classes, shapes: &Shapes) -> Self {
        let sources = classes.shapes.iter().map(|&shape| {
            let shape = shapes.get(cast::index(shape)).map_or(&[][..], |shape| shape);
            Source::Stored(cast::narrow(uses(shape, column)))
        });
        Self { sources: sources.collect(), values: None }
    }
}

/// What classes fix of one column.
#[derive(Debug)]
pub(super) struct FixedValues {
    /// By class.
    sources: Vec<Source>,
    values: ColumnValues,
}

impl FixedValues {
    /// From the flags of the classes whose shape names the column once, and the values.
    pub(super) fn new(
        column: u32,
        classes: &Classes,
        shapes: &Shapes,
        flags: &[u8],
        values: ColumnValues,
    ) -> Self {
        let mut flags = flags.iter();
        let mut next = 0_u32;
        let sources = classes.shapes.iter().map(|&shape| {
            let uses = shapes.get(cast::index(shape)).map_or(0, |shape| uses(shape, column));
            if uses == 1 && flags.next().is_some_and(|&flag| flag == 1) {
                next += 1;
                Source::Fixed(next - 1)
            } else {
                Source::Stored(cast::narrow(uses))
            }
        });
        Self { sources: sources.collect(), values }
    }

    /// How many classes have a shape that names the column once.
    pub(super) fn flag_count(column: u32, classes: &Classes, shapes: &Shapes) -> usize {
        let is_once = |&&shape: &&u32| {
            shapes.get(cast::index(shape)).is_some_and(|shape| uses(shape, column) == 1)
        };
        classes.shapes.iter().filter(is_once).count()
    }

    /// The row of each value that the granule stores, of rows of these classes.
    pub(super) fn stored_rows(&self, codes: &[u32]) -> Vec<u32> {
        let mut rows = Vec::new();
        for (row, &code) in (0..).zip(codes) {
            if let Some(&Source::Stored(count)) = self.sources.get(cast::index(code))
                && count > 0
            {
                rows.extend(std::iter::repeat_n(row, cast::index(count)));
            }
        }
        rows
    }

    /// What searches need of this.
    pub(super) fn cells(&self) -> ClassCells {
        ClassCells { sources: self.sources.clone(), values: Some(self.values.clone()) }
    }

    /// Bytes of memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        let values = match &self.values {
            ColumnValues::Text(TextValues::Local(texts)) => texts.memory_bytes(),
            values => values.count() * 8,
        };
        self.sources.len() * 8 + values
    }

    /// The values of rows of these classes: fixed ones and, in order, the `stored` ones.
    pub(super) fn blend(
        &self,
        codes: &[u32],
        stored: Option<ColumnValues>,
    ) -> Result<ColumnValues, Flaw> {
        let Some(stored) = stored else { return self.blend_with(codes, None) };
        self.blend_with(codes, Some(&stored))
    }

    fn blend_with(
        &self,
        codes: &[u32],
        stored: Option<&ColumnValues>,
    ) -> Result<ColumnValues, Flaw> {
        const MIXED: Flaw = Flaw("values of two types");
        match &self.values {
            ColumnValues::Empty(_) => Err(MIXED),
            ColumnValues::Bool(fixed) => match stored {
                None => self.pick(codes, fixed, &[]).map(ColumnValues::Bool),
                Some(ColumnValues::Bool(stored)) => {
                    self.pick(codes, fixed, stored).map(ColumnValues::Bool)
                }
                _ => Err(MIXED),
            },
            ColumnValues::Int(fixed) => match stored {
                None => self.pick(codes, fixed, &[]).map(ColumnValues::Int),
                Some(ColumnValues::Int(stored)) => {
                    self.pick(codes, fixed, stored).map(ColumnValues::Int)
                }
                _ => Err(MIXED),
            },
            ColumnValues::Float(fixed) => match stored {
                None => self.pick(codes, fixed, &[]).map(ColumnValues::Float),
                Some(ColumnValues::Float(stored)) => {
                    self.pick(codes, fixed, stored).map(ColumnValues::Float)
                }
                _ => Err(MIXED),
            },
            ColumnValues::Text(fixed) => {
                let stored = match stored {
                    None => None,
                    Some(ColumnValues::Text(stored)) => Some(stored),
                    _ => return Err(MIXED),
                };
                self.blend_texts(codes, fixed, stored).map(ColumnValues::Text)
            }
        }
    }

    fn blend_texts(
        &self,
        codes: &[u32],
        fixed: &TextValues,
        stored: Option<&TextValues>,
    ) -> Result<TextValues, Flaw> {
        match (fixed, stored) {
            (TextValues::Coded(fixed), None) => self.pick(codes, fixed, &[]).map(TextValues::Coded),
            (TextValues::Coded(fixed), Some(TextValues::Coded(stored))) => {
                self.pick(codes, fixed, stored).map(TextValues::Coded)
            }
            (TextValues::Local(fixed), stored) => {
                let empty = DictionaryColumn::default();
                let stored = match stored {
                    None => &empty,
                    Some(TextValues::Local(stored)) => stored,
                    Some(TextValues::Coded(_)) => return Err(Flaw("texts of two forms")),
                };
                let shift = cast::narrow(fixed.table.len());
                let shifted: Vec<u32> = stored.codes.iter().map(|&code| code + shift).collect();
                let codes = self.pick(codes, &fixed.codes, &shifted)?;
                Ok(TextValues::Local(DictionaryColumn {
                    codes,
                    table: joined(&fixed.table, &stored.table),
                }))
            }
            _ => Err(Flaw("texts of two forms")),
        }
    }

    fn pick<T: Copy>(&self, codes: &[u32], fixed: &[T], stored: &[T]) -> Result<Vec<T>, Flaw> {
        let mut values = Vec::with_capacity(stored.len());
        let mut rest = stored;
        for &code in codes {
            match self.sources.get(cast::index(code)) {
                Some(Source::Fixed(place)) => {
                    values.extend(fixed.get(cast::index(*place)));
                }
                Some(Source::Stored(0)) => {}
                Some(Source::Stored(count)) => {
                    let (front, behind) = rest
                        .split_at_checked(cast::index(*count))
                        .ok_or(Flaw("number of values"))?;
                    values.extend_from_slice(front);
                    rest = behind;
                }
                None => return Err(Flaw("unknown class")),
            }
        }
        if rest.is_empty() { Ok(values) } else { Err(Flaw("number of values")) }
    }
}

fn joined(front: &BytesTable, back: &BytesTable) -> BytesTable {
    let mut table = front.clone();
    let shift = cast::narrow(table.bytes.len());
    table.bytes.extend_from_slice(&back.bytes);
    table.ends.extend(back.ends.iter().map(|end| end + shift));
    table
}
