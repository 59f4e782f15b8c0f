//! An aggregate as parameters, and its numbers as an answer.
//!
//! Fed by the handler; the types below stand on the wire, and `OpenAPI` and the UI's types are made from them. Counts are
//! JSON numbers; times, durations and their sums are decimal strings, as everywhere in this API.

use super::search::{self, FILTERS};
use super::types::{Scanned, TypedValue};
use super::values::typed;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use fanal_base::cast;
use fanal_query::{parse_duration, parse_group_key};
use fanal_storage::{AggregateSpans, Measure, Measured, SpanAggregates, SpanGroup, Tally};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

/// Parameters beside those that filter.
pub(crate) const OWN_PARAMETERS: [&str; 4] = ["by", "step", "measure", "limit"];

/// Groups of an answer where no limit is named.
const GROUPS_DEFAULT: usize = 1_000;

/// Most groups of an answer.
const GROUPS_MAX: usize = 10_000;

const NANOS_PER_SECOND: f64 = 1e9;

/// `GET /fanal/v1/aggregate`: spans counted, and measured where asked for, in groups and time buckets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AggregateResponse {
    /// What is grouped by, as asked for; empty: one group.
    pub by: Vec<String>,
    /// Start of the first bucket. Absent when the question has no start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_unix_nano: Option<String>,
    /// Width of a bucket. Absent when one bucket holds all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_nanos: Option<String>,
    /// Groups with at least one span, each whole.
    pub groups: Vec<AggregateGroup>,
    /// Spans that matched. Exact copies of a span count until compaction has removed them.
    pub spans: u64,
    /// Those of them whose group is left out, because `limit` groups are there.
    pub spans_left_out: u64,
    /// False when something kept groups or spans out of the answer; `warnings` says what.
    pub complete: bool,
    /// Words on what is missing, for a person.
    pub warnings: Vec<String>,
    /// What it took.
    pub scanned: Scanned,
}

/// A group of spans.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AggregateGroup {
    /// A value for each of `by`; null where the spans have none.
    pub values: Vec<Option<TypedValue>>,
    /// Spans.
    pub spans: u64,
    /// Buckets with at least one span, by time.
    pub buckets: Vec<AggregateBucket>,
}

/// The spans of a group in a time bucket.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AggregateBucket {
    /// Which bucket, from 0.
    pub bucket: u32,
    /// Spans.
    pub spans: u64,
    /// Spans a second. Absent when the question has no step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second: Option<f64>,
    /// With `measure=duration`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub durations: Option<DurationTotals>,
    /// With `measure=histogram`: counters with at least one span, ascending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Vec<HistogramCounter>>,
}

/// Durations of some spans.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DurationTotals {
    /// Sum.
    pub sum_nanos: String,
    /// Shortest.
    pub min_nanos: String,
    /// Longest.
    pub max_nanos: String,
}

/// Spans of about one duration.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HistogramCounter {
    /// A power of two: the spans last at most so long, and longer than half of it.
    pub at_most_nanos: String,
    /// Spans.
    pub spans: u64,
}

/// A question, and its keys as they were asked for.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) by: Vec<String>,
    pub(crate) request: AggregateSpans,
}

/// Reads a question. Fails with the parameter at fault.
pub(crate) fn read(uri: &Uri, now_unix_nanos: u64) -> Result<Question, Refusal> {
    let known: Vec<&str> = FILTERS.iter().copied().chain(OWN_PARAMETERS).collect();
    let parameters = Parameters::read_known(uri, &known)?;
    let mut range = search::range(&parameters)?;
    let by: Vec<String> = parameters.all("by").map(str::to_owned).collect();
    let keys = by.iter().map(|text| {
        parse_group_key(text).map_err(|error| Refusal::parameter("by", error.to_string()))
    });
    let step_nanos = match parameters.single("step")? {
        Some(text) => {
            let step = parse_duration(text)
                .map_err(|error| Refusal::parameter("step", error.to_string()))?;
            if parameters.single("start")?.is_none() {
                let message = "step needs a start; add start, or leave step out";
                return Err(Refusal::parameter("start", message));
            }
            if parameters.single("end")?.is_none() {
                range.1 = now_unix_nanos.max(range.0);
            }
            Some(step)
        }
        None => None,
    };
    let request = AggregateSpans {
        conditions: search::conditions(&parameters)?,
        start_min_unix_nanos: range.0,
        start_max_unix_nanos: range.1,
        step_nanos,
        group_by: keys.collect::<Result<_, _>>()?,
        measures: parameters.all("measure").map(measure).collect::<Result<_, _>>()?,
        groups_max: limit(&parameters)?,
    };
    Ok(Question { by, request })
}

fn measure(word: &str) -> Result<Measure, Refusal> {
    match word {
        "duration" => Ok(Measure::Durations),
        "histogram" => Ok(Measure::DurationHistogram),
        _ => {
            let message = format!("measure `{word}` is none of duration, histogram");
            Err(Refusal::parameter("measure", message))
        }
    }
}

fn limit(parameters: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = parameters.single("limit")? else { return Ok(GROUPS_DEFAULT) };
    text.parse().ok().filter(|limit| (1..=GROUPS_MAX).contains(limit)).ok_or_else(|| {
        let message = format!(
            "limit `{text}` is no number from 1 to {GROUPS_MAX}; group by fewer keys or add conditions"
        );
        Refusal::parameter("limit", message)
    })
}

/// Writes an answer.
pub(crate) fn write(question: Question, answer: SpanAggregates) -> AggregateResponse {
    let request = question.request;
    let start = (request.start_min_unix_nanos > 0).then_some(request.start_min_unix_nanos);
    AggregateResponse {
        by: question.by,
        start_unix_nano: start.map(|nanos| nanos.to_string()),
        step_nanos: request.step_nanos.map(|nanos| nanos.to_string()),
        groups: answer.groups.iter().map(|group| write_group(group, request.step_nanos)).collect(),
        spans: answer.spans,
        spans_left_out: answer.spans_left_out,
        complete: answer.warnings.is_empty(),
        warnings: answer.warnings,
        scanned: search::scanned(&answer.scanned),
    }
}

fn write_group(group: &SpanGroup, step_nanos: Option<u64>) -> AggregateGroup {
    AggregateGroup {
        values: group.values.iter().map(|value| value.as_ref().map(typed)).collect(),
        spans: group.buckets.iter().map(|tally| tally.spans).sum(),
        buckets: group.buckets.iter().map(|tally| write_bucket(tally, step_nanos)).collect(),
    }
}

fn write_bucket(tally: &Tally, step_nanos: Option<u64>) -> AggregateBucket {
    let rate = |step| cast::figure(tally.spans) * NANOS_PER_SECOND / cast::figure(step);
    let mut bucket = AggregateBucket {
        bucket: tally.bucket,
        spans: tally.spans,
        rate_per_second: step_nanos.map(rate),
        durations: None,
        histogram: None,
    };
    for measured in &tally.measured {
        match measured {
            Measured::Durations { sum, min, max } => {
                bucket.durations = Some(DurationTotals {
                    sum_nanos: sum.to_string(),
                    min_nanos: min.to_string(),
                    max_nanos: max.to_string(),
                });
            }
            Measured::DurationHistogram(counters) => {
                let counters = (0..).zip(counters.iter()).filter(|(_, spans)| **spans > 0);
                let write = |(power, &spans): (u32, &u64)| HistogramCounter {
                    at_most_nanos: (1_u128 << power).to_string(),
                    spans,
                };
                bucket.histogram = Some(counters.map(write).collect());
            }
            // Not among the words for measures.
            Measured::DurationDoublings { .. } => {}
        }
    }
    bucket
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expect: &str) {
        let uri: Uri = format!("/aggregate?{query}").parse().expect("an address");
        let shown = match read(&uri, 5_000) {
            Ok(Question { request, .. }) => format!(
                "{:?} {}..={} {:?} {:?} {:?} {}",
                request.conditions,
                request.start_min_unix_nanos,
                request.start_max_unix_nanos,
                request.step_nanos,
                request.group_by,
                request.measures,
                request.groups_max
            ),
            Err(refusal) => {
                format!("{}: {}", refusal.parameter.unwrap_or_default(), refusal.message)
            }
        };
        assert!(shown.starts_with(expect), "{query}\n got {shown}\nwant {expect}");
    }

    #[test]
    fn questions_are_read() {
        check("", "[] 0..=18446744073709551615 None [] [] 1000");
        check(
            "by=service&by=name&status=error",
            "[Status(Error)] 0..=18446744073709551615 None [Service, Name]",
        );
        check("start=7&step=1us&limit=5", "[] 7..=5000 Some(1000) [] [] 5");
        check("start=7&end=9&step=1us", "[] 7..=9 Some(1000)");
        check(
            "measure=histogram&measure=duration",
            "[] 0..=18446744073709551615 None [] [DurationHistogram, Durations]",
        );
    }

    #[test]
    fn wrong_parameters_are_named() {
        check("by=colour", "by: \"colour\" is nothing to group by");
        check("step=1s", "start: step needs a start");
        check("step=fast&start=1", "step: ");
        check("measure=mean", "measure: measure `mean` is none of duration, histogram");
        check("limit=0", "limit: limit `0` is no number from 1 to 10000");
        check("cursor=x", "cursor: unknown parameter `cursor`");
    }
}
