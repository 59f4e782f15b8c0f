//! Generated spans in the older dialects, as their clients would send them.
//!
//! Fed with generated traces by the load program; tests read the bytes back with the formats crate, of which this is
//! independent. Encodes plainly: what it costs is not measured. Knows nothing of sockets.

mod compact;
mod datadog;
mod jaeger;
mod msgpack;
mod zipkin;

use crate::span::GeneratedSpan;
use std::sync::Arc;

/// Most bytes of a message that is sent as one datagram, as Jaeger's clients keep it.
const DATAGRAM_BYTES_MAX: usize = 65_000;

/// A dialect with one of its encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `emitBatch` in thrift's compact protocol: a datagram.
    JaegerCompact,
    /// `PostSpansRequest` in protobuf.
    JaegerProtobuf,
    /// Version 2 in JSON.
    ZipkinJson,
    /// Version 2 in protobuf.
    ZipkinProtobuf,
    /// Version 0.5 of the API of Datadog's agent, in `MessagePack`.
    DatadogV05,
}

/// One message of a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectMessage {
    /// As sent.
    pub bytes: Vec<u8>,
    /// Spans in it.
    pub span_count: u64,
}

impl Dialect {
    /// The messages that carry these spans: one, but for Jaeger, whose messages are of one process each and, as
    /// datagrams, of limited size. A span that is too large for a datagram of its own is sent in one all the same.
    pub fn encode(self, spans: &[&GeneratedSpan]) -> Vec<DialectMessage> {
        match self {
            Self::JaegerCompact => {
                by_process(spans).iter().flat_map(|spans| datagrams(spans)).collect()
            }
            Self::JaegerProtobuf => by_process(spans)
                .iter()
                .map(|spans| DialectMessage::of(jaeger::protobuf(spans), spans))
                .collect(),
            Self::ZipkinJson => vec![DialectMessage::of(zipkin::json(spans), spans)],
            Self::ZipkinProtobuf => vec![DialectMessage::of(zipkin::protobuf(spans), spans)],
            Self::DatadogV05 => vec![DialectMessage::of(datadog::v05(spans), spans)],
        }
    }
}

impl DialectMessage {
    fn of(bytes: Vec<u8>, spans: &[&GeneratedSpan]) -> Self {
        Self { bytes, span_count: fanal_base::cast::wide(spans.len()) }
    }
}

/// Halves what does not fit.
fn datagrams(spans: &[&GeneratedSpan]) -> Vec<DialectMessage> {
    let bytes = jaeger::compact(spans);
    if bytes.len() <= DATAGRAM_BYTES_MAX || spans.len() < 2 {
        return vec![DialectMessage::of(bytes, spans)];
    }
    let (first, second) = spans.split_at(spans.len() / 2);
    let mut messages = datagrams(first);
    messages.extend(datagrams(second));
    messages
}

/// Spans by their process, in the order of their first spans.
fn by_process<'a>(spans: &[&'a GeneratedSpan]) -> Vec<Vec<&'a GeneratedSpan>> {
    let mut groups: Vec<Vec<&GeneratedSpan>> = Vec::new();
    for &span in spans {
        let of_process =
            |group: &&mut Vec<&GeneratedSpan>| Arc::ptr_eq(&group[0].resource, &span.resource);
        match groups.iter_mut().find(of_process) {
            Some(group) => group.push(span),
            None => groups.push(vec![span]),
        }
    }
    groups
}

/// The service of a span.
fn service(span: &GeneratedSpan) -> String {
    let attributes = span.resource.attributes.iter();
    attributes
        .filter(|(key, _)| key == "service.name")
        .map(|(_, value)| value.to_text())
        .next()
        .unwrap_or_default()
}

/// Two halves of a trace id.
fn halves(span: &GeneratedSpan) -> (u64, u64) {
    let id = u128::from_be_bytes(span.trace_id.0);
    let low = id & u128::from(u64::MAX);
    (u64::try_from(id >> 64).unwrap_or(0), u64::try_from(low).unwrap_or(0))
}

#[cfg(test)]
mod tests;
