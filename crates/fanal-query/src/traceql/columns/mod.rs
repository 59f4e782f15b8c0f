//! Queries over whole traces in columns, as a store's walk hands them out: filters are bits, fields are numbers.
//!
//! Compiled from a checked query; what it cannot say (arithmetic, fields of one event, numbers of the nested set) compiles
//! to `None` and is left to the evaluator. Invariant: what compiles means what `fanal-traceql` defines. Knows no store.

pub(super) mod count;
pub(super) mod field;
pub(super) mod find;
pub(super) mod program;
pub(super) mod sides;
mod structure;
mod test;
mod tree;
mod whole;

use fanal_storage::walk::{WALK_CONDITIONS_MAX, WALK_KEYS_MAX};
use fanal_storage::{GroupKey, SpanCondition};

/// What a walk must tell.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) conditions: Vec<SpanCondition>,
    pub(super) keys: Vec<GroupKey>,
}

impl Asked {
    /// The bit of a condition; `None` beyond the limit.
    fn condition(&mut self, condition: SpanCondition) -> Option<u64> {
        let known = self.conditions.iter().position(|it| *it == condition);
        let place = known.unwrap_or_else(|| {
            self.conditions.push(condition);
            self.conditions.len() - 1
        });
        (place < WALK_CONDITIONS_MAX).then(|| 1 << place)
    }

    /// The place of a key; `None` beyond the limit.
    fn key(&mut self, key: GroupKey) -> Option<usize> {
        let known = self.keys.iter().position(|it| *it == key);
        let place = known.unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        });
        (place < WALK_KEYS_MAX).then_some(place)
    }
}
