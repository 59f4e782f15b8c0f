//! Spans as Parquet, a row a span, for `DuckDB`, pandas, Spark and the like.
//!
//! Fed with OTLP requests, which it decodes; memory holds one row group. The schema is below and in `docs/export.md`.
//! Attributes are maps whose values have a field for each type, so that no type is lost; arrays and maps are JSON text.

use anyhow::{Context, bail};
use fanal_base::cast;
use fanal_formats::otlp::file::{LENGTH_BYTES, request_length};
use fanal_formats::otlp::protobuf::RequestDecoder;
use fanal_model::{IndexedBatch, SpanRef, Value, ValueRef};
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use std::fs::File;
use std::sync::Arc;

/// Spans of a row group.
const GROUP_ROWS: usize = 65_536;
/// Leaves of a map of attributes.
const MAP_LEAVES: usize = 7;

/// A map of attributes, by its name.
fn map(name: &str) -> String {
    format!(
        "required group {name} (MAP) {{ repeated group key_value {{ required binary key (STRING); \
         required group value {{ optional binary string (STRING); optional boolean bool; \
         optional int64 int; optional double double; optional binary bytes; \
         optional binary json (STRING); }} }} }}"
    )
}

/// The schema of a file.
pub(crate) fn schema() -> String {
    let (resource, scope, span) =
        (map("resource_attributes"), map("scope_attributes"), map("attributes"));
    let item = map("attributes");
    let dropped = "required int32 dropped_attributes_count (INTEGER(32,false));";
    format!(
        "message span {{ \
         required binary trace_id (STRING); required binary span_id (STRING); \
         optional binary parent_span_id (STRING); required binary service_name (STRING); \
         required binary name (STRING); required binary kind (STRING); \
         required int64 start_time (TIMESTAMP(NANOS,true)); \
         required int64 end_time (TIMESTAMP(NANOS,true)); required int64 duration_nanos; \
         required binary status_code (STRING); required binary status_message (STRING); \
         required binary trace_state (STRING); required int32 flags (INTEGER(32,false)); \
         required binary scope_name (STRING); required binary scope_version (STRING); \
         {dropped} required int32 dropped_events_count (INTEGER(32,false)); \
         required int32 dropped_links_count (INTEGER(32,false)); \
         {resource} {scope} {span} \
         required group events (LIST) {{ repeated group list {{ required group element {{ \
         required int64 time (TIMESTAMP(NANOS,true)); required binary name (STRING); {dropped} \
         {item} }} }} }} \
         required group links (LIST) {{ repeated group list {{ required group element {{ \
         required binary trace_id (STRING); required binary span_id (STRING); \
         required binary trace_state (STRING); required int32 flags (INTEGER(32,false)); \
         {dropped} {item} }} }} }} }}"
    )
}

/// Values of a column of one physical type.
#[derive(Debug)]
enum Values {
    Bytes(Vec<ByteArray>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    Bool(Vec<bool>),
}

/// One value of a column.
#[derive(Debug, Clone)]
enum Cell {
    Bytes(Vec<u8>),
    Int32(u32),
    Int64(i64),
    Double(f64),
    Bool(bool),
}

/// A column that grows: values, and where they belong (definition and repetition levels).
#[derive(Debug)]
struct Leaf {
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

impl Leaf {
    fn of(physical: parquet::basic::Type) -> Self {
        use parquet::basic::Type;
        let values = match physical {
            Type::INT32 => Values::Int32(Vec::new()),
            Type::INT64 => Values::Int64(Vec::new()),
            Type::DOUBLE => Values::Double(Vec::new()),
            Type::BOOLEAN => Values::Bool(Vec::new()),
            _ => Values::Bytes(Vec::new()),
        };
        Self { values, definitions: Vec::new(), repetitions: Vec::new() }
    }

    fn push(&mut self, cell: Option<Cell>, definition: i16, repetition: i16) {
        self.definitions.push(definition);
        self.repetitions.push(repetition);
        match (&mut self.values, cell) {
            (Values::Bytes(values), Some(Cell::Bytes(bytes))) => values.push(bytes.into()),
            (Values::Int32(values), Some(Cell::Int32(number))) => {
                values.push(number.cast_signed());
            }
            (Values::Int64(values), Some(Cell::Int64(number))) => values.push(number),
            (Values::Double(values), Some(Cell::Double(number))) => values.push(number),
            (Values::Bool(values), Some(Cell::Bool(flag))) => values.push(flag),
            // Cells are pushed in the order of the schema, so that types agree.
            (_, _) => {}
        }
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>) -> parquet::errors::Result<()> {
        let (definitions, repetitions) = (Some(&*self.definitions), Some(&*self.repetitions));
        match &self.values {
            Values::Bytes(values) => {
                column.typed::<ByteArrayType>().write_batch(values, definitions, repetitions)
            }
            Values::Int32(values) => {
                column.typed::<Int32Type>().write_batch(values, definitions, repetitions)
            }
            Values::Int64(values) => {
                column.typed::<Int64Type>().write_batch(values, definitions, repetitions)
            }
            Values::Double(values) => {
                column.typed::<DoubleType>().write_batch(values, definitions, repetitions)
            }
            Values::Bool(values) => {
                column.typed::<BoolType>().write_batch(values, definitions, repetitions)
            }
        }
        .map(|_| ())
    }

    fn clear(&mut self) {
        match &mut self.values {
            Values::Bytes(values) => values.clear(),
            Values::Int32(values) => values.clear(),
            Values::Int64(values) => values.clear(),
            Values::Double(values) => values.clear(),
            Values::Bool(values) => values.clear(),
        }
        self.definitions.clear();
        self.repetitions.clear();
    }
}

/// Writes cells of one span after the other into the leaves, in the order of the schema.
struct Row<'a> {
    leaves: std::slice::IterMut<'a, Leaf>,
}

impl Row<'_> {
    fn cell(&mut self, cell: Option<Cell>, definition: i16) {
        if let Some(leaf) = self.leaves.next() {
            leaf.push(cell, definition, 0);
        }
    }

    fn text(&mut self, text: &str) {
        self.cell(Some(bytes(text)), 0);
    }

    fn take(&mut self, count: usize) -> Vec<&mut Leaf> {
        self.leaves.by_ref().take(count).collect()
    }
}

/// A time as Parquet has it; times after 2262 are the latest that it can tell.
fn time(unix_nanos: u64) -> Cell {
    Cell::Int64(i64::try_from(unix_nanos).unwrap_or(i64::MAX))
}

fn bytes(text: &str) -> Cell {
    Cell::Bytes(text.as_bytes().to_vec())
}

/// Appends a map of attributes. `depth` is how many repeated groups it lies in, `repetition` that of its first entry.
fn push_map<'v>(
    leaves: &mut [&mut Leaf],
    entries: impl Iterator<Item = (&'v str, [Option<Cell>; MAP_LEAVES - 1])>,
    depth: i16,
    mut repetition: i16,
) {
    let mut is_empty = true;
    for (key, values) in entries {
        is_empty = false;
        for (leaf, (cell, is_key)) in leaves
            .iter_mut()
            .zip([(Some(bytes(key)), true)].into_iter().chain(values.map(|cell| (cell, false))))
        {
            let definition = depth + 1 + i16::from(cell.is_some() && !is_key);
            leaf.push(cell, definition, repetition);
        }
        repetition = depth + 1;
    }
    if is_empty {
        push_nothing(leaves, depth, repetition);
    }
}

fn push_nothing(leaves: &mut [&mut Leaf], definition: i16, repetition: i16) {
    leaves.iter_mut().for_each(|leaf| leaf.push(None, definition, repetition));
}

/// The fields of a value: one of them, or none for a key without a value.
fn fields(value: ValueRef<'_>) -> [Option<Cell>; MAP_LEAVES - 1] {
    let mut fields = [const { None }; MAP_LEAVES - 1];
    let (place, cell) = match value {
        ValueRef::Empty => return fields,
        ValueRef::String(text) => (0, bytes(text)),
        ValueRef::Bool(flag) => (1, Cell::Bool(flag)),
        ValueRef::Int(number) => (2, Cell::Int64(number)),
        ValueRef::Float(number) => (3, Cell::Double(number)),
        ValueRef::Bytes(bytes) => (4, Cell::Bytes(bytes.to_vec())),
        ValueRef::Array(_) | ValueRef::Map(_) => {
            (5, Cell::Bytes(json(&value.to_value()).to_string().into_bytes()))
        }
    };
    fields[place] = Some(cell);
    fields
}

fn owned_fields(value: &Value) -> [Option<Cell>; MAP_LEAVES - 1] {
    match value {
        Value::Empty => fields(ValueRef::Empty),
        Value::String(text) => fields(ValueRef::String(text)),
        Value::Bool(flag) => fields(ValueRef::Bool(*flag)),
        Value::Int(number) => fields(ValueRef::Int(*number)),
        Value::Float(number) => fields(ValueRef::Float(*number)),
        Value::Bytes(bytes) => fields(ValueRef::Bytes(bytes)),
        Value::Array(_) | Value::Map(_) => {
            let mut fields = fields(ValueRef::Empty);
            fields[5] = Some(Cell::Bytes(json(value).to_string().into_bytes()));
            fields
        }
    }
}

/// A nested value as JSON; bytes are lower-case hex, numbers that JSON has not are null.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Empty => serde_json::Value::Null,
        Value::String(text) => text.as_str().into(),
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Bytes(_) => value.to_text().into(),
        Value::Array(values) => values.iter().map(json).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
    }
}

fn owned(
    attributes: &[(String, Value)],
) -> impl Iterator<Item = (&str, [Option<Cell>; MAP_LEAVES - 1])> {
    attributes.iter().map(|(key, value)| (key.as_str(), owned_fields(value)))
}

fn push_span(leaves: &mut [Leaf], span: &SpanRef<'_>) {
    let mut row = Row { leaves: leaves.iter_mut() };
    row.text(&span.trace_id().to_string());
    row.text(&span.span_id().to_string());
    let parent = span.parent_span_id();
    let parent = (!parent.is_zero()).then(|| Cell::Bytes(parent.to_string().into_bytes()));
    let definition = i16::from(parent.is_some());
    row.cell(parent, definition);
    row.text(span.service_name());
    row.text(span.name());
    row.text(span.kind().as_str());
    row.cell(Some(time(span.start_unix_nanos())), 0);
    row.cell(Some(time(span.end_unix_nanos())), 0);
    row.cell(Some(time(span.duration_nanos())), 0);
    row.text(span.status_code().as_str());
    row.text(span.status_message());
    row.text(span.trace_state());
    row.cell(Some(Cell::Int32(span.flags())), 0);
    row.text(&span.scope().name);
    row.text(&span.scope().version);
    row.cell(Some(Cell::Int32(span.dropped_attributes_count())), 0);
    row.cell(Some(Cell::Int32(span.dropped_events_count())), 0);
    row.cell(Some(Cell::Int32(span.dropped_links_count())), 0);
    push_map(&mut row.take(MAP_LEAVES), owned(&span.resource().attributes), 0, 0);
    push_map(&mut row.take(MAP_LEAVES), owned(&span.scope().attributes), 0, 0);
    let attributes = span.attributes().map(|(key, value)| (key, fields(value)));
    push_map(&mut row.take(MAP_LEAVES), attributes, 0, 0);
    push_events(&mut row.take(3 + MAP_LEAVES), span);
    push_links(&mut row.take(5 + MAP_LEAVES), span);
}

fn push_events(leaves: &mut [&mut Leaf], span: &SpanRef<'_>) {
    if span.events().len() == 0 {
        return push_nothing(leaves, 0, 0);
    }
    for (number, event) in span.events().enumerate() {
        let repetition = i16::from(number > 0);
        let (fixed, attributes) = leaves.split_at_mut(3);
        let cells = [
            time(event.time_unix_nanos()),
            bytes(event.name()),
            Cell::Int32(event.dropped_attributes_count()),
        ];
        fixed.iter_mut().zip(cells).for_each(|(leaf, cell)| leaf.push(Some(cell), 1, repetition));
        let entries = event.attributes().map(|(key, value)| (key, fields(value)));
        push_map(attributes, entries, 1, repetition);
    }
}

fn push_links(leaves: &mut [&mut Leaf], span: &SpanRef<'_>) {
    if span.links().len() == 0 {
        return push_nothing(leaves, 0, 0);
    }
    for (number, link) in span.links().enumerate() {
        let repetition = i16::from(number > 0);
        let (fixed, attributes) = leaves.split_at_mut(5);
        let cells = [
            bytes(&link.trace_id().to_string()),
            bytes(&link.span_id().to_string()),
            bytes(link.trace_state()),
            Cell::Int32(link.flags()),
            Cell::Int32(link.dropped_attributes_count()),
        ];
        fixed.iter_mut().zip(cells).for_each(|(leaf, cell)| leaf.push(Some(cell), 1, repetition));
        let entries = link.attributes().map(|(key, value)| (key, fields(value)));
        push_map(attributes, entries, 1, repetition);
    }
}

/// A Parquet file that is being written.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<File>,
    leaves: Vec<Leaf>,
    rows: usize,
    decoder: RequestDecoder,
    /// The beginning of a request whose end has not come.
    waiting: Vec<u8>,
}

impl ParquetFile {
    /// Begins a file.
    pub(super) fn new(file: File) -> anyhow::Result<Self> {
        let schema = Arc::new(parse_message_type(&schema())?);
        let compression = Compression::ZSTD(ZstdLevel::try_new(1)?);
        let properties = WriterProperties::builder().set_compression(compression).build();
        let writer = SerializedFileWriter::new(file, schema, Arc::new(properties))?;
        let columns = writer.schema_descr().columns();
        let leaves = columns.iter().map(|column| Leaf::of(column.physical_type())).collect();
        let decoder = RequestDecoder::default();
        Ok(Self { writer, leaves, rows: 0, decoder, waiting: Vec::new() })
    }

    /// Takes bytes of OTLP in protobuf with the length before each request; requests may be cut anywhere.
    pub(super) fn take(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.waiting.extend_from_slice(bytes);
        let waiting = std::mem::take(&mut self.waiting);
        let mut rest = &*waiting;
        while let Some((length, behind)) = rest.split_first_chunk::<LENGTH_BYTES>()
            && let Some((request, behind)) = behind.split_at_checked(request_length(*length))
        {
            rest = behind;
            let decoded = self.decoder.decode(request).context("the export is no OTLP")?;
            let spans = IndexedBatch::new(Arc::new(decoded.batch))?;
            for span in spans.spans() {
                push_span(&mut self.leaves, &span);
                self.rows += 1;
            }
            if self.rows >= GROUP_ROWS {
                self.write_group()?;
            }
        }
        self.waiting = rest.to_vec();
        Ok(())
    }

    fn write_group(&mut self) -> anyhow::Result<()> {
        let mut group = self.writer.next_row_group()?;
        for leaf in &mut self.leaves {
            let Some(mut column) = group.next_column()? else { break };
            leaf.write(&mut column)?;
            column.close()?;
            leaf.clear();
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }

    /// Writes what is left and the end of the file; answers its bytes.
    pub(super) fn finish(mut self) -> anyhow::Result<u64> {
        if !self.waiting.is_empty() {
            bail!("the export ends within a request");
        }
        if self.rows > 0 {
            self.write_group()?;
        }
        self.writer.finish()?;
        self.writer.inner().sync_all()?;
        Ok(cast::wide(self.writer.bytes_written()))
    }
}
