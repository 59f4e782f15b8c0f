//! A trace before it has times and attributes: steps with parents. Turned into spans here.
//!
//! The generator drafts by growth, the demo by hand. Parents come before their children.

use crate::attributes::{self, Scene, Visitor};
use crate::config::GeneratorConfig;
use crate::names::{FAILURES, Failure, PROPAGATED};
use crate::random::Random;
use crate::shop::{Call, Operation, Process, Shop};
use crate::span::{GeneratedEvent, GeneratedLink, GeneratedSpan, GeneratedTrace};
use crate::truth::TraceTruth;
use fanal_base::cast;
use fanal_model::{SpanId, SpanKind, StatusCode, TraceId, Value};

/// What a span stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    Serve(&'a Operation),
    /// A call to an operation of another service.
    CallOut(usize, &'a Operation),
    Statement(&'static str, &'a str),
    Cache(&'static str, &'a str),
    Publish(&'static str),
    Consume(&'static str),
    Function(&'a str),
}

#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) parent: Option<usize>,
    pub(crate) depth: usize,
    pub(crate) service: usize,
    pub(crate) process: usize,
    pub(crate) step: Step<'a>,
    /// Time spent in the span itself, nanoseconds.
    pub(crate) self_nanos: u64,
    /// Whether the next sibling starts with this one.
    pub(crate) is_parallel: bool,
    pub(crate) failure: Option<&'static Failure>,
}

impl Draft<'_> {
    /// Whether the parent does not wait for it.
    fn is_detached(&self) -> bool {
        matches!(self.step, Step::Consume(_))
    }
}

/// Steps of one trace.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) shop: &'a Shop,
    pub(crate) drafts: Vec<Draft<'a>>,
}

impl<'a> Plan<'a> {
    /// A plan that begins with a call from outside.
    pub(crate) fn new(
        shop: &'a Shop,
        service: usize,
        operation: usize,
        random: &mut Random,
    ) -> Self {
        let mut plan = Self { shop, drafts: Vec::new() };
        let operation = &shop.services[service].operations[operation];
        plan.push(None, service, Step::Serve(operation), random);
        plan
    }

    fn push(
        &mut self,
        parent: Option<usize>,
        service: usize,
        step: Step<'a>,
        random: &mut Random,
    ) -> usize {
        let is_entry = matches!(step, Step::Serve(_) | Step::Consume(_));
        let process = match parent {
            Some(parent) if !is_entry => self.drafts[parent].process,
            _ => random.index(self.shop.services[service].processes.len()),
        };
        let median = match step {
            Step::Serve(operation) => operation.self_nanos,
            Step::Consume(_) => 2_000_000.0,
            Step::CallOut(..) => 600_000.0,
            Step::Statement(..) => 1_200_000.0,
            Step::Cache(..) => 250_000.0,
            Step::Publish(_) => 400_000.0,
            Step::Function(_) => 150_000.0,
        };
        let depth = parent.map_or(0, |parent| self.drafts[parent].depth + 1);
        let self_nanos = random.log_normal(median, 0.7);
        let is_parallel = random.chance(0.15);
        let failure = None;
        self.drafts.push(Draft {
            parent,
            depth,
            service,
            process,
            step,
            self_nanos,
            is_parallel,
            failure,
        });
        self.drafts.len() - 1
    }

    /// Adds the span or the two spans of a call, as far as `room` goes; answers the one that can call on.
    pub(crate) fn call(
        &mut self,
        parent: usize,
        call: &'a Call,
        room: usize,
        random: &mut Random,
    ) -> Option<usize> {
        let own = self.drafts[parent].service;
        let (near, far) = match call {
            Call::Function(name) => {
                return Some(self.push_child(parent, Step::Function(name), random));
            }
            Call::Statement { verb, table } => (Step::Statement(verb, table), None),
            Call::Cache { command, prefix } => (Step::Cache(command, prefix), None),
            Call::Publish { topic, consumer } => {
                (Step::Publish(topic), Some((*consumer, Step::Consume(topic))))
            }
            Call::Service { service, operation } => {
                let operation = &self.shop.services[*service].operations[*operation];
                (Step::CallOut(*service, operation), Some((*service, Step::Serve(operation))))
            }
        };
        let near = self.push(Some(parent), own, near, random);
        let (service, step) = far.filter(|_| room > 1)?;
        Some(self.push(Some(near), service, step, random))
    }

    fn push_child(&mut self, parent: usize, step: Step<'a>, random: &mut Random) -> usize {
        self.push(Some(parent), self.drafts[parent].service, step, random)
    }

    /// Lets spans fail by themselves, and their callers with them.
    pub(crate) fn fail(&mut self, config: &GeneratorConfig, random: &mut Random) {
        for index in (0..self.drafts.len()).rev() {
            if self.drafts[index].failure.is_none() && random.chance(config.error_probability) {
                self.drafts[index].failure = Some(&FAILURES[random.index(FAILURES.len())]);
            }
            let draft = &self.drafts[index];
            let is_passed_on = draft.failure.is_some()
                && !draft.is_detached()
                && random.chance(config.error_propagation_probability);
            if let (true, Some(parent)) = (is_passed_on, draft.parent) {
                self.drafts[parent].failure.get_or_insert(&PROPAGATED);
            }
        }
    }

    /// Start after the trace's start and duration of each draft, nanoseconds.
    fn schedule(&self) -> Vec<(u64, u64)> {
        let count = self.drafts.len();
        // Children of each draft in order: the next sibling of a draft, and the first child of each.
        let (mut first, mut next) = (vec![None; count], vec![None; count]);
        for (index, draft) in self.drafts.iter().enumerate().rev() {
            if let Some(parent) = draft.parent {
                next[index] = first[parent].replace(index);
            }
        }
        let mut times = vec![(0_u64, 0_u64); count];
        for index in (0..count).rev() {
            let own = self.drafts[index].self_nanos;
            let (mut cursor, mut end) = (own / 2, own / 2);
            let mut child = first[index];
            while let Some(at) = child {
                let draft = &self.drafts[at];
                times[at].0 = if draft.is_detached() { own + draft.self_nanos } else { cursor };
                let child_end = times[at].0 + times[at].1;
                if !draft.is_detached() {
                    end = end.max(child_end);
                    cursor = if draft.is_parallel { cursor } else { end + own / 16 };
                }
                child = next[at];
            }
            times[index].1 = end + own / 2 + 1_000;
        }
        for (index, draft) in self.drafts.iter().enumerate() {
            if let Some(parent) = draft.parent {
                times[index].0 += times[parent].0;
            }
        }
        times
    }

    /// The finished trace.
    pub(crate) fn realise(
        &self,
        config: &GeneratorConfig,
        start_unix_nanos: u64,
        random: &mut Random,
    ) -> GeneratedTrace {
        let trace_id = trace_id(random);
        let visitor = Visitor::draw(config.users, random);
        let times = self.schedule();
        let ids: Vec<SpanId> = self.drafts.iter().map(|_| span_id(random)).collect();
        let mut spans: Vec<GeneratedSpan> = Vec::with_capacity(self.drafts.len());
        for (index, draft) in self.drafts.iter().enumerate() {
            let process = &self.shop.services[draft.service].processes[draft.process];
            let (offset, duration) = times[index];
            let start = shifted(start_unix_nanos.saturating_add(offset), process.skew_nanos);
            let peer = draft.parent.map(|parent| self.process(parent));
            let scene = Scene { shop: self.shop, draft, process, peer, visitor: &visitor };
            let parent_span_id = draft.parent.map(|parent| ids[parent]).unwrap_or_default();
            spans.push(GeneratedSpan {
                trace_id,
                span_id: ids[index],
                parent_span_id,
                start_unix_nanos: start,
                end_unix_nanos: start.saturating_add(duration),
                ..span_of(&scene, config, start, duration, random)
            });
        }
        for index in 0..spans.len() {
            if random.chance(config.duplicate_probability) {
                let copy = GeneratedSpan { is_duplicate: true, ..spans[index].clone() };
                spans.push(copy);
            }
        }
        let truth = TraceTruth::of(&spans);
        GeneratedTrace { trace_id, spans, truth }
    }

    fn process(&self, draft: usize) -> &'a Process {
        let draft = &self.drafts[draft];
        &self.shop.services[draft.service].processes[draft.process]
    }
}

/// Everything of a span but its ids and times.
fn span_of(
    scene: &Scene<'_>,
    config: &GeneratorConfig,
    start_unix_nanos: u64,
    duration_nanos: u64,
    random: &mut Random,
) -> GeneratedSpan {
    let draft = scene.draft;
    let service = &scene.shop.services[draft.service];
    let late = random.between(1, config.late_max_nanos.max(1));
    GeneratedSpan {
        trace_id: TraceId::default(),
        span_id: SpanId::default(),
        parent_span_id: SpanId::default(),
        start_unix_nanos,
        end_unix_nanos: start_unix_nanos,
        kind: match draft.step {
            Step::Serve(_) => SpanKind::Server,
            Step::CallOut(..) | Step::Statement(..) | Step::Cache(..) => SpanKind::Client,
            Step::Publish(_) => SpanKind::Producer,
            Step::Consume(_) => SpanKind::Consumer,
            Step::Function(_) => SpanKind::Internal,
        },
        status_code: if draft.failure.is_some() { StatusCode::Error } else { StatusCode::Unset },
        status_message: draft.failure.map_or("", |failure| failure.message).to_owned(),
        trace_state: String::new(),
        // Sampled; "the remote bit is known", and whether the parent is remote.
        flags: match draft.step {
            Step::Serve(_) | Step::Consume(_) if draft.parent.is_some() => 0x301,
            _ => 0x101,
        },
        name: attributes::span_name(draft),
        attributes: attributes::of(scene, random),
        events: events(draft, config, start_unix_nanos, duration_nanos, random),
        links: links(config, random),
        resource: scene.process.resource.clone(),
        scope: service.scopes[attributes::scope_index(draft)].clone(),
        late_nanos: if random.chance(config.late_probability) { late } else { 0 },
        is_duplicate: false,
    }
}

fn events(
    draft: &Draft<'_>,
    config: &GeneratorConfig,
    start_unix_nanos: u64,
    duration_nanos: u64,
    random: &mut Random,
) -> Vec<GeneratedEvent> {
    let mut events = Vec::new();
    let text = |value: &str| Value::String(value.to_owned());
    if random.chance(config.event_probability) {
        let time_unix_nanos = start_unix_nanos.saturating_add(random.below(duration_nanos));
        let waited = Value::Int(i64::try_from(random.below(40)).unwrap_or(0));
        let (name, key, value) = match random.below(3) {
            0 => ("connection acquired", "pool.wait_ms", waited),
            1 => ("retry", "attempt", Value::Int(2)),
            _ => ("log", "log.severity", text("WARN")),
        };
        events.push(GeneratedEvent { time_unix_nanos, name, attributes: vec![(key, value)] });
    }
    if let Some(failure) = draft.failure.filter(|&failure| *failure != PROPAGATED) {
        let line = random.between(20, 900);
        let trace = format!(
            "{}: {}\n\tat shop.Handler.invoke(Handler.java:{line})\n\tat shop.Pool.run(Pool.java:88)",
            failure.exception, failure.message
        );
        events.push(GeneratedEvent {
            time_unix_nanos: start_unix_nanos.saturating_add(duration_nanos),
            name: "exception",
            attributes: vec![
                ("exception.type", text(failure.exception)),
                ("exception.message", text(failure.message)),
                ("exception.stacktrace", Value::String(trace)),
            ],
        });
    }
    events
}

fn links(config: &GeneratorConfig, random: &mut Random) -> Vec<GeneratedLink> {
    if !random.chance(config.link_probability) {
        return Vec::new();
    }
    vec![GeneratedLink {
        trace_id: trace_id(random),
        span_id: span_id(random),
        flags: 0x101,
        attributes: vec![("link.reason", Value::String("batch".to_owned()))],
    }]
}

fn shifted(time: u64, skew: i64) -> u64 {
    time.saturating_add_signed(skew)
}

fn span_id(random: &mut Random) -> SpanId {
    SpanId(random.number().max(1).to_be_bytes())
}

fn trace_id(random: &mut Random) -> TraceId {
    let (high, low) = (u128::from(random.number().max(1)), u128::from(random.number()));
    TraceId((high << 64 | low).to_be_bytes())
}

/// A count as an attribute value.
pub(crate) fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A part of a whole as a float attribute value.
pub(crate) fn part(number: u64, whole: u64) -> Value {
    Value::Float(cast::figure(number) / cast::figure(whole))
}
