//! Gathered rows against the rows of their sources, on random spans.

use super::*;
use crate::attributes::{AttributeTable, AttributeValues, COLUMNS_MAX};
use crate::builder::LinkFields;
use crate::column::BytesTable;
use crate::id::{SpanId, TraceId};
use crate::indexed::IndexedBatch;
use crate::value::ValueRef;
use crate::{Resource, Scope, SpanBatchBuilder, SpanFields};
use fanal_base::cast;
use std::cell::Cell;
use std::sync::Arc;

/// A sequence of numbers that is the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 29)) % limit
    }

    fn code(&mut self, limit: u64) -> u32 {
        u32::try_from(self.below(limit)).expect("small")
    }

    fn is_one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

fn attributes(numbers: &mut Numbers, keys: u64, mut push: impl FnMut(&str, ValueRef<'_>)) {
    for _ in 0..numbers.below(6) {
        let key = format!("k{}", numbers.below(keys));
        let text = format!("v{}", numbers.below(2000));
        let nested = [8, 1, 1, b'a', 0];
        let value = match numbers.below(9) {
            0 => ValueRef::Empty,
            1 => ValueRef::Bool(numbers.is_one_in(2)),
            2 => ValueRef::Int(numbers.below(9).cast_signed() - 4),
            3 => ValueRef::Float(f64::from(numbers.code(9)) / 4.0),
            4 => ValueRef::Bytes(text.as_bytes()),
            5 => ValueRef::Map(&nested),
            6 => ValueRef::Array(&[7, 1, 0]),
            _ => ValueRef::String(&text),
        };
        push(&key, value);
    }
}

fn push_span(numbers: &mut Numbers, keys: u64, builder: &mut SpanBatchBuilder) {
    let named = |name: String| Scope { name, ..Scope::default() };
    let pid = crate::Value::Int(numbers.below(3).cast_signed());
    let resource = Resource { attributes: vec![("pid".into(), pid)], ..Resource::default() };
    let resource = builder.intern_resource(&resource);
    let scope = builder.intern_scope(&named(format!("s{}", numbers.below(3))));
    for _ in 0..numbers.below(3).saturating_sub(1) {
        attributes(numbers, keys, |key, value| builder.event_attribute(key, value));
        let name = format!("e{}", numbers.below(3));
        builder.finish_event(numbers.below(1000), &name, numbers.code(2));
    }
    for _ in 0..numbers.below(4).saturating_sub(2) {
        attributes(numbers, keys, |key, value| builder.link_attribute(key, value));
        builder.finish_link(LinkFields {
            trace_id: TraceId([numbers.code(200).to_le_bytes()[0]; 16]),
            flags: numbers.code(3),
            trace_state: if numbers.is_one_in(3) { "a=1" } else { "" },
            ..LinkFields::default()
        });
    }
    attributes(numbers, keys, |key, value| builder.attribute(key, value));
    builder.finish_span(&SpanFields {
        trace_id: TraceId([numbers.code(250).to_le_bytes()[0]; 16]),
        span_id: SpanId(numbers.below(1 << 40).to_be_bytes()),
        parent_span_id: SpanId([numbers.code(4).to_le_bytes()[0]; 8]),
        start_unix_nanos: numbers.below(1 << 50),
        end_unix_nanos: numbers.below(1 << 50),
        kind: numbers.code(6).to_le_bytes()[0],
        status_code: numbers.code(3).to_le_bytes()[0],
        flags: numbers.code(300),
        name: &format!("n{}", numbers.below(5)),
        trace_state: if numbers.is_one_in(9) { "b=2" } else { "" },
        status_message: if numbers.is_one_in(9) { "broken" } else { "" },
        resource,
        scope,
        dropped_attributes_count: numbers.code(200) / 199,
        dropped_events_count: numbers.code(200) / 199,
        dropped_links_count: numbers.code(200) / 199,
    });
}

/// The same column without the knowledge of which values are equal.
fn give_up(column: &mut DictionaryColumn) {
    let mut table = BytesTable::default();
    column.codes = column.codes.iter().map(|&code| table.push(column.table.get(code))).collect();
    column.table = table;
}

fn give_up_some(table: &mut AttributeTable) {
    for (number, column) in table.columns.iter_mut().enumerate() {
        if let (true, AttributeValues::String(texts)) = (number % 2 == 0, &mut column.values) {
            give_up(texts);
        }
    }
}

fn source(numbers: &mut Numbers, spans: u64, keys: u64) -> IndexedBatch {
    let mut builder = SpanBatchBuilder::default();
    (0..spans).for_each(|_| push_span(numbers, keys, &mut builder));
    let mut batch = builder.finish();
    if numbers.is_one_in(2) {
        give_up(&mut batch.names);
        give_up_some(&mut batch.attributes);
        give_up_some(&mut batch.events.attributes);
    }
    batch.validate().expect("consistent");
    IndexedBatch::new(Arc::new(batch)).expect("decodes")
}

/// Every field of every span.
fn show(batch: SpanBatch) -> Vec<String> {
    batch.validate().expect("consistent");
    let indexed = IndexedBatch::new(Arc::new(batch)).expect("decodes");
    let batch = indexed.batch();
    let show_span = |span: crate::SpanRef<'_>| {
        let row = span.row();
        let events: Vec<_> = span
            .events()
            .map(|event| {
                let attributes: Vec<_> = event.attributes().collect();
                let dropped = event.dropped_attributes_count();
                format!("{} {} {dropped} {attributes:?}", event.time_unix_nanos(), event.name())
            })
            .collect();
        let links: Vec<_> = span
            .links()
            .map(|link| {
                let attributes: Vec<_> = link.attributes().collect();
                let dropped = link.dropped_attributes_count();
                let ids = (link.trace_id(), link.span_id(), link.flags());
                format!("{ids:?} {} {dropped} {attributes:?}", link.trace_state())
            })
            .collect();
        let attributes: Vec<_> = span.attributes().collect();
        let ids = (span.trace_id(), span.span_id(), span.parent_span_id(), span.flags());
        let times = (span.start_unix_nanos(), span.end_unix_nanos());
        let texts = (span.name(), span.trace_state(), span.status_message());
        let dropped = (
            span.dropped_attributes_count(),
            span.dropped_events_count(),
            span.dropped_links_count(),
        );
        let numbers = (batch.kinds[row], batch.status_codes[row]);
        let origin = (span.resource(), span.scope());
        format!(
            "{ids:?} {times:?} {texts:?} {dropped:?} {numbers:?} {origin:?} {attributes:?} \
             {events:?} {links:?}"
        )
    };
    indexed.spans().map(show_span).collect()
}

/// Gathers rows of random sources in random order, some left out, and expects each row as it was.
fn check(seed: u64, source_count: u64, spans: u64, keys: u64) {
    let mut numbers = Numbers(seed);
    let sources: Vec<IndexedBatch> = (0..source_count)
        .map(|_| {
            let spans = numbers.below(spans + 1);
            source(&mut numbers, spans, keys)
        })
        .collect();
    let mut order = Vec::new();
    for (number, source) in (0..).zip(&sources) {
        for row in 0..cast::narrow(source.len()) {
            if !numbers.is_one_in(7) {
                order.push(RowRef { source: number, row });
            }
        }
    }
    for place in (1..order.len()).rev() {
        order.swap(place, cast::size(numbers.below(cast::wide(place) + 1)));
    }
    let batches: Vec<&SpanBatch> = sources.iter().map(|source| &**source.batch()).collect();
    let pauses = Cell::new(0);
    let gathered = gather(&batches, &order, &|| pauses.set(pauses.get() + 1));
    let table_columns =
        [&gathered.attributes, &gathered.events.attributes].map(|table| table.columns.len());
    assert!(table_columns.iter().all(|&count| count <= COLUMNS_MAX + 1), "seed {seed}");
    assert!(pauses.get() > 20);
    let shown = show(gathered);
    let rows: Vec<Vec<String>> = sources.into_iter().map(|s| show((**s.batch()).clone())).collect();
    for (place, (shown, row)) in shown.iter().zip(&order).enumerate() {
        let expected = &rows[cast::index(row.source)][cast::index(row.row)];
        assert_eq!(shown, expected, "seed {seed}, row {place}");
    }
    assert_eq!(shown.len(), order.len(), "seed {seed}");
}

#[test]
fn gathered_rows_are_those_of_the_sources() {
    check(0, 0, 0, 1);
    check(1, 1, 1, 1);
    for seed in 2..40 {
        check(seed, 6, 40, 12);
    }
    check(100, 3, 2500, 4);
}

#[test]
fn rare_columns_share_the_overflow_column() {
    check(200, 5, 600, 500);
    check(201, 2, 3000, 3000);
}

#[test]
fn columns_of_many_values_stay_columns() {
    let span = |number: u64, key: &str, builder: &mut SpanBatchBuilder| {
        builder.intern_resource(&Resource::default());
        builder.intern_scope(&Scope::default());
        builder.attribute(key, ValueRef::String("rare"));
        builder.attribute("common", ValueRef::Int(7));
        builder.finish_span(&SpanFields {
            trace_id: TraceId([1; 16]),
            span_id: SpanId((number + 1).to_be_bytes()),
            ..SpanFields::default()
        });
    };
    let batches: Vec<SpanBatch> = (0..8)
        .map(|source| {
            let mut builder = SpanBatchBuilder::default();
            for number in source * 500..source * 500 + 500 {
                span(number, &format!("k{number}"), &mut builder);
            }
            builder.finish()
        })
        .rev()
        .collect();
    let sources: Vec<&SpanBatch> = batches.iter().collect();
    let order: Vec<RowRef> =
        (0..8).flat_map(|source| (0..500).map(move |row| RowRef { source, row })).collect();
    let gathered = gather(&sources, &order, &|| ());
    gathered.validate().expect("consistent");
    let columns = &gathered.attributes.columns;
    assert_eq!(columns.len(), COLUMNS_MAX + 1);
    assert!(columns.iter().any(|column| &*column.key == "common" && column.values.len() == 4000));
}

#[test]
fn columns_of_distinct_texts_are_not_looked_up_for_ever() {
    let check = |distinct: u64, entries: std::ops::Range<usize>| {
        let mut gathered = texts::TextGather::new(8000, Interning::WherePays);
        let places: Vec<u32> = (0..8000).collect();
        for part in places.chunks(500) {
            let mut table = BytesTable::default();
            let text = |&place: &u32| format!("text {}", u64::from(place) % distinct);
            let codes = part.iter().map(|place| table.push(text(place).as_bytes())).collect();
            gathered.add(&DictionaryColumn { codes, table }, part);
        }
        let column = gathered.finish();
        assert!(entries.contains(&column.table.len()), "{distinct}: {}", column.table.len());
        for place in 0..8000 {
            assert_eq!(column.get_str(place), format!("text {}", cast::wide(place) % distinct));
        }
    };
    check(100, 100..101);
    check(2000, 2000..2001);
    check(6000, 6001..8001);
}
