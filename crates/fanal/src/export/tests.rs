//! What is exported and taken in again is the same, down to types, events, links and counts.

use super::pieces::Pieces;
use crate::client::query_string;
use fanal_base::ManualClock;
use fanal_formats::otlp::file::{FileFormat, LENGTH_BYTES, request_length};
use fanal_formats::otlp::{json, protobuf};
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_model::{IndexedBatch, Remap, SpanBatch, SpanBatchBuilder, TraceId};
use fanal_storage::{ExportSpans, SpanStore, TenantId};
use fanal_testkit::{Generator, GeneratorConfig, push_into};
use std::path::Path;
use std::sync::Arc;

fn open(folder: &Path) -> LocalStore {
    // Nothing is merged but when the test says so: a merge drops duplicates, which generated spans have.
    let config = LocalConfig { granule_rows: 64, ..LocalConfig::new(folder) };
    LocalStore::open(config, Arc::new(ManualClock::at(1)), Arc::new(RealDisk)).expect("opens")
}

fn tenant() -> TenantId {
    TenantId::default_tenant()
}

/// Two batches in blocks, one in the log.
async fn fill(store: &LocalStore) -> Vec<TraceId> {
    let mut generator = Generator::new(GeneratorConfig::default(), 11);
    let mut ids = Vec::new();
    for number in 0..3 {
        let mut builder = SpanBatchBuilder::default();
        for _ in 0..20 {
            let trace = generator.next_trace(1_760_000_000_000_000_000 + number);
            ids.push(trace.truth.trace_id);
            push_into(&trace.spans, &mut builder);
        }
        store.append(&tenant(), builder.finish()).await.expect("kept");
        if number < 2 {
            store.merge_now().expect("merges");
        }
    }
    ids
}

/// Every span of a store as OTLP of its own, sorted.
async fn spans_of(store: &LocalStore) -> Vec<(TraceId, Vec<u8>)> {
    let everything = ExportSpans {
        conditions: Vec::new(),
        start_min_unix_nanos: 0,
        start_max_unix_nanos: u64::MAX,
    };
    let mut pieces = store.export(&tenant(), everything).await.expect("answers");
    let mut spans = Vec::new();
    while let Some(piece) = pieces.next_piece().expect("reads") {
        for row in 0..piece.len() {
            let mut builder = SpanBatchBuilder::default();
            builder.append_row(&piece, &mut Remap::default(), row);
            let one = IndexedBatch::new(Arc::new(builder.finish())).expect("decodes");
            spans.push((piece.span(row).trace_id(), protobuf::encode_traces(&[&one])));
        }
    }
    spans.sort_unstable();
    spans
}

/// The requests of a file.
fn read(mut bytes: &[u8], format: FileFormat) -> Vec<SpanBatch> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let decoded = match format {
            FileFormat::JsonLines => {
                let end = bytes.iter().position(|&byte| byte == b'\n').expect("a whole line");
                let line;
                (line, bytes) = (&bytes[..end], &bytes[end + 1..]);
                json::decode_request(line)
            }
            FileFormat::Protobuf => {
                let length: [u8; LENGTH_BYTES] = bytes[..LENGTH_BYTES].try_into().expect("four");
                let end = LENGTH_BYTES + request_length(length);
                let request;
                (request, bytes) = (&bytes[LENGTH_BYTES..end], &bytes[end..]);
                protobuf::decode_request(request)
            }
        };
        let decoded = decoded.expect("decodes");
        assert!(decoded.rejects.is_empty());
        batches.push(decoded.batch);
    }
    batches
}

async fn export(folder: &Path, query: &str, format: FileFormat) -> Vec<u8> {
    let mut pieces = Pieces::of_folder(folder, query, format).await.expect("opens");
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.next().await.expect("reads") {
        bytes.extend_from_slice(&piece);
    }
    assert!(pieces.missing.is_empty());
    bytes
}

#[tokio::test]
async fn an_export_taken_in_again_is_the_same() {
    for format in FileFormat::ALL {
        let folder = tempfile::tempdir().expect("temp folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let store = open(&from);
        fill(&store).await;
        let expected = spans_of(&store).await;
        assert!(expected.len() > 300, "{}", expected.len());
        drop(store);
        let batches = read(&export(&from, "", format).await, format);
        let store = open(&to);
        for batch in batches {
            store.append(&tenant(), batch).await.expect("kept");
        }
        assert!(spans_of(&store).await == expected, "{format:?}");
    }
}

#[tokio::test]
async fn conditions_export_whole_traces() {
    let folder = tempfile::tempdir().expect("temp folder");
    let store = open(folder.path());
    fill(&store).await;
    let all = spans_of(&store).await;
    drop(store);
    let query = query_string(&[("status", "error")]);
    let batches =
        read(&export(folder.path(), &query, FileFormat::Protobuf).await, FileFormat::Protobuf);
    let mut found: Vec<TraceId> = Vec::new();
    let mut failed: Vec<TraceId> = Vec::new();
    for batch in &batches {
        found.extend(&batch.trace_ids);
        let codes = batch.trace_ids.iter().zip(&batch.status_codes);
        failed.extend(codes.filter(|(_, code)| **code == 2).map(|(id, _)| id));
    }
    assert!(!failed.is_empty() && found.len() < all.len());
    assert!(found.iter().all(|id| failed.contains(id)), "only traces that match");
    let expected = all.iter().filter(|(id, _)| failed.contains(id)).count();
    assert_eq!(found.len(), expected, "all their spans");
    let none = export(folder.path(), "?service=nobody", FileFormat::JsonLines).await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn parquet_has_a_row_a_span() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;
    let folder = tempfile::tempdir().expect("temp folder");
    let store = open(&folder.path().join("data"));
    fill(&store).await;
    let expected = spans_of(&store).await;
    drop(store);
    let bytes = export(&folder.path().join("data"), "", FileFormat::Protobuf).await;
    let path = folder.path().join("a.parquet");
    let mut file = super::parquet::ParquetFile::new(std::fs::File::create(&path).expect("creates"))
        .expect("begins");
    // Cut anywhere, as a stream is.
    bytes.chunks(1000).for_each(|piece| file.take(piece).expect("takes"));
    file.finish().expect("ends");
    let reader =
        SerializedFileReader::new(std::fs::File::open(&path).expect("opens")).expect("reads");
    let mut ids: Vec<String> = Vec::new();
    for row in reader.get_row_iter(None).expect("reads") {
        ids.push(row.expect("reads").get_string(0).expect("text").clone());
    }
    ids.sort_unstable();
    let expected: Vec<String> = expected.iter().map(|(id, _)| id.to_string()).collect();
    assert!(ids == expected, "{} of {} spans", ids.len(), expected.len());
    let mut file = super::parquet::ParquetFile::new(std::fs::File::create(&path).expect("creates"))
        .expect("begins");
    file.take(&bytes[..bytes.len() - 1]).expect("takes");
    assert!(file.finish().is_err(), "a request is cut");
}
