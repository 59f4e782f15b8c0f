//! The filter `q` of the calls that list tags and values. Forms send it half-typed: what is unfinished in it counts as true, and what is no single
//! filter filters nothing.

use crate::refusal::Refusal;
use fanal_query::traceql::Bounds;
use fanal_storage::SpanCondition;
use fanal_traceql::ast::{
    Attribute, BinaryOperator, ComparisonOperator, Expression, ExpressionKind, LogicalOperator,
    Static,
};
use fanal_traceql::lenient_filter;

/// Most alternatives that a filter may come to when its `||` are drawn outwards.
const ALTERNATIVES_MAX: usize = 100;

/// What spans must meet.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct TagFilter {
    expression: Option<Expression>,
}

impl TagFilter {
    /// Of the text of `q`, which may be empty. Fails where it has too many alternatives.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let expression = lenient_filter(text).and_then(|filter| filter.expression);
        let alternatives = expression.as_ref().map_or(1, alternatives);
        if alternatives > ALTERNATIVES_MAX {
            let message = format!(
                "q has {alternatives} alternatives, at most {ALTERNATIVES_MAX} are looked at; leave some out"
            );
            return Err(Refusal::parameter("q", message));
        }
        Ok(Self { expression })
    }

    /// Conditions on a span; it may meet them and not the filter. `None` where no span can meet it.
    pub(super) fn conditions(&self) -> Option<Vec<SpanCondition>> {
        Bounds::of_filter(self.expression.as_ref()).upper.into_conditions()
    }

    /// What the filter wants an attribute to equal.
    pub(super) fn wanted(&self, attribute: &Attribute) -> Option<&Static> {
        self.expression.as_ref().and_then(|expression| equal(expression, attribute))
    }
}

fn equal<'e>(expression: &'e Expression, wanted: &Attribute) -> Option<&'e Static> {
    match &expression.kind {
        ExpressionKind::Logical { operator: LogicalOperator::And, operands } => {
            operands.iter().find_map(|operand| equal(operand, wanted))
        }
        ExpressionKind::Binary {
            operator: BinaryOperator::Comparison(ComparisonOperator::Equal),
            left,
            right,
        } => match (&left.kind, &right.kind) {
            (ExpressionKind::Attribute(attribute), ExpressionKind::Static(value))
            | (ExpressionKind::Static(value), ExpressionKind::Attribute(attribute))
                if attribute == wanted =>
            {
                Some(value)
            }
            _ => None,
        },
        _ => None,
    }
}

fn alternatives(expression: &Expression) -> usize {
    match &expression.kind {
        ExpressionKind::Logical { operator: LogicalOperator::Or, operands } => {
            operands.iter().map(alternatives).fold(0, usize::saturating_add)
        }
        ExpressionKind::Logical { operator: LogicalOperator::And, operands } => {
            operands.iter().map(alternatives).fold(1, usize::saturating_mul)
        }
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_filter_filters() {
        let check = |text: &str, expect: usize| {
            let filter = TagFilter::read(text).expect("few alternatives");
            assert_eq!(filter.conditions().map_or(99, |all| all.len()), expect, "{text}");
        };
        check("", 0);
        check("{ }", 0);
        check("{ span.a = 1 }", 1);
        check("{ span.a = 1 && name = \"x\" }", 2);
        check("{ span.a = 1 && span.b = }", 1);
        check("{ span.a = ", 0);
        check("{ span.a = 1 } | rate()", 0);
        check("{ span.a = 1 } >> { span.b = 1 }", 0);
        check("{ false }", 99);
        let many: Vec<String> = (0..101).map(|it| format!("span.a = {it}")).collect();
        assert!(TagFilter::read(&format!("{{ {} }}", many.join(" || "))).is_err());
        assert!(TagFilter::read(&format!("{{ {} }}", many[1..].join(" || "))).is_ok());
    }

    #[test]
    fn equalities_are_seen_on_either_side() {
        let field = Attribute::named(fanal_traceql::ast::AttributeScope::Span, "a");
        let check = |text: &str, expect: Option<Static>| {
            let filter = TagFilter::read(text).expect("few alternatives");
            assert_eq!(filter.wanted(&field), expect.as_ref(), "{text}");
        };
        check("{ span.a = 1 }", Some(Static::Int(1)));
        check("{ name = \"b\" && 1 = span.a }", Some(Static::Int(1)));
        check("{ span.a != 1 }", None);
        check("{ span.a = 1 || name = \"b\" }", None);
        check("{ .a = 1 }", None);
    }
}
