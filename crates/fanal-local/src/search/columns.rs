//! One view of the two places that are scanned: a part of the head, and a granule of a block.
//!
//! Plans are compiled against [`Dictionaries`] and evaluated over [`Columns`]. Nothing is decoded that is not asked
//! for; what lies in memory is borrowed.

use crate::head::HeadPart;
use crate::segment::{
    AttributeOwner, ClassCells, Classes, ColumnValues, DictionaryId, Granule, GranuleReader,
    ResourceSummary, Segment, SegmentError, TextColumn, TextValues,
};
use fanal_base::cast;
use fanal_model::attributes::AttributeValues;
use fanal_model::{
    AttributeTable, AttributeType, BytesTable, DictionaryColumn, Scope, SpanId, TraceId,
};
use std::borrow::Cow;
use std::sync::Arc;

type Read<T> = Result<T, SegmentError>;

/// Ids of spans, and of their parents.
type SpanAndParentIds<'a> = (Cow<'a, [SpanId]>, Cow<'a, [SpanId]>);

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

impl From<ColumnValues> for Cells<'_> {
    fn from(values: ColumnValues) -> Self {
        match values {
            ColumnValues::Empty(count) => Self::Empty(count),
            ColumnValues::Text(TextValues::Coded(codes)) => Self::Coded(codes),
            ColumnValues::Text(TextValues::Local(column)) => Self::Local(Cow::Owned(column)),
            ColumnValues::Bool(values) => Self::Bool(Cow::Owned(values)),
            ColumnValues::Int(values) => Self::Int(Cow::Owned(values)),
            ColumnValues::Float(values) => Self::Float(Cow::Owned(values)),
        }
    }
}

/// What plans are compiled against.
pub(crate) trait Dictionaries {
    /// Distinct names, by code.
    fn names(&self) -> Read<Arc<BytesTable>>;
    /// Distinct encoded resources, by code.
    fn resources(&self) -> Read<Arc<BytesTable>>;
    /// Services and keys of the resources.
    fn resource_summary(&self) -> Read<Arc<ResourceSummary>>;
    /// Distinct scopes, by code; one that does not decode is empty.
    fn scopes(&self) -> Read<Vec<Scope>>;
    /// The classes of spans, where there are any.
    fn classes(&self) -> Read<Option<Arc<Classes>>>;
    /// What classes tell of a column of span attributes.
    fn class_cells(&self, column: u32) -> Read<Option<ClassCells>>;
    /// Attribute columns of a key, with their types.
    fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<(u32, AttributeType)>;
    /// Every attribute column, with its key and type; rare keys share one without.
    fn all_columns(&self, owner: AttributeOwner) -> Vec<(u32, Option<(String, AttributeType)>)>;
    /// The column of rare keys.
    fn overflow_column(&self, owner: AttributeOwner) -> Option<u32>;
    /// The dictionary of the status messages, where they have one that is not local to granules.
    fn status_message_table(&self) -> Read<Option<Arc<BytesTable>>>;
    /// The dictionary of the names of events, where they have one that is not local to granules.
    fn event_name_table(&self) -> Read<Option<Arc<BytesTable>>>;
    /// The dictionary of an attribute column, where it has one that is not local to granules.
    fn attribute_table(&self, owner: AttributeOwner, column: u32) -> Read<Option<Arc<BytesTable>>>;
}

/// Columns of one unit of scanning. Where marks are given, rows without one may have any value.
pub(crate) trait Columns {
    /// Spans.
    fn row_count(&self) -> usize;
    /// Trace ids.
    fn trace_ids(&self) -> Read<Cow<'_, [TraceId]>>;
    /// Ids of spans, and of their parents.
    fn span_and_parent_ids(&self) -> Read<SpanAndParentIds<'_>>;
    /// Which spans have no parent.
    fn roots(&self) -> Read<Vec<bool>>;
    /// Status messages, a value for each span.
    fn status_messages(&self) -> Read<Cells<'_>>;
    /// Names of events, a value for each event.
    fn event_names(&self) -> Read<Cells<'_>>;
    /// Starts.
    fn starts(&self) -> Read<Cow<'_, [u64]>>;
    /// Durations.
    fn durations(&self, marks: Option<&[bool]>) -> Read<Cow<'_, [u64]>>;
    /// Numbers of kinds.
    fn kinds(&self) -> Read<Cow<'_, [u8]>>;
    /// Numbers of status codes.
    fn status_codes(&self) -> Read<Cow<'_, [u8]>>;
    /// A column of codes.
    fn codes(&self, column: CodedColumn, marks: Option<&[bool]>) -> Read<Cow<'_, [u32]>>;
    /// Classes, indices into what [`Dictionaries::classes`] gave.
    fn class_codes(&self, classes: &Classes) -> Read<Cow<'_, [u32]>>;
    /// By span: one past its last event or link.
    fn item_ends(&self, owner: AttributeOwner) -> Read<Cow<'_, [u32]>>;
    /// Values of an attribute column; `None` where it has none here.
    fn cells(&self, owner: AttributeOwner, column: u32) -> Read<Option<Cells<'_>>>;
    /// Values of a column of span attributes that classes do not fix, and the row of each.
    fn stored_cells(&self, column: u32) -> Read<Option<(Cells<'_>, Vec<u32>)>>;
    /// For each value of an attribute column the span, event or link that it belongs to.
    fn cell_rows(&self, owner: AttributeOwner, column: u32) -> Read<Vec<u32>>;
}

/// A part of the head.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PartColumns<'a>(pub &'a HeadPart);

impl<'a> PartColumns<'a> {
    fn table(self, owner: AttributeOwner) -> &'a AttributeTable {
        let batch = self.0.spans.batch();
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
        Ok(Arc::new(self.0.spans.batch().names.table.clone()))
    }

    fn resources(&self) -> Read<Arc<BytesTable>> {
        Ok(Arc::new(self.0.spans.batch().resources.table.clone()))
    }

    fn resource_summary(&self) -> Read<Arc<ResourceSummary>> {
        Ok(self.0.resource_summary())
    }

    fn scopes(&self) -> Read<Vec<Scope>> {
        Ok(self.0.spans.scopes().to_vec())
    }

    fn classes(&self) -> Read<Option<Arc<Classes>>> {
        Ok(None)
    }

    fn class_cells(&self, _: u32) -> Read<Option<ClassCells>> {
        Ok(None)
    }

    fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<(u32, AttributeType)> {
        (0..)
            .zip(&self.table(owner).columns)
            .filter(|(_, column)| *column.key == *key)
            .filter_map(|(number, column)| type_of(&column.values).map(|kind| (number, kind)))
            .collect()
    }

    fn all_columns(&self, owner: AttributeOwner) -> Vec<(u32, Option<(String, AttributeType)>)> {
        let columns = (0..).zip(&self.table(owner).columns);
        let told = |column: &fanal_model::attributes::AttributeColumn| {
            type_of(&column.values).map(|kind| (column.key.to_string(), kind))
        };
        columns.map(|(number, column)| (number, told(column))).collect()
    }

    fn overflow_column(&self, owner: AttributeOwner) -> Option<u32> {
        (0..)
            .zip(&self.table(owner).columns)
            .find(|(_, column)| type_of(&column.values).is_none())
            .map(|(number, _)| number)
    }

    fn status_message_table(&self) -> Read<Option<Arc<BytesTable>>> {
        Ok(None)
    }

    fn event_name_table(&self) -> Read<Option<Arc<BytesTable>>> {
        Ok(None)
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
        Ok(Cow::Borrowed(&self.0.spans.batch().trace_ids))
    }

    fn span_and_parent_ids(&self) -> Read<SpanAndParentIds<'_>> {
        let batch = self.0.spans.batch();
        Ok((Cow::Borrowed(&batch.span_ids), Cow::Borrowed(&batch.parent_span_ids)))
    }

    fn roots(&self) -> Read<Vec<bool>> {
        Ok(self.0.spans.batch().parent_span_ids.iter().map(|id| id.is_zero()).collect())
    }

    fn status_messages(&self) -> Read<Cells<'_>> {
        Ok(Cells::Local(Cow::Borrowed(&self.0.spans.batch().status_messages)))
    }

    fn event_names(&self) -> Read<Cells<'_>> {
        Ok(Cells::Local(Cow::Borrowed(&self.0.spans.batch().events.names)))
    }

    fn starts(&self) -> Read<Cow<'_, [u64]>> {
        Ok(Cow::Borrowed(&self.0.spans.batch().start_unix_nanos))
    }

    fn durations(&self, _: Option<&[bool]>) -> Read<Cow<'_, [u64]>> {
        let batch = self.0.spans.batch();
        Ok((0..batch.len()).map(|row| batch.duration_nanos(row)).collect())
    }

    fn kinds(&self) -> Read<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(&self.0.spans.batch().kinds))
    }

    fn status_codes(&self) -> Read<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(&self.0.spans.batch().status_codes))
    }

    fn codes(&self, column: CodedColumn, _: Option<&[bool]>) -> Read<Cow<'_, [u32]>> {
        let batch = self.0.spans.batch();
        let column = match column {
            CodedColumn::Names => &batch.names,
            CodedColumn::Resources => &batch.resources,
            CodedColumn::Scopes => &batch.scopes,
        };
        Ok(Cow::Borrowed(&column.codes))
    }

    fn class_codes(&self, _: &Classes) -> Read<Cow<'_, [u32]>> {
        Ok(Cow::Borrowed(&[]))
    }

    fn item_ends(&self, owner: AttributeOwner) -> Read<Cow<'_, [u32]>> {
        let batch = self.0.spans.batch();
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

    fn stored_cells(&self, column: u32) -> Read<Option<(Cells<'_>, Vec<u32>)>> {
        let cells = self.cells(AttributeOwner::Span, column)?;
        Ok(cells.zip(Some(self.cell_rows(AttributeOwner::Span, column)?)))
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

    fn resources(&self) -> Read<Arc<BytesTable>> {
        self.table(TextColumn::Resources)
    }

    fn resource_summary(&self) -> Read<Arc<ResourceSummary>> {
        self.0.resource_summary()
    }

    fn scopes(&self) -> Read<Vec<Scope>> {
        let table = self.table(TextColumn::Scopes)?;
        Ok(table.iter().map(|entry| Scope::decode(entry).unwrap_or_default()).collect())
    }

    fn classes(&self) -> Read<Option<Arc<Classes>>> {
        self.0.classes()
    }

    fn class_cells(&self, column: u32) -> Read<Option<ClassCells>> {
        self.0.class_cells(column)
    }

    fn columns_of_key(&self, owner: AttributeOwner, key: &str) -> Vec<(u32, AttributeType)> {
        let metas = self.0.attribute_columns(owner);
        let kind_of = |column: u32| metas.get(cast::index(column)).and_then(|meta| meta.kind);
        let columns = self.0.columns_of_key(owner, key);
        columns.into_iter().filter_map(|column| Some((column, kind_of(column)?))).collect()
    }

    fn all_columns(&self, owner: AttributeOwner) -> Vec<(u32, Option<(String, AttributeType)>)> {
        let metas = (0..).zip(self.0.attribute_columns(owner));
        metas.map(|(column, it)| (column, it.kind.map(|kind| (it.key.to_string(), kind)))).collect()
    }

    fn overflow_column(&self, owner: AttributeOwner) -> Option<u32> {
        self.0.overflow_column(owner)
    }

    fn status_message_table(&self) -> Read<Option<Arc<BytesTable>>> {
        self.0.dictionary(DictionaryId::Text(TextColumn::StatusMessages))
    }

    fn event_name_table(&self) -> Read<Option<Arc<BytesTable>>> {
        self.0.dictionary(DictionaryId::Text(TextColumn::EventNames))
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
#[derive(Debug)]
pub(crate) struct GranuleColumns<'a> {
    reader: GranuleReader<'a>,
    rows: usize,
}

impl<'a> GranuleColumns<'a> {
    /// The granule of a number.
    pub(crate) fn new(segment: &'a Segment, granule: usize) -> Read<Self> {
        let rows = segment.granules().get(granule).map_or(0, Granule::row_count);
        Ok(Self { reader: segment.granule_reader(granule)?, rows })
    }

    fn read<T>(
        &self,
        marks: Option<&[bool]>,
        read: impl Fn(&GranuleReader<'a>) -> Read<Vec<T>>,
    ) -> Read<Cow<'_, [T]>>
    where
        [T]: ToOwned<Owned = Vec<T>>,
    {
        let values = match marks {
            Some(marks) => read(&self.reader.of_marked(marks)),
            None => read(&self.reader),
        };
        values.map(Cow::Owned)
    }
}

impl Columns for GranuleColumns<'_> {
    fn row_count(&self) -> usize {
        self.rows
    }

    fn trace_ids(&self) -> Read<Cow<'_, [TraceId]>> {
        self.reader.trace_ids().map(Cow::Owned)
    }

    fn span_and_parent_ids(&self) -> Read<SpanAndParentIds<'_>> {
        let span_ids = self.reader.span_ids()?;
        let parents = self.reader.parents(&span_ids)?;
        Ok((Cow::Owned(span_ids), Cow::Owned(parents)))
    }

    fn roots(&self) -> Read<Vec<bool>> {
        self.reader.roots()
    }

    fn status_messages(&self) -> Read<Cells<'_>> {
        self.reader.texts(TextColumn::StatusMessages).map(|it| Cells::from(ColumnValues::Text(it)))
    }

    fn event_names(&self) -> Read<Cells<'_>> {
        self.reader.texts(TextColumn::EventNames).map(|it| Cells::from(ColumnValues::Text(it)))
    }

    fn starts(&self) -> Read<Cow<'_, [u64]>> {
        self.reader.starts().map(Cow::Owned)
    }

    fn durations(&self, marks: Option<&[bool]>) -> Read<Cow<'_, [u64]>> {
        self.read(marks, GranuleReader::durations)
    }

    fn kinds(&self) -> Read<Cow<'_, [u8]>> {
        self.reader.kinds().map(Cow::Owned)
    }

    fn status_codes(&self) -> Read<Cow<'_, [u8]>> {
        self.reader.status_codes().map(Cow::Owned)
    }

    fn codes(&self, column: CodedColumn, marks: Option<&[bool]>) -> Read<Cow<'_, [u32]>> {
        let column = match column {
            CodedColumn::Names => TextColumn::Names,
            CodedColumn::Resources => TextColumn::Resources,
            CodedColumn::Scopes => TextColumn::Scopes,
        };
        self.read(marks, |reader| reader.codes(column))
    }

    fn class_codes(&self, classes: &Classes) -> Read<Cow<'_, [u32]>> {
        self.reader.class_codes(classes).map(Cow::Borrowed)
    }

    fn item_ends(&self, owner: AttributeOwner) -> Read<Cow<'_, [u32]>> {
        match owner {
            AttributeOwner::Span => Ok((1..=cast::narrow(self.rows)).collect()),
            _ => self.reader.item_ends(owner).map(Cow::Owned),
        }
    }

    fn cells(&self, owner: AttributeOwner, column: u32) -> Read<Option<Cells<'_>>> {
        Ok(self.reader.attribute_values(owner, column)?.map(Cells::from))
    }

    fn stored_cells(&self, column: u32) -> Read<Option<(Cells<'_>, Vec<u32>)>> {
        let stored = self.reader.stored_attribute(column)?;
        Ok(stored.map(|(values, rows)| (Cells::from(values), rows)))
    }

    fn cell_rows(&self, owner: AttributeOwner, column: u32) -> Read<Vec<u32>> {
        self.reader.attribute_rows(owner, column)
    }
}
