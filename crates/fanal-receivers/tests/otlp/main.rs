//! The OTLP receivers through real sockets: over HTTP, over gRPC, and while they stop.

#[cfg(test)]
mod grpc;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http;
#[cfg(test)]
mod stopping;
