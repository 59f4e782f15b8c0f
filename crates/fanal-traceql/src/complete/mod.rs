//! What may stand at a place of a query that is still being typed.
//!
//! Looks at the tokens before the place only, so that it does not matter how broken the rest is. Names of attributes and their
//! values are not known here: the answer says which are wanted.

mod place;
mod repair;

use crate::ast::{Attribute, AttributeScope, Filter};
use crate::error::TextError;
use crate::lexer::{Lexer, Token, TokenKind};
use fanal_base::cast;
use place::Place;

pub use repair::lenient_filter;

/// What may stand at a place of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Where the text begins that a choice replaces; it ends at the place asked about.
    pub start: usize,
    /// What is typed of the choice already, without an opening quote.
    pub prefix: String,
    /// Words, functions and operators that may stand here and begin with the prefix.
    pub words: Vec<&'static str>,
    /// Names of attributes of this scope may stand here; of every level where it is unscoped and no point is typed yet.
    pub names: Option<AttributeScope>,
    /// Values of this field may stand here.
    pub values_of: Option<Attribute>,
    /// Whether the choice stands inside quotes that are open already.
    pub is_quoted: bool,
    /// The conditions of the whole text, to narrow names and values.
    pub filter: Option<Filter>,
}

/// Tokens as far as they can be told.
pub(crate) struct Scan {
    /// Without the end.
    pub(crate) tokens: Vec<Token>,
    /// Where the part begins that is no token, if the text does not end well.
    broken: Option<(usize, TextError)>,
}

/// The tokens of a text up to what is none.
pub(crate) fn scan(text: &str) -> Scan {
    let mut lexer = Lexer::new(text);
    let mut tokens: Vec<Token> = Vec::new();
    loop {
        let behind = tokens.last().map_or(0, |token| cast::index(token.span.end));
        match lexer.token() {
            Ok(Token { kind: TokenKind::End, .. }) => return Scan { tokens, broken: None },
            Ok(token) => tokens.push(token),
            Err(error) => {
                let blank = text[behind..].len() - text[behind..].trim_start().len();
                return Scan { tokens, broken: Some((behind + blank, error)) };
            }
        }
    }
}

/// What may stand at a place: `cursor` is a byte position of `text`; one that is none counts as the end.
pub fn complete(text: &str, cursor: usize) -> Completion {
    let before = text.get(..cursor).unwrap_or(text);
    let mut scan = scan(before);
    let mut completion = Completion {
        start: before.len(),
        prefix: String::new(),
        words: Vec::new(),
        names: None,
        values_of: None,
        is_quoted: false,
        filter: lenient_filter(text),
    };
    match scan.broken.take() {
        Some((start, _)) => unfinished(before, start, &mut completion),
        None => last_token(before, &mut scan.tokens, &mut completion),
    }
    if completion.names.is_none() {
        let place = Place::behind(&scan.tokens, before);
        place.offer(&mut completion);
    }
    let prefix = &completion.prefix;
    completion.words.retain(|word| !completion.is_quoted && word.starts_with(prefix.as_str()));
    completion
}

/// Takes the part behind the last token as the beginning of something: of a text, of a name, of an operator.
fn unfinished(text: &str, start: usize, completion: &mut Completion) {
    let part = &text[start..];
    completion.start = start;
    if let Some(quoted) = part.strip_prefix(['"', '`']) {
        completion.start = start + 1;
        quoted.clone_into(&mut completion.prefix);
        completion.is_quoted = true;
        return;
    }
    let scopes = AttributeScope::ALL.into_iter().filter(|scope| part.starts_with(scope.prefix()));
    if let Some(scope) = scopes.max_by_key(|scope| scope.prefix().len()) {
        let name = &part[scope.prefix().len()..];
        completion.start = start + scope.prefix().len();
        completion.names = Some(scope);
        completion.prefix = name.replace('"', "");
        completion.is_quoted = name.contains('"');
        return;
    }
    part.clone_into(&mut completion.prefix);
}

/// Takes the last token as the beginning of something, if it reaches up to the place.
fn last_token(text: &str, tokens: &mut Vec<Token>, completion: &mut Completion) {
    let last = tokens.last().filter(|token| cast::index(token.span.end) == text.len());
    match last.map(|last| (&last.kind, cast::index(last.span.start))) {
        Some((TokenKind::Attribute(scope, name), start)) => {
            completion.start = start + scope.prefix().len();
            completion.names = Some(*scope);
            completion.prefix.clone_from(name);
            tokens.pop();
        }
        Some((
            TokenKind::Word | TokenKind::Int(_) | TokenKind::Float(_) | TokenKind::Duration(_),
            start,
        )) => {
            completion.start = start;
            tokens.pop();
        }
        _ => {}
    }
    // An intrinsic with a scope: `span:` or `span:na`.
    if let [.., scope, colon] = tokens.as_slice()
        && colon.kind == TokenKind::Symbol(":")
        && scope.kind == TokenKind::Word
    {
        completion.start = cast::index(scope.span.start);
        tokens.truncate(tokens.len() - 2);
    }
    if completion.names.is_none() {
        completion.prefix = text[completion.start..].split_whitespace().collect();
    }
}

#[cfg(test)]
mod tests;
