//! Search over a walk: the newest traces in which a program finds spans.

use super::program::Program;
use super::whole::{self, Whole};
use fanal_storage::{TracePosition, TraceVisitor, WalkValues, WalkedTrace};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What is looked for.
#[derive(Debug)]
pub(in crate::traceql) struct Wanted {
    pub(in crate::traceql) program: Program,
    /// Unix nanoseconds that a trace must touch.
    pub(in crate::traceql) range: (u64, u64),
    /// Traces behind this one in the order of answers.
    pub(in crate::traceql) after: Option<TracePosition>,
    pub(in crate::traceql) count_max: usize,
}

/// What is found.
#[derive(Debug)]
pub(in crate::traceql) struct Finder {
    wanted: Wanted,
    needed: u64,
    found: Mutex<BTreeSet<TracePosition>>,
}

impl Finder {
    /// Nothing found yet.
    pub(in crate::traceql) fn new(wanted: Wanted) -> Self {
        Self { needed: wanted.program.needed(), wanted, found: Mutex::default() }
    }

    fn position(&self, trace: &WalkedTrace<'_>, whole: &Whole<'_>) -> Option<TracePosition> {
        let (start, end) = whole.times();
        let position = TracePosition { start_unix_nanos: start, trace_id: trace.trace_id };
        let is_behind = self.wanted.after.is_none_or(|after| position > after);
        let is_candidate = start <= self.wanted.range.1 && end >= self.wanted.range.0;
        (is_behind && is_candidate).then_some(position)
    }

    /// What was found, newest first.
    pub(in crate::traceql) fn take(&self) -> Vec<TracePosition> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *found).into_iter().collect()
    }
}

impl TraceVisitor for Finder {
    fn visit(&self, traces: &[WalkedTrace<'_>], values: &WalkValues) {
        let values = values.read();
        let mut own = Vec::new();
        whole::each(traces, &values, self.needed, |trace, whole| {
            let position = self.position(trace, whole);
            own.extend(position.filter(|_| self.wanted.program.is_found(whole)));
        });
        drop(values);
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.extend(own);
        while found.len() > self.wanted.count_max {
            found.pop_last();
        }
    }
}
