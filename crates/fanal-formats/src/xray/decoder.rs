//! Reads datagrams into one batch after the other: a header line, then one document with all that lies in it.
//!
//! Called by the receiver's loop, which takes the batch when the store has time. Invariant: subsegments are read from a
//! list of what is left to read, without recursion, to a limited depth.

use super::document::{XrayHeader, XraySegment};
use super::span::{self, Context};
use crate::decoded::{DecodeError, Decoded, IdUnit, RejectReason, Rejects};
use crate::draft::Draft;
use crate::json_value::decode_error;
use fanal_model::{Scope, SpanBatchBuilder, SpanId};
use serde_json::value::RawValue;

/// Deepest nesting of subsegments.
pub const SUBSEGMENT_DEPTH_MAX: usize = 64;

pub(super) const IN_DIGITS: IdUnit = IdUnit { name: "hex digits", per_byte: 2 };

/// Decodes datagrams of X-Ray's SDKs into batches.
#[derive(Debug)]
pub struct SegmentDecoder {
    builder: SpanBatchBuilder,
    rejects: Rejects,
}

impl Default for SegmentDecoder {
    fn default() -> Self {
        Self { builder: SpanBatchBuilder::for_requests(), rejects: Rejects::default() }
    }
}

/// A subsegment that is left to read.
struct Left<'a> {
    raw: &'a RawValue,
    parent: SpanId,
    depth: usize,
}

impl SegmentDecoder {
    /// Adds the segment of a datagram, with its subsegments, to the batch. Fails where the bytes are not a header and an
    /// object.
    pub fn read(&mut self, datagram: &[u8]) -> Result<(), DecodeError> {
        let document = document(datagram)?;
        let root: XraySegment<'_> =
            serde_json::from_slice(document).map_err(|error| decode_error(&error))?;
        self.segment(root);
        Ok(())
    }

    /// The batch; the next one begins.
    pub fn take(&mut self) -> Decoded {
        let duplicate_keys = self.builder.duplicate_keys();
        let rejects = std::mem::take(&mut self.rejects);
        rejects.into_decoded(self.builder.take(), duplicate_keys)
    }

    fn segment(&mut self, root: XraySegment<'_>) {
        let scope = self.builder.intern_scope(&Scope::default());
        let mut context = Context::of(&root, scope, &mut self.builder);
        let mut left = Vec::new();
        self.one(root, SpanId::default(), 0, &mut context, &mut left);
        while let Some(Left { raw, parent, depth }) = left.pop() {
            if depth > SUBSEGMENT_DEPTH_MAX {
                self.rejects.add(RejectReason::NestingDepth, 1, || {
                    format!(
                        "subsegments are nested deeper than their limit, at most \
                         {SUBSEGMENT_DEPTH_MAX} levels are taken"
                    )
                });
                continue;
            }
            match serde_json::from_str(raw.get()) {
                Ok(segment) => self.one(segment, parent, depth, &mut context, &mut left),
                Err(error) => self.rejects.add(RejectReason::Malformed, 1, || {
                    format!("subsegment is malformed: {error}")
                }),
            }
        }
    }

    /// Adds one segment or subsegment; what lies in it is left to read.
    fn one<'a>(
        &mut self,
        segment: XraySegment<'a>,
        parent: SpanId,
        depth: usize,
        context: &mut Context,
        left: &mut Vec<Left<'a>>,
    ) {
        let id = span::span_id(segment.id.as_ref()).unwrap_or_default();
        let subsegments = segment.subsegments.as_deref().unwrap_or_default();
        // The last is read first.
        left.extend(subsegments.iter().rev().map(|raw| Left { raw, parent: id, depth: depth + 1 }));
        let mut draft = Draft::default();
        let filled = span::fill(segment, parent, depth > 0, context, &mut draft);
        let outcome = filled.and_then(|()| Ok(draft.finish(&mut self.builder)?));
        if let Err(fault) = outcome {
            let (reason, detail) = fault.told();
            self.rejects.add(reason, 1, || detail.clone());
        }
    }
}

/// What lies behind the header.
fn document(datagram: &[u8]) -> Result<&[u8], DecodeError> {
    let mut lines = datagram.splitn(2, |&byte| byte == b'\n');
    let (header, document) = (lines.next().unwrap_or_default(), lines.next());
    let is_known = serde_json::from_slice::<XrayHeader<'_>>(header).is_ok_and(|header| {
        let is_json = header.format.is_some_and(|format| format.0.eq_ignore_ascii_case("json"));
        is_json && header.version == Some(1)
    });
    match document {
        Some(document) if is_known => Ok(document),
        _ => Err(DecodeError::Json {
            line: 1,
            column: 1,
            problem: r#"expected the line {"format":"json","version":1}, then a segment"#
                .to_owned(),
        }),
    }
}
