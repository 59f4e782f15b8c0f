//! Metrics queries: a function over the spans of a pipeline, and what is done with its series.

use super::{
    ArithmeticOperator, Attribute, ComparisonOperator, Filter, Located, Pipeline, Static, TextSpan,
};

/// A metrics query with what follows it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsQuery {
    /// Where series come from.
    pub expression: MetricsExpression,
    /// What is done with the result of arithmetic; empty where `expression` is one pipeline, which has its own.
    pub second: Vec<SecondStage>,
}

/// Where series come from.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricsExpression {
    /// One pipeline with its function.
    Pipeline(Box<MetricsPipeline>),
    /// An int or a float; an operand of arithmetic only.
    Constant(Static),
    /// `(…) / (…)`.
    Arithmetic {
        /// `+ - * /`.
        operator: ArithmeticOperator,
        /// Its left operand.
        left: Box<MetricsExpression>,
        /// Its right operand.
        right: Box<MetricsExpression>,
        /// Where the operator stands.
        span: TextSpan,
    },
}

/// `{ … } | rate() by (…) | topk(3)`.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsPipeline {
    /// Which spans.
    pub pipeline: Pipeline,
    /// What is computed of them.
    pub aggregate: MetricsAggregate,
    /// What is done with the series.
    pub second: Vec<SecondStage>,
}

/// A metrics function with its grouping.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricsAggregate {
    /// The function.
    pub function: MetricsFunction,
    /// `by (…)`; empty without one.
    pub by: Vec<Located<Attribute>>,
    /// Where the function stands.
    pub span: TextSpan,
}

/// What is computed of the spans of a bucket.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricsFunction {
    /// Spans a second.
    Rate,
    /// Spans.
    CountOverTime,
    /// Sum, mean, least or greatest of a field.
    OverTime(OverTime, Located<Attribute>),
    /// Spans by powers of two of a field.
    HistogramOverTime(Located<Attribute>),
    /// Quantiles of a field; at least one.
    QuantileOverTime(Located<Attribute>, Vec<Located<f64>>),
    /// What is different about some spans.
    Compare(Box<Compare>),
}

/// Which number of a field is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverTime {
    /// `min_over_time`
    Minimum,
    /// `max_over_time`
    Maximum,
    /// `sum_over_time`
    Sum,
    /// `avg_over_time`
    Average,
}

/// `compare({ selection }, top, start, end)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Compare {
    /// Which spans are the selection.
    pub selection: Filter,
    /// Values of an attribute that get a series.
    pub top: Option<Located<i64>>,
    /// Unix nanoseconds in which a span must start to be selected.
    pub range: Option<(i64, i64)>,
}

/// What is done with series.
#[derive(Debug, Clone, PartialEq)]
pub enum SecondStage {
    /// `topk(n)`
    Top(Located<i64>),
    /// `bottomk(n)`
    Bottom(Located<i64>),
    /// `> 5`
    Filter(ComparisonOperator, Static),
}

impl MetricsFunction {
    /// As written, and the name of an ungrouped series.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::CountOverTime => "count_over_time",
            Self::OverTime(OverTime::Minimum, _) => "min_over_time",
            Self::OverTime(OverTime::Maximum, _) => "max_over_time",
            Self::OverTime(OverTime::Sum, _) => "sum_over_time",
            Self::OverTime(OverTime::Average, _) => "avg_over_time",
            Self::HistogramOverTime(_) => "histogram_over_time",
            Self::QuantileOverTime(..) => "quantile_over_time",
            Self::Compare(_) => "compare",
        }
    }

    /// The field that is measured.
    pub fn argument(&self) -> Option<&Located<Attribute>> {
        match self {
            Self::Rate | Self::CountOverTime | Self::Compare(_) => None,
            Self::OverTime(_, attribute)
            | Self::HistogramOverTime(attribute)
            | Self::QuantileOverTime(attribute, _) => Some(attribute),
        }
    }
}
