//! A chunk: spans of one trace, with what they share.
//!
//! Read from a trace of versions 0.3 to 0.5, which is nothing but its spans, or from a chunk of version 0.7, whose other
//! fields may follow its spans.

use super::layout::{Fault, SpanLayout, map, read_meta, text};
use super::span::DatadogSpan;
use crate::draft::DraftValue;
use crate::msgpack::{MsgpackError, Reader};

/// Priorities outside of this are none: tracers write the least number of 8 bits for "not decided".
const PRIORITIES: std::ops::RangeInclusive<i64> = -100..=100;

/// What spans of a chunk share. A tracer writes what holds for the whole trace on its first span only.
#[derive(Debug, Default)]
pub(super) struct Chunk<'a> {
    /// Where the spans are.
    pub(super) spans: Option<Reader<'a>>,
    priority: Option<i64>,
    origin: &'a [u8],
    tags: Option<Reader<'a>>,
    /// Once the first span was read: its trace id and the high half of that.
    settled: Option<(u64, u64)>,
}

impl<'a> Chunk<'a> {
    /// A chunk of version 0.7; steps over it.
    pub(super) fn of_map(reader: &mut Reader<'a>) -> Result<Self, MsgpackError> {
        let mut chunk = Self::default();
        for _ in 0..map(reader)? {
            match reader.text()? {
                b"priority" if !reader.take_nil() => {
                    let priority = i64::try_from(reader.integer()?).ok();
                    chunk.priority = priority.filter(|number| PRIORITIES.contains(number));
                }
                b"origin" => chunk.origin = text(reader)?,
                b"tags" => {
                    chunk.tags = Some(reader.clone());
                    reader.skip()?;
                }
                b"spans" => {
                    chunk.spans = Some(reader.clone());
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
        }
        Ok(chunk)
    }

    /// Gives a span what it shares with its trace. `rest` is where `left` spans follow it.
    pub(super) fn complete(
        &mut self,
        span: &mut DatadogSpan<'a>,
        layout: SpanLayout<'_, 'a>,
        rest: &Reader<'a>,
        left: usize,
    ) -> Result<u64, Fault> {
        if self.settled.is_none() {
            if let Some(tags) = &self.tags {
                read_meta(&mut tags.clone(), span)?;
            }
            if let (Some(priority), false) = (self.priority, span.has_priority) {
                span.priority(DraftValue::Int(priority));
            }
            let high = span.trace_id_high.or_else(|| find_high(layout, rest.clone(), left));
            self.settled = Some((span.trace_id, high.unwrap_or(0)));
        }
        if !self.origin.is_empty() && !span.has_origin {
            span.origin(self.origin);
        }
        let shared = self.settled.filter(|&(low, _)| low == span.trace_id);
        Ok(span.trace_id_high.or(shared.map(|(_, high)| high)).unwrap_or(0))
    }
}

/// Looks for the high half of the trace id on later spans, where the first does not tell it.
fn find_high<'a>(layout: SpanLayout<'_, 'a>, mut reader: Reader<'a>, left: usize) -> Option<u64> {
    for _ in 0..left {
        let begin = reader.clone();
        match layout.find_high(&mut reader) {
            Ok(None) => {}
            Ok(found) => return found,
            Err(_) => {
                // It is refused when its turn comes.
                reader = begin;
                reader.skip().ok()?;
            }
        }
    }
    None
}
