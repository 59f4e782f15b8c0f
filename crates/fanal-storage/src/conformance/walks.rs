//! Walks over whole traces in columns beside those of the model. Exact duplicates may have been removed by the store or not,
//! so that spans which are told equally count once.

use super::dice::Dice;
use super::spans::START;
use crate::aggregate::GroupKey;
use crate::predicate::SpanCondition;
use crate::walk::{TraceVisitor, WALK_KEYS_MAX, WalkTraces, WalkValues, WalkedSpan, WalkedTrace};
use fanal_model::TraceId;
use std::sync::{Mutex, PoisonError};

/// Keeps what it is handed.
#[derive(Debug, Default)]
pub(super) struct TraceKeeper(Mutex<Vec<(TraceId, Vec<WalkedSpan>)>>);

impl TraceVisitor for TraceKeeper {
    fn visit(&self, traces: &[WalkedTrace<'_>], values: &WalkValues) {
        let read = values.read();
        for number in traces.iter().flat_map(|it| it.spans).flat_map(|it| it.values) {
            assert!(number == 0 || read.get(number).is_some(), "number {number} has no value");
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(traces.iter().map(|trace| (trace.trace_id, trace.spans.to_vec())));
    }
}

impl TraceKeeper {
    /// The traces that have what is needed, by id, each with its distinct spans as text.
    pub(super) fn shown(&self, needed: u64, values: &WalkValues) -> Vec<(TraceId, Vec<String>)> {
        let values = values.read();
        let show = |span: &WalkedSpan| {
            let told = span.values.map(|number| values.get(number));
            format!("{told:?} {:?}", WalkedSpan { values: [0; WALK_KEYS_MAX], ..*span })
        };
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let met = |spans: &[WalkedSpan]| spans.iter().fold(0, |all, span| all | span.met);
        let useful = kept.iter().filter(|(_, spans)| met(spans) & needed == needed);
        let mut traces: Vec<(TraceId, Vec<String>)> = useful
            .map(|(id, spans)| {
                let mut shown: Vec<String> = spans.iter().map(show).collect();
                shown.sort_unstable();
                shown.dedup();
                (*id, shown)
            })
            .collect();
        traces.sort_unstable();
        traces
    }
}

fn attribute(key: &str) -> GroupKey {
    GroupKey::SpanAttribute(key.to_owned())
}

/// What is asked of every stored state.
pub(super) fn of_everything() -> Vec<WalkTraces> {
    let all = WalkTraces { start_max_unix_nanos: u64::MAX, ..WalkTraces::default() };
    let told = WalkTraces {
        conditions: vec![SpanCondition::Root, SpanCondition::DurationMin(10)],
        keys: vec![
            GroupKey::Name,
            GroupKey::Kind,
            GroupKey::Status,
            attribute("k"),
            GroupKey::ResourceAttribute("service.name".to_owned()),
            attribute("key 700"),
        ],
        ..all.clone()
    };
    let early = WalkTraces { start_max_unix_nanos: START + 20, ..all.clone() };
    vec![all, told, early]
}

/// A random walk that tests these conditions.
pub(super) fn random(dice: &mut Dice, conditions: Vec<SpanCondition>) -> WalkTraces {
    let (first, second) = (START + dice.below(1_000), START + dice.below(1_000));
    let is_bounded = dice.one_in(2);
    let keys = [
        GroupKey::Service,
        GroupKey::ScopeName,
        attribute("k"),
        attribute("user.id"),
        GroupKey::ResourceAttribute("k".to_owned()),
        GroupKey::ScopeAttribute("k".to_owned()),
    ];
    WalkTraces {
        start_min_unix_nanos: if is_bounded { first.min(second) } else { 0 },
        start_max_unix_nanos: if is_bounded { first.max(second) } else { u64::MAX },
        needed: dice.below(1 << conditions.len()),
        conditions,
        keys: (0..dice.below(7)).map(|_| dice.pick(&keys)).collect(),
    }
}
