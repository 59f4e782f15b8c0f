//! Trace ids in Jaeger's spellings.

use crate::refusal::Refusal;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fanal_model::{SpanId, TraceId};

/// Longest base64 form of an id, in characters.
const BASE64_LENGTH_MAX: usize = 24;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

const ALPHABETS: [GeneralPurpose; 2] = [
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT),
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT),
];

/// Reads 1 to 32 hex digits, or base64 of 8 or 16 bytes.
pub(crate) fn read(text: &str) -> Result<TraceId, Refusal> {
    let id = TraceId::parse_hex(text).ok().or_else(|| read_base64(text));
    id.filter(|id| !id.is_zero()).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Refusal::parameter("traceID", format!("malformed trace ID: `{shown}`"))
    })
}

fn read_base64(text: &str) -> Option<TraceId> {
    if text.len() > BASE64_LENGTH_MAX {
        return None;
    }
    of_bytes(&ALPHABETS.iter().find_map(|alphabet| alphabet.decode(text).ok())?)
}

fn of_bytes(bytes: &[u8]) -> Option<TraceId> {
    match SpanId::from_slice(bytes) {
        Some(SpanId(low)) => {
            let mut id = [0; TraceId::LENGTH];
            id[TraceId::LENGTH - SpanId::LENGTH..].copy_from_slice(&low);
            Some(TraceId(id))
        }
        None => TraceId::from_slice(bytes),
    }
}

/// Reads the bytes of an id, 8 or 16.
pub(crate) fn from_bytes(bytes: &[u8]) -> Result<TraceId, Refusal> {
    let id = of_bytes(bytes).filter(|id| !id.is_zero());
    id.ok_or_else(|| {
        let message =
            format!("malformed trace ID: {} bytes, or all zero; 16 are wanted", bytes.len());
        Refusal::parameter("trace_id", message)
    })
}

/// Writes 16 digits where the high half is zero, else 32.
pub(crate) fn write(id: TraceId) -> String {
    let text = id.to_string();
    let half = TraceId::LENGTH;
    let is_short = text.as_bytes()[..half].iter().all(|&digit| digit == b'0');
    if is_short { text[half..].to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_read_and_one_is_written() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(read(text).ok().map(write).as_deref(), expect, "{text}");
        };
        check("0af7651916cd43dd8448eb211c80319c", Some("0af7651916cd43dd8448eb211c80319c"));
        check("0AF7651916CD43DD8448EB211C80319C", Some("0af7651916cd43dd8448eb211c80319c"));
        check("8448eb211c80319c", Some("8448eb211c80319c"));
        check("abc", Some("0000000000000abc"));
        check("0000000000000000000000000000abc1", Some("000000000000abc1"));
        check("CvdlGRbNQ92ESOshHIAxnA==", Some("0af7651916cd43dd8448eb211c80319c"));
        check("CvdlGRbNQ92ESOshHIAxnA", Some("0af7651916cd43dd8448eb211c80319c"));
        check("hEjrIRyAMZw=", Some("8448eb211c80319c"));
        check("_____________________w", Some("ffffffffffffffffffffffffffffffff"));
        for bad in ["", "0", "xyz", "0af7651916cd43dd8448eb211c80319c0", "é"] {
            check(bad, None);
        }
    }
}
