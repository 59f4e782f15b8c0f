//! Checks that a folder of recorded OTLP protobuf bodies round-trips: through the model and back, in protobuf and in
//! JSON, compared by the generated types. Prints what the recordings hold.
//!
//! Run with `cargo run --example check_recordings -- FOLDER`.
#![expect(clippy::print_stdout, reason = "a program for people")]

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use fanal_formats::Decoded;
use fanal_formats::otlp::{json, protobuf};
use fanal_model::{IndexedBatch, TraceId};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

#[derive(Default)]
struct Totals {
    bodies: usize,
    spans: usize,
    duplicate_keys: u64,
    traces: BTreeSet<TraceId>,
    services: BTreeSet<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("give the folder of recorded bodies")?;
    let mut totals = Totals::default();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        check_body(&std::fs::read(&path)?, &mut totals)
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    println!(
        "{} bodies round-trip: {} spans, {} traces, {} services, {} duplicate keys",
        totals.bodies,
        totals.spans,
        totals.traces.len(),
        totals.services.len(),
        totals.duplicate_keys
    );
    Ok(())
}

fn check_body(body: &[u8], totals: &mut Totals) -> Result<(), Box<dyn Error>> {
    let expected = oracle::describe(&ExportTraceServiceRequest::decode(body)?);
    let first = indexed(protobuf::decode_request(body)?, totals)?;
    let as_protobuf = protobuf::encode_traces(&[&first]);
    if oracle::describe(&ExportTraceServiceRequest::decode(&*as_protobuf)?) != expected {
        return Err("protobuf round trip differs".into());
    }
    let as_json = json::encode_traces(&[&first]);
    let second = indexed(json::decode_request(&as_json)?, &mut Totals::default())?;
    let again = protobuf::encode_traces(&[&second]);
    if oracle::describe(&ExportTraceServiceRequest::decode(&*again)?) != expected {
        return Err("json round trip differs".into());
    }
    Ok(())
}

fn indexed(decoded: Decoded, totals: &mut Totals) -> Result<IndexedBatch, Box<dyn Error>> {
    if let Some(message) = decoded.message() {
        return Err(message.into());
    }
    decoded.batch.validate()?;
    let indexed = IndexedBatch::new(Arc::new(decoded.batch))?;
    totals.bodies += 1;
    totals.spans += indexed.len();
    totals.duplicate_keys += decoded.duplicate_keys;
    for span in indexed.spans() {
        totals.traces.insert(span.trace_id());
        totals.services.insert(span.service_name().to_owned());
    }
    Ok(indexed)
}
