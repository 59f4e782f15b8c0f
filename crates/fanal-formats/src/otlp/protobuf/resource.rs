//! Walks resources and scopes into their model types, once per distinct one of a request.
//!
//! Used by the request walk. Not on the hot path: many spans share one resource.

use super::fields::{entity_ref, resource, scope};
use super::value::{Fault, refuse, text, walk_attribute};
use crate::decoded::{ATTRIBUTES_MAX, RejectReason, remove_duplicates};
use crate::wire::Reader;
use fanal_model::{EntityRef, Resource, Scope, Value, raw};

/// Reads a `Resource` into what earlier occurrences of its field gave. Returns its duplicate keys.
pub(super) fn read_resource(mut reader: Reader<'_>, into: &mut Resource) -> Result<u64, Fault> {
    while !reader.is_at_end() {
        match reader.tag()? {
            resource::ATTRIBUTES => read_attribute(reader.message()?, &mut into.attributes)?,
            resource::DROPPED_ATTRIBUTES_COUNT => {
                into.dropped_attributes_count = reader.varint32()?;
            }
            resource::ENTITY_REFS => into.entity_refs.push(read_entity_ref(reader.message()?)?),
            other => reader.skip(other)?,
        }
    }
    Ok(remove_duplicates(&mut into.attributes))
}

/// Reads an `InstrumentationScope` like [`read_resource`].
pub(super) fn read_scope(mut reader: Reader<'_>, into: &mut Scope) -> Result<u64, Fault> {
    while !reader.is_at_end() {
        match reader.tag()? {
            scope::NAME => into.name = owned(reader.bytes()?)?,
            scope::VERSION => into.version = owned(reader.bytes()?)?,
            scope::ATTRIBUTES => read_attribute(reader.message()?, &mut into.attributes)?,
            scope::DROPPED_ATTRIBUTES_COUNT => into.dropped_attributes_count = reader.varint32()?,
            other => reader.skip(other)?,
        }
    }
    Ok(remove_duplicates(&mut into.attributes))
}

fn read_attribute(reader: Reader<'_>, into: &mut Vec<(String, Value)>) -> Result<(), Fault> {
    if into.len() == ATTRIBUTES_MAX {
        return Err(refuse(RejectReason::AttributeCount, ATTRIBUTES_MAX + 1));
    }
    let mut scratch = Vec::new();
    walk_attribute(reader, &mut scratch, |key, value| {
        into.push((raw::text(key)?.to_owned(), value.check()?.to_value()));
        Ok(())
    })
}

fn read_entity_ref(mut reader: Reader<'_>) -> Result<EntityRef, Fault> {
    let mut entity = EntityRef::default();
    while !reader.is_at_end() {
        match reader.tag()? {
            entity_ref::SCHEMA_URL => entity.schema_url = owned(reader.bytes()?)?,
            entity_ref::TYPE => entity.entity_type = owned(reader.bytes()?)?,
            entity_ref::ID_KEYS => entity.id_keys.push(owned(reader.bytes()?)?),
            entity_ref::DESCRIPTION_KEYS => entity.description_keys.push(owned(reader.bytes()?)?),
            other => reader.skip(other)?,
        }
    }
    Ok(entity)
}

pub(super) fn owned(bytes: &[u8]) -> Result<String, Fault> {
    text(bytes).map(str::to_owned)
}
