//! What the JSON formats share: bodies as text, spellings of single values, the parser's words.
//!
//! Used by the walks of every JSON format. Knows no message.

mod scalar;

pub(crate) use scalar::{Double, Enumeration, Integer, Text};

use crate::decoded::DecodeError;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError as Base64Error, Engine, alphabet};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The text of a body.
pub(crate) fn body_text(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        error_after(valid, 1, 1, "text is not UTF-8".to_owned())
    })
}

/// An error of the whole text.
pub(crate) fn decode_error(error: &serde_json::Error) -> DecodeError {
    DecodeError::Json { line: error.line(), column: error.column(), problem: problem(error) }
}

/// An error at `line` and `column` of a part that `before` precedes.
pub(crate) fn error_after(
    before: &[u8],
    line: usize,
    column: usize,
    problem: String,
) -> DecodeError {
    let lines_before = before.split(|&byte| byte == b'\n').count() - 1;
    let line_start =
        before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    let columns_before = if line > 1 { 0 } else { before.len() - line_start };
    DecodeError::Json { line: lines_before + line.max(1), column: columns_before + column, problem }
}

/// The parser's words without its place, which counts from the start of a part.
pub(crate) fn problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

/// Reads an object. (Serde by itself would also take a list of the fields' values.)
pub(crate) fn read_object<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
) -> Result<T, serde_json::Error> {
    if raw.get().starts_with('{') {
        serde_json::from_str(raw.get())
    } else {
        Err(serde::de::Error::custom("expected an object"))
    }
}

/// Where a part of `body` begins, in bytes.
pub(crate) fn offset_in(body: &str, part: &RawValue) -> usize {
    (part.get().as_ptr() as usize).saturating_sub(body.as_ptr() as usize)
}

/// Appends the bytes that a text is in base64. Both alphabets and missing padding are seen.
pub(crate) fn decode_base64(text: &str, out: &mut Vec<u8>) -> Result<(), Base64Error> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode_vec(text, out)
}
