//! The spellings of single values that senders use beside plain JSON.
//!
//! Used by the message types of the JSON formats. 64-bit integers come as text or numbers, floats may be words,
//! enumerations names.

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::borrow::Cow;
use std::fmt;

/// Text, borrowed where it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

/// An integer of any width, as number or text; callers check the range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integer(pub(crate) i128);

/// A float, as number, text or one of `NaN`, `Infinity`, `-Infinity`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Double(pub(crate) f64);

/// An enumeration as number or name.
#[derive(Debug)]
pub(crate) enum Enumeration {
    Number(i128),
    Name(String),
}

impl Enumeration {
    /// The number; names are `prefix` and one of `words` in upper case. What is unknown is 0, as in protobuf.
    pub(crate) fn number<'w>(&self, prefix: &str, words: impl IntoIterator<Item = &'w str>) -> u8 {
        match self {
            Self::Number(number) => u8::try_from(*number).unwrap_or(0),
            Self::Name(name) => name
                .strip_prefix(prefix)
                .and_then(|word| {
                    words.into_iter().zip(0..).find(|(w, _)| w.eq_ignore_ascii_case(word))
                })
                .map_or(0, |(_, number)| number),
        }
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("text")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an integer as number or text")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Integer, E> {
        Ok(Integer(i128::from(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Integer, E> {
        Ok(Integer(i128::from(number)))
    }

    /// Some writers spell whole numbers with a point or an exponent.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Integer, E> {
        let whole = (number.fract() == 0.0).then(|| format!("{number:.0}").parse().ok()).flatten();
        whole.map(Integer).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Integer, E> {
        let parsed = text.trim().parse();
        parsed.map(Integer).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntegerVisitor)
    }
}

struct DoubleVisitor;

impl Visitor<'_> for DoubleVisitor {
    type Value = Double;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Double, E> {
        let magnitude = fanal_base::cast::figure(number.unsigned_abs());
        Ok(Double(if number < 0 { -magnitude } else { magnitude }))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Double, E> {
        Ok(Double(fanal_base::cast::figure(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Double, E> {
        Ok(Double(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Double, E> {
        let parsed = text.trim().parse();
        parsed.map(Double).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DoubleVisitor)
    }
}

struct EnumerationVisitor;

impl Visitor<'_> for EnumerationVisitor {
    type Value = Enumeration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number or name of an enumeration")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Enumeration, E> {
        Ok(Enumeration::Number(i128::from(number)))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Enumeration, E> {
        Ok(Enumeration::Number(i128::from(number)))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Enumeration, E> {
        IntegerVisitor.visit_f64(number).map(|Integer(number)| Enumeration::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Enumeration, E> {
        Ok(match text.parse() {
            Ok(number) => Enumeration::Number(number),
            Err(_) => Enumeration::Name(text.to_owned()),
        })
    }
}

impl<'de> Deserialize<'de> for Enumeration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EnumerationVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_as_numbers_and_text() {
        let check = |json: &str, expect: Option<i128>| {
            let parsed = serde_json::from_str::<Integer>(json).ok().map(|integer| integer.0);
            assert_eq!(parsed, expect, "{json}");
        };
        check("7", Some(7));
        check("-7", Some(-7));
        check("\"18446744073709551615\"", Some(u64::MAX.into()));
        check("18446744073709551615", Some(u64::MAX.into()));
        check("1e3", Some(1_000));
        check("2.0", Some(2));
        check("2.5", None);
        check("1e300", None);
        check("\"seven\"", None);
        check("\"\"", None);
        check("true", None);
    }

    #[test]
    fn doubles_with_the_words() {
        let check = |json: &str, expect: f64| {
            let parsed = serde_json::from_str::<Double>(json).expect("parses").0;
            assert_eq!(parsed.to_bits(), expect.to_bits(), "{json}");
        };
        check("1", 1.0);
        check("-3", -3.0);
        check("0.1", 0.1);
        check("\"0.1\"", 0.1);
        check("\"NaN\"", f64::NAN);
        check("\"Infinity\"", f64::INFINITY);
        check("\"-Infinity\"", f64::NEG_INFINITY);
        assert!(serde_json::from_str::<Double>("\"big\"").is_err());
    }

    #[test]
    fn enumerations_by_number_and_name() {
        let check = |json: &str, expect: u8| {
            let parsed = serde_json::from_str::<Enumeration>(json).expect("parses");
            assert_eq!(parsed.number("SIZE_", ["none", "small", "large"]), expect, "{json}");
        };
        check("2", 2);
        check("\"2\"", 2);
        check("\"SIZE_LARGE\"", 2);
        check("\"SIZE_HUGE\"", 0);
        check("\"LARGE\"", 0);
        check("-1", 0);
        check("256", 0);
    }
}
