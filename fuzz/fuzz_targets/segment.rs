//! Any bytes as a segment; any accepted spans through a segment and back; damaged segments must not panic.
#![no_main]

use fanal_formats::otlp::protobuf;
use fanal_local::segment::{EncodeOptions, Profile, Segment, SegmentError, encode};
use fanal_model::{IndexedBatch, SpanBatch};
use fanal_storage::Projection;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fn read(bytes: Vec<u8>) -> Result<SpanBatch, SegmentError> {
    let segment = Segment::open(Arc::new(bytes))?;
    segment.read_rows(0..segment.row_count(), Projection::Summary)?;
    segment.read_batch(0..segment.granules().len(), Projection::Full)
}

fn write(batch: SpanBatch) -> Vec<u8> {
    batch.validate().expect("a valid batch");
    protobuf::encode_traces(&[&IndexedBatch::new(Arc::new(batch)).expect("indexes")])
}

fuzz_target!(|input: (bool, u8, u32, &[u8])| {
    let (is_fast, granule_rows, place, bytes) = input;
    let _ = read(bytes.to_vec());
    let Ok(decoded) = protobuf::decode_request(bytes) else { return };
    let profile = if is_fast { Profile::Fast } else { Profile::Small };
    let options = EncodeOptions { profile, granule_rows: usize::from(granule_rows) };
    let mut segment = encode(&decoded.batch, options).expect("encodes");
    assert_eq!(write(read(segment.clone()).expect("reads")), write(decoded.batch));
    let place = usize::try_from(place).expect("fits") % segment.len();
    segment[place] ^= 1 << (place % 8);
    // Dictionaries and shapes that no row needs are not read, so that damage there may go unseen: but only unseen.
    let _ = read(segment);
});
