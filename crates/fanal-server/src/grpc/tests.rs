//! The gRPC doors as clients see them, through the routers that the binary serves.

use super::{QUESTION_DOORS, router};
use crate::limits::Limits;
use crate::testing::{CHECKOUT, MuteStore, PING, SLOWNESS, START, Server, ping};
use axum::Router;
use axum::body::Body;
use fanal_formats::otlp::protobuf::decode_request;
use fanal_wire::{Timestamp, api_v2, api_v3, expression, metrics, storage_v2, tempo};
use http::Request;
use http_body_util::BodyExt as _;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt as _;

/// A door of a server.
struct Door(Router);

/// What a call answered: its messages, and the code and words of its status.
struct Called<A> {
    messages: Vec<A>,
    code: u16,
    words: String,
    /// The trailer that tells what is missing.
    partial: String,
}

impl Door {
    async fn of(server: &Server, name: &str) -> Self {
        let door = QUESTION_DOORS.iter().find(|door| door.name == name).expect("listed");
        Self(router(server.app(), door).await)
    }

    async fn call<A: Message + Default>(&self, path: &str, message: &impl Message) -> Called<A> {
        let bytes = message.encode_to_vec();
        let mut body = vec![0];
        body.extend_from_slice(&u32::try_from(bytes.len()).expect("short").to_be_bytes());
        body.extend_from_slice(&bytes);
        let request = Request::post(format!("/{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::from(body))
            .expect("a request");
        let response = self.0.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.expect("a body");
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let of = |name: &str| {
            let value = trailers.get(name).or_else(|| parts.headers.get(name));
            value.map(|value| value.to_str().expect("text").to_owned())
        };
        let code = of("grpc-status").unwrap_or_default().parse().expect("a code");
        let words = of("grpc-message").unwrap_or_default().replace("%20", " ");
        let partial = of("fanal-partial").unwrap_or_default();
        let mut bytes = &collected.to_bytes()[..];
        let mut messages = Vec::new();
        while let Some((prefix, rest)) = bytes.split_at_checked(5) {
            let length = u32::from_be_bytes(prefix[1..].try_into().expect("four"));
            let (message, rest) = rest.split_at(length as usize);
            messages.push(A::decode(message).expect("a message"));
            bytes = rest;
        }
        Called { messages, code, words, partial }
    }

    /// The only message of a call that went well.
    async fn one<A: Message + Default>(&self, path: &str, message: &impl Message) -> A {
        let mut called = self.call(path, message).await;
        assert_eq!((called.code, called.messages.len()), (0, 1), "{path}: {}", called.words);
        called.messages.remove(0)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form that every message has")]
fn at(nanos: u64) -> Option<Timestamp> {
    Some(super::moments::write_time(nanos))
}

/// OTLP as the names of its spans.
#[derive(Clone, PartialEq, prost::Message)]
struct Otlp {
    #[prost(bytes = "vec", repeated, tag = "1")]
    resource_spans: Vec<Vec<u8>>,
}

fn names(traces: &[Otlp]) -> Vec<String> {
    let name = |traces: &Otlp| {
        let decoded = decode_request(&traces.encode_to_vec()).expect("OTLP");
        let spans = fanal_model::IndexedBatch::validated(decoded.batch).expect("valid");
        let mut names: Vec<String> = spans.spans().map(|span| span.name().to_owned()).collect();
        names.sort();
        names.join(" ")
    };
    traces.iter().map(name).collect()
}

#[tokio::test]
async fn api_v2_answers_jaegers_spans() {
    let server = Server::with_traces().await;
    let door = Door::of(&server, "jaeger_query").await;
    let path = |call: &str| format!("jaeger.api_v2.QueryService/{call}");
    let services: api_v2::GetServicesResponse =
        door.one(&path("GetServices"), &api_v2::GetServicesRequest {}).await;
    assert_eq!(services.services, ["pay", "ping", "shop"]);
    let asked = api_v2::GetOperationsRequest { service: "shop".into(), span_kind: "server".into() };
    let operations: api_v2::GetOperationsResponse = door.one(&path("GetOperations"), &asked).await;
    assert_eq!(operations.operation_names, ["checkout"]);
    assert_eq!(operations.operations[0].span_kind, "server");
    let id = fanal_model::TraceId::parse_hex(CHECKOUT).expect("an id").0.to_vec();
    let asked = api_v2::GetTraceRequest { trace_id: id.clone(), ..Default::default() };
    let chunk: api_v2::SpansResponseChunk = door.one(&path("GetTrace"), &asked).await;
    let charge = &chunk.spans[1];
    assert_eq!((charge.operation_name.as_str(), charge.flags), ("charge", 1));
    assert_eq!(charge.trace_id, id);
    assert_eq!(charge.references[0].span_id, [0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(charge.references[1].ref_type(), api_v2::SpanRefType::ChildOf);
    assert_eq!(charge.start_time.map(|it| it.nanos), Some(1_000_000));
    assert_eq!(charge.duration.map(|it| (it.seconds, it.nanos)), Some((0, 3_000_000)));
    assert_eq!(charge.process.as_ref().map(|it| it.service_name.as_str()), Some("pay"));
    let tag = |key: &str| charge.tags.iter().find(|tag| tag.key == key).expect("a tag");
    assert_eq!((tag("attempt").v_type(), tag("attempt").v_int64), (api_v2::ValueType::Int64, 3));
    assert_eq!(
        (tag("raw").v_type(), &*tag("raw").v_binary),
        (api_v2::ValueType::Binary, &[0, 1][..])
    );
    assert_eq!((tag("error").v_type(), tag("error").v_bool), (api_v2::ValueType::Bool, true));
    let query = api_v2::TraceQueryParameters {
        service_name: "ping".into(),
        start_time_min: Some(Timestamp { seconds: -62_135_596_800, nanos: 0 }),
        start_time_max: at(START + 2_000_000_000),
        ..Default::default()
    };
    let asked = api_v2::FindTracesRequest { query: Some(query) };
    let found: api_v2::SpansResponseChunk = door.one(&path("FindTraces"), &asked).await;
    assert_eq!(found.spans[0].operation_name, "ping");
    let asked = api_v2::ArchiveTraceRequest { trace_id: id, ..Default::default() };
    let _: api_v2::ArchiveTraceResponse = door.one(&path("ArchiveTrace"), &asked).await;
}

#[tokio::test]
async fn api_v3_answers_otlp() {
    let server = Server::with_traces().await;
    let door = Door::of(&server, "jaeger_query").await;
    let path = |call: &str| format!("jaeger.api_v3.QueryService/{call}");
    let asked = api_v3::GetTraceRequest { trace_id: CHECKOUT.into(), ..Default::default() };
    let trace: Otlp = door.one(&path("GetTrace"), &asked).await;
    assert_eq!(names(&[trace]), ["charge checkout refund"]);
    let range = api_v3::TraceQueryParameters {
        start_time_min: at(START),
        start_time_max: at(START + 2_000_000_000),
        ..Default::default()
    };
    let asked = api_v3::FindTracesRequest { query: Some(range.clone()) };
    let found = door.call::<Otlp>(&path("FindTraces"), &asked).await;
    assert_eq!(names(&found.messages), ["ping", "charge checkout refund"]);
    let service = expression::FieldReference { name: "service".into(), level: "resource".into() };
    let value = expression::Scalar { value: "pay".into(), r#type: String::new() };
    let operand = |term| expression::Expression { term: Some(term) };
    let filter = expression::Call {
        op: "eq".into(),
        args: vec![
            operand(expression::ExpressionTerm::Field(service)),
            operand(expression::ExpressionTerm::Scalar(value)),
        ],
    };
    let query = api_v3::TraceQueryParameters { filter: Some(filter.clone()), ..range.clone() };
    let asked = api_v3::FindTraceSummariesRequest { query: Some(query) };
    let page: api_v3::FindTraceSummariesResponse =
        door.one(&path("FindTraceSummaries"), &asked).await;
    let summary = &page.summaries[0];
    assert_eq!((summary.trace_id.as_str(), page.summaries.len()), (CHECKOUT, 1));
    assert_eq!(
        (summary.span_count, summary.error_span_count, summary.orphan_span_count),
        (3, 1, 1)
    );
    assert_eq!(summary.services[1].name, "shop");
    let filter = expression::Call { op: "or".into(), ..filter };
    let query = api_v3::TraceQueryParameters { filter: Some(filter), ..range };
    let asked = api_v3::FindTracesRequest { query: Some(query) };
    let refused = door.call::<Otlp>(&path("FindTraces"), &asked).await;
    assert_eq!((refused.code, refused.messages.len()), (3, 0), "{}", refused.words);
}

#[tokio::test]
async fn metrics_are_families_of_gauges() {
    let server = Server::with_traces().await;
    let door = Door::of(&server, "jaeger_query").await;
    let path = |call: &str| format!("jaeger.api_v2.metrics.MetricsQueryService/{call}");
    let base_request = metrics::MetricsQueryBaseRequest {
        service_names: vec!["pay".into()],
        span_kinds: vec![3],
        ..Default::default()
    };
    let asked = metrics::GetErrorRatesRequest { base_request: Some(base_request) };
    let answer: metrics::GetMetricsResponse = door.one(&path("GetErrorRates"), &asked).await;
    let family = answer.metrics.expect("a family");
    assert_eq!(
        (family.name.as_str(), family.r#type()),
        ("service_error_rate", metrics::MetricType::Gauge)
    );
    let last = family.metrics[0].metric_points.last().and_then(|point| point.value.clone());
    let one = metrics::GaugeValue { value: Some(metrics::GaugeValueValue::Double(1.0)) };
    assert_eq!(last, Some(metrics::MetricPointValue::Gauge(one)));
    let asked = metrics::GetCallRatesRequest::default();
    let refused = door.call::<metrics::GetMetricsResponse>(&path("GetCallRates"), &asked).await;
    assert_eq!(refused.code, 3, "{}", refused.words);
}

#[tokio::test]
async fn a_storage_answers_jaeger() {
    let server = Server::with_traces().await;
    let door = Door::of(&server, "jaeger_storage").await;
    let path = |call: &str| format!("jaeger.storage.v2.TraceReader/{call}");
    let param = |text: &str| storage_v2::GetTraceParams {
        trace_id: fanal_model::TraceId::parse_hex(text).expect("an id").0.to_vec(),
        ..Default::default()
    };
    let query = vec![param(PING), param("def"), param(CHECKOUT)];
    let asked = storage_v2::GetTracesRequest { query };
    let found = door.call::<Otlp>(&path("GetTraces"), &asked).await;
    assert_eq!(
        (found.code, names(&found.messages)),
        (0, vec!["ping".into(), "charge checkout refund".into()])
    );
    let attribute = |text: &str| storage_v2::KeyValue {
        key: "error".into(),
        value: Some(storage_v2::AnyValue {
            value: Some(storage_v2::AnyValueValue::String(text.into())),
        }),
    };
    let search = |text: &str| storage_v2::TraceQueryParameters {
        attributes: vec![attribute(text)],
        ..Default::default()
    };
    let asked = storage_v2::FindTracesRequest { query: Some(search("true")) };
    let found = door.call::<Otlp>(&path("FindTraces"), &asked).await;
    assert_eq!(names(&found.messages), ["charge checkout refund"]);
    let asked = storage_v2::FindTraceIdsRequest { query: Some(search("false")) };
    let ids: storage_v2::FindTraceIdsResponse = door.one(&path("FindTraceIDs"), &asked).await;
    assert_eq!(ids.trace_ids.len(), 2);
    assert_eq!(ids.trace_ids[1].start, at(START));
    let asked = storage_v2::FindTraceSummariesRequest { query: Some(search("maybe")) };
    let none = door
        .call::<storage_v2::FindTraceSummariesResponse>(&path("FindTraceSummaries"), &asked)
        .await;
    assert_eq!((none.code, none.messages.len()), (0, 0));
    let capabilities: storage_v2::GetCapabilitiesResponse = door
        .one(
            "jaeger.storage.v2.Capabilities/GetCapabilities",
            &storage_v2::GetCapabilitiesRequest {},
        )
        .await;
    let search = capabilities.search.expect("told");
    assert!(search.without_service_name && search.same_span_conjunction);
    assert!(search.filter.is_some_and(|filter| filter.operators.contains(&"eq".to_owned())));
}

#[tokio::test]
async fn refusals_are_statuses() {
    let server = Server::with_traces().await;
    let door = Door::of(&server, "jaeger_query").await;
    let check = async |path: &str, message: &api_v3::GetTraceRequest, code: u16, words: &str| {
        let called = door.call::<Otlp>(path, message).await;
        assert_eq!(called.code, code, "{path}: {}", called.words);
        assert!(called.words.starts_with(words), "{path}: {}", called.words);
    };
    let trace = |id: &str| api_v3::GetTraceRequest { trace_id: id.into(), ..Default::default() };
    check("jaeger.api_v3.QueryService/GetTrace", &trace("def"), 5, "trace not found").await;
    check("jaeger.api_v3.QueryService/GetTrace", &trace("x"), 3, "malformed trace ID").await;
    check("jaeger.api_v2.QueryService/GetTrace", &trace(""), 3, "malformed trace ID").await;
    check("jaeger.api_v3.QueryService/FindTraces", &trace(""), 3, "start_time_min is required")
        .await;
    check("jaeger.api_v3.QueryService/Nothing", &trace(""), 12, "/jaeger.api_v3").await;
    check("jaeger.storage.v2.TraceReader/GetServices", &trace(""), 12, "/jaeger.storage").await;
}

#[tokio::test]
async fn doors_tell_their_health_and_what_they_serve() {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Check {
        #[prost(string, tag = "1")]
        service: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Health {
        #[prost(int32, tag = "1")]
        status: i32,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct List {
        #[prost(string, tag = "7")]
        list_services: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Listed {
        #[prost(message, optional, tag = "6")]
        services: Option<Names>,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    struct Names {
        #[prost(message, repeated, tag = "1")]
        names: Vec<Check>,
    }
    let server = Server::new();
    for door in QUESTION_DOORS {
        let (services, name) = (door.services, door.name);
        let door = Door::of(&server, name).await;
        for service in services {
            let asked = Check { service: (*service).into() };
            let health: Health = door.one("grpc.health.v1.Health/Check", &asked).await;
            assert_eq!(health.status, 1, "{service}");
        }
        for version in ["v1", "v1alpha"] {
            let path = format!("grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
            let asked = List { list_services: "*".into() };
            let listed: Listed = door.one(&path, &asked).await;
            let names = listed.services.unwrap_or_default().names;
            let has = |name: &str| names.iter().any(|listed| listed.service == name);
            assert!(
                services.iter().all(|name| has(name)) && has("grpc.health.v1.Health"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn dependencies_are_told_in_three_apis() {
    let server = Server::with_traces().await;
    let (query, storage) =
        (Door::of(&server, "jaeger_query").await, Door::of(&server, "jaeger_storage").await);
    let (start_time, end_time) = (at(START - 1), at(START + 2_000_000_000));
    let asked = api_v2::GetDependenciesRequest { start_time, end_time };
    let old: api_v2::GetDependenciesResponse =
        query.one("jaeger.api_v2.QueryService/GetDependencies", &asked).await;
    let new: api_v3::DependenciesResponse =
        query.one("jaeger.api_v3.QueryService/GetDependencies", &asked).await;
    let stored: storage_v2::GetDependenciesResponse =
        storage.one("jaeger.storage.v2.DependencyReader/GetDependencies", &asked).await;
    let expect = ("shop", "pay", 1);
    let it = &old.dependencies[0];
    assert_eq!((it.parent.as_str(), it.child.as_str(), it.call_count), expect);
    let it = &new.dependencies[0];
    assert_eq!((it.parent.as_str(), it.child.as_str(), it.call_count), expect);
    let it = &stored.dependencies[0];
    assert_eq!((it.parent.as_str(), it.child.as_str(), it.call_count), expect);
    assert_eq!(it.source, "fanal");
    let none = api_v2::GetDependenciesRequest::default();
    let path = "jaeger.api_v2.QueryService/GetDependencies";
    let refused = query.call::<api_v2::GetDependenciesResponse>(path, &none).await;
    assert_eq!((refused.code, refused.words.as_str()), (3, "start_time is required"));
}

#[tokio::test]
async fn tempos_tags_are_streamed() {
    let server = Server::with_traces().await;
    let door = Door::of(&server, "tempo").await;
    let path = |call: &str| format!("tempopb.StreamingQuerier/{call}");
    let asked = tempo::SearchTagsRequest { scope: "resource".into(), ..Default::default() };
    let tags: tempo::SearchTagsResponse = door.one(&path("SearchTags"), &asked).await;
    assert_eq!(tags.tag_names, ["host.name", "service.name"]);
    let tags: tempo::SearchTagsV2Response = door.one(&path("SearchTagsV2"), &asked).await;
    assert_eq!((tags.scopes[0].name.as_str(), tags.scopes[0].tags.len()), ("resource", 2));
    assert!(tags.metrics.is_some());
    let asked = |tag_name: &str| tempo::SearchTagValuesRequest {
        tag_name: tag_name.into(),
        query: "{ status = error }".into(),
        ..Default::default()
    };
    let values: tempo::SearchTagValuesResponse =
        door.one(&path("SearchTagValues"), &asked("attempt")).await;
    assert_eq!(values.tag_values, ["3"]);
    let values: tempo::SearchTagValuesV2Response =
        door.one(&path("SearchTagValuesV2"), &asked("span.attempt")).await;
    assert_eq!((&*values.tag_values[0].r#type, &*values.tag_values[0].value), ("int", "3"));
    let refused = door
        .call::<tempo::SearchTagValuesV2Response>(&path("SearchTagValuesV2"), &asked("attempt"))
        .await;
    assert_eq!(refused.code, 3, "{}", refused.words);
    let few = tempo::SearchTagsRequest { max_tags_per_scope: 1, ..Default::default() };
    let cut = door.call::<tempo::SearchTagsResponse>(&path("SearchTags"), &few).await;
    assert_eq!((cut.code, cut.messages.len()), (0, 1), "{}", cut.words);
    assert!(cut.partial.starts_with("answer has the 1 keys"), "{}", cut.partial);
}

#[tokio::test]
async fn tempos_series_are_as_many_as_were_asked_for() {
    let server = Server::with_traces().await;
    let door = Door::of(&server, "tempo").await;
    let path = "tempopb.StreamingQuerier/MetricsQueryRange";
    let asked = |max_series| tempo::QueryRangeRequest {
        query: "{ } | count_over_time() by (name)".into(),
        start: START - 10_000_000_000,
        end: START + 10_000_000_000,
        max_series,
        ..Default::default()
    };
    let whole: tempo::QueryRangeResponse = door.one(path, &asked(0)).await;
    assert_eq!((whole.series.len(), whole.status), (4, 0));
    let metrics = whole.metrics.expect("metrics");
    assert_eq!(metrics.completed_jobs, metrics.total_jobs);
    let cut = door.call::<tempo::QueryRangeResponse>(path, &asked(3)).await;
    assert_eq!((cut.messages[0].series.len(), cut.messages[0].status), (3, 1));
    assert_eq!(cut.partial, "answer has 3 of 4 series, as many as were asked for");
}

#[tokio::test]
async fn tempos_calls_say_why_there_is_no_answer() {
    let check = async |store: MuteStore, code: u16| {
        let limits = Limits { question_timeout: Duration::from_millis(1), ..Limits::default() };
        let server = Server::over(Arc::new(store), limits);
        let door = Door::of(&server, "tempo").await;
        let path = |call: &str| format!("tempopb.StreamingQuerier/{call}");
        let search = tempo::SearchRequest { query: "{ }".into(), ..Default::default() };
        let called = door.call::<tempo::SearchResponse>(&path("Search"), &search).await;
        assert_eq!((called.code, called.messages.len()), (code, 0), "{}", called.words);
        let query = "{ } | rate()".into();
        let metrics = tempo::QueryInstantRequest { query, start: START - 1, end: START };
        let path = path("MetricsQueryInstant");
        let called = door.call::<tempo::QueryInstantResponse>(&path, &metrics).await;
        assert_eq!(called.code, code, "{}", called.words);
    };
    check(MuteStore::Unavailable, 14).await;
    check(MuteStore::Silent, 4).await;
}

/// Time is the test's own, so that the store's slowness takes none.
#[tokio::test(start_paused = true)]
async fn tempos_series_come_while_they_are_counted() {
    let store = MuteStore::Slow(fanal_storage::MemoryStore::default());
    let server = Server::over(Arc::new(store), Limits::default());
    server.send(ping(1)).await;
    let door = Door::of(&server, "tempo").await;
    let asked = tempo::QueryRangeRequest {
        query: "{ } | count_over_time() with(exemplars=0)".into(),
        start: START - 14_000_000_000,
        end: START + 1_000_000_000,
        step: 1_000_000_000,
        ..Default::default()
    };
    let began = tokio::time::Instant::now();
    let path = "tempopb.StreamingQuerier/MetricsQueryRange";
    let called = door.call::<tempo::QueryRangeResponse>(path, &asked).await;
    assert!(began.elapsed() >= 15 * SLOWNESS, "each second was counted alone");
    let told: Vec<(usize, u32, u32)> = called
        .messages
        .iter()
        .map(|message| {
            let metrics = message.metrics.as_ref().expect("metrics");
            let samples = message.series.iter().map(|series| series.samples.len()).sum();
            (samples, metrics.completed_jobs, metrics.total_jobs)
        })
        .collect();
    // Every other stretch, and at the end all of them.
    let news: Vec<_> = (1..=7).map(|number| (2, 2 * number, 16)).collect();
    assert_eq!(told[..7], news);
    assert_eq!(told[7..], [(16, 16, 16)]);
    let newest = &called.messages[0].series[0].samples;
    assert!(newest.iter().any(|sample| sample.value > 0.0), "{newest:?}");
}
