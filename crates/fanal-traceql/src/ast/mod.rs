//! The query as a tree: what the parser builds and everything else reads.
//!
//! Constant subexpressions are folded and redundant parentheses are gone, so that equal trees are equal questions.
//! Where a part stood in the text does not take part in comparisons ([`TextSpan`]). No expression and no operation between
//! sets or metrics nests deeper than [`crate::parser::DEPTH_MAX`], so that walks may recurse.

mod attribute;
mod expression;
mod metrics;
mod span;
mod visit;

pub use attribute::{Attribute, AttributeScope, Intrinsic, SERVICE_NAME};
pub use expression::{
    ArithmeticOperator, BinaryOperator, ComparisonOperator, Expression, ExpressionKind,
    LogicalOperator, RegexOperator, Static, UnaryOperator,
};
pub use metrics::{
    Compare, MetricsAggregate, MetricsExpression, MetricsFunction, MetricsPipeline, MetricsQuery,
    OverTime, SecondStage,
};
pub use span::{Located, TextSpan};

/// A whole query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// What is asked.
    pub body: Body,
    /// The hints of the last `with(…)`.
    pub hints: Vec<Hint>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Traces with the spans that match.
    Search(SpansetQuery),
    /// Series of numbers.
    Metrics(MetricsQuery),
    /// `({ … } | count()) > 3`: in the grammar, refused by the check.
    Scalar(ScalarFilter),
}

/// `with(name=value)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hint {
    /// Its name, known or not.
    pub name: String,
    /// Its value.
    pub value: Static,
    /// Where it stands.
    pub span: TextSpan,
}

/// A pipeline, or operators between pipelines that stand in parentheses.
#[derive(Debug, Clone, PartialEq)]
pub enum SpansetQuery {
    /// Stages, one after the other.
    Pipeline(Pipeline),
    /// `({ … } | …) && ({ … } | …)`; at least one operand below is more than a spanset expression.
    Combined {
        /// The operator.
        operator: SpansetOperator,
        /// Its left operand.
        left: Box<SpansetQuery>,
        /// Its right operand.
        right: Box<SpansetQuery>,
        /// Where the operator stands.
        span: TextSpan,
    },
}

/// Stages, at least one; the first is not `coalesce()`.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// The stages.
    pub stages: Vec<Stage>,
}

/// One stage of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// Filters, perhaps with operators between them.
    Spansets(SpansetExpression),
    /// `count() > 1`.
    ScalarFilter(ScalarFilter),
    /// `by(…)`.
    GroupBy(Expression),
    /// `coalesce()`.
    Coalesce,
    /// `select(…)`.
    Select(Vec<Located<Attribute>>),
}

/// Filters, and operators between them.
#[derive(Debug, Clone, PartialEq)]
pub enum SpansetExpression {
    /// `{ … }`.
    Filter(Filter),
    /// `{ … } >> { … }`.
    Operation {
        /// The operator.
        operator: SpansetOperator,
        /// Its left operand.
        left: Box<SpansetExpression>,
        /// Its right operand.
        right: Box<SpansetExpression>,
        /// Where the operator stands.
        span: TextSpan,
    },
}

/// `{ expression }`; `{ }` keeps every span.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// What must be true of a span.
    pub expression: Option<Expression>,
    /// Where it stands, braces included.
    pub span: TextSpan,
}

/// An operator between sets of spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpansetOperator {
    /// `&&`: all spans of both if neither is empty.
    And,
    /// `||`: all spans of both.
    Or,
    /// How spans of the two sides are related, and which are kept.
    Structural {
        /// The relation of a kept span to one of the other side.
        relation: Relation,
        /// Which spans are kept.
        keep: Keep,
    },
}

/// How a span of the right side is related to one of the left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// `>`: right is a child of left.
    Child,
    /// `>>`: right is below left.
    Descendant,
    /// `<`: right is the parent of left.
    Parent,
    /// `<<`: right is above left.
    Ancestor,
    /// `~`: both have the same parent.
    Sibling,
}

/// Which spans a structural operator keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keep {
    /// `>`: those of the right side that are related.
    Right,
    /// `!>`: those of the right side that are not.
    RightUnrelated,
    /// `&>`: both ends of every related pair.
    Both,
}

/// `left operator right` over aggregates: keeps a spanset where it is true.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalarFilter {
    /// The comparison.
    pub operator: ComparisonOperator,
    /// Its left side.
    pub left: ScalarExpression,
    /// Its right side.
    pub right: ScalarExpression,
    /// Where the operator stands.
    pub span: TextSpan,
}

/// A number of a spanset.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalarExpression {
    /// `count()`.
    Aggregate(Aggregate),
    /// A number or a duration.
    Constant(Static),
    /// Two of them with an operator between; in the grammar, refused by the check.
    Arithmetic {
        /// The operator.
        operator: ArithmeticOperator,
        /// Its left operand.
        left: Box<ScalarExpression>,
        /// Its right operand.
        right: Box<ScalarExpression>,
        /// Where the operator stands.
        span: TextSpan,
    },
    /// `({ … } | count())`; in the grammar, refused by the check.
    Pipeline(Pipeline, Aggregate),
}

/// A function over the spans of a spanset.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// The function.
    pub function: AggregateFunction,
    /// Its argument; `None` for `count()` only.
    pub argument: Option<Expression>,
    /// Where it stands.
    pub span: TextSpan,
}

/// What an aggregate computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// Number of spans.
    Count,
    /// Mean.
    Average,
    /// Least.
    Minimum,
    /// Greatest.
    Maximum,
    /// Sum.
    Sum,
}

impl AggregateFunction {
    /// Every function.
    pub const ALL: [Self; 5] =
        [Self::Count, Self::Average, Self::Minimum, Self::Maximum, Self::Sum];

    /// As written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Average => "avg",
            Self::Minimum => "min",
            Self::Maximum => "max",
            Self::Sum => "sum",
        }
    }
}

impl SpansetOperator {
    /// As written.
    pub fn as_str(self) -> &'static str {
        let Self::Structural { relation, keep } = self else {
            return if self == Self::And { "&&" } else { "||" };
        };
        let spellings = match relation {
            Relation::Child => [">", "!>", "&>"],
            Relation::Descendant => [">>", "!>>", "&>>"],
            Relation::Parent => ["<", "!<", "&<"],
            Relation::Ancestor => ["<<", "!<<", "&<<"],
            Relation::Sibling => ["~", "!~", "&~"],
        };
        match keep {
            Keep::Right => spellings[0],
            Keep::RightUnrelated => spellings[1],
            Keep::Both => spellings[2],
        }
    }

    /// Every operator.
    pub fn all() -> impl Iterator<Item = Self> {
        use Relation::{Ancestor, Child, Descendant, Parent, Sibling};
        let structural =
            [Child, Descendant, Parent, Ancestor, Sibling].into_iter().flat_map(|relation| {
                [Keep::Right, Keep::RightUnrelated, Keep::Both]
                    .map(|keep| Self::Structural { relation, keep })
            });
        [Self::And, Self::Or].into_iter().chain(structural)
    }
}

impl SpansetQuery {
    /// The spanset expression, where it is nothing but one.
    pub fn as_spansets(&self) -> Option<&SpansetExpression> {
        match self {
            Self::Pipeline(pipeline) => match pipeline.stages.as_slice() {
                [Stage::Spansets(spansets)] => Some(spansets),
                _ => None,
            },
            Self::Combined { .. } => None,
        }
    }

    pub(crate) fn into_spansets(mut self) -> Result<SpansetExpression, Self> {
        if let Self::Pipeline(pipeline) = &mut self
            && let [Stage::Spansets(_)] = pipeline.stages.as_slice()
            && let Some(Stage::Spansets(spansets)) = pipeline.stages.pop()
        {
            return Ok(spansets);
        }
        Err(self)
    }

    /// Whether it stands in parentheses as a whole query, so that no stage may follow it.
    pub(crate) fn is_whole(&self) -> bool {
        self.as_spansets().is_none()
    }
}
