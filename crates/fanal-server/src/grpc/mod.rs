//! The doors at which gRPC clients ask: Jaeger's query APIs, what a storage serves to Jaeger itself, and Tempo's API.
//!
//! The binary binds an address for each of [`QUESTION_DOORS`] and serves the router that [`crate::Questions::door`] makes.
//! `call` has the frame of a call, the modules beside it a service each: they read protobuf, ask as the HTTP API does
//! (`jaeger::questions`), and write protobuf. Every door answers health checks and reflection.

pub(crate) mod call;
mod chunks;
mod dependencies;
mod filter;
mod metrics;
mod moments;
mod query_v2;
mod query_v3;
mod storage_v2;
mod summaries;

#[cfg(test)]
mod tests;

use crate::operations::http_counters;
use crate::state::App;
use crate::{answer, prometheus, tempo};
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{Request, StatusCode};
use std::sync::Arc;
use tonic::Status;
use tonic_health::ServingStatus;

/// A door at which questions are asked.
#[derive(Debug)]
pub struct QuestionDoor {
    /// Name in logs, the ready file and the status page.
    pub name: &'static str,
    /// What it answers, for people.
    pub description: &'static str,
    /// Path of the setting of its address.
    pub setting: &'static str,
    /// Where it listens unless configured.
    pub default_address: &'static str,
    /// Whether spans are sent to it too, as OTLP over gRPC.
    pub takes_spans: bool,
    services: &'static [&'static str],
    routes: fn(&Arc<App>) -> Router<Arc<App>>,
    /// What any other request over HTTP is told.
    elsewhere: (StatusCode, &'static str),
}

/// What a browser is told at a door that speaks gRPC only.
const GRPC_ONLY: (StatusCode, &str) = (
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "this port speaks gRPC; Jaeger's HTTP API and the UI are on 16686 by default\n",
);

/// Every door for questions beside the UI's. None is essential: each is left out where its usual port is taken.
pub const QUESTION_DOORS: &[QuestionDoor] = &[
    QuestionDoor {
        name: "jaeger_query",
        description: "Jaeger's gRPC query API (api_v2, api_v3, metrics)",
        setting: "jaeger.query_address",
        default_address: "127.0.0.1:16685",
        takes_spans: false,
        services: &[
            "jaeger.api_v2.QueryService",
            "jaeger.api_v3.QueryService",
            "jaeger.api_v2.metrics.MetricsQueryService",
        ],
        routes: |_| query_v2::routes().merge(query_v3::routes()).merge(metrics::routes()),
        elsewhere: GRPC_ONLY,
    },
    QuestionDoor {
        name: "jaeger_storage",
        description: "Jaeger's remote storage API (storage.v2), and OTLP over gRPC beside it: Fanal as Jaeger's storage",
        setting: "jaeger.storage_address",
        default_address: "127.0.0.1:17271",
        takes_spans: true,
        services: &[
            "jaeger.storage.v2.TraceReader",
            "jaeger.storage.v2.DependencyReader",
            "jaeger.storage.v2.Capabilities",
        ],
        routes: |_| storage_v2::routes(),
        elsewhere: GRPC_ONLY,
    },
    QuestionDoor {
        name: "tempo",
        description: "Tempo's query API (HTTP and gRPC), as Grafana asks it",
        setting: "tempo.address",
        default_address: "127.0.0.1:3200",
        takes_spans: false,
        services: &[tempo::SERVICE],
        routes: |app| counted(app, tempo::routes(&app.given.tempo)),
        elsewhere: (StatusCode::NOT_FOUND, "404 page not found\n"),
    },
    QuestionDoor {
        name: "prometheus",
        description: "Prometheus' query API over metrics from spans, as Grafana asks it",
        setting: "prometheus.address",
        default_address: "127.0.0.1:9090",
        takes_spans: false,
        services: &[],
        routes: |app| counted(app, prometheus::routes()),
        elsewhere: (StatusCode::NOT_FOUND, "404 page not found\n"),
    },
];

/// Routes of HTTP, whose answers are compressed and counted.
fn counted(app: &Arc<App>, routes: Router<Arc<App>>) -> Router<Arc<App>> {
    routes
        .layer(from_fn(answer::compress))
        .layer(from_fn_with_state(Arc::clone(app), http_counters::count))
}

/// What reflection cannot do without: it is compiled in, and a test holds that it is readable.
type Reflection = Result<Router<Arc<App>>, tonic_reflection::server::Error>;

/// The router of a door.
pub(crate) async fn router(app: Arc<App>, door: &QuestionDoor) -> Router {
    let elsewhere = door.elsewhere;
    let fallback = async move |request: Request<axum::body::Body>| unknown(&request, elsewhere);
    let mut router = (door.routes)(&app).merge(health(door).await).fallback(fallback);
    match reflection(door) {
        Ok(routes) => router = router.merge(routes),
        Err(error) => tracing::error!(door = door.name, "reflection is not served: {error}"),
    }
    router.with_state(app)
}

/// What Jaeger's health list names although it has no calls of its own.
const TRACE_WRITER: &str = "jaeger.storage.v2.TraceWriter";

async fn health(door: &QuestionDoor) -> Router<Arc<App>> {
    let (reporter, server) = tonic_health::server::health_reporter();
    let writer = door.takes_spans.then_some(TRACE_WRITER);
    for service in door.services.iter().copied().chain(writer) {
        reporter.set_service_status(service, ServingStatus::Serving).await;
    }
    Router::new().route_service("/grpc.health.v1.Health/{call}", server)
}

fn reflection(door: &QuestionDoor) -> Reflection {
    let builder = || {
        let mut builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(fanal_wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health");
        for service in door.services {
            builder = builder.with_service_name(*service);
        }
        if door.takes_spans {
            let service = "opentelemetry.proto.collector.trace.v1.TraceService";
            builder = builder.with_service_name(service);
        }
        builder
    };
    Ok(Router::new()
        .route_service("/grpc.reflection.v1.ServerReflection/{call}", builder().build_v1()?)
        .route_service(
            "/grpc.reflection.v1alpha.ServerReflection/{call}",
            builder().build_v1alpha()?,
        ))
}

/// Words for clients that are set up wrong.
fn unknown(request: &Request<axum::body::Body>, elsewhere: (StatusCode, &'static str)) -> Response {
    let path = request.uri().path();
    let is_call = request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if is_call {
        let message = format!("{path} is not served here; reflection lists what is");
        return call::response(Status::unimplemented(message).into_http());
    }
    elsewhere.into_response()
}
