//! Honeycomb's events API (<https://docs.honeycomb.io/api/events/>), for libhoney, beelines and Refinery.
//!
//! Senders feed it batches and single events, the pipeline takes spans from it. Keys are not looked at: who reaches the
//! port may send.

mod answer;
mod http;

pub(crate) use http::EVENTS;
