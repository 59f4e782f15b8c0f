//! The metrics calls of the HTTP API: parameters in, the JSON of `OpenMetrics`' protobuf form out, without an envelope.

use super::question::STEP_NANOS_MIN;
use super::series::{Family, Metric};
use super::{MetricsKind, MetricsQuestion};
use crate::jaeger::handlers::{Answer, NANOS_PER_MILLI, Style};
use crate::jaeger::parameters::{flag, number, required, unparsable};
use crate::jaeger::types::JaegerEnvelope;
use crate::native::moments;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use fanal_model::SpanKind;
use http::Uri;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Defaults of the parameters, in milliseconds.
const LOOKBACK_MILLIS: u64 = 3_600_000;
const STEP_MILLIS: u64 = 5_000;
const RATE_PER_MILLIS: u64 = 600_000;

/// `GET /api/metrics/latencies`
pub(super) async fn latencies(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let parameters = Parameters::read(&uri)?;
    let text = required(&parameters, "quantile")?;
    let quantile = text.parse().map_err(|_| unparsable("quantile", text, "it is no number"))?;
    answer(&app, &parameters, MetricsKind::Latencies(quantile)).await
}

/// `GET /api/metrics/calls`
pub(super) async fn calls(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    answer(&app, &Parameters::read(&uri)?, MetricsKind::Calls).await
}

/// `GET /api/metrics/errors`
pub(super) async fn errors(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    answer(&app, &Parameters::read(&uri)?, MetricsKind::Errors).await
}

/// `GET /api/metrics/minstep`
pub(super) async fn minstep(State(app): State<Arc<App>>, uri: Uri) -> Answer {
    let style = Style::read(&Parameters::read(&uri)?, &app);
    style.answer(&JaegerEnvelope::new(STEP_NANOS_MIN / NANOS_PER_MILLI, 0, Vec::new()))
}

async fn answer(app: &App, parameters: &Parameters, kind: MetricsKind) -> Answer {
    let style = Style::read(parameters, app);
    let question = read(parameters, app.given.clock.now_unix_nanos())?;
    let family = super::ask(app, &question, kind).await?;
    style.answer(&write(&family))
}

fn read(parameters: &Parameters, now_unix_nanos: u64) -> Result<MetricsQuestion, Refusal> {
    let nanos = |name: &str, default: u64| -> Result<u64, Refusal> {
        Ok(number(parameters, name)?.unwrap_or(default).saturating_mul(NANOS_PER_MILLI))
    };
    let services: Vec<String> = parameters.all("service").map(str::to_owned).collect();
    if services.is_empty() {
        let message = "unable to parse param 'service': please provide at least one service name";
        return Err(Refusal::parameter("service", message));
    }
    let kinds = parameters.all("spanKind").map(kind).collect::<Result<Vec<_>, _>>()?;
    Ok(MetricsQuestion {
        services,
        is_by_operation: flag(parameters, "groupByOperation")?,
        end_unix_nanos: nanos("endTs", now_unix_nanos / NANOS_PER_MILLI)?,
        lookback_nanos: nanos("lookback", LOOKBACK_MILLIS)?,
        step_nanos: nanos("step", STEP_MILLIS)?,
        rate_per_nanos: nanos("ratePer", RATE_PER_MILLIS)?,
        kinds: if kinds.is_empty() { vec![SpanKind::Server] } else { kinds },
    })
}

fn kind(word: &str) -> Result<SpanKind, Refusal> {
    SpanKind::parse(word).ok_or_else(|| {
        let why = "it is none of unspecified, internal, server, client, producer, consumer";
        unparsable("spanKind", word, why)
    })
}

fn write(family: &Family) -> Json {
    let metrics: Vec<Json> = family.metrics.iter().map(write_metric).collect();
    json!({"name": family.name, "type": "GAUGE", "help": family.help, "metrics": metrics})
}

fn write_metric(metric: &Metric) -> Json {
    // The service first: Jaeger's UI reads it by its place.
    let mut labels = vec![json!({"name": "service_name", "value": metric.service})];
    labels.extend(
        metric.operation.iter().map(|operation| json!({"name": "operation", "value": operation})),
    );
    let point = |point: &super::Point| {
        let value = serde_json::Number::from_f64(point.value);
        let value = value.map_or_else(|| Json::from("NaN"), Json::from);
        json!({
            "gaugeValue": {"doubleValue": value},
            "timestamp": moments::write(point.time_unix_nanos),
        })
    };
    let points: Vec<Json> = metric.points.iter().map(point).collect();
    json!({"labels": labels, "metricPoints": points})
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 7_200_000_000_000;

    fn check(query: &str, expect: &str) {
        let uri: Uri = format!("/api/metrics/calls?{query}").parse().expect("an address");
        let parameters = Parameters::read(&uri).expect("readable");
        let shown = match read(&parameters, NOW) {
            Ok(it) => format!(
                "{:?} {} {} {} {} {} {:?}",
                it.services,
                it.is_by_operation,
                it.end_unix_nanos / 1_000_000,
                it.lookback_nanos / 1_000_000,
                it.step_nanos / 1_000_000,
                it.rate_per_nanos / 1_000_000,
                it.kinds
            ),
            Err(refusal) => refusal.message,
        };
        assert!(shown.starts_with(expect), "{query}\n got {shown}\nwant {expect}");
    }

    #[test]
    fn questions_have_jaegers_defaults() {
        check("service=a", r#"["a"] false 7200000 3600000 5000 600000 [Server]"#);
        check(
            "service=a&service=b&groupByOperation=true&endTs=9&lookback=8&step=7&ratePer=6&spanKind=client&spanKind=internal",
            r#"["a", "b"] true 9 8 7 6 [Client, Internal]"#,
        );
    }

    #[test]
    fn wrong_parameters_are_refused() {
        check("", "unable to parse param 'service': please provide at least one service name");
        check("service=a&step=x", "unable to parse param 'step': `x`");
        check("service=a&groupByOperation=x", "unable to parse param 'groupByOperation'");
        check("service=a&spanKind=robot", "unable to parse param 'spanKind': `robot`");
    }
}
