//! Queries as text in canonical form, with as few parentheses as the grammar allows: parsing it gives the same query.
//!
//! The text of parts is what answers show: keys of labels, of groups and of aggregates.

mod expression;

use crate::ast::{
    Aggregate, Body, Filter, Hint, Located, MetricsAggregate, MetricsExpression, MetricsFunction,
    MetricsPipeline, MetricsQuery, Pipeline, Query, ScalarExpression, ScalarFilter, SecondStage,
    SpansetExpression, SpansetQuery, Stage, Static,
};
use crate::parser::level;
use std::fmt::{self, Display, Formatter};

/// Writes things with a text between.
fn joined<T: Display>(formatter: &mut Formatter<'_>, items: &[T], between: &str) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            formatter.write_str(between)?;
        }
        write!(formatter, "{item}")?;
    }
    Ok(())
}

/// Something that stands in parentheses where its level is below that of its place.
struct Placed<'a, T>(&'a T, bool);

impl<T: Display> Display for Placed<'_, T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if self.1 { write!(formatter, "({})", self.0) } else { write!(formatter, "{}", self.0) }
    }
}

impl Display for Query {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.body {
            Body::Search(query) => write!(formatter, "{query}")?,
            Body::Metrics(query) => write!(formatter, "{query}")?,
            Body::Scalar(filter) => write!(formatter, "{filter}")?,
        }
        if !self.hints.is_empty() {
            formatter.write_str(" with (")?;
            joined(formatter, &self.hints, ", ")?;
            formatter.write_str(")")?;
        }
        Ok(())
    }
}

impl Display for Hint {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}={}", self.name, self.value)
    }
}

impl<T: Display> Display for Located<T> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.item)
    }
}

impl Display for SpansetQuery {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let level = |query: &Self| match query {
            // Whole pipelines always stand in parentheses.
            Self::Pipeline(_) => 0,
            Self::Combined { operator, .. } => operator.level(),
        };
        match self {
            Self::Pipeline(pipeline) => write!(formatter, "{pipeline}"),
            Self::Combined { operator, left, right, .. } => {
                let left = Placed(left.as_ref(), level(left) < operator.level());
                let right = Placed(right.as_ref(), level(right) <= operator.level());
                write!(formatter, "{left} {} {right}", operator.as_str())
            }
        }
    }
}

impl Display for Pipeline {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        joined(formatter, &self.stages, " | ")
    }
}

impl Display for Stage {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spansets(spansets) => write!(formatter, "{spansets}"),
            Self::ScalarFilter(filter) => write!(formatter, "{filter}"),
            Self::GroupBy(expression) => write!(formatter, "by({expression})"),
            Self::Coalesce => formatter.write_str("coalesce()"),
            Self::Select(attributes) => {
                formatter.write_str("select(")?;
                joined(formatter, attributes, ", ")?;
                formatter.write_str(")")
            }
        }
    }
}

impl Display for SpansetExpression {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let level = |expression: &Self| match expression {
            Self::Filter(_) => u8::MAX,
            Self::Operation { operator, .. } => operator.level(),
        };
        match self {
            Self::Filter(filter) => write!(formatter, "{filter}"),
            Self::Operation { operator, left, right, .. } => {
                let left = Placed(left.as_ref(), level(left) < operator.level());
                let right = Placed(right.as_ref(), level(right) <= operator.level());
                write!(formatter, "{left} {} {right}", operator.as_str())
            }
        }
    }
}

impl Display for Filter {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match &self.expression {
            Some(expression) => write!(formatter, "{{ {expression} }}"),
            None => formatter.write_str("{ }"),
        }
    }
}

impl Display for ScalarFilter {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.left, self.operator.as_str(), self.right)
    }
}

impl Display for ScalarExpression {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let level = |expression: &Self| match expression {
            Self::Arithmetic { operator, .. } => operator.level(),
            _ => u8::MAX,
        };
        match self {
            Self::Aggregate(aggregate) => write!(formatter, "{aggregate}"),
            Self::Constant(value) => write!(formatter, "{value}"),
            Self::Pipeline(pipeline, aggregate) => write!(formatter, "({pipeline} | {aggregate})"),
            Self::Arithmetic { operator, left, right, .. } => {
                // A power takes another one on its right only.
                let left_level = operator.level() + u8::from(operator.level() == level::POWER);
                let left = Placed(left.as_ref(), level(left) < left_level);
                let right = Placed(right.as_ref(), level(right) < operator.right_level());
                write!(formatter, "{left} {} {right}", operator.as_str())
            }
        }
    }
}

impl Display for Aggregate {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.function.as_str())?;
        match &self.argument {
            Some(argument) => write!(formatter, "({argument})"),
            None => formatter.write_str("()"),
        }
    }
}

impl Display for MetricsQuery {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.expression)?;
        self.second.iter().try_for_each(|stage| write!(formatter, " {stage}"))
    }
}

impl Display for MetricsExpression {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let level = |expression: &Self| match expression {
            // Operand queries always stand in parentheses.
            Self::Pipeline(_) => 0,
            Self::Constant(_) => u8::MAX,
            Self::Arithmetic { operator, .. } => operator.level(),
        };
        match self {
            Self::Pipeline(pipeline) => write!(formatter, "{pipeline}"),
            Self::Constant(value) => write!(formatter, "{value}"),
            Self::Arithmetic { operator, left, right, .. } => {
                let left = Placed(left.as_ref(), level(left) < operator.level());
                let right = Placed(right.as_ref(), level(right) <= operator.level());
                write!(formatter, "{left} {} {right}", operator.as_str())
            }
        }
    }
}

impl Display for MetricsPipeline {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} | {}", self.pipeline, self.aggregate)?;
        self.second.iter().try_for_each(|stage| write!(formatter, " {stage}"))
    }
}

impl Display for MetricsAggregate {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}(", self.function.as_str())?;
        if let Some(argument) = self.function.argument() {
            write!(formatter, "{argument}")?;
        }
        match &self.function {
            MetricsFunction::QuantileOverTime(_, quantiles) => {
                quantiles.iter().try_for_each(|quantile| write!(formatter, ", {quantile}"))?;
            }
            MetricsFunction::Compare(compare) => {
                write!(formatter, "{}", compare.selection)?;
                if let Some(top) = &compare.top {
                    write!(formatter, ", {top}")?;
                }
                if let Some((start, end)) = compare.range {
                    write!(formatter, ", {start}, {end}")?;
                }
            }
            _ => {}
        }
        formatter.write_str(")")?;
        if !self.by.is_empty() {
            formatter.write_str(" by (")?;
            joined(formatter, &self.by, ", ")?;
            formatter.write_str(")")?;
        }
        Ok(())
    }
}

impl Display for SecondStage {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top(count) => write!(formatter, "| topk({count})"),
            Self::Bottom(count) => write!(formatter, "| bottomk({count})"),
            Self::Filter(operator, value) => write!(formatter, "{} {value}", operator.as_str()),
        }
    }
}

/// Whether a literal is written with a minus before it, which binds as loosely as a difference.
fn is_negative(value: &Static) -> bool {
    match value {
        Static::Int(number) => *number < 0 && *number != i64::MIN,
        Static::Duration(nanos) => *nanos < 0,
        Static::Float(number) => number.is_sign_negative(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
