//! TraceQL: the language in which Fanal is asked, and what its questions mean.
//!
//! Text becomes a [`Query`] ([`parse`]). Queries print themselves in canonical form (`Display`), and that form parses to
//! the same query. Pure: knows no store, no plan and no protocol.

pub mod ast;
pub mod check;
pub mod complete;
pub mod error;
pub mod eval;
mod lexer;
pub mod parser;
mod print;
pub mod regex;
mod suggest;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod types;
pub mod value;

pub use ast::Query;
pub use check::{Checked, Warning, check, compile};
pub use complete::{Completion, complete, lenient_filter};
pub use error::{ErrorClass, TextError};
pub use parser::{parse, parse_attribute};
