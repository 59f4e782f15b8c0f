//! Classes of spans: the distinct combinations of what follows from the code that made a span, which are few. A
//! granule tells the class of each row; name, scope, kind, status, flags and shape come from the table of classes, and
//! so does the service, which is stored with the resource too.
//!
//! The encoder finds them, readers map codes through them. Invariant: every code of a granule is a class.

use super::compress::Packer;
use super::error::{Flaw, SegmentError};
use super::granule::duration_step;
use super::integers::{self, Nature, Word};
use super::layout::Column;
use super::resources::ResourceSummary;
use fanal_base::cast;
use fanal_model::SpanBatch;
use fanal_model::nested::{self, Reader};
use foldhash::fast::RandomState;
use hashbrown::{HashSet, HashTable};
use std::hash::BuildHasher;

/// Bits of the columns that classes can hold.
const NAMES: u8 = 1;
const SCOPES: u8 = 1 << 1;
const KINDS: u8 = 1 << 2;
const STATUS_CODES: u8 = 1 << 3;
const FLAGS: u8 = 1 << 4;
const SHAPES: u8 = 1 << 5;
const SERVICES: u8 = 1 << 6;
const ALL: u8 = (1 << 7) - 1;

/// What is tried in turn: names or shapes that are different in every row stay columns of their own.
const TRIALS: [u8; 3] = [ALL, ALL & !NAMES, ALL & !SHAPES];

/// Rows for each class from which on classes pay.
const CLASS_ROWS_MIN: usize = 8;

/// Classes with a service each are at most so many times as many as without: where services share much of their code,
/// telling them apart costs more than it is worth.
const SERVICE_CLASSES_MAX: (usize, usize) = (3, 2);

/// Most classes that are read.
const CLASSES_MAX: usize = 1 << 24;

/// The classes of a segment. A column that they do not hold is empty here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Classes {
    parts: u8,
    count: usize,
    /// Name of each class, a code of the dictionary of names.
    pub names: Vec<u32>,
    /// Scope of each class, a code of the dictionary of scopes.
    pub scopes: Vec<u32>,
    /// Kind of each class, a number of OTLP as sent.
    pub kinds: Vec<u8>,
    /// Status code of each class, a number of OTLP as sent.
    pub status_codes: Vec<u8>,
    /// Flags of each class.
    pub flags: Vec<u32>,
    /// Shape of the span attributes of each class.
    pub shapes: Vec<u32>,
    /// Service of each class, an index into [`ResourceSummary::services`].
    pub services: Vec<u32>,
    /// [`duration_step`] of the longest span of each class.
    pub duration_steps: Vec<u8>,
}

/// A batch by classes.
#[derive(Debug)]
pub(super) struct Classified {
    /// Class of each row.
    pub(super) codes: Vec<u32>,
    /// Rows of each class.
    pub(super) counts: Vec<u32>,
    pub(super) classes: Classes,
}

/// What makes a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    name_and_shape: u64,
    scope_and_flags: u64,
    service: u32,
    kind: u8,
    status_code: u8,
}

impl Key {
    fn of(batch: &SpanBatch, service_of: &[u32], row: usize, parts: u8) -> Self {
        let part = |part: u8, value: u32| if parts & part == 0 { 0 } else { u64::from(value) };
        Self {
            name_and_shape: part(NAMES, batch.names.codes[row])
                | part(SHAPES, batch.attributes.rows[row]) << 32,
            scope_and_flags: part(SCOPES, batch.scopes.codes[row])
                | part(FLAGS, batch.flags[row]) << 32,
            service: service_of.get(cast::index(batch.resources.codes[row])).copied().unwrap_or(0),
            kind: batch.kinds[row],
            status_code: batch.status_codes[row],
        }
    }
}

/// Finds the classes of a batch; `None` where they would be too many.
pub(super) fn classify(batch: &SpanBatch) -> Option<Classified> {
    let limit = batch.len() / CLASS_ROWS_MIN;
    let service_of = ResourceSummary::of(&batch.resources.table).service_of;
    TRIALS.into_iter().find_map(|parts| {
        let with_services = number(batch, &service_of, parts, limit);
        with_services.or_else(|| number(batch, &[], parts & !SERVICES, limit))
    })
}

/// Finds classes of some columns; `service_of` tells services by code of the resource, where classes hold them. `None`
/// where the classes are more than `limit`, or too many by services.
fn number(batch: &SpanBatch, service_of: &[u32], parts: u8, limit: usize) -> Option<Classified> {
    let hasher = RandomState::default();
    let mut table: HashTable<u32> = HashTable::new();
    let mut keys: Vec<Key> = Vec::new();
    let mut first_rows: Vec<usize> = Vec::new();
    let mut counts: Vec<u32> = Vec::new();
    let mut codes = Vec::with_capacity(batch.len());
    for row in 0..batch.len() {
        let key = Key::of(batch, service_of, row, parts);
        let hash = hasher.hash_one(key);
        let code = match table.find(hash, |&code| keys[cast::index(code)] == key) {
            Some(&code) => code,
            None if keys.len() >= limit => return None,
            None => {
                let code = cast::narrow(keys.len());
                keys.push(key);
                first_rows.push(row);
                counts.push(0);
                table.insert_unique(hash, code, |&code| hasher.hash_one(keys[cast::index(code)]));
                code
            }
        };
        counts[cast::index(code)] += 1;
        codes.push(code);
    }
    if keys.is_empty() || !are_services_worth(&keys) {
        return None;
    }
    // Frequent classes get small numbers, which compress best.
    let mut order: Vec<u32> = (0..cast::narrow(keys.len())).collect();
    order.sort_by_key(|&code| std::cmp::Reverse(counts[cast::index(code)]));
    let mut numbers = vec![0; order.len()];
    for (number, &code) in (0..).zip(&order) {
        numbers[cast::index(code)] = number;
    }
    codes.iter_mut().for_each(|code| *code = numbers[cast::index(*code)]);
    let rows: Vec<usize> = order.iter().map(|&code| first_rows[cast::index(code)]).collect();
    let counts = order.iter().map(|&code| counts[cast::index(code)]).collect();
    let mut classes = Classes::of_rows(batch, service_of, parts, &rows);
    for (row, &code) in codes.iter().enumerate() {
        let longest = &mut classes.duration_steps[cast::index(code)];
        *longest = duration_step(batch.duration_nanos(row)).max(*longest);
    }
    Some(Classified { codes, counts, classes })
}

fn are_services_worth(keys: &[Key]) -> bool {
    let (most, of) = SERVICE_CLASSES_MAX;
    let without: HashSet<Key, RandomState> =
        keys.iter().map(|key| Key { service: 0, ..*key }).collect();
    keys.len() * of <= without.len() * most
}

impl Classes {
    fn of_rows(batch: &SpanBatch, service_of: &[u32], parts: u8, rows: &[usize]) -> Self {
        let words = |part: u8, values: &[u32]| gathered(parts & part, values, rows);
        let bytes = |part: u8, values: &[u8]| gathered(parts & part, values, rows);
        let resources = gathered(parts & SERVICES, &batch.resources.codes, rows);
        let service = |code: &u32| service_of.get(cast::index(*code)).copied().unwrap_or(0);
        Self {
            parts,
            count: rows.len(),
            names: words(NAMES, &batch.names.codes),
            scopes: words(SCOPES, &batch.scopes.codes),
            kinds: bytes(KINDS, &batch.kinds),
            status_codes: bytes(STATUS_CODES, &batch.status_codes),
            flags: words(FLAGS, &batch.flags),
            shapes: words(SHAPES, &batch.attributes.rows),
            services: resources.iter().map(service).collect(),
            duration_steps: vec![0; rows.len()],
        }
    }

    /// Number of classes.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a class has one shape.
    pub(super) fn has_shapes(&self) -> bool {
        self.parts & SHAPES != 0
    }

    /// Whether classes tell the values of a column.
    pub(super) fn hold(&self, column: Column) -> bool {
        let part = match column {
            Column::Names => NAMES,
            Column::Scopes => SCOPES,
            Column::Kinds => KINDS,
            Column::StatusCodes => STATUS_CODES,
            Column::Flags => FLAGS,
            Column::SpanShapes => SHAPES,
            _ => 0,
        };
        self.parts & part != 0
    }

    /// Bytes of memory held.
    pub(super) fn memory_bytes(&self) -> usize {
        self.count * 23
    }

    /// Appends the stored form.
    pub(super) fn encode(
        &self,
        packer: &mut Packer,
        out: &mut Vec<u8>,
    ) -> Result<(), SegmentError> {
        out.push(self.parts);
        nested::write_length(self.count, out);
        for values in [&self.names, &self.scopes, &self.flags, &self.shapes, &self.services] {
            if !values.is_empty() {
                integers::write(values, Nature::Codes, packer, out)?;
            }
        }
        for values in [&self.kinds, &self.status_codes, &self.duration_steps] {
            if !values.is_empty() {
                integers::write(values, Nature::Codes, packer, out)?;
            }
        }
        Ok(())
    }

    /// The inverse of [`Classes::encode`]; shapes are below `shape_count`.
    pub(super) fn decode(reader: &mut Reader<'_>, shape_count: usize) -> Result<Self, Flaw> {
        let parts = reader.take(1)?[0];
        let count = cast::size(reader.varint()?);
        if parts & !ALL != 0 || count == 0 || count > CLASSES_MAX {
            return Err(Flaw("columns or number of classes"));
        }
        let mut classes = Self { parts, count, ..Self::default() };
        classes.names = part(reader, parts & NAMES, count)?;
        classes.scopes = part(reader, parts & SCOPES, count)?;
        classes.flags = part(reader, parts & FLAGS, count)?;
        classes.shapes = part(reader, parts & SHAPES, count)?;
        classes.services = part(reader, parts & SERVICES, count)?;
        classes.kinds = part(reader, parts & KINDS, count)?;
        classes.status_codes = part(reader, parts & STATUS_CODES, count)?;
        classes.duration_steps = integers::read(reader, count)?;
        if classes.shapes.iter().any(|&shape| cast::index(shape) >= shape_count) {
            return Err(Flaw("unknown shape"));
        }
        Ok(classes)
    }
}

fn gathered<T: Copy>(part: u8, values: &[T], rows: &[usize]) -> Vec<T> {
    if part == 0 { Vec::new() } else { rows.iter().map(|&row| values[row]).collect() }
}

fn part<T: Word>(reader: &mut Reader<'_>, part: u8, count: usize) -> Result<Vec<T>, Flaw> {
    if part == 0 { Ok(Vec::new()) } else { integers::read(reader, count) }
}
