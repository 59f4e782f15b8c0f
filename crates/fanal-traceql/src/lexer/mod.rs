//! Text to tokens. Feeds the parser and the completion.
//!
//! Attribute names are tokens of their own, because a name takes in nearly every character up to the next operator that
//! is not arithmetic: `.a-b` is one name. Knows no grammar.

mod number;
mod text;

use crate::ast::{AttributeScope, TextSpan};
use crate::error::TextError;
use crate::suggest;
use fanal_base::cast;

/// A token with its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: TextSpan,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// An attribute with its scope.
    Attribute(AttributeScope, String),
    /// A bare word; its text is that of the span.
    Word,
    /// A whole number.
    Int(i64),
    /// A float.
    Float(f64),
    /// Nanoseconds.
    Duration(i64),
    /// A text, unescaped.
    String(String),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// Operators and brackets; what begins another comes after it.
const SYMBOLS: &[&str] = &[
    "!>>", "!<<", "&>>", "&<<", "&&", "||", "=~", "!~", "!=", ">=", "<=", ">>", "<<", "!>", "!<",
    "&>", "&<", "&~", "{", "}", "(", ")", ",", "|", "=", "<", ">", "~", "!", "+", "-", "*", "/",
    "%", "^", ":",
];

/// Ends an attribute name.
fn ends_name(c: char) -> bool {
    c.is_whitespace() || "{}()=~!<>&|^,".contains(c)
}

/// Whether a name must be quoted to be read back as it is.
pub(crate) fn needs_quotes(scope: AttributeScope, name: &str) -> bool {
    let is_number =
        scope == AttributeScope::Unscoped && name.starts_with(|c: char| c.is_ascii_digit());
    let is_scope = scope == AttributeScope::Parent
        && (name.starts_with("span.") || name.starts_with("resource."));
    is_number || is_scope || name.contains(|c| ends_name(c) || c == '"')
}

/// All tokens of a text, the last being its end.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, TextError> {
    let mut lexer = Lexer::new(text);
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let is_end = token.kind == TokenKind::End;
        tokens.push(token);
        if is_end {
            return Ok(tokens);
        }
    }
}

/// Reads one token after the other.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn span_from(&self, start: usize) -> TextSpan {
        TextSpan { start: cast::narrow(start), end: cast::narrow(self.at) }
    }

    /// Takes characters while they belong.
    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !belongs(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    /// The next token. After an error the lexer stands behind what it did not understand.
    pub(crate) fn token(&mut self) -> Result<Token, TextError> {
        self.skip_blank()?;
        let start = self.at;
        let Some(first) = self.peek() else {
            return Ok(Token { kind: TokenKind::End, span: self.span_from(start) });
        };
        let begins_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let kind = match first {
            '"' => TokenKind::String(self.quoted()?),
            '`' => TokenKind::String(self.raw_quoted()?),
            '.' if !begins_number(&self.rest()[1..]) => {
                self.at += 1;
                self.attribute(AttributeScope::Unscoped, start)?
            }
            '.' | '0'..='9' => self.number()?,
            'a'..='z' | 'A'..='Z' | '_' => self.word(start)?,
            _ => self.symbol()?,
        };
        Ok(Token { kind, span: self.span_from(start) })
    }

    /// Skips white space and comments.
    fn skip_blank(&mut self) -> Result<(), TextError> {
        loop {
            self.take_while(char::is_whitespace);
            let start = self.at;
            if self.rest().starts_with("//") {
                self.take_while(|c| c != '\n');
            } else if self.rest().starts_with("/*") {
                let length = self.rest()[2..].find("*/").map(|at| at + 4);
                self.at += length.unwrap_or(self.rest().len());
                if length.is_none() {
                    let message = "the comment has no end";
                    let span = TextSpan { end: cast::narrow(start + 2), ..self.span_from(start) };
                    return Err(TextError::syntax(span, message).help("end it with `*/`"));
                }
            } else {
                return Ok(());
            }
        }
    }

    fn symbol(&mut self) -> Result<TokenKind, TextError> {
        let (start, rest) = (self.at, self.rest());
        if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            self.at += symbol.len();
            return Ok(TokenKind::Symbol(symbol));
        }
        let wrong = self.peek().unwrap_or_default();
        self.at += wrong.len_utf8();
        let error = TextError::syntax(self.span_from(start), format!("unexpected {wrong:?}"));
        Err(match wrong {
            '\'' => error.help("texts stand in \"double quotes\" or `backquotes`"),
            '&' => error.help("did you mean `&&`?"),
            _ => error,
        })
    }

    /// A bare word, or an attribute where a scope and a point follow each other.
    fn word(&mut self, start: usize) -> Result<TokenKind, TextError> {
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if self.peek() != Some('.') {
            return Ok(TokenKind::Word);
        }
        let with_point = &self.text[start..=self.at];
        let scope = AttributeScope::ALL.into_iter().find(|scope| scope.prefix() == with_point);
        let Some(mut scope) = scope else {
            let message = format!("`{word}.` is no scope of attributes");
            let scopes = AttributeScope::ALL.iter().map(|scope| scope.prefix());
            let help = match suggest::nearest(with_point, scopes) {
                Some(near) => format!("did you mean `{near}`?"),
                None => {
                    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                    let behind: String =
                        self.rest().chars().take_while(|c| is_name(*c)).take(40).collect();
                    format!(
                        "an attribute begins with a point or a scope: `.{word}{behind}` or `resource.{word}{behind}`"
                    )
                }
            };
            self.at += 1;
            return Err(TextError::syntax(self.span_from(start), message).help(help));
        };
        self.at += 1;
        if scope == AttributeScope::Parent {
            for inner in [AttributeScope::ParentSpan, AttributeScope::ParentResource] {
                if self.text[start..].starts_with(inner.prefix()) {
                    self.at = start + inner.prefix().len();
                    scope = inner;
                }
            }
        }
        self.attribute(scope, start)
    }

    /// The name after a scope: plain parts and quoted parts, put together.
    fn attribute(&mut self, scope: AttributeScope, start: usize) -> Result<TokenKind, TextError> {
        let mut name = String::new();
        loop {
            name.push_str(self.take_while(|c| c != '"' && !ends_name(c)));
            if self.peek() != Some('"') {
                break;
            }
            self.quoted_name_part(&mut name)?;
        }
        if name.is_empty() {
            let message = format!("no name follows `{}`", scope.prefix());
            return Err(TextError::syntax(self.span_from(start), message));
        }
        Ok(TokenKind::Attribute(scope, name))
    }
}

#[cfg(test)]
mod tests;
