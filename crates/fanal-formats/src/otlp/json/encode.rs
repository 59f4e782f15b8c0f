//! Writes spans as OTLP JSON.
//!
//! Called by the server's answers. Invariant: ids are lower-case hex, 64-bit integers decimal text, enumerations
//! numbers; everything that the model holds is written but the payload bits of NaN, which JSON cannot spell. Some programs
//! want protobuf's own JSON instead: ids in base64, enumerations by name, nothing that is zero.

use crate::otlp::group::{ResourceGroup, ScopeGroup, group};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fanal_model::{
    EntityRef, EventRef, IndexedBatch, LinkRef, Resource, Scope, SpanRef, Value, ValueRef,
};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::Arguments;

/// Encodes all spans of the batches as `TracesData`, which is also an `ExportTraceServiceRequest`.
pub fn encode_traces(batches: &[&IndexedBatch]) -> Vec<u8> {
    // Writing into memory cannot fail, and every key is text.
    let groups = group(batches);
    let data = TracesData { key: "resourceSpans", groups: &groups };
    serde_json::to_vec(&Json::<_, false>(data)).unwrap_or_default()
}

/// Encodes all spans of the batches in protobuf's own JSON, as one object whose only key is `key`; an empty object where
/// there is no span. References to entities, which are younger than most readers, are left out.
pub fn encode_protobuf_json(batches: &[&IndexedBatch], key: &'static str) -> Vec<u8> {
    let groups = group(batches);
    if groups.is_empty() {
        return b"{}".to_vec();
    }
    serde_json::to_vec(&Json::<_, true>(TracesData { key, groups: &groups })).unwrap_or_default()
}

/// Lends a model type the JSON form of its OTLP message; `PROTOBUF`: that of protobuf's own JSON.
struct Json<T, const PROTOBUF: bool>(T);

struct TracesData<'t, 'a> {
    key: &'static str,
    groups: &'t [ResourceGroup<'a>],
}

/// A key with an owned value.
type Entry = (String, Value);

/// Names of enumerations by their numbers.
const KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];

/// Leaves out what is empty or zero, which reads the same.
trait SparseMap: SerializeMap {
    fn id<const P: bool>(
        &mut self,
        key: &'static str,
        bytes: &[u8],
        hex: Arguments<'_>,
    ) -> Result<(), Self::Error> {
        if P {
            self.serialize_entry(key, &BASE64_STANDARD.encode(bytes))
        } else {
            self.serialize_entry(key, &hex)
        }
    }

    /// Of an enumeration: a number that has no name stays one.
    fn number<const P: bool>(
        &mut self,
        key: &'static str,
        number: u8,
        names: &[&'static str],
    ) -> Result<(), Self::Error> {
        match names.get(usize::from(number)) {
            Some(_) if P && number == 0 => Ok(()),
            Some(name) if P => self.serialize_entry(key, name),
            _ => self.serialize_entry(key, &number),
        }
    }

    fn nanos<const P: bool>(&mut self, key: &'static str, nanos: u64) -> Result<(), Self::Error> {
        if P && nanos == 0 { Ok(()) } else { self.serialize_entry(key, &format_args!("{nanos}")) }
    }

    fn name<const P: bool>(&mut self, name: &str) -> Result<(), Self::Error> {
        if P { self.text("name", name) } else { self.serialize_entry("name", name) }
    }

    fn text(&mut self, key: &'static str, text: &str) -> Result<(), Self::Error> {
        if text.is_empty() { Ok(()) } else { self.serialize_entry(key, text) }
    }

    fn count(&mut self, key: &'static str, count: u32) -> Result<(), Self::Error> {
        if count == 0 { Ok(()) } else { self.serialize_entry(key, &count) }
    }

    fn list<'t, T, const P: bool>(
        &mut self,
        key: &'static str,
        items: &'t [T],
    ) -> Result<(), Self::Error>
    where
        Json<&'t T, P>: Serialize,
    {
        if items.is_empty() { Ok(()) } else { self.serialize_entry(key, &List::<_, P>(items)) }
    }
}

impl<M: SerializeMap> SparseMap for M {}

struct List<'t, T, const P: bool>(&'t [T]);

impl<'t, T, const P: bool> Serialize for List<'t, T, P>
where
    Json<&'t T, P>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Json::<_, P>))
    }
}

impl<const P: bool> Serialize for Json<TracesData<'_, '_>, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.0.key, &List::<_, P>(self.0.groups))?;
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&ResourceGroup<'_>, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("resource", &Json::<_, P>(self.0.resource))?;
        map.serialize_entry("scopeSpans", &List::<_, P>(&self.0.scopes))?;
        map.text("schemaUrl", &self.0.resource.schema_url)?;
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&Resource, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.list::<_, P>("attributes", &self.0.attributes)?;
        map.count("droppedAttributesCount", self.0.dropped_attributes_count)?;
        if !P {
            map.list::<_, P>("entityRefs", &self.0.entity_refs)?;
        }
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&EntityRef, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.text("schemaUrl", &self.0.schema_url)?;
        map.text("type", &self.0.entity_type)?;
        map.serialize_entry("idKeys", &self.0.id_keys)?;
        map.serialize_entry("descriptionKeys", &self.0.description_keys)?;
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&ScopeGroup<'_>, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("scope", &Json::<_, P>(self.0.scope))?;
        map.serialize_entry("spans", &List::<_, P>(&self.0.spans))?;
        map.text("schemaUrl", &self.0.scope.schema_url)?;
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&Scope, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.text("name", &self.0.name)?;
        map.text("version", &self.0.version)?;
        map.list::<_, P>("attributes", &self.0.attributes)?;
        map.count("droppedAttributesCount", self.0.dropped_attributes_count)?;
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&SpanRef<'_>, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.id::<P>("traceId", &span.trace_id().0, format_args!("{}", span.trace_id()))?;
        map.id::<P>("spanId", &span.span_id().0, format_args!("{}", span.span_id()))?;
        map.text("traceState", span.trace_state())?;
        if !span.parent_span_id().is_zero() {
            map.id::<P>(
                "parentSpanId",
                &span.parent_span_id().0,
                format_args!("{}", span.parent_span_id()),
            )?;
        }
        map.count("flags", span.flags())?;
        map.name::<P>(span.name())?;
        map.number::<P>("kind", span.kind_number(), &KINDS)?;
        map.nanos::<P>("startTimeUnixNano", span.start_unix_nanos())?;
        map.nanos::<P>("endTimeUnixNano", span.end_unix_nanos())?;
        map.list::<_, P>("attributes", &span.attributes().collect::<Vec<_>>())?;
        map.count("droppedAttributesCount", span.dropped_attributes_count())?;
        map.list::<_, P>("events", &span.events().collect::<Vec<_>>())?;
        map.count("droppedEventsCount", span.dropped_events_count())?;
        map.list::<_, P>("links", &span.links().collect::<Vec<_>>())?;
        map.count("droppedLinksCount", span.dropped_links_count())?;
        map.serialize_entry("status", &Json::<_, P>(Status(span)))?;
        map.end()
    }
}

/// The status of a span.
struct Status<'a>(&'a SpanRef<'a>);

impl<const P: bool> Serialize for Json<Status<'_>, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let span = self.0.0;
        let mut map = serializer.serialize_map(None)?;
        map.text("message", span.status_message())?;
        if span.status_number() != 0 {
            map.number::<P>("code", span.status_number(), &STATUS_CODES)?;
        }
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&EventRef<'_>, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let event = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.nanos::<P>("timeUnixNano", event.time_unix_nanos())?;
        map.name::<P>(event.name())?;
        map.list::<_, P>("attributes", &event.attributes().collect::<Vec<_>>())?;
        map.count("droppedAttributesCount", event.dropped_attributes_count())?;
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&LinkRef<'_>, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let link = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.id::<P>("traceId", &link.trace_id().0, format_args!("{}", link.trace_id()))?;
        map.id::<P>("spanId", &link.span_id().0, format_args!("{}", link.span_id()))?;
        map.text("traceState", link.trace_state())?;
        map.count("flags", link.flags())?;
        map.list::<_, P>("attributes", &link.attributes().collect::<Vec<_>>())?;
        map.count("droppedAttributesCount", link.dropped_attributes_count())?;
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&(&str, ValueRef<'_>), P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", self.0.0)?;
        match self.0.1 {
            ValueRef::Array(_) | ValueRef::Map(_) => {
                map.serialize_entry("value", &Json::<_, P>(&self.0.1.to_value()))?;
            }
            scalar => map.serialize_entry("value", &Json::<_, P>(scalar))?,
        }
        map.end()
    }
}

impl<const P: bool> Serialize for Json<&Entry, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("key", &self.0.0)?;
        map.serialize_entry("value", &Json::<_, P>(&self.0.1))?;
        map.end()
    }
}

/// An `AnyValue`. Arms of a oneof are written even when their value is the default.
impl<const P: bool> Serialize for Json<&Value, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scalar = match self.0 {
            Value::Array(values) => {
                return serializer.collect_map([("arrayValue", Json::<_, P>(Values(values)))]);
            }
            Value::Map(entries) => {
                return serializer.collect_map([("kvlistValue", Json::<_, P>(Values(entries)))]);
            }
            Value::Empty => ValueRef::Empty,
            Value::String(text) => ValueRef::String(text),
            Value::Bool(flag) => ValueRef::Bool(*flag),
            Value::Int(number) => ValueRef::Int(*number),
            Value::Float(number) => ValueRef::Float(*number),
            Value::Bytes(bytes) => ValueRef::Bytes(bytes),
        };
        Json::<_, P>(scalar).serialize(serializer)
    }
}

/// An `ArrayValue` or `KeyValueList`.
struct Values<'t, T>(&'t [T]);

impl<'t, T, const P: bool> Serialize for Json<Values<'t, T>, P>
where
    Json<&'t T, P>: Serialize,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("values", List::<_, P>(self.0.0))])
    }
}

/// A scalar as `AnyValue`; arrays and maps come decoded, as [`Value`].
impl<const P: bool> Serialize for Json<ValueRef<'_>, P> {
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
