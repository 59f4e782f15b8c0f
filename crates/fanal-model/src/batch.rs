//! `SpanBatch`: spans as a structure of arrays, the one currency between formats, pipeline, storage and query.

use crate::attributes::AttributeTable;
use crate::column::{DictionaryColumn, SparseColumn};
use crate::id::{SpanId, TraceId};
use crate::resource::{is_resource, is_scope};

/// Most rows of one batch.
pub const ROWS_MAX: usize = 1 << 24;

/// Spans as columns; row `i` of every column is span `i`. Times are nanoseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanBatch {
    /// Trace ids, never zero.
    pub trace_ids: Vec<TraceId>,
    /// Span ids, never zero.
    pub span_ids: Vec<SpanId>,
    /// Parent span ids; zero for a root.
    pub parent_span_ids: Vec<SpanId>,
    /// Start times.
    pub start_unix_nanos: Vec<u64>,
    /// End times as sent, which may lie before the start.
    pub end_unix_nanos: Vec<u64>,
    /// OTLP numbers of [`crate::SpanKind`].
    pub kinds: Vec<u8>,
    /// OTLP numbers of [`crate::StatusCode`].
    pub status_codes: Vec<u8>,
    /// OTLP flags: W3C trace flags in bits 0–7, remote-parent bits 8 and 9.
    pub flags: Vec<u32>,
    /// Span names.
    pub names: DictionaryColumn,
    /// W3C trace states; empty when none.
    pub trace_states: DictionaryColumn,
    /// Status texts; empty when none.
    pub status_messages: DictionaryColumn,
    /// Encoded [`crate::Resource`]s.
    pub resources: DictionaryColumn,
    /// Encoded [`crate::Scope`]s.
    pub scopes: DictionaryColumn,
    /// Attributes that senders dropped.
    pub dropped_attributes_counts: SparseColumn,
    /// Events that senders dropped.
    pub dropped_events_counts: SparseColumn,
    /// Links that senders dropped.
    pub dropped_links_counts: SparseColumn,
    /// Span attributes.
    pub attributes: AttributeTable,
    /// Events of all spans.
    pub events: EventTable,
    /// Links of all spans.
    pub links: LinkTable,
}

/// Events of all spans of a batch, in span order and then as sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EventTable {
    /// By span: one past its last event.
    pub ends: Vec<u32>,
    /// Times.
    pub time_unix_nanos: Vec<u64>,
    /// Names.
    pub names: DictionaryColumn,
    /// Attributes that senders dropped.
    pub dropped_attributes_counts: SparseColumn,
    /// Attributes.
    pub attributes: AttributeTable,
}

/// Links of all spans of a batch, in span order and then as sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinkTable {
    /// By span: one past its last link.
    pub ends: Vec<u32>,
    /// Linked traces.
    pub trace_ids: Vec<TraceId>,
    /// Linked spans.
    pub span_ids: Vec<SpanId>,
    /// W3C trace states.
    pub trace_states: DictionaryColumn,
    /// OTLP flags.
    pub flags: Vec<u32>,
    /// Attributes that senders dropped.
    pub dropped_attributes_counts: SparseColumn,
    /// Attributes.
    pub attributes: AttributeTable,
}

/// Why columns are not a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("span batch is inconsistent: {part}")]
pub struct InvalidBatch {
    /// The column at fault.
    pub part: &'static str,
}

fn require(holds: bool, part: &'static str) -> Result<(), InvalidBatch> {
    if holds { Ok(()) } else { Err(InvalidBatch { part }) }
}

fn is_ends(ends: &[u32], spans: usize, items: usize) -> bool {
    ends.len() == spans
        && ends.is_sorted()
        && ends.last().map_or(0, |&end| fanal_base::cast::index(end)) == items
}

impl SpanBatch {
    /// Number of spans.
    pub fn len(&self) -> usize {
        self.trace_ids.len()
    }

    /// Whether there is no span.
    pub fn is_empty(&self) -> bool {
        self.trace_ids.is_empty()
    }

    /// End minus start, 0 where the end is not after the start.
    #[inline]
    pub fn duration_nanos(&self, row: usize) -> u64 {
        self.end_unix_nanos[row].saturating_sub(self.start_unix_nanos[row])
    }

    /// Checks that the columns fit each other, so that indexing by row and code cannot fail.
    pub fn validate(&self) -> Result<(), InvalidBatch> {
        let rows = self.len();
        require(rows <= ROWS_MAX, "too many rows")?;
        require(self.span_ids.len() == rows, "span ids")?;
        require(self.parent_span_ids.len() == rows, "parent span ids")?;
        require(self.start_unix_nanos.len() == rows, "starts")?;
        require(self.end_unix_nanos.len() == rows, "ends")?;
        require(self.kinds.len() == rows, "kinds")?;
        require(self.status_codes.len() == rows, "status codes")?;
        require(self.flags.len() == rows, "flags")?;
        for (column, part) in [
            (&self.names, "names"),
            (&self.trace_states, "trace states"),
            (&self.status_messages, "status messages"),
        ] {
            require(column.codes.len() == rows && column.is_valid(), part)?;
            require(column.table.is_text(), part)?;
        }
        require(self.resources.codes.len() == rows && self.resources.is_valid(), "resources")?;
        require(self.resources.table.iter().all(is_resource), "resources")?;
        require(self.scopes.codes.len() == rows && self.scopes.is_valid(), "scopes")?;
        require(self.scopes.table.iter().all(is_scope), "scopes")?;
        require(self.attributes.rows.len() == rows && self.attributes.is_valid(), "attributes")?;
        self.events.validate(rows)?;
        self.links.validate(rows)
    }

    /// Bytes of memory held, roughly.
    pub fn memory_bytes(&self) -> usize {
        let fixed = self.trace_ids.capacity() * 54;
        let texts = [
            &self.names,
            &self.trace_states,
            &self.status_messages,
            &self.resources,
            &self.scopes,
            &self.events.names,
            &self.links.trace_states,
        ];
        fixed
            + texts.iter().map(|column| column.memory_bytes()).sum::<usize>()
            + self.attributes.memory_bytes()
            + self.events.attributes.memory_bytes()
            + self.events.time_unix_nanos.capacity() * 8
            + self.links.attributes.memory_bytes()
            + self.links.trace_ids.capacity() * 28
            + 2048
    }
}

impl EventTable {
    fn validate(&self, spans: usize) -> Result<(), InvalidBatch> {
        let items = self.time_unix_nanos.len();
        require(is_ends(&self.ends, spans, items), "event ends")?;
        require(self.names.codes.len() == items && self.names.is_valid(), "event names")?;
        require(self.names.table.is_text(), "event names")?;
        let attributes = &self.attributes;
        require(attributes.rows.len() == items && attributes.is_valid(), "event attributes")
    }
}

impl LinkTable {
    fn validate(&self, spans: usize) -> Result<(), InvalidBatch> {
        let items = self.trace_ids.len();
        require(is_ends(&self.ends, spans, items), "link ends")?;
        require(self.span_ids.len() == items, "link span ids")?;
        require(self.flags.len() == items, "link flags")?;
        let states = &self.trace_states;
        require(states.codes.len() == items && states.is_valid(), "link trace states")?;
        require(states.table.is_text(), "link trace states")?;
        let attributes = &self.attributes;
        require(attributes.rows.len() == items && attributes.is_valid(), "link attributes")
    }
}
