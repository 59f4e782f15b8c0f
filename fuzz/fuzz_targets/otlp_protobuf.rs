//! Any bytes as an OTLP protobuf request, with the generated types as oracle.
#![no_main]

use fanal_formats::otlp::{json, protobuf};
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    static DECODER: RefCell<protobuf::RequestDecoder> = RefCell::default();
}

fuzz_target!(|bytes: &[u8]| {
    let expected = ExportTraceServiceRequest::decode(bytes);
    let decoded = match protobuf::decode_request(bytes) {
        Ok(decoded) => decoded,
        Err(error) => {
            assert!(expected.is_err(), "refused what the generated types take: {error}");
            return;
        }
    };
    decoded.batch.validate().expect("a valid batch");
    if let Ok(expected) = expected {
        let groups = expected.resource_spans.iter().flat_map(|group| &group.scope_spans);
        let spans: usize = groups.map(|group| group.spans.len()).sum();
        let refused = usize::try_from(decoded.rejected_spans).expect("fits");
        assert_eq!(decoded.batch.len() + refused, spans);
    }
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
    let written = protobuf::encode_traces(&[&batch]);
    // By a decoder that remembers what it read before, broken or not.
    let again = DECODER.with_borrow_mut(|decoder| {
        drop(decoder.decode(bytes));
        decoder.decode(&written).expect("reads back")
    });
    assert_eq!(again.message(), None);
    let again = IndexedBatch::new(Arc::new(again.batch)).expect("indexes");
    assert_eq!(protobuf::encode_traces(&[&again]), written);
    let text = json::encode_traces(&[&batch]);
    let again = json::decode_request(&text).expect("reads back");
    assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
});
