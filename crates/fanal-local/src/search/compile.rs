//! From conditions to leaves of a plan: every dictionary entry is tested once, here.
//!
//! Called when a plan is compiled. What no span of the dictionaries meets, or all do, falls away.

use super::cell::{CellTest, Entries};
use super::columns::{CodedColumn, Dictionaries};
use super::plan::{Codes, Leaf, Probe};
use crate::segment::{AttributeOwner, SegmentError};
use fanal_base::cast;
use fanal_model::nested;
use fanal_model::resource::attributes_of;
use fanal_model::{AttributeType, ValueRef};
use fanal_storage::{AttributeCondition, AttributeLevel, AttributeTest, SpanCondition, TextField};

/// What a condition is for one set of dictionaries.
pub(super) enum Meaning<'q> {
    /// No span matches.
    Never,
    /// Every span does.
    Always,
    Sometimes(Leaf<'q>),
}

impl<'q> Meaning<'q> {
    fn of_leaf(leaf: Leaf<'q>) -> Self {
        let is_hopeless = match &leaf {
            Leaf::Codes(_, codes) => codes.list.is_empty(),
            Leaf::Any(probes) => probes.is_empty(),
            Leaf::StatusMessage(test) => test.is_hopeless(),
            _ => false,
        };
        if is_hopeless { Self::Never } else { Self::Sometimes(leaf) }
    }

    fn negated(self) -> Self {
        match self {
            Self::Never => Self::Always,
            Self::Always => Self::Never,
            Self::Sometimes(leaf) => Self::of_leaf(leaf.negated()),
        }
    }

    /// Of several leaves, those that tell nothing left out.
    fn of(
        mut leaves: Vec<Leaf<'q>>,
        of_none: Self,
        join: impl Fn(Vec<Leaf<'q>>) -> Leaf<'q>,
    ) -> Self {
        leaves.sort_by_key(Leaf::cost);
        match leaves.pop() {
            None => of_none,
            Some(leaf) if leaves.is_empty() => Self::Sometimes(leaf),
            Some(leaf) => {
                leaves.push(leaf);
                Self::Sometimes(join(leaves))
            }
        }
    }
}

/// Compiles a condition.
pub(super) fn compile<'q>(
    condition: &'q SpanCondition,
    dictionaries: &impl Dictionaries,
) -> Result<Meaning<'q>, SegmentError> {
    let leaf = match condition {
        SpanCondition::AnyOf(conditions) => return any_of(conditions, dictionaries),
        SpanCondition::AllOf(conditions) => return all_of(conditions, dictionaries),
        SpanCondition::Not(condition) => return Ok(compile(condition, dictionaries)?.negated()),
        SpanCondition::Service(name) => {
            let summary = dictionaries.resource_summary()?;
            let wanted = summary.services.iter().position(|service| **service == **name);
            let wanted = wanted.map(cast::narrow);
            let codes = Codes::of(summary.service_of.iter(), |&service| Some(service) == wanted);
            Leaf::Codes(CodedColumn::Resources, codes)
        }
        SpanCondition::Name(name) => {
            let names = dictionaries.names()?;
            let codes = Codes::of(names.iter(), |entry| entry == name.as_bytes());
            Leaf::Codes(CodedColumn::Names, codes)
        }
        SpanCondition::ScopeName(name) => {
            let scopes = dictionaries.scopes()?;
            let codes = Codes::of(scopes.iter(), |scope| scope.name == *name);
            Leaf::Codes(CodedColumn::Scopes, codes)
        }
        SpanCondition::ScopeVersion(version) => {
            let scopes = dictionaries.scopes()?;
            let codes = Codes::of(scopes.iter(), |scope| scope.version == *version);
            Leaf::Codes(CodedColumn::Scopes, codes)
        }
        SpanCondition::Kind(kind) => Leaf::Kind(*kind),
        SpanCondition::Status(code) => Leaf::Status(*code),
        SpanCondition::StatusNot(code) => Leaf::StatusNot(*code),
        SpanCondition::DurationMin(nanos) => Leaf::DurationMin(*nanos),
        SpanCondition::DurationMax(nanos) => Leaf::DurationMax(*nanos),
        SpanCondition::Attribute(condition) => Leaf::Any(probes(condition, dictionaries)?),
        SpanCondition::Root => Leaf::Roots,
        SpanCondition::Text(field, test) => compile_text(*field, test, dictionaries)?,
    };
    Ok(Meaning::of_leaf(leaf))
}

fn any_of<'q>(
    conditions: &'q [SpanCondition],
    dictionaries: &impl Dictionaries,
) -> Result<Meaning<'q>, SegmentError> {
    let mut leaves = Vec::with_capacity(conditions.len());
    for condition in conditions {
        match compile(condition, dictionaries)? {
            Meaning::Never => {}
            Meaning::Always => return Ok(Meaning::Always),
            Meaning::Sometimes(leaf) => leaves.push(leaf),
        }
    }
    Ok(Meaning::of(leaves, Meaning::Never, Leaf::AnyOf))
}

fn all_of<'q>(
    conditions: &'q [SpanCondition],
    dictionaries: &impl Dictionaries,
) -> Result<Meaning<'q>, SegmentError> {
    let mut leaves = Vec::with_capacity(conditions.len());
    for condition in conditions {
        match compile(condition, dictionaries)? {
            Meaning::Never => return Ok(Meaning::Never),
            Meaning::Always => {}
            Meaning::Sometimes(leaf) => leaves.push(leaf),
        }
    }
    Ok(Meaning::of(leaves, Meaning::Always, Leaf::AllOf))
}

fn compile_text<'q>(
    field: TextField,
    test: &'q AttributeTest,
    dictionaries: &impl Dictionaries,
) -> Result<Leaf<'q>, SegmentError> {
    let passes = |text: &str| test.passes(ValueRef::String(text));
    Ok(match field {
        TextField::Name => {
            let names = dictionaries.names()?;
            let passes = |name: &[u8]| passes(std::str::from_utf8(name).unwrap_or_default());
            Leaf::Codes(CodedColumn::Names, Codes::of(names.iter(), passes))
        }
        TextField::ScopeName => {
            let scopes = dictionaries.scopes()?;
            let codes = Codes::of(scopes.iter(), |scope| passes(&scope.name));
            Leaf::Codes(CodedColumn::Scopes, codes)
        }
        TextField::ScopeVersion => {
            let scopes = dictionaries.scopes()?;
            let codes = Codes::of(scopes.iter(), |scope| passes(&scope.version));
            Leaf::Codes(CodedColumn::Scopes, codes)
        }
        TextField::StatusMessage => {
            let table = dictionaries.status_message_table()?;
            let entries = Entries::Typed(AttributeType::String);
            Leaf::StatusMessage(CellTest::new(test, entries, table.as_deref()))
        }
    })
}

fn probes<'q>(
    condition: &'q AttributeCondition,
    dictionaries: &impl Dictionaries,
) -> Result<Vec<Probe<'q>>, SegmentError> {
    let mut probes = Vec::new();
    for level in &condition.levels {
        let owner = match level {
            AttributeLevel::Resource => {
                if dictionaries.resource_summary()?.has_key(&condition.key) {
                    let resources = dictionaries.resources()?;
                    let passes = |resource: &[u8]| resource_passes(condition, resource);
                    push_codes(&mut probes, CodedColumn::Resources, resources.iter(), passes);
                }
                continue;
            }
            AttributeLevel::Scope => {
                let scopes = dictionaries.scopes()?;
                let passes = |scope: &fanal_model::Scope| condition.passes_any(&scope.attributes);
                push_codes(&mut probes, CodedColumn::Scopes, scopes.iter(), passes);
                continue;
            }
            AttributeLevel::Span => AttributeOwner::Span,
            AttributeLevel::Event => AttributeOwner::Event,
            AttributeLevel::Link => AttributeOwner::Link,
        };
        push_cells(&mut probes, condition, dictionaries, owner)?;
    }
    Ok(probes)
}

fn resource_passes(condition: &AttributeCondition, resource: &[u8]) -> bool {
    attributes_of(resource)
        .filter(|(key, _)| *key == condition.key.as_bytes())
        .any(|(_, value)| nested::decode_ref(value).is_ok_and(|value| condition.test.passes(value)))
}

fn push_codes<T>(
    probes: &mut Vec<Probe<'_>>,
    column: CodedColumn,
    entries: impl Iterator<Item = T>,
    passes: impl Fn(T) -> bool,
) {
    let codes = Codes::of(entries, passes);
    if !codes.list.is_empty() {
        probes.push(Probe::Codes(column, codes));
    }
}

fn push_cells<'q>(
    probes: &mut Vec<Probe<'q>>,
    condition: &'q AttributeCondition,
    dictionaries: &impl Dictionaries,
    owner: AttributeOwner,
) -> Result<(), SegmentError> {
    let columns = dictionaries.columns_of_key(owner, &condition.key).into_iter();
    let typed = columns.map(|(column, kind)| (column, Entries::Typed(kind)));
    let overflow = dictionaries.overflow_column(owner).into_iter();
    let overflow = overflow.map(|column| (column, Entries::Overflow(condition.key.as_str())));
    for (column, entries) in typed.chain(overflow) {
        let table = dictionaries.attribute_table(owner, column)?;
        let test = CellTest::new(&condition.test, entries, table.as_deref());
        if !test.is_hopeless() {
            probes.push(Probe::Cells { owner, column, test });
        }
    }
    Ok(())
}
