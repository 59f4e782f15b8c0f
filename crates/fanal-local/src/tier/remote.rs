//! A bucket of a cloud provider, of a server that speaks S3, or of a folder, through the crate `object_store`.
//!
//! Calls block and may come from any thread; the work is done on a small runtime of its own. Invariant: every call
//! ends within its time, however the other side behaves, and holds at most one part of an upload in memory.

use super::connect::{UPLOAD_TIMES, connect};
use super::{Bucket, BucketConfig, BucketError};
use crate::segment::ReadAt;
use bytes::Bytes;
use fanal_base::cast;
use object_store::path::Path;
use object_store::{Error, MultipartUpload, ObjectStore, ObjectStoreExt};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

/// Bytes of a part of an upload; an object that is not longer is written in one request.
const PART_BYTES: u64 = 8 << 20;
/// Most requests that read at one time; further ones wait.
const READS_AT_ONCE_MAX: usize = 16;
/// Threads of the runtime.
const THREADS: usize = 1;

/// A bucket behind a URL.
#[derive(Debug)]
pub struct RemoteBucket {
    name: String,
    client: Arc<dyn ObjectStore>,
    folder: Path,
    timeout: Duration,
    reads: Arc<Semaphore>,
    closing: watch::Sender<bool>,
    /// Taken when dropped, because dropping it may not wait.
    runtime: Option<Runtime>,
}

impl RemoteBucket {
    /// A bucket by its URL; `None` where the URL is empty. Asks nothing of the network. An error says what is wrong with the
    /// configuration.
    pub fn open(config: &BucketConfig) -> Result<Option<Self>, String> {
        if config.url.is_empty() {
            return Ok(None);
        }
        let (client, folder) = connect(config)?;
        let timeout = Duration::from_secs(config.timeout_seconds.max(1));
        Self::new(config.url.clone(), client, folder, timeout).map(Some)
    }

    /// A bucket on a client of the crate, its objects in `folder`, each read within `timeout`.
    pub fn new(
        name: String,
        client: Arc<dyn ObjectStore>,
        folder: Path,
        timeout: Duration,
    ) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("fanal-bucket")
            .enable_all()
            .build()
            .map_err(|error| format!("cannot start threads for the object store: {error}"))?;
        let reads = Arc::new(Semaphore::new(READS_AT_ONCE_MAX));
        let closing = watch::channel(false).0;
        Ok(Self { name, client, folder, timeout, reads, closing, runtime: Some(runtime) })
    }

    fn path(&self, object: &str) -> Path {
        self.folder.parts().chain(Path::from(object).parts()).collect()
    }

    /// Runs a task to its end, its time or the closing of the store.
    fn run<T: Send + 'static>(
        &self,
        timeout: Duration,
        work: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Result<T, BucketError> {
        let Some(runtime) = &self.runtime else { return Err(self.unavailable("it is closed")) };
        let (sender, outcome) = sync_channel(1);
        let mut closing = self.closing.subscribe();
        runtime.spawn(async move {
            let ended = tokio::select! {
                biased;
                _ = closing.wait_for(|is_closing| *is_closing) => Err(Stopped::Closing),
                ended = tokio::time::timeout(timeout, work) => ended.map_err(|_| Stopped::Late),
            };
            // Who asked waits for this alone.
            sender.send(ended).ok();
        });
        match outcome.recv() {
            Ok(Ok(ended)) => ended.map_err(|error| self.failure(&error)),
            Ok(Err(Stopped::Late)) => {
                Err(self.unavailable(&format!("no answer within {} s", timeout.as_secs_f64())))
            }
            Ok(Err(Stopped::Closing)) | Err(_) => Err(self.unavailable("the server is stopping")),
        }
    }

    fn unavailable(&self, message: &str) -> BucketError {
        BucketError::Unavailable { bucket: self.name.clone(), message: message.to_owned() }
    }

    fn failure(&self, error: &Error) -> BucketError {
        let (bucket, message) = (self.name.clone(), one_line(&crate::failure::chain(error)));
        match error {
            Error::NotFound { path, .. } => BucketError::NotFound { object: path.clone() },
            Error::PermissionDenied { .. }
            | Error::Unauthenticated { .. }
            | Error::InvalidPath { .. }
            | Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::UnknownConfigurationKey { .. } => BucketError::Refused { bucket, message },
            _ => BucketError::Unavailable { bucket, message },
        }
    }

    fn put_parts(&self, path: &Path, content: &dyn ReadAt, length: u64) -> Result<(), BucketError> {
        let timeout = self.timeout * UPLOAD_TIMES;
        let client = Arc::clone(&self.client);
        let target = path.clone();
        let mut upload = self.run(timeout, async move { client.put_multipart(&target).await })?;
        let outcome = self.send_parts(&mut upload, content, length);
        match outcome {
            Ok(()) => self.run(timeout, async move { upload.complete().await.map(drop) }),
            Err(error) => {
                // Parts that stay behind are the provider's to remove; the first failure is the one to tell.
                self.run(timeout, async move { upload.abort().await }).ok();
                Err(error)
            }
        }
    }

    fn send_parts(
        &self,
        upload: &mut Box<dyn MultipartUpload>,
        content: &dyn ReadAt,
        length: u64,
    ) -> Result<(), BucketError> {
        let mut offset = 0;
        while offset < length {
            let part = read_local(content, offset..length.min(offset + PART_BYTES))?;
            offset += cast::wide(part.len());
            let sending = upload.put_part(part.into());
            self.run(self.timeout * UPLOAD_TIMES, sending)?;
        }
        Ok(())
    }
}

/// Why a call ended before its answer.
#[derive(Debug)]
enum Stopped {
    Late,
    Closing,
}

/// The beginning of a provider's words, which may be a page of XML.
fn one_line(text: &str) -> String {
    const CHARACTERS_MAX: usize = 400;
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(CHARACTERS_MAX).collect()
}

fn read_local(content: &dyn ReadAt, range: Range<u64>) -> Result<Bytes, BucketError> {
    let mut bytes = vec![0; cast::size(range.end - range.start)];
    let read = content.read_exact_at(&mut bytes, range.start);
    read.map_err(|error| BucketError::Local { message: error.to_string() })?;
    Ok(bytes.into())
}

impl Bucket for RemoteBucket {
    fn name(&self) -> &str {
        &self.name
    }

    fn put(&self, object: &str, content: &dyn ReadAt) -> Result<(), BucketError> {
        let (path, length) = (self.path(object), content.byte_length());
        if length > PART_BYTES {
            return self.put_parts(&path, content, length);
        }
        let bytes = read_local(content, 0..length)?;
        let client = Arc::clone(&self.client);
        let work = async move { client.put(&path, bytes.into()).await.map(drop) };
        self.run(self.timeout * UPLOAD_TIMES, work)
    }

    fn byte_length(&self, object: &str) -> Result<u64, BucketError> {
        let (client, path) = (Arc::clone(&self.client), self.path(object));
        self.run(self.timeout, async move { Ok(client.head(&path).await?.size) })
    }

    fn read(&self, object: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, BucketError> {
        let (client, path, reads) =
            (Arc::clone(&self.client), self.path(object), Arc::clone(&self.reads));
        let wanted = ranges.to_vec();
        let answers = self.run(self.timeout, async move {
            let mut tasks = tokio::task::JoinSet::new();
            for (place, range) in wanted.into_iter().enumerate() {
                let (client, path, reads) = (Arc::clone(&client), path.clone(), Arc::clone(&reads));
                tasks.spawn(async move {
                    // Never closed: without a permit the request is merely not counted.
                    let _permit = reads.acquire().await;
                    client.get_range(&path, range).await.map(|bytes| (place, bytes))
                });
            }
            let mut answers = Vec::with_capacity(tasks.len());
            while let Some(answer) = tasks.join_next().await {
                answers.push(answer??);
            }
            answers.sort_unstable_by_key(|(place, _)| *place);
            Ok(answers)
        })?;
        let answers: Vec<Bytes> = answers.into_iter().map(|(_, bytes)| bytes).collect();
        for (range, bytes) in ranges.iter().zip(&answers) {
            if cast::wide(bytes.len()) != range.end - range.start {
                let message = format!("{} bytes of {object} for {range:?}", bytes.len());
                return Err(BucketError::Wrong { bucket: self.name.clone(), message });
            }
        }
        Ok(answers)
    }

    fn remove(&self, object: &str) -> Result<(), BucketError> {
        let (client, path) = (Arc::clone(&self.client), self.path(object));
        match self.run(self.timeout, async move { client.delete(&path).await }) {
            Err(BucketError::NotFound { .. }) => Ok(()),
            outcome => outcome,
        }
    }

    fn close(&self) {
        self.closing.send_replace(true);
    }
}

impl Drop for RemoteBucket {
    fn drop(&mut self) {
        self.closing.send_replace(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "lists of one range")]
mod tests {
    use super::*;
    use fanal_base::ErrorKind;
    use object_store::memory::InMemory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};

    const LONG: Duration = Duration::from_secs(3_600);

    fn bucket(client: impl ObjectStore, timeout: Duration) -> RemoteBucket {
        let folder = Path::from("some/folder");
        RemoteBucket::new("memory".to_owned(), Arc::new(client), folder, timeout).expect("starts")
    }

    fn content(length: u64) -> Vec<u8> {
        (0..=250).cycle().take(cast::size(length)).collect()
    }

    fn check_round_trip(bucket: &RemoteBucket) {
        for length in [0, 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 5] {
            let bytes = content(length);
            bucket.put("tenant/a.block", &bytes).expect("put");
            assert_eq!(bucket.byte_length("tenant/a.block"), Ok(length));
            let ranges = [length / 2..length, 0..length.min(7), length / 3..length / 2];
            let ranges: Vec<_> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
            let parts = bucket.read("tenant/a.block", &ranges).expect("read");
            for (range, part) in ranges.iter().zip(parts) {
                assert_eq!(
                    part,
                    bytes[cast::size(range.start)..cast::size(range.end)],
                    "{range:?}"
                );
            }
        }
        bucket.remove("tenant/a.block").expect("removed");
        bucket.remove("tenant/a.block").expect("gone already");
        let gone = bucket.byte_length("tenant/a.block").expect_err("gone");
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
        let gone = bucket.read("tenant/a.block", &[0..1]).expect_err("gone");
        assert_eq!(gone.kind(), ErrorKind::NotFound, "{gone}");
    }

    #[test]
    fn objects_come_back_in_parts() {
        check_round_trip(&bucket(InMemory::new(), LONG));
    }

    #[test]
    fn a_folder_is_a_bucket() {
        let folder = tempfile::tempdir().expect("temp folder");
        let url = format!("file://{}/bucket", folder.path().display());
        let config = BucketConfig { url, ..BucketConfig::default() };
        check_round_trip(&RemoteBucket::open(&config).expect("valid").expect("a bucket"));
        assert!(RemoteBucket::open(&BucketConfig::default()).expect("valid").is_none());
    }

    #[test]
    fn a_short_answer_is_wrong() {
        let bucket = bucket(InMemory::new(), LONG);
        bucket.put("a", &content(10)).expect("put");
        let error = bucket.read("a", &[5..20]).expect_err("short");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }

    /// A bucket whose objects are there but hang when read.
    fn hanging(timeout: Duration) -> RemoteBucket {
        let throttle = ThrottleConfig { wait_get_per_call: LONG, ..ThrottleConfig::default() };
        let bucket = bucket(ThrottledStore::new(InMemory::new(), throttle), timeout);
        bucket.put("a", &content(10)).expect("put");
        bucket
    }

    #[test]
    fn a_bucket_that_hangs_is_given_up() {
        let bucket = hanging(Duration::from_millis(20));
        let error = bucket.read("a", &[0..5]).expect_err("late");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("no answer within 0.02 s"), "{error}");
    }

    #[test]
    fn closing_ends_what_is_under_way() {
        let bucket = Arc::new(hanging(LONG));
        let reader = Arc::clone(&bucket);
        let reading = std::thread::spawn(move || reader.read("a", &[0..5]));
        while bucket.closing.receiver_count() == 0 {
            std::thread::yield_now();
        }
        bucket.close();
        let error = reading.join().expect("ends").expect_err("closed");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(bucket.put("b", &content(1)).is_err(), "closed for later calls too");
    }
}
