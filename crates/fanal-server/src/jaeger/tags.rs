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
    JaegerTag { key: key.to_owned(), value_type: "string", value: Json::from(value) }
}

/// A tag with a value of its type.
pub(crate) fn tag(key: &str, value: &Value) -> JaegerTag {
    let (value_type, value) = match value {
        Value::String(text) => ("string", Json::from(text.as_str())),
        Value::Bool(flag) => ("bool", Json::from(*flag)),
        Value::Int(number) if number.unsigned_abs() > EXACT_MAX => {
            ("int64", Json::from(number.to_string()))
        }
        Value::Int(number) => ("int64", Json::from(*number)),
        Value::Float(number) => ("float64", float(*number)),
        Value::Bytes(bytes) => ("binary", Json::from(STANDARD.encode(bytes))),
        Value::Empty => ("string", Json::from("")),
        Value::Array(_) | Value::Map(_) => ("string", Json::from(json(value).to_string())),
    };
    JaegerTag { key: key.to_owned(), value_type, value }
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

/// Keys whose integers are IPv4 addresses, which old clients sent as numbers.
const ADDRESS_KEYS: [&str; 2] = ["ip", "peer.ipv4"];

/// Writes an IPv4 address that was sent as an integer in dotted form.
pub(crate) fn dot_address(tag: &mut JaegerTag) {
    if !ADDRESS_KEYS.contains(&tag.key.as_str()) || tag.value_type != "int64" {
        return;
    }
    // Clients without unsigned integers sent the upper half negative.
    let number = tag.value.as_i64().and_then(|number| {
        u32::try_from(number).ok().or_else(|| i32::try_from(number).ok().map(i32::cast_unsigned))
    });
    if let Some(number) = number {
        tag.value_type = "string";
        tag.value = Json::from(std::net::Ipv4Addr::from(number).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &Value, expect: &str) {
        let shown = serde_json::to_string(&tag("k", value)).expect("JSON");
        assert_eq!(shown, format!(r#"{{"key":"k",{expect}}}"#), "{value:?}");
    }

    #[test]
    fn values_have_jaeger_types() {
        check(&Value::String("a".into()), r#""type":"string","value":"a""#);
        check(&Value::Bool(true), r#""type":"bool","value":true"#);
        check(&Value::Int(200), r#""type":"int64","value":200"#);
        check(&Value::Int(9_007_199_254_740_991), r#""type":"int64","value":9007199254740991"#);
        check(&Value::Int(9_007_199_254_740_992), r#""type":"int64","value":"9007199254740992""#);
        check(&Value::Int(i64::MIN), r#""type":"int64","value":"-9223372036854775808""#);
        check(&Value::Float(1.5), r#""type":"float64","value":1.5"#);
        check(&Value::Float(f64::NAN), r#""type":"float64","value":"NaN""#);
        check(&Value::Bytes(vec![0, 1]), r#""type":"binary","value":"AAE=""#);
        check(&Value::Empty, r#""type":"string","value":"""#);
        check(
            &Value::Array(vec![Value::Int(1), Value::String("b".into()), Value::Empty]),
            r#""type":"string","value":"[1,\"b\",null]""#,
        );
        check(
            &Value::Map(vec![("a".into(), Value::Bool(false))]),
            r#""type":"string","value":"{\"a\":false}""#,
        );
    }

    #[test]
    fn addresses_are_dotted() {
        let check = |key: &str, value: Value, expect: &str| {
            let mut tag = tag(key, &value);
            dot_address(&mut tag);
            assert_eq!(tag.value.to_string(), expect, "{key} {value:?}");
        };
        check("ip", Value::Int(0x7f00_0001), "\"127.0.0.1\"");
        check("peer.ipv4", Value::Int(-1_062_731_775), "\"192.168.0.1\"");
        check("peer.ipv4", Value::String("10.0.0.1".into()), "\"10.0.0.1\"");
        check("ip", Value::Int(i64::MAX), "\"9223372036854775807\"");
        check("port", Value::Int(80), "80");
    }
}
