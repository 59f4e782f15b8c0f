//! Ids of Zipkin spans: hex digits or bytes, short ones padded with zeros on the left.

use super::fault::Fault;
use crate::decoded::RejectReason;
use fanal_model::{SpanId, TraceId};

/// A trace id of 1 to 32 lower-case hex digits.
pub(super) fn trace_id_of_hex(digits: &str) -> Result<TraceId, Fault> {
    check_hex("trace id", digits, TraceId::LENGTH * 2, RejectReason::TraceIdLength)?;
    TraceId::parse_hex(digits).map_err(|error| Fault::malformed(error.to_string()))
}

/// A span id of 1 to 16 lower-case hex digits.
pub(super) fn span_id_of_hex(digits: &str) -> Result<SpanId, Fault> {
    check_hex("span id", digits, SpanId::LENGTH * 2, RejectReason::SpanIdLength)?;
    SpanId::parse_hex(digits).map_err(|error| Fault::malformed(error.to_string()))
}

/// The id of a parent, zero where there is none.
pub(super) fn parent_id_of_hex(digits: &str) -> Result<SpanId, Fault> {
    if digits.is_empty() {
        return Ok(SpanId::default());
    }
    let (digits_max, reason) = (SpanId::LENGTH * 2, RejectReason::ParentSpanIdLength);
    check_hex("parent span id", digits, digits_max, reason)?;
    SpanId::parse_hex(digits).map_err(|error| Fault::malformed(error.to_string()))
}

/// Zipkin takes no upper-case digits: clients that send them would make two traces of one elsewhere.
fn check_hex(
    what: &str,
    digits: &str,
    digits_max: usize,
    reason: RejectReason,
) -> Result<(), Fault> {
    let count = digits.len();
    if count == 0 || count > digits_max {
        let detail = format!("{what} has {count} hex digits, expected 1 to {digits_max}");
        return Err(Fault::new(reason, detail));
    }
    if digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(());
    }
    Err(Fault::malformed(format!("{what} has a character that is no lower-case hex digit")))
}

/// A trace id of 8 or 16 bytes.
pub(super) fn trace_id_of_bytes(bytes: &[u8]) -> Result<TraceId, Fault> {
    if let Ok(low) = <[u8; 8]>::try_from(bytes) {
        return Ok(trace_id_of_halves(0, u64::from_be_bytes(low)));
    }
    TraceId::from_slice(bytes).ok_or_else(|| {
        let detail = format!("trace id has {} bytes, expected 8 or 16", bytes.len());
        Fault::new(RejectReason::TraceIdLength, detail)
    })
}

/// A trace id of two numbers.
pub(super) fn trace_id_of_halves(high: u64, low: u64) -> TraceId {
    TraceId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

/// A span id of 8 bytes.
pub(super) fn span_id_of_bytes(bytes: &[u8]) -> Result<SpanId, Fault> {
    SpanId::from_slice(bytes).ok_or_else(|| {
        let detail = format!("span id has {} bytes, expected 8", bytes.len());
        Fault::new(RejectReason::SpanIdLength, detail)
    })
}

/// The id of a parent: 8 bytes, or none where there is no parent.
pub(super) fn parent_id_of_bytes(bytes: &[u8]) -> Result<SpanId, Fault> {
    if bytes.is_empty() {
        return Ok(SpanId::default());
    }
    SpanId::from_slice(bytes).ok_or_else(|| {
        let detail = format!("parent span id has {} bytes, expected 0 or 8", bytes.len());
        Fault::new(RejectReason::ParentSpanIdLength, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids_of_any_length_are_padded() {
        let check = |digits: &str, expect: Result<&str, RejectReason>| {
            let found = trace_id_of_hex(digits).map(|id| id.to_string());
            assert_eq!(
                found.as_deref().map_err(|fault| fault.reason),
                expect.as_deref().map_err(|reason| *reason),
                "{digits}"
            );
        };
        check("1", Ok("00000000000000000000000000000001"));
        check("48485a3953bb6124", Ok("000000000000000048485a3953bb6124"));
        check("a48485a3953bb6124", Ok("000000000000000a48485a3953bb6124"));
        check("463ac35c9f6413ad48485a3953bb6124", Ok("463ac35c9f6413ad48485a3953bb6124"));
        check("000000000000000048485a3953bb6124", Ok("000000000000000048485a3953bb6124"));
        check("", Err(RejectReason::TraceIdLength));
        check(&"1".repeat(33), Err(RejectReason::TraceIdLength));
        check("48485A3953BB6124", Err(RejectReason::Malformed));
        check("48485g", Err(RejectReason::Malformed));
        check("é", Err(RejectReason::Malformed));
    }

    #[test]
    fn span_ids_are_padded_and_parents_may_be_absent() {
        assert_eq!(span_id_of_hex("abc").map(|id| id.0[6..].to_vec()), Ok(vec![0x0a, 0xbc]));
        assert_eq!(
            span_id_of_hex("").map_err(|fault| fault.reason),
            Err(RejectReason::SpanIdLength)
        );
        assert_eq!(parent_id_of_hex(""), Ok(SpanId::default()));
        let long = parent_id_of_hex(&"1".repeat(17)).map_err(|fault| fault.reason);
        assert_eq!(long, Err(RejectReason::ParentSpanIdLength));
        assert_eq!(parent_id_of_bytes(&[]), Ok(SpanId::default()));
        let short = parent_id_of_bytes(&[1; 4]).map_err(|fault| fault.reason);
        assert_eq!(short, Err(RejectReason::ParentSpanIdLength));
    }

    #[test]
    fn trace_ids_of_8_and_16_bytes() {
        assert_eq!(
            trace_id_of_bytes(&[1; 8]).map(|id| id.to_string()).as_deref(),
            Ok("00000000000000000101010101010101")
        );
        assert_eq!(trace_id_of_bytes(&[1; 16]), Ok(TraceId([1; 16])));
        let fault = trace_id_of_bytes(&[1; 9]).expect_err("refused");
        assert_eq!(fault.detail, "trace id has 9 bytes, expected 8 or 16");
    }
}
