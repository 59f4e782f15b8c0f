//! What is refused and why, and what is warned about.

use super::{PATTERNS_MAX, compile};
use crate::error::ErrorClass;

fn passes(text: &str) {
    if let Err(error) = compile(text) {
        panic!("{}", error.render(text));
    }
}

fn check(text: &str, class: ErrorClass, expect: &str) {
    let error = compile(text).expect_err(text);
    assert_eq!((error.class, error.message.as_str()), (class, expect), "{text}");
}

fn invalid(text: &str, expect: &str) {
    check(text, ErrorClass::Invalid, expect);
}

fn unsupported(text: &str, expect: &str) {
    check(text, ErrorClass::Unsupported, expect);
}

#[test]
fn types_must_fit() {
    invalid("{ name = 3 }", "`=` does not compare a string with an int");
    invalid("{ status = \"ok\" }", "`=` does not compare a status with a string");
    invalid("{ status = 2 }", "`=` does not compare a status with an int");
    invalid("{ kind = \"server\" }", "`=` does not compare a kind with a string");
    invalid("{ status > ok }", "`>` does not compare a status with a status");
    invalid("{ status = server }", "`=` does not compare a status with a kind");
    invalid("{ true < false }", "`<` does not compare a boolean with a boolean");
    invalid("{ .a < true }", "`<` does not compare an attribute with a boolean");
    invalid("{ .a + 1 = \"x\" }", "`=` does not compare a number with a string");
    invalid("{ kind =~ \"s.*\" }", "`=~` does not compare a kind with a string");
    invalid("{ duration !~ \"s.*\" }", "`!~` does not compare a duration with a string");
    invalid("{ name =~ .x }", "the pattern of `=~` must be a text in quotes");
    invalid("{ name =~ \"(\" }", "this regular expression does not compile: a group is not closed");
    invalid("{ duration }", "a filter must be true or false, this is a duration");
    invalid("{ 1 }", "a filter must be true or false, this is an int");
    invalid("{ .a + 1 }", "a filter must be true or false, this is a number");
    invalid("{ !1 }", "`!` stands before a condition, this is an int");
    invalid("{ !duration }", "`!` stands before a condition, this is a duration");
    invalid("{ -\"x\" = 1 }", "`-` stands before a number, this is a string");
    invalid("{ -name = \"a\" }", "`-` stands before a number, this is a string");
    invalid("{ .a && 1 }", "`&&` stands between conditions, this is an int");
    invalid("{ .a || name }", "`||` stands between conditions, this is a string");
    invalid("{ 1 < 2 < 3 }", "`<` does not compare a boolean with an int");
    invalid("{ name + 1 = 2 }", "`+` stands between numbers, this is a string");
    invalid("{ (.a = 1) * 2 = 2 }", "`*` stands between numbers, this is a boolean");
    invalid("{ name = nil }", "`name` is never nil");
    invalid("{ event:name = nil }", "`event:name` is never nil");
    invalid("{ resource.service.name = nil }", "`resource.service.name` is never nil");
    for text in [
        "{ .a }",
        "{ }",
        "{ 1 = 1 }",
        "{ .a = ok }",
        "{ .a < 3 = true }",
        "{ duration > 2 * 100ms && duration > 1 && duration = 0.2 }",
        "{ name != nil && resource.service.name != nil && span.service.name = nil }",
        "{ (.a + 1) = nil }",
        "{ !.a && -.b < 3 && \"a\" < .c && .d =~ \"x\" }",
        "{ .a = .b && name < .c && !(.a = 1) = true }",
        "{ 1 / 0 > 1 }",
    ] {
        passes(text);
    }
}

#[test]
fn stages_must_make_sense() {
    invalid("{ .a } | by(1)", "the argument of by() names no field of a span");
    invalid("{ .a } | by(name = 1)", "`=` does not compare a string with an int");
    invalid("{ .a } | avg(name) > 1", "avg() computes with numbers, this is a string");
    invalid("{ .a } | avg(1) > 1", "the argument of avg() names no field of a span");
    invalid("{ .a } > { name = 1 }", "`=` does not compare a string with an int");
    invalid("({ .a } | by(.b)) > ({ .c })", "`>` needs one set of spans on each side");
    passes("({ .a } | by(.b) | coalesce()) > ({ .c })");
    passes("({ .a } | by(.b)) && ({ .c })");
    passes("{ .a } | by(.b = 1) | count() > 1s");
    passes("count() > 1");
    passes("by(.a)");
}

#[test]
fn metrics_must_make_sense() {
    invalid("{ } | quantile_over_time(duration, 1.5)", "the quantile 1.5 is not between 0 and 1");
    invalid("{ } | rate() | topk(0)", "at least one series must be kept");
    invalid("({ } | rate()) * 2 | bottomk(0)", "at least one series must be kept");
    invalid("{ } | compare({ .b }, 0)", "compare() counts 1 to 1000 values, not 0");
    invalid("{ } | compare({ .b }, 1001)", "compare() counts 1 to 1000 values, not 1001");
    invalid("{ } | compare({ .b }, 5, 9, 2)", "the range of compare() ends before it starts");
    invalid("{ } | compare({ .b }) | topk(1)", "nothing may follow compare()");
    invalid("({ } | compare({ .b })) * 2", "compare() takes no part in arithmetic");
    invalid("{ } | compare({ name = 1 })", "`=` does not compare a string with an int");
    unsupported("{ } | rate() by (.a,.b,.c,.d,.e,.f)", "rate() by 6 attributes, 5 are allowed");
    for function in ["quantile_over_time(.a, .5)", "histogram_over_time(.a)", "avg_over_time(.a)"] {
        let name = function.split('(').next().unwrap_or_default();
        let expect = format!("{name}() by 5 attributes, 4 are allowed");
        unsupported(&format!("{{ }} | {function} by (.a,.b,.c,.d,.e)"), &expect);
        passes(&format!("{{ }} | {function} by (.a,.b,.c,.d)"));
    }
    passes("{ } | rate() by (.a,.b,.c,.d,.e)");
    passes("{ } | avg_over_time(name)");
    passes("({ } | rate()) - -3 | topk(1) > 5");
}

#[test]
fn patterns_are_limited() {
    let query = |count: usize| {
        let patterns: Vec<String> = (0..count).map(|n| format!("name =~ \"{n}\"")).collect();
        format!("{{ {} || name !~ \"0\" }}", patterns.join(" || "))
    };
    passes(&query(PATTERNS_MAX));
    let message = "the query has 251 regular expressions, 250 are allowed";
    assert_eq!(compile(&query(PATTERNS_MAX + 1)).expect_err("too many").message, message);
}

#[test]
fn what_no_server_answers_is_refused() {
    let parent = "fields of the parent are not supported";
    unsupported("{ parent.a = 1 }", parent);
    unsupported("{ parent != nil }", parent);
    unsupported("{ .a } | select(parent.span.b)", parent);
    unsupported("{ .a } | rate() by (parent.resource.b)", parent);
    let left = "only an aggregate may stand on the left of this comparison";
    unsupported("{ .a } | 2 < count()", left);
    unsupported("{ .a } | count() + 1 > 2", left);
    unsupported("{ .a } | count() > min(duration)", "an aggregate compares with a constant only");
    let pipelines = "comparisons of whole pipelines are not supported";
    unsupported("({ .a } | count()) > 3", pipelines);
}

#[test]
fn places_are_those_of_the_text() {
    let text = "{ .a } |\n by(1)";
    let error = compile(text).expect_err(text);
    assert_eq!(
        error.render(text).lines().collect::<Vec<_>>(),
        [
            "invalid query at line 2, column 5: the argument of by() names no field of a span",
            "2 |  by(1)",
            "  |     ^",
        ]
    );
    let text = "{ duration > \"1.5s\" }";
    let error = compile(text).expect_err(text);
    assert_eq!(error.help.as_deref(), Some("write `1.5s` without quotes"));
    assert_eq!(compile("{ duration > \"long\" }").expect_err("no duration").help, None);
    let text = "{ status = \"ok\" }";
    let error = compile(text).expect_err(text);
    assert_eq!(
        error.to_string(),
        "invalid query at line 1, column 3: `=` does not compare a status with a string; write `ok` without quotes"
    );
}

fn warns(text: &str, expect: &[&str]) {
    let warnings = compile(text).unwrap_or_else(|error| panic!("{}", error.render(text))).1;
    let messages: Vec<&str> = warnings.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(messages, expect, "{text}");
}

#[test]
fn differences_are_warned_about() {
    warns("{ }", &[]);
    warns("{ .a > 1 && (.b = 2 || .c = 3) } >> { name = \"x\" } | count() > 1", &[]);
    let mixed = "`&&` and `||` bind equally tightly, from the left: use parentheses";
    warns("{ .a = 1 || .b = 2 && .c = 3 }", &[mixed]);
    warns("{ .a = 1 } || { .b = 2 } && { .c = 3 && .d = 4 }", &[mixed]);
    warns("{ .a = 1 } || { .b = 2 } | { .c = 3 } && { .d = 4 }", &[]);
    warns(
        "{ .a ^ 2 = 9 }",
        &["`a ^ b` is a to the power of b; Tempo computes b to the power of a with ints"],
    );
    warns("{ !(.a = 1) }", &["`!(…)` keeps spans without the attribute too"]);
    warns(
        "{ .a = nil && span.b = nil }",
        &["`.a = nil` means absent on the span and on its resource"],
    );
    warns("{ 1s < duration }", &["a literal on the left compares as it reads"]);
    warns(
        "{ .a || .b = 1 }",
        &["`.a` as a condition is true where the attribute is the boolean true"],
    );
    let one = "all conditions of a filter look at one event and at one link";
    warns("{ event.a = 1 && event.b = 2 }", &[]);
    warns("{ event.a = 1 || event.b = 2 }", &[one]);
    let own = "each filter looks for an event or link of its own";
    warns("{ event.a = 1 } | { link.b = 2 }", &[own]);
    warns(
        "{ } | max_over_time(traceDuration)",
        &["max_over_time(traceDuration) is in seconds, in Tempo in nanoseconds"],
    );
    warns(
        "{ } | quantile_over_time(.a, .5)",
        &["quantile_over_time(.a) counts floats too, which Tempo leaves out"],
    );
    warns(
        "{ } | avg_over_time(name)",
        &["avg_over_time(name) computes with numbers, and this is a string"],
    );
    let many: Vec<String> = (0..30).map(|number| format!(".a{number} = nil")).collect();
    let many = compile(&format!("{{ {} }}", many.join(" && "))).expect("valid").1;
    assert_eq!((many.len(), many[20].message.as_str()), (21, "10 more warnings are not shown"));
    warns("{ } with (most_recent=true, exemplars=5, sample=0.1)", &[]);
    warns(
        "{ } with (x=1, sample=2)",
        &[
            "the hint `x` is unknown and ignored",
            "the hint `sample=2` is ignored: its value does not fit",
        ],
    );
}
