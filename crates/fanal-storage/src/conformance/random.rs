//! Random spans with everything, and random searches for them.

use super::aggregates;
use super::compares;
use super::dice::Dice;
use super::links;
use super::listing;
use super::pair::{Step, everything};
use super::spans::{Attributes, START, Span, batch, trace_id};
use super::values;
use super::walks;
use crate::predicate::{AttributeTest, SpanCondition};
use crate::request::{FindTraces, TracePosition};
use fanal_base::cast;
use fanal_model::{EntityRef, Resource, Scope, SpanId, TraceId, Value};

/// Stores that are filled, each from its seed.
pub(super) const SEEDS: u64 = 4;

/// Appends to each.
pub(super) const STEPS: usize = 6;

/// Searches before and after the hook of each append.
pub(super) const SEARCHES: usize = 60;

const TENANT: &str = "default";
const KEYS: [&str; 6] = ["k", "http.route", "user.id", "", "é", "service.name"];

/// The steps of a seed.
pub(super) struct Script {
    dice: Dice,
    values: Vec<Value>,
    tests: Vec<AttributeTest>,
    fields: Vec<SpanCondition>,
    levels: Vec<Vec<crate::predicate::AttributeLevel>>,
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            values: values::all(),
            tests: values::tests(),
            fields: values::fields(),
            levels: values::level_sets(),
        }
    }

    pub(super) fn append(&mut self) -> Step {
        let count = if self.dice.one_in(6) { 1 } else { self.dice.below(120) };
        let spans: Vec<Span> = (0..count).map(|_| self.span()).collect();
        Step::Append(TENANT, Box::new(batch(&spans)))
    }

    pub(super) fn search(&mut self) -> Step {
        let conditions = (0..self.dice.below(3)).map(|_| self.condition()).collect();
        let (first, second) = (self.time(), self.time());
        let is_bounded = self.dice.one_in(2);
        let after = TracePosition { start_unix_nanos: self.time(), trace_id: self.trace() };
        let request = FindTraces {
            conditions,
            start_min_unix_nanos: if is_bounded { first.min(second) } else { 0 },
            start_max_unix_nanos: if is_bounded { first.max(second) } else { u64::MAX },
            limit: cast::size(1 + self.dice.below(20)),
            after: self.dice.one_in(4).then_some(after),
        };
        if self.dice.one_in(10) {
            let limits = (0..3).map(|_| cast::size(1 + self.dice.below(9))).collect();
            return Step::Page(TENANT, FindTraces { after: None, ..request }, limits);
        }
        if self.dice.one_in(20) {
            return Step::Find("nobody", everything(3));
        }
        Step::Find(TENANT, request)
    }

    pub(super) fn walk(&mut self) -> Step {
        Step::Walk(TENANT, links::random(&mut self.dice))
    }

    pub(super) fn traces(&mut self) -> Step {
        let conditions = (0..self.dice.below(4)).map(|_| self.condition()).collect();
        Step::Traces(TENANT, walks::random(&mut self.dice, conditions))
    }

    pub(super) fn compare(&mut self) -> Step {
        let conditions = (0..self.dice.below(2)).map(|_| self.condition()).collect();
        let selection = (0..self.dice.below(3)).map(|_| self.condition()).collect();
        Step::Compare(TENANT, compares::random(&mut self.dice, conditions, selection))
    }

    pub(super) fn aggregate(&mut self) -> Step {
        let conditions = (0..self.dice.below(3)).map(|_| self.condition()).collect();
        Step::Aggregate(TENANT, aggregates::random(&mut self.dice, conditions))
    }

    pub(super) fn keys(&mut self) -> Step {
        let conditions = (0..self.dice.below(3)).map(|_| self.condition()).collect();
        Step::Keys(TENANT, listing::random_keys(&mut self.dice, conditions))
    }

    pub(super) fn values(&mut self) -> Step {
        let conditions = (0..self.dice.below(3)).map(|_| self.condition()).collect();
        Step::Values(TENANT, listing::random_values(&mut self.dice, conditions))
    }

    fn condition(&mut self) -> SpanCondition {
        if !self.dice.one_in(4) {
            return self.leaf();
        }
        let count = self.dice.below(4);
        match self.dice.below(3) {
            0 => SpanCondition::AnyOf((0..count).map(|_| self.condition()).collect()),
            1 => SpanCondition::AllOf((0..count).map(|_| self.condition()).collect()),
            _ => SpanCondition::Not(Box::new(self.condition())),
        }
    }

    fn leaf(&mut self) -> SpanCondition {
        if self.dice.one_in(3) {
            return self.dice.pick(&self.fields);
        }
        let levels = self.dice.pick(&self.levels);
        let key = self.dice.pick(&KEYS);
        values::attribute(&levels, key, self.dice.pick(&self.tests))
    }

    fn trace(&mut self) -> TraceId {
        match self.dice.below(40) {
            0 => TraceId([0xff; 16]),
            number => trace_id(number),
        }
    }

    fn time(&mut self) -> u64 {
        match self.dice.below(60) {
            0 => 0,
            1 => u64::MAX,
            2 => u64::MAX - 1,
            _ => START + self.dice.below(50),
        }
    }

    fn text(&mut self) -> String {
        self.dice.pick(&["", "cart", "checkout", "GET /", "é", "lib", "1.0"]).to_owned()
    }

    fn attributes(&mut self) -> Attributes {
        let mut attributes = Attributes::new();
        for key in KEYS {
            if self.dice.one_in(3) {
                attributes.push((key.to_owned(), self.dice.pick(&self.values)));
            }
        }
        if self.dice.one_in(2) {
            attributes.reverse();
        }
        attributes
    }

    fn resource(&mut self) -> Resource {
        let mut attributes = self.attributes();
        if !attributes.iter().any(|(key, _)| key == "service.name") && !self.dice.one_in(5) {
            attributes.push(("service.name".into(), Value::String(self.text())));
        }
        let entity_refs = if self.dice.one_in(9) { vec![EntityRef::default()] } else { Vec::new() };
        Resource { attributes, schema_url: self.text(), entity_refs, ..Resource::default() }
    }

    fn scope(&mut self) -> Scope {
        let attributes = if self.dice.one_in(4) { self.attributes() } else { Vec::new() };
        Scope { name: self.text(), version: self.text(), attributes, ..Scope::default() }
    }

    fn span(&mut self) -> Span {
        let start = self.time();
        let end = match self.dice.below(12) {
            0 => self.time(),
            1 => 0,
            _ => start.saturating_add(self.dice.below(1_500)),
        };
        let small = |dice: &mut Dice, bound| u8::try_from(dice.below(bound)).unwrap_or(0);
        let events = (0..self.dice.below(4).saturating_sub(1))
            .map(|_| (self.time(), self.text(), self.attributes()))
            .collect();
        let links = (0..self.dice.below(4).saturating_sub(2))
            .map(|_| (self.trace(), SpanId(self.dice.number().to_be_bytes()), self.attributes()))
            .collect();
        Span {
            trace: self.trace(),
            // Few, so that ids repeat within a trace and parents exist.
            id: SpanId((1 + self.dice.below(60)).to_be_bytes()),
            parent: SpanId(self.dice.below(60).to_be_bytes()),
            start,
            end,
            kind: small(&mut self.dice, 6),
            status: small(&mut self.dice, 3),
            flags: if self.dice.one_in(3) { 0x101 } else { 0 },
            name: self.text(),
            trace_state: if self.dice.one_in(5) { self.text() } else { String::new() },
            status_message: if self.dice.one_in(5) { self.text() } else { String::new() },
            dropped: if self.dice.one_in(8) { 7 } else { 0 },
            resource: self.resource(),
            scope: self.scope(),
            attributes: self.attributes(),
            events,
            links,
        }
    }
}
