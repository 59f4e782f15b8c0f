//! The engine and the reference evaluator must answer every query alike: random queries on random traces.
//!
//! `FANAL_TRACEQL_PAIRS` sets how many queries are asked, `FANAL_TRACEQL_SEED` where the dice begin; a failure names its
//! seed.

use crate::QueryService;
use crate::traceql::{TraceqlFound, TraceqlMetrics, TraceqlSearch};
use fanal_model::builder::LinkFields;
use fanal_model::{
    IndexedBatch, Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value,
    ValueRef, nested,
};
use fanal_storage::{MemoryStore, SpanStore, TenantId};
use fanal_traceql::check::compile;
use fanal_traceql::eval::{self, Buckets, Series, Warnings};
use std::sync::Arc;

const START: u64 = 1_000_000_000_000;
const PAIRS: u64 = 3_000;

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, chance: u64) -> bool {
        self.below(chance) == 0
    }

    fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[usize::try_from(self.below(texts.len() as u64)).expect("small")]
    }
}

fn value(dice: &mut Dice) -> Value {
    let text = |text: &str| Value::String(text.to_owned());
    match dice.below(14) {
        0 => text("a"),
        1 => text("b"),
        2 => text(""),
        3 => text("nil"),
        4 => Value::Int(1),
        5 => Value::Int(5),
        6 => Value::Float(1.0),
        7 => Value::Float(2.5),
        8 => Value::Bool(true),
        9 => Value::Bool(false),
        10 => Value::Array(vec![text("a"), text("b")]),
        11 => Value::Array(vec![Value::Int(1), Value::Int(7)]),
        12 => Value::Bytes(vec![1]),
        _ => Value::Array(vec![]),
    }
}

fn attributes(dice: &mut Dice) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for key in ["x", "y", "k z"] {
        if dice.one_in(2) {
            all.push((key.to_owned(), value(dice)));
        }
    }
    all
}

fn with_value(value: &Value, add: impl FnOnce(ValueRef<'_>)) {
    let mut bytes = Vec::new();
    nested::encode(value, &mut bytes);
    add(nested::decode_ref(&bytes).expect("just encoded"));
}

/// Some traces with orphans, several roots and shared ids among them.
fn traces(dice: &mut Dice) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    for trace in 1..=3 + dice.below(5) {
        let begin = START + dice.below(100) * 1_000_000_000;
        for number in 1..=1 + dice.below(7) {
            let mut own = attributes(dice);
            if dice.one_in(3) {
                own.push((
                    "service.name".to_owned(),
                    Value::String(dice.pick(&["desk", "till"]).into()),
                ));
            }
            let resource = Resource { attributes: own, ..Resource::default() };
            let resource = builder.intern_resource(&resource);
            let scope = Scope {
                name: dice.pick(&["", "io"]).to_owned(),
                attributes: attributes(dice),
                ..Scope::default()
            };
            let scope = builder.intern_scope(&scope);
            for (key, value) in attributes(dice) {
                with_value(&value, |value| builder.attribute(&key, value));
            }
            let start = begin + dice.below(2_000) * 1_000_000;
            for _ in 0..dice.below(3) {
                for (key, value) in attributes(dice) {
                    with_value(&value, |value| builder.event_attribute(&key, value));
                }
                builder.finish_event(start + dice.below(9), dice.pick(&["retry", "exception"]), 0);
            }
            if dice.one_in(4) {
                for (key, value) in attributes(dice) {
                    with_value(&value, |value| builder.link_attribute(&key, value));
                }
                builder.finish_link(LinkFields::default());
            }
            let parent = if dice.one_in(6) { 99 } else { dice.below(number) };
            builder.finish_span(&SpanFields {
                trace_id: TraceId(u128::from(trace).to_be_bytes()),
                span_id: SpanId((number + 100 * u64::from(dice.one_in(20))).to_be_bytes()),
                parent_span_id: SpanId(parent.to_be_bytes()),
                start_unix_nanos: start,
                end_unix_nanos: start
                    + [0, 1, 100, 1_000_000, 1_500_000_000]
                        [usize::try_from(dice.below(5)).expect("small")],
                kind: u8::try_from(dice.below(6)).expect("small"),
                status_code: u8::try_from(dice.below(3)).expect("small"),
                status_message: dice.pick(&["", "declined"]),
                name: dice.pick(&["GET /", "pay", "a"]),
                resource,
                scope,
                ..SpanFields::default()
            });
        }
    }
    builder.finish()
}

const FIELDS: [&str; 12] = [
    ".x",
    "span.x",
    "resource.x",
    "event.x",
    "link.x",
    "instrumentation.x",
    ".y",
    "span.\"k z\"",
    "resource.service.name",
    ".service.name",
    "event.y",
    ".absent",
];
const OPERATORS: [&str; 6] = ["=", "!=", "<", "<=", ">", ">="];
const OPERANDS: [&str; 12] = [
    "1", "5", "2.5", "1.0", "\"a\"", "\"b\"", "\"\"", "\"nil\"", "true", "false", "1ns", "\"desk\"",
];

fn leaf(dice: &mut Dice) -> String {
    let compared = dice.pick(&OPERATORS);
    match dice.below(20) {
        0..7 => format!("{} {compared} {}", dice.pick(&FIELDS), dice.pick(&OPERANDS)),
        7 => format!("{} {compared} {}", dice.pick(&OPERANDS), dice.pick(&FIELDS)),
        8 => format!("{} {} nil", dice.pick(&FIELDS), dice.pick(&["=", "!="])),
        9 => {
            let pattern = dice.pick(&["a|b", ".*", "", "GET.*", "d.sk"]);
            let field =
                [dice.pick(&FIELDS), dice.pick(&["name", "statusMessage", "instrumentation:name"])];
            format!(
                "{} {} \"{pattern}\"",
                field[usize::from(dice.one_in(2))],
                dice.pick(&["=~", "!~"])
            )
        }
        10 => format!(
            "duration {compared} {}",
            dice.pick(&["1ms", "100", "0", "1.5s", "0.5", "-1", "1000000.0"])
        ),
        11 => format!(
            "kind {} {}",
            dice.pick(&["=", "!="]),
            dice.pick(&["server", "client", "unspecified"])
        ),
        12 => {
            format!("status {} {}", dice.pick(&["=", "!="]), dice.pick(&["error", "ok", "unset"]))
        }
        13 => format!("name {compared} {}", dice.pick(&["\"a\"", "\"pay\"", "\"GET /\""])),
        14 => format!("nestedSetParent {compared} {}", dice.pick(&["0", "-1", "1", "2", "0.5"])),
        15 => format!("span:childCount {compared} {}", dice.pick(&["0", "1", "2"])),
        16 => format!(
            "{} {compared} \"{}\"",
            dice.pick(&["rootName", "rootServiceName"]),
            dice.pick(&["pay", "", "desk"])
        ),
        17 => format!(
            "event:name {} \"{}\"",
            dice.pick(&["=", "!="]),
            dice.pick(&["retry", "exception"])
        ),
        18 if dice.one_in(2) => {
            let others = ["span.y", "kind", "duration", "name", "-(.x)", "traceDuration", "status"];
            format!("{} {compared} {}", dice.pick(&FIELDS), dice.pick(&others))
        }
        18 => format!(
            "{} {} 2 {compared} {}",
            dice.pick(&FIELDS),
            dice.pick(&["+", "*", "/", "%"]),
            dice.pick(&["1", "2.5", "10"])
        ),
        _ => {
            dice.pick(&[".x", "span.y", "!.x", "!event.x", "true", "false", "!(span.x)"]).to_owned()
        }
    }
}

fn condition(dice: &mut Dice, depth: u64) -> String {
    if depth == 0 || dice.one_in(2) {
        return leaf(dice);
    }
    let (left, right) = (condition(dice, depth - 1), condition(dice, depth - 1));
    match dice.below(5) {
        0 | 1 => format!("({left}) && ({right})"),
        2 | 3 => format!("({left}) || ({right})"),
        _ => format!("!({left})"),
    }
}

fn filter(dice: &mut Dice) -> String {
    if dice.one_in(8) { "{ }".to_owned() } else { format!("{{ {} }}", condition(dice, 2)) }
}

fn spansets(dice: &mut Dice, depth: u64) -> String {
    const BETWEEN: [&str; 17] = [
        "&&", "||", ">", ">>", "<", "<<", "~", "!>", "!>>", "!<", "!<<", "!~", "&>", "&>>", "&<",
        "&<<", "&~",
    ];
    if depth == 0 || !dice.one_in(3) {
        return filter(dice);
    }
    let (left, right) = (spansets(dice, depth - 1), spansets(dice, depth - 1));
    format!("({left}) {} ({right})", dice.pick(&BETWEEN))
}

fn pipeline(dice: &mut Dice) -> String {
    let mut text = spansets(dice, 2);
    for _ in 0..dice.below(3) {
        let stage = match dice.below(5) {
            0 => filter(dice),
            1 => format!("by({})", dice.pick(&[".x", "name", "resource.service.name", "kind"])),
            2 => "coalesce()".to_owned(),
            3 => format!("count() {} {}", dice.pick(&OPERATORS), dice.below(4)),
            _ => format!(
                "{}(duration) > {}",
                dice.pick(&["avg", "min", "max", "sum"]),
                dice.pick(&["0", "1ms"])
            ),
        };
        text = format!("{text} | {stage}");
    }
    text
}

fn metrics(dice: &mut Dice) -> String {
    let pipeline = if dice.one_in(2) { filter(dice) } else { pipeline(dice) };
    let field = dice.pick(&["duration", "span.x", ".y", "traceDuration", "event.x"]);
    let function = match dice.below(9) {
        0 | 1 => "rate()".to_owned(),
        2 => "count_over_time()".to_owned(),
        3 => format!("quantile_over_time({field}, .5, .9)"),
        4 => format!("histogram_over_time({field})"),
        5 => return format!("{pipeline} | compare({{ status = error }}, {})", 1 + dice.below(9)),
        _ => format!("{}_over_time({field})", dice.pick(&["min", "max", "sum", "avg"])),
    };
    let by = match dice.below(5) {
        0 => " by (resource.service.name)".to_owned(),
        1 => format!(
            " by ({}, {})",
            dice.pick(&["span.x", "resource.x", ".x", "instrumentation.x"]),
            dice.pick(&["kind", "status", "name", "rootName", "span:id", "span:parentID"])
        ),
        _ => String::new(),
    };
    let second = match dice.below(6) {
        0 => format!(" | topk({})", 1 + dice.below(3)),
        1 => " | bottomk(1) > 0".to_owned(),
        _ => String::new(),
    };
    format!("{pipeline} | {function}{by}{second}")
}

async fn service(batch: &SpanBatch) -> QueryService {
    let store = MemoryStore::default();
    store.append(&TenantId::default_tenant(), batch.clone()).await.expect("kept");
    QueryService::new(Arc::new(store))
}

async fn check_search(
    service: &QueryService,
    traces: &[eval::Trace],
    text: &str,
    range: (u64, u64),
) {
    // Some combinations are refused, such as booleans in an order.
    let Ok((query, _)) = compile(text) else { return };
    let mut expect = Vec::new();
    for trace in traces.iter().filter(|trace| trace.is_candidate(range.0, range.1)) {
        let sets = eval::search(&query, trace, &mut Warnings::default());
        if !sets.is_empty() {
            let spans = |set: &eval::Spanset| {
                set.spans.iter().map(|span| trace.spans[*span].span_id).collect::<Vec<_>>()
            };
            let sets: Vec<_> =
                sets.iter().map(|set| (spans(set), set.attributes.clone())).collect();
            expect.push((trace.trace_id, sets));
        }
    }
    let search = TraceqlSearch {
        query,
        start_unix_nanos: range.0,
        end_unix_nanos: range.1,
        limit: 1_000,
        spans_per_set: 1_000,
        cursor: None,
    };
    let mut searching = service.traceql_search(&TenantId::default_tenant(), search).expect(text);
    // Every other query is sifted in columns first, where it can be.
    searching.rare_from = if text.len().is_multiple_of(2) { 0 } else { u64::MAX };
    searching.walk_from = if text.len().is_multiple_of(2) { 0 } else { u64::MAX };
    let found = searching.finish().await.expect(text);
    let found: Vec<_> = found
        .traces
        .into_iter()
        .map(|trace| {
            let sets = trace.sets.into_iter().map(|set| {
                assert_eq!(set.matched, set.spans.len());
                (set.spans.iter().map(|span| span.span_id).collect::<Vec<_>>(), set.attributes)
            });
            (trace.position.trace_id, sets.collect::<Vec<_>>())
        })
        .collect();
    assert_eq!(found, expect, "{text}");
}

async fn check_metrics(
    service: &QueryService,
    traces: &[eval::Trace],
    text: &str,
    buckets: Buckets,
) {
    let Ok((query, _)) = compile(text) else { return };
    let expect = eval::metrics(&query, traces, &buckets, 0, &mut Warnings::default());
    let request = TraceqlMetrics { query, buckets, exemplars: 0 };
    let found = service.traceql_metrics(&TenantId::default_tenant(), request).await.expect(text);
    let labels = |series: &[Series]| series.iter().map(|it| it.labels.clone()).collect::<Vec<_>>();
    assert_eq!(labels(&found.series), labels(&expect), "{text}");
    for (found, expect) in found.series.iter().zip(&expect) {
        for (found, expect) in found.samples.iter().zip(&expect.samples) {
            let is_near = match (found, expect) {
                (Some(found), Some(expect)) => {
                    (found - expect).abs() <= 1e-9 * expect.abs().max(1e-9)
                        || found.is_nan() && expect.is_nan()
                }
                (found, expect) => found == expect,
            };
            assert!(is_near, "{text}: {found:?} instead of {expect:?}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a longer run is asked for by the environment")]
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[tokio::test]
async fn engine_and_evaluator_agree() {
    let pairs = setting("FANAL_TRACEQL_PAIRS", PAIRS);
    let first = setting("FANAL_TRACEQL_SEED", 1);
    for seed in first..first + pairs / 20 {
        println!("seed {seed}");
        let mut dice = Dice(seed);
        let batch = traces(&mut dice);
        let indexed = IndexedBatch::new(batch.clone().into()).expect("decodes");
        let mut traces = eval::Trace::of_batch(&indexed);
        traces.sort_by_key(|trace| (std::cmp::Reverse(trace.start()), trace.trace_id));
        let service = service(&batch).await;
        let (start, end) =
            (START + dice.below(50) * 1_000_000_000, START + (50 + dice.below(60)) * 1_000_000_000);
        let buckets =
            Buckets::of_range(start, end, 1 + dice.below(30) * 1_000_000_000 + 500_000_000)
                .expect("valid");
        for _ in 0..10 {
            let text = pipeline(&mut dice);
            check_search(&service, &traces, &text, (start, end)).await;
            let text = metrics(&mut dice);
            check_metrics(&service, &traces, &text, buckets).await;
        }
    }
}

#[tokio::test]
async fn a_search_that_stops_at_its_limit_says_so_and_goes_on() {
    let batch = traces(&mut Dice(3));
    let service = service(&batch).await;
    let search = |cursor| TraceqlSearch {
        query: compile("{ }").expect("valid").0,
        start_unix_nanos: 0,
        end_unix_nanos: u64::MAX,
        limit: 1_000,
        spans_per_set: 1,
        cursor,
    };
    let tenant = TenantId::default_tenant();
    let all = service.traceql_search(&tenant, search(None)).expect("valid").finish().await;
    let all = all.expect("answers");
    assert!(all.partial.is_empty() && all.traces.len() > 1, "{all:?}");
    let positions =
        |found: &TraceqlFound| found.traces.iter().map(|trace| trace.position).collect::<Vec<_>>();
    let mut limited = service.traceql_search(&tenant, search(None)).expect("valid");
    (limited.spans_max, limited.fetch_max) = (1, 1);
    let first = limited.finish().await.expect("answers");
    assert_eq!(positions(&first), positions(&all)[..1]);
    assert!(first.partial[0].contains("at the limit of 1 spans"), "{:?}", first.partial);
    assert!(first.next.is_some());
    let rest = service.traceql_search(&tenant, search(first.next)).expect("valid").finish().await;
    assert_eq!(positions(&rest.expect("answers")), positions(&all)[1..]);
}

#[tokio::test]
async fn exemplars_are_spans_of_their_series() {
    let mut dice = Dice(7);
    let batch = traces(&mut dice);
    let service = service(&batch).await;
    let all = eval::Trace::of_batch(&IndexedBatch::new(Arc::new(batch)).expect("valid"));
    let buckets = Buckets::of_range(START, START + 110_000_000_000, 10_000_000_000).expect("range");
    let (query, _) = compile("{ } | count_over_time() by (name)").expect("a query");
    let request = TraceqlMetrics { query, buckets, exemplars: 10 };
    let found = service.traceql_metrics(&TenantId::default_tenant(), request).await.expect("found");
    let mut count = 0;
    for series in &found.series {
        let Some((_, name)) = series.labels.first() else { panic!("no label") };
        for exemplar in &series.exemplars {
            let trace = all.iter().find(|trace| trace.trace_id == exemplar.trace_id);
            let mut spans = trace.expect("a trace").spans.iter();
            let is_own =
                |span: &eval::Span| span.start == exemplar.time && eval::text(name) == span.name;
            assert!(spans.any(is_own), "{exemplar:?} of {:?}", series.labels);
            count += 1;
        }
    }
    assert!((1..=10).contains(&count), "{count} exemplars");
}
