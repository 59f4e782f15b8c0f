//! The demo's small shop: a handful of journeys that a person can understand, at a human rate.
//!
//! Read by `fanal demo`. Browsing and buying go well; now and then a payment is slow, a card is refused, an order page asks
//! the database once for each item, or recommendations fail and the page goes without them.

mod journeys;

use crate::random::{Random, Weights};
use crate::span::{Attributes, GeneratedEvent, GeneratedSpan, GeneratedTrace};
use crate::truth::TraceTruth;
use fanal_model::{Resource, Scope, SpanId, SpanKind, StatusCode, TraceId, Value};
use journeys::{Attribute, Fault, JOURNEYS, Step};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Mean time between visitors, in nanoseconds.
const GAP_NANOS: u64 = 700_000_000;
/// Median time on the network, each way, in nanoseconds.
const NETWORK_NANOS: f64 = 250_000.0;
/// Sigma of the logarithm of every time.
const SIGMA: f64 = 0.35;

/// The shop; visitors come one after the other and for ever.
#[derive(Debug)]
pub struct Shop {
    random: Random,
    weights: Weights,
    next_start_unix_nanos: u64,
    resources: BTreeMap<&'static str, Arc<Resource>>,
    scope: Arc<Scope>,
}

impl Shop {
    /// A shop that opens at the time given.
    pub fn new(seed: u64, open_unix_nanos: u64) -> Self {
        Self {
            random: Random::new(seed),
            weights: Weights::new(JOURNEYS.iter().map(|journey| journey.weight)),
            next_start_unix_nanos: open_unix_nanos,
            resources: BTreeMap::new(),
            scope: Arc::new(Scope {
                name: "shop.instrumentation".to_owned(),
                version: "1.4.0".to_owned(),
                ..Scope::default()
            }),
        }
    }

    /// When the next visitor comes, nanoseconds since the Unix epoch.
    pub fn next_start_unix_nanos(&self) -> u64 {
        self.next_start_unix_nanos
    }

    /// The visit of the next visitor, complete.
    pub fn next_trace(&mut self) -> GeneratedTrace {
        let journey = &JOURNEYS[self.weights.draw(&mut self.random)];
        let halves = [self.random.number(), self.random.number() | 1].map(u64::to_be_bytes);
        let trace_id = TraceId::from_slice(&halves.concat()).unwrap_or_default();
        let mut visit = Visit { shop: self, trace_id, fault: journey.fault, spans: Vec::new() };
        let start = visit.shop.next_start_unix_nanos;
        visit.walk(&journey.root, SpanId::default(), start);
        let spans = visit.spans;
        self.next_start_unix_nanos += self.random.log_normal(1000.0, 0.8) * (GAP_NANOS / 1000);
        let truth = TraceTruth::of(&spans);
        GeneratedTrace { trace_id, spans, truth }
    }

    fn resource(&mut self, service: &'static str) -> Arc<Resource> {
        let random = &mut self.random;
        let make = || {
            let text = |text: &str| Value::String(text.to_owned());
            let attributes: Vec<(&str, Value)> = vec![
                ("service.name", text(service)),
                ("service.namespace", text("shop")),
                ("service.version", text("2.3.1")),
                ("deployment.environment.name", text("demo")),
                ("service.instance.id", Value::String(random.hex(12))),
                ("host.name", Value::String(format!("node-{}", random.below(4) + 1))),
                ("telemetry.sdk.language", text("rust")),
                (
                    "process.pid",
                    Value::Int(i64::try_from(1000 + random.below(30_000)).unwrap_or(1)),
                ),
            ];
            let owned = attributes.into_iter().map(|(key, value)| (key.to_owned(), value));
            Arc::new(Resource { attributes: owned.collect(), ..Resource::default() })
        };
        Arc::clone(self.resources.entry(service).or_insert_with(make))
    }
}

/// One visit being walked.
struct Visit<'a> {
    shop: &'a mut Shop,
    trace_id: TraceId,
    fault: Option<Fault>,
    spans: Vec<GeneratedSpan>,
}

/// How a step ended.
struct Ended {
    at: u64,
    /// Text of the failure that reached the caller.
    failure: Option<&'static str>,
}

impl Visit<'_> {
    fn walk(&mut self, step: &'static Step, parent: SpanId, start: u64) -> Ended {
        let index = self.open(step.service, step.name, step.kind, parent, start);
        let own_id = self.spans[index].span_id;
        let fault = self.fault.filter(|fault| fault.at == step.name);
        let slow = fault.map_or(1, |fault| fault.slower.max(1));
        let mut work =
            |part: f64| self.shop.random.log_normal(step.work_micros * 1000.0 * part, SIGMA) * slow;
        let (before, after) = (work(0.6), work(0.4));
        let mut now = start + before;
        let mut failure = fault.and_then(|fault| fault.failure);
        let calls_begin = now;
        for call in step.calls {
            for _ in 0..call.times {
                let begin = if step.is_parallel { calls_begin } else { now };
                let ended = self.call(step, &call.step, own_id, begin);
                now = now.max(ended.at);
                if !call.is_optional {
                    failure = failure.or(ended.failure);
                }
            }
            // What failed is not followed by what needed it.
            if failure.is_some() && !step.is_parallel {
                break;
            }
        }
        let end = now + after;
        let attributes = step.attributes.iter().map(|(key, kind)| (*key, self.value(*kind)));
        let attributes: Attributes = attributes.collect();
        self.close(index, end, attributes, failure);
        Ended { at: end, failure }
    }

    /// A call to another service has a span on each side.
    fn call(&mut self, caller: &Step, callee: &'static Step, parent: SpanId, start: u64) -> Ended {
        if caller.service == callee.service || callee.kind != SpanKind::Server {
            return self.walk(callee, parent, start);
        }
        let client = self.open(caller.service, callee.name, SpanKind::Client, parent, start);
        let client_id = self.spans[client].span_id;
        let there = self.shop.random.log_normal(NETWORK_NANOS, SIGMA);
        let ended = self.walk(callee, client_id, start + there);
        let end = ended.at + self.shop.random.log_normal(NETWORK_NANOS, SIGMA);
        let attributes = vec![
            ("rpc.system.name", Value::String("grpc".to_owned())),
            ("server.address", Value::String(format!("{}.shop.internal", callee.service))),
            ("server.port", Value::Int(8080)),
        ];
        self.close(client, end, attributes, ended.failure);
        Ended { at: end, failure: ended.failure }
    }

    fn open(
        &mut self,
        service: &'static str,
        name: &str,
        kind: SpanKind,
        parent_span_id: SpanId,
        start: u64,
    ) -> usize {
        let span_id = SpanId((self.shop.random.number() | 1).to_be_bytes());
        self.spans.push(GeneratedSpan {
            trace_id: self.trace_id,
            span_id,
            parent_span_id,
            start_unix_nanos: start,
            end_unix_nanos: start,
            kind,
            status_code: StatusCode::Unset,
            status_message: String::new(),
            trace_state: String::new(),
            flags: 0x101,
            name: name.to_owned(),
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            resource: self.shop.resource(service),
            scope: Arc::clone(&self.shop.scope),
            late_nanos: 0,
            is_duplicate: false,
        });
        self.spans.len() - 1
    }

    fn close(
        &mut self,
        index: usize,
        end: u64,
        attributes: Attributes,
        failure: Option<&'static str>,
    ) {
        let span = &mut self.spans[index];
        span.end_unix_nanos = end;
        span.attributes = attributes;
        if let Some(message) = failure {
            span.status_code = StatusCode::Error;
            message.clone_into(&mut span.status_message);
            span.attributes.push(("error.type", Value::String("upstream_failure".to_owned())));
            if self.fault.is_some_and(|fault| fault.at == span.name)
                && span.kind != SpanKind::Client
            {
                span.events.push(exception(end, message));
            }
        }
    }

    fn value(&mut self, attribute: Attribute) -> Value {
        let random = &mut self.shop.random;
        match attribute {
            Attribute::Text(text) => Value::String(text.to_owned()),
            Attribute::Int(number) => Value::Int(number),
            Attribute::Flag(probability) => Value::Bool(random.chance(probability)),
            Attribute::OneOf(texts) => Value::String(random.pick(texts).to_owned()),
            Attribute::Hex(digits) => Value::String(random.hex(digits)),
            Attribute::Between(min, max) => {
                Value::Int(i64::try_from(random.between(min, max)).unwrap_or(i64::MAX))
            }
            Attribute::Money => Value::Float(
                f64::from(u32::try_from(random.between(500, 30_000)).unwrap_or(0)) / 100.0,
            ),
        }
    }
}

fn exception(time_unix_nanos: u64, message: &str) -> GeneratedEvent {
    let text = |text: String| Value::String(text);
    GeneratedEvent {
        time_unix_nanos,
        name: "exception",
        attributes: vec![
            ("exception.type", text("shop::UpstreamError".to_owned())),
            ("exception.message", text(message.to_owned())),
            (
                "exception.stacktrace",
                text(format!(
                    "shop::UpstreamError: {message}\n   at shop::gateway::call (src/gateway.rs:88)\n   at shop::main (src/main.rs:31)"
                )),
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_journey_is_a_whole_trace_that_happens_again_for_the_same_seed() {
        let visit = |seed| {
            let mut shop = Shop::new(seed, 1_700_000_000_000_000_000);
            (0..500).map(|_| shop.next_trace()).collect::<Vec<_>>()
        };
        let traces = visit(7);
        assert!(traces == visit(7));
        let mut failed = 0;
        for trace in &traces {
            assert_eq!(trace.spans.iter().filter(|span| span.parent_span_id.is_zero()).count(), 1);
            for span in &trace.spans {
                assert!(span.start_unix_nanos <= span.end_unix_nanos);
                let parent = trace.spans.iter().find(|it| it.span_id == span.parent_span_id);
                assert!(span.parent_span_id.is_zero() || parent.is_some());
            }
            failed += u32::from(trace.truth.error_count > 0);
        }
        assert!((5..100).contains(&failed), "{failed} of 500 visits had errors");
    }
}
