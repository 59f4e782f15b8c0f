//! Generated spans as the bytes of an OTLP `ExportTraceServiceRequest`, with marks on what differs from trace to trace.
//!
//! Field numbers follow <https://github.com/open-telemetry/opentelemetry-proto> (1.x). Independent of the formats
//! crate on purpose: a test that sends these bytes checks that crate's reader against a second writer.

use crate::span::{GeneratedSpan, kind_code, status_code};
use fanal_base::cast;
use fanal_model::nested::write_varint;
use fanal_model::{Resource, Scope, Value};
use std::sync::Arc;

/// Attributes whose text differs from trace to trace.
const VARYING_KEYS: [&str; 8] = [
    "client.address",
    "db.query.text",
    "messaging.message.id",
    "network.peer.address",
    "session.id",
    "url.full",
    "url.path",
    "user.id",
];

/// Digits that a varying run has at least, so that versions and statuses stay.
const VARYING_DIGITS_MIN: usize = 8;

/// The body of a request with these spans, grouped by resource and then scope in the order of their first spans.
pub fn encode_request<'a>(spans: impl IntoIterator<Item = &'a GeneratedSpan>) -> Vec<u8> {
    encode_marked(spans).bytes
}

/// What lies at a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkKind {
    /// 16 bytes.
    TraceId,
    /// 8 bytes.
    SpanId,
    /// 8 bytes, little endian nanoseconds.
    Time,
    /// So many ASCII digits, hex ones if some letter is there; equal runs have equal hashes.
    Digits { count: usize, is_hex: bool, hash: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) offset: usize,
    pub(crate) kind: MarkKind,
}

/// A message being written.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) bytes: Vec<u8>,
    pub(crate) marks: Vec<Mark>,
}

impl Message {
    fn tag(&mut self, field: u64, wire_type: u64) {
        write_varint(field << 3 | wire_type, &mut self.bytes);
    }

    pub(crate) fn varint(&mut self, field: u64, value: u64) {
        self.tag(field, 0);
        write_varint(value, &mut self.bytes);
    }

    pub(crate) fn fixed64(&mut self, field: u64, value: u64) {
        self.tag(field, 1);
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bytes(&mut self, field: u64, value: &[u8]) {
        self.tag(field, 2);
        write_varint(cast::wide(value.len()), &mut self.bytes);
        self.bytes.extend_from_slice(value);
    }

    /// Bytes that are left out when empty, as protobuf's defaults are.
    pub(crate) fn text(&mut self, field: u64, value: &str) {
        if !value.is_empty() {
            self.bytes(field, value.as_bytes());
        }
    }

    pub(crate) fn message(&mut self, field: u64, inner: &Self) {
        self.bytes(field, &inner.bytes);
        let base = self.bytes.len() - inner.bytes.len();
        let moved = inner.marks.iter().map(|mark| Mark { offset: base + mark.offset, ..*mark });
        self.marks.extend(moved);
    }

    /// Marks the `length` bytes written last.
    fn mark_last(&mut self, length: usize, kind: MarkKind) {
        self.marks.push(Mark { offset: self.bytes.len() - length, kind });
    }
}

pub(crate) fn encode_marked<'a>(spans: impl IntoIterator<Item = &'a GeneratedSpan>) -> Message {
    let mut request = Message::default();
    for group in grouped(spans.into_iter().collect(), |span| Arc::as_ptr(&span.resource)) {
        let Some(&first) = group.first() else { continue };
        let mut resource_spans = Message::default();
        resource_spans.message(1, &resource(&first.resource));
        for group in grouped(group, |span| Arc::as_ptr(&span.scope)) {
            let Some(first) = group.first() else { continue };
            let mut scope_spans = Message::default();
            scope_spans.message(1, &scope(&first.scope));
            group.iter().for_each(|one| scope_spans.message(2, &span(one)));
            scope_spans.text(3, &first.scope.schema_url);
            resource_spans.message(2, &scope_spans);
        }
        resource_spans.text(3, &first.resource.schema_url);
        request.message(1, &resource_spans);
    }
    request
}

/// Spans by what they share, groups in the order of their first spans.
fn grouped<T>(
    spans: Vec<&GeneratedSpan>,
    shared: impl Fn(&GeneratedSpan) -> *const T,
) -> Vec<Vec<&GeneratedSpan>> {
    let mut groups: Vec<(*const T, Vec<&GeneratedSpan>)> = Vec::new();
    for span in spans {
        let key = shared(span);
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(span),
            None => groups.push((key, vec![span])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn resource(resource: &Resource) -> Message {
    let mut message = Message::default();
    resource.attributes.iter().for_each(|(key, value)| attribute(&mut message, 1, key, value));
    message
}

fn scope(scope: &Scope) -> Message {
    let mut message = Message::default();
    message.text(1, &scope.name);
    message.text(2, &scope.version);
    scope.attributes.iter().for_each(|(key, value)| attribute(&mut message, 3, key, value));
    message
}

fn span(span: &GeneratedSpan) -> Message {
    let mut message = Message::default();
    message.bytes(1, &span.trace_id.0);
    message.mark_last(16, MarkKind::TraceId);
    message.bytes(2, &span.span_id.0);
    message.mark_last(8, MarkKind::SpanId);
    message.text(3, &span.trace_state);
    if !span.parent_span_id.is_zero() {
        message.bytes(4, &span.parent_span_id.0);
        message.mark_last(8, MarkKind::SpanId);
    }
    message.text(5, &span.name);
    message.varint(6, u64::from(kind_code(span.kind)));
    message.fixed64(7, span.start_unix_nanos);
    message.mark_last(8, MarkKind::Time);
    message.fixed64(8, span.end_unix_nanos);
    message.mark_last(8, MarkKind::Time);
    span.attributes.iter().for_each(|(key, value)| attribute(&mut message, 9, key, value));
    for event in &span.events {
        let mut inner = Message::default();
        inner.fixed64(1, event.time_unix_nanos);
        inner.mark_last(8, MarkKind::Time);
        inner.text(2, event.name);
        event.attributes.iter().for_each(|(key, value)| attribute(&mut inner, 3, key, value));
        message.message(11, &inner);
    }
    for link in &span.links {
        let mut inner = Message::default();
        inner.bytes(1, &link.trace_id.0);
        inner.mark_last(16, MarkKind::TraceId);
        inner.bytes(2, &link.span_id.0);
        inner.mark_last(8, MarkKind::SpanId);
        link.attributes.iter().for_each(|(key, value)| attribute(&mut inner, 4, key, value));
        inner.tag(6, 5);
        inner.bytes.extend_from_slice(&link.flags.to_le_bytes());
        message.message(13, &inner);
    }
    let code = status_code(span.status_code);
    if code != 0 {
        let mut status = Message::default();
        status.text(2, &span.status_message);
        status.varint(3, u64::from(code));
        message.message(15, &status);
    }
    message.tag(16, 5);
    message.bytes.extend_from_slice(&span.flags.to_le_bytes());
    message
}

fn attribute(message: &mut Message, field: u64, key: &str, value: &Value) {
    let mut inner = Message::default();
    inner.bytes(1, key.as_bytes());
    let mut any = any_value(value);
    if let (Value::String(text), true) = (value, VARYING_KEYS.contains(&key)) {
        mark_digits(&mut any, text);
    }
    inner.message(2, &any);
    message.message(field, &inner);
}

/// Marks the long runs of digits of a text that was just written.
fn mark_digits(message: &mut Message, text: &str) {
    let base = message.bytes.len() - text.len();
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut start = 0;
    for run in text.as_bytes().split_inclusive(|byte| !is_digit(byte)) {
        let count = run.iter().filter(|byte| is_digit(byte)).count();
        let is_hex = run[..count].iter().any(u8::is_ascii_lowercase);
        if count >= VARYING_DIGITS_MIN {
            let fold =
                |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            let hash = run[..count].iter().fold(0xcbf2_9ce4_8422_2325, fold);
            let kind = MarkKind::Digits { count, is_hex, hash };
            message.marks.push(Mark { offset: base + start, kind });
        }
        start += run.len();
    }
}

/// Depth is that of the generator's own values.
fn any_value(value: &Value) -> Message {
    let mut any = Message::default();
    match value {
        Value::Empty => {}
        Value::String(text) => any.bytes(1, text.as_bytes()),
        Value::Bool(flag) => any.varint(2, u64::from(*flag)),
        Value::Int(number) => any.varint(3, number.cast_unsigned()),
        Value::Float(number) => any.fixed64(4, number.to_bits()),
        Value::Array(values) => {
            let mut list = Message::default();
            values.iter().for_each(|value| list.message(1, &any_value(value)));
            any.message(5, &list);
        }
        Value::Map(entries) => {
            let mut map = Message::default();
            entries.iter().for_each(|(key, value)| attribute(&mut map, 1, key, value));
            any.message(6, &map);
        }
        Value::Bytes(bytes) => any.bytes(7, bytes),
    }
    any
}
