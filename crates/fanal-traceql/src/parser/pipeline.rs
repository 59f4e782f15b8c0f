//! Queries as a whole, their pipelines and the stages of these.

use super::operand::{Operand, pipeline_scalar};
use super::{Deep, Parsed, Parser, metrics};
use crate::ast::{
    Aggregate, AggregateFunction, Body, Hint, Pipeline, ScalarExpression, SpansetQuery, Stage,
};
use crate::error::TextError;
use crate::suggest;

/// Stages that are called like functions.
const STAGES: [&str; 3] = ["by", "coalesce", "select"];

/// What a pipe leads to.
enum Next {
    Stage(Stage),
    /// An aggregate without a comparison, which ends a pipeline in parentheses.
    Aggregate(Aggregate),
}

impl Parser<'_> {
    /// Everything but the hints.
    pub(super) fn body(&mut self) -> Parsed<Body> {
        let start = self.peek().span;
        let operand = self.pipeline_or_operand()?.node;
        let span = start.to(self.last_span());
        match operand {
            Operand::Spansets { query, .. } => Ok(Body::Search(query)),
            Operand::PipelineFilter(filter) => Ok(Body::Scalar(filter)),
            Operand::Metrics(query) => Ok(Body::Metrics(self.with_second(query)?)),
            Operand::ScalarFilter(filter) => {
                let stages = vec![Stage::ScalarFilter(filter)];
                Ok(Body::Search(SpansetQuery::Pipeline(Pipeline { stages })))
            }
            Operand::Scalar(_) | Operand::PipelineScalar(_) => {
                let error = self.unexpected("a comparison behind the aggregate");
                Err(error.help("write it like `count() > 1`"))
            }
            Operand::Constant(_) => {
                let error = TextError::syntax(span, "a constant is no query");
                Err(error.help("begin with a filter: `{ }`"))
            }
        }
    }

    /// A pipeline up to its end, or what may stand in its place in parentheses.
    pub(super) fn pipeline_or_operand(&mut self) -> Parsed<Deep<Operand>> {
        if self.is_stage() {
            if self.is_word("coalesce") {
                let error = "a query cannot begin with `coalesce()`";
                let error = TextError::syntax(self.peek().span, error);
                return Err(error.help("begin with a filter: `{ }`"));
            }
            let first = self.stage_call()?;
            return Ok(Deep { node: self.stages(first)?, depth: 1 });
        }
        let Deep { node, depth } = self.operation()?;
        let node = match node {
            Operand::Spansets { query, .. } if !query.is_whole() && self.is_symbol("|") => {
                match query.into_spansets() {
                    Ok(spansets) => self.stages(Stage::Spansets(spansets))?,
                    Err(query) => Operand::Spansets { query, is_bare: true },
                }
            }
            Operand::ScalarFilter(filter) => self.stages(Stage::ScalarFilter(filter))?,
            node => node,
        };
        Ok(Deep { node, depth })
    }

    /// The stages behind the first.
    fn stages(&mut self, first: Stage) -> Parsed<Operand> {
        let mut pipeline = Pipeline { stages: vec![first] };
        while self.take_symbol("|") {
            if self.is_call() && self.word().is_some_and(metrics::is_function) {
                return Ok(Operand::Metrics(self.metrics(pipeline)?));
            }
            match self.stage()? {
                Next::Stage(stage) => pipeline.stages.push(stage),
                Next::Aggregate(aggregate) => return Ok(pipeline_scalar(pipeline, aggregate)),
            }
        }
        Ok(Operand::Spansets { query: SpansetQuery::Pipeline(pipeline), is_bare: true })
    }

    fn is_stage(&self) -> bool {
        self.is_call() && self.word().is_some_and(|word| STAGES.contains(&word))
    }

    fn stage(&mut self) -> Parsed<Next> {
        if self.is_stage() {
            return self.stage_call().map(Next::Stage);
        }
        let start = self.peek().span;
        let operand = self.operation()?.node;
        let span = start.to(self.last_span());
        let name = operand.as_str();
        let stage = match operand {
            Operand::Spansets { query, .. } => query.into_spansets().ok().map(Stage::Spansets),
            Operand::ScalarFilter(filter) => Some(Stage::ScalarFilter(filter)),
            Operand::Scalar(ScalarExpression::Aggregate(aggregate)) => {
                return Ok(Next::Aggregate(aggregate));
            }
            Operand::Scalar(_) => return Err(self.unexpected("a comparison behind the aggregate")),
            _ => None,
        };
        stage
            .map(Next::Stage)
            .ok_or_else(|| TextError::syntax(span, format!("{name} cannot stand behind `|`")))
    }

    /// `by(…)`, `coalesce()` or `select(…)`.
    fn stage_call(&mut self) -> Parsed<Stage> {
        let word = self.word().unwrap_or_default().to_owned();
        self.advance();
        self.advance();
        match word.as_str() {
            "by" => {
                let expression = self.expression()?;
                self.expect_symbol(")", "an operator or `)`")?;
                Ok(Stage::GroupBy(expression))
            }
            "coalesce" => self.expect_symbol(")", "`)`").map(|_| Stage::Coalesce),
            _ => self.attributes().map(Stage::Select),
        }
    }

    pub(super) fn is_aggregate(&self) -> bool {
        self.is_call() && self.word().is_some_and(|word| aggregate_function(word).is_some())
    }

    pub(super) fn aggregate(&mut self) -> Parsed<Aggregate> {
        let start = self.peek().span;
        let function = self.word().and_then(aggregate_function).unwrap_or(AggregateFunction::Count);
        self.advance();
        self.advance();
        let argument = if function == AggregateFunction::Count {
            self.expect_symbol(")", "`)`: count() takes no argument")?;
            None
        } else {
            let argument = self.expression()?;
            self.expect_symbol(")", "an operator or `)`")?;
            Some(argument)
        };
        Ok(Aggregate { function, argument, span: start.to(self.last_span()) })
    }

    /// The error that something that begins no stage stands where one must.
    pub(super) fn unexpected_operand(&self) -> TextError {
        let error = self.unexpected("a filter `{ … }`, a stage or `(`");
        let Some(word) = self.word() else {
            return error;
        };
        if metrics::is_function(word) {
            return error.help(format!("begin with a filter: `{{ }} | {word}(…)`"));
        }
        let aggregates = AggregateFunction::ALL.iter().map(|function| function.as_str());
        let functions = STAGES.into_iter().chain(aggregates).chain(metrics::FUNCTIONS);
        let functions = functions.chain(metrics::SECOND_STAGES);
        match suggest::nearest(word, functions) {
            Some(near) if near != word => error.help(format!("did you mean `{near}(…)`?")),
            Some(near) => error.help(format!("write it like `{near}(…)`")),
            None => error,
        }
    }

    /// `with(name=value, …)`.
    pub(super) fn hints(&mut self) -> Parsed<Vec<Hint>> {
        self.advance();
        self.expect_symbol("(", "`(`")?;
        let mut hints = Vec::new();
        loop {
            let start = self.peek().span;
            let Some(name) = self.word().map(str::to_owned) else {
                return Err(self.unexpected("the name of a hint"));
            };
            self.advance();
            self.expect_symbol("=", "`=`")?;
            let Some(value) = self.take_static() else {
                return Err(self.unexpected("a literal"));
            };
            hints.push(Hint { name, value, span: start.to(self.last_span()) });
            if !self.take_symbol(",") {
                self.expect_symbol(")", "`,` or `)`")?;
                return Ok(hints);
            }
        }
    }
}

fn aggregate_function(word: &str) -> Option<AggregateFunction> {
    AggregateFunction::ALL.into_iter().find(|function| function.as_str() == word)
}
