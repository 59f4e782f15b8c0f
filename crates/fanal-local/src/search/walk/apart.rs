//! Traces that lie in several places, until all of their spans are together.
//!
//! Filled by the head and by every block that has some of a trace; a trace leaves as soon as its last place was seen, so
//! that few are here at a time.

use crate::block::OpenBlock;
use crate::block::filter::trace_hash;
use crate::search::question::Question;
use fanal_model::TraceId;
use fanal_storage::StoreError;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::ops::Range;

/// Memory of a trace that waits, without its spans.
const ENTRY_BYTES: usize = 128;

/// Where spans of a trace lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Head,
    Block(usize),
}

/// A trace that waits for the rest of its spans.
#[derive(Debug)]
struct Waiting<S> {
    spans: Vec<S>,
    places: Vec<Place>,
    is_wanted: bool,
}

/// Rows of a trace in a block that was not walked over there.
#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) trace_id: TraceId,
    pub(super) rows: Range<u32>,
}

/// The traces that wait.
#[derive(Debug)]
pub(super) struct Apart<S>(HashMap<TraceId, Waiting<S>, RandomState>);

impl<S> Default for Waiting<S> {
    fn default() -> Self {
        Self { spans: Vec::new(), places: Vec::new(), is_wanted: false }
    }
}

impl<S> Default for Apart<S> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<S: Copy> Apart<S> {
    /// Adds spans of a place; answers in how many places spans were found up to now.
    pub(super) fn add(
        &mut self,
        question: &Question,
        trace_id: TraceId,
        place: Place,
        is_wanted: bool,
        spans: &[S],
    ) -> Result<usize, StoreError> {
        let waiting = self.0.entry(trace_id).or_default();
        let entry = if waiting.places.is_empty() { ENTRY_BYTES } else { 0 };
        question.hold(entry + size_of_val(spans))?;
        waiting.is_wanted |= is_wanted;
        waiting.spans.extend_from_slice(spans);
        if waiting.places.last() != Some(&place) {
            waiting.places.push(place);
        }
        Ok(waiting.places.len())
    }

    /// Takes a trace out; `None` where nobody wants it.
    pub(super) fn take(&mut self, question: &Question, trace_id: TraceId) -> Option<Vec<S>> {
        let waiting = self.0.remove(&trace_id)?;
        question.release(ENTRY_BYTES + size_of_val(&*waiting.spans));
        waiting.is_wanted.then_some(waiting.spans)
    }

    /// Takes the wanted traces out that are told to be whole, by their number of places.
    pub(super) fn take_all(
        &mut self,
        question: &Question,
        is_whole: impl Fn(TraceId, usize) -> bool,
    ) -> Vec<(TraceId, Vec<S>)> {
        let found = self.0.iter().filter(|(id, waiting)| is_whole(**id, waiting.places.len()));
        let ids: Vec<TraceId> = found.map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| Some((id, self.take(question, id)?))).collect()
    }

    /// Lets go of traces without a span in the range.
    pub(super) fn forget_unwanted(&mut self) {
        self.0.retain(|_, waiting| waiting.is_wanted);
    }

    /// Rows of traces in a block whose rows there were not added yet.
    pub(super) fn lookups(
        &self,
        number: usize,
        open: &OpenBlock,
    ) -> Result<Vec<Lookup>, StoreError> {
        let mut lookups = Vec::new();
        for (&trace_id, waiting) in &self.0 {
            if waiting.places.contains(&Place::Block(number)) {
                continue;
            }
            if let Some(rows) = open.rows_of(trace_id, trace_hash(trace_id))? {
                lookups.push(Lookup { trace_id, rows });
            }
        }
        Ok(lookups)
    }
}
