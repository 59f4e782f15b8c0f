//! Reads a file from its first byte to its last: decompresses it, finds its items, joins them into pieces.
//!
//! The binary gives it a file or its standard input, the server the body of a request. Invariant: memory holds one item
//! more than a piece, and a decoder of limited size.

use super::FileFormat;
use super::error::FileError;
use super::first_bytes::{BYTE_ORDER_MARK, Encoding, LOOKED_AT_BYTES, detect};
use super::item::ItemKind;
use super::json_items::JsonItems;
use super::piece::Piece;
use super::protobuf_items::{Framing, ProtobufItems};
use super::source::Source;
use std::io::{self, BufRead, BufReader, Read};

/// Length of a piece, in bytes, unless a single item is longer.
pub const PIECE_BYTES: usize = 4 << 20;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// What a file may make its reader hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// Most bytes of one item: a trace of Jaeger's, a resource with its spans, a request, a span of Zipkin's.
    pub item_bytes_max: usize,
    /// Largest window of a file in zstd, as a power of two in bytes.
    pub zstd_window_log_max: u32,
}

enum Items<'r> {
    Json(JsonItems<'r>),
    Protobuf(ProtobufItems<'r>),
}

/// Reads a file.
pub struct FileReader<'r> {
    items: Items<'r>,
    /// The item that begins the next piece, and its place.
    pending: Option<(ItemKind, u64)>,
    item: Vec<u8>,
    format: Option<FileFormat>,
    /// Why nothing comes after what is pending.
    failure: Option<FileError>,
}

impl std::fmt::Debug for FileReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FileReader").field("format", &self.format).finish_non_exhaustive()
    }
}

impl<'r> FileReader<'r> {
    /// Begins a file, and reads as far as its format can be told.
    ///
    /// Fails where it is no file of traces, or its first item cannot be read.
    pub fn open(input: impl Read + 'r, limits: FileLimits) -> Result<Self, FileError> {
        let (input, encoding) = decompressed(Box::new(input), limits)?;
        let mut source = Source::new(input);
        let items = match encoding {
            Encoding::Protobuf => {
                Items::Protobuf(ProtobufItems::new(source, Framing::Fields, limits.item_bytes_max))
            }
            Encoding::LengthsAndProtobuf => {
                Items::Protobuf(ProtobufItems::new(source, Framing::Lengths, limits.item_bytes_max))
            }
            _ => {
                if source.peek()? == BYTE_ORDER_MARK.first().copied() {
                    source.take_into(&mut Vec::new(), BYTE_ORDER_MARK.len())?;
                }
                Items::Json(JsonItems::new(source, limits.item_bytes_max))
            }
        };
        let mut reader =
            Self { items, pending: None, item: Vec::new(), format: None, failure: None };
        reader.advance();
        if let Some(error) = reader.failure.take() {
            return Err(error);
        }
        reader.format = reader.pending.map(|(kind, _)| kind.format());
        Ok(reader)
    }

    /// What the file holds, by its first item; `None` where it holds none.
    pub fn format(&self) -> Option<FileFormat> {
        self.format
    }

    /// The next piece; `None` at the end. What came before an error is handed out before it, and nothing after it.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, FileError> {
        let Some((kind, offset)) = self.pending else {
            return self.failure.take().map_or(Ok(None), Err);
        };
        let (open, between, close) = kind.frame();
        let mut bytes = Vec::with_capacity(open.len() + self.item.len() + close.len());
        bytes.extend_from_slice(open);
        bytes.extend_from_slice(&self.item);
        self.advance();
        while self.pending.is_some_and(|(next, _)| next == kind && kind.is_joined())
            && bytes.len() + self.item.len() <= PIECE_BYTES
        {
            bytes.extend_from_slice(between);
            bytes.extend_from_slice(&self.item);
            self.advance();
        }
        bytes.extend_from_slice(close);
        Ok(Some(Piece { format: kind.format(), offset, bytes }))
    }

    /// Reads the next item.
    fn advance(&mut self) {
        self.item.clear();
        let found = match &mut self.items {
            Items::Json(items) => items.next(&mut self.item),
            Items::Protobuf(items) => items.next(&mut self.item),
        };
        self.pending = found.unwrap_or_else(|error| {
            self.failure = Some(error);
            None
        });
    }
}

/// The bytes as they were before compression, and how they are to be read.
fn decompressed<'r>(
    input: Box<dyn Read + 'r>,
    limits: FileLimits,
) -> Result<(Box<dyn BufRead + 'r>, Encoding), FileError> {
    let (input, encoding) = looked_at(input)?;
    let plain: Box<dyn Read + 'r> = match encoding {
        Encoding::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Encoding::Zstd => {
            let decoder = zstd::stream::read::Decoder::with_buffer(input);
            let decoder = decoder.and_then(|mut decoder| {
                decoder.window_log_max(limits.zstd_window_log_max)?;
                Ok(decoder)
            });
            Box::new(decoder.map_err(|source| FileError::Read { offset: 0, source })?)
        }
        _ => return Ok((input, encoding)),
    };
    match looked_at(plain)? {
        (_, Encoding::Gzip | Encoding::Zstd) => {
            let found = "compressed twice: decompress it once first".to_owned();
            Err(FileError::Unknown { found })
        }
        plain => Ok(plain),
    }
}

/// Reads the first bytes, and puts them before the rest again.
fn looked_at<'r>(
    mut input: Box<dyn Read + 'r>,
) -> Result<(Box<dyn BufRead + 'r>, Encoding), FileError> {
    let mut first = Vec::with_capacity(LOOKED_AT_BYTES);
    let wanted = fanal_base::cast::wide(LOOKED_AT_BYTES);
    let read = input.by_ref().take(wanted).read_to_end(&mut first);
    read.map_err(|source| FileError::Read { offset: 0, source })?;
    let encoding = detect(&first)?;
    let whole = io::Cursor::new(first).chain(input);
    Ok((Box::new(BufReader::with_capacity(CHUNK_BYTES, whole)), encoding))
}
