//! Bodies of the older protocols, each made of traces of its own.

use super::bodies::Body;
use crate::cli::Protocol;
use fanal_base::{Clock, SystemClock};
use fanal_testkit::{Dialect, GeneratedSpan, Generator, GeneratorConfig};
use std::collections::VecDeque;

/// Messages of one protocol, made as they are asked for.
#[derive(Debug)]
pub(super) struct ForeignBodies {
    dialect: Dialect,
    generator: Generator,
    spans_per_request: usize,
    /// Made and not given out yet.
    ready: VecDeque<Body>,
}

impl ForeignBodies {
    /// `None` where the protocol is OTLP.
    pub(super) fn new(
        protocol: Protocol,
        config: GeneratorConfig,
        seed: u64,
        spans_per_request: usize,
    ) -> Option<Self> {
        let dialect = match protocol {
            Protocol::Grpc | Protocol::Http => return None,
            Protocol::JaegerCompact => Dialect::JaegerCompact,
            Protocol::JaegerGrpc => Dialect::JaegerProtobuf,
            Protocol::ZipkinJson => Dialect::ZipkinJson,
            Protocol::ZipkinProtobuf => Dialect::ZipkinProtobuf,
            Protocol::Datadog => Dialect::DatadogV05,
        };
        let generator = Generator::new(config, seed);
        Some(Self { dialect, generator, spans_per_request, ready: VecDeque::new() })
    }

    /// The next message, whose traces begin `age_nanos` ago.
    pub(super) fn next(&mut self, age_nanos: u64) -> Option<Body> {
        if self.ready.is_empty() {
            self.make(SystemClock.now_unix_nanos().saturating_sub(age_nanos));
        }
        self.ready.pop_front()
    }

    fn make(&mut self, start_unix_nanos: u64) {
        let (mut traces, mut count) = (Vec::new(), 0);
        while count < self.spans_per_request {
            let trace = self.generator.next_trace(start_unix_nanos);
            count += trace.spans.len();
            traces.push(trace);
        }
        let spans: Vec<&GeneratedSpan> = traces.iter().flat_map(|trace| &trace.spans).collect();
        for (place, message) in self.dialect.encode(&spans).into_iter().enumerate() {
            // A trace may lie in several messages; it is counted with the first.
            let trace_count = if place == 0 { traces.len() } else { 0 };
            let (bytes, span_count) = (message.bytes.into(), message.span_count);
            self.ready.push_back(Body { bytes, span_count, trace_count, traces: Vec::new() });
        }
    }
}
