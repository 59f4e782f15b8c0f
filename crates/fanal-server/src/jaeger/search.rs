//! A search in Jaeger's terms, whichever of its APIs it came by, as a request to the query crate.
//!
//! Values compare as text, and a key is looked up on every level, except for the few keys that mean a field.

use super::filter::{Call, translate};
use crate::refusal::Refusal;
use fanal_model::{SpanKind, StatusCode};
use fanal_query::SearchRequest;
use fanal_storage::{AttributeCondition, AttributeLevel, AttributeTest, SpanCondition};
use std::collections::BTreeMap;

/// Traces of an answer that names no limit.
pub(crate) const LIMIT_DEFAULT: usize = 100;

/// Most traces of an answer.
const LIMIT_MAX: usize = 100_000;

/// A search. Texts that are empty, and durations of 0, ask for nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct JaegerSearch {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// Earliest span start, inclusive.
    pub(crate) start_min_unix_nanos: u64,
    /// Latest span start, inclusive.
    pub(crate) start_max_unix_nanos: u64,
    pub(crate) duration_min_nanos: u64,
    pub(crate) duration_max_nanos: u64,
    /// Traces wanted; 0 is [`LIMIT_DEFAULT`].
    pub(crate) limit: usize,
    /// What a structured filter says.
    pub(crate) filter: Vec<SpanCondition>,
}

impl JaegerSearch {
    /// With a structured filter, which excludes the plain conditions.
    pub(crate) fn filtered(self, filter: Option<&Call>) -> Result<Self, Refusal> {
        let Some(call) = filter else { return Ok(self) };
        let is_plain = self.service.is_empty()
            && self.operation.is_empty()
            && self.tags.is_empty()
            && self.duration_min_nanos == 0
            && self.duration_max_nanos == 0;
        if !is_plain {
            let message = "filter excludes service, operation, attributes and durations; say them in the filter";
            return Err(Refusal::parameter("query.filter", message));
        }
        let filter = translate(call)?;
        Ok(Self {
            filter: filter.conditions,
            start_min_unix_nanos: self.start_min_unix_nanos.max(filter.start_min_unix_nanos),
            start_max_unix_nanos: self.start_max_unix_nanos.min(filter.start_max_unix_nanos),
            ..self
        })
    }

    /// The request; `None` when it can find nothing.
    pub(crate) fn into_request(self) -> Result<Option<SearchRequest>, Refusal> {
        let (min, max) = (self.duration_min_nanos, self.duration_max_nanos);
        if min > 0 && max > 0 && max < min {
            let message = "'maxDuration' should be greater than 'minDuration'";
            return Err(Refusal::parameter("maxDuration", message));
        }
        if self.limit > LIMIT_MAX {
            let limit = self.limit;
            let message = format!("limit is {limit} traces, at most {LIMIT_MAX} are answered");
            return Err(Refusal::parameter("limit", message));
        }
        if self.start_min_unix_nanos > self.start_max_unix_nanos {
            return Ok(None);
        }
        let mut conditions = Vec::new();
        if !self.service.is_empty() {
            conditions.push(SpanCondition::Service(self.service));
        }
        if !self.operation.is_empty() {
            conditions.push(SpanCondition::Name(self.operation));
        }
        conditions.extend((min > 0).then_some(SpanCondition::DurationMin(min)));
        conditions.extend((max > 0).then_some(SpanCondition::DurationMax(max)));
        conditions.extend(self.filter);
        for (key, value) in &self.tags {
            let Some(condition) = condition(key, value) else { return Ok(None) };
            conditions.push(condition);
        }
        Ok(Some(SearchRequest {
            conditions,
            start_min_unix_nanos: self.start_min_unix_nanos,
            start_max_unix_nanos: self.start_max_unix_nanos,
            limit: if self.limit == 0 { LIMIT_DEFAULT } else { self.limit },
            cursor: None,
        }))
    }
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

    #[test]
    fn tags_become_conditions() {
        let check = |key: &str, value: &str, expect: &str| {
            let shown = condition(key, value).map_or("never".to_owned(), |it| format!("{it:?}"));
            assert_eq!(shown, expect, "{key}:{value}");
        };
        check("error", "true", "Status(Error)");
        check("error", "false", "StatusNot(Error)");
        check("error", "maybe", "never");
        check("span.kind", "SERVER", "Kind(Server)");
        check("span.kind", "robot", "never");
        check("span.status", "OK", "Status(Ok)");
        check("span.status", "whatever", "Status(Unset)");
        check("scope.name", "lib", r#"ScopeName("lib")"#);
        check("scope.version", "1", r#"ScopeVersion("1")"#);
        check(
            "resource.host.name",
            "a:b",
            r#"Attribute(AttributeCondition { levels: [Resource], key: "host.name", test: TextEquals("a:b") })"#,
        );
        check(
            "k",
            "2",
            r#"Attribute(AttributeCondition { levels: [Span, Resource, Scope, Event, Link], key: "k", test: TextEquals("2") })"#,
        );
    }

    #[test]
    fn what_is_empty_asks_for_nothing() {
        let request = JaegerSearch::default().into_request().expect("valid").expect("may hold");
        assert_eq!((request.conditions.as_slice(), request.limit), (&[][..], LIMIT_DEFAULT));
        let tags = BTreeMap::from([("error".to_owned(), "maybe".to_owned())]);
        let never = JaegerSearch { tags, ..JaegerSearch::default() };
        assert_eq!(never.into_request(), Ok(None));
    }
}
