//! Random batches and random bytes.

use super::super::Segment;
use super::check;
use super::varied::trace_id;
use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, Value, ValueRef, nested,
};
use proptest::prelude::*;
use std::sync::Arc;

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
            bytes.extend_from_slice(b"FNLSEG\0\x02");
        }
        prop_assert!(Segment::open(Arc::new(bytes)).is_err());
    }
}
