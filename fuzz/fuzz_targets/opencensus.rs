//! Any bytes as two messages of an OpenCensus stream, whose second has the owners of the first.
#![no_main]

use fanal_formats::opencensus::StreamDecoder;
use fanal_formats::otlp::protobuf;
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|input: (&[u8], &[u8])| {
    let mut decoder = StreamDecoder::default();
    for bytes in [input.0, input.1] {
        let Ok(decoded) = decoder.decode(bytes) else { continue };
        decoded.batch.validate().expect("a valid batch");
        let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
        let written = protobuf::encode_traces(&[&batch]);
        let again = protobuf::decode_request(&written).expect("reads back");
        assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
    }
});
