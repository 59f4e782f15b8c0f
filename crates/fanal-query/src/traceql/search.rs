//! Search: whole traces that a query finds, newest first, step by step.
//!
//! Asked by façades, which show what was found so far between steps. The store finds traces with a span that the
//! [`super::finder`] names; each is fetched whole and decided by the reference evaluator. Where few of them will do, the rest
//! are first sifted in columns. Invariant: what was found comes in the order of trace starts, and where a limit ended the
//! search, the answer says so.

use super::columns::Asked;
use super::columns::find::{Finder, Wanted};
use super::columns::program::Program;
use super::finder;
use super::rarest;
use crate::cursor::Cursor;
use crate::duplicates;
use crate::error::QueryError;
use crate::service::{QueryService, corruption, in_reach, tell};
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_storage::{
    FindTraces, Projection, ScanCounts, SpanCondition, TenantId, TracePosition, TraceSpans,
    TraceVisitor, WalkTraces,
};
use fanal_traceql::ast::Body;
use fanal_traceql::check::Checked;
use fanal_traceql::eval::{self, SpanOutput, Warnings};
use fanal_traceql::value::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most traces of one answer.
pub const TRACES_MAX: usize = 262_144;

/// Most spans of traces that one search looks at whole.
pub const SPANS_LOOKED_AT_MAX: u64 = 5_000_000;

/// A span of a trace that touches the range starts at most so long before or behind it, in nanoseconds.
pub(super) const REACH_NANOS: u64 = 3_600_000_000_000;

/// Spans of whole traces that are worth looking at before a rare span is looked for, which is cheap, and before all others
/// are walked over in columns, which takes as long as about so many at a few million stored ones.
const RARE_FROM_SPANS: u64 = 2_000;
const WALK_FROM_SPANS: u64 = 40_000;

/// Traces that are asked for at a time: the first may be enough.
const FIND_MIN: usize = 20;
const FIND_MAX: usize = 1_000;

/// Whole traces that are in memory at a time.
const FETCH_MAX: usize = 16;

/// A search.
#[derive(Debug, Clone)]
pub struct TraceqlSearch {
    /// The query, which is a search.
    pub query: Checked,
    /// Unix nanoseconds; traces that end before are not found.
    pub start_unix_nanos: u64,
    /// Unix nanoseconds; traces that begin after are not found.
    pub end_unix_nanos: u64,
    /// Traces wanted, 1 to [`TRACES_MAX`].
    pub limit: usize,
    /// Spans shown of each set.
    pub spans_per_set: usize,
    /// Where to go on.
    pub cursor: Option<Cursor>,
}

/// A trace that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceqlTrace {
    /// The trace and its start.
    pub position: TracePosition,
    /// Latest end minus earliest start, in nanoseconds.
    pub duration_nanos: u64,
    /// Service and name of the root span, where there is one.
    pub root: Option<(String, String)>,
    /// By service: spans, and spans with an error, of the whole trace.
    pub services: BTreeMap<String, (u64, u64)>,
    /// What matched; at least one set.
    pub sets: Vec<TraceqlSet>,
}

/// Spans that matched together.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceqlSet {
    /// How many.
    pub matched: usize,
    /// The first of them, by start and id.
    pub spans: Vec<SpanOutput>,
    /// What stages said about the set.
    pub attributes: Vec<(String, Value)>,
}

/// What a search came to so far.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceqlFound {
    /// The traces, newest first.
    pub traces: Vec<TraceqlTrace>,
    /// Present where more may follow.
    pub next: Option<Cursor>,
    /// Why the answer may lack traces; empty when it is complete.
    pub partial: Vec<String>,
    /// What the asker should know besides.
    pub warnings: Vec<String>,
    /// Traces that were looked at whole.
    pub inspected_traces: u64,
    /// Their spans.
    pub inspected_spans: u64,
    /// What the store looked at.
    pub scanned: ScanCounts,
}

/// How the traces that wait were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sifted {
    /// Page by page.
    No,
    /// The same; no span that is needed is rare.
    Rare,
    /// By a walk over all that is left.
    Walked,
}

/// A search that goes on.
#[derive(Debug)]
pub struct TraceqlSearching {
    service: QueryService,
    tenant: TenantId,
    search: TraceqlSearch,
    /// `None` where no span can match.
    conditions: Option<Vec<SpanCondition>>,
    /// Found by the store and not looked at yet.
    waiting: VecDeque<TracePosition>,
    after: Option<TracePosition>,
    is_exhausted: bool,
    sifted: Sifted,
    find_count: usize,
    /// The last trace that was looked at.
    looked_at: Option<TracePosition>,
    /// Whether traces were fetched that a full page has no room for.
    has_passed_over: bool,
    pub(super) spans_max: u64,
    /// Spans that were looked at whole before a rare span is looked for that is needed.
    pub(super) rare_from: u64,
    /// Spans that were looked at whole before the rest is walked over in columns.
    pub(super) walk_from: u64,
    pub(super) fetch_max: usize,
    evaluation: Warnings,
    found: TraceqlFound,
}

impl QueryService {
    /// Begins a search.
    pub fn traceql_search(
        &self,
        tenant: &TenantId,
        search: TraceqlSearch,
    ) -> Result<TraceqlSearching, QueryError> {
        if !(1..=TRACES_MAX).contains(&search.limit) {
            return Err(QueryError::invalid(format!(
                "limit is {}, allowed are 1 to {TRACES_MAX} traces",
                search.limit
            )));
        }
        let Body::Search(query) = &search.query.query().body else {
            let message = "this is a metrics query, and a search is asked for: leave its function \
                           out, or ask for metrics";
            return Err(QueryError::invalid(message.to_owned()));
        };
        let conditions = finder::of_query(query).into_conditions();
        Ok(TraceqlSearching {
            service: self.clone(),
            tenant: tenant.clone(),
            is_exhausted: conditions.is_none(),
            sifted: Sifted::No,
            conditions,
            waiting: VecDeque::new(),
            after: search.cursor.map(|cursor| cursor.0),
            find_count: search.limit.clamp(FIND_MIN, FIND_MAX),
            looked_at: None,
            has_passed_over: false,
            spans_max: SPANS_LOOKED_AT_MAX,
            rare_from: RARE_FROM_SPANS,
            walk_from: WALK_FROM_SPANS,
            fetch_max: FETCH_MAX,
            evaluation: Warnings::default(),
            found: TraceqlFound::default(),
            search,
        })
    }
}

impl TraceqlSearching {
    /// Goes on for a while; `false` once the answer is complete.
    pub async fn step(&mut self) -> Result<bool, QueryError> {
        if self.waiting.is_empty() && !self.is_exhausted {
            self.find_or_sift().await?;
        }
        let chunk = self.waiting.len().min(self.fetch_max);
        let chunk: Vec<TracePosition> = self.waiting.drain(..chunk).collect();
        let ids: Vec<TraceId> = chunk.iter().map(|position| position.trace_id).collect();
        if !ids.is_empty() {
            let fetched = self.service.store().traces(&self.tenant, &ids, Projection::Full).await;
            for trace in in_reach(fetched, &mut self.found.partial)? {
                self.look_at(trace)?;
            }
            self.looked_at = chunk.last().copied();
        }
        Ok(!self.is_over())
    }

    /// What was found so far.
    pub fn found(&self) -> &TraceqlFound {
        &self.found
    }

    /// The whole answer.
    pub async fn finish(mut self) -> Result<TraceqlFound, QueryError> {
        while self.step().await? {}
        Ok(self.into_found())
    }

    /// What was found, once the search is over.
    pub fn into_found(mut self) -> TraceqlFound {
        self.found.warnings = self.evaluation.messages();
        self.found
    }

    /// Finds more traces: page by page, until looking at whole traces has shown that few of them will do.
    async fn find_or_sift(&mut self) -> Result<(), QueryError> {
        let looked_at = self.found.inspected_spans;
        let is_next = match self.sifted {
            Sifted::No => looked_at >= self.rare_from,
            Sifted::Rare => looked_at >= self.walk_from,
            Sifted::Walked => false,
        };
        let mut asked = Asked::default();
        let program = match &self.search.query.query().body {
            Body::Search(query) if is_next => Program::of_query(query, &mut asked),
            _ => None,
        };
        let Some(program) = program else { return self.find().await };
        if self.sifted == Sifted::No && self.find_rare(&asked, program.needed()).await? {
            return Ok(());
        }
        if self.found.inspected_spans >= self.walk_from {
            return self.walk(asked, program).await;
        }
        self.find().await
    }

    /// Earliest and latest start of spans of traces that touch the range.
    fn reach(&self) -> (u64, u64) {
        let (start, end) = (self.search.start_unix_nanos, self.search.end_unix_nanos);
        (start.saturating_sub(REACH_NANOS), end.saturating_add(REACH_NANOS))
    }

    /// Whether few traces have a span that is needed; these wait then, and are all.
    async fn find_rare(&mut self, asked: &Asked, needed: u64) -> Result<bool, QueryError> {
        self.sifted = Sifted::Rare;
        let store = (&self.service, &self.tenant);
        let rare = rarest::find(store, (asked, needed), self.reach(), FIND_MAX, self.after).await?;
        self.note(rare.warnings, rare.scanned);
        let Some(traces) = rare.traces else { return Ok(false) };
        self.is_exhausted = true;
        self.wait_for(traces);
        Ok(true)
    }

    async fn walk(&mut self, asked: Asked, program: Program) -> Result<(), QueryError> {
        let (start, end) = (self.search.start_unix_nanos, self.search.end_unix_nanos);
        let (first, last) = self.reach();
        self.sifted = Sifted::Walked;
        let count_max = self.search.limit.saturating_add(1);
        let request = WalkTraces {
            start_min_unix_nanos: first,
            start_max_unix_nanos: last,
            conditions: asked.conditions,
            needed: program.needed(),
            keys: asked.keys,
        };
        let wanted = Wanted { program, range: (start, end), after: self.after, count_max };
        let finder = Arc::new(Finder::new(wanted));
        let visitor = Arc::clone(&finder) as Arc<dyn TraceVisitor>;
        let walked = self.service.store().walk_traces(&self.tenant, request, visitor).await?;
        self.found.inspected_spans += walked.scanned.spans;
        self.spans_max = self.spans_max.saturating_add(walked.scanned.spans);
        self.note(walked.warnings, walked.scanned);
        let positions = finder.take();
        self.is_exhausted = positions.len() < count_max;
        self.after = positions.last().copied().or(self.after);
        self.waiting.extend(positions);
        Ok(())
    }

    fn note(&mut self, warnings: Vec<String>, scanned: ScanCounts) {
        for warning in warnings {
            tell(warning, &mut self.found.partial);
        }
        self.found.scanned.spans += scanned.spans;
        self.found.scanned.granules_read += scanned.granules_read;
        self.found.scanned.granules_total = scanned.granules_total;
    }

    async fn find(&mut self) -> Result<(), QueryError> {
        let Some(conditions) = &self.conditions else { return Ok(()) };
        let (first, last) = self.reach();
        let request = FindTraces {
            conditions: conditions.clone(),
            start_min_unix_nanos: first,
            start_max_unix_nanos: last,
            limit: self.find_count,
            after: self.after,
        };
        self.find_count = (self.find_count * 2).min(FIND_MAX);
        let found = self.service.store().find_traces(&self.tenant, request).await?;
        self.is_exhausted = !found.has_more;
        self.after = found.traces.last().copied().or(self.after);
        self.note(found.warnings, found.scanned);
        self.wait_for(found.traces);
        Ok(())
    }

    fn wait_for(&mut self, traces: Vec<TracePosition>) {
        let begins_in_range =
            |position: &TracePosition| position.start_unix_nanos <= self.search.end_unix_nanos;
        self.waiting.extend(traces.into_iter().filter(begins_in_range));
    }

    fn look_at(&mut self, trace: TraceSpans) -> Result<(), QueryError> {
        if self.found.traces.len() >= self.search.limit {
            self.has_passed_over = true;
            return Ok(());
        }
        let trace_id = trace.trace_id;
        for warning in trace.warnings {
            tell(warning, &mut self.found.partial);
        }
        let spans = duplicates::remove(trace.spans).map_err(corruption(trace_id))?;
        self.found.inspected_traces += 1;
        self.found.inspected_spans += cast::wide(spans.len());
        let (start, end) = (self.search.start_unix_nanos, self.search.end_unix_nanos);
        for trace in eval::Trace::of_batch(&spans) {
            if trace.is_candidate(start, end) {
                let sets = eval::search(&self.search.query, &trace, &mut self.evaluation);
                if !sets.is_empty() {
                    let shown = self.shown(&trace, &sets);
                    self.found.traces.push(shown);
                }
            }
        }
        Ok(())
    }

    fn shown(&self, trace: &eval::Trace, sets: &[eval::Spanset]) -> TraceqlTrace {
        let fields = eval::fields(self.search.query.query());
        let set = |set: &eval::Spanset| TraceqlSet {
            matched: set.spans.len(),
            spans: set
                .spans
                .iter()
                .take(self.search.spans_per_set)
                .map(|&span| eval::span_output(trace, span, &fields))
                .collect(),
            attributes: set.attributes.clone(),
        };
        let mut services = BTreeMap::<String, (u64, u64)>::new();
        for span in &trace.spans {
            let (spans, errors) = services.entry(span.service_name()).or_default();
            *spans += 1;
            *errors += u64::from(span.status == fanal_model::StatusCode::Error);
        }
        TraceqlTrace {
            position: TracePosition { start_unix_nanos: trace.start(), trace_id: trace.trace_id },
            duration_nanos: trace.end().saturating_sub(trace.start()),
            root: trace.root().map(|root| (root.service_name(), root.name.clone())),
            services,
            sets: sets.iter().map(set).collect(),
        }
    }

    /// Whether nothing more is to be found, or no more is allowed.
    fn is_over(&mut self) -> bool {
        let is_full = self.found.traces.len() >= self.search.limit;
        let is_empty = self.waiting.is_empty() && self.is_exhausted && !self.has_passed_over;
        if is_full && !is_empty {
            self.found.next = self.found.traces.last().map(|last| Cursor(last.position));
        }
        if is_full || is_empty {
            return true;
        }
        if self.found.inspected_spans < self.spans_max {
            return false;
        }
        let spans = self.found.inspected_spans;
        self.found.partial.push(format!(
            "search stopped after {} traces with {spans} spans, at the limit of {} spans; \
             narrow the time range, or add a condition that fewer spans meet",
            self.found.inspected_traces, self.spans_max
        ));
        self.found.next = self.looked_at.map(Cursor);
        true
    }
}
