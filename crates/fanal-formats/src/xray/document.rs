//! A segment or subsegment as a JSON object: every field optional, null like absent, unknown keys ignored.
//!
//! Filled by serde; read by the walk of this folder. What SDKs fill as they like stays raw text until its turn comes.

use crate::json_value::Text;
use serde::Deserialize;
use serde_json::value::RawValue;

/// The line before a document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct XrayHeader<'a> {
    #[serde(borrow)]
    pub(super) format: Option<Text<'a>>,
    pub(super) version: Option<u32>,
}

/// A segment or subsegment.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct XraySegment<'a> {
    #[serde(borrow)]
    pub(super) trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) parent_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    pub(super) start_time: Option<f64>,
    pub(super) end_time: Option<f64>,
    pub(super) in_progress: Option<bool>,
    #[serde(borrow, rename = "type")]
    pub(super) document_type: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) namespace: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) subsegments: Option<Vec<&'a RawValue>>,
    pub(super) fault: Option<bool>,
    pub(super) error: Option<bool>,
    pub(super) throttle: Option<bool>,
    #[serde(borrow)]
    pub(super) cause: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) http: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) aws: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) sql: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) user: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) origin: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) resource_arn: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) service: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) precursor_ids: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) links: Option<Vec<XrayLink<'a>>>,
}

/// A link to a segment of another trace.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct XrayLink<'a> {
    #[serde(borrow)]
    pub(super) trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) attributes: Option<&'a RawValue>,
}

/// What went wrong.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct XrayCause<'a> {
    #[serde(borrow)]
    pub(super) working_directory: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) paths: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) exceptions: Option<Vec<XrayException<'a>>>,
}

/// An exception of a cause.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct XrayException<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) message: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    pub(super) exception_type: Option<Text<'a>>,
    pub(super) remote: Option<bool>,
    pub(super) truncated: Option<i64>,
    pub(super) skipped: Option<i64>,
    #[serde(borrow)]
    pub(super) cause: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) stack: Option<Vec<XrayFrame<'a>>>,
}

/// A frame of a stack, the innermost first.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct XrayFrame<'a> {
    #[serde(borrow)]
    pub(super) path: Option<Text<'a>>,
    pub(super) line: Option<i64>,
    #[serde(borrow)]
    pub(super) label: Option<Text<'a>>,
}
