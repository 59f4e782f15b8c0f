//! Search: by TraceQL, or by the tags of Tempo's first search, which are said in TraceQL here.

use super::answers::{self, Answer, Notes};
use super::form::{ALL_TIME, Form, NANOS_PER_SECOND, Range};
use super::legacy;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use fanal_base::cast;
use fanal_query::Cursor;
use fanal_query::traceql::search::TRACES_MAX;
use fanal_query::traceql::{
    TraceqlFound, TraceqlSearch, TraceqlSearching, TraceqlSet, TraceqlTrace,
};
use fanal_storage::ScanCounts;
use fanal_traceql::compile;
use fanal_traceql::eval::{SpanOutput, text};
use fanal_traceql::value::Value;
use fanal_wire::tempo::{
    AnyValue, AnyValueValue, ArrayValue, KeyValue, SearchMetrics, SearchResponse, ServiceStats,
    Span, SpanSet, TraceSearchMetadata,
};
use http::{HeaderMap, Uri};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const LIMIT_DEFAULT: u64 = 20;
const SPANS_DEFAULT: u64 = 3;
const SPANS_MAX: u64 = 100;

/// Longest range of a search, in nanoseconds: a week.
const RANGE_NANOS_MAX: u64 = 168 * 3_600 * NANOS_PER_SECOND;

/// Stands for the service of a trace whose root has not arrived.
const NO_ROOT: &str = "<root span not yet received>";

/// A search.
#[derive(Debug)]
pub(super) struct SearchQuestion {
    search: TraceqlSearch,
    notes: Notes,
    /// Whether it is one by tags, whose answer has no spans.
    is_by_tags: bool,
}

/// What a search is asked with, whichever way it came.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) query: String,
    pub(super) tags: Vec<(String, String)>,
    /// Shortest and longest, in nanoseconds.
    pub(super) durations: (Option<u64>, Option<u64>),
    pub(super) range: Option<Range>,
    /// 0 for the default.
    pub(super) limit: u64,
    pub(super) spans_per_set: u64,
    pub(super) cursor: Option<Cursor>,
}

impl SearchQuestion {
    pub(super) fn new(asked: Asked) -> Result<Self, Refusal> {
        let has_tags = !asked.tags.is_empty() || asked.durations != (None, None);
        if !asked.query.is_empty() && has_tags {
            let message = "q and tags are given; give one of them";
            return Err(Refusal::parameter("q", message));
        }
        let is_by_tags = asked.query.is_empty();
        let range = asked.range.unwrap_or(ALL_TIME);
        if range != ALL_TIME && range.end_unix_nanos - range.start_unix_nanos > RANGE_NANOS_MAX {
            let message =
                "range is longer than 168 h, which is the longest of a search; shorten it";
            return Err(Refusal::parameter("start", message));
        }
        let text = if asked.query.is_empty() {
            legacy::query(&asked.tags, asked.durations)
        } else {
            asked.query
        };
        let compiled = compile(&text);
        let (query, warnings) =
            compiled.map_err(|error| Refusal::parameter("q", error.render(&text)))?;
        let limit = bounded("limit", asked.limit, LIMIT_DEFAULT, cast::wide(TRACES_MAX))?;
        let spans = bounded("spss", asked.spans_per_set, SPANS_DEFAULT, SPANS_MAX)?;
        let search = TraceqlSearch {
            query,
            start_unix_nanos: range.start_unix_nanos,
            end_unix_nanos: range.end_unix_nanos,
            limit,
            spans_per_set: spans,
            cursor: asked.cursor,
        };
        let warnings = warnings.into_iter().map(|warning| warning.message).collect();
        let notes = Notes { warnings, ..Notes::default() };
        Ok(Self { search, notes, is_by_tags })
    }

    fn of_form(form: &Form, now_unix_nanos: u64) -> Result<Self, Refusal> {
        let text = |name: &str| form.text(name).unwrap_or_default();
        let limit = form.number("limit")?;
        if limit == Some(0) {
            return Err(Refusal::parameter("limit", "limit is 0; ask for at least 1 trace"));
        }
        let mut tags = legacy::read(text("tags"))?;
        if ["q", "tags", "start", "end"].iter().all(|name| form.text(name).is_none()) {
            tags.extend(form.others(&legacy::RESERVED));
        }
        let duration = |name: &str| form.duration(name);
        let cursor = form.text("cursor").map(|it| {
            it.parse().map_err(|error: fanal_query::QueryError| {
                Refusal::parameter("cursor", error.to_string())
            })
        });
        Self::new(Asked {
            query: text("q").to_owned(),
            tags,
            durations: (duration("minDuration")?, duration("maxDuration")?),
            range: form.search_range(now_unix_nanos)?,
            limit: limit.unwrap_or(0),
            spans_per_set: form.number("spss")?.unwrap_or(0),
            cursor: cursor.transpose()?,
        })
    }

    /// Begins the search.
    pub(super) fn begin(self, app: &App) -> Result<(TraceqlSearching, Notes, bool), Refusal> {
        let searching = app.given.query.traceql_search(&app.tenant, self.search)?;
        Ok((searching, self.notes, self.is_by_tags))
    }
}

fn bounded(name: &str, given: u64, default: u64, max: u64) -> Result<usize, Refusal> {
    if given > max {
        let message = format!("{name} is {given}, at most {max} are answered; ask for fewer");
        return Err(Refusal::parameter(name, message));
    }
    Ok(cast::size(if given == 0 { default } else { given }))
}

/// `GET /api/search`
pub(super) async fn search(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Answer {
    let now = app.given.clock.now_unix_nanos();
    let question = SearchQuestion::of_form(&Form::read(&uri)?, now)?;
    let (searching, notes, is_by_tags) = question.begin(&app)?;
    let found = app.ask(searching.finish()).await?;
    let notes = with_found(notes, &found);
    let message = SearchResponse {
        traces: traces(&found.traces, is_by_tags),
        metrics: Some(metrics(&found, true)),
    };
    answers::message(&app, &headers, &message, &notes)
}

/// What is known at the end of a search.
pub(super) fn with_found(mut notes: Notes, found: &TraceqlFound) -> Notes {
    notes.warnings.extend(found.warnings.iter().cloned());
    notes.partial.extend(found.partial.iter().cloned());
    notes.cursor = found.next.as_ref().map(Cursor::to_string);
    notes
}

/// What was looked at, by a search that is over or goes on.
pub(super) fn metrics(found: &TraceqlFound, is_over: bool) -> SearchMetrics {
    SearchMetrics {
        inspected_traces: cast::narrow(cast::size(found.inspected_traces)),
        inspected_spans: found.inspected_spans,
        ..jobs(&found.scanned, is_over)
    }
}

/// Progress as clients show it, of jobs that are done: a job is a granule of the store. What is skipped is done only with
/// the whole question, which is a job too.
pub(super) fn jobs(scanned: &ScanCounts, is_over: bool) -> SearchMetrics {
    let count = |number: u64| cast::narrow(cast::size(number));
    let read = scanned.granules_read.min(scanned.granules_total);
    SearchMetrics {
        total_jobs: count(scanned.granules_total.saturating_add(1)),
        completed_jobs: count(if is_over {
            scanned.granules_total.saturating_add(1)
        } else {
            read
        }),
        ..SearchMetrics::default()
    }
}

/// Traces as messages. Of a key that has texts and other values all are texts, because a table has one type a column.
pub(super) fn traces(found: &[TraceqlTrace], is_by_tags: bool) -> Vec<TraceSearchMetadata> {
    let mixed = mixed_keys(found);
    found.iter().map(|it| trace(it, &mixed, is_by_tags)).collect()
}

fn mixed_keys(found: &[TraceqlTrace]) -> BTreeSet<&str> {
    let mut kinds: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
    let spans = found.iter().flat_map(|it| &it.sets).flat_map(|set| &set.spans);
    for (key, value) in spans.flat_map(|span| &span.attributes) {
        let (has_text, has_other) = kinds.entry(key).or_default();
        let is_text = is_text(value);
        *has_text |= is_text;
        *has_other |= !is_text;
    }
    kinds.into_iter().filter(|(_, kind)| *kind == (true, true)).map(|(key, _)| key).collect()
}

fn is_text(value: &Value) -> bool {
    !matches!(value, Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Array(_))
}

fn trace(found: &TraceqlTrace, mixed: &BTreeSet<&str>, is_by_tags: bool) -> TraceSearchMetadata {
    let (service, name) = found.root.clone().unwrap_or((NO_ROOT.to_owned(), String::new()));
    let sets = if is_by_tags { &[][..] } else { &found.sets };
    let sets: Vec<SpanSet> = sets.iter().map(|it| span_set(it, mixed)).collect();
    let stats = |(name, (spans, errors)): (&String, &(u64, u64))| {
        let count = |number: u64| cast::narrow(cast::size(number));
        let (span_count, error_count) = (count(*spans), count(*errors));
        (name.clone(), ServiceStats { span_count, error_count })
    };
    TraceSearchMetadata {
        trace_id: found.position.trace_id.to_string(),
        root_service_name: service,
        root_trace_name: name,
        start_time_unix_nano: found.position.start_unix_nanos,
        duration_ms: cast::narrow(cast::size(found.duration_nanos / 1_000_000)),
        // Clients that know only one set show it alone.
        span_set: if let [only] = &*sets { Some(only.clone()) } else { None },
        span_sets: sets,
        service_stats: found.services.iter().map(stats).collect(),
    }
}

fn span_set(set: &TraceqlSet, mixed: &BTreeSet<&str>) -> SpanSet {
    SpanSet {
        spans: set.spans.iter().map(|it| span(it, mixed)).collect(),
        matched: cast::narrow(set.matched),
        attributes: set.attributes.iter().map(|(key, value)| label(key, value)).collect(),
    }
}

fn span(of: &SpanOutput, mixed: &BTreeSet<&str>) -> Span {
    let attribute = |(key, value): &(String, Value)| {
        if mixed.contains(&**key) {
            label(key, &Value::String(text(value)))
        } else {
            label(key, value)
        }
    };
    Span {
        span_id: of.span_id.to_string(),
        name: of.name.clone().unwrap_or_default(),
        start_time_unix_nano: of.start,
        duration_nanos: of.duration,
        attributes: of.attributes.iter().map(attribute).collect(),
    }
}

/// A key with a value: scalars as they are, everything else as text.
pub(super) fn label(key: &str, value: &Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(any_value(value)) }
}

fn any_value(value: &Value) -> AnyValue {
    let value = match value {
        Value::Bool(flag) => AnyValueValue::Bool(*flag),
        Value::Int(number) => AnyValueValue::Int(*number),
        Value::Float(number) => AnyValueValue::Double(*number),
        Value::Array(items) => {
            AnyValueValue::Array(ArrayValue { values: items.iter().map(any_value).collect() })
        }
        other => AnyValueValue::String(text(other)),
    };
    AnyValue { value: Some(value) }
}
