//! Puts decoded columns together to a `SpanBatch`: only the entries, shapes and columns that its rows use.

use super::columns::GranuleReader;
use super::error::SegmentError;
use super::granule::AttributeStats;
use super::join::{TableJoin, TextJoin};
use super::layout::{Column, SUMMARY_COLUMNS, TEXT_COLUMNS};
use super::pages::Values;
use super::reader::Segment;
use super::{AttributeOwner, DictionaryId, TextColumn};
use fanal_base::cast;
use fanal_model::{AttributeTable, SpanBatch, SparseColumn};
use fanal_storage::Projection;
use std::ops::Range;

/// Collects rows of a segment.
pub(super) struct Assembly<'s> {
    segment: &'s Segment,
    projection: Projection,
    batch: SpanBatch,
    texts: [TextJoin; TEXT_COLUMNS.len()],
    tables: [TableJoin; AttributeOwner::ALL.len()],
}

impl<'s> Assembly<'s> {
    pub(super) fn new(segment: &'s Segment, projection: Projection) -> Self {
        Self {
            segment,
            projection,
            batch: SpanBatch::default(),
            texts: Default::default(),
            tables: Default::default(),
        }
    }

    /// Appends rows of a granule, counted within it; reads the pages that hold them.
    pub(super) fn append(
        &mut self,
        granule: usize,
        rows: Range<usize>,
    ) -> Result<(), SegmentError> {
        let mut reader = self.segment.page_reader(granule, &rows)?;
        let first = reader.rows().start;
        let rows = rows.start - first..rows.end - first;
        let end = match self.projection {
            Projection::Full => reader.end(),
            Projection::Summary => reader.granule.column_ends[SUMMARY_COLUMNS - 1],
        };
        reader.read_ahead(end)?;
        let starts = self.append_spans(&reader, &rows)?;
        match self.projection {
            Projection::Full => {
                self.append_table(&reader, AttributeOwner::Span, &rows)?;
                self.append_events(&reader, &rows, &starts)?;
                self.append_links(&reader, &rows)
            }
            Projection::Summary => Ok(()),
        }
    }

    fn append_spans(
        &mut self,
        reader: &GranuleReader<'_>,
        rows: &Range<usize>,
    ) -> Result<Vec<u64>, SegmentError> {
        let base = self.batch.len();
        let span_ids = reader.span_ids()?;
        let starts: Vec<u64> = reader.by_row(Column::Starts)?;
        let durations = reader.signed_durations()?;
        let ends = starts
            .iter()
            .zip(durations)
            .map(|(start, duration)| start.wrapping_add(duration.cast_unsigned()));
        let batch = &mut self.batch;
        batch.end_unix_nanos.extend(ends.skip(rows.start).take(rows.len()));
        batch.start_unix_nanos.extend_from_slice(&starts[rows.clone()]);
        batch.trace_ids.extend_from_slice(&reader.trace_ids()?[rows.clone()]);
        batch.parent_span_ids.extend_from_slice(&reader.parents(&span_ids)?[rows.clone()]);
        batch.span_ids.extend_from_slice(&span_ids[rows.clone()]);
        batch.kinds.extend_from_slice(&reader.kinds()?[rows.clone()]);
        batch.status_codes.extend_from_slice(&reader.status_codes()?[rows.clone()]);
        batch.flags.extend_from_slice(&reader.flags()?[rows.clone()]);
        for (column, target) in [
            (Column::DroppedAttributes, &mut batch.dropped_attributes_counts),
            (Column::DroppedEvents, &mut batch.dropped_events_counts),
            (Column::DroppedLinks, &mut batch.dropped_links_counts),
        ] {
            append_sparse(reader.sparse(column)?, rows, base, target);
        }
        for column in [
            TextColumn::Names,
            TextColumn::Resources,
            TextColumn::Scopes,
            TextColumn::TraceStates,
            TextColumn::StatusMessages,
        ] {
            self.append_texts(reader, column, rows)?;
        }
        Ok(starts)
    }

    fn append_texts(
        &mut self,
        reader: &GranuleReader<'_>,
        column: TextColumn,
        items: &Range<usize>,
    ) -> Result<(), SegmentError> {
        let values = reader.texts(column)?;
        let dictionary = self.segment.dictionary(DictionaryId::Text(column))?;
        self.texts[column.place()].append(values, items, dictionary.as_deref()).map_err(|flaw| {
            let (part, offset) = (column.column().name(), reader.granule.offset);
            SegmentError::Corrupt { part, offset, found: flaw.0 }
        })
    }

    fn append_table(
        &mut self,
        reader: &GranuleReader<'_>,
        owner: AttributeOwner,
        items: &Range<usize>,
    ) -> Result<(), SegmentError> {
        let shapes = self.segment.shapes(owner)?;
        let codes = reader.shapes(owner, shapes.len())?;
        let corrupt = |found| SegmentError::Corrupt {
            part: owner.shapes().name(),
            offset: reader.granule.offset,
            found,
        };
        let metas = self.segment.attribute_columns(owner);
        let join = &mut self.tables[owner.place()];
        for (column, use_of_column) in join.count(&codes, items, &shapes, metas.len()) {
            let stats: Option<&AttributeStats> = reader.granule.attribute(owner, column);
            let stats = stats.ok_or_else(|| corrupt("number of values"))?;
            if use_of_column.cells.is_empty() {
                continue;
            }
            let values = reader.values(stats)?;
            if values.count() != cast::index(use_of_column.total) {
                return Err(corrupt("number of values"));
            }
            let dictionary = self.segment.dictionary(DictionaryId::Attribute(owner, column))?;
            let meta = &metas[cast::index(column)];
            join.append_values(column, meta, values, &use_of_column.cells, dictionary.as_deref())
                .map_err(|flaw| corrupt(flaw.0))?;
        }
        join.append_rows(&codes[items.clone()], &shapes);
        Ok(())
    }

    fn append_events(
        &mut self,
        reader: &GranuleReader<'_>,
        rows: &Range<usize>,
        starts: &[u64],
    ) -> Result<(), SegmentError> {
        let ends = reader.item_ends(AttributeOwner::Event)?;
        let items = items_of(&ends, rows);
        let events = &mut self.batch.events;
        let base = events.time_unix_nanos.len();
        append_ends(&ends, rows, &items, base, &mut events.ends);
        if items.is_empty() {
            return Ok(());
        }
        let times = reader.event_times()?;
        let mut item = items.start;
        for row in rows.clone() {
            let end = cast::index(ends[row]);
            let absolute = |&time: &i64| starts[row].wrapping_add(time.cast_unsigned());
            events.time_unix_nanos.extend(times[item..end].iter().map(absolute));
            item = end;
        }
        let dropped = reader.sparse(Column::EventDropped)?;
        append_sparse(dropped, &items, base, &mut events.dropped_attributes_counts);
        self.append_texts(reader, TextColumn::EventNames, &items)?;
        self.append_table(reader, AttributeOwner::Event, &items)
    }

    fn append_links(
        &mut self,
        reader: &GranuleReader<'_>,
        rows: &Range<usize>,
    ) -> Result<(), SegmentError> {
        let ends = reader.item_ends(AttributeOwner::Link)?;
        let items = items_of(&ends, rows);
        let links = &mut self.batch.links;
        let base = links.flags.len();
        append_ends(&ends, rows, &items, base, &mut links.ends);
        if items.is_empty() {
            return Ok(());
        }
        let (trace_ids, span_ids) = reader.link_ids()?;
        links.trace_ids.extend_from_slice(&trace_ids[items.clone()]);
        links.span_ids.extend_from_slice(&span_ids[items.clone()]);
        links.flags.extend_from_slice(&reader.link_flags()?[items.clone()]);
        let dropped = reader.sparse(Column::LinkDropped)?;
        append_sparse(dropped, &items, base, &mut links.dropped_attributes_counts);
        self.append_texts(reader, TextColumn::LinkTraceStates, &items)?;
        self.append_table(reader, AttributeOwner::Link, &items)
    }

    /// The batch of all rows appended.
    pub(super) fn finish(self) -> SpanBatch {
        let mut batch = self.batch;
        let rows = batch.len();
        let [names, resources, scopes, trace_states, status_messages, event_names, link_states] =
            self.texts.map(TextJoin::finish);
        batch.names = names;
        batch.resources = resources;
        batch.scopes = scopes;
        batch.trace_states = trace_states;
        batch.status_messages = status_messages;
        batch.events.names = event_names;
        batch.links.trace_states = link_states;
        let [attributes, event_attributes, link_attributes] = self.tables.map(TableJoin::finish);
        batch.attributes = attributes;
        batch.events.attributes = event_attributes;
        batch.links.attributes = link_attributes;
        if self.projection == Projection::Summary {
            let shapes = if rows == 0 { Vec::new() } else { vec![Box::default()] };
            batch.attributes = AttributeTable { shapes, rows: vec![0; rows], columns: Vec::new() };
            batch.events.ends = vec![0; rows];
            batch.links.ends = vec![0; rows];
        }
        batch
    }
}

fn items_of(ends: &[u32], rows: &Range<usize>) -> Range<usize> {
    let before = |row: usize| row.checked_sub(1).and_then(|last| ends.get(last)).copied();
    cast::index(before(rows.start).unwrap_or(0))..cast::index(before(rows.end).unwrap_or(0))
}

fn append_ends(
    ends: &[u32],
    rows: &Range<usize>,
    items: &Range<usize>,
    base: usize,
    target: &mut Vec<u32>,
) {
    let shift = cast::narrow(base).wrapping_sub(cast::narrow(items.start));
    target.extend(ends[rows.clone()].iter().map(|end| end.wrapping_add(shift)));
}

fn append_sparse(
    values: Option<Vec<u32>>,
    items: &Range<usize>,
    base: usize,
    target: &mut SparseColumn,
) {
    let Some(values) = values else { return };
    for (row, &value) in (base..).zip(&values[items.clone()]) {
        target.set(row, value);
    }
}
