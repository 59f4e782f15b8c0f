//! Metrics functions, their grouping, and second stages.

use super::{Parsed, Parser};
use crate::ast::{
    Compare, ComparisonOperator, Located, MetricsAggregate, MetricsExpression, MetricsFunction,
    MetricsPipeline, MetricsQuery, OverTime, Pipeline, SecondStage,
};
use crate::error::TextError;
use crate::lexer::TokenKind;
use crate::value;

/// Every metrics function.
pub(crate) const FUNCTIONS: [&str; 9] = [
    "rate",
    "count_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "avg_over_time",
    "histogram_over_time",
    "quantile_over_time",
    "compare",
];

/// Second stages that are called like functions.
pub(crate) const SECOND_STAGES: [&str; 2] = ["topk", "bottomk"];

pub(super) fn is_function(word: &str) -> bool {
    FUNCTIONS.contains(&word)
}

impl Parser<'_> {
    /// A metrics function with what follows it.
    pub(super) fn metrics(&mut self, pipeline: Pipeline) -> Parsed<MetricsQuery> {
        let start = self.peek().span;
        let function = self.metrics_function()?;
        let span = start.to(self.last_span());
        let is_grouped = self.is_word("by") && !matches!(function, MetricsFunction::Compare(_));
        let by = if is_grouped {
            self.advance();
            self.expect_symbol("(", "`(`")?;
            self.attributes()?
        } else {
            Vec::new()
        };
        let aggregate = MetricsAggregate { function, by, span };
        let second = self.second_stages()?;
        let pipeline = MetricsPipeline { pipeline, aggregate, second };
        let expression = MetricsExpression::Pipeline(Box::new(pipeline));
        Ok(MetricsQuery { expression, second: Vec::new() })
    }

    /// What follows a metrics query in parentheses.
    pub(super) fn with_second(&mut self, mut query: MetricsQuery) -> Parsed<MetricsQuery> {
        let second = self.second_stages()?;
        match &mut query.expression {
            MetricsExpression::Pipeline(pipeline) => pipeline.second.extend(second),
            _ => query.second = second,
        }
        Ok(query)
    }

    fn metrics_function(&mut self) -> Parsed<MetricsFunction> {
        let word = self.word().unwrap_or_default().to_owned();
        self.advance();
        self.advance();
        let over_time = |kind| move |attribute| MetricsFunction::OverTime(kind, attribute);
        let function = match word.as_str() {
            "rate" => MetricsFunction::Rate,
            "count_over_time" => MetricsFunction::CountOverTime,
            "min_over_time" => self.attribute().map(over_time(OverTime::Minimum))?,
            "max_over_time" => self.attribute().map(over_time(OverTime::Maximum))?,
            "sum_over_time" => self.attribute().map(over_time(OverTime::Sum))?,
            "avg_over_time" => self.attribute().map(over_time(OverTime::Average))?,
            "histogram_over_time" => self.attribute().map(MetricsFunction::HistogramOverTime)?,
            "quantile_over_time" => {
                let attribute = self.attribute()?;
                let mut quantiles = Vec::new();
                self.expect_symbol(",", "`,` and a quantile")?;
                quantiles.push(self.quantile()?);
                while self.take_symbol(",") {
                    quantiles.push(self.quantile()?);
                }
                MetricsFunction::QuantileOverTime(attribute, quantiles)
            }
            _ => MetricsFunction::Compare(Box::new(self.compare_arguments()?)),
        };
        let advise = |error: TextError| match word.as_str() {
            "rate" | "count_over_time" => {
                error.help(format!("`{word}()` counts by the step of the question"))
            }
            _ => error,
        };
        self.expect_symbol(")", "`)`").map_err(advise)?;
        Ok(function)
    }

    fn quantile(&mut self) -> Parsed<Located<f64>> {
        let item = match self.peek().kind {
            TokenKind::Int(number) => value::float(number),
            TokenKind::Float(number) => number,
            _ => return Err(self.unexpected("a quantile like 0.9")),
        };
        Ok(Located { item, span: self.advance() })
    }

    fn int(&mut self, expected: &str) -> Parsed<Located<i64>> {
        match self.peek().kind {
            TokenKind::Int(item) => Ok(Located { item, span: self.advance() }),
            _ => Err(self.unexpected(expected)),
        }
    }

    fn compare_arguments(&mut self) -> Parsed<Compare> {
        let selection = self.filter()?;
        let mut compare = Compare { selection, top: None, range: None };
        if self.take_symbol(",") {
            compare.top = Some(self.int("the number of values of an attribute")?);
            if self.take_symbol(",") {
                let start = self.int("the start in Unix nanoseconds")?;
                self.expect_symbol(",", "`,` and the end in Unix nanoseconds")?;
                let end = self.int("the end in Unix nanoseconds")?;
                compare.range = Some((start.item, end.item));
            }
        }
        Ok(compare)
    }

    fn second_stages(&mut self) -> Parsed<Vec<SecondStage>> {
        let mut stages = Vec::new();
        loop {
            if let Some(operator) = self.symbol().and_then(comparison) {
                self.advance();
                stages.push(SecondStage::Filter(operator, self.constant()?));
            } else if self.is_symbol("|") {
                self.advance();
                let make = match self.word().filter(|_| self.is_call()) {
                    Some("topk") => SecondStage::Top,
                    Some("bottomk") => SecondStage::Bottom,
                    _ => {
                        let help = "filters and stages on spans stand before the metrics function";
                        return Err(self.unexpected("`topk(…)` or `bottomk(…)`").help(help));
                    }
                };
                self.advance();
                self.advance();
                stages.push(make(self.int("a whole number of series")?));
                self.expect_symbol(")", "`)`")?;
            } else {
                return Ok(stages);
            }
        }
    }
}

fn comparison(symbol: &str) -> Option<ComparisonOperator> {
    ComparisonOperator::ALL.into_iter().find(|operator| operator.as_str() == symbol)
}
