//! Failures of encoding and reading a segment.

use fanal_base::ErrorKind;
use fanal_model::InvalidBatch;

/// Why a segment was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The batch to encode is inconsistent.
    #[error("batch cannot be encoded")]
    InvalidBatch(#[from] InvalidBatch),
    /// A part does not fit the format.
    #[error("{part} come to {observed}, the format holds {limit}; write smaller batches")]
    TooLarge {
        /// What is too large, with its unit.
        part: &'static str,
        /// How large it is.
        observed: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The bytes are no segment, or of a version that this program does not know.
    #[error("not a segment of version {expected}: found magic and version {found:02x?}")]
    Unknown {
        /// The bytes where magic and version belong.
        found: [u8; 8],
        /// The version that this program reads.
        expected: u8,
    },
    /// Bytes do not check out.
    #[error("segment is corrupt: {part} at byte {offset}: {found}")]
    Corrupt {
        /// The part at fault.
        part: &'static str,
        /// Where it begins in the segment.
        offset: u64,
        /// What was found.
        found: &'static str,
    },
    /// There is no such granule, row or column.
    #[error("segment has no {part} {index}, only {count}")]
    OutOfRange {
        /// What was asked for.
        part: &'static str,
        /// Its index.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// The source did not read.
    #[error("reading {length} bytes of a segment at byte {offset} failed")]
    Io {
        /// Where.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// The system's word.
        #[source]
        source: std::io::Error,
    },
    /// A compressor failed.
    #[error("compressing {part} failed")]
    Compress {
        /// What.
        part: &'static str,
    },
}

impl SegmentError {
    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::InvalidBatch(_) | Self::TooLarge { .. } | Self::OutOfRange { .. } => {
                ErrorKind::Invalid
            }
            Self::Unknown { .. } | Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Io { .. } | Self::Compress { .. } => ErrorKind::Internal,
        }
    }
}

/// What is wrong with the bytes of a part; the reader adds which part and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flaw(pub(super) &'static str);

impl From<fanal_model::nested::InvalidNested> for Flaw {
    fn from(_: fanal_model::nested::InvalidNested) -> Self {
        Self("ends too early")
    }
}
