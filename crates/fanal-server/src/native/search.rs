//! A search as parameters, and its page as an answer.

use super::moments;
use super::skeleton::{ColorSlots, summary};
use super::types::{Scanned, SearchResponse};
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use fanal_model::{SpanKind, StatusCode};
use fanal_query::service::LIMIT_MAX;
use fanal_query::{Cursor, QueryError, SearchPage, SearchRequest, parse_condition, parse_duration};
use fanal_storage::{ScanCounts, SpanCondition};
use http::Uri;

/// Names of the parameters that say which spans are meant.
pub(crate) const FILTERS: [&str; 9] = [
    "service",
    "operation",
    "tag",
    "status",
    "kind",
    "min_duration",
    "max_duration",
    "start",
    "end",
];

/// Parameters of a search beside those.
pub(crate) const OWN_PARAMETERS: [&str; 2] = ["limit", "cursor"];

/// Traces of a page that names no limit.
const LIMIT_DEFAULT: usize = 20;

/// Reads a search. Fails with the parameter at fault.
pub(crate) fn read(uri: &Uri) -> Result<SearchRequest, Refusal> {
    let known: Vec<&str> = FILTERS.iter().copied().chain(OWN_PARAMETERS).collect();
    let parameters = Parameters::read_known(uri, &known)?;
    let (start_min_unix_nanos, start_max_unix_nanos) = range(&parameters)?;
    Ok(SearchRequest {
        conditions: conditions(&parameters)?,
        start_min_unix_nanos,
        start_max_unix_nanos,
        limit: limit(&parameters)?,
        cursor: cursor(&parameters)?,
    })
}

/// Writes a page.
pub(crate) fn write(page: &SearchPage, slots: &ColorSlots) -> SearchResponse {
    SearchResponse {
        traces: page.traces.iter().map(|trace| summary(trace, slots)).collect(),
        next_cursor: page.next.as_ref().map(Cursor::to_string),
        complete: page.warnings.is_empty(),
        warnings: page.warnings.clone(),
        scanned: scanned(&page.scanned),
    }
}

/// Writes what was looked at.
pub(crate) fn scanned(counts: &ScanCounts) -> Scanned {
    Scanned {
        spans: counts.spans,
        granules_read: counts.granules_read,
        granules_total: counts.granules_total,
    }
}

/// Earliest and latest start, both inclusive.
pub(crate) fn range(parameters: &Parameters) -> Result<(u64, u64), Refusal> {
    let start_min_unix_nanos = moment(parameters, "start")?.unwrap_or(0);
    let start_max_unix_nanos = moment(parameters, "end")?.unwrap_or(u64::MAX);
    if start_max_unix_nanos < start_min_unix_nanos {
        return Err(Refusal::parameter("end", "end lies before start; swap them"));
    }
    Ok((start_min_unix_nanos, start_max_unix_nanos))
}

/// What must hold on a span, the range of its start aside.
pub(crate) fn conditions(parameters: &Parameters) -> Result<Vec<SpanCondition>, Refusal> {
    let mut conditions = Vec::new();
    if let Some(service) = parameters.single("service")? {
        conditions.push(SpanCondition::Service(service.to_owned()));
    }
    if let Some(name) = parameters.single("operation")? {
        conditions.push(SpanCondition::Name(name.to_owned()));
    }
    if let Some(word) = parameters.single("status")? {
        let code = StatusCode::parse(word).ok_or_else(|| {
            let words = StatusCode::ALL.map(StatusCode::as_str).join(", ");
            Refusal::parameter("status", format!("status `{word}` is none of {words}"))
        })?;
        conditions.push(SpanCondition::Status(code));
    }
    if let Some(word) = parameters.single("kind")? {
        let kind = SpanKind::parse(word).ok_or_else(|| {
            let words = SpanKind::ALL.map(SpanKind::as_str).join(", ");
            Refusal::parameter("kind", format!("kind `{word}` is none of {words}"))
        })?;
        conditions.push(SpanCondition::Kind(kind));
    }
    durations(parameters, &mut conditions)?;
    for tag in parameters.all("tag") {
        let condition =
            parse_condition(tag).map_err(|error| Refusal::parameter("tag", error.to_string()))?;
        conditions.push(condition);
    }
    Ok(conditions)
}

fn durations(parameters: &Parameters, conditions: &mut Vec<SpanCondition>) -> Result<(), Refusal> {
    let read = |name: &'static str| -> Result<Option<u64>, Refusal> {
        let Some(text) = parameters.single(name)? else { return Ok(None) };
        parse_duration(text).map(Some).map_err(|error| Refusal::parameter(name, error.to_string()))
    };
    let min = read("min_duration")?;
    let max = read("max_duration")?;
    if let (Some(min), Some(max)) = (min, max)
        && max < min
    {
        let message = "max_duration is shorter than min_duration; swap them";
        return Err(Refusal::parameter("max_duration", message));
    }
    conditions.extend(min.map(SpanCondition::DurationMin));
    conditions.extend(max.map(SpanCondition::DurationMax));
    Ok(())
}

fn moment(parameters: &Parameters, name: &str) -> Result<Option<u64>, Refusal> {
    let Some(text) = parameters.single(name)? else { return Ok(None) };
    moments::parse(text).map(Some).ok_or_else(|| {
        let message = format!(
            "{name} `{text}` is neither nanoseconds since 1970 nor RFC 3339 such as 2026-01-31T08:30:00Z"
        );
        Refusal::parameter(name, message)
    })
}

fn cursor(parameters: &Parameters) -> Result<Option<Cursor>, Refusal> {
    let Some(text) = parameters.single("cursor")? else { return Ok(None) };
    text.parse()
        .map(Some)
        .map_err(|error: QueryError| Refusal::parameter("cursor", error.to_string()))
}

fn limit(parameters: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = parameters.single("limit")? else { return Ok(LIMIT_DEFAULT) };
    text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| {
        let message = format!(
            "limit `{text}` is no number from 1 to {LIMIT_MAX}; fetch further pages with cursor"
        );
        Refusal::parameter("limit", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expect: Result<&str, &str>) {
        let uri: Uri = format!("/search?{query}").parse().expect("an address");
        let shown = match read(&uri) {
            Ok(request) => format!(
                "{:?} {}..={} {} {:?}",
                request.conditions,
                request.start_min_unix_nanos,
                request.start_max_unix_nanos,
                request.limit,
                request.cursor.as_ref().map(Cursor::to_string)
            ),
            Err(refusal) => {
                format!("{}: {}", refusal.parameter.unwrap_or_default(), refusal.message)
            }
        };
        let expect = expect.unwrap_or_else(|refused| refused);
        assert!(shown.starts_with(expect), "{query}\n got {shown}\nwant {expect}");
    }

    #[test]
    fn searches_are_read() {
        check("", Ok("[] 0..=18446744073709551615 20 None"));
        check(
            "service=a&operation=b&status=error&kind=server&start=5&end=1970-01-01T00:00:01Z&limit=7",
            Ok(r#"[Service("a"), Name("b"), Status(Error), Kind(Server)] 5..=1000000000 7 None"#),
        );
        check(
            "min_duration=1.5s&max_duration=2s",
            Ok("[DurationMin(1500000000), DurationMax(2000000000)]"),
        );
        check(
            "cursor=255-0af7651916cd43dd8448eb211c80319c",
            Ok(r#"[] 0..=18446744073709551615 20 Some("255-0af7651916cd43dd8448eb211c80319c")"#),
        );
    }

    #[test]
    fn wrong_parameters_are_named() {
        check("servcie=a", Err("servcie: unknown parameter `servcie`; did you mean `service`?"));
        check("status=bad", Err("status: status `bad` is none of unset, ok, error"));
        check("kind=bad", Err("kind: kind `bad` is none of unspecified, internal"));
        check("limit=0", Err("limit: limit `0` is no number from 1 to 1000"));
        check("limit=1001", Err("limit: limit `1001`"));
        check("start=2&end=1", Err("end: end lies before start"));
        check("start=yesterday", Err("start: start `yesterday` is neither"));
        check("min_duration=2s&max_duration=1s", Err("max_duration: max_duration is shorter"));
        check("min_duration=fast", Err("min_duration: "));
        check("cursor=x", Err("cursor: cursor "));
        check("cursor=é", Err("cursor: cursor "));
        check("tag=%3D", Err("tag: "));
    }
}
