//! The keys of an aggregate as numbers: for each row of a unit the local id of its value, and for each id the value.
//!
//! Compiled once for each block and each part of the head. What a dictionary holds is never decoded row by row: ids are
//! codes, or follow from codes by a table. The meaning is that of `GroupKey::value_of`.

use super::cell::Entries;
use super::columns::{Cells, CodedColumn, Columns, Dictionaries};
use crate::segment::{AttributeOwner, Classes, ResourceSummary, SERVICE_KEY, SegmentError};
use fanal_base::cast;
use fanal_model::attributes::overflow_entry;
use fanal_model::resource::attributes_of;
use fanal_model::{AttributeType, BytesTable, SpanKind, StatusCode, ValueRef};
use fanal_storage::GroupKey;
use fanal_storage::aggregate::{encode_ref, encode_text, least_of};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::borrow::Cow;
use std::sync::Arc;

/// An encoded value; `None` where a span has none.
pub(crate) type GroupValue = Option<Vec<u8>>;

/// A key in one block or part.
#[derive(Debug)]
pub(crate) struct Dimension {
    source: Source,
}

#[derive(Debug)]
enum Source {
    /// The id is the code.
    Names(Arc<BytesTable>),
    /// The id follows from the code.
    Mapped {
        column: CodedColumn,
        ids: Vec<u32>,
        values: Vec<GroupValue>,
    },
    Kinds,
    Statuses,
    /// Id 0 is no value; then come the dictionaries of the columns, then what only a granule knows.
    Attribute(Vec<KeyColumn>),
}

/// A column that tells the id of a key by one code a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CodeSource {
    /// Classes, which hold the column of the key.
    Classes,
    /// A column of dictionary codes.
    Column(CodedColumn),
    /// Numbers of kinds.
    Kinds,
    /// Numbers of status codes.
    Statuses,
}

/// A column that can hold the key.
#[derive(Debug)]
struct KeyColumn {
    column: u32,
    entries: OwnedEntries,
    /// Its dictionary and the id of the first entry, where it has one.
    dictionary: Option<(Arc<BytesTable>, u32)>,
}

#[derive(Debug)]
enum OwnedEntries {
    Typed(AttributeType),
    Overflow(Box<str>),
}

/// The ids of a unit's rows.
#[derive(Debug, Default)]
pub(crate) struct RowIds {
    /// By row.
    pub ids: Vec<u32>,
    /// All ids are below.
    pub cardinality: u32,
    /// Values of the last ids, which only this unit knows.
    pub own: Vec<Vec<u8>>,
}

impl Dimension {
    /// Compiles a key.
    pub(crate) fn compile(
        key: &GroupKey,
        dictionaries: &impl Dictionaries,
    ) -> Result<Self, SegmentError> {
        let source = match key {
            GroupKey::Name => Source::Names(dictionaries.names()?),
            GroupKey::Kind => Source::Kinds,
            GroupKey::Status => Source::Statuses,
            GroupKey::Service => services(&*dictionaries.resource_summary()?),
            GroupKey::ResourceAttribute(key) => {
                let summary = dictionaries.resource_summary()?;
                if key == SERVICE_KEY && summary.is_plain {
                    services(&summary)
                } else if summary.has_key(key) {
                    let resources = dictionaries.resources()?;
                    mapped(CodedColumn::Resources, resources.iter().map(|it| least_in(it, key)))
                } else {
                    mapped(CodedColumn::Resources, summary.service_of.iter().map(|_| None))
                }
            }
            GroupKey::ScopeName => {
                let scopes = dictionaries.scopes()?;
                let value = |it: &fanal_model::Scope| Some(encode_text(&it.name));
                mapped(CodedColumn::Scopes, scopes.iter().map(value))
            }
            GroupKey::ScopeAttribute(key) => {
                let scopes = dictionaries.scopes()?;
                let value = |it: &fanal_model::Scope| least_of(&it.attributes, key);
                mapped(CodedColumn::Scopes, scopes.iter().map(value))
            }
            GroupKey::SpanAttribute(key) => Source::Attribute(key_columns(key, dictionaries)?),
        };
        Ok(Self { source })
    }

    /// Whether no span of the block or part has a value.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(&self.source, Source::Attribute(columns) if columns.is_empty())
    }

    /// Ids that every unit of the block shares: those below, 0 included.
    pub(crate) fn shared_cardinality(&self) -> u32 {
        match &self.source {
            Source::Names(table) => cast::narrow(table.len()).max(1),
            Source::Mapped { values, .. } => cast::narrow(values.len()).max(1),
            Source::Kinds => cast::narrow(SpanKind::ALL.len()),
            Source::Statuses => cast::narrow(StatusCode::ALL.len()),
            Source::Attribute(columns) => {
                1 + columns
                    .iter()
                    .filter_map(|column| column.dictionary.as_ref())
                    .map(|(table, _)| cast::narrow(table.len()))
                    .sum::<u32>()
            }
        }
    }

    /// The value of a shared id.
    pub(crate) fn shared_value(&self, id: u32) -> GroupValue {
        match &self.source {
            Source::Names(table) => {
                let entry = if cast::index(id) < table.len() { table.get_str(id) } else { "" };
                Some(encode_text(entry))
            }
            Source::Mapped { values, .. } => values.get(cast::index(id)).cloned().flatten(),
            Source::Kinds => SpanKind::ALL.get(cast::index(id)).map(|it| encode_text(it.as_str())),
            Source::Statuses => {
                StatusCode::ALL.get(cast::index(id)).map(|it| encode_text(it.as_str()))
            }
            Source::Attribute(columns) => columns.iter().find_map(|column| {
                let (table, first) = column.dictionary.as_ref()?;
                let code = id.checked_sub(*first)?;
                let is_here = cast::index(code) < table.len();
                is_here.then(|| column.encode(table.get(code))).flatten()
            }),
        }
    }

    /// The column that tells the ids, and the id of each of its codes; `None` for an attribute of spans.
    pub(crate) fn by_code(
        &self,
        classes: Option<(&Classes, &ResourceSummary)>,
    ) -> Option<(CodeSource, Vec<u32>)> {
        let (source, ids) = match &self.source {
            Source::Names(table) => {
                (CodeSource::Column(CodedColumn::Names), (0..cast::narrow(table.len())).collect())
            }
            Source::Mapped { column, ids, .. } => (CodeSource::Column(*column), ids.clone()),
            Source::Kinds => (CodeSource::Kinds, places(SpanKind::ALL, SpanKind::from_code)),
            Source::Statuses => {
                (CodeSource::Statuses, places(StatusCode::ALL, StatusCode::from_code))
            }
            Source::Attribute(_) => return None,
        };
        let (classes, summary) = classes.unzip();
        if source == CodeSource::Column(CodedColumn::Resources)
            && let Some(services) = classes.map(|classes| &classes.services)
            && let Some(by_service) = summary.and_then(|summary| by_service(&ids, summary))
            && !services.is_empty()
        {
            let id = |&service: &u32| by_service.get(cast::index(service)).copied().unwrap_or(0);
            return Some((CodeSource::Classes, services.iter().map(id).collect()));
        }
        let held = classes.and_then(|classes| held(source, classes));
        let Some(codes) = held else { return Some((source, ids)) };
        let id = |&code: &u32| ids.get(cast::index(code)).copied().unwrap_or(0);
        Some((CodeSource::Classes, codes.iter().map(id).collect()))
    }

    /// Ids of all rows of a unit, of an attribute of spans.
    pub(crate) fn row_ids(&self, columns: &impl Columns) -> Result<RowIds, SegmentError> {
        match &self.source {
            Source::Attribute(of_key) => self.attribute_ids(of_key, columns),
            _ => Ok(RowIds::default()),
        }
    }

    fn attribute_ids(
        &self,
        of_key: &[KeyColumn],
        columns: &impl Columns,
    ) -> Result<RowIds, SegmentError> {
        let first_own = self.shared_cardinality();
        let mut rows =
            RowIds { ids: vec![0; columns.row_count()], cardinality: 0, own: Vec::new() };
        for column in of_key {
            let Some(cells) = columns.cells(AttributeOwner::Span, column.column)? else { continue };
            let ids = column.cell_ids(&cells, first_own, &mut rows.own);
            let cell_rows = columns.cell_rows(AttributeOwner::Span, column.column)?;
            for (row, id) in cell_rows.into_iter().zip(ids).filter(|(_, id)| *id != 0) {
                let Some(known) = rows.ids.get_mut(cast::index(row)) else { continue };
                if *known == 0 || self.value(id, &rows.own) < self.value(*known, &rows.own) {
                    *known = id;
                }
            }
        }
        rows.cardinality = first_own + cast::narrow(rows.own.len());
        Ok(rows)
    }

    /// The value of an id of a unit whose own values are `own`.
    pub(crate) fn value(&self, id: u32, own: &[Vec<u8>]) -> GroupValue {
        match id.checked_sub(self.shared_cardinality()) {
            Some(place) => own.get(cast::index(place)).cloned(),
            None => self.shared_value(id),
        }
    }
}

/// The codes of a column by class, where classes hold it.
fn held(source: CodeSource, classes: &Classes) -> Option<Cow<'_, [u32]>> {
    let widened = |codes: &[u8]| Cow::Owned(codes.iter().map(|&code| u32::from(code)).collect());
    let codes = match source {
        CodeSource::Column(CodedColumn::Names) => Cow::Borrowed(&*classes.names),
        CodeSource::Column(CodedColumn::Scopes) => Cow::Borrowed(&*classes.scopes),
        CodeSource::Kinds => widened(&classes.kinds),
        CodeSource::Statuses => widened(&classes.status_codes),
        CodeSource::Column(CodedColumn::Resources) | CodeSource::Classes => return None,
    };
    (!codes.is_empty()).then_some(codes)
}

/// Ids by service, where all resources of a service have the same; `ids` are by resource.
fn by_service(ids: &[u32], summary: &ResourceSummary) -> Option<Vec<u32>> {
    let mut found = vec![None; summary.services.len()];
    for (&id, &service) in ids.iter().zip(&summary.service_of) {
        if *found.get_mut(cast::index(service))?.get_or_insert(id) != id {
            return None;
        }
    }
    Some(found.into_iter().map(Option::unwrap_or_default).collect())
}

/// By number of OTLP: the place among `all`.
fn places<T: PartialEq + Copy, const N: usize>(
    all: [T; N],
    from_code: impl Fn(u8) -> T,
) -> Vec<u32> {
    let place = |code| all.iter().position(|it| *it == from_code(code)).unwrap_or(0);
    (0..=u8::MAX).map(|code| cast::narrow(place(code))).collect()
}

/// The least value of a key of an encoded resource.
fn least_in(resource: &[u8], key: &str) -> GroupValue {
    let values = attributes_of(resource).filter(|(name, _)| *name == key.as_bytes());
    values.map(|(_, value)| value).min().map(<[u8]>::to_vec)
}

fn services(summary: &ResourceSummary) -> Source {
    let values = summary.services.iter().map(|name| Some(encode_text(name))).collect();
    Source::Mapped { column: CodedColumn::Resources, ids: summary.service_of.clone(), values }
}

/// Ids of distinct values, by code.
fn mapped(column: CodedColumn, entries: impl Iterator<Item = GroupValue>) -> Source {
    let mut known = HashMap::<GroupValue, u32, RandomState>::default();
    let mut values = Vec::new();
    let ids = entries
        .map(|value| {
            *known.entry(value).or_insert_with_key(|value| {
                values.push(value.clone());
                cast::narrow(values.len() - 1)
            })
        })
        .collect();
    Source::Mapped { column, ids, values }
}

fn key_columns(
    key: &str,
    dictionaries: &impl Dictionaries,
) -> Result<Vec<KeyColumn>, SegmentError> {
    let owner = AttributeOwner::Span;
    let mut next = 1;
    let mut of_key = Vec::new();
    let typed = dictionaries.columns_of_key(owner, key).into_iter();
    let typed = typed.map(|(column, kind)| (column, OwnedEntries::Typed(kind)));
    let overflow = dictionaries.overflow_column(owner).into_iter();
    let overflow = overflow.map(|column| (column, OwnedEntries::Overflow(key.into())));
    for (column, entries) in typed.chain(overflow) {
        let table = dictionaries.attribute_table(owner, column)?;
        let dictionary = table.map(|table| {
            let first = next;
            next += cast::narrow(table.len());
            (table, first)
        });
        of_key.push(KeyColumn { column, entries, dictionary });
    }
    Ok(of_key)
}

impl KeyColumn {
    /// An entry of a table as an encoded value; `None` where it is of another key.
    fn encode(&self, entry: &[u8]) -> GroupValue {
        let entries = match &self.entries {
            OwnedEntries::Typed(kind) => Entries::Typed(*kind),
            OwnedEntries::Overflow(key) => Entries::Overflow(key),
        };
        entries.value(entry).map(encode_ref)
    }

    /// The id of each value of the column; 0 where it is of another key. New values go to `own`.
    fn cell_ids(&self, cells: &Cells<'_>, first_own: u32, own: &mut Vec<Vec<u8>>) -> Vec<u32> {
        let mut keep = |value: Vec<u8>| {
            own.push(value);
            first_own + cast::narrow(own.len() - 1)
        };
        match cells {
            Cells::Empty(count) => vec![keep(encode_ref(ValueRef::Empty)); *count],
            Cells::Coded(codes) => {
                let Some((table, first)) = &self.dictionary else { return vec![0; codes.len()] };
                let is_of_key = |code: u32| match &self.entries {
                    OwnedEntries::Typed(_) => true,
                    OwnedEntries::Overflow(key) => overflow_entry(table.get(code)).0 == &**key,
                };
                let id = |&code: &u32| {
                    let is_known = cast::index(code) < table.len() && is_of_key(code);
                    if is_known { first + code } else { 0 }
                };
                codes.iter().map(id).collect()
            }
            Cells::Local(column) => {
                let mut ids: Vec<Option<u32>> = vec![None; column.table.len()];
                let mut id = |&code: &u32| {
                    let Some(known) = ids.get_mut(cast::index(code)) else { return 0 };
                    *known.get_or_insert_with(|| {
                        self.encode(column.table.get(code)).map_or(0, &mut keep)
                    })
                };
                column.codes.iter().map(&mut id).collect()
            }
            Cells::Bool(values) => distinct(values.iter(), |&&flag| ValueRef::Bool(flag), keep),
            Cells::Int(values) => distinct(values.iter(), |&&number| ValueRef::Int(number), keep),
            Cells::Float(values) => {
                let bits = values.iter().map(|value| value.to_bits());
                distinct(bits, |&bits| ValueRef::Float(f64::from_bits(bits)), keep)
            }
        }
    }
}

/// The id of each number, equal ones sharing theirs.
fn distinct<'v, T: Eq + std::hash::Hash + Copy>(
    values: impl Iterator<Item = T>,
    value_of: impl Fn(&T) -> ValueRef<'v>,
    mut keep: impl FnMut(Vec<u8>) -> u32,
) -> Vec<u32> {
    let mut known = HashMap::<T, u32, RandomState>::default();
    values
        .map(|value| *known.entry(value).or_insert_with(|| keep(encode_ref(value_of(&value)))))
        .collect()
}
