//! The parameters of Jaeger's search, as conditions.
//!
//! Values compare as text, and a key is looked up on every level, except for the few keys that mean a field.

use crate::parameters::Parameters;
use crate::refusal::Refusal;
use fanal_model::{SpanKind, StatusCode, TraceId};
use fanal_query::{SearchRequest, parse_duration};
use fanal_storage::{AttributeCondition, AttributeLevel, AttributeTest, SpanCondition};
use std::collections::BTreeMap;

/// Traces of an answer that names no limit.
const LIMIT_DEFAULT: usize = 100;

/// How far back a search without `start` looks, in microseconds.
const LOOKBACK_MICROS: u64 = 48 * 3600 * 1_000_000;

/// Nanoseconds of a microsecond.
const NANOS: u64 = 1000;

/// What `/api/traces` asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum JaegerQuestion {
    /// Traces by id.
    ById(Vec<TraceId>),
    /// A search; `None` when one of its tags can hold on no span.
    Search(Option<SearchRequest>),
}

/// Reads the parameters of `/api/traces`.
pub(crate) fn read(
    parameters: &Parameters,
    now_unix_nanos: u64,
) -> Result<JaegerQuestion, Refusal> {
    let ids: Vec<TraceId> =
        parameters.all("traceID").map(super::ids::read).collect::<Result<_, _>>()?;
    if !ids.is_empty() {
        return Ok(JaegerQuestion::ById(ids));
    }
    let service = parameters
        .last("service")
        .ok_or_else(|| Refusal::parameter("service", "parameter 'service' is required"))?;
    let mut conditions = vec![SpanCondition::Service(service.to_owned())];
    conditions
        .extend(parameters.last("operation").map(|name| SpanCondition::Name(name.to_owned())));
    let end = micros(parameters, "end")?.unwrap_or(now_unix_nanos / NANOS);
    let start = micros(parameters, "start")?.unwrap_or(end.saturating_sub(LOOKBACK_MICROS));
    durations(parameters, &mut conditions)?;
    let limit = limit(parameters)?;
    let tags: Option<Vec<SpanCondition>> =
        tags(parameters)?.iter().map(|(key, value)| condition(key, value)).collect();
    Ok(JaegerQuestion::Search(tags.map(|tags| SearchRequest {
        conditions: conditions.into_iter().chain(tags).collect(),
        start_min_unix_nanos: start.saturating_mul(NANOS),
        // The whole last microsecond: clients know times of no finer grain.
        start_max_unix_nanos: end.saturating_mul(NANOS).saturating_add(NANOS - 1),
        limit,
        cursor: None,
    })))
}

/// Reads a time in microseconds.
pub(crate) fn micros(parameters: &Parameters, name: &str) -> Result<Option<u64>, Refusal> {
    parameters.last(name).map(|text| number(name, text)).transpose()
}

/// Reads a flag in the words that Go accepts.
pub(crate) fn flag(parameters: &Parameters, name: &str) -> Result<bool, Refusal> {
    match parameters.last(name) {
        None | Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
        Some(text) => Err(unparsable(name, text, "it is neither true nor false")),
    }
}

fn unparsable(name: &str, text: &str, why: &str) -> Refusal {
    let shown: String = text.chars().take(64).collect();
    Refusal::parameter(name, format!("unable to parse param '{name}': `{shown}`: {why}"))
}

fn number(name: &str, text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| unparsable(name, text, "it is no whole number"))
}

fn limit(parameters: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = parameters.last("limit") else { return Ok(LIMIT_DEFAULT) };
    match text.parse() {
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(unparsable("limit", text, "it is no whole number above 0")),
    }
}

fn durations(parameters: &Parameters, conditions: &mut Vec<SpanCondition>) -> Result<(), Refusal> {
    let read = |name: &str| -> Result<Option<u64>, Refusal> {
        let Some(text) = parameters.last(name) else { return Ok(None) };
        let nanos =
            parse_duration(text).map_err(|error| unparsable(name, text, &error.to_string()))?;
        Ok((nanos > 0).then_some(nanos))
    };
    let min = read("minDuration")?;
    let max = read("maxDuration")?;
    if let (Some(min), Some(max)) = (min, max)
        && max < min
    {
        let message = "'maxDuration' should be greater than 'minDuration'";
        return Err(Refusal::parameter("maxDuration", message));
    }
    conditions.extend(min.map(SpanCondition::DurationMin));
    conditions.extend(max.map(SpanCondition::DurationMax));
    Ok(())
}

/// Tags by key; `tags` wins over `tag`.
fn tags(parameters: &Parameters) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = BTreeMap::new();
    for text in parameters.all("tag") {
        let (key, value) = text.split_once(':').ok_or_else(|| {
            let message =
                format!("malformed 'tag' parameter, expecting key:value, received: {text}");
            Refusal::parameter("tag", message)
        })?;
        tags.insert(key.to_owned(), value.to_owned());
    }
    for text in parameters.all("tags") {
        let map: BTreeMap<String, String> = serde_json::from_str(text).map_err(|error| {
            let message =
                format!("malformed 'tags' parameter, expecting a JSON object of strings: {error}");
            Refusal::parameter("tags", message)
        })?;
        tags.extend(map);
    }
    Ok(tags)
}

/// The condition of a tag; `None` when it can hold on no span.
fn condition(key: &str, value: &str) -> Option<SpanCondition> {
    match key {
        "error" => match value {
            "true" => Some(SpanCondition::Status(StatusCode::Error)),
            "false" => Some(SpanCondition::StatusNot(StatusCode::Error)),
            _ => None,
        },
        "span.kind" => SpanKind::parse(&value.to_lowercase()).map(SpanCondition::Kind),
        "span.status" => {
            let code = StatusCode::parse(&value.to_lowercase()).unwrap_or_default();
            Some(SpanCondition::Status(code))
        }
        "scope.name" => Some(SpanCondition::ScopeName(value.to_owned())),
        "scope.version" => Some(SpanCondition::ScopeVersion(value.to_owned())),
        _ => {
            let (levels, key) = match key.strip_prefix("resource.") {
                Some(rest) => (vec![AttributeLevel::Resource], rest),
                None => (AttributeLevel::ALL.to_vec(), key),
            };
            Some(SpanCondition::Attribute(AttributeCondition {
                levels,
                key: key.to_owned(),
                test: AttributeTest::TextEquals(value.to_owned()),
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Uri;

    const NOW: u64 = 200_000_000_000_000_000;

    fn check(query: &str, expect: &str) {
        let uri: Uri = format!("/api/traces?{query}").parse().expect("an address");
        let parameters = Parameters::read(&uri).expect("readable");
        let shown = match read(&parameters, NOW) {
            Ok(JaegerQuestion::ById(ids)) => format!("{ids:?}"),
            Ok(JaegerQuestion::Search(None)) => "never".to_owned(),
            Ok(JaegerQuestion::Search(Some(request))) => {
                assert_eq!(request.conditions[0], SpanCondition::Service("a".into()), "{query}");
                format!(
                    "{}..={} {} {:?}",
                    request.start_min_unix_nanos,
                    request.start_max_unix_nanos,
                    request.limit,
                    &request.conditions[1..]
                )
            }
            Err(refusal) => refusal.message,
        };
        assert!(shown.starts_with(expect), "{query}\n got {shown}\nwant {expect}");
    }

    #[test]
    fn defaults_and_bounds() {
        check("service=a", "199827200000000000..=200000000000000999 100 []");
        check("service=a&start=5&end=7&limit=3&lookback=custom", "5000..=7999 3 []");
        check(
            "service=a&start=5&end=7&operation=b&minDuration=1.5s&maxDuration=1h5m",
            r#"5000..=7999 100 [Name("b"), DurationMin(1500000000), DurationMax(3900000000000)]"#,
        );
        check(
            "service=a&start=5&end=7&minDuration=&maxDuration=0s&operation=",
            "5000..=7999 100 []",
        );
        check("traceID=abc&traceID=AB", "[TraceId(00000000000000000000000000000abc), TraceId(");
    }

    #[test]
    fn tags_become_conditions() {
        let check = |tags: &str, expect: &str| {
            let expect = match expect {
                "never" => expect.to_owned(),
                conditions => format!("5000..=7999 100 {conditions}"),
            };
            check(&format!("service=a&start=5&end=7&{tags}"), &expect);
        };
        check("tag=error:true", "[Status(Error)]");
        check("tag=error:false", "[StatusNot(Error)]");
        check("tag=error:maybe", "never");
        check("tag=span.kind:SERVER", "[Kind(Server)]");
        check("tag=span.kind:robot", "never");
        check("tag=span.status:OK", "[Status(Ok)]");
        check("tag=span.status:whatever", "[Status(Unset)]");
        check("tag=scope.name:lib&tag=scope.version:1", r#"[ScopeName("lib"), ScopeVersion("1")]"#);
        check(
            "tag=resource.host.name:a:b",
            r#"[Attribute(AttributeCondition { levels: [Resource], key: "host.name", test: TextEquals("a:b") })]"#,
        );
        check(
            "tag=k:1&tags=%7B%22k%22%3A%222%22%7D",
            r#"[Attribute(AttributeCondition { levels: [Span, Resource, Scope, Event, Link], key: "k", test: TextEquals("2") })]"#,
        );
    }

    #[test]
    fn refusals_have_jaegers_words() {
        check("", "parameter 'service' is required");
        check("service=a&start=x", "unable to parse param 'start': `x`");
        check("service=a&limit=0", "unable to parse param 'limit': `0`");
        check("service=a&minDuration=9", "unable to parse param 'minDuration': `9`");
        check("service=a&minDuration=2s&maxDuration=1s", "'maxDuration' should be greater than");
        check("service=a&tag=key", "malformed 'tag' parameter, expecting key:value, received: key");
        check("service=a&tags=%7B%22k%22%3A1%7D", "malformed 'tags' parameter");
        check("traceID=zz", "malformed trace ID: `zz`");
    }
}
