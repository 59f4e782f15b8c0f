//! Metrics in stretches of time, the newest first, for askers who show what is known so far.
//!
//! Asked by façades that stream. Only a query whose buckets have nothing to do with each other is answered in stretches, and only
//! where the store counts it in columns; every other is one stretch. Invariant: all stretches come to the samples of one question for
//! the whole range; the examples among them may be others.

use super::cells::groups_max;
use super::columns::Asked;
use super::columns::count::Counter;
use super::metrics::{TraceqlMetrics, TraceqlSeries};
use super::pushdown;
use crate::error::QueryError;
use crate::service::{QueryService, tell};
use fanal_model::TraceId;
use fanal_storage::TenantId;
use fanal_traceql::ast::{Body, MetricsExpression, MetricsFunction, MetricsPipeline};
use fanal_traceql::eval::{self, Buckets, Series};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A metrics query that goes on.
#[derive(Debug)]
pub struct TraceqlMeasuring {
    service: QueryService,
    tenant: TenantId,
    request: TraceqlMetrics,
    /// What a series has in a bucket without spans, where the query can be answered in stretches.
    empty: Option<Empty>,
    /// Buckets that are not answered yet, all before those that are.
    left: usize,
    answer: TraceqlSeries,
    /// Places of series by their labels.
    places: HashMap<String, usize>,
    /// Traces that are examples: each is one of one series.
    exemplars: HashSet<TraceId>,
    /// Most series, so that their samples are no more than may be.
    series_max: usize,
    has_left_out: bool,
}

/// A sample of a bucket without spans.
#[derive(Debug, Clone, Copy)]
struct Empty(Option<f64>);

impl QueryService {
    /// Begins a metrics query.
    pub fn traceql_measuring(
        &self,
        tenant: &TenantId,
        request: TraceqlMetrics,
    ) -> TraceqlMeasuring {
        TraceqlMeasuring {
            service: self.clone(),
            tenant: tenant.clone(),
            empty: empty(&request),
            left: request.buckets.count(),
            series_max: groups_max(&MetricsFunction::Rate, &request.buckets),
            request,
            answer: TraceqlSeries::default(),
            places: HashMap::new(),
            exemplars: HashSet::new(),
            has_left_out: false,
        }
    }
}

impl TraceqlMeasuring {
    /// Answers the next stretch of about so many buckets; `false` once the answer is complete.
    pub async fn step(&mut self, buckets: usize) -> Result<bool, QueryError> {
        let count = self.request.buckets.count();
        let is_divided = self.empty.is_some();
        let width = if is_divided { buckets.clamp(1, self.left.max(1)) } else { self.left };
        let first = self.left.saturating_sub(width);
        let request = TraceqlMetrics {
            buckets: self.request.buckets.part(first, width),
            exemplars: (self.request.exemplars * width).div_ceil(count.max(1)),
            ..self.request.clone()
        };
        let found = self.service.traceql_metrics(&self.tenant, request).await?;
        self.left = first;
        match self.empty {
            Some(empty) => self.add(found, first..first + width, empty),
            None => self.answer = found,
        }
        if self.left == 0 && self.has_left_out {
            self.answer.partial.push(format!(
                "answer has the {} series it may have, further ones are left out; \
                 add conditions, group by fewer attributes or take a wider step",
                self.series_max
            ));
        }
        Ok(self.left > 0)
    }

    /// The first bucket that is answered: all behind it are too.
    pub fn first_answered(&self) -> usize {
        self.left
    }

    /// What is known so far; buckets that are not answered yet have no samples. In no order.
    pub fn answer(&self) -> &TraceqlSeries {
        &self.answer
    }

    /// The whole answer, once it is complete.
    pub fn into_answer(mut self) -> TraceqlSeries {
        self.answer.series = eval::ordered(self.answer.series);
        self.answer
    }

    /// Adds what a stretch of buckets came to.
    fn add(&mut self, found: TraceqlSeries, stretch: Range<usize>, Empty(empty): Empty) {
        for series in &mut self.answer.series {
            series.samples[stretch.clone()].fill(empty);
        }
        for series in found.series {
            let Some(place) = self.place_of(&series, stretch.start, empty) else {
                self.has_left_out = true;
                continue;
            };
            let whole = &mut self.answer.series[place];
            for (sample, found) in whole.samples[stretch.clone()].iter_mut().zip(series.samples) {
                *sample = found;
            }
            let (exemplars, room) = (&mut self.exemplars, self.request.exemplars);
            let mut own = series.exemplars;
            own.retain(|it| exemplars.len() < room && exemplars.insert(it.trace_id));
            whole.exemplars.splice(0..0, own);
        }
        self.answer.inspected_traces += found.inspected_traces;
        self.answer.inspected_spans += found.inspected_spans;
        self.answer.scanned.spans += found.scanned.spans;
        self.answer.scanned.granules_read += found.scanned.granules_read;
        self.answer.scanned.granules_total = found.scanned.granules_total;
        found.partial.into_iter().for_each(|words| tell(words, &mut self.answer.partial));
        found.warnings.into_iter().for_each(|words| tell(words, &mut self.answer.warnings));
    }

    /// The place of a series; one that is new is empty from this stretch on. `None` where there is no room for it.
    fn place_of(&mut self, series: &Series, first: usize, empty: Option<f64>) -> Option<usize> {
        let labels = format!("{:?}", series.labels);
        if let Some(place) = self.places.get(&labels) {
            return Some(*place);
        }
        let place = self.answer.series.len();
        if place >= self.series_max {
            return None;
        }
        self.places.insert(labels, place);
        let mut samples = vec![None; self.request.buckets.count()];
        samples[first..].fill(empty);
        let labels = series.labels.clone();
        self.answer.series.push(Series { labels, samples, exemplars: Vec::new() });
        Some(place)
    }
}

/// What a bucket without spans has, where a query can be answered in stretches.
fn empty(request: &TraceqlMetrics) -> Option<Empty> {
    let Body::Metrics(query) = &request.query.query().body else { return None };
    let MetricsExpression::Pipeline(pipeline) = &query.expression else { return None };
    let has_second = !query.second.is_empty() || !pipeline.second.is_empty();
    if has_second || !is_counted_in_columns(pipeline, &request.buckets) {
        return None;
    }
    match &pipeline.aggregate.function {
        MetricsFunction::Compare(_) => None,
        MetricsFunction::OverTime(..) => Some(Empty(None)),
        MetricsFunction::Rate
        | MetricsFunction::CountOverTime
        | MetricsFunction::HistogramOverTime(_)
        | MetricsFunction::QuantileOverTime(..) => Some(Empty(Some(0.0))),
    }
}

/// Whether a stretch costs what its time has; where whole traces are fetched, their neighbourhood is too.
fn is_counted_in_columns(pipeline: &MetricsPipeline, buckets: &Buckets) -> bool {
    pushdown::plan(pipeline, buckets).is_some()
        || Counter::compile(pipeline, *buckets, &mut Asked::default()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_storage::{MemoryStore, SpanStore};
    use fanal_traceql::check::compile;
    use fanal_traceql::testing::{Dice, EPOCH_NANOS, random_metrics, random_traces};
    use std::sync::Arc;

    const SECOND: u64 = 1_000_000_000;

    /// The whole answer, and in how many stretches it came.
    async fn in_stretches(
        service: &QueryService,
        request: TraceqlMetrics,
        width: usize,
    ) -> (Vec<Series>, usize) {
        let mut measuring = service.traceql_measuring(&TenantId::default_tenant(), request);
        let mut stretches = 1;
        while measuring.step(width).await.expect("answers") {
            let first = measuring.first_answered();
            let early = measuring.answer().series.iter().flat_map(|it| &it.samples[..first]);
            assert_eq!(early.flatten().count(), 0, "nothing is told of what is not answered");
            stretches += 1;
        }
        (measuring.into_answer().series, stretches)
    }

    async fn service(dice: &mut Dice) -> QueryService {
        let store = MemoryStore::default();
        let batch = random_traces(dice, 20);
        store.append(&TenantId::default_tenant(), batch).await.expect("kept");
        QueryService::new(Arc::new(store))
    }

    fn request(text: &str) -> Option<TraceqlMetrics> {
        let query = compile(text).ok()?.0;
        let buckets = Buckets::of_range(EPOCH_NANOS, EPOCH_NANOS + 180 * SECOND, 15 * SECOND);
        Some(TraceqlMetrics { query, buckets: buckets.expect("a range"), exemplars: 0 })
    }

    #[tokio::test]
    async fn stretches_come_to_what_one_question_does() {
        let mut divided = 0;
        for seed in 0..300 {
            let mut dice = Dice::new(seed);
            let service = service(&mut dice).await;
            let text = random_metrics(&mut dice).to_string();
            let Some(request) = request(&text) else { continue };
            let whole = service.traceql_metrics(&TenantId::default_tenant(), request.clone()).await;
            let width = 1 + usize::try_from(seed % 5).expect("small");
            let (series, stretches) = in_stretches(&service, request, width).await;
            divided += usize::from(stretches > 1);
            let whole = whole.expect("answers").series;
            assert_eq!(series, whole, "seed {seed}: {text}");
        }
        assert!(divided > 20, "{divided} queries were divided");
    }

    #[tokio::test]
    async fn a_trace_is_one_example_of_the_whole_answer() {
        let service = service(&mut Dice::new(3)).await;
        let request = request("{ } | rate() by (name)").expect("a query");
        let request = TraceqlMetrics { exemplars: 6, ..request };
        let (series, stretches) = in_stretches(&service, request, 2).await;
        let examples = series.iter().flat_map(|it| &it.exemplars).map(|it| it.trace_id);
        let examples: Vec<TraceId> = examples.collect();
        let distinct: HashSet<&TraceId> = examples.iter().collect();
        assert_eq!((stretches, distinct.len()), (7, examples.len()));
        assert!((2..=6).contains(&examples.len()), "{examples:?}");
    }

    #[tokio::test]
    async fn only_buckets_that_stand_alone_are_divided() {
        let service = service(&mut Dice::new(1)).await;
        let check = async |text: &str, expect: usize| {
            let request = request(text).expect(text);
            assert_eq!(in_stretches(&service, request, 4).await.1, expect, "{text}");
        };
        check("{ } | rate() by (name)", 4).await;
        check("{ } > { } | avg_over_time(duration)", 4).await;
        check("{ } | quantile_over_time(duration, .9)", 4).await;
        check("{ } | rate() | topk(1)", 1).await;
        check("{ } | rate() by (name) > 1", 1).await;
        check("({ } | rate()) * 2", 1).await;
        check("{ } | compare({ status = error })", 1).await;
    }
}
