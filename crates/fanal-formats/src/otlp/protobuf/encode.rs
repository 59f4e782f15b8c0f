//! Writes spans as OTLP protobuf.
//!
//! Called by the server's answers. Invariant: everything that the model holds is written; a scope or status without
//! content too, because there are readers that look into them unasked. A resource without content is left out.

use super::fields::{
    any_value, entity_ref, event, key_value, link, list, request, resource, resource_spans, scope,
    scope_spans, span, status,
};
use crate::otlp::group::{ResourceGroup, ScopeGroup, group};
use crate::wire::Writer;
use fanal_model::{
    EntityRef, EventRef, IndexedBatch, LinkRef, Resource, Scope, SpanRef, Value, ValueRef,
};

/// Encodes all spans of the batches as `TracesData`, which is also an `ExportTraceServiceRequest`.
pub fn encode_traces(batches: &[&IndexedBatch]) -> Vec<u8> {
    let mut writer = Writer::default();
    for group in group(batches) {
        writer.message(request::RESOURCE_SPANS, |writer| write_resource_spans(writer, &group));
    }
    writer.finish()
}

fn write_resource_spans(writer: &mut Writer, group: &ResourceGroup<'_>) {
    let owner = group.resource;
    if !(owner.attributes.is_empty()
        && owner.dropped_attributes_count == 0
        && owner.entity_refs.is_empty())
    {
        writer.message(resource_spans::RESOURCE, |writer| write_resource(writer, owner));
    }
    for scope in &group.scopes {
        writer.message(resource_spans::SCOPE_SPANS, |writer| write_scope_spans(writer, scope));
    }
    writer.bytes_unless_empty(resource_spans::SCHEMA_URL, owner.schema_url.as_bytes());
}

fn write_resource(writer: &mut Writer, owner: &Resource) {
    write_owned_attributes(writer, resource::ATTRIBUTES, &owner.attributes);
    let dropped = u64::from(owner.dropped_attributes_count);
    writer.varint_unless_zero(resource::DROPPED_ATTRIBUTES_COUNT, dropped);
    for entity in &owner.entity_refs {
        writer.message(resource::ENTITY_REFS, |writer| write_entity_ref(writer, entity));
    }
}

fn write_entity_ref(writer: &mut Writer, entity: &EntityRef) {
    writer.bytes_unless_empty(entity_ref::SCHEMA_URL, entity.schema_url.as_bytes());
    writer.bytes_unless_empty(entity_ref::TYPE, entity.entity_type.as_bytes());
    for key in &entity.id_keys {
        writer.bytes(entity_ref::ID_KEYS, key.as_bytes());
    }
    for key in &entity.description_keys {
        writer.bytes(entity_ref::DESCRIPTION_KEYS, key.as_bytes());
    }
}

fn write_scope_spans(writer: &mut Writer, group: &ScopeGroup<'_>) {
    let owner = group.scope;
    writer.message(scope_spans::SCOPE, |writer| write_scope(writer, owner));
    for span in &group.spans {
        writer.message(scope_spans::SPANS, |writer| write_span(writer, span));
    }
    writer.bytes_unless_empty(scope_spans::SCHEMA_URL, owner.schema_url.as_bytes());
}

fn write_scope(writer: &mut Writer, owner: &Scope) {
    writer.bytes_unless_empty(scope::NAME, owner.name.as_bytes());
    writer.bytes_unless_empty(scope::VERSION, owner.version.as_bytes());
    write_owned_attributes(writer, scope::ATTRIBUTES, &owner.attributes);
    let dropped = u64::from(owner.dropped_attributes_count);
    writer.varint_unless_zero(scope::DROPPED_ATTRIBUTES_COUNT, dropped);
}

fn write_span(writer: &mut Writer, of: &SpanRef<'_>) {
    writer.bytes(span::TRACE_ID, &of.trace_id().0);
    writer.bytes(span::SPAN_ID, &of.span_id().0);
    writer.bytes_unless_empty(span::TRACE_STATE, of.trace_state().as_bytes());
    if !of.parent_span_id().is_zero() {
        writer.bytes(span::PARENT_SPAN_ID, &of.parent_span_id().0);
    }
    writer.bytes_unless_empty(span::NAME, of.name().as_bytes());
    writer.varint_unless_zero(span::KIND, u64::from(of.kind_number()));
    writer.fixed64(span::START, of.start_unix_nanos());
    writer.fixed64(span::END, of.end_unix_nanos());
    for (key, value) in of.attributes() {
        write_attribute(writer, span::ATTRIBUTES, key, value);
    }
    let dropped = u64::from(of.dropped_attributes_count());
    writer.varint_unless_zero(span::DROPPED_ATTRIBUTES_COUNT, dropped);
    for event in of.events() {
        writer.message(span::EVENTS, |writer| write_event(writer, &event));
    }
    writer.varint_unless_zero(span::DROPPED_EVENTS_COUNT, u64::from(of.dropped_events_count()));
    for link in of.links() {
        writer.message(span::LINKS, |writer| write_link(writer, &link));
    }
    writer.varint_unless_zero(span::DROPPED_LINKS_COUNT, u64::from(of.dropped_links_count()));
    writer.message(span::STATUS, |writer| {
        writer.bytes_unless_empty(status::MESSAGE, of.status_message().as_bytes());
        writer.varint_unless_zero(status::CODE, u64::from(of.status_number()));
    });
    if of.flags() != 0 {
        writer.fixed32(span::FLAGS, of.flags());
    }
}

fn write_event(writer: &mut Writer, of: &EventRef<'_>) {
    writer.fixed64(event::TIME, of.time_unix_nanos());
    writer.bytes_unless_empty(event::NAME, of.name().as_bytes());
    for (key, value) in of.attributes() {
        write_attribute(writer, event::ATTRIBUTES, key, value);
    }
    let dropped = u64::from(of.dropped_attributes_count());
    writer.varint_unless_zero(event::DROPPED_ATTRIBUTES_COUNT, dropped);
}

fn write_link(writer: &mut Writer, of: &LinkRef<'_>) {
    writer.bytes(link::TRACE_ID, &of.trace_id().0);
    writer.bytes(link::SPAN_ID, &of.span_id().0);
    writer.bytes_unless_empty(link::TRACE_STATE, of.trace_state().as_bytes());
    for (key, value) in of.attributes() {
        write_attribute(writer, link::ATTRIBUTES, key, value);
    }
    let dropped = u64::from(of.dropped_attributes_count());
    writer.varint_unless_zero(link::DROPPED_ATTRIBUTES_COUNT, dropped);
    if of.flags() != 0 {
        writer.fixed32(link::FLAGS, of.flags());
    }
}

fn write_owned_attributes(writer: &mut Writer, tag: u32, attributes: &[(String, Value)]) {
    for (key, value) in attributes {
        writer.message(tag, |writer| write_key_value(writer, key, value));
    }
}

fn write_key_value(writer: &mut Writer, key: &str, value: &Value) {
    writer.bytes_unless_empty(key_value::KEY, key.as_bytes());
    writer.message(key_value::VALUE, |writer| write_value(writer, value));
}

fn write_attribute(writer: &mut Writer, tag: u32, key: &str, value: ValueRef<'_>) {
    writer.message(tag, |writer| {
        writer.bytes_unless_empty(key_value::KEY, key.as_bytes());
        writer.message(key_value::VALUE, |writer| match value {
            ValueRef::Array(_) | ValueRef::Map(_) => write_value(writer, &value.to_value()),
            scalar => write_scalar(writer, scalar),
        });
    });
}

/// The arm of an `AnyValue`. Arms of a oneof are written even when their value is the default.
fn write_scalar(writer: &mut Writer, value: ValueRef<'_>) {
    match value {
        ValueRef::Empty | ValueRef::Array(_) | ValueRef::Map(_) => {}
        ValueRef::String(text) => writer.bytes(any_value::STRING, text.as_bytes()),
        ValueRef::Bool(flag) => writer.varint(any_value::BOOL, u64::from(flag)),
        ValueRef::Int(number) => writer.varint(any_value::INT, number.cast_unsigned()),
        ValueRef::Float(number) => writer.fixed64(any_value::DOUBLE, number.to_bits()),
        ValueRef::Bytes(bytes) => writer.bytes(any_value::BYTES, bytes),
    }
}

fn write_value(writer: &mut Writer, value: &Value) {
    match value {
        Value::Empty => {}
        Value::String(text) => write_scalar(writer, ValueRef::String(text)),
        Value::Bool(flag) => write_scalar(writer, ValueRef::Bool(*flag)),
        Value::Int(number) => write_scalar(writer, ValueRef::Int(*number)),
        Value::Float(number) => write_scalar(writer, ValueRef::Float(*number)),
        Value::Bytes(bytes) => write_scalar(writer, ValueRef::Bytes(bytes)),
        Value::Array(values) => writer.message(any_value::ARRAY, |writer| {
            for value in values {
                writer.message(list::VALUES, |writer| write_value(writer, value));
            }
        }),
        Value::Map(entries) => writer.message(any_value::MAP, |writer| {
            for (key, value) in entries {
                writer.message(list::VALUES, |writer| write_key_value(writer, key, value));
            }
        }),
    }
}
