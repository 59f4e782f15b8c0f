//! Finds the items of a file of JSON without reading it as a whole: documents one after the other, lists of lists, and
//! the lists in which query APIs answer.
//!
//! Descends only as far as items lie. Invariant: holds one item, whose length is limited; an item that is handed out is
//! an object whose brackets match. Commas are not insisted on.

use super::error::FileError;
use super::item::{ItemKind, Keys};
use super::source::Source;

/// Lists within lists: Zipkin answers a search with a list of traces, which are lists of spans.
const LISTS_MAX: usize = 2;

/// Longest key that is looked at, in bytes.
const KEY_BYTES_MAX: usize = 1 << 10;

const TOO_LONG: &str =
    "save fewer spans into one item, or use OTLP in protobuf or with a request a line";

/// Something that is open where reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// A list of items.
    List,
    /// The list `resourceSpans`.
    ResourceSpans,
    /// An object around a list of items.
    Answer,
}

/// The items of a file.
pub(super) struct JsonItems<'r> {
    source: Source<'r>,
    frames: Vec<Frame>,
    item_bytes_max: usize,
    /// What the item before was.
    known: Option<ItemKind>,
}

impl<'r> JsonItems<'r> {
    pub(super) fn new(source: Source<'r>, item_bytes_max: usize) -> Self {
        Self { source, frames: Vec::new(), item_bytes_max, known: None }
    }

    /// Puts the next item into `item`, which is empty, and gives its kind and place; `None` at the end.
    pub(super) fn next(
        &mut self,
        item: &mut Vec<u8>,
    ) -> Result<Option<(ItemKind, u64)>, FileError> {
        loop {
            let Some(byte) = self.source.after_space()? else {
                return if self.frames.is_empty() { Ok(None) } else { Err(self.ends_early()) };
            };
            match (self.frames.last().copied(), byte) {
                (Some(Frame::List | Frame::ResourceSpans), b']') | (Some(Frame::Answer), b'}') => {
                    self.frames.pop();
                    self.source.take(1);
                }
                (Some(_), b',') => self.source.take(1),
                (None | Some(Frame::List), b'[') if self.lists() < LISTS_MAX => {
                    self.frames.push(Frame::List);
                    self.source.take(1);
                }
                (Some(Frame::Answer), b'"') => self.member(item)?,
                (None, b'{') => {
                    let offset = self.source.offset();
                    if self.document(item)? {
                        return self.identify(item, offset).map(Some);
                    }
                }
                (Some(Frame::List), b'{') => {
                    let offset = self.source.offset();
                    self.value(item)?;
                    return self.identify(item, offset).map(Some);
                }
                (Some(Frame::ResourceSpans), b'{') => {
                    let offset = self.source.offset();
                    self.value(item)?;
                    // Only to tell where it is broken.
                    Keys::read(item).map_err(|problem| FileError::Broken { offset, problem })?;
                    self.known = Some(ItemKind::OtlpResourceSpans);
                    return Ok(Some((ItemKind::OtlpResourceSpans, offset)));
                }
                (_, other) => return Err(self.unexpected(other)),
            }
        }
    }

    fn lists(&self) -> usize {
        self.frames.iter().filter(|frame| **frame == Frame::List).count()
    }

    fn identify(&mut self, item: &[u8], offset: u64) -> Result<(ItemKind, u64), FileError> {
        let broken = |problem| FileError::Broken { offset, problem };
        let keys = Keys::read(item).map_err(broken)?;
        match keys.kind(self.known) {
            Some(kind) => {
                self.known = Some(kind);
                Ok((kind, offset))
            }
            None if self.known.is_none() => Err(FileError::Unknown { found: keys.words() }),
            None => Err(broken(format!("{} is no item of this file", keys.words()))),
        }
    }

    /// A whole document, unless a list of items turns up in it, which is left open then.
    fn document(&mut self, item: &mut Vec<u8>) -> Result<bool, FileError> {
        let offset = self.source.offset();
        self.source.take(1);
        item.push(b'{');
        loop {
            match self.source.after_space()? {
                None => return Err(self.ends_early()),
                Some(byte @ (b'}' | b',')) => {
                    self.source.take(1);
                    item.push(byte);
                    if byte == b'}' {
                        return Ok(true);
                    }
                }
                Some(b'"') => {
                    if self.key(item)? {
                        item.clear();
                        // What was opened last lies inside.
                        let inside = self.frames.len().saturating_sub(1);
                        self.frames.insert(inside, Frame::Answer);
                        return Ok(false);
                    }
                    self.held(item, offset)?;
                }
                Some(other) => return Err(self.unexpected(other)),
            }
        }
    }

    /// A member of an object around lists: another list, or what is of no interest.
    fn member(&mut self, item: &mut Vec<u8>) -> Result<(), FileError> {
        self.key(item)?;
        item.clear();
        Ok(())
    }

    /// Copies a key with its value, unless that holds items, which is opened then.
    fn key(&mut self, item: &mut Vec<u8>) -> Result<bool, FileError> {
        let begin = item.len();
        self.text(item, KEY_BYTES_MAX)?;
        let colon = self.source.after_space()?;
        if colon != Some(b':') {
            return Err(self.source.broken("a key has no value"));
        }
        self.source.take(1);
        let opened = match (item.get(begin..).unwrap_or_default(), self.source.after_space()?) {
            (br#""resourceSpans""#, Some(b'[')) => Some(Frame::ResourceSpans),
            (br#""data""#, Some(b'[')) => Some(Frame::List),
            (br#""result""#, Some(b'{')) => Some(Frame::Answer),
            _ => None,
        };
        if let Some(frame) = opened {
            self.source.take(1);
            self.frames.push(frame);
            return Ok(true);
        }
        item.push(b':');
        self.value(item)?;
        Ok(false)
    }

    /// Copies one value.
    fn value(&mut self, item: &mut Vec<u8>) -> Result<(), FileError> {
        let offset = self.source.offset();
        match self.source.peek()? {
            Some(b'"') => return self.text(item, self.item_bytes_max),
            Some(b'{' | b'[') => {}
            _ => return self.word(item),
        }
        let mut scan = Scan::default();
        while !scan.is_done {
            let chunk = self.source.chunk()?;
            if chunk.is_empty() {
                return Err(self.ends_early());
            }
            let bytes = scan.advance(chunk);
            item.extend_from_slice(chunk.get(..bytes).unwrap_or_default());
            self.source.take(bytes);
            self.held(item, offset)?;
        }
        Ok(())
    }

    /// Copies a text with its quotes.
    fn text(&mut self, item: &mut Vec<u8>, bytes_max: usize) -> Result<(), FileError> {
        let (begin, offset) = (item.len(), self.source.offset());
        let mut is_escaped = false;
        loop {
            let Some(byte) = self.source.peek()? else { return Err(self.ends_early()) };
            self.source.take(1);
            item.push(byte);
            let is_first = item.len() == begin + 1;
            if byte == b'"' && !is_escaped && !is_first {
                return Ok(());
            }
            is_escaped = byte == b'\\' && !is_escaped;
            if item.len() - begin > bytes_max {
                return Err(too_long("text", offset, bytes_max));
            }
        }
    }

    /// Copies a number, `true`, `false` or `null`; whether it is one is told when the item is read.
    fn word(&mut self, item: &mut Vec<u8>) -> Result<(), FileError> {
        let (begin, offset) = (item.len(), self.source.offset());
        while let Some(byte) = self.source.peek()? {
            if byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']') {
                break;
            }
            self.source.take(1);
            item.push(byte);
            if item.len() - begin > KEY_BYTES_MAX {
                return Err(too_long("word", offset, KEY_BYTES_MAX));
            }
        }
        if item.len() == begin { Err(self.source.broken("a key has no value")) } else { Ok(()) }
    }

    fn held(&self, item: &[u8], offset: u64) -> Result<(), FileError> {
        if item.len() > self.item_bytes_max {
            let what = if self.frames.contains(&Frame::ResourceSpans) {
                "resource with its spans"
            } else {
                "trace or span"
            };
            return Err(too_long(what, offset, self.item_bytes_max));
        }
        Ok(())
    }

    fn ends_early(&self) -> FileError {
        self.source.broken("the file ends inside an object or a list")
    }

    fn unexpected(&self, byte: u8) -> FileError {
        let shown = byte.escape_ascii();
        self.source.broken(format!("`{shown}` stands where an object of a trace should begin"))
    }
}

fn too_long(what: &'static str, offset: u64, limit: usize) -> FileError {
    FileError::ItemTooLong { what, offset, limit, advice: TOO_LONG }
}

/// Where a value of brackets stands.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    is_in_text: bool,
    is_escaped: bool,
    is_done: bool,
}

impl Scan {
    /// Goes over a chunk; gives how many of its bytes belong to the value.
    fn advance(&mut self, chunk: &[u8]) -> usize {
        for (index, &byte) in chunk.iter().enumerate() {
            if self.is_in_text {
                match byte {
                    _ if self.is_escaped => self.is_escaped = false,
                    b'\\' => self.is_escaped = true,
                    b'"' => self.is_in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.is_in_text = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.is_done = self.depth == 0;
                    if self.is_done {
                        return index + 1;
                    }
                }
                _ => {}
            }
        }
        chunk.len()
    }
}
