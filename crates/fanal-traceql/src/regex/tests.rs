//! Patterns of RE2 and their meaning.

use super::Pattern;
use crate::value::Value;

fn check(pattern: &str, matching: &[&str], other: &[&str]) {
    let compiled = Pattern::compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    for text in matching {
        assert!(compiled.is_match(text), "{pattern} must match {text:?}");
    }
    for text in other {
        assert!(!compiled.is_match(text), "{pattern} must not match {text:?}");
    }
}

#[test]
fn patterns_match_the_whole_text() {
    check("GET", &["GET"], &["GET /", " GET", "get", ""]);
    check("", &[""], &["a", "\n"]);
    check("a|b", &["a", "b"], &["ab", "a|b", "xb"]);
    check("a.c", &["abc", "a\nc", "aéc"], &["ac"]);
    check("(?i)get.*", &["GET /x\ny", "get"], &["a get"]);
    check("(?-s)a.c", &["abc"], &["a\nc"]);
    check("^a$", &["a"], &["a\n"]);
    check("(?m)a$\n^b", &["a\nb"], &["ab"]);
}

#[test]
fn letters_classes_are_of_ascii() {
    check(r"\d+", &["12"], &["٣", "a"]);
    check(r"\D+", &["٣", "é"], &["1"]);
    check(r"\w+", &["aZ_9"], &["é", "-"]);
    check(r"\W", &["é", "-"], &["a"]);
    check(r"\s", &[" ", "\t", "\n"], &["\u{a0}", "\x0b"]);
    check(r"\S", &["\u{a0}", "\x0b"], &[" "]);
    check(r"é\bb", &["éb"], &[]);
    check(r"éb\B", &[], &["éb"]);
    check(r"a\Bb.*", &["ab"], &[]);
    check(r"[\d-]+", &["1-2"], &["٣"]);
    check(r"[^\s\d]+", &["é"], &["1", " "]);
    check(r"[[:alpha:]_]+", &["a_"], &["1", "é"]);
    check(r"[[:^digit:]]", &["a"], &["1"]);
    check(r"\pL\p{Greek}\P{L}\p{^Lu}", &["aα1a"], &["aα1A", "aa1a"]);
    check(r"\p{Any}", &["a"], &[""]);
}

#[test]
fn literals_stay_literal() {
    check(r"\Qa.b(\E+", &["a.b(((", "a.b("], &["axb("]);
    check(r"\Qa\d", &[r"a\d"], &["a1"]);
    check(r"a\.b\<\-", &["a.b<-"], &["axb<-"]);
    check(r"\x41\x{e9}\101\0", &["AéA\0"], &[]);
    check("a{b", &["a{b"], &[]);
    check("a{,5}", &["a{,5}"], &["aa"]);
    check("a{2}b{1,}c{0,2}", &["aabbc", "aab"], &["abc"]);
    check("]}", &["]}"], &[]);
    check("[]a]+", &["]a"], &["["]);
    check("[^]a]", &["["], &["]"]);
    check("[--/&&b~~[]+", &["-./&~["], &["a"]);
    check("[a-c-]+", &["ab-"], &["d"]);
    check(r"[\]\\\-]+", &[r"]\-"], &[]);
    check("#  # x", &["#  # x"], &["##x"]);
    check("(?P<name>a)(?<other>b)(?:c)(?i:d)", &["abcD"], &["ABCD"]);
}

#[test]
fn what_is_no_pattern_fails() {
    for pattern in [
        "(",
        ")",
        "a)|(b",
        "[",
        "[a",
        "*",
        "a**",
        "a*+",
        "|*",
        "(*)",
        "a{1001}",
        "a{2,1}",
        r"\",
        r"\y",
        r"\1",
        r"\8",
        "(?x)a",
        "(?=a)",
        "(?P<a",
        r"\pX",
        r"\p{Foo}",
        "[b-a]",
        r"[a-\d]",
        "[[:foo:]]",
        r"\C",
        r"\x{110000}",
        r"\xg",
        "a{1000}{1000}",
        "((a{100}){100}){100}",
    ] {
        assert!(Pattern::compile(pattern).is_err(), "{pattern}");
    }
    let bomb = Pattern::compile("(a{1000}){1000}").expect_err("bomb").to_string();
    assert_eq!(bomb, "the pattern takes more than 1048576 bytes when compiled");
}

#[test]
fn arrays_match_by_their_elements() {
    let pattern = Pattern::compile("n.*").expect("compiles");
    let texts = |items: &[&str]| {
        Value::Array(items.iter().map(|text| Value::String((*text).to_owned())).collect())
    };
    assert!(pattern.holds(false, &texts(&["sea", "night"])));
    assert!(!pattern.holds(true, &texts(&["sea", "night"])));
    assert!(pattern.holds(true, &texts(&["sea"])));
    for other in [Value::Nil, Value::Int(1), Value::Array(vec![Value::Int(1)])] {
        assert!(!pattern.holds(false, &other) && !pattern.holds(true, &other), "{other:?}");
    }
}
