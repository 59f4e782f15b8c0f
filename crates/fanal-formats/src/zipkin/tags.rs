//! Taking single tags out of a span's list.
//!
//! Used by the steps of the mapping, each of which takes what it understands; the rest become attributes.

use crate::draft::{DraftAttribute, DraftValue, RawText};
use std::borrow::Cow;

/// The value of a key; the last one where it comes twice.
pub(super) fn find<'t, 'a>(
    tags: &'t [DraftAttribute<'a>],
    key: &str,
) -> Option<&'t DraftValue<'a>> {
    tags.iter().rev().find(|(name, _)| **name == *key.as_bytes()).map(|(_, value)| value)
}

/// Takes a key out and gives its value; the last one where it comes twice.
pub(super) fn take<'a>(tags: &mut Vec<DraftAttribute<'a>>, key: &str) -> Option<DraftValue<'a>> {
    let matching = |(name, _): &mut DraftAttribute<'a>| **name == *key.as_bytes();
    tags.extract_if(.., matching).last().map(|(_, value)| value)
}

/// Takes a key out whose value is text. One of another type stays.
pub(super) fn take_text<'a>(tags: &mut Vec<DraftAttribute<'a>>, key: &str) -> Option<RawText<'a>> {
    matches!(find(tags, key)?, DraftValue::Text(_)).then_some(())?;
    match take(tags, key)? {
        DraftValue::Text(text) => Some(text),
        _ => None,
    }
}

/// A value as Zipkin would have sent it, where it is a word or a number.
pub(super) fn word<'v>(value: &'v DraftValue<'_>) -> Option<Cow<'v, str>> {
    match value {
        DraftValue::Text(text) => std::str::from_utf8(text).ok().map(Cow::Borrowed),
        DraftValue::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        DraftValue::Int(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}
