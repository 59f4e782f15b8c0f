//! Metrics: series over a range, and numbers of one.

use super::answers::{Answer, Notes};
use super::form::{Form, NANOS_PER_SECOND, moment};
use super::search::{jobs, label};
use crate::answer::{self, JSON};
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use axum::response::Response;
use fanal_base::cast;
use fanal_query::traceql::{TraceqlMeasuring, TraceqlMetrics, TraceqlSeries};
use fanal_traceql::compile;
use fanal_traceql::eval::{Buckets, Exemplar, Label, Series, auto_step, exemplar_count};
use fanal_traceql::value::Value;
use fanal_wire::tempo as wire;
use http::{StatusCode, Uri};
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;

/// Longest range of metrics, in nanoseconds: a day.
const RANGE_NANOS_MAX: u64 = 24 * 3_600 * NANOS_PER_SECOND;

/// How far a question looks back where it does not say.
const SINCE_NANOS: u64 = 3_600 * NANOS_PER_SECOND;

/// A question for metrics.
#[derive(Debug)]
pub(super) struct MetricsQuestion {
    metrics: TraceqlMetrics,
    notes: Notes,
}

/// What metrics are asked with, whichever way it came. Times are nanoseconds.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: String,
    pub(super) start: u64,
    pub(super) end: u64,
    /// `None`: one number for the whole range; 0: as wide as suits it.
    pub(super) step: Option<u64>,
    /// 0 for the default.
    pub(super) exemplars: u64,
}

impl MetricsQuestion {
    pub(super) fn new(asked: &Asked, now_unix_nanos: u64) -> Result<Self, Refusal> {
        let (start, end) = (asked.start, asked.end);
        if asked.query.is_empty() {
            let message = "q is missing; give a query, as in `{ } | rate()`";
            return Err(Refusal::parameter("q", message));
        }
        if end <= start {
            let message = "end is not after start; swap them, or leave both out for the last hour";
            return Err(Refusal::parameter("end", message));
        }
        if end.saturating_sub(start) > RANGE_NANOS_MAX {
            let message = "range is longer than 24 h, which is the longest of metrics; shorten it";
            return Err(Refusal::parameter("start", message));
        }
        let compiled = compile(&asked.query);
        let (query, warnings) =
            compiled.map_err(|error| Refusal::parameter("q", error.render(&asked.query)))?;
        let buckets = match asked.step {
            None => Buckets::of_instant(start, end),
            Some(0) => Buckets::of_range(start, end, auto_step(start, end)),
            Some(step) if covers(step, start, end) => Buckets::of_instant(start, end),
            Some(step) => Buckets::of_range(start, end, step),
        };
        let buckets = buckets.map_err(|error| Refusal::parameter("step", error.to_string()))?;
        let is_instant = asked.step.is_none();
        let buckets =
            if buckets.count() == 1 { buckets } else { buckets.not_after(now_unix_nanos) };
        let wanted = exemplar_count(&query.query().hints, Some(cast::size(asked.exemplars)));
        let exemplars = if is_instant { 0 } else { wanted };
        let warnings = warnings.into_iter().map(|warning| warning.message).collect();
        let notes = Notes { warnings, ..Notes::default() };
        Ok(Self { metrics: TraceqlMetrics { query, buckets, exemplars }, notes })
    }

    fn of_form(form: &Form, is_instant: bool, now_unix_nanos: u64) -> Result<Self, Refusal> {
        let time = |name: &str| -> Result<Option<u64>, Refusal> {
            form.text(name).map(|text| moment(name, text)).transpose()
        };
        let end = time("end")?.unwrap_or(now_unix_nanos);
        let since = form.duration("since")?.unwrap_or(SINCE_NANOS);
        let start = time("start")?.unwrap_or(end.min(now_unix_nanos).saturating_sub(since));
        let step = match form.text("step") {
            Some(_) if !is_instant => form.step()?,
            _ => 0,
        };
        let query = form.text("q").or(form.text("query")).unwrap_or_default().to_owned();
        let step = (!is_instant).then_some(step);
        let exemplars = form.number("exemplars")?.unwrap_or(0);
        Self::new(&Asked { query, start, end, step, exemplars }, now_unix_nanos)
    }

    /// Begins to answer series in stretches; their buckets, and what is to be said besides.
    pub(super) fn begin(self, app: &App) -> (TraceqlMeasuring, Buckets, Notes) {
        let buckets = self.metrics.buckets;
        let measuring = app.given.query.traceql_measuring(&app.tenant, self.metrics);
        (measuring, buckets, self.notes)
    }

    /// The series, their buckets, and what is to be said besides.
    pub(super) async fn ask(self, app: &App) -> Result<(TraceqlSeries, Buckets, Notes), Refusal> {
        let buckets = self.metrics.buckets;
        let answer = app.ask(app.given.query.traceql_metrics(&app.tenant, self.metrics)).await?;
        let notes = with_answer(self.notes, &answer);
        Ok((answer, buckets, notes))
    }
}

/// What is known at the end.
pub(super) fn with_answer(mut notes: Notes, answer: &TraceqlSeries) -> Notes {
    notes.warnings.extend(answer.warnings.iter().cloned());
    notes.partial.extend(answer.partial.iter().cloned());
    notes
}

/// Whether a step is as wide as the range, but for a rounded second: then one bucket is asked for, which is the range as it is.
/// Among multiples of such a step its end would lie in the future, and be left out.
fn covers(step: u64, start: u64, end: u64) -> bool {
    let range = end.saturating_sub(start);
    step >= range - NANOS_PER_SECOND.min(range / 10)
}

/// `GET /api/metrics/query_range`
pub(super) async fn range(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let now = app.given.clock.now_unix_nanos();
    let question = MetricsQuestion::of_form(&Form::read(&uri)?, false, now)?;
    let (answer, buckets, notes) = question.ask(&app).await?;
    let (status, message) = partial(&notes);
    let metrics = Some(looked_at(&answer));
    let series = answer.series.iter().map(|it| time_series(it, &buckets)).collect();
    json(&app, &wire::QueryRangeResponse { series, metrics, status, message }, &notes)
}

/// `GET /api/metrics/query`
pub(super) async fn instant(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let now = app.given.clock.now_unix_nanos();
    let question = MetricsQuestion::of_form(&Form::read(&uri)?, true, now)?;
    let (answer, _, notes) = question.ask(&app).await?;
    let (status, message) = partial(&notes);
    let metrics = Some(looked_at(&answer));
    let series = answer.series.iter().filter_map(instant_series).collect();
    json(&app, &wire::QueryInstantResponse { series, metrics, status, message }, &notes)
}

fn json(app: &App, message: &impl Serialize, notes: &Notes) -> Answer {
    let bytes = answer::json_bytes(message, &app.given.limits)?;
    let mut response: Response = answer::body(StatusCode::OK, JSON, bytes);
    notes.write(response.headers_mut());
    Ok(response)
}

/// Whether and why an answer may lack something, in the message's own words.
pub(super) fn partial(notes: &Notes) -> (i32, String) {
    let is_whole = notes.partial.is_empty();
    let status =
        if is_whole { wire::PartialStatus::Complete } else { wire::PartialStatus::Partial };
    (status.into(), notes.partial.join("; "))
}

/// What was looked at.
pub(super) fn looked_at(answer: &TraceqlSeries) -> wire::SearchMetrics {
    wire::SearchMetrics {
        inspected_traces: cast::narrow(cast::size(answer.inspected_traces)),
        inspected_spans: answer.inspected_spans,
        ..jobs(&answer.scanned, true)
    }
}

/// The same of an answer that comes in stretches, by which its jobs are counted.
pub(super) fn progress(
    answer: &TraceqlSeries,
    buckets: &Buckets,
    answered: usize,
) -> wire::SearchMetrics {
    let (completed_jobs, total_jobs) = (cast::narrow(answered), cast::narrow(buckets.count()));
    wire::SearchMetrics { completed_jobs, total_jobs, ..looked_at(answer) }
}

/// Samples of some buckets only, of the series that have any.
pub(super) fn news(
    answer: &TraceqlSeries,
    buckets: &Buckets,
    answered: Range<usize>,
) -> Vec<wire::TimeSeries> {
    let of = |series: &Series| wire::TimeSeries {
        labels: labels(&series.labels),
        samples: samples(series, buckets, answered.clone()),
        exemplars: Vec::new(),
    };
    answer.series.iter().map(of).filter(|series| !series.samples.is_empty()).collect()
}

/// Leaves out what is beyond the number of series that was asked for; 0 is any number.
pub(super) fn cut(series: &mut Vec<wire::TimeSeries>, series_max: usize, notes: &mut Notes) {
    if series_max > 0 && series.len() > series_max {
        let count = series.len();
        notes
            .partial
            .push(format!("answer has {series_max} of {count} series, as many as were asked for"));
        series.truncate(series_max);
    }
}

/// A series with a sample for each bucket that has one, named by the bucket's end.
pub(super) fn time_series(series: &Series, buckets: &Buckets) -> wire::TimeSeries {
    wire::TimeSeries {
        labels: labels(&series.labels),
        samples: samples(series, buckets, 0..buckets.count()),
        exemplars: series.exemplars.iter().map(exemplar).collect(),
    }
}

fn samples(series: &Series, buckets: &Buckets, of: Range<usize>) -> Vec<wire::Sample> {
    let sample = |bucket: usize| {
        let value = series.samples.get(bucket).copied().flatten()?;
        Some(wire::Sample { timestamp_ms: millis(buckets.end(bucket)), value })
    };
    of.filter_map(sample).collect()
}

/// The only number of a series; `None` where there is none.
pub(super) fn instant_series(series: &Series) -> Option<wire::InstantSeries> {
    let value = series.samples.first().copied().flatten()?;
    Some(wire::InstantSeries { labels: labels(&series.labels), value })
}

fn labels(labels: &[Label]) -> Vec<wire::KeyValue> {
    labels.iter().map(|(key, value)| label(key, value)).collect()
}

fn exemplar(of: &Exemplar) -> wire::Exemplar {
    let mut labels = labels(&of.fields);
    labels.push(label("trace:id", &Value::String(of.trace_id.to_string())));
    wire::Exemplar { labels, value: of.value, timestamp_ms: millis(of.time) }
}

fn millis(nanos: u64) -> i64 {
    i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::TraceId;
    use serde_json::json;

    #[test]
    fn exemplars_lead_to_their_traces() {
        let buckets = Buckets::of_range(2_000_000_000, 3_000_000_000, 1_000_000_000);
        let series = Series {
            labels: vec![("p".to_owned(), Value::Float(0.5))],
            samples: vec![None, Some(1.5)],
            exemplars: vec![Exemplar {
                trace_id: TraceId([0x1a; 16]),
                fields: vec![("kind".to_owned(), Value::String("server".to_owned()))],
                value: 0.25,
                time: 2_400_000_000,
            }],
        };
        let written = time_series(&series, &buckets.expect("a range"));
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let expect = json!({
            "labels": [{"key": "p", "value": {"doubleValue": 0.5}}],
            "samples": [{"timestampMs": "3000", "value": 1.5}],
            "exemplars": [{
                "labels": [text("kind", "server"), text("trace:id", &"1a".repeat(16))],
                "value": 0.25,
                "timestampMs": "2400",
            }],
        });
        assert_eq!(serde_json::to_value(&written).expect("JSON"), expect);
    }
}
