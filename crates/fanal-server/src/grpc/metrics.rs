//! `jaeger.api_v2.metrics.MetricsQueryService`: what the Monitor tab draws, over gRPC.

use super::call::unary;
use super::moments::{duration, time, write_duration, write_time};
use crate::jaeger::metrics::question::STEP_NANOS_MIN;
use crate::jaeger::metrics::{Family, Metric, MetricsKind, MetricsQuestion, Point, ask};
use crate::refusal::Refusal;
use crate::state::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use fanal_model::SpanKind;
use fanal_wire::metrics as wire;
use std::sync::Arc;

/// Defaults of a question, in nanoseconds.
const LOOKBACK_NANOS: u64 = 3_600_000_000_000;
const STEP_NANOS: u64 = 5_000_000_000;
const RATE_PER_NANOS: u64 = 600_000_000_000;

pub(super) fn routes() -> Router<Arc<App>> {
    let path = |call: &str| format!("/jaeger.api_v2.metrics.MetricsQueryService/{call}");
    Router::new()
        .route(&path("GetMinStepDuration"), post(get_min_step_duration))
        .route(&path("GetLatencies"), post(get_latencies))
        .route(&path("GetCallRates"), post(get_call_rates))
        .route(&path("GetErrorRates"), post(get_error_rates))
}

async fn get_min_step_duration(request: Request) -> Response {
    let answer = async |_: wire::GetMinStepDurationRequest| {
        let min_step = Some(write_duration(STEP_NANOS_MIN));
        Ok(wire::GetMinStepDurationResponse { min_step })
    };
    unary(request, answer).await
}

async fn get_latencies(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::GetLatenciesRequest| {
        respond(&app, asked.base_request, MetricsKind::Latencies(asked.quantile)).await
    };
    unary(request, answer).await
}

async fn get_call_rates(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::GetCallRatesRequest| {
        respond(&app, asked.base_request, MetricsKind::Calls).await
    };
    unary(request, answer).await
}

async fn get_error_rates(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = async move |asked: wire::GetErrorRatesRequest| {
        respond(&app, asked.base_request, MetricsKind::Errors).await
    };
    unary(request, answer).await
}

async fn respond(
    app: &App,
    asked: Option<wire::MetricsQueryBaseRequest>,
    kind: MetricsKind,
) -> Result<wire::GetMetricsResponse, Refusal> {
    let question = read(asked.unwrap_or_default(), app.given.clock.now_unix_nanos())?;
    let metrics = Some(family(ask(app, &question, kind).await?));
    Ok(wire::GetMetricsResponse { metrics })
}

fn read(
    asked: wire::MetricsQueryBaseRequest,
    now_unix_nanos: u64,
) -> Result<MetricsQuestion, Refusal> {
    let or = |nanos: u64, default: u64| if nanos == 0 { default } else { nanos };
    let kind = |number: &i32| {
        let kind = usize::try_from(*number).ok().and_then(|place| SpanKind::ALL.get(place));
        kind.copied().ok_or_else(|| {
            Refusal::parameter("spanKinds", format!("spanKinds has {number}, which is no kind"))
        })
    };
    let kinds: Vec<SpanKind> = asked.span_kinds.iter().map(kind).collect::<Result<_, _>>()?;
    Ok(MetricsQuestion {
        services: asked.service_names,
        is_by_operation: asked.group_by_operation,
        end_unix_nanos: time(asked.end_time.as_ref()).unwrap_or(now_unix_nanos),
        lookback_nanos: or(duration(asked.lookback.as_ref()), LOOKBACK_NANOS),
        step_nanos: or(duration(asked.step.as_ref()), STEP_NANOS),
        rate_per_nanos: or(duration(asked.rate_per.as_ref()), RATE_PER_NANOS),
        kinds: if kinds.is_empty() { vec![SpanKind::Server] } else { kinds },
    })
}

fn family(of: Family) -> wire::MetricFamily {
    wire::MetricFamily {
        name: of.name.to_owned(),
        r#type: wire::MetricType::Gauge.into(),
        unit: String::new(),
        help: of.help,
        metrics: of.metrics.into_iter().map(metric).collect(),
    }
}

fn metric(of: Metric) -> wire::Metric {
    let label = |name: &str, value: String| wire::Label { name: name.to_owned(), value };
    let mut labels = vec![label("service_name", of.service)];
    labels.extend(of.operation.map(|operation| label("operation", operation)));
    wire::Metric { labels, metric_points: of.points.iter().map(point).collect() }
}

fn point(of: &Point) -> wire::MetricPoint {
    let value = wire::GaugeValue { value: Some(wire::GaugeValueValue::Double(of.value)) };
    wire::MetricPoint {
        value: Some(wire::MetricPointValue::Gauge(value)),
        timestamp: Some(write_time(of.time_unix_nanos)),
    }
}
