//! Casts that cannot lose anything on the platforms Fanal runs on, in one audited place.

/// A `u32` as an index. Lossless: targets have at least 32-bit pointers.
#[inline]
pub const fn index(value: u32) -> usize {
    value as usize
}

/// A `usize` as `u64`. Lossless: targets have at most 64-bit pointers.
#[inline]
pub const fn wide(value: usize) -> u64 {
    value as u64
}

/// A length known to be below 2^32 as `u32`; saturates, so that a broken limit shows as an error of the
/// limit and never as a wrapped index.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "checked by the comparison before it")]
pub const fn narrow(value: usize) -> u32 {
    debug_assert!(value <= u32::MAX as usize);
    if value > u32::MAX as usize { u32::MAX } else { value as u32 }
}

/// A `u64` as `usize`, saturating on 32-bit platforms.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "checked by the comparison before it")]
pub const fn size(value: u64) -> usize {
    if value > usize::MAX as u64 { usize::MAX } else { value as usize }
}

/// An integer for a figure that a person reads; digits beyond 2^53 may be lost.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub const fn figure(value: u64) -> f64 {
    value as f64
}
