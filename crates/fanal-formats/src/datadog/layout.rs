//! A span in the bytes of a body: a map by name, or a list by place with texts by number.
//!
//! Used by the walk of chunks. Invariant: whatever fails, the caller can step over the span from its start, for no state
//! is kept here.

use super::links;
use super::span::{DatadogSpan, high_half};
use super::table::Texts;
use crate::decoded::{ATTRIBUTES_MAX, Refusal, RejectReason};
use crate::draft::DraftValue;
use crate::msgpack::{MsgpackError, MsgpackFault, Reader, Token, ValueFault, any_value};
use std::fmt;

/// Places in a span of the layout with a table of texts.
const PLACES: usize = 12;

/// Why a span is refused.
#[derive(Debug)]
pub(super) enum Fault {
    /// The bytes are broken, or a value has another type than its own.
    Msgpack(MsgpackError),
    /// A rule or a limit is broken.
    Refused(Refusal),
    /// What, in words.
    Malformed(String),
}

impl From<MsgpackError> for Fault {
    fn from(error: MsgpackError) -> Self {
        Self::Msgpack(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<ValueFault> for Fault {
    fn from(fault: ValueFault) -> Self {
        match fault {
            ValueFault::Msgpack(error) => Self::Msgpack(error),
            ValueFault::Refused(refusal) => Self::Refused(refusal),
        }
    }
}

/// How spans lie in the body.
#[derive(Debug, Clone, Copy)]
pub(super) enum SpanLayout<'t, 'a> {
    /// Versions 0.3, 0.4 and 0.7.
    Named,
    /// Version 0.5.
    Placed(&'t Texts<'a>),
}

impl<'a> SpanLayout<'_, 'a> {
    /// Reads a span.
    pub(super) fn read(
        self,
        reader: &mut Reader<'a>,
        span: &mut DatadogSpan<'a>,
    ) -> Result<(), Fault> {
        match self {
            Self::Named => read_named(reader, span),
            Self::Placed(texts) => read_placed(reader, texts, span),
        }
    }

    /// The high half of the trace id that a span's tags tell; steps over the span.
    pub(super) fn find_high(self, reader: &mut Reader<'a>) -> Result<Option<u64>, Fault> {
        let mut found = None;
        let fields = match self {
            Self::Named => map(reader)?,
            Self::Placed(_) => reader.array()?,
        };
        for place in 0..fields {
            let is_meta = match self {
                Self::Named => reader.text()? == b"meta",
                Self::Placed(_) => place == 9,
            };
            if !is_meta {
                reader.skip()?;
                continue;
            }
            for _ in 0..map(reader)? {
                let is_found = self.key(reader)? == b"_dd.p.tid";
                match (is_found, self) {
                    (false, _) => reader.skip()?,
                    (true, Self::Named) => found = high_half(text(reader)?),
                    (true, Self::Placed(texts)) => found = high_half(texts.read(reader)?),
                }
            }
        }
        Ok(found)
    }

    fn key(self, reader: &mut Reader<'a>) -> Result<&'a [u8], Fault> {
        match self {
            Self::Named => Ok(reader.text()?),
            Self::Placed(texts) => texts.read(reader),
        }
    }
}

fn read_named<'a>(reader: &mut Reader<'a>, span: &mut DatadogSpan<'a>) -> Result<(), Fault> {
    for _ in 0..reader.map()? {
        let key = reader.text()?;
        read_field(key, reader, span).map_err(|fault| fault.of_field(key))?;
    }
    Ok(())
}

fn read_field<'a>(
    key: &[u8],
    reader: &mut Reader<'a>,
    span: &mut DatadogSpan<'a>,
) -> Result<(), Fault> {
    match key {
        b"service" => span.service = text(reader)?,
        b"name" => span.name = text(reader)?,
        b"resource" => span.resource = text(reader)?,
        b"type" => span.span_type = text(reader)?,
        b"trace_id" => span.trace_id = id(reader)?,
        b"span_id" => span.span_id = id(reader)?,
        b"parent_id" => span.parent_id = id(reader)?,
        b"start" => span.start = nanos(reader)?,
        b"duration" => span.duration = nanos(reader)?,
        b"error" => span.is_error = integer(reader)? != 0,
        b"meta" => read_meta(reader, span)?,
        b"metrics" => {
            for _ in 0..attributes(reader, span)? {
                let key = reader.text()?;
                if !reader.take_nil() {
                    span.metric(key, reader.float()?);
                }
            }
        }
        b"meta_struct" => {
            for _ in 0..attributes(reader, span)? {
                let key = reader.text()?;
                if !reader.take_nil() {
                    span.draft.attribute(key, structure(reader.text()?));
                }
            }
        }
        b"span_links" => links::read_links(reader, &mut span.draft.links)?,
        b"span_events" => links::read_events(reader, &mut span.draft.events)?,
        _ => reader.skip()?,
    }
    Ok(())
}

/// Tags by name.
pub(super) fn read_meta<'a>(
    reader: &mut Reader<'a>,
    span: &mut DatadogSpan<'a>,
) -> Result<(), Fault> {
    for _ in 0..attributes(reader, span)? {
        let key = reader.text()?;
        if let Some(value) = any_value(reader)? {
            span.meta(key, value);
        }
    }
    Ok(())
}

fn read_placed<'a>(
    reader: &mut Reader<'a>,
    texts: &Texts<'a>,
    span: &mut DatadogSpan<'a>,
) -> Result<(), Fault> {
    let places = reader.array()?;
    if places < PLACES {
        return Err(Fault::Malformed(format!("span has {places} fields, expected {PLACES}")));
    }
    span.service = texts.read(reader)?;
    span.name = texts.read(reader)?;
    span.resource = texts.read(reader)?;
    span.trace_id = id(reader)?;
    span.span_id = id(reader)?;
    span.parent_id = id(reader)?;
    span.start = nanos(reader)?;
    span.duration = nanos(reader)?;
    span.is_error = integer(reader)? != 0;
    for _ in 0..attributes(reader, span)? {
        let (key, value) = (texts.read(reader)?, texts.read(reader)?);
        span.meta(key, DraftValue::Text(value.into()));
    }
    for _ in 0..attributes(reader, span)? {
        let key = texts.read(reader)?;
        span.metric(key, reader.float()?);
    }
    span.span_type = texts.read(reader)?;
    for _ in PLACES..places {
        reader.skip()?;
    }
    Ok(())
}

/// MessagePack inside bytes, as a map; what is none stays bytes.
fn structure(bytes: &[u8]) -> DraftValue<'_> {
    let mut reader = Reader::new(bytes);
    match any_value(&mut reader) {
        Ok(Some(value)) if reader.is_at_end() => value,
        _ => DraftValue::Bytes(bytes.into()),
    }
}

/// Entries of a map of attributes; more than a span may have are refused before they are held.
fn attributes(reader: &mut Reader<'_>, span: &DatadogSpan<'_>) -> Result<usize, Fault> {
    let count = map(reader)?;
    limited(count, span.draft.attributes.len(), ATTRIBUTES_MAX, RejectReason::AttributeCount)
}

/// `count`, unless it would be more than `max` with those that are held.
pub(super) fn limited(
    count: usize,
    held: usize,
    max: usize,
    reason: RejectReason,
) -> Result<usize, Fault> {
    let sum = count.saturating_add(held);
    if sum > max { Err(Refusal::new(reason, sum).into()) } else { Ok(count) }
}

/// Entries of a map, none where it is nil.
pub(super) fn map(reader: &mut Reader<'_>) -> Result<usize, MsgpackError> {
    if reader.take_nil() { Ok(0) } else { reader.map() }
}

/// Values of an array, none where it is nil.
pub(super) fn array(reader: &mut Reader<'_>) -> Result<usize, MsgpackError> {
    if reader.take_nil() { Ok(0) } else { reader.array() }
}

/// A text, empty where it is nil.
pub(super) fn text<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], MsgpackError> {
    if reader.take_nil() { Ok(b"") } else { reader.text() }
}

/// An integer, 0 where it is nil.
pub(super) fn integer(reader: &mut Reader<'_>) -> Result<i128, MsgpackError> {
    if reader.take_nil() { Ok(0) } else { reader.integer() }
}

/// An id. Some tracers have no integers without sign: theirs is the same bits.
pub(super) fn id(reader: &mut Reader<'_>) -> Result<u64, MsgpackError> {
    let number = integer(reader)?;
    // Integers of MessagePack have 64 bits, so that one of the two holds it.
    Ok(match i64::try_from(number) {
        Ok(signed) => signed.cast_unsigned(),
        Err(_) => u64::try_from(number).unwrap_or_default(),
    })
}

/// Nanoseconds. A float is taken too: clocks of some tracers give one.
fn nanos(reader: &mut Reader<'_>) -> Result<i64, Fault> {
    let begin = reader.clone();
    let token = reader.token()?;
    let nanos = match token {
        Token::Nil => Some(0),
        Token::Integer(number) => i64::try_from(number).ok(),
        Token::Float(number) => format!("{number:.0}").parse().ok(),
        _ => {
            let (expected, sent) = ("an integer", token.kind());
            return Err(begin.fail(MsgpackFault::Kind { expected, sent }).into());
        }
    };
    nanos.ok_or_else(|| Fault::Malformed("time is out of range".to_owned()))
}

impl Fault {
    /// Tells the field in which it was found.
    fn of_field(self, key: &[u8]) -> Self {
        match self {
            Self::Refused(refusal) => Self::Refused(refusal),
            fault => {
                let key = String::from_utf8_lossy(key);
                Self::Malformed(format!("field `{key}`: {fault}"))
            }
        }
    }

    /// Reason and words of the refusal.
    pub(super) fn told(&self) -> (RejectReason, String) {
        let reason = match self {
            Self::Refused(refusal) => refusal.reason,
            Self::Msgpack(_) | Self::Malformed(_) => RejectReason::Malformed,
        };
        (reason, self.to_string())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Msgpack(error) => write!(formatter, "{}", error.fault),
            Self::Refused(refusal) => {
                write!(formatter, "{}", refusal.detail(super::request::IN_BYTES))
            }
            Self::Malformed(words) => formatter.write_str(words),
        }
    }
}
