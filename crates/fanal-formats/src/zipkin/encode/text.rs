//! Values as the text of tags, and attributes as the JSON that stands in annotations and links.
//!
//! Used by the encoder. Texts are what the decoder reads back.

use fanal_model::{Value, ValueRef};
use serde_json::Number;

/// A value as the text of a tag: lists and maps as JSON.
pub(super) fn of(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Map(_) => json(value),
        plain => plain.to_text(),
    }
}

/// Attributes as a JSON object in their order, which tells text, numbers and flags apart.
pub(super) fn object<'a>(attributes: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> String {
    let entries = attributes.map(|(key, value)| entry(key, &value.to_value()));
    format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn entry(key: &str, value: &Value) -> String {
    format!("{}:{}", quoted(key), json(value))
}

fn json(value: &Value) -> String {
    match value {
        Value::Empty => "null".to_owned(),
        Value::Bool(_) | Value::Int(_) => value.to_text(),
        // Infinite numbers and those that are none have no form in JSON.
        Value::Float(number) => Number::from_f64(*number)
            .map_or_else(|| quoted(&value.to_text()), |number| number.to_string()),
        Value::String(_) | Value::Bytes(_) => quoted(&value.to_text()),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(json).collect::<Vec<_>>().join(","))
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| entry(key, value));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
    }
}
