//! Keys of attributes, from what blocks and parts of the head know of their columns.
//!
//! Without conditions the statistics of granules tell all but rare keys. With conditions the rows that pass are found as a
//! search finds them, and their shapes, resources and scopes tell the keys; events and links are told by granule.

use super::columns::{
    Cells, CodedColumn, Columns, Dictionaries, GranuleColumns, PartColumns, SegmentDictionaries,
};
use super::plan::{Plan, is_any_marked};
use super::question::Question;
use crate::block::OpenBlock;
use crate::failure;
use crate::head::HeadPart;
use crate::segment::{AttributeOwner, CodeSet, Granule, Segment, SegmentError};
use crate::tenant::Snapshot;
use fanal_base::cast;
use fanal_model::AttributeTable;
use fanal_model::attributes::{AttributeValues, overflow_entry};
use fanal_model::resource::attributes_of;
use fanal_storage::{AttributeLevel, ListKeys, ListedKeys, StoreError};

const OWNERS: usize = AttributeOwner::ALL.len();

/// What of a block's columns and dictionaries occurs.
#[derive(Debug)]
struct Seen {
    /// By owner and column.
    columns: [Vec<bool>; OWNERS],
    /// By code.
    resources: Vec<bool>,
    scopes: Vec<bool>,
}

/// Looks into every part of the head and every block that may have spans which start in a range. What cannot be read is
/// told to `warn`.
pub(super) fn look<L: Default + Send>(
    snapshot: &Snapshot,
    question: &Question,
    starts: (u64, u64),
    of_part: impl Fn(&HeadPart, &mut L) -> Result<(), StoreError> + Sync,
    of_block: impl Fn(&OpenBlock, &mut L) -> Result<(), StoreError> + Sync,
    warn: impl Fn(&mut L, String) + Sync,
) -> Result<Vec<L>, StoreError> {
    let (parts, blocks) = (&snapshot.head, &snapshot.blocks);
    let work = |listed: &mut L, place: usize| {
        if let Some(part) = parts.get(place) {
            let is_wanted = overlaps(part.starts, starts);
            return if is_wanted { of_part(part, listed) } else { Ok(()) };
        }
        let block = &blocks[place - parts.len()];
        match block.readable() {
            Ok(open) if overlaps(block.meta.starts, starts) => {
                if let Err(error) = of_block(open, listed) {
                    // Where nobody waits any more, that is not the block's fault.
                    question.check()?;
                    warn(listed, block.warning(&error));
                }
            }
            Ok(_) => {}
            Err(warning) => warn(listed, warning.to_owned()),
        }
        Ok(())
    };
    question.work(parts.len() + blocks.len(), L::default, work)
}

pub(super) fn overlaps((earliest, latest): (u64, u64), (first, last): (u64, u64)) -> bool {
    earliest <= last && latest >= first
}

/// Answers over what a tenant has at a moment.
pub(crate) fn list_keys(
    snapshot: &Snapshot,
    request: &ListKeys,
    question: &Question,
) -> Result<ListedKeys, StoreError> {
    let listing = Listing { request, question };
    let workers = look(
        snapshot,
        question,
        (request.start_min_unix_nanos, request.start_max_unix_nanos),
        |part, listed| listing.of_part(part, listed).map_err(failure::segment("head")),
        |open, listed| listing.of_block(open, listed),
        |listed: &mut ListedKeys, warning| listed.warnings.push(warning),
    )?;
    let mut listed = ListedKeys::default();
    workers.into_iter().for_each(|worker| listed.merge(worker, request.keys_max));
    Ok(listed)
}

#[derive(Debug)]
struct Listing<'a> {
    request: &'a ListKeys,
    question: &'a Question,
}

fn level_of(owner: AttributeOwner) -> AttributeLevel {
    match owner {
        AttributeOwner::Span => AttributeLevel::Span,
        AttributeOwner::Event => AttributeLevel::Event,
        AttributeOwner::Link => AttributeLevel::Link,
    }
}

impl Listing<'_> {
    fn of_part(&self, part: &HeadPart, listed: &mut ListedKeys) -> Result<(), SegmentError> {
        let columns = PartColumns(part);
        let Some(plan) = Plan::compile(&self.request.conditions, &columns)? else { return Ok(()) };
        let mut rows = vec![true; part.len()];
        plan.evaluate(&columns, &mut rows)?;
        if !is_any_marked(&rows) {
            return Ok(());
        }
        let (batch, keys_max) = (part.spans.batch(), self.request.keys_max);
        let mut used = vec![false; batch.attributes.columns.len()];
        mark_columns(&mut used, &batch.attributes.shapes, &batch.attributes.rows, &rows);
        add_columns(AttributeLevel::Span, &batch.attributes, |it| used[it], keys_max, listed);
        for (level, table) in [
            (AttributeLevel::Event, &batch.events.attributes),
            (AttributeLevel::Link, &batch.links.attributes),
        ] {
            add_columns(level, table, |_| true, keys_max, listed);
        }
        let mut resources = vec![false; batch.resources.table.len()];
        mark(&mut resources, &batch.resources.codes, &rows);
        add_resources(&resources, batch.resources.table.iter(), keys_max, listed);
        let mut scopes = vec![false; batch.scopes.table.len()];
        mark(&mut scopes, &batch.scopes.codes, &rows);
        add_scopes(&scopes, part.spans.scopes(), keys_max, listed);
        Ok(())
    }

    fn of_block(&self, open: &OpenBlock, listed: &mut ListedKeys) -> Result<(), StoreError> {
        let segment = &open.segment;
        let dictionaries = SegmentDictionaries(segment);
        let compiled = Plan::compile(&self.request.conditions, &dictionaries);
        let Some(plan) = compiled.map_err(open.failed())? else { return Ok(()) };
        let resources = dictionaries.resources().map_err(open.failed())?;
        let scopes = dictionaries.scopes().map_err(open.failed())?;
        let mut seen = Seen {
            columns: AttributeOwner::ALL.map(|it| vec![false; segment.attribute_columns(it).len()]),
            resources: vec![false; resources.len()],
            scopes: vec![false; scopes.len()],
        };
        let wanted = (self.request.start_min_unix_nanos, self.request.start_max_unix_nanos);
        for (number, granule) in segment.granules().iter().enumerate() {
            self.question.check()?;
            let starts = (granule.start_min_unix_nanos, granule.start_max_unix_nanos);
            if overlaps(starts, wanted) && plan.may_match(granule) {
                let looked = self.of_granule(segment, &plan, number, granule, &mut seen, listed);
                looked.map_err(open.failed())?;
            }
        }
        let keys_max = self.request.keys_max;
        for (owner, columns) in AttributeOwner::ALL.into_iter().zip(&seen.columns) {
            let metas = segment.attribute_columns(owner).iter().zip(columns);
            let told = metas.filter(|(meta, is_seen)| **is_seen && meta.kind.is_some());
            for (meta, _) in told {
                listed.add(level_of(owner), &meta.key, keys_max);
            }
        }
        add_resources(&seen.resources, resources.iter(), keys_max, listed);
        add_scopes(&seen.scopes, &scopes, keys_max, listed);
        Ok(())
    }

    fn of_granule(
        &self,
        segment: &Segment,
        plan: &Plan<'_>,
        number: usize,
        granule: &Granule,
        seen: &mut Seen,
        listed: &mut ListedKeys,
    ) -> Result<(), SegmentError> {
        let columns = GranuleColumns::new(segment, number)?;
        let has_conditions = !plan.is_empty();
        if has_conditions {
            let mut rows = vec![true; granule.row_count()];
            plan.evaluate(&columns, &mut rows)?;
            if !is_any_marked(&rows) {
                return Ok(());
            }
            mark(&mut seen.resources, &columns.codes(CodedColumn::Resources, Some(&rows))?, &rows);
            mark(&mut seen.scopes, &columns.codes(CodedColumn::Scopes, Some(&rows))?, &rows);
            let shapes = segment.shapes(AttributeOwner::Span)?;
            let codes = segment.attribute_shapes(AttributeOwner::Span, number)?;
            mark_columns(&mut seen.columns[AttributeOwner::Span as usize], &shapes, &codes, &rows);
        } else {
            mark_set(&mut seen.resources, &granule.resources);
            mark_set(&mut seen.scopes, &granule.scopes);
        }
        for stats in granule.attributes() {
            let (owner, column) = (stats.owner, stats.column);
            let metas = segment.attribute_columns(owner);
            let is_rare = metas.get(cast::index(column)).is_none_or(|meta| meta.kind.is_none());
            if is_rare {
                self.rare_keys(segment, &columns, (owner, column), listed)?;
            } else if owner != AttributeOwner::Span || !has_conditions {
                seen.columns[owner as usize][cast::index(column)] = true;
            }
        }
        Ok(())
    }

    /// The keys in a column that rare keys share.
    fn rare_keys(
        &self,
        segment: &Segment,
        columns: &GranuleColumns<'_>,
        (owner, column): (AttributeOwner, u32),
        listed: &mut ListedKeys,
    ) -> Result<(), SegmentError> {
        let mut add = |entry: &[u8]| {
            listed.add(level_of(owner), overflow_entry(entry).0, self.request.keys_max);
        };
        match columns.cells(owner, column)? {
            Some(Cells::Local(values)) => values.table.iter().for_each(add),
            Some(Cells::Coded(codes)) => {
                let table = SegmentDictionaries(segment).attribute_table(owner, column)?;
                let table = table.unwrap_or_default();
                codes.iter().for_each(|&code| add(table.get(code)));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Marks the codes of rows that pass.
fn mark(seen: &mut [bool], codes: &[u32], rows: &[bool]) {
    for (&code, _) in codes.iter().zip(rows).filter(|(_, passes)| **passes) {
        if let Some(is_seen) = seen.get_mut(cast::index(code)) {
            *is_seen = true;
        }
    }
}

fn mark_set(seen: &mut [bool], codes: &CodeSet) {
    for (code, is_seen) in (0..).zip(seen) {
        *is_seen |= codes.may_contain(code);
    }
}

/// Marks the columns in the shapes of rows that pass.
fn mark_columns(seen: &mut [bool], shapes: &[Box<[u32]>], codes: &[u32], rows: &[bool]) {
    let mut used = vec![false; shapes.len()];
    mark(&mut used, codes, rows);
    let used = shapes.iter().zip(&used).filter(|(_, is_used)| **is_used);
    for &column in used.flat_map(|(shape, _)| shape.iter()) {
        if let Some(is_seen) = seen.get_mut(cast::index(column)) {
            *is_seen = true;
        }
    }
}

fn add_columns(
    level: AttributeLevel,
    table: &AttributeTable,
    is_used: impl Fn(usize) -> bool,
    keys_max: usize,
    listed: &mut ListedKeys,
) {
    let columns = table.columns.iter().enumerate();
    let used = columns.filter(|(place, it)| is_used(*place) && !it.values.is_empty());
    for (_, column) in used {
        match &column.values {
            AttributeValues::Overflow(values) => {
                let keys = values.table.iter().map(|entry| overflow_entry(entry).0);
                keys.for_each(|key| listed.add(level, key, keys_max));
            }
            _ => listed.add(level, &column.key, keys_max),
        }
    }
}

fn add_resources<'t>(
    seen: &[bool],
    entries: impl Iterator<Item = &'t [u8]>,
    keys_max: usize,
    listed: &mut ListedKeys,
) {
    for (entry, _) in entries.zip(seen).filter(|(_, is_seen)| **is_seen) {
        for (key, _) in attributes_of(entry) {
            let key = std::str::from_utf8(key).unwrap_or_default();
            listed.add(AttributeLevel::Resource, key, keys_max);
        }
    }
}

fn add_scopes(
    seen: &[bool],
    scopes: &[fanal_model::Scope],
    keys_max: usize,
    listed: &mut ListedKeys,
) {
    for (scope, _) in scopes.iter().zip(seen).filter(|(_, is_seen)| **is_seen) {
        for (key, _) in &scope.attributes {
            listed.add(AttributeLevel::Scope, key, keys_max);
        }
    }
}
