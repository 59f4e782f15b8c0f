//! Attributes of the model as the native API writes them: every value with its type.

use super::types::{Attribute, TypedValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fanal_model::{Value, ValueRef};

/// Borrowed attributes.
pub(crate) fn attributes<'a>(
    attributes: impl Iterator<Item = (&'a str, ValueRef<'a>)>,
) -> Vec<Attribute> {
    attributes.map(|(key, value)| attribute(key, &value.to_value())).collect()
}

/// Owned attributes.
pub(crate) fn owned_attributes(attributes: &[(String, Value)]) -> Vec<Attribute> {
    attributes.iter().map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: &Value) -> Attribute {
    Attribute { key: key.to_owned(), value: typed(value) }
}

/// A value with its type.
pub(crate) fn typed(value: &Value) -> TypedValue {
    match value {
        Value::Empty => TypedValue::Empty,
        Value::String(text) => TypedValue::String(text.clone()),
        Value::Bool(flag) => TypedValue::Bool(*flag),
        Value::Int(number) => TypedValue::Int(number.to_string()),
        Value::Float(number) => TypedValue::Float(float_text(*number)),
        Value::Bytes(bytes) => TypedValue::Bytes(STANDARD.encode(bytes)),
        Value::Array(values) => TypedValue::Array(values.iter().map(typed).collect()),
        Value::Map(entries) => {
            TypedValue::Map(entries.iter().map(|(key, value)| attribute(key, value)).collect())
        }
    }
}

/// The shortest text that reads back as the number, with JavaScript's words for what is no number.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        // Debug has an exponent where plain digits would be long.
        let text = format!("{number:?}");
        text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_types() {
        let check = |value: Value, expect: &str| {
            let text = serde_json::to_string(&typed(&value)).expect("JSON");
            assert_eq!(text, expect, "{value:?}");
        };
        check(Value::Empty, r#"{"type":"empty"}"#);
        check(Value::String("a\"b".into()), r#"{"type":"string","value":"a\"b"}"#);
        check(Value::Bool(true), r#"{"type":"bool","value":true}"#);
        check(Value::Int(i64::MIN), r#"{"type":"int","value":"-9223372036854775808"}"#);
        check(Value::Float(1.0), r#"{"type":"float","value":"1"}"#);
        check(Value::Float(-0.25), r#"{"type":"float","value":"-0.25"}"#);
        check(Value::Float(1e300), r#"{"type":"float","value":"1e300"}"#);
        check(Value::Float(f64::NAN), r#"{"type":"float","value":"NaN"}"#);
        check(Value::Float(f64::NEG_INFINITY), r#"{"type":"float","value":"-Infinity"}"#);
        check(Value::Bytes(vec![1, 2, 255]), r#"{"type":"bytes","value":"AQL/"}"#);
        check(
            Value::Array(vec![Value::Int(1), Value::Map(vec![("k".into(), Value::Empty)])]),
            r#"{"type":"array","value":[{"type":"int","value":"1"},{"type":"map","value":[{"key":"k","value":{"type":"empty"}}]}]}"#,
        );
    }
}
