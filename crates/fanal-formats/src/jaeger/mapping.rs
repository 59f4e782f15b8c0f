//! Puts a Jaeger span into OpenTelemetry's terms: references, flags, and the tags that have columns of their own.
//!
//! Used on every span, whichever encoding it came in. Invariant: what is not understood stays an attribute; of a tag
//! that came twice the last counts. Old names of OpenTracing stay: questions know both.

use super::span::{JaegerReference, JaegerSpan};
use crate::decoded::{Refusal, RejectReason};
use crate::draft::{DraftAttribute, DraftEvent, DraftLink, DraftValue, RawText};
use fanal_model::{SpanKind, StatusCode, ValueRef, nested, raw};

/// Key of the attribute of a link that says which reference of OpenTracing it was: `child_of` or `follows_from`.
pub const REF_TYPE: &str = "opentracing.ref_type";
/// Key of the attribute that holds the warnings of a span, an array of texts; Jaeger's own name for it.
pub const WARNINGS: &str = "@jaeger@warnings";
/// Key of the attribute, always true, of spans that a client was asked to keep in any case.
pub const DEBUG: &str = "jaeger.debug";
/// Key of the attribute, always true, of spans that a client wants stored but not found by search.
pub const FIREHOSE: &str = "jaeger.firehose";

const SAMPLED_FLAG: u32 = 1;
const DEBUG_FLAG: u32 = 2;
const FIREHOSE_FLAG: u32 = 8;

/// Key of the field of a log that names it.
const EVENT: &[u8] = b"event";

/// The instrumentation that a span says it is from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ScopeTexts<'a> {
    pub(super) name: RawText<'a>,
    pub(super) version: RawText<'a>,
}

/// Tags that have columns of their own.
#[derive(Debug, Clone, Copy)]
enum Known {
    Kind,
    Error,
    StatusCode,
    StatusDescription,
    HttpStatusCode,
    HttpStatusMessage,
    TraceState,
    ScopeName,
    ScopeVersion,
    LibraryName,
    LibraryVersion,
}

const KNOWN_COUNT: usize = 11;

impl Known {
    fn of(key: &[u8]) -> Option<Self> {
        Some(match key {
            b"span.kind" => Self::Kind,
            b"error" => Self::Error,
            b"otel.status_code" => Self::StatusCode,
            b"otel.status_description" => Self::StatusDescription,
            b"http.status_code" => Self::HttpStatusCode,
            b"http.status_message" => Self::HttpStatusMessage,
            b"w3c.tracestate" => Self::TraceState,
            b"otel.scope.name" => Self::ScopeName,
            b"otel.scope.version" => Self::ScopeVersion,
            b"otel.library.name" => Self::LibraryName,
            b"otel.library.version" => Self::LibraryVersion,
            _ => return None,
        })
    }

    fn slot(self) -> usize {
        self as usize
    }
}

/// The known tags among a span's attributes.
struct KnownTags<'s, 'a> {
    attributes: &'s mut Vec<DraftAttribute<'a>>,
    /// Where the last of each is.
    places: [Option<usize>; KNOWN_COUNT],
    is_taken: [bool; KNOWN_COUNT],
}

impl<'s, 'a> KnownTags<'s, 'a> {
    fn find(attributes: &'s mut Vec<DraftAttribute<'a>>) -> Self {
        let mut places = [None; KNOWN_COUNT];
        for (place, (key, _)) in attributes.iter().enumerate() {
            if let Some(known) = Known::of(key) {
                places[known.slot()] = Some(place);
            }
        }
        Self { attributes, places, is_taken: [false; KNOWN_COUNT] }
    }

    fn value(&self, known: Known) -> Option<&DraftValue<'a>> {
        self.places[known.slot()].map(|place| &self.attributes[place].1)
    }

    fn text(&self, known: Known) -> Option<RawText<'a>> {
        match self.value(known) {
            Some(DraftValue::Text(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// Says that a tag has gone into a column.
    fn take(&mut self, known: Known) {
        self.is_taken[known.slot()] = true;
    }

    /// A text that goes into a column.
    fn take_text(&mut self, known: Known) -> Option<RawText<'a>> {
        let text = self.text(known)?;
        self.take(known);
        Some(text)
    }

    /// Removes what was taken.
    fn finish(self) {
        let Self { attributes, is_taken, .. } = self;
        if is_taken.contains(&true) {
            attributes
                .retain(|(key, _)| Known::of(key).is_none_or(|known| !is_taken[known.slot()]));
        }
    }
}

impl<'a> JaegerSpan<'a> {
    /// Completes the draft, but for resource and scope; gives the latter.
    pub(super) fn settle(&mut self) -> Result<ScopeTexts<'a>, Refusal> {
        if let Some(refusal) = self.intake.refusal() {
            return Err(refusal);
        }
        self.settle_references();
        let scope = self.settle_tags();
        self.draft.events.iter_mut().for_each(settle_log);
        self.settle_flags();
        self.settle_warnings()?;
        Ok(scope)
    }

    /// Chooses the parent. The reference that says no more than the parent does goes; any other becomes a link.
    fn settle_references(&mut self) {
        let trace_id = self.draft.fields.trace_id;
        let is_candidate = |reference: &&JaegerReference| {
            reference.trace_id == trace_id && !reference.span_id.is_zero()
        };
        let parent = &mut self.draft.fields.parent_span_id;
        if parent.is_zero() {
            let mut candidates = self.references.iter().filter(is_candidate);
            let first = candidates.clone().find(|reference| !reference.is_follows_from);
            if let Some(reference) = first.or_else(|| candidates.next()) {
                *parent = reference.span_id;
            }
        }
        let parent = *parent;
        for reference in &self.references {
            let is_parent = is_candidate(&reference) && reference.span_id == parent;
            if is_parent && !reference.is_follows_from {
                continue;
            }
            let word: &[u8] = if reference.is_follows_from { b"follows_from" } else { b"child_of" };
            self.draft.links.push(DraftLink {
                trace_id: reference.trace_id,
                span_id: reference.span_id,
                attributes: vec![(REF_TYPE.as_bytes().into(), DraftValue::Text(word.into()))],
                ..DraftLink::default()
            });
        }
    }

    fn settle_flags(&mut self) {
        self.draft.fields.flags = self.flags & SAMPLED_FLAG;
        for (flag, key) in [(DEBUG_FLAG, DEBUG), (FIREHOSE_FLAG, FIREHOSE)] {
            if self.flags & flag != 0 {
                self.draft.attribute(key.as_bytes(), DraftValue::Bool(true));
            }
        }
    }

    fn settle_warnings(&mut self) -> Result<(), Refusal> {
        if self.warnings.is_empty() {
            return Ok(());
        }
        let mut array = Vec::new();
        nested::begin_array(self.warnings.len(), &mut array);
        for warning in &self.warnings {
            let text = raw::text(warning)
                .map_err(|error| Refusal::new(RejectReason::Utf8, error.valid_up_to))?;
            nested::encode_ref(ValueRef::String(text), &mut array);
        }
        self.draft.attribute(WARNINGS.as_bytes(), DraftValue::Array(array));
        Ok(())
    }

    fn settle_tags(&mut self) -> ScopeTexts<'a> {
        let draft = &mut self.draft;
        let mut tags = KnownTags::find(&mut draft.attributes);
        let kind = tags.text(Known::Kind).and_then(|word| span_kind(&word));
        if let Some(kind) = kind {
            draft.fields.kind = kind as u8;
            tags.take(Known::Kind);
        }
        let (code, message) = status(&mut tags, kind == Some(SpanKind::Server));
        draft.fields.status_code = code as u8;
        draft.status_message = message.unwrap_or_default();
        draft.trace_state = tags.take_text(Known::TraceState).unwrap_or_default();
        // The older names say the same where both are sent.
        let library = (tags.take_text(Known::LibraryName), tags.take_text(Known::LibraryVersion));
        let scope = (tags.take_text(Known::ScopeName), tags.take_text(Known::ScopeVersion));
        tags.finish();
        ScopeTexts {
            name: scope.0.or(library.0).unwrap_or_default(),
            version: scope.1.or(library.1).unwrap_or_default(),
        }
    }
}

fn span_kind(word: &[u8]) -> Option<SpanKind> {
    let kind = SpanKind::parse(std::str::from_utf8(word).ok()?)?;
    (kind != SpanKind::Unspecified).then_some(kind)
}

/// The outcome of a span: `error` decides, then what an OpenTelemetry SDK wrote, then the status of HTTP.
fn status<'a>(tags: &mut KnownTags<'_, 'a>, is_server: bool) -> (StatusCode, Option<RawText<'a>>) {
    let is_error = match tags.value(Known::Error) {
        Some(DraftValue::Bool(flag)) => *flag,
        Some(DraftValue::Text(text)) => text.eq_ignore_ascii_case(b"true"),
        _ => false,
    };
    let told = tags.text(Known::StatusCode).and_then(|word| {
        let word = word.to_ascii_lowercase();
        StatusCode::parse(std::str::from_utf8(&word).ok()?)
    });
    if told.is_some() {
        tags.take(Known::StatusCode);
    }
    if is_error {
        tags.take(Known::Error);
        let described = tags.take_text(Known::StatusDescription);
        return (StatusCode::Error, described.or_else(|| tags.text(Known::HttpStatusMessage)));
    }
    if let Some(code) = told {
        return (code, tags.take_text(Known::StatusDescription));
    }
    if tags.value(Known::HttpStatusCode).and_then(http_status).is_some_and(|status| {
        let is_callers_fault = (400.0..500.0).contains(&status) && is_server;
        !(100.0..400.0).contains(&status) && !is_callers_fault
    }) {
        return (StatusCode::Error, tags.text(Known::HttpStatusMessage));
    }
    (StatusCode::Unset, None)
}

/// A float, because the client for Node sends every number as one.
fn http_status(value: &DraftValue<'_>) -> Option<f64> {
    match value {
        DraftValue::Int(number) => i32::try_from(*number).ok().map(f64::from),
        DraftValue::Float(number) => Some(*number),
        DraftValue::Text(text) => {
            let number: u16 = std::str::from_utf8(text).ok()?.parse().ok()?;
            Some(f64::from(number))
        }
        _ => None,
    }
}

/// The field `event` of a log is its name.
fn settle_log(log: &mut DraftEvent<'_>) {
    let name = log.attributes.iter().rev().find(|(key, _)| **key == *EVENT);
    if let Some((_, DraftValue::Text(name))) = name {
        log.name = name.clone();
        log.attributes.retain(|(key, _)| **key != *EVENT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX, LINKS_MAX};
    use crate::jaeger::span::{JaegerTag, TAGS_MAX, TagKind};
    use crate::jaeger::testing::{of_value, text_tag as text};
    use fanal_model::{SpanId, TraceId};

    const TRACE: TraceId = TraceId([1; 16]);
    const OTHER_TRACE: TraceId = TraceId([2; 16]);

    fn span() -> JaegerSpan<'static> {
        let mut span = JaegerSpan::default();
        (span.draft.fields.trace_id, span.draft.fields.span_id) = (TRACE, SpanId([9; 8]));
        span
    }

    fn flag(key: &'static str, flag: bool) -> JaegerTag<'static> {
        JaegerTag { key: key.as_bytes(), kind: TagKind::Bool, flag, ..JaegerTag::default() }
    }

    fn int(key: &'static str, int: i64) -> JaegerTag<'static> {
        JaegerTag { key: key.as_bytes(), kind: TagKind::Int, int, ..JaegerTag::default() }
    }

    fn float(key: &'static str, float: f64) -> JaegerTag<'static> {
        JaegerTag { key: key.as_bytes(), kind: TagKind::Float, float, ..JaegerTag::default() }
    }

    fn shown_attributes(attributes: &[DraftAttribute<'_>]) -> String {
        let shown = attributes
            .iter()
            .map(|(key, value)| format!("{}={}", String::from_utf8_lossy(key), of_value(value)));
        shown.collect::<Vec<_>>().join(" ")
    }

    /// Tags, and what they come to: columns, then what is left of them.
    fn check<const N: usize>(tags: [JaegerTag<'static>; N], expect: &str) {
        let mut span = span();
        tags.into_iter().for_each(|tag| span.push_tag(tag));
        let scope = span.settle().expect("taken");
        let text = |name: &str, text: &[u8]| match text {
            b"" => String::new(),
            text => format!("{name}:{} ", String::from_utf8_lossy(text)),
        };
        let draft = &span.draft;
        let mut shown = match SpanKind::from_code(draft.fields.kind) {
            SpanKind::Unspecified => String::new(),
            kind => format!("{} ", kind.as_str()),
        };
        match StatusCode::from_code(draft.fields.status_code) {
            StatusCode::Unset => {}
            code => shown.push_str(&format!("{} ", code.as_str())),
        }
        shown.push_str(&text("message", &draft.status_message));
        shown.push_str(&text("state", &draft.trace_state));
        shown.push_str(&text("scope", &scope.name));
        shown.push_str(&text("version", &scope.version));
        shown.push_str("| ");
        shown.push_str(&shown_attributes(&draft.attributes));
        assert_eq!(shown, expect);
    }

    #[test]
    fn tags_keep_their_types() {
        let bytes =
            JaegerTag { key: b"b", kind: TagKind::Bytes, bytes: &[1, 255], ..JaegerTag::default() };
        let odd = JaegerTag { key: b"u", kind: TagKind::Unknown(9), ..JaegerTag::default() };
        check(
            [text("s", "x"), flag("t", true), int("i", -3), float("f", 0.5), bytes, odd],
            "| s=x t=true i=-3 f=0.5 b=01ff u=<unknown Jaeger tag type 9>",
        );
        // Settled by the builder, which keeps the last of a key.
        check([text("s", "x"), text("s", "y")], "| s=x s=y");
        for plain in ["sampler.type", "internal.span.format", "jaeger-debug-id", "http.url"] {
            check([text(plain, "x")], &format!("| {plain}=x"));
        }
    }

    #[test]
    fn kinds() {
        for kind in ["client", "server", "producer", "consumer", "internal"] {
            check([text("span.kind", kind)], &format!("{kind} | "));
        }
        check([text("span.kind", "job")], "| span.kind=job");
        check([text("span.kind", "unspecified")], "| span.kind=unspecified");
        check([int("span.kind", 2)], "| span.kind=2");
        check([text("span.kind", "client"), text("span.kind", "server")], "server | ");
    }

    #[test]
    fn an_error_decides_the_status() {
        check([flag("error", true)], "error | ");
        check([text("error", "true")], "error | ");
        check([text("error", "True")], "error | ");
        check([flag("error", false)], "| error=false");
        check([text("error", "timeout")], "| error=timeout");
        check([int("error", 1)], "| error=1");
        check([flag("error", true), flag("error", false)], "| error=true error=false");
        check([flag("error", false), flag("error", true)], "error | ");
        let error = || flag("error", true);
        check([error(), text("otel.status_description", "why")], "error message:why | ");
        check(
            [error(), text("http.status_message", "why")],
            "error message:why | http.status_message=why",
        );
        check(
            [error(), text("http.status_message", "a"), text("otel.status_description", "b")],
            "error message:b | http.status_message=a",
        );
        check([error(), text("otel.status_code", "OK")], "error | ");
        check([error(), int("http.status_code", 200)], "error | http.status_code=200");
    }

    #[test]
    fn without_an_error_the_sdk_decides_the_status() {
        let code = |word| text("otel.status_code", word);
        check([code("OK")], "ok | ");
        check([code("Error")], "error | ");
        check([code("UNSET"), int("http.status_code", 500)], "| http.status_code=500");
        check([code("ERROR"), text("otel.status_description", "why")], "error message:why | ");
        check([code("odd")], "| otel.status_code=odd");
        check([code("OK"), flag("error", false)], "ok | error=false");
        check([text("otel.status_description", "why")], "| otel.status_description=why");
    }

    #[test]
    fn without_either_the_status_of_http_decides() {
        let check_http = |tag: JaegerTag<'static>, kind, expect| {
            check([text("span.kind", kind), tag], expect);
        };
        let http = |status| int("http.status_code", status);
        check_http(http(100), "client", "client | http.status_code=100");
        check_http(http(399), "client", "client | http.status_code=399");
        check_http(http(400), "client", "client error | http.status_code=400");
        check_http(http(400), "server", "server | http.status_code=400");
        check_http(http(499), "server", "server | http.status_code=499");
        check_http(http(500), "server", "server error | http.status_code=500");
        check_http(http(0), "client", "client error | http.status_code=0");
        check_http(http(1000), "server", "server error | http.status_code=1000");
        check_http(
            text("http.status_code", "503"),
            "server",
            "server error | http.status_code=503",
        );
        check_http(text("http.status_code", "x"), "server", "server | http.status_code=x");
        check_http(
            float("http.status_code", 502.0),
            "server",
            "server error | http.status_code=502",
        );
        check(
            [http(404), text("http.status_message", "none")],
            "error message:none | http.status_code=404 http.status_message=none",
        );
        check([text("http.status_message", "fine")], "| http.status_message=fine");
    }

    #[test]
    fn trace_state_and_scope() {
        check([text("w3c.tracestate", "a=1")], "state:a=1 | ");
        check([int("w3c.tracestate", 1)], "| w3c.tracestate=1");
        let scope = || [text("otel.scope.name", "lib"), text("otel.scope.version", "2")];
        let library = || [text("otel.library.name", "old"), text("otel.library.version", "1")];
        check(scope(), "scope:lib version:2 | ");
        check(library(), "scope:old version:1 | ");
        let ([a, b], [c, d]) = (library(), scope());
        check([a, b, c, d], "scope:lib version:2 | ");
    }

    /// Flags of Jaeger, those of OTLP, and attributes.
    #[test]
    fn flags() {
        let check = |flags: u32, expect: (u32, &str)| {
            let mut span = JaegerSpan { flags, ..span() };
            span.settle().expect("taken");
            let shown = shown_attributes(&span.draft.attributes);
            assert_eq!((span.draft.fields.flags, &*shown), expect, "{flags}");
        };
        check(0, (0, ""));
        check(1, (1, ""));
        check(3, (1, "jaeger.debug=true"));
        check(9, (1, "jaeger.firehose=true"));
        check(u32::MAX, (1, "jaeger.debug=true jaeger.firehose=true"));
    }

    #[test]
    fn warnings_are_an_array() {
        let mut span = span();
        span.push_warning(&b"skew"[..]);
        span.push_warning(&b""[..]);
        span.settle().expect("taken");
        let [(key, DraftValue::Array(array))] = &*span.draft.attributes else {
            panic!("{:?}", span.draft.attributes);
        };
        assert_eq!(**key, *b"@jaeger@warnings");
        assert_eq!(nested::decode(array).expect("valid").to_text(), r#"["skew",""]"#);
    }

    /// References, the parent as sent, and what they come to: the parent, then links.
    fn check_references(parent: u8, references: &[(TraceId, u8, bool)], expect: &str) {
        let mut span = span();
        span.draft.fields.parent_span_id = SpanId([parent; 8]);
        for &(trace_id, span_id, is_follows_from) in references {
            let span_id = SpanId([span_id; 8]);
            span.push_reference(JaegerReference { trace_id, span_id, is_follows_from });
        }
        span.settle().expect("taken");
        let mut shown = span.draft.fields.parent_span_id.0[0].to_string();
        for link in &span.draft.links {
            let (trace, span) = (link.trace_id.0[0], link.span_id.0[0]);
            shown.push_str(&format!(", {trace}/{span} {}", shown_attributes(&link.attributes)));
        }
        assert_eq!(shown, expect);
    }

    #[test]
    fn references_are_a_parent_and_links() {
        const CHILD: &str = "opentracing.ref_type=child_of";
        const FOLLOWS: &str = "opentracing.ref_type=follows_from";
        check_references(0, &[], "0");
        check_references(3, &[], "3");
        check_references(0, &[(TRACE, 3, false)], "3");
        check_references(3, &[(TRACE, 3, false)], "3");
        // A parent that is followed says more than a parent.
        check_references(0, &[(TRACE, 3, true)], &format!("3, 1/3 {FOLLOWS}"));
        check_references(3, &[(TRACE, 3, true)], &format!("3, 1/3 {FOLLOWS}"));
        // A child goes before what follows; the first before others.
        let both = [(TRACE, 4, true), (TRACE, 3, false), (TRACE, 5, false)];
        check_references(0, &both, &format!("3, 1/4 {FOLLOWS}, 1/5 {CHILD}"));
        check_references(
            0,
            &[(TRACE, 4, true), (TRACE, 5, true)],
            &format!("4, 1/4 {FOLLOWS}, 1/5 {FOLLOWS}"),
        );
        // What was sent as parent stays it.
        check_references(6, &[(TRACE, 3, false)], &format!("6, 1/3 {CHILD}"));
        // Another trace has no parents, also where the span id is the same.
        check_references(0, &[(OTHER_TRACE, 3, false)], &format!("0, 2/3 {CHILD}"));
        check_references(3, &[(OTHER_TRACE, 3, false)], &format!("3, 2/3 {CHILD}"));
        check_references(0, &[(TRACE, 0, false)], &format!("0, 1/0 {CHILD}"));
    }

    #[test]
    fn logs_are_events() {
        let check = |fields: Vec<JaegerTag<'static>>, expect: (&str, &str)| {
            let mut span = span();
            let mut log = DraftEvent { time_unix_nanos: 5, ..DraftEvent::default() };
            fields.into_iter().for_each(|tag| span.intake.push_tag(&mut log.attributes, tag));
            span.push_log(log);
            span.settle().expect("taken");
            let [event] = &*span.draft.events else { panic!("one event") };
            let name = String::from_utf8_lossy(&event.name);
            assert_eq!((&*name, &*shown_attributes(&event.attributes)), expect);
        };
        check(vec![], ("", ""));
        check(vec![text("event", "retry"), int("attempt", 2)], ("retry", "attempt=2"));
        check(vec![text("message", "hi")], ("", "message=hi"));
        check(vec![int("event", 2)], ("", "event=2"));
        check(vec![text("event", "a"), text("event", "b")], ("b", ""));
        let error = vec![text("event", "error"), text("error.kind", "E"), text("stack", "at")];
        check(error, ("error", "error.kind=E stack=at"));
    }

    #[test]
    fn what_is_beyond_a_limit_refuses_the_span() {
        let check = |fill: fn(&mut JaegerSpan<'static>), expect: Option<RejectReason>| {
            let mut span = span();
            fill(&mut span);
            assert_eq!(span.settle().err().map(|refused| refused.reason), expect);
        };
        check(|span| (0..ATTRIBUTES_MAX).for_each(|_| span.push_tag(text("k", "v"))), None);
        check(
            |span| (0..=ATTRIBUTES_MAX).for_each(|_| span.push_tag(text("k", "v"))),
            Some(RejectReason::AttributeCount),
        );
        check(
            |span| (0..=EVENTS_MAX).for_each(|_| span.push_log(DraftEvent::default())),
            Some(RejectReason::EventCount),
        );
        check(
            |span| (0..LINKS_MAX + 2).for_each(|_| span.push_reference(JaegerReference::default())),
            Some(RejectReason::LinkCount),
        );
        check(
            |span| (0..=ATTRIBUTES_MAX).for_each(|_| span.push_warning(&b"w"[..])),
            Some(RejectReason::AttributeCount),
        );
        check(|span| span.push_warning(&b"\xff"[..]), Some(RejectReason::Utf8));
        check(
            |span| {
                for _ in 0..=TAGS_MAX / ATTRIBUTES_MAX {
                    let mut log = DraftEvent::default();
                    for _ in 0..ATTRIBUTES_MAX {
                        span.intake.push_tag(&mut log.attributes, text("k", "v"));
                    }
                }
            },
            Some(RejectReason::AttributeCount),
        );
    }
}
