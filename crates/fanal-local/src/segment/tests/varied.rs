//! A batch in which everything occurs that a span can have.

use fanal_base::cast;
use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef,
    nested,
};

/// A batch of `count` spans in which everything occurs that a span can have, by turns.
pub(super) fn varied(count: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    varied_into(&mut builder, count);
    builder.finish()
}

/// Spans with so many keys each that no other span has.
pub(super) fn push_odd_keys(builder: &mut SpanBatchBuilder, spans: u64, keys: u64) {
    let resource = builder.intern_resource(&Resource::default());
    let scope = builder.intern_scope(&Scope::default());
    for number in 0..spans {
        for key in 0..keys {
            let key = format!("odd.key-{}", number * keys + key);
            builder.attribute(&key, ValueRef::Int(number.cast_signed()));
        }
        builder.finish_span(&SpanFields {
            trace_id: trace_id(1000 + number),
            span_id: span_id(1_000_000 + number),
            start_unix_nanos: 2_000_000,
            end_unix_nanos: 2_000_100 + number,
            name: "odd",
            resource,
            scope,
            ..SpanFields::default()
        });
    }
}

/// Appends the spans of [`varied`].
pub(super) fn varied_into(builder: &mut SpanBatchBuilder, count: u64) {
    for number in 0..count {
        let service = Value::String(format!("service-{}", number % 3));
        let resource = builder.intern_resource(&Resource {
            attributes: vec![("service.name".into(), service)],
            ..Resource::default()
        });
        let scope = builder.intern_scope(&Scope { name: "lib".into(), ..Scope::default() });
        push_attributes(builder, number);
        if number.is_multiple_of(3) {
            builder.event_attribute("exception.type", ValueRef::String("Timeout"));
            builder.event_attribute("retry", ValueRef::Int(number.cast_signed() % 4));
            let dropped = cast::narrow(cast::size(number % 2));
            builder.finish_event(1_000_000 + number * 10 + 5, "exception", dropped);
            builder.finish_event(number, "early", 0);
        }
        if number % 4 == 1 {
            builder.link_attribute("opentracing.ref_type", ValueRef::String("follows_from"));
            builder.finish_link(LinkFields {
                trace_id: trace_id(number + 1),
                span_id: span_id(number + 1),
                trace_state: if number % 8 == 1 { "a=1" } else { "" },
                flags: 0x100,
                dropped_attributes_count: 1,
            });
        }
        let name = format!("GET /items/{}", number % 5);
        let message =
            if number.is_multiple_of(9) { format!("failed at {number}") } else { String::new() };
        let start = 1_000_000 + number * 10;
        builder.finish_span(&SpanFields {
            trace_id: trace_id(number / 6),
            span_id: span_id(number),
            parent_span_id: match number % 6 {
                0 => SpanId::default(),
                4 => SpanId([0xee; 8]),
                _ => span_id(number - number % 6),
            },
            start_unix_nanos: start,
            end_unix_nanos: [start + number % 100, start - 7, 0, u64::MAX][index_of(number)],
            kind: u8::try_from(number % 7).unwrap_or(0),
            status_code: u8::try_from(number % 4).unwrap_or(0),
            flags: if number.is_multiple_of(2) { 0x101 } else { 0 },
            name: &name,
            trace_state: if number.is_multiple_of(10) { "vendor=1" } else { "" },
            status_message: &message,
            resource,
            scope,
            dropped_attributes_count: u32::from(number == 2),
            dropped_events_count: u32::from(number == 40),
            dropped_links_count: 0,
        });
    }
}

fn index_of(number: u64) -> usize {
    if number % 20 < 17 { 0 } else { cast::size(number % 20 - 16) }
}

fn push_attributes(builder: &mut SpanBatchBuilder, number: u64) {
    builder.attribute("http.request.method", ValueRef::String("GET"));
    builder.attribute("http.response.status_code", ValueRef::Int(200));
    if number.is_multiple_of(2) {
        let path = format!("/items/{number}");
        builder.attribute("url.path", ValueRef::String(&path));
        builder.attribute("cached", ValueRef::Bool(number.is_multiple_of(4)));
    }
    if number.is_multiple_of(5) {
        let float = [0.5, -0.0, f64::NAN, f64::INFINITY][cast::size(number / 5 % 4)];
        builder.attribute("load", ValueRef::Float(float));
        builder.attribute("empty", ValueRef::Empty);
        builder.attribute("blob", ValueRef::Bytes(&number.to_le_bytes()));
        let mut bytes = Vec::new();
        nested::encode(&Value::Array(vec![Value::Int(1), Value::Empty]), &mut bytes);
        builder.attribute("list", ValueRef::Array(&bytes));
        bytes.clear();
        nested::encode(&Value::Map(vec![("k".into(), Value::Bool(true))]), &mut bytes);
        builder.attribute("map", ValueRef::Map(&bytes));
    }
    if number.is_multiple_of(7) {
        // The same key in another type, and extremes.
        builder.attribute("http.response.status_code", ValueRef::String("ok"));
        builder.attribute(
            "size",
            ValueRef::Int(if number.is_multiple_of(2) { i64::MIN } else { i64::MAX }),
        );
    }
}

/// The id of a trace.
pub(super) fn trace_id(number: u64) -> TraceId {
    let high = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let low = high.wrapping_mul(0xd1b5_4a32_d192_ed03) | 1;
    TraceId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

/// The id of a span.
pub(super) fn span_id(number: u64) -> SpanId {
    SpanId((number.wrapping_add(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).to_be_bytes())
}
