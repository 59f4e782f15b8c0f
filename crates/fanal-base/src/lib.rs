//! What every crate of Fanal stands on: time, byte budgets, checked casts, error kinds.
//!
//! Imports nothing of ours. Holds mechanisms, never policy: the limits themselves live beside the code
//! that they protect.

pub mod budget;
pub mod cast;
pub mod clock;
pub mod error;

pub use budget::{ByteBudget, BytePermit};
pub use clock::{Clock, ManualClock, SystemClock};
pub use error::ErrorKind;
