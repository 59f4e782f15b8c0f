//! What a file is, by its first bytes.
//!
//! Tells compression, JSON and both forms of protobuf apart; what JSON holds is told by its items. What is none of these
//! is named as well as can be, for the person who gave the wrong file.

use super::error::FileError;
use crate::otlp::file::{LENGTH_BYTES, request_length};

/// Bytes that are looked at.
pub(super) const LOOKED_AT_BYTES: usize = 512;

/// Characters of an unknown text that a message shows.
const SHOWN_CHARACTERS: usize = 40;

/// How a file is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Compressed with gzip.
    Gzip,
    /// Compressed with zstd.
    Zstd,
    /// Objects or lists in JSON.
    Json,
    /// One OTLP request in protobuf.
    Protobuf,
    /// OTLP requests in protobuf, each with its length before it.
    LengthsAndProtobuf,
}

/// Marks of other files, and what to say.
const OTHERS: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a zip archive: unpack it first"),
    (b"PAR1", "a Parquet file, which Fanal writes and does not read: export as .jsonl or .binpb"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"BZh", "compressed with bzip2: decompress it first"),
    (b"\xfd7zXZ", "compressed with xz: decompress it first"),
    (b"\x04\x22\x4d\x18", "compressed with lz4: decompress it first"),
    (b"\xff\xfe", "text in UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16: save it as UTF-8"),
    (b"<!DOCTYPE", "a page of HTML, perhaps one that asks to log in"),
    (b"<html", "a page of HTML, perhaps one that asks to log in"),
    (b"<", "XML or HTML"),
];

/// Where a tar archive has its mark, and the mark.
const TAR_MARK: (usize, &[u8]) = (257, b"ustar");

/// Tells how a file that begins with `bytes` is to be read. More than 512 bytes are not needed; fewer are a whole file.
pub fn detect(bytes: &[u8]) -> Result<Encoding, FileError> {
    let bytes = bytes.get(..LOOKED_AT_BYTES).unwrap_or(bytes);
    if bytes.is_empty() {
        return Err(FileError::Empty);
    }
    if bytes.starts_with(b"\x1f\x8b") {
        return Ok(Encoding::Gzip);
    }
    if bytes.starts_with(b"\x28\xb5\x2f\xfd") {
        return Ok(Encoding::Zstd);
    }
    let text = without_mark(bytes).trim_ascii_start();
    if is_text(bytes) {
        match text.first() {
            None => return Err(FileError::Empty),
            Some(b'{' | b'[') => return Ok(Encoding::Json),
            Some(_) => {}
        }
    } else if bytes.first() == Some(&RESOURCE_SPANS_TAG) {
        // As the first byte of a length it would announce more than is taken.
        return Ok(Encoding::Protobuf);
    } else if has_length(bytes) {
        return Ok(Encoding::LengthsAndProtobuf);
    }
    Err(FileError::Unknown { found: words(bytes, text) })
}

/// Tag of the one field of a request.
const RESOURCE_SPANS_TAG: u8 = 0x0a;

/// The mark of UTF-8 that some editors put before a text.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Whether no byte is one that texts do not have. Protobuf has one in every few.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|&byte| byte >= b' ' || matches!(byte, b'\t' | b'\n' | b'\r'))
}

fn has_length(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<LENGTH_BYTES>() else { return false };
    let is_plausible = length[0] < RESOURCE_SPANS_TAG;
    request_length(*length) == 0 || (is_plausible && rest.first() == Some(&RESOURCE_SPANS_TAG))
}

fn words(bytes: &[u8], text: &[u8]) -> String {
    if bytes.get(TAR_MARK.0..).is_some_and(|bytes| bytes.starts_with(TAR_MARK.1)) {
        return "a tar archive: unpack it first".to_owned();
    }
    let is = |mark: &[u8]| bytes.starts_with(mark) || text.starts_with(mark);
    if let Some((_, words)) = OTHERS.iter().find(|(mark, _)| is(mark)) {
        return (*words).to_owned();
    }
    let start = String::from_utf8_lossy(text);
    let shown: String = start.chars().take(SHOWN_CHARACTERS).collect();
    if is_text(bytes) {
        format!("text that begins with `{}`", shown.lines().next().unwrap_or_default().trim_end())
    } else {
        let bytes = bytes.get(..8).unwrap_or(bytes);
        let shown: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("bytes that begin with {}", shown.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_first_bytes() {
        let check = |bytes: &[u8], expect: Encoding| {
            assert_eq!(detect(bytes).ok(), Some(expect), "{}", bytes.escape_ascii());
        };
        check(b"\x1f\x8b\x08", Encoding::Gzip);
        check(b"\x28\xb5\x2f\xfd\x04", Encoding::Zstd);
        check(b"{\"resourceSpans\":[]}", Encoding::Json);
        check(b" \r\n[{}]", Encoding::Json);
        check(b"\xef\xbb\xbf{}", Encoding::Json);
        check("{\"name\":\"\u{e9}\"}".as_bytes(), Encoding::Json);
        check(b"\n{\n\"data\":[]}", Encoding::Json);
        // A request whose first field has as many bytes as an opening brace says.
        check(b"\x0a\x7b\x0a\x22\x0a\x20\x0a\x0cservice.name\x12\x10\x0a\x0e", Encoding::Protobuf);
        check(b"\x0a\x00", Encoding::Protobuf);
        check(b"\x00\x00\x00\x0c\x0a\x0a", Encoding::LengthsAndProtobuf);
        check(b"\x00\x00\x00\x00", Encoding::LengthsAndProtobuf);
    }

    #[test]
    fn what_is_no_trace_is_named() {
        let check = |bytes: &[u8], expect: &str| {
            let error = detect(bytes).expect_err("refused").to_string();
            assert!(error.contains(expect), "{error}");
        };
        check(b"", "the file is empty");
        check(b" \n ", "the file is empty");
        check(b"PK\x03\x04..", "a zip archive: unpack it first");
        check(&[&[b'a', 0][..], &[0; 255], b"ustar\0"].concat(), "a tar archive: unpack it first");
        check(b"PAR1\x15\x04", "Parquet");
        check(b"\n<!DOCTYPE html>", "a page of HTML");
        check(b"hello\nworld", "text that begins with `hello`");
        check(b"\x01\x02\x03", "bytes that begin with 01 02 03");
        check(b"\xff\xfe{\0", "UTF-16");
        check(b"\xff\xff\xff\xff\x0a\0", "bytes that begin with ff ff ff ff 0a 00");
        check(b"hello", "OTLP JSON, OTLP protobuf, Jaeger JSON and Zipkin JSON are taken");
    }
}
