//! Attributes as Jaeger's tags: five scalar types; everything else as JSON text.

use super::types::JaegerTag;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fanal_model::Value;
use serde_json::Value as Json;

/// Integers beyond this lose digits in a browser and are sent as text.
const EXACT_MAX: u64 = (1 << 53) - 1;

/// A tag with text.
pub(crate) fn text(key: &str, value: &str) -> JaegerTag {
    JaegerTag { key: key.to_owned(), value: Value::String(value.to_owned()) }
}

/// A tag with a value, which becomes a scalar.
pub(crate) fn tag(key: &str, value: Value) -> JaegerTag {
    let value = match value {
        Value::Empty => Value::String(String::new()),
        Value::Array(_) | Value::Map(_) => Value::String(json(&value).to_string()),
        scalar => scalar,
    };
    JaegerTag { key: key.to_owned(), value }
}

/// The word for the type of a tag's value in Jaeger's JSON, and the value.
pub(crate) fn json_form(value: &Value) -> (&'static str, Json) {
    match value {
        Value::Bool(_) => ("bool", json(value)),
        Value::Int(number) if number.unsigned_abs() > EXACT_MAX => {
            ("int64", Json::from(number.to_string()))
        }
        Value::Int(_) => ("int64", json(value)),
        Value::Float(_) => ("float64", json(value)),
        Value::Bytes(_) => ("binary", json(value)),
        _ => ("string", json(value)),
    }
}

/// What is no number would break the JSON, so it is sent as text.
fn float(number: f64) -> Json {
    serde_json::Number::from_f64(number).map_or_else(|| Json::from(number.to_string()), Json::from)
}

fn json(value: &Value) -> Json {
    match value {
        Value::Empty => Json::Null,
        Value::String(text) => Json::from(text.as_str()),
        Value::Bool(flag) => Json::from(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => float(*number),
        Value::Bytes(bytes) => Json::from(STANDARD.encode(bytes)),
        Value::Array(values) => values.iter().map(json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, expect: &str) {
        let shown = serde_json::to_string(&tag("k", value)).expect("JSON");
        assert_eq!(shown, format!(r#"{{"key":"k",{expect}}}"#));
    }

    #[test]
    fn values_have_jaeger_types() {
        check(Value::String("a".into()), r#""type":"string","value":"a""#);
        check(Value::Bool(true), r#""type":"bool","value":true"#);
        check(Value::Int(200), r#""type":"int64","value":200"#);
        check(Value::Int(9_007_199_254_740_991), r#""type":"int64","value":9007199254740991"#);
        check(Value::Int(9_007_199_254_740_992), r#""type":"int64","value":"9007199254740992""#);
        check(Value::Int(i64::MIN), r#""type":"int64","value":"-9223372036854775808""#);
        check(Value::Float(1.5), r#""type":"float64","value":1.5"#);
        check(Value::Float(f64::NAN), r#""type":"float64","value":"NaN""#);
        check(Value::Bytes(vec![0, 1]), r#""type":"binary","value":"AAE=""#);
        check(Value::Empty, r#""type":"string","value":"""#);
        check(
            Value::Array(vec![Value::Int(1), Value::String("b".into()), Value::Empty]),
            r#""type":"string","value":"[1,\"b\",null]""#,
        );
        check(
            Value::Map(vec![("a".into(), Value::Bool(false))]),
            r#""type":"string","value":"{\"a\":false}""#,
        );
    }
}
