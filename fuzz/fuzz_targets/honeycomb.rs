//! Any bytes as a batch of Honeycomb events in either encoding; every event has an outcome, and what is accepted must be writable.
#![no_main]

use fanal_formats::honeycomb::{Context, Encoding, decode_batch};
use fanal_formats::otlp::protobuf;
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|input: (bool, &[u8])| {
    let (is_msgpack, bytes) = input;
    let encoding = if is_msgpack { Encoding::Msgpack } else { Encoding::Json };
    let context = Context { dataset: "fuzz", arrival_unix_nanos: 1 };
    let Ok(events) = decode_batch(encoding, bytes, &context) else { return };
    let refused = events.outcomes.iter().flatten().count();
    let decoded = events.decoded;
    assert_eq!(u64::try_from(refused), Ok(decoded.rejected_spans));
    assert!(decoded.batch.len() + refused <= events.outcomes.len());
    decoded.batch.validate().expect("a valid batch");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
    let written = protobuf::encode_traces(&[&batch]);
    let again = protobuf::decode_request(&written).expect("reads back");
    assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
});
