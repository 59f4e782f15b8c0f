//! Round trips of whole batches, partial reads, damaged bytes, and segments of released versions.

mod golden;
mod random;
mod scenarios;
mod varied;

use super::*;
use fanal_base::cast;
use fanal_model::{IndexedBatch, SpanBatch, SpanRef, ValueRef};
use fanal_storage::Projection;
use std::sync::Arc;

/// Everything of a span as text, so that spans of batches with other dictionaries can be compared.
fn show(span: &SpanRef<'_>, projection: Projection) -> String {
    let fixed = format!(
        "{:?}/{:?}<{:?} {}..{} {:?} {:?} {:#x} {:?} {:?} {:?} {:?} {:?} dropped {} {} {}",
        span.trace_id(),
        span.span_id(),
        span.parent_span_id(),
        span.start_unix_nanos(),
        span.end_unix_nanos(),
        span.kind(),
        span.status_code(),
        span.flags(),
        span.name(),
        span.trace_state(),
        span.status_message(),
        span.resource(),
        span.scope(),
        span.dropped_attributes_count(),
        span.dropped_events_count(),
        span.dropped_links_count(),
    );
    if projection == Projection::Summary {
        return fixed;
    }
    let events: Vec<_> = span
        .events()
        .map(|event| {
            let attributes: Vec<_> = event.attributes().map(exact).collect();
            let dropped = event.dropped_attributes_count();
            (event.time_unix_nanos(), event.name(), dropped, attributes)
        })
        .collect();
    let links: Vec<_> = span
        .links()
        .map(|link| {
            let attributes: Vec<_> = link.attributes().map(exact).collect();
            let ids = (link.trace_id(), link.span_id(), link.trace_state(), link.flags());
            (ids, link.dropped_attributes_count(), attributes)
        })
        .collect();
    let attributes: Vec<_> = span.attributes().map(exact).collect();
    format!("{fixed} {attributes:?} {events:?} {links:?}")
}

/// Floats by their bits, since NaN and -0.0 must survive.
fn exact<'a>((key, value): (&'a str, ValueRef<'a>)) -> (&'a str, String) {
    match value {
        ValueRef::Float(number) => (key, format!("Float({:#x})", number.to_bits())),
        other => (key, format!("{other:?}")),
    }
}

fn show_all(batch: &SpanBatch, projection: Projection) -> Vec<String> {
    batch.validate().expect("a read batch is consistent");
    let indexed = IndexedBatch::new(Arc::new(batch.clone())).expect("resources decode");
    indexed.spans().map(|span| show(&span, projection)).collect()
}

fn open(bytes: &[u8]) -> Segment {
    Segment::open(Arc::new(bytes.to_vec())).expect("opens")
}

const PROFILES: [Profile; 2] = [Profile::Fast, Profile::Small];

/// Granules of about four pages.
fn options(profile: Profile, granule_rows: usize) -> EncodeOptions {
    EncodeOptions { profile, granule_rows, page_rows: granule_rows.div_ceil(4) }
}

/// Encodes in every profile and reads back in every way.
fn check(name: &str, batch: &SpanBatch, granule_rows: &[usize]) {
    let expected = show_all(batch, Projection::Full);
    let summaries = show_all(batch, Projection::Summary);
    for profile in PROFILES {
        for &granule_rows in granule_rows {
            let name = format!("{name} {profile:?} {granule_rows}");
            let bytes = encode(batch, options(profile, granule_rows)).expect("encodes");
            let segment = open(&bytes);
            assert_eq!(cast::index(segment.row_count()), batch.len(), "{name}");
            let all = 0..segment.granules().len();
            let read = segment.read_batch(all.clone(), Projection::Full).expect("reads");
            assert_eq!(show_all(&read, Projection::Full), expected, "{name}");
            let read = segment.read_batch(all, Projection::Summary).expect("reads");
            assert_eq!(show_all(&read, Projection::Summary), summaries, "{name}");
            check_columns(&name, &segment, batch);
            check_attributes(&name, &segment, batch);
            check_rows(&name, &segment, &expected);
        }
    }
}

/// Rows read alone are the rows read together.
fn check_rows(name: &str, segment: &Segment, expected: &[String]) {
    let rows = segment.row_count();
    let step = (rows / 7).max(1);
    for start in (0..=rows).step_by(cast::index(step)) {
        for length in [0, 1, 2, step + 3] {
            let range = start..(start + length).min(rows);
            let read = segment.read_rows(range.clone(), Projection::Full).expect("reads");
            let place = cast::index(range.start)..cast::index(range.end);
            assert_eq!(show_all(&read, Projection::Full), expected[place], "{name} {range:?}");
        }
    }
    assert!(segment.read_rows(rows..rows + 1, Projection::Full).is_err());
}

/// Columns read alone are the columns of the batch, and statistics cover them.
fn check_columns(name: &str, segment: &Segment, batch: &SpanBatch) {
    let names = segment.dictionary(DictionaryId::Text(TextColumn::Names)).expect("reads");
    for (index, granule) in segment.granules().iter().enumerate() {
        let rows = cast::index(granule.rows.start)..cast::index(granule.rows.end);
        let durations: Vec<u64> = rows.clone().map(|row| batch.duration_nanos(row)).collect();
        let starts = &batch.start_unix_nanos[rows.clone()];
        assert_eq!(segment.trace_ids(index).expect("reads"), batch.trace_ids[rows.clone()]);
        assert_eq!(segment.span_ids(index).expect("reads"), batch.span_ids[rows.clone()]);
        let parents = &batch.parent_span_ids[rows.clone()];
        assert_eq!(segment.parent_span_ids(index).expect("reads"), parents, "{name}");
        assert_eq!(segment.starts(index).expect("reads"), starts, "{name}");
        assert_eq!(segment.ends(index).expect("reads"), batch.end_unix_nanos[rows.clone()]);
        assert_eq!(segment.durations(index).expect("reads"), durations, "{name}");
        assert_eq!(segment.kinds(index).expect("reads"), batch.kinds[rows.clone()], "{name}");
        let codes = &batch.status_codes[rows.clone()];
        assert_eq!(segment.status_codes(index).expect("reads"), codes, "{name}");
        assert_eq!(segment.flags(index).expect("reads"), batch.flags[rows.clone()], "{name}");
        let table = names.as_ref().expect("names have a dictionary");
        for (row, code) in rows.clone().zip(segment.name_codes(index).expect("reads")) {
            assert_eq!(table.get(code), batch.names.get(row), "{name}");
            assert!(granule.names.may_contain(code));
        }
        for code in segment.resource_codes(index).expect("reads") {
            assert!(granule.resources.may_contain(code));
        }
        for code in segment.scope_codes(index).expect("reads") {
            assert!(granule.scopes.may_contain(code));
        }
        assert_eq!(Some(&granule.start_min_unix_nanos), starts.iter().min());
        assert_eq!(Some(&granule.start_max_unix_nanos), starts.iter().max());
        let end_max = batch.end_unix_nanos[rows].iter().max();
        assert_eq!(Some(&granule.end_max_unix_nanos), end_max);
        assert_eq!(Some(&granule.duration_min_nanos), durations.iter().min());
        assert_eq!(Some(&granule.duration_max_nanos), durations.iter().max());
    }
}

/// Attribute columns read alone hold what the rows of the batch have, type by type.
fn check_attributes(name: &str, segment: &Segment, batch: &SpanBatch) {
    let indexed = IndexedBatch::new(Arc::new(batch.clone())).expect("resources decode");
    let mut found = vec![Vec::new(); batch.len()];
    for (index, granule) in segment.granules().iter().enumerate() {
        for (column, meta) in (0..).zip(segment.attribute_columns(AttributeOwner::Span)) {
            let values =
                segment.attribute_values(AttributeOwner::Span, column, index).expect("reads");
            let rows = segment.attribute_rows(AttributeOwner::Span, column, index).expect("reads");
            let stats = granule.attribute(AttributeOwner::Span, column);
            assert_eq!(stats.is_some(), values.is_some(), "{name}");
            let Some((values, stats)) = values.zip(stats) else {
                assert!(rows.is_empty(), "{name}");
                continue;
            };
            assert_eq!(rows.len(), cast::index(stats.count), "{name}");
            let dictionary = segment
                .dictionary(DictionaryId::Attribute(AttributeOwner::Span, column))
                .expect("reads");
            for (cell, row) in rows.iter().enumerate() {
                let text = match &values {
                    ColumnValues::Empty(_) => "Empty".to_owned(),
                    ColumnValues::Bool(values) => format!("Bool({})", values[cell]),
                    ColumnValues::Int(values) => {
                        assert!(covers(stats.range, values[cell]), "{name}");
                        format!("Int({})", values[cell])
                    }
                    ColumnValues::Float(values) => format!("Float({:#x})", values[cell].to_bits()),
                    ColumnValues::Text(TextValues::Local(texts)) => {
                        format!("{:?} {:?}", meta.kind, texts.get(cell))
                    }
                    ColumnValues::Text(TextValues::Coded(codes)) => {
                        let table = dictionary.as_ref().expect("coded values have a dictionary");
                        format!("{:?} {:?}", meta.kind, table.get(codes[cell]))
                    }
                };
                let row = cast::index(granule.rows.start + row);
                if meta.kind.is_some() {
                    found[row].push((meta.key.to_string(), text));
                }
            }
        }
    }
    let overflow = segment.overflow_column(AttributeOwner::Span).is_some();
    for (span, mut found) in indexed.spans().zip(found) {
        let mut expected: Vec<_> = span.attributes().map(raw).collect();
        found.sort_unstable();
        expected.sort_unstable();
        if overflow {
            assert!(found.iter().all(|item| expected.contains(item)), "{name}");
        } else {
            assert_eq!(found, expected, "{name}");
        }
    }
}

fn covers(range: Option<NumericRange>, number: i64) -> bool {
    matches!(range, Some(NumericRange::Int { min, max }) if (min..=max).contains(&number))
}

fn raw<'a>((key, value): (&'a str, ValueRef<'a>)) -> (String, String) {
    let kind = Some(value.attribute_type());
    let text = match value {
        ValueRef::String(text) => format!("{kind:?} {:?}", text.as_bytes()),
        ValueRef::Bytes(bytes) | ValueRef::Array(bytes) | ValueRef::Map(bytes) => {
            format!("{kind:?} {bytes:?}")
        }
        other => exact((key, other)).1,
    };
    (key.to_owned(), text)
}
