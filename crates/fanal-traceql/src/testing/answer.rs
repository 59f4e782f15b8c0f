//! Answers as lines of text: what the reference evaluator says to a question of a scenario.

use super::traces::EPOCH_NANOS;
use crate::ast::Static;
use crate::check::compile;
use crate::eval::{Buckets, Series, Trace, Warnings, fields, metrics, search, span_output};
use crate::value::Value;
use fanal_model::TraceId;
use std::collections::BTreeMap;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The spans of each set: `T1 a1 a2 count()=2`.
    Spans,
    /// Every span with what is shown of it: `a4 "pay" retries=2`.
    Output,
    /// Series over a range in seconds: `{kind="server"} 0 1 -`.
    Range {
        /// Start.
        start: u64,
        /// End.
        end: u64,
        /// Step.
        step: u64,
    },
    /// Series with one sample.
    Instant {
        /// Start.
        start: u64,
        /// End.
        end: u64,
    },
}

/// The lines of the answer, newest traces first, warnings last; or the error.
pub fn answer(
    question: Question,
    query: &str,
    traces: &[Trace],
    names: &BTreeMap<TraceId, String>,
) -> Vec<String> {
    const SECOND: u64 = 1_000_000_000;
    let checked = match compile(query) {
        Ok((checked, _)) => checked,
        Err(error) => return vec![error.to_string()],
    };
    let mut warnings = Warnings::default();
    let at = |seconds: u64| EPOCH_NANOS + seconds * SECOND;
    let buckets = match question {
        Question::Range { start, end, step } => {
            Buckets::of_range(at(start), at(end), step * SECOND)
        }
        Question::Instant { start, end } => Buckets::of_instant(at(start), at(end)),
        Question::Spans | Question::Output => Buckets::of_instant(0, 1),
    };
    let mut lines = Vec::new();
    let mut newest_first: Vec<&Trace> = traces.iter().collect();
    newest_first.sort_by_key(|trace| (std::cmp::Reverse(trace.start()), trace.trace_id));
    match (question, buckets) {
        (_, Err(error)) => lines.push(error.to_string()),
        (Question::Range { .. } | Question::Instant { .. }, Ok(buckets)) => {
            let series = metrics(&checked, traces, &buckets, 0, &mut warnings);
            lines.extend(series.iter().map(series_line));
        }
        (Question::Spans, _) => {
            for trace in newest_first {
                let name = names.get(&trace.trace_id).cloned().unwrap_or_default();
                for spanset in search(&checked, trace, &mut warnings) {
                    let labels = spanset.spans.iter().map(|&position| label(trace, position));
                    let attributes = spanset.attributes.iter().map(pair);
                    let words: Vec<String> = labels.chain(attributes).collect();
                    lines.push(format!("{name} {}", words.join(" ")));
                }
            }
        }
        (Question::Output, _) => {
            let fields = fields(checked.query());
            for trace in newest_first {
                for spanset in search(&checked, trace, &mut warnings) {
                    for position in spanset.spans {
                        let output = span_output(trace, position, &fields);
                        let mut words = vec![label(trace, position)];
                        words.extend(output.name.map(|name| format!("{name:?}")));
                        words.extend(output.attributes.iter().map(pair));
                        lines.push(words.join(" "));
                    }
                }
            }
        }
    }
    lines.extend(warnings.messages().into_iter().map(|message| format!("warning: {message}")));
    lines
}

/// The label of a span: what its id begins with.
fn label(trace: &Trace, position: usize) -> String {
    trace.spans[position].span_id.to_string()[..2].to_owned()
}

fn pair((key, value): &(String, Value)) -> String {
    format!("{key}={}", value_text(value))
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Float(number) => number.to_string(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(value_text).collect::<Vec<_>>().join(","))
        }
        other => other.to_static().as_ref().map_or("nil".to_owned(), Static::to_string),
    }
}

fn series_line(series: &Series) -> String {
    let labels: Vec<String> = series.labels.iter().map(pair).collect();
    let sample = |sample: &Option<f64>| sample.map_or("-".to_owned(), |sample| sample.to_string());
    let samples: Vec<String> = series.samples.iter().map(sample).collect();
    format!("{{{}}} {}", labels.join(","), samples.join(" "))
}

/// Whether two answers are the same, but for the last digits of numbers.
pub fn is_same_answer(left: &[String], right: &[String]) -> bool {
    let same_word = |(left, right): (&str, &str)| {
        let numbers = (left.parse::<f64>(), right.parse::<f64>());
        let is_near =
            |left: f64, right: f64| (left - right).abs() <= left.abs().max(right.abs()) * 1e-12;
        left == right || matches!(numbers, (Ok(left), Ok(right)) if is_near(left, right))
    };
    let same_line = |(left, right): (&String, &String)| {
        left.split(' ').count() == right.split(' ').count()
            && left.split(' ').zip(right.split(' ')).all(same_word)
    };
    left.len() == right.len() && left.iter().zip(right).all(same_line)
}
