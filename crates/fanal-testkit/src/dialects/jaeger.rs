//! Batches of one process, in thrift and in protobuf.
//!
//! Fields follow jaeger.thrift, agent.thrift and model.proto of <https://github.com/jaegertracing/jaeger-idl>.

use super::compact::{Compact, Fields};
use super::{halves, service};
use crate::otlp::Message;
use crate::span::{GeneratedEvent, GeneratedSpan};
use fanal_model::{SpanKind, StatusCode, Value};

/// Flag of a sampled span.
const SAMPLED: i32 = 1;

/// A tag.
type Tag = (String, Value);

/// `emitBatch` of an agent: spans of one process.
pub(super) fn compact(spans: &[&GeneratedSpan]) -> Vec<u8> {
    let mut call = Compact::call("emitBatch");
    call.structure(|arguments| {
        arguments.structure(1, |batch| {
            batch.structure(1, |process| {
                process.binary(1, service(spans[0]).as_bytes());
                let tags = process_tags(spans[0]);
                process.list(2, tags.iter(), compact_tag);
            });
            batch.list(2, spans.iter(), |fields, span| compact_span(fields, span));
        });
    });
    call.bytes
}

fn compact_span(fields: &mut Fields<'_>, span: &GeneratedSpan) {
    let (high, low) = halves(span);
    fields.int64(1, low.cast_signed());
    fields.int64(2, high.cast_signed());
    fields.int64(3, i64::from_be_bytes(span.span_id.0));
    fields.int64(4, i64::from_be_bytes(span.parent_span_id.0));
    fields.binary(5, span.name.as_bytes());
    fields.int32(7, SAMPLED);
    fields.int64(8, micros(span.start_unix_nanos));
    fields.int64(9, micros(span.end_unix_nanos.saturating_sub(span.start_unix_nanos)));
    fields.list(10, tags(span).iter(), compact_tag);
    fields.list(11, span.events.iter(), |fields, event| {
        fields.int64(1, micros(event.time_unix_nanos));
        fields.list(2, log_fields(event).iter(), compact_tag);
    });
}

fn compact_tag(fields: &mut Fields<'_>, (key, value): &Tag) {
    fields.binary(1, key.as_bytes());
    match value {
        Value::Float(number) => {
            fields.int32(2, 1);
            fields.double(4, *number);
        }
        Value::Bool(flag) => {
            fields.int32(2, 2);
            fields.boolean(5, *flag);
        }
        Value::Int(number) => {
            fields.int32(2, 3);
            fields.int64(6, *number);
        }
        Value::Bytes(bytes) => {
            fields.int32(2, 4);
            fields.binary(7, bytes);
        }
        other => {
            fields.int32(2, 0);
            fields.binary(3, other.to_text().as_bytes());
        }
    }
}

/// `PostSpansRequest` of a collector: spans of one process.
pub(super) fn protobuf(spans: &[&GeneratedSpan]) -> Vec<u8> {
    let mut batch = Message::default();
    spans.iter().for_each(|span| batch.message(1, &protobuf_span(span)));
    let mut process = Message::default();
    process.text(1, &service(spans[0]));
    process_tags(spans[0]).iter().for_each(|tag| process.message(2, &protobuf_tag(tag)));
    batch.message(2, &process);
    let mut request = Message::default();
    request.message(1, &batch);
    request.bytes
}

fn protobuf_span(span: &GeneratedSpan) -> Message {
    let mut message = Message::default();
    message.bytes(1, &span.trace_id.0);
    message.bytes(2, &span.span_id.0);
    message.text(3, &span.name);
    if !span.parent_span_id.is_zero() {
        let mut reference = Message::default();
        reference.bytes(1, &span.trace_id.0);
        reference.bytes(2, &span.parent_span_id.0);
        message.message(4, &reference);
    }
    message.varint(5, u64::from(SAMPLED.unsigned_abs()));
    message.message(6, &seconds_and_nanos(span.start_unix_nanos));
    let length = span.end_unix_nanos.saturating_sub(span.start_unix_nanos);
    message.message(7, &seconds_and_nanos(length));
    tags(span).iter().for_each(|tag| message.message(8, &protobuf_tag(tag)));
    for event in &span.events {
        let mut log = Message::default();
        log.message(1, &seconds_and_nanos(event.time_unix_nanos));
        log_fields(event).iter().for_each(|tag| log.message(2, &protobuf_tag(tag)));
        message.message(9, &log);
    }
    message
}

fn protobuf_tag((key, value): &Tag) -> Message {
    let mut message = Message::default();
    message.text(1, key);
    match value {
        Value::Bool(flag) => {
            message.varint(2, 1);
            message.varint(4, u64::from(*flag));
        }
        Value::Int(number) => {
            message.varint(2, 2);
            message.varint(5, number.cast_unsigned());
        }
        Value::Float(number) => {
            message.varint(2, 3);
            message.fixed64(6, number.to_bits());
        }
        Value::Bytes(bytes) => {
            message.varint(2, 4);
            message.bytes(7, bytes);
        }
        other => message.text(3, &other.to_text()),
    }
    message
}

/// `google.protobuf.Timestamp` and `Duration`.
fn seconds_and_nanos(nanos: u64) -> Message {
    let mut message = Message::default();
    message.varint(1, nanos / 1_000_000_000);
    message.varint(2, nanos % 1_000_000_000);
    message
}

fn process_tags(span: &GeneratedSpan) -> Vec<Tag> {
    let attributes = span.resource.attributes.iter();
    attributes.filter(|(key, _)| key != "service.name").cloned().collect()
}

/// The attributes, and what Jaeger has no field for.
fn tags(span: &GeneratedSpan) -> Vec<Tag> {
    let text = |key: &str, value: &str| (key.to_owned(), Value::String(value.to_owned()));
    let attributes = span.attributes.iter();
    let mut tags: Vec<Tag> =
        attributes.map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    if span.kind != SpanKind::Unspecified {
        tags.push(text("span.kind", span.kind.as_str()));
    }
    if span.status_code == StatusCode::Error {
        tags.push(("error".to_owned(), Value::Bool(true)));
    }
    if !span.status_message.is_empty() {
        tags.push(text("otel.status_description", &span.status_message));
    }
    tags.push(text("otel.scope.name", &span.scope.name));
    tags
}

fn log_fields(event: &GeneratedEvent) -> Vec<Tag> {
    let name = ("event".to_owned(), Value::String(event.name.to_owned()));
    let attributes = event.attributes.iter();
    let attributes = attributes.map(|(key, value)| ((*key).to_owned(), value.clone()));
    std::iter::once(name).chain(attributes).collect()
}

fn micros(nanos: u64) -> i64 {
    (nanos / 1_000).cast_signed()
}
