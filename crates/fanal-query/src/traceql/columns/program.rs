//! Stages of a pipeline over the spans of one trace in columns.

use super::Asked;
use super::field::Field;
use super::structure::{Marks, combine};
use super::test::Test;
use super::whole::Whole;
use fanal_base::cast;
use fanal_traceql::ast::{
    AggregateFunction, ComparisonOperator, Filter, Keep, Pipeline, ScalarExpression, ScalarFilter,
    SpansetExpression, SpansetOperator, SpansetQuery, Stage,
};
use fanal_traceql::eval::aggregate_of;
use fanal_traceql::value::{self, Value};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// What is asked of a trace.
#[derive(Debug)]
pub(in crate::traceql) struct Program(Stages);

#[derive(Debug)]
enum Stages {
    /// One after the other.
    Steps(Vec<Step>),
    Combined {
        operator: SpansetOperator,
        left: Box<Stages>,
        right: Box<Stages>,
    },
}

/// A stage.
#[derive(Debug)]
enum Step {
    Sets(Sets),
    Scalar(Scalar),
    Group(Field),
    Coalesce,
}

/// Filters, and operators between them.
#[derive(Debug)]
enum Sets {
    Filter(Test),
    Operation { operator: SpansetOperator, left: Box<Sets>, right: Box<Sets> },
}

/// An aggregate compared with a constant.
#[derive(Debug)]
struct Scalar {
    function: AggregateFunction,
    /// `None`: spans are counted.
    field: Option<Field>,
    operator: ComparisonOperator,
    constant: Value,
}

/// Spans that belong together: their positions, ascending.
type Set = Vec<u32>;

impl Program {
    /// Of a search; `None` where a walk does not tell.
    pub(in crate::traceql) fn of_query(query: &SpansetQuery, asked: &mut Asked) -> Option<Self> {
        Stages::of_query(query, asked).map(Self)
    }

    /// Of a pipeline.
    pub(in crate::traceql) fn of_pipeline(pipeline: &Pipeline, asked: &mut Asked) -> Option<Self> {
        Stages::of_pipeline(pipeline, asked).map(Self)
    }

    /// Bits that must be met on spans of a trace for anything to be found there.
    pub(in crate::traceql) fn needed(&self) -> u64 {
        self.0.needed()
    }

    /// The only filter, where there is nothing else.
    fn only_filter(&self) -> Option<&Test> {
        match &self.0 {
            Stages::Steps(steps) => match steps.as_slice() {
                [Step::Sets(Sets::Filter(test))] => Some(test),
                _ => None,
            },
            Stages::Combined { .. } => None,
        }
    }

    /// Hands out the spans that are found in a trace, however they are grouped.
    pub(super) fn each_matched(&self, trace: &Whole<'_>, take: &mut impl FnMut(usize)) {
        if let Some(test) = self.only_filter() {
            (0..trace.spans.len()).filter(|&place| test.holds(trace, place)).for_each(take);
            return;
        }
        let marks = self.0.marks(trace);
        (0..marks.len()).filter(|&place| marks[place]).for_each(take);
    }

    /// Whether any span is found in a trace.
    pub(super) fn is_found(&self, trace: &Whole<'_>) -> bool {
        match self.only_filter() {
            Some(test) => (0..trace.spans.len()).any(|place| test.holds(trace, place)),
            None => self.0.marks(trace).contains(&true),
        }
    }
}

impl Stages {
    fn of_query(query: &SpansetQuery, asked: &mut Asked) -> Option<Self> {
        Some(match query {
            SpansetQuery::Pipeline(pipeline) => Self::of_pipeline(pipeline, asked)?,
            SpansetQuery::Combined { operator, left, right, .. } => Self::Combined {
                operator: *operator,
                left: Box::new(Self::of_query(left, asked)?),
                right: Box::new(Self::of_query(right, asked)?),
            },
        })
    }

    fn of_pipeline(pipeline: &Pipeline, asked: &mut Asked) -> Option<Self> {
        let mut steps = Vec::new();
        for stage in &pipeline.stages {
            steps.push(match stage {
                Stage::Spansets(sets) => Step::Sets(Sets::compile(sets, asked)?),
                Stage::ScalarFilter(filter) => Step::Scalar(Scalar::compile(filter, asked)?),
                Stage::GroupBy(key) => Step::Group(Field::compile(key.as_attribute()?, asked)?),
                Stage::Coalesce => Step::Coalesce,
                Stage::Select(_) => continue,
            });
        }
        Some(Self::Steps(steps))
    }

    fn needed(&self) -> u64 {
        match self {
            Self::Steps(steps) => steps.iter().fold(0, |all, step| match step {
                Step::Sets(sets) => all | sets.needed(),
                _ => all,
            }),
            Self::Combined { operator, left, right } => {
                needed(*operator, left.needed(), right.needed())
            }
        }
    }

    fn marks(&self, trace: &Whole<'_>) -> Marks {
        let steps = match self {
            Self::Combined { operator, left, right } => {
                return combine(*operator, trace, left.marks(trace), right.marks(trace));
            }
            Self::Steps(steps) => steps,
        };
        let mut sets: Vec<Set> = vec![(0..cast::narrow(trace.spans.len())).collect()];
        for step in steps {
            sets = step.take(trace, sets);
            if sets.is_empty() {
                break;
            }
        }
        let mut marks = vec![false; trace.spans.len()];
        sets.iter().flatten().for_each(|&place| marks[cast::index(place)] = true);
        marks
    }
}

impl Step {
    fn take(&self, trace: &Whole<'_>, sets: Vec<Set>) -> Vec<Set> {
        match self {
            Self::Sets(expression) => {
                let filtered = sets.into_iter().map(|set| expression.filter(trace, &set));
                filtered.filter(|set| !set.is_empty()).collect()
            }
            Self::Scalar(scalar) => {
                sets.into_iter().filter(|set| scalar.holds(trace, set)).collect()
            }
            Self::Group(field) => sets.iter().flat_map(|set| group(field, trace, set)).collect(),
            Self::Coalesce => vec![sets.concat()],
        }
    }
}

fn needed(operator: SpansetOperator, left: u64, right: u64) -> u64 {
    match operator {
        SpansetOperator::Or => left & right,
        SpansetOperator::Structural { keep: Keep::RightUnrelated, .. } => right,
        SpansetOperator::And | SpansetOperator::Structural { .. } => left | right,
    }
}

impl Sets {
    fn compile(sets: &SpansetExpression, asked: &mut Asked) -> Option<Self> {
        Some(match sets {
            SpansetExpression::Filter(filter) => Self::Filter(compile_filter(filter, asked)?),
            SpansetExpression::Operation { operator, left, right, .. } => Self::Operation {
                operator: *operator,
                left: Box::new(Self::compile(left, asked)?),
                right: Box::new(Self::compile(right, asked)?),
            },
        })
    }

    fn needed(&self) -> u64 {
        match self {
            Self::Filter(test) => test.needed(),
            Self::Operation { operator, left, right } => {
                needed(*operator, left.needed(), right.needed())
            }
        }
    }

    fn filter(&self, trace: &Whole<'_>, input: &[u32]) -> Set {
        if let Self::Filter(test) = self {
            let kept = input.iter().copied();
            return kept.filter(|&place| test.holds(trace, cast::index(place))).collect();
        }
        let marks = self.marks(trace, input);
        (0..).zip(marks).filter(|(_, is_kept)| *is_kept).map(|(place, _)| place).collect()
    }

    fn marks(&self, trace: &Whole<'_>, input: &[u32]) -> Marks {
        match self {
            Self::Filter(test) => {
                let mut marks = vec![false; trace.spans.len()];
                for place in input.iter().map(|&place| cast::index(place)) {
                    marks[place] = test.holds(trace, place);
                }
                marks
            }
            Self::Operation { operator, left, right } => {
                let (left, right) = (left.marks(trace, input), right.marks(trace, input));
                combine(*operator, trace, left, right)
            }
        }
    }
}

/// The test of a filter; none keeps every span.
fn compile_filter(filter: &Filter, asked: &mut Asked) -> Option<Test> {
    match &filter.expression {
        Some(expression) => Test::compile(expression, asked),
        None => Some(Test::Constant(true)),
    }
}

impl Scalar {
    fn compile(filter: &ScalarFilter, asked: &mut Asked) -> Option<Self> {
        let ScalarExpression::Aggregate(aggregate) = &filter.left else { return None };
        let ScalarExpression::Constant(constant) = &filter.right else { return None };
        let field = match &aggregate.argument {
            None => None,
            Some(argument) => Some(Field::compile(argument.as_attribute()?, asked)?),
        };
        let (function, operator) = (aggregate.function, filter.operator);
        Some(Self { function, field, operator, constant: Value::from(constant) })
    }

    fn holds(&self, trace: &Whole<'_>, set: &[u32]) -> bool {
        let found = match &self.field {
            None => Some(Value::Int(i64::try_from(set.len()).unwrap_or(i64::MAX))),
            Some(field) => {
                let values = set.iter().map(|&place| field.value(trace, cast::index(place)));
                let numbers: Vec<Value> = values.filter(|it| it.as_float().is_some()).collect();
                aggregate_of(self.function, &numbers)
            }
        };
        found.is_some_and(|found| value::compare(self.operator, &found, &self.constant))
    }
}

/// One set for each value of a field.
fn group(field: &Field, trace: &Whole<'_>, set: &[u32]) -> Vec<Set> {
    let mut places = HashMap::<u64, usize, RandomState>::default();
    let mut groups: Vec<(Value, Set)> = Vec::new();
    for &span in set {
        let number = field.number(trace, cast::index(span));
        let place = *places.entry(number).or_insert_with(|| {
            let value = field.of_number(number, trace.values);
            let known = groups.iter().position(|(other, _)| value::is_same_group(other, &value));
            known.unwrap_or_else(|| {
                groups.push((value, Set::new()));
                groups.len() - 1
            })
        });
        groups[place].1.push(span);
    }
    groups.into_iter().map(|(_, set)| set).collect()
}
