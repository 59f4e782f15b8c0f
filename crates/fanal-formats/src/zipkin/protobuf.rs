//! Walks a `ListOfSpans` of version 2 in protobuf, over HTTP and gRPC alike.
//!
//! Invariant: fields in any order give the same span; only bytes that are no protobuf fail the request.
//! Follows <https://github.com/openzipkin/zipkin-api/blob/master/zipkin.proto>.

use super::endpoint::Endpoint;
use super::fault::Fault;
use super::id::{parent_id_of_bytes, span_id_of_bytes, trace_id_of_bytes};
use super::map::Mapper;
use super::span::{Annotation, ZipkinSpan, micros, push_within};
use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX};
use crate::draft::{DraftAttribute, DraftValue};
use crate::wire::{Reader, WireError, bytes_tag, fixed64_tag, varint_tag};
use fanal_model::SpanKind;

const LIST_SPANS: u32 = bytes_tag(1);

mod span {
    use super::{bytes_tag, fixed64_tag, varint_tag};
    pub(super) const TRACE_ID: u32 = bytes_tag(1);
    pub(super) const PARENT_ID: u32 = bytes_tag(2);
    pub(super) const ID: u32 = bytes_tag(3);
    pub(super) const KIND: u32 = varint_tag(4);
    pub(super) const NAME: u32 = bytes_tag(5);
    pub(super) const TIMESTAMP: u32 = fixed64_tag(6);
    pub(super) const DURATION: u32 = varint_tag(7);
    pub(super) const LOCAL_ENDPOINT: u32 = bytes_tag(8);
    pub(super) const REMOTE_ENDPOINT: u32 = bytes_tag(9);
    pub(super) const ANNOTATIONS: u32 = bytes_tag(10);
    pub(super) const TAGS: u32 = bytes_tag(11);
    pub(super) const DEBUG: u32 = varint_tag(12);
    pub(super) const SHARED: u32 = varint_tag(13);
}

mod endpoint {
    use super::{bytes_tag, varint_tag};
    pub(super) const SERVICE_NAME: u32 = bytes_tag(1);
    pub(super) const IPV4: u32 = bytes_tag(2);
    pub(super) const IPV6: u32 = bytes_tag(3);
    pub(super) const PORT: u32 = varint_tag(4);
}

mod annotation {
    use super::{bytes_tag, fixed64_tag};
    pub(super) const TIMESTAMP: u32 = fixed64_tag(1);
    pub(super) const VALUE: u32 = bytes_tag(2);
}

mod tag {
    use super::bytes_tag;
    pub(super) const KEY: u32 = bytes_tag(1);
    pub(super) const VALUE: u32 = bytes_tag(2);
}

/// Why a walk stops.
enum Stop {
    Wire(WireError),
    Refused(Fault),
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::Wire(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

/// Reads the spans of a list.
pub(super) fn read_list<'a>(bytes: &'a [u8], mapper: &mut Mapper<'a>) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        match reader.tag()? {
            LIST_SPANS => {
                let message = reader.message()?;
                match read_span(message) {
                    Ok(span) => mapper.span(span, message.offset()),
                    Err(Stop::Refused(fault)) => mapper.refuse(&fault, message.offset()),
                    Err(Stop::Wire(error)) => return Err(error),
                }
            }
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

fn read_span(mut reader: Reader<'_>) -> Result<ZipkinSpan<'_>, Stop> {
    let (mut trace_id, mut parent_id, mut id): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
    let (mut local, mut remote) = (None, None);
    let mut span = ZipkinSpan::default();
    while !reader.is_at_end() {
        match reader.tag()? {
            span::TRACE_ID => trace_id = reader.bytes()?,
            span::PARENT_ID => parent_id = reader.bytes()?,
            span::ID => id = reader.bytes()?,
            span::KIND => span.kind = kind(reader.varint32()?),
            span::NAME => span.name = reader.bytes()?.into(),
            span::TIMESTAMP => span.timestamp_micros = micros(reader.fixed64()?.cast_signed()),
            span::DURATION => span.duration_micros = micros(reader.varint()?.cast_signed()),
            span::LOCAL_ENDPOINT => local = Some(reader.message()?),
            span::REMOTE_ENDPOINT => remote = Some(reader.message()?),
            span::ANNOTATIONS => {
                let annotation = read_annotation(reader.message()?)?;
                push_within(&mut span.annotations, annotation, EVENTS_MAX);
            }
            span::TAGS => {
                let tag = read_tag(reader.message()?)?;
                push_within(&mut span.tags, tag, ATTRIBUTES_MAX);
            }
            span::DEBUG => span.is_debug = reader.varint()? != 0,
            span::SHARED => span.is_shared = reader.varint()? != 0,
            other => reader.skip(other)?,
        }
    }
    // Only now: a broken field behind a bad id must fail the request, as it does before one.
    if let Some(message) = local {
        span.local = read_endpoint(message)?;
    }
    if let Some(message) = remote {
        span.remote = read_endpoint(message)?;
    }
    span.trace_id = trace_id_of_bytes(trace_id)?;
    span.parent_id = parent_id_of_bytes(parent_id)?;
    span.id = span_id_of_bytes(id)?;
    Ok(span)
}

/// Numbers that are no kind mean none.
fn kind(number: u32) -> SpanKind {
    match number {
        1 => SpanKind::Client,
        2 => SpanKind::Server,
        3 => SpanKind::Producer,
        4 => SpanKind::Consumer,
        _ => SpanKind::Unspecified,
    }
}

fn read_endpoint(mut reader: Reader<'_>) -> Result<Endpoint<'_>, Stop> {
    let mut endpoint = Endpoint::default();
    let mut port = 0;
    while !reader.is_at_end() {
        match reader.tag()? {
            endpoint::SERVICE_NAME => endpoint.service_name = reader.bytes()?.into(),
            endpoint::IPV4 | endpoint::IPV6 => endpoint.put_address_bytes(reader.bytes()?),
            endpoint::PORT => port = reader.varint32()?.cast_signed(),
            other => reader.skip(other)?,
        }
    }
    endpoint.put_port(port.into())?;
    Ok(endpoint)
}

fn read_annotation(mut reader: Reader<'_>) -> Result<Annotation<'_>, WireError> {
    let mut annotation = Annotation::default();
    while !reader.is_at_end() {
        match reader.tag()? {
            annotation::TIMESTAMP => {
                annotation.timestamp_micros = micros(reader.fixed64()?.cast_signed());
            }
            annotation::VALUE => annotation.value = reader.bytes()?.into(),
            other => reader.skip(other)?,
        }
    }
    Ok(annotation)
}

fn read_tag(mut reader: Reader<'_>) -> Result<DraftAttribute<'_>, WireError> {
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    while !reader.is_at_end() {
        match reader.tag()? {
            tag::KEY => key = reader.bytes()?,
            tag::VALUE => value = reader.bytes()?,
            other => reader.skip(other)?,
        }
    }
    Ok((key.into(), DraftValue::Text(value.into())))
}
