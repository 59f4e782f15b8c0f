//! The receivers through real sockets, each in a module of its own.

#[cfg(test)]
mod datadog;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod honeycomb;
#[cfg(test)]
mod jaeger;
#[cfg(test)]
mod opencensus;
#[cfg(test)]
mod otlp;
#[cfg(test)]
mod sampling;
#[cfg(test)]
mod xray;
#[cfg(test)]
mod zipkin;
