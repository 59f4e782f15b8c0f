//! Spans by service, name, kind and status: one aggregate of the store.

use super::{Durations, RateTally, Rates, RatesQuestion, SPAN_BOUNDS, SpanKey, TALLIES_MAX};
use crate::error::QueryError;
use crate::service::QueryService;
use fanal_model::{SpanKind, StatusCode, Value};
use fanal_storage::{
    AggregateSpans, GroupKey, Measure, Measured, SpanAggregates, SpanGroup, Tally, TenantId,
};

impl QueryService {
    /// Numbers of spans by service, name, kind and status.
    pub async fn span_rates(
        &self,
        tenant: &TenantId,
        question: &RatesQuestion,
    ) -> Result<Rates<SpanKey>, QueryError> {
        question.validate()?;
        let answer = self.aggregate(tenant, aggregate(question, true)).await?;
        let left_out = answer.spans_left_out;
        let mut rates = rates(answer)?;
        if left_out > 0 {
            // What the groups lack of all spans is told together.
            let all = self.aggregate(tenant, aggregate(question, false)).await?;
            rates.warnings = all.warnings;
            let tallies = all.groups.iter().flat_map(|group| &group.buckets);
            rates.overflow = tallies.map(|tally| (tally.bucket, rate_tally(tally))).collect();
            for (bucket, told) in rates.keys.values().flatten() {
                if let Some(rest) = rates.overflow.get_mut(bucket) {
                    rest.reduce(told);
                }
            }
            rates.overflow.retain(|_, rest| rest.count > 0);
        }
        Ok(rates)
    }
}

fn aggregate(question: &RatesQuestion, is_grouped: bool) -> AggregateSpans {
    let keys = [GroupKey::Service, GroupKey::Name, GroupKey::Kind, GroupKey::Status];
    AggregateSpans {
        conditions: question.conditions.clone(),
        start_min_unix_nanos: question.start_unix_nanos,
        start_max_unix_nanos: question.end_unix_nanos - 1,
        step_nanos: question.step_nanos,
        group_by: if is_grouped { keys.to_vec() } else { Vec::new() },
        measures: vec![Measure::Durations, Measure::DurationDoublings(SPAN_BOUNDS.unit_nanos)],
        groups_max: question.keys_max,
    }
}

fn rates(answer: SpanAggregates) -> Result<Rates<SpanKey>, QueryError> {
    let tallies: usize = answer.groups.iter().map(|group| group.buckets.len()).sum();
    if tallies > TALLIES_MAX {
        return Err(super::too_many_tallies());
    }
    let mut rates = Rates::new(answer.warnings);
    for group in answer.groups {
        let tallies = group.buckets.iter().map(|tally| (tally.bucket, rate_tally(tally)));
        let tallies = tallies.collect();
        rates.keys.insert(key(group), tallies);
    }
    Ok(rates)
}

fn key(group: SpanGroup) -> SpanKey {
    let mut values = group.values.into_iter().map(|value| match value {
        Some(Value::String(text)) => text,
        // Each key of the question is a text of every span.
        _ => String::new(),
    });
    let mut next = || values.next().unwrap_or_default();
    SpanKey {
        service: next(),
        name: next(),
        kind: SpanKind::parse(&next()).unwrap_or_default(),
        status: StatusCode::parse(&next()).unwrap_or_default(),
    }
}

fn rate_tally(tally: &Tally) -> RateTally {
    let mut durations = Durations::default();
    for measured in &tally.measured {
        match measured {
            Measured::Durations { sum, .. } => durations.sum_nanos = *sum,
            Measured::DurationDoublings { counters, .. } => {
                for (place, count) in counters.iter().enumerate() {
                    durations.counters[place.min(SPAN_BOUNDS.count())] += count;
                }
            }
            // Not asked for.
            Measured::DurationHistogram(_) => {}
        }
    }
    RateTally { count: tally.spans, durations, ..RateTally::default() }
}
