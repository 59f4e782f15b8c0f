//! The conditions of a query that is still being typed.

use super::scan;
use crate::ast::{Body, Filter, SpansetExpression};
use crate::check::check;
use crate::lexer::TokenKind;
use crate::parser::parse;
use fanal_base::cast;

/// The filter that a text is, or would be if what is unfinished in it were left out: a comparison without its right side
/// counts as true, and open brackets are closed. `None` where that gives no single valid filter.
pub fn lenient_filter(text: &str) -> Option<Filter> {
    single_filter(text).or_else(|| single_filter(&repaired(text)))
}

fn single_filter(text: &str) -> Option<Filter> {
    let checked = check(parse(text).ok()?).ok()?;
    match &checked.query().body {
        Body::Search(query) => match query.as_spansets()? {
            SpansetExpression::Filter(filter) => Some(filter.clone()),
            SpansetExpression::Operation { .. } => None,
        },
        Body::Metrics(_) | Body::Scalar(_) => None,
    }
}

/// The text with `true` for what has no right side, and with its brackets closed.
fn repaired(text: &str) -> String {
    let tokens = scan(text).tokens;
    let mut pieces: Vec<String> = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut filters = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        let piece = &text[cast::index(token.span.start)..cast::index(token.span.end)];
        let TokenKind::Symbol(symbol) = token.kind else {
            pieces.push(piece.to_owned());
            continue;
        };
        if symbol == "|" {
            pieces.extend(open.drain(..).rev().map(str::to_owned));
            filters = 0;
        }
        pieces.push(piece.to_owned());
        match symbol {
            "{" => {
                open.push("}");
                filters += 1;
            }
            "(" => open.push(")"),
            "}" | ")" => filters -= usize::from(open.pop() == Some("}")),
            _ => {}
        }
        let next = tokens.get(index + 1).map(|next| &next.kind);
        let is_last = matches!(next, None | Some(TokenKind::Symbol("}" | ")" | "&&" | "||" | "|")));
        match symbol {
            "&&" | "||" if is_last => pieces.push("true".to_owned()),
            "=" | "!=" | "<" | "<=" | ">" | ">=" | "=~" | "!~" if is_last && filters > 0 => {
                pieces.pop();
                drop_field(&mut pieces);
                pieces.push("true".to_owned());
            }
            _ => {}
        }
    }
    pieces.extend(open.drain(..).rev().map(str::to_owned));
    pieces.join(" ")
}

/// Drops the field at the end: an attribute or a word, perhaps with a scope and a colon before it.
fn drop_field(pieces: &mut Vec<String>) {
    pieces.pop();
    if pieces.last().is_some_and(|piece| piece == ":") {
        pieces.truncate(pieces.len().saturating_sub(2));
    }
}
