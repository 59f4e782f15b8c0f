//! Ids of traces and spans, which Honeycomb takes as any text.
//!
//! Used by the mapping of spans. Invariant: the same text gives the same id, in every version: ids are stored.

use super::event::{Fields, as_text};
use fanal_model::{SpanId, TraceId};
use std::borrow::Cow;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// An id, and whether it was derived from a text that is none.
type Parsed<T> = (T, bool);

/// Takes a trace id out of the first of these fields that has one. A text that is no id stays beside the one derived
/// from it.
pub(super) fn take_trace_id(fields: &mut Fields<'_>, names: &[&str]) -> Option<TraceId> {
    take(fields, names, trace_id)
}

/// Takes a span id out like [`take_trace_id`].
pub(super) fn take_span_id(fields: &mut Fields<'_>, names: &[&str]) -> Option<SpanId> {
    take(fields, names, span_id)
}

/// The id of a row that has none: the same bytes, sent again, give the same.
pub(super) fn derived_span_id(event: &[u8]) -> SpanId {
    SpanId(not_zero(xxh3_64(event)).to_be_bytes())
}

fn take<T>(
    fields: &mut Fields<'_>,
    names: &[&str],
    parse: impl Fn(&[u8]) -> Parsed<T>,
) -> Option<T> {
    for name in names {
        let Some(at) = fields.find(name) else { continue };
        let parsed = match as_text(fields.value(at)) {
            Some(Cow::Borrowed(b"")) => None,
            Some(text) => Some(parse(&text)),
            None => continue,
        };
        if !matches!(parsed, Some((_, true))) {
            fields.remove(at);
        }
        if let Some((id, _)) = parsed {
            return Some(id);
        }
    }
    None
}

fn trace_id(text: &[u8]) -> Parsed<TraceId> {
    let parse = |text: &str| {
        let digits = without_dashes(text);
        TraceId::parse_hex(digits.as_deref().unwrap_or(text)).ok()
    };
    match std::str::from_utf8(text).ok().and_then(parse) {
        Some(id) => (id, false),
        None => {
            let hash = xxh3_128(text);
            (TraceId(if hash == 0 { 1 } else { hash }.to_be_bytes()), true)
        }
    }
}

fn span_id(text: &[u8]) -> Parsed<SpanId> {
    match std::str::from_utf8(text).ok().and_then(|text| SpanId::parse_hex(text).ok()) {
        Some(id) => (id, false),
        None => (SpanId(not_zero(xxh3_64(text)).to_be_bytes()), true),
    }
}

fn not_zero(hash: u64) -> u64 {
    if hash == 0 { 1 } else { hash }
}

/// The digits of a UUID.
fn without_dashes(text: &str) -> Option<String> {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]).then(|| text.replace('-', ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::DraftValue;

    const NAMES: &[&str] = &["trace.trace_id", "traceId"];

    /// The hex of the id that a field with `value` gives, and how many fields are left.
    fn check(value: DraftValue<'_>, expect: Option<&str>, left: usize) {
        let case = format!("{value:?}");
        let mut fields = Fields::default();
        fields.push(b"traceId".into(), value);
        let found = take_trace_id(&mut fields, NAMES).map(|id| id.to_string());
        assert_eq!(found.as_deref(), expect, "{case}");
        assert_eq!(fields.len(), left, "{case}");
    }

    fn text(text: &str) -> DraftValue<'_> {
        DraftValue::Text(text.as_bytes().into())
    }

    #[test]
    fn trace_ids_are_hex_uuids_or_anything() {
        let hex = "0af7651916cd43dd8448eb211c80319c";
        check(text(hex), Some(hex), 0);
        check(text("0AF7651916CD43DD8448EB211C80319C"), Some(hex), 0);
        check(text("0af76519-16cd-43dd-8448-eb211c80319c"), Some(hex), 0);
        check(text("abc"), Some("00000000000000000000000000000abc"), 0);
        check(DraftValue::Int(12), Some("00000000000000000000000000000012"), 0);
        check(
            text("00000000000000000000000000000000"),
            Some("00000000000000000000000000000000"),
            0,
        );
        check(text(""), None, 0);
        check(DraftValue::Bool(true), None, 1);
        for odd in ["request-7", "0af7651916cd43dd8448eb211c80319c0", "0af76519-16cd-43dd", "é"] {
            let hash = format!("{:032x}", xxh3_128(odd.as_bytes()));
            check(text(odd), Some(&hash), 1);
        }
    }

    #[test]
    fn derived_ids_do_not_change_between_versions() {
        assert_eq!(span_id(b"request-7").0.to_string(), format!("{:016x}", xxh3_64(b"request-7")));
        assert_eq!(span_id(b"").0.to_string(), "2d06800538d394c2");
        assert_eq!(trace_id(b"").0.to_string(), "99aa06d3014798d86001c324468d497f");
    }

    #[test]
    fn the_first_name_with_an_id_counts() {
        let mut fields = Fields::default();
        fields.push(b"traceId".into(), text("2"));
        fields.push(b"trace.trace_id".into(), text("1"));
        let found = take_trace_id(&mut fields, NAMES).expect("an id");
        assert_eq!((found.0[15], fields.len()), (1, 1));
        let found = take_span_id(&mut fields, &["none", "traceId"]).expect("an id");
        assert_eq!((found.0[7], fields.len()), (2, 0));
    }
}
