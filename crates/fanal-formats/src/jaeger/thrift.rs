//! Walks `jaeger.thrift` and the call of the agent that carries it, in either of thrift's protocols.
//!
//! Follows <https://github.com/jaegertracing/jaeger-idl/tree/main/thrift>. As generated code does, a field of another
//! type than its own is stepped over. Numbers of tag types differ from those in protobuf.

use super::decoder::{ClientReport, EMIT_BATCH, Walk};
use super::span::{JaegerProcess, JaegerReference, JaegerSpan, JaegerTag, TagKind, clamp_nanos};
use crate::decoded::DecodeError;
use crate::draft::DraftEvent;
use crate::thrift::{Kind, Protocol, Reader, ThriftError};
use fanal_model::{SpanId, TraceId};

const NANOS_OF_MICRO: i128 = 1_000;

/// First byte of a message in the compact protocol; none in the binary protocol begins with it.
const COMPACT_MESSAGE: u8 = 0x82;

/// Tag in whose value a client names itself.
const CLIENT_UUID: &[u8] = b"client-uuid";

/// Longest name of a method that an error repeats, in bytes.
const METHOD_BYTES_MAX: usize = 64;

/// Arguments of the call.
mod arguments {
    pub(super) const BATCH: i16 = 1;
}

mod batch {
    pub(super) const PROCESS: i16 = 1;
    pub(super) const SPANS: i16 = 2;
    pub(super) const SEQUENCE_NUMBER: i16 = 3;
    pub(super) const STATS: i16 = 4;
}

mod stats {
    pub(super) const FULL_QUEUE_DROPPED_SPANS: i16 = 1;
    pub(super) const TOO_LARGE_DROPPED_SPANS: i16 = 2;
    pub(super) const FAILED_TO_EMIT_SPANS: i16 = 3;
}

mod process {
    pub(super) const SERVICE_NAME: i16 = 1;
    pub(super) const TAGS: i16 = 2;
}

mod span {
    pub(super) const TRACE_ID_LOW: i16 = 1;
    pub(super) const TRACE_ID_HIGH: i16 = 2;
    pub(super) const SPAN_ID: i16 = 3;
    pub(super) const PARENT_SPAN_ID: i16 = 4;
    pub(super) const OPERATION_NAME: i16 = 5;
    pub(super) const REFERENCES: i16 = 6;
    pub(super) const FLAGS: i16 = 7;
    pub(super) const START_MICROS: i16 = 8;
    pub(super) const DURATION_MICROS: i16 = 9;
    pub(super) const TAGS: i16 = 10;
    pub(super) const LOGS: i16 = 11;
}

mod reference {
    pub(super) const KIND: i16 = 1;
    pub(super) const TRACE_ID_LOW: i16 = 2;
    pub(super) const TRACE_ID_HIGH: i16 = 3;
    pub(super) const SPAN_ID: i16 = 4;
    /// A kind; the other one is 0.
    pub(super) const FOLLOWS_FROM: i64 = 1;
}

mod tag {
    pub(super) const KEY: i16 = 1;
    pub(super) const KIND: i16 = 2;
    pub(super) const TEXT: i16 = 3;
    pub(super) const FLOAT: i16 = 4;
    pub(super) const FLAG: i16 = 5;
    pub(super) const INT: i16 = 6;
    pub(super) const BYTES: i16 = 7;
}

mod log {
    pub(super) const TIME_MICROS: i16 = 1;
    pub(super) const FIELDS: i16 = 2;
}

/// Walks a message of either protocol, which must be a call of [`EMIT_BATCH`].
pub(super) fn read_message<'a>(
    bytes: &'a [u8],
    walk: &mut Walk<'_, 'a>,
) -> Result<ClientReport<'a>, DecodeError> {
    let is_compact = bytes.first() == Some(&COMPACT_MESSAGE);
    let protocol = if is_compact { Protocol::Compact } else { Protocol::Binary };
    let mut reader = Reader::new(bytes, protocol);
    let call = reader.call()?;
    if call.method != EMIT_BATCH.as_bytes() {
        let method = &call.method[..call.method.len().min(METHOD_BYTES_MAX)];
        let method = String::from_utf8_lossy(method).into_owned();
        return Err(DecodeError::Method { method, expected: EMIT_BATCH });
    }
    let mut report = ClientReport::default();
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (arguments::BATCH, Kind::Struct) => report = walk_batch(reader, walk)?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    Ok(report)
}

/// Walks a bare `Batch`.
pub(super) fn read_batch<'a>(
    bytes: &'a [u8],
    protocol: Protocol,
    walk: &mut Walk<'_, 'a>,
) -> Result<ClientReport<'a>, ThriftError> {
    walk_batch(&mut Reader::new(bytes, protocol), walk)
}

fn walk_batch<'a>(
    reader: &mut Reader<'a>,
    walk: &mut Walk<'_, 'a>,
) -> Result<ClientReport<'a>, ThriftError> {
    let mut report = ClientReport::default();
    let mut has_process = false;
    // Spans that came before their process, which fields in any order may do.
    let mut early_spans = None;
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (batch::PROCESS, Kind::Struct) => {
                let (process, client) = read_process(reader)?;
                walk.begin_process(&process);
                report.client = client;
                has_process = true;
            }
            (batch::SPANS, Kind::List) if has_process => read_spans(reader, walk)?,
            (batch::SPANS, Kind::List) => {
                early_spans = Some(reader.clone());
                reader.skip(field)?;
            }
            (batch::SEQUENCE_NUMBER, Kind::I64) => {
                report.sequence_number = Some(reader.integer_field(field)?);
            }
            (batch::STATS, Kind::Struct) => read_stats(reader, &mut report)?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    if let Some(mut spans) = early_spans {
        read_spans(&mut spans, walk)?;
    }
    Ok(report)
}

fn read_stats(reader: &mut Reader<'_>, report: &mut ClientReport<'_>) -> Result<(), ThriftError> {
    reader.fields(|reader, field| {
        let count = match (field.id, field.kind) {
            (stats::FULL_QUEUE_DROPPED_SPANS, Kind::I64) => &mut report.full_queue_dropped_spans,
            (stats::TOO_LARGE_DROPPED_SPANS, Kind::I64) => &mut report.too_large_dropped_spans,
            (stats::FAILED_TO_EMIT_SPANS, Kind::I64) => &mut report.failed_to_emit_spans,
            _ => return reader.skip(field),
        };
        *count = reader.integer_field(field)?;
        Ok(())
    })
}

/// A process, and what its client calls itself.
fn read_process<'a>(
    reader: &mut Reader<'a>,
) -> Result<(JaegerProcess<'a>, Option<&'a [u8]>), ThriftError> {
    let mut read = JaegerProcess::default();
    let mut client = None;
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (process::SERVICE_NAME, Kind::Bytes) => {
                read.service_name = reader.bytes_field(field)?.into();
            }
            (process::TAGS, Kind::List) => reader.list(Kind::Struct, |reader| {
                let tag = read_tag(reader)?;
                if tag.key == CLIENT_UUID && tag.kind == TagKind::Text {
                    client = Some(tag.text);
                }
                read.push_tag(tag);
                Ok::<_, ThriftError>(())
            })?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    Ok((read, client))
}

fn read_spans<'a>(reader: &mut Reader<'a>, walk: &mut Walk<'_, 'a>) -> Result<(), ThriftError> {
    reader.list(Kind::Struct, |reader| {
        let offset = reader.offset();
        read_span(reader, &mut walk.span)?;
        walk.end_span(offset);
        Ok(())
    })
}

fn read_span<'a>(reader: &mut Reader<'a>, into: &mut JaegerSpan<'a>) -> Result<(), ThriftError> {
    let (mut trace_id_low, mut trace_id_high) = (0, 0);
    let (mut start_micros, mut duration_micros) = (0, 0);
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (span::TRACE_ID_LOW, Kind::I64) => trace_id_low = reader.integer_field(field)?,
            (span::TRACE_ID_HIGH, Kind::I64) => trace_id_high = reader.integer_field(field)?,
            (span::SPAN_ID, Kind::I64) => {
                into.draft.fields.span_id = span_id(reader.integer_field(field)?);
            }
            (span::PARENT_SPAN_ID, Kind::I64) => {
                into.draft.fields.parent_span_id = span_id(reader.integer_field(field)?);
            }
            (span::OPERATION_NAME, Kind::Bytes) => {
                into.draft.name = reader.bytes_field(field)?.into();
            }
            (span::REFERENCES, Kind::List) => reader.list(Kind::Struct, |reader| {
                let reference = read_reference(reader)?;
                into.push_reference(reference);
                Ok::<_, ThriftError>(())
            })?,
            (span::FLAGS, Kind::I32) => {
                let [a, b, c, d, ..] = reader.integer_field(field)?.to_le_bytes();
                into.flags = u32::from_le_bytes([a, b, c, d]);
            }
            (span::START_MICROS, Kind::I64) => start_micros = reader.integer_field(field)?,
            (span::DURATION_MICROS, Kind::I64) => duration_micros = reader.integer_field(field)?,
            (span::TAGS, Kind::List) => reader.list(Kind::Struct, |reader| {
                let tag = read_tag(reader)?;
                into.push_tag(tag);
                Ok::<_, ThriftError>(())
            })?,
            (span::LOGS, Kind::List) => reader.list(Kind::Struct, |reader| {
                let log = read_log(reader, into)?;
                into.push_log(log);
                Ok::<_, ThriftError>(())
            })?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    let fields = &mut into.draft.fields;
    fields.trace_id = trace_id(trace_id_high, trace_id_low);
    let start = i128::from(start_micros) * NANOS_OF_MICRO;
    fields.start_unix_nanos = clamp_nanos(start);
    fields.end_unix_nanos = clamp_nanos(start + i128::from(duration_micros) * NANOS_OF_MICRO);
    Ok(())
}

fn read_reference(reader: &mut Reader<'_>) -> Result<JaegerReference, ThriftError> {
    let mut read = JaegerReference::default();
    let (mut trace_id_low, mut trace_id_high) = (0, 0);
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (reference::KIND, Kind::I32) => {
                read.is_follows_from = reader.integer_field(field)? == reference::FOLLOWS_FROM;
            }
            (reference::TRACE_ID_LOW, Kind::I64) => trace_id_low = reader.integer_field(field)?,
            (reference::TRACE_ID_HIGH, Kind::I64) => trace_id_high = reader.integer_field(field)?,
            (reference::SPAN_ID, Kind::I64) => {
                read.span_id = span_id(reader.integer_field(field)?);
            }
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    read.trace_id = trace_id(trace_id_high, trace_id_low);
    Ok(read)
}

fn read_tag<'a>(reader: &mut Reader<'a>) -> Result<JaegerTag<'a>, ThriftError> {
    let mut read = JaegerTag::default();
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (tag::KEY, Kind::Bytes) => read.key = reader.bytes_field(field)?,
            (tag::KIND, Kind::I32) => read.kind = tag_kind(reader.integer_field(field)?),
            (tag::TEXT, Kind::Bytes) => read.text = reader.bytes_field(field)?,
            (tag::FLOAT, Kind::Double) => read.float = reader.double_field(field)?,
            (tag::FLAG, Kind::Bool) => read.flag = reader.bool_field(field)?,
            (tag::INT, Kind::I64) => read.int = reader.integer_field(field)?,
            (tag::BYTES, Kind::Bytes) => read.bytes = reader.bytes_field(field)?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    Ok(read)
}

fn tag_kind(number: i64) -> TagKind {
    match number {
        0 => TagKind::Text,
        1 => TagKind::Float,
        2 => TagKind::Bool,
        3 => TagKind::Int,
        4 => TagKind::Bytes,
        other => TagKind::Unknown(other),
    }
}

fn read_log<'a>(
    reader: &mut Reader<'a>,
    owner: &mut JaegerSpan<'a>,
) -> Result<DraftEvent<'a>, ThriftError> {
    let mut read = DraftEvent::default();
    reader.fields(|reader, field| -> Result<(), ThriftError> {
        match (field.id, field.kind) {
            (log::TIME_MICROS, Kind::I64) => {
                let micros = i128::from(reader.integer_field(field)?);
                read.time_unix_nanos = clamp_nanos(micros * NANOS_OF_MICRO);
            }
            (log::FIELDS, Kind::List) => reader.list(Kind::Struct, |reader| {
                let tag = read_tag(reader)?;
                owner.intake.push_tag(&mut read.attributes, tag);
                Ok::<_, ThriftError>(())
            })?,
            _ => reader.skip(field)?,
        }
        Ok(())
    })?;
    Ok(read)
}

/// Ids are signed on the wire, but their bits are what counts.
fn trace_id(high: i64, low: i64) -> TraceId {
    let id = u128::from(high.cast_unsigned()) << 64 | u128::from(low.cast_unsigned());
    TraceId(id.to_be_bytes())
}

fn span_id(id: i64) -> SpanId {
    SpanId(id.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jaeger::decoder::{Decoder, decode_batch};
    use crate::jaeger::testing::Thrift::{self, *};
    use crate::jaeger::testing::shown;

    const PROTOCOLS: [Protocol; 2] = [Protocol::Binary, Protocol::Compact];

    fn tag(key: &'static str, kind: i32, value: (i16, Thrift)) -> Thrift {
        Struct(vec![(1, Text(key)), (2, I32(kind)), value])
    }

    /// As the client for Node writes it: a value of every type.
    fn full_tag(key: &'static str, kind: i32) -> Thrift {
        Struct(vec![
            (1, Text(key)),
            (2, I32(kind)),
            (3, Text("text")),
            (4, Double(1.5)),
            (5, Bool(true)),
            (6, I64(-7)),
            (7, Bytes(&[1, 255])),
        ])
    }

    fn process() -> Thrift {
        let tags =
            vec![tag("hostname", 0, (3, Text("h1"))), tag("client-uuid", 0, (3, Text("c0ffee")))];
        Struct(vec![(1, Text("shop")), (2, List(tags))])
    }

    fn full_span() -> Thrift {
        let reference = |kind, high, span| {
            Struct(vec![(1, I32(kind)), (2, I64(2)), (3, I64(high)), (4, I64(span))])
        };
        let fields = vec![tag("event", 0, (3, Text("retry"))), tag("attempt", 3, (6, I64(2)))];
        let tags = (0..6).map(|kind| {
            full_tag(
                ["text", "float", "flag", "int", "bytes", "odd"][kind],
                i32::try_from(kind).expect("small"),
            )
        });
        Struct(vec![
            (1, I64(2)),
            (2, I64(-1)),
            (3, I64(-2)),
            (4, I64(5)),
            (5, Text("GET /cart")),
            (6, List(vec![reference(0, -1, 5), reference(1, 0, 6)])),
            (7, I32(3)),
            (8, I64(1_600_000_000_000_001)),
            (9, I64(250)),
            (10, List(tags.collect())),
            (11, List(vec![Struct(vec![(1, I64(1_600_000_000_000_002)), (2, List(fields))])])),
        ])
    }

    const FULL_SPAN: &[&str] = &[
        "ffffffffffffffff0000000000000002/fffffffffffffffe parent 0000000000000005 `GET /cart` \
         1600000000000001000..1600000000000251000 Unspecified Unset `` flags 1 state `` scope ` ` \
         text=text float=1.5 flag=true int=-7 bytes=01ff odd=<unknown Jaeger tag type 5> jaeger.debug=true",
        "  process service.name=shop host.name=h1 client-uuid=c0ffee",
        "  event 1600000000000002000 `retry` attempt=2",
        "  link 00000000000000000000000000000002/0000000000000006 opentracing.ref_type=follows_from",
    ];

    fn small_span(id: i64) -> Thrift {
        Struct(vec![(1, I64(1)), (2, I64(0)), (3, I64(id)), (5, Text("small"))])
    }

    /// A batch in either protocol, bare and as a message: its spans, and the message about the others.
    fn check(batch: &Thrift, expect: &[&str], expect_message: Option<&str>) {
        for protocol in PROTOCOLS {
            let (bare, message) = (batch.encode(protocol), batch.message("emitBatch", protocol));
            let mut decoder = Decoder::default();
            decoder.read_batch(&bare, protocol).expect("reads");
            let decoded = decoder.take();
            assert_eq!(decoded.message().is_some(), expect_message.is_some(), "{protocol:?}");
            if let (Some(message), Some(expect)) = (decoded.message(), expect_message) {
                assert!(message.contains(expect), "{protocol:?} {message}");
            }
            assert_eq!(shown(decoded), expect, "{protocol:?}");
            decoder.read_message(&message).expect("reads");
            assert_eq!(shown(decoder.take()), expect, "{protocol:?} message");
        }
    }

    #[test]
    fn a_span_with_everything() {
        check(&Struct(vec![(1, process()), (2, List(vec![full_span()]))]), FULL_SPAN, None);
    }

    #[test]
    fn fields_come_in_any_order_and_others_are_stepped_over() {
        let other = || (99, Struct(vec![(1, Bool(true)), (2, List(vec![process()]))]));
        let early = vec![other(), (2, List(vec![full_span()])), (1, process())];
        check(&Struct(early), FULL_SPAN, None);
        let Struct(mut fields) = full_span() else { panic!("a struct") };
        fields.reverse();
        fields.push(other());
        // A field of another type than its own.
        fields.push((3, Text("id")));
        check(&Struct(vec![(1, process()), (2, List(vec![Struct(fields)]))]), FULL_SPAN, None);
    }

    #[test]
    fn a_batch_may_lack_everything() {
        check(&Struct(vec![]), &[], None);
        check(&Struct(vec![(1, process()), (2, List(vec![]))]), &[], None);
        let expect = &[
            "00000000000000000000000000000001/0000000000000001 parent 0000000000000000 `small` 0..0 \
             Unspecified Unset `` flags 0 state `` scope ` ` ",
            "  process ",
        ];
        check(&Struct(vec![(2, List(vec![small_span(1)]))]), expect, None);
    }

    #[test]
    fn bad_spans_are_refused_alone() {
        let spans = |bad: Thrift| Struct(vec![(2, List(vec![small_span(1), bad, small_span(2)]))]);
        let check = |bad: Vec<(i16, Thrift)>, expect: &str| {
            for protocol in PROTOCOLS {
                let mut decoder = Decoder::default();
                let bytes = spans(Struct(bad.clone())).encode(protocol);
                decoder.read_batch(&bytes, protocol).expect("reads");
                let decoded = decoder.take();
                assert_eq!(decoded.batch.len(), 2);
                let message = decoded.message().expect("one");
                assert!(message.contains(expect), "{message}");
            }
        };
        check(vec![], "1 zero_trace_id (trace id is all zeros, in the span at byte ");
        check(vec![(1, I64(1))], "1 zero_span_id");
        check(vec![(1, I64(1)), (3, I64(1)), (5, Bytes(b"\xff"))], "1 utf8 (text breaks UTF-8");
        let tag = Struct(vec![(1, Bytes(b"k\xff"))]);
        check(vec![(1, I64(1)), (3, I64(1)), (10, List(vec![tag]))], "1 utf8");
    }

    #[test]
    fn a_bad_process_refuses_its_spans() {
        let process = Struct(vec![(1, Bytes(b"\xff"))]);
        let batch = Struct(vec![(1, process), (2, List(vec![small_span(1), small_span(2)]))]);
        check(
            &batch,
            &[],
            Some(
                "2 spans rejected: 2 utf8 (text breaks UTF-8 after 0 bytes, in the process of the span",
            ),
        );
    }

    /// Start and duration in microseconds, and what they come to.
    #[test]
    fn times_stay_in_their_range() {
        let check = |start: i64, duration: i64, expect: (u64, u64)| {
            let span = vec![(1, I64(1)), (3, I64(1)), (8, I64(start)), (9, I64(duration))];
            let batch = Struct(vec![(2, List(vec![Struct(span)]))]).encode(Protocol::Binary);
            let batch = decode_batch(&batch).expect("reads").batch;
            assert_eq!((batch.start_unix_nanos[0], batch.end_unix_nanos[0]), expect);
        };
        check(5, 2, (5_000, 7_000));
        // Kept as sent: who reads it is told.
        check(5, -2, (5_000, 3_000));
        check(5, -9, (5_000, 0));
        check(-5, 6, (0, 1_000));
        check(i64::MAX, i64::MAX, (u64::MAX, u64::MAX));
        check(i64::MIN, 0, (0, 0));
    }

    #[test]
    fn clients_tell_their_losses() {
        let stats = Struct(vec![(1, I64(3)), (2, I64(4)), (3, I64(5)), (4, I64(6))]);
        let batch = Struct(vec![(1, process()), (2, List(vec![])), (3, I64(7)), (4, stats)]);
        let expect = ClientReport {
            client: Some(b"c0ffee"),
            sequence_number: Some(7),
            full_queue_dropped_spans: 3,
            too_large_dropped_spans: 4,
            failed_to_emit_spans: 5,
        };
        for protocol in PROTOCOLS {
            let message = batch.message("emitBatch", protocol);
            assert_eq!(Decoder::default().read_message(&message), Ok(expect));
            let silent = Struct(vec![]).message("emitBatch", protocol);
            let report = Decoder::default().read_message(&silent);
            assert_eq!(report, Ok(ClientReport::default()));
        }
    }

    #[test]
    fn other_methods_are_named() {
        for protocol in PROTOCOLS {
            let message = Struct(vec![]).message("emitZipkinBatch", protocol);
            let error = Decoder::default().read_message(&message).expect_err("refused");
            let expect = "method `emitZipkinBatch` is not served here; call `emitBatch`";
            assert_eq!(error.to_string(), expect);
            let long = Struct(vec![]).message(&"x".repeat(100), protocol);
            let error = Decoder::default().read_message(&long).expect_err("refused");
            assert!(error.to_string().len() < 130, "{error}");
        }
    }

    #[test]
    fn several_messages_make_one_batch() {
        let mut decoder = Decoder::default();
        for id in 1..=3 {
            let batch = Struct(vec![(1, process()), (2, List(vec![small_span(id)]))]);
            let message = batch.message("emitBatch", Protocol::Compact);
            decoder.read_message(&message).expect("reads");
            assert!(decoder.read_message(&message[..message.len() - 1]).is_err());
        }
        let decoded = decoder.take();
        // The second of each breaks behind its span.
        assert_eq!((decoded.batch.len(), decoded.batch.resources.table.len()), (6, 1));
        assert_eq!(decoded.batch.validate(), Ok(()));
        assert_eq!(decoder.take().batch.len(), 0);
    }

    #[test]
    fn every_cut_is_an_error_and_no_byte_panics() {
        let batch = Struct(vec![(1, process()), (2, List(vec![full_span(), small_span(1)]))]);
        for protocol in PROTOCOLS {
            let message = batch.message("emitBatch", protocol);
            for end in 0..message.len() {
                let outcome = Decoder::default().read_message(&message[..end]);
                assert!(outcome.is_err(), "{protocol:?} {end}");
            }
            for place in 0..message.len() {
                for value in [0, 1, 0x0c, 0x7f, 0x80, 0xff] {
                    let mut broken = message.clone();
                    broken[place] = value;
                    let mut decoder = Decoder::default();
                    // Whatever comes of it must be consistent.
                    let _ = decoder.read_message(&broken);
                    assert_eq!(decoder.take().batch.validate(), Ok(()), "{protocol:?} {place}");
                }
            }
        }
    }
}
