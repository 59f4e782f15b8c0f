//! Why a strategies file is not taken.

use fanal_base::ErrorKind;

/// A strategies file that is wrong; the strategies before it stay.
#[derive(Debug, thiserror::Error)]
pub enum StrategiesError {
    /// It has more bytes than are read.
    #[error(
        "strategies have more than {allowed} bytes; leave out services whose strategy is the default"
    )]
    TooLarge {
        /// Bytes allowed.
        allowed: usize,
    },
    /// It is not JSON of the right shape.
    #[error("strategies are no JSON of Jaeger's form")]
    Json(#[from] serde_json::Error),
    /// A parameter is outside its range.
    #[error("{place}: param of a {kind} strategy is {found}; write {range}")]
    Param {
        /// Service and operation.
        place: String,
        /// The type of the strategy.
        kind: &'static str,
        /// The parameter.
        found: f64,
        /// What may stand there.
        range: &'static str,
    },
}

impl StrategiesError {
    /// How a caller reacts.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}
