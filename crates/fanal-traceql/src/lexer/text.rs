//! Texts: in double quotes with escapes, in backquotes without, and quoted parts of attribute names.

use super::Lexer;
use crate::error::TextError;

impl Lexer<'_> {
    /// A text in double quotes.
    pub(super) fn quoted(&mut self) -> Result<String, TextError> {
        let start = self.at;
        self.at += 1;
        // Escapes may give single bytes; whether they make up a text shows at the end.
        let mut bytes = Vec::new();
        loop {
            let part = self.take_while(|c| !matches!(c, '"' | '\\' | '\n'));
            bytes.extend_from_slice(part.as_bytes());
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    let not_text = "the bytes of this text are not UTF-8";
                    return String::from_utf8(bytes)
                        .map_err(|_| TextError::syntax(self.span_from(start), not_text));
                }
                Some('\\') => self.escape(&mut bytes)?,
                _ => return Err(self.without_end(start, "\"")),
            }
        }
    }

    /// A text in backquotes.
    pub(super) fn raw_quoted(&mut self) -> Result<String, TextError> {
        let start = self.at;
        self.at += 1;
        let text = self.take_while(|c| c != '`').to_owned();
        if self.peek().is_none() {
            return Err(self.without_end(start, "`"));
        }
        self.at += 1;
        Ok(text)
    }

    /// A quoted part of an attribute name, in which only `\"` and `\\` are escapes.
    pub(super) fn quoted_name_part(&mut self, name: &mut String) -> Result<(), TextError> {
        let start = self.at;
        self.at += 1;
        loop {
            name.push_str(self.take_while(|c| !matches!(c, '"' | '\\')));
            let escape = self.at;
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => {
                    self.at += 1;
                    let escaped = self.peek().filter(|c| matches!(c, '"' | '\\'));
                    let Some(escaped) = escaped else {
                        self.at += self.peek().map_or(0, char::len_utf8);
                        let message =
                            "a quoted attribute name has the escapes `\\\"` and `\\\\` only";
                        return Err(TextError::syntax(self.span_from(escape), message));
                    };
                    self.at += 1;
                    name.push(escaped);
                }
                None => return Err(self.without_end(start, "\"")),
            }
        }
    }

    fn without_end(&mut self, start: usize, quote: &str) -> TextError {
        let message = "the text has no end";
        let error = TextError::syntax(self.span_from(start), message);
        error.help(
            format!("end it with `{quote}` on the same line")
                .replace("``` on the same line", "a backquote"),
        )
    }

    /// An escape of a text in double quotes.
    fn escape(&mut self, bytes: &mut Vec<u8>) -> Result<(), TextError> {
        let start = self.at;
        self.at += 1;
        let letter = self.peek().unwrap_or_default();
        if !letter.is_digit(8) {
            self.at += self.peek().map_or(0, char::len_utf8);
        }
        let byte = match letter {
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'n' => Some(b'\n'),
            'r' => Some(b'\r'),
            't' => Some(b'\t'),
            'v' => Some(11),
            '\\' => Some(b'\\'),
            '"' => Some(b'"'),
            'x' => self.digits(2, 16).and_then(|code| u8::try_from(code).ok()),
            '0'..='7' => self.digits(3, 8).and_then(|code| u8::try_from(code).ok()),
            _ => None,
        };
        let character = match letter {
            'u' => self.digits(4, 16).and_then(char::from_u32),
            'U' => self.digits(8, 16).and_then(char::from_u32),
            _ => None,
        };
        match (byte, character) {
            (Some(byte), _) => bytes.push(byte),
            (_, Some(character)) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => {
                let message = format!("`{}` is no escape", &self.text[start..self.at]);
                let error = TextError::syntax(self.span_from(start), message);
                return Err(error.help("write a backslash as `\\\\`, or the text in `backquotes`"));
            }
        }
        Ok(())
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize, radix: u32) -> Option<u32> {
        let digits =
            self.rest().get(..count).filter(|text| text.chars().all(|c| c.is_digit(radix)))?;
        self.at += count;
        u32::from_str_radix(digits, radix).ok()
    }
}
