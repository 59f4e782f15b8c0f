//! What is the compact protocol's own: varints, fields numbered by their distance, bools in the head of a field.

use super::reader::{Field, Kind, Reader, ThriftError, ThriftFault};

/// First byte of a message.
const PROTOCOL: u8 = 0x82;
/// Version, the low five bits of the second byte.
const VERSION: u8 = 1;

pub(super) fn call<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ThriftError> {
    let begin = reader.clone();
    let [protocol, version] = reader.array()?;
    if protocol != PROTOCOL || version & 0x1f != VERSION {
        return Err(begin.fail(ThriftFault::Message));
    }
    varint(reader)?;
    let length = length(reader)?;
    reader.take(length)
}

pub(super) fn field(
    reader: &mut Reader<'_>,
    last_id: &mut i16,
) -> Result<Option<Field>, ThriftError> {
    let begin = reader.clone();
    let head = reader.byte()?;
    if head == 0 {
        return Ok(None);
    }
    let id = match head >> 4 {
        0 => i16::try_from(integer(reader, 2)?)
            .map_err(|_| begin.fail(ThriftFault::VarintOverflow))?,
        distance => last_id.wrapping_add(i16::from(distance)),
    };
    *last_id = id;
    let number = head & 0x0f;
    let flag = match number {
        1 => Some(true),
        2 => Some(false),
        _ => None,
    };
    let kind = kind(number).ok_or_else(|| begin.fail(ThriftFault::Kind(number)))?;
    Ok(Some(Field { id, kind, flag }))
}

pub(super) fn list_head(reader: &mut Reader<'_>) -> Result<(Kind, usize), ThriftError> {
    let begin = reader.clone();
    let head = reader.byte()?;
    let count = match head >> 4 {
        15 => length(reader)?,
        count => reader.bounded(Some(usize::from(count)))?,
    };
    let number = head & 0x0f;
    // An empty list of some writers names no type.
    let kind = if count == 0 { Some(Kind::Bool) } else { kind(number) };
    Ok((kind.ok_or_else(|| begin.fail(ThriftFault::Kind(number)))?, count))
}

pub(super) fn map_head(reader: &mut Reader<'_>) -> Result<(Kind, Kind, usize), ThriftError> {
    let count = length(reader)?;
    if count == 0 {
        return Ok((Kind::Bool, Kind::Bool, 0));
    }
    let begin = reader.clone();
    let head = reader.byte()?;
    let of = |number| kind(number).ok_or_else(|| begin.fail(ThriftFault::Kind(number)));
    Ok((of(head >> 4)?, of(head & 0x0f)?, count))
}

/// A length or a count.
pub(super) fn length(reader: &mut Reader<'_>) -> Result<usize, ThriftError> {
    let length = varint(reader)?;
    let length = u32::try_from(length).ok().and_then(|length| usize::try_from(length).ok());
    reader.bounded(length)
}

pub(super) fn integer(reader: &mut Reader<'_>, width: usize) -> Result<i64, ThriftError> {
    let begin = reader.clone();
    let zigzag = varint(reader)?;
    let number = (zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed();
    let fits = match width {
        2 => i16::try_from(number).is_ok(),
        4 => i32::try_from(number).is_ok(),
        _ => true,
    };
    if fits { Ok(number) } else { Err(begin.fail(ThriftFault::VarintOverflow)) }
}

fn varint(reader: &mut Reader<'_>) -> Result<u64, ThriftError> {
    let begin = reader.clone();
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = reader.byte()?;
        if shift == 63 && byte > 1 {
            break;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(begin.fail(ThriftFault::VarintOverflow))
}

fn kind(number: u8) -> Option<Kind> {
    Some(match number {
        1 | 2 => Kind::Bool,
        3 => Kind::I8,
        4 => Kind::I16,
        5 => Kind::I32,
        6 => Kind::I64,
        7 => Kind::Double,
        8 => Kind::Bytes,
        9 => Kind::List,
        10 => Kind::Set,
        11 => Kind::Map,
        12 => Kind::Struct,
        13 => Kind::Uuid,
        _ => return None,
    })
}
