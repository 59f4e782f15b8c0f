//! Walks the events of a request: spans become rows, span events and links go to their spans.
//!
//! Called by receivers with a decompressed body. A span event or link whose span is not in the same request becomes a row
//! that names its parent, with all it carries, for what comes apart cannot wait for the rest. Invariant: one bad event
//! never fails its neighbours, and outcomes stand in the order of the events.

use super::event::{Event, Fault, Item, read_sample_rate, read_time};
use super::id::derived_span_id;
use super::response::Encoding;
use super::span::{Annotation, Ids, span_event, span_link, span_parts};
use super::{json, msgpack};
use crate::decoded::{
    DecodeError, Decoded, EVENTS_MAX, IdUnit, LINKS_MAX, REJECTS_MAX, Refusal, RejectReason,
    Rejects,
};
use crate::draft::{Draft, DraftValue, RawText};
use fanal_model::{Resource, Scope, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, raw};
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Most events of a batch: each has a line in the answer.
pub const BATCH_EVENTS_MAX: usize = 100_000;

const IN_DIGITS: IdUnit = IdUnit { name: "hex digits", per_byte: 2 };

/// What a request says beside its body.
#[derive(Debug, Clone, Copy)]
pub struct Context<'r> {
    /// The dataset; names the service of events that name none.
    pub dataset: &'r str,
    /// When the request arrived, in nanoseconds since the Unix epoch: the time of events that name none.
    pub arrival_unix_nanos: u64,
}

/// What headers say of a single event; empty where they say nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct SingleEvent<'r> {
    /// `X-Honeycomb-Event-Time`.
    pub time: &'r str,
    /// `X-Honeycomb-Samplerate`.
    pub sample_rate: &'r str,
}

/// A decoded batch.
#[derive(Debug)]
pub struct DecodedEvents {
    /// The spans.
    pub decoded: Decoded,
    /// Of each event in order: why it was refused, `None` where it was taken. After the first [`REJECTS_MAX`] refusals the
    /// reason alone.
    pub outcomes: Vec<Option<String>>,
}

/// Decodes a batch of events.
///
/// Fails only where the text is no list or has more than [`BATCH_EVENTS_MAX`] events; a broken event, or one that belongs
/// to no trace, is refused alone.
pub fn decode_batch(
    encoding: Encoding,
    bytes: &[u8],
    context: &Context<'_>,
) -> Result<DecodedEvents, DecodeError> {
    match encoding {
        Encoding::Json => {
            let items = json::items(bytes)?;
            check_count(items.len())?;
            Ok(decode_items(&items, context))
        }
        Encoding::Msgpack => {
            let items = msgpack::items(bytes)?;
            Ok(decode_items(&items, context))
        }
    }
}

/// Decodes a single event. An event that is refused is a reject, and not an error of the request.
pub fn decode_event(
    encoding: Encoding,
    bytes: &[u8],
    context: &Context<'_>,
    headers: SingleEvent<'_>,
) -> Result<Decoded, DecodeError> {
    Ok(match encoding {
        Encoding::Json => decode_item(json::event(bytes)?, context, headers),
        Encoding::Msgpack => decode_item(msgpack::event(bytes)?, context, headers),
    })
}

fn decode_item<'a>(
    item: impl Item<'a>,
    context: &Context<'_>,
    headers: SingleEvent<'_>,
) -> Decoded {
    let mut walk = Walk::new(context, 1);
    let outcome = item.read().and_then(|event| {
        let rate = Some(headers.sample_rate).filter(|text| !text.is_empty());
        let rate = rate.map(|text| DraftValue::Text(text.as_bytes().into()));
        let sample_rate = read_sample_rate(rate.as_ref())?;
        let time_unix_nanos = read_time(headers.time)?;
        walk.row(Event { time_unix_nanos, sample_rate, ..event }, item.bytes())
    });
    if let Err(fault) = outcome {
        walk.refuse(0, &fault);
    }
    walk.finish().decoded
}

/// Refuses a batch of too many events.
pub(super) fn check_count(events: usize) -> Result<(), DecodeError> {
    if events > BATCH_EVENTS_MAX {
        let limit = BATCH_EVENTS_MAX;
        return Err(DecodeError::TooMany { what: "events", count: events, limit });
    }
    Ok(())
}

fn decode_items<'a, I: Item<'a>>(items: &[I], context: &Context<'_>) -> DecodedEvents {
    let mut walk = Walk::new(context, items.len());
    let mut parts = SpanPartsSent::find(items);
    for (index, item) in items.iter().enumerate() {
        if !parts.is_one[index]
            && let Err(fault) = walk.span(*item, items, &mut parts)
        {
            walk.refuse(index, &fault);
        }
    }
    // Those whose span did not come.
    for (index, item) in items.iter().enumerate() {
        if parts.is_one[index]
            && !parts.is_attached[index]
            && let Err(fault) = item.read().and_then(|event| walk.row(event, item.bytes()))
        {
            walk.refuse(index, &fault);
        }
    }
    walk.finish()
}

/// Which items are span events and links, of which spans, and what became of them.
struct SpanPartsSent {
    is_one: Vec<bool>,
    is_attached: Vec<bool>,
    of_span: HashMap<(TraceId, SpanId), Vec<usize>, RandomState>,
}

impl SpanPartsSent {
    fn find<'a, I: Item<'a>>(items: &[I]) -> Self {
        let none = vec![false; items.len()];
        let mut found =
            Self { is_one: none.clone(), is_attached: none, of_span: HashMap::default() };
        for (index, item) in items.iter().enumerate() {
            if !item.may_be_annotation() {
                continue;
            }
            let Ok(Event { mut fields, .. }) = item.read() else { continue };
            found.is_one[index] = Annotation::of(&fields).is_some();
            if found.is_one[index]
                && let Some(ids) = Ids::take(&mut fields)
            {
                found.of_span.entry((ids.trace, ids.parent)).or_default().push(index);
            }
        }
        found
    }
}

struct Walk<'a, 'r> {
    context: &'r Context<'r>,
    builder: SpanBatchBuilder,
    draft: Draft<'a>,
    owners: Owners<'a>,
    rejects: Rejects,
    refused: usize,
    outcomes: Vec<Option<String>>,
}

/// The resource and the scope met last, with their codes: most requests have one of each.
#[derive(Default)]
struct Owners<'a> {
    resource: Option<(Option<RawText<'a>>, u32)>,
    scope: Option<((RawText<'a>, RawText<'a>), u32)>,
}

impl<'a, 'r> Walk<'a, 'r> {
    fn new(context: &'r Context<'r>, events: usize) -> Self {
        Self {
            context,
            builder: SpanBatchBuilder::default(),
            draft: Draft::default(),
            owners: Owners::default(),
            rejects: Rejects::default(),
            refused: 0,
            outcomes: vec![None; events],
        }
    }

    /// A span, with those of its events and links that are in the request.
    fn span<I: Item<'a>>(
        &mut self,
        item: I,
        items: &[I],
        parts: &mut SpanPartsSent,
    ) -> Result<(), Fault> {
        self.fill(item.read()?, item.bytes())?;
        let ids = (self.draft.fields.trace_id, self.draft.fields.span_id);
        let own = parts.of_span.remove(&ids).unwrap_or_default();
        let attached: Vec<usize> =
            own.into_iter().filter(|&index| self.attach(items[index])).collect();
        let outcome = self.draft.finish(&mut self.builder);
        if outcome.is_err() && !attached.is_empty() {
            // It may be for one of them, and then it is not the span's fault.
            self.draft.events.clear();
            self.draft.links.clear();
            return Ok(self.draft.finish(&mut self.builder)?);
        }
        attached.into_iter().for_each(|index| parts.is_attached[index] = true);
        Ok(outcome?)
    }

    /// Adds a span event or link to the draft, where it has room.
    fn attach<I: Item<'a>>(&mut self, item: I) -> bool {
        let Ok(mut event) = item.read() else { return false };
        let kind = Annotation::of(&event.fields);
        if Ids::take(&mut event.fields).is_none() {
            return false;
        }
        match kind {
            Some(Annotation::SpanEvent) if self.draft.events.len() < EVENTS_MAX => {
                let event = span_event(event, self.context.arrival_unix_nanos);
                self.draft.events.push(event);
                true
            }
            Some(Annotation::Link) if self.draft.links.len() < LINKS_MAX => {
                self.draft.links.push(span_link(event));
                true
            }
            _ => false,
        }
    }

    /// A row of its own.
    fn row(&mut self, event: Event<'a>, bytes: &[u8]) -> Result<(), Fault> {
        self.fill(event, bytes)?;
        Ok(self.draft.finish(&mut self.builder)?)
    }

    fn fill(&mut self, mut event: Event<'a>, bytes: &[u8]) -> Result<(), Fault> {
        self.draft.clear();
        let not_a_span = Refusal::new(RejectReason::NotASpan, 0);
        let ids = Ids::take(&mut event.fields).ok_or(not_a_span)?;
        let parts = span_parts(event, self.context.arrival_unix_nanos);
        self.draft.fields = SpanFields {
            trace_id: ids.trace,
            span_id: ids.span.unwrap_or_else(|| derived_span_id(bytes)),
            parent_span_id: ids.parent,
            start_unix_nanos: parts.start_unix_nanos,
            end_unix_nanos: parts.end_unix_nanos,
            kind: parts.kind as u8,
            status_code: parts.status as u8,
            resource: self.resource(parts.service)?,
            scope: self.scope(parts.scope_name, parts.scope_version)?,
            ..SpanFields::default()
        };
        self.draft.name = parts.name;
        self.draft.trace_state = parts.trace_state;
        self.draft.status_message = parts.status_message;
        self.draft.attributes = parts.fields.into_attributes();
        self.draft.links.extend(parts.link);
        Ok(())
    }

    fn resource(&mut self, service: Option<RawText<'a>>) -> Result<u32, Fault> {
        if let Some((known, code)) = &self.owners.resource
            && *known == service
        {
            return Ok(*code);
        }
        let dataset = self.context.dataset;
        let name = service.as_deref().map_or(Ok(dataset), text)?;
        let attribute = |key: &str, value: &str| (key.to_owned(), Value::String(value.to_owned()));
        let mut resource = Resource::default();
        resource.attributes.push(attribute("service.name", name));
        if name != dataset {
            resource.attributes.push(attribute("honeycomb.dataset", dataset));
        }
        let code = self.builder.intern_resource(&resource);
        self.owners.resource = Some((service, code));
        Ok(code)
    }

    fn scope(&mut self, name: RawText<'a>, version: RawText<'a>) -> Result<u32, Fault> {
        if let Some((known, code)) = &self.owners.scope
            && known.0 == name
            && known.1 == version
        {
            return Ok(*code);
        }
        let scope = Scope {
            name: text(&name)?.to_owned(),
            version: text(&version)?.to_owned(),
            ..Scope::default()
        };
        let code = self.builder.intern_scope(&scope);
        self.owners.scope = Some(((name, version), code));
        Ok(code)
    }

    fn refuse(&mut self, index: usize, fault: &Fault) {
        let (reason, detail) = match fault {
            Fault::Refused(refusal) => (refusal.reason, refusal.detail(IN_DIGITS)),
            Fault::Malformed(detail) => (RejectReason::Malformed, detail.clone()),
        };
        let is_listed = self.refused < REJECTS_MAX;
        self.refused += 1;
        let shown = if is_listed { &*detail } else { reason.as_str() };
        self.outcomes[index] = Some(shown.to_owned());
        self.rejects.add(reason, 1, || format!("{detail}, in event {index}"));
    }

    fn finish(self) -> DecodedEvents {
        let duplicate_keys = self.builder.duplicate_keys();
        let decoded = self.rejects.into_decoded(self.builder.finish(), duplicate_keys);
        DecodedEvents { decoded, outcomes: self.outcomes }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    raw::text(bytes)
        .map_err(|error| Fault::Refused(Refusal::new(RejectReason::Utf8, error.valid_up_to)))
}
