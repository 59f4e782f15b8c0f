//! Walks of a store under test beside those of the model. Exact duplicates may have been removed by the store or not,
//! so that spans which are told equally count once.

use super::dice::Dice;
use super::spans::START;
use crate::links::{LinkSpan, LinkVisitor, Mark, RemoteKey, WalkLinks, WalkedLinks};
use std::sync::{Mutex, PoisonError};

/// The distinct spans of a trace as text.
type Shown = Vec<String>;

/// Keeps what it is handed.
#[derive(Debug, Default)]
pub struct LinkKeeper(Mutex<Vec<Vec<LinkSpan>>>);

impl LinkVisitor for LinkKeeper {
    fn visit(&self, traces: &[&[LinkSpan]]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(traces.iter().map(|trace| trace.to_vec()));
    }
}

impl LinkKeeper {
    /// The traces in an order of their own, each with its distinct spans.
    pub fn shown(&self, walked: &WalkedLinks) -> Vec<Shown> {
        let name = |number: u32| walked.names.get(fanal_base::cast::index(number));
        let show = |span: &LinkSpan| {
            let names = (name(span.service), name(span.remote_service));
            let ids = (span.span_id, span.parent_span_id);
            let times = (span.start_unix_nanos, span.duration_nanos);
            let told = (span.kind, span.is_error, span.marks);
            format!("{ids:?} {names:?} {told:?} {times:?}")
        };
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trace = |spans: &Vec<LinkSpan>| {
            let mut shown: Shown = spans.iter().map(show).collect();
            shown.sort_unstable();
            shown.dedup();
            shown
        };
        let mut traces: Vec<Shown> = kept.iter().map(trace).collect();
        traces.sort_unstable();
        traces
    }
}

fn mark(key: &str, unless: &str) -> Mark {
    Mark { key: key.into(), unless: unless.into() }
}

fn remotes(keys: &[&str]) -> Vec<RemoteKey> {
    let remote = |(place, key): (usize, &&str)| RemoteKey {
        key: (*key).to_owned(),
        is_of_callers: place % 2 == 1,
        suffix_key: (place % 3 == 2).then(|| "user.id".to_owned()),
    };
    keys.iter().enumerate().map(remote).collect()
}

/// What is asked of every stored state.
pub(super) fn of_everything() -> Vec<WalkLinks> {
    let all = WalkLinks { start_max_unix_nanos: u64::MAX, ..WalkLinks::default() };
    let told = WalkLinks {
        remote_keys: remotes(&["absent", "k", "key 700", "é", "k"]),
        marks: vec![mark("k", "7"), mark("absent", ""), mark("key 1399", "")],
        lowers_names: true,
        tells_times: true,
        ..all.clone()
    };
    let early = WalkLinks { start_max_unix_nanos: START + 20, ..all.clone() };
    vec![all, told, early]
}

/// A random walk.
pub(super) fn random(dice: &mut Dice) -> WalkLinks {
    let (first, second) = (START + dice.below(1_000), START + dice.below(1_000));
    WalkLinks {
        start_min_unix_nanos: first.min(second),
        start_max_unix_nanos: first.max(second),
        remote_keys: if dice.one_in(2) { remotes(&["absent", "user.id", "k"]) } else { Vec::new() },
        marks: if dice.one_in(2) { vec![mark("k", "")] } else { Vec::new() },
        lowers_names: dice.one_in(2),
        tells_times: dice.one_in(2),
    }
}
