//! Tokens to a [`Query`]: recursive descent for statements, precedence climbing for operators.
//!
//! Parses what the grammar allows, also what no server answers; [`crate::check`] refuses that. Constants are folded on the
//! way. Bounded: no text beyond [`TEXT_BYTES_MAX`], no tree deeper than [`DEPTH_MAX`].

mod expression;
mod fold;
mod metrics;
mod operand;
mod pipeline;
mod statics;

use crate::ast::{Attribute, Body, Query, TextSpan};
use crate::error::{ErrorClass, TextError};
use crate::lexer::{self, Token, TokenKind};
use fanal_base::cast;

pub(crate) use expression::level;
pub use fold::{binary, existence, logical, unary};
pub(crate) use metrics::{FUNCTIONS as METRICS_FUNCTIONS, SECOND_STAGES};
pub use operand::combined;

/// Most bytes of a query's text.
pub const TEXT_BYTES_MAX: usize = 131_072;

/// Deepest nesting of parentheses and operators.
pub const DEPTH_MAX: u32 = 200;

/// The query that a text is.
pub fn parse(text: &str) -> Result<Query, TextError> {
    parse_unlocated(text).map_err(|error| error.located(text))
}

/// The field that a text is: an attribute with its scope, or an intrinsic in either spelling.
pub fn parse_attribute(text: &str) -> Result<Attribute, TextError> {
    let parse = || {
        let mut parser = Parser::new(text)?;
        let attribute = parser.attribute()?.item;
        if parser.peek().kind == TokenKind::End {
            return Ok(attribute);
        }
        Err(parser.unexpected("the end behind the field"))
    };
    parse().map_err(|error| error.located(text))
}

fn parse_unlocated(text: &str) -> Parsed<Query> {
    let mut parser = Parser::new(text)?;
    let body = parser.body()?;
    let mut hints = None;
    while parser.is_word("with") {
        hints = Some(parser.hints()?);
    }
    if parser.peek().kind == TokenKind::End {
        return Ok(Query { body, hints: hints.unwrap_or_default() });
    }
    Err(match hints {
        Some(_) => parser.unexpected("`with` or the end"),
        None => parser.trailing(&body),
    })
}

/// A position in the tokens of a text.
struct Parser<'a> {
    text: &'a str,
    /// Never empty: the last is the end, and the position never goes behind it.
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

/// A tree with its depth.
struct Deep<T> {
    node: T,
    depth: u32,
}

type Parsed<T> = Result<T, TextError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Parsed<Self> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!(
                "the text has {} bytes, {TEXT_BYTES_MAX} are allowed: ask for less at once",
                text.len()
            );
            return Err(TextError::new(ErrorClass::Limit, TextSpan::default(), message));
        }
        Ok(Self { text, tokens: lexer::tokens(text)?, at: 0, depth: 0 })
    }

    fn peek(&self) -> &Token {
        &self.tokens[self.at]
    }

    fn peek_after(&self) -> &Token {
        &self.tokens[(self.at + 1).min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) -> TextSpan {
        let span = self.peek().span;
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        span
    }

    /// The span of the token before.
    fn last_span(&self) -> TextSpan {
        self.tokens[self.at.saturating_sub(1)].span
    }

    fn text_of(&self, token: &Token) -> &str {
        &self.text[cast::index(token.span.start)..cast::index(token.span.end)]
    }

    fn symbol(&self) -> Option<&'static str> {
        match self.peek().kind {
            TokenKind::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        self.symbol() == Some(symbol)
    }

    fn word(&self) -> Option<&str> {
        (self.peek().kind == TokenKind::Word).then(|| self.text_of(self.peek()))
    }

    fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    /// Whether a word stands here with an opening parenthesis behind it.
    fn is_call(&self) -> bool {
        self.peek().kind == TokenKind::Word && self.peek_after().kind == TokenKind::Symbol("(")
    }

    fn take_symbol(&mut self, symbol: &str) -> bool {
        let is_here = self.is_symbol(symbol);
        if is_here {
            self.advance();
        }
        is_here
    }

    /// Takes a symbol that must stand here; `expected` says what could.
    fn expect_symbol(&mut self, symbol: &str, expected: &str) -> Parsed<TextSpan> {
        if self.is_symbol(symbol) { Ok(self.advance()) } else { Err(self.unexpected(expected)) }
    }

    /// What stands here, as a message shows it.
    fn found(&self) -> String {
        const SHOWN_CHARACTERS_MAX: usize = 40;
        let token = self.peek();
        if token.kind == TokenKind::End {
            return "the end of the query".to_owned();
        }
        let text = self.text_of(token);
        match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
            Some((end, _)) => format!("`{}…`", &text[..end]),
            None => format!("`{text}`"),
        }
    }

    /// The error that something else should stand here.
    fn unexpected(&self, expected: &str) -> TextError {
        let message = format!("expected {expected}, found {}", self.found());
        TextError::syntax(self.peek().span, message)
    }

    /// Goes one level down for `inner`, if there is one.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        self.check_depth(self.depth)?;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn check_depth(&self, depth: u32) -> Parsed<()> {
        if depth <= DEPTH_MAX {
            return Ok(());
        }
        let message = format!("parentheses and operators nest deeper than {DEPTH_MAX} levels");
        let error = TextError::new(ErrorClass::Limit, self.last_span(), message);
        Err(error.help("write fewer operators in a row, or a regular expression for many values"))
    }

    /// The error that something follows a query that is complete.
    fn trailing(&self, body: &Body) -> TextError {
        match (body, self.symbol()) {
            (Body::Metrics(_), Some("+" | "-" | "*" | "/")) => self
                .unexpected("`|`, a comparison, `with` or the end")
                .help("put each operand of arithmetic in parentheses: `({ } | rate()) * 2`"),
            (Body::Metrics(_), _) => {
                self.unexpected("`| topk(…)`, a comparison, `with` or the end")
            }
            (Body::Search(query), Some("|")) if query.is_whole() => self
                .unexpected("an operator, `with` or the end")
                .help("nothing may follow pipelines in parentheses: put it inside them"),
            _ => self.unexpected("`|`, an operator between filters, `with` or the end"),
        }
    }
}

#[cfg(test)]
mod tests;
