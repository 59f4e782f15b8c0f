//! Locking without poison: a panic aborts released programs, so that a poisoned lock is met in tests alone.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks; the state behind a poisoned lock is used as it is.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
