//! Random traces with few words, so that queries often match: roots and missing parents, circles, shared ids, values of
//! every type, events and links.

use super::dice::Dice;
use super::spans::with_ref;
use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value,
};

/// When scenarios and random traces begin: 2026-01-01, in Unix nanoseconds.
pub const EPOCH_NANOS: u64 = 1_767_225_600_000_000_000;

const MILLISECOND: u64 = 1_000_000;

/// Keys of attributes.
pub(super) const KEYS: [&str; 3] = ["a", "b", "c"];

/// Names of spans and events, and texts of attributes.
pub(super) const TEXTS: [&str; 5] = ["a", "b", "ab", "1", ""];

/// Services; the empty one stands for a resource without.
pub(super) const SERVICES: [&str; 3] = ["desk", "fares", ""];

/// The spans of up to `count` traces of 1 to 8 spans, which begin within three minutes after [`EPOCH_NANOS`].
pub fn random_traces(dice: &mut Dice, count: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    for number in 1..=count {
        let mut id = [0; 16];
        // Some ids begin with zeros.
        let first = if dice.one_in(3) { 8 } else { 0 };
        id[first..].fill(u8::try_from(number % 255 + 1).unwrap_or(1));
        trace(dice, &mut builder, TraceId(id));
    }
    builder.finish()
}

fn trace(dice: &mut Dice, builder: &mut SpanBatchBuilder, trace_id: TraceId) {
    let begin = EPOCH_NANOS + dice.below(180_000) * MILLISECOND;
    let count = 1 + dice.below(8);
    let id = |number: u64| SpanId([u8::try_from(number).unwrap_or(1); 8]);
    for number in 1..=count {
        // Zipkin's two halves share an id. Starts differ, so that no two spans are exact duplicates.
        let own = if number > 1 && dice.one_in(15) { number - 1 } else { number };
        let parent = match dice.below(20) {
            0..4 => 0,
            4 => 100 + dice.below(2),
            5 => 1 + dice.below(count),
            _ => number - 1,
        };
        let start = begin + dice.below(4) * 10 * MILLISECOND + number;
        attributes(dice, |key, value| with_ref(value, |value| builder.attribute(key, value)));
        items(dice, builder, start);
        let (resource, scope) = (resource(dice, builder), scope(dice, builder));
        let durations = [0, 1, 10, 100, 1000];
        let end = start + dice.pick(&durations) * MILLISECOND;
        builder.finish_span(&SpanFields {
            trace_id,
            span_id: id(own),
            parent_span_id: if parent == 0 { SpanId::default() } else { id(parent) },
            start_unix_nanos: start,
            end_unix_nanos: if dice.one_in(30) { start - 1 } else { end },
            kind: u8::try_from(dice.below(6)).unwrap_or(0),
            status_code: u8::try_from(dice.below(3)).unwrap_or(0),
            name: dice.pick(&TEXTS),
            status_message: dice.pick(&TEXTS),
            resource,
            scope,
            ..SpanFields::default()
        });
    }
}

fn items(dice: &mut Dice, builder: &mut SpanBatchBuilder, start: u64) {
    for _ in 0..dice.below(6).saturating_sub(3) {
        attributes(dice, |key, value| with_ref(value, |value| builder.event_attribute(key, value)));
        let time = start + dice.below(3) * MILLISECOND - dice.below(2);
        builder.finish_event(time, dice.pick(&TEXTS), 0);
    }
    for _ in 0..dice.below(6).saturating_sub(3) {
        attributes(dice, |key, value| with_ref(value, |value| builder.link_attribute(key, value)));
        builder.finish_link(LinkFields {
            trace_id: TraceId([u8::try_from(dice.below(4)).unwrap_or(0); 16]),
            span_id: SpanId([u8::try_from(dice.below(4)).unwrap_or(0); 8]),
            ..LinkFields::default()
        });
    }
}

fn resource(dice: &mut Dice, builder: &mut SpanBatchBuilder) -> u32 {
    let mut owned = Vec::new();
    let service = dice.pick(&SERVICES);
    if !service.is_empty() {
        owned.push(("service.name".to_owned(), Value::String(service.to_owned())));
    }
    attributes(dice, |key, value| owned.push((key.to_owned(), value.clone())));
    builder.intern_resource(&Resource { attributes: owned, ..Resource::default() })
}

fn scope(dice: &mut Dice, builder: &mut SpanBatchBuilder) -> u32 {
    let mut owned = Vec::new();
    if dice.one_in(3) {
        attributes(dice, |key, value| owned.push((key.to_owned(), value.clone())));
    }
    let name = dice.pick(&TEXTS).to_owned();
    let version = dice.pick(&TEXTS).to_owned();
    builder.intern_scope(&Scope { name, version, attributes: owned, ..Scope::default() })
}

/// Each key at most once.
fn attributes(dice: &mut Dice, mut add: impl FnMut(&str, &Value)) {
    for key in KEYS {
        if dice.one_in(3) {
            add(key, &value(dice));
        }
    }
}

fn value(dice: &mut Dice) -> Value {
    match dice.below(16) {
        0..5 => Value::Int(int(dice)),
        5..8 => Value::Float(dice.pick(&[-0.5, 0.5, 1.0, 2.5, 12.5])),
        8..11 => Value::String(dice.pick(&TEXTS).to_owned()),
        11..13 => Value::Bool(dice.one_in(2)),
        13 => {
            let items = (0..=dice.below(2)).map(|_| Value::Int(int(dice)));
            Value::Array(items.collect())
        }
        14 => {
            let items = (0..=dice.below(2)).map(|_| Value::String(dice.pick(&TEXTS).to_owned()));
            Value::Array(items.collect())
        }
        _ => match dice.below(4) {
            0 => Value::Array(Vec::new()),
            1 => Value::Array(vec![Value::Int(1), Value::Bool(true)]),
            2 => Value::Map(vec![("k".to_owned(), Value::Int(1))]),
            _ => Value::Bytes(vec![1, 2]),
        },
    }
}

/// A small whole number, sometimes below zero.
pub(super) fn int(dice: &mut Dice) -> i64 {
    i64::try_from(dice.below(7)).unwrap_or(0) - 2
}
