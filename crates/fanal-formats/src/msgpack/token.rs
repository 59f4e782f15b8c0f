//! One token of MessagePack: a whole scalar, or the head of an array or map.

use super::Reader;
use std::fmt;

/// What lies next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Token<'a> {
    /// No value.
    Nil,
    /// True or false.
    Bool(bool),
    /// Any integer from the least of 64 bits with a sign to the greatest without.
    Integer(i128),
    /// A float of 32 or 64 bits.
    Float(f64),
    /// A text, not checked.
    Text(&'a [u8]),
    /// Bytes.
    Bytes(&'a [u8]),
    /// As many values follow.
    Array(usize),
    /// As many keys follow, each with its value.
    Map(usize),
    /// A value of a type that applications define; -1 is a timestamp.
    Extension(i8, &'a [u8]),
}

/// Why bytes are not MessagePack, or not what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("msgpack is broken at byte {offset}: {fault}")]
pub struct MsgpackError {
    /// Where.
    pub offset: usize,
    /// What.
    pub fault: MsgpackFault,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MsgpackFault {
    /// A value goes on behind the end.
    Truncated,
    /// The byte 0xc1, which means nothing.
    Reserved,
    /// A count is larger than what is left.
    Length,
    /// A value has another type than its place asks for.
    Kind {
        /// What was expected.
        expected: &'static str,
        /// What was sent.
        sent: &'static str,
    },
}

impl fmt::Display for MsgpackFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => formatter.write_str("a value ends behind the last byte"),
            Self::Reserved => formatter.write_str("0xc1 begins no value"),
            Self::Length => formatter.write_str("a count is more than what is left"),
            Self::Kind { expected, sent } => {
                write!(formatter, "{expected} was expected, {sent} was sent")
            }
        }
    }
}

impl Token<'_> {
    /// The type, in words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Text(_) => "text",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Extension(..) => "an extension",
        }
    }
}

/// The nearest float of an integer of 64 bits.
pub(super) fn float(number: i128) -> f64 {
    let magnitude = u64::try_from(number.unsigned_abs()).unwrap_or(u64::MAX);
    let magnitude = fanal_base::cast::figure(magnitude);
    if number < 0 { -magnitude } else { magnitude }
}

impl<'a> Reader<'a> {
    /// The next token.
    pub fn token(&mut self) -> Result<Token<'a>, MsgpackError> {
        let begin = self.clone();
        let [head] = self.bytes()?;
        let low = usize::from(head & 0x0f);
        Ok(match head {
            0x00..=0x7f => Token::Integer(head.into()),
            0x80..=0x8f => Token::Map(begin.bounded(low, self.rest.len() / 2)?),
            0x90..=0x9f => Token::Array(begin.bounded(low, self.rest.len())?),
            0xa0..=0xbf => Token::Text(self.take(usize::from(head & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => return Err(begin.fail(MsgpackFault::Reserved)),
            0xc2 => Token::Bool(false),
            0xc3 => Token::Bool(true),
            0xc4..=0xc6 => {
                let length = self.length(head - 0xc4)?;
                Token::Bytes(self.take(length)?)
            }
            0xc7..=0xc9 => {
                let length = self.length(head - 0xc7)?;
                self.extension(length)?
            }
            0xca => Token::Float(f32::from_be_bytes(self.bytes()?).into()),
            0xcb => Token::Float(f64::from_be_bytes(self.bytes()?)),
            0xcc..=0xcf => Token::Integer(self.unsigned(head - 0xcc)?.into()),
            0xd0 => Token::Integer(i8::from_be_bytes(self.bytes()?).into()),
            0xd1 => Token::Integer(i16::from_be_bytes(self.bytes()?).into()),
            0xd2 => Token::Integer(i32::from_be_bytes(self.bytes()?).into()),
            0xd3 => Token::Integer(i64::from_be_bytes(self.bytes()?).into()),
            0xd4..=0xd8 => self.extension(1 << (head - 0xd4))?,
            0xd9..=0xdb => {
                let length = self.length(head - 0xd9)?;
                Token::Text(self.take(length)?)
            }
            0xdc | 0xdd => {
                let count = self.length(head - 0xdc + 1)?;
                Token::Array(begin.bounded(count, self.rest.len())?)
            }
            0xde | 0xdf => {
                let count = self.length(head - 0xde + 1)?;
                Token::Map(begin.bounded(count, self.rest.len() / 2)?)
            }
            0xe0..=0xff => Token::Integer(head.cast_signed().into()),
        })
    }

    /// An error at what is read next.
    #[cold]
    pub fn fail(&self, fault: MsgpackFault) -> MsgpackError {
        MsgpackError { offset: self.offset(), fault }
    }

    /// An integer without sign of 1, 2, 4 or 8 bytes, by the power of two.
    fn unsigned(&mut self, width: u8) -> Result<u64, MsgpackError> {
        Ok(match width {
            0 => u8::from_be_bytes(self.bytes()?).into(),
            1 => u16::from_be_bytes(self.bytes()?).into(),
            2 => u32::from_be_bytes(self.bytes()?).into(),
            _ => u64::from_be_bytes(self.bytes()?),
        })
    }

    fn length(&mut self, width: u8) -> Result<usize, MsgpackError> {
        self.unsigned(width).map(fanal_base::cast::size)
    }

    fn extension(&mut self, length: usize) -> Result<Token<'a>, MsgpackError> {
        let kind = i8::from_be_bytes(self.bytes()?);
        Ok(Token::Extension(kind, self.take(length)?))
    }

    fn bounded(&self, count: usize, max: usize) -> Result<usize, MsgpackError> {
        if count <= max { Ok(count) } else { Err(self.fail(MsgpackFault::Length)) }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], MsgpackError> {
        let (first, rest) =
            self.rest.split_first_chunk().ok_or_else(|| self.fail(MsgpackFault::Truncated))?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], MsgpackError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| self.fail(MsgpackFault::Truncated))?;
        self.rest = rest;
        Ok(taken)
    }
}
