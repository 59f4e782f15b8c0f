//! Conditions looked at from the classes of spans: what follows from the code that made a span is tested once for each
//! class, so that of a granule often nothing but its classes is read.
//!
//! Compiled with the plan of a block. Classes say no, yes, or that the columns must be read; never anything that the
//! columns would not say.

use super::cell::CellTest;
use super::columns::{Cells, CodedColumn, Columns, Dictionaries};
use super::plan::{Codes, Leaf, Probe};
use crate::segment::{
    AttributeOwner, Classes, ResourceSummary, SegmentError, Source, duration_step,
};
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use std::sync::Arc;

/// What a class tells of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    No,
    Unsure,
    Yes,
}

/// Conditions by class.
#[derive(Debug)]
pub(super) struct ClassFilter {
    /// The classes.
    pub(super) classes: Arc<Classes>,
    /// By class: whether no condition says no.
    passing: Vec<bool>,
    passing_count: usize,
    /// By leaf of the plan, by class: whether rows of the class need a look at the columns. Empty: those of all do.
    unsure: Vec<Vec<bool>>,
}

impl ClassFilter {
    /// Of the leaves of a plan; `None` where classes tell nothing of them.
    pub(super) fn compile(
        leaves: &[Leaf<'_>],
        classes: Arc<Classes>,
        dictionaries: &impl Dictionaries,
    ) -> Result<Option<Self>, SegmentError> {
        let mut passing = vec![true; classes.len()];
        let mut unsure = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            let Some(verdicts) = of_leaf(leaf, &classes, dictionaries)? else {
                unsure.push(Vec::new());
                continue;
            };
            passing.iter_mut().zip(&verdicts).for_each(|(it, told)| *it &= *told != Verdict::No);
            unsure.push(verdicts.iter().map(|told| *told == Verdict::Unsure).collect());
            if !passing.contains(&true) {
                break;
            }
        }
        let passing_count = passing.iter().filter(|passes| **passes).count();
        let is_useful = unsure.iter().any(|unsure| !unsure.is_empty());
        Ok(is_useful.then_some(Self { classes, passing, passing_count, unsure }))
    }

    /// Whether no span of the block can match.
    pub(super) fn is_hopeless(&self) -> bool {
        self.passing_count == 0
    }

    /// Of all classes about so many pass, in 1/1024.
    pub(super) fn share(&self) -> usize {
        self.passing_count * 1024 / self.classes.len().max(1)
    }

    /// Whether no condition is known to fail on spans of a class.
    #[inline]
    pub(super) fn may_pass(&self, class: u32) -> bool {
        self.passing.get(cast::index(class)).copied().unwrap_or(false)
    }

    /// Clears the marks of rows on which a leaf does not hold, reading only what classes leave open; `false` where that is
    /// not enough.
    pub(super) fn refine(
        &self,
        place: usize,
        leaf: &Leaf<'_>,
        columns: &impl Columns,
        codes: &[u32],
        marks: &mut [bool],
    ) -> Result<bool, SegmentError> {
        let (Leaf::Any(probes), Some(unsure)) = (leaf, self.unsure.get(place)) else {
            return Ok(false);
        };
        let is_of_spans =
            |probe: &Probe<'_>| matches!(probe, Probe::Cells { owner: AttributeOwner::Span, .. });
        if unsure.is_empty() || !probes.iter().all(is_of_spans) {
            return Ok(false);
        }
        let mut passing = vec![false; marks.len()];
        for probe in probes {
            let Probe::Cells { column, test, .. } = probe else { continue };
            let Some((cells, rows)) = columns.stored_cells(*column)? else { continue };
            for cell in test.passing(&cells) {
                let row = rows.get(cast::index(cell)).map(|&row| cast::index(row));
                if let Some(mark) = row.and_then(|row| passing.get_mut(row)) {
                    *mark = true;
                }
            }
        }
        let is_unsure = |code: u32| unsure.get(cast::index(code)).copied().unwrap_or(true);
        for ((mark, passes), &code) in marks.iter_mut().zip(passing).zip(codes) {
            *mark &= passes || !is_unsure(code);
        }
        Ok(true)
    }

    /// Whether classes alone tell that a condition holds on all marked rows.
    pub(super) fn settles(&self, leaf: usize, codes: &[u32], marks: &[bool]) -> bool {
        let Some(unsure) = self.unsure.get(leaf).filter(|unsure| !unsure.is_empty()) else {
            return false;
        };
        let is_unsure = |code: &u32| unsure.get(cast::index(*code)).copied().unwrap_or(true);
        unsure.iter().all(|unsure| !unsure)
            || !codes.iter().zip(marks).any(|(code, mark)| *mark && is_unsure(code))
    }
}

fn told(passes: bool) -> Verdict {
    if passes { Verdict::Yes } else { Verdict::No }
}

/// By class; `None` where classes tell nothing.
fn of_leaf(
    leaf: &Leaf<'_>,
    classes: &Classes,
    dictionaries: &impl Dictionaries,
) -> Result<Option<Vec<Verdict>>, SegmentError> {
    let kinds = |passes: &dyn Fn(SpanKind) -> bool| {
        of_values(&classes.kinds, |&kind| passes(SpanKind::from_code(kind)))
    };
    let status_codes = |passes: &dyn Fn(StatusCode) -> bool| {
        of_values(&classes.status_codes, |&code| passes(StatusCode::from_code(code)))
    };
    Ok(match leaf {
        Leaf::Codes(column, codes) => of_codes(*column, codes, classes, dictionaries)?,
        Leaf::Kind(wanted) => kinds(&|kind| kind == *wanted),
        Leaf::Status(wanted) => status_codes(&|code| code == *wanted),
        Leaf::StatusNot(unwanted) => status_codes(&|code| code != *unwanted),
        Leaf::DurationMin(nanos) => {
            let least = duration_step(*nanos);
            let verdict = |&step: &u8| if step < least { Verdict::No } else { Verdict::Unsure };
            Some(classes.duration_steps.iter().map(verdict).collect())
        }
        Leaf::DurationMax(_) | Leaf::StatusMessage(_) | Leaf::Roots => None,
        Leaf::Not(leaf) => of_leaf(leaf, classes, dictionaries)?.map(|told| {
            let not = |verdict| match verdict {
                Verdict::No => Verdict::Yes,
                Verdict::Unsure => Verdict::Unsure,
                Verdict::Yes => Verdict::No,
            };
            told.into_iter().map(not).collect()
        }),
        Leaf::AllOf(leaves) => of_leaves(leaves, classes, dictionaries, Verdict::min)?,
        Leaf::AnyOf(leaves) => of_leaves(leaves, classes, dictionaries, Verdict::max)?,
        Leaf::Any(probes) => {
            let mut any = vec![Verdict::No; classes.len()];
            for probe in probes {
                let Some(verdicts) = of_probe(probe, classes, dictionaries)? else {
                    return Ok(None);
                };
                any.iter_mut().zip(verdicts).for_each(|(any, told)| *any = told.max(*any));
            }
            Some(any)
        }
    })
}

/// Of leaves that are joined; those of which classes tell nothing leave every class unsure.
fn of_leaves(
    leaves: &[Leaf<'_>],
    classes: &Classes,
    dictionaries: &impl Dictionaries,
    join: impl Fn(Verdict, Verdict) -> Verdict,
) -> Result<Option<Vec<Verdict>>, SegmentError> {
    let mut joined: Option<Vec<Verdict>> = None;
    let mut is_any_told = false;
    for leaf in leaves {
        let told = of_leaf(leaf, classes, dictionaries)?;
        is_any_told |= told.is_some();
        let told = told.unwrap_or_else(|| vec![Verdict::Unsure; classes.len()]);
        joined = Some(match joined {
            None => told,
            Some(all) => all.into_iter().zip(told).map(|(all, told)| join(all, told)).collect(),
        });
    }
    Ok(joined.filter(|_| is_any_told))
}

fn of_codes(
    column: CodedColumn,
    codes: &Codes,
    classes: &Classes,
    dictionaries: &impl Dictionaries,
) -> Result<Option<Vec<Verdict>>, SegmentError> {
    Ok(match column {
        CodedColumn::Names => of_values(&classes.names, |&code| codes.contains(code)),
        CodedColumn::Scopes => of_values(&classes.scopes, |&code| codes.contains(code)),
        CodedColumn::Resources if classes.services.is_empty() => None,
        CodedColumn::Resources => {
            let services = of_services(codes, &*dictionaries.resource_summary()?);
            let verdict = |&service: &u32| services.get(cast::index(service)).copied();
            let verdicts = classes.services.iter().map(verdict);
            Some(verdicts.map(|told| told.flatten().unwrap_or(Verdict::No)).collect())
        }
    })
}

/// By service: whether all, none or some of its resources pass.
fn of_services(codes: &Codes, summary: &ResourceSummary) -> Vec<Option<Verdict>> {
    let mut services = vec![None; summary.services.len()];
    for (code, &service) in (0..).zip(&summary.service_of) {
        let Some(known) = services.get_mut(cast::index(service)) else { continue };
        let told = told(codes.contains(code));
        *known = if known.is_none_or(|known| known == told) {
            Some(told)
        } else {
            Some(Verdict::Unsure)
        };
    }
    services
}

/// `None` where the classes do not hold the column.
fn of_values<T>(values: &[T], passes: impl Fn(&T) -> bool) -> Option<Vec<Verdict>> {
    (!values.is_empty()).then(|| values.iter().map(|value| told(passes(value))).collect())
}

fn of_probe(
    probe: &Probe<'_>,
    classes: &Classes,
    dictionaries: &impl Dictionaries,
) -> Result<Option<Vec<Verdict>>, SegmentError> {
    match probe {
        Probe::Codes(column, codes) => of_codes(*column, codes, classes, dictionaries),
        Probe::Cells { owner: AttributeOwner::Span, column, test } => {
            of_cells(*column, test, dictionaries)
        }
        Probe::Cells { .. } => Ok(None),
    }
}

fn of_cells(
    column: u32,
    test: &CellTest<'_>,
    dictionaries: &impl Dictionaries,
) -> Result<Option<Vec<Verdict>>, SegmentError> {
    let Some(cells) = dictionaries.class_cells(column)? else { return Ok(None) };
    let mut passing = Vec::new();
    if let Some(values) = cells.values {
        for place in test.passing(&Cells::from(values)) {
            let place = cast::index(place);
            passing.resize(passing.len().max(place + 1), false);
            passing[place] = true;
        }
    }
    let verdict = |source: &Source| match source {
        Source::Stored(0) => Verdict::No,
        Source::Stored(_) => Verdict::Unsure,
        Source::Fixed(place) => told(passing.get(cast::index(*place)).copied().unwrap_or(false)),
    };
    Ok(Some(cells.sources.iter().map(verdict).collect()))
}
