//! Gathers rows of many batches into one, column by column: what the merge does with half a million spans.
//!
//! Fed with an order of rows, which it writes out as it is. Every column is one tight pass over the sources, whose
//! dictionaries are merged once each; nothing is looked up by row. For a few rows of a large batch
//! [`crate::SpanBatchBuilder::append_row`] is better, because this looks at whole columns.

mod attributes;
mod places;
mod texts;

use crate::batch::{EventTable, LinkTable, SpanBatch};
use crate::column::{DictionaryColumn, SparseColumn};
use places::Places;
use texts::Interning;

/// A row of one of several sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRef {
    /// Which source.
    pub source: u32,
    /// Its row.
    pub row: u32,
}

/// Gathers batches.
#[derive(Clone, Copy)]
struct Gather<'a> {
    sources: &'a [&'a SpanBatch],
    pause: &'a dyn Fn(),
}

/// The rows that `order` names, each at most once, as one batch in this order. The sources are valid. `pause` is
/// called between steps of at most about a millisecond, so that a caller can let others go first.
pub fn gather(sources: &[&SpanBatch], order: &[RowRef], pause: &dyn Fn()) -> SpanBatch {
    let places = Places::of_rows(sources.iter().map(|source| source.len()), order);
    let gather = Gather { sources, pause };
    let column = Interning::Always;
    SpanBatch {
        trace_ids: gather.plain(&places, |s| &s.trace_ids),
        span_ids: gather.plain(&places, |s| &s.span_ids),
        parent_span_ids: gather.plain(&places, |s| &s.parent_span_ids),
        start_unix_nanos: gather.plain(&places, |s| &s.start_unix_nanos),
        end_unix_nanos: gather.plain(&places, |s| &s.end_unix_nanos),
        kinds: gather.plain(&places, |s| &s.kinds),
        status_codes: gather.plain(&places, |s| &s.status_codes),
        flags: gather.plain(&places, |s| &s.flags),
        names: gather.texts(&places, column, |s| &s.names),
        resources: gather.texts(&places, column, |s| &s.resources),
        scopes: gather.texts(&places, column, |s| &s.scopes),
        trace_states: gather.texts(&places, Interning::WherePays, |s| &s.trace_states),
        status_messages: gather.texts(&places, Interning::WherePays, |s| &s.status_messages),
        dropped_attributes_counts: gather.sparse(&places, |s| &s.dropped_attributes_counts),
        dropped_events_counts: gather.sparse(&places, |s| &s.dropped_events_counts),
        dropped_links_counts: gather.sparse(&places, |s| &s.dropped_links_counts),
        attributes: gather.table(&places, |s| &s.attributes),
        events: gather.events(&places),
        links: gather.links(&places),
    }
}

impl<'a> Gather<'a> {
    /// A column of plain values.
    fn plain<T: Copy + Default + 'a>(
        &self,
        places: &Places,
        column: impl Fn(&'a SpanBatch) -> &'a Vec<T>,
    ) -> Vec<T> {
        (self.pause)();
        let mut gathered = vec![T::default(); places.count()];
        for (number, &source) in self.sources.iter().enumerate() {
            scatter(places.of(number), column(source), &mut gathered);
        }
        gathered
    }

    /// A column of counts, most often zero.
    fn sparse(
        &self,
        places: &Places,
        column: impl Fn(&'a SpanBatch) -> &'a SparseColumn,
    ) -> SparseColumn {
        if self.sources.iter().all(|source| column(source).values.is_empty()) {
            return SparseColumn::default();
        }
        let mut values = self.plain(places, |source| &column(source).values);
        let length = values.iter().rposition(|&value| value != 0).map_or(0, |last| last + 1);
        values.truncate(length);
        SparseColumn { values }
    }

    /// A column of texts.
    fn texts(
        &self,
        places: &Places,
        interning: Interning,
        column: impl Fn(&'a SpanBatch) -> &'a DictionaryColumn,
    ) -> DictionaryColumn {
        (self.pause)();
        let mut gathered = texts::TextGather::new(places.count(), interning);
        for (number, &source) in self.sources.iter().enumerate() {
            gathered.add(column(source), places.of(number));
        }
        gathered.finish()
    }

    fn events(&self, rows: &Places) -> EventTable {
        let (items, ends) = rows.items(self.sources.iter().map(|s| &*s.events.ends));
        EventTable {
            ends,
            time_unix_nanos: self.plain(&items, |s| &s.events.time_unix_nanos),
            names: self.texts(&items, Interning::WherePays, |s| &s.events.names),
            dropped_attributes_counts: self.sparse(&items, |s| &s.events.dropped_attributes_counts),
            attributes: self.table(&items, |s| &s.events.attributes),
        }
    }

    fn links(&self, rows: &Places) -> LinkTable {
        let (items, ends) = rows.items(self.sources.iter().map(|s| &*s.links.ends));
        LinkTable {
            ends,
            trace_ids: self.plain(&items, |s| &s.links.trace_ids),
            span_ids: self.plain(&items, |s| &s.links.span_ids),
            trace_states: self.texts(&items, Interning::WherePays, |s| &s.links.trace_states),
            flags: self.plain(&items, |s| &s.links.flags),
            dropped_attributes_counts: self.sparse(&items, |s| &s.links.dropped_attributes_counts),
            attributes: self.table(&items, |s| &s.links.attributes),
        }
    }
}

/// Writes each value to its place; values whose place is not there are left out.
#[inline]
fn scatter<T: Copy>(places: &[u32], values: &[T], gathered: &mut [T]) {
    for (&place, &value) in places.iter().zip(values) {
        if let Some(slot) = gathered.get_mut(fanal_base::cast::index(place)) {
            *slot = value;
        }
    }
}

#[cfg(test)]
mod tests;
