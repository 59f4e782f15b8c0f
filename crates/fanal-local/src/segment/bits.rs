//! Bit packing: integers of one width, least significant bit first, without gaps.
//!
//! Knows neither bases nor tags; `integers` does.

use fanal_base::cast;

/// Bytes that `count` values of `width` bits take.
pub(super) fn packed_bytes(count: usize, width: u32) -> usize {
    size_of_bits(cast::wide(count) * u64::from(width))
}

fn size_of_bits(bits: u64) -> usize {
    cast::size(bits.div_ceil(8))
}

/// Appends values below 2^`width`, 1 to 64 bits.
pub(super) fn pack(values: impl ExactSizeIterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    let end = out.len() + packed_bytes(values.len(), width);
    out.reserve(end - out.len() + 8);
    let (mut word, mut filled) = (0_u64, 0_u32);
    for value in values {
        word |= value << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&word.to_le_bytes());
            filled -= 64;
            word = if filled == 0 { 0 } else { value >> (width - filled) };
        }
    }
    if filled > 0 {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.truncate(end);
}

/// Calls `emit` with each of `count` values of 1 to 64 bits. `bytes` has at least [`packed_bytes`] of them.
#[inline]
pub(super) fn unpack(bytes: &[u8], count: usize, width: u32, mut emit: impl FnMut(u64)) {
    let mask = if width >= 64 { u64::MAX } else { (1 << width) - 1 };
    let step = cast::index(width);
    let groups = count / 8;
    // Eight values fill whole bytes; a group is read where 16 bytes can be loaded behind its last value.
    let direct = (0..groups).take_while(|group| (group + 1) * step + 16 <= bytes.len()).count();
    for group in 0..direct {
        let Some(window) = bytes.get(group * step..(group + 1) * step + 16) else { break };
        if width <= 8 {
            let word = load(window, 0);
            for lane in 0..8 {
                emit(word >> (lane * width) & mask);
            }
        } else {
            for lane in 0..8_u32 {
                emit(value_at(window, lane * width, mask));
            }
        }
    }
    let tail = bytes.get(direct * step..).unwrap_or_default();
    let padded = [tail, &[0; 16]].concat();
    let mut bit = 0;
    for _ in direct * 8..count {
        emit(value_at(&padded, bit, mask));
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
                pack(values.iter().copied(), width, &mut bytes);
                assert_eq!(bytes.len(), packed_bytes(count, width), "{width} {count}");
                let mut read = Vec::new();
                unpack(&bytes, count, width, |value| read.push(value));
                assert_eq!(read, values, "{width} {count}");
            }
        }
    }
}
