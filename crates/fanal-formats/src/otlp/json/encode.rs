//! Writes spans as OTLP JSON.
//!
//! Called by the server's answers. Invariant: ids are lower-case hex, 64-bit integers decimal text, enumerations
//! numbers; everything that the model holds is written but the payload bits of NaN, which JSON cannot spell.

use crate::otlp::group::{ResourceGroup, ScopeGroup, group};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fanal_model::{
    EntityRef, EventRef, IndexedBatch, LinkRef, Resource, Scope, SpanRef, Value, ValueRef,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Encodes all spans of the batches as `TracesData`, which is also an `ExportTraceServiceRequest`.
pub fn encode_traces(batches: &[&IndexedBatch]) -> Vec<u8> {
    // Writing into memory cannot fail, and every key is text.
    serde_json::to_vec(&Json(TracesData(group(batches)))).unwrap_or_default()
}

/// Lends a model type the JSON form of its OTLP message.
struct Json<T>(T);

struct TracesData<'a>(Vec<ResourceGroup<'a>>);

/// A key with an owned value.
type Entry = (String, Value);

/// Leaves out what is empty or zero, which reads the same.
trait SparseMap: SerializeMap {
    fn text(&mut self, key: &'static str, text: &str) -> Result<(), Self::Error> {
        if text.is_empty() { Ok(()) } else { self.serialize_entry(key, text) }
    }

    fn count(&mut self, key: &'static str, count: u32) -> Result<(), Self::Error> {
        if count == 0 { Ok(()) } else { self.serialize_entry(key, &count) }
    }

    fn list<'t, T>(&mut self, key: &'static str, items: &'t [T]) -> Result<(), Self::Error>
    where
        Json<&'t T>: Serialize,
    {
        if items.is_empty() { Ok(()) } else { self.serialize_entry(key, &List(items)) }
    }
}

impl<M: SerializeMap> SparseMap for M {}

struct List<'t, T>(&'t [T]);

impl<'t, T> Serialize for List<'t, T>
where
    Json<&'t T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Json))
    }
}

impl Serialize for Json<TracesData<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("resourceSpans", &List(&self.0.0))?;
        map.end()
    }
}

impl Serialize for Json<&ResourceGroup<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("resource", &Json(self.0.resource))?;
        map.serialize_entry("scopeSpans", &List(&self.0.scopes))?;
        map.text("schemaUrl", &self.0.resource.schema_url)?;
        map.end()
    }
}

impl Serialize for Json<&Resource> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.list("attributes", &self.0.attributes)?;
        map.count("droppedAttributesCount", self.0.dropped_attributes_count)?;
        map.list("entityRefs", &self.0.entity_refs)?;
        map.end()
    }
}

impl Serialize for Json<&EntityRef> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.text("schemaUrl", &self.0.schema_url)?;
        map.text("type", &self.0.entity_type)?;
        map.serialize_entry("idKeys", &self.0.id_keys)?;
        map.serialize_entry("descriptionKeys", &self.0.description_keys)?;
        map.end()
    }
}

impl Serialize for Json<&ScopeGroup<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("scope", &Json(self.0.scope))?;
        map.serialize_entry("spans", &List(&self.0.spans))?;
        map.text("schemaUrl", &self.0.scope.schema_url)?;
        map.end()
    }
}

impl Serialize for Json<&Scope> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.text("name", &self.0.name)?;
        map.text("version", &self.0.version)?;
        map.list("attributes", &self.0.attributes)?;
        map.count("droppedAttributesCount", self.0.dropped_attributes_count)?;
        map.end()
    }
}

impl Serialize for Json<&SpanRef<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &format_args!("{}", span.trace_id()))?;
        map.serialize_entry("spanId", &format_args!("{}", span.span_id()))?;
        map.text("traceState", span.trace_state())?;
        if !span.parent_span_id().is_zero() {
            map.serialize_entry("parentSpanId", &format_args!("{}", span.parent_span_id()))?;
        }
        map.count("flags", span.flags())?;
        map.serialize_entry("name", span.name())?;
        map.serialize_entry("kind", &span.kind_number())?;
        map.serialize_entry("startTimeUnixNano", &format_args!("{}", span.start_unix_nanos()))?;
        map.serialize_entry("endTimeUnixNano", &format_args!("{}", span.end_unix_nanos()))?;
        map.list("attributes", &span.attributes().collect::<Vec<_>>())?;
        map.count("droppedAttributesCount", span.dropped_attributes_count())?;
        map.list("events", &span.events().collect::<Vec<_>>())?;
        map.count("droppedEventsCount", span.dropped_events_count())?;
        map.list("links", &span.links().collect::<Vec<_>>())?;
        map.count("droppedLinksCount", span.dropped_links_count())?;
        map.serialize_entry("status", &Json(Status(span)))?;
        map.end()
    }
}

/// The status of a span.
struct Status<'a>(&'a SpanRef<'a>);

impl Serialize for Json<Status<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0.0;
        let mut map = serializer.serialize_map(None)?;
        map.text("message", span.status_message())?;
        map.count("code", u32::from(span.status_number()))?;
        map.end()
    }
}

impl Serialize for Json<&EventRef<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("timeUnixNano", &format_args!("{}", event.time_unix_nanos()))?;
        map.serialize_entry("name", event.name())?;
        map.list("attributes", &event.attributes().collect::<Vec<_>>())?;
        map.count("droppedAttributesCount", event.dropped_attributes_count())?;
        map.end()
    }
}

impl Serialize for Json<&LinkRef<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let link = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("traceId", &format_args!("{}", link.trace_id()))?;
        map.serialize_entry("spanId", &format_args!("{}", link.span_id()))?;
        map.text("traceState", link.trace_state())?;
        map.count("flags", link.flags())?;
        map.list("attributes", &link.attributes().collect::<Vec<_>>())?;
        map.count("droppedAttributesCount", link.dropped_attributes_count())?;
        map.end()
    }
}

impl Serialize for Json<&(&str, ValueRef<'_>)> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", self.0.0)?;
        match self.0.1 {
            ValueRef::Array(_) | ValueRef::Map(_) => {
                map.serialize_entry("value", &Json(&self.0.1.to_value()))?;
            }
            scalar => map.serialize_entry("value", &Json(scalar))?,
        }
        map.end()
    }
}

impl Serialize for Json<&Entry> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", &self.0.0)?;
        map.serialize_entry("value", &Json(&self.0.1))?;
        map.end()
    }
}

/// An `AnyValue`. Arms of a oneof are written even when their value is the default.
impl Serialize for Json<&Value> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scalar = match self.0 {
            Value::Array(values) => {
                return serializer.collect_map([("arrayValue", Json(Values(values)))]);
            }
            Value::Map(entries) => {
                return serializer.collect_map([("kvlistValue", Json(Values(entries)))]);
            }
            Value::Empty => ValueRef::Empty,
            Value::String(text) => ValueRef::String(text),
            Value::Bool(flag) => ValueRef::Bool(*flag),
            Value::Int(number) => ValueRef::Int(*number),
            Value::Float(number) => ValueRef::Float(*number),
            Value::Bytes(bytes) => ValueRef::Bytes(bytes),
        };
        Json(scalar).serialize(serializer)
    }
}

/// An `ArrayValue` or `KeyValueList`.
struct Values<'t, T>(&'t [T]);

impl<'t, T> Serialize for Json<Values<'t, T>>
where
    Json<&'t T>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("values", List(self.0.0))])
    }
}

/// A scalar as `AnyValue`; arrays and maps come decoded, as [`Value`].
impl Serialize for Json<ValueRef<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self.0 {
            ValueRef::Empty | ValueRef::Array(_) | ValueRef::Map(_) => {}
            ValueRef::String(text) => map.serialize_entry("stringValue", text)?,
            ValueRef::Bool(flag) => map.serialize_entry("boolValue", &flag)?,
            ValueRef::Int(number) => {
                map.serialize_entry("intValue", &format_args!("{number}"))?;
            }
            ValueRef::Float(number) if number.is_finite() => {
                map.serialize_entry("doubleValue", &number)?;
            }
            ValueRef::Float(number) if number.is_nan() => {
                map.serialize_entry("doubleValue", "NaN")?;
            }
            ValueRef::Float(number) => {
                let word = if number > 0.0 { "Infinity" } else { "-Infinity" };
                map.serialize_entry("doubleValue", word)?;
            }
            ValueRef::Bytes(bytes) => {
                map.serialize_entry("bytesValue", &BASE64_STANDARD.encode(bytes))?;
            }
        }
        map.end()
    }
}
