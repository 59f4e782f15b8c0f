//! Tokens of texts.

use super::{TokenKind, tokens};
use crate::ast::AttributeScope;

/// The tokens as text, without the end: names with their scope, texts in quotes, `!` before an error.
fn shown(text: &str) -> String {
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err(error) => return format!("!{}", error.message),
    };
    let mut shown = Vec::new();
    for token in &tokens[..tokens.len() - 1] {
        shown.push(match &token.kind {
            TokenKind::Attribute(scope, name) => format!("{}[{name}]", scope.prefix()),
            TokenKind::Word => text[token.span.start as usize..token.span.end as usize].to_owned(),
            TokenKind::Int(number) => number.to_string(),
            TokenKind::Float(number) => format!("{number:?}"),
            TokenKind::Duration(nanos) => format!("{nanos}ns"),
            TokenKind::String(text) => format!("{text:?}"),
            TokenKind::Symbol(symbol) => (*symbol).to_owned(),
            TokenKind::End => unreachable!("cut off"),
        });
    }
    shown.join(" ")
}

fn check(text: &str, expect: &str) {
    assert_eq!(shown(text), expect, "{text}");
}

#[test]
fn names_run_to_the_next_operator() {
    for name in ["a+1", "a-b", "a*2", "a/b", "a%2", "a:b", "a[0]", "a.", "a//b", "span.a", "é"] {
        check(&format!(".{name}"), &format!(".[{name}]"));
        check(&format!("resource.{name} "), &format!("resource.[{name}]"));
    }
    check(".a=1", ".[a] = 1");
    check(".a!=\"x\"", ".[a] != \"x\"");
    check(".a>-1", ".[a] > - 1");
    check(".a&&.b", ".[a] && .[b]");
    check("{.a}", "{ .[a] }");
    check(".a + 1", ".[a] + 1");
    check("span.5", "span.[5]");
    check("by(.a,.b)", "by ( .[a] , .[b] )");
    check("parent.a", "parent.[a]");
    check("parent.span.a", "parent.span.[a]");
    check("parent.resource.a", "parent.resource.[a]");
    check("parent.event.a", "parent.[event.a]");
    check("parent = 1", "parent = 1");
}

#[test]
fn names_have_quoted_parts() {
    check("span.\"a b\".c", "span.[a b.c]");
    check(".\"{}=\"x", ".[{}=x]");
    check(".\"a\\\"b\\\\c\"", ".[a\"b\\c]");
    check(".a\"b\nc\"", ".[ab\nc]");
    check(".\\d", ".[\\d]");
    check("span.\"\"", "!no name follows `span.`");
    check(".", "!no name follows `.`");
    check("span. a", "!no name follows `span.`");
    check(".\"a\\n\"", "!a quoted attribute name has the escapes `\\\"` and `\\\\` only");
    check(".\"a", "!the text has no end");
    check("spam.a", "!`spam.` is no scope of attributes");
    for scope in AttributeScope::ALL {
        check(&format!("{}x", scope.prefix()), &format!("{}[x]", scope.prefix()));
    }
}

#[test]
fn numbers() {
    check("0 1 017 9223372036854775807", "0 1 17 9223372036854775807");
    check("1.5 .5 5. 1e3 2.5e-3 1E+2", "1.5 0.5 5.0 1000.0 0.0025 100.0");
    check("1-1 2*3", "1 - 1 2 * 3");
    check("08", "!`08` begins with 0 and has a digit 8 or 9");
    check("9223372036854775808", "!`9223372036854775808` is greater than 9223372036854775807");
    check("1e999", "!`1e999` is beyond the range of floats");
    for bad in ["0x10", "0b1", "0o7", "1_000", "1e", "1.2.3", "1..2", "1.a"] {
        check(bad, &format!("!`{bad}` is neither a number nor a duration"));
    }
}

#[test]
fn durations() {
    check("1w2d", "777600000000000ns");
    check("1y", "31536000000000000ns");
    check("1h30m 90m", "5400000000000ns 5400000000000ns");
    check("1m5s20ms", "65020000000ns");
    check("1.5h 1m0.5s .5s", "5400000000000ns 60500000000ns 500000000ns");
    check("5us 5µs 5μs 7ns", "5000ns 5000ns 5000ns 7ns");
    check("1ms1s", "1001000000ns");
    check("1s1s", "2000000000ns");
    check("0.1234567891s 1.000000001s", "123456789ns 1000000001ns");
    check("1s}", "1000000000ns }");
    check("9223372036854775807ns", "9223372036854775807ns");
    for bad in ["1.5d", "1e3s", "1d1w", "1x", "300y", "9223372036854775808ns", "1sx"] {
        check(bad, &format!("!`{bad}` is neither a number nor a duration"));
    }
}

#[test]
fn texts() {
    check(r#""a b""#, r#""a b""#);
    check(r#""\a\b\f\n\r\t\v\\\"""#, &format!("{:?}", "\x07\x08\x0c\n\r\t\x0b\\\""));
    check(r#""\101\x41\u00e9\U0001f600\xc3\xa9""#, "\"AAé😀é\"");
    check("`a\\d\n\"b`", &format!("{:?}", "a\\d\n\"b"));
    check(r#""\xff""#, "!the bytes of this text are not UTF-8");
    for (bad, shown) in [(r"\d", r"\d"), (r"\'", r"\'"), (r"\xg0", r"\x"), (r"\400", r"\400")] {
        check(&format!("\"{bad}\""), &format!("!`{shown}` is no escape"));
    }
    check(r#""\ud800""#, r"!`\ud800` is no escape");
    check(r#""\8""#, r"!`\8` is no escape");
    check("\"a\nb\"", "!the text has no end");
    check("\"a", "!the text has no end");
    check("\"a\\", "!`\\` is no escape");
    check("`a", "!the text has no end");
    check("'x'", "!unexpected '\\''");
}

#[test]
fn operators_are_as_long_as_possible() {
    check(
        "&&||=~!~!=>=<=>><<!>!<!>>!<<&>&<&>>&<<&~",
        "&& || =~ !~ != >= <= >> << !> !< !>> !<< &> &< &>> &<< &~",
    );
    check("|<>=~", "| < >= ~");
    check("&", "!unexpected '&'");
    check("é", "!unexpected 'é'");
}

#[test]
fn blanks_and_comments_separate() {
    check("span: name span :name", "span : name span : name");
    check("a // b\nc /* d\n */ e/**/f", "a c e f");
    check("// b", "");
    check("/* b", "!the comment has no end");
}
