//! Listing the keys of attributes and the values of some fields: the questions, their answers, and their meaning.
//!
//! Asked through `SpanStore::list_keys` and `SpanStore::list_values` for forms and completion. A backend may answer from what it knows of many spans at
//! once: keys and values of further stored spans may be in the answer, and none may be missing without a word.

use crate::aggregate::encode_ref;
use crate::predicate::{AttributeLevel, SpanCondition};
use fanal_model::{SpanRef, Value, ValueRef, nested};
use std::collections::{BTreeMap, BTreeSet};

/// A question for the keys of attributes of spans: every condition must hold on a span, and it must start in the range.
#[derive(Debug, Clone, PartialEq)]
pub struct ListKeys {
    /// Conditions, combined by AND.
    pub conditions: Vec<SpanCondition>,
    /// Earliest span start, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest span start, inclusive.
    pub start_max_unix_nanos: u64,
    /// Most keys of a level to answer.
    pub keys_max: usize,
}

/// Answer to [`ListKeys`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedKeys {
    /// By level, for those that have any: the keys of every span that matches, and maybe others that are stored.
    pub keys: BTreeMap<AttributeLevel, BTreeSet<String>>,
    /// Why keys may be missing; empty when none is.
    pub warnings: Vec<String>,
}

impl ListedKeys {
    /// Adds a key, unless its level has as many as it may; then a warning, once.
    pub fn add(&mut self, level: AttributeLevel, key: &str, keys_max: usize) {
        let keys = self.keys.entry(level).or_default();
        if keys.contains(key) {
            return;
        }
        if keys.len() < keys_max {
            keys.insert(key.to_owned());
            return;
        }
        let warning = format!(
            "answer has the {keys_max} keys of a level that it may have; others are left out: add conditions"
        );
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Adds the keys of a span.
    pub fn add_span(&mut self, span: &SpanRef<'_>, keys_max: usize) {
        span.attributes().for_each(|(key, _)| self.add(AttributeLevel::Span, key, keys_max));
        for (key, _) in &span.resource().attributes {
            self.add(AttributeLevel::Resource, key, keys_max);
        }
        for (key, _) in &span.scope().attributes {
            self.add(AttributeLevel::Scope, key, keys_max);
        }
        for (key, _) in span.events().flat_map(|event| event.attributes()) {
            self.add(AttributeLevel::Event, key, keys_max);
        }
        for (key, _) in span.links().flat_map(|link| link.attributes()) {
            self.add(AttributeLevel::Link, key, keys_max);
        }
    }

    /// Adds what another answer has.
    pub fn merge(&mut self, other: Self, keys_max: usize) {
        for (level, keys) in other.keys {
            keys.iter().for_each(|key| self.add(level, key, keys_max));
        }
        for warning in other.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }
}

/// A question for the values of something that spans have, in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct ListValues {
    /// Of what.
    pub of: ValuesOf,
    /// Conditions, combined by AND.
    pub conditions: Vec<SpanCondition>,
    /// Earliest span start, inclusive, nanoseconds since the Unix epoch.
    pub start_min_unix_nanos: u64,
    /// Latest span start, inclusive.
    pub start_max_unix_nanos: u64,
    /// Most values to answer.
    pub values_max: usize,
}

/// What has values that no aggregate groups by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValuesOf {
    /// Texts of statuses.
    StatusMessage,
    /// Versions of scopes.
    ScopeVersion,
    /// Names of events.
    EventName,
    /// An attribute of events.
    EventAttribute(String),
    /// An attribute of links.
    LinkAttribute(String),
}

/// Answer to [`ListValues`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListedValues {
    /// The values of every span that matches, and maybe others that are stored; empty texts of what every span has are not
    /// among them. In the encoding of `fanal_model::nested`.
    pub encoded: BTreeSet<Vec<u8>>,
    /// Why values may be missing; empty when none is.
    pub warnings: Vec<String>,
}

impl ListedValues {
    /// Adds a value, unless there are as many as there may be; then a warning, once.
    pub fn add(&mut self, value: ValueRef<'_>, values_max: usize) {
        self.add_encoded(encode_ref(value), values_max);
    }

    fn add_encoded(&mut self, value: Vec<u8>, values_max: usize) {
        if self.encoded.len() < values_max || self.encoded.contains(&value) {
            self.encoded.insert(value);
            return;
        }
        let warning = format!(
            "answer has the {values_max} values that it may have; others are left out: add conditions"
        );
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Adds a text that every span has, maybe an empty one.
    pub fn add_text(&mut self, text: &str, values_max: usize) {
        if !text.is_empty() {
            self.add(ValueRef::String(text), values_max);
        }
    }

    /// Adds the values of a span.
    pub fn add_span(&mut self, span: &SpanRef<'_>, request: &ListValues) {
        let values_max = request.values_max;
        match &request.of {
            ValuesOf::StatusMessage => self.add_text(span.status_message(), values_max),
            ValuesOf::ScopeVersion => self.add_text(&span.scope().version, values_max),
            ValuesOf::EventName => {
                span.events().for_each(|event| self.add_text(event.name(), values_max));
            }
            ValuesOf::EventAttribute(wanted) => {
                let attributes = span.events().flat_map(|event| event.attributes());
                let of_key = attributes.filter(|(key, _)| key == wanted);
                of_key.for_each(|(_, value)| self.add(value, values_max));
            }
            ValuesOf::LinkAttribute(wanted) => {
                let attributes = span.links().flat_map(|link| link.attributes());
                let of_key = attributes.filter(|(key, _)| key == wanted);
                of_key.for_each(|(_, value)| self.add(value, values_max));
            }
        }
    }

    /// Adds what another answer has.
    pub fn merge(&mut self, other: Self, values_max: usize) {
        other.encoded.into_iter().for_each(|value| self.add_encoded(value, values_max));
        for warning in other.warnings {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
    }

    /// The values.
    pub fn values(&self) -> impl Iterator<Item = Value> {
        self.encoded.iter().filter_map(|value| nested::decode(value).ok())
    }
}
