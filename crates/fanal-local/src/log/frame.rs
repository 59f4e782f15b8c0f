//! The bytes of a log file: a header sector, then records. `FORMAT.md` describes them.
//!
//! Written by the log writer, read by the replay. Invariant: checksums are seeded with the file's number, and
//! sequences never repeat, so that what an earlier life of a recycled file left behind is never taken for a record.

use fanal_base::cast;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Records begin at multiples of this, so that writing one never tears the sector of another.
pub(crate) const SECTOR_BYTES: usize = 512;
/// Where the first record begins.
pub(crate) const RECORDS_OFFSET: u64 = 512;
/// Bytes of a record before its body.
pub(crate) const RECORD_HEADER_BYTES: usize = 40;
/// Largest body of a record, in bytes.
pub(crate) const BODY_BYTES_MAX: usize = 1 << 30;

const FILE_MAGIC: [u8; 8] = *b"FNLLOG\0\0";
const FILE_HEADER_BYTES: usize = 40;
/// Begins a record.
pub(super) const RECORD_MAGIC: [u8; 4] = *b"FREC";
/// Version of files and records.
pub(super) const VERSION: u32 = 1;

/// Header of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileHeader {
    /// Number of this life of the file; never repeats within a tenant.
    pub file_number: u64,
    /// Sequence of its first record.
    pub first_sequence: u64,
}

/// Header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// Place in the tenant's log; rises by one within a file.
    pub sequence: u64,
    /// Bytes of the body.
    pub body_bytes: u32,
    /// When its first request arrived, nanoseconds since the Unix epoch.
    pub arrived_unix_nanos: u64,
    checksum: u64,
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    bytes.get(offset..offset + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes.get(offset..offset + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

impl FileHeader {
    /// The header sector.
    pub(crate) fn encode(self) -> [u8; SECTOR_BYTES] {
        let mut bytes = [0; SECTOR_BYTES];
        bytes[..8].copy_from_slice(&FILE_MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.file_number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_sequence.to_le_bytes());
        let checksum = xxh3_64_with_seed(&bytes[..32], 0);
        bytes[32..40].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header; says what is wrong where it is none.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() < FILE_HEADER_BYTES || bytes[..8] != FILE_MAGIC {
            return Err("it does not begin with the magic of a log file".to_owned());
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return Err(format!("version {version}, this program reads {VERSION}"));
        }
        if xxh3_64_with_seed(&bytes[..32], 0) != u64_at(bytes, 32) {
            return Err("the checksum of its header does not match".to_owned());
        }
        Ok(Self { file_number: u64_at(bytes, 16), first_sequence: u64_at(bytes, 24) })
    }
}

/// Appends a whole record, padded to sectors.
pub(crate) fn encode_record(
    file_number: u64,
    sequence: u64,
    arrived_unix_nanos: u64,
    body: &[u8],
    out: &mut Vec<u8>,
) {
    let start = out.len();
    out.extend_from_slice(&RECORD_MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&sequence.to_le_bytes());
    out.extend_from_slice(&cast::narrow(body.len()).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&arrived_unix_nanos.to_le_bytes());
    let checksum = checksum(file_number, &out[start..], body);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(body);
    out.resize(start + record_bytes(body.len()), 0);
}

/// Bytes of a record with a body of so many, padding included.
pub(crate) fn record_bytes(body_bytes: usize) -> usize {
    (RECORD_HEADER_BYTES + body_bytes).next_multiple_of(SECTOR_BYTES)
}

fn checksum(file_number: u64, header: &[u8], body: &[u8]) -> u64 {
    let seed = xxh3_64_with_seed(&header[..32.min(header.len())], file_number);
    xxh3_64_with_seed(body, seed)
}

/// What stands where a record header may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A record with a plausible header.
    Record(RecordHeader),
    /// Nothing was written here.
    Blank,
    /// Something that is no record of this version.
    Other,
}

/// Reads a record header.
pub(crate) fn decode_record_header(bytes: &[u8]) -> Frame {
    if bytes.iter().all(|&byte| byte == 0) {
        return Frame::Blank;
    }
    let body_bytes = u32_at(bytes, 16);
    let is_record = bytes.len() >= RECORD_HEADER_BYTES
        && bytes[..4] == RECORD_MAGIC
        && u32_at(bytes, 4) == VERSION
        && cast::index(body_bytes) <= BODY_BYTES_MAX;
    if !is_record {
        return Frame::Other;
    }
    Frame::Record(RecordHeader {
        sequence: u64_at(bytes, 8),
        body_bytes,
        arrived_unix_nanos: u64_at(bytes, 24),
        checksum: u64_at(bytes, 32),
    })
}

impl RecordHeader {
    /// Whether header and body are what was written into this life of the file.
    pub(crate) fn checks_out(&self, file_number: u64, header: &[u8], body: &[u8]) -> bool {
        checksum(file_number, header, body) == self.checksum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_checks_out_only_as_written() {
        let mut bytes = Vec::new();
        encode_record(7, 42, 99, b"body", &mut bytes);
        assert_eq!(bytes.len(), SECTOR_BYTES);
        let check = |bytes: &[u8], file_number: u64| {
            let Frame::Record(header) = decode_record_header(&bytes[..RECORD_HEADER_BYTES]) else {
                return false;
            };
            let end = RECORD_HEADER_BYTES + cast::index(header.body_bytes);
            bytes.get(RECORD_HEADER_BYTES..end).is_some_and(|body| {
                header.checks_out(file_number, bytes, body) && header.sequence == 42
            })
        };
        assert!(check(&bytes, 7));
        assert!(!check(&bytes, 8), "another life of the file");
        for place in 0..RECORD_HEADER_BYTES + 4 {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(!check(&damaged, 7), "byte {place}");
        }
        assert_eq!(decode_record_header(&[0; RECORD_HEADER_BYTES]), Frame::Blank);
    }

    #[test]
    fn a_file_header_reads_back_and_tells_what_is_wrong() {
        let header = FileHeader { file_number: 3, first_sequence: 10 };
        let bytes = header.encode();
        assert_eq!(FileHeader::decode(&bytes), Ok(header));
        for place in (0..12).chain(16..40) {
            let mut damaged = bytes;
            damaged[place] ^= 1;
            assert!(FileHeader::decode(&damaged).is_err(), "byte {place}");
        }
    }
}
