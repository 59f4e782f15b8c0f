//! Appends rows of other batches to a builder, translating codes once each.
//!
//! Used where batches are fused, merged and cut. Invariant: what is read from an appended row equals the source.

use crate::attribute_builder::AttributeTableBuilder;
use crate::attributes::{AttributeTable, AttributeValues, Locator};
use crate::builder::{LinkFields, SpanBatchBuilder, SpanFields};
use crate::column::BytesTable;
use crate::column_builder::ValuesBuilder;
use crate::dictionary::{DictionaryBuilder, ValueDictionary};
use crate::indexed::IndexedBatch;
use fanal_base::cast;

impl SpanBatchBuilder {
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
        remap.attributes.append(&mut self.attributes, &batch.attributes, source.span_cells(), row);
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
                source.event_cells(),
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
        let (target, cells) = (&mut self.link_attributes, source.link_cells());
        remap.link_attributes.append(target, &links.attributes, cells, item);
    }

    /// Appends all rows of another batch.
    pub fn append_batch(&mut self, source: &IndexedBatch) {
        let mut remap = Remap::default();
        for row in 0..source.len() {
            self.append_row(source, &mut remap, row);
        }
    }
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
        let code = self.code(table, code, |entry| target.intern(entry));
        target.push_code(code);
    }

    #[inline]
    fn push_value(&mut self, table: &BytesTable, code: u32, target: &mut ValueDictionary) {
        let code = self.code(table, code, |entry| target.intern(entry));
        target.push_code(code);
    }

    #[inline]
    fn code(&mut self, table: &BytesTable, code: u32, intern: impl FnOnce(&[u8]) -> u32) -> u32 {
        if self.0.is_empty() {
            self.0.resize(table.len(), u32::MAX);
        }
        let known = &mut self.0[cast::index(code)];
        if *known == u32::MAX {
            *known = intern(table.get(code));
        }
        *known
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
            ) => self.codes[column].push_value(&dictionary.table, dictionary.codes[cell], builder),
            (AttributeValues::Int(from), ValuesBuilder::Int(to)) => to.push(from[cell]),
            (AttributeValues::Float(from), ValuesBuilder::Float(to)) => to.push(from[cell]),
            (AttributeValues::Bool(from), ValuesBuilder::Bool(to)) => to.push(from[cell]),
            (AttributeValues::Empty(_), ValuesBuilder::Empty(count)) => *count += 1,
            _ => debug_assert!(false, "columns of one (key, type) hold one kind of value"),
        }
    }
}
