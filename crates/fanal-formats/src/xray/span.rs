//! One segment or subsegment into a draft: the mapping of every field.
//!
//! Used by the decoder. A segment is a request that a service served; a subsegment is work inside of it, or a call that it
//! made. Times are rounded to microseconds: seconds as a float hold no more.

use super::aws;
use super::cause;
use super::decoder::IN_DIGITS;
use super::document::{XrayLink, XraySegment};
use super::members::{add, members};
use crate::decoded::{LINKS_MAX, Refusal, RejectReason};
use crate::draft::{Draft, DraftAttribute, DraftLink, DraftValue};
use crate::json_value::{Text, raw};
use fanal_model::{
    Resource, SpanBatchBuilder, SpanId, SpanKind, StatusCode, TraceId, Value, ValueRef,
};

/// Why a segment is refused.
#[derive(Debug)]
pub(super) enum Fault {
    Refused(Refusal),
    /// What is wrong, in words.
    Malformed(String),
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Fault {
    /// Reason and words of the refusal.
    pub(super) fn told(&self) -> (RejectReason, String) {
        match self {
            Self::Refused(refusal) => (refusal.reason, refusal.detail(IN_DIGITS)),
            Self::Malformed(words) => (RejectReason::Malformed, words.clone()),
        }
    }
}

/// What the parts of a document share.
#[derive(Debug)]
pub(super) struct Context {
    trace_id: Result<TraceId, Refusal>,
    resource: u32,
    scope: u32,
}

impl Context {
    /// Of the outermost segment of a document.
    pub(super) fn of(root: &XraySegment<'_>, scope: u32, builder: &mut SpanBatchBuilder) -> Self {
        let is_segment = !is_subsegment(root, false);
        let mut attributes = Vec::new();
        if let (true, Some(Text(name))) = (is_segment, &root.name) {
            attributes.push((b"service.name".into(), DraftValue::Text(name.as_bytes().into())));
        }
        if is_segment {
            for (key, raw) in members(root.service) {
                match &*key {
                    "version" => add("service.version", raw, &mut attributes),
                    "runtime" => add("process.runtime.name", raw, &mut attributes),
                    "runtime_version" => add("process.runtime.version", raw, &mut attributes),
                    _ => add(format!("aws.xray.service.{key}"), raw, &mut attributes),
                }
            }
        }
        if let Some(object) = root.aws {
            aws::read(object, is_segment, &mut attributes, &mut Vec::new());
        }
        let resource = Resource { attributes: owned(attributes), ..Resource::default() };
        let resource = builder.intern_resource(&resource);
        Self { trace_id: trace_id(root.trace_id.as_ref()), resource, scope }
    }
}

/// Attributes as those of a resource; of a key that comes twice, the last counts.
fn owned(attributes: Vec<DraftAttribute<'_>>) -> Vec<(String, Value)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value = |value: DraftValue<'_>| match value {
        DraftValue::Text(bytes) => Value::String(text(&bytes)),
        DraftValue::Bool(flag) => Value::Bool(flag),
        DraftValue::Int(number) => Value::Int(number),
        DraftValue::Float(number) => Value::Float(number),
        DraftValue::Bytes(bytes) => Value::Bytes(bytes.into_owned()),
        DraftValue::Array(bytes) => ValueRef::Array(&bytes).to_value(),
        DraftValue::Map(bytes) => ValueRef::Map(&bytes).to_value(),
    };
    let mut owned =
        attributes.into_iter().map(|(key, one)| (text(&key), value(one))).collect::<Vec<_>>();
    crate::decoded::remove_duplicates(&mut owned);
    owned
}

/// Puts a segment into the draft. `parent` is the one it lies in, where it names none itself.
pub(super) fn fill<'a>(
    segment: XraySegment<'a>,
    parent: SpanId,
    is_inside: bool,
    context: &Context,
    draft: &mut Draft<'a>,
) -> Result<(), Fault> {
    if segment.in_progress == Some(true) {
        return Err(Refusal::new(RejectReason::Unfinished, 0).into());
    }
    let is_subsegment = is_subsegment(&segment, is_inside);
    let own_trace_id = segment.trace_id.is_some().then(|| trace_id(segment.trace_id.as_ref()));
    let start = nanos("start_time", segment.start_time)?;
    let end = if segment.end_time.is_some() { nanos("end_time", segment.end_time)? } else { start };
    let failures =
        [("fault", segment.fault), ("error", segment.error), ("throttle", segment.throttle)];
    let is_failed = failures.iter().any(|(_, is_set)| *is_set == Some(true));
    let namespace = segment.namespace.as_ref().map(|namespace| &*namespace.0);
    let fields = &mut draft.fields;
    fields.trace_id = own_trace_id.unwrap_or(context.trace_id)?;
    fields.span_id = span_id(segment.id.as_ref())?;
    fields.parent_span_id = match &segment.parent_id {
        Some(own) if !own.0.is_empty() => span_id(Some(own))
            .map_err(|refusal| Refusal::new(RejectReason::ParentSpanIdLength, refusal.observed))?,
        _ => parent,
    };
    (fields.start_unix_nanos, fields.end_unix_nanos) = (start, end);
    (fields.resource, fields.scope) = (context.resource, context.scope);
    fields.kind = kind(is_subsegment, namespace) as u8;
    let status = if is_failed { StatusCode::Error } else { StatusCode::Unset };
    fields.status_code = status as u8;
    for (key, is_set) in failures {
        if is_set == Some(true) {
            draft.attribute(format!("aws.xray.{key}").into_bytes(), DraftValue::Bool(true));
        }
    }
    if let (true, Some(Text(name))) = (namespace == Some("aws"), &segment.name) {
        draft.attribute(b"rpc.system", DraftValue::Text(b"aws-api".into()));
        draft.attribute(b"rpc.service", DraftValue::Text(raw(name.clone())));
    }
    if let Some(cause) = segment.cause {
        cause::read(cause, end, draft);
    }
    objects(&segment, is_subsegment, &mut draft.attributes);
    for (key, value) in [
        ("enduser.id", segment.user),
        ("aws.xray.origin", segment.origin),
        ("cloud.resource_id", segment.resource_arn),
        ("aws.xray.precursor_ids", segment.precursor_ids),
    ] {
        if let Some(value) = value {
            add(key, value, &mut draft.attributes);
        }
    }
    links(segment.links.unwrap_or_default(), draft)?;
    draft.name = raw(segment.name.unwrap_or_default().0);
    Ok(())
}

fn is_subsegment(segment: &XraySegment<'_>, is_inside: bool) -> bool {
    is_inside || segment.document_type.as_ref().is_some_and(|text| text.0 == "subsegment")
}

/// A subsegment that another service or AWS answered is a call; any other is work.
fn kind(is_subsegment: bool, namespace: Option<&str>) -> SpanKind {
    match (is_subsegment, namespace) {
        (false, _) => SpanKind::Server,
        (true, Some("aws" | "remote")) => SpanKind::Client,
        (true, _) => SpanKind::Internal,
    }
}

/// The objects whose keys have names of OpenTelemetry's, and those that the application fills.
fn objects<'a>(
    segment: &XraySegment<'a>,
    is_subsegment: bool,
    attributes: &mut Vec<DraftAttribute<'a>>,
) {
    for (side, object) in members(segment.http) {
        for (key, value) in members(Some(object)) {
            match http_name(&side, &key) {
                Some(name) => add(name, value, attributes),
                None => add(format!("aws.xray.http.{side}.{key}"), value, attributes),
            }
        }
    }
    if let Some(object) = segment.aws {
        // The resource of the document was read from it before.
        aws::read(object, !is_subsegment, &mut Vec::new(), attributes);
    }
    for (key, value) in members(segment.sql) {
        match &*key {
            "sanitized_query" => add("db.query.text", value, attributes),
            "database_type" => add("db.system.name", value, attributes),
            "database_version" => add("db.version", value, attributes),
            _ => add(format!("db.{key}"), value, attributes),
        }
    }
    for (key, value) in members(segment.annotations) {
        add(key, value, attributes);
    }
    for (namespace, object) in members(segment.metadata) {
        if !object.get().starts_with('{') {
            add(format!("metadata.{namespace}"), object, attributes);
            continue;
        }
        for (key, value) in members(Some(object)) {
            add(format!("metadata.{namespace}.{key}"), value, attributes);
        }
    }
}

fn http_name(side: &str, key: &str) -> Option<&'static str> {
    Some(match (side, key) {
        ("request", "method") => "http.request.method",
        ("request", "url") => "url.full",
        ("request", "user_agent") => "user_agent.original",
        ("request", "client_ip") => "client.address",
        ("response", "status") => "http.response.status_code",
        ("response", "content_length") => "http.response.body.size",
        _ => return None,
    })
}

fn links<'a>(links: Vec<XrayLink<'a>>, draft: &mut Draft<'a>) -> Result<(), Refusal> {
    if links.len() > LINKS_MAX {
        return Err(Refusal::new(RejectReason::LinkCount, links.len()));
    }
    for link in links {
        let of_link = |refusal: Refusal| Refusal::new(RejectReason::LinkIdLength, refusal.observed);
        let mut attributes = Vec::new();
        for (key, value) in members(link.attributes) {
            add(key, value, &mut attributes);
        }
        draft.links.push(DraftLink {
            trace_id: trace_id(link.trace_id.as_ref()).map_err(of_link)?,
            span_id: span_id(link.id.as_ref()).map_err(of_link)?,
            attributes,
            ..DraftLink::default()
        });
    }
    Ok(())
}

/// `1-` with 8 and 24 digits after a dash each; the 32 digits alone are taken too.
fn trace_id(text: Option<&Text<'_>>) -> Result<TraceId, Refusal> {
    let text = text.map_or("", |text| &text.0);
    let digits = text.strip_prefix("1-").unwrap_or(text).replace('-', "");
    let refusal = || Refusal::new(RejectReason::TraceIdLength, hex_digits(&digits));
    let id = TraceId::parse_hex(&digits).map_err(|_| refusal())?;
    if digits.len() == 2 * TraceId::LENGTH { Ok(id) } else { Err(refusal()) }
}

/// Sixteen digits.
pub(super) fn span_id(text: Option<&Text<'_>>) -> Result<SpanId, Refusal> {
    let digits = text.map_or("", |text| &text.0);
    let refusal = || Refusal::new(RejectReason::SpanIdLength, hex_digits(digits));
    let id = SpanId::parse_hex(digits).map_err(|_| refusal())?;
    if digits.len() == 2 * SpanId::LENGTH { Ok(id) } else { Err(refusal()) }
}

fn hex_digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_hexdigit).count()
}

/// Seconds since the epoch, rounded to microseconds.
fn nanos(field: &str, seconds: Option<f64>) -> Result<u64, Fault> {
    let Some(seconds) = seconds else {
        return Err(Fault::Malformed(format!("{field} is missing")));
    };
    // Digits round exactly, and a number that is none or too large has others than these.
    let micros: Option<u64> = format!("{seconds:.6}").replace('.', "").parse().ok();
    micros.and_then(|micros| micros.checked_mul(1_000)).ok_or_else(|| {
        Fault::Malformed(format!("{field} {seconds} is no time in seconds since 1970"))
    })
}
