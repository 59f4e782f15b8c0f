//! Honeycomb's events: batches and single events into spans, and the answers to senders.
//!
//! Receivers call [`decode_batch`] and [`decode_event`]. Invariant: each event has an outcome of its own, and what one
//! carries beside the fields of a span stays as attributes. Events without a trace are refused: Fanal stores traces.
//! Follows <https://docs.honeycomb.io/api/events/> and <https://docs.honeycomb.io/send-data/>.

mod event;
mod id;
mod json;
mod msgpack;
mod request;
mod response;
mod span;
#[cfg(test)]
mod tests;
mod time;

pub use request::{
    BATCH_EVENTS_MAX, Context, DecodedEvents, SingleEvent, decode_batch, decode_event,
};
pub use response::{Encoding, auth, batch_answer, error_answer};
