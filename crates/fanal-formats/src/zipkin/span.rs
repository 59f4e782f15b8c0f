//! A Zipkin span of version 2 between its walk and its mapping.
//!
//! Filled by the walks of version 2 and by the conversion of version 1; read by the mapping. Lists may be one longer than
//! their limit and no more: the mapping refuses them.

use super::endpoint::Endpoint;
use crate::draft::{DraftAttribute, RawText};
use fanal_model::{SpanId, SpanKind, TraceId};

/// Version of the format in which a span came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Version {
    One,
    #[default]
    Two,
}

/// A span.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ZipkinSpan<'a> {
    pub(super) version: Version,
    pub(super) trace_id: TraceId,
    pub(super) id: SpanId,
    /// Zero for a root.
    pub(super) parent_id: SpanId,
    /// Unspecified when none; Zipkin has no internal kind.
    pub(super) kind: SpanKind,
    pub(super) name: RawText<'a>,
    /// Microseconds since the Unix epoch; 0 when absent.
    pub(super) timestamp_micros: u64,
    /// Microseconds; 0 when absent.
    pub(super) duration_micros: u64,
    pub(super) local: Endpoint<'a>,
    pub(super) remote: Endpoint<'a>,
    pub(super) annotations: Vec<Annotation<'a>>,
    pub(super) tags: Vec<DraftAttribute<'a>>,
    pub(super) is_debug: bool,
    pub(super) is_shared: bool,
}

/// What happened at a point in time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Annotation<'a> {
    /// Microseconds since the Unix epoch; 0 when absent.
    pub(super) timestamp_micros: u64,
    pub(super) value: RawText<'a>,
}

/// Zipkin's numbers are signed; those below 0 are absent.
pub(super) fn micros(signed: i64) -> u64 {
    u64::try_from(signed).unwrap_or(0)
}

/// Adds an item unless the list is beyond its limit already, so that memory stays bounded until the span is refused.
pub(super) fn push_within<T>(list: &mut Vec<T>, item: T, limit: usize) {
    if list.len() <= limit {
        list.push(item);
    }
}
