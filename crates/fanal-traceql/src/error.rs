//! Why a text is not a query that can be answered, and where in the text the reason stands.
//!
//! The parser and the check make these; façades show [`TextError::to_string`] in one line or [`TextError::render`] with the
//! line of the text.

use crate::ast::TextSpan;
use fanal_base::{ErrorKind, cast};
use std::fmt;

/// Most characters of a message: texts of the asker that it repeats may be long.
const MESSAGE_CHARACTERS_MAX: usize = 300;

/// Most characters of a line that [`TextError::render`] shows.
const SHOWN_CHARACTERS_MAX: usize = 120;

/// Why a text is not a query that can be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TextError {
    /// What kind of mistake it is.
    pub class: ErrorClass,
    /// What is wrong, in one line.
    pub message: String,
    /// What to do, in one line.
    pub help: Option<String>,
    /// Where it is wrong.
    pub span: TextSpan,
    /// Line and column of the start of `span`, both from 1, where the text is known.
    pub position: Option<(usize, usize)>,
}

/// What kind of mistake it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The text does not follow the grammar.
    Syntax,
    /// It does, and means nothing.
    Invalid,
    /// It does, and is not answered by this language's servers.
    Unsupported,
    /// It is beyond a limit.
    Limit,
}

impl ErrorClass {
    /// What a message begins with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax error",
            Self::Invalid => "invalid query",
            Self::Unsupported => "unsupported query",
            Self::Limit => "query beyond a limit",
        }
    }
}

impl TextError {
    pub(crate) fn new(class: ErrorClass, span: TextSpan, message: impl Into<String>) -> Self {
        Self { class, message: bounded(message.into()), help: None, span, position: None }
    }

    pub(crate) fn syntax(span: TextSpan, message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Syntax, span, message)
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(bounded(help.into()));
        self
    }

    /// With line and column, by the text of the query.
    #[must_use]
    pub fn located(mut self, text: &str) -> Self {
        let before = text.get(..cast::index(self.span.start)).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        self.position = Some((before.matches('\n').count() + 1, line.chars().count() + 1));
        self
    }

    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }

    /// The error in several lines: the message, the line of the text, a mark under the place, and what to do.
    pub fn render(&self, text: &str) -> String {
        let located = self.clone().located(text);
        let start = cast::index(self.span.start).min(text.len());
        let line_start =
            text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        let text_line =
            text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let before = located.position.map_or(0, |(_, column)| column - 1);
        // Of a long line only what stands around the place.
        let skipped = before.saturating_sub(SHOWN_CHARACTERS_MAX / 2);
        let shown: String = text_line.chars().skip(skipped).take(SHOWN_CHARACTERS_MAX).collect();
        let end = cast::index(self.span.end).clamp(start, line_start + text_line.len());
        let marked = text.get(start..end).map_or(1, |part| part.chars().count()).max(1);
        let room = SHOWN_CHARACTERS_MAX.saturating_sub(before - skipped).max(1);
        let mark = " ".repeat(before - skipped) + &"^".repeat(marked.min(room));
        let (line, column) = located.position.unwrap_or_default();
        let margin = " ".repeat(line.to_string().len());
        let help =
            self.help.as_ref().map(|help| format!("\n{margin} = {help}")).unwrap_or_default();
        let shown = shown.replace('\t', " ");
        let (class, message) = (self.class.as_str(), &self.message);
        // The place stands in words too: where only one line is shown, it is the first.
        format!(
            "{class} at line {line}, column {column}: {message}\n{line} | {shown}\n{margin} | {mark}{help}"
        )
    }
}

/// A text without what is beyond the limit.
pub(crate) fn bounded(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE_CHARACTERS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl fmt::Display for TextError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.class.as_str())?;
        if let Some((line, column)) = self.position {
            write!(formatter, " at line {line}, column {column}")?;
        }
        write!(formatter, ": {}", self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(formatter, "; {help}"))
    }
}
