//! Any bytes as a file of traces, read at once and in steps; what is accepted must survive OTLP.
#![no_main]

use fanal_formats::file::{FileLimits, FileReader, detect};
use fanal_formats::otlp::protobuf;
use fanal_model::IndexedBatch;
use libfuzzer_sys::fuzz_target;
use std::io::Read;
use std::sync::Arc;

const LIMITS: FileLimits = FileLimits { item_bytes_max: 1 << 16, zstd_window_log_max: 20 };

/// Gives a few bytes at a time.
struct Steps<'a>(&'a [u8], usize);

impl Read for Steps<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let step = self.1.min(out.len());
        self.0.read(&mut out[..step])
    }
}

/// Spans that are accepted, and whether the file was read to its end.
fn read(bytes: &[u8], step: usize) -> (usize, bool) {
    let Ok(mut reader) = FileReader::open(Steps(bytes, step), LIMITS) else { return (0, false) };
    let mut spans = 0;
    loop {
        match reader.next_piece() {
            Err(_) => return (spans, false),
            Ok(None) => return (spans, true),
            Ok(Some(piece)) => {
                let Ok(decoded) = piece.decode(1) else { continue };
                decoded.batch.validate().expect("a valid batch");
                let batch = IndexedBatch::new(Arc::new(decoded.batch)).expect("indexes");
                let written = protobuf::encode_traces(&[&batch]);
                let again = protobuf::decode_request(&written).expect("reads back");
                assert_eq!((again.message(), again.batch.len()), (None, batch.len()));
                spans += batch.len();
            }
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let _ = detect(bytes);
    let Some((step, file)) = bytes.split_first() else { return };
    assert_eq!(read(file, usize::from(*step).max(1)), read(file, usize::MAX));
});
