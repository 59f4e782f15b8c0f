//! A search of `/api/v3`: `query.…` parameters, or the same as JSON in a body.
//!
//! Names come in lower camel case or with underscores, as gRPC gateways take both. A structured filter stands in place of the
//! plain conditions, never beside them.

use crate::jaeger::filter::{self, Call};
use crate::jaeger::parameters::{flag, text_map};
use crate::jaeger::search::JaegerSearch;
use crate::native::moments;
use crate::parameters::Parameters;
use crate::refusal::Refusal;
use fanal_query::{SearchRequest, parse_duration};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A search as it was written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct SearchQuery {
    #[serde(alias = "service_name")]
    service_name: String,
    #[serde(alias = "operation_name")]
    operation_name: String,
    attributes: BTreeMap<String, String>,
    #[serde(alias = "start_time_min")]
    start_time_min: String,
    #[serde(alias = "start_time_max")]
    start_time_max: String,
    #[serde(alias = "duration_min")]
    duration_min: String,
    #[serde(alias = "duration_max")]
    duration_max: String,
    #[serde(alias = "search_depth", alias = "num_traces", alias = "numTraces")]
    search_depth: i64,
    #[serde(alias = "raw_traces")]
    raw_traces: bool,
    filter: Option<Call>,
}

/// The body of a search.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SearchBody {
    query: SearchQuery,
}

impl SearchQuery {
    /// From parameters.
    pub(crate) fn from_parameters(parameters: &Parameters) -> Result<Self, Refusal> {
        let text =
            |name: &str| value(parameters, &format!("query.{name}")).unwrap_or_default().to_owned();
        let attributes = match value(parameters, "query.attributes") {
            Some(text) => text_map("query.attributes", text)?,
            None => BTreeMap::new(),
        };
        let depth = value(parameters, "query.searchDepth").or(value(parameters, "query.numTraces"));
        let search_depth = match depth {
            Some(text) => text.parse().map_err(|_| malformed("query.searchDepth", text))?,
            None => 0,
        };
        Ok(Self {
            service_name: text("serviceName"),
            operation_name: text("operationName"),
            attributes,
            start_time_min: text("startTimeMin"),
            start_time_max: text("startTimeMax"),
            duration_min: text("durationMin"),
            duration_max: text("durationMax"),
            search_depth,
            raw_traces: boolean(parameters, "query.rawTraces")?,
            filter: value(parameters, "query.filter").map(filter::parse).transpose()?,
        })
    }

    /// From a body.
    pub(crate) fn from_body(bytes: &[u8]) -> Result<Self, Refusal> {
        let body: SearchBody = serde_json::from_slice(bytes)
            .map_err(|error| Refusal::invalid(format!("malformed body: {error}")))?;
        Ok(body.query)
    }

    /// Whether spans are wanted as they are stored.
    pub(crate) fn is_raw(&self) -> bool {
        self.raw_traces
    }

    /// The request; `None` when one of the attributes can hold on no span.
    pub(crate) fn into_request(self) -> Result<Option<SearchRequest>, Refusal> {
        let start = time("query.startTimeMin", &self.start_time_min)?;
        let end = time("query.startTimeMax", &self.start_time_max)?;
        if start >= end {
            let message = "query.startTimeMin must be before query.startTimeMax";
            return Err(Refusal::parameter("query.startTimeMin", message));
        }
        let search = JaegerSearch {
            service: self.service_name,
            operation: self.operation_name,
            tags: self.attributes,
            start_min_unix_nanos: start,
            start_max_unix_nanos: end - 1,
            duration_min_nanos: duration("query.durationMin", &self.duration_min)?,
            duration_max_nanos: duration("query.durationMax", &self.duration_max)?,
            limit: usize::try_from(self.search_depth).unwrap_or(0),
            filter: Vec::new(),
        };
        search.filtered(self.filter.as_ref())?.into_request()
    }
}

/// The value of a parameter in lower camel case or with underscores.
pub(super) fn value<'a>(parameters: &'a Parameters, name: &str) -> Option<&'a str> {
    parameters.last(name).or_else(|| parameters.last(&underscored(name)))
}

/// A flag under either spelling.
pub(super) fn boolean(parameters: &Parameters, name: &str) -> Result<bool, Refusal> {
    Ok(flag(parameters, name)? || flag(parameters, &underscored(name))?)
}

fn underscored(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    spelled
}

/// A time that must be there.
pub(super) fn time(name: &str, text: &str) -> Result<u64, Refusal> {
    if text.is_empty() {
        return Err(Refusal::parameter(name, format!("{name} is required")));
    }
    moments::parse_rfc_3339(text).ok_or_else(|| malformed(name, text))
}

fn duration(name: &str, text: &str) -> Result<u64, Refusal> {
    if text.is_empty() {
        return Ok(0);
    }
    parse_duration(text)
        .map_err(|error| Refusal::parameter(name, format!("malformed parameter {name}: {error}")))
}

pub(super) fn malformed(name: &str, text: &str) -> Refusal {
    let shown: String = text.chars().take(64).collect();
    Refusal::parameter(name, format!("malformed parameter {name}: `{shown}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: &str =
        "query.startTimeMin=1970-01-01T00:00:01Z&query.startTimeMax=1970-01-01T00:00:02Z";

    fn shown(query: Result<SearchQuery, Refusal>) -> String {
        let request = query.and_then(|query| Ok((query.is_raw(), query.into_request()?)));
        match request {
            Ok((is_raw, Some(request))) => format!(
                "{:?} {}..={} {} {is_raw}",
                request.conditions,
                request.start_min_unix_nanos,
                request.start_max_unix_nanos,
                request.limit
            ),
            Ok((_, None)) => "never".to_owned(),
            Err(refusal) => refusal.message,
        }
    }

    fn check(query: &str, expect: &str) {
        let uri: http::Uri = format!("/api/v3/traces?{query}").parse().expect("an address");
        let parameters = Parameters::read(&uri).expect("readable");
        let shown = shown(SearchQuery::from_parameters(&parameters));
        assert!(shown.starts_with(expect), "{query}\n got {shown}\nwant {expect}");
    }

    #[test]
    fn parameters_are_read_in_both_spellings() {
        let expect = r#"[Service("a"), Name("b"), DurationMin(1500000000), DurationMax(3000000000)] 1000000000..=1999999999 7 true"#;
        check(
            &format!(
                "{TIMES}&query.serviceName=a&query.operationName=b&query.durationMin=1.5s&query.durationMax=3s&query.searchDepth=7&query.rawTraces=true"
            ),
            expect,
        );
        check(
            &format!(
                "{}&query.service_name=a&query.operation_name=b&query.duration_min=1.5s&query.duration_max=3s&query.num_traces=7&query.raw_traces=true",
                TIMES.replace("TimeM", "_time_m")
            ),
            expect,
        );
        check(TIMES, "[] 1000000000..=1999999999 100 false");
        check(&format!("{TIMES}&query.attributes=%7B%22error%22%3A%22x%22%7D"), "never");
    }

    #[test]
    fn bodies_say_the_same() {
        let check = |body: &str, expect: &str| {
            let shown = shown(SearchQuery::from_body(body.as_bytes()));
            assert!(shown.starts_with(expect), "{body}\n got {shown}\nwant {expect}");
        };
        let times =
            r#""startTimeMin":"1970-01-01T00:00:01Z","start_time_max":"1970-01-01T00:00:02Z""#;
        check(
            &format!(r#"{{"query":{{{times},"serviceName":"a","searchDepth":7}}}}"#),
            r#"[Service("a")] 1000000000..=1999999999 7 false"#,
        );
        check(
            &format!(
                r#"{{"query":{{{times},"filter":{{"op":"exists","args":[{{"attr":{{"key":"k"}}}}]}}}}}}"#
            ),
            r#"[Attribute(AttributeCondition { levels: [Span, Resource], key: "k", test: Exists })]"#,
        );
        check("[", "malformed body");
        check("{}", "query.startTimeMin is required");
    }

    #[test]
    fn wrong_parameters_are_refused() {
        check("", "query.startTimeMin is required");
        check("query.startTimeMin=5", "malformed parameter query.startTimeMin: `5`");
        let swapped =
            "query.startTimeMin=1970-01-01T00:00:02Z&query.startTimeMax=1970-01-01T00:00:02Z";
        check(swapped, "query.startTimeMin must be before");
        check(
            &format!("{TIMES}&query.searchDepth=x"),
            "malformed parameter query.searchDepth: `x`",
        );
        check(&format!("{TIMES}&query.durationMin=5"), "malformed parameter query.durationMin");
        check(&format!("{TIMES}&query.attributes=x"), "malformed 'query.attributes' parameter");
        let filter = "%7B%22op%22%3A%22exists%22%2C%22args%22%3A%5B%7B%22attr%22%3A%7B%22key%22%3A%22k%22%7D%7D%5D%7D";
        check(
            &format!("{TIMES}&query.serviceName=a&query.filter={filter}"),
            "filter excludes service, operation, attributes and durations",
        );
    }
}
