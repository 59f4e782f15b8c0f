//! Walking over whole traces in columns: of each span its place in the tree, its times, which conditions hold on it and the
//! values of some keys, as numbers.
//!
//! Asked by the query crate for what only a whole trace tells: structure, groups and aggregates of its spans. [`walk_whole`]
//! is the meaning that every backend must agree with. Invariant: each trace with a span in the range that may meet
//! [`WalkTraces::needed`] is handed out once and whole.

use crate::aggregate::GroupKey;
use crate::error::StoreError;
use crate::predicate::SpanCondition;
use crate::request::ScanCounts;
use fanal_base::cast;
use fanal_model::{SpanId, SpanKind, SpanRef, TraceId, Value, nested};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Most conditions of a walk: each has a bit.
pub const WALK_CONDITIONS_MAX: usize = 64;

/// Most keys of a walk.
pub const WALK_KEYS_MAX: usize = 6;

/// A walk over the traces that have a span which starts in the range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WalkTraces {
    /// Earliest start of such a span, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest start of such a span, inclusive.
    pub start_max_unix_nanos: u64,
    /// What is tested of each span; at most [`WALK_CONDITIONS_MAX`].
    pub conditions: Vec<SpanCondition>,
    /// Bits of conditions: a trace is of no use unless each of them holds on one of its spans.
    pub needed: u64,
    /// What is told of each span; at most [`WALK_KEYS_MAX`].
    pub keys: Vec<GroupKey>,
}

/// What a walk tells of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WalkedSpan {
    /// Its id.
    pub span_id: SpanId,
    /// Its parent's; zero for none.
    pub parent_span_id: SpanId,
    /// Its start, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// Its end minus its start, 0 where the end is not behind the start.
    pub duration_nanos: u64,
    /// Bit `i`: condition `i` of the question holds.
    pub met: u64,
    /// By key of the question: the number of its value in [`WalkValues`], 0 for none.
    pub values: [u32; WALK_KEYS_MAX],
    /// Its kind.
    pub kind: SpanKind,
}

/// A whole trace. Exact duplicates of spans may be among its spans, which are in no order.
#[derive(Debug, Clone, Copy)]
pub struct WalkedTrace<'a> {
    /// Its id.
    pub trace_id: TraceId,
    /// Its spans, at least one.
    pub spans: &'a [WalkedSpan],
}

/// Takes the traces of a walk. Called from several threads at the same time.
pub trait TraceVisitor: Send + Sync {
    /// Takes traces, in no order. Traces without a span that meets what is needed may be among them.
    fn visit(&self, traces: &[WalkedTrace<'_>], values: &WalkValues);
}

/// What a walk came to.
#[derive(Debug, Default)]
pub struct WalkedTraces {
    /// The values by number.
    pub values: WalkValues,
    /// Why traces may be missing or lack spans; empty when none does.
    pub warnings: Vec<String>,
    /// What was looked at.
    pub scanned: ScanCounts,
}

/// Numbers of values, given in the order of their asking; 0 is none.
#[derive(Debug, Default)]
pub struct WalkValues(RwLock<Numbered>);

/// Values with their numbers.
#[derive(Debug, Default)]
struct Numbered {
    numbers: HashMap<Vec<u8>, u32, RandomState>,
    values: Vec<Value>,
}

/// The values that have a number at this moment. Hold it no longer than a visit: new numbers wait.
#[derive(Debug)]
pub struct ReadValues<'a>(RwLockReadGuard<'a, Numbered>);

impl WalkTraces {
    /// Whether a span that starts then makes its trace wanted.
    #[inline]
    pub fn wants(&self, start_unix_nanos: u64) -> bool {
        start_unix_nanos >= self.start_min_unix_nanos
            && start_unix_nanos <= self.start_max_unix_nanos
    }

    /// Whether the question can be answered; `Invalid` tells what to change.
    pub fn validate(&self) -> Result<(), StoreError> {
        let (conditions, keys) = (self.conditions.len(), self.keys.len());
        if conditions <= WALK_CONDITIONS_MAX && keys <= WALK_KEYS_MAX {
            return Ok(());
        }
        Err(StoreError::Invalid {
            message: format!(
                "walk has {conditions} conditions and {keys} keys, allowed are {WALK_CONDITIONS_MAX} and {WALK_KEYS_MAX}; leave some out"
            ),
        })
    }
}

impl WalkValues {
    /// The number of an encoded value, and whether it is new.
    pub fn number(&self, encoded: Option<Vec<u8>>) -> (u32, bool) {
        let Some(encoded) = encoded else { return (0, false) };
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&known) = inner.numbers.get(&encoded) {
            return (known, false);
        }
        // What does not decode is told as a key without a value.
        inner.values.push(nested::decode(&encoded).unwrap_or(Value::Empty));
        let number = cast::narrow(inner.values.len());
        inner.numbers.insert(encoded, number);
        (number, true)
    }

    /// The values, to be read by number.
    pub fn read(&self) -> ReadValues<'_> {
        ReadValues(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ReadValues<'_> {
    /// The value of a number; `None` for none.
    #[inline]
    pub fn get(&self, number: u32) -> Option<&Value> {
        self.0.values.get(cast::index(number.checked_sub(1)?))
    }
}

/// Walks over spans, each as often as it is there.
pub fn walk_whole<'a>(
    spans: impl Iterator<Item = SpanRef<'a>>,
    request: &WalkTraces,
    visitor: &dyn TraceVisitor,
) -> WalkedTraces {
    let mut walked = WalkedTraces::default();
    let mut traces: BTreeMap<TraceId, (bool, Vec<WalkedSpan>)> = BTreeMap::new();
    for span in spans {
        walked.scanned.spans += 1;
        let (is_wanted, found) = traces.entry(span.trace_id()).or_default();
        *is_wanted |= request.wants(span.start_unix_nanos());
        found.push(walked_span(&span, request, &walked.values));
    }
    let met = |spans: &[WalkedSpan]| spans.iter().fold(0, |all, span| all | span.met);
    let wanted = traces.iter().filter(|(_, (is_wanted, spans))| {
        *is_wanted && met(spans) & request.needed == request.needed
    });
    let wanted: Vec<WalkedTrace<'_>> =
        wanted.map(|(&trace_id, (_, spans))| WalkedTrace { trace_id, spans }).collect();
    visitor.visit(&wanted, &walked.values);
    walked
}

fn walked_span(span: &SpanRef<'_>, request: &WalkTraces, values: &WalkValues) -> WalkedSpan {
    let met = request.conditions.iter().map(|condition| condition.matches(span));
    let mut walked = WalkedSpan {
        span_id: span.span_id(),
        parent_span_id: span.parent_span_id(),
        start_unix_nanos: span.start_unix_nanos(),
        duration_nanos: span.duration_nanos(),
        met: (0..).zip(met).fold(0, |all, (bit, is_met)| all | u64::from(is_met) << bit),
        kind: span.kind(),
        ..WalkedSpan::default()
    };
    for (value, key) in walked.values.iter_mut().zip(&request.keys) {
        *value = values.number(key.value_of(span)).0;
    }
    walked
}
