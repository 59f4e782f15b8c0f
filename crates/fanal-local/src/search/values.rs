//! Distinct values of what no aggregate groups by: texts of statuses, names and attributes of events, and their like.
//!
//! Read from the units that may have a span which matches, whole: a unit's other spans may add values, none is missing.

use super::cell::Entries;
use super::columns::{
    Cells, Columns, Dictionaries, GranuleColumns, PartColumns, SegmentDictionaries,
};
use super::listing::{look, overlaps};
use super::plan::{Plan, is_any_marked};
use super::question::Question;
use crate::block::OpenBlock;
use crate::failure;
use crate::head::HeadPart;
use crate::segment::{AttributeOwner, SegmentError};
use crate::tenant::Snapshot;
use fanal_base::cast;
use fanal_model::{AttributeType, BytesTable, ValueRef};
use fanal_storage::{ListValues, ListedValues, StoreError, ValuesOf};

/// Answers over what a tenant has at a moment.
pub(crate) fn list_values(
    snapshot: &Snapshot,
    request: &ListValues,
    question: &Question,
) -> Result<ListedValues, StoreError> {
    let workers = look(
        snapshot,
        question,
        (request.start_min_unix_nanos, request.start_max_unix_nanos),
        |part, listed| of_part(request, part, listed).map_err(failure::segment("head")),
        |open, listed| of_block(request, question, open, listed),
        |listed: &mut ListedValues, warning| listed.warnings.push(warning),
    )?;
    let mut listed = ListedValues::default();
    workers.into_iter().for_each(|worker| listed.merge(worker, request.values_max));
    Ok(listed)
}

fn of_part(
    request: &ListValues,
    part: &HeadPart,
    listed: &mut ListedValues,
) -> Result<(), SegmentError> {
    let columns = PartColumns(part);
    match Plan::compile(&request.conditions, &columns)? {
        Some(plan) => of_unit(request, &plan, &columns, &columns, listed),
        None => Ok(()),
    }
}

fn of_block(
    request: &ListValues,
    question: &Question,
    open: &OpenBlock,
    listed: &mut ListedValues,
) -> Result<(), StoreError> {
    let dictionaries = SegmentDictionaries(&open.segment);
    let compiled = Plan::compile(&request.conditions, &dictionaries).map_err(open.failed())?;
    let Some(plan) = compiled else { return Ok(()) };
    let wanted = (request.start_min_unix_nanos, request.start_max_unix_nanos);
    for (number, granule) in open.segment.granules().iter().enumerate() {
        question.check()?;
        let starts = (granule.start_min_unix_nanos, granule.start_max_unix_nanos);
        if overlaps(starts, wanted) && plan.may_match(granule) {
            let columns = GranuleColumns::new(&open.segment, number);
            let read = columns
                .and_then(|columns| of_unit(request, &plan, &columns, &dictionaries, listed));
            read.map_err(open.failed())?;
        }
    }
    Ok(())
}

fn of_unit(
    request: &ListValues,
    plan: &Plan<'_>,
    columns: &impl Columns,
    dictionaries: &impl Dictionaries,
    listed: &mut ListedValues,
) -> Result<(), SegmentError> {
    if !plan.is_empty() {
        let mut rows = vec![true; columns.row_count()];
        plan.evaluate(columns, &mut rows)?;
        if !is_any_marked(&rows) {
            return Ok(());
        }
    }
    let values_max = request.values_max;
    let texts = Entries::Typed(AttributeType::String);
    let mut add_text = |value: ValueRef<'_>| match value {
        ValueRef::String("") => {}
        value => listed.add(value, values_max),
    };
    match &request.of {
        ValuesOf::StatusMessage => {
            let table = dictionaries.status_message_table()?;
            each(&columns.status_messages()?, texts, table.as_deref(), add_text);
        }
        ValuesOf::EventName => {
            let table = dictionaries.event_name_table()?;
            each(&columns.event_names()?, texts, table.as_deref(), add_text);
        }
        ValuesOf::ScopeVersion => {
            let scopes = dictionaries.scopes()?;
            scopes.iter().for_each(|scope| add_text(ValueRef::String(&scope.version)));
        }
        ValuesOf::EventAttribute(key) => {
            let add = |value: ValueRef<'_>| listed.add(value, values_max);
            of_key(AttributeOwner::Event, key, columns, dictionaries, add)?;
        }
        ValuesOf::LinkAttribute(key) => {
            let add = |value: ValueRef<'_>| listed.add(value, values_max);
            of_key(AttributeOwner::Link, key, columns, dictionaries, add)?;
        }
    }
    Ok(())
}

fn of_key(
    owner: AttributeOwner,
    key: &str,
    columns: &impl Columns,
    dictionaries: &impl Dictionaries,
    mut add: impl FnMut(ValueRef<'_>),
) -> Result<(), SegmentError> {
    let typed = dictionaries.columns_of_key(owner, key).into_iter();
    let typed = typed.map(|(column, kind)| (column, Entries::Typed(kind)));
    let overflow = dictionaries.overflow_column(owner).into_iter();
    let overflow = overflow.map(|column| (column, Entries::Overflow(key)));
    for (column, entries) in typed.chain(overflow) {
        if let Some(cells) = columns.cells(owner, column)? {
            let table = dictionaries.attribute_table(owner, column)?;
            each(&cells, entries, table.as_deref(), &mut add);
        }
    }
    Ok(())
}

/// Hands out the values of cells; texts each once.
fn each(
    cells: &Cells<'_>,
    entries: Entries<'_>,
    table: Option<&BytesTable>,
    mut add: impl FnMut(ValueRef<'_>),
) {
    match cells {
        Cells::Empty(count) => {
            if *count > 0 {
                add(ValueRef::Empty);
            }
        }
        Cells::Bool(values) => values.iter().for_each(|&flag| add(ValueRef::Bool(flag))),
        Cells::Int(values) => values.iter().for_each(|&number| add(ValueRef::Int(number))),
        Cells::Float(values) => values.iter().for_each(|&number| add(ValueRef::Float(number))),
        Cells::Coded(codes) => {
            each_text(codes, table.unwrap_or(&BytesTable::default()), entries, add);
        }
        Cells::Local(column) => each_text(&column.codes, &column.table, entries, add),
    }
}

fn each_text(
    codes: &[u32],
    table: &BytesTable,
    entries: Entries<'_>,
    mut add: impl FnMut(ValueRef<'_>),
) {
    let mut seen = vec![false; table.len()];
    for &code in codes {
        if let Some(is_seen) = seen.get_mut(cast::index(code))
            && !std::mem::replace(is_seen, true)
        {
            entries.value(table.get(code)).into_iter().for_each(&mut add);
        }
    }
}
