//! The spans of a trace as Jaeger shows them: in display order and, unless they are asked for raw, adjusted.
//!
//! Fed with assembled traces by every call that answers spans; the JSON and protobuf writers read what comes out. As
//! Jaeger does on read: a server's span that shares its id with its client gets an id of its own, attributes are sorted by
//! key and events by time, IPv4 addresses that were sent as integers are dotted, what an SDK says of itself moves to the
//! resource, links without a trace go. Clock skew is not corrected, which is Jaeger's default. Stored spans stay as they
//! are.

use crate::native::span::warnings;
use crate::refusal::Refusal;
use fanal_base::{ErrorKind, cast};
use fanal_model::builder::LinkFields;
use fanal_model::{
    IndexedBatch, Remap, Resource, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, SpanRef,
    TraceId, ValueRef,
};
use fanal_query::{Trace, TraceRow};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keys that belong to the resource although SDKs may set them on a span.
const RESOURCE_PREFIXES: [&str; 2] = ["telemetry.sdk.", "telemetry.distro."];

/// Keys whose integers are IPv4 addresses, which old clients sent as numbers.
const ADDRESS_KEYS: [&str; 2] = ["ip", "peer.ipv4"];

/// A trace as Jaeger shows it.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) trace_id: TraceId,
    /// In display order.
    pub(crate) spans: IndexedBatch,
    /// What is odd about each span.
    pub(crate) span_warnings: Vec<Vec<String>>,
    /// What is odd about the trace.
    pub(crate) warnings: Vec<String>,
    pub(crate) is_raw: bool,
}

impl Shown {
    /// Of a trace; `is_raw` leaves the spans as they are stored.
    pub(crate) fn of(trace: &Trace, is_raw: bool) -> Result<Self, Refusal> {
        let mut adjusting = Adjusting::new(trace);
        let spans = if is_raw { in_order(trace) } else { adjusting.spans() };
        let spans = IndexedBatch::new(Arc::new(spans)).map_err(|error| {
            tracing::error!("adjusting trace {} failed: {error}", trace.trace_id);
            Refusal::new(ErrorKind::Internal, "adjusting the trace failed; ask for it raw")
        })?;
        let mut span_warnings: Vec<Vec<String>> =
            rows(trace).map(|(_, row, span)| warnings(&span, row.is_cycle_broken)).collect();
        for (row, warning) in adjusting.warnings {
            span_warnings[row].push(warning);
        }
        Ok(Self {
            trace_id: trace.trace_id,
            spans,
            span_warnings,
            warnings: trace.warnings.clone(),
            is_raw,
        })
    }
}

/// Ordinal, row and span of every row that has one.
fn rows(trace: &Trace) -> impl Iterator<Item = (usize, &TraceRow, SpanRef<'_>)> {
    let rows = trace.rows.iter().enumerate();
    rows.filter_map(|(ordinal, row)| Some((ordinal, row, trace.spans.span(cast::index(row.span?)))))
}

fn in_order(trace: &Trace) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let mut remap = Remap::default();
    rows(trace).for_each(|(_, _, span)| builder.append_row(&trace.spans, &mut remap, span.row()));
    builder.finish()
}

struct Adjusting<'a> {
    trace: &'a Trace,
    builder: SpanBatchBuilder,
    /// By code of the trace's resources: the code of the sorted one, where met.
    resources: Vec<Option<u32>>,
    /// By row of the outcome.
    warnings: Vec<(usize, String)>,
}

impl<'a> Adjusting<'a> {
    fn new(trace: &'a Trace) -> Self {
        let resources = vec![None; trace.spans.resources().len()];
        Self { trace, builder: SpanBatchBuilder::default(), resources, warnings: Vec::new() }
    }

    fn spans(&mut self) -> SpanBatch {
        let trace = self.trace;
        let ids = ids_of_their_own(trace);
        for (ordinal, row, span) in rows(trace) {
            let parent = match row.parent {
                Some(parent) => ids[cast::index(parent)],
                None => span.parent_span_id(),
            };
            self.span(&span, ids[ordinal], parent);
        }
        self.builder.take()
    }

    fn span(&mut self, span: &SpanRef<'_>, span_id: SpanId, parent_span_id: SpanId) {
        let mut moved = Vec::new();
        let mut own = Vec::new();
        for (key, value) in span.attributes() {
            let is_moved = RESOURCE_PREFIXES.iter().any(|prefix| key.starts_with(prefix));
            if is_moved && self.may_move(span, key, &value) {
                moved.push((key, value));
            } else {
                own.push((key, value));
            }
        }
        let resource = self.resource(span, &moved);
        let scope = self.builder.intern_scope(span.scope());
        self.attributes(own, SpanBatchBuilder::attribute);
        let mut events: Vec<_> = span.events().collect();
        events.sort_by_key(fanal_model::EventRef::time_unix_nanos);
        for event in events {
            self.attributes(event.attributes().collect(), SpanBatchBuilder::event_attribute);
            let dropped = event.dropped_attributes_count();
            self.builder.finish_event(event.time_unix_nanos(), event.name(), dropped);
        }
        for link in span.links().filter(|link| !link.trace_id().is_zero()) {
            self.attributes(link.attributes().collect(), SpanBatchBuilder::link_attribute);
            self.builder.finish_link(LinkFields {
                trace_id: link.trace_id(),
                span_id: link.span_id(),
                trace_state: link.trace_state(),
                flags: link.flags(),
                dropped_attributes_count: link.dropped_attributes_count(),
            });
        }
        self.builder.finish_span(&SpanFields {
            trace_id: span.trace_id(),
            span_id,
            parent_span_id,
            start_unix_nanos: span.start_unix_nanos(),
            end_unix_nanos: span.end_unix_nanos(),
            kind: span.kind_number(),
            status_code: span.status_number(),
            flags: span.flags(),
            name: span.name(),
            trace_state: span.trace_state(),
            status_message: span.status_message(),
            resource,
            scope,
            dropped_attributes_count: span.dropped_attributes_count(),
            dropped_events_count: span.dropped_events_count(),
            dropped_links_count: span.dropped_links_count(),
        });
    }

    /// Whether the resource does not say otherwise; a warning where it does.
    fn may_move(&mut self, span: &SpanRef<'_>, key: &str, value: &ValueRef<'_>) -> bool {
        let may = span.resource().attribute(key).is_none_or(|known| *known == value.to_value());
        if !may {
            let warning = format!("attribute {key} differs between the span and its resource");
            self.warnings.push((self.builder.len(), warning));
        }
        may
    }

    fn attributes(
        &mut self,
        mut attributes: Vec<(&str, ValueRef<'_>)>,
        push: fn(&mut SpanBatchBuilder, &str, ValueRef<'_>),
    ) {
        attributes.sort_by_key(|(key, _)| *key);
        for (key, value) in attributes {
            match dotted(key, &value) {
                Some(text) => push(&mut self.builder, key, ValueRef::String(&text)),
                None => push(&mut self.builder, key, value),
            }
        }
    }

    /// The code of the span's resource, sorted, with what moved there.
    fn resource(&mut self, span: &SpanRef<'_>, moved: &[(&str, ValueRef<'_>)]) -> u32 {
        let code = cast::index(self.trace.spans.batch().resources.codes[span.row()]);
        if let Some(code) = self.resources[code]
            && moved.is_empty()
        {
            return code;
        }
        let mut resource: Resource = span.resource().clone();
        for (key, value) in moved {
            if resource.attribute(key).is_none() {
                resource.attributes.push(((*key).to_owned(), value.to_value()));
            }
        }
        for (key, value) in &mut resource.attributes {
            if let fanal_model::Value::Int(number) = value
                && let Some(text) = dotted(key, &ValueRef::Int(*number))
            {
                *value = fanal_model::Value::String(text);
            }
        }
        resource.attributes.sort_by(|left, right| left.0.cmp(&right.0));
        let interned = self.builder.intern_resource(&resource);
        if moved.is_empty() {
            self.resources[code] = Some(interned);
        }
        interned
    }
}

/// By ordinal of the rows: the id of the span. Where a server's span hangs under the client's span of the same id, one
/// that no other span of the trace has.
pub(crate) fn ids_of_their_own(trace: &Trace) -> Vec<SpanId> {
    let mut ids: Vec<SpanId> = trace.rows.iter().map(|row| row.span_id).collect();
    let is_shared = |row: &TraceRow| {
        let parent = row.parent.map(|parent| &trace.rows[cast::index(parent)]);
        row.span.is_some()
            && parent.is_some_and(|parent| parent.span.is_some() && parent.span_id == row.span_id)
    };
    let mut taken = BTreeSet::new();
    for (ordinal, row) in trace.rows.iter().enumerate().filter(|(_, row)| is_shared(row)) {
        if taken.is_empty() {
            taken = trace.rows.iter().map(|row| row.span_id).collect();
        }
        let mut next = u64::from_be_bytes(row.span_id.0);
        while next == 0 || taken.contains(&SpanId(next.to_be_bytes())) {
            next = next.wrapping_add(1);
        }
        ids[ordinal] = SpanId(next.to_be_bytes());
        taken.insert(ids[ordinal]);
    }
    ids
}

/// An IPv4 address that was sent as an integer, in dotted form.
fn dotted(key: &str, value: &ValueRef<'_>) -> Option<String> {
    let ValueRef::Int(number) = value else { return None };
    if !ADDRESS_KEYS.contains(&key) {
        return None;
    }
    // Clients without unsigned integers sent the upper half negative.
    let number = u32::try_from(*number)
        .ok()
        .or_else(|| i32::try_from(*number).ok().map(i32::cast_unsigned))?;
    Some(std::net::Ipv4Addr::from(number).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{Scope, Value};

    #[test]
    fn addresses_are_dotted() {
        let check = |key: &str, value: ValueRef<'_>, expect: Option<&str>| {
            assert_eq!(dotted(key, &value).as_deref(), expect, "{key} {value:?}");
        };
        check("ip", ValueRef::Int(0x7f00_0001), Some("127.0.0.1"));
        check("peer.ipv4", ValueRef::Int(-1_062_731_775), Some("192.168.0.1"));
        check("peer.ipv4", ValueRef::String("10.0.0.1"), None);
        check("ip", ValueRef::Int(i64::MAX), None);
        check("port", ValueRef::Int(80), None);
    }

    /// A trace of spans by id, parent (0 for none) and OTLP kind; starts follow from the order.
    fn trace(spans: &[(u8, u8, u8)]) -> Trace {
        let mut builder = SpanBatchBuilder::default();
        let attributes = vec![("telemetry.sdk.name".to_owned(), Value::String("a".to_owned()))];
        let resource = builder.intern_resource(&Resource { attributes, ..Resource::default() });
        let scope = builder.intern_scope(&Scope::default());
        for (start, &(id, parent, kind)) in (1..).zip(spans) {
            builder.attribute(
                "telemetry.sdk.name",
                ValueRef::String(["a", "b"][usize::from(id == 9)]),
            );
            builder.attribute("telemetry.sdk.version", ValueRef::String("1"));
            builder.finish_span(&SpanFields {
                trace_id: TraceId([1; 16]),
                span_id: SpanId([0, 0, 0, 0, 0, 0, 0, id]),
                parent_span_id: SpanId([0, 0, 0, 0, 0, 0, 0, parent]),
                start_unix_nanos: start,
                end_unix_nanos: start,
                kind,
                resource,
                scope,
                ..SpanFields::default()
            });
        }
        Trace::build(TraceId([1; 16]), builder.finish(), Vec::new()).expect("decodes")
    }

    #[test]
    fn servers_that_share_an_id_get_their_own() {
        const SERVER: u8 = 2;
        const CLIENT: u8 = 3;
        let check = |spans: &[(u8, u8, u8)], is_raw: bool, expect: &[(u8, u8)]| {
            let shown = Shown::of(&trace(spans), is_raw).expect("adjusted");
            let ids: Vec<(u8, u8)> = shown
                .spans
                .spans()
                .map(|span| (span.span_id().0[7], span.parent_span_id().0[7]))
                .collect();
            assert_eq!(ids, expect, "{spans:?}");
        };
        let shared = [(1, 0, SERVER), (2, 1, CLIENT), (2, 1, SERVER), (3, 2, CLIENT), (4, 7, 1)];
        check(&shared, false, &[(1, 0), (2, 1), (5, 2), (3, 5), (4, 7)]);
        check(&shared, true, &[(1, 0), (2, 1), (2, 1), (3, 2), (4, 7)]);
        check(&[(1, 0, CLIENT), (1, 0, SERVER)], false, &[(1, 0), (2, 1)]);
        check(&[(1, 0, 1), (2, 1, 1), (2, 1, 1)], false, &[(1, 0), (2, 1), (2, 1)]);
    }

    #[test]
    fn what_an_sdk_says_of_itself_moves_unless_the_resource_says_otherwise() {
        let shown = Shown::of(&trace(&[(1, 0, 1), (9, 1, 1)]), false).expect("adjusted");
        let keys = |row: usize| -> Vec<&str> {
            let span = shown.spans.span(row);
            let own = span.attributes().map(|(key, _)| key);
            own.chain(["|"])
                .chain(span.resource().attributes.iter().map(|(key, _)| key.as_str()))
                .collect()
        };
        assert_eq!(keys(0), ["|", "telemetry.sdk.name", "telemetry.sdk.version"]);
        assert_eq!(
            keys(1),
            ["telemetry.sdk.name", "|", "telemetry.sdk.name", "telemetry.sdk.version"]
        );
        assert_eq!(shown.span_warnings[0], [""; 0]);
        assert_eq!(
            shown.span_warnings[1],
            ["attribute telemetry.sdk.name differs between the span and its resource"]
        );
    }
}
