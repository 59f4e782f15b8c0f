//! MessagePack: a reader over borrowed bytes, one token after the other, with no message types.
//!
//! Used by the walks of Datadog and Honeycomb. Follows <https://github.com/msgpack/msgpack/blob/master/spec.md>.
//! Invariant: a reader never leaves its slice, every count is bounded by the bytes left, and nothing recurses, however
//! deep values lie; texts are not checked.

mod token;
mod value;

pub use token::{MsgpackError, MsgpackFault, Token};
pub(crate) use value::{ValueFault, any_value};

use fanal_base::cast::wide;

/// Reads values one after the other.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the front of the bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, length: bytes.len() }
    }

    /// Bytes read.
    pub fn offset(&self) -> usize {
        self.length - self.rest.len()
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Steps over a nil, if one is next.
    pub fn take_nil(&mut self) -> bool {
        let is_nil = self.rest.first() == Some(&0xc0);
        if is_nil {
            self.rest = self.rest.get(1..).unwrap_or_default();
        }
        is_nil
    }

    /// Steps over one value with everything in it.
    pub fn skip(&mut self) -> Result<(), MsgpackError> {
        // Each token announces at most as many as bytes are left, so that the sum cannot overflow.
        let mut values = 1_u64;
        while values > 0 {
            values -= 1;
            values += match self.token()? {
                Token::Array(count) => wide(count),
                Token::Map(count) => 2 * wide(count),
                _ => 0,
            };
        }
        Ok(())
    }

    /// A text; bytes are taken as well: old writers do not tell them apart.
    pub fn text(&mut self) -> Result<&'a [u8], MsgpackError> {
        self.expect("text", |token| match token {
            Token::Text(bytes) | Token::Bytes(bytes) => Some(bytes),
            _ => None,
        })
    }

    /// An integer.
    pub fn integer(&mut self) -> Result<i128, MsgpackError> {
        self.expect("an integer", |token| match token {
            Token::Integer(number) => Some(number),
            _ => None,
        })
    }

    /// A float; an integer is taken as well.
    pub fn float(&mut self) -> Result<f64, MsgpackError> {
        self.expect("a number", |token| match token {
            Token::Float(number) => Some(number),
            Token::Integer(number) => Some(token::float(number)),
            _ => None,
        })
    }

    /// A bool.
    pub fn bool(&mut self) -> Result<bool, MsgpackError> {
        self.expect("a bool", |token| match token {
            Token::Bool(flag) => Some(flag),
            _ => None,
        })
    }

    /// How many values of an array follow.
    pub fn array(&mut self) -> Result<usize, MsgpackError> {
        self.expect("an array", |token| match token {
            Token::Array(count) => Some(count),
            _ => None,
        })
    }

    /// How many keys, each with its value, of a map follow.
    pub fn map(&mut self) -> Result<usize, MsgpackError> {
        self.expect("a map", |token| match token {
            Token::Map(count) => Some(count),
            _ => None,
        })
    }

    fn expect<T>(
        &mut self,
        expected: &'static str,
        read: impl FnOnce(Token<'a>) -> Option<T>,
    ) -> Result<T, MsgpackError> {
        let begin = self.clone();
        let token = self.token()?;
        let fault = MsgpackFault::Kind { expected, sent: token.kind() };
        read(token).ok_or_else(|| begin.fail(fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: Result<Token<'_>, MsgpackFault>) {
        let mut reader = Reader::new(bytes);
        assert_eq!(reader.token().map_err(|error| error.fault), expect, "{bytes:x?}");
        let is_owner = matches!(expect, Ok(Token::Array(_) | Token::Map(_)));
        assert!(expect.is_err() || is_owner || reader.is_at_end(), "{bytes:x?}");
        for end in 0..bytes.len() {
            let cut = Reader::new(&bytes[..end]).skip();
            assert!(cut.is_err(), "{bytes:x?} cut at {end}");
        }
    }

    #[test]
    fn every_form_is_read() {
        check(&[0x00], Ok(Token::Integer(0)));
        check(&[0x7f], Ok(Token::Integer(127)));
        check(&[0xe0], Ok(Token::Integer(-32)));
        check(&[0xff], Ok(Token::Integer(-1)));
        check(&[0xcc, 0xff], Ok(Token::Integer(255)));
        check(&[0xcd, 1, 0], Ok(Token::Integer(256)));
        check(&[0xce, 1, 0, 0, 0], Ok(Token::Integer(1 << 24)));
        check(&[&[0xcf][..], &[0xff; 8]].concat(), Ok(Token::Integer(u64::MAX.into())));
        check(&[0xd0, 0x80], Ok(Token::Integer(-128)));
        check(&[0xd1, 0x80, 0], Ok(Token::Integer(-32768)));
        check(&[0xd2, 0xff, 0xff, 0xff, 0xfe], Ok(Token::Integer(-2)));
        check(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], Ok(Token::Integer(i64::MIN.into())));
        check(&[0xca, 0x3f, 0xc0, 0, 0], Ok(Token::Float(1.5)));
        check(&[0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], Ok(Token::Float(1.5)));
        check(&[0xc0], Ok(Token::Nil));
        check(&[0xc2], Ok(Token::Bool(false)));
        check(&[0xc3], Ok(Token::Bool(true)));
        check(b"\xa2hi", Ok(Token::Text(b"hi")));
        check(b"\xd9\x02hi", Ok(Token::Text(b"hi")));
        check(b"\xda\x00\x02hi", Ok(Token::Text(b"hi")));
        check(b"\xdb\x00\x00\x00\x02hi", Ok(Token::Text(b"hi")));
        check(b"\xc4\x02hi", Ok(Token::Bytes(b"hi")));
        check(b"\xc5\x00\x02hi", Ok(Token::Bytes(b"hi")));
        check(b"\xc6\x00\x00\x00\x02hi", Ok(Token::Bytes(b"hi")));
        check(b"\xd4\x05x", Ok(Token::Extension(5, b"x")));
        check(b"\xd5\xffxy", Ok(Token::Extension(-1, b"xy")));
        check(b"\xd8\x05xxxxxxxxxxxxxxxx", Ok(Token::Extension(5, &[b'x'; 16])));
        check(b"\xc7\x03\xffabc", Ok(Token::Extension(-1, b"abc")));
        check(b"\xc8\x00\x03\xffabc", Ok(Token::Extension(-1, b"abc")));
        check(b"\xc9\x00\x00\x00\x03\xffabc", Ok(Token::Extension(-1, b"abc")));
        check(&[0x92, 1, 2], Ok(Token::Array(2)));
        check(&[0xdc, 0, 2, 1, 2], Ok(Token::Array(2)));
        check(&[0xdd, 0, 0, 0, 2, 1, 2], Ok(Token::Array(2)));
        check(&[0x81, 1, 2], Ok(Token::Map(1)));
        check(&[0xde, 0, 1, 1, 2], Ok(Token::Map(1)));
        check(&[0xdf, 0, 0, 0, 1, 1, 2], Ok(Token::Map(1)));
    }

    #[test]
    fn attacks_are_errors() {
        check(&[0xc1], Err(MsgpackFault::Reserved));
        check(&[0xdd, 0xff, 0xff, 0xff, 0xff, 1], Err(MsgpackFault::Length));
        check(&[0xdf, 0, 0, 0, 2, 1, 2, 3], Err(MsgpackFault::Length));
        check(&[0xdb, 0xff, 0xff, 0xff, 0xff, 1], Err(MsgpackFault::Truncated));
        let mut deep = vec![0x91; 1_000_000];
        assert!(Reader::new(&deep).skip().is_err());
        deep.push(0xc0);
        assert_eq!(Reader::new(&deep).skip(), Ok(()));
        let wide = [&[0xdd, 0, 0, 0, 4][..], &[0x81, 1, 0xc0].repeat(4)].concat();
        let mut reader = Reader::new(&wide);
        assert_eq!((reader.skip(), reader.is_at_end()), (Ok(()), true));
    }

    #[test]
    fn other_kinds_than_expected_are_told_with_their_place() {
        let mut reader = Reader::new(&[0xc0, 0x93, 1, 2, 3]);
        assert!(reader.take_nil() && !reader.take_nil());
        let error = reader.text().expect_err("an array");
        assert_eq!(
            error.to_string(),
            "msgpack is broken at byte 1: text was expected, an array was sent"
        );
        assert_eq!(Reader::new(&[0xfe]).float(), Ok(-2.0));
        assert_eq!(Reader::new(b"\xc4\x01b").text(), Ok(&b"b"[..]));
        assert!(Reader::new(&[0xc3]).bool().is_ok_and(|flag| flag));
        assert!(Reader::new(&[0xc3]).integer().is_err());
    }
}
