//! Writing a block file: segment, trace index, footer, then one sync of the file and one of its folder.
//!
//! Called by the merge with spans in block order. The file has its final name from the first byte: only the catalog
//! decides whether a block exists, and a file that it does not name is removed at the next start.

use super::{Footer, block_name, index};
use crate::catalog::BlockMeta;
use crate::disk::Disk;
use crate::failure;
use crate::segment::{self, EncodeOptions};
use fanal_base::cast;
use fanal_model::{SpanBatch, TraceId};
use fanal_storage::StoreError;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Writes and syncs the file of a block of at least one span. The answer lacks what only the caller knows: arrivals,
/// rewrites and late rows. `pause` is called between pieces of a few milliseconds.
pub(crate) fn write_block(
    disk: &dyn Disk,
    dir: &Path,
    number: u64,
    batch: &SpanBatch,
    granule_rows: usize,
    pause: &dyn Fn(),
) -> Result<BlockMeta, StoreError> {
    let name = block_name(number);
    let options = EncodeOptions { granule_rows, ..EncodeOptions::BLOCK };
    let segment =
        segment::encode_in_pieces(batch, options, pause).map_err(failure::segment(&name))?;
    let index = index::encode(&batch.trace_ids);
    let footer = Footer {
        segment_bytes: cast::wide(segment.len()),
        filter_bytes: cast::wide(index.filter.len()),
        fences_bytes: cast::wide(index.fences.len()),
        pages_bytes: cast::wide(index.pages.len()),
        trace_count: index.trace_count,
        index_checksum: xxh3_64_with_seed(&[&*index.filter, &*index.fences].concat(), 0),
    };
    let footer = footer.encode();
    let path = dir.join(&name);
    let write = || {
        let file = disk.create(&path)?;
        let mut offset = 0;
        for part in [&*segment, &*index.filter, &*index.fences, &*index.pages, &footer[..]] {
            file.write_all_at(part, offset)?;
            offset += cast::wide(part.len());
        }
        file.sync_data()?;
        disk.sync_dir(dir)?;
        Ok(offset)
    };
    let bytes = write().map_err(|error| {
        // The file is no block yet; one that stays behind is removed at the next start.
        disk.remove(&path).ok();
        failure::io("writing block", &path)(error)
    })?;
    let (starts, newest_trace) = start_range(batch);
    Ok(BlockMeta {
        number,
        rows: cast::wide(batch.len()),
        traces: u64::from(index.trace_count),
        bytes,
        memory_bytes: cast::wide(batch.memory_bytes()),
        starts,
        latest_end: batch.end_unix_nanos.iter().copied().max().unwrap_or(0),
        newest_trace,
        ..BlockMeta::default()
    })
}

/// Earliest and latest start, and the trace of the latest.
fn start_range(batch: &SpanBatch) -> ((u64, u64), TraceId) {
    let mut range = (u64::MAX, 0);
    let mut newest = TraceId::default();
    for (&start, &id) in batch.start_unix_nanos.iter().zip(&batch.trace_ids) {
        range.0 = range.0.min(start);
        if start >= range.1 {
            range.1 = start;
            newest = id;
        }
    }
    (range, newest)
}
