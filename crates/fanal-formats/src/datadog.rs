//! What Datadog's tracers send to their agent: traces in four layouts, all with the same span inside.
//!
//! Read by the `datadog` receiver. Each layout fills one [`span::DatadogSpan`], which becomes a draft in one place. Facts:
//! <https://github.com/DataDog/datadog-agent/tree/main/pkg/proto/pbgo/trace>.
//! Invariant: a span that breaks a rule is refused alone; a body fails only where its bytes cannot be read.

mod chunk;
mod json;
mod layout;
mod links;
mod owner;
mod payload;
mod request;
mod span;
mod table;

pub use owner::Tracer;
pub use request::{Layout, decode_request};
