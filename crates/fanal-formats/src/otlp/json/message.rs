//! The OTLP messages as JSON objects: every field optional, null like absent, unknown keys ignored.
//!
//! Filled by serde from one object at a time; read by the walks of this folder. Lists and nested owners stay raw
//! text until their turn comes.

use crate::json::{Double, Enumeration, Integer, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Items of a list, each its own text.
pub(super) type List<'a> = Option<Vec<&'a RawValue>>;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpRequest<'a> {
    #[serde(borrow)]
    pub(super) resource_spans: List<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpResourceSpans<'a> {
    #[serde(borrow)]
    pub(super) resource: Option<&'a RawValue>,
    pub(super) scope_spans: List<'a>,
    pub(super) schema_url: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpResource<'a> {
    #[serde(borrow)]
    pub(super) attributes: List<'a>,
    pub(super) dropped_attributes_count: Option<Integer>,
    pub(super) entity_refs: List<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpEntityRef<'a> {
    #[serde(borrow)]
    pub(super) schema_url: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    pub(super) entity_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id_keys: Option<Vec<Text<'a>>>,
    #[serde(borrow)]
    pub(super) description_keys: Option<Vec<Text<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpScopeSpans<'a> {
    #[serde(borrow)]
    pub(super) scope: Option<&'a RawValue>,
    pub(super) spans: List<'a>,
    pub(super) schema_url: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpScope<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) version: Option<Text<'a>>,
    pub(super) attributes: List<'a>,
    pub(super) dropped_attributes_count: Option<Integer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpSpan<'a> {
    #[serde(borrow)]
    pub(super) trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) span_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) trace_state: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) parent_span_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) kind: Option<Enumeration>,
    pub(super) start_time_unix_nano: Option<Integer>,
    pub(super) end_time_unix_nano: Option<Integer>,
    pub(super) attributes: List<'a>,
    pub(super) dropped_attributes_count: Option<Integer>,
    pub(super) events: List<'a>,
    pub(super) dropped_events_count: Option<Integer>,
    pub(super) links: List<'a>,
    pub(super) dropped_links_count: Option<Integer>,
    #[serde(borrow)]
    pub(super) status: Option<OtlpStatus<'a>>,
    pub(super) flags: Option<Integer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpStatus<'a> {
    #[serde(borrow)]
    pub(super) message: Option<Text<'a>>,
    pub(super) code: Option<Enumeration>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpEvent<'a> {
    pub(super) time_unix_nano: Option<Integer>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) attributes: List<'a>,
    pub(super) dropped_attributes_count: Option<Integer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpLink<'a> {
    #[serde(borrow)]
    pub(super) trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) span_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) trace_state: Option<Text<'a>>,
    pub(super) attributes: List<'a>,
    pub(super) dropped_attributes_count: Option<Integer>,
    pub(super) flags: Option<Integer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpKeyValue<'a> {
    #[serde(borrow)]
    pub(super) key: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) value: Option<&'a RawValue>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(clippy::struct_field_names, reason = "the names of the format")]
pub(super) struct OtlpAnyValue<'a> {
    #[serde(borrow)]
    pub(super) string_value: Option<Text<'a>>,
    pub(super) bool_value: Option<bool>,
    pub(super) int_value: Option<Integer>,
    pub(super) double_value: Option<Double>,
    #[serde(borrow)]
    pub(super) array_value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) kvlist_value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) bytes_value: Option<Text<'a>>,
}

/// `ArrayValue` and `KeyValueList`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct OtlpList<'a> {
    #[serde(borrow)]
    pub(super) values: List<'a>,
}
