//! The span model: ids, typed values, and `SpanBatch`, the columns in which spans live from the
//! moment they are decoded until they are answered.
//!
//! Formats build batches, storage keeps them, queries read them. Knows no wire format and no disk format.
//! Invariant: every built batch passes [`SpanBatch::validate`], so that readers index without fear.

mod append;
mod attribute_builder;
pub mod attributes;
pub mod batch;
pub mod builder;
pub mod column;
mod column_builder;
mod dictionary;
mod gather;
pub mod id;
pub mod indexed;
pub mod nested;
pub mod peer;
pub mod raw;
pub mod resource;
mod shape_tree;
pub mod value;

pub use append::Remap;
pub use attribute_builder::AttributeTableBuilder;
pub use attributes::AttributeTable;
pub use batch::{EventTable, InvalidBatch, LinkTable, SpanBatch};
pub use builder::{SpanBatchBuilder, SpanFields, SpanTexts};
pub use column::{BytesTable, DictionaryColumn, SparseColumn};
pub use dictionary::DictionaryBuilder;
pub use gather::{RowRef, gather};
pub use id::{SpanId, TraceId};
pub use indexed::{EventRef, IndexedBatch, LinkRef, SpanRef};
pub use raw::{NotText, RawValue};
pub use resource::{EntityRef, Resource, Scope};
pub use value::{AttributeType, SpanKind, StatusCode, Value, ValueRef};
