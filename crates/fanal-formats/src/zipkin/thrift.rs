//! Walks a list of spans of version 1 in thrift's binary protocol, without a message around it.
//!
//! Invariant: a field of another type than its own is skipped, as generated readers do; broken bytes fail the request,
//! for nobody knows where the next span would begin.
//! Follows <https://github.com/openzipkin/zipkin-api/blob/master/thrift/zipkinCore.thrift>.

use super::endpoint::Endpoint;
use super::id::trace_id_of_halves;
use super::map::Mapper;
use super::span::{micros, push_within};
use super::v1::{self, V1Annotation, V1BinaryAnnotation, V1Span};
use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX};
use crate::draft::DraftValue;
use crate::thrift::{Kind, Protocol, Reader, ThriftError, ThriftFault};
use fanal_model::SpanId;
use std::net::Ipv4Addr;

/// Type of the items and their count.
const HEAD_BYTES: usize = 5;

/// Reads the spans of a list.
pub(super) fn read_list<'a>(bytes: &'a [u8], mapper: &mut Mapper<'a>) -> Result<(), ThriftError> {
    let fail = |offset, fault| Err(ThriftError { offset, fault });
    let Some((&[kind, count @ ..], spans)) = bytes.split_first_chunk::<HEAD_BYTES>() else {
        return fail(0, ThriftFault::Truncated);
    };
    // A release of one reporter writes the type of text in place of that of structs.
    if !matches!(kind, 0x0b | 0x0c) {
        return fail(0, ThriftFault::Kind(kind));
    }
    let count = usize::try_from(i32::from_be_bytes(count)).ok();
    let Some(count) = count.filter(|&count| count <= spans.len()) else {
        return fail(1, ThriftFault::Length);
    };
    let mut reader = Reader::new(spans, Protocol::Binary);
    for _ in 0..count {
        let offset = HEAD_BYTES + reader.offset();
        let span = read_span(&mut reader).map_err(|error| ThriftError {
            offset: HEAD_BYTES + error.offset,
            fault: error.fault,
        })?;
        v1::map(span, offset, mapper);
    }
    Ok(())
}

/// Reads one span without a list around it.
pub(super) fn read_single<'a>(bytes: &'a [u8], mapper: &mut Mapper<'a>) -> Result<(), ThriftError> {
    let span = read_span(&mut Reader::new(bytes, Protocol::Binary))?;
    v1::map(span, 0, mapper);
    Ok(())
}

fn read_span<'a>(reader: &mut Reader<'a>) -> Result<V1Span<'a>, ThriftError> {
    let mut span = V1Span::default();
    let (mut high, mut low) = (0, 0);
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (1, Kind::I64) => low = reader.integer_field(field)?.cast_unsigned(),
            (3, Kind::Bytes) => span.name = reader.bytes_field(field)?.into(),
            (4, Kind::I64) => span.id = span_id(reader.integer_field(field)?),
            (5, Kind::I64) => span.parent_id = span_id(reader.integer_field(field)?),
            (6, Kind::List) => reader.list(Kind::Struct, |reader| {
                let annotation = read_annotation(reader)?;
                push_within(&mut span.annotations, annotation, EVENTS_MAX);
                Ok::<_, ThriftError>(())
            })?,
            (8, Kind::List) => reader.list(Kind::Struct, |reader| {
                let annotation = read_binary_annotation(reader)?;
                push_within(&mut span.binary_annotations, annotation, ATTRIBUTES_MAX);
                Ok::<_, ThriftError>(())
            })?,
            (9, Kind::Bool) => span.is_debug = reader.bool_field(field)?,
            (10, Kind::I64) => span.timestamp_micros = micros(reader.integer_field(field)?),
            (11, Kind::I64) => span.duration_micros = micros(reader.integer_field(field)?),
            (12, Kind::I64) => high = reader.integer_field(field)?.cast_unsigned(),
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    span.trace_id = trace_id_of_halves(high, low);
    Ok(span)
}

fn span_id(number: i64) -> SpanId {
    SpanId(number.to_be_bytes())
}

fn read_annotation<'a>(reader: &mut Reader<'a>) -> Result<V1Annotation<'a>, ThriftError> {
    let mut annotation = V1Annotation::default();
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (1, Kind::I64) => annotation.timestamp_micros = micros(reader.integer_field(field)?),
            (2, Kind::Bytes) => annotation.value = reader.bytes_field(field)?.into(),
            (3, Kind::Struct) => annotation.endpoint = read_endpoint(reader)?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    Ok(annotation)
}

fn read_binary_annotation<'a>(
    reader: &mut Reader<'a>,
) -> Result<V1BinaryAnnotation<'a>, ThriftError> {
    let (mut key, mut value, mut value_type): (&[u8], &[u8], i64) = (&[], &[], STRING);
    let mut endpoint = Endpoint::default();
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (1, Kind::Bytes) => key = reader.bytes_field(field)?,
            (2, Kind::Bytes) => value = reader.bytes_field(field)?,
            (3, Kind::I32) => value_type = reader.integer_field(field)?,
            (4, Kind::Struct) => endpoint = read_endpoint(reader)?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    Ok(V1BinaryAnnotation { key: key.into(), value: typed(value_type, value), endpoint })
}

const BOOL: i64 = 0;
const I16: i64 = 2;
const I32: i64 = 3;
const I64: i64 = 4;
const DOUBLE: i64 = 5;
const STRING: i64 = 6;

/// The value that bytes are; those that are none of their type stay bytes.
fn typed(value_type: i64, value: &[u8]) -> DraftValue<'_> {
    let bytes = || DraftValue::Bytes(value.into());
    match value_type {
        // Some clients in Ruby write the digit.
        BOOL => match value {
            [0 | b'0'] => DraftValue::Bool(false),
            [1 | b'1'] => DraftValue::Bool(true),
            _ => bytes(),
        },
        I16 => value
            .try_into()
            .map_or_else(|_| bytes(), |be| DraftValue::Int(i16::from_be_bytes(be).into())),
        I32 => value
            .try_into()
            .map_or_else(|_| bytes(), |be| DraftValue::Int(i32::from_be_bytes(be).into())),
        I64 => {
            value.try_into().map_or_else(|_| bytes(), |be| DraftValue::Int(i64::from_be_bytes(be)))
        }
        DOUBLE => value
            .try_into()
            .map_or_else(|_| bytes(), |be| DraftValue::Float(f64::from_be_bytes(be))),
        STRING => DraftValue::Text(value.into()),
        _ => bytes(),
    }
}

fn read_endpoint<'a>(reader: &mut Reader<'a>) -> Result<Endpoint<'a>, ThriftError> {
    let mut endpoint = Endpoint::default();
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (1, Kind::I32) => match reader.integer_field(field)?.to_be_bytes() {
                [.., 0, 0, 0, 0] => {}
                [.., a, b, c, d] => endpoint.put_address(Ipv4Addr::new(a, b, c, d).into()),
            },
            // A number without a sign in a field with one.
            (2, Kind::I16) => {
                let [.., high, low] = reader.integer_field(field)?.to_be_bytes();
                endpoint.port = u16::from_be_bytes([high, low]);
            }
            (3, Kind::Bytes) => endpoint.service_name = reader.bytes_field(field)?.into(),
            (4, Kind::Bytes) => endpoint.put_address_bytes(reader.bytes_field(field)?),
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_type_they_came_with() {
        let check = |value_type: i64, value: &'static [u8], expect: DraftValue<'static>| {
            assert_eq!(typed(value_type, value), expect, "{value_type} {value:?}");
        };
        let bytes = |value: &'static [u8]| DraftValue::Bytes(value.into());
        check(BOOL, &[1], DraftValue::Bool(true));
        check(BOOL, &[0], DraftValue::Bool(false));
        check(BOOL, b"1", DraftValue::Bool(true));
        check(BOOL, b"true", bytes(b"true"));
        check(1, &[7, 8], bytes(&[7, 8]));
        check(I16, &[0xff, 0xfe], DraftValue::Int(-2));
        check(I32, &[0xff, 0xff, 0xff, 0xfd], DraftValue::Int(-3));
        check(I64, &[0, 0, 0, 0, 0, 0, 1, 0], DraftValue::Int(256));
        check(DOUBLE, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0], DraftValue::Float(1.5));
        check(STRING, b"text", DraftValue::Text(b"text"[..].into()));
        check(I32, &[1], bytes(&[1]));
        check(9, &[1], bytes(&[1]));
    }
}
