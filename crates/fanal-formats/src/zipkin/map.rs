//! The one mapping of Zipkin spans into the model, for every format and both versions.
//!
//! Fed by the walks. Names stay as sent. What the model has no field for becomes an attribute: `zipkin.shared` and
//! `zipkin.debug` (true), the IPv6 address of an endpoint that has both, `otel.zipkin.absentField.startTime`.
//! Invariant: every span is accepted or refused with a reason, alone.

use super::annotation::event;
use super::endpoint::Endpoint;
use super::fault::Fault;
use super::link::take_links;
use super::owners::Owners;
use super::span::ZipkinSpan;
use super::status::take_status;
use super::tags::{find, take, take_text};
use crate::decoded::{Decoded, Rejects};
use crate::draft::{Draft, DraftAttribute, DraftValue, RawText};
use fanal_model::peer::SHARED_KEY;
use fanal_model::{SpanBatchBuilder, SpanFields, SpanId, SpanKind};

/// Keys of attributes for what Zipkin knows and OpenTelemetry does not.
pub(super) const DEBUG: &str = "zipkin.debug";
/// Marks a start that was not sent.
pub(super) const START_ABSENT: &str = "otel.zipkin.absentField.startTime";

/// Keys of attributes that hold an endpoint.
pub(super) struct EndpointKeys {
    pub(super) address: &'static str,
    pub(super) port: &'static str,
    /// Of the second address, where there are two.
    pub(super) ipv6: &'static str,
}

pub(super) const LOCAL: EndpointKeys = EndpointKeys {
    address: "network.local.address",
    port: "network.local.port",
    ipv6: "zipkin.local_endpoint.ipv6",
};
pub(super) const REMOTE: EndpointKeys = EndpointKeys {
    address: "network.peer.address",
    port: "network.peer.port",
    ipv6: "zipkin.remote_endpoint.ipv6",
};
pub(super) const PEER_SERVICE: &str = "peer.service";

/// Takes spans one after the other.
#[derive(Debug, Default)]
pub(super) struct Mapper<'a> {
    builder: SpanBatchBuilder,
    owners: Owners,
    rejects: Rejects,
    draft: Draft<'a>,
    /// When the request arrived, for spans that tell no time at all.
    arrived_unix_nanos: u64,
}

impl<'a> Mapper<'a> {
    pub(super) fn new(arrived_unix_nanos: u64) -> Self {
        Self { arrived_unix_nanos, ..Self::default() }
    }

    /// Takes a span that begins at byte `offset` of the request.
    pub(super) fn span(&mut self, span: ZipkinSpan<'a>, offset: usize) {
        if let Err(fault) = self.map(span) {
            self.refuse(&fault, offset);
        }
    }

    /// Counts a span that its walk refused.
    #[cold]
    pub(super) fn refuse(&mut self, fault: &Fault, offset: usize) {
        let detail = || format!("{}, in the span at byte {offset}", fault.detail);
        self.rejects.add(fault.reason, 1, detail);
    }

    /// The outcome of the request.
    pub(super) fn finish(self) -> Decoded {
        let duplicate_keys = self.owners.duplicate_keys + self.builder.duplicate_keys();
        self.rejects.into_decoded(self.builder.finish(), duplicate_keys)
    }

    fn map(&mut self, span: ZipkinSpan<'a>) -> Result<(), Fault> {
        let ZipkinSpan { mut tags, local, remote, annotations, .. } = span;
        let Self { builder, owners, draft, arrived_unix_nanos, .. } = self;
        draft.clear();
        let kind = take_kind(span.kind, &mut tags);
        let (status, status_message) = take_status(&mut tags, span.version);
        let earliest =
            annotations.iter().map(|one| one.timestamp_micros).filter(|&micros| micros > 0);
        let micros =
            if span.timestamp_micros > 0 { Some(span.timestamp_micros) } else { earliest.min() };
        let start = micros.map_or(*arrived_unix_nanos, |micros| micros.saturating_mul(1_000));
        let is_own_parent = span.parent_id == span.id;
        draft.trace_state = take_text(&mut tags, "w3c.tracestate").unwrap_or_default();
        (draft.name, draft.status_message) = (span.name, status_message);
        take_links(&mut tags, &mut draft.links);
        draft.fields = SpanFields {
            trace_id: span.trace_id,
            span_id: span.id,
            parent_span_id: if is_own_parent { SpanId::default() } else { span.parent_id },
            start_unix_nanos: start,
            end_unix_nanos: start.saturating_add(span.duration_micros.saturating_mul(1_000)),
            kind: kind as u8,
            status_code: status as u8,
            scope: owners.take_scope(&mut tags, builder)?,
            ..SpanFields::default()
        };
        draft.events.extend(annotations.into_iter().map(|annotation| event(annotation, start)));
        let service_name = endpoint(local, &LOCAL, &tags, draft);
        draft.fields.resource = owners.take_resource(service_name, &mut tags, builder)?;
        let peer = endpoint(remote, &REMOTE, &tags, draft);
        if !peer.is_empty() && find(&tags, PEER_SERVICE).is_none() {
            draft.attribute(PEER_SERVICE.as_bytes(), DraftValue::Text(peer));
        }
        draft.attributes.append(&mut tags);
        let marks = [
            (SHARED_KEY, span.is_shared),
            (DEBUG, span.is_debug),
            (START_ABSENT, span.timestamp_micros == 0),
        ];
        for (key, _) in marks.into_iter().filter(|(_, is_set)| *is_set) {
            draft.attribute(key.as_bytes(), DraftValue::Bool(true));
        }
        Ok(draft.finish(builder)?)
    }
}

/// Zipkin has no internal kind; senders tell it by a tag, of which other words stay.
fn take_kind(kind: SpanKind, tags: &mut Vec<DraftAttribute<'_>>) -> SpanKind {
    const KEY: &str = "span.kind";
    let is_internal = kind == SpanKind::Unspecified
        && find(tags, KEY) == Some(&DraftValue::Text(b"internal"[..].into()));
    if is_internal {
        take(tags, KEY);
        return SpanKind::Internal;
    }
    kind
}

/// Adds address and port of an endpoint where no tag tells them, and gives its service.
fn endpoint<'a>(
    endpoint: Endpoint<'a>,
    keys: &EndpointKeys,
    tags: &[DraftAttribute<'a>],
    draft: &mut Draft<'a>,
) -> RawText<'a> {
    let Endpoint { service_name, ipv4, ipv6, port } = endpoint;
    let (address, second) = if ipv4.is_empty() { (ipv6, ipv4) } else { (ipv4, ipv6) };
    let mut add = |key: &'static str, value: DraftValue<'a>| {
        if find(tags, key).is_none() {
            draft.attribute(key.as_bytes(), value);
        }
    };
    if !address.is_empty() {
        add(keys.address, DraftValue::Text(address));
    }
    if !second.is_empty() {
        add(keys.ipv6, DraftValue::Text(second));
    }
    if port > 0 {
        add(keys.port, DraftValue::Int(port.into()));
    }
    service_name
}
