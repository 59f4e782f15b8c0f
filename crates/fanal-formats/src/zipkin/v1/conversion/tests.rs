//! The conversion, as tables: annotations and tags in, outputs out.

use super::*;
use crate::zipkin::v1::V1Annotation;
use fanal_model::{SpanId, TraceId};

fn endpoint(service: &'static str) -> Endpoint<'static> {
    Endpoint { service_name: service.as_bytes().into(), ..Endpoint::default() }
}

/// A span with timestamp and duration, annotations such as `cs@10 shop` and tags such as `a=b shop` or `sa ledger`, each
/// list separated by commas. No service is no endpoint.
fn source(times: (u64, u64), annotations: &'static str, tags: &'static str) -> V1Span<'static> {
    let items = |list: &'static str| list.split(", ").filter(|item| !item.is_empty());
    let place = |item: &'static str| item.split_once(' ').unwrap_or((item, ""));
    let annotations = items(annotations).map(|item| {
        let (event, service) = place(item);
        let (value, time) = event.split_once('@').expect("value@time");
        V1Annotation {
            timestamp_micros: time.parse().expect("number"),
            value: value.as_bytes().into(),
            endpoint: endpoint(service),
        }
    });
    let tags = items(tags).map(|item| {
        let (tag, service) = place(item);
        let (key, value) = match tag.split_once('=') {
            Some((key, value)) => (key, DraftValue::Text(value.as_bytes().into())),
            None => (tag, DraftValue::Bool(true)),
        };
        V1BinaryAnnotation { key: key.as_bytes().into(), value, endpoint: endpoint(service) }
    });
    V1Span {
        trace_id: TraceId([1; 16]),
        id: SpanId([2; 8]),
        parent_id: SpanId([3; 8]),
        name: b"get"[..].into(),
        timestamp_micros: times.0,
        duration_micros: times.1,
        is_debug: true,
        annotations: annotations.collect(),
        binary_annotations: tags.collect(),
    }
}

fn shown(span: &ZipkinSpan<'_>) -> String {
    assert_eq!((span.trace_id, span.id), (TraceId([1; 16]), SpanId([2; 8])));
    assert_eq!((span.parent_id, &*span.name, span.is_debug), (SpanId([3; 8]), &b"get"[..], true));
    let text = |raw: &[u8]| String::from_utf8_lossy(raw).into_owned();
    let mut shown = format!(
        "{} {} {}+{}",
        text(&span.local.service_name),
        span.kind.as_str(),
        span.timestamp_micros,
        span.duration_micros
    );
    if span.is_shared {
        shown.push_str(" shared");
    }
    if !span.remote.is_empty() {
        shown.push_str(&format!(" to:{}:{}", text(&span.remote.service_name), span.remote.port));
    }
    for annotation in &span.annotations {
        shown.push_str(&format!(" {}@{}", text(&annotation.value), annotation.timestamp_micros));
    }
    for (key, _) in &span.tags {
        shown.push_str(&format!(" {}", text(key)));
    }
    shown
}

fn check(times: (u64, u64), annotations: &'static str, tags: &'static str, expect: &[&str]) {
    let spans = convert(source(times, annotations, tags)).expect("converts");
    let spans: Vec<String> = spans.iter().map(shown).collect();
    assert_eq!(spans, expect, "{times:?} [{annotations}] [{tags}]");
}

#[test]
fn one_side_of_a_call() {
    check((0, 0), "cs@10 shop, cr@15 shop", "", &["shop client 10+5"]);
    check((11, 3), "cs@10 shop, cr@15 shop", "", &["shop client 11+3"]);
    check((11, 0), "cs@10 shop, cr@15 shop", "", &["shop client 10+5"]);
    check((0, 0), "sr@10 bank, ss@15 bank", "", &["bank server 10+5 shared"]);
    check((10, 5), "sr@10 bank, ss@15 bank", "", &["bank server 10+5"]);
    check((10, 0), "sr@10 bank, ss@15 bank", "", &["bank server 10+5 shared"]);
    check((0, 0), "cs@15 shop, cr@10 shop", "", &["shop client 15+0"]);
}

#[test]
fn both_sides_of_a_call_come_apart() {
    let both = "cs@10 shop, sr@12 bank, ss@16 bank, cr@20 shop";
    check((0, 0), both, "", &["shop client 10+10", "bank server 12+4 shared"]);
    check((9, 12), both, "", &["shop client 9+12", "bank server 12+4 shared"]);
    check((0, 0), "sr@12 bank, cs@10 shop", "", &["bank server 12+0 shared", "shop client 10+0"]);
    let one_way = "cs@10 shop, sr@12 bank";
    check((10, 0), one_way, "", &["shop client 10+0", "bank server 12+0 shared"]);
    check((10, 7), one_way, "", &["shop client 10+7", "bank server 12+0 shared"]);
}

#[test]
fn a_service_that_calls_itself_gets_two_spans() {
    let both = "cs@10 shop, sr@12 shop, ss@16 shop, cr@20 shop";
    check((0, 0), both, "", &["shop client 10+10", "shop server 12+4 shared"]);
    // Letter case makes no other service, and the address of the client is told of the server's span.
    check(
        (0, 0),
        "cs@10 shop, sr@12 Shop, ss@16 Shop, cr@20 shop",
        "ca other, sa far, a=b shop",
        &["shop client 10+10 to:far:0 a", "Shop server 12+4 shared to:other:0"],
    );
}

#[test]
fn missing_starts_are_assumed_where_the_end_fits() {
    check((10, 5), "cr@15 shop", "", &["shop client 10+5"]);
    check((10, 5), "ss@15 bank", "", &["bank server 10+5"]);
    check((10, 5), "cr@16 shop", "", &["shop client 10+5 cr@16"]);
    check((0, 0), "cr@15 shop", "", &["shop client 0+0 cr@15"]);
}

#[test]
fn halves_of_a_side_stay_incomplete() {
    check((0, 0), "cs@10 shop", "", &["shop client 10+0"]);
    check((0, 0), "sr@10 bank", "", &["bank server 10+0 shared"]);
    check((8, 0), "sr@10 bank", "", &["bank server 8+0"]);
    check((0, 0), "ss@10 bank", "", &["bank server 0+0 ss@10"]);
    check((8, 4), "cs@10 shop", "", &["shop client 8+4"]);
    check((0, 0), "cs@10 shop, ss@12 bank", "", &["shop client 10+0", "bank server 0+0 ss@12"]);
}

#[test]
fn spans_without_a_side_keep_their_own_times() {
    check((8, 4), "", "", &[" unspecified 8+4"]);
    check((8, 4), "miss@9 shop", "", &["shop unspecified 8+4 miss@9"]);
    check((8, 4), "", "lc= shop", &["shop unspecified 8+4"]);
    check((8, 4), "", "lc=pool shop", &["shop unspecified 8+4 lc"]);
    check((8, 4), "miss@9", "a=b", &[" unspecified 8+4 miss@9 a"]);
}

#[test]
fn annotations_go_to_the_span_of_their_service() {
    check(
        (8, 4),
        "cs@8 shop, cr@12 shop, read@9 disk, late@13",
        "a=1 shop, b=2 disk, c=3, d=4 memory",
        &[
            "shop client 8+4 late@13 a c",
            "disk unspecified 0+0 read@9 b",
            "memory unspecified 0+0 d",
        ],
    );
    // The first that tells a service gives it to a span that has none.
    check(
        (8, 4),
        "one@9, two@10 shop, three@11 disk",
        "",
        &["shop unspecified 8+4 one@9 two@10", "disk unspecified 0+0 three@11"],
    );
}

#[test]
fn core_values_without_a_place_or_twice_are_annotations() {
    check((8, 4), "cs@9", "", &[" unspecified 8+4 cs@9"]);
    check((0, 0), "cs@9 shop, cs@10 shop, cr@12 shop", "", &["shop client 9+3 cs@10"]);
}

#[test]
fn messages_have_two_sides_as_well() {
    check((0, 0), "ms@10 shop, ws@12 shop", "", &["shop producer 10+2"]);
    check((10, 5), "ms@10 shop", "", &["shop producer 10+5"]);
    check((0, 0), "wr@10 mail, mr@12 mail", "", &["mail consumer 10+2"]);
    check((0, 0), "mr@12 mail", "ma queue", &["mail consumer 12+0 to:queue:0"]);
    check(
        (0, 0),
        "ms@10 shop, ws@11 shop, wr@20 mail, mr@22 mail",
        "ma queue",
        &["shop producer 10+1 to:queue:0", "mail consumer 20+2 shared to:queue:0"],
    );
    check(
        (0, 0),
        "ms@10 shop, mr@22 shop",
        "",
        &["shop producer 10+0", "shop consumer 22+0 shared"],
    );
    check((8, 4), "ws@9 shop, wr@10 shop", "", &["shop unspecified 8+4 ws@9 wr@10"]);
}

#[test]
fn addresses_are_those_of_the_other_side() {
    let both = "cs@10 shop, sr@12 bank, ss@16 bank, cr@20 shop";
    check(
        (0, 0),
        both,
        "ca shop, sa bank",
        &["shop client 10+10 to:bank:0", "bank server 12+4 shared to:shop:0"],
    );
    check((0, 0), "cs@10 shop, cr@12 shop", "sa db, ca shop", &["shop client 10+2 to:db:0"]);
    check((8, 4), "", "sa db", &[" unspecified 8+4 to:db:0"]);
    check((8, 4), "", "ca shop", &[" server 8+4 to:shop:0"]);
    check((8, 4), "", "ca shop, sa db", &["shop unspecified 8+4 to:db:0"]);
    check((8, 4), "x@9 shop", "sa=1 db", &["shop unspecified 8+4 to:db:0 x@9"]);
    check((8, 4), "x@9 shop", "sa=no shop, sa", &["shop unspecified 8+4 x@9 sa sa"]);
}

#[test]
fn the_servers_own_name_in_its_clients_address_goes() {
    let mut span = source((10, 5), "sr@10 bank, ss@15 bank", "ca bank");
    span.binary_annotations[0].endpoint.port = 5;
    let spans = convert(span).expect("converts");
    assert_eq!(shown(&spans[0]), "bank server 10+5 to::5");
    check((10, 5), "sr@10 bank, ss@15 bank", "ca bank", &["bank server 10+5"]);
}

#[test]
fn limits_refuse_the_span() {
    let reason = |span: V1Span<'_>| convert(span).map_err(|fault| fault.reason).err();
    let mut span = source((8, 4), "", "");
    let names: Vec<String> = (0..=SERVICES_MAX).map(|number| format!("s{number}")).collect();
    for name in &names[..SERVICES_MAX] {
        let endpoint = Endpoint { service_name: name.as_bytes().into(), ..Endpoint::default() };
        span.annotations.push(V1Annotation { endpoint, ..V1Annotation::default() });
    }
    assert_eq!(reason(span.clone()), None);
    let last = names[SERVICES_MAX].as_bytes().into();
    let endpoint = Endpoint { service_name: last, ..Endpoint::default() };
    span.annotations.push(V1Annotation { endpoint, ..V1Annotation::default() });
    assert_eq!(reason(span.clone()), Some(RejectReason::Malformed));
    span.annotations.resize(EVENTS_MAX + 1, V1Annotation::default());
    assert_eq!(reason(span), Some(RejectReason::EventCount));
    let mut span = source((8, 4), "", "a=b");
    let tag = span.binary_annotations[0].clone();
    span.binary_annotations.resize(ATTRIBUTES_MAX + 1, tag);
    assert_eq!(reason(span), Some(RejectReason::AttributeCount));
}
