//! A batch of messages on its way: gathered up to a limit, cut into the pieces that are stored together.
//!
//! Filled by `consume`. Invariant: a batch is within [`BATCH_BYTES`] and [`BATCH_MESSAGES_MAX`] or a single message; its
//! last places cover exactly its messages.

use super::config::KafkaEncoding;
use super::source::{Message, Place};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes from which on a batch takes no more. Larger ones spread the wait for the disk over more spans.
pub(super) const BATCH_BYTES: usize = 4 << 20;

/// Most messages of a batch.
pub(super) const BATCH_MESSAGES_MAX: usize = 1024;

/// What a message costs beside its bytes, roughly.
pub(super) const MESSAGE_OVERHEAD_BYTES: usize = 256;

/// Messages that become one submission.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) encoding: KafkaEncoding,
    pub(super) messages: Vec<Message>,
}

impl Piece {
    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.messages.iter().map(|message| message.value.len() + MESSAGE_OVERHEAD_BYTES).sum()
    }

    /// Each message by itself.
    pub(super) fn split(&self) -> impl Iterator<Item = Arc<Piece>> + '_ {
        self.messages.iter().map(|message| {
            Arc::new(Piece { encoding: self.encoding, messages: vec![message.clone()] })
        })
    }
}

/// Messages that are committed together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pieces: Vec<Piece>,
    messages: usize,
    bytes: usize,
    /// The last offset of each topic and partition.
    last: BTreeMap<(usize, i32), i64>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Whether a message still goes in. Any goes into an empty batch.
    pub(super) fn has_room(&self, message: &Message, bytes_max: usize) -> bool {
        let bytes = self.bytes + message.value.len() + MESSAGE_OVERHEAD_BYTES;
        self.is_empty() || (self.messages < BATCH_MESSAGES_MAX && bytes <= bytes_max)
    }

    pub(super) fn push(&mut self, message: Message, encoding: KafkaEncoding) {
        self.messages += 1;
        self.bytes += message.value.len() + MESSAGE_OVERHEAD_BYTES;
        let place = message.place;
        let last = self.last.entry((place.topic, place.partition)).or_insert(place.offset);
        *last = place.offset.max(*last);
        // One span is too little for a submission of its own.
        let is_single = matches!(encoding, KafkaEncoding::JaegerProto | KafkaEncoding::JaegerJson);
        let piece = self.pieces.iter_mut().find(|piece| is_single && piece.encoding == encoding);
        match piece {
            Some(piece) => piece.messages.push(message),
            None => self.pieces.push(Piece { encoding, messages: vec![message] }),
        }
    }

    /// The pieces, and what to commit when all of them are done.
    pub(super) fn into_parts(self) -> (Vec<Arc<Piece>>, Vec<Place>) {
        let last = self.last.into_iter();
        let last = last.map(|((topic, partition), offset)| Place { topic, partition, offset });
        (self.pieces.into_iter().map(Arc::new).collect(), last.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(topic: usize, partition: i32, offset: i64, bytes: usize) -> Message {
        let value = Bytes::from(vec![0; bytes]);
        Message { place: Place { topic, partition, offset }, value }
    }

    #[test]
    fn single_spans_share_a_piece_and_partitions_have_their_last_offset() {
        let mut batch = Batch::default();
        let encodings =
            [KafkaEncoding::OtlpProto, KafkaEncoding::JaegerProto, KafkaEncoding::JaegerJson];
        for (offset, topic) in [(5, 0), (1, 1), (6, 0), (2, 1), (9, 2)] {
            batch.push(message(topic, 0, offset, 1), encodings[topic]);
        }
        batch.push(message(1, 7, 30, 1), encodings[1]);
        let (pieces, last) = batch.into_parts();
        let counts: Vec<usize> = pieces.iter().map(|piece| piece.messages.len()).collect();
        assert_eq!(counts, [1, 3, 1, 1]);
        let place = |topic, partition, offset| Place { topic, partition, offset };
        assert_eq!(last, [place(0, 0, 6), place(1, 0, 2), place(1, 7, 30), place(2, 0, 9)]);
        assert_eq!(pieces[1].bytes(), 3 * (1 + MESSAGE_OVERHEAD_BYTES));
        assert_eq!(pieces[1].split().map(|piece| piece.messages.len()).sum::<usize>(), 3);
    }

    #[test]
    fn batches_have_limits() {
        let mut batch = Batch::default();
        assert!(batch.has_room(&message(0, 0, 0, 5_000), 1_000), "alone");
        batch.push(message(0, 0, 0, 500), KafkaEncoding::Zipkin);
        assert!(!batch.has_room(&message(0, 0, 1, 500), 1_000));
        assert!(batch.has_room(&message(0, 0, 1, 500), 2_000));
        for offset in 1..1024 {
            batch.push(message(0, 0, offset, 0), KafkaEncoding::Zipkin);
        }
        assert!(!batch.has_room(&message(0, 0, 1024, 0), usize::MAX));
    }
}
