//! Any bytes as a list of Zipkin spans, the first byte choosing the form; what is accepted must survive OTLP.
#![no_main]

use fanal_formats::otlp::protobuf;
use fanal_formats::zipkin::{Format, decode, decode_message};
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, body)) = bytes.split_first() else { return };
    let decoded = match choice % 5 {
        0 => decode(Format::V1Json, body, 1),
        1 => decode(Format::V1Thrift, body, 1),
        2 => decode(Format::V2Json, body, 1),
        3 => decode(Format::V2Protobuf, body, 1),
        _ => decode_message(body, 1),
    };
    let Ok(decoded) = decoded else { return };
    decoded.batch.validate().expect("a valid batch");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
    let written = protobuf::encode_traces(&[&batch]);
    let again = protobuf::decode_request(&written).expect("reads back");
    assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
});
