//! Metrics: series of numbers over the spans that a query finds.
//!
//! Asked by façades. A pipeline that is one filter which the store can test is counted there, on columns; every other is
//! evaluated on whole traces, page by page. Invariant: both ways give the same numbers, and where a limit or a lost part
//! left spans out, the answer says so.

use super::cells::{Cell, Cells, NANOS_PER_SECOND, labels, power_of};
use super::columns::Asked;
use super::columns::count::Counter;
use super::columns::sides::Sides;
use super::compare::Comparison;
use super::exemplars;
use super::finder;
use super::pushdown;
use super::rarest;
use super::search::REACH_NANOS;
use crate::cursor::Cursor;
use crate::duplicates;
use crate::error::QueryError;
use crate::service::{QueryService, corruption, in_reach, tell};
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_storage::aggregate::groups_warning;
use fanal_storage::{
    FindTraces, Projection, ScanCounts, TenantId, TracePosition, TraceVisitor, WalkTraces,
    WalkValues,
};
use fanal_traceql::ast::{
    Attribute, Body, Compare, Intrinsic, Located, MetricsExpression, MetricsFunction,
    MetricsPipeline,
};
use fanal_traceql::check::{Checked, is_never_true};
use fanal_traceql::eval::{self, Buckets, Series, Warnings};
use fanal_traceql::types::ValueType;
use fanal_traceql::value::Value;
use std::sync::Arc;

/// Most spans of traces that one metrics query looks at whole.
pub const SPANS_LOOKED_AT_MAX: u64 = 10_000_000;

/// Traces that are asked for at a time.
const FIND_COUNT: usize = 10_000;

/// Traces with a needed span that are looked at one by one instead of a walk over all.
const RARE_MAX: usize = 100;

/// Whole traces that are in memory at a time.
const FETCH_MAX: usize = 64;

/// A metrics query.
#[derive(Debug, Clone)]
pub struct TraceqlMetrics {
    /// The query, which is one for metrics.
    pub query: Checked,
    /// What is counted by.
    pub buckets: Buckets,
    /// Exemplars wanted of each function.
    pub exemplars: usize,
}

/// What a metrics query came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceqlSeries {
    /// The series, in the order of an answer.
    pub series: Vec<Series>,
    /// Why spans may be missing; empty when the answer is complete.
    pub partial: Vec<String>,
    /// What the asker should know besides.
    pub warnings: Vec<String>,
    /// Traces that were looked at whole.
    pub inspected_traces: u64,
    /// Spans that were looked at, in columns or whole.
    pub inspected_spans: u64,
    /// What the store looked at.
    pub scanned: ScanCounts,
}

impl QueryService {
    /// Answers a metrics query.
    pub async fn traceql_metrics(
        &self,
        tenant: &TenantId,
        request: TraceqlMetrics,
    ) -> Result<TraceqlSeries, QueryError> {
        let Body::Metrics(query) = &request.query.query().body else {
            let message = "this is a search, and metrics are asked for: end it with a function, \
                           as in `{ } | rate()`";
            return Err(QueryError::invalid(message.to_owned()));
        };
        let mut run = Run {
            service: self,
            tenant,
            query: &request.query,
            buckets: request.buckets,
            exemplars: request.exemplars,
            evaluation: Warnings::default(),
            answer: TraceqlSeries::default(),
        };
        let mut known: Vec<(&MetricsPipeline, Vec<Series>)> = Vec::new();
        for pipeline in pipelines(&query.expression) {
            // Operands that are the same question are asked once.
            if known.iter().all(|(other, _)| *other != pipeline) {
                known.push((pipeline, run.pipeline(pipeline).await?));
            }
        }
        let mut answer = run.answer;
        answer.warnings.extend(run.evaluation.messages());
        answer.series = eval::combined(query, &mut |wanted| {
            let found = known.iter().find(|(pipeline, _)| *pipeline == wanted);
            found.map(|(_, series)| series.clone()).unwrap_or_default()
        });
        Ok(answer)
    }
}

fn pipelines(expression: &MetricsExpression) -> Vec<&MetricsPipeline> {
    match expression {
        MetricsExpression::Pipeline(pipeline) => vec![pipeline],
        MetricsExpression::Constant(_) => Vec::new(),
        MetricsExpression::Arithmetic { left, right, .. } => {
            let mut all = pipelines(left);
            all.extend(pipelines(right));
            all
        }
    }
}

/// What spans are counted into.
enum Counts<'a> {
    Cells(&'a mut Cells),
    Comparison(&'a Compare, &'a mut Comparison),
}

struct Run<'a> {
    service: &'a QueryService,
    tenant: &'a TenantId,
    query: &'a Checked,
    buckets: Buckets,
    exemplars: usize,
    evaluation: Warnings,
    answer: TraceqlSeries,
}

impl Run<'_> {
    /// The series of a pipeline, second stages excepted.
    async fn pipeline(&mut self, query: &MetricsPipeline) -> Result<Vec<Series>, QueryError> {
        let function = &query.aggregate.function;
        if let MetricsFunction::Compare(arguments) = function {
            return self.comparison(query, arguments).await;
        }
        let mut cells = Cells::new(function, &self.buckets);
        match pushdown::plan(query, &self.buckets) {
            Some(pushdown) => {
                let request = pushdown.request.clone();
                let found = self.service.store().aggregate(self.tenant, request).await?;
                // Of groups that are left out the cells tell, in the words of series.
                let of_groups = groups_warning(cells.groups_max, found.spans_left_out);
                for warning in found.warnings.iter().filter(|warning| **warning != of_groups) {
                    tell(warning.clone(), &mut self.answer.partial);
                }
                self.answer.inspected_spans += found.scanned.spans;
                self.add_scanned(found.scanned);
                pushdown.add(found, function, &mut cells);
            }
            None => {
                let mut asked = Asked::default();
                match Counter::compile(query, self.buckets, &mut asked) {
                    Some(counter) => self.count_whole(query, counter, asked, &mut cells).await?,
                    None => self.look_at_traces(query, &mut Counts::Cells(&mut cells)).await?,
                }
            }
        }
        if cells.left_out > 0 {
            self.answer.partial.push(format!(
                "answer has the {} series it may have; {} spans of further series are left out; \
                 add conditions, or group by fewer attributes",
                cells.groups_max, cells.left_out
            ));
        }
        let unit = unit(function.argument());
        let counts = matches!(function, MetricsFunction::Rate | MetricsFunction::CountOverTime);
        let is_whole = query.aggregate.by.is_empty();
        if counts && is_whole && cells.is_empty() && !is_never_true(&query.pipeline) {
            // Nothing matched: zero in every bucket.
            let _ = cells.at(Vec::new(), 0);
        }
        let mut series = cells.into_series(function, &self.buckets, unit);
        let (asked, exemplars) = ((self.query, query), (&self.buckets, self.exemplars));
        exemplars::add(self.service, self.tenant, asked, exemplars, &mut series).await?;
        Ok(eval::ordered(series))
    }

    fn add_scanned(&mut self, scanned: ScanCounts) {
        self.answer.scanned.spans += scanned.spans;
        self.answer.scanned.granules_read += scanned.granules_read;
        self.answer.scanned.granules_total = scanned.granules_total;
    }

    /// Counts in columns, or on the few traces that have a span which is needed.
    async fn count_whole(
        &mut self,
        query: &MetricsPipeline,
        counter: Counter,
        asked: Asked,
        cells: &mut Cells,
    ) -> Result<(), QueryError> {
        let range = self.reach();
        let (store, needed) = ((self.service, self.tenant), (&asked, counter.needed));
        let rare = rarest::find(store, needed, range, RARE_MAX, None).await?;
        self.add_scanned(rare.scanned);
        rare.warnings.into_iter().for_each(|warning| tell(warning, &mut self.answer.partial));
        if let Some(traces) = rare.traces {
            for chunk in traces.chunks(FETCH_MAX) {
                self.look_at(chunk, query, &mut Counts::Cells(cells)).await?;
            }
            return Ok(());
        }
        let counter = Arc::new(counter);
        let visitor = Arc::clone(&counter) as Arc<dyn TraceVisitor>;
        let values = self.walk(visitor, counter.needed, asked).await?;
        let (traces, divisions) = counter.add_to(cells, &values.read());
        self.answer.inspected_traces += traces;
        self.evaluation.divisions_by_zero += divisions;
        Ok(())
    }

    async fn comparison(
        &mut self,
        query: &MetricsPipeline,
        arguments: &Compare,
    ) -> Result<Vec<Series>, QueryError> {
        let mut sides = Comparison::default();
        let mut asked = Asked::default();
        let request = pushdown::comparison(&query.pipeline, arguments, &self.buckets);
        let of_traces = Sides::compile(&query.pipeline, arguments, self.buckets, &mut asked);
        match request.zip(of_traces) {
            Some((request, of_traces)) => {
                let mut compared = self.service.store().compare(self.tenant, request).await?;
                for warning in std::mem::take(&mut compared.warnings) {
                    tell(warning, &mut self.answer.partial);
                }
                self.add_scanned(compared.scanned);
                sides.add_compared(compared);
                let of_traces = Arc::new(of_traces);
                let visitor = Arc::clone(&of_traces) as Arc<dyn TraceVisitor>;
                let walked = self.walk(visitor, of_traces.needed(), asked).await?;
                for (field, value, is_selected, bucket, spans) in of_traces.take(&walked.read()) {
                    let key = Attribute::Intrinsic(field).to_string();
                    if let Some(value) = eval::label_value(value) {
                        sides.add_value(is_selected, &key, value, bucket, spans);
                    }
                }
            }
            None => {
                let mut counts = Counts::Comparison(arguments, &mut sides);
                self.look_at_traces(query, &mut counts).await?;
            }
        }
        self.answer.partial.extend(sides.warning());
        Ok(eval::ordered(sides.into_series(arguments, &self.buckets)))
    }

    /// Walks over whole traces in columns; answers the values of their keys.
    async fn walk(
        &mut self,
        visitor: Arc<dyn TraceVisitor>,
        needed: u64,
        asked: Asked,
    ) -> Result<WalkValues, QueryError> {
        let (start, end) = self.range();
        let request = WalkTraces {
            start_min_unix_nanos: start,
            start_max_unix_nanos: end,
            conditions: asked.conditions,
            needed,
            keys: asked.keys,
        };
        let walked = self.service.store().walk_traces(self.tenant, request, visitor).await?;
        for warning in walked.warnings {
            tell(warning, &mut self.answer.partial);
        }
        self.answer.inspected_spans += walked.scanned.spans;
        self.add_scanned(walked.scanned);
        Ok(walked.values)
    }

    /// Earliest and latest start of spans that count.
    fn range(&self) -> (u64, u64) {
        let last = self.buckets.end(self.buckets.count().saturating_sub(1));
        let first = self.buckets.end(0).saturating_sub(self.buckets.step());
        (first, last)
    }

    /// Earliest and latest start of spans that belong to traces of which spans count.
    fn reach(&self) -> (u64, u64) {
        let (first, last) = self.range();
        (first.saturating_sub(REACH_NANOS), last.saturating_add(REACH_NANOS))
    }

    async fn look_at_traces(
        &mut self,
        query: &MetricsPipeline,
        counts: &mut Counts<'_>,
    ) -> Result<(), QueryError> {
        let Some(conditions) = finder::of_pipeline(&query.pipeline).into_conditions() else {
            return Ok(());
        };
        let (first, last) = self.reach();
        let mut after = None;
        loop {
            let request = FindTraces {
                conditions: conditions.clone(),
                start_min_unix_nanos: first,
                start_max_unix_nanos: last,
                limit: FIND_COUNT,
                after,
            };
            let found = self.service.store().find_traces(self.tenant, request).await?;
            self.add_scanned(found.scanned);
            for warning in found.warnings {
                tell(warning, &mut self.answer.partial);
            }
            for chunk in found.traces.chunks(FETCH_MAX) {
                if self.answer.inspected_spans > SPANS_LOOKED_AT_MAX {
                    self.give_up(chunk.first());
                    return Ok(());
                }
                self.look_at(chunk, query, counts).await?;
            }
            after = found.traces.last().copied();
            if !found.has_more || after.is_none() {
                return Ok(());
            }
        }
    }

    fn give_up(&mut self, next: Option<&TracePosition>) {
        let place =
            next.map_or_else(String::new, |next| format!(" before trace {}", Cursor(*next)));
        self.answer.partial.push(format!(
            "metrics stopped{place}, at the limit of {SPANS_LOOKED_AT_MAX} spans that are looked at whole; \
             narrow the time range, or ask for one filter without structure, which is counted on columns"
        ));
    }

    async fn look_at(
        &mut self,
        chunk: &[TracePosition],
        query: &MetricsPipeline,
        counts: &mut Counts<'_>,
    ) -> Result<(), QueryError> {
        let ids: Vec<TraceId> = chunk.iter().map(|position| position.trace_id).collect();
        let fetched = self.service.store().traces(self.tenant, &ids, Projection::Full).await;
        for trace in in_reach(fetched, &mut self.answer.partial)? {
            let trace_id = trace.trace_id;
            for warning in trace.warnings {
                tell(warning, &mut self.answer.partial);
            }
            let spans = duplicates::remove(trace.spans).map_err(corruption(trace_id))?;
            self.answer.inspected_traces += 1;
            self.answer.inspected_spans += cast::wide(spans.len());
            for trace in eval::Trace::of_batch(&spans) {
                for position in
                    eval::matched(self.query, &query.pipeline, &trace, &mut self.evaluation)
                {
                    self.count(&trace, position, query, counts);
                }
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        trace: &eval::Trace,
        position: usize,
        query: &MetricsPipeline,
        counts: &mut Counts<'_>,
    ) {
        let Some(bucket) = self.buckets.bucket_of(trace.spans[position].start) else { return };
        let cells = match counts {
            Counts::Comparison(arguments, sides) => {
                let is_selected =
                    eval::is_selected(self.query, arguments, trace, position, &mut self.evaluation);
                sides.add(is_selected, trace, position, bucket);
                return;
            }
            Counts::Cells(cells) => cells,
        };
        let by = query.aggregate.by.iter().map(|by| &by.item);
        let labels = labels(by.map(|field| (field, eval::field(trace, position, field))));
        let Some(cell) = cells.at(labels, bucket) else {
            cells.left_out += 1;
            return;
        };
        cell.spans += 1;
        if let Some(field) = query.aggregate.function.argument() {
            measure(&eval::field(trace, position, &field.item), cell);
        }
    }
}

fn measure(value: &Value, cell: &mut Cell) {
    if let Some(number) = value.as_float() {
        cell.add_number(number, power_of(value));
    }
}

/// What samples are divided by: durations count in seconds.
fn unit(argument: Option<&Located<Attribute>>) -> f64 {
    let is_duration = argument.is_some_and(|field| match &field.item {
        Attribute::Intrinsic(Intrinsic::EventTimeSinceStart) => true,
        field => field.value_type() == ValueType::Duration,
    });
    if is_duration { NANOS_PER_SECOND } else { 1.0 }
}
