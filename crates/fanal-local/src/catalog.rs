//! The catalog: which blocks exist, up to where the log is in them, and the tenant's vocabulary. One small file that is
//! replaced as a whole.
//!
//! Written by the merge, read at the start. Invariant: replacing it is the one atomic step in which blocks appear and
//! log records are let go; files that it does not name do not exist. `FORMAT.md` has its bytes.

use crate::disk::Disk;
use crate::failure;
use crate::vocabulary::Vocabulary;
use fanal_base::cast;
use fanal_model::TraceId;
use fanal_model::nested::{self, InvalidNested, Reader};
use fanal_storage::StoreError;
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Name of the file in a tenant's folder.
pub(crate) const CATALOG_NAME: &str = "CATALOG";
const DRAFT_NAME: &str = "CATALOG.draft";
const MAGIC: [u8; 8] = *b"FNLCAT\0\0";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
/// Largest catalog that is read, in bytes.
const CATALOG_BYTES_MAX: u64 = 256 << 20;

/// What is known of a block without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockMeta {
    /// Number of its file; never used again while the block lives.
    pub number: u64,
    /// Spans.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Earliest and latest span start.
    pub starts: (u64, u64),
    /// Trace of the span that starts last.
    pub newest_trace: TraceId,
}

/// The state of a tenant's disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    /// Log records up to this sequence are in blocks.
    pub merged_through: u64,
    /// Live blocks, oldest first.
    pub blocks: Vec<BlockMeta>,
    /// Services and operations of all spans in blocks, and perhaps of later ones.
    pub vocabulary: Vocabulary,
}

impl Catalog {
    /// The bytes of the file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        nested::write_varint(self.merged_through, &mut body);
        nested::write_length(self.blocks.len(), &mut body);
        for block in &self.blocks {
            let numbers = [block.number, block.rows, block.bytes, block.starts.0, block.starts.1];
            numbers.into_iter().for_each(|number| nested::write_varint(number, &mut body));
            body.extend_from_slice(&block.newest_trace.0);
        }
        let entries = self.vocabulary.entries();
        nested::write_length(entries.len(), &mut body);
        for (service, operations) in entries {
            nested::write_bytes(service.as_bytes(), &mut body);
            nested::write_length(operations.len(), &mut body);
            for (name, kinds) in operations {
                nested::write_bytes(name.as_bytes(), &mut body);
                body.push(kinds);
            }
        }
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&cast::narrow(body.len()).to_le_bytes());
        let checksum = xxh3_64_with_seed(&body, xxh3_64_with_seed(&bytes, 0));
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The inverse of [`Catalog::encode`]; says what is wrong with the bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let (header, body) = bytes
            .split_at_checked(HEADER_BYTES)
            .ok_or_else(|| format!("{} bytes are too few", bytes.len()))?;
        if header[..8] != MAGIC {
            return Err("it does not begin with the magic of a catalog".to_owned());
        }
        let number = |range: std::ops::Range<usize>| {
            header.get(range).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
        };
        if number(8..12) != VERSION {
            return Err(format!("version {}, this program reads {VERSION}", number(8..12)));
        }
        let checksum = xxh3_64_with_seed(body, xxh3_64_with_seed(&header[..16], 0));
        if cast::index(number(12..16)) != body.len() || checksum.to_le_bytes() != header[16..] {
            return Err("its checksum does not match".to_owned());
        }
        Self::decode_body(body).map_err(|error| error.to_string())
    }

    fn decode_body(body: &[u8]) -> Result<Self, InvalidNested> {
        let mut reader = Reader::new(body);
        let mut catalog = Self { merged_through: reader.varint()?, ..Self::default() };
        for _ in 0..reader.length()? {
            catalog.blocks.push(BlockMeta {
                number: reader.varint()?,
                rows: reader.varint()?,
                bytes: reader.varint()?,
                starts: (reader.varint()?, reader.varint()?),
                newest_trace: TraceId::from_slice(reader.take(16)?).ok_or(InvalidNested)?,
            });
        }
        for _ in 0..reader.length()? {
            let service = reader.text()?;
            let count = reader.length()?;
            let operations = (0..count)
                .map(|_| Ok((reader.text()?, reader.take(1)?[0])))
                .collect::<Result<Vec<_>, InvalidNested>>()?;
            catalog.vocabulary.restore(service, &operations);
        }
        reader.is_at_end().then_some(catalog).ok_or(InvalidNested)
    }

    /// Reads the catalog of a tenant's folder; `None` where there is none.
    pub(crate) fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, StoreError> {
        let names = disk.list(dir).map_err(failure::io("listing", dir))?;
        if !names.iter().any(|name| name == CATALOG_NAME) {
            return Ok(None);
        }
        let path = dir.join(CATALOG_NAME);
        let corrupt = |message: String| StoreError::Corrupt {
            object: path.display().to_string(),
            message: format!("{message}; restore the tenant's folder from a backup"),
        };
        let file = disk.open(&path).map_err(failure::io("opening", &path))?;
        let length = file.byte_length();
        if length > CATALOG_BYTES_MAX {
            return Err(corrupt(format!("{length} bytes exceed {CATALOG_BYTES_MAX}")));
        }
        let mut bytes = vec![0; cast::size(length)];
        file.read_exact_at(&mut bytes, 0).map_err(failure::io("reading", &path))?;
        Self::decode(&bytes).map(Some).map_err(corrupt)
    }

    /// Replaces the catalog of a tenant's folder in one atomic step. After a failure either of the two may be there.
    pub(crate) fn store(&self, disk: &dyn Disk, dir: &Path) -> Result<(), StoreError> {
        let draft = dir.join(DRAFT_NAME);
        let bytes = self.encode();
        let write = || {
            let file = disk.create(&draft)?;
            file.write_all_at(&bytes, 0)?;
            file.sync_data()?;
            disk.rename(&draft, &dir.join(CATALOG_NAME))?;
            disk.sync_dir(dir)
        };
        write().map_err(failure::io("replacing", &dir.join(CATALOG_NAME)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanal_model::SpanKind;

    fn sample() -> Catalog {
        let mut vocabulary = Vocabulary::default();
        vocabulary.note("web", "GET /", SpanKind::Server);
        let block = BlockMeta {
            number: 3,
            rows: 100,
            bytes: 4000,
            starts: (5, u64::MAX),
            newest_trace: TraceId([7; 16]),
        };
        Catalog { merged_through: 42, blocks: vec![block], vocabulary }
    }

    #[test]
    fn reads_back_and_notices_every_flipped_bit() {
        let catalog = sample();
        let bytes = catalog.encode();
        let copy = Catalog::decode(&bytes).expect("valid");
        assert_eq!((copy.merged_through, &copy.blocks), (42, &catalog.blocks));
        assert_eq!(copy.vocabulary.entries(), catalog.vocabulary.entries());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Catalog::decode(&damaged).is_err(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(Catalog::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
    }
}
