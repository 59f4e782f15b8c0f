//! A span, a process and a tag as both encodings of Jaeger have them.
//!
//! Filled by the walks, read by `mapping` and `process`. Invariant: what one span can make us hold is bounded by the
//! limits here, whatever its bytes say; what goes beyond refuses the span and is not kept.

use crate::decoded::{ATTRIBUTES_MAX, EVENTS_MAX, LINKS_MAX, Refusal, RejectReason};
use crate::draft::{Draft, DraftAttribute, DraftEvent, DraftValue, RawText};
use fanal_model::{SpanId, TraceId};

/// Most tags of one span with all its logs. A tag may have two bytes on the wire and some tens in memory.
pub(super) const TAGS_MAX: usize = 500_000;

/// Type of a tag's value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum TagKind {
    #[default]
    Text,
    Bool,
    Int,
    Float,
    Bytes,
    Unknown(i64),
}

/// A tag. Some clients write a value of every type: the kind alone says which one counts.
#[derive(Debug, Default)]
pub(super) struct JaegerTag<'a> {
    pub(super) key: &'a [u8],
    pub(super) kind: TagKind,
    pub(super) text: &'a [u8],
    pub(super) flag: bool,
    pub(super) int: i64,
    pub(super) float: f64,
    pub(super) bytes: &'a [u8],
}

impl<'a> JaegerTag<'a> {
    fn into_attribute(self) -> DraftAttribute<'a> {
        let value = match self.kind {
            TagKind::Text => DraftValue::Text(self.text.into()),
            TagKind::Bool => DraftValue::Bool(self.flag),
            TagKind::Int => DraftValue::Int(self.int),
            TagKind::Float => DraftValue::Float(self.float),
            TagKind::Bytes => DraftValue::Bytes(self.bytes.into()),
            TagKind::Unknown(number) => unknown_value(number),
        };
        (self.key.into(), value)
    }
}

/// What stands in place of a value of a type that nobody knows.
pub(super) fn unknown_value(number: i64) -> DraftValue<'static> {
    DraftValue::Text(format!("<unknown Jaeger tag type {number}>").into_bytes().into())
}

/// What can be taken of one owner, and the first thing that cannot.
#[derive(Debug)]
pub(super) struct Intake {
    refusal: Option<Refusal>,
    tags_left: usize,
}

impl Default for Intake {
    fn default() -> Self {
        Self { refusal: None, tags_left: TAGS_MAX }
    }
}

impl Intake {
    /// Refuses the owner, if nothing did so yet.
    pub(super) fn refuse(&mut self, reason: RejectReason, observed: usize) {
        self.refusal.get_or_insert(Refusal::new(reason, observed));
    }

    pub(super) fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Adds a tag.
    pub(super) fn push_tag<'a>(&mut self, into: &mut Vec<DraftAttribute<'a>>, tag: JaegerTag<'a>) {
        self.push_attribute(into, tag.into_attribute());
    }

    /// Adds a tag that has become an attribute.
    pub(super) fn push_attribute<'a>(
        &mut self,
        into: &mut Vec<DraftAttribute<'a>>,
        attribute: DraftAttribute<'a>,
    ) {
        if into.len() == ATTRIBUTES_MAX {
            self.refuse(RejectReason::AttributeCount, ATTRIBUTES_MAX + 1);
        } else if self.tags_left == 0 {
            self.refuse(RejectReason::AttributeCount, TAGS_MAX + 1);
        } else {
            self.tags_left -= 1;
            into.push(attribute);
        }
    }

    /// Adds one of the spans' other lists.
    pub(super) fn push<T>(&mut self, into: &mut Vec<T>, item: T, max: usize, reason: RejectReason) {
        if into.len() == max {
            self.refuse(reason, max + 1);
        } else {
            into.push(item);
        }
    }
}

/// A reference to another span.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct JaegerReference {
    pub(super) trace_id: TraceId,
    pub(super) span_id: SpanId,
    pub(super) is_follows_from: bool,
}

/// A span: `draft` has what both models share, its attributes all tags.
#[derive(Debug, Default)]
pub(super) struct JaegerSpan<'a> {
    pub(super) draft: Draft<'a>,
    pub(super) references: Vec<JaegerReference>,
    pub(super) flags: u32,
    pub(super) warnings: Vec<RawText<'a>>,
    pub(super) intake: Intake,
}

impl<'a> JaegerSpan<'a> {
    /// Makes ready for another span; buffers stay.
    pub(super) fn clear(&mut self) {
        self.draft.clear();
        self.references.clear();
        self.flags = 0;
        self.warnings.clear();
        self.intake = Intake::default();
    }

    /// Adds a tag.
    pub(super) fn push_tag(&mut self, tag: JaegerTag<'a>) {
        self.intake.push_tag(&mut self.draft.attributes, tag);
    }

    /// Adds a log.
    pub(super) fn push_log(&mut self, log: DraftEvent<'a>) {
        self.intake.push(&mut self.draft.events, log, EVENTS_MAX, RejectReason::EventCount);
    }

    /// Adds a reference. The one to the parent becomes no link, so one more than links is taken.
    pub(super) fn push_reference(&mut self, reference: JaegerReference) {
        let max = LINKS_MAX + 1;
        self.intake.push(&mut self.references, reference, max, RejectReason::LinkCount);
    }

    /// Adds a warning.
    pub(super) fn push_warning(&mut self, warning: impl Into<RawText<'a>>) {
        let reason = RejectReason::AttributeCount;
        self.intake.push(&mut self.warnings, warning.into(), ATTRIBUTES_MAX, reason);
    }
}

/// The process that spans come from.
#[derive(Debug, Default)]
pub(super) struct JaegerProcess<'a> {
    pub(super) service_name: RawText<'a>,
    pub(super) tags: Vec<DraftAttribute<'a>>,
    pub(super) intake: Intake,
}

impl<'a> JaegerProcess<'a> {
    /// Adds a tag.
    pub(super) fn push_tag(&mut self, tag: JaegerTag<'a>) {
        self.intake.push_tag(&mut self.tags, tag);
    }
}

/// Nanoseconds since the epoch, at the nearest end of the range where they are outside of it.
pub(super) fn clamp_nanos(nanos: i128) -> u64 {
    u64::try_from(nanos).unwrap_or(if nanos < 0 { 0 } else { u64::MAX })
}
