//! Trace ids, span ids and parents of one granule.
//!
//! Trace ids are stored once a run, or once a granule where traces are interleaved; span ids are random and stored
//! as they are; a parent in the same granule is stored as the distance to its row.

use super::compress::Packer;
use super::error::{Flaw, SegmentError};
use super::integers::{self, Nature};
use fanal_base::cast;
use fanal_model::nested::{self, Reader, unzigzag, zigzag};
use fanal_model::{SpanId, TraceId};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

const RUNS: u8 = 0;
const CODES: u8 = 1;

/// Codes of parents below the distances.
const PARENT_NONE: u32 = 0;
const PARENT_ELSEWHERE: u32 = 1;
const PARENT_SAME: u32 = 2;
const PARENT_DISTANCE: u32 = 3;

/// Slots looked at for a span id before it counts as not found: ids that a sender made to collide cost bytes, not
/// time.
const PROBES_MAX: usize = 16;

fn halves(id: TraceId) -> (u64, u64) {
    let bits = u128::from_be_bytes(id.0);
    let half = |bits: u128| u64::try_from(bits & u128::from(u64::MAX)).unwrap_or_default();
    (half(bits >> 64), half(bits))
}

fn joined(high: u64, low: u64) -> TraceId {
    TraceId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn write_part(values: &[u64], packer: &mut Packer, out: &mut Vec<u8>) -> Result<(), SegmentError> {
    integers::write(values, Nature::Random, packer, out)
}

/// Appends trace ids.
pub(super) fn write_trace_ids(
    ids: &[TraceId],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let mut runs: Vec<u32> = Vec::new();
    let mut distinct: Vec<TraceId> = Vec::new();
    for run in ids.chunk_by(|left, right| left == right) {
        runs.push(cast::narrow(run.len()));
        distinct.extend(run.first());
    }
    // Many short runs are often few traces interleaved.
    if runs.len() > 16 && runs.len() > ids.len() / 4 {
        let (codes, unique) = number_ids(&distinct);
        if unique.len() + unique.len() / 4 < distinct.len() {
            let row_codes: Vec<u32> = runs
                .iter()
                .zip(codes)
                .flat_map(|(&run, code)| std::iter::repeat_n(code, cast::index(run)))
                .collect();
            out.push(CODES);
            return write_ids_and(&unique, &row_codes, packer, out);
        }
    }
    out.push(RUNS);
    write_ids_and(&distinct, &runs, packer, out)
}

fn write_ids_and(
    ids: &[TraceId],
    codes: &[u32],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    nested::write_length(ids.len(), out);
    let (high, low): (Vec<u64>, Vec<u64>) = ids.iter().map(|&id| halves(id)).unzip();
    write_part(&high, packer, out)?;
    write_part(&low, packer, out)?;
    integers::write(codes, Nature::Codes, packer, out)
}

fn number_ids(ids: &[TraceId]) -> (Vec<u32>, Vec<TraceId>) {
    let hasher = RandomState::default();
    let mut table: HashTable<u32> = HashTable::with_capacity(ids.len() / 2);
    let mut unique: Vec<TraceId> = Vec::new();
    let codes = ids
        .iter()
        .map(|&id| {
            let hash = hasher.hash_one(id);
            if let Some(&code) = table.find(hash, |&code| unique[cast::index(code)] == id) {
                return code;
            }
            let code = cast::narrow(unique.len());
            unique.push(id);
            table.insert_unique(hash, code, |&code| hasher.hash_one(unique[cast::index(code)]));
            code
        })
        .collect();
    (codes, unique)
}

/// Reads `count` trace ids.
pub(super) fn read_trace_ids(reader: &mut Reader<'_>, count: usize) -> Result<Vec<TraceId>, Flaw> {
    let form = reader.take(1)?[0];
    let distinct = cast::size(reader.varint()?);
    if distinct > count {
        return Err(Flaw("more trace ids than rows"));
    }
    let high: Vec<u64> = integers::read(reader, distinct)?;
    let low: Vec<u64> = integers::read(reader, distinct)?;
    let mut unique = high.iter().zip(low).map(|(&high, low)| joined(high, low));
    match form {
        RUNS => {
            let runs: Vec<u32> = integers::read(reader, distinct)?;
            if runs.iter().map(|&run| u64::from(run)).sum::<u64>() != cast::wide(count) {
                return Err(Flaw("lengths of runs"));
            }
            let mut ids = Vec::with_capacity(count);
            for (run, id) in runs.into_iter().zip(unique) {
                ids.resize(ids.len() + cast::index(run), id);
            }
            Ok(ids)
        }
        CODES => {
            let unique: Vec<TraceId> = unique.by_ref().collect();
            let codes: Vec<u32> = integers::read(reader, count)?;
            codes
                .into_iter()
                .map(|code| unique.get(cast::index(code)).copied())
                .collect::<Option<_>>()
                .ok_or(Flaw("code without a trace id"))
        }
        _ => Err(Flaw("unknown form of trace ids")),
    }
}

/// Appends span ids.
pub(super) fn write_span_ids(
    ids: &[SpanId],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let numbers: Vec<u64> = ids.iter().map(|id| u64::from_be_bytes(id.0)).collect();
    write_part(&numbers, packer, out)
}

/// Reads `count` span ids.
pub(super) fn read_span_ids(reader: &mut Reader<'_>, count: usize) -> Result<Vec<SpanId>, Flaw> {
    let numbers: Vec<u64> = integers::read(reader, count)?;
    Ok(numbers.into_iter().map(|number| SpanId(number.to_be_bytes())).collect())
}

/// Spreads ids over slots (2^64 divided by the golden ratio). The same for all segments, so that equal spans give equal
/// bytes: ids chosen to meet in one slot cost their sender the references that [`PROBES_MAX`] leaves out.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Finds rows by span id; open addressing, since ids are mostly random already.
struct RowsById<'a> {
    ids: &'a [SpanId],
    slots: Vec<u32>,
    shift: u32,
}

impl<'a> RowsById<'a> {
    fn new(ids: &'a [SpanId]) -> Self {
        let slot_count = (ids.len() * 2).next_power_of_two().max(16);
        let shift = 64 - slot_count.trailing_zeros();
        let mut rows = Self { ids, slots: vec![0; slot_count], shift };
        for (row, id) in (1..).zip(ids) {
            let home = rows.home(*id);
            if let Some(slot) = rows.probe(home).find(|&slot| rows.slots[slot] == 0) {
                rows.slots[slot] = row;
            }
        }
        rows
    }

    fn home(&self, id: SpanId) -> usize {
        cast::size(u64::from_le_bytes(id.0).wrapping_mul(SPREAD) >> self.shift)
    }

    fn probe(&self, home: usize) -> impl Iterator<Item = usize> + use<> {
        let mask = self.slots.len() - 1;
        (home..home + PROBES_MAX).map(move |slot| slot & mask)
    }

    fn find(&self, id: SpanId) -> Option<u32> {
        for slot in self.probe(self.home(id)) {
            match self.slots[slot] {
                0 => return None,
                row if self.ids[cast::index(row - 1)] == id => return Some(row - 1),
                _ => {}
            }
        }
        None
    }
}

/// Appends parents; `span_ids` are those of the same rows.
pub(super) fn write_parents(
    parents: &[SpanId],
    span_ids: &[SpanId],
    packer: &mut Packer,
    out: &mut Vec<u8>,
) -> Result<(), SegmentError> {
    let rows = RowsById::new(span_ids);
    let mut elsewhere: Vec<u64> = Vec::new();
    let mut last = SpanId::default();
    let mut codes: Vec<u32> = Vec::with_capacity(parents.len());
    for (row, &parent) in (0_i64..).zip(parents) {
        let code = if parent.is_zero() {
            PARENT_NONE
        } else if parent == last {
            PARENT_SAME
        } else if let Some(found) = rows.find(parent) {
            let distance = zigzag(row - i64::from(found));
            PARENT_DISTANCE + u32::try_from(distance).unwrap_or(u32::MAX - PARENT_DISTANCE)
        } else {
            elsewhere.push(u64::from_be_bytes(parent.0));
            PARENT_ELSEWHERE
        };
        last = parent;
        codes.push(code);
    }
    nested::write_length(elsewhere.len(), out);
    write_part(&elsewhere, packer, out)?;
    integers::write(&codes, Nature::Codes, packer, out)
}

/// Reads which rows have no parent.
pub(super) fn read_roots(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<bool>, Flaw> {
    let count = cast::size(reader.varint()?);
    if count > rows {
        return Err(Flaw("more parents than rows"));
    }
    read_span_ids(reader, count)?;
    let codes: Vec<u32> = integers::read(reader, rows)?;
    Ok(codes.into_iter().map(|code| code == PARENT_NONE).collect())
}

/// Reads the parents of the rows of `span_ids`.
pub(super) fn read_parents(
    reader: &mut Reader<'_>,
    span_ids: &[SpanId],
) -> Result<Vec<SpanId>, Flaw> {
    let count = cast::size(reader.varint()?);
    if count > span_ids.len() {
        return Err(Flaw("more parents than rows"));
    }
    let elsewhere = read_span_ids(reader, count)?;
    let codes: Vec<u32> = integers::read(reader, span_ids.len())?;
    let mut elsewhere = elsewhere.into_iter();
    let mut last = SpanId::default();
    let mut parents = Vec::with_capacity(codes.len());
    for (row, code) in (0_i64..).zip(codes) {
        last = match code {
            PARENT_NONE => SpanId::default(),
            PARENT_ELSEWHERE => elsewhere.next().ok_or(Flaw("too few parents"))?,
            PARENT_SAME => last,
            _ => {
                let distance = unzigzag(u64::from(code - PARENT_DISTANCE));
                usize::try_from(row - distance)
                    .ok()
                    .and_then(|parent_row| span_ids.get(parent_row))
                    .copied()
                    .ok_or(Flaw("parent outside the granule"))?
            }
        };
        parents.push(last);
    }
    Ok(parents)
}
