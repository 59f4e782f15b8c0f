//! Testing the values of one attribute column: dictionary entries once each, numbers directly.
//!
//! Compiled from an [`AttributeTest`], whose meaning is defined by `AttributeTest::passes`; everything here is a faster
//! way to the same answer.

use super::columns::Cells;
use crate::segment::NumericRange;
use fanal_base::cast;
use fanal_model::attributes::overflow_entry;
use fanal_model::{AttributeType, BytesTable, Value, ValueRef};
use fanal_storage::{AttributeTest, Comparison};

/// A test of the values of one column.
#[derive(Debug)]
pub(crate) struct CellTest<'q> {
    test: &'q AttributeTest,
    entries: Entries<'q>,
    /// Which entries of the column's dictionary pass, where it has one.
    dictionary: Option<Vec<bool>>,
}

/// What the entries of a column's tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entries<'q> {
    /// Values of one type.
    Typed(AttributeType),
    /// Rare keys with values; those of the key are wanted.
    Overflow(&'q str),
}

impl Entries<'_> {
    /// The value of an entry; `None` where it is of another key.
    pub(crate) fn value(self, entry: &[u8]) -> Option<ValueRef<'_>> {
        Some(match self {
            Self::Overflow(key) => {
                let (entry_key, value) = overflow_entry(entry);
                return (entry_key == key).then_some(value);
            }
            Self::Typed(AttributeType::String) => {
                ValueRef::String(std::str::from_utf8(entry).unwrap_or_default())
            }
            Self::Typed(AttributeType::Array) => ValueRef::Array(entry),
            Self::Typed(AttributeType::Map) => ValueRef::Map(entry),
            Self::Typed(_) => ValueRef::Bytes(entry),
        })
    }
}

impl<'q> CellTest<'q> {
    /// A test of a column that has this dictionary, or none.
    pub(crate) fn new(
        test: &'q AttributeTest,
        entries: Entries<'q>,
        dictionary: Option<&BytesTable>,
    ) -> Self {
        let mut cell_test = Self { test, entries, dictionary: None };
        cell_test.dictionary = dictionary.map(|table| cell_test.test_table(table));
        cell_test
    }

    /// Whether no value of the column can pass, known without reading values.
    pub(crate) fn is_hopeless(&self) -> bool {
        match (&self.dictionary, self.entries) {
            (Some(passing), _) => !passing.contains(&true),
            (None, Entries::Typed(AttributeType::Empty)) => !self.test.passes(ValueRef::Empty),
            _ => false,
        }
    }

    fn test_table(&self, table: &BytesTable) -> Vec<bool> {
        match self.texts() {
            Some(texts) => table.iter().map(|entry| texts.contains(&entry)).collect(),
            None => table.iter().map(|entry| self.test_entry(entry)).collect(),
        }
    }

    /// The texts of which a value must be one, where that is all of the test: bytes are compared then.
    fn texts(&self) -> Option<Vec<&'q [u8]>> {
        match (self.test, self.entries) {
            (AttributeTest::TextEquals(text), Entries::Typed(AttributeType::String)) => {
                Some(vec![text.as_bytes()])
            }
            (
                AttributeTest::Compare(Comparison::Equal, operands),
                Entries::Typed(AttributeType::String),
            ) => {
                let text = |operand: &'q Value| match operand {
                    Value::String(text) => Some(text.as_bytes()),
                    _ => None,
                };
                Some(operands.iter().filter_map(text).collect())
            }
            (
                AttributeTest::CompareElements(Comparison::Equal, Value::String(text)),
                Entries::Typed(AttributeType::String),
            ) => Some(vec![text.as_bytes()]),
            _ => None,
        }
    }

    fn test_entry(&self, entry: &[u8]) -> bool {
        self.entries.value(entry).is_some_and(|value| self.test.passes(value))
    }

    /// Positions of the values that pass, ascending.
    pub(crate) fn passing(&self, cells: &Cells<'_>) -> Vec<u32> {
        match cells {
            Cells::Empty(count) if self.test.passes(ValueRef::Empty) => {
                (0..cast::narrow(*count)).collect()
            }
            Cells::Empty(_) => Vec::new(),
            Cells::Coded(codes) => {
                let passing = self.dictionary.as_deref().unwrap_or_default();
                positions(codes, |&code| passing.get(cast::index(code)).copied().unwrap_or(false))
            }
            Cells::Local(column) => {
                let passing = self.test_table(&column.table);
                positions(&column.codes, |&code| {
                    passing.get(cast::index(code)).copied().unwrap_or(false)
                })
            }
            Cells::Bool(values) => {
                let passes = [false, true].map(|flag| self.test.passes(ValueRef::Bool(flag)));
                positions(values, |&flag| passes[usize::from(flag)])
            }
            Cells::Int(values) => self.passing_ints(values),
            Cells::Float(values) => self.passing_floats(values),
        }
    }

    fn passing_ints(&self, values: &[i64]) -> Vec<u32> {
        match self.test {
            AttributeTest::TextEquals(text) => canonical_int(text)
                .map_or_else(Vec::new, |wanted| positions(values, |&value| value == wanted)),
            test => positions(values, |&value| test.passes(ValueRef::Int(value))),
        }
    }

    fn passing_floats(&self, values: &[f64]) -> Vec<u32> {
        match self.test {
            AttributeTest::TextEquals(text) => {
                canonical_float(text).map_or_else(Vec::new, |wanted| {
                    let is_wanted = |value: &f64| {
                        value.to_bits() == wanted.to_bits() || value.is_nan() && wanted.is_nan()
                    };
                    positions(values, is_wanted)
                })
            }
            test => positions(values, |&value| test.passes(ValueRef::Float(value))),
        }
    }

    /// Whether a value of a numeric column within a range may pass.
    pub(crate) fn may_pass(&self, range: NumericRange) -> bool {
        let (min, max) = match range {
            NumericRange::Int { min, max } => (ValueRef::Int(min), ValueRef::Int(max)),
            NumericRange::Float { min, max } => (ValueRef::Float(min), ValueRef::Float(max)),
        };
        match self.test {
            AttributeTest::Exists | AttributeTest::IsComparable => true,
            AttributeTest::Matches(_) | AttributeTest::MatchesNot(_) => false,
            AttributeTest::TextEquals(text) => match (range, canonical_int(text)) {
                (NumericRange::Int { min, max }, wanted) => {
                    wanted.is_some_and(|wanted| (min..=max).contains(&wanted))
                }
                // NaN, which has a text, is in no range.
                (NumericRange::Float { .. }, _) => true,
            },
            AttributeTest::Compare(comparison, operands) => match comparison {
                Comparison::Less | Comparison::LessOrEqual => self.test.passes(min),
                Comparison::Greater | Comparison::GreaterOrEqual => self.test.passes(max),
                Comparison::Equal => operands.iter().any(|operand| {
                    let compare = |comparison, value| {
                        AttributeTest::Compare(comparison, vec![operand.clone()]).passes(value)
                    };
                    compare(Comparison::LessOrEqual, min)
                        && compare(Comparison::GreaterOrEqual, max)
                }),
                Comparison::NotEqual => true,
            },
            AttributeTest::CompareElements(comparison, operand) => {
                let test = AttributeTest::Compare(*comparison, vec![operand.clone()]);
                let plain = CellTest { test: &test, entries: self.entries, dictionary: None };
                plain.may_pass(range)
            }
        }
    }
}

fn positions<T>(values: &[T], passes: impl Fn(&T) -> bool) -> Vec<u32> {
    (0..).zip(values).filter(|(_, value)| passes(value)).map(|(position, _)| position).collect()
}

/// The integer whose shortest text this is.
fn canonical_int(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

/// The float whose shortest text this is.
fn canonical_float(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    const INTS: [i64; 7] = [i64::MIN, -7, 0, 3, 7, 10, i64::MAX];
    const FLOATS: [f64; 8] = [f64::NEG_INFINITY, -0.5, -0.0, 0.0, 3.0, 7.5, 1e20, f64::NAN];

    fn tests() -> Vec<AttributeTest> {
        let pattern = fanal_storage::Pattern::new("7.*").expect("valid");
        let mut tests = vec![
            AttributeTest::Exists,
            AttributeTest::IsComparable,
            AttributeTest::Matches(pattern.clone()),
            AttributeTest::MatchesNot(pattern),
        ];
        for text in ["7", "07", "+7", "-0", "0", "3", "NaN", "1e20", "100000000000000000000", "x"] {
            tests.push(AttributeTest::TextEquals(text.to_owned()));
        }
        let all = [
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::LessOrEqual,
            Comparison::Greater,
            Comparison::GreaterOrEqual,
        ];
        for comparison in all {
            for operands in [
                vec![],
                vec![Value::Int(7)],
                vec![Value::Float(3.0), Value::Int(10)],
                vec![Value::String("7".to_owned())],
                vec![Value::Float(f64::NAN)],
            ] {
                let single = operands.first().cloned();
                tests.extend(single.map(|it| AttributeTest::CompareElements(comparison, it)));
                tests.push(AttributeTest::Compare(comparison, operands));
            }
        }
        tests
    }

    #[test]
    fn numbers_pass_as_in_the_reference() {
        for test in tests() {
            let reference = |value: ValueRef<'_>| test.passes(value);
            let ints = CellTest::new(&test, Entries::Typed(AttributeType::Int), None);
            let expect = positions(&INTS, |&value| reference(ValueRef::Int(value)));
            assert_eq!(ints.passing(&Cells::Int(Cow::Borrowed(&INTS))), expect, "{test:?}");
            let floats = CellTest::new(&test, Entries::Typed(AttributeType::Float), None);
            let expect = positions(&FLOATS, |&value| reference(ValueRef::Float(value)));
            assert_eq!(floats.passing(&Cells::Float(Cow::Borrowed(&FLOATS))), expect, "{test:?}");
        }
    }

    #[test]
    fn ranges_are_never_skipped_wrongly() {
        for test in tests() {
            let cell_test = CellTest::new(&test, Entries::Typed(AttributeType::Int), None);
            for (start, &min) in INTS.iter().enumerate() {
                for end in start..INTS.len() {
                    let values = &INTS[start..=end];
                    let max = INTS[end];
                    let any = values.iter().any(|&value| test.passes(ValueRef::Int(value)));
                    let may = cell_test.may_pass(NumericRange::Int { min, max });
                    assert!(may || !any, "{test:?} {min}..={max}");
                }
            }
            let (min, max) = (-0.5, 7.5);
            let any = FLOATS[1..6].iter().any(|&value| test.passes(ValueRef::Float(value)));
            assert!(cell_test.may_pass(NumericRange::Float { min, max }) || !any, "{test:?}");
        }
        let test = AttributeTest::Compare(Comparison::Greater, vec![Value::Int(7)]);
        let cell_test = CellTest::new(&test, Entries::Typed(AttributeType::Int), None);
        assert!(!cell_test.may_pass(NumericRange::Int { min: 0, max: 7 }));
    }
}
