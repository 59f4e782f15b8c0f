//! Segments: the one disk format of log records and blocks. A segment is the self-contained columnar form of one
//! `SpanBatch`, cut into granules whose columns can each be read alone.
//!
//! The log and the merge write segments, search and fetch read them. Invariant: a segment that opens and whose
//! chunks check out gives back exactly the spans that were encoded. Knows bytes, not files: where a segment lies
//! and how long it lives is the engine's affair. `FORMAT.md` has every byte.

mod assemble;
mod attributes;
mod bits;
mod cache;
mod chunk;
mod classes;
mod column_writer;
mod columns;
mod compress;
mod directory;
mod encode;
mod error;
mod fixed;
mod granule;
mod ids;
mod integers;
mod inventory;
mod join;
mod layout;
mod pages;
mod reader;
mod resources;
mod shared;
mod source;
mod statistics;
mod text;
mod tokens;
mod trailer;

pub use classes::Classes;
pub(crate) use columns::GranuleReader;
pub use encode::{encode, encode_in_pieces};
pub use error::SegmentError;
pub(crate) use fixed::{ClassCells, Source};
pub use granule::{AttributeStats, CodeSet, Granule, NumericRange, Slowest, duration_step};
pub use inventory::Part;
pub use reader::{Segment, Shapes};
pub use resources::{ResourceSummary, SERVICE_KEY};
pub use source::ReadAt;

use fanal_model::{AttributeType, DictionaryColumn};

/// Rows of a granule of a block, the value that measured best.
pub const GRANULE_ROWS: usize = 8192;

/// Rows of a page of a block: what a fetch of one trace reads of each large column.
pub const PAGE_ROWS: usize = 1024;

/// Most rows that [`EncodeOptions::granule_rows`] can ask for; more are clamped.
pub const GRANULE_ROWS_MAX: usize = 1 << 16;

/// What an encoding is optimised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Little time: bit packing and lz4. For log records.
    Fast,
    /// Few bytes: pco and zstd, chosen by trial. For blocks.
    Small,
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EncodeOptions {
    /// What to optimise for.
    pub profile: Profile,
    /// Rows of a granule, about: granules end at the next trace boundary within a quarter more.
    pub granule_rows: usize,
    /// Rows of a page, about: pages end at trace boundaries too. A granule has at least one.
    pub page_rows: usize,
}

impl EncodeOptions {
    /// For log records: fast, in as few granules as possible.
    pub const LOG: Self = Self {
        profile: Profile::Fast,
        granule_rows: GRANULE_ROWS_MAX,
        page_rows: GRANULE_ROWS_MAX,
    };
    /// For blocks: small, in granules of [`GRANULE_ROWS`] and pages of [`PAGE_ROWS`].
    pub const BLOCK: Self =
        Self { profile: Profile::Small, granule_rows: GRANULE_ROWS, page_rows: PAGE_ROWS };
}

/// Whose attributes a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeOwner {
    /// Spans.
    Span,
    /// Events.
    Event,
    /// Links.
    Link,
}

impl AttributeOwner {
    /// Every owner, in the order of the format.
    pub const ALL: [Self; 3] = [Self::Span, Self::Event, Self::Link];
}

/// A text column that is not an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextColumn {
    /// Span names; always coded.
    Names,
    /// Encoded resources; always coded.
    Resources,
    /// Encoded scopes; always coded.
    Scopes,
    /// W3C trace states of spans.
    TraceStates,
    /// Status texts.
    StatusMessages,
    /// Event names, one value an event.
    EventNames,
    /// W3C trace states of links, one value a link.
    LinkTraceStates,
}

/// Names a dictionary of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DictionaryId {
    /// Of a fixed text column.
    Text(TextColumn),
    /// Of the attribute column of this index in [`Segment::attribute_columns`].
    Attribute(AttributeOwner, u32),
}

/// What is known of an attribute column without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeColumnMeta {
    /// The key; empty for the overflow column.
    pub key: Box<str>,
    /// Type of the values; `None` for the overflow column, whose entries are
    /// [`fanal_model::attributes::overflow_entry`]s.
    pub kind: Option<AttributeType>,
    /// Whether values are codes into the dictionary [`DictionaryId::Attribute`]; otherwise text, bytes, arrays, maps
    /// and overflow have a table in each granule.
    pub has_dictionary: bool,
}

/// Texts of one granule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextValues {
    /// Codes into the dictionary of the column.
    Coded(Vec<u32>),
    /// Codes into a table of this granule alone.
    Local(DictionaryColumn),
}

/// Values of an attribute column in one granule: of the rows whose shape names the column, in row order.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValues {
    /// So many keys without a value.
    Empty(usize),
    /// Text, bytes, arrays, maps or overflow entries, by the column's type.
    Text(TextValues),
    /// Booleans.
    Bool(Vec<bool>),
    /// Integers.
    Int(Vec<i64>),
    /// Floats.
    Float(Vec<f64>),
}

#[cfg(test)]
mod tests;
