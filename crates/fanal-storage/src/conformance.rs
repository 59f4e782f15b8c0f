//! The suite that every backend must pass: scenarios run against the backend and against [`MemoryStore`], answers
//! compared.
//!
//! Called by the tests of backends (feature `conformance`). Panics with the scenario, the question and both answers
//! where they differ. Knows nothing of the backend: merging, reopening and crashing happen in the caller's hook.

mod aggregates;
mod compares;
mod dice;
mod links;
mod listing;
mod pair;
mod random;
mod scenarios;
mod spans;
mod values;
mod walks;

use crate::store::SpanStore;
pub use links::LinkKeeper;
use pair::Pair;
pub use pair::describe_span;
use std::sync::Arc;

/// A store under test.
pub type StoreUnderTest = Arc<dyn SpanStore>;

/// Runs every scenario. `make` answers an empty store each time it is called. `between` is called between appends and
/// searches: it may merge, compact or reopen, and answers the store to go on with, which holds the same spans.
/// Each scenario runs without a call of `between` first, so that spans that just arrived are searched too.
pub async fn run(
    make: impl AsyncFn() -> StoreUnderTest,
    between: impl AsyncFn(StoreUnderTest) -> StoreUnderTest,
) {
    for scenario in scenarios::ALL {
        for is_between in [false, true] {
            let mut pair = Pair::new(scenario.name, make().await);
            for step in (scenario.steps)() {
                let is_append = step.is_append();
                pair.take(step).await;
                if is_append && is_between {
                    pair.store = between(pair.store).await;
                }
                if is_append {
                    pair.check_everything().await;
                }
            }
            pair.shut_down().await;
        }
    }
    for seed in 0..random::SEEDS {
        let mut pair = Pair::new("random spans and searches", make().await);
        let mut script = random::Script::new(seed);
        for _ in 0..random::STEPS {
            pair.take(script.append()).await;
            for _ in 0..random::SEARCHES {
                pair.take(script.search()).await;
                pair.take(script.aggregate()).await;
                pair.take(script.walk()).await;
                pair.take(script.traces()).await;
                pair.take(script.compare()).await;
                pair.take(script.keys()).await;
                pair.take(script.values()).await;
            }
            pair.store = between(pair.store).await;
            for _ in 0..random::SEARCHES {
                pair.take(script.search()).await;
                pair.take(script.aggregate()).await;
                pair.take(script.walk()).await;
                pair.take(script.traces()).await;
                pair.take(script.compare()).await;
                pair.take(script.keys()).await;
                pair.take(script.values()).await;
            }
        }
        pair.check_everything().await;
    }
}

#[cfg(test)]
mod tests;
