//! The embedded columnar engine: an append log that is the table, a head in memory, and blocks ordered by trace.
//!
//! The pipeline appends, the query crate asks, both through `SpanStore`. Invariant: what was acknowledged is durable
//! and visible, exactly once, through every crash. Knows spans and files, no protocol and no query language.

mod asking;
mod background;
mod backoff;
mod block;
mod catalog;
pub mod config;
pub mod disk;
mod export;
mod failure;
mod ground;
mod guard;
mod head;
pub mod inspect;
mod log;
mod lookup;
mod merge;
mod priority;
mod publish;
mod queue;
mod room;
mod search;
pub mod segment;
mod store;
mod tenant;
pub mod tier;
mod upkeep;
mod vocabulary;

pub use background::Step;
pub use config::{LocalConfig, Retention, TenantConfig};
pub use disk::{Disk, DiskFile, DiskLock, RealDisk};
pub use ground::Ground;
pub use store::LocalStore;
