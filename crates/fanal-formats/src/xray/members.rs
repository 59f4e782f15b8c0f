//! The members of an object whose keys SDKs choose, each with its raw value.
//!
//! Used by the walk of segments. Knows none of the keys.

use crate::draft::{DraftAttribute, DraftValue};
use crate::json_value::{AnyValue, Text, raw};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A key and its value.
pub(super) type Member<'a> = (Cow<'a, str>, &'a RawValue);

struct Members<'a>(Vec<Member<'a>>);

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((Text(key), value)) = access.next_entry()? {
            members.push((key, value));
        }
        Ok(Members(members))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Members(Vec::new()))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The members of an object; none of what is no object.
pub(super) fn members(object: Option<&RawValue>) -> Vec<Member<'_>> {
    let parsed = object.and_then(|object| serde_json::from_str::<Members<'_>>(object.get()).ok());
    parsed.map_or_else(Vec::new, |members| members.0)
}

/// A value as that of an attribute; none where it is null. One that is nested too deep is its text.
pub(super) fn value(raw_value: &RawValue) -> Option<DraftValue<'_>> {
    match serde_json::from_str::<AnyValue<'_>>(raw_value.get()) {
        Ok(value) => value.0,
        Err(_) => Some(DraftValue::Text(raw_value.get().as_bytes().into())),
    }
}

/// Adds an attribute, unless its value is null.
pub(super) fn add<'a>(
    key: impl Into<Cow<'a, str>>,
    raw_value: &'a RawValue,
    into: &mut Vec<DraftAttribute<'a>>,
) {
    into.extend(value(raw_value).map(|value| (raw(key.into()), value)));
}
