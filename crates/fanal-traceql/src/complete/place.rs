//! What the tokens before a place tell about it.

use super::Completion;
use crate::ast::{AggregateFunction, Attribute, AttributeScope, Intrinsic, SpansetOperator};
use crate::lexer::{Token, TokenKind};
use crate::parser::{METRICS_FUNCTIONS, SECOND_STAGES};
use crate::types::ValueType;
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};

const COMPARISONS: [&str; 8] = ["=", "!=", "<", "<=", ">", ">=", "=~", "!~"];
const ARITHMETIC: [&str; 6] = ["+", "-", "*", "/", "%", "^"];
const HINTS: [&str; 6] =
    ["exemplars", "extrapolate", "most_recent", "sample", "span_sample", "trace_sample"];
const STAGES: [&str; 3] = ["by", "coalesce", "select"];

/// A place of a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Where a query, or an operand between operators of filters, begins.
    Query,
    /// Behind a pipe.
    Stage,
    /// Behind the pipe that follows a metrics function.
    SecondStage,
    /// Behind a filter or a stage.
    AfterStage,
    /// Behind an aggregate.
    AfterAggregate,
    /// Behind a metrics function.
    AfterMetrics,
    /// Where a field begins in a condition.
    Field,
    /// Where a field begins in a list.
    ListedField,
    /// Behind a field or a value in a condition.
    Operator,
    /// Behind a field in a list.
    AfterListed,
    /// Behind a field and a comparison.
    Value(Attribute),
    /// Where a filter begins as an argument.
    Filter,
    /// Where the name of a hint begins.
    Hint,
    /// Where nothing can be offered.
    Nothing,
}

/// A bracket that is open.
#[derive(Clone, Copy, PartialEq)]
enum Open<'a> {
    Filter,
    Group,
    Call(&'a str),
}

impl Place {
    /// The place behind these tokens.
    pub(super) fn behind(tokens: &[Token], text: &str) -> Self {
        let word =
            |token: &Token| &text[cast::index(token.span.start)..cast::index(token.span.end)];
        let mut open: Vec<Open<'_>> = Vec::new();
        let mut closed = None;
        let mut is_metrics = false;
        for (index, token) in tokens.iter().enumerate() {
            closed = None;
            match token.kind {
                TokenKind::Symbol("{") => open.push(Open::Filter),
                TokenKind::Symbol("(") => {
                    let before = index.checked_sub(1).and_then(|before| tokens.get(before));
                    let call = before.filter(|before| before.kind == TokenKind::Word).map(word);
                    open.push(call.map_or(Open::Group, Open::Call));
                }
                TokenKind::Symbol("}" | ")") => closed = open.pop(),
                _ => {}
            }
            if matches!(closed, Some(Open::Call(name)) if METRICS_FUNCTIONS.contains(&name)) {
                is_metrics = true;
            }
        }
        let in_filter = open.contains(&Open::Filter);
        match (open.last(), tokens.last().map(|token| &token.kind)) {
            (_, None) => Self::Query,
            (Some(Open::Filter | Open::Group), Some(last)) if in_filter => {
                Self::in_condition(tokens, last, text)
            }
            (Some(Open::Call(name)), Some(last)) => Self::in_call(name, tokens, last, text),
            (_, Some(last)) => Self::outside(last, closed, is_metrics),
        }
    }

    fn in_condition(tokens: &[Token], last: &TokenKind, text: &str) -> Self {
        match last {
            TokenKind::Symbol("}" | ")") => Self::Operator,
            TokenKind::Symbol(symbol) if COMPARISONS.contains(symbol) => {
                field_before(&tokens[..tokens.len() - 1], text).map_or(Self::Field, Self::Value)
            }
            TokenKind::Symbol(_) => Self::Field,
            _ => Self::Operator,
        }
    }

    fn in_call(name: &str, tokens: &[Token], last: &TokenKind, text: &str) -> Self {
        let is_first = *last == TokenKind::Symbol("(");
        let is_next = *last == TokenKind::Symbol(",");
        let takes_expression =
            AggregateFunction::ALL.iter().any(|function| function.as_str() == name);
        match name {
            "with" if is_first || is_next => Self::Hint,
            "with" | "topk" | "bottomk" | "rate" | "count_over_time" | "coalesce" | "count" => {
                Self::Nothing
            }
            "compare" if is_first => Self::Filter,
            "quantile_over_time" | "compare" if !is_first => Self::Nothing,
            _ if is_first || is_next => Self::ListedField,
            _ if takes_expression => Self::in_condition(tokens, last, text),
            _ => Self::AfterListed,
        }
    }

    fn outside(last: &TokenKind, closed: Option<Open<'_>>, is_metrics: bool) -> Self {
        match (last, closed) {
            (TokenKind::Symbol("|"), _) if is_metrics => Self::SecondStage,
            (TokenKind::Symbol("|"), _) => Self::Stage,
            (TokenKind::Symbol(")"), Some(Open::Call(name)))
                if AggregateFunction::ALL.iter().any(|function| function.as_str() == name) =>
            {
                Self::AfterAggregate
            }
            (TokenKind::Symbol("}" | ")"), _) if is_metrics => Self::AfterMetrics,
            (TokenKind::Symbol("}" | ")"), _) => Self::AfterStage,
            (TokenKind::Symbol(_), _) => Self::Query,
            _ => Self::AfterStage,
        }
    }

    /// Adds what may stand here.
    pub(super) fn offer(&self, completion: &mut Completion) {
        let words = &mut completion.words;
        let aggregates = || AggregateFunction::ALL.iter().map(|function| function.as_str());
        match self {
            Self::Nothing => {}
            Self::Query | Self::Filter => words.push("{"),
            Self::Stage => {
                words.push("{");
                words.extend(STAGES.into_iter().chain(aggregates()).chain(METRICS_FUNCTIONS));
            }
            Self::SecondStage => words.extend(SECOND_STAGES),
            Self::AfterStage => {
                words.extend(["|", "with"]);
                words.extend(SpansetOperator::all().map(SpansetOperator::as_str));
            }
            Self::AfterAggregate => words.extend(&COMPARISONS[..6]),
            Self::AfterMetrics => {
                words.extend(["|", "by", "with"]);
                words.extend(&COMPARISONS[..6]);
            }
            Self::Field | Self::ListedField => {
                let is_offered = |intrinsic: &&Intrinsic| **intrinsic != Intrinsic::Parent;
                let intrinsics = Intrinsic::ALL.iter().filter(is_offered);
                words.extend(
                    intrinsics
                        .flat_map(|known| [Some(known.as_str()), known.scoped_str()])
                        .flatten(),
                );
                let scopes = AttributeScope::ALL.iter().filter(|scope| !scope.is_parent());
                words.extend(scopes.map(|scope| scope.prefix()));
                if *self == Self::Field {
                    words.extend(["true", "false"]);
                }
                completion.names = Some(AttributeScope::Unscoped);
            }
            Self::Operator => {
                words.extend(COMPARISONS.into_iter().chain(["&&", "||"]).chain(ARITHMETIC));
            }
            Self::AfterListed => words.extend([",", ")"]),
            Self::Value(field) => {
                match field.value_type() {
                    ValueType::Status => words.extend(StatusCode::ALL.map(StatusCode::as_str)),
                    ValueType::Kind => words.extend(SpanKind::ALL.map(SpanKind::as_str)),
                    ValueType::Unknown => words.extend(["true", "false", "nil"]),
                    _ => {}
                }
                completion.values_of = Some(field.clone());
            }
            Self::Hint => words.extend(HINTS),
        }
    }
}

/// The field that the tokens end with.
fn field_before(tokens: &[Token], text: &str) -> Option<Attribute> {
    let last = tokens.last()?;
    let word = |token: &Token| &text[cast::index(token.span.start)..cast::index(token.span.end)];
    match &last.kind {
        TokenKind::Attribute(scope, name) => Some(Attribute::named(*scope, name)),
        TokenKind::Word => {
            let scoped = match tokens {
                [.., scope, colon, _] if colon.kind == TokenKind::Symbol(":") => {
                    format!("{}:{}", word(scope), word(last))
                }
                _ => word(last).to_owned(),
            };
            Intrinsic::parse(&scoped).map(Attribute::Intrinsic)
        }
        _ => None,
    }
}
