//! RE2's patterns in the dialect of the `regex` crate.
//!
//! The dialects differ in: classes of letters (`\d` and its like are ASCII in RE2), `\Q…\E`, octal numbers, escaped
//! punctuation, what is literal in brackets, and braces that are no repetition. Everything literal is written as a number,
//! so that nothing has a second meaning.

use super::InvalidPattern;
use std::iter::Peekable;
use std::str::Chars;

/// Most repetitions that RE2 takes.
const REPETITIONS_MAX: u32 = 1000;

/// Deepest groups that RE2 takes.
const GROUPS_MAX: usize = 1000;

/// A pattern in the other dialect.
pub fn translate(pattern: &str) -> Result<String, InvalidPattern> {
    let mut translation = Translation {
        rest: pattern.chars().peekable(),
        out: String::with_capacity(pattern.len() * 2),
        groups: 0,
        repeats: Repeats::Nothing,
    };
    translation.run()?;
    Ok(translation.out)
}

/// What a repetition would stand behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Repeats {
    /// Nothing that can be repeated.
    Nothing,
    /// Something.
    Item,
    /// A repetition.
    Repetition,
}

struct Translation<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
    groups: usize,
    repeats: Repeats,
}

type Step = Result<(), InvalidPattern>;

fn fail<T>(message: impl Into<String>) -> Result<T, InvalidPattern> {
    Err(InvalidPattern(message.into()))
}

impl Translation<'_> {
    fn run(&mut self) -> Step {
        while let Some(c) = self.rest.next() {
            let repeats = self.repeats;
            self.repeats = Repeats::Item;
            match c {
                '\\' => self.escape()?,
                '[' => self.class()?,
                '(' => self.open()?,
                ')' => self.close()?,
                '|' => {
                    self.out.push('|');
                    self.repeats = Repeats::Nothing;
                }
                '*' | '+' | '?' => self.repeat(&c.to_string(), repeats)?,
                '{' => match self.repetition()? {
                    Some(repetition) => self.repeat(&repetition, repeats)?,
                    None => self.literal('{'),
                },
                '.' | '^' | '$' => self.out.push(c),
                _ => self.literal(c),
            }
        }
        if self.groups > 0 { fail("a group is not closed") } else { Ok(()) }
    }

    fn literal(&mut self, c: char) {
        write_literal(&mut self.out, c);
    }

    fn repeat(&mut self, operator: &str, repeats: Repeats) -> Step {
        match repeats {
            Repeats::Nothing => return fail(format!("nothing stands before `{operator}`")),
            Repeats::Repetition => return fail(format!("`{operator}` repeats a repetition")),
            Repeats::Item => self.out.push_str(operator),
        }
        if self.rest.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        self.repeats = Repeats::Repetition;
        Ok(())
    }

    /// The rest of `{n}`, `{n,}` or `{n,m}`; nothing is taken where it is none of these.
    fn repetition(&mut self) -> Result<Option<String>, InvalidPattern> {
        let mut ahead = self.rest.clone();
        let inner: String = ahead.by_ref().take_while(|c| *c != '}').take(16).collect();
        let length = inner.chars().count();
        let is_closed = self.rest.clone().nth(length) == Some('}');
        let (least, most) = inner.split_once(',').unwrap_or((&inner, &inner));
        let is_number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        if !is_closed || !is_number(least) || !(most.is_empty() || is_number(most)) {
            return Ok(None);
        }
        let number =
            |text: &str| text.parse::<u32>().ok().filter(|number| *number <= REPETITIONS_MAX);
        let fits = match (number(least), number(most)) {
            (Some(least), Some(most)) => least <= most,
            (Some(_), None) => most.is_empty(),
            _ => false,
        };
        if !fits {
            return fail(format!("`{{{inner}}}` is no repetition up to {REPETITIONS_MAX}"));
        }
        self.rest.by_ref().take(length + 1).for_each(drop);
        Ok(Some(format!("{{{inner}}}")))
    }

    /// Behind `(`.
    fn open(&mut self) -> Step {
        self.groups += 1;
        if self.groups > GROUPS_MAX {
            return fail(format!("groups nest deeper than {GROUPS_MAX}"));
        }
        self.repeats = Repeats::Nothing;
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        let mut flags = self.rest.clone();
        let is_name = flags.next_if_eq(&'P').is_some();
        if flags.next_if_eq(&'<').is_some() {
            return self.group_name(is_name);
        }
        loop {
            match self.rest.next() {
                Some(flag @ ('i' | 'm' | 's' | 'U' | '-')) => self.out.push(flag),
                Some(':') => {
                    self.out.push(':');
                    return Ok(());
                }
                Some(')') => {
                    self.out.push(')');
                    self.groups -= 1;
                    return Ok(());
                }
                _ => {
                    return fail(
                        "groups are (…), (?:…), (?P<name>…) or (?flags) with the flags i, m, s, U",
                    );
                }
            }
        }
    }

    /// The rest of `(?P<name>` or `(?<name>`.
    fn group_name(&mut self, is_marked: bool) -> Step {
        self.rest.by_ref().take(if is_marked { 2 } else { 1 }).for_each(drop);
        let name: String = self.rest.by_ref().take_while(|c| *c != '>').collect();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return fail("the name of a group has letters, digits and _ only");
        }
        self.out.push_str(&format!("P<{name}>"));
        Ok(())
    }

    fn close(&mut self) -> Step {
        if self.groups == 0 {
            return fail("`)` closes no group");
        }
        self.groups -= 1;
        self.out.push(')');
        Ok(())
    }

    /// Behind a backslash outside brackets.
    fn escape(&mut self) -> Step {
        match self.rest.peek() {
            Some('A' | 'z') => self.out.extend(['\\', self.rest.next().unwrap_or_default()]),
            Some('b' | 'B') => {
                let boundary = self.rest.next().unwrap_or_default();
                self.out.push_str(&format!("(?-u:\\{boundary})"));
            }
            Some('Q') => {
                self.rest.next();
                self.quoted();
            }
            Some('C') => return fail("`\\C` does not match text"),
            _ => match self.escaped()? {
                Escaped::Literal(c) => self.literal(c),
                Escaped::Class(class) => self.out.push_str(&class),
            },
        }
        Ok(())
    }

    /// Behind `\Q`, up to `\E` or the end.
    fn quoted(&mut self) {
        let mut is_empty = true;
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            self.literal(c);
            is_empty = false;
        }
        if is_empty {
            self.repeats = Repeats::Nothing;
        }
    }

    /// Behind a backslash, inside brackets or outside: a character or a class.
    fn escaped(&mut self) -> Result<Escaped, InvalidPattern> {
        let Some(c) = self.rest.next() else {
            return fail("the pattern ends with a backslash");
        };
        let class = |class: &str| Ok(Escaped::Class(class.to_owned()));
        let literal = |c: char| Ok(Escaped::Literal(c));
        match c {
            'd' => class("[0-9]"),
            'D' => class("[^0-9]"),
            's' => class(r"[\t\n\f\r\x20]"),
            'S' => class(r"[^\t\n\f\r\x20]"),
            'w' => class("[0-9A-Za-z_]"),
            'W' => class("[^0-9A-Za-z_]"),
            'p' | 'P' => self.property(c).map(Escaped::Class),
            'a' => literal('\x07'),
            'f' => literal('\x0c'),
            'n' => literal('\n'),
            'r' => literal('\r'),
            't' => literal('\t'),
            'v' => literal('\x0b'),
            'x' => self.hexadecimal().map(Escaped::Literal),
            '0'..='7' => self.octal(c).map(Escaped::Literal),
            c if c.is_ascii_punctuation() => literal(c),
            c => fail(format!("`\\{c}` is no escape")),
        }
    }

    /// Behind `\p` or `\P`.
    fn property(&mut self, letter: char) -> Result<String, InvalidPattern> {
        let Some(first) = self.rest.next() else {
            return fail("`\\p` names no class");
        };
        let mut name = first.to_string();
        if first == '{' {
            name = self.rest.by_ref().take_while(|c| *c != '}').collect();
        }
        let is_negated = (letter == 'P') != name.starts_with('^');
        let name = name.trim_start_matches('^');
        if name == "Any" {
            return Ok(
                if is_negated { r"[^\x{0}-\x{10FFFF}]" } else { r"[\x{0}-\x{10FFFF}]" }.to_owned()
            );
        }
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return fail(format!("`\\{letter}{{{name}}}` is no class"));
        }
        Ok(format!("\\{}{{{name}}}", if is_negated { 'P' } else { 'p' }))
    }

    /// Behind `\x`.
    fn hexadecimal(&mut self) -> Result<char, InvalidPattern> {
        let digits: String = if self.rest.next_if_eq(&'{').is_some() {
            self.rest.by_ref().take_while(|c| *c != '}').collect()
        } else {
            self.rest.by_ref().take(2).collect()
        };
        let is_hex = digits.chars().all(|c| c.is_ascii_hexdigit());
        let code = u32::from_str_radix(&digits, 16).ok().filter(|_| is_hex);
        match code.and_then(char::from_u32) {
            Some(c) => Ok(c),
            None => fail(format!("`\\x{digits}` is no character")),
        }
    }

    /// Behind a backslash and a first digit: up to three digits; a lone digit but 0 would be a back reference.
    fn octal(&mut self, first: char) -> Result<char, InvalidPattern> {
        let mut digits = first.to_string();
        while digits.len() < 3
            && let Some(digit) = self.rest.next_if(|c| c.is_digit(8))
        {
            digits.push(digit);
        }
        match u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32) {
            Some(c) if digits.len() > 1 || first == '0' => Ok(c),
            _ => fail(format!("`\\{digits}` would be a back reference, which do not exist")),
        }
    }

    /// Behind `[`.
    fn class(&mut self) -> Step {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut is_first = true;
        loop {
            match self.rest.peek() {
                None => return fail("a bracket is not closed"),
                Some(']') if !is_first => {
                    self.rest.next();
                    self.out.push(']');
                    return Ok(());
                }
                Some(_) => self.class_item()?,
            }
            is_first = false;
        }
    }

    fn class_item(&mut self) -> Step {
        let Some(low) = self.class_character()? else { return Ok(()) };
        let mut ahead = self.rest.clone();
        let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
        if !is_range {
            self.literal(low);
            return Ok(());
        }
        self.rest.next();
        match self.class_end()? {
            Some(high) if low <= high => {
                self.literal(low);
                self.out.push('-');
                self.literal(high);
                Ok(())
            }
            _ => fail(format!("a range in brackets that begins with {low:?} does not go upwards")),
        }
    }

    /// The upper end of a range; `None` where it is a class.
    fn class_end(&mut self) -> Result<Option<char>, InvalidPattern> {
        match self.rest.next() {
            Some('\\') => match self.escaped()? {
                Escaped::Literal(c) => Ok(Some(c)),
                Escaped::Class(_) => Ok(None),
            },
            end => Ok(end),
        }
    }

    /// A character in brackets; classes are written at once.
    fn class_character(&mut self) -> Result<Option<char>, InvalidPattern> {
        match self.rest.next() {
            Some('\\') => match self.escaped()? {
                Escaped::Literal(c) => Ok(Some(c)),
                Escaped::Class(class) => {
                    self.out.push_str(&class);
                    Ok(None)
                }
            },
            Some('[') if self.rest.peek() == Some(&':') => self.named_class(),
            other => Ok(other),
        }
    }

    /// Behind `[` in brackets, before a colon: `[:alpha:]`, or a bracket like any other character.
    fn named_class(&mut self) -> Result<Option<char>, InvalidPattern> {
        let ahead: String = self.rest.clone().skip(1).take(16).collect();
        let Some((name, _)) = ahead.split_once(":]") else {
            return Ok(Some('['));
        };
        let known = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print",
            "punct", "space", "upper", "word", "xdigit",
        ];
        if !known.contains(&name.trim_start_matches('^')) {
            return fail(format!("`[:{name}:]` is no class"));
        }
        self.rest.by_ref().take(name.len() + 3).for_each(drop);
        self.out.push_str(&format!("[:{name}:]"));
        Ok(None)
    }
}

enum Escaped {
    Literal(char),
    Class(String),
}

fn write_literal(out: &mut String, c: char) {
    if c.is_ascii_alphanumeric() || !c.is_ascii() {
        out.push(c);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
    }
}
