//! Requests for the tests: random ones and fixed samples, in the generated types.
#![allow(dead_code, reason = "each test program uses a part")]

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Few distinct texts, so that dictionaries, duplicates and equal owners occur; some need escapes in JSON.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["", "a", "b", "service.name", "GET /cart", "é\u{1F3EE}", "\"\\\n\u{1}"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        Just(None),
        text().prop_map(|text| Some(Value::StringValue(text))),
        any::<bool>().prop_map(|flag| Some(Value::BoolValue(flag))),
        any::<i64>().prop_map(|number| Some(Value::IntValue(number))),
        prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(-0.0)]
            .prop_map(|number| Some(Value::DoubleValue(number))),
        vec(any::<u8>(), 0..5).prop_map(|bytes| Some(Value::BytesValue(bytes))),
        any::<i32>().prop_map(|index| Some(Value::StringValueStrindex(index))),
    ];
    leaf.prop_map(|value| AnyValue { value }).prop_recursive(4, 16, 4, |inner| {
        let entry = (text(), option::of(inner.clone())).prop_map(|(key, value)| KeyValue {
            key,
            value,
            key_strindex: 0,
        });
        prop_oneof![
            vec(inner, 0..4).prop_map(|values| Value::ArrayValue(ArrayValue { values })),
            vec(entry, 0..4).prop_map(|values| Value::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    let attribute = (text(), option::weighted(0.9, any_value()))
        .prop_map(|(key, value)| KeyValue { key, value, key_strindex: 0 });
    vec(attribute, 0..6)
}

fn dropped() -> impl Strategy<Value = u32> {
    prop_oneof![3 => Just(0), 1 => any::<u32>()]
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length).prop_filter("zero", |id| id.iter().any(|&byte| byte != 0))
}

fn optional_id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just(Vec::new()), vec(any::<u8>(), length)]
}

fn event() -> impl Strategy<Value = Event> {
    (any::<u64>(), text(), attributes(), dropped()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (optional_id(16), optional_id(8), text(), attributes(), dropped(), any::<u32>()).prop_map(
        |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
            trace_id,
            span_id,
            trace_state,
            attributes,
            dropped_attributes_count,
            flags,
        },
    )
}

fn status() -> impl Strategy<Value = Option<Status>> {
    option::of((text(), 0..4_i32).prop_map(|(message, code)| Status { message, code }))
}

fn span() -> impl Strategy<Value = Span> {
    let ids = (id(16), id(8), optional_id(8), text(), dropped());
    let fields = (text(), 0..8_i32, any::<u64>(), any::<u64>(), status());
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    (ids, fields, lists, (dropped(), dropped(), dropped())).prop_map(
        |(ids, fields, lists, counts)| Span {
            trace_id: ids.0,
            span_id: ids.1,
            parent_span_id: ids.2,
            trace_state: ids.3,
            flags: ids.4,
            name: fields.0,
            kind: fields.1,
            start_time_unix_nano: fields.2,
            end_time_unix_nano: fields.3,
            status: fields.4,
            attributes: lists.0,
            events: lists.1,
            links: lists.2,
            dropped_attributes_count: counts.0,
            dropped_events_count: counts.1,
            dropped_links_count: counts.2,
        },
    )
}

fn entity_ref() -> impl Strategy<Value = EntityRef> {
    (text(), text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(schema_url, r#type, id_keys, description_keys)| EntityRef {
            schema_url,
            r#type,
            id_keys,
            description_keys,
        },
    )
}

fn resource() -> impl Strategy<Value = Resource> {
    (attributes(), dropped(), vec(entity_ref(), 0..2)).prop_map(
        |(attributes, dropped_attributes_count, entity_refs)| Resource {
            attributes,
            dropped_attributes_count,
            entity_refs,
        },
    )
}

fn scope() -> impl Strategy<Value = InstrumentationScope> {
    (text(), text(), attributes(), dropped()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    )
}

/// A request whose spans are all acceptable.
pub(crate) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope_spans = (option::of(scope()), vec(span(), 0..4), text())
        .prop_map(|(scope, spans, schema_url)| ScopeSpans { scope, spans, schema_url });
    let resource_spans = (option::of(resource()), vec(scope_spans, 0..3), text()).prop_map(
        |(resource, scope_spans, schema_url)| ResourceSpans { resource, scope_spans, schema_url },
    );
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// An attribute.
pub(crate) fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), key_strindex: 0 }
}

/// A span whose ids are made of `number`, not 0.
pub(crate) fn numbered_span(number: u8) -> Span {
    Span {
        trace_id: vec![number; 16],
        span_id: vec![number; 8],
        name: "work".to_owned(),
        kind: 2,
        start_time_unix_nano: 1_700_000_000_000_000_000,
        end_time_unix_nano: 1_700_000_000_000_000_500,
        attributes: vec![
            attribute("http.request.method", Value::StringValue("GET".to_owned())),
            attribute("http.response.status_code", Value::IntValue(200)),
        ],
        events: vec![Event { name: "cache miss".to_owned(), ..Event::default() }],
        links: vec![Link { trace_id: vec![9; 16], span_id: vec![9; 8], ..Link::default() }],
        status: Some(Status { message: "fine".to_owned(), code: 1 }),
        ..Span::default()
    }
}

/// `spans` under one resource and scope.
pub(crate) fn request_of(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![attribute("service.name", Value::StringValue("cart".to_owned()))];
    let scope = InstrumentationScope { name: "library".to_owned(), ..Default::default() };
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource { attributes, ..Resource::default() }),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }],
            ..ResourceSpans::default()
        }],
    }
}

/// Four spans under two resources.
pub(crate) fn sample() -> ExportTraceServiceRequest {
    let mut request = request_of(vec![numbered_span(1), numbered_span(2)]);
    request
        .resource_spans
        .extend(request_of(vec![numbered_span(3), numbered_span(4)]).resource_spans);
    request
}
