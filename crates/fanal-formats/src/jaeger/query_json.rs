//! Reads the JSON of Jaeger's query API, which its UI saves as files and shows when one is dropped on it.
//!
//! A file has an answer with `data`, one trace, or a list of traces. Each span is found as raw text, read, mapped and
//! forgotten. Invariant: a field of a wrong type refuses its span; only text that is no list of traces fails the whole.
//! What belongs to a trace and not to its spans, its own warnings, is not read. Follows
//! <https://www.jaegertracing.io/docs/2.0/apis/>.

use super::decoder::Walk;
use super::span::{JaegerProcess, JaegerReference, clamp_nanos};
use crate::decoded::{
    ATTRIBUTES_MAX, DecodeError, EVENTS_MAX, IdUnit, LINKS_MAX, Refusal, RejectReason,
};
use crate::draft::{DraftAttribute, DraftEvent, DraftValue, RawText};
use crate::json::{
    Integer, Text, body_text, decode_base64, decode_error, error_after, offset_in, problem,
    read_object,
};
use crate::json_document::{self, Fault, members, text};
use crate::json_value::{self, Bounded};
use fanal_model::{SpanId, TraceId};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

const IN_DIGITS: IdUnit = IdUnit { name: "hex digits", per_byte: 2 };
const NANOS_PER_MICRO: i128 = 1000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct EnvelopeMessage<'a> {
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TraceMessage<'a> {
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    processes: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpanMessage<'a> {
    #[serde(borrow, rename = "traceID")]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, rename = "spanID")]
    span_id: Option<Text<'a>>,
    #[serde(borrow, rename = "parentSpanID")]
    parent_span_id: Option<Text<'a>>,
    #[serde(borrow)]
    operation_name: Option<Text<'a>>,
    #[serde(borrow)]
    references: Option<Bounded<ReferenceMessage<'a>, { LINKS_MAX + 1 }>>,
    start_time: Option<Integer>,
    duration: Option<Integer>,
    flags: Option<Integer>,
    #[serde(borrow)]
    tags: Option<Bounded<TagMessage<'a>, ATTRIBUTES_MAX>>,
    #[serde(borrow)]
    logs: Option<Bounded<LogMessage<'a>, EVENTS_MAX>>,
    #[serde(borrow, rename = "processID")]
    process_id: Option<Text<'a>>,
    /// In place of an id where a span stands alone.
    #[serde(borrow)]
    process: Option<&'a RawValue>,
    #[serde(borrow)]
    warnings: Option<Bounded<Text<'a>, ATTRIBUTES_MAX>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReferenceMessage<'a> {
    #[serde(borrow, rename = "refType")]
    ref_type: Option<Text<'a>>,
    #[serde(borrow, rename = "traceID")]
    trace_id: Option<Text<'a>>,
    #[serde(borrow, rename = "spanID")]
    span_id: Option<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TagMessage<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LogMessage<'a> {
    timestamp: Option<Integer>,
    #[serde(borrow)]
    fields: Option<Bounded<TagMessage<'a>, ATTRIBUTES_MAX>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProcessMessage<'a> {
    #[serde(borrow, rename = "serviceName")]
    service_name: Option<Text<'a>>,
    #[serde(borrow)]
    tags: Option<Bounded<TagMessage<'a>, ATTRIBUTES_MAX>>,
}

/// What each process of a trace became.
type Processes<'a> = HashMap<Cow<'a, str>, Result<u32, Refusal>, RandomState>;

/// Reads every span of the traces in `bytes`.
pub(super) fn read_traces<'a>(bytes: &'a [u8], walk: &mut Walk<'_, 'a>) -> Result<(), DecodeError> {
    let body = body_text(bytes)?;
    let whole: &RawValue = serde_json::from_str(body).map_err(|error| decode_error(&error))?;
    let traces = if whole.get().starts_with('[') {
        serde_json::from_str(whole.get()).map_err(|error| decode_error(&error))?
    } else {
        part::<EnvelopeMessage<'_>>(body, whole)?.data.unwrap_or_else(|| vec![whole])
    };
    traces.into_iter().try_for_each(|trace| read_trace(body, trace, walk))
}

/// An object of the frame around the spans, whose faults fail the whole.
fn part<'a, T: Deserialize<'a>>(body: &str, raw: &'a RawValue) -> Result<T, DecodeError> {
    read_object(raw).map_err(|error| {
        let before = body.as_bytes().get(..offset_in(body, raw)).unwrap_or_default();
        error_after(before, error.line(), error.column().max(1), problem(&error))
    })
}

fn read_trace<'a>(
    body: &'a str,
    raw: &'a RawValue,
    walk: &mut Walk<'_, 'a>,
) -> Result<(), DecodeError> {
    let trace: TraceMessage<'_> = part(body, raw)?;
    let mut processes = Processes::default();
    if let Some(list) = trace.processes {
        let before = || body.as_bytes().get(..offset_in(body, list)).unwrap_or_default();
        let list = members(list)
            .map_err(|_| error_after(before(), 1, 1, "processes is not an object".to_owned()))?;
        for (id, process) in list {
            processes.insert(id, read_process(process, walk));
        }
    }
    for raw in trace.spans.unwrap_or_default() {
        let offset = offset_in(body, raw);
        match read_span(raw, &processes, walk) {
            Ok(()) => walk.end_span(offset),
            Err(fault) => {
                let (reason, detail) = match fault {
                    Fault::Malformed(detail) => (RejectReason::Malformed, detail),
                    Fault::Refused(refusal) => (refusal.reason, refusal.detail(IN_DIGITS)),
                };
                walk.refuse(reason, || format!("{detail}, in the span at byte {offset}"));
            }
        }
    }
    Ok(())
}

fn read_process(raw: &RawValue, walk: &mut Walk<'_, '_>) -> Result<u32, Refusal> {
    let malformed = |_| Refusal::new(RejectReason::Malformed, 0);
    let message: ProcessMessage<'_> = read_object(raw).map_err(malformed)?;
    let service_name = raw_of(message.service_name);
    let mut process = JaegerProcess { service_name, ..JaegerProcess::default() };
    for tag in items(message.tags) {
        let attribute = attribute(tag).map_err(|_| Refusal::new(RejectReason::Malformed, 0))?;
        process.intake.push_attribute(&mut process.tags, attribute);
    }
    walk.resource_of(&process)
}

fn read_span<'a>(
    raw: &'a RawValue,
    processes: &Processes<'a>,
    walk: &mut Walk<'_, 'a>,
) -> Result<(), Fault> {
    let message: SpanMessage<'_> =
        read_object(raw).map_err(|error| Fault::Malformed(problem(&error)))?;
    let resource = match message.process {
        Some(process) => Some(read_process(process, walk)),
        None => message.process_id.as_ref().and_then(|id| processes.get(&*id.0)).copied(),
    };
    // A span whose process is not in the file is a span still.
    let resource = resource.unwrap_or_else(|| walk.resource_of(&JaegerProcess::default()));
    walk.follow(resource);
    let start = micros("startTime", message.start_time)?;
    let end = start + micros("duration", message.duration)?;
    let span = &mut walk.span;
    let fields = &mut span.draft.fields;
    fields.trace_id = trace_id("traceID", message.trace_id.as_ref())?;
    fields.span_id = span_id("spanID", message.span_id.as_ref())?;
    fields.parent_span_id = span_id("parentSpanID", message.parent_span_id.as_ref())?;
    (fields.start_unix_nanos, fields.end_unix_nanos) = (clamp_nanos(start), clamp_nanos(end));
    span.draft.name = raw_of(message.operation_name);
    // Bits that mean nothing to Jaeger mean nothing here, however many there are.
    span.flags = message.flags.and_then(|flags| u32::try_from(flags.0).ok()).unwrap_or(0);
    for reference in items(message.references) {
        span.push_reference(JaegerReference {
            trace_id: trace_id("traceID of a reference", reference.trace_id.as_ref())?,
            span_id: span_id("spanID of a reference", reference.span_id.as_ref())?,
            is_follows_from: reference.ref_type.is_some_and(|word| word.0 == "FOLLOWS_FROM"),
        });
    }
    for tag in items(message.tags) {
        let attribute = attribute(tag)?;
        span.intake.push_attribute(&mut span.draft.attributes, attribute);
    }
    for log in items(message.logs) {
        let nanos = micros("timestamp of a log", log.timestamp)?;
        let mut event = DraftEvent { time_unix_nanos: clamp_nanos(nanos), ..DraftEvent::default() };
        for field in items(log.fields) {
            span.intake.push_attribute(&mut event.attributes, attribute(field)?);
        }
        span.push_log(event);
    }
    items(message.warnings)
        .into_iter()
        .for_each(|warning| span.push_warning(json_value::raw(warning.0)));
    Ok(())
}

fn items<T, const MAX: usize>(list: Option<Bounded<T, MAX>>) -> Vec<T> {
    list.map(|list| list.0).unwrap_or_default()
}

fn raw_of(text: Option<Text<'_>>) -> RawText<'_> {
    text.map(|text| json_value::raw(text.0)).unwrap_or_default()
}

/// The nanoseconds of a field of microseconds; the field's range is that of 64 bits.
fn micros(field: &str, number: Option<Integer>) -> Result<i128, Fault> {
    let number = number.map_or(0, |number| number.0);
    match i64::try_from(number) {
        Ok(number) => Ok(i128::from(number) * NANOS_PER_MICRO),
        Err(_) => Err(Fault::Malformed(format!("{field} {number} is out of range"))),
    }
}

/// Zero where there is none.
fn trace_id(field: &str, digits: Option<&Text<'_>>) -> Result<TraceId, Fault> {
    let digits = digits.map_or("", |text| &*text.0);
    if digits.is_empty() {
        return Ok(TraceId::default());
    }
    TraceId::parse_hex(digits).map_err(|error| Fault::Malformed(format!("{field}: {error}")))
}

/// Zero where there is none.
fn span_id(field: &str, digits: Option<&Text<'_>>) -> Result<SpanId, Fault> {
    let digits = digits.map_or("", |text| &*text.0);
    if digits.is_empty() {
        return Ok(SpanId::default());
    }
    SpanId::parse_hex(digits).map_err(|error| Fault::Malformed(format!("{field}: {error}")))
}

fn attribute(tag: TagMessage<'_>) -> Result<DraftAttribute<'_>, Fault> {
    let kind = tag.kind.as_ref().map_or("", |kind| &*kind.0);
    let value = tag.value.map(|raw| value(kind, raw)).transpose()?;
    Ok((raw_of(tag.key), value.unwrap_or_else(|| DraftValue::Text(RawText::default()))))
}

/// A value of the type that its tag names. One that is not spelled as its type would be stays what its JSON says.
fn value<'a>(kind: &str, raw: &'a RawValue) -> Result<DraftValue<'a>, Fault> {
    let spelled = if raw.get().starts_with('"') { text(raw)? } else { Cow::Borrowed(raw.get()) };
    let typed = match kind {
        "string" => Some(DraftValue::Text(json_value::raw(spelled))),
        "bool" => spelled.parse().ok().map(DraftValue::Bool),
        "int64" => integer(&spelled).map(DraftValue::Int),
        "float64" => spelled.parse().ok().map(DraftValue::Float),
        "binary" => {
            let mut bytes = Vec::new();
            decode_base64(&spelled, &mut bytes).ok().map(|()| DraftValue::Bytes(bytes.into()))
        }
        _ => None,
    };
    match typed {
        Some(value) => Ok(value),
        None => {
            Ok(json_document::value(raw)?.unwrap_or_else(|| DraftValue::Text(RawText::default())))
        }
    }
}

/// Text where JSON's numbers would lose digits.
fn integer(spelled: &str) -> Option<i64> {
    spelled
        .parse()
        .ok()
        .or_else(|| serde_json::from_str::<Integer>(spelled).ok()?.0.try_into().ok())
}
