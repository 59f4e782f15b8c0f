//! Events in JSON: `{"time": …, "samplerate": …, "data": {…}}` in batches, flat objects alone.
//!
//! Used by the walk of requests. Invariant: events are read one by one from borrowed text, so that memory stays within
//! some tens of bytes a byte of text. Unknown keys around `data` are stepped over.

use super::event::{Event, FIELDS_MAX, Fault, Fields, Item, read_sample_rate, read_time};
use crate::decoded::{DecodeError, REQUEST_BYTES_MAX};
use crate::json_value::{AnyValue, Attributes, Text, decode_error};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// An item of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonItem<'a>(&'a RawValue);

/// The one event of a body, its time and sample rate lying elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct JsonEvent<'a>(&'a RawValue);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct HoneycombEvent<'a> {
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    samplerate: AnyValue<'a>,
    #[serde(borrow)]
    data: Attributes<'a, FIELDS_MAX>,
}

/// The items of a batch.
pub(super) fn items(bytes: &[u8]) -> Result<Vec<JsonItem<'_>>, DecodeError> {
    let items = serde_json::from_str::<Vec<&RawValue>>(document(bytes)?.get());
    let items = items.map_err(|error| DecodeError::Json {
        line: 1,
        column: 1,
        problem: format!("{}; a batch is a list", problem(&error)),
    })?;
    Ok(items.into_iter().map(JsonItem).collect())
}

/// The event that a body is.
pub(super) fn event(bytes: &[u8]) -> Result<JsonEvent<'_>, DecodeError> {
    document(bytes).map(JsonEvent)
}

fn document(bytes: &[u8]) -> Result<&RawValue, DecodeError> {
    if bytes.len() > REQUEST_BYTES_MAX {
        return Err(DecodeError::TooLarge { bytes: bytes.len() });
    }
    serde_json::from_slice(bytes).map_err(|error| decode_error(&error))
}

/// The parser's words without its place, which counts from the start of a part.
fn problem(error: &serde_json::Error) -> String {
    match decode_error(error) {
        DecodeError::Json { problem, .. } => problem,
        other => other.to_string(),
    }
}

/// Reads an object. (Serde by itself would also take a list of the fields' values.)
fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Fault> {
    if !raw.get().starts_with('{') {
        return Err(Fault::Malformed("expected an object".to_owned()));
    }
    serde_json::from_str(raw.get()).map_err(|error| Fault::Malformed(problem(&error)))
}

impl<'a> Item<'a> for JsonItem<'a> {
    fn bytes(self) -> &'a [u8] {
        self.0.get().as_bytes()
    }

    fn may_be_annotation(self) -> bool {
        self.0.get().contains("annotation_type")
    }

    fn read(self) -> Result<Event<'a>, Fault> {
        let event: HoneycombEvent<'_> = object(self.0)?;
        Ok(Event {
            time_unix_nanos: event.time.map_or(Ok(None), time)?,
            sample_rate: read_sample_rate(event.samplerate.0.as_ref())?,
            fields: Fields::new(event.data.0),
        })
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
        let fields: Attributes<'_, FIELDS_MAX> = object(self.0)?;
        Ok(Event { fields: Fields::new(fields.0), ..Event::default() })
    }
}

/// A number is read from its digits, so that a fraction of a second stays exact.
fn time(raw: &RawValue) -> Result<Option<u64>, Fault> {
    let text = match raw.get().as_bytes() {
        [b'"', ..] => {
            let text = serde_json::from_str::<Text<'_>>(raw.get());
            text.map_err(|error| Fault::Malformed(problem(&error)))?.0
        }
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
            let event = JsonItem(document(json.as_bytes()).expect("json")).read();
            let event = event.expect("an event");
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
            let raw = document(json.as_bytes()).expect("json");
            let Err(Fault::Malformed(words)) = JsonItem(raw).read() else { panic!("{json}") };
            assert!(words.contains(expect), "{words}");
        };
        check("7", "expected an object");
        check("[]", "expected an object");
        check(r#"{"data":[]}"#, "expected an object of at most");
        check(r#"{"time":true}"#, "time `true` is not understood");
        check(r#"{"samplerate":-1}"#, "samplerate `-1` is not understood");
        check(r#"{"data":{"a":"\ud800"}}"#, "hex escape");
    }
}
