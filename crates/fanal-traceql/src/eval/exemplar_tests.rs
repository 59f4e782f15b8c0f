//! Exemplars of the three traces.

use super::{Buckets, Trace, Warnings, exemplar_count, metrics};
use crate::check::compile;
use crate::testing::{EPOCH_NANOS, SCENARIOS, Scenario};
use fanal_model::IndexedBatch;

const SECOND: u64 = 1_000_000_000;

/// Each exemplar: the last label of its series, milliseconds of its start, its value, its fields.
fn exemplars(query: &str, count: usize) -> Vec<String> {
    let scenario = Scenario::parse(SCENARIOS[0].1).expect("scenario");
    let batch = IndexedBatch::validated(scenario.spans.batch).expect("valid");
    let traces = Trace::of_batch(&batch);
    let buckets =
        Buckets::of_range(EPOCH_NANOS, EPOCH_NANOS + 120 * SECOND, 60 * SECOND).expect("valid");
    let (query, _) = compile(query).expect("valid");
    let mut shown = Vec::new();
    for series in metrics(&query, &traces, &buckets, count, &mut Warnings::default()) {
        let (_, label) = series.labels.last().expect("a label");
        for exemplar in series.exemplars {
            let fields: Vec<String> =
                exemplar.fields.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
            let start = (exemplar.time - EPOCH_NANOS) / 1_000_000;
            let fields = fields.join(" ");
            shown.push(
                format!("{label:?} {start} {} {fields}", exemplar.value).trim_end().to_owned(),
            );
        }
    }
    shown
}

#[test]
fn one_of_a_trace_two_of_a_slice() {
    let name = "String(\"rate\")";
    let one = format!("{name} 1000 0.15");
    let two = format!("{name} 20000 0.15");
    let three = format!("{name} 65000 0.05");
    assert_eq!(exemplars("{ } | rate()", 100), [one.clone(), two.clone(), three]);
    // One slice takes two.
    assert_eq!(exemplars("{ } | rate()", 2), [one.clone(), two]);
    assert_eq!(exemplars("{ } | rate()", 1), [one]);
    assert!(exemplars("{ } | rate()", 0).is_empty());
}

#[test]
fn values_are_measured_and_fields_are_those_of_the_query() {
    let check = |query: &str, expect: &[&str]| assert_eq!(exemplars(query, 100), expect, "{query}");
    check(
        "{ span.retries > 0 } | max_over_time(duration) by (resource.region)",
        &[
            "String(\"eu\") 1260 0.12 span.retries=Int(2) resource.region=String(\"eu\") duration=Duration(120000000)",
            "String(\"eu\") 20500 1.5 span.retries=Int(5) resource.region=String(\"eu\") duration=Duration(1500000000)",
        ],
    );
    // A span without a number is none; a quantile goes where it is nearest.
    check(
        "{ } | avg_over_time(span.fare)",
        &["String(\"avg_over_time\") 1100 12.5 span.fare=Float(12.5)"],
    );
    check(
        "{ name = \"deliver\" || name = \"send\" } | quantile_over_time(duration, 0.1, 0.9)",
        &["Float(0.1) 20000 0.01 name=String(\"send\") duration=Duration(10000000)"],
    );
    check(
        "{ kind = client } | histogram_over_time(duration)",
        &[
            "Float(0.268435456) 1050 1 kind=Kind(Client) duration=Duration(200000000)",
            "Float(0.268435456) 65020 1 kind=Kind(Client) duration=Duration(200000000)",
        ],
    );
}

#[test]
fn the_hint_decides_before_the_parameter() {
    let check = |query: &str, parameter, expect| {
        let (query, _) = compile(query).expect("valid");
        assert_eq!(exemplar_count(&query.query().hints, parameter), expect, "{query:?}");
    };
    check("{ } | rate()", None, 100);
    check("{ } | rate()", Some(0), 100);
    check("{ } | rate()", Some(7), 7);
    check("{ } | rate()", Some(1000), 100);
    check("{ } | rate() with (exemplars=5)", Some(7), 5);
    check("{ } | rate() with (exemplars=500)", Some(7), 100);
    check("{ } | rate() with (exemplars=false)", Some(7), 0);
    check("{ } | rate() with (exemplars=true)", Some(7), 7);
}
