//! Spans as readable text, one a line:
//! ```text
//! resource desk region="eu"
//! scope desk io.http 2.1
//! trace T1 11
//! a1 - desk "GET /book" server error:"gone" 1000 400 retries=2 tags=["sea","night"]
//!   event +20 retry attempt=1
//!   link 11 a1 reason="cause"
//! ```
//! Times are milliseconds after [`EPOCH_NANOS`]; a span's id is its label as often as it fits; `-` is no parent.

use super::traces::EPOCH_NANOS;
use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, SpanKind, StatusCode,
    TraceId, Value, ValueRef, nested,
};
use std::collections::BTreeMap;

/// Spans with the names that a text gives to their traces; labels of spans are the beginnings of their ids.
#[derive(Debug, Clone, Default)]
pub struct Spans {
    /// The spans.
    pub batch: SpanBatch,
    /// Names of traces.
    pub traces: BTreeMap<TraceId, String>,
}

/// A line that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line:?} of the scenario is not understood")]
pub struct InvalidScenario {
    /// The line.
    pub line: String,
}

#[derive(Default)]
struct Reader {
    builder: SpanBatchBuilder,
    resources: BTreeMap<String, Vec<(String, Value)>>,
    scopes: BTreeMap<String, Scope>,
    traces: BTreeMap<TraceId, String>,
    trace_id: TraceId,
}

impl Spans {
    /// Reads lines of spans.
    pub fn parse(text: &str) -> Result<Self, InvalidScenario> {
        let mut reader = Reader::default();
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let mut at = 0;
        while at < lines.len() {
            let items = lines[at + 1..].iter().take_while(|line| line.starts_with(' ')).count();
            let block = &lines[at..=at + items];
            let invalid = || InvalidScenario { line: block[0].to_owned() };
            reader.block(block).ok_or_else(invalid)?;
            at += items + 1;
        }
        Ok(Self { batch: reader.builder.finish(), traces: reader.traces })
    }
}

impl Reader {
    /// A line and the indented ones that follow it.
    fn block(&mut self, lines: &[&str]) -> Option<()> {
        let words = words(lines[0]);
        match words.first()?.as_str() {
            "resource" => {
                let attributes = attributes(words.get(2..)?)?;
                self.resources.insert(words.get(1)?.clone(), attributes);
            }
            "scope" => {
                let scope = Scope {
                    name: words.get(2)?.clone(),
                    version: words.get(3)?.clone(),
                    attributes: attributes(words.get(4..)?)?,
                    ..Scope::default()
                };
                self.scopes.insert(words.get(1)?.clone(), scope);
            }
            "trace" => {
                self.trace_id = trace_id(words.get(2)?)?;
                self.traces.insert(self.trace_id, words.get(1)?.clone());
            }
            _ => self.span(&words, &lines[1..])?,
        }
        Some(())
    }

    fn span(&mut self, words: &[String], items: &[&str]) -> Option<()> {
        let [label, parent, service, name, kind, status, start, duration, rest @ ..] = words else {
            return None;
        };
        let start = EPOCH_NANOS + start.parse::<u64>().ok()? * 1_000_000;
        for (key, value) in attributes(rest)? {
            with_ref(&value, |value| self.builder.attribute(&key, value));
        }
        for item in items {
            self.item(item, start)?;
        }
        let mut resource = vec![("service.name".to_owned(), Value::String(service.clone()))];
        resource.extend(self.resources.get(service).cloned().unwrap_or_default());
        let resource = Resource { attributes: resource, ..Resource::default() };
        let resource = self.builder.intern_resource(&resource);
        let scope = self.scopes.get(service).cloned().unwrap_or_default();
        let scope = self.builder.intern_scope(&scope);
        let (status, message) = status.split_once(':').unwrap_or((status, ""));
        let kind = SpanKind::parse(kind)?;
        let status = StatusCode::parse(status)?;
        let number = |position: Option<usize>| position.and_then(|code| u8::try_from(code).ok());
        self.builder.finish_span(&SpanFields {
            trace_id: self.trace_id,
            span_id: span_id(label)?,
            parent_span_id: if parent == "-" { SpanId::default() } else { span_id(parent)? },
            start_unix_nanos: start,
            end_unix_nanos: start + duration.parse::<u64>().ok()? * 1_000_000,
            kind: number(SpanKind::ALL.iter().position(|known| *known == kind))?,
            status_code: number(StatusCode::ALL.iter().position(|known| *known == status))?,
            name: name.trim_matches('"'),
            status_message: message.trim_matches('"'),
            resource,
            scope,
            ..SpanFields::default()
        });
        Some(())
    }

    fn item(&mut self, line: &str, start: u64) -> Option<()> {
        let words = words(line);
        match words.first()?.as_str() {
            "event" => {
                let time = words.get(1)?.strip_prefix('+')?.parse::<u64>().ok()? * 1_000_000;
                for (key, value) in attributes(words.get(3..)?)? {
                    with_ref(&value, |value| self.builder.event_attribute(&key, value));
                }
                self.builder.finish_event(start + time, words.get(2)?, 0);
            }
            "link" => {
                for (key, value) in attributes(words.get(3..)?)? {
                    with_ref(&value, |value| self.builder.link_attribute(&key, value));
                }
                self.builder.finish_link(LinkFields {
                    trace_id: trace_id(words.get(1)?)?,
                    span_id: span_id(words.get(2)?)?,
                    ..LinkFields::default()
                });
            }
            _ => return None,
        }
        Some(())
    }
}

/// A trace id by its last digits.
fn trace_id(digits: &str) -> Option<TraceId> {
    TraceId::parse_hex(digits).ok()
}

/// The label of a span as often as it fits.
fn span_id(label: &str) -> Option<SpanId> {
    SpanId::parse_hex(&label.chars().cycle().take(16).collect::<String>()).ok()
}

/// Hands a value over as it lies in a column.
pub(super) fn with_ref(value: &Value, take: impl FnOnce(ValueRef<'_>)) {
    let mut bytes = Vec::new();
    take(match value {
        Value::Empty => ValueRef::Empty,
        Value::String(text) => ValueRef::String(text),
        Value::Bool(flag) => ValueRef::Bool(*flag),
        Value::Int(number) => ValueRef::Int(*number),
        Value::Float(number) => ValueRef::Float(*number),
        Value::Bytes(bytes) => ValueRef::Bytes(bytes),
        Value::Array(_) => {
            nested::encode(value, &mut bytes);
            ValueRef::Array(&bytes)
        }
        Value::Map(_) => {
            nested::encode(value, &mut bytes);
            ValueRef::Map(&bytes)
        }
    });
}

/// The words of a line; what stands in quotes is one with its neighbours.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in line.trim().chars() {
        is_quoted ^= c == '"';
        match words.last_mut() {
            Some(word) if is_quoted || c != ' ' => word.push(c),
            Some(word) if !word.is_empty() => words.push(String::new()),
            _ => {}
        }
    }
    words
}

/// `key=value` each.
fn attributes(words: &[String]) -> Option<Vec<(String, Value)>> {
    words
        .iter()
        .map(|word| {
            let (key, text) = word.split_once('=')?;
            Some((key.to_owned(), value(text)?))
        })
        .collect()
}

fn value(text: &str) -> Option<Value> {
    if let Some(items) = text.strip_prefix('[') {
        let items = items.strip_suffix(']')?.split(',').filter(|item| !item.is_empty());
        return items.map(value).collect::<Option<Vec<Value>>>().map(Value::Array);
    }
    if let Some(text) = text.strip_prefix('"') {
        return Some(Value::String(text.strip_suffix('"')?.to_owned()));
    }
    let int = text.parse().map(Value::Int).ok();
    let number = int.or_else(|| text.parse().map(Value::Float).ok());
    match text {
        "true" | "false" => Some(Value::Bool(text == "true")),
        "map" => Some(Value::Map(vec![("k".to_owned(), Value::Int(1))])),
        _ => number,
    }
}
