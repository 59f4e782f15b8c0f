//! Random batches and searches: few traces and services so that things meet, odd keys, every type of value, late spans.

use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, SpanKind, StatusCode,
    TraceId, Value, ValueRef,
};
use fanal_storage::{
    AggregateSpans, AttributeCondition, AttributeLevel, AttributeTest, Comparison, FindTraces,
    GroupKey, Measure, SpanCondition,
};
use fanal_testkit::Random;
use std::num::NonZeroU64;

/// Where the clock of every run starts, nanoseconds since the Unix epoch.
pub(crate) const START: u64 = 1_760_000_000_000_000_000;
const SERVICES: [&str; 5] = ["cart", "checkout", "pay", "é", ""];
const NAMES: [&str; 5] = ["GET /", "POST /pay", "select", "", "work"];
const KEYS: [&str; 6] = ["http.route", "code", "ok", "ratio", "raw", "list"];

/// The number of a span, which no other span of the run has but its copies.
pub(crate) fn number_of(batch: &SpanBatch, row: usize) -> u32 {
    batch.flags[row]
}

/// A batch of spans numbered from `first` on; some of them may stand in it twice.
pub(crate) fn batch(random: &mut Random, now: u64, first: u32, count: u32) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let mut repeated = None;
    for number in first..first + count {
        let seed = random.number();
        push(&mut builder, &mut Random::new(seed), now, number);
        if random.chance(0.02) {
            repeated = Some((seed, number));
        }
    }
    if let Some((seed, number)) = repeated {
        push(&mut builder, &mut Random::new(seed), now, number);
    }
    builder.finish()
}

pub(crate) fn trace(random: &mut Random) -> TraceId {
    let number = if random.chance(0.8) { random.below(12) } else { random.below(1 << 40) };
    TraceId(u128::from(number + 1).to_be_bytes())
}

fn push(builder: &mut SpanBatchBuilder, random: &mut Random, now: u64, number: u32) {
    let service = Value::String(random.pick(&SERVICES).to_owned());
    let mut resource = Resource::default();
    if random.chance(0.9) {
        resource.attributes.push(("service.name".to_owned(), service));
    }
    let resource = builder.intern_resource(&resource);
    let version = random.pick(&["", "1.0"]).to_owned();
    let scope = builder.intern_scope(&Scope { version, ..Scope::default() });
    attributes(random, number, |key, value| builder.attribute(key, value));
    let is_late = random.chance(0.1);
    let age = random.below(if is_late { 7_200_000_000_000 } else { 5_000_000_000 });
    let start = if random.chance(0.01) { random.number() } else { now.saturating_sub(age) };
    if random.chance(0.2) {
        attributes(random, number, |key, value| builder.event_attribute(key, value));
        builder.finish_event(start.wrapping_add(random.below(1000)), random.pick(&NAMES), 0);
    }
    if random.chance(0.1) {
        attributes(random, number, |key, value| builder.link_attribute(key, value));
        builder.finish_link(LinkFields {
            trace_id: trace(random),
            span_id: SpanId(random.number().to_be_bytes()),
            trace_state: "",
            flags: 0,
            dropped_attributes_count: 0,
        });
    }
    builder.finish_span(&SpanFields {
        trace_id: trace(random),
        span_id: SpanId((1 + random.below(40)).to_be_bytes()),
        parent_span_id: SpanId(random.below(40).to_be_bytes()),
        start_unix_nanos: start,
        end_unix_nanos: start.saturating_add(random.below(300_000_000)),
        kind: u8::try_from(random.below(6)).unwrap_or(0),
        status_code: u8::try_from(random.below(3)).unwrap_or(0),
        flags: number,
        name: random.pick(&NAMES),
        resource,
        scope,
        ..SpanFields::default()
    });
}

fn attributes(random: &mut Random, number: u32, mut push: impl FnMut(&str, ValueRef<'_>)) {
    for key in KEYS {
        if !random.chance(0.3) {
            continue;
        }
        match random.below(6) {
            0 => push(key, ValueRef::Int(i64::from(number % 9) - 4)),
            1 => push(key, ValueRef::Bool(number.is_multiple_of(2))),
            2 => push(key, ValueRef::Float(f64::from(number % 7) / 2.0)),
            3 => push(key, ValueRef::Bytes(&number.to_be_bytes())),
            4 => push(key, ValueRef::String(&format!("/item/{number}"))),
            _ => push(key, ValueRef::String(random.pick(&NAMES))),
        }
    }
    if random.chance(0.05) {
        push(&format!("odd.{number}"), ValueRef::Int(1));
    }
}

/// A search.
pub(crate) fn search(random: &mut Random, now: u64) -> FindTraces {
    let conditions = (0..random.below(3)).map(|_| condition(random)).collect();
    let start = now.saturating_sub(random.below(10_000_000_000));
    let (start_min_unix_nanos, start_max_unix_nanos) = if random.chance(0.5) {
        (0, u64::MAX)
    } else {
        (start, start + random.below(6_000_000_000))
    };
    let limit = 1 + random.index(20);
    FindTraces { conditions, start_min_unix_nanos, start_max_unix_nanos, limit, after: None }
}

/// An aggregate over the spans that a search looks for.
pub(crate) fn aggregate(random: &mut Random, search: FindTraces) -> AggregateSpans {
    let keys = [
        GroupKey::Service,
        GroupKey::Name,
        GroupKey::Status,
        GroupKey::SpanAttribute("code".to_owned()),
    ];
    let is_bounded = search.start_max_unix_nanos < u64::MAX;
    AggregateSpans {
        conditions: search.conditions,
        start_min_unix_nanos: search.start_min_unix_nanos,
        start_max_unix_nanos: search.start_max_unix_nanos,
        step_nanos: (is_bounded && random.chance(0.5)).then_some(1_000_000_000),
        group_by: keys.into_iter().filter(|_| random.chance(0.3)).collect(),
        measures: [
            Measure::Durations,
            Measure::DurationHistogram,
            Measure::DurationDoublings(NonZeroU64::MIN),
        ]
        .into_iter()
        .filter(|_| random.chance(0.5))
        .collect(),
        groups_max: 10_000,
    }
}

fn condition(random: &mut Random) -> SpanCondition {
    match random.below(9) {
        0 => SpanCondition::Service(random.pick(&SERVICES).to_owned()),
        1 => SpanCondition::Name(random.pick(&NAMES).to_owned()),
        2 => SpanCondition::Kind(SpanKind::Server),
        3 => SpanCondition::Status(StatusCode::Error),
        4 => SpanCondition::DurationMin(random.below(300_000_000)),
        5 => SpanCondition::DurationMax(random.below(300_000_000)),
        _ => {
            let levels = match random.below(3) {
                0 => AttributeLevel::ALL.to_vec(),
                1 => vec![AttributeLevel::Span],
                _ => vec![AttributeLevel::Event, AttributeLevel::Link],
            };
            let key = random.pick(&KEYS).to_owned();
            SpanCondition::Attribute(AttributeCondition { levels, key, test: test(random) })
        }
    }
}

fn test(random: &mut Random) -> AttributeTest {
    let compare = |comparison, value| AttributeTest::Compare(comparison, vec![value]);
    match random.below(6) {
        0 => AttributeTest::Exists,
        1 => AttributeTest::TextEquals(random.pick(&["true", "1", "select", "2.5"]).to_owned()),
        2 => compare(Comparison::Greater, Value::Int(0)),
        3 => compare(Comparison::NotEqual, Value::String("select".to_owned())),
        4 => compare(Comparison::LessOrEqual, Value::Float(1.5)),
        _ => compare(Comparison::Equal, Value::String(format!("/item/{}", random.below(300)))),
    }
}
