//! Lists of spans in JSON, of both versions.
//!
//! Not read into memory as a whole: each span is found as raw text, read, mapped and forgotten. Invariant: a field of a
//! wrong type refuses its span; only text that is no JSON list, or is one of the other version, fails the request.
//! Follows <https://zipkin.io/zipkin-api/zipkin2-api.yaml> and <https://zipkin.io/zipkin-api/zipkin-api.yaml>.

mod list;
mod message;
mod tags;

use super::fault::Fault;
use super::format::Format;
use super::map::Mapper;
use super::v1;
use crate::decoded::DecodeError;
use crate::json::{body_text, decode_error, offset_in, problem, read_object};
use list::each_item;
use message::{V1Message, V2Message};

/// Reads the spans of a list of version 2.
pub(super) fn read_v2_list<'a>(
    bytes: &'a [u8],
    mapper: &mut Mapper<'a>,
) -> Result<(), DecodeError> {
    let body = body_text(bytes)?;
    let mut is_v1 = false;
    each_item(body, |raw| {
        let offset = offset_in(body, raw);
        match read_object::<V2Message<'_>>(raw) {
            Ok(message) if message.is_v1() => is_v1 = true,
            Ok(message) => match message.span() {
                Ok(span) => mapper.span(span, offset),
                Err(fault) => mapper.refuse(&fault, offset),
            },
            Err(error) => mapper.refuse(&Fault::malformed(problem(&error)), offset),
        }
    })
    .map_err(|error| decode_error(&error))?;
    same_version(is_v1, Format::V2Json, Format::V1Json)
}

/// Reads the spans of a list of version 1.
pub(super) fn read_v1_list<'a>(
    bytes: &'a [u8],
    mapper: &mut Mapper<'a>,
) -> Result<(), DecodeError> {
    let body = body_text(bytes)?;
    let mut is_v2 = false;
    each_item(body, |raw| {
        let offset = offset_in(body, raw);
        match read_object::<V1Message<'_>>(raw) {
            Ok(message) if message.is_v2() => is_v2 = true,
            Ok(message) => match message.span() {
                Ok(span) => v1::map(span, offset, mapper),
                Err(fault) => mapper.refuse(&fault, offset),
            },
            Err(error) => mapper.refuse(&Fault::malformed(problem(&error)), offset),
        }
    })
    .map_err(|error| decode_error(&error))?;
    same_version(is_v2, Format::V1Json, Format::V2Json)
}

/// Zipkin would take spans of the other version and lose what they say in other fields.
fn same_version(is_other: bool, announced: Format, found: Format) -> Result<(), DecodeError> {
    let (announced, found) = (announced.as_str(), found.as_str());
    if is_other { Err(DecodeError::OtherFormat { announced, found }) } else { Ok(()) }
}
