//! The reference evaluator against the scenarios, and properties of random queries.

use super::{
    Dice, EPOCH_NANOS, SCENARIOS, Scenario, answer, is_same_answer, random_filter, random_query,
    random_traces,
};
use crate::ast::Body;
use crate::check::{check, compile};
use crate::eval::{Buckets, Trace, Warnings, metrics, search};
use crate::parse;
use fanal_model::IndexedBatch;
use std::collections::BTreeSet;

const QUERIES: u64 = 20_000;

#[test]
fn scenarios_have_their_answers() {
    let mut failures = Vec::new();
    for (name, text) in SCENARIOS {
        let scenario = Scenario::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!scenario.cases.is_empty(), "{name}");
        let batch = IndexedBatch::validated(scenario.spans.batch).expect("valid");
        let traces = Trace::of_batch(&batch);
        for case in scenario.cases {
            let got = answer(case.question, &case.query, &traces, &scenario.spans.traces);
            if !is_same_answer(&got, &case.answer) {
                let (got, expect) = (got.join("\n  "), case.answer.join("\n  "));
                failures.push(format!("{name}: {}\n  {got}\nexpected\n  {expect}", case.query));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn printed_queries_are_read_back() {
    for seed in 0..QUERIES {
        let query = random_query(&mut Dice::new(seed));
        let text = query.to_string();
        let again =
            parse(&text).unwrap_or_else(|error| panic!("seed {seed}: {}", error.render(&text)));
        assert_eq!(again, query, "seed {seed}: {text}");
        assert_eq!(again.to_string(), text, "seed {seed}");
    }
}

#[test]
fn random_queries_pass_the_check() {
    for seed in 0..QUERIES {
        let text = random_query(&mut Dice::new(seed)).to_string();
        compile(&text).unwrap_or_else(|error| panic!("seed {seed}: {}", error.render(&text)));
    }
}

/// Cutting a query anywhere, or dropping a token's worth of it, gives an error or a query, and never a panic.
#[test]
fn damaged_queries_do_not_break_the_parser() {
    for seed in 0..2_000 {
        let mut dice = Dice::new(seed);
        let text = random_query(&mut dice).to_string();
        let chars: Vec<char> = text.chars().collect();
        for _ in 0..10 {
            let from = usize::try_from(dice.below(chars.len() as u64)).expect("small");
            let to = (from + usize::try_from(dice.below(6)).expect("small")).min(chars.len());
            let damaged: String = chars[..from].iter().chain(&chars[to..]).collect();
            match parse(&damaged) {
                Ok(query) => {
                    let printed = query.to_string();
                    assert_eq!(parse(&printed).as_ref(), Ok(&query), "{damaged} as {printed}");
                }
                Err(error) => assert!(!error.render(&damaged).is_empty()),
            }
        }
    }
}

/// Queries must match often, and not always, to be worth anything as tests.
#[test]
fn random_queries_match_some_random_traces() {
    let (mut traces_found, mut traces_seen, mut queries_with_series) = (0, 0, 0);
    let (mut searches, mut metrics_queries) = (0, 0);
    for seed in 0..3_000 {
        let mut dice = Dice::new(seed);
        let query = check(random_query(&mut dice)).expect("passes");
        let batch = IndexedBatch::validated(random_traces(&mut dice, 4)).expect("valid");
        let traces = Trace::of_batch(&batch);
        let mut warnings = Warnings::default();
        if let Body::Metrics(_) = query.query().body {
            let step = 60_000_000_000;
            let buckets =
                Buckets::of_range(EPOCH_NANOS, EPOCH_NANOS + 3 * step, step).expect("valid");
            let series = metrics(&query, &traces, &buckets, 100, &mut warnings);
            metrics_queries += 1;
            queries_with_series += usize::from(!series.is_empty());
            continue;
        }
        searches += 1;
        for trace in &traces {
            traces_seen += 1;
            traces_found += usize::from(!search(&query, trace, &mut warnings).is_empty());
        }
    }
    assert!(searches > 1000 && metrics_queries > 500, "{searches} {metrics_queries}");
    let is_between = traces_found * 4 > traces_seen && traces_found * 4 < traces_seen * 3;
    assert!(is_between, "{traces_found} of {traces_seen} traces are found");
    assert!(
        queries_with_series * 3 > metrics_queries,
        "{queries_with_series} of {metrics_queries}"
    );
}

/// What holds between operators, whatever the filters are.
#[test]
fn operators_agree_with_each_other() {
    for seed in 0..500 {
        let mut dice = Dice::new(seed);
        let batch = IndexedBatch::validated(random_traces(&mut dice, 4)).expect("valid");
        let traces = Trace::of_batch(&batch);
        let (left, right) = (random_filter(&mut dice), random_filter(&mut dice));
        let spans = |query: String| {
            let (checked, _) = compile(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
            let found = traces.iter().map(|trace| {
                let spansets = search(&checked, trace, &mut Warnings::default());
                spansets.into_iter().flat_map(|spanset| spanset.spans).collect::<BTreeSet<_>>()
            });
            found.collect::<Vec<_>>()
        };
        let (left_spans, right_spans) = (spans(left.to_string()), spans(right.to_string()));
        for operator in [">", ">>", "<", "<<", "~"] {
            let related = spans(format!("{left} {operator} {right}"));
            let unrelated = spans(format!("{left} !{operator} {right}"));
            let both = spans(format!("{left} &{operator} {right}"));
            for trace in 0..traces.len() {
                let context = format!("seed {seed}: {left} {operator} {right}");
                assert!(related[trace].is_disjoint(&unrelated[trace]), "{context}");
                assert_eq!(&related[trace] | &unrelated[trace], right_spans[trace], "{context}");
                assert!(both[trace].is_superset(&related[trace]), "{context}");
                let added = &both[trace] - &related[trace];
                assert!(added.is_subset(&left_spans[trace]), "{context}");
                assert_eq!(both[trace].is_empty(), related[trace].is_empty(), "{context}");
            }
        }
        for (there, back) in [(">", "<"), (">>", "<<"), ("~", "~")] {
            let there = spans(format!("{left} &{there} {right}"));
            assert_eq!(
                there,
                spans(format!("{right} &{back} {left}")),
                "seed {seed}: {left} {right}"
            );
        }
        assert_eq!(
            spans(format!("{left} && {right}")),
            spans(format!("{right} && {left}")),
            "seed {seed}"
        );
        let direct = spans(format!("({left} > {right}) || ({left} >> {right})"));
        assert_eq!(direct, spans(format!("{left} >> {right}")), "seed {seed}: {left} {right}");
    }
}
