//! Why one Zipkin span is refused.

use crate::decoded::{IdUnit, Refusal, RejectReason};
use fanal_model::NotText;

/// How ids count their length where no walk says it better.
const IN_BYTES: IdUnit = IdUnit { name: "bytes", per_byte: 1 };

/// A refused span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) reason: RejectReason,
    /// What was observed, against which limit.
    pub(super) detail: String,
}

impl Fault {
    pub(super) fn new(reason: RejectReason, detail: String) -> Self {
        Self { reason, detail }
    }

    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(RejectReason::Malformed, detail.into())
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.reason, refusal.detail(IN_BYTES))
    }
}

impl From<NotText> for Fault {
    fn from(error: NotText) -> Self {
        Refusal::new(RejectReason::Utf8, error.valid_up_to).into()
    }
}
