//! Any bytes as a datagram of X-Ray's SDKs: behind the header that they write, and as they are.
#![no_main]

use fanal_formats::otlp::protobuf;
use fanal_formats::xray::{SegmentDecoder, sampling};
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|bytes: &[u8]| {
    let _ = sampling::targets(bytes);
    let mut decoder = SegmentDecoder::default();
    let _ = decoder.read(bytes);
    let _ = decoder.read(&[b"{\"format\":\"json\",\"version\":1}\n", bytes].concat());
    let decoded = decoder.take();
    decoded.batch.validate().expect("a valid batch");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
    let again = protobuf::decode_request(&protobuf::encode_traces(&[&batch])).expect("reads back");
    assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
});
