//! Random queries that pass the check, over the words of the random traces.

use super::dice::Dice;
use super::traces::{EPOCH_NANOS, KEYS, SERVICES, TEXTS, int};
use crate::ast::{
    Aggregate, AggregateFunction, ArithmeticOperator, Attribute, AttributeScope, BinaryOperator,
    Body, Compare, ComparisonOperator, Expression, ExpressionKind, Filter, Hint, Intrinsic,
    Located, LogicalOperator, MetricsAggregate, MetricsExpression, MetricsFunction,
    MetricsPipeline, MetricsQuery, OverTime, Pipeline, Query, RegexOperator, ScalarExpression,
    ScalarFilter, SecondStage, SpansetExpression, SpansetOperator, SpansetQuery, Stage, Static,
    TextSpan, UnaryOperator,
};
use crate::parser::{binary, combined, existence, logical, unary};
use fanal_model::{SpanKind, StatusCode};

const NONE: TextSpan = TextSpan { start: 0, end: 0 };

const SCOPES: [AttributeScope; 6] = [
    AttributeScope::Unscoped,
    AttributeScope::Span,
    AttributeScope::Resource,
    AttributeScope::Event,
    AttributeScope::Link,
    AttributeScope::Instrumentation,
];

const NUMBERS: [Intrinsic; 7] = [
    Intrinsic::Duration,
    Intrinsic::TraceDuration,
    Intrinsic::ChildCount,
    Intrinsic::NestedSetLeft,
    Intrinsic::NestedSetRight,
    Intrinsic::NestedSetParent,
    Intrinsic::EventTimeSinceStart,
];

const STRINGS: [Intrinsic; 12] = [
    Intrinsic::Name,
    Intrinsic::StatusMessage,
    Intrinsic::RootName,
    Intrinsic::RootServiceName,
    Intrinsic::EventName,
    Intrinsic::InstrumentationName,
    Intrinsic::InstrumentationVersion,
    Intrinsic::SpanId,
    Intrinsic::ParentId,
    Intrinsic::TraceId,
    Intrinsic::LinkTraceId,
    Intrinsic::LinkSpanId,
];

const PATTERNS: [&str; 6] = ["a.*", ".*", "", "(?i)A|B", "[^a]+", "\\d"];

const IDS: [&str; 5] =
    ["", "0", "0101010101010101", "101010101010101", "01010101010101010101010101010101"];

/// A search or a metrics query.
pub fn random_query(dice: &mut Dice) -> Query {
    if dice.one_in(3) { random_metrics(dice) } else { random_search(dice) }
}

/// A search.
pub fn random_search(dice: &mut Dice) -> Query {
    let body = Body::Search(spanset_query(dice, 2));
    let hint = Hint { name: "most_recent".to_owned(), value: Static::Bool(true), span: NONE };
    let hints = if dice.one_in(10) { vec![hint] } else { Vec::new() };
    Query { body, hints }
}

/// A metrics query.
pub fn random_metrics(dice: &mut Dice) -> Query {
    let expression = if dice.one_in(8) {
        let pipeline = pipeline(dice);
        let aggregate = MetricsAggregate { function: compare(dice), by: Vec::new(), span: NONE };
        let second = Vec::new();
        MetricsExpression::Pipeline(Box::new(MetricsPipeline { pipeline, aggregate, second }))
    } else {
        metrics_expression(dice, 2)
    };
    let is_arithmetic = matches!(expression, MetricsExpression::Arithmetic { .. });
    let second = if is_arithmetic { second_stages(dice) } else { Vec::new() };
    Query { body: Body::Metrics(MetricsQuery { expression, second }), hints: Vec::new() }
}

fn spanset_query(dice: &mut Dice, depth: u64) -> SpansetQuery {
    if depth == 0 || !dice.one_in(6) {
        return SpansetQuery::Pipeline(pipeline(dice));
    }
    let (left, right) = (spanset_query(dice, depth - 1), spanset_query(dice, depth - 1));
    let is_grouped = |query: &SpansetQuery| {
        matches!(query, SpansetQuery::Pipeline(pipeline)
        if pipeline.stages.iter().any(|stage| matches!(stage, Stage::GroupBy(_))))
    };
    let operator =
        if is_grouped(&left) || is_grouped(&right) { SpansetOperator::And } else { operator(dice) };
    combined(operator, left, right, NONE)
}

fn pipeline(dice: &mut Dice) -> Pipeline {
    let mut stages =
        vec![if dice.one_in(8) { stage(dice) } else { Stage::Spansets(spansets(dice, 2)) }];
    while dice.one_in(3) {
        stages.push(if dice.one_in(8) { Stage::Coalesce } else { stage(dice) });
    }
    Pipeline { stages }
}

fn stage(dice: &mut Dice) -> Stage {
    match dice.below(4) {
        0 => Stage::Spansets(spansets(dice, 1)),
        1 => Stage::GroupBy(mentioning(dice)),
        2 => Stage::Select((0..=dice.below(2)).map(|_| located(field(dice))).collect()),
        _ => Stage::ScalarFilter(scalar_filter(dice)),
    }
}

fn scalar_filter(dice: &mut Dice) -> ScalarFilter {
    let function = dice.pick(&AggregateFunction::ALL);
    let argument = (function != AggregateFunction::Count).then(|| {
        let field = expression(ExpressionKind::Attribute(number_field(dice)));
        if dice.one_in(3) { arithmetic(dice, field, 1) } else { field }
    });
    let aggregate = Aggregate { function, argument, span: NONE };
    ScalarFilter {
        operator: dice.pick(&ComparisonOperator::ALL),
        left: ScalarExpression::Aggregate(aggregate),
        right: ScalarExpression::Constant(number(dice)),
        span: NONE,
    }
}

fn operator(dice: &mut Dice) -> SpansetOperator {
    let all: Vec<SpansetOperator> = SpansetOperator::all().collect();
    dice.pick(&all)
}

fn spansets(dice: &mut Dice, depth: u64) -> SpansetExpression {
    if depth > 0 && dice.one_in(3) {
        let (left, right) = (spansets(dice, depth - 1), spansets(dice, depth - 1));
        let (left, right) = (Box::new(left), Box::new(right));
        return SpansetExpression::Operation { operator: operator(dice), left, right, span: NONE };
    }
    SpansetExpression::Filter(random_filter(dice))
}

/// A filter.
pub fn random_filter(dice: &mut Dice) -> Filter {
    let expression = (!dice.one_in(8)).then(|| condition(dice, 3));
    Filter { expression, span: NONE }
}

fn expression(kind: ExpressionKind) -> Expression {
    Expression { kind, span: NONE }
}

fn literal(value: Static) -> Expression {
    expression(ExpressionKind::Static(value))
}

fn located<T>(item: T) -> Located<T> {
    Located { item, span: NONE }
}

fn named(dice: &mut Dice) -> Attribute {
    if dice.one_in(10) {
        return Attribute::named(dice.pick(&SCOPES[..3]), "service.name");
    }
    Attribute::named(dice.pick(&SCOPES), dice.pick(&KEYS))
}

fn number_field(dice: &mut Dice) -> Attribute {
    if dice.one_in(2) { Attribute::Intrinsic(dice.pick(&NUMBERS)) } else { named(dice) }
}

fn string_field(dice: &mut Dice) -> Attribute {
    if dice.one_in(2) { Attribute::Intrinsic(dice.pick(&STRINGS)) } else { named(dice) }
}

/// Any field.
fn field(dice: &mut Dice) -> Attribute {
    match dice.below(6) {
        0 => Attribute::Intrinsic(dice.pick(&[Intrinsic::Status, Intrinsic::Kind])),
        1 => number_field(dice),
        2 => string_field(dice),
        _ => named(dice),
    }
}

/// An expression that is not the same for all spans.
fn mentioning(dice: &mut Dice) -> Expression {
    let field = field(dice);
    let is_number = field.value_type().may_be_number();
    let field = expression(ExpressionKind::Attribute(field));
    if is_number && dice.one_in(4) { arithmetic(dice, field, 1) } else { field }
}

fn number(dice: &mut Dice) -> Static {
    match dice.below(4) {
        0 => Static::Float(dice.pick(&[0.5, 1.0, 2.5, -0.5])),
        1 => Static::Duration(dice.pick(&[0, 1, 1_000_000, 100_000_000, 1_500_000_000])),
        _ => Static::Int(int(dice)),
    }
}

fn arithmetic(dice: &mut Dice, left: Expression, depth: u64) -> Expression {
    let operator = BinaryOperator::Arithmetic(dice.pick(&ArithmeticOperator::ALL));
    let right = number_expression(dice, depth);
    if dice.one_in(4) { binary(operator, right, left) } else { binary(operator, left, right) }
}

fn number_expression(dice: &mut Dice, depth: u64) -> Expression {
    match dice.below(6) {
        0 if depth > 0 => {
            let left = number_expression(dice, depth - 1);
            arithmetic(dice, left, depth - 1)
        }
        1 if depth > 0 => unary(UnaryOperator::Negate, number_expression(dice, depth - 1), NONE),
        2 | 3 => expression(ExpressionKind::Attribute(number_field(dice))),
        _ => literal(number(dice)),
    }
}

fn text_expression(dice: &mut Dice) -> Expression {
    if dice.one_in(2) {
        return expression(ExpressionKind::Attribute(string_field(dice)));
    }
    let texts = match dice.below(4) {
        0 => dice.pick(&IDS),
        1 => dice.pick(&SERVICES),
        _ => dice.pick(&TEXTS),
    };
    literal(Static::String(texts.to_owned()))
}

fn condition(dice: &mut Dice, depth: u64) -> Expression {
    let order = BinaryOperator::Comparison(dice.pick(&ComparisonOperator::ALL));
    let equality = [ComparisonOperator::Equal, ComparisonOperator::NotEqual];
    let equality = BinaryOperator::Comparison(dice.pick(&equality));
    match dice.below(16) {
        0..5 if depth > 0 => {
            let operator = dice.pick(&[LogicalOperator::And, LogicalOperator::Or]);
            logical(operator, condition(dice, depth - 1), condition(dice, depth - 1))
        }
        5 if depth > 0 => unary(UnaryOperator::Not, condition(dice, depth - 1), NONE),
        6 if depth > 0 => binary(equality, condition(dice, depth - 1), condition(dice, depth - 1)),
        7 => existence(expression(ExpressionKind::Attribute(optional(dice))), dice.one_in(2), NONE),
        8 => regex(dice),
        9 => {
            let status = literal(Static::Status(dice.pick(&StatusCode::ALL)));
            let field =
                expression(ExpressionKind::Attribute(Attribute::Intrinsic(Intrinsic::Status)));
            binary(equality, field, status)
        }
        10 => {
            let kind = literal(Static::Kind(dice.pick(&SpanKind::ALL)));
            let field =
                expression(ExpressionKind::Attribute(Attribute::Intrinsic(Intrinsic::Kind)));
            binary(equality, field, kind)
        }
        11 => {
            let flag = literal(Static::Bool(dice.one_in(2)));
            binary(equality, expression(ExpressionKind::Attribute(named(dice))), flag)
        }
        12 => expression(ExpressionKind::Attribute(named(dice))),
        13 | 14 => binary(order, text_expression(dice), text_expression(dice)),
        _ => binary(order, number_expression(dice, 2), number_expression(dice, 2)),
    }
}

/// A field that may be nil.
fn optional(dice: &mut Dice) -> Attribute {
    Attribute::named(dice.pick(&SCOPES), dice.pick(&KEYS))
}

fn regex(dice: &mut Dice) -> Expression {
    let operator = dice.pick(&[RegexOperator::Matches, RegexOperator::MatchesNot]);
    let pattern = literal(Static::String(dice.pick(&PATTERNS).to_owned()));
    let field = expression(ExpressionKind::Attribute(string_field(dice)));
    binary(BinaryOperator::Regex(operator), field, pattern)
}

fn metrics_expression(dice: &mut Dice, depth: u64) -> MetricsExpression {
    if depth == 0 || !dice.one_in(4) {
        return MetricsExpression::Pipeline(Box::new(metrics_pipeline(dice)));
    }
    let basic: Vec<_> = ArithmeticOperator::ALL.into_iter().filter(|o| o.is_basic()).collect();
    let operator = dice.pick(&basic);
    let mut left = metrics_expression(dice, depth - 1);
    let mut right = metrics_expression(dice, depth - 1);
    let constant = MetricsExpression::Constant(match dice.below(3) {
        0 => Static::Float(2.5),
        _ => Static::Int(int(dice)),
    });
    match dice.below(6) {
        0 => left = constant,
        1 => right = constant,
        _ => {}
    }
    let (left, right) = (Box::new(left), Box::new(right));
    MetricsExpression::Arithmetic { operator, left, right, span: NONE }
}

fn metrics_pipeline(dice: &mut Dice) -> MetricsPipeline {
    let argument = located(number_field(dice));
    let kinds = [OverTime::Minimum, OverTime::Maximum, OverTime::Sum, OverTime::Average];
    let function = match dice.below(6) {
        0 => MetricsFunction::Rate,
        1 => MetricsFunction::CountOverTime,
        2 | 3 => MetricsFunction::OverTime(dice.pick(&kinds), argument),
        4 => MetricsFunction::HistogramOverTime(argument),
        _ => MetricsFunction::QuantileOverTime(argument, vec![located(0.5), located(0.9)]),
    };
    let by = (0..dice.below(3)).map(|_| located(field(dice))).collect();
    let aggregate = MetricsAggregate { function, by, span: NONE };
    MetricsPipeline { pipeline: pipeline(dice), aggregate, second: second_stages(dice) }
}

fn compare(dice: &mut Dice) -> MetricsFunction {
    let count = 1 + i64::try_from(dice.below(3)).unwrap_or(0);
    let top = dice.one_in(2).then(|| located(count));
    let start = EPOCH_NANOS.cast_signed();
    let range = (top.is_some() && dice.one_in(2)).then_some((start, start + 90_000_000_000));
    MetricsFunction::Compare(Box::new(Compare { selection: random_filter(dice), top, range }))
}

fn second_stages(dice: &mut Dice) -> Vec<SecondStage> {
    let mut stages = Vec::new();
    while dice.one_in(4) {
        let count = 1 + i64::try_from(dice.below(3)).unwrap_or(0);
        stages.push(match dice.below(3) {
            0 => SecondStage::Top(located(count)),
            1 => SecondStage::Bottom(located(count)),
            _ => SecondStage::Filter(dice.pick(&ComparisonOperator::ALL), number(dice)),
        });
    }
    stages
}
