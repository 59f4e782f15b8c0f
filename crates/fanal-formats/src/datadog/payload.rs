//! The payload of version 0.7: what a process tells of itself once, around its chunks.
//!
//! Fields come in any order, the chunks mostly before others; so a first look finds the fields, and the chunks are read
//! after it.

use super::layout::{map, text};
use super::owner::Owners;
use crate::decoded::ATTRIBUTES_MAX;
use crate::msgpack::{MsgpackError, MsgpackFault, Reader};

/// What the walk of the chunks needs of a payload.
#[derive(Debug, Default)]
pub(super) struct Payload<'a> {
    /// Where the chunks are.
    pub(super) chunks: Option<Reader<'a>>,
    /// Of spans that do not tell theirs.
    pub(super) env: &'a [u8],
    /// Of spans that do not tell theirs.
    pub(super) version: &'a [u8],
}

impl<'a> Payload<'a> {
    /// Looks at a payload; what holds for the process goes to `owners`.
    pub(super) fn survey(
        reader: &mut Reader<'a>,
        owners: &mut Owners<'a>,
    ) -> Result<Self, MsgpackError> {
        let mut payload = Self::default();
        for _ in 0..map(reader)? {
            match reader.text()? {
                b"container_id" => owners.tell("container.id", text(reader)?),
                b"language_name" => owners.tell("telemetry.sdk.language", text(reader)?),
                b"language_version" => owners.tell("process.runtime.version", text(reader)?),
                b"tracer_version" => owners.tell("telemetry.sdk.version", text(reader)?),
                b"runtime_id" => owners.tell("service.instance.id", text(reader)?),
                b"hostname" => owners.tell("host.name", text(reader)?),
                b"env" => payload.env = text(reader)?,
                b"app_version" => payload.version = text(reader)?,
                b"tags" => read_tags(reader, owners)?,
                b"chunks" => {
                    payload.chunks = Some(reader.clone());
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
        }
        owners.tell("telemetry.sdk.name", b"datadog");
        Ok(payload)
    }
}

/// Tags of the process are attributes of its resources.
fn read_tags<'a>(reader: &mut Reader<'a>, owners: &mut Owners<'a>) -> Result<(), MsgpackError> {
    let begin = reader.clone();
    let count = map(reader)?;
    if count > ATTRIBUTES_MAX {
        return Err(begin.fail(MsgpackFault::Length));
    }
    for _ in 0..count {
        let (key, value) = (reader.text()?, text(reader)?);
        owners.tell(&String::from_utf8_lossy(key), value);
    }
    Ok(())
}
