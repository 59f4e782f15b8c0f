//! Queries at one moment and over a range.

use super::answers::{Answer, PrometheusRefusal, Sample, success};
use super::data::bring;
use super::form::Form;
use super::promql::{Series, Value, evaluate, parse};
use super::windows::Points;
use crate::refusal::Refusal;
use crate::state::App;
use axum::extract::State;
use bytes::Bytes;
use http::Uri;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most selectors in one query.
const LEAVES_MAX: usize = 20;

#[derive(Debug, Serialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Scalar(Sample),
    Vector(Vec<Instant>),
    Matrix(Vec<Range>),
}

#[derive(Debug, Serialize)]
struct Instant {
    metric: BTreeMap<String, String>,
    value: Sample,
}

#[derive(Debug, Serialize)]
struct Range {
    metric: BTreeMap<String, String>,
    values: Vec<Sample>,
}

/// `GET` or `POST /api/v1/query`
pub(super) async fn instant(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Answer {
    let form = Form::read(&uri, &body)?;
    let time = form.moment("time")?.unwrap_or_else(|| app.given.clock.now_unix_nanos());
    let (value, warnings) = work_out(&app, form.query()?, Points::at(time)).await?;
    let data = match value {
        Value::Number(number) => Data::Scalar(Sample::new(time, number)),
        Value::Series(series) => {
            let one = |series: Series| {
                let value = series.samples.first().copied().flatten()?;
                Some(Instant { metric: series.labels, value: Sample::new(time, value) })
            };
            Data::Vector(series.into_iter().filter_map(one).collect())
        }
    };
    success(&app, &data, warnings)
}

/// `GET` or `POST /api/v1/query_range`
pub(super) async fn range(State(app): State<Arc<App>>, uri: Uri, body: Bytes) -> Answer {
    let form = Form::read(&uri, &body)?;
    let (start, end) = (form.needed_moment("start")?, form.needed_moment("end")?);
    let points = Points::between(start, end, form.step()?)?;
    let (value, warnings) = work_out(&app, form.query()?, points).await?;
    let series = match value {
        Value::Number(number) => {
            let samples = vec![Some(number); points.count()];
            vec![Series { labels: BTreeMap::new(), samples }]
        }
        Value::Series(series) => series,
    };
    let one = |series: Series| {
        let samples = series.samples.into_iter().enumerate();
        let sample = |(point, value): (usize, Option<f64>)| {
            value.map(|value| Sample::new(points.time(point), value))
        };
        let values: Vec<Sample> = samples.filter_map(sample).collect();
        (!values.is_empty()).then_some(Range { metric: series.labels, values })
    };
    let data = Data::Matrix(series.into_iter().filter_map(one).collect());
    success(&app, &data, warnings)
}

async fn work_out(
    app: &App,
    text: &str,
    points: Points,
) -> Result<(Value, BTreeSet<String>), PrometheusRefusal> {
    let query = parse(text)?;
    let count = query.leaves.len();
    if count > LEAVES_MAX {
        return Err(Refusal::parameter(
            "query",
            format!("query has {count} selectors, at most {LEAVES_MAX} are answered; split it"),
        )
        .into());
    }
    let mut warnings = BTreeSet::new();
    let mut leaves = Vec::with_capacity(count);
    for leaf in &query.leaves {
        leaves.push(bring(app, leaf, &points, &mut warnings).await?);
    }
    let evaluated = app.compute(move || Ok(evaluate(&query, leaves, points.count()))).await?;
    Ok((evaluated?, warnings))
}
