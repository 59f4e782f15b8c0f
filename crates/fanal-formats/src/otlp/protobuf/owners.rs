//! Resources, or scopes, that requests brought, by the bytes in which they came: the same sender sends the same ones
//! again and again, and they are decoded once.
//!
//! Used by the request walk. Invariant: bounded in bytes; when full, what was not met lately is forgotten.

use super::value::Fault;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Most bytes held of owners met lately, and again of those before them: some thousands of processes.
const GENERATION_BYTES_MAX: usize = 2 << 20;

/// What an owner costs beside its bytes, roughly.
const OVERHEAD_BYTES: usize = 96;

/// Wire bytes of a resource or scope, and its schema URL.
pub(super) type Wire<'a> = (&'a [u8], &'a [u8]);

/// An owner as the batch builder interns it.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) duplicate_keys: u64,
}

#[derive(Debug)]
struct Owner {
    message: Box<[u8]>,
    schema_url: Box<[u8]>,
    encoded: Box<[u8]>,
    duplicate_keys: u64,
    /// The request that met it last, and its code there.
    request: u64,
    code: u32,
}

impl Owner {
    fn wire(&self) -> Wire<'_> {
        (&self.message, &self.schema_url)
    }

    fn held_bytes(&self) -> usize {
        self.message.len() + self.schema_url.len() + self.encoded.len() + OVERHEAD_BYTES
    }

    /// Its code in a request, and its duplicate keys where the request meets it first.
    fn meet(&mut self, request: u64, intern: impl FnOnce(&[u8]) -> u32) -> (u32, u64) {
        if self.request == request {
            return (self.code, 0);
        }
        (self.request, self.code) = (request, intern(&self.encoded));
        (self.code, self.duplicate_keys)
    }
}

/// Resources or scopes met.
#[derive(Debug, Default)]
pub(super) struct Owners {
    recent: HashTable<Owner>,
    recent_bytes: usize,
    /// What was recent until that was full.
    earlier: HashTable<Owner>,
    hasher: RandomState,
    request: u64,
}

impl Owners {
    /// Codes that were given are no longer known.
    pub(super) fn begin_request(&mut self) {
        self.request += 1;
    }

    /// The code of an owner, and its duplicate keys where this request meets it first. `read` decodes an unknown one,
    /// `intern` gives the code.
    pub(super) fn code(
        &mut self,
        wire: Wire<'_>,
        intern: impl FnOnce(&[u8]) -> u32,
        read: impl FnOnce() -> Result<Encoded, Fault>,
    ) -> Result<(u32, u64), Fault> {
        let hash = self.hasher.hash_one(wire);
        if let Some(owner) = self.recent.find_mut(hash, |owner| owner.wire() == wire) {
            return Ok(owner.meet(self.request, intern));
        }
        let mut owner = match self.earlier.find_entry(hash, |owner| owner.wire() == wire) {
            Ok(found) => found.remove().0,
            Err(_) => {
                let Encoded { bytes, duplicate_keys } = read()?;
                let (message, schema_url) = (wire.0.into(), wire.1.into());
                let encoded = bytes.into();
                Owner { message, schema_url, encoded, duplicate_keys, request: 0, code: 0 }
            }
        };
        let outcome = owner.meet(self.request, intern);
        self.remember(hash, owner);
        Ok(outcome)
    }

    fn remember(&mut self, hash: u64, owner: Owner) {
        let bytes = owner.held_bytes();
        if bytes > GENERATION_BYTES_MAX {
            return;
        }
        if self.recent_bytes + bytes > GENERATION_BYTES_MAX {
            self.earlier = std::mem::take(&mut self.recent);
            self.recent_bytes = 0;
        }
        self.recent_bytes += bytes;
        let hasher = &self.hasher;
        self.recent.insert_unique(hash, owner, |owner| hasher.hash_one(owner.wire()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_read_once_and_interned_once_a_request() {
        let mut owners = Owners::default();
        let (mut reads, mut interned) = (0, Vec::new());
        let mut check = |owners: &mut Owners, message: &[u8], expect: (u32, u64)| {
            let read = || {
                reads += 1;
                Ok(Encoded { bytes: message.to_vec(), duplicate_keys: 3 })
            };
            let intern = |bytes: &[u8]| {
                interned.push(bytes.to_vec());
                u32::try_from(interned.len()).expect("few")
            };
            let got = owners.code((message, b"url"), intern, read);
            assert_eq!(got.ok(), Some(expect), "{message:?}");
        };
        owners.begin_request();
        check(&mut owners, b"a", (1, 3));
        check(&mut owners, b"a", (1, 0));
        check(&mut owners, b"b", (2, 3));
        owners.begin_request();
        check(&mut owners, b"b", (3, 3));
        check(&mut owners, b"b", (3, 0));
        // Leaves no room for another: what was there goes with the second of them, unless it is met between.
        let large = |byte| vec![byte; (GENERATION_BYTES_MAX - 2 * OVERHEAD_BYTES) / 2 - 3];
        check(&mut owners, &large(0), (4, 3));
        check(&mut owners, b"b", (3, 0));
        check(&mut owners, &large(1), (5, 3));
        check(&mut owners, b"b", (3, 0));
        check(&mut owners, &large(2), (6, 3));
        check(&mut owners, &large(3), (7, 3));
        check(&mut owners, b"b", (8, 3));
        // What is larger than all room is not kept.
        check(&mut owners, &vec![0; GENERATION_BYTES_MAX], (9, 3));
        check(&mut owners, &vec![0; GENERATION_BYTES_MAX], (10, 3));
        assert_eq!((reads, interned.len()), (9, 10));
        assert!(owners.recent_bytes <= GENERATION_BYTES_MAX);
    }
}
