//! Rates that were asked for a moment ago: a page of Grafana asks for many metrics of the same range at once, which are all
//! made of one answer.
//!
//! Bounded in entries, in age and in tallies. Questions that come while one like them is worked on wait for its answer.

use crate::refusal::Refusal;
use fanal_query::rates::{CallKey, Rates, RatesQuestion, SpanKey};
use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::OnceCell;

/// Most answers that are kept.
const ENTRIES_MAX: usize = 16;

/// Age above which an answer is made again, in nanoseconds.
const AGE_NANOS_MAX: u64 = 5_000_000_000;

/// Most tallies of all answers that are kept: about 30 MB.
const TALLIES_KEPT_MAX: usize = 100_000;

/// The answers to questions for spans and for calls.
#[derive(Debug, Default)]
pub(crate) struct RecentRates {
    pub(super) spans: Recent<SpanKey>,
    pub(super) calls: Recent<CallKey>,
}

/// Answers of one kind, newest first.
#[derive(Debug)]
pub(super) struct Recent<K: Ord>(Mutex<VecDeque<Entry<K>>>);

#[derive(Debug)]
struct Entry<K: Ord> {
    question: RatesQuestion,
    asked_unix_nanos: u64,
    answer: Arc<OnceCell<Arc<Rates<K>>>>,
}

impl<K: Ord> Default for Recent<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Ord> Recent<K> {
    /// The answer, asked unless it is here and young.
    pub(super) async fn ask(
        &self,
        now_unix_nanos: u64,
        question: &RatesQuestion,
        ask: impl Future<Output = Result<Rates<K>, Refusal>>,
    ) -> Result<Arc<Rates<K>>, Refusal> {
        let answer = self.place(now_unix_nanos, question);
        let made = answer.get_or_try_init(async || ask.await.map(Arc::new)).await.map(Arc::clone);
        self.trim();
        made
    }

    fn place(&self, now: u64, question: &RatesQuestion) -> Arc<OnceCell<Arc<Rates<K>>>> {
        let mut entries = self.lock();
        // A clock that was set back makes an entry old, not young for ever.
        let age = |entry: &Entry<K>| now.checked_sub(entry.asked_unix_nanos).unwrap_or(u64::MAX);
        entries.retain(|entry| age(entry) <= AGE_NANOS_MAX);
        if let Some(known) = entries.iter().find(|entry| entry.question == *question) {
            return Arc::clone(&known.answer);
        }
        let answer = Arc::default();
        entries.push_front(Entry {
            question: question.clone(),
            asked_unix_nanos: now,
            answer: Arc::clone(&answer),
        });
        entries.truncate(ENTRIES_MAX);
        answer
    }

    /// Lets go of answers that are too much, the oldest first.
    fn trim(&self) {
        let mut left = TALLIES_KEPT_MAX;
        self.lock().retain(|entry| {
            let tallies = entry.answer.get().map_or(0, |rates| {
                rates.keys.values().map(std::collections::BTreeMap::len).sum::<usize>()
            });
            let fits = tallies <= left;
            left -= tallies.min(left);
            fits
        });
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Entry<K>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn question(start_unix_nanos: u64) -> RatesQuestion {
        RatesQuestion {
            start_unix_nanos,
            end_unix_nanos: start_unix_nanos + 1,
            step_nanos: None,
            conditions: Vec::new(),
            keys_max: 1,
        }
    }

    fn rates(warning: &str) -> Rates<CallKey> {
        let (keys, overflow) = (BTreeMap::new(), BTreeMap::new());
        Rates { keys, overflow, warnings: vec![warning.to_owned()] }
    }

    #[tokio::test]
    async fn answers_are_kept_for_a_moment_and_failures_are_not() {
        let recent = Recent::default();
        let check =
            async |now: u64, start: u64, made: Result<Rates<CallKey>, Refusal>, expect: &str| {
                let told = recent.ask(now, &question(start), async { made }).await;
                let told = told.map_or_else(|refusal| refusal.message, |it| it.warnings.concat());
                assert_eq!(told, expect);
            };
        check(0, 1, Err(Refusal::invalid("no")), "no").await;
        check(0, 1, Ok(rates("first")), "first").await;
        check(AGE_NANOS_MAX, 1, Ok(rates("second")), "first").await;
        check(0, 2, Ok(rates("other")), "other").await;
        check(AGE_NANOS_MAX + 1, 1, Ok(rates("third")), "third").await;
        for start in 3..20 {
            check(AGE_NANOS_MAX + 1, start, Ok(rates("more")), "more").await;
        }
        assert_eq!(recent.lock().len(), ENTRIES_MAX);
        check(AGE_NANOS_MAX + 1, 1, Ok(rates("fourth")), "fourth").await;
    }
}
