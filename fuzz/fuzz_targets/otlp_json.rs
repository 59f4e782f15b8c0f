//! Any bytes as an OTLP JSON request; what is accepted must survive both encodings.
#![no_main]

use fanal_formats::Decoded;
use fanal_formats::otlp::{json, protobuf};
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fn accept(decoded: Decoded) -> IndexedBatch {
    decoded.batch.validate().expect("a valid batch");
    IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes")
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(decoded) = json::decode_request(bytes) else { return };
    let batch = accept(decoded);
    let text = json::encode_traces(&[&batch]);
    let again = json::decode_request(&text).expect("reads back");
    assert_eq!(again.message(), None);
    assert_eq!(json::encode_traces(&[&accept(again)]), text);
    let written = protobuf::encode_traces(&[&batch]);
    let again = protobuf::decode_request(&written).expect("reads back");
    assert_eq!(again.message(), None);
    assert_eq!(json::encode_traces(&[&accept(again)]), text);
});
