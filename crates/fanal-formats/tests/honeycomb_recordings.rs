//! What Honeycomb's own clients send, recorded.
#![expect(clippy::expect_used, reason = "a failing test says why")]

use fanal_formats::honeycomb::{Context, DecodedEvents, Encoding, decode_batch};
use fanal_model::{IndexedBatch, ValueRef};
use std::sync::Arc;

fn decode(dataset: &str, body: &[u8]) -> (IndexedBatch, Vec<Option<String>>) {
    decode_in(Encoding::Json, dataset, body)
}

fn decode_in(
    encoding: Encoding,
    dataset: &str,
    body: &[u8],
) -> (IndexedBatch, Vec<Option<String>>) {
    let context = Context { dataset, arrival_unix_nanos: 1 };
    let DecodedEvents { decoded, outcomes } =
        decode_batch(encoding, body, &context).expect("decodes");
    (IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes"), outcomes)
}

#[test]
fn libhoney_sends_a_span_and_a_log_line() {
    let body = include_bytes!("recordings/honeycomb/libhoney_batch.json");
    let (batch, outcomes) = decode("shop floor", body);
    assert_eq!(outcomes.len(), 2);
    assert!(outcomes[0].is_none() && outcomes[1].is_some(), "{outcomes:?}");
    let span = batch.span(0);
    assert_eq!(span.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(span.span_id().to_string(), "b7ad6b7169203331");
    assert_eq!((span.name(), span.resource().service_name()), ("charge", "payments"));
    assert_eq!(span.duration_nanos(), 12_500_000);
    assert_eq!(span.attribute("cents"), Some(ValueRef::Int(1999)));
    assert_eq!(span.attribute("ok"), Some(ValueRef::Bool(true)));
    assert_eq!(span.attribute("note"), Some(ValueRef::String("café")));
    assert_eq!(span.attribute("SampleRate"), Some(ValueRef::Int(2)));
    let cart = span.attribute("cart").expect("a map").to_text().into_owned();
    assert_eq!(cart, r#"{"items":[1,2]}"#);
}

#[test]
fn beelines_send_a_tree() {
    let body = include_bytes!("recordings/honeycomb/beeline_batch.json");
    let (batch, outcomes) = decode("shop", body);
    assert_eq!(outcomes, [None, None, None]);
    let find = |name: &str| batch.spans().find(|span| span.name() == name).expect(name);
    let root = find("GET /cart");
    assert!(root.parent_span_id().is_zero());
    assert_eq!(root.attribute("request.method"), Some(ValueRef::String("GET")));
    assert_eq!(root.attribute("meta.span_type"), Some(ValueRef::String("root")));
    for name in ["load cart", "charge"] {
        let child = find(name);
        assert_eq!(child.trace_id(), root.trace_id());
        assert_eq!(child.parent_span_id(), root.span_id());
        assert!(child.start_unix_nanos() > root.start_unix_nanos());
        assert!(child.duration_nanos() > 0);
        assert_eq!(child.resource().service_name(), "checkout");
        assert_eq!(child.attribute("service_name"), None);
    }
    let charge = find("charge");
    assert_eq!(
        (charge.status_code().as_str(), charge.status_message()),
        ("error", "card declined")
    );
}

#[test]
fn libhoney_for_go_sends_msgpack() {
    let body = include_bytes!("recordings/honeycomb/libhoney_go_batch.msgpack");
    let (batch, outcomes) = decode_in(Encoding::Msgpack, "shop", body);
    assert_eq!(outcomes, [None, None]);
    let (cart, charge) = (batch.span(0), batch.span(1));
    assert_eq!((cart.name(), charge.name()), ("GET /cart", "charge"));
    assert_eq!(cart.start_unix_nanos(), 1_767_225_600_123_456_789);
    assert_eq!(charge.start_unix_nanos(), 1_767_225_600_124_456_789);
    assert_eq!((cart.duration_nanos(), charge.duration_nanos()), (12_500_000, 13_500_000));
    assert_eq!(charge.parent_span_id(), cart.span_id());
    assert_eq!(charge.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(charge.resource().service_name(), "checkout");
    assert_eq!(cart.attribute("SampleRate"), Some(ValueRef::Int(2)));
    assert_eq!(cart.attribute("cents"), Some(ValueRef::Int(1999)));
    assert_eq!(charge.attribute("ok"), Some(ValueRef::Bool(false)));
}
