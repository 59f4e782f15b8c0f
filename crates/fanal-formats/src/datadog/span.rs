//! A span as Datadog's tracers describe it, on its way into a draft: the mapping of every field and of every tag that
//! means more than an attribute.
//!
//! Filled by the layouts, field by field; ended by the walk of its chunk, which knows what spans of a trace share.

use super::links;
use crate::draft::{Draft, DraftAttribute, DraftEvent, DraftValue, RawText};
use fanal_model::{SpanId, SpanKind, StatusCode, TraceId, raw};

/// Names that tell nothing; the resource tells more, as in `GET /users`.
const GENERIC_NAMES: [&[u8]; 5] = [
    b"http.request",
    b"web.request",
    b"servlet.request",
    b"http.server.request",
    b"http.client.request",
];

/// A span that is being read. Times are nanoseconds; absent texts are empty, absent ids 0.
#[derive(Debug, Default)]
pub(super) struct DatadogSpan<'a> {
    pub(super) service: &'a [u8],
    pub(super) name: &'a [u8],
    pub(super) resource: &'a [u8],
    pub(super) span_type: &'a [u8],
    pub(super) trace_id: u64,
    pub(super) span_id: u64,
    pub(super) parent_id: u64,
    pub(super) start: i64,
    pub(super) duration: i64,
    pub(super) is_error: bool,
    /// Of the deployment, from its tags.
    pub(super) env: &'a [u8],
    /// Of the service, from its tags.
    pub(super) version: &'a [u8],
    /// The high half of the trace id, from its tags.
    pub(super) trace_id_high: Option<u64>,
    pub(super) has_origin: bool,
    pub(super) has_priority: bool,
    kind: Option<SpanKind>,
    error_message: Option<&'a [u8]>,
    error_type: Option<&'a [u8]>,
    error_stack: Option<&'a [u8]>,
    /// Attributes, events and links so far.
    pub(super) draft: Draft<'a>,
}

impl<'a> DatadogSpan<'a> {
    /// Makes ready for another span; buffers stay.
    pub(super) fn clear(&mut self) {
        let mut draft = std::mem::take(&mut self.draft);
        draft.clear();
        *self = Self { draft, ..Self::default() };
    }

    /// A tag with a text, or with what a careless tracer put there.
    pub(super) fn meta(&mut self, key: &'a [u8], value: DraftValue<'a>) {
        match value {
            DraftValue::Text(RawText::Borrowed(text)) => self.text(key, text),
            other => self.draft.attribute(key, other),
        }
    }

    fn text(&mut self, key: &'a [u8], text: &'a [u8]) {
        match key {
            b"env" => self.env = text,
            b"version" => self.version = text,
            b"_dd.p.tid" if high_half(text).is_some() => self.trace_id_high = high_half(text),
            b"span.kind" if kind(text).is_some() => self.kind = kind(text),
            b"error.msg" | b"error.message" => self.error_message = Some(text),
            b"error.type" => self.error_type = Some(text),
            b"error.stack" => self.error_stack = Some(text),
            b"tracestate" => self.draft.trace_state = text.into(),
            b"_dd.origin" => self.origin(text),
            b"_dd.span_links" => match links::read_json_links(text) {
                Some(links) => self.draft.links.extend(links),
                None => self.draft.attribute(key, DraftValue::Text(text.into())),
            },
            b"events" => match links::read_json_events(text) {
                Some(events) => self.draft.events.extend(events),
                None => self.draft.attribute(key, DraftValue::Text(text.into())),
            },
            _ => self.draft.attribute(key, DraftValue::Text(text.into())),
        }
    }

    /// A tag with a number. All stay floats, whole ones too.
    pub(super) fn metric(&mut self, key: &'a [u8], number: f64) {
        if key == b"_sampling_priority_v1" {
            self.priority(whole(number));
        } else {
            self.draft.attribute(key, DraftValue::Float(number));
        }
    }

    /// What the tracer decided: 0 or less is a trace that an agent would have dropped.
    pub(super) fn priority(&mut self, priority: DraftValue<'a>) {
        self.has_priority = true;
        self.draft.attribute(b"sampling.priority", priority);
    }

    /// Where the trace began, such as `synthetics`.
    pub(super) fn origin(&mut self, origin: &'a [u8]) {
        self.has_origin = true;
        self.draft.attribute(b"_dd.origin", DraftValue::Text(origin.into()));
    }

    /// Puts everything into the draft but resource and scope.
    pub(super) fn fill_draft(&mut self, trace_id_high: u64) {
        let start = self.start.max(0).unsigned_abs();
        let end = start.saturating_add(self.duration.max(0).unsigned_abs());
        self.errors(end);
        self.names();
        if !self.span_type.is_empty() {
            self.draft.attribute(b"span.type", DraftValue::Text(self.span_type.into()));
        }
        let kind = self.kind.unwrap_or(match self.span_type {
            b"web" => SpanKind::Server,
            b"http" => SpanKind::Client,
            _ => SpanKind::Unspecified,
        });
        let fields = &mut self.draft.fields;
        fields.trace_id = trace_id(trace_id_high, self.trace_id);
        fields.span_id = SpanId(self.span_id.to_be_bytes());
        fields.parent_span_id = SpanId(self.parent_id.to_be_bytes());
        (fields.start_unix_nanos, fields.end_unix_nanos) = (start, end);
        fields.kind = kind as u8;
        let status = if self.is_error { StatusCode::Error } else { StatusCode::Unset };
        fields.status_code = status as u8;
    }

    fn names(&mut self) {
        if self.resource.is_empty() {
            self.draft.name = self.name.into();
            return;
        }
        self.draft.attribute(b"dd.span.Resource", DraftValue::Text(self.resource.into()));
        let is_generic = GENERIC_NAMES.contains(&self.name) || self.name.is_empty();
        self.draft.name = if is_generic { self.resource } else { self.name }.into();
        if is_generic && !self.name.is_empty() {
            self.draft.attribute(b"operation.name", DraftValue::Text(self.name.into()));
        }
    }

    /// The error's tags: on a failed span the message is the status, and type and stack an `exception` event, unless the
    /// tracer sent that itself. On any other span they are attributes like all tags.
    fn errors(&mut self, end: u64) {
        let is_sent = self.draft.events.iter().any(|event| &*event.name == b"exception");
        let is_told = self.is_error && !is_sent;
        let (message, stack) = (self.error_message, self.error_stack);
        let as_sent = |text: Option<&'a [u8]>| text.filter(|_| !is_told);
        for (key, text) in [
            // Told on the span as well: OpenTelemetry gives it this name there.
            (&b"error.type"[..], self.error_type),
            (&b"error.message"[..], as_sent(message)),
            (&b"error.stack"[..], as_sent(stack)),
        ] {
            if let Some(text) = text {
                self.draft.attribute(key, DraftValue::Text(text.into()));
            }
        }
        if !self.is_error {
            return;
        }
        self.draft.status_message = message.unwrap_or_default().into();
        if is_told && (self.error_type.is_some() || stack.is_some()) {
            let attribute = |(key, text): (&'static [u8], Option<&'a [u8]>)| {
                text.map(|text| -> DraftAttribute<'a> {
                    (key.into(), DraftValue::Text(text.into()))
                })
            };
            let told = [
                (&b"exception.type"[..], self.error_type),
                (&b"exception.message"[..], message),
                (&b"exception.stacktrace"[..], stack),
            ];
            self.draft.events.push(DraftEvent {
                time_unix_nanos: end,
                name: RawText::Borrowed(b"exception"),
                attributes: told.into_iter().filter_map(attribute).collect(),
                ..DraftEvent::default()
            });
        }
    }
}

/// The id of 128 bits.
pub(super) fn trace_id(high: u64, low: u64) -> TraceId {
    TraceId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

/// Sixteen hex digits.
pub(super) fn high_half(text: &[u8]) -> Option<u64> {
    let digits = raw::text(text).ok().filter(|text| text.len() == 16)?;
    SpanId::parse_hex(digits).ok().map(|id| u64::from_be_bytes(id.0))
}

fn kind(text: &[u8]) -> Option<SpanKind> {
    raw::text(text).ok().and_then(|word| SpanKind::parse(&word.to_ascii_lowercase()))
}

/// A number that should be whole.
fn whole(number: f64) -> DraftValue<'static> {
    // Digits tell exactly what a cast would not.
    let digits = (number.fract() == 0.0).then(|| format!("{number:.0}").parse().ok()).flatten();
    digits.map_or(DraftValue::Float(number), DraftValue::Int)
}
