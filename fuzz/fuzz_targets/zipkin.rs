//! Any bytes as a list of Zipkin spans, the first byte choosing the form; what is accepted must survive OTLP.
#![no_main]

use fanal_formats::otlp::protobuf;
use fanal_formats::zipkin::{Format, decode, sniff};
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else { return };
    let _ = sniff(body);
    let format = match choice % 4 {
        0 => Format::V1Json,
        1 => Format::V1Thrift,
        2 => Format::V2Json,
        _ => Format::V2Protobuf,
    };
    let Ok(decoded) = decode(format, body, 1) else { return };
    decoded.batch.validate().expect("a valid batch");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
    let written = protobuf::encode_traces(&[&batch]);
    let again = protobuf::decode_request(&written).expect("reads back");
    assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
});
