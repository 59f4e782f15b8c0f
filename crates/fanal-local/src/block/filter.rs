//! A filter of trace ids: a split-block Bloom filter over their hashes, about ten bits for each trace.
//!
//! Blocks keep one in memory and on disk, parts of the head one in memory. Says "no" only where the trace is not there.

use fanal_base::cast;
use fanal_model::TraceId;
use xxhash_rust::xxh3::xxh3_64;

/// Words of 32 bits in a block of the filter; a key sets one bit in each.
const WORDS: usize = 8;
/// Keys that a block of 256 bits is sized for.
const KEYS_PER_BLOCK: usize = 25;
/// Odd multipliers, one a word, that spread the low half of the hash.
const SALTS: [u32; WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// The hash under which filters and tables know a trace.
#[inline]
pub(crate) fn trace_hash(id: TraceId) -> u64 {
    xxh3_64(&id.0)
}

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceFilter {
    blocks: Vec<[u32; WORDS]>,
}

impl TraceFilter {
    /// A filter of distinct hashes.
    pub(crate) fn build(hashes: &[u64]) -> Self {
        let count = hashes.len().div_ceil(KEYS_PER_BLOCK).max(1);
        let mut filter = Self { blocks: vec![[0; WORDS]; count] };
        for &hash in hashes {
            let place = filter.place(hash);
            for (word, mask) in filter.blocks[place].iter_mut().zip(masks(hash)) {
                *word |= mask;
            }
        }
        filter
    }

    /// Whether a trace may be there.
    #[inline]
    pub(crate) fn may_contain(&self, hash: u64) -> bool {
        let block = &self.blocks[self.place(hash)];
        block.iter().zip(masks(hash)).all(|(word, mask)| word & mask != 0)
    }

    /// The high half of the hash scaled to the number of blocks.
    #[inline]
    fn place(&self, hash: u64) -> usize {
        cast::size(((hash >> 32) * cast::wide(self.blocks.len())) >> 32)
    }

    /// Bytes of memory held, and of the encoding.
    pub(crate) fn byte_length(&self) -> usize {
        self.blocks.len() * WORDS * 4
    }

    /// Appends the words, little endian.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.blocks.iter().flatten().for_each(|word| out.extend_from_slice(&word.to_le_bytes()));
    }

    /// The inverse; `None` where the bytes are no whole, non-empty number of blocks.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(WORDS * 4) {
            return None;
        }
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_le_bytes);
        let block = |bytes: &[u8]| {
            let mut block = [0; WORDS];
            block.iter_mut().zip(bytes.chunks_exact(4)).for_each(|(to, from)| *to = word(from));
            block
        };
        Some(Self { blocks: bytes.chunks_exact(WORDS * 4).map(block).collect() })
    }
}

#[inline]
fn masks(hash: u64) -> [u32; WORDS] {
    let [a, b, c, d, ..] = hash.to_le_bytes();
    let low = u32::from_le_bytes([a, b, c, d]);
    SALTS.map(|salt| 1 << (low.wrapping_mul(salt) >> 27))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_key_and_few_others() {
        let hash = |number: u32| {
            let mut id = [0; 16];
            id[..4].copy_from_slice(&number.to_le_bytes());
            trace_hash(TraceId(id))
        };
        let keys: Vec<u64> = (0..10_000).map(hash).collect();
        let filter = TraceFilter::build(&keys);
        assert!(keys.iter().all(|&key| filter.may_contain(key)));
        let wrong = (10_000..20_000).filter(|&number| filter.may_contain(hash(number))).count();
        assert!(wrong < 200, "{wrong} of 10 000 false positives");
        assert!(filter.byte_length() * 8 <= keys.len() * 11, "{} bytes", filter.byte_length());
        let mut bytes = Vec::new();
        filter.encode(&mut bytes);
        assert_eq!(TraceFilter::decode(&bytes), Some(filter));
        assert_eq!(TraceFilter::decode(&bytes[1..]), None);
        assert!(!TraceFilter::build(&[]).may_contain(hash(1)));
    }
}
