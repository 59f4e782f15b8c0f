//! What decoding gives: accepted spans, rejects with reasons, or an error of the whole request.
//!
//! Filled by the decoders of every format, read by receivers for answers and metrics. Invariant: a request either fails
//! whole and leaves nothing, or accepts and rejects add up to its spans.

use crate::msgpack::MsgpackError;
use crate::thrift::ThriftError;
use crate::wire::WireError;
use fanal_base::ErrorKind;
use fanal_model::{SpanBatch, Value, nested};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::fmt::{self, Write};

/// Longest request in bytes; columns count in 32 bits and stay far below that.
pub const REQUEST_BYTES_MAX: usize = 256 << 20;
/// Most attributes of one span, event, link, resource or scope.
pub const ATTRIBUTES_MAX: usize = 10_000;
/// Most events of one span.
pub const EVENTS_MAX: usize = 10_000;
/// Most links of one span.
pub const LINKS_MAX: usize = 10_000;
/// Most bytes of all resources of a request whose spans share what their process said once.
pub const RESOURCE_BYTES_MAX: usize = 32 << 20;
/// Most rejects that one request lists; all are counted.
pub const REJECTS_MAX: usize = 100;

/// A decoded request.
#[derive(Debug, Default)]
pub struct Decoded {
    /// The accepted spans.
    pub batch: SpanBatch,
    /// Spans that were refused.
    pub rejected_spans: u64,
    /// The first [`REJECTS_MAX`] of them.
    pub rejects: Vec<Reject>,
    /// How many were refused for which reason, most frequent first.
    pub rejects_by_reason: Vec<(RejectReason, u64)>,
    /// Attribute keys that were sent twice on one owner; the last value won.
    pub duplicate_keys: u64,
}

/// A refused span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Why.
    pub reason: RejectReason,
    /// What was observed, against which limit, and where.
    pub detail: String,
}

/// Why a span is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectReason {
    /// The trace id has not 16 bytes.
    TraceIdLength,
    /// The span id has not 8 bytes.
    SpanIdLength,
    /// The parent span id has neither 0 nor 8 bytes.
    ParentSpanIdLength,
    /// An id of a link has neither its length nor 0 bytes.
    LinkIdLength,
    /// The trace id is all zeros.
    ZeroTraceId,
    /// The span id is all zeros.
    ZeroSpanId,
    /// A text is not UTF-8.
    Utf8,
    /// Arrays and maps are nested deeper than [`nested::DEPTH_MAX`].
    NestingDepth,
    /// More than [`ATTRIBUTES_MAX`] attributes on one owner.
    AttributeCount,
    /// More than [`EVENTS_MAX`] events.
    EventCount,
    /// More than [`LINKS_MAX`] links.
    LinkCount,
    /// More than [`RESOURCE_BYTES_MAX`] of resources in the request.
    ResourceBytes,
    /// The span has not ended; its sender sends it again when it has.
    Unfinished,
    /// A field has another type or spelling than its own.
    Malformed,
    /// An event or log line that belongs to no trace.
    NotASpan,
}

impl RejectReason {
    /// The word used in answers and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TraceIdLength => "trace_id_length",
            Self::SpanIdLength => "span_id_length",
            Self::ParentSpanIdLength => "parent_span_id_length",
            Self::LinkIdLength => "link_id_length",
            Self::ZeroTraceId => "zero_trace_id",
            Self::ZeroSpanId => "zero_span_id",
            Self::Utf8 => "utf8",
            Self::NestingDepth => "nesting_depth",
            Self::AttributeCount => "attribute_count",
            Self::EventCount => "event_count",
            Self::LinkCount => "link_count",
            Self::ResourceBytes => "resource_bytes",
            Self::Unfinished => "unfinished",
            Self::Malformed => "malformed",
            Self::NotASpan => "not_a_span",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a whole request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not protobuf.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The bytes are not thrift.
    #[error(transparent)]
    Thrift(#[from] ThriftError),
    /// The bytes are not MessagePack.
    #[error(transparent)]
    Msgpack(#[from] MsgpackError),
    /// The text is not a JSON request.
    #[error("json is broken at line {line} column {column}: {problem}")]
    Json {
        /// From 1; 0 where the parser knows none.
        line: usize,
        /// From 1; 0 where the parser knows none.
        column: usize,
        /// The parser's words.
        problem: String,
    },
    /// A call of a method that is not served.
    #[error("method `{method}` is not served here; call `{expected}`")]
    Method {
        /// What was called, cut to a readable length.
        method: String,
        /// What is served.
        expected: &'static str,
    },
    /// The bytes are of another format than the request says.
    #[error(
        "body is {found}, but the request announces {announced}; change its path or content-type"
    )]
    OtherFormat {
        /// What the request says.
        announced: &'static str,
        /// What the bytes are.
        found: &'static str,
    },
    /// The bytes are of no format that is taken.
    #[error("message is not {expected}")]
    Unrecognised {
        /// What is taken.
        expected: &'static str,
    },
    /// Longer than [`REQUEST_BYTES_MAX`].
    #[error(
        "request has {bytes} bytes, at most {REQUEST_BYTES_MAX} are read; send smaller batches"
    )]
    TooLarge {
        /// Bytes of the request.
        bytes: usize,
    },
    /// More items than are taken at once.
    #[error("request has {count} {what}, at most {limit} are taken; send smaller batches")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// How many came.
        count: usize,
        /// Most that are taken.
        limit: usize,
    },
}

impl DecodeError {
    /// Always invalid: the same bytes will fail again.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl Decoded {
    /// The text for a partial success, with the first detail of each reason; `None` when all spans were accepted.
    /// Such as `3 spans rejected: 2 trace_id_length (trace id has 8 bytes, …), 1 zero_span_id (…)`.
    pub fn message(&self) -> Option<String> {
        let mut message = match self.rejected_spans {
            0 => return None,
            1 => "1 span rejected: ".to_owned(),
            count => format!("{count} spans rejected: "),
        };
        for (index, (reason, count)) in self.rejects_by_reason.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            // Writing to a String cannot fail.
            let _ = write!(message, "{comma}{count} {reason}");
            if let Some(first) = self.rejects.iter().find(|reject| reject.reason == *reason) {
                let _ = write!(message, " ({})", first.detail);
            }
        }
        Some(message)
    }
}

/// Collects rejects while decoding.
#[derive(Debug, Default)]
pub(crate) struct Rejects {
    listed: Vec<Reject>,
    counts: Vec<(RejectReason, u64)>,
}

impl Rejects {
    /// Counts `spans` refused spans; lists them while there is room.
    pub(crate) fn add(&mut self, reason: RejectReason, spans: u64, detail: impl Fn() -> String) {
        if spans == 0 {
            return;
        }
        for _ in 0..spans {
            if self.listed.len() == REJECTS_MAX {
                break;
            }
            self.listed.push(Reject { reason, detail: detail() });
        }
        match self.counts.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += spans,
            None => self.counts.push((reason, spans)),
        }
    }

    /// The outcome of a request.
    pub(crate) fn into_decoded(mut self, batch: SpanBatch, duplicate_keys: u64) -> Decoded {
        self.counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        Decoded {
            batch,
            rejected_spans: self.counts.iter().map(|&(_, count)| count).sum(),
            rejects: self.listed,
            rejects_by_reason: self.counts,
            duplicate_keys,
        }
    }
}

/// Why a span is refused, without text, so that the way of good spans stays cheap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: RejectReason,
    /// Bytes, digits, levels or items, as the reason counts.
    pub(crate) observed: usize,
}

impl Refusal {
    pub(crate) fn new(reason: RejectReason, observed: usize) -> Self {
        Self { reason, observed }
    }

    /// Observed against limit. `unit` is how the encoding counts ids, with this many units a byte.
    pub(crate) fn detail(self, unit: IdUnit) -> String {
        let observed = self.observed;
        let ids = |what: &str, bytes: usize| {
            format!("{what} has {observed} {}, expected {}", unit.name, bytes * unit.per_byte)
        };
        let limit = |what: &str, limit: usize| format!("{what}, at most {limit} are taken");
        match self.reason {
            RejectReason::TraceIdLength => ids("trace id", 16),
            RejectReason::SpanIdLength => ids("span id", 8),
            RejectReason::ParentSpanIdLength => ids("parent span id", 8),
            RejectReason::LinkIdLength => {
                let (trace, span) = (16 * unit.per_byte, 8 * unit.per_byte);
                let name = unit.name;
                format!("link id has {observed} {name}, expected {trace} (trace) or {span} (span)")
            }
            RejectReason::ZeroTraceId => "trace id is all zeros".to_owned(),
            RejectReason::ZeroSpanId => "span id is all zeros".to_owned(),
            RejectReason::Utf8 => format!("text breaks UTF-8 after {observed} bytes"),
            RejectReason::NestingDepth => {
                limit("value is nested deeper than its limit", nested::DEPTH_MAX)
                    .replace("are taken", "levels are taken")
            }
            RejectReason::AttributeCount => {
                limit(&format!("owner has {observed} or more attributes"), ATTRIBUTES_MAX)
            }
            RejectReason::EventCount => {
                limit(&format!("span has {observed} or more events"), EVENTS_MAX)
            }
            RejectReason::LinkCount => {
                limit(&format!("span has {observed} or more links"), LINKS_MAX)
            }
            RejectReason::ResourceBytes => format!(
                "resources of the request have {observed} or more bytes, at most \
                 {RESOURCE_BYTES_MAX} are taken; send smaller batches"
            ),
            RejectReason::Unfinished => {
                "span is in progress; it is stored when it is sent again at its end".to_owned()
            }
            RejectReason::Malformed => "field is malformed".to_owned(),
            RejectReason::NotASpan => "no trace id; Fanal stores spans of traces".to_owned(),
        }
    }
}

/// How an encoding counts the length of ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdUnit {
    pub(crate) name: &'static str,
    pub(crate) per_byte: usize,
}

/// Keeps the last of each key, at the place of the first; returns how many were removed.
pub(crate) fn remove_duplicates(attributes: &mut Vec<(String, Value)>) -> u64 {
    let mut first_of: HashMap<&str, usize, RandomState> =
        HashMap::with_capacity_and_hasher(attributes.len(), RandomState::default());
    let mut moves = Vec::new();
    for (index, (key, _)) in attributes.iter().enumerate() {
        match first_of.get(&**key) {
            Some(&first) => moves.push((index, first)),
            None => drop(first_of.insert(key, index)),
        }
    }
    drop(first_of);
    if moves.is_empty() {
        return 0;
    }
    let mut is_removed = vec![false; attributes.len()];
    for &(from, to) in &moves {
        attributes[to].1 = std::mem::replace(&mut attributes[from].1, Value::Empty);
        is_removed[from] = true;
    }
    let mut removed = is_removed.into_iter();
    attributes.retain(|_| removed.next() != Some(true));
    fanal_base::cast::wide(moves.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_counts_by_reason_with_the_first_detail() {
        let mut rejects = Rejects::default();
        assert_eq!(Rejects::default().into_decoded(SpanBatch::default(), 0).message(), None);
        rejects.add(RejectReason::ZeroSpanId, 1, || "span id is all zeros".to_owned());
        rejects.add(RejectReason::TraceIdLength, 1, || "first".to_owned());
        rejects.add(RejectReason::TraceIdLength, 1, || "second".to_owned());
        let decoded = rejects.into_decoded(SpanBatch::default(), 0);
        assert_eq!(
            decoded.message().as_deref(),
            Some(
                "3 spans rejected: 2 trace_id_length (first), 1 zero_span_id (span id is all zeros)"
            )
        );
    }

    #[test]
    fn rejects_are_listed_to_a_limit_and_counted_beyond() {
        let mut rejects = Rejects::default();
        rejects.add(RejectReason::Utf8, 1_000_000, String::new);
        let decoded = rejects.into_decoded(SpanBatch::default(), 0);
        assert_eq!((decoded.rejects.len(), decoded.rejected_spans), (REJECTS_MAX, 1_000_000));
    }

    #[test]
    fn the_last_of_a_key_takes_the_place_of_the_first() {
        let list = |text: &str| -> Vec<(String, Value)> {
            let pair = |(index, key): (usize, char)| {
                (key.to_string(), Value::Int(i64::try_from(index).expect("small")))
            };
            text.chars().enumerate().map(pair).collect()
        };
        let check = |input: &str, expect: &str, removed: u64| {
            let mut attributes = list(input);
            assert_eq!(remove_duplicates(&mut attributes), removed, "{input}");
            let shown: String = attributes
                .iter()
                .map(|(key, value)| format!("{key}{} ", value.to_text()))
                .collect();
            assert_eq!(shown.trim_end(), expect, "{input}");
        };
        check("", "", 0);
        check("abc", "a0 b1 c2", 0);
        check("abacab", "a4 b5 c3", 3);
    }
}
