//! Encoding of values inside values, and of whole resources: one compact self-delimiting byte form.
//!
//! A value is a tag byte and its payload: lengths, counts and integers (zigzag) as LEB128, floats as 8 bytes little
//! endian. Equal values have equal bytes, so that bytes can be interned. Depth is limited by [`DEPTH_MAX`].
//! The form is part of the disk format: tags are never reused.

use crate::raw;
use crate::value::{Value, ValueRef};
use fanal_base::cast;

/// Deepest nesting of arrays and maps that is read or written.
pub const DEPTH_MAX: usize = 64;

/// Why bytes are not a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nested value is truncated, too deep or has an unknown tag")]
pub struct InvalidNested;

/// Appends `value`. Levels below [`DEPTH_MAX`] are written as empty: formats refuse them before.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    encode_at(value, out, 0);
}

fn encode_at(value: &Value, out: &mut Vec<u8>, depth: usize) {
    match value {
        Value::Array(_) | Value::Map(_) if depth >= DEPTH_MAX => out.push(0),
        Value::Empty => encode_ref(ValueRef::Empty, out),
        Value::String(text) => encode_ref(ValueRef::String(text), out),
        Value::Bool(flag) => encode_ref(ValueRef::Bool(*flag), out),
        Value::Int(number) => encode_ref(ValueRef::Int(*number), out),
        Value::Float(number) => encode_ref(ValueRef::Float(*number), out),
        Value::Bytes(bytes) => encode_ref(ValueRef::Bytes(bytes), out),
        Value::Array(values) => {
            begin_array(values.len(), out);
            values.iter().for_each(|value| encode_at(value, out, depth + 1));
        }
        Value::Map(entries) => {
            begin_map(entries.len(), out);
            for (key, value) in entries {
                write_bytes(key.as_bytes(), out);
                encode_at(value, out, depth + 1);
            }
        }
    }
}

/// Begins an array: `count` values must follow.
pub fn begin_array(count: usize, out: &mut Vec<u8>) {
    out.push(7);
    write_length(count, out);
}

/// Begins a map: `count` keys, each by [`write_bytes`] and followed by its value, must follow.
pub fn begin_map(count: usize, out: &mut Vec<u8>) {
    out.push(8);
    write_length(count, out);
}

/// Appends a borrowed value; arrays and maps are copied, being in this form already.
pub fn encode_ref(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Empty => out.push(0),
        ValueRef::String(text) => {
            out.push(1);
            write_bytes(text.as_bytes(), out);
        }
        ValueRef::Bool(flag) => out.push(if flag { 3 } else { 2 }),
        ValueRef::Int(number) => {
            out.push(4);
            write_varint(zigzag(number), out);
        }
        ValueRef::Float(number) => {
            out.push(5);
            out.extend_from_slice(&number.to_bits().to_le_bytes());
        }
        ValueRef::Bytes(bytes) => {
            out.push(6);
            write_bytes(bytes, out);
        }
        ValueRef::Array(bytes) | ValueRef::Map(bytes) => out.extend_from_slice(bytes),
    }
}

/// Reads one value that fills `bytes`.
pub fn decode(bytes: &[u8]) -> Result<Value, InvalidNested> {
    let mut reader = Reader::new(bytes);
    let value = reader.value()?;
    if reader.is_at_end() { Ok(value) } else { Err(InvalidNested) }
}

/// Whether [`decode`] would read `bytes`.
pub fn is_value(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    reader.skip_value().is_ok() && reader.is_at_end()
}

/// Reads one value that fills `bytes` without copying; arrays and maps stay encoded.
pub fn decode_ref(bytes: &[u8]) -> Result<ValueRef<'_>, InvalidNested> {
    let mut reader = Reader::new(bytes);
    let value = match reader.take(1)?[0] {
        0 => ValueRef::Empty,
        1 => ValueRef::String(reader.text()?),
        2 => ValueRef::Bool(false),
        3 => ValueRef::Bool(true),
        4 => ValueRef::Int(unzigzag(reader.varint()?)),
        5 => ValueRef::Float(reader.float()?),
        6 => ValueRef::Bytes(reader.bytes()?),
        7 if is_value(bytes) => return Ok(ValueRef::Array(bytes)),
        8 if is_value(bytes) => return Ok(ValueRef::Map(bytes)),
        _ => return Err(InvalidNested),
    };
    if reader.is_at_end() { Ok(value) } else { Err(InvalidNested) }
}

/// Appends an unsigned integer as LEB128.
pub fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends a length as LEB128.
pub fn write_length(length: usize, out: &mut Vec<u8>) {
    write_varint(cast::wide(length), out);
}

/// Appends bytes with their length before them.
pub fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Maps signed to unsigned so that small magnitudes stay small.
pub const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// Reads the form above from a slice, never past its end.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether everything was read.
    pub fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The next `length` bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], InvalidNested> {
        let (front, rest) = self.bytes.split_at_checked(length).ok_or(InvalidNested)?;
        self.bytes = rest;
        Ok(front)
    }

    /// An unsigned LEB128 integer of at most 64 bits.
    pub fn varint(&mut self) -> Result<u64, InvalidNested> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(InvalidNested);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(InvalidNested)
    }

    /// A length or count; at most the bytes left, so that it can be reserved.
    pub fn length(&mut self) -> Result<usize, InvalidNested> {
        let length = usize::try_from(self.varint()?).map_err(|_| InvalidNested)?;
        if length <= self.bytes.len() { Ok(length) } else { Err(InvalidNested) }
    }

    /// Bytes with their length before them.
    pub fn bytes(&mut self) -> Result<&'a [u8], InvalidNested> {
        let length = self.length()?;
        self.take(length)
    }

    /// UTF-8 text with its length before it.
    pub fn text(&mut self) -> Result<&'a str, InvalidNested> {
        std::str::from_utf8(self.bytes()?).map_err(|_| InvalidNested)
    }

    /// A float of 8 bytes.
    pub fn float(&mut self) -> Result<f64, InvalidNested> {
        let bits = self.take(8)?.try_into().map_err(|_| InvalidNested)?;
        Ok(f64::from_bits(u64::from_le_bytes(bits)))
    }

    /// What was not read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Steps over one value, which is checked like [`Reader::value`] does, without memory for it.
    pub fn skip_value(&mut self) -> Result<(), InvalidNested> {
        self.skip_value_at(0)
    }

    fn skip_value_at(&mut self, depth: usize) -> Result<(), InvalidNested> {
        if depth > DEPTH_MAX {
            return Err(InvalidNested);
        }
        match self.take(1)?[0] {
            0 | 2 | 3 => Ok(()),
            1 => self.skip_text(),
            4 => self.varint().map(drop),
            5 => self.float().map(drop),
            6 => self.bytes().map(drop),
            7 => {
                let count = self.length()?;
                (0..count).try_for_each(|_| self.skip_value_at(depth + 1))
            }
            8 => {
                let count = self.length()?;
                (0..count).try_for_each(|_| {
                    self.skip_text()?;
                    self.skip_value_at(depth + 1)
                })
            }
            _ => Err(InvalidNested),
        }
    }

    /// Steps over text with its length before it, which is checked.
    pub fn skip_text(&mut self) -> Result<(), InvalidNested> {
        raw::check_text(self.bytes()?).map_err(|_| InvalidNested)
    }

    /// One value.
    pub fn value(&mut self) -> Result<Value, InvalidNested> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: usize) -> Result<Value, InvalidNested> {
        if depth > DEPTH_MAX {
            return Err(InvalidNested);
        }
        Ok(match self.take(1)?[0] {
            0 => Value::Empty,
            1 => Value::String(self.text()?.to_owned()),
            2 => Value::Bool(false),
            3 => Value::Bool(true),
            4 => Value::Int(unzigzag(self.varint()?)),
            5 => Value::Float(self.float()?),
            6 => Value::Bytes(self.bytes()?.to_vec()),
            7 => {
                let count = self.length()?;
                Value::Array(
                    (0..count).map(|_| self.value_at(depth + 1)).collect::<Result<_, _>>()?,
                )
            }
            8 => {
                let count = self.length()?;
                let entry = |_| Ok((self.text()?.to_owned(), self.value_at(depth + 1)?));
                Value::Map((0..count).map(entry).collect::<Result<_, _>>()?)
            }
            _ => return Err(InvalidNested),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let check = |value: Value| {
            let mut bytes = Vec::new();
            encode(&value, &mut bytes);
            assert_eq!(decode(&bytes).as_ref(), Ok(&value));
            assert!(is_value(&bytes), "{value:?}");
            for end in 0..bytes.len() {
                let cut = &bytes[..end];
                assert!(decode(cut).is_err() && !is_value(cut), "{value:?} cut at {end}");
            }
        };
        check(Value::Empty);
        check(Value::Int(i64::MIN));
        check(Value::Float(-0.5));
        check(Value::Bytes(vec![0, 255]));
        check(Value::Map(vec![
            ("a".into(), Value::Array(vec![Value::Bool(true), Value::String("é".into())])),
            (String::new(), Value::Empty),
        ]));
    }

    #[test]
    fn depth_is_limited() {
        let deep = (0..DEPTH_MAX).fold(Value::Empty, |inner, _| Value::Array(vec![inner]));
        let mut bytes = Vec::new();
        encode(&deep, &mut bytes);
        assert_eq!(decode(&bytes), Ok(deep));
        assert!(is_value(&bytes));
        let deeper = [[7_u8, 1].repeat(10_000), vec![0]].concat();
        assert!(decode(&deeper).is_err() && !is_value(&deeper));
    }
}
