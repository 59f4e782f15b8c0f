//! Segments of released versions stay readable: files that are never written again, and the spans in them.
//!
//! Files that are missing are written, and the test fails: a new version gets new files.

use super::varied::{push_odd_keys, varied_into};
use super::{open, options, show_all};
use crate::segment::{AttributeOwner, EncodeOptions, Profile, encode};
use fanal_model::SpanBatchBuilder;
use fanal_storage::Projection;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// 300 spans in which everything occurs, then 12 with 100 keys of their own each, which no longer get columns.
fn write() {
    let mut builder = SpanBatchBuilder::default();
    varied_into(&mut builder, 300);
    push_odd_keys(&mut builder, 12, 100);
    let batch = builder.finish();
    let spans = show_all(&batch, Projection::Full).join("\n");
    std::fs::write(file("segment-v3.txt"), spans).expect("writes");
    let log = encode(&batch, EncodeOptions::LOG).expect("encodes");
    std::fs::write(file("segment-v3-log.bin"), log).expect("writes");
    let block = encode(&batch, options(Profile::Small, 160)).expect("encodes");
    std::fs::write(file("segment-v3-block.bin"), block).expect("writes");
}

fn check(name: &str, granules: usize) {
    let expected = std::fs::read_to_string(file("segment-v3.txt")).expect("reads");
    let segment = open(&std::fs::read(file(name)).expect("reads"));
    assert_eq!(segment.granules().len(), granules, "{name}");
    assert!(segment.overflow_column(AttributeOwner::Span).is_some(), "{name}");
    let read = segment.read_batch(0..granules, Projection::Full).expect("reads");
    let shown = show_all(&read, Projection::Full);
    assert_eq!(shown.len(), 312, "{name}");
    assert!(shown.iter().map(String::as_str).eq(expected.lines()), "{name}: {shown:#?}");
}

#[test]
fn version_3_reads_for_ever() {
    if !file("segment-v3.txt").exists() {
        write();
        panic!("the files of version 3 were missing and are written now: commit them");
    }
    check("segment-v3-log.bin", 1);
    check("segment-v3-block.bin", 2);
}
