//! The part of PromQL that Grafana's pages of traces ask with: its tree, read by `parser` and worked out by `eval`.
//!
//! Pure: the parser numbers the selectors as leaves, whoever asks brings their series, and `eval` combines those. Everything
//! that is not in this part is refused with words. <https://prometheus.io/docs/prometheus/latest/querying/basics/>

mod eval;
mod lexer;
mod parser;

#[cfg(test)]
mod tests;

pub(super) use eval::{Series, Value, evaluate};
pub(super) use lexer::duration;
pub(super) use parser::{parse, parse_selector};

use fanal_storage::Pattern;

/// Longest query, in bytes.
pub(super) const QUERY_BYTES_MAX: usize = 16 << 10;

/// Most levels of a query within each other.
pub(super) const DEPTH_MAX: usize = 50;

/// A query.
#[derive(Debug)]
pub(super) struct Query {
    /// What is worked out.
    pub(super) root: Expression,
    /// What must be brought for it.
    pub(super) leaves: Vec<Leaf>,
}

/// A selector, and what is asked of the series that it selects.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Which series.
    pub(super) selector: Selector,
    /// `None`: their values.
    pub(super) over: Option<Over>,
}

/// A function over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Over {
    /// Whether the increase is divided by the seconds of the range.
    pub(super) is_rate: bool,
    /// The range.
    pub(super) range_nanos: u64,
}

/// Which series: all matchers must hold. The name of the metric is the label `__name__`.
#[derive(Debug, Clone)]
pub(super) struct Selector {
    pub(super) matchers: Vec<Matcher>,
}

/// A test of a label; one that a series has not is empty.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    pub(super) label: String,
    pub(super) test: Test,
}

/// The test.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Equals(String),
    EqualsNot(String),
    Matches(Pattern),
    MatchesNot(Pattern),
}

impl Matcher {
    /// Whether a value passes.
    pub(super) fn passes(&self, value: &str) -> bool {
        match &self.test {
            Test::Equals(text) => value == text,
            Test::EqualsNot(text) => value != text,
            Test::Matches(pattern) => pattern.matches(value),
            Test::MatchesNot(pattern) => !pattern.matches(value),
        }
    }
}

impl Selector {
    /// Whether all matchers of a label pass a value.
    pub(super) fn passes(&self, label: &str, value: &str) -> bool {
        self.matchers.iter().filter(|matcher| matcher.label == label).all(|it| it.passes(value))
    }
}

/// A node of the tree.
#[derive(Debug)]
pub(super) enum Expression {
    Number(f64),
    /// The series of a leaf, by its place.
    Leaf(usize),
    Aggregate {
        aggregate: Aggregate,
        by: Vec<String>,
        of: Box<Expression>,
    },
    TopK {
        count: Box<Expression>,
        by: Vec<String>,
        of: Box<Expression>,
    },
    HistogramQuantile {
        quantile: Box<Expression>,
        of: Box<Expression>,
    },
    Arithmetic {
        operator: Operator,
        left: Box<Expression>,
        right: Box<Expression>,
    },
    Or {
        left: Box<Expression>,
        right: Box<Expression>,
    },
}

/// What a group of series becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    /// 1 for each group.
    Group,
    Count,
    Min,
    Max,
    Average,
}

/// `+`, `-`, `*`, `/`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

/// Why a query is not answered; for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PromqlError {
    /// It cannot be read, or asks for what is not answered here.
    Bad(String),
    /// The series that it selects do not go together as it wants.
    Execution(String),
}
