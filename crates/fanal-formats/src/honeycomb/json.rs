//! Events in JSON: `{"time": …, "samplerate": …, "data": {…}}` in batches, flat objects alone.
//!
//! Used by the walk of requests. Unknown keys around `data` are stepped over.

use super::event::{Event, Fields, Item, read_sample_rate, read_time};
use crate::json_document::{self as json, Fault};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// An item of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonItem<'a>(pub(super) &'a RawValue);

/// The one event of a body, its time and sample rate lying elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonEvent<'a>(pub(super) &'a RawValue);

impl<'a> Item<'a> for JsonItem<'a> {
    fn bytes(self) -> &'a [u8] {
        self.0.get().as_bytes()
    }

    fn may_be_annotation(self) -> bool {
        self.0.get().contains("annotation_type")
    }

    fn read(self) -> Result<Event<'a>, Fault> {
        let mut event = Event::default();
        for (key, value) in json::members(self.0)? {
            match &*key {
                "time" => event.time_unix_nanos = time(value)?,
                "samplerate" => {
                    event.sample_rate = read_sample_rate(json::value(value)?.as_ref())?;
                }
                "data" => event.fields = fields(value)?,
                _ => {}
            }
        }
        Ok(event)
    }
}

impl<'a> Item<'a> for JsonEvent<'a> {
    fn bytes(self) -> &'a [u8] {
        self.0.get().as_bytes()
    }

    fn may_be_annotation(self) -> bool {
        false
    }

    fn read(self) -> Result<Event<'a>, Fault> {
        Ok(Event { fields: fields(self.0)?, ..Event::default() })
    }
}

fn fields(raw: &RawValue) -> Result<Fields<'_>, Fault> {
    let mut fields = Fields::default();
    for (key, value) in json::members(raw)? {
        if let Some(value) = json::value(value)? {
            fields.push(json::raw_text(key), value);
        }
    }
    Ok(fields)
}

/// A number is read from its digits, so that a fraction of a second stays exact.
fn time(raw: &RawValue) -> Result<Option<u64>, Fault> {
    let text = match raw.get().as_bytes() {
        [b'"', ..] => json::text(raw)?,
        b"null" => return Ok(None),
        _ => Cow::Borrowed(raw.get()),
    };
    read_time(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::DraftValue;

    #[test]
    fn items_have_time_rate_and_data() {
        let check = |json: &str, time: Option<u64>, rate: Option<i64>, fields: usize| {
            let raw = json::document(json.as_bytes()).expect("json");
            let event = JsonItem(raw).read().expect("an event");
            assert_eq!(event.time_unix_nanos, time, "{json}");
            assert_eq!(event.sample_rate, rate.map(DraftValue::Int), "{json}");
            assert_eq!(event.fields.len(), fields, "{json}");
        };
        check("{}", None, None, 0);
        check(r#"{"time":null,"samplerate":null,"data":{"a":null}}"#, None, None, 0);
        check(
            r#"{"time":"2026-01-01T00:00:00.5Z","samplerate":4,"data":{"a":1,"b":[]},"x":{}}"#,
            Some(1_767_225_600_500_000_000),
            Some(4),
            2,
        );
        check(r#"{"time":1767225600.25}"#, Some(1_767_225_600_250_000_000), None, 0);
        check(r#"{"time":1767225600250}"#, Some(1_767_225_600_250_000_000), None, 0);
        check(r#"{"time":""}"#, None, None, 0);
    }

    #[test]
    fn broken_items_say_what_is_wrong() {
        let check = |json: &str, expect: &str| {
            let raw = json::document(json.as_bytes()).expect("json");
            let Err(Fault::Malformed(words)) = JsonItem(raw).read() else { panic!("{json}") };
            assert!(words.contains(expect), "{words}");
        };
        check("7", "expected an object");
        check("[]", "expected an object");
        check(r#"{"data":[]}"#, "expected an object");
        check(r#"{"time":true}"#, "time `true` is not understood");
        check(r#"{"samplerate":-1}"#, "samplerate `-1` is not understood");
        check(r#"{"data":{"a":"\ud800"}}"#, "hex escape");
    }
}
