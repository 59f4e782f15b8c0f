//! Attributes that a sender wrote as a JSON object into a text, because Zipkin has no place for them.
//!
//! Used for annotations and for links. Types survive: JSON tells text, numbers, flags, lists and objects apart.

use crate::decoded::ATTRIBUTES_MAX;
use crate::draft::{DraftAttribute, DraftValue, RawText};
use crate::json_value::Attributes;

/// The attributes of an object; `None` where the text is none.
pub(super) fn read_attributes(text: &str) -> Option<Vec<DraftAttribute<'static>>> {
    let object = text.starts_with('{').then_some(text)?;
    let Attributes(attributes) =
        serde_json::from_str::<Attributes<'_, ATTRIBUTES_MAX>>(object).ok()?;
    Some(attributes.into_iter().map(owned).collect())
}

/// The text that holds an object may itself be a copy, which does not live on.
fn owned((key, value): DraftAttribute<'_>) -> DraftAttribute<'static> {
    let own = |bytes: RawText<'_>| RawText::Owned(bytes.into_owned());
    let value = match value {
        DraftValue::Text(text) => DraftValue::Text(own(text)),
        DraftValue::Bytes(bytes) => DraftValue::Bytes(own(bytes)),
        DraftValue::Bool(flag) => DraftValue::Bool(flag),
        DraftValue::Int(number) => DraftValue::Int(number),
        DraftValue::Float(number) => DraftValue::Float(number),
        DraftValue::Array(nested) => DraftValue::Array(nested),
        DraftValue::Map(nested) => DraftValue::Map(nested),
    };
    (own(key), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_survive() {
        let check = |text: &str, expect: Option<DraftValue<'static>>| {
            let read = read_attributes(&format!(r#"{{"key":{text}}}"#));
            let read = read.map(|attributes| attributes[0].1.clone());
            assert_eq!(read, expect, "{text}");
        };
        check(r#""a""#, Some(DraftValue::Text(b"a"[..].into())));
        check("7", Some(DraftValue::Int(7)));
        check("7.5", Some(DraftValue::Float(7.5)));
        check("true", Some(DraftValue::Bool(true)));
        check("[1]", Some(DraftValue::Array(vec![7, 1, 4, 2])));
        check(r#"{"a":1}"#, Some(DraftValue::Map(vec![8, 1, 1, b'a', 4, 2])));
        check("7,", None);
        check(&"[".repeat(10_000), None);
        check(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)), None);
        for text in ["", "null", "7", "[]", "{"] {
            assert_eq!(read_attributes(text), None, "{text}");
        }
    }
}
