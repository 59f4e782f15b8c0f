//! The native condition on an attribute as text: `key=value`, `!=`, `>`, `>=`, `<`, `<=`, or a bare `key`.
//!
//! A quoted value is text. An unquoted one is compared as every type that it can be read as: text, integer or float,
//! boolean. A key may be quoted too. In quotes, `\"` and `\\` stand for the character.

use crate::error::{QueryError, shown};
use fanal_model::Value;
use fanal_storage::{AttributeCondition, AttributeLevel, AttributeTest, Comparison, SpanCondition};

/// Longest condition, in bytes.
pub const CONDITION_BYTES_MAX: usize = 8192;

/// Comparisons by their spelling. Longer spellings come before those they begin with.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("!=", Comparison::NotEqual),
    (">=", Comparison::GreaterOrEqual),
    ("<=", Comparison::LessOrEqual),
    ("=", Comparison::Equal),
    (">", Comparison::Greater),
    ("<", Comparison::Less),
];

/// Reads a condition on an attribute of any level.
pub fn parse_condition(text: &str) -> Result<SpanCondition, QueryError> {
    let fail = |why: String| QueryError::invalid(format!("condition {} {why}", shown(text)));
    if text.len() > CONDITION_BYTES_MAX {
        return Err(fail(format!(
            "has {} bytes, at most {CONDITION_BYTES_MAX} are read; shorten it",
            text.len()
        )));
    }
    let trimmed = text.trim();
    let (key, rest) = match trimmed.strip_prefix('"') {
        Some(quoted) => {
            unquote(quoted).ok_or_else(|| fail("has a key without its closing quote".into()))?
        }
        None => {
            let end = trimmed.find(['=', '!', '<', '>']).unwrap_or(trimmed.len());
            (trimmed[..end].trim_end().to_owned(), &trimmed[end..])
        }
    };
    if key.is_empty() {
        return Err(fail("has no key; write key=value or a bare key".into()));
    }
    let test = parse_test(rest.trim_start()).map_err(fail)?;
    let levels = AttributeLevel::ALL.to_vec();
    Ok(SpanCondition::Attribute(AttributeCondition { levels, key, test }))
}

/// What follows the key.
fn parse_test(rest: &str) -> Result<AttributeTest, String> {
    if rest.is_empty() {
        return Ok(AttributeTest::Exists);
    }
    let known = COMPARISONS.iter().find(|(spelling, _)| rest.starts_with(spelling));
    let Some((spelling, comparison)) = known else {
        return Err(format!(
            "has {} where a comparison must be: =, !=, >, >=, < or <=",
            shown(rest)
        ));
    };
    let value = rest[spelling.len()..].trim_start();
    if value.is_empty() {
        return Err(format!(
            "has no value after {spelling}; for an empty text write {spelling}\"\""
        ));
    }
    let operands = match value.strip_prefix('"') {
        None => readings(value),
        Some(quoted) => match unquote(quoted) {
            None => return Err(format!("has no closing quote after {}", shown(value))),
            Some((_, behind)) if !behind.trim().is_empty() => {
                return Err(format!(
                    "has {} behind the closing quote; write a quote inside as \\\"",
                    shown(behind)
                ));
            }
            Some((text, _)) => vec![Value::String(text)],
        },
    };
    Ok(AttributeTest::Compare(*comparison, operands))
}

/// The text up to the closing quote, and what follows it; `None` where no quote closes.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => match characters.next()?.1 {
                escaped @ ('"' | '\\') => text.push(escaped),
                other => text.extend(['\\', other]),
            },
            _ => text.push(character),
        }
    }
    None
}

/// Every type that an unquoted value can be read as. An integer is no float besides: the two compare by number.
fn readings(value: &str) -> Vec<Value> {
    let mut readings = vec![Value::String(value.to_owned())];
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if let Ok(number) = value.parse::<i64>() {
        readings.push(Value::Int(number));
    } else if let (true, Ok(number)) = (is_number, value.parse::<f64>()) {
        readings.push(Value::Float(number));
    } else if let Ok(flag) = value.parse::<bool>() {
        readings.push(Value::Bool(flag));
    }
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, key: &str, expect: &AttributeTest) {
        let condition = parse_condition(input).expect("reads");
        let SpanCondition::Attribute(condition) = condition else { panic!("{condition:?}") };
        assert_eq!((&*condition.key, &condition.test), (key, expect), "{input}");
        assert_eq!(condition.levels, AttributeLevel::ALL);
    }

    fn text(value: &str) -> Value {
        Value::String(value.into())
    }

    #[test]
    fn reads_conditions() {
        use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let compare = AttributeTest::Compare;
        check("error", "error", &AttributeTest::Exists);
        check(" a b ", "a b", &AttributeTest::Exists);
        check("k=v", "k", &compare(Equal, vec![text("v")]));
        check("k = v w ", "k", &compare(Equal, vec![text("v w")]));
        check("k!=1", "k", &compare(NotEqual, vec![text("1"), Value::Int(1)]));
        check("k>1.5", "k", &compare(Greater, vec![text("1.5"), Value::Float(1.5)]));
        check("k>=-7", "k", &compare(GreaterOrEqual, vec![text("-7"), Value::Int(-7)]));
        check("k<1e3", "k", &compare(Less, vec![text("1e3"), Value::Float(1000.0)]));
        check("k<=true", "k", &compare(LessOrEqual, vec![text("true"), Value::Bool(true)]));
        check("k=inf", "k", &compare(Equal, vec![text("inf")]));
        check("k=nan", "k", &compare(Equal, vec![text("nan")]));
        check("k=a=b", "k", &compare(Equal, vec![text("a=b")]));
        check("k=\"1\"", "k", &compare(Equal, vec![text("1")]));
        check("k=\"\" ", "k", &compare(Equal, vec![text("")]));
        check(r#"k="a\"b\\c\d""#, "k", &compare(Equal, vec![text(r#"a"b\c\d"#)]));
        check(r#""a=b">"ü""#, "a=b", &compare(Greater, vec![text("ü")]));
        check(r#""a=b""#, "a=b", &AttributeTest::Exists);
        let beyond = "9223372036854775808";
        let float = Value::Float(9_223_372_036_854_775_808.0);
        check(&format!("k={beyond}"), "k", &compare(Equal, vec![text(beyond), float]));
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |input: &str, expect: &str| {
            let error = parse_condition(input).expect_err(input);
            assert!(error.to_string().contains(expect), "{input}: {error}");
        };
        check("", "has no key");
        check("  ", "has no key");
        check("=v", "has no key");
        check("\"\"=v", "has no key");
        check("k=", "has no value after =; for an empty text write =\"\"");
        check("k>= ", "has no value after >=");
        check("k!v", "has \"!v\" where a comparison must be");
        check("\"k\" v", "has \"v\" where a comparison must be");
        check("\"k", "key without its closing quote");
        check("k=\"v", "no closing quote after \"\\\"v\"");
        check("k=\"v\\", "no closing quote");
        check("k=\"v\"w", "has \"w\" behind the closing quote");
        check(&"k".repeat(CONDITION_BYTES_MAX + 1), "has 8193 bytes, at most 8192 are read");
    }
}
