//! Reads Rust source just far enough to tell code from comments, strings and tests.
//!
//! Feeds the rules on sizes, words and markers. It is a scanner, not a parser: it knows where
//! literals and comments end and where braces close, which is all that those rules ask, and it
//! costs the build no dependency. Every text it returns keeps the bytes' places and the lines.

use std::ops::Range;

/// A Rust file taken apart; each text is as long as the file, blanks standing for what it lacks.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// Code alone: no comments, no contents of literals, no test items.
    pub(crate) code: String,
    /// Comments alone.
    pub(crate) comments: String,
    /// Lines that belong to items under `#[cfg(test)]`.
    pub(crate) test_lines: usize,
}

/// A function that has a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace.
    pub(crate) lines: usize,
}

/// Takes a file apart.
pub(crate) fn scan(source: &str) -> Scanned {
    let (mut code, comments) = separate(source.as_bytes());
    let mut test_lines = 0;
    for range in test_items(&code) {
        test_lines += count_newlines(&code[range.clone()]) + 1;
        blank(&mut code[range]);
    }
    Scanned { code: text(code), comments: text(comments), test_lines }
}

/// The functions with a body in `code`, which must come from [`scan`].
pub(crate) fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if at > 0 && is_word(bytes[at - 1]) {
            continue;
        }
        let name: String =
            code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(end) = (!name.is_empty()).then(|| item_end(bytes, at)).flatten() else { continue };
        if bytes[end - 1] == b'}' {
            let line = 1 + count_newlines(&bytes[..at]);
            let lines = 1 + count_newlines(&bytes[at..end]);
            found.push(Function { name, line, lines });
        }
    }
    found
}

/// Line of a byte offset, from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    1 + count_newlines(&text.as_bytes()[..offset])
}

/// Offsets at which `needle` stands in `code` as whole words.
pub(crate) fn words<'a>(code: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    code.match_indices(needle).map(|(at, _)| at).filter(move |&at| {
        let after = at + needle.len();
        let open_left = at == 0 || !is_word(bytes[at - 1]) || !is_word(bytes[at]);
        let open_right =
            after == bytes.len() || !is_word(bytes[after]) || !is_word(bytes[after - 1]);
        open_left && open_right
    })
}

/// Code and comments of a file, each with blanks in place of the other.
fn separate(source: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut code, mut comments) = (source.to_vec(), source.to_vec());
    let mut at = 0;
    while at < source.len() {
        let (end, is_comment) = match piece(source, at) {
            Piece::Code => (at + 1, false),
            Piece::Literal(end) => {
                blank(&mut code[at..end]);
                (end, false)
            }
            Piece::Comment(end) => {
                blank(&mut code[at..end]);
                (end, true)
            }
        };
        if !is_comment {
            blank(&mut comments[at..end]);
        }
        at = end;
    }
    (code, comments)
}

/// What begins at an offset; the numbers are where it ends.
enum Piece {
    Code,
    Literal(usize),
    Comment(usize),
}

fn piece(source: &[u8], at: usize) -> Piece {
    let rest = &source[at..];
    let starts_word = at == 0 || !is_word(source[at - 1]);
    match rest {
        [b'/', b'/', ..] => {
            let length = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            Piece::Comment(at + length)
        }
        [b'/', b'*', ..] => Piece::Comment(at + block_comment_length(rest)),
        [b'"', ..] => Piece::Literal(at + quoted_length(rest, b'"')),
        [b'\'', ..] => {
            character_length(rest).map_or(Piece::Code, |length| Piece::Literal(at + length))
        }
        [b'r' | b'b' | b'c', ..] if starts_word => {
            raw_length(rest).map_or(Piece::Code, |length| Piece::Literal(at + length))
        }
        _ => Piece::Code,
    }
}

fn block_comment_length(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a literal that ends at the next `quote` without a backslash.
fn quoted_length(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a character literal; a lifetime is none.
fn character_length(rest: &[u8]) -> Option<usize> {
    match rest.get(1)? {
        b'\\' => Some(quoted_length(rest, b'\'')),
        first => {
            let width = match first {
                0xF0.. => 4,
                0xE0.. => 3,
                0xC0.. => 2,
                _ => 1,
            };
            (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
        }
    }
}

/// Length of a raw string such as `r#"…"#`, its prefix included.
fn raw_length(rest: &[u8]) -> Option<usize> {
    let prefix = usize::from(matches!(rest, [b'b' | b'c', b'r', ..])) + 1;
    if rest[prefix - 1] != b'r' {
        return None;
    }
    let hashes = rest[prefix..].iter().take_while(|&&byte| byte == b'#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let mut closing = vec![b'"'];
    closing.resize(1 + hashes, b'#');
    let body = &rest[open + 1..];
    let length = body.windows(closing.len()).position(|window| window == closing.as_slice());
    Some(length.map_or(rest.len(), |length| open + 1 + length + closing.len()))
}

/// Items under `#[cfg(test)]`, from the attribute to the item's end.
fn test_items(code: &[u8]) -> Vec<Range<usize>> {
    const ATTRIBUTE: &[u8] = b"#[cfg(test)]";
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(found) = code[at..].windows(ATTRIBUTE.len()).position(|w| w == ATTRIBUTE) {
        let start = at + found;
        let end = item_end(code, start).unwrap_or(code.len());
        ranges.push(start..end);
        at = end;
    }
    ranges
}

/// One past the `;` or the closing brace that ends the item that begins at `start`.
fn item_end(code: &[u8], start: usize) -> Option<usize> {
    let mut brackets = 0_usize;
    let mut braces = 0_usize;
    for (at, byte) in code.iter().enumerate().skip(start) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            // A brace that was not opened here closes what the item lies in.
            b'}' if braces == 0 => return Some(at),
            b'}' => {
                braces -= 1;
                if braces == 0 && brackets == 0 {
                    let after = &code[at + 1..];
                    let space = after.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                    let is_use = after.get(space) == Some(&b';');
                    return Some(at + 1 + if is_use { space + 1 } else { 0 });
                }
            }
            b';' if braces == 0 && brackets == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn count_newlines(bytes: &[u8]) -> usize {
    bytes.split(|&byte| byte == b'\n').count() - 1
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    // Blanking replaces whole pieces whose ends are ASCII, so the rest is still UTF-8.
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_code(source: &str, expect: &str) {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let code = scan(source).code;
        assert_eq!(code.len(), source.len(), "{source:?}");
        assert_eq!(squeezed(&code), expect, "{source:?}");
    }

    #[test]
    fn literals_and_comments_are_not_code() {
        check_code("a // b\nc", "a c");
        check_code("a /* b /* c */ d */ e", "a e");
        check_code(r#"a("b \" // c") + d"#, "a( ) + d");
        check_code(r##"a(r#"b " c"#) + br"d" + e"##, "a( ) + + e");
        check_code("a('x', '\\'', '\u{2026}', b'y', 'z: loop {})", "a( , , , b , 'z: loop {})");
        check_code("fn a<'b>(c: &'b str) {}", "fn a<'b>(c: &'b str) {}");
        check_code("r#type + \"…\" + x", "r#type + + x");
        check_code("for r in b {}", "for r in b {}");
    }

    #[test]
    fn test_items_are_not_code() {
        check_code("a;\n#[cfg(test)]\nmod tests { fn b() {} }\nc;", "a; c;");
        check_code("#[cfg(test)]\nmod tests;\nc;", "c;");
        check_code("struct A { b: C, #[cfg(test)] d: E }\nf;", "struct A { b: C, } f;");
        check_code("#[cfg(test)]\n#[rustfmt::skip]\nuse a::{b, c};\nd;", "d;");
        let scanned = scan("a;\n#[cfg(test)]\nmod tests {\n    // }\n}\n");
        assert_eq!(scanned.test_lines, 4);
    }

    #[test]
    fn comments_keep_their_lines() {
        let scanned = scan("a; // one\n\"// no\";\n/* two */");
        let lines: Vec<&str> = scanned.comments.lines().map(str::trim).collect();
        assert_eq!(lines, ["// one", "", "/* two */"]);
    }

    #[test]
    fn functions_are_measured() {
        let source = "trait T { fn none(&self); }\nfn one() { \"}\"; }\n\
                      fn two(a: [u8; 3]) -> u8 {\n    if b { c }\n}\ntype F = fn (u8);\n";
        let names: Vec<(String, usize, usize)> = functions(&scan(source).code)
            .into_iter()
            .map(|function| (function.name, function.line, function.lines))
            .collect();
        assert_eq!(names, [("one".to_owned(), 2, 1), ("two".to_owned(), 3, 3)]);
    }

    #[test]
    fn words_are_whole() {
        let found = |code: &str, needle: &str| words(code, needle).count();
        assert_eq!(found("use std::env; my_std::env x::std::environment", "std::env"), 1);
        assert_eq!(found("println!(); eprintln!()", "println!"), 1);
    }
}
