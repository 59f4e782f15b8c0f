//! Series of numbers, and their order.

use crate::ast::Static;
use crate::value::{Value, is_same_group};
use fanal_model::TraceId;

/// Key and value of a label. Values are ints, floats, booleans or strings.
pub type Label = (String, Value);

/// Key of the label that has the name of a series without other labels.
pub const NAME_KEY: &str = "__name__";

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is a series of.
    pub labels: Vec<Label>,
    /// By bucket; `None` where there is nothing to say.
    pub samples: Vec<Option<f64>>,
    /// Spans as examples, by time.
    pub exemplars: Vec<Exemplar>,
}

/// A span as an example of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Its trace.
    pub trace_id: TraceId,
    /// The fields that the query mentions, by canonical name.
    pub fields: Vec<(String, Value)>,
    /// What it adds to the series, durations in seconds; or the sample of its bucket.
    pub value: f64,
    /// Its start in Unix nanoseconds.
    pub time: u64,
}

/// The value of a label: other types than int, float and boolean become text. Nil has none.
pub fn label_value(value: Value) -> Option<Value> {
    Some(match value {
        Value::Nil => return None,
        Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::String(_) => value,
        other => Value::String(text(&other)),
    })
}

/// A value as text: strings as they are, arrays as JSON.
pub fn text(value: &Value) -> String {
    match value {
        Value::Nil => "nil".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Duration(nanos) => Static::Duration(*nanos).to_string(),
        Value::Status(status) => status.as_str().to_owned(),
        Value::Kind(kind) => kind.as_str().to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(json).collect();
            format!("[{}]", items.join(","))
        }
    }
}

fn json(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let escape = |c: char| match c {
                '"' | '\\' => format!("\\{c}"),
                c if u32::from(c) < 0x20 => format!("\\u{:04x}", u32::from(c)),
                c => c.to_string(),
            };
            format!("\"{}\"", text.chars().map(escape).collect::<String>())
        }
        other => text(other),
    }
}

/// Of values with the same text: 1 and 1.0.
fn type_rank(value: &Value) -> u8 {
    match value {
        Value::Int(_) => 0,
        Value::Float(_) => 1,
        Value::Bool(_) => 2,
        _ => 3,
    }
}

/// Whether two lists of labels are the same.
pub(super) fn is_same(left: &[Label], right: &[Label]) -> bool {
    let same =
        |(left, right): (&Label, &Label)| left.0 == right.0 && is_same_group(&left.1, &right.1);
    left.len() == right.len() && left.iter().zip(right).all(same)
}

/// Labels as texts, for their order.
pub(super) type LabelTexts = Vec<(String, String)>;

pub(super) fn texts(labels: &[Label]) -> LabelTexts {
    labels.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

/// Puts series in the order of an answer: fewer labels first, then by the texts of the labels. Series without a sample go.
pub fn ordered(mut series: Vec<Series>) -> Vec<Series> {
    series.retain(|series| series.samples.iter().any(Option::is_some));
    series.sort_by_cached_key(|series| {
        let types: Vec<u8> = series.labels.iter().map(|(_, value)| type_rank(value)).collect();
        (series.labels.len(), texts(&series.labels), types)
    });
    series
}
