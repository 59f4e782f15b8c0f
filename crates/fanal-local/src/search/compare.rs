//! Comparisons: the values of everything that spans carry, counted on codes.
//!
//! A block is a piece of work for one of the question's threads. Each row that counts has a slot, its bucket and side; codes
//! are counted by slot and become values at the end of the block, so that most columns cost an addition a row. What the class
//! of a span fixes is counted by class. The meaning is that of `fanal_storage::compare::compare_spans`.

mod cells;
mod tally;

use super::columns::{
    CodedColumn, Columns, Dictionaries, GranuleColumns, PartColumns, SegmentDictionaries,
};
use super::dimension::{CodeSource, Dimension};
use super::listing;
use super::plan::Plan;
use super::question::Question;
use crate::block::OpenBlock;
use crate::failure;
use crate::guard::lock;
use crate::head::HeadPart;
use crate::segment::{Classes, SegmentError};
use crate::tenant::Snapshot;
use cells::AttributeCounts;
use fanal_base::cast;
use fanal_model::Scope;
use fanal_model::resource::attributes_of;
use fanal_storage::aggregate::encode_text;
use fanal_storage::compare::{Comparing, add_counts};
use fanal_storage::{CompareSpans, ComparedField, ComparedSpans, GroupKey, ScanCounts, StoreError};
use std::sync::{Arc, Mutex};
use tally::{NOT_COUNTED, SlotCounts, Slots, Tally};

/// A comparison that is being worked on.
struct Comparison<'a> {
    request: &'a CompareSpans,
    question: &'a Question,
    found: Mutex<Comparing>,
}

/// What a thread has looked at.
#[derive(Debug, Default)]
struct Looked {
    scanned: ScanCounts,
    warnings: Vec<String>,
}

/// The counts of one block or part.
struct Unit<'a> {
    conditions: Plan<'a>,
    /// `None` where no span here is selected.
    selection: Option<Plan<'a>>,
    classes: Option<Arc<Classes>>,
    slots: Slots,
    /// Fields that follow from the codes of a column.
    coded: Vec<(ComparedField, Dimension, CodeSource, Vec<u32>)>,
    /// By column of codes: how often each was seen.
    codes: Vec<(CodeSource, Tally)>,
    attributes: AttributeCounts,
}

/// Answers a comparison over what a tenant has at a moment.
pub(crate) fn compare(
    snapshot: &Snapshot,
    request: &CompareSpans,
    question: &Question,
) -> Result<ComparedSpans, StoreError> {
    request.validate()?;
    let found = Mutex::new(Comparing::new(request.values_max));
    let comparison = Comparison { request, question, found };
    let workers = listing::look(
        snapshot,
        question,
        (request.start_min_unix_nanos, request.start_max_unix_nanos),
        |part, looked: &mut Looked| comparison.of_part(part, looked),
        |open, looked| comparison.of_block(open, looked),
        |looked, warning| looked.warnings.push(warning),
    )?;
    let mut answer = std::mem::take(&mut *lock(&comparison.found)).finish();
    for worker in workers {
        answer.scanned.spans += worker.scanned.spans;
        answer.scanned.granules_read += worker.scanned.granules_read;
        answer.scanned.granules_total += worker.scanned.granules_total;
        answer.warnings.extend(worker.warnings);
    }
    answer.warnings.sort_unstable();
    answer.warnings.dedup();
    Ok(answer)
}

impl<'a> Comparison<'a> {
    fn of_part(&self, part: &HeadPart, looked: &mut Looked) -> Result<(), StoreError> {
        let columns = PartColumns(part);
        looked.scanned.granules_total += 1;
        let mut count = || -> Result<usize, SegmentError> {
            let Some(mut unit) = self.unit(&columns)? else { return Ok(0) };
            looked.scanned.granules_read += 1;
            looked.scanned.spans += cast::wide(part.len());
            unit.count(self.request, &columns, part.starts)?;
            self.add(&unit, &columns)
        };
        let grown = count().map_err(failure::segment("head"))?;
        self.question.hold(grown)
    }

    fn of_block(&self, open: &OpenBlock, looked: &mut Looked) -> Result<(), StoreError> {
        let dictionaries = SegmentDictionaries(&open.segment);
        let granules = open.segment.granules();
        looked.scanned.granules_total += cast::wide(granules.len());
        let Some(mut unit) = self.unit(&dictionaries).map_err(open.failed())? else {
            return Ok(());
        };
        let wanted = (self.request.start_min_unix_nanos, self.request.start_max_unix_nanos);
        let mut held = 0;
        for (number, granule) in granules.iter().enumerate() {
            let starts = (granule.start_min_unix_nanos, granule.start_max_unix_nanos);
            if !listing::overlaps(starts, wanted) || !unit.conditions.may_match(granule) {
                continue;
            }
            self.question.check()?;
            open.segment.will_scan(&[number]);
            looked.scanned.granules_read += 1;
            looked.scanned.spans += cast::wide(granule.row_count());
            let columns = GranuleColumns::new(&open.segment, number);
            let counted = columns.and_then(|columns| unit.count(self.request, &columns, starts));
            counted.map_err(open.failed())?;
            let bytes = unit.bytes();
            self.question.hold(bytes.saturating_sub(held))?;
            held = held.max(bytes);
        }
        let grown = self.add(&unit, &dictionaries).map_err(open.failed())?;
        self.question.release(held);
        self.question.hold(grown)
    }

    /// Nothing counted yet; `None` where no span here counts.
    fn unit(&self, dictionaries: &impl Dictionaries) -> Result<Option<Unit<'a>>, SegmentError> {
        let request = self.request;
        let Some(conditions) = Plan::compile(&request.conditions, dictionaries)? else {
            return Ok(None);
        };
        let selection = Plan::compile(&request.selection, dictionaries)?;
        let classes = dictionaries.classes()?;
        let told = classes.as_deref();
        let mut coded = Vec::new();
        for (field, key) in [
            (ComparedField::Name, GroupKey::Name),
            (ComparedField::Kind, GroupKey::Kind),
            (ComparedField::Status, GroupKey::Status),
        ] {
            let dimension = Dimension::compile(&key, dictionaries)?;
            let summary = Arc::default();
            let by_code = dimension.by_code(told.map(|classes| (classes, &*summary)));
            if let Some((source, ids)) = by_code {
                coded.push((field, dimension, source, ids));
            }
        }
        let mut sources = vec![CodeSource::Column(CodedColumn::Resources)];
        match told {
            Some(_) => sources.push(CodeSource::Classes),
            None => sources.push(CodeSource::Column(CodedColumn::Scopes)),
        }
        if told.is_some_and(|classes| classes.scopes.is_empty()) {
            sources.push(CodeSource::Column(CodedColumn::Scopes));
        }
        for (_, _, source, _) in &coded {
            if !sources.contains(source) {
                sources.push(*source);
            }
        }
        let attributes = AttributeCounts::new(dictionaries, request.values_max)?;
        let codes = sources.into_iter().map(|source| (source, Tally::default())).collect();
        let slots = Slots::default();
        Ok(Some(Unit { conditions, selection, classes, slots, coded, codes, attributes }))
    }

    /// Adds the counts of a unit to those of all; answers the bytes that these grew by.
    fn add(
        &self,
        unit: &Unit<'_>,
        dictionaries: &impl Dictionaries,
    ) -> Result<usize, SegmentError> {
        let (scopes, resources) = (dictionaries.scopes()?, dictionaries.resources()?);
        let mut found = lock(&self.found);
        for (bucket, counts) in unit.spans() {
            add_counts(&mut found.spans, bucket, counts);
        }
        let mut grown = 0;
        let mut add = |field: &ComparedField, encoded: &[u8], counts: &[(u32, u64)]| {
            grown += found.add(field, encoded, unit.slots.counts(counts));
        };
        unit.add_coded(&mut add);
        unit.add_scopes(&scopes, &mut add);
        let by_resource = unit.tally(CodeSource::Column(CodedColumn::Resources));
        let seen = resources.iter().zip(by_resource).filter(|(_, counts)| !counts.is_empty());
        for (entry, counts) in seen {
            for (key, value) in attributes_of(entry) {
                let key = std::str::from_utf8(key).unwrap_or_default().to_owned();
                add(&ComparedField::ResourceAttribute(key), value, &counts);
            }
        }
        let classes = unit.classes.as_ref().map(|_| unit.tally(CodeSource::Classes));
        unit.attributes.add(dictionaries, &classes.unwrap_or_default(), &mut add)?;
        for (field, spans) in unit.attributes.left_out() {
            found.leave_out(field, spans);
        }
        Ok(grown)
    }
}

impl Unit<'_> {
    /// Counts the rows of a granule or part.
    fn count(
        &mut self,
        request: &CompareSpans,
        columns: &impl Columns,
        starts: (u64, u64),
    ) -> Result<(), SegmentError> {
        let slots = self.slots(request, columns, starts)?;
        if slots.iter().all(|&slot| slot == NOT_COUNTED) {
            return Ok(());
        }
        let classes = self.classes.as_deref();
        let classes = classes.map(|classes| columns.class_codes(classes)).transpose()?;
        for (source, tally) in &mut self.codes {
            match source {
                CodeSource::Classes => tally.add(&slots, classes.as_deref().unwrap_or_default()),
                CodeSource::Column(column) => tally.add(&slots, &columns.codes(*column, None)?),
                CodeSource::Kinds => tally.add(&slots, &widened(&columns.kinds()?)),
                CodeSource::Statuses => tally.add(&slots, &widened(&columns.status_codes()?)),
            }
        }
        self.attributes.count(columns, &slots, classes.as_deref())
    }

    /// Memory that its counters take.
    fn bytes(&self) -> usize {
        let codes: usize = self.codes.iter().map(|(_, tally)| tally.bytes()).sum();
        codes + self.attributes.bytes()
    }

    /// By row: its slot, or that it does not count.
    fn slots(
        &mut self,
        request: &CompareSpans,
        columns: &impl Columns,
        (earliest, latest): (u64, u64),
    ) -> Result<Vec<u32>, SegmentError> {
        let mut counts = vec![true; columns.row_count()];
        self.conditions.evaluate(columns, &mut counts)?;
        let mut selected = vec![self.selection.is_some(); counts.len()];
        if let Some(plan) = &self.selection {
            plan.evaluate(columns, &mut selected)?;
        }
        let is_inside = request.wants(earliest) && request.wants(latest);
        let is_one_bucket = request.bucket_of(earliest) == request.bucket_of(latest);
        if is_inside && is_one_bucket && request.selection_starts.is_none() {
            let bucket = request.bucket_of(earliest);
            let sides = [self.slots.of(bucket, false), self.slots.of(bucket, true)];
            let slot = |(counts, is_selected): (bool, bool)| {
                if counts { sides[usize::from(is_selected)] } else { NOT_COUNTED }
            };
            return Ok(counts.into_iter().zip(selected).map(slot).collect());
        }
        let starts = columns.starts()?;
        let rows = counts.into_iter().zip(selected).zip(starts.iter());
        let slot = |((counts, is_selected), &start): ((bool, bool), &u64)| {
            if !counts || !request.wants(start) {
                return NOT_COUNTED;
            }
            let is_selected = is_selected && request.selects(start);
            self.slots.of(request.bucket_of(start), is_selected)
        };
        Ok(rows.map(slot).collect())
    }

    /// By code of a column: the spans of each slot.
    fn tally(&self, source: CodeSource) -> Vec<SlotCounts> {
        let tally = self.codes.iter().find(|(known, _)| *known == source);
        tally.map_or_else(Vec::new, |(_, tally)| tally.by_code())
    }

    /// All spans, by bucket and side: each has one resource.
    fn spans(&self) -> Vec<(u32, [u64; 2])> {
        let resources = self.tally(CodeSource::Column(CodedColumn::Resources));
        self.slots.counts(&tally::sum(resources.iter())).collect()
    }

    fn add_coded(&self, add: &mut impl FnMut(&ComparedField, &[u8], &[(u32, u64)])) {
        for (field, dimension, source, ids) in &self.coded {
            let mut by_id: Vec<SlotCounts> = Vec::new();
            for (code, counts) in self.tally(*source).into_iter().enumerate() {
                let id = cast::index(ids.get(code).copied().unwrap_or(0));
                by_id.resize_with(by_id.len().max(id + 1), Vec::new);
                by_id[id].extend(counts);
            }
            for (id, counts) in (0..).zip(&by_id).filter(|(_, counts)| !counts.is_empty()) {
                if let Some(value) = dimension.shared_value(id) {
                    add(field, &value, counts);
                }
            }
        }
    }

    fn add_scopes(
        &self,
        scopes: &[Scope],
        add: &mut impl FnMut(&ComparedField, &[u8], &[(u32, u64)]),
    ) {
        let of_classes = self.classes.as_deref().map(|it| &*it.scopes).filter(|it| !it.is_empty());
        let by_scope = match of_classes {
            None => self.tally(CodeSource::Column(CodedColumn::Scopes)),
            Some(codes) => {
                let mut by_scope = vec![Vec::new(); scopes.len()];
                for (counts, &code) in self.tally(CodeSource::Classes).into_iter().zip(codes) {
                    if let Some(known) = by_scope.get_mut(cast::index(code)) {
                        known.extend(counts);
                    }
                }
                by_scope
            }
        };
        for (scope, counts) in scopes.iter().zip(&by_scope).filter(|(_, counts)| !counts.is_empty())
        {
            add(&ComparedField::ScopeName, &encode_text(&scope.name), counts);
            add(&ComparedField::ScopeVersion, &encode_text(&scope.version), counts);
            for (key, value) in &scope.attributes {
                let mut encoded = Vec::new();
                fanal_model::nested::encode(value, &mut encoded);
                add(&ComparedField::ScopeAttribute(key.clone()), &encoded, counts);
            }
        }
    }
}

fn widened(codes: &[u8]) -> Vec<u32> {
    codes.iter().map(|&code| u32::from(code)).collect()
}
