//! Bit packing: integers of one width, least significant bit first, without gaps.
//!
//! Knows neither bases nor tags; `integers` does.

use super::integers::Word;
use fanal_base::cast;

/// Bytes that `count` values of `width` bits take.
pub(super) fn packed_bytes(count: usize, width: u32) -> usize {
    size_of_bits(cast::wide(count) * u64::from(width))
}

fn size_of_bits(bits: u64) -> usize {
    cast::size(bits.div_ceil(8))
}

/// Appends values less `base`, each below 2^`width`, 1 to 64 bits.
pub(super) fn pack<T: Word>(values: &[T], base: u64, width: u32, out: &mut Vec<u8>) {
    match width {
        0..=8 => pack_lanes::<8, T>(values, base, width, out),
        9..=16 => pack_lanes::<4, T>(values, base, width, out),
        17..=32 => pack_lanes::<2, T>(values, base, width, out),
        _ => pack_lanes::<1, T>(values, base, width, out),
    }
}

/// Packs so many values at a time as fit 64 bits whatever the width is.
fn pack_lanes<const LANES: usize, T: Word>(values: &[T], base: u64, width: u32, out: &mut Vec<u8>) {
    let end = out.len() + packed_bytes(values.len(), width);
    out.reserve(end - out.len() + 8);
    let mut words = Words { word: 0, filled: 0, out };
    let mut groups = values.chunks_exact(LANES);
    for group in groups.by_ref() {
        let mut lane = 0;
        let mut shift = 0;
        for value in group {
            lane |= (value.wide() - base) << shift;
            shift += width;
        }
        words.push(lane, shift);
    }
    groups.remainder().iter().for_each(|value| words.push(value.wide() - base, width));
    let Words { word, filled, out } = words;
    if filled > 0 {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.truncate(end);
}

/// Bits that become words.
struct Words<'a> {
    word: u64,
    filled: u32,
    out: &'a mut Vec<u8>,
}

impl Words<'_> {
    /// Appends `width` bits, 1 to 64.
    #[inline]
    fn push(&mut self, bits: u64, width: u32) {
        self.word |= bits << self.filled;
        self.filled += width;
        if self.filled >= 64 {
            self.out.extend_from_slice(&self.word.to_le_bytes());
            self.filled -= 64;
            self.word = if self.filled == 0 { 0 } else { bits >> (width - self.filled) };
        }
    }
}

/// Calls `emit` with `count` values of 1 to 64 bits, a group at a time. `bytes` has at least [`packed_bytes`] of them.
#[inline]
pub(super) fn unpack(bytes: &[u8], count: usize, width: u32, mut emit: impl FnMut(&[u64])) {
    let mask = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
    let step = cast::index(width);
    let groups = count / 8;
    // Eight values fill whole bytes; a group is read where 16 bytes can be loaded behind its last value.
    let direct = (0..groups).take_while(|group| (group + 1) * step + 16 <= bytes.len()).count();
    for group in 0..direct {
        let Some(window) = bytes.get(group * step..(group + 1) * step + 16) else { break };
        let mut values = [0; 8];
        if width <= 8 {
            let word = load(window, 0);
            for (value, lane) in values.iter_mut().zip(0_u32..) {
                *value = word >> (lane * width) & mask;
            }
        } else {
            for (value, lane) in values.iter_mut().zip(0_u32..) {
                *value = value_at(window, lane * width, mask);
            }
        }
        emit(&values);
    }
    let tail = bytes.get(direct * step..).unwrap_or_default();
    let padded = [tail, &[0; 16]].concat();
    let mut bit = 0;
    for _ in direct * 8..count {
        emit(&[value_at(&padded, bit, mask)]);
        bit += width;
    }
}

#[inline]
fn load(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[inline]
fn value_at(bytes: &[u8], bit: u32, mask: u64) -> u64 {
    let (at, shift) = (cast::index(bit / 8), bit % 8);
    let low = load(bytes, at) >> shift;
    // The part of a wide value that lies in the ninth byte.
    let high = if shift == 0 { 0 } else { u64::from(bytes.get(at + 8).copied().unwrap_or(0)) };
    let high = if shift == 0 { 0 } else { high << (64 - shift) };
    (low | high) & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_round_trips() {
        for width in 1..=64_u32 {
            for count in [0_usize, 1, 7, 8, 9, 64, 200, 1001] {
                let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
                let values: Vec<u64> = (0..cast::wide(count))
                    .map(|i| i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask)
                    .collect();
                let mut bytes = Vec::new();
                pack(&values, 0, width, &mut bytes);
                assert_eq!(bytes.len(), packed_bytes(count, width), "{width} {count}");
                let mut read = Vec::new();
                unpack(&bytes, count, width, |values| read.extend_from_slice(values));
                assert_eq!(read, values, "{width} {count}");
                let base = !mask / 2;
                let raised: Vec<u64> = values.iter().map(|value| value + base).collect();
                let mut same = Vec::new();
                pack(&raised, base, width, &mut same);
                assert_eq!(same, bytes, "{width} {count}");
            }
        }
    }
}
