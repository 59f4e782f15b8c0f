//! Any bytes as what Jaeger's clients send, in each of its encodings; what is accepted must survive OTLP.
#![no_main]

use fanal_formats::jaeger::Decoder;
use fanal_formats::otlp::protobuf;
use fanal_formats::thrift::Protocol;
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// Goes on after broken requests, as that of a datagram receiver does.
    static DECODER: RefCell<Decoder> = RefCell::default();
}

fuzz_target!(|input: (u8, &[u8])| {
    let (encoding, bytes) = input;
    let decoded = DECODER.with_borrow_mut(|decoder| {
        // What a broken request left is checked like anything else.
        match encoding % 6 {
            0 => drop(decoder.read_message(bytes)),
            1 => drop(decoder.read_batch(bytes, Protocol::Binary)),
            2 => drop(decoder.read_batch(bytes, Protocol::Compact)),
            3 => drop(decoder.read_post_spans(bytes)),
            4 => drop(decoder.read_span(bytes)),
            _ => drop(decoder.read_span_json(bytes)),
        }
        decoder.take()
    });
    decoded.batch.validate().expect("a valid batch");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
    let written = protobuf::encode_traces(&[&batch]);
    let again = protobuf::decode_request(&written).expect("reads back");
    assert_eq!(again.message(), None);
    let again = IndexedBatch::new(Arc::new(again.batch)).expect("indexes");
    assert_eq!(protobuf::encode_traces(&[&again]), written);
});
