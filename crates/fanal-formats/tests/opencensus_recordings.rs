//! What OpenCensus' own client sends, recorded.
#![expect(clippy::expect_used, reason = "a failing test says why")]

use fanal_formats::opencensus::StreamDecoder;
use fanal_model::{IndexedBatch, Value, ValueRef};
use std::sync::Arc;

fn decode(message: &[u8]) -> IndexedBatch {
    let decoded = StreamDecoder::default().decode(message).expect("decodes");
    assert_eq!((decoded.message(), decoded.duplicate_keys), (None, 0));
    IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes")
}

#[test]
fn python_sends_a_tree_in_two_calls() {
    let cart = decode(include_bytes!("recordings/opencensus/python_cart.bin"));
    let charge = decode(include_bytes!("recordings/opencensus/python_charge.bin"));
    let (cart, charge) = (cart.span(0), charge.span(0));
    assert_eq!((cart.name(), cart.kind().as_str()), ("GET /cart", "server"));
    assert_eq!((charge.name(), charge.kind().as_str()), ("charge", "client"));
    assert_eq!(charge.trace_id(), cart.trace_id());
    assert_eq!(charge.parent_span_id(), cart.span_id());
    assert!(cart.parent_span_id().is_zero());
    assert!(charge.start_unix_nanos() > cart.start_unix_nanos());
    assert!(charge.duration_nanos() > 0 && charge.duration_nanos() < cart.duration_nanos());
}

#[test]
fn python_tells_who_it_is() {
    let batch = decode(include_bytes!("recordings/opencensus/python_cart.bin"));
    let span = batch.span(0);
    let resource = span.resource();
    assert_eq!(resource.service_name(), "checkout");
    let text = |key: &str| resource.attribute(key).map(Value::to_text);
    assert_eq!(text("host.name").as_deref(), Some("host-1"));
    assert_eq!(text("telemetry.sdk.language").as_deref(), Some("python"));
    assert_eq!(text("telemetry.sdk.version").as_deref(), Some("0.11.4"));
    assert!(matches!(resource.attribute("process.pid"), Some(Value::Int(_))));
    assert!(text("opencensus.starttime").is_some_and(|time| time.ends_with('Z')));
}

#[test]
fn python_sends_attributes_events_links_and_statuses() {
    let batch = decode(include_bytes!("recordings/opencensus/python_cart.bin"));
    let cart = batch.span(0);
    assert_eq!(cart.attribute("http.method"), Some(ValueRef::String("GET")));
    assert_eq!(cart.attribute("items"), Some(ValueRef::Int(3)));
    assert_eq!(cart.attribute("cached"), Some(ValueRef::Bool(true)));
    assert_eq!((cart.attributes().count(), cart.status_code().as_str()), (3, "unset"));
    let event = cart.events().next().expect("an annotation");
    assert_eq!(event.name(), "cache asked");
    assert_eq!(event.attributes().next(), Some(("key", ValueRef::String("cart"))));
    let batch = decode(include_bytes!("recordings/opencensus/python_charge.bin"));
    let charge = batch.span(0);
    assert_eq!((charge.status_code().as_str(), charge.status_message()), ("error", "no such card"));
    assert_eq!(charge.attribute("opencensus.status_code"), Some(ValueRef::Int(5)));
    let event = charge.events().next().expect("a message event");
    assert_eq!(event.name(), "message");
    let sent = event.attributes().next();
    assert_eq!(sent, Some(("message.type", ValueRef::String("SENT"))));
    let link = charge.links().next().expect("a link");
    assert_eq!(link.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
    let relation = link.attributes().next();
    assert_eq!(relation, Some(("opencensus.link_type", ValueRef::String("parent_linked_span"))));
}
