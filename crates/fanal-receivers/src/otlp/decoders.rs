//! Decoders between two requests, with what they remember and the buffers they keep.
//!
//! Shared by the requests of one door. Invariant: at most a fixed number is kept, each bounded by its own limits.

use fanal_formats::otlp::protobuf::RequestDecoder;
use fanal_formats::{DecodeError, Decoded};
use std::sync::{Mutex, PoisonError};

/// Keeps decoders.
#[derive(Debug)]
pub(crate) struct DecoderPool {
    /// The one used last is taken first: its memory is warm.
    idle: Mutex<Vec<RequestDecoder>>,
    kept_max: usize,
}

impl DecoderPool {
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { idle: Mutex::default(), kept_max }
    }

    /// Decodes a protobuf request.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Decoded, DecodeError> {
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut decoder = kept.unwrap_or_default();
        let outcome = decoder.decode(bytes);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.kept_max {
            idle.push(decoder);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoders_are_kept_to_a_limit_also_after_broken_requests() {
        let check = |kept_max: usize, expect: usize| {
            let pool = DecoderPool::new(kept_max);
            assert!(pool.decode(b"\xff").is_err());
            assert_eq!(pool.decode(b"").map(|decoded| decoded.batch.len()), Ok(0));
            assert_eq!(pool.idle.lock().expect("whole").len(), expect);
        };
        check(2, 1);
        check(0, 0);
    }
}
