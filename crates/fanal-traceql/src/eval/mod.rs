//! The reference evaluator: what a checked query means, as plain code over whole traces.
//!
//! It defines the semantics; engines are compared with it. So it is written to be read: it visits every span for every
//! stage and keeps nothing. Fed with [`Trace`]s, which come from the model.

mod aggregate;
mod compare;
mod exemplar;
mod expression;
mod metrics;
mod output;
mod pipeline;
mod second;
mod series;
mod structure;
mod time;
mod trace;
mod tree;

use crate::check::Checked;

pub use aggregate::aggregate_of;
pub use compare::{TOP_DEFAULT, compared_labels, is_selected};
pub use exemplar::{EXEMPLARS_MAX, exemplar_count};
pub use metrics::{combined, exemplars, metrics};
pub use output::{SpanOutput, field, fields, span_output};
pub use pipeline::{Spanset, matched, search};
pub use series::{Exemplar, Label, NAME_KEY, Series, label_value, ordered, text};
pub use time::{BUCKETS_MAX, Buckets, InvalidRange, auto_step};
pub use trace::{Event, Link, Span, Trace};

/// What turned up during the evaluation that the asker should know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Warnings {
    /// Whole numbers that were divided by zero, each of which gave nil.
    pub divisions_by_zero: u64,
}

/// What every step of an evaluation needs.
struct State<'a> {
    query: &'a Checked,
    warnings: &'a mut Warnings,
}

impl Warnings {
    /// The warnings in words.
    pub fn messages(&self) -> Vec<String> {
        match self.divisions_by_zero {
            0 => Vec::new(),
            _ => vec!["whole numbers were divided by zero: such values are nil".to_owned()],
        }
    }
}

#[cfg(test)]
mod exemplar_tests;
