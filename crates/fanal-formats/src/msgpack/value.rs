//! A value of any type as an attribute's: scalars borrowed, arrays and maps in the nested encoding.
//!
//! Used where a dialect lets senders put what they like. Invariant: recursion ends at `nested::DEPTH_MAX`; texts inside
//! arrays and maps are checked, as that encoding asks for.

use super::{MsgpackError, Reader, Token};
use crate::decoded::{Refusal, RejectReason};
use crate::draft::DraftValue;
use fanal_model::{ValueRef, nested, raw};

/// Why a value is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueFault {
    /// The bytes are broken.
    Msgpack(MsgpackError),
    /// The value breaks a rule or a limit.
    Refused(Refusal),
}

impl From<MsgpackError> for ValueFault {
    fn from(error: MsgpackError) -> Self {
        Self::Msgpack(error)
    }
}

/// Reads a value; `None` is a nil. Integers above those with a sign stay exact, as texts of their digits.
pub(crate) fn any_value<'a>(reader: &mut Reader<'a>) -> Result<Option<DraftValue<'a>>, ValueFault> {
    let begin = reader.clone();
    Ok(Some(match reader.token()? {
        Token::Nil => return Ok(None),
        Token::Bool(flag) => DraftValue::Bool(flag),
        Token::Integer(number) => match i64::try_from(number) {
            Ok(number) => DraftValue::Int(number),
            Err(_) => DraftValue::Text(number.to_string().into_bytes().into()),
        },
        Token::Float(number) => DraftValue::Float(number),
        Token::Text(text) => DraftValue::Text(text.into()),
        Token::Bytes(bytes) | Token::Extension(_, bytes) => DraftValue::Bytes(bytes.into()),
        Token::Array(_) => {
            *reader = begin;
            let mut nested = Vec::new();
            write(reader, &mut nested, 0)?;
            DraftValue::Array(nested)
        }
        Token::Map(_) => {
            *reader = begin;
            let mut nested = Vec::new();
            write(reader, &mut nested, 0)?;
            DraftValue::Map(nested)
        }
    }))
}

/// Appends a value in the nested encoding; `depth` arrays and maps lie around it.
fn write(reader: &mut Reader<'_>, out: &mut Vec<u8>, depth: usize) -> Result<(), ValueFault> {
    let token = reader.token()?;
    if matches!(token, Token::Array(_) | Token::Map(_)) && depth >= nested::DEPTH_MAX {
        return Err(ValueFault::Refused(Refusal::new(RejectReason::NestingDepth, depth)));
    }
    match token {
        Token::Nil => nested::encode_ref(ValueRef::Empty, out),
        Token::Bool(flag) => nested::encode_ref(ValueRef::Bool(flag), out),
        Token::Integer(number) => match i64::try_from(number) {
            Ok(number) => nested::encode_ref(ValueRef::Int(number), out),
            Err(_) => nested::encode_ref(ValueRef::String(&number.to_string()), out),
        },
        Token::Float(number) => nested::encode_ref(ValueRef::Float(number), out),
        Token::Text(bytes) => nested::encode_ref(ValueRef::String(text(bytes)?), out),
        Token::Bytes(bytes) | Token::Extension(_, bytes) => {
            nested::encode_ref(ValueRef::Bytes(bytes), out);
        }
        Token::Array(count) => {
            nested::begin_array(count, out);
            for _ in 0..count {
                write(reader, out, depth + 1)?;
            }
        }
        Token::Map(count) => {
            nested::begin_map(count, out);
            for _ in 0..count {
                nested::write_bytes(text(reader.text()?)?.as_bytes(), out);
                write(reader, out, depth + 1)?;
            }
        }
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, ValueFault> {
    raw::text(bytes)
        .map_err(|error| ValueFault::Refused(Refusal::new(RejectReason::Utf8, error.valid_up_to)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: &str) {
        let mut reader = Reader::new(bytes);
        let value = any_value(&mut reader);
        assert!(value.is_err() || reader.is_at_end(), "{bytes:x?}");
        let shown = match value {
            Ok(None) => "nil".to_owned(),
            Ok(Some(DraftValue::Array(nested) | DraftValue::Map(nested))) => {
                nested::decode(&nested).expect("a value").to_text()
            }
            Ok(Some(DraftValue::Text(text))) => String::from_utf8_lossy(&text).into_owned(),
            Ok(Some(value)) => format!("{value:?}"),
            Err(ValueFault::Msgpack(error)) => error.fault.to_string(),
            Err(ValueFault::Refused(refusal)) => refusal.reason.to_string(),
        };
        assert_eq!(shown, expect, "{bytes:x?}");
    }

    #[test]
    fn values_keep_their_types() {
        check(&[0xc0], "nil");
        check(&[0xc3], "Bool(true)");
        check(&[0xff], "Int(-1)");
        check(&[&[0xcf][..], &[0xff; 8]].concat(), "18446744073709551615");
        check(&[0xca, 0x3f, 0xc0, 0, 0], "Float(1.5)");
        check(b"\xa2hi", "hi");
        check(b"\xc4\x01\x07", "Bytes([7])");
        check(b"\x93\x01\xa1x\xc0", r#"[1,"x",null]"#);
        check(b"\x82\xa1k\x91\xc2\xa1n\x80", r#"{"k":[false],"n":{}}"#);
    }

    #[test]
    fn broken_and_deep_values_are_refused() {
        check(b"\x91\xa1\xff", "utf8");
        check(b"\x81\x01\x01", "text was expected, an integer was sent");
        check(b"\x91\xa2x", "a value ends behind the last byte");
        check(&[vec![0x91; nested::DEPTH_MAX + 1], vec![0xc0]].concat(), "nesting_depth");
        let deepest = [vec![0x91; nested::DEPTH_MAX], vec![0xc0]].concat();
        assert!(any_value(&mut Reader::new(&deepest)).is_ok());
    }
}
