//! Where a part of a query stands in its text.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// Bytes of the text, from `start` to before `end`. Any two are equal, so that queries compare by their meaning and not
/// by their spelling.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextSpan {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl TextSpan {
    /// From the start of `self` to the end of `other`.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end }
    }
}

impl PartialEq for TextSpan {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for TextSpan {}

impl PartialOrd for TextSpan {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TextSpan {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for TextSpan {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// Something with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Located<T> {
    /// The thing.
    pub item: T,
    /// Where it stands.
    pub span: TextSpan,
}
