//! The members of an object whose keys SDKs choose, as attributes.
//!
//! Used by the walk of segments, which keeps a segment whatever its objects hold. Knows none of the keys.

use crate::draft::{DraftAttribute, DraftValue};
use crate::json_document::{self, Member};
use crate::json_value;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The members of an object; none of what is no object.
pub(super) fn members(object: Option<&RawValue>) -> Vec<Member<'_>> {
    let members = object.and_then(|object| json_document::members(object).ok());
    members.unwrap_or_default()
}

/// A value as that of an attribute; none where it is null. One that is nested too deep is its text.
pub(super) fn value(raw_value: &RawValue) -> Option<DraftValue<'_>> {
    json_document::value(raw_value)
        .unwrap_or_else(|_| Some(DraftValue::Text(raw_value.get().as_bytes().into())))
}

/// Adds an attribute, unless its value is null.
pub(super) fn add<'a>(
    key: impl Into<Cow<'a, str>>,
    raw_value: &'a RawValue,
    into: &mut Vec<DraftAttribute<'a>>,
) {
    into.extend(value(raw_value).map(|value| (json_value::raw(key.into()), value)));
}
