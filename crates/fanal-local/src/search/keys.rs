//! The keys of an aggregate in one block or part, gathered by the columns that tell them: keys that follow from the same
//! codes are one lane, whose ids are found by one table.
//!
//! So grouping by service, name and status reads resources and classes, and maps each once.

use super::columns::{Columns, Dictionaries};
use super::dimension::{CodeSource, Dimension, RowIds};
use crate::segment::{Classes, SegmentError};
use fanal_base::cast;
use fanal_storage::GroupKey;
use fanal_storage::aggregate::GROUP_KEYS_MAX;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::sync::Arc;

/// Ids of the values of a group, by key of the question.
pub(crate) type KeyIds = [u32; GROUP_KEYS_MAX];

/// The compiled keys.
#[derive(Debug)]
pub(crate) struct Keys {
    /// By key of the question.
    pub dimensions: Vec<Dimension>,
    lanes: Vec<Lane>,
    classes: Option<Arc<Classes>>,
}

#[derive(Debug)]
enum Lane {
    Coded {
        source: CodeSource,
        /// By code: the number of its combination of ids.
        numbers: Vec<u32>,
        /// Combinations of ids of the lane's keys; other keys are 0.
        combinations: Vec<KeyIds>,
    },
    /// An attribute of spans: the key of this place.
    Attribute(usize),
}

impl Keys {
    /// Compiles keys.
    pub(crate) fn compile(
        keys: &[GroupKey],
        dictionaries: &impl Dictionaries,
    ) -> Result<Self, SegmentError> {
        let dimensions = keys.iter().map(|key| Dimension::compile(key, dictionaries));
        let dimensions = dimensions.collect::<Result<Vec<_>, _>>()?;
        let classes = if keys.is_empty() { None } else { dictionaries.classes()? };
        let summary = match &classes {
            Some(classes) if !classes.services.is_empty() => dictionaries.resource_summary()?,
            _ => Arc::default(),
        };
        let told = classes.as_deref().map(|classes| (classes, &*summary));
        let mut lanes = Vec::new();
        let mut coded: Vec<(CodeSource, Vec<KeyIds>)> = Vec::new();
        for (place, dimension) in dimensions.iter().enumerate() {
            let Some((source, ids)) = dimension.by_code(told) else {
                lanes.push(Lane::Attribute(place));
                continue;
            };
            let known = coded.iter().position(|(known, _)| *known == source);
            let lane = known.unwrap_or_else(|| {
                coded.push((source, vec![[0; GROUP_KEYS_MAX]; ids.len()]));
                coded.len() - 1
            });
            coded[lane].1.iter_mut().zip(ids).for_each(|(all, id)| all[place] = id);
        }
        lanes.extend(coded.into_iter().map(|(source, ids)| Lane::numbered(source, &ids)));
        Ok(Self { dimensions, lanes, classes })
    }

    /// The ids of a unit's rows, lane by lane.
    pub(crate) fn row_ids(&self, columns: &impl Columns) -> Result<Vec<RowIds>, SegmentError> {
        self.lanes.iter().map(|lane| self.lane_ids(lane, columns)).collect()
    }

    fn lane_ids(&self, lane: &Lane, columns: &impl Columns) -> Result<RowIds, SegmentError> {
        let (source, numbers, combinations) = match lane {
            Lane::Attribute(place) => return self.dimensions[*place].row_ids(columns),
            Lane::Coded { source, numbers, combinations } => (source, numbers, combinations),
        };
        let narrow = |&code: &u8| numbers.get(usize::from(code)).copied().unwrap_or(0);
        let ids = match (source, &self.classes) {
            (CodeSource::Column(column), _) => mapped(&columns.codes(*column, None)?, numbers),
            (CodeSource::Classes, Some(classes)) => mapped(&columns.class_codes(classes)?, numbers),
            (CodeSource::Classes, None) => vec![0; columns.row_count()],
            (CodeSource::Kinds, _) => columns.kinds()?.iter().map(narrow).collect(),
            (CodeSource::Statuses, _) => columns.status_codes()?.iter().map(narrow).collect(),
        };
        let cardinality = cast::narrow(combinations.len()).max(1);
        Ok(RowIds { ids, cardinality, own: Vec::new() })
    }

    /// From the number of each lane to the id of each key.
    pub(crate) fn expand(&self, lane_numbers: &[u32]) -> KeyIds {
        let mut ids = [0; GROUP_KEYS_MAX];
        for (lane, &number) in self.lanes.iter().zip(lane_numbers) {
            match lane {
                Lane::Attribute(place) => ids[*place] = number,
                Lane::Coded { combinations, .. } => {
                    let combination = combinations.get(cast::index(number));
                    let combination = combination.copied().unwrap_or_default();
                    ids.iter_mut().zip(combination).for_each(|(id, told)| *id |= told);
                }
            }
        }
        ids
    }

    /// By key: values that only a unit knows, from those of its lanes.
    pub(crate) fn own_values(&self, lanes: &mut [RowIds]) -> Vec<Vec<Vec<u8>>> {
        let mut own = vec![Vec::new(); self.dimensions.len()];
        for (lane, rows) in self.lanes.iter().zip(lanes) {
            if let Lane::Attribute(place) = lane {
                own[*place] = std::mem::take(&mut rows.own);
            }
        }
        own
    }
}

impl Lane {
    fn numbered(source: CodeSource, ids: &[KeyIds]) -> Self {
        let mut known = HashMap::<KeyIds, u32, RandomState>::default();
        let mut combinations = Vec::new();
        let number = |ids: &KeyIds| {
            *known.entry(*ids).or_insert_with(|| {
                combinations.push(*ids);
                cast::narrow(combinations.len() - 1)
            })
        };
        let numbers = ids.iter().map(number).collect();
        Self::Coded { source, numbers, combinations }
    }
}

/// A checked segment has no other codes; such must not count beyond the end.
fn mapped(codes: &[u32], numbers: &[u32]) -> Vec<u32> {
    codes.iter().map(|&code| numbers.get(cast::index(code)).copied().unwrap_or(0)).collect()
}
