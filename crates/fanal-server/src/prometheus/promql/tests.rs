//! Queries and what they come to over a few series, and words for those that are not answered.

use super::eval::Labels;
use super::*;
use std::fmt::Write as _;

/// Series by what selects them, as labels and the values of two points; `_` is none.
const STORED: &[(&str, &str)] = &[
    ("__name__=calls,service=a,kind=x", "1 4"),
    ("__name__=calls,service=a,kind=y", "2 _"),
    ("__name__=calls,service=b,kind=x", "8 16"),
    ("__name__=failed,service=a", "1 1"),
    ("__name__=failed,service=c", "5 _"),
    ("__name__=other,service=c", "6 6"),
    ("__name__=h_bucket,service=a,le=0.1", "2 0"),
    ("__name__=h_bucket,service=a,le=0.2", "3 0"),
    ("__name__=h_bucket,service=a,le=0.4", "4 0"),
    ("__name__=h_bucket,service=a,le=+Inf", "5 0"),
];

fn labels(text: &str) -> Labels {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn brought(leaf: &Leaf, points: usize) -> Vec<Series> {
    let mut brought = Vec::new();
    for (text, samples) in STORED {
        let mut labels = labels(text);
        let value = |name: &str| labels.get(name).map_or("", String::as_str);
        if !leaf.selector.matchers.iter().all(|it| it.passes(value(&it.label))) {
            continue;
        }
        let mut factor = 1.0;
        if let Some(over) = leaf.over {
            labels.remove("__name__");
            factor =
                if over.is_rate { 1e9 / fanal_base::cast::figure(over.range_nanos) } else { 1.0 };
        }
        let samples = samples.split(' ').map(|it| it.parse::<f64>().ok().map(|it| it * factor));
        brought.push(Series { labels, samples: samples.take(points).collect() });
    }
    brought
}

fn answer(query: &str, points: usize) -> Result<String, PromqlError> {
    let query = parse(query)?;
    let leaves = query.leaves.iter().map(|leaf| brought(leaf, points)).collect();
    Ok(match evaluate(&query, leaves, points)? {
        Value::Number(number) => number.to_string(),
        Value::Series(all) => {
            let mut shown = Vec::new();
            for series in all {
                let pairs = series.labels.iter().map(|(name, value)| format!("{name}={value}"));
                let mut text = format!("{{{}}}", pairs.collect::<Vec<_>>().join(","));
                for sample in series.samples {
                    let _ = match sample {
                        // Digits that a sum of floats may differ in.
                        Some(value) => write!(text, " {}", (value * 1e9).round() / 1e9),
                        None => write!(text, " _"),
                    };
                }
                shown.push(text);
            }
            shown.join("; ")
        }
    })
}

fn check(query: &str, expect: &str) {
    assert_eq!(answer(query, 1).as_deref(), Ok(expect), "{query}");
}

fn check_range(query: &str, expect: &str) {
    assert_eq!(answer(query, 2).as_deref(), Ok(expect), "{query}");
}

#[test]
fn numbers_are_worked_out() {
    check("1+1", "2");
    check(" 2 * (3 - 1) / 4 ", "1");
    check("1 - 2 - 3", "-4");
    check("-2 * -.5e1", "10");
    check("Inf", "inf");
}

#[test]
fn selectors_match_labels() {
    check("calls{service=\"a\", kind!='y',}", "{__name__=calls,kind=x,service=a} 1");
    check("{__name__=~\"fail.*|nothing\",service!~`b|c`}", "{__name__=failed,service=a} 1");
    check("failed{kind=\"\"}", "{__name__=failed,service=a} 1; {__name__=failed,service=c} 5");
    check("calls{service=~\"fail\"}", "");
    check("rate(calls{kind=\"x\"}[10s])", "{kind=x,service=a} 0.1; {kind=x,service=b} 0.8");
    check("increase(failed[1m])", "{service=a} 1; {service=c} 5");
    check("rate(failed{service=\"a\"}[1m40s])", "{service=a} 0.01");
}

#[test]
fn groups_are_summed_and_ranked() {
    check("sum(calls)", "{} 11");
    check("sum by (service) (calls)", "{service=a} 3; {service=b} 8");
    check("sum(calls) by (service, absent)", "{service=a} 3; {service=b} 8");
    check("SUM BY(kind)(rate(calls[1s]))", "{kind=x} 9; {kind=y} 2");
    check("group by (service) (calls)", "{service=a} 1; {service=b} 1");
    check("count(calls)", "{} 3");
    check("avg(calls) + max(calls) - min(calls)", "{} 10.666666667");
    check("topk(1, sum by (kind) (calls))", "{kind=x} 9");
    check(
        "topk(2, calls{kind=\"x\"} or failed)",
        "{__name__=calls,kind=x,service=b} 8; {__name__=failed,service=c} 5",
    );
    check(
        "topk by (service) (1, calls)",
        "{__name__=calls,kind=x,service=b} 8; {__name__=calls,kind=y,service=a} 2",
    );
    check("topk(0, calls)", "");
    check_range("sum by (service) (calls)", "{service=a} 3 4; {service=b} 8 16");
    check_range(
        "topk(1, calls{service=\"a\"})",
        "{__name__=calls,kind=x,service=a} _ 4; {__name__=calls,kind=y,service=a} 2 _",
    );
}

#[test]
fn series_are_combined() {
    check("sum by (service) (calls) / sum by (service) (failed)", "{service=a} 3");
    check("sum(calls) * 2 - 1", "{} 21");
    check("10 / failed", "{service=a} 10; {service=c} 2");
    check(
        "sum by (service) (calls) OR sum by (service) (failed)",
        "{service=a} 3; {service=b} 8; {service=c} 5",
    );
    check(
        "failed or calls{kind=\"y\"}",
        "{__name__=calls,kind=y,service=a} 2; {__name__=failed,service=a} 1; {__name__=failed,service=c} 5",
    );
    check_range(
        "failed{service=\"c\"} or 2 * failed",
        "{__name__=failed,service=c} 5 _; {service=a} 2 2",
    );
    check("nothing or nothing", "");
}

#[test]
fn quantiles_are_drawn_evenly_inside_of_buckets() {
    let quantile = |it: &str| format!("histogram_quantile({it}, sum by (le) (h_bucket))");
    check(&quantile("0.2"), "{} 0.05");
    check(&quantile(".5"), "{} 0.15");
    check(&quantile("0.7"), "{} 0.3");
    check(&quantile("0.9"), "{} 0.4");
    check(&quantile("2"), "{} inf");
    check(&quantile("-1"), "{} -inf");
    check("histogram_quantile(0.5, h_bucket)", "{service=a} 0.15");
    check(
        "histogram_quantile(0.5, h_bucket{le=\"0.1\"})",
        "{} NaN".replace("{}", "{service=a}").as_str(),
    );
    check("histogram_quantile(0.5, calls)", "");
    check_range("histogram_quantile(0.5, h_bucket)", "{service=a} 0.15 NaN");
}

#[test]
fn what_is_not_answered_is_told() {
    let check = |query: &str, expect: &str| match answer(query, 1) {
        Err(PromqlError::Bad(text) | PromqlError::Execution(text)) => {
            assert_eq!(text, expect, "{query}");
        }
        Ok(answer) => panic!("{query}: {answer}"),
    };
    check("", "query, byte 0: the query ends too early");
    check("sum(", "query, byte 4: the query ends too early");
    check("irate(calls[5m])", "query, byte 0: function `irate` is not answered here");
    check(
        "sum without (le) (calls)",
        "query, byte 4: `without` is not answered here; name the labels with by",
    );
    check("rate(calls)", "query, byte 10: expected a range such as [5m]");
    check(
        "calls[5m]",
        "query, byte 5: a range stands behind a selector in rate() or increase() only",
    );
    check("rate(calls[5m:1m])", "query, byte 10: subqueries are not answered here");
    check(
        "rate(calls[0s])",
        "query, byte 10: range is no duration above 0; write one such as 5m or 1h30m",
    );
    check("rate(calls[5m] offset 1h)", "query, byte 15: `offset` is not answered here");
    check("calls offset 1h", "query, byte 6: `offset` is not answered here");
    check("calls > 1", "query, byte 6: comparisons are not answered here");
    check("calls and failed", "query, byte 6: `and` is not answered here");
    check("calls / on(service) failed", "query, byte 8: `on` is not answered here");
    check("{}", "query, byte 0: the selector selects everything; name a metric or a value");
    check("calls{a=1}", "query, byte 8: expected a text in quotes");
    check("calls{a=\"b\" c=\"d\"}", "query, byte 12: expected `}`");
    check("calls{a=~\"(\"}", &format!("query, byte 9: {}", Pattern::new("(").expect_err("open")));
    check("calls{a=\"b}", "query, byte 8: text has no end; close its quotes");
    check("5x", "query, byte 0: not a number");
    check("calls @ 5", "query, byte 6: `@` is not understood");
    check("topk(calls, calls)", "topk takes a number first");
    check("sum(1)", "an aggregation takes series, not a number");
    check("topk(calls)", "query, byte 11: the function has 1 arguments, it takes 2");
    check(
        &format!("{}1{}", "(".repeat(60), ")".repeat(60)),
        "query, byte 50: more than 50 levels within each other",
    );
    check(
        "calls / {service=\"c\"}",
        "several series on one side have the labels {\"service\": \"c\"}; sum them by labels first",
    );
    let long = format!("calls{{a=\"{}\"}}", "é".repeat(QUERY_BYTES_MAX));
    assert!(matches!(answer(&long, 1), Err(PromqlError::Bad(text)) if text.contains("shorten it")));
    assert!(parse_selector("sum(calls)").is_err());
    assert!(parse_selector("calls{a=\"b\"}").is_ok());
}
