//! Node and resource of a stream as one resource of OpenTelemetry.
//!
//! Used by the stream decoder, once for each that is sent. Invariant: what the node says of itself comes first, labels of
//! the resource win over it.

use super::value::{Fault, count, entry, text, timestamp};
use crate::decoded::{ATTRIBUTES_MAX, RejectReason, remove_duplicates};
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
                let start = rfc3339(timestamp(reader.message()?)?);
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

/// A time as `2026-01-02T03:04:05.000000006Z`.
fn rfc3339(unix_nanos: u64) -> String {
    let (seconds, nanos) = (unix_nanos / 1_000_000_000, unix_nanos % 1_000_000_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, so that the day of a leap year comes last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        let check = |nanos: u64, expect: &str| assert_eq!(rfc3339(nanos), expect);
        check(0, "1970-01-01T00:00:00Z");
        check(1_767_225_600_000_000_006, "2026-01-01T00:00:00.000000006Z");
        check(1_709_210_096_789_000_000, "2024-02-29T12:34:56.789000000Z");
        check(951_868_799_000_000_000, "2000-02-29T23:59:59Z");
        check(u64::MAX, "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn languages_have_the_words_of_opentelemetry() {
        assert_eq!([0, 1, 4, 10, 11, u64::MAX].map(language), ["", "cpp", "go", "webjs", "", ""]);
    }
}
