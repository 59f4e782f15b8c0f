//! JSON of any shape: objects as lists of keys and raw values, values as those of attributes.
//!
//! Used by formats whose senders choose the keys. Invariant: recursion ends at `nested::DEPTH_MAX`, and memory stays
//! within some tens of bytes a byte of text, because lists are read as borrowed raw text first.

use crate::decoded::{Refusal, RejectReason};
use crate::draft::DraftValue;
use crate::json::{Text, problem};
use crate::json_value;
use fanal_model::{ValueRef, nested};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Why a span is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    Refused(Refusal),
    /// What is wrong, for a person.
    Malformed(String),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A key of an object and its value.
pub(crate) type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The members of an object in their order, also those of one key.
pub(crate) fn members(raw: &RawValue) -> Result<Vec<Member<'_>>, Fault> {
    parse::<Members<'_>>(raw).map(|members| members.0)
}

/// The text that a value is.
pub(crate) fn text(raw: &RawValue) -> Result<Cow<'_, str>, Fault> {
    parse::<Text<'_>>(raw).map(|text| text.0)
}

fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Fault> {
    serde_json::from_str(raw.get()).map_err(|error| Fault::Malformed(problem(&error)))
}

/// A value as that of an attribute; `None` is null. A number that neither an integer of 64 bits nor a float holds is
/// kept as the text it is.
pub(crate) fn value(raw: &RawValue) -> Result<Option<DraftValue<'_>>, Fault> {
    let mut out = Vec::new();
    Ok(match raw.get().as_bytes() {
        [b'"', ..] => Some(DraftValue::Text(json_value::raw(text(raw)?))),
        [b't', ..] => Some(DraftValue::Bool(true)),
        [b'f', ..] => Some(DraftValue::Bool(false)),
        [b'[', ..] => {
            write_array(raw, &mut out, 0)?;
            Some(DraftValue::Array(out))
        }
        [b'{', ..] => {
            write_map(raw, &mut out, 0)?;
            Some(DraftValue::Map(out))
        }
        [b'-' | b'0'..=b'9', ..] => Some(number(raw.get())),
        _ => None,
    })
}

fn number(digits: &str) -> DraftValue<'_> {
    let float = || digits.parse().ok().filter(|number: &f64| number.is_finite());
    if digits.contains(['.', 'e', 'E']) {
        float().map(DraftValue::Float)
    } else {
        digits.parse().ok().map(DraftValue::Int)
    }
    .unwrap_or(DraftValue::Text(Cow::Borrowed(digits.as_bytes())))
}

/// Appends a value in the nested encoding; `depth` lists and objects lie around it.
fn write_nested(raw: &RawValue, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    match raw.get().as_bytes() {
        [b'[', ..] => return write_array(raw, out, depth),
        [b'{', ..] => return write_map(raw, out, depth),
        [b'"', ..] => nested::encode_ref(ValueRef::String(&text(raw)?), out),
        [b't', ..] => nested::encode_ref(ValueRef::Bool(true), out),
        [b'f', ..] => nested::encode_ref(ValueRef::Bool(false), out),
        [b'n', ..] => nested::encode_ref(ValueRef::Empty, out),
        _ => match number(raw.get()) {
            DraftValue::Int(number) => nested::encode_ref(ValueRef::Int(number), out),
            DraftValue::Float(number) => nested::encode_ref(ValueRef::Float(number), out),
            _ => nested::encode_ref(ValueRef::String(raw.get()), out),
        },
    }
    Ok(())
}

fn write_array(raw: &RawValue, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    check_depth(depth)?;
    let items: Vec<&RawValue> = parse(raw)?;
    nested::begin_array(items.len(), out);
    items.iter().try_for_each(|item| write_nested(item, out, depth + 1))
}

fn write_map(raw: &RawValue, out: &mut Vec<u8>, depth: usize) -> Result<(), Fault> {
    check_depth(depth)?;
    let members = members(raw)?;
    nested::begin_map(members.len(), out);
    for (key, value) in members {
        nested::write_bytes(key.as_bytes(), out);
        write_nested(value, out, depth + 1)?;
    }
    Ok(())
}

fn check_depth(depth: usize) -> Result<(), Refusal> {
    if depth < nested::DEPTH_MAX {
        Ok(())
    } else {
        Err(Refusal::new(RejectReason::NestingDepth, depth))
    }
}

struct Members<'a>(Vec<Member<'a>>);

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
            members.push((key.0, value));
        }
        Ok(Members(members))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::Value;

    fn document(bytes: &[u8]) -> Result<&RawValue, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    fn check(json: &str, expect: &Value) {
        let raw = document(json.as_bytes()).expect("json");
        let found = match value(raw).expect("a value") {
            None => Value::Empty,
            Some(DraftValue::Text(text)) => {
                Value::String(String::from_utf8(text.into_owned()).expect("text"))
            }
            Some(DraftValue::Bool(flag)) => Value::Bool(flag),
            Some(DraftValue::Int(number)) => Value::Int(number),
            Some(DraftValue::Float(number)) => Value::Float(number),
            Some(DraftValue::Array(bytes) | DraftValue::Map(bytes)) => {
                nested::decode(&bytes).expect("nested")
            }
            Some(other) => panic!("{other:?} is no value of JSON"),
        };
        assert_eq!(found, *expect, "{json}");
    }

    #[test]
    fn values_keep_their_types() {
        let text = |text: &str| Value::String(text.to_owned());
        check(" null ", &Value::Empty);
        check("true", &Value::Bool(true));
        check("false", &Value::Bool(false));
        check("-7", &Value::Int(-7));
        check("9223372036854775807", &Value::Int(i64::MAX));
        check("9223372036854775808", &text("9223372036854775808"));
        check("7.0", &Value::Float(7.0));
        check("1e3", &Value::Float(1000.0));
        check("1e999", &text("1e999"));
        check(r#""plain""#, &text("plain"));
        check(r#""\u00e9\n""#, &text("é\n"));
        let list = vec![Value::Empty, Value::Int(1), text("é"), Value::Float(0.5), text("1e999")];
        check(r#"[null, 1, "\u00e9", 0.5, 1e999]"#, &Value::Array(list));
        let inner = Value::Map(vec![("k".to_owned(), Value::Bool(false))]);
        let map = vec![("a".to_owned(), Value::Array(Vec::new())), ("é".to_owned(), inner)];
        check(r#"{"a":[], "\u00e9": {"k":false}}"#, &Value::Map(map));
    }

    #[test]
    fn what_is_no_value_is_refused_with_words() {
        let check = |json: &str, expect: &str| {
            let fault = value(document(json.as_bytes()).expect("json")).expect_err("refused");
            let Fault::Malformed(words) = fault else { panic!("{fault:?}") };
            assert!(words.contains(expect), "{words}");
        };
        check(r#""\ud800""#, "hex escape");
        check(r#"{"\ud800":1}"#, "hex escape");
        check(r#"[["\ud800"]]"#, "hex escape");
        for broken in ["", "{", "[1,]", "{\"a\":}", "nul", "1 2", "\u{feff}1"] {
            assert!(document(broken.as_bytes()).is_err(), "{broken}");
        }
        assert!(document(b"\"\xff\"").is_err());
        assert!(members(document(b"[]").expect("json")).is_err());
    }

    #[test]
    fn depth_has_a_limit() {
        let nest = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deepest = nest(nested::DEPTH_MAX);
        assert!(value(document(deepest.as_bytes()).expect("json")).is_ok());
        for depth in [nested::DEPTH_MAX + 1, 100_000] {
            let json = nest(depth);
            let fault = value(document(json.as_bytes()).expect("json")).expect_err("too deep");
            let refusal = Refusal::new(RejectReason::NestingDepth, nested::DEPTH_MAX);
            assert_eq!(fault, Fault::Refused(refusal));
        }
    }
}
