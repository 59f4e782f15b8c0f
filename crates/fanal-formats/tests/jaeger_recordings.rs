//! What real Jaeger clients sent, read and written as OTLP. See `recordings/jaeger/README.md`.
#![expect(clippy::expect_used, reason = "a failing test says why")]

use fanal_formats::jaeger::{Decoder, decode_batch, decode_post_spans};
use fanal_formats::otlp::json;
use fanal_formats::{DecodeError, Decoded};
use fanal_model::IndexedBatch;
use std::path::Path;
use std::sync::Arc;

fn message(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.read_message(bytes)?;
    Ok(decoder.take())
}

/// A recording must be read without rejects and mean what lies beside it.
fn check(name: &str, decode: impl Fn(&[u8]) -> Result<Decoded, DecodeError>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recordings/jaeger");
    let bytes = std::fs::read(folder.join(name)).expect(name);
    let decoded = decode(&bytes).expect(name);
    assert_eq!(decoded.message(), None, "{name}");
    let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect(name);
    let written = json::encode_traces(&[&batch]);
    let written: serde_json::Value = serde_json::from_slice(&written).expect("json");
    let written = serde_json::to_string_pretty(&written).expect("json");
    let expect = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect(name);
    assert_eq!(written.trim_end(), expect.trim_end(), "{name}");
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err() || end == 0, "{name} cut at {end}");
    }
}

#[test]
fn real_clients_are_understood() {
    check("python_client.compact", message);
    check("node_client.binary", message);
    check("node_client.http", decode_batch);
    check("opentelemetry.compact", message);
    check("opentelemetry.http", decode_batch);
    check("opentelemetry.grpc", decode_post_spans);
}
