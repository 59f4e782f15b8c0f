//! TraceQL: the language in which Fanal is asked, and what its questions mean.
//!
//! Text becomes a [`Query`] ([`parse`]). Queries print themselves in canonical form (`Display`), and that form parses to
//! the same query. Pure: knows no store, no plan and no protocol.

pub mod ast;
pub mod error;
mod lexer;
pub mod parser;
mod print;
pub mod regex;
mod suggest;
pub mod types;
pub mod value;

pub use ast::Query;
pub use error::{ErrorClass, TextError};
pub use parser::parse;
