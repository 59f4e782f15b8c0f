//! Places of half-typed queries.

use super::{complete, lenient_filter};

/// What is offered at `‸`: `start/prefix`, then words, `names SCOPE`, `values FIELD`, `quoted`.
fn offered(text: &str) -> String {
    let cursor = text.find('‸').expect("a place");
    let completion = complete(&text.replace('‸', ""), cursor);
    let mut shown = vec![format!("{}/{}", completion.start, completion.prefix)];
    shown.extend(completion.words.iter().map(|word| (*word).to_owned()));
    shown.extend(completion.names.map(|scope| format!("names {}", scope.prefix())));
    shown.extend(completion.values_of.map(|field| format!("values {field}")));
    shown.extend(completion.is_quoted.then(|| "quoted".to_owned()));
    shown.join(" ")
}

fn check(text: &str, expect: &str) {
    assert_eq!(offered(text), expect, "{text}");
}

#[test]
fn fields_are_offered_where_conditions_begin() {
    check("{ dur‸", "2/dur duration names .");
    check(
        "{ .a = 1 && nested‸ }",
        "12/nested nestedSetLeft nestedSetRight nestedSetParent names .",
    );
    check(
        "{ (tr‸",
        "3/tr traceDuration trace:duration trace:rootName trace:rootService trace:id true names .",
    );
    check("{ span:ch‸", "2/span:ch span:childCount names .");
    check("{ span : na‸", "2/span:na span:name names .");
    check("{ event:‸ }", "2/event: event:name event:timeSinceStart names .");
    check("{ link: ‸", "2/link: link:traceID link:spanID names .");
    check("{ span.ht‸", "7/ht names span.");
    check("{ .‸", "3/ names .");
    check("{ resource.‸ = 1 }", "11/ names resource.");
    check("{ span.\"a b‸", "7/a b names span. quoted");
    check("{ } | by(resource.serv‸", "18/serv names resource.");
    check("{ } | select(name, sta‸", "19/sta status statusMessage names .");
    check("{ } | avg(dur‸", "10/dur duration names .");
    check("{ } | rate() by (ki‸", "17/ki kind names .");
}

#[test]
fn values_are_offered_behind_comparisons() {
    check("{ .a = ‸", "7/ true false nil values .a");
    check("{ .a = \"x y‸", "8/x y values .a quoted");
    check("{ resource.service.name = `de‸` }", "27/de values resource.service.name quoted");
    check("{ status = e‸ }", "11/e error values status");
    check("{ span:kind != c‸", "15/c client consumer values kind");
    check("{ name =~ \"‸\" && .a = 1 }", "11/ values name quoted");
    check("{ .a = 12‸", "7/12 values .a");
}

#[test]
fn operators_and_stages_are_offered_where_they_belong() {
    check("‸", "0/ {");
    check("{ .a ‸", "5/ = != < <= > >= =~ !~ && || + - * / % ^");
    check("{ .a &‸", "5/& &&");
    check("{ .a = 1 ‸", "9/ = != < <= > >= =~ !~ && || + - * / % ^");
    check("{ } &‸", "4/& && &> &>> &< &<< &~");
    check("{ } | co‸", "6/co coalesce count count_over_time compare");
    check("{ } | count() ‸", "14/ = != < <= > >=");
    check("{ } | rate() ‸", "13/ | by with = != < <= > >=");
    check("{ } | rate() | ‸", "15/ topk bottomk");
    check("{ } w‸", "4/w with");
    check("{ } with (m‸", "10/m most_recent");
    check("{ } | compare(‸", "14/ {");
    check("{ } | topk(‸", "11/");
    check("{ } > ‸", "6/ {");
    check("{ } | by(.a ‸", "12/ , )");
}

#[test]
fn any_place_of_any_text_is_answered() {
    let text = "{ span.\"a b\" = \"é\" && (event:name =~ `x` || !.c) } >> { } | by(.é) | rate() by (kind) | topk(2) with (x=1)";
    for cursor in 0..=text.len() + 1 {
        let completion = complete(text, cursor);
        assert!(completion.start <= text.len(), "{cursor}");
    }
}

#[test]
fn filters_of_half_typed_queries() {
    let check = |text: &str, expect: &str| {
        let filter = lenient_filter(text).map(|filter| filter.to_string());
        assert_eq!(filter.as_deref().unwrap_or("none"), expect, "{text}");
    };
    check("{ .a = 1 }", "{ .a = 1 }");
    check("{ .a = }", "{ true }");
    check("{ .a = && .b = 2 }", "{ true && .b = 2 }");
    check("{ .b = 2 && .a =~ ", "{ .b = 2 && true }");
    check("{ .b = 2 && span:name != }", "{ .b = 2 && true }");
    check("{ .b = 2 && (.a > || .c = 3", "{ .b = 2 && (true || .c = 3) }");
    check("{ .b = 2 && .a = \"x", "{ .b = 2 && true }");
    check("{ .b = 2 && }", "{ .b = 2 && true }");
    check("{ .b = 2", "{ .b = 2 }");
    check("{", "{ }");
    check("", "none");
    check("{ .a = 1 } && { .b = 2 }", "none");
    check("{ .a = 1 } | rate()", "none");
    check("{ name = 3 }", "none");
    check("{ foo = }", "{ true }");
    check("{ .a = 1 } | count() > ", "none");
}
