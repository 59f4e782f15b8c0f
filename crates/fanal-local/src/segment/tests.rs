//! Round trips of whole batches, partial reads, and damaged bytes.

use super::*;
use fanal_base::cast;
use fanal_model::builder::LinkFields;
use fanal_model::{
    IndexedBatch, Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, SpanRef,
    TraceId, Value, ValueRef, nested,
};
use fanal_storage::Projection;
use proptest::prelude::*;
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

/// Encodes in every profile and reads back in every way.
fn check(name: &str, batch: &SpanBatch, granule_rows: &[usize]) {
    let expected = show_all(batch, Projection::Full);
    let summaries = show_all(batch, Projection::Summary);
    for profile in PROFILES {
        for &granule_rows in granule_rows {
            let name = format!("{name} {profile:?} {granule_rows}");
            let bytes = encode(batch, EncodeOptions { profile, granule_rows }).expect("encodes");
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

/// A batch of `count` spans in which everything occurs that a span can have, by turns.
pub(super) fn varied(count: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    for number in 0..count {
        let service = Value::String(format!("service-{}", number % 3));
        let resource = builder.intern_resource(&Resource {
            attributes: vec![("service.name".into(), service)],
            ..Resource::default()
        });
        let scope = builder.intern_scope(&Scope { name: "lib".into(), ..Scope::default() });
        push_attributes(&mut builder, number);
        if number % 3 == 0 {
            builder.event_attribute("exception.type", ValueRef::String("Timeout"));
            builder.event_attribute("retry", ValueRef::Int(number.cast_signed() % 4));
            let dropped = cast::narrow(cast::size(number % 2));
            builder.finish_event(1_000_000 + number * 10 + 5, "exception", dropped);
            builder.finish_event(number, "early", 0);
        }
        if number % 4 == 1 {
            builder.link_attribute("opentracing.ref_type", ValueRef::String("follows_from"));
            builder.finish_link(LinkFields {
                trace_id: trace_id(number + 1),
                span_id: span_id(number + 1),
                trace_state: if number % 8 == 1 { "a=1" } else { "" },
                flags: 0x100,
                dropped_attributes_count: 1,
            });
        }
        let name = format!("GET /items/{}", number % 5);
        let message = if number % 9 == 0 { format!("failed at {number}") } else { String::new() };
        let start = 1_000_000 + number * 10;
        builder.finish_span(&SpanFields {
            trace_id: trace_id(number / 6),
            span_id: span_id(number),
            parent_span_id: match number % 6 {
                0 => SpanId::default(),
                4 => SpanId([0xee; 8]),
                _ => span_id(number - number % 6),
            },
            start_unix_nanos: start,
            end_unix_nanos: [start + number % 100, start - 7, 0, u64::MAX][index_of(number)],
            kind: u8::try_from(number % 7).unwrap_or(0),
            status_code: u8::try_from(number % 4).unwrap_or(0),
            flags: if number % 2 == 0 { 0x101 } else { 0 },
            name: &name,
            trace_state: if number % 10 == 0 { "vendor=1" } else { "" },
            status_message: &message,
            resource,
            scope,
            dropped_attributes_count: u32::from(number == 2),
            dropped_events_count: u32::from(number == 40),
            dropped_links_count: 0,
        });
    }
    builder.finish()
}

fn index_of(number: u64) -> usize {
    if number % 20 < 17 { 0 } else { cast::size(number % 20 - 16) }
}

fn push_attributes(builder: &mut SpanBatchBuilder, number: u64) {
    builder.attribute("http.request.method", ValueRef::String("GET"));
    builder.attribute("http.response.status_code", ValueRef::Int(200));
    if number % 2 == 0 {
        let path = format!("/items/{number}");
        builder.attribute("url.path", ValueRef::String(&path));
        builder.attribute("cached", ValueRef::Bool(number % 4 == 0));
    }
    if number % 5 == 0 {
        let float = [0.5, -0.0, f64::NAN, f64::INFINITY][cast::size(number / 5 % 4)];
        builder.attribute("load", ValueRef::Float(float));
        builder.attribute("empty", ValueRef::Empty);
        builder.attribute("blob", ValueRef::Bytes(&number.to_le_bytes()));
        let mut bytes = Vec::new();
        nested::encode(&Value::Array(vec![Value::Int(1), Value::Empty]), &mut bytes);
        builder.attribute("list", ValueRef::Array(&bytes));
        bytes.clear();
        nested::encode(&Value::Map(vec![("k".into(), Value::Bool(true))]), &mut bytes);
        builder.attribute("map", ValueRef::Map(&bytes));
    }
    if number % 7 == 0 {
        // The same key in another type, and extremes.
        builder.attribute("http.response.status_code", ValueRef::String("ok"));
        builder.attribute("size", ValueRef::Int(if number % 2 == 0 { i64::MIN } else { i64::MAX }));
    }
}

fn trace_id(number: u64) -> TraceId {
    let high = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let low = high.wrapping_mul(0xd1b5_4a32_d192_ed03) | 1;
    TraceId((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
}

fn span_id(number: u64) -> SpanId {
    SpanId((number.wrapping_add(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1).to_be_bytes())
}

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
fn every_damaged_byte_and_every_cut_is_an_error() {
    for profile in PROFILES {
        let batch = varied(60);
        let bytes = encode(&batch, EncodeOptions { profile, granule_rows: 30 }).expect("encodes");
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

#[test]
fn dictionaries_are_cached_and_forgotten() {
    let options = EncodeOptions { granule_rows: 100, ..EncodeOptions::BLOCK };
    let segment = open(&encode(&varied(1000), options).expect("encodes"));
    assert_eq!(segment.cached_bytes(), 0);
    let id = DictionaryId::Text(TextColumn::Names);
    let first = segment.dictionary(id).expect("reads").expect("has one");
    let again = segment.dictionary(id).expect("reads").expect("has one");
    assert!(Arc::ptr_eq(&first, &again));
    assert!(segment.cached_bytes() > 0);
    segment.release_cache();
    assert_eq!(segment.cached_bytes(), 0);
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

/// One attribute of a random span: key and value by number.
type RandomAttribute = (u8, u8, u64);

#[derive(Debug, Clone)]
struct RandomSpan {
    trace: u8,
    span: u64,
    parent: u8,
    start: u64,
    end: u64,
    codes: (u8, u8, u32),
    texts: (u8, u8, u8),
    dropped: (u32, u32, u32),
    attributes: Vec<RandomAttribute>,
    events: Vec<(u64, u8, Vec<RandomAttribute>)>,
    links: Vec<(u64, Vec<RandomAttribute>)>,
}

fn random_span() -> impl Strategy<Value = RandomSpan> {
    let attributes = || prop::collection::vec((0..12_u8, 0..8_u8, any::<u64>()), 0..6);
    let times = prop_oneof![
        (1000..2000_u64, 0..500_u64).prop_map(|(start, length)| (start, start + length)),
        (any::<u64>(), any::<u64>()),
    ];
    let rare = || prop_oneof![9 => Just(0_u32), 1 => any::<u32>()];
    (
        (0..5_u8, 1..u64::MAX, any::<u8>()),
        times,
        (any::<u8>(), 0..4_u8, rare()),
        (0..4_u8, any::<u8>(), 0..3_u8),
        (rare(), rare(), rare()),
        attributes(),
        prop::collection::vec((any::<u64>(), 0..4_u8, attributes()), 0..3),
        prop::collection::vec((any::<u64>(), attributes()), 0..2),
    )
        .prop_map(|(ids, times, codes, texts, dropped, attributes, events, links)| {
            RandomSpan {
                trace: ids.0,
                span: ids.1,
                parent: ids.2,
                start: times.0,
                end: times.1,
                codes,
                texts,
                dropped,
                attributes,
                events,
                links,
            }
        })
}

fn build(spans: &[RandomSpan]) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    for (number, span) in spans.iter().enumerate() {
        push_random(&mut builder, &span.attributes, SpanBatchBuilder::attribute);
        for (time, name, attributes) in &span.events {
            push_random(&mut builder, attributes, SpanBatchBuilder::event_attribute);
            builder.finish_event(*time, &"e".repeat(usize::from(*name)), u32::from(*name) / 3);
        }
        for (id, attributes) in &span.links {
            push_random(&mut builder, attributes, SpanBatchBuilder::link_attribute);
            builder.finish_link(LinkFields {
                trace_id: trace_id(id % 3),
                span_id: SpanId(id.to_be_bytes()),
                ..LinkFields::default()
            });
        }
        let resource = builder.intern_resource(&Resource {
            schema_url: "s".repeat(usize::from(span.texts.2)),
            ..Resource::default()
        });
        let scope = builder.intern_scope(&Scope::default());
        // Parents: none, before, behind, itself, unknown.
        let parent = match span.parent {
            0..60 => SpanId::default(),
            60..90 => SpanId([span.parent; 8]),
            _ => SpanId(spans[usize::from(span.parent) * number % spans.len()].span.to_be_bytes()),
        };
        builder.finish_span(&SpanFields {
            trace_id: trace_id(u64::from(span.trace)),
            span_id: SpanId(span.span.to_be_bytes()),
            parent_span_id: parent,
            start_unix_nanos: span.start,
            end_unix_nanos: span.end,
            kind: span.codes.0,
            status_code: span.codes.1,
            flags: span.codes.2,
            name: &"n".repeat(usize::from(span.texts.0)),
            status_message: &format!("é{}", span.texts.1),
            resource,
            scope,
            dropped_attributes_count: span.dropped.0,
            dropped_events_count: span.dropped.1,
            dropped_links_count: span.dropped.2,
            ..SpanFields::default()
        });
    }
    builder.finish()
}

fn push_random(
    builder: &mut SpanBatchBuilder,
    attributes: &[RandomAttribute],
    push: fn(&mut SpanBatchBuilder, &str, ValueRef<'_>),
) {
    for &(key, kind, number) in attributes {
        let mut bytes = Vec::new();
        let text = format!("{}", number % 50);
        let value = match kind {
            0 => ValueRef::Empty,
            1 => ValueRef::String(&text),
            2 => ValueRef::Bool(number % 2 == 0),
            3 => ValueRef::Int(number.cast_signed()),
            4 => ValueRef::Float(f64::from_bits(number)),
            5 => ValueRef::Bytes(text.as_bytes()),
            6 => {
                nested::encode(&Value::Array(vec![Value::Int(number.cast_signed())]), &mut bytes);
                ValueRef::Array(&bytes)
            }
            _ => {
                nested::encode(&Value::Map(vec![(text.clone(), Value::Empty)]), &mut bytes);
                ValueRef::Map(&bytes)
            }
        };
        push(builder, &format!("key{key}"), value);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_batches_round_trip(
        spans in prop::collection::vec(random_span(), 1..80),
        granule_rows in 1..100_usize,
    ) {
        check("random", &build(&spans), &[granule_rows]);
    }

    #[test]
    fn random_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600),
        has_magic in any::<bool>(),
    ) {
        if has_magic {
            bytes.extend_from_slice(b"FNLSEG\0\x01");
        }
        prop_assert!(Segment::open(Arc::new(bytes)).is_err());
    }
}
