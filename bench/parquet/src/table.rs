//! Spans as an Arrow table with a column for each attribute key and type, and its Parquet file.
//!
//! Zstandard pages, dictionaries, page statistics and a Bloom filter for trace ids: what a careful user of Parquet
//! would choose. Events and links are lists; their attributes are text, which is cheaper than typed columns would be.

use anyhow::Result;
use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int64Builder, ListBuilder,
    StringBuilder, UInt8Builder, UInt64Builder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use datafusion::parquet::schema::types::ColumnPath;
use fanal_model::{IndexedBatch, SpanRef, ValueRef};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Spans of a row group.
const GROUP_SPANS: usize = 131_072;
/// Spans turned into arrays at once.
const BATCH_SPANS: usize = 16_384;

/// Attribute columns met so far: every file has all of the files before it.
#[derive(Default)]
pub(crate) struct Columns(BTreeMap<(String, Kind), ()>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Text,
    Bool,
    Int,
    Float,
}

fn kind_of(value: ValueRef<'_>) -> Kind {
    match value {
        ValueRef::Bool(_) => Kind::Bool,
        ValueRef::Int(_) => Kind::Int,
        ValueRef::Float(_) => Kind::Float,
        _ => Kind::Text,
    }
}

/// The column of an attribute: a second type of a key gets a name of its own.
fn name_of(key: &str, kind: Kind) -> String {
    match kind {
        Kind::Text => key.to_owned(),
        Kind::Bool => format!("{key}:bool"),
        Kind::Int => format!("{key}:int"),
        Kind::Float => format!("{key}:float"),
    }
}

/// Attributes of span and resource, the resource's with a prefix.
fn each_attribute(span: &SpanRef<'_>, mut each: impl FnMut(&str, ValueRef<'_>)) {
    span.attributes().for_each(|(key, value)| each(key, value));
    for (key, value) in &span.resource().attributes {
        let text = value.to_text();
        each(&format!("resource.{key}"), ValueRef::String(&text));
    }
}

/// Writes one file, its rows by trace.
pub(crate) fn write_file(path: &Path, batches: &[IndexedBatch], columns: &mut Columns) -> Result<()> {
    let mut starts = BTreeMap::new();
    let mut rows = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        for span in batch.spans() {
            let start = starts.entry(span.trace_id()).or_insert(u64::MAX);
            *start = span.start_unix_nanos().min(*start);
            rows.push((number, span.row()));
            each_attribute(&span, |key, value| {
                let kind = kind_of(value);
                if !columns.0.contains_key(&(key.to_owned(), kind)) {
                    columns.0.insert((key.to_owned(), kind), ());
                }
            });
        }
    }
    rows.sort_by_cached_key(|&(batch, row)| {
        let span = batches[batch].span(row);
        let trace_id = span.trace_id();
        (starts[&trace_id], trace_id, span.start_unix_nanos())
    });
    let schema = Arc::new(schema(columns));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_max_row_group_row_count(Some(GROUP_SPANS))
        .set_column_bloom_filter_enabled(ColumnPath::from("trace_id"), true)
        .set_column_dictionary_enabled(ColumnPath::from("trace_id"), true)
        .set_column_dictionary_enabled(ColumnPath::from("span_id"), false)
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, Arc::clone(&schema), Some(properties))?;
    for rows in rows.chunks(BATCH_SPANS) {
        writer.write(&to_arrow(&schema, columns, batches, rows)?)?;
    }
    writer.close()?;
    Ok(())
}

fn list(name: &str, item: DataType) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("item", item, true))), true)
}

fn schema(columns: &Columns) -> Schema {
    let mut fields = vec![
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        Field::new("parent_span_id", DataType::FixedSizeBinary(8), true),
        Field::new("start", DataType::UInt64, false),
        Field::new("duration", DataType::UInt64, false),
        Field::new("name", DataType::Utf8, false),
        Field::new("kind", DataType::UInt8, false),
        Field::new("status", DataType::UInt8, false),
        Field::new("status_message", DataType::Utf8, true),
        Field::new("trace_state", DataType::Utf8, true),
        Field::new("flags", DataType::UInt64, false),
        Field::new("scope", DataType::Utf8, false),
        list("event_times", DataType::UInt64),
        list("event_names", DataType::Utf8),
        list("event_attributes", DataType::Utf8),
        list("links", DataType::Utf8),
    ];
    fields.extend(columns.0.keys().map(|(key, kind)| {
        let data_type = match kind {
            Kind::Text => DataType::Utf8,
            Kind::Bool => DataType::Boolean,
            Kind::Int => DataType::Int64,
            Kind::Float => DataType::Float64,
        };
        Field::new(name_of(key, *kind), data_type, true)
    }));
    Schema::new(fields)
}

enum Builder {
    Text(StringBuilder),
    Bool(BooleanBuilder),
    Int(Int64Builder),
    Float(Float64Builder),
}

impl Builder {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::new()),
            Kind::Bool => Self::Bool(BooleanBuilder::new()),
            Kind::Int => Self::Int(Int64Builder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
        }
    }

    fn push(&mut self, value: Option<ValueRef<'_>>) {
        match (self, value) {
            (Self::Text(builder), value) => builder.append_option(value.map(|value| value.to_text().into_owned())),
            (Self::Bool(builder), Some(ValueRef::Bool(value))) => builder.append_value(value),
            (Self::Bool(builder), _) => builder.append_null(),
            (Self::Int(builder), Some(ValueRef::Int(value))) => builder.append_value(value),
            (Self::Int(builder), _) => builder.append_null(),
            (Self::Float(builder), Some(ValueRef::Float(value))) => builder.append_value(value),
            (Self::Float(builder), _) => builder.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
            Self::Int(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
        }
    }
}

fn to_arrow(
    schema: &Arc<Schema>,
    columns: &Columns,
    batches: &[IndexedBatch],
    rows: &[(usize, usize)],
) -> Result<RecordBatch> {
    let mut ids = [FixedSizeBinaryBuilder::new(16), FixedSizeBinaryBuilder::new(8), FixedSizeBinaryBuilder::new(8)];
    let mut numbers = [UInt64Builder::new(), UInt64Builder::new(), UInt64Builder::new()];
    let mut codes = [UInt8Builder::new(), UInt8Builder::new()];
    let mut texts = [StringBuilder::new(), StringBuilder::new(), StringBuilder::new(), StringBuilder::new()];
    let mut event_times = ListBuilder::new(UInt64Builder::new());
    let mut lists = [const { () }; 3].map(|()| ListBuilder::new(StringBuilder::new()));
    let mut attributes: BTreeMap<_, _> =
        columns.0.keys().map(|column| (column.clone(), (Builder::new(column.1), 0))).collect();
    for (place, &(batch, row)) in rows.iter().enumerate() {
        let span = batches[batch].span(row);
        ids[0].append_value(span.trace_id().0)?;
        ids[1].append_value(span.span_id().0)?;
        if span.parent_span_id().0 == [0; 8] {
            ids[2].append_null();
        } else {
            ids[2].append_value(span.parent_span_id().0)?;
        }
        numbers[0].append_value(span.start_unix_nanos());
        numbers[1].append_value(span.duration_nanos());
        numbers[2].append_value(u64::from(span.flags()));
        codes[0].append_value(span.kind_number());
        codes[1].append_value(span.status_number());
        texts[0].append_value(span.name());
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        texts[1].append_option(some(span.status_message()));
        texts[2].append_option(some(span.trace_state()));
        texts[3].append_value(&span.scope().name);
        for event in span.events() {
            event_times.values().append_value(event.time_unix_nanos());
            lists[0].values().append_value(event.name());
            lists[1].values().append_value(as_text(event.attributes()));
        }
        for link in span.links() {
            let text = format!("{:?} {:?} {}", link.trace_id(), link.span_id(), as_text(link.attributes()));
            lists[2].values().append_value(text);
        }
        event_times.append(true);
        lists.iter_mut().for_each(|list| list.append(true));
        each_attribute(&span, |key, value| {
            if let Some((builder, filled)) = attributes.get_mut(&(key.to_owned(), kind_of(value))) {
                while *filled < place {
                    builder.push(None);
                    *filled += 1;
                }
                builder.push(Some(value));
                *filled += 1;
            }
        });
    }
    let mut arrays: Vec<ArrayRef> = Vec::new();
    arrays.extend(ids.map(|mut builder| Arc::new(builder.finish()) as ArrayRef));
    let [starts, durations, flags] = numbers.map(|mut builder| Arc::new(builder.finish()) as ArrayRef);
    let [kinds, statuses] = codes.map(|mut builder| Arc::new(builder.finish()) as ArrayRef);
    let [names, messages, states, scopes] = texts.map(|mut builder| Arc::new(builder.finish()) as ArrayRef);
    arrays.extend([starts, durations, names, kinds, statuses, messages, states, flags, scopes]);
    arrays.push(Arc::new(event_times.finish()));
    arrays.extend(lists.map(|mut builder| Arc::new(builder.finish()) as ArrayRef));
    for (mut builder, filled) in attributes.into_values() {
        (filled..rows.len()).for_each(|_| builder.push(None));
        arrays.push(builder.finish());
    }
    Ok(RecordBatch::try_new(Arc::clone(schema), arrays)?)
}

fn as_text<'a>(attributes: impl Iterator<Item = (&'a str, ValueRef<'a>)>) -> String {
    attributes.map(|(key, value)| format!("{key}={}\n", value.to_text())).collect()
}
