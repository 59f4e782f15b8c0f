//! Where messages come from: what the consumer needs of a client of Kafka.
//!
//! `client` is the real one; tests script their own. Invariant: messages of a partition come in the order of their offsets,
//! from the last committed one on.

use bytes::Bytes;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) place: Place,
    /// Empty where a producer sent none.
    pub(super) value: Bytes,
}

/// Where a message lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index of the topic among those of the settings.
    pub(super) topic: usize,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// What a source gives.
#[derive(Debug)]
pub(super) enum Event {
    Message(Message),
    /// Something is wrong, for a person; the source goes on by itself.
    Trouble(String),
}

/// A member of a group of consumers.
pub(super) trait Source: Send {
    /// Waits for what comes next, however long. May be given up at any time. Brokers take a member that does not ask for
    /// minutes for dead.
    fn next(&mut self) -> impl Future<Output = Event> + Send;

    /// What is here already.
    fn try_next(&mut self) -> Option<Event>;

    /// Stops the partitions that are assigned now; others may be assigned while it lasts.
    fn pause(&mut self);

    /// Lets every partition go on.
    fn resume(&mut self);

    /// Says that every message up to these, one for each partition, needs to come no more. Those of partitions that went
    /// to another member are passed over.
    fn commit(&mut self, last: &[Place]);
}
