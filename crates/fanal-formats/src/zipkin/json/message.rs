//! The spans of both versions as JSON objects: every field optional, null like absent, unknown keys ignored.
//!
//! Filled by serde from one object at a time, and turned into the spans that the mapping and the conversion take.

use super::super::endpoint::Endpoint;
use super::super::fault::Fault;
use super::super::id::{parent_id_of_hex, span_id_of_hex, trace_id_of_hex};
use super::super::span::{Annotation, ZipkinSpan, micros};
use super::super::v1::{V1Annotation, V1BinaryAnnotation, V1Span};
use super::tags::Tags;
use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX};
use crate::draft::RawText;
use crate::json::Integer;
use crate::json_value::{AnyValue, Bounded, Text, raw};
use fanal_model::{SpanId, SpanKind, TraceId};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct V2Message<'a> {
    #[serde(borrow)]
    trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    parent_id: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    timestamp: Option<Integer>,
    duration: Option<Integer>,
    #[serde(borrow)]
    local_endpoint: Option<EndpointMessage<'a>>,
    #[serde(borrow)]
    remote_endpoint: Option<EndpointMessage<'a>>,
    #[serde(borrow)]
    annotations: Option<Bounded<V2AnnotationMessage<'a>, EVENTS_MAX>>,
    #[serde(borrow)]
    tags: Option<Tags<'a>>,
    debug: Option<bool>,
    shared: Option<bool>,
    binary_annotations: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EndpointMessage<'a> {
    #[serde(borrow)]
    service_name: Option<Text<'a>>,
    #[serde(borrow)]
    ipv4: Option<Text<'a>>,
    #[serde(borrow)]
    ipv6: Option<Text<'a>>,
    port: Option<Integer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct V2AnnotationMessage<'a> {
    timestamp: Option<Integer>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct V1Message<'a> {
    #[serde(borrow)]
    trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    parent_id: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    timestamp: Option<Integer>,
    duration: Option<Integer>,
    debug: Option<bool>,
    #[serde(borrow)]
    annotations: Option<Bounded<V1AnnotationMessage<'a>, EVENTS_MAX>>,
    #[serde(borrow)]
    binary_annotations: Option<Bounded<V1BinaryAnnotationMessage<'a>, ATTRIBUTES_MAX>>,
    local_endpoint: Option<IgnoredAny>,
    remote_endpoint: Option<IgnoredAny>,
    tags: Option<IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct V1AnnotationMessage<'a> {
    timestamp: Option<Integer>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
    #[serde(borrow)]
    endpoint: Option<EndpointMessage<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct V1BinaryAnnotationMessage<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<AnyValue<'a>>,
    #[serde(borrow)]
    endpoint: Option<EndpointMessage<'a>>,
}

impl<'a> V2Message<'a> {
    /// Whether it has a field of version 1.
    pub(super) fn is_v1(&self) -> bool {
        self.binary_annotations.is_some()
    }

    pub(super) fn span(self) -> Result<ZipkinSpan<'a>, Fault> {
        let annotations = self.annotations.map(|list| list.0).unwrap_or_default();
        let annotations = annotations.into_iter().map(|annotation| {
            Ok(Annotation {
                timestamp_micros: time("timestamp of an annotation", annotation.timestamp)?,
                value: text(annotation.value),
            })
        });
        let (trace_id, id, parent_id) =
            ids(self.trace_id.as_ref(), self.id.as_ref(), self.parent_id.as_ref())?;
        Ok(ZipkinSpan {
            trace_id,
            id,
            parent_id,
            kind: kind(self.kind.as_ref())?,
            name: text(self.name),
            timestamp_micros: time("timestamp", self.timestamp)?,
            duration_micros: time("duration", self.duration)?,
            local: endpoint(self.local_endpoint)?,
            remote: endpoint(self.remote_endpoint)?,
            annotations: annotations.collect::<Result<_, Fault>>()?,
            tags: self.tags.unwrap_or_default().0,
            is_debug: self.debug == Some(true),
            is_shared: self.shared == Some(true),
            ..ZipkinSpan::default()
        })
    }
}

impl<'a> V1Message<'a> {
    /// Whether it has a field of version 2.
    pub(super) fn is_v2(&self) -> bool {
        self.local_endpoint.is_some() || self.remote_endpoint.is_some() || self.tags.is_some()
    }

    pub(super) fn span(self) -> Result<V1Span<'a>, Fault> {
        let (trace_id, id, parent_id) =
            ids(self.trace_id.as_ref(), self.id.as_ref(), self.parent_id.as_ref())?;
        let mut span = V1Span {
            trace_id,
            id,
            parent_id,
            name: text(self.name),
            timestamp_micros: time("timestamp", self.timestamp)?,
            duration_micros: time("duration", self.duration)?,
            is_debug: self.debug == Some(true),
            ..V1Span::default()
        };
        for annotation in self.annotations.map(|list| list.0).unwrap_or_default() {
            span.annotations.push(V1Annotation {
                timestamp_micros: time("timestamp of an annotation", annotation.timestamp)?,
                value: text(annotation.value),
                endpoint: endpoint(annotation.endpoint)?,
            });
        }
        for annotation in self.binary_annotations.map(|list| list.0).unwrap_or_default() {
            // Zipkin ignores what has no value.
            let Some(value) = annotation.value.and_then(|value| value.0) else { continue };
            let (key, endpoint) = (text(annotation.key), endpoint(annotation.endpoint)?);
            span.binary_annotations.push(V1BinaryAnnotation { key, value, endpoint });
        }
        Ok(span)
    }
}

/// Trace id, span id and parent.
fn ids(
    trace_id: Option<&Text<'_>>,
    id: Option<&Text<'_>>,
    parent_id: Option<&Text<'_>>,
) -> Result<(TraceId, SpanId, SpanId), Fault> {
    let trace_id = trace_id_of_hex(digits(trace_id))?;
    Ok((trace_id, span_id_of_hex(digits(id))?, parent_id_of_hex(digits(parent_id))?))
}

fn digits<'t>(text: Option<&'t Text<'_>>) -> &'t str {
    text.map_or("", |text| &text.0)
}

fn text(text: Option<Text<'_>>) -> RawText<'_> {
    text.map(|text| raw(text.0)).unwrap_or_default()
}

/// Microseconds; absent up to 0.
fn time(field: &str, number: Option<Integer>) -> Result<u64, Fault> {
    let number = number.map_or(0, |number| number.0);
    let signed = i64::try_from(number.max(0));
    let signed =
        signed.map_err(|_| Fault::malformed(format!("{field} {number} is out of range")))?;
    Ok(micros(signed))
}

fn kind(word: Option<&Text<'_>>) -> Result<SpanKind, Fault> {
    match word.map(|text| &*text.0) {
        None => Ok(SpanKind::Unspecified),
        Some("CLIENT") => Ok(SpanKind::Client),
        Some("SERVER") => Ok(SpanKind::Server),
        Some("PRODUCER") => Ok(SpanKind::Producer),
        Some("CONSUMER") => Ok(SpanKind::Consumer),
        Some(other) => {
            let other: String = other.chars().take(40).collect();
            let text = format!("kind `{other}` is not CLIENT, SERVER, PRODUCER or CONSUMER");
            Err(Fault::malformed(text))
        }
    }
}

fn endpoint(message: Option<EndpointMessage<'_>>) -> Result<Endpoint<'_>, Fault> {
    let mut endpoint = Endpoint::default();
    let Some(message) = message else { return Ok(endpoint) };
    endpoint.service_name = text(message.service_name);
    for address in [message.ipv4, message.ipv6].into_iter().flatten() {
        endpoint.put_address_text(address.0);
    }
    endpoint.put_port(message.port.map_or(0, |port| port.0))?;
    Ok(endpoint)
}
