//! Search as Zipkin does it: a trace is found when its time lies in the window and every condition is met by some of its
//! spans, not by one alone.
//!
//! The store is asked for traces with a span that meets the most telling condition; the others are looked for on whole
//! traces, newest first, until the limit is reached. Invariant: a search that gave up before says so.

use super::form::{Form, Window};
use super::handlers::spans;
use super::names;
use crate::refusal::Refusal;
use crate::state::App;
use fanal_formats::zipkin::JsonSpan;
use fanal_model::{StatusCode, TraceId, Value};
use fanal_query::{Cursor, SearchRequest};
use fanal_storage::{
    AttributeCondition, AttributeLevel, AttributeTest, Comparison, SpanCondition, TracePosition,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most traces that one search looks at whole.
const CHECKED_TRACES_MAX: usize = 5_000;

/// Most traces fetched at a time.
const PAGE_TRACES_MAX: usize = 100;

/// Most terms of `annotationQuery`.
const TERMS_MAX: usize = 100;

/// Most traces of one answer.
const LIMIT_MAX: u64 = 10_000;

/// A span that meets a condition may start so long outside the window in which its trace begins, in nanoseconds.
const REACH_NANOS: u64 = 3_600_000_000_000;

/// A search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Search {
    service: Option<String>,
    remote_service: Option<String>,
    span_name: Option<String>,
    /// By key or text of an annotation: the value that the tag must have, empty for any.
    terms: BTreeMap<String, String>,
    /// Shortest and longest duration, in microseconds.
    durations: Option<(u64, u64)>,
    window: Window,
    limit: usize,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) traces: Vec<Vec<JsonSpan>>,
    pub(super) warnings: Vec<String>,
}

impl Search {
    pub(super) fn read(form: &Form, now_unix_nanos: u64) -> Result<Self, Refusal> {
        let lower = |name: &str| form.text(name).map(str::to_lowercase);
        let limit = form.positive("limit")?.unwrap_or(10);
        if limit > LIMIT_MAX {
            let message = format!("limit is {limit}, at most {LIMIT_MAX} traces are answered");
            return Err(Refusal::parameter("limit", message));
        }
        Ok(Self {
            service: lower("serviceName").filter(|name| name != "all"),
            remote_service: lower("remoteServiceName").filter(|name| name != "all"),
            span_name: lower("spanName").filter(|name| name != "all"),
            terms: terms(form.get("annotationQuery").unwrap_or_default())?,
            durations: durations(form)?,
            window: form.window(now_unix_nanos)?,
            limit: fanal_base::cast::size(limit),
        })
    }

    /// Whether Zipkin would find a trace.
    pub(super) fn matches(&self, trace: &[JsonSpan]) -> bool {
        if !trace_micros(trace).is_some_and(|micros| self.window.contains(micros)) {
            return false;
        }
        let is_of_service = |span: &&JsonSpan| {
            self.service.as_ref().is_none_or(|name| *name == span.local_endpoint.service_name)
        };
        let own: Vec<&JsonSpan> = trace.iter().filter(is_of_service).collect();
        let has = |wanted: &Option<String>, name: fn(&JsonSpan) -> &String| {
            wanted.as_ref().is_none_or(|wanted| own.iter().any(|span| name(span) == wanted))
        };
        !own.is_empty()
            && has(&self.remote_service, |span| &span.remote_endpoint.service_name)
            && has(&self.span_name, |span| &span.name)
            && self.durations.is_none_or(|(min, max)| {
                own.iter().any(|span| (min..=max).contains(&span.duration))
            })
            && self.terms.iter().all(|(key, value)| own.iter().any(|span| meets(span, key, value)))
    }

    /// Conditions of which a trace that matches has a span that meets all of one list.
    fn alternatives(&self, spellings: &[String], names: &[String]) -> Vec<Vec<SpanCondition>> {
        let mut service = Vec::new();
        if self.service.is_some() {
            let texts = spellings.iter().cloned().map(Value::String).collect();
            let test = AttributeTest::Compare(Comparison::Equal, texts);
            service.push(attribute(&[AttributeLevel::Resource], "service.name", test));
        }
        let with = |condition: SpanCondition| {
            let mut all = service.clone();
            all.push(condition);
            all
        };
        let is_telling = |(key, text): &(&String, &String)| !is_made(key) && is_plain_text(text);
        let valued = self.terms.iter().find(is_telling);
        if let Some((key, text)) = valued {
            return vec![with(tag(key, AttributeTest::TextEquals(text.clone())))];
        }
        if self.terms.contains_key(fanal_model::peer::ERROR_KEY) {
            let tagged = tag(fanal_model::peer::ERROR_KEY, AttributeTest::Exists);
            return vec![with(SpanCondition::Status(StatusCode::Error)), with(tagged)];
        }
        if let Some((min, max)) = self.durations {
            // Zipkin's durations are cut to microseconds, but never to 0.
            let mut all = with(SpanCondition::DurationMin(if min == 1 {
                1
            } else {
                min.saturating_mul(1_000)
            }));
            if max < u64::MAX {
                all.push(SpanCondition::DurationMax(max.saturating_mul(1_000).saturating_add(999)));
            }
            return vec![all];
        }
        match (&self.span_name, names) {
            (Some(_), [name]) => vec![with(SpanCondition::Name(name.clone()))],
            _ => vec![service],
        }
    }

    /// The first place in the order of traces at which one may match, and the range of spans that may.
    fn request(&self, conditions: Vec<SpanCondition>) -> SearchRequest {
        let (start, end) = self.window.nanos();
        let reach = if conditions.is_empty() { 0 } else { REACH_NANOS };
        let newest = TracePosition { start_unix_nanos: end, trace_id: TraceId::default() };
        SearchRequest {
            conditions,
            start_min_unix_nanos: start.saturating_sub(reach),
            start_max_unix_nanos: end.saturating_add(reach),
            limit: self.limit.clamp(1, PAGE_TRACES_MAX),
            cursor: Some(Cursor(newest)),
        }
    }
}

/// Searches.
pub(super) async fn find(app: &App, search: &Search) -> Result<Found, Refusal> {
    let mut spellings = Vec::new();
    let mut names = Vec::new();
    if let Some(service) = &search.service {
        spellings = names::spellings(app, service).await?;
        // One that is not listed is looked for as it is asked for.
        if !spellings.contains(service) {
            spellings.push(service.clone());
        }
        if let Some(wanted) = &search.span_name {
            names = span_spellings(app, &spellings, wanted).await?;
        }
    }
    let mut found: BTreeMap<TracePosition, Vec<JsonSpan>> = BTreeMap::new();
    let mut warnings = BTreeSet::new();
    for conditions in search.alternatives(&spellings, &names) {
        let request = search.request(conditions);
        app.ask(page_through(app, search, request, &mut found, &mut warnings)).await?;
    }
    let traces = found.into_values().take(search.limit).collect();
    Ok(Found { traces, warnings: warnings.into_iter().collect() })
}

/// The spellings of a span's name.
async fn span_spellings(
    app: &App,
    services: &[String],
    wanted: &str,
) -> Result<Vec<String>, Refusal> {
    let mut names = BTreeSet::new();
    for service in services {
        let found = app.ask(app.given.query.operations(&app.tenant, service)).await?;
        let same = found.into_iter().filter(|it| it.name.to_lowercase() == wanted);
        names.extend(same.map(|it| it.name));
    }
    Ok(names.into_iter().collect())
}

async fn page_through(
    app: &App,
    search: &Search,
    mut request: SearchRequest,
    found: &mut BTreeMap<TracePosition, Vec<JsonSpan>>,
    warnings: &mut BTreeSet<String>,
) -> Result<(), Refusal> {
    let (mut matching, mut checked) = (0, 0);
    loop {
        let page = app.given.query.search_traces(&app.tenant, request.clone()).await?;
        warnings.extend(page.warnings);
        checked += page.traces.len();
        for trace in &page.traces {
            let starts = trace.spans.batch().start_unix_nanos.iter().copied();
            let start_unix_nanos = starts.min().unwrap_or(0);
            let trace_id = trace.trace_id;
            let shown = spans(trace);
            if matching < search.limit && search.matches(&shown) {
                matching += 1;
                found.insert(TracePosition { start_unix_nanos, trace_id }, shown);
            }
        }
        let Some(next) = page.next.filter(|_| matching < search.limit) else { return Ok(()) };
        if checked >= CHECKED_TRACES_MAX {
            let warning = format!(
                "search stopped after {checked} traces that might match; shorten the lookback or add conditions"
            );
            warnings.insert(warning);
            return Ok(());
        }
        request.cursor = Some(next);
    }
}

fn attribute(levels: &[AttributeLevel], key: &str, test: AttributeTest) -> SpanCondition {
    SpanCondition::Attribute(AttributeCondition { levels: levels.to_vec(), key: key.into(), test })
}

fn tag(key: &str, test: AttributeTest) -> SpanCondition {
    let levels = [AttributeLevel::Span, AttributeLevel::Resource, AttributeLevel::Scope];
    attribute(&levels, key, test)
}

/// Whether a tag of this key may be made from something else than an attribute.
fn is_made(key: &str) -> bool {
    key == fanal_model::peer::ERROR_KEY
        || matches!(key, "span.kind" | "w3c.tracestate")
        || key.starts_with("otel.")
        || key.starts_with("otlp.link.")
}

/// Whether a value with this text is no list or map, which Zipkin's tags spell otherwise than the store does.
fn is_plain_text(text: &str) -> bool {
    !text.is_empty() && !text.starts_with(['[', '{'])
}

/// Whether a span meets a term.
fn meets(span: &JsonSpan, key: &str, value: &str) -> bool {
    let tagged = span.tags.get(key).is_some_and(|tag| value.is_empty() || tag == value);
    tagged || value.is_empty() && span.annotations.iter().any(|it| it.value == key)
}

/// When a trace begins, as Zipkin sees it: where its root does, else its earliest span.
fn trace_micros(trace: &[JsonSpan]) -> Option<u64> {
    let timed = || trace.iter().filter(|span| span.timestamp > 0);
    let root = timed().find(|span| span.parent_id.is_none());
    root.map(|span| span.timestamp).or_else(|| timed().map(|span| span.timestamp).min())
}

/// Terms joined by ` and `: `key=value`, or a word that a tag's key or an annotation is.
fn terms(query: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut terms = BTreeMap::new();
    let parts = query.split(" and ").map(str::trim).filter(|part| !part.is_empty());
    for (number, part) in parts.enumerate() {
        if number >= TERMS_MAX {
            let message =
                format!("annotationQuery has more than {TERMS_MAX} terms; leave some out");
            return Err(Refusal::parameter("annotationQuery", message));
        }
        match part.split_once('=') {
            Some((key, value)) => {
                terms.insert(key.trim().to_owned(), value.trim().to_owned());
            }
            None => drop(terms.entry(part.to_owned()).or_default()),
        }
    }
    Ok(terms)
}

fn durations(form: &Form) -> Result<Option<(u64, u64)>, Refusal> {
    let (min, max) = (form.positive("minDuration")?, form.positive("maxDuration")?);
    let refuse = |message: String| Err(Refusal::parameter("maxDuration", message));
    match (min, max) {
        (None, None) => Ok(None),
        (Some(min), None) => Ok(Some((min, u64::MAX))),
        (None, Some(_)) => refuse("maxDuration needs minDuration; give both".to_owned()),
        (Some(min), Some(max)) if max < min => {
            refuse(format!("maxDuration {max} is less than minDuration {min}; swap them"))
        }
        (Some(min), Some(max)) => Ok(Some((min, max))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read() {
        let check = |query: &str, expect: &[(&str, &str)]| {
            let found = terms(query).expect("few terms");
            let shown: Vec<(&str, &str)> = found.iter().map(|(k, v)| (&**k, &**v)).collect();
            assert_eq!(shown, expect, "{query}");
        };
        check("", &[]);
        check("error", &[("error", "")]);
        check(" a = b and c and d=e=f ", &[("a", "b"), ("c", ""), ("d", "e=f")]);
        check("a=1 and a=2", &[("a", "2")]);
        check("a=1 and a", &[("a", "1")]);
        check("a and a=1", &[("a", "1")]);
        check("a=", &[("a", "")]);
        check("sand and salt", &[("salt", ""), ("sand", "")]);
        assert!(terms(&vec!["a"; TERMS_MAX].join(" and ")).is_ok());
        assert!(terms(&vec!["a"; TERMS_MAX + 1].join(" and ")).is_err());
    }
}
