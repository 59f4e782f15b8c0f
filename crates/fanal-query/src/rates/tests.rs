//! Spans written short, and what of rates, errors and durations they come to.

use super::*;
use crate::service::QueryService;
use fanal_model::{
    Resource, Scope, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef,
};
use fanal_storage::{MemoryStore, SpanStore, TenantId};
use std::fmt::Write as _;
use std::sync::Arc;

const MILLI: u64 = 1_000_000;
/// What the times of short spans are counted from.
const START: u64 = 1_767_225_600_000_000_000;

/// A service of these spans. A line is a span: trace and id, parent, kind, service, start and duration in milliseconds, and
/// then `name=`, `error` and attributes.
async fn service(spans: &[&str]) -> QueryService {
    let store = MemoryStore::new();
    let mut builder = SpanBatchBuilder::default();
    for line in spans {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |text: &str| text.parse::<u64>().expect("a number");
        let id = |text: &str| match text {
            "-" => SpanId::default(),
            text => SpanId(number(text).to_be_bytes()),
        };
        let name = words[3];
        let named = [("service.name".to_owned(), Value::String(name.to_owned()))];
        let attributes = if name == "?" { Vec::new() } else { named.to_vec() };
        let resource = builder.intern_resource(&Resource { attributes, ..Resource::default() });
        let scope = builder.intern_scope(&Scope::default());
        let (mut status_code, mut name) = (0, "work");
        for word in &words[6..] {
            match word.split_once('=') {
                None if *word == "error" => status_code = 2,
                Some(("name", text)) => name = text,
                Some((key, text)) => builder.attribute(key, ValueRef::String(text)),
                None => panic!("{word}"),
            }
        }
        let (trace, own) = words[0].split_once('.').unwrap_or(("1", words[0]));
        let start_unix_nanos = START + number(words[4]) * MILLI;
        let kind = SpanKind::parse(words[2]).expect("a kind");
        let kind = SpanKind::ALL.iter().position(|it| *it == kind).expect("listed");
        builder.finish_span(&SpanFields {
            trace_id: TraceId::parse_hex(trace).expect("an id"),
            span_id: id(own),
            parent_span_id: id(words[1]),
            start_unix_nanos,
            end_unix_nanos: start_unix_nanos + number(words[5]) * MILLI,
            kind: u8::try_from(kind).expect("small"),
            status_code,
            name,
            resource,
            scope,
            ..SpanFields::default()
        });
    }
    store.append(&TenantId::default_tenant(), builder.finish()).await.expect("kept");
    QueryService::new(Arc::new(store))
}

fn question() -> RatesQuestion {
    RatesQuestion {
        start_unix_nanos: START,
        end_unix_nanos: START + 60_000 * MILLI,
        step_nanos: None,
        conditions: Vec::new(),
        keys_max: 100,
    }
}

/// Calls in short: client, connection, server, count and failures, milliseconds of the server and of the client.
async fn calls(spans: &[&str]) -> String {
    let service = service(spans).await;
    let rates = service.call_rates(&TenantId::default_tenant(), &question()).await;
    let mut shown = String::new();
    for (key, buckets) in rates.expect("answers").keys {
        let arrow = match key.connection {
            Connection::Direct => "->",
            Connection::Messaging => "~>",
            Connection::Database => "=>",
            Connection::Virtual => "..>",
        };
        let tally = &buckets[&0];
        let millis = |durations: &Durations| durations.sum_nanos / u128::from(MILLI);
        let (server, client) = (&tally.durations, &tally.client_durations);
        let _ = write!(shown, "{} {arrow} {} ", key.client, key.server);
        let _ = write!(
            shown,
            "{}/{} {} {}; ",
            tally.count,
            tally.failed,
            millis(server),
            millis(client)
        );
        assert_eq!(server.count(), tally.count);
    }
    shown.trim_end_matches("; ").to_owned()
}

async fn check(spans: &[&str], expect: &str) {
    assert_eq!(calls(spans).await, expect, "{spans:#?}");
}

#[tokio::test]
async fn a_caller_and_who_it_calls_are_a_call() {
    let (client, server) = ("1 - client a 0 90", "2 1 server b 10 70");
    check(&[client, server], "a -> b 1/0 70 90").await;
    check(&[server, client, server, client], "a -> b 1/0 70 90").await;
    check(&[client, "2 1 server b 10 70 error"], "a -> b 1/1 70 90").await;
    check(&["1 - client a 0 90 error", server], "a -> b 1/1 70 90").await;
    check(&[client, server, "3 1 server b 20 5"], "a -> b 2/0 75 180").await;
    check(&["1 - client ? 0 90", server], "unknown_service -> b 1/0 70 90").await;
    check(&["1 - producer a 0 1", "2 1 consumer b 500 7"], "a ~> b 1/0 7 1").await;
    check(&["1 - producer a 0 1", "2 1 server b 500 7"], "a -> b 1/0 7 1").await;
    check(&["1 - client a 0 90", "2 1 consumer b 500 7"], "a -> b 1/0 7 90").await;
    // Halves of a call with one id.
    check(&[client, "1 - server b 10 70"], "a -> b 1/0 70 90").await;
    // Another trace, no caller, and a caller in between.
    check(&[client, "2.2 1 server b 10 70"], "").await;
    check(&["1 - internal a 0 90", server], "").await;
    check(&[client, "2 1 internal a 1 80", "3 2 server b 10 70"], "").await;
}

#[tokio::test]
async fn databases_are_called_by_whoever_names_them() {
    check(&["1 - client a 0 9 db.system=redis"], "a => redis 1/0 9 9").await;
    check(&["1 - client a 0 9 db.system.name=mysql db.namespace=shop"], "a => shop 1/0 9 9").await;
    check(&["1 - client a 0 9 db.name=x db.system=y error"], "a => x 1/1 9 9").await;
    check(&["1 - client a 0 9 db.name=x peer.service=p server.address=h"], "a => p 1/0 9 9").await;
    check(&["1 - client a 0 9 db.name=x server.address=h"], "a => h 1/0 9 9").await;
    let peer = "1 - client a 0 9 db.name=x network.peer.address=10.0.0.1";
    check(&[peer], "a => 10.0.0.1 1/0 9 9").await;
    check(&[&format!("{peer} network.peer.port=5432")], "a => 10.0.0.1:5432 1/0 9 9").await;
    // What it tells besides is a call of nobody.
    check(&["1 - client a 0 9 db.name=x", "2 1 server x 1 5"], "a => x 1/0 9 9").await;
    check(&["1 - internal a 0 9 db.name=x"], "").await;
}

#[tokio::test]
async fn sides_that_tell_nothing_are_named_by_the_other() {
    check(&["1 - client a 0 9 peer.service=p"], "a ..> p 1/0 9 9").await;
    check(&["1 - client a 0 9 server.address=h"], "").await;
    check(&["1 - client a 0 9"], "").await;
    check(&["1 - client a 0 9 peer.service=p", "2 1 server b 1 5"], "a -> b 1/0 5 9").await;
    check(&["1 - server b 0 9"], "user ..> b 1/0 9 0").await;
    check(&["1 - consumer b 0 9 error"], "user ..> b 1/1 9 0").await;
    check(&["1 - server b 0 9 peer.service=p"], "p ..> b 1/0 9 0").await;
    check(&["1 - server b 0 9 server.address=h"], "user ..> b 1/0 9 0").await;
    check(&["1 7 server b 0 9 peer.service=p"], "").await;
    check(&["1 - internal b 0 9"], "").await;
}

#[tokio::test]
async fn calls_count_in_the_bucket_in_which_the_called_side_starts() {
    let spans = [
        "1 - client a 900 9000",
        "2 1 server b 1100 100",
        "2.1 - client a 59999 1 db.name=x",
        "2.2 - client a 60000 1 db.name=x",
    ];
    let service = service(&spans).await;
    let question = RatesQuestion { step_nanos: Some(1_000 * MILLI), ..question() };
    let tenant = TenantId::default_tenant();
    let rates = service.call_rates(&tenant, &question).await.expect("answers");
    let buckets: Vec<_> =
        rates.keys.values().map(|it| it.keys().copied().collect::<Vec<_>>()).collect();
    assert_eq!(buckets, [vec![1], vec![59]]);
    let direct = &rates.keys.values().next().expect("a key")[&1];
    assert_eq!(direct.durations.counters[..2], [1, 0]);
    assert_eq!(direct.client_durations.counters[..9], [0, 0, 0, 0, 0, 0, 0, 1, 0]);
}

#[tokio::test]
async fn spans_are_told_apart_and_measured() {
    let spans = [
        "1 - server a 0 2",
        "2 - server a 1500 3",
        "3 - server a 10 16384",
        "4 - server a 20 20000",
        "5 - server a 30 1 error",
        "6 - client a 40 1 name=call",
        "7 - client a 60000 1",
    ];
    let service = service(&spans).await;
    let tenant = TenantId::default_tenant();
    let all = service.span_rates(&tenant, &question()).await.expect("answers");
    let shown: Vec<_> = all
        .keys
        .iter()
        .map(|(key, buckets)| (&*key.name, key.kind, key.status, buckets[&0].count))
        .collect();
    let expect = [
        ("call", SpanKind::Client, StatusCode::Unset, 1),
        ("work", SpanKind::Server, StatusCode::Unset, 4),
        ("work", SpanKind::Server, StatusCode::Error, 1),
    ];
    assert_eq!(shown, expect);
    let durations = &all.keys.values().nth(1).expect("there").get(&0).expect("counted").durations;
    assert_eq!(durations.counters, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0]);
    assert_eq!(durations.sum_nanos, u128::from(36_389 * MILLI));
    let second = RatesQuestion { step_nanos: Some(1_000 * MILLI), ..question() };
    let rates = service.span_rates(&tenant, &second).await.expect("answers");
    let buckets = rates.keys.values().nth(1).expect("there");
    assert_eq!(
        buckets.iter().map(|(at, it)| (*at, it.count)).collect::<Vec<_>>(),
        [(0, 3), (1, 1)]
    );
}

#[tokio::test]
async fn what_is_beyond_the_most_keys_is_told_together() {
    let spans = ["1 - server a 0 2", "2 - server b 0 3", "3 - server b 0 4", "4 - server c 0 5"];
    let service = service(&spans).await;
    let tenant = TenantId::default_tenant();
    let one = RatesQuestion { keys_max: 1, ..question() };
    let spans = service.span_rates(&tenant, &one).await.expect("answers");
    let calls = service.call_rates(&tenant, &one).await.expect("answers");
    assert_eq!((spans.keys.len(), calls.keys.len()), (1, 1));
    let told = &spans.keys.values().next().expect("one")[&0];
    let rest = &spans.overflow[&0];
    assert_eq!(told.count + rest.count, 4);
    assert_eq!(rest.durations.count(), rest.count);
    assert_eq!(told.durations.sum_nanos + rest.durations.sum_nanos, u128::from(14 * MILLI));
    let told = &calls.keys.values().next().expect("one")[&0];
    assert_eq!(told.count + calls.overflow[&0].count, 4);
}

#[tokio::test]
async fn questions_beyond_the_limits_are_refused() {
    let service = service(&["1 - server a 0 2"]).await;
    let check = async |question: RatesQuestion, expect: &str| {
        let refused = service.call_rates(&TenantId::default_tenant(), &question).await;
        let text = refused.expect_err(expect).to_string();
        assert!(text.contains(expect), "{text}");
    };
    check(RatesQuestion { end_unix_nanos: START, ..question() }, "end it later").await;
    check(RatesQuestion { keys_max: 0, ..question() }, "0 keys").await;
    check(RatesQuestion { step_nanos: Some(MILLI), ..question() }, "has 60000 buckets").await;
}
