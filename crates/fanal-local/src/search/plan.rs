//! Conditions compiled for one set of dictionaries: what is left to do for each row is comparing integers.
//!
//! Compiled once for each block and each part of the head, then evaluated over the columns of each granule. The
//! meaning is that of `SpanCondition::matches`.

use super::cell::CellTest;
use super::class_filter::ClassFilter;
use super::columns::{CodedColumn, Columns, Dictionaries};
use super::compile::{self, Meaning};
use crate::segment::{AttributeOwner, Granule, SegmentError};
use fanal_base::cast;
use fanal_model::{SpanKind, StatusCode};
use fanal_storage::SpanCondition;

/// Conditions of which every one must hold.
#[derive(Debug, Default)]
pub(crate) struct Plan<'q> {
    leaves: Vec<Leaf<'q>>,
    /// What the class of a span tells of the conditions, where it tells anything.
    classes: Option<ClassFilter>,
}

#[derive(Debug)]
pub(super) enum Leaf<'q> {
    Codes(CodedColumn, Codes),
    Kind(SpanKind),
    Status(StatusCode),
    StatusNot(StatusCode),
    DurationMin(u64),
    DurationMax(u64),
    /// One of these must hold.
    Any(Vec<Probe<'q>>),
    StatusMessage(CellTest<'q>),
    Roots,
    /// One of these must hold; at least two.
    AnyOf(Vec<Leaf<'q>>),
    /// All of these must hold; at least two.
    AllOf(Vec<Leaf<'q>>),
    Not(Box<Leaf<'q>>),
}

#[derive(Debug)]
pub(super) enum Probe<'q> {
    Codes(CodedColumn, Codes),
    Cells { owner: AttributeOwner, column: u32, test: CellTest<'q> },
}

/// A set of dictionary codes.
#[derive(Debug, Default)]
pub(super) struct Codes {
    /// Ascending.
    pub(super) list: Vec<u32>,
    /// By code.
    is_in: Vec<bool>,
}

impl Codes {
    pub(super) fn of<T>(entries: impl Iterator<Item = T>, passes: impl Fn(T) -> bool) -> Self {
        let is_in: Vec<bool> = entries.map(passes).collect();
        let list = (0..).zip(&is_in).filter(|(_, is_in)| **is_in).map(|(code, _)| code).collect();
        Self { list, is_in }
    }

    #[inline]
    pub(super) fn contains(&self, code: u32) -> bool {
        self.is_in.get(cast::index(code)).copied().unwrap_or(false)
    }

    /// All other codes.
    pub(super) fn complement(self) -> Self {
        let is_in: Vec<bool> = self.is_in.iter().map(|is_in| !is_in).collect();
        Self::of(is_in.iter(), |is_in| *is_in)
    }

    /// Of all codes about so many pass, in 1/1024.
    pub(super) fn share(&self) -> usize {
        self.list.len() * 1024 / self.is_in.len().max(1)
    }
}

impl<'q> Plan<'q> {
    /// Compiles conditions; `None` where no span of these dictionaries can match.
    pub(crate) fn compile(
        conditions: &'q [SpanCondition],
        dictionaries: &impl Dictionaries,
    ) -> Result<Option<Self>, SegmentError> {
        let mut leaves = Vec::with_capacity(conditions.len());
        for condition in conditions {
            match compile::compile(condition, dictionaries)? {
                Meaning::Never => return Ok(None),
                Meaning::Always => {}
                Meaning::Sometimes(Leaf::AllOf(all)) => leaves.extend(all),
                Meaning::Sometimes(leaf) => leaves.push(leaf),
            }
        }
        leaves.sort_by_key(Leaf::cost);
        let classes = match dictionaries.classes()? {
            Some(classes) => ClassFilter::compile(&leaves, classes, dictionaries)?,
            None => None,
        };
        if classes.as_ref().is_some_and(ClassFilter::is_hopeless) {
            return Ok(None);
        }
        Ok(Some(Self { leaves, classes }))
    }

    /// Whether there is no condition.
    pub(crate) fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Whether a granule may have a match, by its statistics.
    pub(crate) fn may_match(&self, granule: &Granule) -> bool {
        self.leaves.iter().all(|leaf| leaf.may_match(granule))
            && self.classes.as_ref().is_none_or(|filter| self.may_last(filter, granule))
    }

    /// Whether spans of classes that pass may last as long as is asked.
    fn may_last(&self, filter: &ClassFilter, granule: &Granule) -> bool {
        let least = self.leaves.iter().filter_map(|leaf| match leaf {
            Leaf::DurationMin(nanos) => Some(*nanos),
            _ => None,
        });
        let passes = |class| filter.may_pass(class);
        least.max().is_none_or(|nanos| granule.slowest.may_last(nanos, passes))
    }

    /// Clears the marks of rows on which a condition does not hold; stops when none is left.
    pub(crate) fn evaluate(
        &self,
        columns: &impl Columns,
        rows: &mut [bool],
    ) -> Result<(), SegmentError> {
        let mut class_codes = None;
        let class_place = self.class_place();
        for (place, leaf) in self.leaves.iter().enumerate() {
            if place == class_place
                && let Some(filter) = &self.classes
            {
                let codes = columns.class_codes(&filter.classes)?;
                keep(rows, &codes, |&code| filter.may_pass(code));
                class_codes = Some(codes);
            }
            if !is_any_marked(rows) {
                return Ok(());
            }
            let is_settled = match (&self.classes, &class_codes) {
                (Some(filter), Some(codes)) => {
                    filter.settles(place, codes, rows)
                        || filter.refine(place, leaf, columns, codes, rows)?
                }
                _ => false,
            };
            if !is_settled {
                leaf.evaluate(columns, rows)?;
            }
        }
        Ok(())
    }

    /// Before which leaf the classes are looked at: that of resources may leave fewer rows.
    fn class_place(&self) -> usize {
        match (self.leaves.first(), &self.classes) {
            (Some(Leaf::Codes(CodedColumn::Resources, codes)), Some(filter))
                if self.leaves.len() > 1 && codes.share() < filter.share() =>
            {
                1
            }
            _ => 0,
        }
    }
}

impl<'q> Leaf<'q> {
    /// Holds where this does not.
    pub(super) fn negated(self) -> Self {
        let all = |leaves: Vec<Leaf<'q>>| leaves.into_iter().map(Leaf::negated).collect();
        match self {
            Self::Codes(column, codes) => Self::Codes(column, codes.complement()),
            Self::AnyOf(leaves) => Self::AllOf(all(leaves)),
            Self::AllOf(leaves) => Self::AnyOf(all(leaves)),
            Self::Not(leaf) => *leaf,
            leaf => Self::Not(Box::new(leaf)),
        }
    }

    /// Cheap ones first, and those that tend to leave few rows.
    pub(super) fn cost(&self) -> u8 {
        match self {
            Self::Codes(CodedColumn::Resources, _) => 0,
            Self::Codes(..) => 1,
            Self::Kind(_) | Self::Status(_) | Self::StatusNot(_) => 2,
            Self::DurationMin(_) | Self::DurationMax(_) | Self::Roots => 3,
            Self::Any(_) | Self::StatusMessage(_) => 4,
            Self::Not(leaf) => leaf.cost(),
            Self::AllOf(leaves) | Self::AnyOf(leaves) => {
                leaves.iter().map(Leaf::cost).max().unwrap_or(0)
            }
        }
    }

    fn may_match(&self, granule: &Granule) -> bool {
        match self {
            Self::Codes(column, codes) => codes_may_match(*column, codes, granule),
            Self::Kind(kind) => granule.may_have_kind(*kind),
            Self::Status(code) => granule.may_have_status(*code),
            Self::StatusNot(code) => {
                StatusCode::ALL.iter().any(|other| other != code && granule.may_have_status(*other))
            }
            Self::DurationMin(nanos) => granule.duration_max_nanos >= *nanos,
            Self::DurationMax(nanos) => granule.duration_min_nanos <= *nanos,
            Self::Any(probes) => probes.iter().any(|probe| match probe {
                Probe::Codes(column, codes) => codes_may_match(*column, codes, granule),
                Probe::Cells { owner, column, test } => granule
                    .attribute(*owner, *column)
                    .is_some_and(|stats| stats.range.is_none_or(|range| test.may_pass(range))),
            }),
            Self::AnyOf(leaves) => leaves.iter().any(|leaf| leaf.may_match(granule)),
            Self::AllOf(leaves) => leaves.iter().all(|leaf| leaf.may_match(granule)),
            Self::StatusMessage(_) | Self::Roots | Self::Not(_) => true,
        }
    }

    fn evaluate(&self, columns: &impl Columns, rows: &mut [bool]) -> Result<(), SegmentError> {
        match self {
            Self::Codes(column, codes) => {
                let values = columns.codes(*column, Some(rows))?;
                keep(rows, &values, |&code| codes.contains(code));
            }
            Self::Kind(kind) => {
                keep(rows, &columns.kinds()?, |&code| SpanKind::from_code(code) == *kind);
            }
            Self::Status(wanted) => {
                let codes = columns.status_codes()?;
                keep(rows, &codes, |&code| StatusCode::from_code(code) == *wanted);
            }
            Self::StatusNot(unwanted) => {
                let codes = columns.status_codes()?;
                keep(rows, &codes, |&code| StatusCode::from_code(code) != *unwanted);
            }
            Self::DurationMin(min) => {
                let durations = columns.durations(Some(rows))?;
                keep(rows, &durations, |nanos| nanos >= min);
            }
            Self::DurationMax(max) => {
                let durations = columns.durations(Some(rows))?;
                keep(rows, &durations, |nanos| nanos <= max);
            }
            Self::Any(probes) => {
                let mut passing = vec![false; rows.len()];
                for probe in probes {
                    probe.mark(columns, &mut passing)?;
                }
                keep(rows, &passing, |&passes| passes);
            }
            Self::StatusMessage(test) => {
                let mut passing = vec![false; rows.len()];
                let messages = columns.status_messages()?;
                test.passing(&messages)
                    .iter()
                    .for_each(|&row| mark_row(&mut passing, cast::index(row)));
                keep(rows, &passing, |&passes| passes);
            }
            Self::Roots => keep(rows, &columns.roots()?, |&is_root| is_root),
            Self::AllOf(leaves) => {
                for leaf in leaves {
                    if !is_any_marked(rows) {
                        break;
                    }
                    leaf.evaluate(columns, rows)?;
                }
            }
            Self::AnyOf(leaves) => {
                let mut open = rows.to_vec();
                for leaf in leaves {
                    let mut passing = open.clone();
                    leaf.evaluate(columns, &mut passing)?;
                    open.iter_mut().zip(passing).for_each(|(open, passes)| *open &= !passes);
                }
                rows.iter_mut().zip(open).for_each(|(row, open)| *row &= !open);
            }
            Self::Not(leaf) => {
                let mut passing = rows.to_vec();
                leaf.evaluate(columns, &mut passing)?;
                rows.iter_mut().zip(passing).for_each(|(row, passes)| *row &= !passes);
            }
        }
        Ok(())
    }
}

/// Codes above so many are not looked for in statistics: a set that large is rarely absent.
const PRUNE_CODES_MAX: usize = 1024;

fn codes_may_match(column: CodedColumn, codes: &Codes, granule: &Granule) -> bool {
    let set = match column {
        CodedColumn::Names => &granule.names,
        CodedColumn::Resources => &granule.resources,
        CodedColumn::Scopes => &granule.scopes,
    };
    codes.list.len() > PRUNE_CODES_MAX || set.may_contain_any(&codes.list)
}

fn keep<T>(rows: &mut [bool], values: &[T], passes: impl Fn(&T) -> bool) {
    // A column that is too short, which a checked segment excludes, matches nothing behind its end.
    let (front, rest) = rows.split_at_mut(values.len().min(rows.len()));
    for (row, value) in front.iter_mut().zip(values) {
        // Few rows are marked once a condition was looked at: the others need no test.
        if *row {
            *row = passes(value);
        }
    }
    rest.fill(false);
}

impl Probe<'_> {
    /// Marks the rows that pass.
    fn mark(&self, columns: &impl Columns, passing: &mut [bool]) -> Result<(), SegmentError> {
        match self {
            Self::Codes(column, codes) => {
                let values = columns.codes(*column, None)?;
                for (row, &code) in passing.iter_mut().zip(values.iter()) {
                    *row |= codes.contains(code);
                }
            }
            Self::Cells { owner, column, test } => {
                let Some(cells) = columns.cells(*owner, *column)? else { return Ok(()) };
                let positions = test.passing(&cells);
                if positions.is_empty() {
                    return Ok(());
                }
                let cell_rows = columns.cell_rows(*owner, *column)?;
                let items = positions.iter().filter_map(|&cell| cell_rows.get(cast::index(cell)));
                if *owner == AttributeOwner::Span {
                    items.for_each(|&row| mark_row(passing, cast::index(row)));
                } else {
                    let ends = columns.item_ends(*owner)?;
                    let owner_of = |&item: &u32| ends.partition_point(|&end| end <= item);
                    items.for_each(|item| mark_row(passing, owner_of(item)));
                }
            }
        }
        Ok(())
    }
}

/// Whether a row is marked; many at a time, unlike a search for the first.
pub(super) fn is_any_marked(rows: &[bool]) -> bool {
    rows.chunks(256).any(|rows| rows.iter().fold(false, |any, row| any | row))
}

fn mark_row(passing: &mut [bool], row: usize) {
    if let Some(mark) = passing.get_mut(row) {
        *mark = true;
    }
}
