//! Random requests of the generated OTLP types come out of the model as they went in, in both encodings.
#![expect(clippy::expect_used, reason = "a failing test says why")]

mod oracle;
mod requests;

use fanal_formats::Decoded;
use fanal_formats::otlp::{json, protobuf};
use fanal_model::IndexedBatch;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::prelude::*;
use prost::Message;
use std::sync::Arc;

fn accept(decoded: Decoded) -> IndexedBatch {
    assert_eq!(decoded.message(), None);
    assert_eq!(decoded.batch.validate(), Ok(()));
    IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes")
}

fn describe(protobuf: &[u8]) -> Vec<String> {
    oracle::describe(&ExportTraceServiceRequest::decode(protobuf).expect("protobuf"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn protobuf_in_is_protobuf_out(request in requests::request()) {
        let batch = accept(protobuf::decode_request(&request.encode_to_vec()).expect("protobuf"));
        let encoded = protobuf::encode_traces(&[&batch]);
        prop_assert_eq!(describe(&encoded), oracle::describe(&request));
    }

    #[test]
    fn json_carries_all_that_protobuf_carries(request in requests::request()) {
        let batch = accept(protobuf::decode_request(&request.encode_to_vec()).expect("protobuf"));
        let text = json::encode_traces(&[&batch]);
        let again = accept(json::decode_request(&text).expect("json"));
        prop_assert_eq!(describe(&protobuf::encode_traces(&[&again])), oracle::describe(&request));
        prop_assert_eq!(json::encode_traces(&[&again]), text);
    }

    #[test]
    fn several_batches_go_into_one_answer(parts in prop::collection::vec(requests::request(), 0..4)) {
        let batches: Vec<_> = parts
            .iter()
            .map(|part| accept(protobuf::decode_request(&part.encode_to_vec()).expect("protobuf")))
            .collect();
        let whole = ExportTraceServiceRequest {
            resource_spans: parts.into_iter().flat_map(|part| part.resource_spans).collect(),
        };
        let encoded = protobuf::encode_traces(&batches.iter().collect::<Vec<_>>());
        prop_assert_eq!(describe(&encoded), oracle::describe(&whole));
    }

    #[test]
    fn a_decoder_gives_the_same_whatever_it_read_before(
        requests in prop::collection::vec((requests::request(), any::<prop::sample::Index>()), 1..6),
    ) {
        let mut decoder = protobuf::RequestDecoder::default();
        for (request, cut) in requests {
            let bytes = request.encode_to_vec();
            let cut = &bytes[..cut.index(bytes.len() + 1)];
            for bytes in [&bytes[..], cut, &bytes] {
                match (decoder.decode(bytes), protobuf::decode_request(bytes)) {
                    (Ok(warm), Ok(fresh)) => {
                        prop_assert_eq!(warm.duplicate_keys, fresh.duplicate_keys);
                        prop_assert_eq!(&warm.rejects, &fresh.rejects);
                        prop_assert_eq!(warm.batch.validate(), Ok(()));
                        let [warm, fresh] = [warm, fresh].map(|decoded| {
                            IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes")
                        });
                        let encoded = [&warm, &fresh].map(|batch| protobuf::encode_traces(&[batch]));
                        prop_assert_eq!(&encoded[0], &encoded[1]);
                    }
                    (warm, fresh) => prop_assert_eq!(warm.err(), fresh.err()),
                }
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let decoded = [protobuf::decode_request(&bytes), json::decode_request(&bytes)];
        for decoded in decoded.into_iter().flatten() {
            prop_assert_eq!(decoded.batch.validate(), Ok(()));
        }
    }

    #[test]
    fn damaged_requests_never_panic(
        request in requests::request(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let protobuf_bytes = request.encode_to_vec();
        let batch = accept(protobuf::decode_request(&protobuf_bytes).expect("protobuf"));
        let json_bytes = json::encode_traces(&[&batch]);
        for (mut bytes, decode) in [
            (protobuf_bytes, protobuf::decode_request as fn(&[u8]) -> _),
            (json_bytes, json::decode_request),
        ] {
            if !bytes.is_empty() {
                for (index, byte) in &damage {
                    let at = index.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
            if let Ok(decoded) = decode(&bytes) {
                prop_assert_eq!(decoded.batch.validate(), Ok(()));
            }
        }
    }
}

#[test]
fn truncation_at_any_byte_fails_or_loses_whole_groups_only() {
    let request = requests::sample();
    let bytes = request.encode_to_vec();
    let whole = protobuf::decode_request(&bytes).expect("protobuf").batch.len();
    assert_eq!(whole, 4);
    for end in 0..bytes.len() {
        let expected = ExportTraceServiceRequest::decode(&bytes[..end]);
        let decoded = protobuf::decode_request(&bytes[..end]);
        assert_eq!(decoded.is_ok(), expected.is_ok(), "cut at {end}");
        if let (Ok(decoded), Ok(expected)) = (decoded, expected) {
            assert_eq!(decoded.batch.len(), oracle::describe(&expected).len(), "cut at {end}");
        }
    }
    let text = json::encode_traces(&[&accept(protobuf::decode_request(&bytes).expect("protobuf"))]);
    for end in 0..text.len() {
        assert!(json::decode_request(&text[..end]).is_err(), "cut at {end}");
    }
}
