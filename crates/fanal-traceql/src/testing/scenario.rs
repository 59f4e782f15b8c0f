//! Scenarios: spans, questions and their answers, in one readable text each.
//!
//! A line that begins with `?` asks for the spans that a query finds, one with `??` for what is shown of them, one with
//! `range start end step ?` (seconds after the epoch of scenarios) or `instant start end ?` for series. The lines behind it,
//! up to an empty one, are the answer. `#` begins a remark. A scenario without spans of its own is about the three traces of
//! `traces.txt`.

use super::answer::Question;
use super::spans::{InvalidScenario, Spans};

/// Every scenario with its name.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("examples", include_str!("../../scenarios/examples.txt")),
    ("comparisons", include_str!("../../scenarios/comparisons.txt")),
    ("events", include_str!("../../scenarios/events.txt")),
    ("structure", include_str!("../../scenarios/structure.txt")),
    ("broken", include_str!("../../scenarios/broken.txt")),
    ("pipelines", include_str!("../../scenarios/pipelines.txt")),
    ("metrics", include_str!("../../scenarios/metrics.txt")),
];

/// The three traces that scenarios without spans of their own are about.
const TRACES: &str = include_str!("../../scenarios/traces.txt");

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its spans.
    pub spans: Spans,
    /// Its questions.
    pub cases: Vec<Case>,
}

/// A question with its answer.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is asked for.
    pub question: Question,
    /// The query.
    pub query: String,
    /// The lines of the answer.
    pub answer: Vec<String>,
}

impl Scenario {
    /// Reads the text of a scenario.
    pub fn parse(text: &str) -> Result<Self, InvalidScenario> {
        let lines: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#')).map(str::trim_end).collect();
        let is_question = |line: &&str| question(line).is_some();
        let first = lines.iter().position(is_question).unwrap_or(lines.len());
        let own = lines[..first].join("\n");
        let spans = Spans::parse(if own.trim().is_empty() { TRACES } else { &own })?;
        let mut cases: Vec<Case> = Vec::new();
        for line in &lines[first..] {
            match (question(line), cases.last_mut()) {
                (Some((question, query)), _) => {
                    cases.push(Case { question, query: query.to_owned(), answer: Vec::new() });
                }
                (None, Some(case)) if !line.is_empty() => case.answer.push((*line).to_owned()),
                _ => {}
            }
        }
        Ok(Self { spans, cases })
    }
}

fn question(line: &str) -> Option<(Question, &str)> {
    if let Some(query) = line.strip_prefix("?? ") {
        return Some((Question::Output, query));
    }
    if let Some(query) = line.strip_prefix("? ") {
        return Some((Question::Spans, query));
    }
    let (kind, rest) = line.split_once(' ')?;
    let (numbers, query) = rest.split_once(" ? ")?;
    let numbers: Vec<u64> =
        numbers.split(' ').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let question = match (kind, numbers.as_slice()) {
        ("range", &[start, end, step]) => Question::Range { start, end, step },
        ("instant", &[start, end]) => Question::Instant { start, end },
        _ => return None,
    };
    Some((question, query))
}
