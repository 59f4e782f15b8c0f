//! A trace in Jaeger's form.
//!
//! Fed by the handlers with assembled traces. Unless the client asked for them raw, spans are adjusted as Jaeger does
//! on read: tags sorted by key and logs by time, addresses dotted, SDK attributes moved to the process, links
//! without a trace dropped. Clock skew is not corrected, which is Jaeger's default. Lost in this form: time below a
//! microsecond, dropped counts, schema URLs, scope attributes, link attributes and states, the types of arrays.

use super::types::{JaegerLog, JaegerProcess, JaegerSpan, JaegerTag, JaegerTrace};
use super::{ids, references, tags};
use fanal_base::cast;
use fanal_model::{EventRef, SpanRef, StatusCode, Value};
use fanal_query::{Trace, TraceRow};

/// Nanoseconds of a microsecond.
const NANOS: u64 = 1000;

/// Flag of a sampled span; OTLP's other bits mean other things in Jaeger.
const FLAG_SAMPLED: u32 = 1;

/// Attribute in which Jaeger's own warnings travel.
const WARNINGS_KEY: &str = "@jaeger@warnings";

/// Keys that belong to the process although SDKs may set them on a span.
const PROCESS_PREFIXES: [&str; 2] = ["telemetry.sdk.", "telemetry.distro."];

/// Writes a trace.
pub(crate) fn write(trace: &Trace, is_raw: bool) -> JaegerTrace {
    let by_resource = vec![None; trace.spans.resources().len()];
    let mut writer = Writer { trace, processes: Vec::new(), by_resource, is_raw };
    let spans = trace
        .rows
        .iter()
        .filter_map(|row| Some((row, trace.spans.span(cast::index(row.span?)))))
        .map(|(row, span)| writer.span(row, &span))
        .collect();
    JaegerTrace {
        trace_id: ids::write(trace.trace_id),
        spans,
        processes: writer
            .processes
            .into_iter()
            .enumerate()
            .map(|(index, process)| (process_id(index), process))
            .collect(),
        warnings: some_unless_empty(trace.warnings.clone()),
    }
}

fn process_id(index: usize) -> String {
    format!("p{}", index + 1)
}

fn some_unless_empty(warnings: Vec<String>) -> Option<Vec<String>> {
    (!warnings.is_empty()).then_some(warnings)
}

struct Writer<'a> {
    trace: &'a Trace,
    processes: Vec<JaegerProcess>,
    /// By code of the batch's resources: place in `processes`, where met.
    by_resource: Vec<Option<usize>>,
    is_raw: bool,
}

impl Writer<'_> {
    fn span(&mut self, row: &TraceRow, span: &SpanRef<'_>) -> JaegerSpan {
        let mut warnings = crate::native::span::warnings(span, row.is_cycle_broken);
        let mut own = scope_tags(span);
        let mut moved = Vec::new();
        for (key, value) in span.attributes() {
            let value = value.to_value();
            if key == WARNINGS_KEY {
                warnings.extend(warnings_of(&value));
            } else if !self.is_raw && PROCESS_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
            {
                moved.push(tags::tag(key, &value));
            } else {
                own.push(tags::tag(key, &value));
            }
        }
        own.extend(span_tags(span));
        self.adjust(&mut own);
        let mut logs: Vec<JaegerLog> = span.events().map(|event| self.log(&event)).collect();
        if !self.is_raw {
            logs.sort_by_key(|log| log.timestamp);
        }
        JaegerSpan {
            trace_id: ids::write(span.trace_id()),
            span_id: span.span_id().to_string(),
            flags: span.flags() & FLAG_SAMPLED,
            operation_name: span.name().to_owned(),
            references: references::references(span, self.is_raw),
            start_time: span.start_unix_nanos() / NANOS,
            duration: span.duration_nanos() / NANOS,
            tags: own,
            logs,
            process_id: self.process(span, moved),
            warnings: some_unless_empty(warnings),
        }
    }

    /// The id of the span's process, new or known; `moved` are tags of the span that belong to it.
    fn process(&mut self, span: &SpanRef<'_>, moved: Vec<JaegerTag>) -> String {
        let code = cast::index(self.trace.spans.batch().resources.codes[span.row()]);
        let is_plain = moved.is_empty();
        if let Some(place) = self.by_resource[code]
            && is_plain
        {
            return process_id(place);
        }
        let attributes = span.resource().attributes.iter();
        let mut own: Vec<JaegerTag> = attributes
            .filter(|(key, _)| key != "service.name")
            .map(|(key, value)| tags::tag(key, value))
            .collect();
        own.extend(moved);
        self.adjust(&mut own);
        let process = JaegerProcess { service_name: span.service_name().to_owned(), tags: own };
        let known = self.processes.iter().position(|other| *other == process);
        let place = known.unwrap_or(self.processes.len());
        if known.is_none() {
            self.processes.push(process);
        }
        if is_plain {
            self.by_resource[code] = Some(place);
        }
        process_id(place)
    }

    fn log(&self, event: &EventRef<'_>) -> JaegerLog {
        let mut fields: Vec<JaegerTag> =
            event.attributes().map(|(key, value)| tags::tag(key, &value.to_value())).collect();
        if !event.name().is_empty() && fields.iter().all(|field| field.key != "event") {
            fields.insert(0, tags::text("event", event.name()));
        }
        self.adjust(&mut fields);
        JaegerLog { timestamp: event.time_unix_nanos() / NANOS, fields }
    }

    fn adjust(&self, tags: &mut [JaegerTag]) {
        if self.is_raw {
            return;
        }
        tags.iter_mut().for_each(tags::dot_address);
        tags.sort_by(|left, right| left.key.cmp(&right.key));
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
    let kind = if kind == fanal_model::SpanKind::Unspecified { "" } else { kind.as_str() };
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
        tags.push(tags::tag("error", &Value::Bool(true)));
    }
    tags
}
