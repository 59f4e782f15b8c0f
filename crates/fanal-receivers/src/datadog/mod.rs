//! The agent of Datadog, as its tracers see it.
//!
//! Tracers feed it; spans go to the pipeline. Facts: <https://github.com/DataDog/datadog-agent/tree/main/pkg/trace/api>.

mod agent;
mod answer;
mod request;

pub(crate) use agent::AGENT;
