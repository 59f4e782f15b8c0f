//! Scenarios with a name each: what is appended, and what is asked in between.

use super::pair::{Step, everything};
use super::spans::{START, Span, batch, resource, span, trace_id};
use super::values;
use crate::predicate::{AttributeLevel, AttributeTest, Comparison, SpanCondition};
use crate::request::{FindTraces, TracePosition};
use fanal_model::{EntityRef, Resource, Scope, SpanId, Value};

/// A scenario. After each step everything without a condition is compared too.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) steps: fn() -> Vec<Step>,
}

/// Every scenario.
pub(super) const ALL: &[Scenario] = &[
    Scenario { name: "empty store", steps: empty },
    Scenario { name: "trace across appends", steps: across_appends },
    Scenario { name: "order and paging", steps: paging },
    Scenario { name: "tenants", steps: tenants },
    Scenario { name: "services and operations", steps: services },
    Scenario { name: "duplicates", steps: duplicates },
    Scenario { name: "times at the borders", steps: times },
    Scenario { name: "conditions on one span", steps: one_span },
    Scenario { name: "conditions on fields", steps: fields },
    Scenario { name: "values on every level", steps: levels },
    Scenario { name: "keys beyond the columns", steps: many_keys },
    Scenario { name: "every field survives", steps: everything_set },
    Scenario { name: "appends at the same time", steps: together },
];

const TENANT: &str = "default";

fn append(spans: &[Span]) -> Step {
    Step::Append(TENANT, Box::new(batch(spans)))
}

fn find(conditions: Vec<SpanCondition>) -> Step {
    Step::Find(TENANT, FindTraces { conditions, ..everything(1_000) })
}

fn empty() -> Vec<Step> {
    let service = SpanCondition::Service("cart".into());
    vec![find(vec![]), find(vec![service]), append(&[]), find(vec![]), append(&[])]
}

fn across_appends() -> Vec<Step> {
    let of_cart = || find(vec![SpanCondition::Service("cart".into())]);
    vec![
        append(&[span(1, 1, "cart", 50), span(2, 1, "checkout", 40)]),
        // The trace becomes older by a span that comes later.
        append(&[Span { parent: SpanId([9; 8]), ..span(1, 2, "checkout", 10) }]),
        of_cart(),
        append(&[span(2, 2, "cart", 90), span(3, 1, "cart", 20), span(1, 3, "cart", 95)]),
        of_cart(),
        Step::Page(TENANT, everything(1), vec![1]),
    ]
}

fn paging() -> Vec<Step> {
    // Many traces start at the same time; ids are not in the order of arrival.
    let spans: Vec<Span> =
        (0..60).map(|number| span((number * 37) % 60 + 1, 1, "cart", number / 20)).collect();
    let mut steps = vec![append(&spans[..25]), append(&spans[25..])];
    for limits in [&[1][..], &[2, 5, 1], &[60], &[61], &[1_000]] {
        steps.push(Step::Page(TENANT, everything(1), limits.to_vec()));
        let conditions = vec![SpanCondition::Service("cart".into())];
        let request = FindTraces { conditions, start_min_unix_nanos: START + 1, ..everything(1) };
        steps.push(Step::Page(TENANT, request, limits.to_vec()));
    }
    // Behind places where no trace is.
    for (start, id) in [(0, 0), (START, 0), (START + 1, 31), (START + 1, 999), (u64::MAX, 0)] {
        let after = Some(TracePosition { start_unix_nanos: start, trace_id: trace_id(id) });
        steps.push(Step::Find(TENANT, FindTraces { after, ..everything(5) }));
    }
    steps
}

fn tenants() -> Vec<Step> {
    let others = || find(vec![SpanCondition::Service("checkout".into())]);
    vec![
        Step::Append("first", Box::new(batch(&[span(1, 1, "cart", 0)]))),
        Step::Append(
            "second",
            Box::new(batch(&[span(1, 2, "checkout", 5), span(2, 1, "cart", 6)])),
        ),
        others(),
        Step::Find("first", FindTraces { limit: 10, ..everything(10) }),
        Step::Append("first", Box::new(batch(&[span(1, 3, "search", 7)]))),
    ]
}

fn services() -> Vec<Step> {
    let named = |service: &str, name: &str, kind: u8, number: u64| Span {
        name: name.into(),
        kind,
        ..span(number, 1, service, number)
    };
    let nameless = Span { resource: Resource::default(), ..span(9, 1, "", 9) };
    let number = vec![("service.name".into(), Value::Int(5))];
    let number = Resource { attributes: number, ..Resource::default() };
    vec![
        append(&[named("zebra", "b", 2, 1), named("ant", "b", 2, 2), named("zebra", "a", 3, 3)]),
        append(&[named("mouse", "x", 1, 4), named("ant", "b", 3, 5), named("ant", "B", 0, 6)]),
        append(&[nameless, Span { resource: number, ..span(10, 1, "", 10) }, span(11, 1, "", 1)]),
        append(&[named("bee", "a", 2, 7), named("zebra", "", 2, 8), named("zebra", "é", 5, 8)]),
        find(vec![SpanCondition::Service("unknown_service".into())]),
    ]
}

fn duplicates() -> Vec<Step> {
    let original = span(1, 1, "cart", 0);
    let with =
        |key: &str| Span { attributes: vec![(key.into(), Value::Int(1))], ..original.clone() };
    vec![
        append(&[original.clone(), original.clone(), with("a")]),
        append(std::slice::from_ref(&original)),
        append(&[with("a"), with("b"), span(2, 1, "cart", 0)]),
        find(vec![SpanCondition::Name("work".into())]),
        find(vec![values::attribute(&AttributeLevel::ALL, "b", AttributeTest::Exists)]),
    ]
}

fn times() -> Vec<Step> {
    let borders = [0, 1, START, START + 10, u64::MAX - 1, u64::MAX];
    let mut spans = Vec::new();
    for start in borders {
        for end in borders {
            let number = u64::try_from(spans.len()).unwrap_or(0) + 1;
            spans.push(Span { start, end, ..span(number, 1, "cart", 0) });
        }
    }
    // A trace that lasts from the first moment to the last.
    spans.push(Span { start: 0, end: 1, ..span(99, 1, "cart", 0) });
    spans.push(Span { start: u64::MAX, end: u64::MAX, ..span(99, 2, "cart", 0) });
    let mut steps = vec![append(&spans)];
    for min in borders {
        for max in borders {
            let request = FindTraces {
                start_min_unix_nanos: min,
                start_max_unix_nanos: max,
                ..everything(100)
            };
            steps.push(Step::Find(TENANT, request.clone()));
            let conditions = vec![SpanCondition::DurationMin(9), SpanCondition::DurationMax(10)];
            steps.push(Step::Find(TENANT, FindTraces { conditions, ..request }));
        }
    }
    for nanos in [0, 1, 9, 10, 11, START - 1, START, u64::MAX - 1, u64::MAX] {
        steps.push(find(vec![SpanCondition::DurationMin(nanos)]));
        steps.push(find(vec![SpanCondition::DurationMax(nanos)]));
    }
    steps.push(Step::Page(TENANT, everything(1), vec![3]));
    steps
}

fn one_span() -> Vec<Step> {
    let cart = || SpanCondition::Service("cart".into());
    let name = || SpanCondition::Name("pay".into());
    let pay =
        |trace, id, service, start| Span { name: "pay".into(), ..span(trace, id, service, start) };
    let late = FindTraces {
        conditions: vec![cart()],
        start_min_unix_nanos: START + 100,
        start_max_unix_nanos: START + 200,
        ..everything(10)
    };
    vec![
        append(&[span(1, 1, "cart", 0), pay(1, 2, "checkout", 1)]),
        append(&[pay(2, 1, "cart", 0)]),
        // Matches, but starts outside of the range; another span of the trace starts inside.
        append(&[span(3, 1, "cart", 10), span(3, 2, "checkout", 150)]),
        append(&[span(4, 1, "checkout", 10), span(4, 2, "cart", 200), span(4, 3, "cart", 201)]),
        find(vec![cart(), name()]),
        find(vec![cart(), cart()]),
        find(vec![cart(), SpanCondition::Service("checkout".into())]),
        Step::Find(TENANT, late),
    ]
}

fn fields() -> Vec<Step> {
    let mut spans = Vec::new();
    let texts = ["", "cart", "GET /", "é", "lib", "1.0"];
    for (number, text) in (1_u64..).zip(texts) {
        for kind in 0..6_u8 {
            let scope = Scope {
                name: text.into(),
                version: texts[usize::from(kind)].into(),
                ..Scope::default()
            };
            spans.push(Span {
                name: texts[5 - usize::from(kind)].into(),
                kind,
                status: kind % 3,
                end: START + number * u64::from(kind),
                scope,
                ..span(number * 10 + u64::from(kind), 1, text, 0)
            });
        }
    }
    let mut steps = vec![append(&spans[..20]), append(&spans[20..])];
    let conditions = values::fields();
    steps.extend(conditions.iter().map(|condition| find(vec![condition.clone()])));
    steps.extend(conditions.windows(9).map(|some| find(vec![some[0].clone(), some[8].clone()])));
    steps
}

/// A span with one attribute on one level.
fn with_attribute(number: u64, level: AttributeLevel, key: &str, value: &Value) -> Span {
    let one = || vec![(key.to_owned(), value.clone())];
    let mut span = span(number, 1, "cart", number);
    match level {
        AttributeLevel::Span => span.attributes = one(),
        AttributeLevel::Resource => span.resource.attributes.extend(one()),
        AttributeLevel::Scope => span.scope.attributes = one(),
        AttributeLevel::Event => {
            span.events = vec![(1, "other".into(), vec![]), (2, "event".into(), one())];
        }
        AttributeLevel::Link => {
            span.links =
                vec![(trace_id(1), SpanId([1; 8]), vec![]), (trace_id(2), SpanId([2; 8]), one())];
        }
    }
    span
}

fn levels() -> Vec<Step> {
    let mut steps = Vec::new();
    let mut number = 1;
    for level in AttributeLevel::ALL {
        let mut spans = Vec::new();
        for value in values::all() {
            spans.push(with_attribute(number, level, "k", &value));
            number += 1;
        }
        spans.push(with_attribute(number, level, "other", &Value::Int(5)));
        number += 1;
        steps.push(append(&spans));
    }
    for levels in values::level_sets() {
        for test in values::tests() {
            steps.push(find(vec![values::attribute(&levels, "k", test)]));
        }
        for key in ["absent", "", "service.name", "other"] {
            steps.push(find(vec![values::attribute(&levels, key, AttributeTest::Exists)]));
        }
    }
    steps
}

fn many_keys() -> Vec<Step> {
    let value = |number: u64| match number % 3 {
        0 => Value::Int(i64::try_from(number).unwrap_or(0)),
        1 => Value::String(format!("v{number}")),
        _ => Value::Bool(true),
    };
    let attributes = |keys: std::ops::Range<u64>| {
        keys.map(|number| (format!("key {number}"), value(number))).collect::<Vec<_>>()
    };
    let wide = Span {
        attributes: attributes(0..1_400),
        events: vec![(1, "event".into(), attributes(0..1_200))],
        links: vec![(trace_id(1), SpanId([1; 8]), attributes(0..1_100))],
        ..span(1, 1, "cart", 0)
    };
    let some = |number: u64| Span {
        attributes: attributes(number * 7..number * 7 + 5),
        ..span(number, 1, "cart", number)
    };
    let spans: Vec<Span> = std::iter::once(wide).chain((2..250).map(some)).collect();
    let mut steps = vec![append(&spans), append(&spans[100..])];
    for number in [0, 1, 700, 1_023, 1_024, 1_025, 1_199, 1_200, 1_398, 1_399, 1_400, 1_740] {
        let key = format!("key {number}");
        for levels in [&AttributeLevel::ALL[..], &[AttributeLevel::Event], &[AttributeLevel::Link]]
        {
            let equal = AttributeTest::Compare(Comparison::Equal, vec![value(number)]);
            let text = AttributeTest::TextEquals(value(number).to_text());
            for test in [AttributeTest::Exists, equal, text] {
                steps.push(find(vec![values::attribute(levels, &key, test)]));
            }
        }
    }
    steps
}

fn everything_set() -> Vec<Step> {
    let attributes = |level: &str| {
        let named = values::all().into_iter().enumerate();
        named.map(|(number, value)| (format!("{level} {number}"), value)).collect::<Vec<_>>()
    };
    let entity = EntityRef {
        schema_url: "entity schema".into(),
        entity_type: "service".into(),
        id_keys: vec!["service.name".into(), String::new()],
        description_keys: vec!["b".into()],
    };
    let mut resource = Resource {
        dropped_attributes_count: u32::MAX,
        schema_url: "resource schema".into(),
        entity_refs: vec![entity],
        ..resource("cart")
    };
    resource.attributes.extend(attributes("resource"));
    let full = Span {
        trace: fanal_model::TraceId([0xff; 16]),
        id: SpanId([0xff; 8]),
        parent: SpanId([0x80; 8]),
        kind: 5,
        status: 2,
        flags: u32::MAX,
        name: "name".into(),
        trace_state: "a=b,c=d".into(),
        status_message: "status".into(),
        dropped: u32::MAX,
        resource,
        scope: Scope {
            name: "scope".into(),
            version: "2".into(),
            attributes: attributes("scope"),
            dropped_attributes_count: 7,
            schema_url: "scope schema".into(),
        },
        attributes: attributes("span"),
        events: vec![
            (u64::MAX, "late".into(), attributes("event")),
            (0, String::new(), vec![(String::new(), Value::Empty)]),
        ],
        links: vec![
            (trace_id(0), SpanId([0; 8]), attributes("link")),
            (trace_id(5), SpanId([5; 8]), vec![]),
        ],
        ..span(1, 1, "cart", 0)
    };
    let plain = span(7, 7, "cart", 0);
    let other = Span { trace: full.trace, dropped: 6, ..span(1, 2, "checkout", 3) };
    // Attributes in another order, and the same key with another type.
    let turned = Span {
        trace: full.trace,
        attributes: full.attributes.iter().rev().cloned().collect(),
        ..span(1, 3, "cart", 4)
    };
    let retyped = Span {
        trace: full.trace,
        attributes: full.attributes.iter().map(|(key, _)| (key.clone(), Value::Int(1))).collect(),
        ..span(1, 4, "cart", 4)
    };
    vec![append(&[plain.clone(), full]), append(&[other, turned]), append(&[retyped, plain])]
}

fn together() -> Vec<Step> {
    let part = |number: u64| {
        let service = format!("service {number}");
        let spans: Vec<Span> =
            (1..20).map(|id| span(id % 7 + 1, number * 100 + id, &service, id)).collect();
        batch(&spans)
    };
    vec![
        Step::AppendTogether(TENANT, (0..8).map(part).collect()),
        find(vec![SpanCondition::Service("service 3".into())]),
        Step::AppendTogether(TENANT, (8..12).map(part).collect()),
    ]
}
