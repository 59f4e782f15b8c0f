//! Removes exact duplicates, which clients send when they retry: spans with the same id and the same everything.

use fanal_model::{
    IndexedBatch, InvalidBatch, Remap, SpanBatch, SpanBatchBuilder, SpanId, SpanRef, ValueRef,
    nested,
};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The spans of one trace, indexed, of exact duplicates the first only. Fails where a resource or scope does not
/// decode.
pub(crate) fn remove(spans: SpanBatch) -> Result<IndexedBatch, InvalidBatch> {
    let spans = IndexedBatch::new(Arc::new(spans))?;
    let is_copy = copies(&spans);
    if !is_copy.contains(&true) {
        return Ok(spans);
    }
    let mut builder = SpanBatchBuilder::default();
    let mut remap = Remap::default();
    for row in (0..spans.len()).filter(|&row| !is_copy[row]) {
        builder.append_row(&spans, &mut remap, row);
    }
    IndexedBatch::new(Arc::new(builder.finish()))
}

/// By row: whether an earlier row is the same span.
fn copies(spans: &IndexedBatch) -> Vec<bool> {
    let ids = &spans.batch().span_ids;
    let mut rows: Vec<(SpanId, usize)> =
        ids.iter().enumerate().map(|(row, &id)| (id, row)).collect();
    rows.sort_unstable();
    let mut is_copy = vec![false; spans.len()];
    for group in rows.chunk_by(|left, right| left.0 == right.0).filter(|group| group.len() > 1) {
        // Whole contents, not hashes: a span must not vanish by a collision.
        let mut seen = BTreeSet::new();
        for &(_, row) in group {
            is_copy[row] = !seen.insert(content(&spans.span(row)));
        }
    }
    is_copy
}

/// Everything of a span but its ids, as bytes that are equal where the spans are.
fn content(span: &SpanRef<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(&span.parent_span_id().0);
    let numbers = [
        span.start_unix_nanos(),
        span.end_unix_nanos(),
        span.kind() as u64,
        span.status_code() as u64,
        u64::from(span.flags()),
        u64::from(span.dropped_attributes_count()),
        u64::from(span.dropped_events_count()),
        u64::from(span.dropped_links_count()),
    ];
    numbers.iter().for_each(|&number| nested::write_varint(number, &mut out));
    for text in [span.name(), span.trace_state(), span.status_message()] {
        nested::write_bytes(text.as_bytes(), &mut out);
    }
    out.extend_from_slice(&span.resource().encode());
    out.extend_from_slice(&span.scope().encode());
    write_attributes(span.attributes(), &mut out);
    nested::write_length(span.events().len(), &mut out);
    for event in span.events() {
        nested::write_varint(event.time_unix_nanos(), &mut out);
        nested::write_bytes(event.name().as_bytes(), &mut out);
        nested::write_varint(u64::from(event.dropped_attributes_count()), &mut out);
        write_attributes(event.attributes(), &mut out);
    }
    for link in span.links() {
        out.extend_from_slice(&link.trace_id().0);
        out.extend_from_slice(&link.span_id().0);
        nested::write_bytes(link.trace_state().as_bytes(), &mut out);
        nested::write_varint(u64::from(link.flags()), &mut out);
        nested::write_varint(u64::from(link.dropped_attributes_count()), &mut out);
        write_attributes(link.attributes(), &mut out);
    }
    out
}

fn write_attributes<'a>(
    attributes: impl Iterator<Item = (&'a str, ValueRef<'a>)>,
    out: &mut Vec<u8>,
) {
    for (key, value) in attributes {
        out.push(1);
        nested::write_bytes(key.as_bytes(), out);
        nested::encode_ref(value, out);
    }
    out.push(0);
}
