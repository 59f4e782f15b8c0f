//! Walks `jaeger.api_v2`: the batch of a `PostSpansRequest`, or one span alone.
//!
//! Follows <https://github.com/jaegertracing/jaeger-idl/tree/main/proto/api_v2>. A process within a span goes before that
//! of the batch. There is no field for a parent: references say it.

use super::decoder::Walk;
use super::span::{JaegerProcess, JaegerReference, JaegerSpan, JaegerTag, TagKind, clamp_nanos};
use crate::decoded::RejectReason;
use crate::draft::DraftEvent;
use crate::wire::{Reader, WireError};
use fanal_model::{SpanId, TraceId};

const NANOS_OF_SECOND: i128 = 1_000_000_000;

mod request {
    use crate::wire::bytes_tag;
    pub(super) const BATCH: u32 = bytes_tag(1);
}

mod batch {
    use crate::wire::bytes_tag;
    pub(super) const SPANS: u32 = bytes_tag(1);
    pub(super) const PROCESS: u32 = bytes_tag(2);
}

mod process {
    use crate::wire::bytes_tag;
    pub(super) const SERVICE_NAME: u32 = bytes_tag(1);
    pub(super) const TAGS: u32 = bytes_tag(2);
}

mod span {
    use crate::wire::{bytes_tag, varint_tag};
    pub(super) const TRACE_ID: u32 = bytes_tag(1);
    pub(super) const SPAN_ID: u32 = bytes_tag(2);
    pub(super) const OPERATION_NAME: u32 = bytes_tag(3);
    pub(super) const REFERENCES: u32 = bytes_tag(4);
    pub(super) const FLAGS: u32 = varint_tag(5);
    pub(super) const START: u32 = bytes_tag(6);
    pub(super) const DURATION: u32 = bytes_tag(7);
    pub(super) const TAGS: u32 = bytes_tag(8);
    pub(super) const LOGS: u32 = bytes_tag(9);
    pub(super) const PROCESS: u32 = bytes_tag(10);
    pub(super) const WARNINGS: u32 = bytes_tag(12);
}

mod reference {
    use crate::wire::{bytes_tag, varint_tag};
    pub(super) const TRACE_ID: u32 = bytes_tag(1);
    pub(super) const SPAN_ID: u32 = bytes_tag(2);
    pub(super) const KIND: u32 = varint_tag(3);
}

/// A kind of reference, by number and by name; the other one is 0.
pub(super) const FOLLOWS_FROM: (u32, &str) = (1, "FOLLOWS_FROM");

/// Names of the types of tags, in the order of their numbers.
pub(super) const TAG_KINDS: [&str; 5] = ["STRING", "BOOL", "INT64", "FLOAT64", "BINARY"];

mod tag {
    use crate::wire::{bytes_tag, fixed64_tag, varint_tag};
    pub(super) const KEY: u32 = bytes_tag(1);
    pub(super) const KIND: u32 = varint_tag(2);
    pub(super) const TEXT: u32 = bytes_tag(3);
    pub(super) const FLAG: u32 = varint_tag(4);
    pub(super) const INT: u32 = varint_tag(5);
    pub(super) const FLOAT: u32 = fixed64_tag(6);
    pub(super) const BYTES: u32 = bytes_tag(7);
}

mod log {
    use crate::wire::bytes_tag;
    pub(super) const TIME: u32 = bytes_tag(1);
    pub(super) const FIELDS: u32 = bytes_tag(2);
}

/// `Timestamp` and `Duration`.
mod time {
    use crate::wire::varint_tag;
    pub(super) const SECONDS: u32 = varint_tag(1);
    pub(super) const NANOS: u32 = varint_tag(2);
}

/// Walks a `PostSpansRequest`.
pub(super) fn read_post_spans<'a>(
    bytes: &'a [u8],
    walk: &mut Walk<'_, 'a>,
) -> Result<(), WireError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_at_end() {
        match reader.tag()? {
            request::BATCH => walk_batch(reader.message()?, walk)?,
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// Walks a bare `Span` with its process inside.
pub(super) fn read_single<'a>(bytes: &'a [u8], walk: &mut Walk<'_, 'a>) -> Result<(), WireError> {
    let message = Reader::new(bytes);
    begin_process(find_message(message, span::PROCESS)?, walk)?;
    read_span(message, &mut walk.span)?;
    walk.end_span(0);
    Ok(())
}

fn walk_batch<'a>(message: Reader<'a>, walk: &mut Walk<'_, 'a>) -> Result<(), WireError> {
    let shared = find_message(message, batch::PROCESS)?;
    let mut at_hand = begin_process(shared, walk)?;
    let mut reader = message;
    while !reader.is_at_end() {
        match reader.tag()? {
            batch::SPANS => {
                let found = reader.message()?;
                let process = find_message(found, span::PROCESS)?.or(shared);
                if process.map(|process| process.rest()) != at_hand {
                    at_hand = begin_process(process, walk)?;
                }
                read_span(found, &mut walk.span)?;
                walk.end_span(found.offset());
            }
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// The last of the messages of a tag.
fn find_message(mut reader: Reader<'_>, tag: u32) -> Result<Option<Reader<'_>>, WireError> {
    let mut found = None;
    while !reader.is_at_end() {
        let next = reader.tag()?;
        if next == tag {
            found = Some(reader.message()?);
        } else {
            reader.skip(next)?;
        }
    }
    Ok(found)
}

/// Begins a process, or none; gives its bytes.
fn begin_process<'a>(
    message: Option<Reader<'a>>,
    walk: &mut Walk<'_, 'a>,
) -> Result<Option<&'a [u8]>, WireError> {
    let mut read = JaegerProcess::default();
    if let Some(mut reader) = message {
        while !reader.is_at_end() {
            match reader.tag()? {
                process::SERVICE_NAME => read.service_name = reader.bytes()?.into(),
                process::TAGS => read.push_tag(read_tag(reader.message()?)?),
                other => reader.skip(other)?,
            }
        }
    }
    walk.begin_process(&read);
    Ok(message.map(|message| message.rest()))
}

fn read_span<'a>(mut reader: Reader<'a>, into: &mut JaegerSpan<'a>) -> Result<(), WireError> {
    let (mut start, mut duration) = (0, 0);
    let (mut trace, mut own): (&[u8], &[u8]) = (&[], &[]);
    while !reader.is_at_end() {
        match reader.tag()? {
            span::TRACE_ID => trace = reader.bytes()?,
            span::SPAN_ID => own = reader.bytes()?,
            span::OPERATION_NAME => into.draft.name = reader.bytes()?.into(),
            span::REFERENCES => {
                let reference = read_reference(reader.message()?, into)?;
                into.push_reference(reference);
            }
            span::FLAGS => into.flags = reader.varint32()?,
            span::START => start = read_nanos(reader.message()?)?,
            span::DURATION => duration = read_nanos(reader.message()?)?,
            span::TAGS => into.push_tag(read_tag(reader.message()?)?),
            span::LOGS => {
                let log = read_log(reader.message()?, into)?;
                into.push_log(log);
            }
            span::WARNINGS => into.push_warning(reader.bytes()?),
            other => reader.skip(other)?,
        }
    }
    let fields = &mut into.draft.fields;
    match trace_id(trace) {
        Some(id) => fields.trace_id = id,
        None => into.intake.refuse(RejectReason::TraceIdLength, trace.len()),
    }
    match SpanId::from_slice(own) {
        Some(id) => fields.span_id = id,
        None => into.intake.refuse(RejectReason::SpanIdLength, own.len()),
    }
    fields.start_unix_nanos = clamp_nanos(start);
    fields.end_unix_nanos = clamp_nanos(start + duration);
    Ok(())
}

/// Links of invalid contexts are legal: an id that is left out reads as zero.
fn read_reference<'a>(
    mut reader: Reader<'a>,
    owner: &mut JaegerSpan<'a>,
) -> Result<JaegerReference, WireError> {
    let mut read = JaegerReference::default();
    let (mut trace, mut span): (&[u8], &[u8]) = (&[], &[]);
    while !reader.is_at_end() {
        match reader.tag()? {
            reference::TRACE_ID => trace = reader.bytes()?,
            reference::SPAN_ID => span = reader.bytes()?,
            reference::KIND => {
                read.is_follows_from = reader.varint32()? == FOLLOWS_FROM.0;
            }
            other => reader.skip(other)?,
        }
    }
    if !trace.is_empty() {
        match trace_id(trace) {
            Some(id) => read.trace_id = id,
            None => owner.intake.refuse(RejectReason::LinkIdLength, trace.len()),
        }
    }
    if !span.is_empty() {
        match SpanId::from_slice(span) {
            Some(id) => read.span_id = id,
            None => owner.intake.refuse(RejectReason::LinkIdLength, span.len()),
        }
    }
    Ok(read)
}

/// Jaeger takes 16 bytes, or the 8 of a short id.
pub(super) fn trace_id(bytes: &[u8]) -> Option<TraceId> {
    TraceId::from_slice(bytes).or_else(|| {
        let low = u64::from_be_bytes(bytes.try_into().ok()?);
        Some(TraceId(u128::from(low).to_be_bytes()))
    })
}

fn read_nanos(mut reader: Reader<'_>) -> Result<i128, WireError> {
    let (mut seconds, mut nanos) = (0, 0);
    while !reader.is_at_end() {
        match reader.tag()? {
            time::SECONDS => seconds = reader.varint()?.cast_signed(),
            time::NANOS => nanos = reader.varint32()?.cast_signed(),
            other => reader.skip(other)?,
        }
    }
    Ok(i128::from(seconds) * NANOS_OF_SECOND + i128::from(nanos))
}

fn read_tag(mut reader: Reader<'_>) -> Result<JaegerTag<'_>, WireError> {
    let mut read = JaegerTag::default();
    while !reader.is_at_end() {
        match reader.tag()? {
            tag::KEY => read.key = reader.bytes()?,
            tag::KIND => read.kind = tag_kind(reader.varint()?.cast_signed()),
            tag::TEXT => read.text = reader.bytes()?,
            tag::FLAG => read.flag = reader.varint()? != 0,
            tag::INT => read.int = reader.varint()?.cast_signed(),
            tag::FLOAT => read.float = f64::from_bits(reader.fixed64()?),
            tag::BYTES => read.bytes = reader.bytes()?,
            other => reader.skip(other)?,
        }
    }
    Ok(read)
}

pub(super) fn tag_kind(number: i64) -> TagKind {
    match number {
        0 => TagKind::Text,
        1 => TagKind::Bool,
        2 => TagKind::Int,
        3 => TagKind::Float,
        4 => TagKind::Bytes,
        other => TagKind::Unknown(other),
    }
}

fn read_log<'a>(
    mut reader: Reader<'a>,
    owner: &mut JaegerSpan<'a>,
) -> Result<DraftEvent<'a>, WireError> {
    let mut read = DraftEvent::default();
    while !reader.is_at_end() {
        match reader.tag()? {
            log::TIME => read.time_unix_nanos = clamp_nanos(read_nanos(reader.message()?)?),
            log::FIELDS => {
                let tag = read_tag(reader.message()?)?;
                owner.intake.push_tag(&mut read.attributes, tag);
            }
            other => reader.skip(other)?,
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jaeger::decoder::{Decoder, decode_post_spans};
    use crate::jaeger::testing::shown;
    use crate::wire::Writer;

    const TRACE: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2];
    const SPAN: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 3];

    fn text_tag(owner: &mut Writer, field: u32, key: &str, text: &str) {
        owner.message(field, |writer| {
            writer.bytes(tag::KEY, key.as_bytes());
            writer.bytes(tag::TEXT, text.as_bytes());
        });
    }

    /// A tag with a value of every type.
    fn full_tag(owner: &mut Writer, key: &str, kind: u64) {
        owner.message(span::TAGS, |writer| {
            writer.bytes(tag::KEY, key.as_bytes());
            writer.varint_unless_zero(tag::KIND, kind);
            writer.bytes(tag::TEXT, b"text");
            writer.varint(tag::FLAG, 1);
            writer.varint(tag::INT, (-7_i64).cast_unsigned());
            writer.fixed64(tag::FLOAT, 1.5_f64.to_bits());
            writer.bytes(tag::BYTES, &[1, 255]);
        });
    }

    fn time(owner: &mut Writer, field: u32, seconds: i64, nanos: i32) {
        owner.message(field, |writer| {
            writer.varint_unless_zero(time::SECONDS, seconds.cast_unsigned());
            writer.varint_unless_zero(time::NANOS, i64::from(nanos).cast_unsigned());
        });
    }

    fn reference(owner: &mut Writer, trace: &[u8], own: &[u8], kind: u64) {
        owner.message(span::REFERENCES, |writer| {
            writer.bytes_unless_empty(reference::TRACE_ID, trace);
            writer.bytes_unless_empty(reference::SPAN_ID, own);
            writer.varint_unless_zero(reference::KIND, kind);
        });
    }

    fn process(owner: &mut Writer, field: u32, service: &str) {
        owner.message(field, |writer| {
            writer.bytes(process::SERVICE_NAME, service.as_bytes());
            text_tag(writer, process::TAGS, "hostname", "h1");
        });
    }

    fn request(fill: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.message(request::BATCH, fill);
        writer.finish()
    }

    fn small_span(owner: &mut Writer, name: &str, fill: impl FnOnce(&mut Writer)) {
        owner.message(batch::SPANS, |writer| {
            writer.bytes(span::TRACE_ID, &TRACE);
            writer.bytes(span::SPAN_ID, &SPAN);
            writer.bytes(span::OPERATION_NAME, name.as_bytes());
            fill(writer);
        });
    }

    fn full_span(owner: &mut Writer) {
        small_span(owner, "GET /cart", |writer| {
            reference(writer, &TRACE, &[7; 8], 0);
            reference(writer, &TRACE[8..], &[8; 8], 1);
            writer.varint(span::FLAGS, 3);
            time(writer, span::START, 1_600_000_000, 1);
            time(writer, span::DURATION, 1, 500_000_000);
            let keys = ["text", "flag", "int", "float", "bytes", "odd"];
            keys.iter().zip(0..).for_each(|(key, kind)| full_tag(writer, key, kind));
            writer.message(span::LOGS, |writer| {
                time(writer, log::TIME, 1_600_000_000, 2);
                text_tag(writer, log::FIELDS, "event", "retry");
                text_tag(writer, log::FIELDS, "a", "b");
            });
            writer.bytes(11 << 3 | 2, b"p1");
            writer.bytes(span::WARNINGS, b"skew");
        });
    }

    #[test]
    fn a_span_with_everything() {
        // The process of a batch is behind its spans, as generated code writes it.
        let bytes = request(|writer| {
            full_span(writer);
            process(writer, batch::PROCESS, "shop");
        });
        let expect = [
            "00000000000000010000000000000002/0000000000000003 parent 0707070707070707 `GET /cart` \
             1600000000000000001..1600000001500000001 Unspecified Unset `` flags 1 state `` scope ` ` \
             text=text flag=true int=-7 float=1.5 bytes=01ff odd=<unknown Jaeger tag type 5> \
             jaeger.debug=true @jaeger@warnings=[\"skew\"]",
            "  process service.name=shop host.name=h1",
            "  event 1600000000000000002 `retry` a=b",
            "  link 00000000000000000000000000000002/0808080808080808 opentracing.ref_type=follows_from",
        ];
        assert_eq!(shown(decode_post_spans(&bytes).expect("reads")), expect);
    }

    #[test]
    fn a_process_of_a_span_goes_before_that_of_the_batch() {
        let bytes = request(|writer| {
            small_span(writer, "a", |_| {});
            small_span(writer, "b", |writer| process(writer, span::PROCESS, "own"));
            small_span(writer, "c", |writer| process(writer, span::PROCESS, "own"));
            small_span(writer, "d", |_| {});
            process(writer, batch::PROCESS, "shop");
        });
        let decoded = decode_post_spans(&bytes).expect("reads");
        assert_eq!(decoded.batch.resources.table.len(), 2);
        let lines = shown(decoded);
        let services: Vec<&str> = lines.iter().skip(1).step_by(2).map(String::as_str).collect();
        let of = |service| format!("  process service.name={service} host.name=h1");
        assert_eq!(services, [of("shop"), of("own"), of("own"), of("shop")]);
        let bytes = request(|writer| small_span(writer, "a", |_| {}));
        assert_eq!(shown(decode_post_spans(&bytes).expect("reads"))[1], "  process ");
    }

    #[test]
    fn a_span_alone_brings_its_process() {
        let mut decoder = Decoder::default();
        for service in ["shop", "cart"] {
            let mut writer = Writer::default();
            writer.bytes(span::TRACE_ID, &TRACE);
            writer.bytes(span::SPAN_ID, &SPAN);
            process(&mut writer, span::PROCESS, service);
            let bytes = writer.finish();
            decoder.read_span(&bytes).expect("reads");
            assert!(decoder.read_span(&bytes[..bytes.len() - 1]).is_err());
        }
        decoder.read_span(b"").expect("is protobuf");
        let decoded = decoder.take();
        assert_eq!((decoded.batch.len(), decoded.rejected_spans), (2, 1));
        let lines = shown(decoded);
        let of = |service| format!("  process service.name={service} host.name=h1");
        assert_eq!((&lines[1], &lines[3]), (&of("shop"), &of("cart")));
    }

    #[test]
    fn bad_spans_are_refused_alone() {
        let check = |trace: &[u8], own: &[u8], fill: &dyn Fn(&mut Writer), expect: &str| {
            let bytes = request(|writer| {
                small_span(writer, "a", |_| {});
                writer.message(batch::SPANS, |writer| {
                    writer.bytes_unless_empty(span::TRACE_ID, trace);
                    writer.bytes_unless_empty(span::SPAN_ID, own);
                    fill(writer);
                });
                small_span(writer, "b", |_| {});
            });
            let decoded = decode_post_spans(&bytes).expect("reads");
            let message = decoded.message().unwrap_or_default();
            assert!(message.contains(expect), "{message}");
            assert_eq!(decoded.batch.len(), if expect.is_empty() { 3 } else { 2 });
        };
        check(&TRACE, &SPAN, &|_| {}, "");
        check(&[1; 8], &SPAN, &|_| {}, "");
        check(
            &[],
            &SPAN,
            &|_| {},
            "trace_id_length (trace id has 0 bytes, expected 16, in the span at byte ",
        );
        check(&[1; 9], &SPAN, &|_| {}, "trace_id_length (trace id has 9 bytes");
        check(&[0; 16], &SPAN, &|_| {}, "zero_trace_id");
        check(&TRACE, &[1; 7], &|_| {}, "span_id_length (span id has 7 bytes");
        check(&TRACE, &[0; 8], &|_| {}, "zero_span_id");
        check(&TRACE, &SPAN, &|writer| reference(writer, &[1; 3], &SPAN, 0), "link_id_length");
        check(&TRACE, &SPAN, &|writer| reference(writer, &TRACE, &[1; 3], 0), "link_id_length");
        check(&TRACE, &SPAN, &|writer| reference(writer, &[], &[], 0), "");
        check(&TRACE, &SPAN, &|writer| writer.bytes(span::WARNINGS, b"\xff"), "utf8");
        check(&TRACE, &SPAN, &|writer| writer.bytes(span::OPERATION_NAME, b"\xff"), "utf8");
        check(&TRACE, &SPAN, &|writer| process(writer, span::PROCESS, "ok"), "");
    }

    #[test]
    fn requests_without_spans_are_empty() {
        for bytes in
            [Vec::new(), request(|_| {}), request(|writer| process(writer, batch::PROCESS, "shop"))]
        {
            let decoded = decode_post_spans(&bytes).expect("reads");
            assert_eq!((decoded.batch.len(), decoded.message()), (0, None));
        }
    }

    #[test]
    fn times_stay_in_their_range() {
        let check = |start: (i64, i32), duration: (i64, i32), expect: (u64, u64)| {
            let bytes = request(|writer| {
                small_span(writer, "a", |writer| {
                    time(writer, span::START, start.0, start.1);
                    time(writer, span::DURATION, duration.0, duration.1);
                });
            });
            let batch = decode_post_spans(&bytes).expect("reads").batch;
            assert_eq!((batch.start_unix_nanos[0], batch.end_unix_nanos[0]), expect);
        };
        check((0, 5), (0, 2), (5, 7));
        check((0, 5), (0, -2), (5, 3));
        check((-1, 0), (2, 0), (0, 1_000_000_000));
        check((i64::MAX, 0), (i64::MAX, 0), (u64::MAX, u64::MAX));
    }

    #[test]
    fn every_cut_is_an_error_or_valid_and_no_byte_panics() {
        let bytes = request(|writer| {
            full_span(writer);
            small_span(writer, "b", |writer| process(writer, span::PROCESS, "own"));
            process(writer, batch::PROCESS, "shop");
        });
        for end in 1..bytes.len() {
            assert!(decode_post_spans(&bytes[..end]).is_err(), "{end}");
        }
        for place in 0..bytes.len() {
            for value in [0, 1, 0x0c, 0x7f, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[place] = value;
                let mut decoder = Decoder::default();
                // Whatever comes of it must be consistent.
                let _ = decoder.read_post_spans(&broken);
                assert_eq!(decoder.take().batch.validate(), Ok(()), "{place}");
            }
        }
    }
}
