//! The tags of a span: text by definition, values of any type in practice.

use crate::decoded::ATTRIBUTES_MAX;
use crate::draft::DraftAttribute;
use crate::json_value::{AnyValue, Text, raw};
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use std::fmt;

/// The tags of a span in the order sent, one more than their limit at most.
#[derive(Debug, Default)]
pub(super) struct Tags<'a>(pub(super) Vec<DraftAttribute<'a>>);

struct TagsVisitor;

impl<'de> Visitor<'de> for TagsVisitor {
    type Value = Tags<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of tags")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut tags = Vec::new();
        while tags.len() <= ATTRIBUTES_MAX {
            let Some((key, value)) = entries.next_entry::<Text<'de>, AnyValue<'de>>()? else {
                return Ok(Tags(tags));
            };
            let key = raw(key.0);
            let value = value.0.ok_or_else(|| {
                let key = String::from_utf8_lossy(&key);
                A::Error::custom(format!("tag `{key}` has no value"))
            })?;
            tags.push((key, value));
        }
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Tags(tags))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TagsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_keep_their_order_and_have_a_limit() {
        let tags = serde_json::from_str::<Tags<'_>>(r#"{"b":"1","a":2,"b":"3"}"#).expect("json").0;
        let keys: Vec<_> = tags.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect();
        assert_eq!(keys, ["b", "a", "b"]);
        let null = serde_json::from_str::<Tags<'_>>(r#"{"b":null}"#).expect_err("null");
        assert!(null.to_string().contains("tag `b` has no value"), "{null}");
        let many = format!("{{{}}}", vec![r#""a":"b""#; ATTRIBUTES_MAX + 5].join(","));
        let many = serde_json::from_str::<Tags<'_>>(&many).expect("json");
        assert_eq!(many.0.len(), ATTRIBUTES_MAX + 1);
    }
}
