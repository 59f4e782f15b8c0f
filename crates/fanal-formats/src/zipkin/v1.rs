//! Spans of version 1: what is known of one lies in annotations, each at an endpoint.
//!
//! Filled by the walks of version 1. A span that client and server reported together comes apart into one for each, for
//! version 2 and the model know one process a span.

mod conversion;
mod cores;

use super::endpoint::Endpoint;
use super::map::Mapper;
use crate::draft::{DraftValue, RawText};
use fanal_model::{SpanId, TraceId};

/// A span.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct V1Span<'a> {
    pub(super) trace_id: TraceId,
    pub(super) id: SpanId,
    /// Zero for a root.
    pub(super) parent_id: SpanId,
    pub(super) name: RawText<'a>,
    /// Microseconds since the Unix epoch; 0 when absent.
    pub(super) timestamp_micros: u64,
    /// Microseconds; 0 when absent.
    pub(super) duration_micros: u64,
    pub(super) is_debug: bool,
    pub(super) annotations: Vec<V1Annotation<'a>>,
    pub(super) binary_annotations: Vec<V1BinaryAnnotation<'a>>,
}

/// What happened at a point in time. Some values have a meaning, such as `cs`: the client sent.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct V1Annotation<'a> {
    pub(super) timestamp_micros: u64,
    pub(super) value: RawText<'a>,
    pub(super) endpoint: Endpoint<'a>,
}

/// A tag, or the address of the other side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct V1BinaryAnnotation<'a> {
    pub(super) key: RawText<'a>,
    pub(super) value: DraftValue<'a>,
    pub(super) endpoint: Endpoint<'a>,
}

/// Converts a span that begins at byte `offset` and maps what comes of it.
pub(super) fn map<'a>(span: V1Span<'a>, offset: usize, mapper: &mut Mapper<'a>) {
    match conversion::convert(span) {
        Ok(spans) => spans.into_iter().for_each(|span| mapper.span(span, offset)),
        Err(fault) => mapper.refuse(&fault, offset),
    }
}
