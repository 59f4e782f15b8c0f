//! The stub of a block: the local file that stays when the block itself moves to the object store.
//!
//! Written by the mover before it uploads, read when the block is opened. It holds the ends of the block's file, in
//! which everything lies that opening and pruning need: dictionaries in front, directory, filter and trace index behind.
//! Invariant: whatever the object store may hold of ours has a stub here, so that nothing is ever searched for there.
//! `FORMAT.md` has the bytes.

use crate::disk::{Disk, DiskFile};
use crate::failure;
use crate::segment::ReadAt;
use fanal_base::cast;
use fanal_storage::StoreError;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

const FOOTER_BYTES: usize = 48;
const MAGIC: [u8; 6] = *b"FNLSTB";
const VERSION: u8 = 1;
/// Bytes copied at a time.
const COPY_BYTES: u64 = 1 << 20;

/// Name of a stub's file.
pub(crate) fn stub_name(number: u64) -> String {
    format!("{number:016x}.stub")
}

/// The number in the name of a stub's file.
pub(crate) fn stub_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".stub")?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (stub_name(number) == name).then_some(number)
}

/// What a stub says of its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StubMeta {
    /// Bytes from the start of the block that are here.
    pub front_bytes: u64,
    /// Bytes to the end of the block that are here.
    pub back_bytes: u64,
    /// Bytes of the whole block.
    pub block_bytes: u64,
    /// When the move began: part of the object's name.
    pub stamp: u64,
}

impl StubMeta {
    /// Stub of a block of which `far` is kept in the object store alone.
    pub(crate) fn of(block_bytes: u64, far: &Range<u64>, stamp: u64) -> Self {
        let far_end = far.end.min(block_bytes);
        let front_bytes = far.start.min(far_end);
        Self { front_bytes, back_bytes: block_bytes - far_end, block_bytes, stamp }
    }

    /// The part of the block that is not here.
    pub(crate) fn far(&self) -> Range<u64> {
        self.front_bytes..self.block_bytes - self.back_bytes
    }

    fn encode(self) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        let numbers = [self.front_bytes, self.back_bytes, self.block_bytes, self.stamp];
        for (place, number) in numbers.into_iter().enumerate() {
            bytes[place * 8..place * 8 + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes[32..38].copy_from_slice(&MAGIC);
        bytes[38] = VERSION;
        let checksum = xxh3_64_with_seed(&bytes[..40], 0);
        bytes[40..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; FOOTER_BYTES], file_bytes: u64) -> Result<Self, String> {
        let number = |place: usize| {
            let word = bytes.get(place..place + 8).and_then(|word| word.try_into().ok());
            word.map_or(0, u64::from_le_bytes)
        };
        if bytes[32..38] != MAGIC {
            return Err("it does not end with the magic of a stub".to_owned());
        }
        if bytes[38] != VERSION {
            return Err(format!("version {}, this program reads {VERSION}", bytes[38]));
        }
        let meta = Self {
            front_bytes: number(0),
            back_bytes: number(8),
            block_bytes: number(16),
            stamp: number(24),
        };
        let here = meta.front_bytes.checked_add(meta.back_bytes);
        let fits = here.is_some_and(|here| {
            here <= meta.block_bytes
                && here.checked_add(cast::wide(FOOTER_BYTES)) == Some(file_bytes)
        });
        if !fits || xxh3_64_with_seed(&bytes[..40], 0) != number(40) {
            return Err("its footer does not check out".to_owned());
        }
        Ok(meta)
    }
}

/// An open stub.
#[derive(Debug)]
pub(crate) struct Stub {
    /// What it says of its block.
    pub meta: StubMeta,
    file: Arc<dyn DiskFile>,
}

impl Stub {
    /// Writes and syncs the stub of a block whose bytes are `source`.
    pub(crate) fn write(
        disk: &dyn Disk,
        dir: &Path,
        number: u64,
        meta: StubMeta,
        source: &dyn ReadAt,
    ) -> Result<(), StoreError> {
        let path = dir.join(stub_name(number));
        let write = || {
            let file = disk.create(&path)?;
            let far = meta.far();
            let mut offset = copy(source, 0..far.start, &*file, 0)?;
            offset = copy(source, far.end..meta.block_bytes, &*file, offset)?;
            file.write_all_at(&meta.encode(), offset)?;
            file.sync_data()?;
            disk.sync_dir(dir)
        };
        write().map_err(failure::io("writing", &path))
    }

    /// Opens the stub of a block.
    pub(crate) fn open(disk: &dyn Disk, dir: &Path, number: u64) -> Result<Self, StoreError> {
        let path = dir.join(stub_name(number));
        let file = disk.open(&path).map_err(failure::io("opening", &path))?;
        let corrupt =
            |message: String| StoreError::Corrupt { object: path.display().to_string(), message };
        let length = file.byte_length();
        let offset = length
            .checked_sub(cast::wide(FOOTER_BYTES))
            .ok_or_else(|| corrupt(format!("{length} bytes are too few")))?;
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, offset).map_err(failure::io("reading", &path))?;
        let meta = StubMeta::decode(&footer, length).map_err(corrupt)?;
        Ok(Self { meta, file })
    }

    /// Fills `buffer` from `offset` of the block on, all of which is before or behind the part that is not here.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let far = self.meta.far();
        let place = if offset >= far.end { offset - far.end + far.start } else { offset };
        self.file.read_exact_at(buffer, place)
    }
}

/// Copies a range to `offset`; answers where it ended there.
fn copy(
    source: &dyn ReadAt,
    range: Range<u64>,
    target: &dyn DiskFile,
    mut offset: u64,
) -> io::Result<u64> {
    let mut start = range.start;
    while start < range.end {
        let length = COPY_BYTES.min(range.end - start);
        let mut bytes = vec![0; cast::size(length)];
        source.read_exact_at(&mut bytes, start)?;
        target.write_all_at(&bytes, offset)?;
        (start, offset) = (start + length, offset + length);
    }
    Ok(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    #[test]
    fn names_are_numbers() {
        assert_eq!(stub_number(&stub_name(300)), Some(300));
        for name in ["1.stub", "000000000000012c.block", "000000000000012C.stub", "x.stub"] {
            assert_eq!(stub_number(name), None, "{name}");
        }
    }

    #[test]
    fn a_footer_reads_back_and_notices_every_flipped_bit() {
        let meta = StubMeta { front_bytes: 10, back_bytes: 20, block_bytes: 1000, stamp: 77 };
        let bytes = meta.encode();
        assert_eq!(StubMeta::decode(&bytes, 78), Ok(meta));
        assert!(StubMeta::decode(&bytes, 79).is_err());
        for bit in 0..FOOTER_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(StubMeta::decode(&damaged, 78).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn both_ends_of_the_block_are_kept() {
        let folder = tempfile::tempdir().expect("temp folder");
        let block: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
        let length = cast::wide(block.len());
        for far in [0..length, 5..length, 0..length - 7, 100..100, 1000..length - (2 << 20)] {
            let meta = StubMeta::of(length, &far, 1);
            Stub::write(&RealDisk, folder.path(), 9, meta, &block).expect("writes");
            let stub = Stub::open(&RealDisk, folder.path(), 9).expect("opens");
            assert_eq!((stub.meta, stub.meta.far()), (meta, far.clone()));
            let mut front = vec![0; cast::size(far.start)];
            stub.read_exact_at(&mut front, 0).expect("front");
            let mut back = vec![0; cast::size(length - far.end)];
            stub.read_exact_at(&mut back, far.end).expect("back");
            assert_eq!(front, block[..front.len()]);
            assert_eq!(back, block[block.len() - back.len()..]);
        }
    }
}
