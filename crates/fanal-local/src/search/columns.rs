//! One view of the two places that are scanned: a part of the head, and a granule of a block.
//!
//! Plans are compiled against [`Dictionaries`] and evaluated over [`Columns`]. Nothing is decoded that is not asked
//! for; what lies in memory is borrowed.

use crate::segment::{AttributeOwner, ColumnValues, DictionaryId, Segment, SegmentError};
use crate::segment::{TextColumn, TextValues};
use fanal_base::cast;
use fanal_model::attributes::AttributeValues;
use fanal_model::{
    AttributeTable, AttributeType, BytesTable, DictionaryColumn, IndexedBatch, Resource, Scope,
    TraceId,
};
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::Arc;

type Read<T> = Result<T, SegmentError>;

/// A column of codes that every span has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodedColumn {
    /// Span names.
    Names,
    /// Resources.
    Resources,
    /// Scopes.
    Scopes,
}

/// Values of an attribute column, of the rows that have it.
#[derive(Debug)]
pub(crate) enum Cells<'a> {
    /// So many keys without a value.
    Empty(usize),
    /// Codes into the dictionary that [`Dictionaries::attribute_table`] gives.
    Coded(Vec<u32>),
    /// Codes into their own table.
    Local(Cow<'a, DictionaryColumn>),
    /// Booleans.
    Bool(Cow<'a, [bool]>),
    /// Integers.
    Int(Cow<'a, [i64]>),
    /// Floats.
    Float(Cow<'a, [f64]>),
}

/// Entries that nobody copies.
#[derive(Debug)]
pub(crate) enum Shared<'a, T> {
    /// In memory anyway.
    Borrowed(&'a [T]),
    /// In a cache.
    Counted(Arc<[T]>),
}

impl<T> Deref for Shared<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Borrowed(entries) => entries,
            Self::Counted(entries) => entries,
        }
    }
}

/// What plans are compiled against.
pub(crate) trait Dictionaries {
    /// Distinct names, by code.
    fn names(&self) -> Read<Arc<BytesTable>>;
    /// Distinct resources, by code.
    fn resources(&self) -> Read<Shared<'_, Resource>>;
    /// Distinct scopes, by code.
    fn scopes(&self) -> Read<Shared<'_, Scope>>;
    /// Attribute columns of a key, with their types.
    fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<(u32, AttributeType)>;
    /// The column of rare keys.
    fn overflow_column(&self, owner: AttributeOwner) -> Option<u32>;
    /// The dictionary of an attribute column, where it has one that is not local to granules.
    fn attribute_table(&self, owner: AttributeOwner, column: u32) -> Read<Option<Arc<BytesTable>>>;
}

/// Columns of one unit of scanning.
pub(crate) trait Columns {
    /// Spans.
    fn row_count(&self) -> usize;
    /// Trace ids.
    fn trace_ids(&self) -> Read<Cow<'_, [TraceId]>>;
    /// Starts.
    fn starts(&self) -> Read<Cow<'_, [u64]>>;
    /// Durations.
    fn durations(&self) -> Read<Cow<'_, [u64]>>;
    /// Numbers of kinds.
    fn kinds(&self) -> Read<Cow<'_, [u8]>>;
    /// Numbers of status codes.
    fn status_codes(&self) -> Read<Cow<'_, [u8]>>;
    /// A column of codes.
    fn codes(&self, column: CodedColumn) -> Read<Cow<'_, [u32]>>;
    /// By span: one past its last event or link.
    fn item_ends(&self, owner: AttributeOwner) -> Read<Cow<'_, [u32]>>;
    /// Values of an attribute column; `None` where it has none here.
    fn cells(&self, owner: AttributeOwner, column: u32) -> Read<Option<Cells<'_>>>;
    /// For each value of an attribute column the span, event or link that it belongs to.
    fn cell_rows(&self, owner: AttributeOwner, column: u32) -> Read<Vec<u32>>;
}

/// A part of the head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartColumns<'a>(pub &'a IndexedBatch);

impl<'a> PartColumns<'a> {
    fn table(self, owner: AttributeOwner) -> &'a AttributeTable {
        let batch = self.0.batch();
        match owner {
            AttributeOwner::Span => &batch.attributes,
            AttributeOwner::Event => &batch.events.attributes,
            AttributeOwner::Link => &batch.links.attributes,
        }
    }
}

fn type_of(values: &AttributeValues) -> Option<AttributeType> {
    Some(match values {
        AttributeValues::Empty(_) => AttributeType::Empty,
        AttributeValues::String(_) => AttributeType::String,
        AttributeValues::Bool(_) => AttributeType::Bool,
        AttributeValues::Int(_) => AttributeType::Int,
        AttributeValues::Float(_) => AttributeType::Float,
        AttributeValues::Bytes(_) => AttributeType::Bytes,
        AttributeValues::Array(_) => AttributeType::Array,
        AttributeValues::Map(_) => AttributeType::Map,
        AttributeValues::Overflow(_) => return None,
    })
}

impl Dictionaries for PartColumns<'_> {
    fn names(&self) -> Read<Arc<BytesTable>> {
        Ok(Arc::new(self.0.batch().names.table.clone()))
    }

    fn resources(&self) -> Read<Shared<'_, Resource>> {
        Ok(Shared::Borrowed(self.0.resources()))
    }

    fn scopes(&self) -> Read<Shared<'_, Scope>> {
        Ok(Shared::Borrowed(self.0.scopes()))
    }

    fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<(u32, AttributeType)> {
        (0..)
            .zip(&self.table(owner).columns)
            .filter(|(_, column)| *column.key == *key)
            .filter_map(|(number, column)| type_of(&column.values).map(|kind| (number, kind)))
            .collect()
    }

    fn overflow_column(&self, owner: AttributeOwner) -> Option<u32> {
        (0..)
            .zip(&self.table(owner).columns)
            .find(|(_, column)| type_of(&column.values).is_none())
            .map(|(number, _)| number)
    }

    fn attribute_table(&self, _: AttributeOwner, _: u32) -> Read<Option<Arc<BytesTable>>> {
        Ok(None)
    }
}

impl Columns for PartColumns<'_> {
    fn row_count(&self) -> usize {
        self.0.len()
    }

    fn trace_ids(&self) -> Read<Cow<'_, [TraceId]>> {
        Ok(Cow::Borrowed(&self.0.batch().trace_ids))
    }

    fn starts(&self) -> Read<Cow<'_, [u64]>> {
        Ok(Cow::Borrowed(&self.0.batch().start_unix_nanos))
    }

    fn durations(&self) -> Read<Cow<'_, [u64]>> {
        let batch = self.0.batch();
        Ok((0..batch.len()).map(|row| batch.duration_nanos(row)).collect())
    }

    fn kinds(&self) -> Read<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(&self.0.batch().kinds))
    }

    fn status_codes(&self) -> Read<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(&self.0.batch().status_codes))
    }

    fn codes(&self, column: CodedColumn) -> Read<Cow<'_, [u32]>> {
        let batch = self.0.batch();
        let column = match column {
            CodedColumn::Names => &batch.names,
            CodedColumn::Resources => &batch.resources,
            CodedColumn::Scopes => &batch.scopes,
        };
        Ok(Cow::Borrowed(&column.codes))
    }

    fn item_ends(&self, owner: AttributeOwner) -> Read<Cow<'_, [u32]>> {
        let batch = self.0.batch();
        Ok(match owner {
            AttributeOwner::Span => (1..=cast::narrow(batch.len())).collect(),
            AttributeOwner::Event => Cow::Borrowed(&*batch.events.ends),
            AttributeOwner::Link => Cow::Borrowed(&*batch.links.ends),
        })
    }

    fn cells(&self, owner: AttributeOwner, column: u32) -> Read<Option<Cells<'_>>> {
        let Some(column) = self.table(owner).columns.get(cast::index(column)) else {
            return Ok(None);
        };
        Ok(Some(match &column.values {
            AttributeValues::Empty(count) => Cells::Empty(*count),
            AttributeValues::Bool(values) => Cells::Bool(Cow::Borrowed(values)),
            AttributeValues::Int(values) => Cells::Int(Cow::Borrowed(values)),
            AttributeValues::Float(values) => Cells::Float(Cow::Borrowed(values)),
            AttributeValues::String(values)
            | AttributeValues::Bytes(values)
            | AttributeValues::Array(values)
            | AttributeValues::Map(values)
            | AttributeValues::Overflow(values) => Cells::Local(Cow::Borrowed(values)),
        }))
    }

    fn cell_rows(&self, owner: AttributeOwner, column: u32) -> Read<Vec<u32>> {
        Ok(self.table(owner).rows_of(cast::index(column)))
    }
}

/// A segment's dictionaries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentDictionaries<'a>(pub &'a Segment);

impl SegmentDictionaries<'_> {
    fn table(self, column: TextColumn) -> Read<Arc<BytesTable>> {
        Ok(self.0.dictionary(DictionaryId::Text(column))?.unwrap_or_default())
    }
}

impl Dictionaries for SegmentDictionaries<'_> {
    fn names(&self) -> Read<Arc<BytesTable>> {
        self.table(TextColumn::Names)
    }

    fn resources(&self) -> Read<Shared<'_, Resource>> {
        self.0.resources().map(Shared::Counted)
    }

    fn scopes(&self) -> Read<Shared<'_, Scope>> {
        self.0.scopes().map(Shared::Counted)
    }

    fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<(u32, AttributeType)> {
        let metas = self.0.attribute_columns(owner);
        let kind_of = |column: u32| metas.get(cast::index(column)).and_then(|meta| meta.kind);
        let columns = self.0.columns_of_key(owner, key);
        columns.into_iter().filter_map(|column| Some((column, kind_of(column)?))).collect()
    }

    fn overflow_column(&self, owner: AttributeOwner) -> Option<u32> {
        self.0.overflow_column(owner)
    }

    fn attribute_table(&self, owner: AttributeOwner, column: u32) -> Read<Option<Arc<BytesTable>>> {
        let metas = self.0.attribute_columns(owner);
        if metas.get(cast::index(column)).is_some_and(|meta| meta.has_dictionary) {
            self.0.dictionary(DictionaryId::Attribute(owner, column))
        } else {
            Ok(None)
        }
    }
}

/// A granule of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GranuleColumns<'a> {
    /// The segment.
    pub segment: &'a Segment,
    /// Number of the granule.
    pub granule: usize,
}

impl Columns for GranuleColumns<'_> {
    fn row_count(&self) -> usize {
        self.segment.granules().get(self.granule).map_or(0, |granule| granule.rows.len())
    }

    fn trace_ids(&self) -> Read<Cow<'_, [TraceId]>> {
        self.segment.trace_ids(self.granule).map(Cow::Owned)
    }

    fn starts(&self) -> Read<Cow<'_, [u64]>> {
        self.segment.starts(self.granule).map(Cow::Owned)
    }

    fn durations(&self) -> Read<Cow<'_, [u64]>> {
        self.segment.durations(self.granule).map(Cow::Owned)
    }

    fn kinds(&self) -> Read<Cow<'_, [u8]>> {
        self.segment.kinds(self.granule).map(Cow::Owned)
    }

    fn status_codes(&self) -> Read<Cow<'_, [u8]>> {
        self.segment.status_codes(self.granule).map(Cow::Owned)
    }

    fn codes(&self, column: CodedColumn) -> Read<Cow<'_, [u32]>> {
        let codes = match column {
            CodedColumn::Names => self.segment.name_codes(self.granule),
            CodedColumn::Resources => self.segment.resource_codes(self.granule),
            CodedColumn::Scopes => self.segment.scope_codes(self.granule),
        };
        codes.map(Cow::Owned)
    }

    fn item_ends(&self, owner: AttributeOwner) -> Read<Cow<'_, [u32]>> {
        let ends = match owner {
            AttributeOwner::Span => Ok((1..=cast::narrow(self.row_count())).collect()),
            AttributeOwner::Event => self.segment.event_ends(self.granule),
            AttributeOwner::Link => self.segment.link_ends(self.granule),
        };
        ends.map(Cow::Owned)
    }

    fn cells(&self, owner: AttributeOwner, column: u32) -> Read<Option<Cells<'_>>> {
        let values = self.segment.attribute_values(owner, column, self.granule)?;
        Ok(values.map(|values| match values {
            ColumnValues::Empty(count) => Cells::Empty(count),
            ColumnValues::Text(TextValues::Coded(codes)) => Cells::Coded(codes),
            ColumnValues::Text(TextValues::Local(column)) => Cells::Local(Cow::Owned(column)),
            ColumnValues::Bool(values) => Cells::Bool(Cow::Owned(values)),
            ColumnValues::Int(values) => Cells::Int(Cow::Owned(values)),
            ColumnValues::Float(values) => Cells::Float(Cow::Owned(values)),
        }))
    }

    fn cell_rows(&self, owner: AttributeOwner, column: u32) -> Read<Vec<u32>> {
        self.segment.attribute_rows(owner, column, self.granule)
    }
}
