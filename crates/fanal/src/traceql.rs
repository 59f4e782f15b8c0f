//! `fanal query '{ … }'`: a TraceQL query asked of a running server, as a table, sparklines, a heatmap, JSON or CSV.
//!
//! The query is read here first, so that a mistake is pointed at without a server.

use crate::ask::{show_duration, show_time, start_parameter};
use crate::cli::{QueryArgs, QueryOutput};
use crate::client::Client;
use anyhow::Context;
use fanal_traceql::ast::{Body, MetricsExpression, MetricsFunction};
use fanal_traceql::check::compile;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Widest sparkline and heatmap, in characters.
const WIDTH_MAX: usize = 40;
const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];

#[derive(Debug, Deserialize)]
struct SearchAnswer {
    traces: Vec<TraceLine>,
    next_cursor: Option<String>,
    complete: bool,
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct TraceLine {
    trace_id: String,
    start_unix_nano: String,
    duration_nanos: String,
    root_service: Option<String>,
    root_name: Option<String>,
    span_count: u64,
    error_count: u64,
    sets: Vec<Set>,
}

#[derive(Debug, Deserialize)]
struct Set {
    matched: u64,
    spans: Vec<Span>,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
struct Span {
    #[serde(rename = "span_id")]
    id: String,
    duration_nanos: String,
    name: Option<String>,
    attributes: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
struct Attribute {
    key: String,
    value: Typed,
}

#[derive(Debug, Deserialize)]
struct Typed {
    #[serde(default)]
    value: Value,
}

#[derive(Debug, Deserialize)]
struct MetricsAnswer {
    ends_unix_nano: Vec<String>,
    series: Vec<Series>,
    complete: bool,
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Series {
    labels: Vec<Attribute>,
    samples: Vec<Option<f64>>,
}

/// Answers a query as text for stdout.
pub(crate) async fn query(args: &QueryArgs, query: &str) -> anyhow::Result<String> {
    let (checked, _) =
        compile(query).map_err(|error| anyhow::anyhow!("{}", error.render(query)))?;
    let client = Client::new(&args.server)?;
    let start = start_parameter(&args.conditions)?;
    match &checked.query().body {
        Body::Metrics(metrics) => {
            let request = json!({"query": query, "start": start, "step": args.step});
            let body = client.post("/fanal/v1/traceql/metrics", request.to_string()).await?;
            if args.output == QueryOutput::Json {
                return Ok(format!("{}\n", String::from_utf8_lossy(&body)));
            }
            let answer: MetricsAnswer =
                serde_json::from_slice(&body).context("the server's answer holds no series")?;
            Ok(match args.output {
                QueryOutput::Csv => series_csv(&answer),
                _ if is_histogram(&metrics.expression) => heatmap(&answer),
                _ => sparklines(&answer),
            })
        }
        Body::Search(_) | Body::Scalar(_) => {
            let request = json!({
                "query": query, "start": start, "limit": args.limit, "cursor": args.cursor,
            });
            let body = client.post("/fanal/v1/traceql/search", request.to_string()).await?;
            if args.output == QueryOutput::Json {
                return Ok(format!("{}\n", String::from_utf8_lossy(&body)));
            }
            let answer: SearchAnswer =
                serde_json::from_slice(&body).context("the server's answer holds no traces")?;
            Ok(if args.output == QueryOutput::Csv { traces_csv(&answer) } else { traces(&answer) })
        }
    }
}

fn is_histogram(expression: &MetricsExpression) -> bool {
    matches!(expression, MetricsExpression::Pipeline(pipeline)
        if matches!(pipeline.aggregate.function, MetricsFunction::HistogramOverTime(_)))
}

/// The text of a value.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn attributes(all: &[Attribute]) -> String {
    let shown: Vec<String> =
        all.iter().map(|it| format!("{}={}", it.key, shown(&it.value.value))).collect();
    shown.join(" ")
}

fn nanos(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

fn traces(answer: &SearchAnswer) -> String {
    if answer.traces.is_empty() && answer.complete {
        return "no trace matches; widen the time range or drop a condition\n".to_owned();
    }
    let mut text = format!(
        "{:<32}  {:<24}  {:>9}  {:>6}  {:>6}  {:>7}  ROOT\n",
        "TRACE", "START", "DURATION", "SPANS", "ERRORS", "MATCHED"
    );
    for trace in &answer.traces {
        let root = match (&trace.root_service, &trace.root_name) {
            (Some(service), Some(name)) => format!("{service}: {name}"),
            _ => "(root not received)".to_owned(),
        };
        let matched: u64 = trace.sets.iter().map(|set| set.matched).sum();
        let _ = writeln!(
            text,
            "{:<32}  {:<24}  {:>9}  {:>6}  {:>6}  {matched:>7}  {root}",
            trace.trace_id,
            show_time(nanos(&trace.start_unix_nano)),
            show_duration(nanos(&trace.duration_nanos)),
            trace.span_count,
            trace.error_count,
        );
        for set in &trace.sets {
            if !set.attributes.is_empty() {
                let _ = writeln!(text, "  {}", attributes(&set.attributes));
            }
            for span in &set.spans {
                let name = span.name.as_deref().map_or(String::new(), |name| format!("  {name}"));
                let _ = writeln!(
                    text,
                    "    {}  {:>9}{name}  {}",
                    span.id,
                    show_duration(nanos(&span.duration_nanos)),
                    attributes(&span.attributes),
                );
            }
        }
    }
    tell(&mut text, answer.complete, &answer.warnings);
    if let Some(cursor) = &answer.next_cursor {
        let _ = writeln!(text, "more: --cursor {cursor}");
    }
    text
}

fn tell(text: &mut String, is_complete: bool, warnings: &[String]) {
    let word = if is_complete { "note" } else { "incomplete" };
    for warning in warnings {
        let _ = writeln!(text, "{word}: {warning}");
    }
}

fn csv_field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn csv_line(fields: &[String]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| csv_field(field)).collect();
    format!("{}\r\n", fields.join(","))
}

fn traces_csv(answer: &SearchAnswer) -> String {
    let names = [
        "trace_id",
        "start",
        "duration_nanos",
        "spans",
        "errors",
        "root_service",
        "root_name",
        "span_id",
        "span_name",
        "span_duration_nanos",
        "attributes",
    ];
    let mut text = csv_line(&names.map(str::to_owned));
    for trace in &answer.traces {
        let own = [
            trace.trace_id.clone(),
            show_time(nanos(&trace.start_unix_nano)),
            trace.duration_nanos.clone(),
            trace.span_count.to_string(),
            trace.error_count.to_string(),
            trace.root_service.clone().unwrap_or_default(),
            trace.root_name.clone().unwrap_or_default(),
        ];
        for span in trace.sets.iter().flat_map(|set| &set.spans) {
            let mut fields = own.to_vec();
            fields.extend([
                span.id.clone(),
                span.name.clone().unwrap_or_default(),
                span.duration_nanos.clone(),
                attributes(&span.attributes),
            ]);
            text.push_str(&csv_line(&fields));
        }
    }
    text
}

fn series_csv(answer: &MetricsAnswer) -> String {
    let mut text = csv_line(&["series".to_owned(), "end".to_owned(), "value".to_owned()]);
    for series in &answer.series {
        let name = attributes(&series.labels);
        for (end, sample) in answer.ends_unix_nano.iter().zip(&series.samples) {
            if let Some(sample) = sample {
                text.push_str(&csv_line(&[
                    name.clone(),
                    show_time(nanos(end)),
                    sample.to_string(),
                ]));
            }
        }
    }
    text
}

/// The greatest sample of each of at most [`WIDTH_MAX`] stretches of equal length.
fn stretches(samples: &[Option<f64>]) -> Vec<Option<f64>> {
    let length = samples.len().div_ceil(WIDTH_MAX).max(1);
    let greatest = |stretch: &[Option<f64>]| stretch.iter().flatten().copied().reduce(f64::max);
    samples.chunks(length).map(greatest).collect()
}

/// The place of a share, from 0 to 1, among so many.
fn place(share: f64, count: usize) -> usize {
    let mut place = 0;
    while place + 1 < count
        && share * fanal_base::cast::figure(fanal_base::cast::wide(count))
            >= fanal_base::cast::figure(fanal_base::cast::wide(place + 1))
    {
        place += 1;
    }
    place
}

/// A number in about four digits.
fn figure(number: f64) -> String {
    if number == 0.0 || (0.01..100_000.0).contains(&number.abs()) {
        let text = format!("{number:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        format!("{number:.3e}")
    }
}

fn range(answer: &MetricsAnswer) -> String {
    let ends = (answer.ends_unix_nano.first(), answer.ends_unix_nano.last());
    let (Some(first), Some(last)) = ends else { return String::new() };
    format!("{} to {}\n", show_time(nanos(first)), show_time(nanos(last)))
}

fn sparklines(answer: &MetricsAnswer) -> String {
    if answer.series.is_empty() && answer.complete {
        return "no span matches; widen the time range or drop a condition\n".to_owned();
    }
    let mut text = range(answer);
    for series in &answer.series {
        let shown = stretches(&series.samples);
        let numbers = || series.samples.iter().flatten().copied();
        let max = numbers().fold(f64::MIN, f64::max);
        let min = numbers().fold(f64::MAX, f64::min);
        let spark = |sample: &Option<f64>| {
            sample.map_or(' ', |sample| {
                let share = if max > 0.0 { sample / max } else { 0.0 };
                SPARKS[place(share, SPARKS.len())]
            })
        };
        let line: String = shown.iter().map(spark).collect();
        let last = numbers().last().unwrap_or_default();
        let _ = writeln!(
            text,
            "{line}  {}  min {}  max {}  last {}",
            attributes(&series.labels),
            figure(min),
            figure(max),
            figure(last)
        );
    }
    tell(&mut text, answer.complete, &answer.warnings);
    text
}

/// Buckets upwards, time to the right, the more spans the darker.
fn heatmap(answer: &MetricsAnswer) -> String {
    if answer.series.is_empty() && answer.complete {
        return "no span matches; widen the time range or drop a condition\n".to_owned();
    }
    let bucket = |series: &Series| {
        let label = series.labels.iter().find(|label| label.key == "__bucket");
        label.and_then(|label| shown(&label.value.value).parse::<f64>().ok()).unwrap_or_default()
    };
    let mut rows: Vec<(f64, &Series)> = answer.series.iter().map(|it| (bucket(it), it)).collect();
    rows.sort_by(|left, right| right.0.total_cmp(&left.0));
    let all = answer.series.iter().flat_map(|series| series.samples.iter().flatten());
    let max = all.copied().fold(0.0, f64::max);
    let mut text = range(answer);
    for (bound, series) in rows {
        let cell = |sample: &Option<f64>| match sample {
            Some(sample) if *sample > 0.0 => SHADES[place(sample / max, SHADES.len())],
            _ => ' ',
        };
        let line: String = stretches(&series.samples).iter().map(cell).collect();
        let labels: Vec<String> = series
            .labels
            .iter()
            .filter(|label| label.key != "__bucket")
            .map(|label| format!("{}={}", label.key, shown(&label.value.value)))
            .collect();
        let _ = writeln!(text, "{:>10} │{line}│ {}", figure(bound), labels.join(" "));
    }
    tell(&mut text, answer.complete, &answer.warnings);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(series: &[(&str, &str, &[Option<f64>])]) -> MetricsAnswer {
        let series = series.iter().map(|(key, value, samples)| Series {
            labels: vec![Attribute {
                key: (*key).to_owned(),
                value: Typed { value: Value::String((*value).to_owned()) },
            }],
            samples: samples.to_vec(),
        });
        MetricsAnswer {
            ends_unix_nano: vec!["0".to_owned(), "60000000000".to_owned()],
            series: series.collect(),
            complete: false,
            warnings: vec!["a block is lost".to_owned()],
        }
    }

    #[test]
    fn series_are_drawn() {
        let answer = metrics(&[
            ("kind", "client", &[Some(0.0), Some(4.0)]),
            ("kind", "a", &[None, Some(0.5)]),
        ]);
        assert_eq!(
            sparklines(&answer),
            "1970-01-01T00:00:00.000Z to 1970-01-01T00:01:00.000Z\n\
             ▁█  kind=client  min 0  max 4  last 4\n \
             █  kind=a  min 0.5  max 0.5  last 0.5\n\
             incomplete: a block is lost\n"
        );
        let answer = metrics(&[
            ("__bucket", "0.5", &[Some(1.0), Some(8.0)]),
            ("__bucket", "2", &[None, Some(4.0)]),
        ]);
        assert_eq!(
            heatmap(&answer),
            "1970-01-01T00:00:00.000Z to 1970-01-01T00:01:00.000Z\n         \
             2 │ ▓│ \n       \
             0.5 │░█│ \n\
             incomplete: a block is lost\n"
        );
    }

    #[test]
    fn long_series_are_drawn_by_their_greatest_samples() {
        let samples: Vec<Option<f64>> = (0..150).map(|it| Some(f64::from(it))).collect();
        let drawn = stretches(&samples);
        assert_eq!((drawn.len(), drawn[0], drawn[37]), (38, Some(3.0), Some(149.0)));
    }

    #[test]
    fn fields_of_csv_are_quoted_where_they_must_be() {
        let fields = ["a", "b,c", "d\"e"].map(str::to_owned);
        assert_eq!(csv_line(&fields), "a,\"b,c\",\"d\"\"e\"\r\n");
    }
}
