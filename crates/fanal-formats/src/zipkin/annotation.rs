//! Annotations as events: the value is the name, unless it also holds the attributes of an event.
//!
//! Used by the mapping. Senders that come from OpenTelemetry write attributes in one of four ways: the Collector
//! `name|{…}|dropped`, SDKs `"name":{…}`, `{"name":{…}}` or, in Go, `name: {…}`. Invariant: any other value is kept as it is.

use super::object::read_attributes;
use super::span::Annotation;
use crate::draft::{DraftEvent, RawText};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// The event of an annotation; one without a time of its own gets that of its span.
pub(super) fn event(annotation: Annotation<'_>, start_unix_nanos: u64) -> DraftEvent<'_> {
    let time_unix_nanos = match annotation.timestamp_micros {
        0 => start_unix_nanos,
        micros => micros.saturating_mul(1_000),
    };
    let structured = structured(&annotation.value);
    let event = structured
        .unwrap_or_else(|| DraftEvent { name: annotation.value, ..DraftEvent::default() });
    DraftEvent { time_unix_nanos, ..event }
}

fn structured(value: &RawText<'_>) -> Option<DraftEvent<'static>> {
    if value.last().is_none_or(|last| *last != b'}' && !last.is_ascii_digit()) {
        return None;
    }
    let text = std::str::from_utf8(value).ok()?;
    match text.as_bytes().first()? {
        b'{' => of_sdk(text),
        b'"' if text.ends_with('}') => of_sdk(&format!("{{{text}}}")),
        _ => of_collector(text).or_else(|| of_go(text)),
    }
}

fn of_sdk(text: &str) -> Option<DraftEvent<'static>> {
    let whole: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    let mut entries = whole.into_iter();
    let (Some((name, attributes)), None) = (entries.next(), entries.next()) else { return None };
    let attributes = read_attributes(attributes.get())?;
    Some(DraftEvent { name: name.into_bytes().into(), attributes, ..DraftEvent::default() })
}

fn of_collector(text: &str) -> Option<DraftEvent<'static>> {
    let (name, rest) = text.split_once('|')?;
    let (attributes, dropped) = rest.rsplit_once('|')?;
    let dropped_attributes_count = dropped.parse().ok()?;
    let attributes = read_attributes(attributes)?;
    let name = name.as_bytes().to_vec().into();
    Some(DraftEvent { name, attributes, dropped_attributes_count, ..DraftEvent::default() })
}

fn of_go(text: &str) -> Option<DraftEvent<'static>> {
    let (name, attributes) = text.split_once(": ").filter(|(name, _)| !name.is_empty())?;
    let attributes = read_attributes(attributes)?;
    Some(DraftEvent { name: name.as_bytes().to_vec().into(), attributes, ..DraftEvent::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::DraftValue;

    fn check(value: &'static str, expect: &str) {
        let annotation = Annotation { timestamp_micros: 3, value: value.as_bytes().into() };
        let event = event(annotation, 9);
        assert_eq!(event.time_unix_nanos, 3_000, "{value}");
        let attributes: Vec<String> = event
            .attributes
            .iter()
            .map(|(key, value)| format!("{}={value:?}", String::from_utf8_lossy(key)))
            .collect();
        let name = String::from_utf8_lossy(&event.name);
        let dropped = event.dropped_attributes_count;
        assert_eq!(format!("{name} [{}] {dropped}", attributes.join(",")), expect, "{value}");
    }

    #[test]
    fn attributes_within_a_value_are_read() {
        let one = format!("[key={:?}]", DraftValue::Int(7));
        check(r#"miss|{"key":7}|2"#, &format!("miss {one} 2"));
        check("miss|{}|0", "miss [] 0");
        check(r#""miss":{"key":7}"#, &format!("miss {one} 0"));
        check(r#"{"miss": {"key": 7}}"#, &format!("miss {one} 0"));
        check(r#"miss: {"key":7}"#, &format!("miss {one} 0"));
        let bar = format!("[a|b={:?}]", DraftValue::Int(7));
        check(r#"miss|{"a|b":7}|0"#, &format!("miss {bar} 0"));
    }

    #[test]
    fn any_other_value_is_a_name() {
        for value in [
            "",
            "cache.miss",
            "a|b|c",
            "a|b|3",
            "a|{}|-1",
            "a|{}|4294967296",
            r#"{"a":1}"#,
            r#"{"a":{},"b":{}}"#,
            r#""a":{"#,
            "{}",
            "}",
            "retry 3",
            "retry: 3",
            r#"retry: {"a":1"#,
            r#"retry: [{"a":1}]"#,
            r#": {"a":1}"#,
        ] {
            check(value, &format!("{value} [] 0"));
        }
    }

    #[test]
    fn an_annotation_without_a_time_is_at_the_start() {
        let annotation = Annotation { timestamp_micros: 0, value: b"late"[..].into() };
        assert_eq!(event(annotation, 9).time_unix_nanos, 9);
    }
}
