//! What parses, what does not, and how the reason reads.

use super::{DEPTH_MAX, TEXT_BYTES_MAX, parse, parse_attribute};
use crate::error::ErrorClass;

fn parses(text: &str) {
    if let Err(error) = parse(text) {
        panic!("{}", error.render(text));
    }
}

fn fails(text: &str) {
    match parse(text) {
        Err(error) => assert_eq!(error.class, ErrorClass::Syntax, "{text}: {error}"),
        Ok(query) => panic!("{text} parses as {query}"),
    }
}

/// The error as it is shown, without the place in words, which the mark shows too.
fn check_error(text: &str, expect: &[&str]) {
    let error = parse(text).expect_err(text).located(text);
    let (line, column) = error.position.expect("located");
    let place = format!(" at line {line}, column {column}");
    let shown = error.render(text).replacen(&place, "", 1);
    assert_eq!(shown.lines().collect::<Vec<_>>(), expect, "{text}");
}

#[test]
fn every_form_of_the_grammar_parses() {
    for text in [
        "{ }",
        "{ .a }",
        "{ span.a = 1 && resource.b != \"x\" || event.c > 2.5 && link.d <= 3s }",
        "{ instrumentation.a =~ \"x.*\" && .b !~ `y` }",
        "{ parent.a = 1 && parent.span.b = 2 && parent.resource.c = 3 && parent != nil }",
        "{ !(.a = nil) && -.b < 3 && nil != .c && nil = nil }",
        "{ .a + .b - .c * .d / .e % .f ^ .g > 0 }",
        "{ status = error && status != ok && .x = unset }",
        "{ kind = server || kind = client || kind = producer || kind = consumer }",
        "{ kind = unspecified || kind = internal }",
        "{ .a = true && .b = false && .c > minInt && .d < maxInt }",
        "{ duration > 1s && name = \"a\" && statusMessage = \"\" && traceDuration > 1h }",
        "{ rootName = \"a\" && rootServiceName = \"b\" && nestedSetLeft = 1 }",
        "{ nestedSetRight = 2 && nestedSetParent < 0 }",
        "{ span:duration > 1s && span:name = \"a\" && span:status = ok && span:kind = client }",
        "{ span:statusMessage = \"\" && span:id = \"a\" && span:parentID = \"b\" }",
        "{ span:childCount > 2 && trace:duration > 1s && trace:rootName = \"a\" }",
        "{ trace:rootService = \"a\" && trace:id = \"ab\" && event:name = \"a\" }",
        "{ event:timeSinceStart > 1ms && link:traceID = \"a\" && link:spanID = \"b\" }",
        "{ instrumentation:name = \"a\" && instrumentation:version = \"1\" }",
        "{ span: name = \"a\" && span :\n name = \"b\" /* c */ } // d",
        "{ .a } && { .b } || { .c }",
        "{ .a } > { .b } >> { .c } < { .d } << { .e } ~ { .f }",
        "{ .a } !> { .b } !>> { .c } !< { .d } !<< { .e } !~ { .f }",
        "{ .a } &> { .b } &>> { .c } &< { .d } &<< { .e } &~ { .f }",
        "({ .a } && { .b }) >> { .c } | count() > 1",
        "(({ .a }))",
        "{ .a } | { .b } | { .c } >> { .d }",
        "{ .a } | by(.b + 1) | coalesce() | select(.c, name) | count() > 1",
        "{ .a } | avg(.b) > 1 | min(duration) < 1s | max(.c + 1) = 2 | sum(.d) != -3",
        "by(.a)",
        "select(name)",
        "count() > 1",
        "(count() > 1) && ({ .a })",
        "count ( ) >= 1s",
        "{ } | 2 < count()",
        "{ } | count() + 1 > 2",
        "{ } | 2 ^ count() % 3 > 2",
        "{ } | count() > min(duration)",
        "{ } | (count()) > 1",
        "({ .a } | count() > 1) && ({ .b })",
        "({ .a }) && (({ .b } | count() > 1) >> ({ .c }))",
        "({ .a } | count()) > 3",
        "({ .a } | count()) + (({ .b } | sum(.c))) > ({ .d } | count())",
        "{ } | rate()",
        "{ } | rate ( ) by ( .a , resource.b , kind )",
        "{ } | count_over_time() by(.a)",
        "{ } | min_over_time(.a) | topk(1)",
        "{ } | max_over_time(duration) by (.a)",
        "{ } | sum_over_time(span.a) > 1",
        "{ } | avg_over_time(.a) | bottomk(3) > 1 | topk(2)",
        "{ } | histogram_over_time(duration) by (.a)",
        "{ } | quantile_over_time(duration, .5, 0.9, 1) by (.a)",
        "{ } | compare({ status = error })",
        "{ } | compare({ }, 5)",
        "{ } | compare({ .a }, 5, 1, 2)",
        "{ } | by(.a) | rate() > 5 < 10 | topk(2)",
        "({ } | rate()) / ({ } | rate())",
        "(({ } | rate()) + ({ } | rate() | topk(3))) * 100 > 5 | topk(1)",
        "2 * ({ } | rate()) - -3 + (4)",
        "({ } | rate()) - -3",
        "{ } | rate() > (1 + 2) * 3 / -4",
        "{ } with (most_recent=true)",
        "{ } with (x=1) with (y=2s, rate=\"a\", z=ok)",
        "({ } | rate()) * 2 with (exemplars=false)",
    ] {
        parses(text);
    }
}

#[test]
fn what_is_legal_though_surprising_parses() {
    for text in [
        "{ 1 = 1 }",
        "{ .a = ok }",
        "{ .a < 3 = true }",
        "{ duration > 2 * 100ms }",
        "{ .a } | count() > 1s",
        "{ .a } | count() > 1 + 2",
        "{ .a } | rate() > 5 < 10",
        "{ .a } with (x=1) with (y=2)",
        "{ .a = 017 && .b = 5. && .c = .5 }",
        "{ .name = 1 && .duration = 2 && .status = 3 && .true = 4 }",
    ] {
        parses(text);
    }
}

#[test]
fn what_is_not_of_the_grammar_fails() {
    for text in [
        "",
        "{",
        "}",
        "{ .a = }",
        "{ .a == 1 }",
        "{ .a = 'x' }",
        "{ .a = 0x1f }",
        "{ .a = 08 }",
        "{ duration > 1.5d }",
        "{ .a and .b }",
        "{ childCount > 1 }",
        "{ trace:rootServiceName = \"a\" }",
        "{ rootService = \"a\" }",
        "{ span:foo = 1 }",
        "{ span: }",
        "{ nil }",
        "{ .a > nil }",
        "{ nil > .a }",
        "{ (nil) = .a }",
        "{ !nil }",
        "{ .a = foo }",
        "{ .a = \"\\d\" }",
        "{ span .a }",
        "{ 1 s < duration }",
        "{ .a .b }",
        "{ .a } { .b }",
        "coalesce()",
        "{ .a } | count()",
        "{ .a } | count(.b) > 1",
        "{ .a } | avg() > 1",
        "{ .a } | count() > 2 ^ 3",
        "{ .a } | count() > 2 * 1s",
        "{ .a } | count() > 1 / 0",
        "{ .a } | count() > 1 && { .b }",
        "{ .a } | count() > \"a\"",
        "{ .a } | select(.b + 1)",
        "{ .a } | select()",
        "{ .a } | by()",
        "{ .a } | rate() by (.b + 1)",
        "{ .a } | rate(.b)",
        "{ .a } | rate() * 2",
        "{ .a } | quantile_over_time(duration)",
        "{ .a } | quantile_over_time(duration, 1s)",
        "{ .a } | quantile_over_time(duration, -1)",
        "{ .a } | compare()",
        "{ .a } | compare({ .b }, 5, 1)",
        "{ .a } | compare({ .b }) by (.c)",
        "({ .a } | rate()) % 2",
        "({ .a } | rate()) ^ 2",
        "({ .a } | rate()) * 1s",
        "({ .a } | rate()) > ({ .b } | rate())",
        "(({ .a } | rate()) > 1) * 2",
        "({ .a } | rate()) && ({ .b } | rate())",
        "({ .a } | rate()) + ({ .b })",
        "{ .a } | rate() | topk(-1)",
        "{ .a } | rate() | { .b }",
        "{ .a } | rate() > 1 % 2",
        "rate()",
        "{ .a } with ()",
        "{ .a } with (sample=.b)",
        "{ .a } with sample=1",
        "{ .a } with (x=1) | rate()",
        "({ .a } | count() > 1) && { .b }",
        "({ .a } | count() > 1) | { .b }",
        "({ .a } | count() > 1) | rate()",
        "{ .b } | ({ .a } | count() > 1)",
        "({ .a } | count()) > 3 && ({ .b })",
        "3 > ({ .a } | count())",
        "({ .a } | count()) + 1 > 3",
        "-({ .a } | rate())",
        "5",
        "(5 + 2)",
        "{ .a } | ",
        "| { .a }",
        "{ .a } || ",
    ] {
        fails(text);
    }
}

#[test]
fn errors_say_where_what_and_what_instead() {
    check_error(
        "{ .a == 1 }",
        &[
            "syntax error: expected a field, a value, `!`, `-` or `(`, found `=`",
            "1 | { .a == 1 }",
            "  |       ^",
            "  = equality is written with one `=`",
        ],
    );
    check_error(
        "{ .a = 1\n  and .b = 2 }",
        &[
            "syntax error: expected an operator or `}`, found `and`",
            "2 |   and .b = 2 }",
            "  |   ^^^",
            "  = did you mean `&&`?",
        ],
    );
    check_error(
        "{ duraton > 1s }",
        &[
            "syntax error: `duraton` is no field and no value",
            "1 | { duraton > 1s }",
            "  |   ^^^^^^^",
            "  = did you mean `duration`?",
        ],
    );
    check_error(
        "{ status = eror }",
        &[
            "syntax error: `eror` is no field and no value",
            "1 | { status = eror }",
            "  |            ^^^^",
            "  = did you mean `error`?",
        ],
    );
    check_error(
        "{ childCount > 1 }",
        &[
            "syntax error: `childCount` is no field and no value",
            "1 | { childCount > 1 }",
            "  |   ^^^^^^^^^^",
            "  = did you mean `span:childCount`?",
        ],
    );
    check_error(
        "{ .é = foo }",
        &[
            "syntax error: `foo` is no field and no value",
            "1 | { .é = foo }",
            "  |        ^^^",
            "  = an attribute begins with a point or a scope, `.foo` or `span.foo`, and a text stands in quotes",
        ],
    );
    check_error(
        "{ resorce.a = 1 }",
        &[
            "syntax error: `resorce.` is no scope of attributes",
            "1 | { resorce.a = 1 }",
            "  |   ^^^^^^^^",
            "  = did you mean `resource.`?",
        ],
    );
}

#[test]
fn habits_of_other_languages_get_advice() {
    let check = |text: &str, expect: &str| {
        let error = parse(text).expect_err(text);
        assert_eq!(error.help.as_deref(), Some(expect), "{text}: {error}");
    };
    let scope =
        "an attribute begins with a point or a scope: `.service.name` or `resource.service.name`";
    check("{ service.name = \"a\" }", scope);
    check("{ } | rate() by (service.name)", scope);
    check("{ duration > 100 ms }", "a unit stands right behind its number, as in `100ms`");
    check("{ name like \"a\" }", "texts are matched by a regular expression: `name =~ \"GET .*\"`");
    check("{ .a in (1, 2) }", "one of several texts is matched by `=~ \"a|b\"`");
    check("{ name = \"x\"", "close what is open");
    check("{ } | rate(5m)", "`rate()` counts by the step of the question");
}

#[test]
fn errors_outside_filters_do_too() {
    check_error(
        "{ } | cuont() > 1",
        &[
            "syntax error: expected a filter `{ … }`, a stage or `(`, found `cuont`",
            "1 | { } | cuont() > 1",
            "  |       ^^^^^",
            "  = did you mean `count(…)`?",
        ],
    );
    check_error(
        "{ } | rate() * 2",
        &[
            "syntax error: expected `|`, a comparison, `with` or the end, found `*`",
            "1 | { } | rate() * 2",
            "  |              ^",
            "  = put each operand of arithmetic in parentheses: `({ } | rate()) * 2`",
        ],
    );
    check_error(
        "({ } | count() > 1) && { }",
        &[
            "syntax error: `&&` stands between a pipeline and a filter",
            "1 | ({ } | count() > 1) && { }",
            "  |                     ^^",
            "  = put every operand in parentheses: `({ } | count() > 1) && ({ })`",
        ],
    );
    check_error(
        "{ .a = ",
        &[
            "syntax error: expected a field, a value, `!`, `-` or `(`, found the end of the query",
            "1 | { .a = ",
            "  |        ^",
        ],
    );
    check_error(
        "{ .a = \"x }",
        &[
            "syntax error: the text has no end",
            "1 | { .a = \"x }",
            "  |        ^^^^",
            "  = end it with `\"` on the same line",
        ],
    );
    check_error(
        "rate()",
        &[
            "syntax error: expected a filter `{ … }`, a stage or `(`, found `rate`",
            "1 | rate()",
            "  | ^^^^",
            "  = begin with a filter: `{ } | rate(…)`",
        ],
    );
    let error = parse("{\n.a = 08 }").expect_err("08").to_string();
    assert_eq!(
        error,
        "syntax error at line 2, column 6: `08` begins with 0 and has a digit 8 or 9"
    );
}

#[test]
fn fields_stand_alone() {
    let check = |text: &str, expect: &str| {
        let shown = match parse_attribute(text) {
            Ok(attribute) => attribute.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expect, "{text}");
    };
    check(" resource.service.name ", "resource.service.name");
    check("span.\"a b\"", "span.\"a b\"");
    check(".a/b", ".a/b");
    check("trace:rootService", "rootServiceName");
    check(
        "foo",
        "syntax error at line 1, column 1: `foo` is no field and no value; an attribute begins with a point or a scope, `.foo` or `span.foo`, and a text stands in quotes",
    );
    check(
        ".a = 1",
        "syntax error at line 1, column 4: expected the end behind the field, found `=`",
    );
    check("\"a\"", "syntax error at line 1, column 1: expected an attribute, found `\"a\"`");
    check(
        "",
        "syntax error at line 1, column 1: expected an attribute, found the end of the query",
    );
}

#[test]
fn long_lines_are_shown_in_part() {
    let text = format!("{{ {} and }}", ".a = 1 && ".repeat(50) + ".b");
    let error = parse(&text).expect_err("and").render(&text);
    let lines: Vec<&str> = error.lines().collect();
    assert!(lines[1].ends_with("&& .b and }"), "{error}");
    assert_eq!(lines[1].find("and"), lines[2].find('^'), "{error}");
    assert!(lines[1].len() < 130, "{error}");
}

#[test]
fn long_words_make_no_long_messages() {
    for word in ["a".repeat(100_000), "9".repeat(100_000), format!("\"{}\\y", "a".repeat(100_000))]
    {
        let error = parse(&format!("{{ {word} }}")).expect_err("no field").to_string();
        assert!(error.len() < 1000, "{} bytes", error.len());
    }
}

#[test]
fn text_and_depth_are_limited() {
    let limit = |text: &str| match parse(text) {
        Err(error) => error.class == ErrorClass::Limit,
        Ok(_) => false,
    };
    let depth = DEPTH_MAX as usize;
    parses(&format!("{{ .a{} }}", " ".repeat(TEXT_BYTES_MAX - 6)));
    assert!(limit(&format!("{{ .a{} }}", " ".repeat(TEXT_BYTES_MAX - 5))));
    for (open, inner, close) in [
        ("{", "(", ")}"),
        ("{", "!", "}"),
        ("{", "-", "}"),
        ("", "(", ""),
        ("{.a > ", "1 + (", ")}"),
        ("{", ".a && .b = .c + .d * .e ^ (", ")}"),
    ] {
        let nested = |count: usize| {
            let closing = close.replace(')', &")".repeat(count));
            let core = if open.is_empty() { "{ }" } else { ".a" };
            let closing = if open.is_empty() { ")".repeat(count) } else { closing };
            format!("{open}{}{core}{closing}", inner.repeat(count))
        };
        parses(&nested(depth / 5 - 1));
        assert!(limit(&nested(depth + 1)), "{inner}");
        assert!(limit(&nested(20_000 / inner.len())), "{inner}");
    }
    let chain = |operator: &str, count: usize| {
        format!("{{ .a{} }}", format!(" {operator} .a").repeat(count))
    };
    parses(&chain("&&", 10_000));
    parses(&chain("+", depth - 1));
    assert!(limit(&chain("+", depth)));
    parses(&chain("^", depth - 1));
    assert!(limit(&chain("^", 20_000)));
    assert!(limit(&format!("{{ }}{}", " > { }".repeat(10_000))));
    assert!(limit(&format!("{{ }} | {}1 > count()", "-".repeat(10_000))));
}
