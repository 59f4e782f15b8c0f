//! Identifiers of traces and spans, with their hex spelling.

use std::fmt;

/// A trace id of 16 bytes; 64-bit ids are padded with zeros on the left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TraceId(pub [u8; 16]);

/// A span id of 8 bytes; zero means none.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SpanId(pub [u8; 8]);

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("id has {found} characters or a non-hex digit, expected 1 to {digits_max} hex digits")]
pub struct InvalidId {
    /// Characters seen.
    pub found: usize,
    /// Hex digits of a full id.
    pub digits_max: usize,
}

fn parse_padded<const N: usize>(text: &str) -> Result<[u8; N], InvalidId> {
    let invalid = || InvalidId { found: text.chars().count(), digits_max: N * 2 };
    let digits = text.as_bytes();
    if digits.is_empty() || digits.len() > N * 2 {
        return Err(invalid());
    }
    let mut id = [0; N];
    for (position, &digit) in digits.iter().rev().enumerate() {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return Err(invalid()),
        };
        id[N - 1 - position / 2] |= nibble << (4 * (position % 2));
    }
    Ok(id)
}

macro_rules! id {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// Bytes of an id.
            pub const LENGTH: usize = $bytes;

            /// Whether every byte is zero, which means "no id".
            pub fn is_zero(self) -> bool {
                self == Self::default()
            }

            /// Reads hex digits in any letter case; shorter texts are padded with zeros on the left.
            pub fn parse_hex(text: &str) -> Result<Self, InvalidId> {
                parse_padded(text).map(Self)
            }

            /// The id from exactly as many bytes as it has.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

id!(TraceId, 16);
id!(SpanId, 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_hex() {
        let check = |input: &str, expect: &str| {
            assert_eq!(TraceId::parse_hex(input).expect("valid").to_string(), expect, "{input}");
        };
        check("0af7651916cd43dd8448eb211c80319c", "0af7651916cd43dd8448eb211c80319c");
        check("0AF7651916CD43DD8448EB211C80319C", "0af7651916cd43dd8448eb211c80319c");
        check("abc", "00000000000000000000000000000abc");
        for bad in ["", "xyz", "0af7651916cd43dd8448eb211c80319c0", "é"] {
            assert!(TraceId::parse_hex(bad).is_err(), "{bad}");
        }
        assert!(SpanId::from_slice(&[1; 7]).is_none());
    }
}
