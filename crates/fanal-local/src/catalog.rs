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
const VERSION: u32 = 2;
const HEADER_BYTES: usize = 24;
/// Largest catalog that is read, in bytes.
const CATALOG_BYTES_MAX: u64 = 256 << 20;

/// Where the file of a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    /// In the folder of blocks.
    #[default]
    Local,
    /// In the object store; its stub is in the folder of blocks.
    Remote {
        /// When its move began, nanoseconds since the Unix epoch: part of the object's name.
        stamp: u64,
    },
}

/// What is known of a block without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct BlockMeta {
    /// Number of its file; never used again.
    pub number: u64,
    /// Spans.
    pub rows: u64,
    /// Traces.
    pub traces: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of memory that all its spans take when decoded.
    pub memory_bytes: u64,
    /// Earliest and latest span start.
    pub starts: (u64, u64),
    /// Latest span end.
    pub latest_end: u64,
    /// When the first and the last of its spans arrived, nanoseconds since the Unix epoch.
    pub arrived: (u64, u64),
    /// Trace of the span that starts last.
    pub newest_trace: TraceId,
    /// Most times that a span of it was written again by compaction.
    pub rewrites: u64,
    /// Spans whose trace had spans in an older block when they were first written.
    pub late_rows: u64,
    /// Where it is.
    pub place: Place,
}

/// What went into blocks and out of them since the tenant exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Written {
    /// Spans that merges put into blocks.
    pub merged_rows: u64,
    /// Bytes of those blocks.
    pub merged_bytes: u64,
    /// Spans that compaction wrote again.
    pub compacted_rows: u64,
    /// Bytes of the blocks that it wrote.
    pub compacted_bytes: u64,
    /// Exact duplicates that merges and compaction left out.
    pub duplicate_rows: u64,
    /// Spans that retention dropped.
    pub expired_rows: u64,
}

impl Written {
    const COUNT: usize = 6;

    fn fields(self) -> [u64; Self::COUNT] {
        [
            self.merged_rows,
            self.merged_bytes,
            self.compacted_rows,
            self.compacted_bytes,
            self.duplicate_rows,
            self.expired_rows,
        ]
    }

    fn from_fields(fields: [u64; Self::COUNT]) -> Self {
        let [
            merged_rows,
            merged_bytes,
            compacted_rows,
            compacted_bytes,
            duplicate_rows,
            expired_rows,
        ] = fields;
        Self {
            merged_rows,
            merged_bytes,
            compacted_rows,
            compacted_bytes,
            duplicate_rows,
            expired_rows,
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        let mut sum = self.fields();
        for (field, more) in sum.iter_mut().zip(other.fields()) {
            *field = field.saturating_add(more);
        }
        Self::from_fields(sum)
    }
}

/// The state of a tenant's disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    /// Log records up to this sequence are in blocks.
    pub merged_through: u64,
    /// Number of the next block, above those of all blocks that ever were.
    pub next_block: u64,
    /// What went into blocks and out of them.
    pub written: Written,
    /// Live blocks, by their last arrival.
    pub blocks: Vec<BlockMeta>,
    /// Services and operations of all spans in blocks, and perhaps of later ones.
    pub vocabulary: Vocabulary,
}

impl BlockMeta {
    const NUMBERS: usize = 12;

    fn numbers(&self) -> [u64; Self::NUMBERS] {
        [
            self.number,
            self.rows,
            self.traces,
            self.bytes,
            self.memory_bytes,
            self.starts.0,
            self.starts.1,
            self.latest_end,
            self.arrived.0,
            self.arrived.1,
            self.rewrites,
            self.late_rows,
        ]
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.numbers().into_iter().for_each(|number| nested::write_varint(number, out));
        match self.place {
            Place::Local => out.push(0),
            Place::Remote { stamp } => {
                out.push(1);
                nested::write_varint(stamp, out);
            }
        }
        out.extend_from_slice(&self.newest_trace.0);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, InvalidNested> {
        let mut numbers = [0; Self::NUMBERS];
        for number in &mut numbers {
            *number = reader.varint()?;
        }
        let place = match reader.take(1)? {
            [0] => Place::Local,
            [1] => Place::Remote { stamp: reader.varint()? },
            _ => return Err(InvalidNested),
        };
        let newest_trace = TraceId::from_slice(reader.take(16)?).ok_or(InvalidNested)?;
        let [number, rows, traces, bytes, memory_bytes, numbers @ ..] = numbers;
        let [start_min, start_max, latest_end, arrived_min, arrived_max, rewrites, late_rows] =
            numbers;
        Ok(Self {
            number,
            rows,
            traces,
            bytes,
            memory_bytes,
            starts: (start_min, start_max),
            latest_end,
            arrived: (arrived_min, arrived_max),
            newest_trace,
            rewrites,
            late_rows,
            place,
        })
    }
}

impl Catalog {
    /// The bytes of the file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        nested::write_varint(self.merged_through, &mut body);
        nested::write_varint(self.next_block, &mut body);
        self.written.fields().into_iter().for_each(|field| nested::write_varint(field, &mut body));
        nested::write_length(self.blocks.len(), &mut body);
        self.blocks.iter().for_each(|block| block.encode(&mut body));
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
        let mut catalog = Self {
            merged_through: reader.varint()?,
            next_block: reader.varint()?,
            ..Self::default()
        };
        let mut fields = [0; Written::COUNT];
        for field in &mut fields {
            *field = reader.varint()?;
        }
        catalog.written = Written::from_fields(fields);
        for _ in 0..reader.length()? {
            let block = BlockMeta::decode(&mut reader)?;
            if block.number >= catalog.next_block {
                return Err(InvalidNested);
            }
            catalog.blocks.push(block);
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
            traces: 10,
            bytes: 4000,
            memory_bytes: 50_000,
            starts: (5, u64::MAX),
            latest_end: 9,
            arrived: (6, 7),
            newest_trace: TraceId([7; 16]),
            rewrites: 1,
            late_rows: 11,
            place: Place::Remote { stamp: 12 },
        };
        let local = BlockMeta { number: 4, place: Place::Local, ..block };
        let written = Written::from_fields([1, 2, 3, 4, 5, 6]);
        let blocks = vec![block, local];
        Catalog { merged_through: 42, next_block: 5, written, blocks, vocabulary }
    }

    #[test]
    fn reads_back_and_notices_every_flipped_bit() {
        let catalog = sample();
        let bytes = catalog.encode();
        let copy = Catalog::decode(&bytes).expect("valid");
        assert_eq!((copy.merged_through, copy.next_block, &copy.blocks), (42, 5, &catalog.blocks));
        assert_eq!(copy.written, catalog.written);
        assert_eq!(copy.vocabulary.entries(), catalog.vocabulary.entries());
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(Catalog::decode(&damaged).is_err(), "bit {bit}");
        }
        for end in 0..bytes.len() {
            assert!(Catalog::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        let reused = Catalog { next_block: 4, ..catalog };
        assert!(Catalog::decode(&reused.encode()).is_err(), "a number that will be given again");
    }
}
