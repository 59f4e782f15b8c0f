//! A trace in Jaeger's form.
//!
//! Fed with what `adjust` shows; read by the JSON answers and by the gRPC API. Lost in this form: dropped counts, schema
//! URLs, scope attributes, link attributes and states, the types of arrays; in JSON, time below a microsecond too.

use super::adjust::Shown;
use super::types::{JaegerLog, JaegerProcess, JaegerSpan, JaegerTag, JaegerTrace};
use super::{references, tags};
use fanal_base::cast;
use fanal_model::{EventRef, SpanKind, SpanRef, StatusCode, Value};

/// Flag of a sampled span; OTLP's other bits mean other things in Jaeger.
const FLAG_SAMPLED: u32 = 1;

/// Service of a resource without one where nothing is adjusted, which Jaeger's tools know.
const NO_SERVICE: &str = "OTLPResourceNoServiceName";

/// Attribute in which Jaeger's own warnings travel.
const WARNINGS_KEY: &str = "@jaeger@warnings";

/// Writes a trace.
pub(crate) fn write(shown: &Shown) -> JaegerTrace {
    let by_resource = vec![None; shown.spans.resources().len()];
    let mut writer = Writer { shown, processes: Vec::new(), by_resource };
    let spans = shown.spans.spans().map(|span| writer.span(&span)).collect();
    JaegerTrace {
        trace_id: shown.trace_id,
        spans,
        processes: writer.processes,
        warnings: shown.warnings.clone(),
    }
}

struct Writer<'a> {
    shown: &'a Shown,
    processes: Vec<JaegerProcess>,
    /// By code of the batch's resources: place in `processes`, where met.
    by_resource: Vec<Option<usize>>,
}

impl Writer<'_> {
    fn span(&mut self, span: &SpanRef<'_>) -> JaegerSpan {
        let mut warnings = self.shown.span_warnings[span.row()].clone();
        let mut own = scope_tags(span);
        for (key, value) in span.attributes() {
            let value = value.to_value();
            if key == WARNINGS_KEY {
                warnings.extend(warnings_of(&value));
            } else {
                own.push(tags::tag(key, value));
            }
        }
        own.extend(span_tags(span));
        self.sort(&mut own);
        JaegerSpan {
            trace_id: span.trace_id(),
            span_id: span.span_id(),
            flags: span.flags() & FLAG_SAMPLED,
            operation_name: span.name().to_owned(),
            references: references::references(span),
            start_unix_nanos: span.start_unix_nanos(),
            duration_nanos: span.duration_nanos(),
            tags: own,
            logs: span.events().map(|event| self.log(&event)).collect(),
            process: self.process(span),
            warnings,
        }
    }

    /// The place of the span's process, new or known.
    fn process(&mut self, span: &SpanRef<'_>) -> usize {
        let code = cast::index(self.shown.spans.batch().resources.codes[span.row()]);
        if let Some(place) = self.by_resource[code] {
            return place;
        }
        let attributes = span.resource().attributes.iter();
        let own = attributes
            .filter(|(key, _)| key != "service.name")
            .map(|(key, value)| tags::tag(key, value.clone()))
            .collect();
        let is_nameless = self.shown.is_raw && span.resource().attribute("service.name").is_none();
        let service_name = if is_nameless { NO_SERVICE } else { span.service_name() };
        let process = JaegerProcess { service_name: service_name.to_owned(), tags: own };
        let known = self.processes.iter().position(|other| *other == process);
        let place = known.unwrap_or_else(|| {
            self.processes.push(process);
            self.processes.len() - 1
        });
        self.by_resource[code] = Some(place);
        place
    }

    fn log(&self, event: &EventRef<'_>) -> JaegerLog {
        let mut fields: Vec<JaegerTag> =
            event.attributes().map(|(key, value)| tags::tag(key, value.to_value())).collect();
        if !event.name().is_empty() && fields.iter().all(|field| field.key != "event") {
            fields.insert(0, tags::text("event", event.name()));
        }
        self.sort(&mut fields);
        JaegerLog { time_unix_nanos: event.time_unix_nanos(), fields }
    }

    /// Puts the tags made of fields among the others, which are sorted.
    fn sort(&self, tags: &mut [JaegerTag]) {
        if !self.shown.is_raw {
            tags.sort_by(|left, right| left.key.cmp(&right.key));
        }
    }
}

fn warnings_of(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().map(Value::to_text).collect(),
        other => vec![other.to_text()],
    }
}

fn scope_tags(span: &SpanRef<'_>) -> Vec<JaegerTag> {
    let scope = span.scope();
    let fields = [("otel.scope.name", &scope.name), ("otel.scope.version", &scope.version)];
    let present = fields.into_iter().filter(|(_, value)| !value.is_empty());
    present.map(|(key, value)| tags::text(key, value)).collect()
}

/// Tags for the fields of a span that Jaeger's form has no field for.
fn span_tags(span: &SpanRef<'_>) -> Vec<JaegerTag> {
    let kind = span.kind();
    let kind = if kind == SpanKind::Unspecified { "" } else { kind.as_str() };
    let status = match span.status_code() {
        StatusCode::Unset => "",
        StatusCode::Ok => "OK",
        StatusCode::Error => "ERROR",
    };
    let fields = [
        ("span.kind", kind),
        ("otel.status_code", status),
        ("otel.status_description", span.status_message()),
        ("w3c.tracestate", span.trace_state()),
    ];
    let mut tags: Vec<JaegerTag> = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| tags::text(key, value))
        .collect();
    if span.status_code() == StatusCode::Error {
        tags.push(tags::tag("error", Value::Bool(true)));
    }
    tags
}
