//! Service dependencies: which services call which, counted over whole traces by Jaeger's rule or by Zipkin's.
//!
//! Asked by the façades. The store walks over the structure of traces and each rule looks at one trace at a time. Knows no
//! protocol; the rules are those of the tools that ask, so that their pages show what they always did.

mod edges;
#[cfg(test)]
mod tests;
mod zipkin;

use crate::error::QueryError;
use crate::service::QueryService;
use fanal_base::cast;
use fanal_model::peer::{ERROR_KEY, REMOTE_SERVICE_KEYS, RemoteServiceKey, SHARED_KEY};
use fanal_model::resource::UNKNOWN_SERVICE;
use fanal_storage::{LinkSpan, LinkVisitor, Mark, RemoteKey, TenantId, WalkLinks, WalkedLinks};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use edges::Edges;
pub(crate) use zipkin::Links;

/// Which services call which.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceEdges {
    /// The edges, by parent and then child.
    pub edges: Vec<ServiceEdge>,
    /// Why calls may be missing; empty when the answer is complete.
    pub warnings: Vec<String>,
}

/// Calls of one service by another, or by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceEdge {
    /// The service that calls.
    pub parent: String,
    /// The service that is called.
    pub child: String,
    /// How often.
    pub calls: u64,
    /// How many of the calls failed.
    pub errors: u64,
}

/// Calls between services, which are numbers of names.
pub(crate) type Totals = HashMap<(u32, u32), Calls, RandomState>;

/// How many calls there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Calls {
    pub(crate) all: u64,
    pub(crate) failed: u64,
}

impl Calls {
    fn add(&mut self, is_error: bool) {
        self.all += 1;
        self.failed += u64::from(is_error);
    }
}

/// How the calls of one trace are counted; has room for its work that it uses again.
pub(crate) trait Rule: Default {
    /// Adds the calls of a trace.
    fn count(&mut self, trace: &[LinkSpan], totals: &mut Totals);
}

/// Counts all traces of a walk by a rule.
struct Counter<R> {
    totals: Mutex<Totals>,
    rule: std::marker::PhantomData<fn() -> R>,
}

impl<R: Rule> LinkVisitor for Counter<R> {
    fn visit(&self, traces: &[&[LinkSpan]]) {
        let mut rule = R::default();
        let mut own = Totals::default();
        traces.iter().for_each(|trace| rule.count(trace, &mut own));
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        for (edge, calls) in own {
            let known = totals.entry(edge).or_default();
            known.all += calls.all;
            known.failed += calls.failed;
        }
    }
}

impl QueryService {
    /// Jaeger's dependencies over all traces with a span that starts in the range: for every span with a parent, a call of
    /// the parent's service to the span's, failed where the span's status is an error.
    pub async fn service_edges(
        &self,
        tenant: &TenantId,
        start_min_unix_nanos: u64,
        start_max_unix_nanos: u64,
    ) -> Result<ServiceEdges, QueryError> {
        let request =
            WalkLinks { start_min_unix_nanos, start_max_unix_nanos, ..WalkLinks::default() };
        self.count_links::<Edges>(tenant, request).await
    }

    /// Zipkin's dependency links over the same traces, with names in lower case.
    pub async fn zipkin_links(
        &self,
        tenant: &TenantId,
        start_min_unix_nanos: u64,
        start_max_unix_nanos: u64,
    ) -> Result<ServiceEdges, QueryError> {
        let request = zipkin_walk(start_min_unix_nanos, start_max_unix_nanos);
        self.count_links::<Links>(tenant, request).await
    }

    /// The services on the other side of a service's spans, over the same traces; all names are in lower case.
    pub async fn remote_services(
        &self,
        tenant: &TenantId,
        service: &str,
        start_min_unix_nanos: u64,
        start_max_unix_nanos: u64,
    ) -> Result<BTreeSet<String>, QueryError> {
        let request = zipkin_walk(start_min_unix_nanos, start_max_unix_nanos);
        let found = self.count_links::<Sides>(tenant, request).await?;
        let own = found.edges.into_iter().filter(|edge| edge.parent == service);
        Ok(own.map(|edge| edge.child).collect())
    }

    async fn count_links<R: Rule + 'static>(
        &self,
        tenant: &TenantId,
        request: WalkLinks,
    ) -> Result<ServiceEdges, QueryError> {
        if request.start_min_unix_nanos > request.start_max_unix_nanos {
            return Err(QueryError::invalid(format!(
                "start {} lies after end {}; swap them",
                request.start_min_unix_nanos, request.start_max_unix_nanos
            )));
        }
        let totals = Mutex::new(Totals::default());
        let counter = Arc::new(Counter::<R> { totals, rule: std::marker::PhantomData });
        let visitor = Arc::clone(&counter) as Arc<dyn LinkVisitor>;
        let walked = self.store().walk_links(tenant, request, visitor).await?;
        let totals =
            std::mem::take(&mut *counter.totals.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(named(totals, walked))
    }
}

/// A walk that tells what Zipkin's rule looks at.
fn zipkin_walk(start_min_unix_nanos: u64, start_max_unix_nanos: u64) -> WalkLinks {
    let mark = |key: &str| Mark { key: key.into(), unless: "false".into() };
    let remote = |it: RemoteServiceKey| RemoteKey {
        key: it.key.into(),
        is_of_callers: it.is_of_callers,
        suffix_key: None,
    };
    WalkLinks {
        start_min_unix_nanos,
        start_max_unix_nanos,
        remote_keys: REMOTE_SERVICE_KEYS.map(remote).to_vec(),
        // In the order of the bits that `zipkin` looks at.
        marks: vec![mark(ERROR_KEY), mark(SHARED_KEY)],
        lowers_names: true,
        tells_times: false,
    }
}

/// Both sides of every span that names them.
#[derive(Debug, Default)]
struct Sides;

impl Rule for Sides {
    fn count(&mut self, trace: &[LinkSpan], totals: &mut Totals) {
        for span in trace.iter().filter(|span| span.service != 0 && span.remote_service != 0) {
            totals.entry((span.service, span.remote_service)).or_default().add(false);
        }
    }
}

/// The answer, with names in place of their numbers.
fn named(totals: Totals, walked: WalkedLinks) -> ServiceEdges {
    let name = |number: u32| match walked.names.get(cast::index(number)) {
        Some(name) if !name.is_empty() => name.clone(),
        _ => UNKNOWN_SERVICE.to_owned(),
    };
    // A service may be called as the word for none is.
    let mut sums: BTreeMap<(String, String), Calls> = BTreeMap::new();
    for ((parent, child), calls) in totals {
        let sum = sums.entry((name(parent), name(child))).or_default();
        sum.all += calls.all;
        sum.failed += calls.failed;
    }
    let edge = |((parent, child), calls): ((String, String), Calls)| ServiceEdge {
        parent,
        child,
        calls: calls.all,
        errors: calls.failed,
    };
    ServiceEdges { edges: sums.into_iter().map(edge).collect(), warnings: walked.warnings }
}
