//! What the walks of JSON dialects share: values of any type as attributes, and lists with a limit.
//!
//! Read by serde as parts of a dialect's own objects; texts without escapes are borrowed. Invariant: recursion ends at
//! `nested::DEPTH_MAX`. Knows no dialect.

use crate::draft::{DraftAttribute, DraftValue, RawText};
use fanal_model::{ValueRef, nested};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

pub(crate) use crate::json::{Text, decode_error};

/// The bytes of a text.
pub(crate) fn raw(text: Cow<'_, str>) -> RawText<'_> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// At most `MAX` items; more are an error before they are held.
#[derive(Debug)]
pub(crate) struct Bounded<T, const MAX: usize>(pub(crate) Vec<T>);

impl<T, const MAX: usize> Default for Bounded<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Keys with values, at most `MAX`; nulls are left out.
#[derive(Debug)]
pub(crate) struct Attributes<'a, const MAX: usize>(pub(crate) Vec<DraftAttribute<'a>>);

impl<const MAX: usize> Default for Attributes<'_, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A value of any type; `None` is a null. Integers that a signed 64-bit one cannot hold stay exact, as texts of their
/// digits.
#[derive(Debug, Default)]
pub(crate) struct AnyValue<'a>(pub(crate) Option<DraftValue<'a>>);

struct BoundedVisitor<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for BoundedVisitor<T, MAX> {
    type Value = Bounded<T, MAX>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a list of at most {MAX}")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Bounded::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            if items.len() == MAX {
                return Err(Error::custom(format!("list has more than {MAX} items")));
            }
            items.push(item);
        }
        Ok(Bounded(items))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Bounded<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BoundedVisitor(PhantomData))
    }
}

struct AttributesVisitor<const MAX: usize>;

impl<'de, const MAX: usize> Visitor<'de> for AttributesVisitor<MAX> {
    type Value = Attributes<'de, MAX>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an object of at most {MAX} keys")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Attributes::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut attributes = Vec::new();
        while let Some((Text(key), AnyValue(value))) = access.next_entry()? {
            if attributes.len() == MAX {
                return Err(Error::custom(format!("object has more than {MAX} keys")));
            }
            attributes.extend(value.map(|value| (raw(key), value)));
        }
        Ok(Attributes(attributes))
    }
}

impl<'de: 'a, 'a, const MAX: usize> Deserialize<'de> for Attributes<'a, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttributesVisitor::<MAX>)
    }
}

struct AnyVisitor;

impl<'de> Visitor<'de> for AnyVisitor {
    type Value = AnyValue<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(AnyValue(None))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(AnyValue(Some(DraftValue::Bool(flag))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(AnyValue(Some(DraftValue::Int(number))))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(AnyValue(Some(match i64::try_from(number) {
            Ok(number) => DraftValue::Int(number),
            Err(_) => DraftValue::Text(number.to_string().into_bytes().into()),
        })))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(AnyValue(Some(DraftValue::Float(number))))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(AnyValue(Some(DraftValue::Text(text.as_bytes().into()))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(AnyValue(Some(DraftValue::Text(text.as_bytes().to_vec().into()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        let mut out = Vec::new();
        Nested { out: &mut out, depth: 0 }.visit_seq(access)?;
        Ok(AnyValue(Some(DraftValue::Array(out))))
    }

    fn visit_map<A: MapAccess<'de>>(self, access: A) -> Result<Self::Value, A::Error> {
        let mut out = Vec::new();
        Nested { out: &mut out, depth: 0 }.visit_map(access)?;
        Ok(AnyValue(Some(DraftValue::Map(out))))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for AnyValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyVisitor)
    }
}

/// Appends a value in the nested encoding; `depth` lists and objects lie around it.
struct Nested<'o> {
    out: &'o mut Vec<u8>,
    depth: usize,
}

impl Nested<'_> {
    fn put(self, value: ValueRef<'_>) {
        nested::encode_ref(value, self.out);
    }

    fn descend<E: Error>(&self) -> Result<(), E> {
        if self.depth >= nested::DEPTH_MAX {
            let max = nested::DEPTH_MAX;
            return Err(E::custom(format!("value is nested deeper than {max} levels")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Nested<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Nested<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.put(ValueRef::Empty);
        Ok(())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.put(ValueRef::Bool(flag));
        Ok(())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.put(ValueRef::Int(number));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match i64::try_from(number) {
            Ok(number) => self.put(ValueRef::Int(number)),
            Err(_) => self.put(ValueRef::String(&number.to_string())),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.put(ValueRef::Float(number));
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.put(ValueRef::String(text));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        self.descend()?;
        let depth = self.depth + 1;
        // The count stands before the items and is known after them.
        let (mut count, mut items) = (0, Vec::new());
        while access.next_element_seed(Nested { out: &mut items, depth })?.is_some() {
            count += 1;
        }
        nested::begin_array(count, self.out);
        self.out.extend_from_slice(&items);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        self.descend()?;
        let depth = self.depth + 1;
        let (mut count, mut items) = (0, Vec::new());
        while let Some(Text(key)) = access.next_key()? {
            nested::write_bytes(key.as_bytes(), &mut items);
            access.next_value_seed(Nested { out: &mut items, depth })?;
            count += 1;
        }
        nested::begin_map(count, self.out);
        self.out.extend_from_slice(&items);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Option<DraftValue<'_>>) -> String {
        match value {
            None => "null".to_owned(),
            Some(DraftValue::Array(nested) | DraftValue::Map(nested)) => {
                nested::decode(&nested).expect("a value").to_text()
            }
            Some(DraftValue::Text(text)) => String::from_utf8_lossy(&text).into_owned(),
            Some(value) => format!("{value:?}"),
        }
    }

    #[test]
    fn values_keep_their_types() {
        let check = |json: &str, expect: &str| {
            let value: AnyValue<'_> = serde_json::from_str(json).expect("parses");
            assert_eq!(shown(value.0), expect, "{json}");
        };
        check("null", "null");
        check("true", "Bool(true)");
        check("-3", "Int(-3)");
        check("18446744073709551615", "18446744073709551615");
        check("2.0", "Float(2.0)");
        check(r#""a\nb""#, "a\nb");
        check(
            r#"[1,[],{"k":null,"l":[2.5,"x",18446744073709551615]}]"#,
            r#"[1,[],{"k":null,"l":[2.5,"x","18446744073709551615"]}]"#,
        );
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(serde_json::from_str::<AnyValue<'_>>(&deep(nested::DEPTH_MAX)).is_ok());
        assert!(serde_json::from_str::<AnyValue<'_>>(&deep(nested::DEPTH_MAX + 1)).is_err());
    }

    #[test]
    fn lists_and_objects_have_limits() {
        let list = |json| serde_json::from_str::<Bounded<u8, 2>>(json).map(|list| list.0).ok();
        assert_eq!(list("[1,2]"), Some(vec![1, 2]));
        assert_eq!(list("null"), Some(vec![]));
        assert_eq!(list("[1,2,3]"), None);
        let keys = |json| {
            let attributes = serde_json::from_str::<Attributes<'_, 2>>(json).ok()?;
            let keys =
                attributes.0.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned());
            Some(keys.collect::<Vec<_>>().join(" "))
        };
        assert_eq!(keys(r#"{"a":1,"n":null,"b":2}"#).as_deref(), Some("a b"));
        assert_eq!(keys("null").as_deref(), Some(""));
        assert_eq!(keys(r#"{"a":1,"b":2,"c":3}"#), None);
    }
}
