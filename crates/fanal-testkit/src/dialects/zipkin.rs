//! Lists of spans of Zipkin's version 2, in JSON and in protobuf.
//!
//! Fields follow zipkin2-api.yaml and zipkin.proto of <https://github.com/openzipkin/zipkin-api>.

use super::service;
use crate::otlp::Message;
use crate::span::GeneratedSpan;
use fanal_model::{SpanKind, StatusCode};
use serde_json::{Map, Value as Json, json};

/// A JSON list.
pub(super) fn json(spans: &[&GeneratedSpan]) -> Vec<u8> {
    let spans: Vec<Json> = spans.iter().map(|span| json_span(span)).collect();
    Json::Array(spans).to_string().into_bytes()
}

fn json_span(span: &GeneratedSpan) -> Json {
    let mut fields = Map::new();
    fields.insert("traceId".to_owned(), span.trace_id.to_string().into());
    if !span.parent_span_id.is_zero() {
        fields.insert("parentId".to_owned(), span.parent_span_id.to_string().into());
    }
    fields.insert("id".to_owned(), span.span_id.to_string().into());
    if let Some((word, _)) = kind(span.kind) {
        fields.insert("kind".to_owned(), word.into());
    }
    fields.insert("name".to_owned(), span.name.clone().into());
    fields.insert("timestamp".to_owned(), micros(span.start_unix_nanos).into());
    fields.insert("duration".to_owned(), duration(span).into());
    fields.insert("localEndpoint".to_owned(), json!({"serviceName": service(span)}));
    let annotations: Vec<Json> = span
        .events
        .iter()
        .map(|event| json!({"timestamp": micros(event.time_unix_nanos), "value": event.name}))
        .collect();
    if !annotations.is_empty() {
        fields.insert("annotations".to_owned(), annotations.into());
    }
    let tags: Map<String, Json> =
        tags(span).into_iter().map(|(key, value)| (key, value.into())).collect();
    fields.insert("tags".to_owned(), tags.into());
    fields.into()
}

/// `ListOfSpans`.
pub(super) fn protobuf(spans: &[&GeneratedSpan]) -> Vec<u8> {
    let mut list = Message::default();
    spans.iter().for_each(|span| list.message(1, &protobuf_span(span)));
    list.bytes
}

fn protobuf_span(span: &GeneratedSpan) -> Message {
    let mut message = Message::default();
    message.bytes(1, &span.trace_id.0);
    if !span.parent_span_id.is_zero() {
        message.bytes(2, &span.parent_span_id.0);
    }
    message.bytes(3, &span.span_id.0);
    if let Some((_, number)) = kind(span.kind) {
        message.varint(4, number);
    }
    message.text(5, &span.name);
    message.fixed64(6, micros(span.start_unix_nanos));
    message.varint(7, duration(span));
    let mut endpoint = Message::default();
    endpoint.text(1, &service(span));
    message.message(8, &endpoint);
    for event in &span.events {
        let mut annotation = Message::default();
        annotation.fixed64(1, micros(event.time_unix_nanos));
        annotation.text(2, event.name);
        message.message(10, &annotation);
    }
    for (key, value) in tags(span) {
        let mut tag = Message::default();
        tag.text(1, &key);
        tag.text(2, &value);
        message.message(11, &tag);
    }
    message
}

/// The word and the number of a kind that Zipkin has.
fn kind(kind: SpanKind) -> Option<(&'static str, u64)> {
    match kind {
        SpanKind::Unspecified | SpanKind::Internal => None,
        SpanKind::Client => Some(("CLIENT", 1)),
        SpanKind::Server => Some(("SERVER", 2)),
        SpanKind::Producer => Some(("PRODUCER", 3)),
        SpanKind::Consumer => Some(("CONSUMER", 4)),
    }
}

/// The attributes as text, the process's among them, and what Zipkin has no field for.
fn tags(span: &GeneratedSpan) -> Vec<(String, String)> {
    let own = span.attributes.iter().map(|(key, value)| ((*key).to_owned(), value.to_text()));
    let resource = span.resource.attributes.iter().filter(|(key, _)| key != "service.name");
    let resource = resource.map(|(key, value)| (key.clone(), value.to_text()));
    let mut tags: Vec<_> = own.chain(resource).collect();
    tags.push(("otel.scope.name".to_owned(), span.scope.name.clone()));
    if span.status_code == StatusCode::Error {
        tags.push(("error".to_owned(), span.status_message.clone()));
    }
    tags
}

/// At least 1: 0 means that there is none.
fn duration(span: &GeneratedSpan) -> u64 {
    micros(span.end_unix_nanos.saturating_sub(span.start_unix_nanos)).max(1)
}

fn micros(nanos: u64) -> u64 {
    nanos / 1_000
}
