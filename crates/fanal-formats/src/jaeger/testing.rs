//! What the tests of this folder share: thrift written by hand in both protocols, and spans as text.

use super::span::JaegerTag;
use crate::decoded::Decoded;
use crate::draft::DraftValue;
use crate::thrift::Protocol;
use fanal_model::{IndexedBatch, ValueRef};
use std::sync::Arc;

/// A tag of text.
pub(super) fn text_tag<'a>(key: &'a str, text: &'a str) -> JaegerTag<'a> {
    JaegerTag { key: key.as_bytes(), text: text.as_bytes(), ..JaegerTag::default() }
}

/// A value as text.
pub(super) fn of_value(value: &DraftValue<'_>) -> String {
    value.raw().check().expect("text").to_text().into_owned()
}

/// A thrift value.
#[derive(Debug, Clone)]
pub(super) enum Thrift {
    Bool(bool),
    I32(i32),
    I64(i64),
    Double(f64),
    Text(&'static str),
    Bytes(&'static [u8]),
    Struct(Vec<(i16, Self)>),
    /// Of structs, or empty.
    List(Vec<Self>),
}

impl Thrift {
    pub(super) fn encode(&self, protocol: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        match protocol {
            Protocol::Binary => self.write_binary(&mut out),
            Protocol::Compact => self.write_compact(&mut out),
        }
        out
    }

    /// A one-way call of a method with this value, a struct, as its first argument.
    pub(super) fn message(&self, method: &str, protocol: Protocol) -> Vec<u8> {
        let length = u8::try_from(method.len()).expect("short");
        let mut out = match protocol {
            Protocol::Binary => vec![0x80, 1, 0, 4, 0, 0, 0, length],
            Protocol::Compact => vec![0x82, 0x81, 0xac, 2, length],
        };
        out.extend_from_slice(method.as_bytes());
        if protocol == Protocol::Binary {
            out.extend_from_slice(&[0, 0, 1, 44]);
        }
        out.extend(Self::Struct(vec![(1, self.clone())]).encode(protocol));
        out
    }

    fn write_binary(&self, out: &mut Vec<u8>) {
        let bytes = |bytes: &[u8], out: &mut Vec<u8>| {
            out.extend(i32::try_from(bytes.len()).expect("short").to_be_bytes());
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Bool(flag) => out.push(u8::from(*flag)),
            Self::I32(number) => out.extend(number.to_be_bytes()),
            Self::I64(number) => out.extend(number.to_be_bytes()),
            Self::Double(number) => out.extend(number.to_be_bytes()),
            Self::Text(text) => bytes(text.as_bytes(), out),
            Self::Bytes(content) => bytes(content, out),
            Self::Struct(fields) => {
                for (id, value) in fields {
                    out.push(match value {
                        Self::Bool(_) => 2,
                        Self::I32(_) => 8,
                        Self::I64(_) => 10,
                        Self::Double(_) => 4,
                        Self::Text(_) | Self::Bytes(_) => 11,
                        Self::Struct(_) => 12,
                        Self::List(_) => 15,
                    });
                    out.extend(id.to_be_bytes());
                    value.write_binary(out);
                }
                out.push(0);
            }
            Self::List(items) => {
                out.push(12);
                out.extend(i32::try_from(items.len()).expect("short").to_be_bytes());
                items.iter().for_each(|item| item.write_binary(out));
            }
        }
    }

    fn write_compact(&self, out: &mut Vec<u8>) {
        let bytes = |bytes: &[u8], out: &mut Vec<u8>| {
            write_varint(u64::try_from(bytes.len()).expect("short"), out);
            out.extend_from_slice(bytes);
        };
        match self {
            Self::Bool(_) => {}
            Self::I32(number) => write_varint(zigzag(i64::from(*number)), out),
            Self::I64(number) => write_varint(zigzag(*number), out),
            Self::Double(number) => out.extend(number.to_le_bytes()),
            Self::Text(text) => bytes(text.as_bytes(), out),
            Self::Bytes(content) => bytes(content, out),
            Self::Struct(fields) => {
                let mut last_id = 0;
                for (id, value) in fields {
                    let kind = match value {
                        Self::Bool(true) => 1,
                        Self::Bool(false) => 2,
                        Self::I32(_) => 5,
                        Self::I64(_) => 6,
                        Self::Double(_) => 7,
                        Self::Text(_) | Self::Bytes(_) => 8,
                        Self::Struct(_) => 12,
                        Self::List(_) => 9,
                    };
                    match u8::try_from(id - last_id) {
                        Ok(distance @ 1..=15) => out.push(distance << 4 | kind),
                        _ => {
                            out.push(kind);
                            write_varint(zigzag(i64::from(*id)), out);
                        }
                    }
                    last_id = *id;
                    value.write_compact(out);
                }
                out.push(0);
            }
            Self::List(items) => {
                match u8::try_from(items.len()) {
                    Ok(count @ 0..=14) => out.push(count << 4 | 0x0c),
                    _ => {
                        out.push(0xfc);
                        write_varint(u64::try_from(items.len()).expect("short"), out);
                    }
                }
                items.iter().for_each(|item| item.write_compact(out));
            }
        }
    }
}

fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn write_varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Everything of the accepted spans, a line each for spans, events and links.
pub(super) fn shown(decoded: Decoded) -> Vec<String> {
    decoded.batch.validate().expect("valid");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("decodes");
    let attributes = |attributes: &mut dyn Iterator<Item = (&str, ValueRef<'_>)>| {
        let shown = attributes.map(|(key, value)| format!("{key}={}", value.to_text()));
        shown.collect::<Vec<_>>().join(" ")
    };
    let mut lines = Vec::new();
    for span in batch.spans() {
        let scope = span.scope();
        lines.push(format!(
            "{}/{} parent {} `{}` {}..{} {:?} {:?} `{}` flags {} state `{}` scope `{} {}` {}",
            span.trace_id(),
            span.span_id(),
            span.parent_span_id(),
            span.name(),
            span.start_unix_nanos(),
            span.end_unix_nanos(),
            span.kind(),
            span.status_code(),
            span.status_message(),
            span.flags(),
            span.trace_state(),
            scope.name,
            scope.version,
            attributes(&mut span.attributes()),
        ));
        let resource = span.resource().attributes.iter();
        let resource: Vec<String> =
            resource.map(|(key, value)| format!("{key}={}", value.to_text())).collect();
        lines.push(format!("  process {}", resource.join(" ")));
        for event in span.events() {
            let (time, name) = (event.time_unix_nanos(), event.name());
            lines.push(format!("  event {time} `{name}` {}", attributes(&mut event.attributes())));
        }
        for link in span.links() {
            let (trace, span) = (link.trace_id(), link.span_id());
            lines.push(format!("  link {trace}/{span} {}", attributes(&mut link.attributes())));
        }
    }
    lines
}
