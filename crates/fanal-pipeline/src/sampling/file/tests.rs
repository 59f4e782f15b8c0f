//! The rules of the file format, one row each.

use super::*;

/// Probability where a file tells none, in these tests.
const FALLBACK: f64 = 0.001;

fn read(file: &str) -> ReadFile {
    FileStrategies::read(file.as_bytes(), FALLBACK).expect("reads")
}

/// In one line: `p0.5` or `r5`, then by operation the default and the list.
fn shown(strategy: &Strategy) -> String {
    let mut text = match strategy.kind {
        StrategyKind::Probabilistic(probability) => format!("p{probability}"),
        StrategyKind::RateLimiting(rate) => format!("r{rate}"),
    };
    if let Some(operations) = &strategy.operations {
        assert!(operations.lower_bound_traces_per_second.abs() < f64::EPSILON);
        let list = operations.list.iter().map(|(name, rate)| format!(" {name}={rate}"));
        text += &format!(" / {}:{}", operations.default_probability, list.collect::<String>());
    }
    text
}

fn check(file: &str, service: &str, expect: &str) {
    let strategies = read(file).strategies;
    let strategy = strategies.of_service(service).unwrap_or_else(|| strategies.of_others());
    assert_eq!(shown(&strategy), expect, "{service} in {file}");
}

#[test]
fn a_service_has_its_own_strategy_or_the_default() {
    let file = r#"{
        "default_strategy": {"type": "probabilistic", "param": 0.5},
        "service_strategies": [
            {"service": "foo", "type": "probabilistic", "param": 0.8},
            {"service": "bar", "type": "ratelimiting", "param": 5}
        ]
    }"#;
    check(file, "foo", "p0.8");
    check(file, "bar", "r5");
    check(file, "other", "p0.5");
    check(file, "", "p0.5");
}

#[test]
fn what_the_file_does_not_tell_is_the_configured_default() {
    for file in ["{}", "null", r#"{"service_strategies": null}"#, r#"{"default_strategy": null}"#] {
        check(file, "foo", "p0.001");
    }
    check(r#"{"default_strategy": {"type": "none", "param": 1}}"#, "foo", "p0.001");
    check(r#"{"default_strategy": {"param": 1}}"#, "foo", "p0.001");
    check(r#"{"default_strategy": {"type": "probabilistic"}}"#, "foo", "p0");
    check(r#"{"default_strategy": {"type": "ratelimiting", "param": null}}"#, "foo", "r0");
}

#[test]
fn rates_are_whole_and_have_16_bits() {
    let check = |param: &str, expect: &str| {
        let file =
            format!(r#"{{"default_strategy": {{"type": "ratelimiting", "param": {param}}}}}"#);
        check(&file, "foo", expect);
    };
    check("7", "r7");
    check("0.9", "r0");
    check("1.9", "r1");
    check("32767", "r32767");
    check("1e9", "r32767");
}

/// A default strategy with operations, and services that differ from it in every way.
const INHERITANCE: &str = r#"{
    "default_strategy": {"type": "probabilistic", "param": 0.5, "operation_strategies": [
        {"operation": "health", "type": "probabilistic", "param": 0},
        {"operation": "pay", "type": "probabilistic", "param": 0.6}
    ]},
    "service_strategies": [
        {"service": "plain", "type": "probabilistic", "param": 0.8},
        {"service": "limited", "type": "ratelimiting", "param": 5},
        {"service": "own", "type": "probabilistic", "param": 0.2, "operation_strategies": [
            {"operation": "get", "type": "probabilistic", "param": 0.1},
            {"operation": "pay", "type": "probabilistic", "param": 1}
        ]},
        {"service": "limited-own", "type": "ratelimiting", "param": 7, "operation_strategies": [
            {"operation": "get", "type": "probabilistic", "param": 0.1}
        ]}
    ]
}"#;

#[test]
fn operations_of_the_default_hold_for_every_service_behind_its_own() {
    check(INHERITANCE, "other", "p0.5 / 0.5: health=0 pay=0.6");
    check(INHERITANCE, "plain", "p0.8 / 0.8: health=0 pay=0.6");
    // A rate says nothing about operations: the default strategy's probability holds for what is not listed, ...
    check(INHERITANCE, "limited", "r5 / 0.5: health=0 pay=0.6");
    check(INHERITANCE, "own", "p0.2 / 0.2: get=0.1 pay=1 health=0");
    // ... unless the service lists operations of its own.
    check(INHERITANCE, "limited-own", "r7 / 0.001: get=0.1 health=0 pay=0.6");
}

#[test]
fn operations_without_a_usable_probability() {
    let operations = r#""operation_strategies": [
        {"operation": "limited", "type": "ratelimiting", "param": 5},
        {"operation": "odd", "type": "?", "param": 5},
        {"operation": "twice", "type": "probabilistic", "param": 0.1},
        {"operation": "twice", "type": "probabilistic", "param": 0.2}
    ]"#;
    let file = format!(
        r#"{{"service_strategies": [{{"service": "foo", "type": "ratelimiting", "param": 2, {operations}}}]}}"#
    );
    check(&file, "foo", "r2 / 0.001: odd=0.001 twice=0.2");
    check(&file, "other", "p0.001");
    // Nothing of a list can be used, but it is a list.
    let limited = r#"[{"operation": "a", "type": "ratelimiting", "param": 5}]"#;
    let file = format!(
        r#"{{"default_strategy": {{"type": "probabilistic", "param": 1, "operation_strategies": {limited}}}}}"#
    );
    check(&file, "foo", "p1 / 1:");
    check(
        r#"{"default_strategy": {"type": "probabilistic", "param": 1, "operation_strategies": []}}"#,
        "foo",
        "p1",
    );
}

#[test]
fn the_last_strategy_of_a_service_holds() {
    let file = r#"{"service_strategies": [
        {"service": "foo", "type": "probabilistic", "param": 0.1},
        {"service": "foo", "type": "probabilistic", "param": 0.2}
    ]}"#;
    check(file, "foo", "p0.2");
    assert_eq!(read(file).warnings, ["service `foo` is there more than once; the last one holds"]);
}

#[test]
fn what_has_no_effect_is_told() {
    let check = |strategy: &str, expect: &str| {
        let file = format!(r#"{{"service_strategies": [{{"service": "foo", {strategy}}}]}}"#);
        let warnings = read(&file).warnings;
        assert!(warnings.iter().any(|warning| warning.contains(expect)), "{file}: {warnings:?}");
        assert!(warnings.iter().all(|warning| warning.contains("service `foo`")), "{warnings:?}");
    };
    check(r#""type": "Probabilistic", "param": 1"#, "type `Probabilistic`, which is neither");
    check(r#""param": 1"#, "type ``");
    check(r#""type": "probabilistic""#, "no `param`");
    check(r#""type": "ratelimiting", "param": 0.9"#, "rate of 0.9, which clients read as 0");
    check(
        r#""type": "ratelimiting", "param": 40000"#,
        "rate of 40000, which clients read as 32767",
    );
    check(r#""type": "probabilistic", "param": 1, "parm": {"a": [1]}"#, "member `parm`");
    let operation = r#"{"operation": "a", "type": "ratelimiting", "param": 1}"#;
    let operations =
        format!(r#""type": "probabilistic", "param": 1, "operation_strategies": [{operation}]"#);
    check(&operations, "operation `a` is left out");
    let operation = r#"{"operation": "a", "type": "probabilistic", "param": 1}"#;
    let twice = format!(
        r#""type": "probabilistic", "param": 1, "operation_strategies": [{operation}, {operation}]"#
    );
    check(&twice, "more than once");
    let good =
        r#"{"service_strategies": [{"service": "foo", "type": "ratelimiting", "param": 5}]}"#;
    assert_eq!(read(good).warnings, [""; 0]);
    let services = vec![r#"{"service": "foo"}"#; 1000].join(",");
    assert_eq!(
        read(&format!(r#"{{"service_strategies": [{services}]}}"#)).warnings.len(),
        WARNINGS_MAX
    );
}

#[test]
fn broken_files_are_refused_with_words() {
    let check = |file: &str, expect: &str| {
        let error = FileStrategies::read(file.as_bytes(), FALLBACK).expect_err(file);
        let source = std::error::Error::source(&error).map_or(String::new(), ToString::to_string);
        assert!(format!("{error}: {source}").contains(expect), "{file}: {error}: {source}");
    };
    check("", "EOF");
    check("[]", "no JSON of Jaeger's form");
    check(r#"{"default_strategy": {"type": "probabilistic", "param": "1"}}"#, "line 1 column");
    let of_default = |kind: &str, param: &str| {
        format!(r#"{{"default_strategy": {{"type": "{kind}", "param": {param}}}}}"#)
    };
    check(
        &of_default("probabilistic", "1.5"),
        "the default strategy: param of a probabilistic strategy is 1.5; write a probability from 0 to 1",
    );
    check(&of_default("probabilistic", "-0.1"), "write a probability from 0 to 1");
    check(&of_default("ratelimiting", "-1"), "write traces a second, 0 or more");
    check(&" ".repeat(STRATEGIES_BYTES_MAX + 1), "more than 4194304 bytes");
}

#[test]
fn written_probabilities_read_back() {
    let operations = [("get \"x\"", 0.1), ("pay", 1e-5)];
    let file = write([("shop", 0.25, operations.to_vec()), ("cart", 1.0, Vec::new())]);
    let mut read: Vec<_> =
        probabilities(read(std::str::from_utf8(&file).expect("text")).strategies).collect();
    read.sort_by(|left, right| left.0.cmp(&right.0));
    let operations = operations.map(|(name, probability)| (name.to_owned(), probability)).to_vec();
    assert_eq!(read, [("cart".to_owned(), 1.0, Vec::new()), ("shop".to_owned(), 0.25, operations)]);
}
