//! Spans of the model as Zipkin's JSON of version 2: the way back of the mapping.
//!
//! Asked by Zipkin's query API and by exports. Invariant: a span that came as Zipkin goes out as it came, names in lower
//! case as Zipkin has them; what Zipkin has no field for becomes tags, as its exporters in OpenTelemetry write them.
//! Follows <https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/>.

mod text;

use super::map::{DEBUG, EndpointKeys, LOCAL, PEER_SERVICE, REMOTE, START_ABSENT};
use fanal_model::peer::{ERROR_KEY, REMOTE_SERVICE_KEYS, SHARED_KEY};
use fanal_model::{SpanId, SpanKind, SpanRef, StatusCode, TraceId, Value, ValueRef};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

const SERVICE_NAME: &str = "service.name";

/// A span of version 2. Whatever is absent is left out when it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct JsonSpan {
    /// 16 or 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// 16 hex digits.
    pub id: String,
    /// Upper-case word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// In lower case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Start in microseconds since the Unix epoch; 0 when it was not sent.
    #[serde(skip_serializing_if = "is_zero")]
    pub timestamp: u64,
    /// Microseconds, at least 1 where the span lasted at all.
    #[serde(skip_serializing_if = "is_zero")]
    pub duration: u64,
    /// Where it was.
    #[serde(skip_serializing_if = "JsonEndpoint::is_empty")]
    pub local_endpoint: JsonEndpoint,
    /// The other side of the call.
    #[serde(skip_serializing_if = "JsonEndpoint::is_empty")]
    pub remote_endpoint: JsonEndpoint,
    /// By time and text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<JsonAnnotation>,
    /// By key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Whether it is exempt from sampling.
    #[serde(skip_serializing_if = "is_false")]
    pub debug: bool,
    /// Whether it shares its id with the other side.
    #[serde(skip_serializing_if = "is_false")]
    pub shared: bool,
}

/// A service and its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct JsonEndpoint {
    /// In lower case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub service_name: String,
    /// Empty when unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ipv4: String,
    /// Empty when unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ipv6: String,
    /// 0 when unknown.
    #[serde(skip_serializing_if = "is_zero_port")]
    pub port: u16,
}

/// What happened at a point in time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Default)]
pub struct JsonAnnotation {
    /// Microseconds since the Unix epoch.
    pub timestamp: u64,
    /// What.
    pub value: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_zero_port(number: &u16) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

impl JsonEndpoint {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl JsonSpan {
    /// The span as Zipkin has it.
    pub fn of(span: &SpanRef<'_>) -> Self {
        let attributes: Vec<(&str, ValueRef<'_>)> = span.attributes().collect();
        let is_set = |key: &str| attributes.contains(&(key, ValueRef::Bool(true)));
        let mut taken = vec![DEBUG, SHARED_KEY, START_ABSENT];
        taken.retain(|key| is_set(key));
        let (local_endpoint, remote_endpoint) = endpoints(span, &attributes, &mut taken);
        let kind = span.kind();
        let mut tags = BTreeMap::new();
        for (key, value) in attributes.iter().filter(|(key, _)| !taken.contains(key)) {
            tags.entry((*key).to_owned()).or_insert_with(|| text::of(&value.to_value()));
        }
        add_owners(span, &mut tags);
        add_rest(span, &mut tags);
        add_status(span, &mut tags);
        Self {
            trace_id: trace_id(span.trace_id()),
            parent_id: (!span.parent_span_id().is_zero())
                .then(|| span.parent_span_id().to_string()),
            id: span.span_id().to_string(),
            kind: word(kind),
            name: span.name().to_lowercase(),
            timestamp: if is_set(START_ABSENT) { 0 } else { span.start_unix_nanos() / 1_000 },
            duration: match span.duration_nanos() {
                0 => 0,
                nanos => (nanos / 1_000).max(1),
            },
            local_endpoint,
            remote_endpoint,
            annotations: annotations(span),
            tags,
            debug: is_set(DEBUG),
            shared: is_set(SHARED_KEY),
        }
    }
}

/// Zipkin's spelling of a trace id: 16 digits where the high half is zero.
pub fn trace_id(id: TraceId) -> String {
    let text = id.to_string();
    let (high, low) = text.split_at(SpanId::LENGTH * 2);
    if high.bytes().all(|digit| digit == b'0') { low.to_owned() } else { text }
}

fn word(kind: SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Client => Some("CLIENT"),
        SpanKind::Server => Some("SERVER"),
        SpanKind::Producer => Some("PRODUCER"),
        SpanKind::Consumer => Some("CONSUMER"),
        SpanKind::Unspecified | SpanKind::Internal => None,
    }
}

type Attributes<'a> = [(&'a str, ValueRef<'a>)];

fn find<'a>(attributes: &Attributes<'a>, key: &str) -> Option<ValueRef<'a>> {
    attributes.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
}

/// Both endpoints; keys whose values they hold are taken from the tags.
fn endpoints(
    span: &SpanRef<'_>,
    attributes: &Attributes<'_>,
    taken: &mut Vec<&'static str>,
) -> (JsonEndpoint, JsonEndpoint) {
    let mut local = address(attributes, &LOCAL, taken);
    if let Some(Value::String(name)) = span.resource().attribute(SERVICE_NAME) {
        local.service_name = name.to_lowercase();
    }
    let mut remote = address(attributes, &REMOTE, taken);
    let is_caller = span.kind().is_caller();
    let counted = REMOTE_SERVICE_KEYS.iter().filter(|key| is_caller || !key.is_of_callers);
    let mut named = counted.filter_map(|it| {
        let name = text::of(&find(attributes, it.key)?.to_value());
        (!name.is_empty()).then_some((it.key, name))
    });
    if let Some((key, name)) = named.next() {
        remote.service_name = name.to_lowercase();
        if key == PEER_SERVICE {
            taken.push(PEER_SERVICE);
        }
    }
    (local, remote)
}

/// Address and port of an endpoint, as far as the attributes have them in its form.
fn address(
    attributes: &Attributes<'_>,
    keys: &EndpointKeys,
    taken: &mut Vec<&'static str>,
) -> JsonEndpoint {
    let mut endpoint = JsonEndpoint::default();
    for key in [keys.address, keys.ipv6] {
        let Some(ValueRef::String(text)) = find(attributes, key) else { continue };
        match text.parse() {
            Ok(IpAddr::V4(_)) => text.clone_into(&mut endpoint.ipv4),
            Ok(IpAddr::V6(_)) => text.clone_into(&mut endpoint.ipv6),
            // A host name or the path of a socket.
            Err(_) => continue,
        }
        taken.push(key);
    }
    if let Some(ValueRef::Int(number)) = find(attributes, keys.port)
        && let Ok(port) = u16::try_from(number)
    {
        endpoint.port = port;
        taken.push(keys.port);
    }
    endpoint
}

/// Adds what resource and scope tell; the span's own attributes win.
fn add_owners(span: &SpanRef<'_>, tags: &mut BTreeMap<String, String>) {
    let mut add = |key: &str, value: String| {
        tags.entry(key.to_owned()).or_insert(value);
    };
    let resource = span.resource().attributes.iter();
    let is_endpoint =
        |(key, value): &(String, Value)| key == SERVICE_NAME && matches!(value, Value::String(_));
    for (key, value) in resource.filter(|attribute| !is_endpoint(attribute)) {
        add(key, text::of(value));
    }
    let scope = span.scope();
    for (key, value) in [("otel.scope.name", &scope.name), ("otel.scope.version", &scope.version)] {
        if !value.is_empty() {
            add(key, value.clone());
        }
    }
    for (key, value) in &scope.attributes {
        add(key, text::of(value));
    }
}

/// Adds what else Zipkin has no field for.
fn add_rest(span: &SpanRef<'_>, tags: &mut BTreeMap<String, String>) {
    if span.kind() == SpanKind::Internal {
        tags.entry("span.kind".to_owned()).or_insert_with(|| "internal".to_owned());
    }
    if !span.trace_state().is_empty() {
        tags.insert("w3c.tracestate".to_owned(), span.trace_state().to_owned());
    }
    for (number, link) in span.links().enumerate() {
        let attributes = text::object(link.attributes());
        let (trace, linked, state) = (link.trace_id(), link.span_id(), link.trace_state());
        let dropped = link.dropped_attributes_count();
        let text = format!("{trace}|{linked}|{state}|{attributes}|{dropped}");
        tags.insert(format!("otlp.link.{number}"), text);
    }
    let dropped = [
        ("otel.dropped_attributes_count", span.dropped_attributes_count()),
        ("otel.dropped_events_count", span.dropped_events_count()),
        ("otel.dropped_links_count", span.dropped_links_count()),
    ];
    for (key, count) in dropped.into_iter().filter(|(_, count)| *count > 0) {
        tags.insert(key.to_owned(), count.to_string());
    }
}

/// Adds the status. Any `error` means a failure to Zipkin, so that one which means none goes.
fn add_status(span: &SpanRef<'_>, tags: &mut BTreeMap<String, String>) {
    const CODE: &str = "otel.status_code";
    let told = tags.get(ERROR_KEY).cloned();
    let means_none = told.as_deref() == Some("false");
    let message = span.status_message();
    // Only spans of OpenTelemetry have a scope; others told a failure by their tag alone.
    let is_of_otel = !span.scope().name.is_empty();
    match span.status_code() {
        StatusCode::Unset if means_none => drop(tags.remove(ERROR_KEY)),
        StatusCode::Unset => {}
        StatusCode::Ok => {
            if means_none {
                tags.remove(ERROR_KEY);
            }
            tags.insert(CODE.to_owned(), "OK".to_owned());
        }
        StatusCode::Error => {
            if is_of_otel {
                tags.insert(CODE.to_owned(), "ERROR".to_owned());
            }
            match told.filter(|_| !means_none) {
                None => {
                    let plain = if is_of_otel { "" } else { "true" };
                    let text = if message.is_empty() { plain } else { message };
                    tags.insert(ERROR_KEY.to_owned(), text.to_owned());
                }
                Some(text) if !message.is_empty() && text != message => {
                    tags.insert("otel.status_description".to_owned(), message.to_owned());
                }
                Some(_) => {}
            }
        }
    }
}

fn annotations(span: &SpanRef<'_>) -> Vec<JsonAnnotation> {
    let annotation = |event: fanal_model::EventRef<'_>| {
        let dropped = event.dropped_attributes_count();
        let name = event.name();
        let value = if dropped > 0 {
            format!("{name}|{}|{dropped}", text::object(event.attributes()))
        } else if event.attributes().next().is_none() {
            name.to_owned()
        } else {
            format!("{}:{}", text::quoted(name), text::object(event.attributes()))
        };
        JsonAnnotation { timestamp: event.time_unix_nanos() / 1_000, value }
    };
    let mut annotations: Vec<JsonAnnotation> = span.events().map(annotation).collect();
    annotations.sort_unstable();
    annotations.dedup();
    annotations
}
