//! Walks over the expressions of a query, in the order of its text.

use super::{
    Attribute, Body, Expression, ExpressionKind, MetricsExpression, MetricsFunction, Pipeline,
    Query, ScalarExpression, SpansetExpression, SpansetQuery, Stage, TextSpan,
};

impl Query {
    /// Calls `visit` for every expression that stands alone: of filters, keys of groups, arguments of aggregates.
    pub fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        match &self.body {
            Body::Search(query) => query.visit_expressions(visit),
            Body::Metrics(query) => query.expression.visit_expressions(visit),
            Body::Scalar(filter) => {
                filter.left.visit_expressions(visit);
                filter.right.visit_expressions(visit);
            }
        }
    }
}

impl SpansetQuery {
    fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        match self {
            Self::Pipeline(pipeline) => pipeline.visit_expressions(visit),
            Self::Combined { left, right, .. } => {
                left.visit_expressions(visit);
                right.visit_expressions(visit);
            }
        }
    }
}

impl MetricsExpression {
    fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        match self {
            Self::Pipeline(query) => {
                query.pipeline.visit_expressions(visit);
                if let MetricsFunction::Compare(compare) = &query.aggregate.function {
                    compare.selection.expression.iter().for_each(visit);
                }
            }
            Self::Constant(_) => {}
            Self::Arithmetic { left, right, .. } => {
                left.visit_expressions(visit);
                right.visit_expressions(visit);
            }
        }
    }
}

impl Pipeline {
    /// Calls `visit` as [`Query::visit_expressions`] does.
    pub fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        self.stages.iter().for_each(|stage| stage.visit_expressions(visit));
    }
}

impl Stage {
    /// Calls `visit` as [`Query::visit_expressions`] does.
    pub fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        match self {
            Self::Spansets(spansets) => spansets.visit_expressions(visit),
            Self::ScalarFilter(filter) => {
                filter.left.visit_expressions(visit);
                filter.right.visit_expressions(visit);
            }
            Self::GroupBy(key) => visit(key),
            Self::Coalesce | Self::Select(_) => {}
        }
    }
}

impl SpansetExpression {
    /// Calls `visit` as [`Query::visit_expressions`] does.
    pub fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        match self {
            Self::Filter(filter) => filter.expression.iter().for_each(visit),
            Self::Operation { left, right, .. } => {
                left.visit_expressions(visit);
                right.visit_expressions(visit);
            }
        }
    }
}

impl ScalarExpression {
    fn visit_expressions<'a>(&'a self, visit: &mut impl FnMut(&'a Expression)) {
        match self {
            Self::Aggregate(aggregate) => aggregate.argument.iter().for_each(visit),
            Self::Constant(_) => {}
            Self::Arithmetic { left, right, .. } => {
                left.visit_expressions(visit);
                right.visit_expressions(visit);
            }
            Self::Pipeline(pipeline, aggregate) => {
                pipeline.visit_expressions(visit);
                aggregate.argument.iter().for_each(visit);
            }
        }
    }
}

impl Expression {
    /// Calls `visit` for the expression and for everything in it, outside first.
    pub fn visit<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match &self.kind {
            ExpressionKind::Static(_) | ExpressionKind::Attribute(_) => {}
            ExpressionKind::Unary { operand, .. } | ExpressionKind::Existence { operand, .. } => {
                operand.visit(visit);
            }
            ExpressionKind::Binary { left, right, .. } => {
                left.visit(visit);
                right.visit(visit);
            }
            ExpressionKind::Logical { operands, .. } => {
                operands.iter().for_each(|operand| operand.visit(visit));
            }
        }
    }

    /// Calls `visit` for every field that is read.
    pub fn visit_attributes<'a>(&'a self, visit: &mut impl FnMut(&'a Attribute, TextSpan)) {
        self.visit(&mut |expression| {
            if let ExpressionKind::Attribute(attribute) = &expression.kind {
                visit(attribute, expression.span);
            }
        });
    }
}
