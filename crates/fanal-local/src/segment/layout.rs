//! Which chunks a granule has, in which order, and how a chunk is closed.
//!
//! The order puts what summaries need first, so that it is one read.

use super::error::SegmentError;
use super::{AttributeOwner, TextColumn};
use fanal_base::cast;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Magic and, as the last byte, version: the last bytes of a segment.
pub(super) const MAGIC: [u8; 8] = *b"FNLSEG\0\x03";

/// Version that this program writes and reads.
pub(super) const VERSION: u8 = MAGIC[7];

/// Bytes of the checksum that closes a chunk.
pub(super) const CHECKSUM_BYTES: usize = 4;

/// Columns of a granule that are not attributes; the discriminant is the place in the granule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Starts,
    Durations,
    Classes,
    Names,
    Resources,
    Scopes,
    Kinds,
    StatusCodes,
    TraceIds,
    SpanIds,
    Parents,
    Flags,
    TraceStates,
    StatusMessages,
    DroppedAttributes,
    DroppedEvents,
    DroppedLinks,
    SpanShapes,
    EventCounts,
    EventTimes,
    EventNames,
    EventDropped,
    EventShapes,
    LinkCounts,
    LinkTraceIds,
    LinkSpanIds,
    LinkTraceStates,
    LinkFlags,
    LinkDropped,
    LinkShapes,
}

impl Column {
    /// Every column, in the order of the format.
    pub(super) const ALL: [Self; COLUMN_COUNT] = [
        Self::Starts,
        Self::Durations,
        Self::Classes,
        Self::Names,
        Self::Resources,
        Self::Scopes,
        Self::Kinds,
        Self::StatusCodes,
        Self::TraceIds,
        Self::SpanIds,
        Self::Parents,
        Self::Flags,
        Self::TraceStates,
        Self::StatusMessages,
        Self::DroppedAttributes,
        Self::DroppedEvents,
        Self::DroppedLinks,
        Self::SpanShapes,
        Self::EventCounts,
        Self::EventTimes,
        Self::EventNames,
        Self::EventDropped,
        Self::EventShapes,
        Self::LinkCounts,
        Self::LinkTraceIds,
        Self::LinkSpanIds,
        Self::LinkTraceStates,
        Self::LinkFlags,
        Self::LinkDropped,
        Self::LinkShapes,
    ];

    /// The word for it in errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Starts => "starts",
            Self::Durations => "durations",
            Self::Classes => "classes",
            Self::Names => "names",
            Self::Resources => "resources",
            Self::Scopes => "scopes",
            Self::Kinds => "kinds",
            Self::StatusCodes => "status codes",
            Self::TraceIds => "trace ids",
            Self::SpanIds => "span ids",
            Self::Parents => "parents",
            Self::Flags => "flags",
            Self::TraceStates => "trace states",
            Self::StatusMessages => "status messages",
            Self::DroppedAttributes => "dropped attributes counts",
            Self::DroppedEvents => "dropped events counts",
            Self::DroppedLinks => "dropped links counts",
            Self::SpanShapes => "span shapes",
            Self::EventCounts => "event counts",
            Self::EventTimes => "event times",
            Self::EventNames => "event names",
            Self::EventDropped => "dropped event attributes counts",
            Self::EventShapes => "event shapes",
            Self::LinkCounts => "link counts",
            Self::LinkTraceIds => "link trace ids",
            Self::LinkSpanIds => "link span ids",
            Self::LinkTraceStates => "link trace states",
            Self::LinkFlags => "link flags",
            Self::LinkDropped => "dropped link attributes counts",
            Self::LinkShapes => "link shapes",
        }
    }
}

impl Column {
    /// Whose values it holds.
    pub(super) fn owner(self) -> AttributeOwner {
        match self {
            Self::EventTimes | Self::EventNames | Self::EventDropped | Self::EventShapes => {
                AttributeOwner::Event
            }
            Self::LinkTraceIds
            | Self::LinkSpanIds
            | Self::LinkTraceStates
            | Self::LinkFlags
            | Self::LinkDropped
            | Self::LinkShapes => AttributeOwner::Link,
            _ => AttributeOwner::Span,
        }
    }
}

/// Number of [`Column`]s.
pub(super) const COLUMN_COUNT: usize = Column::LinkShapes as usize + 1;

/// Columns from the first on that a summary needs.
pub(super) const SUMMARY_COLUMNS: usize = Column::DroppedLinks as usize + 1;

/// Text columns in the order of their dictionaries.
pub(super) const TEXT_COLUMNS: [TextColumn; 7] = [
    TextColumn::Names,
    TextColumn::Resources,
    TextColumn::Scopes,
    TextColumn::TraceStates,
    TextColumn::StatusMessages,
    TextColumn::EventNames,
    TextColumn::LinkTraceStates,
];

impl TextColumn {
    /// Its place among dictionaries.
    pub(super) fn place(self) -> usize {
        self as usize
    }

    /// Its chunk in a granule.
    pub(super) fn column(self) -> Column {
        match self {
            Self::Names => Column::Names,
            Self::Resources => Column::Resources,
            Self::Scopes => Column::Scopes,
            Self::TraceStates => Column::TraceStates,
            Self::StatusMessages => Column::StatusMessages,
            Self::EventNames => Column::EventNames,
            Self::LinkTraceStates => Column::LinkTraceStates,
        }
    }

    /// Whether it has a dictionary whatever its entries are.
    pub(super) fn is_always_coded(self) -> bool {
        matches!(self, Self::Names | Self::Resources | Self::Scopes)
    }
}

impl AttributeOwner {
    /// Its place among attribute tables.
    pub(super) fn place(self) -> usize {
        self as usize
    }

    /// The column of shapes in a granule.
    pub(super) fn shapes(self) -> Column {
        match self {
            Self::Span => Column::SpanShapes,
            Self::Event => Column::EventShapes,
            Self::Link => Column::LinkShapes,
        }
    }
}

/// Bytes of a segment that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Extent {
    pub(super) offset: u64,
    pub(super) length: u32,
}

impl Extent {
    /// The bytes of a range that counts from `base`.
    pub(super) fn within(base: u64, range: Range<u32>) -> Self {
        Self {
            offset: base + u64::from(range.start),
            length: range.end.saturating_sub(range.start),
        }
    }
}

/// Checksum of a chunk: it covers the place too, so that bytes read from elsewhere are seen.
pub(super) fn chunk_checksum(payload: &[u8], offset: u64) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, ..] = xxh3_64_with_seed(payload, offset).to_le_bytes();
    [a, b, c, d]
}

/// The growing segment.
#[derive(Debug, Default)]
pub(super) struct Sink {
    pub(super) bytes: Vec<u8>,
    chunk_start: usize,
}

impl Sink {
    /// Length so far.
    pub(super) fn offset(&self) -> u64 {
        cast::wide(self.bytes.len())
    }

    /// Closes the chunk of what was appended since the last one; nothing appended is no chunk.
    pub(super) fn close_chunk(&mut self) -> Result<Extent, SegmentError> {
        let offset = cast::wide(self.chunk_start);
        let payload = self.bytes.get(self.chunk_start..).unwrap_or_default();
        if payload.is_empty() {
            return Ok(Extent { offset, length: 0 });
        }
        let checksum = chunk_checksum(payload, offset);
        self.bytes.extend_from_slice(&checksum);
        let length = self.bytes.len() - self.chunk_start;
        self.chunk_start = self.bytes.len();
        let length = u32::try_from(length).map_err(|_| SegmentError::TooLarge {
            part: "bytes of a chunk",
            observed: cast::wide(length),
            limit: u64::from(u32::MAX),
        })?;
        Ok(Extent { offset, length })
    }
}
