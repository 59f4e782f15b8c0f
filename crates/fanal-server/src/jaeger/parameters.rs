//! The parameters of Jaeger's older HTTP API.
//!
//! Read by its handlers. Refusals have Jaeger's words, because scripts and people know them.

use super::search::JaegerSearch;
use super::types::NANOS_PER_MICRO;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use fanal_model::TraceId;
use fanal_query::{SearchRequest, parse_duration};
use std::collections::BTreeMap;

/// How far back a search without `start` looks, in microseconds.
const LOOKBACK_MICROS: u64 = 48 * 3600 * 1_000_000;

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
    let service = required(parameters, "service")?;
    let end = number(parameters, "end")?.unwrap_or(now_unix_nanos / NANOS_PER_MICRO);
    let start = number(parameters, "start")?.unwrap_or(end.saturating_sub(LOOKBACK_MICROS));
    let search = JaegerSearch {
        service: service.to_owned(),
        operation: parameters.last("operation").unwrap_or_default().to_owned(),
        tags: tags(parameters)?,
        start_min_unix_nanos: start.saturating_mul(NANOS_PER_MICRO),
        // The whole last microsecond: clients know times of no finer grain.
        start_max_unix_nanos: end
            .saturating_mul(NANOS_PER_MICRO)
            .saturating_add(NANOS_PER_MICRO - 1),
        duration_min_nanos: duration(parameters, "minDuration")?,
        duration_max_nanos: duration(parameters, "maxDuration")?,
        limit: limit(parameters)?,
        filter: Vec::new(),
    };
    Ok(JaegerQuestion::Search(search.into_request()?))
}

/// A parameter that must be there.
pub(crate) fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, Refusal> {
    parameters
        .last(name)
        .ok_or_else(|| Refusal::parameter(name, format!("parameter '{name}' is required")))
}

/// Reads a whole number.
pub(crate) fn number(parameters: &Parameters, name: &str) -> Result<Option<u64>, Refusal> {
    let parse =
        |text: &str| text.parse().map_err(|_| unparsable(name, text, "it is no whole number"));
    parameters.last(name).map(parse).transpose()
}

/// Reads a flag in the words that Go accepts.
pub(crate) fn flag(parameters: &Parameters, name: &str) -> Result<bool, Refusal> {
    match parameters.last(name) {
        None | Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Ok(false),
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Ok(true),
        Some(text) => Err(unparsable(name, text, "it is neither true nor false")),
    }
}

/// The refusal of a parameter that cannot be read.
pub(crate) fn unparsable(name: &str, text: &str, why: &str) -> Refusal {
    let shown: String = text.chars().take(64).collect();
    Refusal::parameter(name, format!("unable to parse param '{name}': `{shown}`: {why}"))
}

/// Reads a duration in Go's form; 0 when there is none.
pub(crate) fn duration(parameters: &Parameters, name: &str) -> Result<u64, Refusal> {
    let Some(text) = parameters.last(name) else { return Ok(0) };
    parse_duration(text).map_err(|error| unparsable(name, text, &error.to_string()))
}

fn limit(parameters: &Parameters) -> Result<usize, Refusal> {
    let Some(text) = parameters.last("limit") else { return Ok(0) };
    match text.parse() {
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err(unparsable("limit", text, "it is no whole number above 0")),
    }
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
        tags.extend(text_map("tags", text)?);
    }
    Ok(tags)
}

/// Reads a JSON object of strings.
pub(crate) fn text_map(name: &str, text: &str) -> Result<BTreeMap<String, String>, Refusal> {
    serde_json::from_str(text).map_err(|error| {
        let message =
            format!("malformed '{name}' parameter, expecting a JSON object of strings: {error}");
        Refusal::parameter(name, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_storage::SpanCondition;
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
    fn tags_is_stronger_than_tag() {
        check(
            "service=a&start=5&end=7&tag=k:1&tags=%7B%22k%22%3A%222%22%7D",
            r#"5000..=7999 100 [Attribute(AttributeCondition { levels: [Span, Resource, Scope, Event, Link], key: "k", test: TextEquals("2") })]"#,
        );
        check("service=a&tag=error:maybe", "never");
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
