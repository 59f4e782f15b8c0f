//! A question for the numbers of services over time, and how it is asked of the store.
//!
//! A point at time t tells of the spans that started in the window of `rate_per` before it. Windows are made of whole
//! steps: one that is no multiple of the step is rounded up.

use super::series::{Family, Line, Windows, family};
use crate::refusal::Refusal;
use crate::state::App;
use fanal_model::{SpanKind, StatusCode, Value};
use fanal_storage::aggregate::BUCKETS_MAX;
use fanal_storage::{AggregateSpans, GroupKey, Measure, SpanAggregates, SpanCondition, Tally};
use std::collections::BTreeMap;

/// Most services of one question.
pub(crate) const SERVICES_MAX: usize = 100;

/// Most operations of a service that are told apart; a family tells of those that are left out.
const OPERATIONS_MAX: usize = 1000;

/// Shortest step, in nanoseconds.
pub(crate) const STEP_NANOS_MIN: u64 = 1_000_000;

/// Which number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum MetricsKind {
    /// A quantile of durations, milliseconds.
    Latencies(f64),
    /// Calls a second.
    Calls,
    /// Failed calls by calls.
    Errors,
}

/// The question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MetricsQuestion {
    pub(crate) services: Vec<String>,
    pub(crate) is_by_operation: bool,
    pub(crate) end_unix_nanos: u64,
    pub(crate) lookback_nanos: u64,
    pub(crate) step_nanos: u64,
    pub(crate) rate_per_nanos: u64,
    pub(crate) kinds: Vec<SpanKind>,
}

/// Asks, one service after the other.
pub(crate) async fn ask(
    app: &App,
    question: &MetricsQuestion,
    kind: MetricsKind,
) -> Result<Family, Refusal> {
    let windows = question.windows(kind)?;
    let mut lines = Vec::new();
    let mut missing = Vec::new();
    for service in &question.services {
        let request = question.request(service, kind, &windows);
        let answer = app.ask(app.given.query.aggregate(&app.tenant, request)).await?;
        for warning in &answer.warnings {
            if !missing.contains(warning) {
                missing.push(warning.clone());
            }
        }
        lines.extend(lines_of(service, question, kind, &answer));
    }
    Ok(family(kind, question.is_by_operation, &windows, lines, &missing))
}

impl MetricsQuestion {
    /// The points and their windows; refuses what cannot be answered.
    fn windows(&self, kind: MetricsKind) -> Result<Windows, Refusal> {
        if let MetricsKind::Latencies(quantile) = kind
            && !(0.0..=1.0).contains(&quantile)
        {
            let message = format!("quantile {quantile} lies outside 0 to 1");
            return Err(Refusal::parameter("quantile", message));
        }
        let count = self.services.len();
        if !(1..=SERVICES_MAX).contains(&count) {
            let message = format!(
                "please provide at least one service name, and at most {SERVICES_MAX}: there are {count}"
            );
            return Err(Refusal::parameter("service", message));
        }
        if self.step_nanos < STEP_NANOS_MIN {
            let message = format!("step is below the least of {STEP_NANOS_MIN} ns");
            return Err(Refusal::parameter("step", message));
        }
        let points = self.lookback_nanos / self.step_nanos + 1;
        let width = self.rate_per_nanos.div_ceil(self.step_nanos).max(1);
        let buckets = points.saturating_add(width).saturating_sub(1);
        if buckets > BUCKETS_MAX {
            let message = format!(
                "lookback and ratePer are {buckets} steps long, at most {BUCKETS_MAX} are answered; widen the step"
            );
            return Err(Refusal::parameter("step", message));
        }
        // Time before 1970 is left out: the first points have shorter windows then.
        let first = self.end_unix_nanos.saturating_sub(buckets.saturating_mul(self.step_nanos));
        Ok(Windows { first_unix_nanos: first, step_nanos: self.step_nanos, points, width })
    }

    fn request(&self, service: &str, kind: MetricsKind, windows: &Windows) -> AggregateSpans {
        let mut conditions = vec![SpanCondition::Service(service.to_owned())];
        let mut group_by = Vec::new();
        if let [kind] = self.kinds.as_slice() {
            conditions.push(SpanCondition::Kind(*kind));
        }
        group_by.push(if self.is_by_operation { GroupKey::Name } else { GroupKey::Service });
        group_by.push(GroupKey::Kind);
        if kind == MetricsKind::Errors {
            group_by.push(GroupKey::Status);
        }
        let measures = match kind {
            MetricsKind::Latencies(_) => vec![Measure::DurationHistogram],
            MetricsKind::Calls | MetricsKind::Errors => Vec::new(),
        };
        AggregateSpans {
            conditions,
            start_min_unix_nanos: windows.first_unix_nanos,
            start_max_unix_nanos: windows.end_unix_nanos().saturating_sub(1),
            step_nanos: Some(windows.step_nanos),
            group_by,
            measures,
            // Of each operation, its kinds and states.
            groups_max: OPERATIONS_MAX * SpanKind::ALL.len() * StatusCode::ALL.len(),
        }
    }
}

/// The counts of a service by operation, those of the wanted kinds only.
fn lines_of(
    service: &str,
    question: &MetricsQuestion,
    kind: MetricsKind,
    answer: &SpanAggregates,
) -> Vec<Line> {
    let text = |value: Option<&Option<Value>>| match value {
        Some(Some(Value::String(text))) => text.clone(),
        _ => String::new(),
    };
    let is_wanted = |word: &str| question.kinds.iter().any(|kind| kind.as_str() == word);
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for group in answer.groups.iter().filter(|group| is_wanted(&text(group.values.get(1)))) {
        let name = text(group.values.first());
        let line = lines.entry(name.clone()).or_insert_with(|| Line {
            service: service.to_owned(),
            operation: question.is_by_operation.then_some(name),
            calls: BTreeMap::new(),
            errors: BTreeMap::new(),
        });
        let is_failed =
            kind == MetricsKind::Errors && text(group.values.get(2)) == StatusCode::Error.as_str();
        for tally in &group.buckets {
            add(&mut line.calls, tally);
            if is_failed {
                add(&mut line.errors, tally);
            }
        }
    }
    lines.into_values().collect()
}

fn add(to: &mut BTreeMap<u32, Tally>, tally: &Tally) {
    to.entry(tally.bucket).and_modify(|sum| sum.merge(tally)).or_insert_with(|| tally.clone());
}
