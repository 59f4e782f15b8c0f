//! What stands inside a filter and in the arguments of `by` and aggregates.
//!
//! Levels of operators, from the loosest: 2 `&& ||`, 3 comparisons, 4 `+ -` and unary minus, 5 `!`, 6 `* / %`, 7 `^`.

use super::{Deep, Parsed, Parser, fold};
use crate::ast::{
    ArithmeticOperator, Attribute, BinaryOperator, ComparisonOperator, Expression, ExpressionKind,
    Filter, Intrinsic, Located, LogicalOperator, RegexOperator, Static, TextSpan, UnaryOperator,
};
use crate::error::TextError;
use crate::lexer::TokenKind;
use crate::suggest;

/// Levels of operators.
pub(crate) mod level {
    pub(crate) const LOGICAL: u8 = 2;
    pub(crate) const COMPARISON: u8 = 3;
    pub(crate) const SUM: u8 = 4;
    pub(crate) const NOT: u8 = 5;
    pub(crate) const PRODUCT: u8 = 6;
    pub(crate) const POWER: u8 = 7;
}

/// An expression, or the word `nil`, which is none and stands beside `=` and `!=` only.
enum Term {
    Nil(TextSpan),
    Expression(Deep<Expression>),
}

#[derive(Clone, Copy)]
enum Infix {
    Logical(LogicalOperator),
    Binary(BinaryOperator),
}

impl Infix {
    fn of(symbol: &str) -> Option<Self> {
        use ArithmeticOperator as A;
        use ComparisonOperator as C;
        let logical =
            [LogicalOperator::And, LogicalOperator::Or].map(|o| (o.as_str(), Self::Logical(o)));
        let regex = [RegexOperator::Matches, RegexOperator::MatchesNot]
            .map(|o| (o.as_str(), Self::Binary(BinaryOperator::Regex(o))));
        let comparison = C::ALL.map(|o| (o.as_str(), Self::Binary(BinaryOperator::Comparison(o))));
        let arithmetic = A::ALL.map(|o| (o.as_str(), Self::Binary(BinaryOperator::Arithmetic(o))));
        let mut known = logical.iter().chain(&regex).chain(&comparison).chain(&arithmetic);
        known.find(|(spelling, _)| *spelling == symbol).map(|(_, infix)| *infix)
    }

    fn level(self) -> u8 {
        match self {
            Self::Logical(_) => level::LOGICAL,
            Self::Binary(operator) => operator.level(),
        }
    }
}

impl BinaryOperator {
    /// How tightly it binds.
    pub(crate) fn level(self) -> u8 {
        match self {
            Self::Comparison(_) | Self::Regex(_) => level::COMPARISON,
            Self::Arithmetic(operator) => operator.level(),
        }
    }
}

impl ArithmeticOperator {
    /// How tightly it binds.
    pub(crate) fn level(self) -> u8 {
        match self {
            Self::Add | Self::Subtract => level::SUM,
            Self::Multiply | Self::Divide | Self::Remainder => level::PRODUCT,
            Self::Power => level::POWER,
        }
    }

    /// The least level of its right operand.
    pub(crate) fn right_level(self) -> u8 {
        if self == Self::Power { level::POWER } else { self.level() + 1 }
    }
}

impl Parser<'_> {
    /// `{ … }`.
    pub(super) fn filter(&mut self) -> Parsed<Filter> {
        let start = self.expect_symbol("{", "`{`")?;
        let expression = if self.is_symbol("}") { None } else { Some(self.expression()?) };
        let end =
            self.expect_symbol("}", "an operator or `}`").map_err(|error| self.advise(error))?;
        Ok(Filter { expression, span: start.to(end) })
    }

    /// An expression.
    pub(super) fn expression(&mut self) -> Parsed<Expression> {
        match self.climb(level::LOGICAL)? {
            Term::Expression(deep) => Ok(deep.node),
            Term::Nil(span) => Err(lonely_nil(span)),
        }
    }

    /// An attribute and nothing else, as the arguments of `select` and of metrics functions are.
    pub(super) fn attribute(&mut self) -> Parsed<Located<Attribute>> {
        let span = self.peek().span;
        let attribute = match &self.peek().kind {
            TokenKind::Attribute(scope, name) => {
                Attribute::Named { scope: *scope, name: name.clone() }
            }
            TokenKind::Word => return self.intrinsic(),
            _ => return Err(self.unexpected("an attribute")),
        };
        self.advance();
        Ok(Located { item: attribute, span })
    }

    /// Attributes with commas between, up to a closing parenthesis, which is taken.
    pub(super) fn attributes(&mut self) -> Parsed<Vec<Located<Attribute>>> {
        let mut attributes = vec![self.attribute()?];
        while self.take_symbol(",") {
            attributes.push(self.attribute()?);
        }
        self.expect_symbol(")", "`,` or `)`").map_err(|error| {
            if self.symbol().and_then(Infix::of).is_some() {
                return error.help("only attributes may stand here, no expressions");
            }
            error
        })?;
        Ok(attributes)
    }

    fn climb(&mut self, least: u8) -> Parsed<Term> {
        let mut left = self.prefix()?;
        while let Some(infix) = self.symbol().and_then(Infix::of).filter(|i| i.level() >= least) {
            let symbol = self.found();
            self.advance();
            let right_level = match infix {
                Infix::Binary(BinaryOperator::Arithmetic(operator)) => operator.right_level(),
                _ => infix.level() + 1,
            };
            let right = if right_level == infix.level() {
                self.nested(|parser| parser.climb(right_level))?
            } else {
                self.climb(right_level)?
            };
            left = self.combine(infix, &symbol, left, right)?;
        }
        Ok(left)
    }

    fn combine(&self, infix: Infix, symbol: &str, left: Term, right: Term) -> Parsed<Term> {
        let is_present = match infix {
            Infix::Binary(BinaryOperator::Comparison(ComparisonOperator::Equal)) => Some(false),
            Infix::Binary(BinaryOperator::Comparison(ComparisonOperator::NotEqual)) => Some(true),
            _ => None,
        };
        let (left, right) = match (left, right, is_present) {
            (Term::Expression(left), Term::Expression(right), _) => (left, right),
            (Term::Expression(operand), Term::Nil(nil), Some(is_present)) => {
                let span = operand.node.span.to(nil);
                return self.existence(operand, is_present, span);
            }
            (Term::Nil(nil), Term::Expression(operand), Some(is_present)) => {
                let span = nil.to(operand.node.span);
                return self.existence(operand, is_present, span);
            }
            // Nothing equals nil or differs from it, not even nil.
            (Term::Nil(left), Term::Nil(right), Some(_)) => {
                let kind = ExpressionKind::Static(Static::Bool(false));
                let node = Expression { kind, span: left.to(right) };
                return Ok(Term::Expression(Deep { node, depth: 1 }));
            }
            (Term::Nil(span), ..) | (_, Term::Nil(span), _) => {
                let message = format!("`nil` cannot stand beside {symbol}");
                return Err(TextError::syntax(span, message).help(NIL_HELP));
            }
        };
        self.joined(infix, left, right)
    }

    fn joined(
        &self,
        infix: Infix,
        left: Deep<Expression>,
        right: Deep<Expression>,
    ) -> Parsed<Term> {
        let mut depth = left.depth.max(right.depth) + 1;
        let node = match infix {
            Infix::Logical(operator) => {
                if left.node.is_logical(operator) {
                    // A longer chain is no deeper.
                    depth = left.depth.max(right.depth + 1);
                }
                fold::logical(operator, left.node, right.node)
            }
            Infix::Binary(operator) => fold::binary(operator, left.node, right.node),
        };
        self.check_depth(depth)?;
        Ok(Term::Expression(Deep { node, depth }))
    }

    fn existence(
        &self,
        operand: Deep<Expression>,
        is_present: bool,
        span: TextSpan,
    ) -> Parsed<Term> {
        let depth = operand.depth + 1;
        self.check_depth(depth)?;
        let node = fold::existence(operand.node, is_present, span);
        Ok(Term::Expression(Deep { node, depth }))
    }

    fn prefix(&mut self) -> Parsed<Term> {
        let (operator, operand_level) = match self.symbol() {
            Some("-") => (UnaryOperator::Negate, level::NOT),
            Some("!") => (UnaryOperator::Not, level::PRODUCT),
            Some("(") => return self.nested(Self::parenthesized),
            _ => return self.primary(),
        };
        let start = self.advance();
        match self.nested(|parser| parser.climb(operand_level))? {
            Term::Expression(operand) => {
                let depth = operand.depth + 1;
                self.check_depth(depth)?;
                let node = fold::unary(operator, operand.node, start);
                Ok(Term::Expression(Deep { node, depth }))
            }
            Term::Nil(span) => Err(lonely_nil(span)),
        }
    }

    fn parenthesized(&mut self) -> Parsed<Term> {
        let start = self.advance();
        let Term::Expression(mut inner) = self.climb(level::LOGICAL)? else {
            return Err(lonely_nil(self.last_span()));
        };
        let end =
            self.expect_symbol(")", "an operator or `)`").map_err(|error| self.advise(error))?;
        inner.node.span = start.to(end);
        Ok(Term::Expression(inner))
    }

    fn primary(&mut self) -> Parsed<Term> {
        let span = self.peek().span;
        let kind = if let Some(value) = self.take_static() {
            ExpressionKind::Static(value)
        } else if self.is_word("nil") {
            return Ok(Term::Nil(self.advance()));
        } else if matches!(self.peek().kind, TokenKind::Word | TokenKind::Attribute(..)) {
            ExpressionKind::Attribute(self.attribute()?.item)
        } else {
            let error = self.unexpected("a field, a value, `!`, `-` or `(`");
            return Err(match self.symbol() {
                Some("=") => error.help("equality is written with one `=`"),
                _ => error,
            });
        };
        let node = Expression { kind, span: span.to(self.last_span()) };
        Ok(Term::Expression(Deep { node, depth: 1 }))
    }

    /// A word that must be an intrinsic, perhaps with a scope and a colon before it.
    fn intrinsic(&mut self) -> Parsed<Located<Attribute>> {
        let start = self.peek().span;
        let mut name = self.word().unwrap_or_default().to_owned();
        let is_scoped = self.peek_after().kind == TokenKind::Symbol(":");
        let before = self.at;
        self.advance();
        if is_scoped {
            self.advance();
            if let Some(word) = self.word() {
                name = format!("{name}:{word}");
                self.advance();
            } else {
                return Err(self.unexpected("the name of an intrinsic after the colon"));
            }
        }
        let span = start.to(self.last_span());
        if let Some(intrinsic) = Intrinsic::parse(&name) {
            return Ok(Located { item: Attribute::Intrinsic(intrinsic), span });
        }
        self.at = before;
        let error = TextError::syntax(span, format!("`{name}` is no field and no value"));
        Err(match meant(&name) {
            Some(meant) => error.help(format!("did you mean `{meant}`?")),
            None => error.help(format!(
                "an attribute begins with a point or a scope, `.{name}` or `span.{name}`, and a text stands in quotes"
            )),
        })
    }

    /// Adds what was probably meant where an operator should stand.
    fn advise(&self, error: TextError) -> TextError {
        match (self.word(), self.symbol()) {
            (Some("and" | "AND"), _) => error.help("did you mean `&&`?"),
            (Some("or" | "OR"), _) => error.help("did you mean `||`?"),
            (Some("like" | "LIKE" | "contains" | "matches"), _) => {
                error.help("texts are matched by a regular expression: `name =~ \"GET .*\"`")
            }
            (Some("in" | "IN"), _) => error.help("one of several texts is matched by `=~ \"a|b\"`"),
            (Some("ns" | "us" | "µs" | "ms" | "s" | "m" | "h" | "d"), _) => {
                error.help("a unit stands right behind its number, as in `100ms`")
            }
            (_, Some("~")) => error.help("did you mean `=~`?"),
            _ if self.peek().kind == TokenKind::End => error.help("close what is open"),
            _ => error,
        }
    }
}

const NIL_HELP: &str = "only `= nil` and `!= nil` exist";

fn lonely_nil(span: TextSpan) -> TextError {
    TextError::syntax(span, "`nil` is no value of its own").help(NIL_HELP)
}

/// What a word that is nothing was probably meant to be.
fn meant(name: &str) -> Option<String> {
    let scopes = ["span", "trace", "event", "link", "instrumentation"];
    let mut with_scope = scopes.iter().map(|scope| format!("{scope}:{name}"));
    let scoped = with_scope.find(|name| Intrinsic::parse(name).is_some());
    scoped.or_else(|| {
        let intrinsics =
            Intrinsic::ALL.iter().flat_map(|known| [Some(known.as_str()), known.scoped_str()]);
        let known = intrinsics.flatten().chain(super::statics::words()).chain(["nil"]);
        suggest::nearest(name, known).map(str::to_owned)
    })
}
