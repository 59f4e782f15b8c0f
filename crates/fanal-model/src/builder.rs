//! Builds a `SpanBatch` span by span from decoded fields. (Rows of other batches: see `append`.)
//!
//! Order of calls for a span: attributes, events and links in any order, then [`SpanBatchBuilder::finish_span`]
//! or [`SpanBatchBuilder::abandon_span`], which takes everything of the open span back.

use crate::attribute_builder::AttributeTableBuilder;
use crate::batch::{EventTable, LinkTable, SpanBatch};
use crate::column::SparseColumn;
use crate::dictionary::{DictionaryBuilder, Drain, GiveUp};
use crate::id::{SpanId, TraceId};
use crate::raw::{NotText, RawValue};
use crate::resource::{Resource, Scope};
use crate::value::ValueRef;
use fanal_base::cast;

/// The fields of a span that are no lists. Times are nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanFields<'a> {
    /// Trace id, not zero.
    pub trace_id: TraceId,
    /// Span id, not zero.
    pub span_id: SpanId,
    /// Parent, zero for a root.
    pub parent_span_id: SpanId,
    /// Start.
    pub start_unix_nanos: u64,
    /// End as sent.
    pub end_unix_nanos: u64,
    /// OTLP number.
    pub kind: u8,
    /// OTLP number.
    pub status_code: u8,
    /// OTLP flags.
    pub flags: u32,
    /// Span name.
    pub name: &'a str,
    /// W3C trace state.
    pub trace_state: &'a str,
    /// Status text.
    pub status_message: &'a str,
    /// From [`SpanBatchBuilder::intern_resource`].
    pub resource: u32,
    /// From [`SpanBatchBuilder::intern_scope`].
    pub scope: u32,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
    /// Events that the sender dropped.
    pub dropped_events_count: u32,
    /// Links that the sender dropped.
    pub dropped_links_count: u32,
}

/// The texts of a span, not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpanTexts<'a> {
    /// Span name.
    pub name: &'a [u8],
    /// W3C trace state.
    pub trace_state: &'a [u8],
    /// Status text.
    pub status_message: &'a [u8],
}

/// The fields of a link that are no lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkFields<'a> {
    /// The linked trace.
    pub trace_id: TraceId,
    /// The linked span.
    pub span_id: SpanId,
    /// W3C trace state.
    pub trace_state: &'a str,
    /// OTLP flags.
    pub flags: u32,
    /// Attributes that the sender dropped.
    pub dropped_attributes_count: u32,
}

/// Builds a batch.
#[derive(Debug, Default)]
pub struct SpanBatchBuilder {
    batch: SpanBatch,
    pub(crate) names: DictionaryBuilder,
    pub(crate) trace_states: DictionaryBuilder,
    pub(crate) status_messages: DictionaryBuilder,
    pub(crate) resources: DictionaryBuilder,
    pub(crate) scopes: DictionaryBuilder,
    pub(crate) attributes: AttributeTableBuilder,
    pub(crate) event_names: DictionaryBuilder,
    pub(crate) event_attributes: AttributeTableBuilder,
    pub(crate) link_states: DictionaryBuilder,
    pub(crate) link_attributes: AttributeTableBuilder,
}

impl SpanBatchBuilder {
    /// A builder of one batch after the other, each the content of a request: [`SpanBatchBuilder::take`] gives it, and the
    /// builder remembers what the next one is likely to have.
    pub fn for_requests() -> Self {
        let table = || AttributeTableBuilder::new(GiveUp::SMALL);
        Self {
            attributes: table(),
            event_attributes: table(),
            link_attributes: table(),
            ..Self::default()
        }
    }

    /// Finished spans.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether no span is finished.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The code of a resource for [`SpanFields::resource`].
    pub fn intern_resource(&mut self, resource: &Resource) -> u32 {
        self.resources.intern(&resource.encode())
    }

    /// Like [`SpanBatchBuilder::intern_resource`], of the bytes that [`Resource::encode`] gave.
    pub fn intern_resource_bytes(&mut self, encoded: &[u8]) -> u32 {
        self.resources.intern(encoded)
    }

    /// Like [`SpanBatchBuilder::intern_scope`], of the bytes that [`Scope::encode`] gave.
    pub fn intern_scope_bytes(&mut self, encoded: &[u8]) -> u32 {
        self.scopes.intern(encoded)
    }

    /// The code of a scope for [`SpanFields::scope`].
    pub fn intern_scope(&mut self, scope: &Scope) -> u32 {
        self.scopes.intern(&scope.encode())
    }

    /// Adds an attribute to the open span.
    #[inline]
    pub fn attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.attributes.push(key, value);
    }

    /// Like [`SpanBatchBuilder::attribute`]. Where key or value is no text, nothing is added.
    #[inline]
    pub fn raw_attribute(&mut self, key: &[u8], value: RawValue<'_>) -> Result<(), NotText> {
        self.attributes.push_raw(key, value)
    }

    /// Like [`SpanBatchBuilder::event_attribute`]. Where key or value is no text, nothing is added.
    pub fn raw_event_attribute(&mut self, key: &[u8], value: RawValue<'_>) -> Result<(), NotText> {
        self.event_attributes.push_raw(key, value)
    }

    /// Like [`SpanBatchBuilder::link_attribute`]. Where key or value is no text, nothing is added.
    pub fn raw_link_attribute(&mut self, key: &[u8], value: RawValue<'_>) -> Result<(), NotText> {
        self.link_attributes.push_raw(key, value)
    }

    /// Adds an attribute to the event that [`SpanBatchBuilder::finish_event`] will end.
    pub fn event_attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.event_attributes.push(key, value);
    }

    /// Adds an attribute to the link that [`SpanBatchBuilder::finish_link`] will end.
    pub fn link_attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.link_attributes.push(key, value);
    }

    /// Ends an event of the open span.
    pub fn finish_event(&mut self, time_unix_nanos: u64, name: &str, dropped_attributes: u32) {
        self.event_names.push(name.as_bytes());
        self.push_event_row(time_unix_nanos, dropped_attributes);
        self.event_attributes.finish_row();
    }

    /// Like [`SpanBatchBuilder::finish_event`]. Where the name is no text, the event stays open.
    pub fn finish_raw_event(
        &mut self,
        time_unix_nanos: u64,
        name: &[u8],
        dropped_attributes: u32,
    ) -> Result<(), NotText> {
        let name = self.event_names.intern_text(name)?;
        self.event_names.push_code(name);
        self.push_event_row(time_unix_nanos, dropped_attributes);
        self.event_attributes.finish_row();
        Ok(())
    }

    pub(crate) fn push_event_row(&mut self, time_unix_nanos: u64, dropped_attributes: u32) {
        let events = &mut self.batch.events;
        events.dropped_attributes_counts.set(events.time_unix_nanos.len(), dropped_attributes);
        events.time_unix_nanos.push(time_unix_nanos);
    }

    /// Ends a link of the open span.
    pub fn finish_link(&mut self, link: LinkFields<'_>) {
        self.link_states.push(link.trace_state.as_bytes());
        self.push_link_row(link);
        self.link_attributes.finish_row();
    }

    pub(crate) fn push_link_row(&mut self, link: LinkFields<'_>) {
        let links = &mut self.batch.links;
        links.dropped_attributes_counts.set(links.flags.len(), link.dropped_attributes_count);
        links.trace_ids.push(link.trace_id);
        links.span_ids.push(link.span_id);
        links.flags.push(link.flags);
    }

    /// Ends the open span.
    pub fn finish_span(&mut self, span: &SpanFields<'_>) {
        self.names.push(span.name.as_bytes());
        self.trace_states.push(span.trace_state.as_bytes());
        self.status_messages.push(span.status_message.as_bytes());
        self.finish_row(span);
    }

    /// Like [`SpanBatchBuilder::finish_span`] with `texts` for those of `span`. Where one is no text, the span stays open.
    #[inline]
    pub fn finish_raw_span(
        &mut self,
        span: &SpanFields<'_>,
        texts: &SpanTexts<'_>,
    ) -> Result<(), NotText> {
        let name = self.names.intern_text(texts.name)?;
        let trace_state = self.trace_states.intern_text(texts.trace_state)?;
        let status_message = self.status_messages.intern_text(texts.status_message)?;
        self.names.push_code(name);
        self.trace_states.push_code(trace_state);
        self.status_messages.push_code(status_message);
        self.finish_row(span);
        Ok(())
    }

    #[inline]
    fn finish_row(&mut self, span: &SpanFields<'_>) {
        self.resources.push_code(span.resource);
        self.scopes.push_code(span.scope);
        self.attributes.finish_row();
        self.push_span_row(span);
    }

    pub(crate) fn push_span_row(&mut self, span: &SpanFields<'_>) {
        let batch = &mut self.batch;
        let row = batch.trace_ids.len();
        batch.trace_ids.push(span.trace_id);
        batch.span_ids.push(span.span_id);
        batch.parent_span_ids.push(span.parent_span_id);
        batch.start_unix_nanos.push(span.start_unix_nanos);
        batch.end_unix_nanos.push(span.end_unix_nanos);
        batch.kinds.push(span.kind);
        batch.status_codes.push(span.status_code);
        batch.flags.push(span.flags);
        batch.dropped_attributes_counts.set(row, span.dropped_attributes_count);
        batch.dropped_events_counts.set(row, span.dropped_events_count);
        batch.dropped_links_counts.set(row, span.dropped_links_count);
        batch.events.ends.push(cast::narrow(batch.events.time_unix_nanos.len()));
        batch.links.ends.push(cast::narrow(batch.links.flags.len()));
    }

    /// Takes back attributes, events and links of the open span.
    pub fn abandon_span(&mut self) {
        self.attributes.abandon_row();
        self.event_attributes.abandon_row();
        self.link_attributes.abandon_row();
        let events_end = self.batch.events.ends.last().map_or(0, |&end| cast::index(end));
        while self.batch.events.time_unix_nanos.len() > events_end {
            self.batch.events.time_unix_nanos.pop();
            self.event_names.pop();
            self.event_attributes.pop_row();
        }
        truncate(&mut self.batch.events.dropped_attributes_counts, events_end);
        let links_end = self.batch.links.ends.last().map_or(0, |&end| cast::index(end));
        while self.batch.links.flags.len() > links_end {
            self.batch.links.flags.pop();
            self.batch.links.trace_ids.pop();
            self.batch.links.span_ids.pop();
            self.link_states.pop();
            self.link_attributes.pop_row();
        }
        truncate(&mut self.batch.links.dropped_attributes_counts, links_end);
    }

    /// Attribute keys that were sent twice on one owner; the last value won.
    pub fn duplicate_keys(&self) -> u64 {
        self.attributes.duplicate_keys()
            + self.event_attributes.duplicate_keys()
            + self.link_attributes.duplicate_keys()
    }

    /// Bytes of memory held, roughly.
    pub fn memory_bytes(&self) -> usize {
        let texts = [
            &self.names,
            &self.trace_states,
            &self.status_messages,
            &self.resources,
            &self.scopes,
            &self.event_names,
            &self.link_states,
        ];
        self.batch.memory_bytes()
            + texts.iter().map(|builder| builder.memory_bytes()).sum::<usize>()
            + self.attributes.memory_bytes()
            + self.event_attributes.memory_bytes()
            + self.link_attributes.memory_bytes()
    }

    /// The batch of all finished spans.
    pub fn finish(mut self) -> SpanBatch {
        self.drain(Drain::Last)
    }

    /// The batch of all finished spans, with buffers of its own; the builder begins anew. Codes of resources and scopes that
    /// it gave are no longer known.
    pub fn take(&mut self) -> SpanBatch {
        self.drain(Drain::Next)
    }

    fn drain(&mut self, drain: Drain) -> SpanBatch {
        self.abandon_span();
        let batch = &mut self.batch;
        let (events, links) = (&mut batch.events, &mut batch.links);
        let sparse =
            |column: &mut SparseColumn| SparseColumn { values: drain.vec(&mut column.values) };
        SpanBatch {
            trace_ids: drain.vec(&mut batch.trace_ids),
            span_ids: drain.vec(&mut batch.span_ids),
            parent_span_ids: drain.vec(&mut batch.parent_span_ids),
            start_unix_nanos: drain.vec(&mut batch.start_unix_nanos),
            end_unix_nanos: drain.vec(&mut batch.end_unix_nanos),
            kinds: drain.vec(&mut batch.kinds),
            status_codes: drain.vec(&mut batch.status_codes),
            flags: drain.vec(&mut batch.flags),
            names: self.names.drain(drain),
            trace_states: self.trace_states.drain(drain),
            status_messages: self.status_messages.drain(drain),
            resources: self.resources.drain(drain),
            scopes: self.scopes.drain(drain),
            dropped_attributes_counts: sparse(&mut batch.dropped_attributes_counts),
            dropped_events_counts: sparse(&mut batch.dropped_events_counts),
            dropped_links_counts: sparse(&mut batch.dropped_links_counts),
            attributes: self.attributes.drain(drain),
            events: EventTable {
                ends: drain.vec(&mut events.ends),
                time_unix_nanos: drain.vec(&mut events.time_unix_nanos),
                names: self.event_names.drain(drain),
                dropped_attributes_counts: sparse(&mut events.dropped_attributes_counts),
                attributes: self.event_attributes.drain(drain),
            },
            links: LinkTable {
                ends: drain.vec(&mut links.ends),
                trace_ids: drain.vec(&mut links.trace_ids),
                span_ids: drain.vec(&mut links.span_ids),
                trace_states: self.link_states.drain(drain),
                flags: drain.vec(&mut links.flags),
                dropped_attributes_counts: sparse(&mut links.dropped_attributes_counts),
                attributes: self.link_attributes.drain(drain),
            },
        }
    }
}

fn truncate(column: &mut SparseColumn, rows: usize) {
    column.values.truncate(rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::append::Remap;
    use crate::attributes::COLUMNS_MAX;
    use crate::indexed::IndexedBatch;
    use std::sync::Arc;

    fn span(number: u8) -> SpanFields<'static> {
        SpanFields {
            trace_id: TraceId([number; 16]),
            span_id: SpanId([number; 8]),
            name: "work",
            start_unix_nanos: 10,
            end_unix_nanos: 30,
            ..SpanFields::default()
        }
    }

    fn sample() -> SpanBatch {
        let mut builder = SpanBatchBuilder::default();
        fill(&mut builder);
        builder.finish()
    }

    fn fill(builder: &mut SpanBatchBuilder) {
        let resource = builder.intern_resource(&Resource::default());
        let scope = builder.intern_scope(&Scope::default());
        builder.attribute("a", ValueRef::Int(1));
        builder.attribute("b", ValueRef::String("x"));
        builder.event_attribute("e", ValueRef::Bool(true));
        builder.finish_event(11, "first", 2);
        builder.finish_event(12, "second", 0);
        builder.finish_link(LinkFields { trace_id: TraceId([9; 16]), ..LinkFields::default() });
        builder.finish_span(&SpanFields { resource, scope, ..span(1) });
        builder.attribute("b", ValueRef::Float(0.5));
        builder.attribute("a", ValueRef::Int(2));
        builder.finish_event(13, "taken back", 1);
        builder.finish_link(LinkFields::default());
        builder.abandon_span();
        builder.attribute("b", ValueRef::String("old"));
        builder.attribute("a", ValueRef::Int(3));
        builder.attribute("b", ValueRef::Int(4));
        builder.finish_span(&SpanFields { resource, scope, dropped_links_count: 5, ..span(2) });
        assert_eq!(builder.duplicate_keys(), 1);
    }

    fn show(batch: SpanBatch) -> Vec<String> {
        batch.validate().expect("consistent");
        let indexed = IndexedBatch::new(Arc::new(batch)).expect("decodes");
        let attributes = |items: Vec<(&str, ValueRef<'_>)>| format!("{items:?}");
        indexed
            .spans()
            .map(|span| {
                let events: Vec<String> = span
                    .events()
                    .map(|event| {
                        let dropped = event.dropped_attributes_count();
                        let items = attributes(event.attributes().collect());
                        format!("{} {dropped} {items}", event.name())
                    })
                    .collect();
                let own = attributes(span.attributes().collect());
                let links = span.links().count();
                format!("{} {own} {events:?} {links} {}", span.name(), span.dropped_links_count())
            })
            .collect()
    }

    #[test]
    fn builds_takes_back_and_keeps_the_last_of_duplicate_keys() {
        let shown = show(sample());
        assert_eq!(
            shown,
            [
                r#"work [("a", Int(1)), ("b", String("x"))] ["first 2 [(\"e\", Bool(true))]", "second 0 []"] 1 0"#,
                r#"work [("b", Int(4)), ("a", Int(3))] [] 0 5"#,
            ]
        );
    }

    #[test]
    fn appended_rows_read_the_same() {
        let source = IndexedBatch::new(Arc::new(sample())).expect("decodes");
        let mut builder = SpanBatchBuilder::default();
        let mut remap = Remap::default();
        for row in [1, 0, 1] {
            builder.append_row(&source, &mut remap, row);
        }
        let mut alone = SpanBatchBuilder::default();
        alone.append_row(&source, &mut Remap::default(), 0);
        assert_eq!(alone.finish().attributes.columns.len(), 2, "columns that are used, no others");
        let expected = show(sample());
        let shown = show(builder.finish());
        assert_eq!(shown, [&*expected[1], &*expected[0], &*expected[1]]);
    }

    #[test]
    fn a_builder_that_goes_on_gives_the_same_batches() {
        let mut builder = SpanBatchBuilder::for_requests();
        for _ in 0..3 {
            fill(&mut builder);
            assert_eq!(builder.duplicate_keys(), 1);
            assert_eq!(builder.take(), sample());
        }
        assert_eq!(builder.take(), SpanBatch::default());
    }

    #[test]
    fn spans_with_broken_texts_stay_open() {
        let mut builder = SpanBatchBuilder::for_requests();
        let broken = NotText { valid_up_to: 0 };
        let texts = SpanTexts { name: b"work", trace_state: b"\xff", status_message: b"" };
        assert_eq!(builder.finish_raw_span(&span(1), &texts), Err(broken));
        assert_eq!(builder.finish_raw_event(1, b"\xff", 0), Err(broken));
        builder.abandon_span();
        fill(&mut builder);
        let batch = builder.take();
        assert_eq!((batch.len(), batch.events.names.codes.len()), (2, 2));
        batch.validate().expect("consistent");
    }

    #[test]
    fn keys_beyond_the_column_limit_share_one_column_and_survive() {
        let keys: Vec<String> = (0..COLUMNS_MAX + 100).map(|number| format!("k{number}")).collect();
        let mut builder = SpanBatchBuilder::default();
        builder.intern_resource(&Resource::default());
        builder.intern_scope(&Scope::default());
        for key in &keys {
            builder.attribute(key, ValueRef::Bytes(key.as_bytes()));
        }
        builder.finish_span(&span(1));
        let batch = builder.finish();
        assert_eq!(batch.attributes.columns.len(), COLUMNS_MAX + 1);
        let source = IndexedBatch::new(Arc::new(batch)).expect("decodes");
        let mut builder = SpanBatchBuilder::default();
        builder.append_batch(&source);
        let copy = builder.finish();
        copy.validate().expect("consistent");
        let copy = IndexedBatch::new(Arc::new(copy)).expect("decodes");
        let read: Vec<_> = copy.span(0).attributes().collect();
        let written: Vec<_> =
            keys.iter().map(|key| (&**key, ValueRef::Bytes(key.as_bytes()))).collect();
        assert_eq!(read, written);
    }
}
