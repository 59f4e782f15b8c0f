//! Several ids of a row as one: a small number for each combination that a unit may have.
//!
//! As long as all possible combinations are few, the number is computed; beyond, those that occur are listed.

use super::dimension::RowIds;
use fanal_base::cast;
use foldhash::fast::RandomState;
use hashbrown::HashMap;

/// Most combinations that are numbered without listing them: what is kept for each stays in the fast caches.
const COMPUTED_MAX: u64 = 1 << 16;

/// Numbered combinations of the ids of rows.
#[derive(Debug)]
pub(crate) struct Combined {
    /// By row; empty where every row has the number 0.
    pub numbers: Vec<u32>,
    /// All numbers are below; at least 1.
    pub cardinality: u32,
    steps: Vec<Step>,
}

/// How the number before and one more id became the number after.
#[derive(Debug)]
enum Step {
    /// Before × cardinality + id.
    Computed(u32),
    /// The place of (before, id) here.
    Listed(Vec<(u32, u32)>),
}

impl Combined {
    /// Combines ids of the same rows; those of the first key are taken away.
    pub(crate) fn new(keys: &mut [RowIds]) -> Self {
        let mut combined = Self { numbers: Vec::new(), cardinality: 1, steps: Vec::new() };
        if let Some((first, others)) = keys.split_first_mut() {
            combined.numbers = std::mem::take(&mut first.ids);
            combined.cardinality = first.cardinality;
            combined.steps.push(Step::Computed(first.cardinality));
            others.iter().for_each(|key| combined.append(&key.ids, key.cardinality));
        }
        combined
    }

    /// Whether equal ids have this number in every unit whose keys have the same cardinalities.
    pub(crate) fn is_computed(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Computed(_)))
    }

    fn append(&mut self, ids: &[u32], cardinality: u32) {
        let all = u64::from(self.cardinality) * u64::from(cardinality);
        if all <= COMPUTED_MAX {
            let numbered = self.numbers.iter_mut().zip(ids);
            numbered.for_each(|(number, id)| *number = *number * cardinality + id);
            self.cardinality = cast::narrow(cast::size(all));
            self.steps.push(Step::Computed(cardinality));
            return;
        }
        let mut places = HashMap::<(u32, u32), u32, RandomState>::default();
        let mut list = Vec::new();
        for (number, &id) in self.numbers.iter_mut().zip(ids) {
            let pair = (*number, id);
            *number = *places.entry(pair).or_insert_with(|| {
                list.push(pair);
                cast::narrow(list.len() - 1)
            });
        }
        self.cardinality = cast::narrow(list.len()).max(1);
        self.steps.push(Step::Listed(list));
    }

    /// The ids of a number into `ids`, which has one place for each combined.
    pub(crate) fn split(&self, mut number: u32, ids: &mut [u32]) {
        for (step, place) in self.steps.iter().zip(ids.iter_mut()).rev() {
            let (before, id) = match step {
                Step::Computed(cardinality) => {
                    (number / (*cardinality).max(1), number % (*cardinality).max(1))
                }
                Step::Listed(list) => list.get(cast::index(number)).copied().unwrap_or_default(),
            };
            *place = id;
            number = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_split_into_what_they_were_made_of() {
        for cardinalities in [&[][..], &[1], &[7], &[7, 1, 30], &[200, 200, 3], &[40_000, 3, 9]] {
            let rows = 1000;
            let column = |place: usize, cardinality: u32| -> Vec<u32> {
                (0..rows)
                    .map(|row: u32| row.wrapping_mul(2_654_435_761) >> place)
                    .map(|number| number % cardinality)
                    .collect()
            };
            let columns: Vec<Vec<u32>> =
                cardinalities.iter().enumerate().map(|(place, &it)| column(place, it)).collect();
            let keys = columns.iter().zip(cardinalities);
            let mut keys: Vec<RowIds> = keys
                .map(|(ids, &cardinality)| RowIds { ids: ids.clone(), cardinality, own: vec![] })
                .collect();
            let combined = Combined::new(&mut keys);
            let mut split = vec![0; columns.len()];
            for (row, &number) in combined.numbers.iter().enumerate() {
                assert!(number < combined.cardinality);
                combined.split(number, &mut split);
                let expect: Vec<u32> = columns.iter().map(|column| column[row]).collect();
                assert_eq!(split, expect, "{cardinalities:?} row {row}");
            }
            assert_eq!(combined.numbers.is_empty(), columns.is_empty());
        }
    }
}
