//! Builds a `SpanBatch` span by span, from decoded fields or from rows of other batches.
//!
//! Order of calls for a span: attributes, events and links in any order, then [`SpanBatchBuilder::finish_span`]
//! or [`SpanBatchBuilder::abandon_span`], which takes everything of the open span back.

use crate::attribute_builder::{AttributeTableBuilder, ValuesBuilder};
use crate::attributes::{AttributeTable, AttributeValues, Locator};
use crate::batch::{EventTable, LinkTable, SpanBatch};
use crate::column::{BytesTable, DictionaryBuilder, SparseColumn};
use crate::id::{SpanId, TraceId};
use crate::indexed::IndexedBatch;
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
    names: DictionaryBuilder,
    trace_states: DictionaryBuilder,
    status_messages: DictionaryBuilder,
    resources: DictionaryBuilder,
    scopes: DictionaryBuilder,
    attributes: AttributeTableBuilder,
    event_names: DictionaryBuilder,
    event_attributes: AttributeTableBuilder,
    link_states: DictionaryBuilder,
    link_attributes: AttributeTableBuilder,
}

impl SpanBatchBuilder {
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

    /// The code of a scope for [`SpanFields::scope`].
    pub fn intern_scope(&mut self, scope: &Scope) -> u32 {
        self.scopes.intern(&scope.encode())
    }

    /// Adds an attribute to the open span.
    #[inline]
    pub fn attribute(&mut self, key: &str, value: ValueRef<'_>) {
        self.attributes.push(key, value);
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

    fn push_event_row(&mut self, time_unix_nanos: u64, dropped_attributes: u32) {
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

    fn push_link_row(&mut self, link: LinkFields<'_>) {
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
        self.resources.push_code(span.resource);
        self.scopes.push_code(span.scope);
        self.attributes.finish_row();
        self.push_span_row(span);
    }

    fn push_span_row(&mut self, span: &SpanFields<'_>) {
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

    /// Appends one row of another batch. `remap` belongs to this pair of builder and source.
    pub fn append_row(&mut self, source: &IndexedBatch, remap: &mut Remap, row: usize) {
        let span = source.span(row);
        let batch = source.batch();
        remap.names.push(&batch.names.table, batch.names.codes[row], &mut self.names);
        let states = &batch.trace_states;
        remap.trace_states.push(&states.table, states.codes[row], &mut self.trace_states);
        let messages = &batch.status_messages;
        remap.status_messages.push(&messages.table, messages.codes[row], &mut self.status_messages);
        let resources = &batch.resources;
        remap.resources.push(&resources.table, resources.codes[row], &mut self.resources);
        let scopes = &batch.scopes;
        remap.scopes.push(&scopes.table, scopes.codes[row], &mut self.scopes);
        remap.attributes.append(&mut self.attributes, &batch.attributes, &source.span_cells, row);
        for item in span.event_range() {
            let events = &batch.events;
            remap.event_names.push(
                &events.names.table,
                events.names.codes[item],
                &mut self.event_names,
            );
            self.push_event_row(
                events.time_unix_nanos[item],
                events.dropped_attributes_counts.get(item),
            );
            remap.event_attributes.append(
                &mut self.event_attributes,
                &events.attributes,
                &source.event_cells,
                item,
            );
        }
        for item in span.link_range() {
            self.append_link(source, remap, item);
        }
        self.push_span_row(&SpanFields {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            parent_span_id: span.parent_span_id(),
            start_unix_nanos: span.start_unix_nanos(),
            end_unix_nanos: span.end_unix_nanos(),
            kind: batch.kinds[row],
            status_code: batch.status_codes[row],
            flags: span.flags(),
            dropped_attributes_count: span.dropped_attributes_count(),
            dropped_events_count: span.dropped_events_count(),
            dropped_links_count: span.dropped_links_count(),
            ..SpanFields::default()
        });
    }

    fn append_link(&mut self, source: &IndexedBatch, remap: &mut Remap, item: usize) {
        let links = &source.batch().links;
        let states = &links.trace_states;
        remap.link_states.push(&states.table, states.codes[item], &mut self.link_states);
        self.push_link_row(LinkFields {
            trace_id: links.trace_ids[item],
            span_id: links.span_ids[item],
            trace_state: "",
            flags: links.flags[item],
            dropped_attributes_count: links.dropped_attributes_counts.get(item),
        });
        let (target, cells) = (&mut self.link_attributes, &source.link_cells);
        remap.link_attributes.append(target, &links.attributes, cells, item);
    }

    /// Appends all rows of another batch.
    pub fn append_batch(&mut self, source: &IndexedBatch) {
        let mut remap = Remap::default();
        for row in 0..source.len() {
            self.append_row(source, &mut remap, row);
        }
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
        self.abandon_span();
        let batch = self.batch;
        SpanBatch {
            names: self.names.finish(),
            trace_states: self.trace_states.finish(),
            status_messages: self.status_messages.finish(),
            resources: self.resources.finish(),
            scopes: self.scopes.finish(),
            attributes: self.attributes.finish(),
            events: EventTable {
                names: self.event_names.finish(),
                attributes: self.event_attributes.finish(),
                ..batch.events
            },
            links: LinkTable {
                trace_states: self.link_states.finish(),
                attributes: self.link_attributes.finish(),
                ..batch.links
            },
            ..batch
        }
    }
}

fn truncate(column: &mut SparseColumn, rows: usize) {
    column.values.truncate(rows);
}

/// What is known of a source while its rows are appended: where its codes went.
#[derive(Debug, Default)]
pub struct Remap {
    names: CodeMap,
    trace_states: CodeMap,
    status_messages: CodeMap,
    resources: CodeMap,
    scopes: CodeMap,
    attributes: TableMap,
    event_names: CodeMap,
    event_attributes: TableMap,
    link_states: CodeMap,
    link_attributes: TableMap,
}

/// Source code to target code; `u32::MAX` where not met yet.
#[derive(Debug, Default)]
struct CodeMap(Vec<u32>);

impl CodeMap {
    #[inline]
    fn push(&mut self, table: &BytesTable, code: u32, target: &mut DictionaryBuilder) {
        if self.0.is_empty() {
            self.0.resize(table.len(), u32::MAX);
        }
        let known = &mut self.0[cast::index(code)];
        if *known == u32::MAX {
            *known = target.intern(table.get(code));
        }
        target.push_code(*known);
    }
}

/// Where the columns of a source table went.
#[derive(Debug, Default)]
struct TableMap {
    /// By source column; empty before the first row.
    columns: Vec<ColumnPlace>,
    codes: Vec<CodeMap>,
}

/// Where a source column went. Found when its first value comes, so that columns without a value in the rows that
/// are appended cost the target nothing.
#[derive(Debug, Clone, Copy)]
enum ColumnPlace {
    Unknown,
    Column(u32),
    Overflow,
}

impl TableMap {
    fn append(
        &mut self,
        target: &mut AttributeTableBuilder,
        source: &AttributeTable,
        cells: &Locator,
        row: usize,
    ) {
        if self.columns.len() != source.columns.len() {
            self.columns.resize(source.columns.len(), ColumnPlace::Unknown);
            self.codes.resize_with(source.columns.len(), CodeMap::default);
        }
        for (&column, &cell) in source.shape(row).iter().zip(cells.cells(row)) {
            self.append_cell(target, source, cast::index(column), cast::index(cell));
        }
        target.finish_row();
    }

    fn append_cell(
        &mut self,
        target: &mut AttributeTableBuilder,
        source: &AttributeTable,
        column: usize,
        cell: usize,
    ) {
        let source_column = &source.columns[column];
        if matches!(self.columns[column], ColumnPlace::Unknown) {
            let is_overflow = matches!(source_column.values, AttributeValues::Overflow(_));
            let kind = source_column.get(cell).1.attribute_type();
            let known =
                if is_overflow { None } else { target.column_for(&source_column.key, kind) };
            self.columns[column] = known.map_or(ColumnPlace::Overflow, ColumnPlace::Column);
        }
        let ColumnPlace::Column(target_column) = self.columns[column] else {
            let (key, value) = source_column.get(cell);
            target.push(key, value);
            return;
        };
        target.place(target_column);
        let values = &mut target.columns[cast::index(target_column)].values;
        match (&source_column.values, values) {
            (
                AttributeValues::String(dictionary)
                | AttributeValues::Bytes(dictionary)
                | AttributeValues::Array(dictionary)
                | AttributeValues::Map(dictionary),
                ValuesBuilder::Dictionary(builder),
            ) => self.codes[column].push(&dictionary.table, dictionary.codes[cell], builder),
            (AttributeValues::Int(from), ValuesBuilder::Int(to)) => to.push(from[cell]),
            (AttributeValues::Float(from), ValuesBuilder::Float(to)) => to.push(from[cell]),
            (AttributeValues::Bool(from), ValuesBuilder::Bool(to)) => to.push(from[cell]),
            (AttributeValues::Empty(_), ValuesBuilder::Empty(count)) => *count += 1,
            _ => debug_assert!(false, "columns of one (key, type) hold one kind of value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attributes::COLUMNS_MAX;
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
        builder.finish()
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
