//! Any bytes as a body of Datadog's tracers, the first byte choosing its layout.
#![no_main]

use fanal_formats::datadog::{Layout, Tracer, decode_request};
use fanal_formats::otlp::protobuf;
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, body)) = bytes.split_first() else { return };
    let layouts = [Layout::Traces, Layout::TracesJson, Layout::Table, Layout::Payload];
    let layout = layouts[usize::from(choice) % layouts.len()];
    let Ok(decoded) = decode_request(layout, body, &Tracer::default()) else { return };
    decoded.batch.validate().expect("a valid batch");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
    let again = protobuf::decode_request(&protobuf::encode_traces(&[&batch])).expect("reads back");
    assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
});
