//! The agent of Datadog through real sockets.

mod traces;
