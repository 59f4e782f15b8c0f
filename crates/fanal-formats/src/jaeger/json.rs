//! Reads one span of `jaeger.api_v2` in the JSON form of protobuf, as exporters write it to queues.
//!
//! Follows <https://protobuf.dev/programming-guides/json/>: fields by either of their names, ids and bytes in base64, times
//! in RFC 3339, durations as `1.5s`, enumerations by name or number. Invariant: a field of a wrong type refuses the span;
//! only what is no JSON object fails. Lists are kept as raw text and read item by item, which bounds memory by the bytes.

use super::decoder::Walk;
use super::protobuf::{self, FOLLOWS_FROM, TAG_KINDS};
use super::span::{
    Intake, JaegerProcess, JaegerReference, JaegerSpan, TagKind, clamp_nanos, unknown_value,
};
use crate::decoded::{DecodeError, RejectReason};
use crate::draft::{DraftAttribute, DraftEvent, DraftValue, RawText};
use crate::json::{
    Double, Enumeration, Integer, Text, body_text, decode_base64, decode_error, problem,
    read_object,
};
use crate::json_value::raw;
use crate::rfc3339::{self, is_digits, nanos_of_fraction};
use fanal_model::SpanId;
use serde::Deserialize;
use serde_json::value::RawValue;

const NANOS_OF_SECOND: i128 = 1_000_000_000;

/// Longest piece of a text that an error repeats, in characters.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// A list whose items are read one by one; null is none.
type List<'a> = Option<Vec<&'a RawValue>>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpanMessage<'a> {
    #[serde(borrow, alias = "trace_id")]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, alias = "span_id")]
    span_id: Option<Text<'a>>,
    #[serde(borrow, alias = "operation_name")]
    operation_name: Option<Text<'a>>,
    #[serde(borrow)]
    references: List<'a>,
    flags: Option<Integer>,
    #[serde(borrow, alias = "start_time")]
    start_time: Option<Text<'a>>,
    #[serde(borrow)]
    duration: Option<Text<'a>>,
    #[serde(borrow)]
    tags: List<'a>,
    #[serde(borrow)]
    logs: List<'a>,
    #[serde(borrow)]
    process: Option<&'a RawValue>,
    #[serde(borrow)]
    warnings: Option<Vec<Text<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProcessMessage<'a> {
    #[serde(borrow, alias = "service_name")]
    service_name: Option<Text<'a>>,
    #[serde(borrow)]
    tags: List<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReferenceMessage<'a> {
    #[serde(borrow, alias = "trace_id")]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, alias = "span_id")]
    span_id: Option<Text<'a>>,
    #[serde(alias = "ref_type")]
    ref_type: Option<Enumeration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TagMessage<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    #[serde(alias = "v_type")]
    v_type: Option<Enumeration>,
    #[serde(borrow, alias = "v_str")]
    v_str: Option<Text<'a>>,
    #[serde(alias = "v_bool")]
    v_bool: Option<bool>,
    #[serde(alias = "v_int64")]
    v_int64: Option<Integer>,
    #[serde(alias = "v_float64")]
    v_float64: Option<Double>,
    #[serde(borrow, alias = "v_binary")]
    v_binary: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LogMessage<'a> {
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    fields: List<'a>,
}

/// Reads a bare `Span` with its process inside.
pub(super) fn read_single<'a>(bytes: &'a [u8], walk: &mut Walk<'_, 'a>) -> Result<(), DecodeError> {
    let body = body_text(bytes)?;
    let object: &RawValue = serde_json::from_str(body).map_err(|error| decode_error(&error))?;
    if !object.get().starts_with('{') {
        let problem = "expected an object, a span of Jaeger".to_owned();
        return Err(DecodeError::Json { line: 1, column: 1, problem });
    }
    match read_message(object, walk) {
        Ok(()) => walk.end_span(0),
        Err(problem) => walk.refuse(RejectReason::Malformed, || problem.clone()),
    }
    Ok(())
}

fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, String> {
    read_object(raw).map_err(|error| problem(&error))
}

fn text(text: Option<Text<'_>>) -> RawText<'_> {
    text.map(|text| raw(text.0)).unwrap_or_default()
}

fn read_message<'a>(raw: &'a RawValue, walk: &mut Walk<'_, 'a>) -> Result<(), String> {
    let message: SpanMessage<'a> = object(raw)?;
    let mut process = JaegerProcess::default();
    if let Some(raw) = message.process.filter(|raw| raw.get() != "null") {
        read_process(raw, &mut process)?;
    }
    walk.begin_process(&process);
    read_span(message, &mut walk.span)
}

fn read_process<'a>(raw: &'a RawValue, into: &mut JaegerProcess<'a>) -> Result<(), String> {
    let message: ProcessMessage<'a> = object(raw)?;
    into.service_name = text(message.service_name);
    read_tags(message.tags, &mut into.intake, &mut into.tags)
}

fn read_span<'a>(message: SpanMessage<'a>, into: &mut JaegerSpan<'a>) -> Result<(), String> {
    let (mut trace, mut own) = (Vec::new(), Vec::new());
    put_base64("traceId", message.trace_id.as_ref(), &mut trace)?;
    put_base64("spanId", message.span_id.as_ref(), &mut own)?;
    let fields = &mut into.draft.fields;
    match protobuf::trace_id(&trace) {
        Some(id) => fields.trace_id = id,
        None => into.intake.refuse(RejectReason::TraceIdLength, trace.len()),
    }
    match SpanId::from_slice(&own) {
        Some(id) => fields.span_id = id,
        None => into.intake.refuse(RejectReason::SpanIdLength, own.len()),
    }
    let start = read_time("startTime", message.start_time.as_ref())?;
    fields.start_unix_nanos = clamp_nanos(start);
    fields.end_unix_nanos = clamp_nanos(start + read_duration(message.duration.as_ref())?);
    into.flags = read_flags(message.flags)?;
    into.draft.name = text(message.operation_name);
    for raw in message.references.unwrap_or_default() {
        let reference = read_reference(object(raw)?, &mut into.intake)?;
        into.push_reference(reference);
    }
    read_tags(message.tags, &mut into.intake, &mut into.draft.attributes)?;
    for raw in message.logs.unwrap_or_default() {
        let log = read_log(object(raw)?, &mut into.intake)?;
        into.push_log(log);
    }
    for Text(warning) in message.warnings.unwrap_or_default() {
        into.push_warning(self::raw(warning));
    }
    Ok(())
}

/// Links of invalid contexts are legal: an id that is left out reads as zero.
fn read_reference(
    message: ReferenceMessage<'_>,
    intake: &mut Intake,
) -> Result<JaegerReference, String> {
    let mut read = JaegerReference {
        is_follows_from: match message.ref_type {
            Some(Enumeration::Name(name)) => name == FOLLOWS_FROM.1,
            Some(Enumeration::Number(number)) => number == i128::from(FOLLOWS_FROM.0),
            None => false,
        },
        ..JaegerReference::default()
    };
    let (mut trace, mut span) = (Vec::new(), Vec::new());
    put_base64("traceId of a reference", message.trace_id.as_ref(), &mut trace)?;
    put_base64("spanId of a reference", message.span_id.as_ref(), &mut span)?;
    if !trace.is_empty() {
        match protobuf::trace_id(&trace) {
            Some(id) => read.trace_id = id,
            None => intake.refuse(RejectReason::LinkIdLength, trace.len()),
        }
    }
    if !span.is_empty() {
        match SpanId::from_slice(&span) {
            Some(id) => read.span_id = id,
            None => intake.refuse(RejectReason::LinkIdLength, span.len()),
        }
    }
    Ok(read)
}

fn read_log<'a>(message: LogMessage<'a>, intake: &mut Intake) -> Result<DraftEvent<'a>, String> {
    let time = read_time("timestamp of a log", message.timestamp.as_ref())?;
    let mut log = DraftEvent { time_unix_nanos: clamp_nanos(time), ..DraftEvent::default() };
    read_tags(message.fields, intake, &mut log.attributes)?;
    Ok(log)
}

fn read_tags<'a>(
    list: List<'a>,
    intake: &mut Intake,
    into: &mut Vec<DraftAttribute<'a>>,
) -> Result<(), String> {
    for raw in list.unwrap_or_default() {
        let tag = read_tag(object(raw)?)?;
        intake.push_attribute(into, tag);
    }
    Ok(())
}

fn read_tag(message: TagMessage<'_>) -> Result<DraftAttribute<'_>, String> {
    let value = match tag_kind(message.v_type)? {
        TagKind::Text => DraftValue::Text(text(message.v_str)),
        TagKind::Bool => DraftValue::Bool(message.v_bool.unwrap_or_default()),
        TagKind::Int => DraftValue::Int(match message.v_int64 {
            Some(Integer(number)) => {
                i64::try_from(number).map_err(|_| format!("vInt64 {number} is out of range"))?
            }
            None => 0,
        }),
        TagKind::Float => DraftValue::Float(message.v_float64.map_or(0.0, |number| number.0)),
        TagKind::Bytes => {
            let mut bytes = Vec::new();
            put_base64("vBinary", message.v_binary.as_ref(), &mut bytes)?;
            DraftValue::Bytes(bytes.into())
        }
        TagKind::Unknown(number) => unknown_value(number),
    };
    Ok((text(message.key), value))
}

fn tag_kind(kind: Option<Enumeration>) -> Result<TagKind, String> {
    let number = match kind {
        None => 0,
        Some(Enumeration::Number(number)) => i64::try_from(number).unwrap_or(i64::MAX),
        Some(Enumeration::Name(name)) => {
            let found = TAG_KINDS.iter().zip(0..).find(|(known, _)| **known == name);
            let unknown = || format!("vType `{}` is no type of a tag", shown(&name));
            found.map(|(_, number)| number).ok_or_else(unknown)?
        }
    };
    Ok(protobuf::tag_kind(number))
}

fn read_flags(flags: Option<Integer>) -> Result<u32, String> {
    let Some(Integer(number)) = flags else { return Ok(0) };
    u32::try_from(number).map_err(|_| format!("flags {number} is out of range"))
}

fn put_base64(field: &str, value: Option<&Text<'_>>, out: &mut Vec<u8>) -> Result<(), String> {
    let Some(Text(text)) = value else { return Ok(()) };
    decode_base64(text, out).map_err(|error| format!("{field} is not base64: {error}"))
}

fn read_time(field: &str, value: Option<&Text<'_>>) -> Result<i128, String> {
    let Some(Text(text)) = value else { return Ok(0) };
    rfc3339::parse(text).ok_or_else(|| format!("{field} `{}` is no time in RFC 3339", shown(text)))
}

/// Seconds with up to nine digits behind the point and an `s`, such as `-1.5s`.
fn read_duration(value: Option<&Text<'_>>) -> Result<i128, String> {
    let Some(Text(text)) = value else { return Ok(0) };
    let parse = || {
        let (sign, digits) = match text.strip_suffix('s')?.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text.strip_suffix('s')?),
        };
        let (seconds, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_valid = is_digits(seconds) && (fraction.is_empty() || is_digits(fraction));
        let seconds: i64 = seconds.parse().ok().filter(|_| is_valid)?;
        let nanos = i128::from(nanos_of_fraction(fraction));
        Some(sign * (i128::from(seconds) * NANOS_OF_SECOND + nanos))
    };
    parse().ok_or_else(|| format!("duration `{}` is not like `1.5s`", shown(text)))
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoded::Decoded;
    use crate::jaeger::decoder::Decoder;
    use crate::jaeger::testing::shown as lines;

    fn decode(json: &str) -> Result<Decoded, DecodeError> {
        let mut decoder = Decoder::default();
        decoder.read_span_json(json.as_bytes()).map(|()| decoder.take())
    }

    const IDS: &str = r#""traceId":"AAAAAAAAAAEAAAAAAAAAAg==","spanId":"AAAAAAAAAAM=""#;

    #[test]
    fn a_span_with_everything() {
        let json = r#" {
            "traceId": "AAAAAAAAAAEAAAAAAAAAAg==", "spanId": "AAAAAAAAAAM=", "operationName": "GET \u002fcart",
            "references": [
                {"traceId": "AAAAAAAAAAEAAAAAAAAAAg==", "spanId": "BwcHBwcHBwc="},
                {"traceId": "AAAAAAAAAAI", "spanId": "CAgICAgICAg=", "refType": "FOLLOWS_FROM"}
            ],
            "flags": 3, "startTime": "2020-09-13T12:26:40.000000001Z", "duration": "1.500s",
            "tags": [
                {"key": "text", "vStr": "a\nb"}, {"key": "flag", "vType": "BOOL", "vBool": true},
                {"key": "int", "vType": "INT64", "vInt64": "-7"}, {"key": "whole", "vType": 2, "vInt64": 7},
                {"key": "float", "vType": "FLOAT64", "vFloat64": 1.5}, {"key": "nan", "vType": "FLOAT64", "vFloat64": "NaN"},
                {"key": "bytes", "vType": "BINARY", "vBinary": "Af8="}, {"key": "odd", "vType": 5},
                {"key": "zero", "v_type": "INT64"}
            ],
            "logs": [{"timestamp": "2020-09-13T14:26:40.000000002+02:00",
                      "fields": [{"key": "event", "vStr": "retry"}, {"key": "a", "v_str": "b"}]}],
            "process": {"serviceName": "shop", "tags": [{"key": "hostname", "vStr": "h1"}]},
            "processId": "p1", "warnings": ["skew"], "unknown": [{}]
        }"#;
        let expect = [
            "00000000000000010000000000000002/0000000000000003 parent 0707070707070707 `GET /cart` \
             1600000000000000001..1600000001500000001 Unspecified Unset `` flags 1 state `` scope ` ` \
             text=a\nb flag=true int=-7 whole=7 float=1.5 nan=NaN bytes=01ff odd=<unknown Jaeger tag type 5> \
             zero=0 jaeger.debug=true @jaeger@warnings=[\"skew\"]",
            "  process service.name=shop host.name=h1",
            "  event 1600000000000000002 `retry` a=b",
            "  link 00000000000000000000000000000002/0808080808080808 opentracing.ref_type=follows_from",
        ];
        assert_eq!(lines(decode(json).expect("reads")), expect);
    }

    #[test]
    fn fields_may_be_missing_null_or_named_as_in_the_schema() {
        let check = |fields: &str| {
            let found = lines(decode(&format!("{{{fields}}}")).expect("reads"));
            assert!(
                found[0].starts_with("00000000000000010000000000000002/0000000000000003 parent 0")
            );
            assert_eq!((found.len(), &*found[1]), (2, "  process "), "{fields}");
        };
        check(IDS);
        check(&IDS.replace("traceId", "trace_id").replace("spanId", "span_id"));
        let null = r#""references":null,"tags":null,"logs":null,"process":null,"warnings":null,"flags":null"#;
        check(&format!("{IDS},{null},\"startTime\":null,\"duration\":null"));
    }

    #[test]
    fn durations() {
        let check = |text: &str, expect: Option<i128>| {
            assert_eq!(read_duration(Some(&Text(text.into()))).ok(), expect, "{text}");
        };
        check("0s", Some(0));
        check("1.5s", Some(1_500_000_000));
        check("-0.000001s", Some(-1_000));
        check("0.0000000019s", Some(1));
        for broken in
            ["", "s", "1", "1.s.", "+1s", "--1s", "1e3s", ".5s", "1.xs", "99999999999999999999s"]
        {
            check(broken, None);
        }
    }

    #[test]
    fn a_bad_span_is_refused_with_words() {
        let check = |fields: &str, expect: &str| {
            let decoded = decode(&format!("{{{fields}}}")).expect("json");
            assert_eq!((decoded.batch.len(), decoded.rejected_spans), (0, 1), "{fields}");
            let message = decoded.message().expect("refused");
            assert!(message.contains(expect), "{message}");
        };
        check("", "trace_id_length (trace id has 0 bytes");
        check(r#""traceId":"AAAA","spanId":"AAAAAAAAAAM=""#, "trace id has 3 bytes, expected 16");
        check(r#""traceId":"AAAAAAAAAAEAAAAAAAAAAg==","spanId":"AA==""#, "span id has 1 bytes");
        check(r#""traceId":"AAAAAAAAAAAAAAAAAAAAAA==","spanId":"AAAAAAAAAAM=""#, "zero_trace_id");
        check(r#""traceId":"*""#, "malformed (traceId is not base64");
        let with = |field: &str| format!("{IDS},{field}");
        check(&with(r#""references":[{"spanId":"AA=="}]"#), "link_id_length");
        check(&with(r#""startTime":"yesterday""#), "startTime `yesterday` is no time in RFC 3339");
        check(&with(r#""duration":"5""#), "duration `5` is not like `1.5s`");
        check(&with(r#""duration":5"#), "malformed (invalid type: integer `5`, expected text");
        check(&with(r#""flags":-1"#), "flags -1 is out of range");
        check(&with(r#""tags":[7]"#), "malformed (expected an object");
        check(
            &with(r#""tags":[{"vType":"INT64","vInt64":9223372036854775808}]"#),
            "is out of range",
        );
        check(&with(r#""tags":[{"vType":"LONG"}]"#), "vType `LONG` is no type of a tag");
        check(
            &with(r#""logs":[{"fields":[{"vType":"BINARY","vBinary":"?"}]}]"#),
            "vBinary is not base64",
        );
        check(&with(r#""process":{"serviceName":1}"#), "malformed (invalid type");
    }

    #[test]
    fn what_is_no_object_fails() {
        for broken in ["", "{", "[]", "7", "{} {}", "null"] {
            assert!(decode(broken).is_err(), "{broken}");
        }
        assert!(Decoder::default().read_span_json(b"{\"a\":\"\xff\"}").is_err());
    }
}
