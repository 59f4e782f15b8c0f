//! Node and resource of a stream as one resource of OpenTelemetry.
//!
//! Used by the stream decoder, once for each that is sent. Invariant: what the node says of itself comes first, labels of
//! the resource win over it.

use super::value::{Fault, count, entry, text, timestamp};
use crate::decoded::{ATTRIBUTES_MAX, RejectReason, remove_duplicates};
use crate::rfc3339;
use crate::wire::{Reader, bytes_tag, varint_tag};
use fanal_model::{Resource, Value};

/// The resource that a `Node` and a `Resource` are, and how many keys came twice.
pub(super) fn read_owner(node: Reader<'_>, resource: Reader<'_>) -> Result<(Resource, u64), Fault> {
    let mut owner = Resource::default();
    read_node(node, &mut owner.attributes)?;
    read_resource(resource, &mut owner.attributes)?;
    let duplicates = remove_duplicates(&mut owner.attributes);
    Ok((owner, duplicates))
}

type Attributes = Vec<(String, Value)>;

fn push(key: &str, value: &[u8], into: &mut Attributes) -> Result<(), Fault> {
    if !value.is_empty() {
        into.push((key.to_owned(), Value::String(text(value)?.to_owned())));
    }
    Ok(())
}

/// An entry of a map of texts.
fn push_entry(reader: Reader<'_>, into: &mut Attributes) -> Result<(), Fault> {
    count(into.len(), ATTRIBUTES_MAX, RejectReason::AttributeCount)?;
    let (key, value) = entry(reader)?;
    into.push((text(key)?.to_owned(), Value::String(text(value.rest())?.to_owned())));
    Ok(())
}

fn read_node(mut reader: Reader<'_>, into: &mut Attributes) -> Result<(), Fault> {
    const IDENTIFIER: u32 = bytes_tag(1);
    const LIBRARY_INFO: u32 = bytes_tag(2);
    const SERVICE_INFO: u32 = bytes_tag(3);
    const ATTRIBUTES: u32 = bytes_tag(4);
    while !reader.is_at_end() {
        match reader.tag()? {
            IDENTIFIER => read_identifier(reader.message()?, into)?,
            LIBRARY_INFO => read_library(reader.message()?, into)?,
            SERVICE_INFO => read_service(reader.message()?, into)?,
            ATTRIBUTES => push_entry(reader.message()?, into)?,
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

fn read_identifier(mut reader: Reader<'_>, into: &mut Attributes) -> Result<(), Fault> {
    const HOST_NAME: u32 = bytes_tag(1);
    const PID: u32 = varint_tag(2);
    const START_TIMESTAMP: u32 = bytes_tag(3);
    while !reader.is_at_end() {
        match reader.tag()? {
            HOST_NAME => push("host.name", reader.bytes()?, into)?,
            PID => {
                let pid = i64::from(reader.varint32()?);
                into.push(("process.pid".to_owned(), Value::Int(pid)));
            }
            START_TIMESTAMP => {
                let start = rfc3339::format(timestamp(reader.message()?)?);
                into.push(("opencensus.starttime".to_owned(), Value::String(start)));
            }
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

fn read_library(mut reader: Reader<'_>, into: &mut Attributes) -> Result<(), Fault> {
    const LANGUAGE: u32 = varint_tag(1);
    const EXPORTER_VERSION: u32 = bytes_tag(2);
    const CORE_LIBRARY_VERSION: u32 = bytes_tag(3);
    while !reader.is_at_end() {
        match reader.tag()? {
            LANGUAGE => {
                let language = language(reader.varint()?);
                push("telemetry.sdk.language", language.as_bytes(), into)?;
            }
            EXPORTER_VERSION => push("opencensus.exporterversion", reader.bytes()?, into)?,
            CORE_LIBRARY_VERSION => push("telemetry.sdk.version", reader.bytes()?, into)?,
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

fn read_service(mut reader: Reader<'_>, into: &mut Attributes) -> Result<(), Fault> {
    const NAME: u32 = bytes_tag(1);
    while !reader.is_at_end() {
        match reader.tag()? {
            NAME => push("service.name", reader.bytes()?, into)?,
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

fn read_resource(mut reader: Reader<'_>, into: &mut Attributes) -> Result<(), Fault> {
    const TYPE: u32 = bytes_tag(1);
    const LABELS: u32 = bytes_tag(2);
    while !reader.is_at_end() {
        match reader.tag()? {
            TYPE => push("opencensus.resourcetype", reader.bytes()?, into)?,
            LABELS => push_entry(reader.message()?, into)?,
            other => reader.skip(other)?,
        }
    }
    Ok(())
}

/// The word of OpenTelemetry for a language; empty for what is unknown.
fn language(number: u64) -> &'static str {
    const LANGUAGES: [&str; 11] =
        ["", "cpp", "dotnet", "erlang", "go", "java", "nodejs", "php", "python", "ruby", "webjs"];
    usize::try_from(number).ok().and_then(|number| LANGUAGES.get(number)).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_the_words_of_opentelemetry() {
        assert_eq!([0, 1, 4, 10, 11, u64::MAX].map(language), ["", "cpp", "go", "webjs", "", ""]);
    }
}
