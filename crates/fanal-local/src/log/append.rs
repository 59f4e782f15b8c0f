//! Appending records: one write and one sync each, on a file that was never seen to fail.
//!
//! Owned by the commit thread alone. After any failure the file is given up, because nothing is known of what a failed
//! sync left behind, and sequences go on behind the lost one.

use super::files::{ActiveLog, LogFiles};
use super::frame::{self, BODY_BYTES_MAX, RECORDS_OFFSET};
use crate::failure;
use fanal_base::cast;
use fanal_storage::StoreError;
use std::sync::Arc;

/// Appends records of one tenant.
#[derive(Debug)]
pub(crate) struct LogAppender {
    files: Arc<LogFiles>,
    active: Option<ActiveLog>,
    next_sequence: u64,
}

impl LogAppender {
    /// Goes on behind `last_sequence`, in a new file.
    pub(crate) fn new(files: Arc<LogFiles>, last_sequence: u64) -> Self {
        Self { files, active: None, next_sequence: last_sequence + 1 }
    }

    /// Makes a record durable and answers its sequence.
    pub(crate) fn append(
        &mut self,
        arrived_unix_nanos: u64,
        body: &[u8],
    ) -> Result<u64, StoreError> {
        if body.len() > BODY_BYTES_MAX {
            let message = format!(
                "log record of {} bytes exceeds {BODY_BYTES_MAX}; send smaller batches",
                body.len()
            );
            return Err(StoreError::Invalid { message });
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.append_at(sequence, arrived_unix_nanos, body).map_err(|error| {
            tracing::error!(error = failure::chain(&error), sequence, "log record was not written");
            self.seal();
            StoreError::Unavailable { message: failure::chain(&error) }
        })?;
        Ok(sequence)
    }

    fn append_at(&mut self, sequence: u64, arrived: u64, body: &[u8]) -> Result<(), StoreError> {
        let length = cast::wide(frame::record_bytes(body.len()));
        let fits = |active: &ActiveLog| active.offset + length <= active.log.capacity;
        if self.active.as_ref().is_some_and(|active| !fits(active)) {
            self.seal();
        }
        if self.active.is_none() {
            self.active = Some(self.files.begin(sequence, RECORDS_OFFSET + length)?);
        }
        let Some(active) = self.active.as_mut() else { return Ok(()) };
        let record = frame::encode_record(active.log.number, sequence, arrived, body);
        active
            .file
            .write_all_at(&record, active.offset)
            .and_then(|()| active.file.sync_data())
            .map_err(|source| StoreError::Io {
                operation: format!("writing record {sequence} of log file {}", active.log.number),
                source,
            })?;
        active.offset += length;
        active.log.last_sequence = sequence;
        active.log.used_bytes += length;
        self.files.note_active(active.log.used_bytes);
        Ok(())
    }

    fn seal(&mut self) {
        if let Some(active) = self.active.take() {
            self.files.seal(active.log);
        }
    }
}
