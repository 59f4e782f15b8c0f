//! Bounded memory: a shared budget of bytes that work in flight draws on.
//!
//! A draw that does not fit fails at once, so that overload becomes a "retry later" and never a queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A budget of bytes, shared by clones.
#[derive(Debug, Clone)]
pub struct ByteBudget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    used_bytes: AtomicUsize,
    bytes_max: usize,
}

impl ByteBudget {
    /// A budget of `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self(Arc::new(Inner { used_bytes: AtomicUsize::new(0), bytes_max }))
    }

    /// Draws `bytes`, or `None` when they do not fit now.
    pub fn try_draw(&self, bytes: usize) -> Option<BytePermit> {
        self.reserve(bytes).then(|| BytePermit { budget: self.clone(), bytes })
    }

    fn reserve(&self, bytes: usize) -> bool {
        self.0
            .used_bytes
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(bytes).filter(|&sum| sum <= self.0.bytes_max)
            })
            .is_ok()
    }

    /// Bytes drawn now.
    pub fn used_bytes(&self) -> usize {
        self.0.used_bytes.load(Ordering::Acquire)
    }

    /// The limit in bytes.
    pub fn bytes_max(&self) -> usize {
        self.0.bytes_max
    }
}

/// Bytes drawn from a [`ByteBudget`], given back on drop.
#[derive(Debug)]
pub struct BytePermit {
    budget: ByteBudget,
    bytes: usize,
}

impl BytePermit {
    /// Draws `bytes` more on the same permit; false when they do not fit.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let grown = self.budget.reserve(bytes);
        if grown {
            self.bytes += bytes;
        }
        grown
    }

    /// Bytes that this permit holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for BytePermit {
    fn drop(&mut self) {
        self.budget.0.used_bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_up_to_the_limit_and_gives_back() {
        let budget = ByteBudget::new(10);
        let mut first = budget.try_draw(6).expect("fits");
        assert!(budget.try_draw(5).is_none());
        assert!(first.try_grow(4));
        assert!(!first.try_grow(1));
        assert_eq!(first.bytes(), 10);
        assert_eq!(budget.used_bytes(), 10);
        drop(first);
        assert_eq!(budget.used_bytes(), 0);
        assert!(budget.try_draw(usize::MAX).is_none());
    }
}
