//! Version 0.5 of the API of Datadog's agent: a table of strings, and spans of twelve elements.

use super::msgpack::Packer;
use super::{halves, service};
use crate::span::GeneratedSpan;
use fanal_model::{SpanKind, StatusCode, Value};
use std::collections::HashMap;

/// Elements of a span.
const SPAN_ELEMENTS: usize = 12;

/// The strings, each once.
#[derive(Debug, Default)]
struct Strings {
    places: HashMap<String, usize>,
    texts: Vec<String>,
}

impl Strings {
    fn place(&mut self, text: &str) -> usize {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.texts.len();
        self.places.insert(text.to_owned(), place);
        self.texts.push(text.to_owned());
        place
    }
}

/// The body of a request.
pub(super) fn v05(spans: &[&GeneratedSpan]) -> Vec<u8> {
    let mut strings = Strings::default();
    strings.place("");
    let mut traces: Vec<Vec<&GeneratedSpan>> = Vec::new();
    for &span in spans {
        match traces.last_mut().filter(|trace| trace[0].trace_id == span.trace_id) {
            Some(trace) => trace.push(span),
            None => traces.push(vec![span]),
        }
    }
    let mut packed = Packer::default();
    packed.array(traces.len());
    for trace in traces {
        packed.array(trace.len());
        for (place, span) in trace.into_iter().enumerate() {
            pack_span(&mut packed, &mut strings, span, place == 0);
        }
    }
    let mut body = Packer::default();
    body.array(2);
    body.array(strings.texts.len());
    strings.texts.iter().for_each(|text| body.text(text));
    body.bytes.extend_from_slice(&packed.bytes);
    body.bytes
}

fn pack_span(out: &mut Packer, strings: &mut Strings, span: &GeneratedSpan, is_first: bool) {
    let (high, low) = halves(span);
    out.array(SPAN_ELEMENTS);
    out.index(strings.place(&service(span)));
    out.index(strings.place(&span.name));
    out.index(strings.place(&span.name));
    out.unsigned(low);
    out.unsigned(u64::from_be_bytes(span.span_id.0));
    out.unsigned(u64::from_be_bytes(span.parent_span_id.0));
    out.signed(span.start_unix_nanos.cast_signed());
    out.signed(span.end_unix_nanos.saturating_sub(span.start_unix_nanos).cast_signed());
    out.signed(i64::from(span.status_code == StatusCode::Error));
    let (metrics, texts): (Vec<_>, Vec<_>) = span
        .attributes
        .iter()
        .partition(|(_, value)| matches!(value, Value::Int(_) | Value::Float(_)));
    let mut meta: Vec<(String, String)> =
        texts.iter().map(|(key, value)| ((*key).to_owned(), value.to_text())).collect();
    if span.kind != SpanKind::Unspecified {
        meta.push(("span.kind".to_owned(), span.kind.as_str().to_owned()));
    }
    if is_first {
        meta.push(("_dd.p.tid".to_owned(), format!("{high:016x}")));
    }
    if !span.status_message.is_empty() {
        meta.push(("error.message".to_owned(), span.status_message.clone()));
    }
    out.map(meta.len());
    for (key, value) in meta {
        out.index(strings.place(&key));
        out.index(strings.place(&value));
    }
    out.map(metrics.len());
    for (key, value) in metrics {
        out.index(strings.place(key));
        match value {
            Value::Int(number) => out.figure(*number),
            Value::Float(number) => out.float(*number),
            _ => out.float(0.0),
        }
    }
    out.index(strings.place(""));
}
