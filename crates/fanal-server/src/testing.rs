//! Tests of whole answers: a router over a store in memory, asked as a client would.

mod stores;

pub(crate) use stores::{MuteStore, SLOWNESS};

use crate::grpc::QUESTION_DOORS;
use crate::limits::Limits;
use crate::native::types::{Consumer, Listener};
use crate::prometheus::SpanMetricsSettings;
use crate::questions::Questions;
use crate::state::{App, Readiness, ServerState};
use crate::tempo::TempoSettings;
use crate::zipkin::ZipkinSettings;
use axum::body::{Body, to_bytes};
use axum::{Router, http::Request};
use bytes::Bytes;
use fanal_base::ManualClock;
use fanal_model::builder::LinkFields;
use fanal_model::{
    Resource, Scope, SpanBatch, SpanBatchBuilder, SpanFields, SpanId, TraceId, Value, ValueRef,
};
use fanal_pipeline::{Pipeline, PipelineConfig, Submission};
use fanal_query::QueryService;
use fanal_storage::{MemoryStore, SpanStore, TenantId};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use tower::ServiceExt as _;

async fn answer_of(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("an answer");
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

/// Start of the trace of [`checkout`].
pub(crate) const START: u64 = 1_700_000_000_000_000_000;

/// Id of the trace of [`checkout`].
pub(crate) const CHECKOUT: &str = "0af7651916cd43dd8448eb211c80319c";

/// Id of the trace of [`ping`], as 32 digits.
pub(crate) const PING: &str = "00000000000000000000000000000abc";

pub(crate) const MILLI: u64 = 1_000_000;

/// A server under test.
pub(crate) struct Server {
    pub(crate) clock: ManualClock,
    pub(crate) readiness: Readiness,
    pipeline: Arc<Pipeline>,
    questions: Questions,
    router: Router,
    zipkin: Router,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("text")
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

impl Server {
    /// Over an empty store in memory.
    pub(crate) fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()), Limits::default())
    }

    /// Over any store.
    pub(crate) fn over(store: Arc<dyn SpanStore>, limits: Limits) -> Self {
        Self::set(store, limits, TempoSettings::default())
    }

    /// With a prefix of the paths of Tempo's API.
    pub(crate) fn with_prefix(path_prefix: &str) -> Self {
        let tempo = TempoSettings { path_prefix: path_prefix.to_owned() };
        Self::set(Arc::new(MemoryStore::new()), Limits::default(), tempo)
    }

    fn set(store: Arc<dyn SpanStore>, limits: Limits, tempo: TempoSettings) -> Self {
        let clock = ManualClock::at(START + 1000 * MILLI);
        let readiness = Readiness::default();
        let pipeline = Arc::new(Pipeline::new(
            Arc::clone(&store),
            PipelineConfig::default(),
            Arc::new(clock.clone()),
        ));
        let questions = Questions::new(ServerState {
            query: QueryService::new(store),
            pipeline: Arc::clone(&pipeline),
            clock: Arc::new(clock.clone()),
            readiness: readiness.clone(),
            consumers: vec![Consumer { name: "kafka".into(), origin: "kafka:9092".into() }],
            listeners: vec![Listener {
                name: "ui".into(),
                title: "This page and its API".into(),
                address: "127.0.0.1:16686".into(),
            }],
            version: "0.0.1".into(),
            limits,
            span_metrics: SpanMetricsSettings::default(),
            zipkin: ZipkinSettings {
                autocomplete_keys: vec!["environment".into(), "region".into()],
                ..ZipkinSettings::default()
            },
            tempo,
        });
        let (router, zipkin) = (questions.router(), questions.zipkin_router());
        Self { clock, readiness, pipeline, questions, router, zipkin }
    }

    /// With the two traces [`checkout`] and [`ping`].
    pub(crate) async fn with_traces() -> Self {
        let server = Self::new();
        server.send(checkout()).await;
        server.send(ping(1)).await;
        server
    }

    /// Stores spans.
    pub(crate) async fn send(&self, batch: SpanBatch) {
        let submission = Submission { batch, ..Submission::default() };
        let tenant = TenantId::default_tenant();
        self.pipeline.submit(&tenant, "otlp_http", submission).await.expect("stored");
    }

    pub(crate) fn app(&self) -> Arc<App> {
        self.questions.app()
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[]).await
    }

    pub(crate) async fn get_json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        answer.json()
    }

    /// Asks Zipkin's port.
    pub(crate) async fn get_zipkin(&self, path: &str) -> Answer {
        let request = Request::builder().uri(path).body(Body::empty());
        answer_of(&self.zipkin, request.expect("a request")).await
    }

    /// Asks Tempo's port, with the header `accept`.
    pub(crate) async fn get_tempo(&self, path: &str, accept: &str) -> Answer {
        let request = Request::builder().uri(path).header("accept", accept).body(Body::empty());
        self.ask_door("tempo", request.expect("a request")).await
    }

    /// Asks Prometheus' port.
    pub(crate) async fn get_prometheus(&self, path: &str) -> Answer {
        let request = Request::builder().uri(path).body(Body::empty());
        self.ask_door("prometheus", request.expect("a request")).await
    }

    /// Sends a form to Prometheus' port.
    pub(crate) async fn post_prometheus(&self, path: &str, form: &str) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form.to_owned()));
        self.ask_door("prometheus", request.expect("a request")).await
    }

    async fn ask_door(&self, name: &str, request: Request<Body>) -> Answer {
        let door = QUESTION_DOORS.iter().find(|door| door.name == name).expect("listed");
        answer_of(&self.questions.door(door).await, request).await
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer_of(&self.router, request.body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method("POST").uri(path).body(body.into());
        answer_of(&self.router, request.expect("a request")).await
    }

    /// Whether a path is refused with this status, kind, parameter and beginning of the message.
    pub(crate) async fn check_refusal(
        &self,
        path: &str,
        status: StatusCode,
        parameter: Option<&str>,
        message: &str,
    ) {
        let answer = self.get(path).await;
        assert_eq!(answer.status, status.as_u16(), "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        let error = &answer.json()["error"];
        let found = error["message"].as_str().expect("a message");
        assert!(found.starts_with(message), "{path}: {found}");
        assert_eq!(error["parameter"].as_str(), parameter, "{path}");
    }
}

fn resource(service: &str) -> Resource {
    let attributes = vec![
        ("service.name".to_owned(), Value::String(service.to_owned())),
        ("host.name".to_owned(), Value::String("h1".to_owned())),
    ];
    Resource { attributes, ..Resource::default() }
}

/// Id of the span that the number names.
pub(crate) fn span_id(number: u8) -> SpanId {
    SpanId([0, 0, 0, 0, 0, 0, 0, number])
}

/// Three spans: `shop: checkout` (1) with the child `pay: charge` (2), which failed and has some of everything, and
/// `shop: refund` (3) whose parent (9) never arrived.
pub(crate) fn checkout() -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let trace_id = TraceId::parse_hex(CHECKOUT).expect("an id");
    let shop = builder.intern_resource(&resource("shop"));
    let pay = builder.intern_resource(&resource("pay"));
    let plain = builder.intern_scope(&Scope::default());
    let scope = Scope { name: "lib".into(), version: "1.2".into(), ..Scope::default() };
    let scope = builder.intern_scope(&scope);
    let base = SpanFields { trace_id, flags: 0x301, scope: plain, ..SpanFields::default() };
    builder.attribute("http.response.status_code", ValueRef::Int(500));
    builder.finish_span(&SpanFields {
        span_id: span_id(1),
        start_unix_nanos: START,
        end_unix_nanos: START + 10 * MILLI + 999,
        kind: 2,
        name: "checkout",
        resource: shop,
        ..base
    });
    charge_attributes(&mut builder);
    builder.event_attribute("exception.type", ValueRef::String("Declined"));
    builder.finish_event(START + 3 * MILLI, "exception", 0);
    builder.finish_event(START + 2 * MILLI, "retry", 0);
    builder.link_attribute("opentracing.ref_type", ValueRef::String("child_of"));
    builder.finish_link(LinkFields {
        trace_id: TraceId::parse_hex("abc").expect("an id"),
        span_id: span_id(7),
        ..LinkFields::default()
    });
    builder.finish_span(&SpanFields {
        span_id: span_id(2),
        parent_span_id: span_id(1),
        start_unix_nanos: START + MILLI,
        end_unix_nanos: START + 4 * MILLI,
        kind: 3,
        status_code: 2,
        status_message: "card declined",
        trace_state: "a=b",
        name: "charge",
        resource: pay,
        scope,
        ..base
    });
    builder.finish_span(&SpanFields {
        span_id: span_id(3),
        parent_span_id: span_id(9),
        start_unix_nanos: START + 6 * MILLI,
        end_unix_nanos: START + 5 * MILLI,
        name: "refund",
        resource: shop,
        ..base
    });
    builder.finish()
}

fn charge_attributes(builder: &mut SpanBatchBuilder) {
    let mut list = Vec::new();
    fanal_model::nested::encode(&Value::Array(vec![Value::Int(1), Value::Bool(true)]), &mut list);
    builder.attribute("user", ValueRef::String("ann"));
    builder.attribute("amount", ValueRef::Float(1.5));
    builder.attribute("attempt", ValueRef::Int(3));
    builder.attribute("big", ValueRef::Int(i64::MAX));
    builder.attribute("paid", ValueRef::Bool(false));
    builder.attribute("raw", ValueRef::Bytes(&[0, 1]));
    builder.attribute("list", ValueRef::Array(&list));
    builder.attribute("telemetry.sdk.name", ValueRef::String("sdk"));
    builder.attribute("ip", ValueRef::Int(0x0a00_0001));
}

/// One span of service `ping` with a 64-bit trace id, `seconds` after the other trace.
pub(crate) fn ping(seconds: u64) -> SpanBatch {
    let mut builder = SpanBatchBuilder::default();
    let resource = builder.intern_resource(&resource("ping"));
    let scope = builder.intern_scope(&Scope::default());
    let start_unix_nanos = START + seconds * 1000 * MILLI;
    builder.finish_span(&SpanFields {
        trace_id: TraceId::parse_hex(PING).expect("an id"),
        span_id: span_id(1),
        start_unix_nanos,
        end_unix_nanos: start_unix_nanos + MILLI,
        kind: 1,
        status_code: 1,
        name: "ping",
        resource,
        scope,
        ..SpanFields::default()
    });
    builder.finish()
}
