//! Appending records: one write and one sync for each group, on a file that was never seen to fail.
//!
//! Used by the commits of one tenant, one at a time. After any failure the file is given up, because nothing is known of what a failed
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
    /// Records of one write; kept, because fresh memory costs the kernel more than filling it.
    records: Vec<u8>,
}

/// Most bytes that the buffer of records keeps between writes.
const KEPT_BYTES_MAX: usize = 4 << 20;

impl LogAppender {
    /// Goes on behind `last_sequence`, in a new file.
    pub(crate) fn new(files: Arc<LogFiles>, last_sequence: u64) -> Self {
        Self { files, active: None, next_sequence: last_sequence + 1, records: Vec::new() }
    }

    /// Makes records durable with one write and one sync, and answers the sequence of the first.
    pub(crate) fn append(
        &mut self,
        arrived_unix_nanos: u64,
        bodies: &[Vec<u8>],
    ) -> Result<u64, StoreError> {
        if let Some(body) = bodies.iter().find(|body| body.len() > BODY_BYTES_MAX) {
            let message = format!(
                "log record of {} bytes exceeds {BODY_BYTES_MAX}; send smaller batches",
                body.len()
            );
            return Err(StoreError::Invalid { message });
        }
        let sequence = self.next_sequence;
        self.next_sequence += cast::wide(bodies.len());
        self.append_at(sequence, arrived_unix_nanos, bodies).map_err(|error| {
            self.seal();
            match error {
                // A full disk is told to the log where it is noticed.
                StoreError::Unavailable { .. } => error,
                error => {
                    let message = failure::chain(&error);
                    tracing::error!(error = message, sequence, "log record was not written");
                    StoreError::Unavailable { message }
                }
            }
        })?;
        Ok(sequence)
    }

    fn append_at(
        &mut self,
        sequence: u64,
        arrived: u64,
        bodies: &[Vec<u8>],
    ) -> Result<(), StoreError> {
        let length = bodies.iter().map(|body| cast::wide(frame::record_bytes(body.len()))).sum();
        let fits = |active: &ActiveLog| active.offset + length <= active.log.capacity;
        if self.active.as_ref().is_some_and(|active| !fits(active)) {
            self.seal();
        }
        if self.active.is_none() {
            self.active = Some(self.files.begin(sequence, RECORDS_OFFSET + length)?);
        }
        let Some(active) = self.active.as_mut() else { return Ok(()) };
        let records = &mut self.records;
        records.clear();
        records.reserve(cast::size(length));
        for (number, body) in (sequence..).zip(bodies) {
            frame::encode_record(active.log.number, number, arrived, body, records);
        }
        active
            .file
            .write_all_at(records, active.offset)
            .and_then(|()| active.file.sync_data())
            .map_err(|source| StoreError::Io {
                operation: format!("writing record {sequence} of log file {}", active.log.number),
                source,
            })?;
        active.offset += length;
        active.log.last_sequence = self.next_sequence - 1;
        active.log.used_bytes += length;
        self.files.note_active(active.log.used_bytes);
        self.records.clear();
        self.records.shrink_to(KEPT_BYTES_MAX);
        Ok(())
    }

    fn seal(&mut self) {
        if let Some(active) = self.active.take() {
            self.files.seal(active.log);
        }
    }
}
