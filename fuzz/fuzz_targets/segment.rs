//! Any bytes as a segment, with checksums not looked at; any accepted spans through a segment and back; damaged
//! segments must not panic, and what is read of them is consistent.
#![no_main]

use fanal_formats::otlp::protobuf;
use fanal_local::segment::{
    AttributeOwner, DictionaryId, EncodeOptions, Profile, Segment, SegmentError, TextColumn, encode,
};
use fanal_model::{IndexedBatch, SpanBatch};
use fanal_storage::Projection;
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

/// Inputs that would decode to more rows than this are left alone: time is better spent on others.
const ROWS_MAX: u32 = 1 << 16;

fn read(bytes: Vec<u8>) -> Result<SpanBatch, SegmentError> {
    let segment = Segment::open(Arc::new(bytes))?;
    let rows = segment.row_count();
    if rows > ROWS_MAX {
        return Ok(SpanBatch::default());
    }
    let _ = read_alone(&segment);
    segment.read_rows(0..rows, Projection::Summary)?;
    let middle = segment.page_of(rows / 2);
    let _ = segment.read_rows(middle.start..rows.min(middle.end + 1), Projection::Full);
    segment.read_batch(0..segment.granules().len(), Projection::Full)
}

/// Every column as a search reads it.
fn read_alone(segment: &Segment) -> Result<(), SegmentError> {
    segment.dictionary(DictionaryId::Text(TextColumn::Names))?;
    for granule in 0..segment.granules().len() {
        segment.name_codes(granule)?;
        segment.durations(granule)?;
        segment.class_codes(granule)?;
        for owner in AttributeOwner::ALL {
            for column in (0..).take(segment.attribute_columns(owner).len()) {
                segment.attribute_values(owner, column, granule)?;
                segment.attribute_rows(owner, column, granule)?;
            }
        }
    }
    Ok(())
}

fn write(batch: SpanBatch) -> Vec<u8> {
    batch.validate().expect("a valid batch");
    protobuf::encode_traces(&[&IndexedBatch::new(Arc::new(batch)).expect("indexes")])
}

fuzz_target!(|input: (bool, u8, u32, &[u8])| {
    let (is_fast, granule_rows, place, bytes) = input;
    if let Ok(batch) = read(bytes.to_vec()) {
        // Texts may be no UTF-8 where checksums are not looked at; what can be indexed must be.
        let _ = IndexedBatch::new(Arc::new(batch));
    }
    let Ok(decoded) = protobuf::decode_request(bytes) else { return };
    let profile = if is_fast { Profile::Fast } else { Profile::Small };
    let granule_rows = usize::from(granule_rows);
    let options = EncodeOptions { profile, granule_rows, page_rows: granule_rows.div_ceil(4) };
    let mut segment = encode(&decoded.batch, options).expect("encodes");
    assert_eq!(write(read(segment.clone()).expect("reads")), write(decoded.batch));
    let place = usize::try_from(place).expect("fits") % segment.len();
    segment[place] ^= 1 << (place % 8);
    let _ = read(segment);
});
