//! What is the binary protocol's own: big-endian numbers of fixed width, types as a byte.

use super::reader::{Field, Kind, Reader, ThriftError, ThriftFault};

/// First half of a strict message: the version.
const VERSION: u16 = 0x8001;

pub(super) fn call<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ThriftError> {
    let begin = reader.clone();
    let [high, low, _, _] = reader.array()?;
    if high & 0x80 == 0 {
        // The old form, without a version.
        *reader = begin;
        let length = length(reader)?;
        let method = reader.take(length)?;
        reader.take(1 + 4)?;
        return Ok(method);
    }
    if u16::from_be_bytes([high, low]) != VERSION {
        return Err(begin.fail(ThriftFault::Message));
    }
    let length = length(reader)?;
    let method = reader.take(length)?;
    reader.take(4)?;
    Ok(method)
}

pub(super) fn field(reader: &mut Reader<'_>) -> Result<Option<Field>, ThriftError> {
    if reader.rest.first() == Some(&0) {
        reader.take(1)?;
        return Ok(None);
    }
    let kind = kind(reader)?;
    let id = i16::from_be_bytes(reader.array()?);
    Ok(Some(Field { id, kind, flag: None }))
}

pub(super) fn list_head(reader: &mut Reader<'_>) -> Result<(Kind, usize), ThriftError> {
    let kind = kind(reader)?;
    Ok((kind, length(reader)?))
}

pub(super) fn map_head(reader: &mut Reader<'_>) -> Result<(Kind, Kind, usize), ThriftError> {
    let (key, value) = (kind(reader)?, kind(reader)?);
    Ok((key, value, length(reader)?))
}

/// A length or a count.
pub(super) fn length(reader: &mut Reader<'_>) -> Result<usize, ThriftError> {
    let length = i32::from_be_bytes(reader.array()?);
    reader.bounded(usize::try_from(length).ok())
}

pub(super) fn integer(reader: &mut Reader<'_>, width: usize) -> Result<i64, ThriftError> {
    Ok(match width {
        2 => i64::from(i16::from_be_bytes(reader.array()?)),
        4 => i64::from(i32::from_be_bytes(reader.array()?)),
        _ => i64::from_be_bytes(reader.array()?),
    })
}

fn kind(reader: &mut Reader<'_>) -> Result<Kind, ThriftError> {
    let begin = reader.clone();
    Ok(match reader.byte()? {
        2 => Kind::Bool,
        3 => Kind::I8,
        4 => Kind::Double,
        6 => Kind::I16,
        8 => Kind::I32,
        10 => Kind::I64,
        11 => Kind::Bytes,
        12 => Kind::Struct,
        13 => Kind::Map,
        14 => Kind::Set,
        15 => Kind::List,
        16 => Kind::Uuid,
        number => return Err(begin.fail(ThriftFault::Kind(number))),
    })
}
