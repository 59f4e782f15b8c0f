//! Canonical texts.

use crate::parse;

fn check(text: &str, expect: &str) {
    let query = parse(text).unwrap_or_else(|error| panic!("{}", error.render(text)));
    assert_eq!(query.to_string(), expect, "{text}");
    let again = parse(expect).unwrap_or_else(|error| panic!("{}", error.render(expect)));
    assert_eq!(again, query, "{text} printed as {expect}");
}

#[test]
fn filters() {
    check("{}", "{ }");
    check("{.a=1&&.b!=nil||nil=.c}", "{ .a = 1 && .b != nil || .c = nil }");
    check("{ (.a && .b) && (.c && .d) }", "{ .a && .b && .c && .d }");
    check("{ .a || (.b && .c) }", "{ .a || (.b && .c) }");
    check("{ (.a || .b) && .c }", "{ .a || .b && .c }");
    check("{ !(.a = 1) }", "{ !(.a = 1) }");
    check("{ (!.a) = true }", "{ !.a = true }");
    check("{ -(.a * .b) + .c > (-.a) * .b }", "{ -.a * .b + .c > (-.a) * .b }");
    check("{ .a - (.b - .c) = (.a - .b) - .c }", "{ .a - (.b - .c) = .a - .b - .c }");
    check("{ .a ^ (.b ^ .c) = (.a ^ .b) ^ .c }", "{ .a ^ .b ^ .c = (.a ^ .b) ^ .c }");
    check("{ .a * -1 = (-2) ^ .b }", "{ .a * (-1) = (-2) ^ .b }");
    check("{ (.a < 3) = true }", "{ .a < 3 = true }");
    check("{ true = (.a < 3) }", "{ true = (.a < 3) }");
    check(
        "{ span:duration > 1500ms && trace:rootService = `a\"\\` }",
        "{ duration > 1.5s && rootServiceName = \"a\\\"\\\\\" }",
    );
}

#[test]
fn names_are_quoted_where_they_must_be() {
    check("{ .\"a b\" && span.\"a\".b && .\"5\" }", "{ .\"a b\" && span.a.b && .\"5\" }");
    check("{ parent.\"span.a\" = parent.span.a }", "{ parent.\"span.a\" = parent.span.a }");
    check("{ .\"a\\\"\\\\\" = .a\\ }", "{ .\"a\\\"\\\\\" = .a\\ }");
}

#[test]
fn constants_are_folded() {
    check("{ .a = 7 / 2 }", "{ .a = 3 }");
    check("{ .a = 2 * 100ms }", "{ .a = 200000000.0 }");
    check("{ .a = -2 ^ 2 }", "{ .a = -4 }");
    check("{ .a = 2 ^ 3 ^ 2 }", "{ .a = 512 }");
    check("{ .a = 1 / 0 }", "{ .a = 1 / 0 }");
    check("{ .a = 1.0 / 0 }", "{ .a = 1.0 / 0 }");
    check("{ 1 = 1 }", "{ true }");
    check("{ true && (false && .a) }", "{ false && .a }");
    check("{ \"ab\" < \"b\" && !false }", "{ true }");
    check("{ \"ab\" =~ \"a.\" }", "{ \"ab\" =~ \"a.\" }");
    check("{ nil = nil || nil != nil }", "{ false }");
    check("{ .a = minInt && .b = maxInt }", "{ .a = minInt && .b = 9223372036854775807 }");
    check("{ .a } | count() > 1 + 2 * 3", "{ .a } | count() > 7");
}

#[test]
fn literals() {
    check("{ .a = 1e300 }", "{ .a = 1e300 }");
    check("{ .a = .5 }", "{ .a = 0.5 }");
    check("{ .a = 2m }", "{ .a = 2m0s }");
    check("{ .a = 1d }", "{ .a = 24h0m0s }");
    check("{ .a = 163333333ns }", "{ .a = 163.333333ms }");
    check("{ .a = 1us && .b = 0s && .c = -7ns }", "{ .a = 1µs && .b = 0s && .c = -7ns }");
    check("{ .a = \"\\x07\\n\" }", "{ .a = \"\\u0007\\n\" }");
}

#[test]
fn pipelines() {
    check("({.a} && {.b}) >> {.c} | count()>1", "({ .a } && { .b }) >> { .c } | count() > 1");
    check("({.a}) && ({.b} > {.c})", "{ .a } && { .b } > { .c }");
    check("{.a} > ({.b} > {.c})", "{ .a } > ({ .b } > { .c })");
    check(
        "{} | by(span.a+1) | coalesce() | select(.a,name)",
        "{ } | by(span.a+1) | coalesce() | select(.a, name)",
    );
    check("({.a}|count()>1) && ({.b}) > ({.c})", "({ .a } | count() > 1) && ({ .b } > { .c })");
    check(
        "((({.a}|count()>1)) && ({.b})) > ({.c})",
        "(({ .a } | count() > 1) && ({ .b })) > ({ .c })",
    );
    check("({.a}|count()>1)", "{ .a } | count() > 1");
    check("{} | (count() + 1) * 2 > 3", "{ } | (count() + 1) * 2 > 3");
    check("({.a}|count()) + ({.b}|max(.c)) > 3", "({ .a } | count()) + ({ .b } | max(.c)) > 3");
}

#[test]
fn metrics() {
    check(
        "{}|rate()by(.a)|topk(2)>1<2s with(x=1) with(y=ok)",
        "{ } | rate() by (.a) | topk(2) > 1 < 2s with (y=ok)",
    );
    check("({}|rate())|topk(2)", "{ } | rate() | topk(2)");
    check("(({}|rate())+({}|rate()))*2", "(({ } | rate()) + ({ } | rate())) * 2");
    check("2*3*({}|rate())- -3", "6 * ({ } | rate()) - -3");
    check(
        "({}|rate()>1)/({}|rate())>2|bottomk(1)",
        "({ } | rate() > 1) / ({ } | rate()) > 2 | bottomk(1)",
    );
    check("{}|quantile_over_time(duration,.9,1)", "{ } | quantile_over_time(duration, 0.9, 1)");
    check("{}|compare({.a},5,1,2)", "{ } | compare({ .a }, 5, 1, 2)");
    check("{}|avg_over_time(span.\"a b\")", "{ } | avg_over_time(span.\"a b\")");
}
