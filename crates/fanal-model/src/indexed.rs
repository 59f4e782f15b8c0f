//! A batch made ready for reading span by span: where each attribute lies, and resources decoded once.
//!
//! Both are found out when they are first asked for: a batch on its way to the log needs neither.

use crate::attributes::{AttributeTable, Locator};
use crate::batch::{InvalidBatch, SpanBatch};
use crate::id::{SpanId, TraceId};
use crate::resource::{Resource, Scope, is_resource, is_scope};
use crate::value::{SpanKind, StatusCode, ValueRef};
use fanal_base::cast;
use std::sync::{Arc, OnceLock};

/// A batch with its locators.
#[derive(Debug, Clone)]
pub struct IndexedBatch {
    batch: Arc<SpanBatch>,
    span_cells: OnceLock<Locator>,
    event_cells: OnceLock<Locator>,
    link_cells: OnceLock<Locator>,
    resources: OnceLock<Vec<Resource>>,
    scopes: OnceLock<Vec<Scope>>,
}

impl IndexedBatch {
    /// Takes a valid batch. Fails where a resource or scope does not decode.
    pub fn new(batch: Arc<SpanBatch>) -> Result<Self, InvalidBatch> {
        let require = |holds: bool, part| if holds { Ok(()) } else { Err(InvalidBatch { part }) };
        require(batch.resources.table.iter().all(is_resource), "resources")?;
        require(batch.scopes.table.iter().all(is_scope), "scopes")?;
        Ok(Self::of_valid(batch))
    }

    /// Takes a batch that [`SpanBatch::validate`] finds valid, and fails where it does not.
    pub fn validated(batch: SpanBatch) -> Result<Self, InvalidBatch> {
        batch.validate()?;
        Ok(Self::of_valid(Arc::new(batch)))
    }

    fn of_valid(batch: Arc<SpanBatch>) -> Self {
        Self {
            batch,
            span_cells: OnceLock::new(),
            event_cells: OnceLock::new(),
            link_cells: OnceLock::new(),
            resources: OnceLock::new(),
            scopes: OnceLock::new(),
        }
    }

    /// Where the attributes of spans lie.
    pub(crate) fn span_cells(&self) -> &Locator {
        self.span_cells.get_or_init(|| self.batch.attributes.locate())
    }

    /// Where the attributes of events lie.
    pub(crate) fn event_cells(&self) -> &Locator {
        self.event_cells.get_or_init(|| self.batch.events.attributes.locate())
    }

    /// Where the attributes of links lie.
    pub(crate) fn link_cells(&self) -> &Locator {
        self.link_cells.get_or_init(|| self.batch.links.attributes.locate())
    }

    /// The columns.
    pub fn batch(&self) -> &Arc<SpanBatch> {
        &self.batch
    }

    /// Number of spans.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The span of a row below [`IndexedBatch::len`].
    pub fn span(&self, row: usize) -> SpanRef<'_> {
        debug_assert!(row < self.len());
        SpanRef { indexed: self, row }
    }

    /// The spans in row order.
    pub fn spans(&self) -> impl ExactSizeIterator<Item = SpanRef<'_>> {
        (0..self.len()).map(|row| self.span(row))
    }

    /// Distinct resources; `batch().resources.codes` indexes them.
    pub fn resources(&self) -> &[Resource] {
        self.resources.get_or_init(|| {
            let entries = self.batch.resources.table.iter();
            // All decode: both constructors looked.
            entries.map(|entry| Resource::decode(entry).unwrap_or_default()).collect()
        })
    }

    /// Distinct scopes; `batch().scopes.codes` indexes them.
    pub fn scopes(&self) -> &[Scope] {
        self.scopes.get_or_init(|| {
            let entries = self.batch.scopes.table.iter();
            entries.map(|entry| Scope::decode(entry).unwrap_or_default()).collect()
        })
    }
}

/// One span of an indexed batch.
#[derive(Debug, Clone, Copy)]
pub struct SpanRef<'a> {
    indexed: &'a IndexedBatch,
    row: usize,
}

fn attributes_of<'a>(
    table: &'a AttributeTable,
    cells: &'a Locator,
    row: usize,
) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
    table
        .shape(row)
        .iter()
        .zip(cells.cells(row))
        .map(|(&column, &cell)| table.columns[cast::index(column)].get(cast::index(cell)))
}

fn item_range(ends: &[u32], row: usize) -> std::ops::Range<usize> {
    let start = if row == 0 { 0 } else { cast::index(ends[row - 1]) };
    start..cast::index(ends[row])
}

impl<'a> SpanRef<'a> {
    /// Row in the batch.
    pub fn row(&self) -> usize {
        self.row
    }

    /// Trace id.
    pub fn trace_id(&self) -> TraceId {
        self.indexed.batch.trace_ids[self.row]
    }

    /// Span id.
    pub fn span_id(&self) -> SpanId {
        self.indexed.batch.span_ids[self.row]
    }

    /// Parent span id, zero for a root.
    pub fn parent_span_id(&self) -> SpanId {
        self.indexed.batch.parent_span_ids[self.row]
    }

    /// Start, nanoseconds since the Unix epoch.
    pub fn start_unix_nanos(&self) -> u64 {
        self.indexed.batch.start_unix_nanos[self.row]
    }

    /// End as sent, nanoseconds since the Unix epoch.
    pub fn end_unix_nanos(&self) -> u64 {
        self.indexed.batch.end_unix_nanos[self.row]
    }

    /// End minus start, 0 where the end is not after the start.
    pub fn duration_nanos(&self) -> u64 {
        self.indexed.batch.duration_nanos(self.row)
    }

    /// Kind.
    pub fn kind(&self) -> SpanKind {
        SpanKind::from_code(self.indexed.batch.kinds[self.row])
    }

    /// Status code.
    pub fn status_code(&self) -> StatusCode {
        StatusCode::from_code(self.indexed.batch.status_codes[self.row])
    }

    /// OTLP number of the kind as sent, which may be one that [`SpanRef::kind`] does not know.
    pub fn kind_number(&self) -> u8 {
        self.indexed.batch.kinds[self.row]
    }

    /// OTLP number of the status as sent, which may be one that [`SpanRef::status_code`] does not know.
    pub fn status_number(&self) -> u8 {
        self.indexed.batch.status_codes[self.row]
    }

    /// Status text, empty when none.
    pub fn status_message(&self) -> &'a str {
        self.indexed.batch.status_messages.get_str(self.row)
    }

    /// OTLP flags.
    pub fn flags(&self) -> u32 {
        self.indexed.batch.flags[self.row]
    }

    /// Span name.
    pub fn name(&self) -> &'a str {
        self.indexed.batch.names.get_str(self.row)
    }

    /// W3C trace state, empty when none.
    pub fn trace_state(&self) -> &'a str {
        self.indexed.batch.trace_states.get_str(self.row)
    }

    /// The resource.
    pub fn resource(&self) -> &'a Resource {
        &self.indexed.resources()[cast::index(self.indexed.batch.resources.codes[self.row])]
    }

    /// Service of the resource.
    pub fn service_name(&self) -> &'a str {
        self.resource().service_name()
    }

    /// The scope.
    pub fn scope(&self) -> &'a Scope {
        &self.indexed.scopes()[cast::index(self.indexed.batch.scopes.codes[self.row])]
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        self.indexed.batch.dropped_attributes_counts.get(self.row)
    }

    /// Events that the sender dropped.
    pub fn dropped_events_count(&self) -> u32 {
        self.indexed.batch.dropped_events_counts.get(self.row)
    }

    /// Links that the sender dropped.
    pub fn dropped_links_count(&self) -> u32 {
        self.indexed.batch.dropped_links_counts.get(self.row)
    }

    /// Attributes in the order sent.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        attributes_of(&self.indexed.batch.attributes, self.indexed.span_cells(), self.row)
    }

    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<ValueRef<'a>> {
        self.attributes().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Events in the order sent.
    pub fn events(&self) -> impl ExactSizeIterator<Item = EventRef<'a>> + use<'a> {
        let indexed = self.indexed;
        item_range(&indexed.batch.events.ends, self.row).map(|item| EventRef { indexed, item })
    }

    /// Links in the order sent.
    pub fn links(&self) -> impl ExactSizeIterator<Item = LinkRef<'a>> + use<'a> {
        let indexed = self.indexed;
        item_range(&indexed.batch.links.ends, self.row).map(|item| LinkRef { indexed, item })
    }

    pub(crate) fn event_range(&self) -> std::ops::Range<usize> {
        item_range(&self.indexed.batch.events.ends, self.row)
    }

    pub(crate) fn link_range(&self) -> std::ops::Range<usize> {
        item_range(&self.indexed.batch.links.ends, self.row)
    }
}

/// One event of a span.
#[derive(Debug, Clone, Copy)]
pub struct EventRef<'a> {
    indexed: &'a IndexedBatch,
    item: usize,
}

impl<'a> EventRef<'a> {
    /// Nanoseconds since the Unix epoch.
    pub fn time_unix_nanos(&self) -> u64 {
        self.indexed.batch.events.time_unix_nanos[self.item]
    }

    /// Event name.
    pub fn name(&self) -> &'a str {
        self.indexed.batch.events.names.get_str(self.item)
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        self.indexed.batch.events.dropped_attributes_counts.get(self.item)
    }

    /// Attributes in the order sent.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        attributes_of(&self.indexed.batch.events.attributes, self.indexed.event_cells(), self.item)
    }
}

/// One link of a span.
#[derive(Debug, Clone, Copy)]
pub struct LinkRef<'a> {
    indexed: &'a IndexedBatch,
    item: usize,
}

impl<'a> LinkRef<'a> {
    /// The linked trace.
    pub fn trace_id(&self) -> TraceId {
        self.indexed.batch.links.trace_ids[self.item]
    }

    /// The linked span.
    pub fn span_id(&self) -> SpanId {
        self.indexed.batch.links.span_ids[self.item]
    }

    /// W3C trace state, empty when none.
    pub fn trace_state(&self) -> &'a str {
        self.indexed.batch.links.trace_states.get_str(self.item)
    }

    /// OTLP flags.
    pub fn flags(&self) -> u32 {
        self.indexed.batch.links.flags[self.item]
    }

    /// Attributes that the sender dropped.
    pub fn dropped_attributes_count(&self) -> u32 {
        self.indexed.batch.links.dropped_attributes_counts.get(self.item)
    }

    /// Attributes in the order sent.
    pub fn attributes(&self) -> impl Iterator<Item = (&'a str, ValueRef<'a>)> + use<'a> {
        attributes_of(&self.indexed.batch.links.attributes, self.indexed.link_cells(), self.item)
    }
}
