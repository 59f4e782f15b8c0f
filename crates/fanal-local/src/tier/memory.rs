//! A bucket in memory that fails, hangs and vanishes on demand, for tests and simulation.

use super::{Bucket, BucketError};
use crate::guard::lock;
use crate::segment::ReadAt;
use bytes::Bytes;
use fanal_base::cast;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

/// What a [`MemoryBucket`] is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BucketCall {
    /// [`Bucket::put`].
    Put,
    /// [`Bucket::byte_length`].
    Length,
    /// [`Bucket::read`].
    Read,
    /// [`Bucket::remove`].
    Remove,
}

/// How a call of a [`MemoryBucket`] ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// As it should.
    Succeeds,
    /// Nothing is done and the caller is told that the bucket cannot be reached.
    Fails,
    /// It is done, but the caller is told that the bucket cannot be reached.
    SucceedsUnheard,
}

type Fates = Box<dyn FnMut(BucketCall, &str) -> Fate + Send>;

/// A bucket in memory.
#[derive(Default)]
pub struct MemoryBucket {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Vec<u8>>,
    fates: Option<Fates>,
    calls: BTreeMap<BucketCall, u64>,
}

impl std::fmt::Debug for MemoryBucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryBucket").field("objects", &self.objects()).finish()
    }
}

impl MemoryBucket {
    /// Decides from now on how each call ends.
    pub fn set_fates(&self, fates: impl FnMut(BucketCall, &str) -> Fate + Send + 'static) {
        lock(&self.inner).fates = Some(Box::new(fates));
    }

    /// Lets every call succeed from now on.
    pub fn heal(&self) {
        lock(&self.inner).fates = None;
    }

    /// Names of the objects, sorted.
    pub fn objects(&self) -> Vec<String> {
        lock(&self.inner).objects.keys().cloned().collect()
    }

    /// How many calls of a kind there were.
    pub fn calls(&self, call: BucketCall) -> u64 {
        lock(&self.inner).calls.get(&call).copied().unwrap_or(0)
    }

    /// Changes the bytes of an object, as damage or another program would.
    pub fn damage(&self, object: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = lock(&self.inner).objects.get_mut(object) {
            change(bytes);
        }
    }

    fn call<T>(
        &self,
        call: BucketCall,
        object: &str,
        work: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<T, BucketError>,
    ) -> Result<T, BucketError> {
        let mut inner = lock(&self.inner);
        *inner.calls.entry(call).or_default() += 1;
        let fate = inner.fates.as_mut().map_or(Fate::Succeeds, |fates| fates(call, object));
        let gone = || BucketError::Unavailable {
            bucket: self.name().to_owned(),
            message: "it is made to fail".to_owned(),
        };
        match fate {
            Fate::Fails => Err(gone()),
            Fate::Succeeds => work(&mut inner.objects),
            Fate::SucceedsUnheard => work(&mut inner.objects).and_then(|_| Err(gone())),
        }
    }
}

fn not_found(object: &str) -> BucketError {
    BucketError::NotFound { object: object.to_owned() }
}

impl Bucket for MemoryBucket {
    fn name(&self) -> &'static str {
        "memory://"
    }

    fn put(&self, object: &str, content: &dyn ReadAt) -> Result<(), BucketError> {
        let mut bytes = vec![0; cast::size(content.byte_length())];
        let read = content.read_exact_at(&mut bytes, 0);
        read.map_err(|error| BucketError::Local { message: error.to_string() })?;
        self.call(BucketCall::Put, object, |objects| {
            objects.insert(object.to_owned(), bytes);
            Ok(())
        })
    }

    fn byte_length(&self, object: &str) -> Result<u64, BucketError> {
        self.call(BucketCall::Length, object, |objects| {
            let bytes = objects.get(object).ok_or_else(|| not_found(object))?;
            Ok(cast::wide(bytes.len()))
        })
    }

    fn read(&self, object: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, BucketError> {
        self.call(BucketCall::Read, object, |objects| {
            let bytes = objects.get(object).ok_or_else(|| not_found(object))?;
            let part = |range: &Range<u64>| {
                let part = bytes.get(cast::size(range.start)..cast::size(range.end));
                part.map(Bytes::copy_from_slice).ok_or_else(|| BucketError::Wrong {
                    bucket: self.name().to_owned(),
                    message: format!("{object} has {} bytes, not {range:?}", bytes.len()),
                })
            };
            ranges.iter().map(part).collect()
        })
    }

    fn remove(&self, object: &str) -> Result<(), BucketError> {
        self.call(BucketCall::Remove, object, |objects| {
            objects.remove(object);
            Ok(())
        })
    }
}
