//! Writes the fixed columns of one granule. The encoder runs it once a granule.

use super::compress::Packer;
use super::encode::{Encoder, Items, items_of, relative_end, text_of};
use super::error::SegmentError;
use super::integers::{self, Nature};
use super::layout::{COLUMN_COUNT, Column};
use super::pages::{self, Cut, PageEnds};
use super::{AttributeOwner, TextColumn, ids, text};
use fanal_base::cast;
use fanal_model::SparseColumn;
use fanal_model::nested::zigzag;
use std::ops::Range;

/// Writes the columns of the granule that begins at an offset.
pub(super) struct ColumnWriter<'w, 'a> {
    encoder: &'w mut Encoder<'a>,
    offset: u64,
    /// By owner.
    items: &'w [Items; AttributeOwner::ALL.len()],
    ends: [u32; COLUMN_COUNT],
}

/// How many items each row has.
fn counts_of(ends: &[u32], rows: &Range<usize>) -> Vec<u32> {
    let mut last = cast::narrow(items_of(ends, rows).start);
    let mut count = |&end: &u32| {
        let count = end - last;
        last = end;
        count
    };
    ends[rows.clone()].iter().map(&mut count).collect()
}

impl<'w, 'a> ColumnWriter<'w, 'a> {
    pub(super) fn new(
        encoder: &'w mut Encoder<'a>,
        offset: u64,
        items: &'w [Items; AttributeOwner::ALL.len()],
    ) -> Self {
        Self { encoder, offset, items, ends: [0; COLUMN_COUNT] }
    }

    /// Writes all; answers where each column ends, counted from the granule's offset.
    pub(super) fn write_all(mut self) -> Result<[u32; COLUMN_COUNT], SegmentError> {
        self.span_columns()?;
        self.event_columns()?;
        self.link_columns()?;
        // Columns that were skipped end where the one before them ends.
        for place in 1..COLUMN_COUNT {
            self.ends[place] = self.ends[place].max(self.ends[place - 1]);
        }
        Ok(self.ends)
    }

    fn range(&self, owner: AttributeOwner) -> Range<usize> {
        self.items[owner.place()].range.clone()
    }

    fn span_columns(&mut self) -> Result<(), SegmentError> {
        let batch = self.encoder.batch;
        let rows = self.range(AttributeOwner::Span);
        let starts = &batch.start_unix_nanos[rows.clone()];
        let span_ids = &batch.span_ids[rows.clone()];
        self.numbers(Column::Starts, starts)?;
        let durations: Vec<u64> = starts
            .iter()
            .zip(&batch.end_unix_nanos[rows.clone()])
            .map(|(&start, &end)| zigzag(end.wrapping_sub(start).cast_signed()))
            .collect();
        self.numbers(Column::Durations, &durations)?;
        if let Some(classified) = &self.encoder.classified {
            let codes = classified.codes[rows.clone()].to_vec();
            self.integers(Column::Classes, &codes)?;
        }
        self.texts(TextColumn::Names)?;
        self.texts(TextColumn::Resources)?;
        self.texts(TextColumn::Scopes)?;
        self.integers(Column::Kinds, &batch.kinds[rows.clone()])?;
        self.integers(Column::StatusCodes, &batch.status_codes[rows.clone()])?;
        let trace_ids = &batch.trace_ids[rows.clone()];
        self.chunk(Column::TraceIds, |page, packer, out| {
            ids::write_trace_ids(&trace_ids[page], packer, out)
        })?;
        self.chunk(Column::SpanIds, |page, packer, out| {
            ids::write_span_ids(&span_ids[page], packer, out)
        })?;
        let parents = &batch.parent_span_ids[rows.clone()];
        if parents.iter().any(|parent| !parent.is_zero()) {
            // Parents are rows of the same page.
            self.encoder.habits[Column::Parents as usize].cut = Cut::Always;
            self.chunk(Column::Parents, |page, packer, out| {
                ids::write_parents(&parents[page.clone()], &span_ids[page], packer, out)
            })?;
        }
        self.integers(Column::Flags, &batch.flags[rows.clone()])?;
        self.texts(TextColumn::TraceStates)?;
        self.texts(TextColumn::StatusMessages)?;
        self.sparse(Column::DroppedAttributes, &batch.dropped_attributes_counts)?;
        self.sparse(Column::DroppedEvents, &batch.dropped_events_counts)?;
        self.sparse(Column::DroppedLinks, &batch.dropped_links_counts)?;
        self.integers(Column::SpanShapes, &batch.attributes.rows[rows])
    }

    fn event_columns(&mut self) -> Result<(), SegmentError> {
        let (batch, events) = (self.encoder.batch, &self.encoder.batch.events);
        let rows = self.range(AttributeOwner::Span);
        let items = self.range(AttributeOwner::Event);
        let counts = counts_of(&events.ends, &rows);
        self.integers(Column::EventCounts, &counts)?;
        let span_starts = batch.start_unix_nanos[rows]
            .iter()
            .zip(&counts)
            .flat_map(|(&start, &count)| std::iter::repeat_n(start, cast::index(count)));
        let times: Vec<u64> = events.time_unix_nanos[items.clone()]
            .iter()
            .zip(span_starts)
            .map(|(&time, start)| zigzag(time.wrapping_sub(start).cast_signed()))
            .collect();
        self.numbers(Column::EventTimes, &times)?;
        self.texts(TextColumn::EventNames)?;
        self.sparse(Column::EventDropped, &events.dropped_attributes_counts)?;
        self.integers(Column::EventShapes, &events.attributes.rows[items])
    }

    fn link_columns(&mut self) -> Result<(), SegmentError> {
        let links = &self.encoder.batch.links;
        let items = self.range(AttributeOwner::Link);
        let counts = counts_of(&links.ends, &self.range(AttributeOwner::Span));
        self.integers(Column::LinkCounts, &counts)?;
        if !items.is_empty() {
            let (trace_ids, span_ids) =
                (&links.trace_ids[items.clone()], &links.span_ids[items.clone()]);
            self.chunk(Column::LinkTraceIds, |page, packer, out| {
                ids::write_trace_ids(&trace_ids[page], packer, out)
            })?;
            self.chunk(Column::LinkSpanIds, |page, packer, out| {
                ids::write_span_ids(&span_ids[page], packer, out)
            })?;
        }
        self.texts(TextColumn::LinkTraceStates)?;
        self.integers(Column::LinkFlags, &links.flags[items.clone()])?;
        self.sparse(Column::LinkDropped, &links.dropped_attributes_counts)?;
        self.integers(Column::LinkShapes, &links.attributes.rows[items])
    }

    /// Writes a column page by page or whole; `write` gets a range of the granule's items.
    fn chunk(
        &mut self,
        column: Column,
        write: impl FnMut(Range<usize>, &mut Packer, &mut Vec<u8>) -> Result<(), SegmentError>,
    ) -> Result<(), SegmentError> {
        self.write(column, None, write)
    }

    fn write(
        &mut self,
        column: Column,
        numbers: Option<&[u64]>,
        mut write: impl FnMut(Range<usize>, &mut Packer, &mut Vec<u8>) -> Result<(), SegmentError>,
    ) -> Result<(), SegmentError> {
        let owner = column.owner();
        let pages = PageEnds {
            ends: &self.items[owner.place()].page_ends,
            are_rows: owner == AttributeOwner::Span,
        };
        let Encoder { sink, packer, habits, .. } = &mut *self.encoder;
        let habit = &mut habits[column as usize];
        pages::write_chunk(sink, pages, habit, numbers, |page, out| write(page, packer, out))?;
        self.ends[column as usize] = relative_end(sink, self.offset)?;
        Ok(())
    }

    fn is_in_classes(&self, column: Column) -> bool {
        self.encoder.classified.as_ref().is_some_and(|found| found.classes.hold(column))
    }

    /// No chunk where every value is zero, or where classes tell the values.
    fn integers<T: integers::Word>(
        &mut self,
        column: Column,
        values: &[T],
    ) -> Result<(), SegmentError> {
        if self.is_in_classes(column) || values.iter().all(|value| value.wide() == 0) {
            return Ok(());
        }
        self.chunk(column, |page, packer, out| {
            integers::write(&values[page], Nature::Codes, packer, out)
        })
    }

    /// Times: no chunk where every one is zero.
    fn numbers(&mut self, column: Column, values: &[u64]) -> Result<(), SegmentError> {
        if values.iter().all(|&value| value == 0) {
            return Ok(());
        }
        self.write(column, Some(values), |page, packer, out| {
            integers::write(&values[page], Nature::Numbers, packer, out)
        })
    }

    fn sparse(&mut self, column: Column, values: &SparseColumn) -> Result<(), SegmentError> {
        let items = self.range(column.owner());
        if values.values.len() <= items.start {
            return Ok(());
        }
        let values: Vec<u32> = items.map(|item| values.get(item)).collect();
        self.integers(column, &values)
    }

    fn texts(&mut self, text: TextColumn) -> Result<(), SegmentError> {
        let column = text.column();
        let texts = text_of(self.encoder.batch, text);
        let codes = &texts.codes[self.range(column.owner())];
        if codes.is_empty() {
            return Ok(());
        }
        if self.encoder.directory.texts[text.place()].length > 0 {
            return self.integers(column, codes);
        }
        let is_whole = self.encoder.is_whole;
        let mut renumber = std::mem::take(&mut self.encoder.renumber);
        let mut form = self.encoder.forms[column as usize];
        self.chunk(column, |page, packer, out| {
            let kept = (&mut renumber, &mut form);
            text::write_local(&codes[page], &texts.table, is_whole, kept, packer, out)
        })?;
        self.encoder.renumber = renumber;
        self.encoder.forms[column as usize] = form;
        Ok(())
    }
}
