//! A span of another dialect on its way into columns: what its walk found, in OpenTelemetry's terms.
//!
//! Filled by the walks of every dialect but OTLP, which has no need of it: tags of other dialects may say what belongs
//! into columns of its own, so a span is known only at its end. Texts are borrowed from the request until the builder
//! interns them. Invariant: a draft that is refused leaves nothing in the builder.

use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX, LINKS_MAX, Refusal, RejectReason};
use fanal_model::builder::LinkFields;
use fanal_model::{
    NotText, RawValue, SpanBatchBuilder, SpanFields, SpanId, SpanTexts, TraceId, ValueRef, raw,
};
use std::borrow::Cow;

/// A text that is not known to be UTF-8.
pub(crate) type RawText<'a> = Cow<'a, [u8]>;

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum DraftValue<'a> {
    Text(RawText<'a>),
    Bool(bool),
    Int(i64),
    Float(f64),
    Bytes(Cow<'a, [u8]>),
    /// In the encoding of [`fanal_model::nested`].
    Array(Vec<u8>),
    /// In the encoding of [`fanal_model::nested`].
    Map(Vec<u8>),
}

impl DraftValue<'_> {
    pub(crate) fn raw(&self) -> RawValue<'_> {
        match self {
            Self::Text(text) => RawValue::Text(text),
            Self::Bool(flag) => RawValue::Checked(ValueRef::Bool(*flag)),
            Self::Int(number) => RawValue::Checked(ValueRef::Int(*number)),
            Self::Float(number) => RawValue::Checked(ValueRef::Float(*number)),
            Self::Bytes(bytes) => RawValue::Checked(ValueRef::Bytes(bytes)),
            Self::Array(nested) => RawValue::Checked(ValueRef::Array(nested)),
            Self::Map(nested) => RawValue::Checked(ValueRef::Map(nested)),
        }
    }
}

/// An attribute. Where a key comes twice, the last value wins.
pub(crate) type DraftAttribute<'a> = (RawText<'a>, DraftValue<'a>);

/// An event.
#[derive(Debug, Clone, Default)]
pub(crate) struct DraftEvent<'a> {
    pub(crate) time_unix_nanos: u64,
    pub(crate) name: RawText<'a>,
    pub(crate) attributes: Vec<DraftAttribute<'a>>,
    pub(crate) dropped_attributes_count: u32,
}

/// A link.
#[derive(Debug, Clone, Default)]
pub(crate) struct DraftLink<'a> {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    pub(crate) trace_state: RawText<'a>,
    pub(crate) flags: u32,
    pub(crate) attributes: Vec<DraftAttribute<'a>>,
    pub(crate) dropped_attributes_count: u32,
}

/// A span. Resource and scope are codes that the builder gave.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft<'a> {
    /// Ids, times, kind, status, flags, counts, resource and scope; its texts are those beside it.
    pub(crate) fields: SpanFields<'static>,
    pub(crate) name: RawText<'a>,
    pub(crate) trace_state: RawText<'a>,
    pub(crate) status_message: RawText<'a>,
    pub(crate) attributes: Vec<DraftAttribute<'a>>,
    pub(crate) events: Vec<DraftEvent<'a>>,
    pub(crate) links: Vec<DraftLink<'a>>,
}

impl<'a> Draft<'a> {
    /// Makes ready for another span; buffers stay.
    pub(crate) fn clear(&mut self) {
        let Self { attributes, events, links, .. } = std::mem::take(self);
        (self.attributes, self.events, self.links) = (attributes, events, links);
        self.attributes.clear();
        self.events.clear();
        self.links.clear();
    }

    /// Adds an attribute.
    pub(crate) fn attribute(&mut self, key: impl Into<RawText<'a>>, value: DraftValue<'a>) {
        self.attributes.push((key.into(), value));
    }

    /// Ends the span. One that breaks a rule or a limit is refused and leaves nothing behind.
    pub(crate) fn finish(&self, builder: &mut SpanBatchBuilder) -> Result<(), Refusal> {
        let outcome = self.check().and_then(|()| self.write(builder).map_err(refusal));
        if outcome.is_err() {
            builder.abandon_span();
        }
        outcome
    }

    fn check(&self) -> Result<(), Refusal> {
        let limit = |reason: RejectReason, count: usize, max: usize| {
            if count > max { Err(Refusal::new(reason, count)) } else { Ok(()) }
        };
        if self.fields.trace_id == TraceId::default() {
            return Err(Refusal::new(RejectReason::ZeroTraceId, 0));
        }
        if self.fields.span_id == SpanId::default() {
            return Err(Refusal::new(RejectReason::ZeroSpanId, 0));
        }
        limit(RejectReason::EventCount, self.events.len(), EVENTS_MAX)?;
        limit(RejectReason::LinkCount, self.links.len(), LINKS_MAX)?;
        let of_events = self.events.iter().map(|event| event.attributes.len());
        let of_links = self.links.iter().map(|link| link.attributes.len());
        std::iter::once(self.attributes.len())
            .chain(of_events)
            .chain(of_links)
            .try_for_each(|count| limit(RejectReason::AttributeCount, count, ATTRIBUTES_MAX))
    }

    fn write(&self, builder: &mut SpanBatchBuilder) -> Result<(), NotText> {
        for (key, value) in &self.attributes {
            builder.raw_attribute(key, value.raw())?;
        }
        for event in &self.events {
            for (key, value) in &event.attributes {
                builder.raw_event_attribute(key, value.raw())?;
            }
            let dropped = event.dropped_attributes_count;
            builder.finish_raw_event(event.time_unix_nanos, &event.name, dropped)?;
        }
        for link in &self.links {
            for (key, value) in &link.attributes {
                builder.raw_link_attribute(key, value.raw())?;
            }
            builder.finish_link(LinkFields {
                trace_id: link.trace_id,
                span_id: link.span_id,
                trace_state: raw::text(&link.trace_state)?,
                flags: link.flags,
                dropped_attributes_count: link.dropped_attributes_count,
            });
        }
        let texts = SpanTexts {
            name: &self.name,
            trace_state: &self.trace_state,
            status_message: &self.status_message,
        };
        builder.finish_raw_span(&self.fields, &texts)
    }
}

fn refusal(error: NotText) -> Refusal {
    Refusal::new(RejectReason::Utf8, error.valid_up_to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::{IndexedBatch, Resource, Scope};
    use std::sync::Arc;

    fn draft(name: &'static [u8]) -> Draft<'static> {
        let fields = SpanFields {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            ..SpanFields::default()
        };
        let mut draft = Draft { fields, name: name.into(), ..Draft::default() };
        draft.attribute(b"key", DraftValue::Text(b"first".into()));
        draft.attribute(b"key", DraftValue::Int(7));
        let attributes = vec![(b"key"[..].into(), DraftValue::Bool(true))];
        draft.events.push(DraftEvent {
            name: b"event"[..].into(),
            attributes,
            ..Default::default()
        });
        draft.links.push(DraftLink { trace_id: TraceId([3; 16]), ..Default::default() });
        draft
    }

    fn builder() -> SpanBatchBuilder {
        let mut builder = SpanBatchBuilder::default();
        builder.intern_resource(&Resource::default());
        builder.intern_scope(&Scope::default());
        builder
    }

    #[test]
    fn a_draft_becomes_a_span() {
        let mut builder = builder();
        assert_eq!(draft(b"name").finish(&mut builder), Ok(()));
        assert_eq!(builder.duplicate_keys(), 1);
        let batch = IndexedBatch::new(Arc::new(builder.finish())).expect("valid");
        let span = batch.span(0);
        assert_eq!((span.name(), batch.len()), ("name", 1));
        assert_eq!(span.attribute("key"), Some(ValueRef::Int(7)));
        assert_eq!((span.events().count(), span.links().count()), (1, 1));
    }

    #[test]
    fn a_refused_draft_leaves_nothing() {
        let check = |draft: &Draft<'_>, expect: RejectReason| {
            let mut builder = builder();
            let refused = draft.finish(&mut builder).expect_err("refused");
            assert_eq!(refused.reason, expect);
            assert_eq!(super::tests::draft(b"next").finish(&mut builder), Ok(()));
            let batch = builder.finish();
            assert_eq!((batch.len(), batch.events.time_unix_nanos.len()), (1, 1));
            assert!(batch.validate().is_ok());
        };
        check(&draft(b"\xff"), RejectReason::Utf8);
        let mut broken = draft(b"name");
        broken.fields.span_id = SpanId::default();
        check(&broken, RejectReason::ZeroSpanId);
        let mut broken = draft(b"name");
        broken.links[0].trace_state = b"\xff"[..].into();
        check(&broken, RejectReason::Utf8);
        let mut broken = draft(b"name");
        broken.events.resize(EVENTS_MAX + 1, DraftEvent::default());
        check(&broken, RejectReason::EventCount);
    }
}
