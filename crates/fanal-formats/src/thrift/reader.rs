//! One reader for both protocols: structs as fields with their kinds, lists as counts.
//!
//! What differs between the protocols lies in `binary` and `compact`.

use super::{binary, compact};
use std::fmt;

/// Deepest nesting of structs, lists and maps.
pub const DEPTH_MAX: usize = 64;

/// Encoding of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `TBinaryProtocol`.
    Binary,
    /// `TCompactProtocol`.
    Compact,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `bool`. In a field of the compact protocol it has no bytes: its value comes with the field.
    Bool,
    /// `i8`.
    I8,
    /// `double`.
    Double,
    /// `i16`.
    I16,
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `string` or `binary`.
    Bytes,
    /// A struct.
    Struct,
    /// A map.
    Map,
    /// A set.
    Set,
    /// A list.
    List,
    /// `uuid`.
    Uuid,
}

/// Head of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Number in the definition.
    pub id: i16,
    /// Type as sent.
    pub kind: Kind,
    /// Value of a bool that the head of the field holds.
    pub(super) flag: Option<bool>,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThriftFault {
    /// A value goes on behind the end.
    Truncated,
    /// A number has more bits than its type.
    VarintOverflow,
    /// A type has no meaning.
    Kind(u8),
    /// A length or count is negative or larger than what is left.
    Length,
    /// Values lie deeper than [`DEPTH_MAX`].
    Depth,
    /// The bytes do not begin with a message.
    Message,
    /// A field has another type than its own.
    FieldKind {
        /// Number of the field.
        id: i16,
        /// What was expected.
        expected: Kind,
        /// What was sent.
        sent: Kind,
    },
}

impl fmt::Display for ThriftFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => formatter.write_str("a value ends behind the last byte"),
            Self::VarintOverflow => formatter.write_str("a number has more bits than its type"),
            Self::Kind(number) => write!(formatter, "type {number} is not defined"),
            Self::Length => formatter.write_str("a length or count is more than what is left"),
            Self::Depth => write!(formatter, "values are nested deeper than {DEPTH_MAX}"),
            Self::Message => formatter.write_str("no message begins here"),
            Self::FieldKind { id, expected, sent } => {
                write!(formatter, "field {id} is a {sent:?}, expected a {expected:?}")
            }
        }
    }
}

/// Why bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("thrift is broken at byte {offset}: {fault}")]
pub struct ThriftError {
    /// Where.
    pub offset: usize,
    /// What.
    pub fault: ThriftFault,
}

/// Reads values one after the other.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    pub(super) rest: &'a [u8],
    length: usize,
    depth: usize,
    protocol: Protocol,
}

/// Head of a message: the call of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call<'a> {
    /// Name of the method.
    pub method: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of the bytes.
    pub fn new(bytes: &'a [u8], protocol: Protocol) -> Self {
        Self { rest: bytes, length: bytes.len(), depth: 0, protocol }
    }

    /// Bytes read.
    pub fn offset(&self) -> usize {
        self.length - self.rest.len()
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error at what is read next.
    #[cold]
    pub fn fail(&self, fault: ThriftFault) -> ThriftError {
        ThriftError { offset: self.offset(), fault }
    }

    /// The head of a message. Its arguments follow, a struct.
    pub fn call(&mut self) -> Result<Call<'a>, ThriftError> {
        let method = match self.protocol {
            Protocol::Binary => binary::call(self)?,
            Protocol::Compact => compact::call(self)?,
        };
        Ok(Call { method })
    }

    /// Reads a struct: `read` is given each field and reads its value; one that it does not know it gives to
    /// [`Reader::skip`].
    pub fn fields<E: From<ThriftError>>(
        &mut self,
        mut read: impl FnMut(&mut Self, Field) -> Result<(), E>,
    ) -> Result<(), E> {
        self.nest()?;
        let mut last_id = 0;
        while let Some(field) = match self.protocol {
            Protocol::Binary => binary::field(self)?,
            Protocol::Compact => compact::field(self, &mut last_id)?,
        } {
            read(self, field)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads a list: `read` is called for each item. Items of another kind than `expected` are an error; an empty list has
    /// any kind.
    pub fn list<E: From<ThriftError>>(
        &mut self,
        expected: Kind,
        mut read: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let (sent, count) = self.list_head()?;
        if count > 0 && sent != expected {
            return Err(self.fail(ThriftFault::FieldKind { id: 0, expected, sent }).into());
        }
        self.nest()?;
        for _ in 0..count {
            read(self)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// Fails where a field has not the kind that its definition gives it.
    pub fn expect(&self, field: Field, expected: Kind) -> Result<(), ThriftError> {
        if field.kind == expected {
            return Ok(());
        }
        Err(self.fail(ThriftFault::FieldKind { id: field.id, expected, sent: field.kind }))
    }

    /// A bool that is a field.
    pub fn bool_field(&mut self, field: Field) -> Result<bool, ThriftError> {
        self.expect(field, Kind::Bool)?;
        match field.flag {
            Some(flag) => Ok(flag),
            None => Ok(self.byte()? == 1),
        }
    }

    /// An integer that is a field; a narrower one is taken too.
    pub fn integer_field(&mut self, field: Field) -> Result<i64, ThriftError> {
        match field.kind {
            Kind::I8 => Ok(i64::from(self.byte()?.cast_signed())),
            Kind::I16 => self.integer(2),
            Kind::I32 => self.integer(4),
            Kind::I64 => self.integer(8),
            sent => {
                let (id, expected) = (field.id, Kind::I64);
                Err(self.fail(ThriftFault::FieldKind { id, expected, sent }))
            }
        }
    }

    /// A double that is a field.
    pub fn double_field(&mut self, field: Field) -> Result<f64, ThriftError> {
        self.expect(field, Kind::Double)?;
        let bytes = self.array()?;
        let bits = match self.protocol {
            Protocol::Binary => u64::from_be_bytes(bytes),
            Protocol::Compact => u64::from_le_bytes(bytes),
        };
        Ok(f64::from_bits(bits))
    }

    /// A text or bytes that are a field.
    pub fn bytes_field(&mut self, field: Field) -> Result<&'a [u8], ThriftError> {
        self.expect(field, Kind::Bytes)?;
        self.bytes()
    }

    /// Steps over the value of a field.
    pub fn skip(&mut self, field: Field) -> Result<(), ThriftError> {
        match field.flag {
            Some(_) => Ok(()),
            None => self.skip_value(field.kind),
        }
    }

    fn skip_value(&mut self, kind: Kind) -> Result<(), ThriftError> {
        match kind {
            Kind::Bool | Kind::I8 => self.take(1).map(drop),
            Kind::Double => self.take(8).map(drop),
            Kind::Uuid => self.take(16).map(drop),
            Kind::I16 => self.integer(2).map(drop),
            Kind::I32 => self.integer(4).map(drop),
            Kind::I64 => self.integer(8).map(drop),
            Kind::Bytes => self.bytes().map(drop),
            Kind::Struct => self.fields(Self::skip),
            Kind::List | Kind::Set => {
                let (kind, count) = self.list_head()?;
                self.skip_values(&[kind], count)
            }
            Kind::Map => {
                let (key, value, count) = match self.protocol {
                    Protocol::Binary => binary::map_head(self)?,
                    Protocol::Compact => compact::map_head(self)?,
                };
                self.skip_values(&[key, value], count)
            }
        }
    }

    fn skip_values(&mut self, kinds: &[Kind], count: usize) -> Result<(), ThriftError> {
        self.nest()?;
        for _ in 0..count {
            kinds.iter().try_for_each(|&kind| self.skip_value(kind))?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn list_head(&mut self) -> Result<(Kind, usize), ThriftError> {
        match self.protocol {
            Protocol::Binary => binary::list_head(self),
            Protocol::Compact => compact::list_head(self),
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8], ThriftError> {
        let length = match self.protocol {
            Protocol::Binary => binary::length(self)?,
            Protocol::Compact => compact::length(self)?,
        };
        self.take(length)
    }

    fn integer(&mut self, width: usize) -> Result<i64, ThriftError> {
        match self.protocol {
            Protocol::Binary => binary::integer(self, width),
            Protocol::Compact => compact::integer(self, width),
        }
    }

    fn nest(&mut self) -> Result<(), ThriftError> {
        if self.depth == DEPTH_MAX {
            return Err(self.fail(ThriftFault::Depth));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn byte(&mut self) -> Result<u8, ThriftError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ThriftError> {
        let (first, rest) =
            self.rest.split_first_chunk().ok_or_else(|| self.fail(ThriftFault::Truncated))?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], ThriftError> {
        let (taken, rest) =
            self.rest.split_at_checked(length).ok_or_else(|| self.fail(ThriftFault::Truncated))?;
        self.rest = rest;
        Ok(taken)
    }

    /// A count of items, each of which takes a byte at least.
    pub(super) fn bounded(&self, count: Option<usize>) -> Result<usize, ThriftError> {
        count
            .filter(|&count| count <= self.rest.len())
            .ok_or_else(|| self.fail(ThriftFault::Length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field 1 is a struct with a bool, a double, bytes and integers of every width; field 20 a list of i32; field 21 a map.
    const BINARY: &[u8] = &[
        12, 0, 1, //
        2, 0, 1, 1, //
        4, 0, 2, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0, //
        11, 0, 3, 0, 0, 0, 2, b'h', b'i', //
        3, 0, 4, 0xff, 6, 0, 5, 0xff, 0xfe, 8, 0, 6, 0, 0, 1, 0, //
        10, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfd, 0, //
        15, 0, 20, 8, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, //
        13, 0, 21, 11, 8, 0, 0, 0, 1, 0, 0, 0, 1, b'k', 0, 0, 0, 9, 0,
    ];
    const COMPACT: &[u8] = &[
        0x1c, //
        0x11, 0x17, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x18, 2, b'h', b'i', //
        0x13, 0xff, 0x14, 3, 0x15, 0x80, 4, 0x16, 5, 0, //
        0x09, 40, 0x25, 2, 4, 0x1b, 1, 0x85, 1, b'k', 18, 0,
    ];

    fn shown(reader: &mut Reader<'_>) -> Result<String, ThriftError> {
        let mut seen = Vec::new();
        reader.fields(|reader, field| -> Result<(), ThriftError> {
            match field.id {
                1 => reader.fields(|reader, field| -> Result<(), ThriftError> {
                    seen.push(match field.id {
                        1 => format!("{}", reader.bool_field(field)?),
                        2 => format!("{}", reader.double_field(field)?),
                        3 => String::from_utf8_lossy(reader.bytes_field(field)?).into_owned(),
                        _ => format!("{}", reader.integer_field(field)?),
                    });
                    Ok(())
                }),
                20 => reader.list(Kind::I32, |reader| {
                    seen.push(format!("{}", reader.integer(4)?));
                    Ok(())
                }),
                _ => reader.skip(field),
            }
        })?;
        Ok(seen.join(" "))
    }

    #[test]
    fn both_protocols_read_the_same() {
        for (bytes, protocol) in [(BINARY, Protocol::Binary), (COMPACT, Protocol::Compact)] {
            let mut reader = Reader::new(bytes, protocol);
            let expect = "true 1.5 hi -1 -2 256 -3 1 2";
            assert_eq!(shown(&mut reader).as_deref(), Ok(expect), "{protocol:?}");
            assert!(reader.is_at_end(), "{protocol:?}");
            let mut skipping = Reader::new(bytes, protocol);
            assert_eq!(skipping.fields(Reader::skip), Ok(()), "{protocol:?}");
            assert!(skipping.is_at_end(), "{protocol:?}");
            for end in 0..bytes.len() {
                let cut = Reader::new(&bytes[..end], protocol).fields(Reader::skip);
                assert!(cut.is_err(), "{protocol:?} {end}");
            }
        }
    }

    #[test]
    fn attacks_are_errors() {
        let check = |bytes: &[u8], protocol: Protocol, expect: ThriftFault| {
            let outcome: Result<(), ThriftError> =
                Reader::new(bytes, protocol).fields(Reader::skip);
            assert_eq!(outcome.map_err(|error| error.fault), Err(expect), "{bytes:?}");
        };
        check(&[11, 0, 1, 0x7f, 0xff, 0xff, 0xff, 1], Protocol::Binary, ThriftFault::Length);
        check(&[11, 0, 1, 0xff, 0xff, 0xff, 0xff, 1], Protocol::Binary, ThriftFault::Length);
        check(&[15, 0, 1, 8, 0, 1, 0, 0, 0], Protocol::Binary, ThriftFault::Length);
        check(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f], Protocol::Compact, ThriftFault::Length);
        check(&[0x19, 0xf5, 0xff, 0x7f], Protocol::Compact, ThriftFault::Length);
        check(
            &[0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            Protocol::Compact,
            ThriftFault::VarintOverflow,
        );
        check(&[7, 0, 1], Protocol::Binary, ThriftFault::Kind(7));
        check(&[0x1e], Protocol::Compact, ThriftFault::Kind(14));
        check(&[0x1c; 100], Protocol::Compact, ThriftFault::Depth);
        check(&[12, 0, 1].repeat(100), Protocol::Binary, ThriftFault::Depth);
    }

    #[test]
    fn messages_have_a_method() {
        let check = |bytes: &[u8], protocol: Protocol, expect: Option<&str>| {
            let call = Reader::new(bytes, protocol).call().ok();
            let method = call.map(|call| String::from_utf8_lossy(call.method).into_owned());
            assert_eq!(method.as_deref(), expect, "{bytes:?}");
        };
        check(b"\x82\x81\x01\x09emitBatch", Protocol::Compact, Some("emitBatch"));
        check(b"\x82\x21\x80\x01\x09emitBatch", Protocol::Compact, Some("emitBatch"));
        check(b"\x82\x82\x01\x09emitBatch", Protocol::Compact, None);
        check(b"\x80\x01\0\x04\0\0\0\x09emitBatch\0\0\0\x01", Protocol::Binary, Some("emitBatch"));
        check(b"\0\0\0\x09emitBatch\x01\0\0\0\x01", Protocol::Binary, Some("emitBatch"));
        check(b"\x80\x02\0\x04\0\0\0\x09emitBatch\0\0\0\x01", Protocol::Binary, None);
    }
}
