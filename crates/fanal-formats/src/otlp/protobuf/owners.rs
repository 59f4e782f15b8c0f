//! Resources, or scopes, that requests brought, by the bytes in which they came: the same sender sends the same ones
//! again and again, and they are decoded once.
//!
//! Used by the request walk. Invariant: bounded in bytes; when full, everything is forgotten.

use super::value::Fault;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Most bytes held.
const HELD_BYTES_MAX: usize = 1 << 20;

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
}

/// Resources or scopes met.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: HashTable<Owner>,
    hasher: RandomState,
    held_bytes: usize,
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
        if let Some(owner) = self.known.find_mut(hash, |owner| owner.wire() == wire) {
            if owner.request == self.request {
                return Ok((owner.code, 0));
            }
            (owner.request, owner.code) = (self.request, intern(&owner.encoded));
            return Ok((owner.code, owner.duplicate_keys));
        }
        let Encoded { bytes, duplicate_keys } = read()?;
        let code = intern(&bytes);
        let owner = Owner {
            message: wire.0.into(),
            schema_url: wire.1.into(),
            encoded: bytes.into(),
            duplicate_keys,
            request: self.request,
            code,
        };
        self.remember(hash, owner);
        Ok((code, duplicate_keys))
    }

    fn remember(&mut self, hash: u64, owner: Owner) {
        let bytes = owner.message.len() + owner.schema_url.len() + owner.encoded.len();
        if self.held_bytes + bytes + OVERHEAD_BYTES > HELD_BYTES_MAX {
            self.known.clear();
            self.held_bytes = 0;
        }
        self.held_bytes += bytes + OVERHEAD_BYTES;
        let hasher = &self.hasher;
        self.known.insert_unique(hash, owner, |owner| hasher.hash_one(owner.wire()));
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
        check(&mut owners, &vec![0; HELD_BYTES_MAX], (4, 3));
        check(&mut owners, b"b", (5, 3));
        assert_eq!((reads, interned.len()), (4, 5));
        assert!(owners.held_bytes < HELD_BYTES_MAX);
    }
}
