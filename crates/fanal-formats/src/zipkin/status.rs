//! The status of a span, which Zipkin has no field for, out of the tags by which senders tell it.
//!
//! Used by the mapping. Invariant: a tag is taken out only where the status says all that it said.

use super::span::Version;
use super::tags::{find, take, take_text, word};
use crate::draft::{DraftAttribute, RawText};
use fanal_model::StatusCode;

const OTEL_CODE: &str = "otel.status_code";
const OTEL_MESSAGE: &str = "otel.status_description";
const ERROR: &str = "error";
const CENSUS_CODE: &str = "census.status_code";
const CENSUS_MESSAGE: &str = "census.status_description";
const HTTP_CODE: &str = "http.status_code";

/// Decides code and message and takes the tags out that are said with them. The first that decides wins: OpenCensus
/// (version 1), OpenTelemetry, `error`, the HTTP status (version 1).
pub(super) fn take_status<'a>(
    tags: &mut Vec<DraftAttribute<'a>>,
    version: Version,
) -> (StatusCode, RawText<'a>) {
    let number = |tags: &[DraftAttribute<'_>], key: &str| -> Option<i64> {
        word(find(tags, key)?)?.parse().ok().filter(|_| version == Version::One)
    };
    if let Some(code) = number(tags, CENSUS_CODE) {
        take(tags, CENSUS_CODE);
        let message = take_text(tags, CENSUS_MESSAGE).unwrap_or_default();
        return (if code == 0 { StatusCode::Unset } else { StatusCode::Error }, message);
    }
    let declared = find(tags, OTEL_CODE).and_then(word).and_then(|word| otel_code(&word));
    if declared.is_some() {
        take(tags, OTEL_CODE);
    }
    match declared {
        Some(StatusCode::Error) => (StatusCode::Error, error_message(tags)),
        Some(StatusCode::Ok) => (StatusCode::Ok, take_text(tags, OTEL_MESSAGE).unwrap_or_default()),
        _ if is_error(tags) => (StatusCode::Error, error_message(tags)),
        _ if number(tags, HTTP_CODE).is_some_and(|code| code >= 400) => {
            (StatusCode::Error, take_text(tags, OTEL_MESSAGE).unwrap_or_default())
        }
        _ => (StatusCode::Unset, RawText::default()),
    }
}

/// `OK`, `Ok`, `STATUS_CODE_OK` and so on.
fn otel_code(word: &str) -> Option<StatusCode> {
    let word = word.strip_prefix("STATUS_CODE_").unwrap_or(word);
    StatusCode::ALL.into_iter().find(|code| code.as_str().eq_ignore_ascii_case(word))
}

/// Zipkin takes any `error` for a failure; senders that write `false` mean none.
fn is_error(tags: &[DraftAttribute<'_>]) -> bool {
    find(tags, ERROR).is_some_and(|value| word(value).as_deref() != Some("false"))
}

/// What a failed span says of its failure. An `error` that says no more than that there is one goes.
fn error_message<'a>(tags: &mut Vec<DraftAttribute<'a>>) -> RawText<'a> {
    let error = find(tags, ERROR).and_then(word).map(std::borrow::Cow::into_owned);
    if error.as_deref() == Some("true") {
        take(tags, ERROR);
    }
    let told = error.filter(|text| !matches!(&**text, "true" | "false"));
    take_text(tags, OTEL_MESSAGE)
        .unwrap_or_else(|| told.map(String::into_bytes).unwrap_or_default().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::DraftValue;

    fn check(version: Version, tags: &[(&'static str, &'static str)], expect: &str) {
        let text = |text: &'static str| DraftValue::Text(text.as_bytes().into());
        let mut list: Vec<DraftAttribute<'static>> =
            tags.iter().map(|&(key, value)| (key.as_bytes().into(), text(value))).collect();
        let (code, message) = take_status(&mut list, version);
        let rest: Vec<_> = list.iter().map(|(key, _)| String::from_utf8_lossy(key)).collect();
        let message = String::from_utf8_lossy(&message);
        let shown = format!("{}|{message}|{}", code.as_str(), rest.join(","));
        assert_eq!(shown, expect, "{tags:?}");
    }

    #[test]
    fn error_of_any_text_is_a_failure() {
        let check = |tags, expect| check(Version::Two, tags, expect);
        check(&[], "unset||");
        check(&[("a", "1")], "unset||a");
        check(&[("error", "true")], "error||");
        check(&[("error", "")], "error||error");
        check(&[("error", "card declined")], "error|card declined|error");
        check(&[("error", "false")], "unset||error");
        check(&[("error", "False")], "error|False|error");
        check(&[("error", "a"), ("error", "true")], "error||");
        check(&[("error", "true"), ("otel.status_description", "why")], "error|why|");
    }

    #[test]
    fn a_declared_status_wins_over_error() {
        let check = |tags, expect| check(Version::Two, tags, expect);
        check(&[("otel.status_code", "OK")], "ok||");
        check(&[("otel.status_code", "Ok"), ("error", "x")], "ok||error");
        check(&[("otel.status_code", "ERROR"), ("error", "x")], "error|x|error");
        check(&[("otel.status_code", "ERROR"), ("error", "true")], "error||");
        check(
            &[("otel.status_code", "STATUS_CODE_ERROR"), ("otel.status_description", "why")],
            "error|why|",
        );
        check(&[("otel.status_code", "STATUS_CODE_UNSET"), ("error", "x")], "error|x|error");
        check(&[("otel.status_code", "UNSET")], "unset||");
        check(&[("otel.status_code", "great")], "unset||otel.status_code");
        check(&[("otel.status_description", "lone")], "unset||otel.status_description");
    }

    #[test]
    fn version_1_has_two_more_ways_to_tell() {
        check(Version::One, &[("http.status_code", "500")], "error||http.status_code");
        check(Version::One, &[("http.status_code", "399")], "unset||http.status_code");
        check(Version::Two, &[("http.status_code", "500")], "unset||http.status_code");
        check(
            Version::One,
            &[("census.status_code", "5"), ("census.status_description", "gone"), ("error", "x")],
            "error|gone|error",
        );
        check(
            Version::One,
            &[("census.status_code", "0"), ("otel.status_code", "ERROR")],
            "unset||otel.status_code",
        );
        check(Version::Two, &[("census.status_code", "5")], "unset||census.status_code");
        check(
            Version::One,
            &[("otel.status_code", "OK"), ("http.status_code", "500")],
            "ok||http.status_code",
        );
    }
}
