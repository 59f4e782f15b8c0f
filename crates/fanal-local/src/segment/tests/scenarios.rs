//! Scenarios: what a segment must do with a given batch.

use super::super::layout::{CHECKSUM_BYTES, Extent, VERSION, chunk_checksum};
use super::super::*;
use super::varied::{push_odd_keys, span_id, trace_id, varied, varied_into};
use super::{PROFILES, check, open, options, show_all};
use fanal_base::cast;
use fanal_model::attributes::AttributeValues;
use fanal_model::{Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, Value, ValueRef};
use fanal_storage::Projection;
use fanal_testkit::{Generator, GeneratorConfig, push_into};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn batches_round_trip() {
    check("nothing", &SpanBatch::default(), &[1, 8192]);
    check("one", &varied(1), &[1, 8192]);
    check("few", &varied(50), &[1, 10, 8192]);
    check("many", &varied(3000), &[256, 1000]);
}

#[test]
fn spans_without_anything_round_trip() {
    let mut builder = SpanBatchBuilder::default();
    builder.intern_resource(&Resource::default());
    builder.intern_scope(&Scope::default());
    for number in 0..20 {
        let (trace_id, span_id) = (trace_id(number), span_id(number));
        builder.finish_span(&SpanFields { trace_id, span_id, ..SpanFields::default() });
    }
    check("bare", &builder.finish(), &[4, 8192]);
}

#[test]
fn keys_beyond_the_column_limit_round_trip() {
    let mut builder = SpanBatchBuilder::default();
    builder.intern_resource(&Resource::default());
    builder.intern_scope(&Scope::default());
    for number in 0..30_u64 {
        for key in 0..50 {
            let key = format!("key-{}", number * 50 + key);
            builder.attribute(&key, ValueRef::Int(number.cast_signed()));
        }
        builder.event_attribute("once", ValueRef::Bool(true));
        builder.finish_event(number, "event", 0);
        let (trace_id, span_id) = (trace_id(number), span_id(number));
        builder.finish_span(&SpanFields { trace_id, span_id, ..SpanFields::default() });
    }
    let batch = builder.finish();
    assert!(batch.attributes.columns.len() > fanal_model::attributes::COLUMNS_MAX);
    check("overflow", &batch, &[7, 8192]);
}

#[test]
fn odd_keys_cost_no_more_than_their_bytes() {
    // 100 spans with 100 keys of their own each: about 1,000 of the keys get columns, the others share one.
    let mut builder = SpanBatchBuilder::default();
    push_odd_keys(&mut builder, 100, 100);
    let odd = builder.finish();
    let text_bytes: usize = (0..10_000).map(|key| format!("odd.key-{key}").len() + 3).sum();
    for profile in PROFILES {
        let bytes = encode(&odd, options(profile, 8192)).expect("encodes").len();
        assert!(bytes < text_bytes, "{profile:?}: {bytes} of {text_bytes}");
    }
    // Behind ten times the spans: what keys cost does not grow with the rows that do not have them.
    let mut builder = SpanBatchBuilder::default();
    varied_into(&mut builder, 1000);
    push_odd_keys(&mut builder, 100, 100);
    let both = builder.finish();
    check("odd keys", &both, &[8192]);
    for profile in PROFILES {
        let size = |batch: &SpanBatch| encode(batch, options(profile, 256)).expect("encodes").len();
        let (both, odd, plain) = (size(&both), size(&odd), size(&varied(1000)));
        assert!(both < odd + plain + plain / 4, "{profile:?}: {both} of {odd} and {plain}");
    }
}

/// Counts what is read of it.
#[derive(Debug)]
struct Counted {
    bytes: Vec<u8>,
    read: AtomicU64,
}

impl ReadAt for Counted {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.read.fetch_add(cast::wide(buffer.len()), Ordering::Relaxed);
        self.bytes.read_exact_at(buffer, offset)
    }

    fn byte_length(&self) -> u64 {
        self.bytes.byte_length()
    }
}

#[test]
fn a_trace_is_read_without_its_granule() {
    let mut generator = Generator::new(GeneratorConfig::clean(), 3);
    let mut builder = SpanBatchBuilder::default();
    while builder.len() < 20_000 {
        let start = 1_760_000_000_000_000_000 + cast::wide(builder.len()) * 100_000;
        push_into(&generator.next_trace(start).spans, &mut builder);
    }
    let batch = builder.finish();
    let expected = show_all(&batch, Projection::Full);
    let bytes = encode(&batch, EncodeOptions::BLOCK).expect("encodes");
    let source = Arc::new(Counted { bytes, read: AtomicU64::new(0) });
    let segment = Segment::open(Arc::clone(&source) as Arc<dyn ReadAt>).expect("opens");
    for first in [0_u32, 5000, 12_345, 19_000] {
        let rows = segment.page_of(first);
        let (start, end) = (rows.start + 7, rows.start + 27);
        // Once for dictionaries, classes and shapes, which stay in memory.
        segment.read_rows(start..end, Projection::Full).expect("reads");
        source.read.store(0, Ordering::Relaxed);
        let read = segment.read_rows(start..end, Projection::Full).expect("reads");
        let bytes = source.read.load(Ordering::Relaxed);
        assert!(bytes <= FETCH_BYTES_MAX, "{bytes} bytes at row {first}");
        let rows = cast::index(start)..cast::index(end);
        assert_eq!(show_all(&read, Projection::Full), expected[rows]);
    }
}

/// Most bytes that a fetch of 20 rows of one page reads.
const FETCH_BYTES_MAX: u64 = 64 << 10;

#[test]
fn granules_end_at_trace_boundaries() {
    let bytes = encode(&varied(1000), EncodeOptions { granule_rows: 100, ..EncodeOptions::BLOCK });
    let segment = open(&bytes.expect("encodes"));
    let ends: Vec<u32> = segment.granules().iter().map(|granule| granule.rows.end).collect();
    assert_eq!(ends, [102, 204, 306, 408, 510, 612, 714, 816, 918, 1000]);
    assert_eq!(segment.granule_of(101), 0);
    assert_eq!(segment.granule_of(102), 1);
    assert_eq!(segment.granule_of(1000), 10);
}

#[test]
fn interleaved_traces_share_their_ids() {
    let interleave = |traces: u64| {
        let mut builder = SpanBatchBuilder::default();
        builder.intern_resource(&Resource::default());
        builder.intern_scope(&Scope::default());
        for number in 0..4000 {
            let (trace_id, span_id) = (trace_id(number % traces), span_id(number));
            builder.finish_span(&SpanFields { trace_id, span_id, ..SpanFields::default() });
        }
        let batch = builder.finish();
        check("interleaved", &batch, &[8192]);
        encode(&batch, EncodeOptions::LOG).expect("encodes").len()
    };
    let (few, all) = (interleave(400), interleave(4000));
    assert!(few + 3600 * 14 < all, "{few} {all}");
}

#[test]
fn the_version_before_is_refused() {
    let mut bytes = encode(&varied(20), EncodeOptions::BLOCK).expect("encodes");
    assert_eq!(bytes.pop(), Some(VERSION));
    bytes.push(VERSION - 1);
    let error = Segment::open(Arc::new(bytes)).expect_err("refused").to_string();
    assert!(error.starts_with("not a segment of version 3: found"), "{error}");
}

#[test]
fn every_damaged_byte_and_every_cut_is_an_error() {
    for profile in PROFILES {
        let batch = varied(60);
        let bytes = encode(&batch, options(profile, 30)).expect("encodes");
        let read_all = |bytes: &[u8]| {
            let segment = Segment::open(Arc::new(bytes.to_vec()))?;
            // Every chunk, those too that no row of this batch would need.
            for owner in AttributeOwner::ALL {
                segment.shapes(owner)?;
                for column in 0..cast::narrow(segment.attribute_columns(owner).len()) {
                    segment.dictionary(DictionaryId::Attribute(owner, column))?;
                }
            }
            segment.read_batch(0..segment.granules().len(), Projection::Full)
        };
        assert!(read_all(&bytes).is_ok());
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1 << (place % 8);
            assert!(read_all(&damaged).is_err(), "{profile:?} byte {place} of {}", bytes.len());
        }
        for end in 0..bytes.len() {
            assert!(read_all(&bytes[..end]).is_err(), "{profile:?} cut at {end}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(read_all(&longer).is_err());
        assert!(read_all(&bytes[1..]).is_err());
    }
}

/// Extents of all chunks, from the lengths that a segment tells.
fn chunks(segment: &Segment) -> Vec<Extent> {
    let directory = segment.directory();
    let mut chunks = directory.texts.to_vec();
    for table in &directory.tables {
        chunks.push(table.shapes);
        chunks.extend(&table.dictionaries);
    }
    for granule in &directory.granules {
        let ends = granule.column_ends.iter().copied();
        let mut last = 0;
        for end in ends.chain(granule.attributes().iter().map(|stats| stats.end)) {
            chunks.push(Extent::within(granule.offset, last..end));
            last = end;
        }
    }
    chunks.retain(|chunk| chunk.length > 0);
    chunks
}

#[test]
fn damage_under_a_good_checksum_never_panics() {
    for profile in PROFILES {
        let options = options(profile, 60);
        let bytes = encode(&varied(120), options).expect("encodes");
        let chunks = chunks(&open(&bytes));
        let mut errors = 0;
        for chunk in chunks {
            let start = cast::size(chunk.offset);
            let end = start + cast::index(chunk.length) - CHECKSUM_BYTES;
            for place in start..end {
                let mut damaged = bytes.clone();
                damaged[place] ^= 1 << (place % 8);
                let checksum = chunk_checksum(&damaged[start..end], chunk.offset);
                damaged[end..end + CHECKSUM_BYTES].copy_from_slice(&checksum);
                let segment = open(&damaged);
                let all = segment.read_batch(0..segment.granules().len(), Projection::Full);
                errors += usize::from(all.is_err());
                // What decodes is at least safe to index, whatever it says.
                if let Ok(batch) = all {
                    assert!(batch.attributes.rows.len() == batch.len());
                    assert!(batch.names.is_valid() && batch.resources.is_valid());
                }
            }
        }
        assert!(errors > 100, "{profile:?}: {errors}");
    }
}

#[test]
fn tables_may_hold_what_no_row_uses() {
    let mut batch = varied(20);
    batch.names.table.push(b"unused");
    for column in &mut batch.attributes.columns {
        if let AttributeValues::String(texts) = &mut column.values {
            (0..30_u8).for_each(|number| {
                texts.table.push(&[number]);
            });
        }
    }
    check("unused entries", &batch, &[5, 8192]);
}

#[test]
fn dictionaries_are_cached_and_forgotten() {
    let options = EncodeOptions { granule_rows: 100, ..EncodeOptions::BLOCK };
    let segment = open(&encode(&varied(1000), options).expect("encodes"));
    assert_eq!(segment.cache_usage().0, 0);
    let id = DictionaryId::Text(TextColumn::Names);
    let first = segment.dictionary(id).expect("reads").expect("has one");
    let again = segment.dictionary(id).expect("reads").expect("has one");
    assert!(Arc::ptr_eq(&first, &again));
    assert!(segment.cache_usage().0 > 0);
    segment.release_cache();
    assert_eq!(segment.cache_usage().0, 0);
    let anew = segment.dictionary(id).expect("reads").expect("has one");
    assert_eq!(first, anew);
}

#[test]
fn statistics_tell_what_occurs() {
    let segment = open(&encode(&varied(1000), EncodeOptions::BLOCK).expect("encodes"));
    let granule = &segment.granules()[0];
    assert!(granule.may_have_kind(fanal_model::SpanKind::Consumer));
    assert!(granule.may_have_status(fanal_model::StatusCode::Error));
    let columns = segment.columns_of_key(AttributeOwner::Span, "http.response.status_code");
    let kinds: Vec<_> = columns
        .iter()
        .map(|&column| segment.attribute_columns(AttributeOwner::Span)[cast::index(column)].kind)
        .collect();
    let both = [fanal_model::AttributeType::Int, fanal_model::AttributeType::String];
    assert_eq!(kinds, both.map(Some));
    let stats = granule.attribute(AttributeOwner::Span, columns[0]).expect("occurs");
    assert_eq!(stats.range, Some(NumericRange::Int { min: 200, max: 200 }));
    assert_eq!(segment.columns_of_key(AttributeOwner::Link, "size"), [0_u32; 0]);
}

/// Spans of generated traces.
fn generated(spans: usize) -> SpanBatch {
    let mut generator = Generator::new(GeneratorConfig::clean(), 3);
    let mut builder = SpanBatchBuilder::default();
    while builder.len() < spans {
        let start = 1_760_000_000_000_000_000 + cast::wide(builder.len()) * 100_000;
        push_into(&generator.next_trace(start).spans, &mut builder);
    }
    builder.finish()
}

#[test]
fn classes_tell_services_and_the_longest_durations() {
    let batch = generated(30_000);
    let segment = open(&encode(&batch, EncodeOptions::BLOCK).expect("encodes"));
    let classes = segment.classes().expect("reads").expect("has classes");
    let summary = segment.resource_summary().expect("reads");
    let mut longest = vec![0; classes.len()];
    for (number, granule) in segment.granules().iter().enumerate() {
        let codes = segment.class_codes(number).expect("reads").expect("has classes");
        let resources = segment.resource_codes(number).expect("reads");
        let mut here = vec![None; classes.len()];
        for ((&class, &resource), row) in codes.iter().zip(&resources).zip(granule.rows.clone()) {
            let class = cast::index(class);
            assert_eq!(classes.services[class], summary.service_of[cast::index(resource)]);
            let step = duration_step(batch.duration_nanos(cast::index(row)));
            longest[class] = step.max(longest[class]);
            here[class] = here[class].max(Some(step));
        }
        let slowest = &granule.slowest;
        assert_eq!(slowest.classes.len(), 32, "as many as stand out");
        for (class, step) in (0..).zip(here) {
            let listed = slowest.classes.iter().find(|(listed, _)| *listed == class);
            match listed {
                Some((_, told)) => assert_eq!(Some(*told), step),
                None => assert!(step <= Some(slowest.others)),
            }
        }
    }
    assert_eq!(classes.duration_steps, longest);
}

#[test]
fn services_are_left_out_of_classes_where_these_become_too_many() {
    let check = |services: u32, is_told: bool| {
        let mut builder = SpanBatchBuilder::default();
        let scope = builder.intern_scope(&Scope::default());
        for number in 0..600_u32 {
            let name = Value::String(format!("service-{}", number % services));
            let attributes = vec![("service.name".to_owned(), name)];
            let resource = Resource { attributes, ..Resource::default() };
            let resource = builder.intern_resource(&resource);
            let name = format!("operation-{}", number % 6);
            let id = u64::from(number);
            builder.finish_span(&SpanFields {
                trace_id: trace_id(id),
                span_id: span_id(id + 1),
                name: &name,
                resource,
                scope,
                ..SpanFields::default()
            });
        }
        let segment = open(&encode(&builder.finish(), EncodeOptions::BLOCK).expect("encodes"));
        let classes = segment.classes().expect("reads").expect("has classes");
        assert_eq!(!classes.services.is_empty(), is_told, "{services} services");
        assert_eq!(classes.names.len(), 6, "{services} services");
    };
    check(1, true);
    check(3, true);
    check(12, false);
}
