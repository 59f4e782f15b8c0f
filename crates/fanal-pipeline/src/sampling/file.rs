//! Strategies that an operator wrote down, in the file format of Jaeger's collector, with its rules of inheritance.
//!
//! Follows <https://www.jaegertracing.io/docs/latest/architecture/sampling/#file-based-sampling-configuration>. Invariant:
//! memory is that of the file: what services inherit is put together when one asks. Knows no disk: bytes are given.

use super::error::StrategiesError;
use super::strategy::{OperationStrategies, RATE_MAX, Strategy, StrategyKind};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most bytes of a strategies file.
pub const STRATEGIES_BYTES_MAX: usize = 4 << 20;

/// Most warnings kept about one file.
const WARNINGS_MAX: usize = 20;

/// The strategies of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FileStrategies {
    default: Rule,
    services: HashMap<String, Rule>,
    /// Probability where the file tells none.
    fallback_probability: f64,
}

/// What the file says of one service, or of all.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    kind: StrategyKind,
    /// Absent where the file lists none, which is not the same as a list of which nothing can be used.
    operations: Option<Vec<(String, f64)>>,
}

/// What was read, and what in it has no effect.
#[derive(Debug, PartialEq)]
pub(crate) struct ReadFile {
    pub(crate) strategies: FileStrategies,
    pub(crate) warnings: Vec<String>,
}

impl FileStrategies {
    /// What holds where there is no file.
    pub(crate) fn none(fallback_probability: f64) -> Self {
        let kind = StrategyKind::Probabilistic(fallback_probability);
        let default = Rule { kind, operations: None };
        Self { default, services: HashMap::new(), fallback_probability }
    }

    /// Reads a file; `fallback_probability` is that of what it does not tell.
    pub(crate) fn read(
        bytes: &[u8],
        fallback_probability: f64,
    ) -> Result<ReadFile, StrategiesError> {
        if bytes.len() > STRATEGIES_BYTES_MAX {
            return Err(StrategiesError::TooLarge { allowed: STRATEGIES_BYTES_MAX });
        }
        let text: Option<FileText> = serde_json::from_slice(bytes)?;
        let text = text.unwrap_or_default();
        let mut reading = Reading { fallback_probability, warnings: Vec::new() };
        reading.check_members("the file", &text.other);
        let mut strategies = Self::none(fallback_probability);
        if let Some(default) = &text.default_strategy {
            strategies.default = reading.rule("the default strategy", default)?;
        }
        for service in text.service_strategies.iter().flatten() {
            let name = service.service.clone().unwrap_or_default();
            let place = format!("service `{name}`");
            let rule = reading.rule(&place, service)?;
            if strategies.services.insert(name, rule).is_some() {
                reading.warn(format!("{place} is there more than once; the last one holds"));
            }
        }
        Ok(ReadFile { strategies, warnings: reading.warnings })
    }

    /// Number of services that are named.
    pub(crate) fn service_count(&self) -> usize {
        self.services.len()
    }

    /// Whether the file names a service.
    pub(crate) fn has_service(&self, service: &str) -> bool {
        self.services.contains_key(service)
    }

    /// The strategy of a service that the file names.
    pub(crate) fn of_service(&self, service: &str) -> Option<Strategy> {
        let rule = self.services.get(service)?;
        let default_probability = match (rule.kind, &rule.operations, self.default.kind) {
            (StrategyKind::Probabilistic(own), _, _) => own,
            (_, None, StrategyKind::Probabilistic(inherited)) => inherited,
            _ => self.fallback_probability,
        };
        let has_operations = rule.operations.is_some() || self.default.operations.is_some();
        let operations = has_operations.then(|| {
            let list = rule.operations.clone().unwrap_or_default();
            let mut operations = operation_strategies(default_probability, list);
            operations.inherit(self.default_operations());
            operations
        });
        Some(Strategy { kind: rule.kind, operations })
    }

    /// The strategy of all other services.
    pub(crate) fn of_others(&self) -> Strategy {
        let Rule { kind, operations } = self.default.clone();
        let default_probability = match kind {
            StrategyKind::Probabilistic(own) => own,
            StrategyKind::RateLimiting(_) => self.fallback_probability,
        };
        let operations = operations.map(|list| operation_strategies(default_probability, list));
        Strategy { kind, operations }
    }

    /// Operations that the file names for every service.
    pub(crate) fn default_operations(&self) -> impl Iterator<Item = (&str, f64)> {
        self.default.operations.iter().flatten().map(|(name, probability)| (&**name, *probability))
    }
}

fn operation_strategies(default_probability: f64, list: Vec<(String, f64)>) -> OperationStrategies {
    OperationStrategies { default_probability, lower_bound_traces_per_second: 0.0, list }
}

#[derive(Debug, Default, Deserialize)]
struct FileText {
    default_strategy: Option<ServiceText>,
    service_strategies: Option<Vec<ServiceText>>,
    #[serde(flatten)]
    other: OtherMembers,
}

#[derive(Debug, Deserialize)]
struct ServiceText {
    service: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    param: Option<f64>,
    operation_strategies: Option<Vec<OperationText>>,
    #[serde(flatten)]
    other: OtherMembers,
}

#[derive(Debug, Deserialize)]
struct OperationText {
    operation: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    param: Option<f64>,
    #[serde(flatten)]
    other: OtherMembers,
}

/// Members that the format does not have: Jaeger takes files with them, so they are told and not refused.
type OtherMembers = BTreeMap<String, serde_json::Value>;

/// A file that is being read.
struct Reading {
    fallback_probability: f64,
    warnings: Vec<String>,
}

impl Reading {
    fn warn(&mut self, warning: String) {
        if self.warnings.len() < WARNINGS_MAX {
            self.warnings.push(warning);
        }
    }

    fn check_members(&mut self, place: &str, other: &OtherMembers) {
        for name in other.keys() {
            self.warn(format!("{place} has a member `{name}`, which means nothing"));
        }
    }

    fn rule(&mut self, place: &str, text: &ServiceText) -> Result<Rule, StrategiesError> {
        self.check_members(place, &text.other);
        let kind = self.kind(place, text.kind.as_deref(), text.param)?;
        let mut operations = None;
        for operation in text.operation_strategies.iter().flatten() {
            let list: &mut Vec<(String, f64)> = operations.get_or_insert_default();
            let name = operation.operation.clone().unwrap_or_default();
            let place = format!("{place}, operation `{name}`");
            self.check_members(&place, &operation.other);
            match self.kind(&place, operation.kind.as_deref(), operation.param)? {
                StrategyKind::Probabilistic(probability) => list.push((name, probability)),
                StrategyKind::RateLimiting(_) => {
                    self.warn(format!("{place} is left out: operations cannot be rate-limited"));
                }
            }
        }
        if let Some(list) = &mut operations {
            self.keep_last(place, list);
        }
        Ok(Rule { kind, operations })
    }

    /// Of operations of one name the last one holds, as clients take it.
    fn keep_last(&mut self, place: &str, list: &mut Vec<(String, f64)>) {
        let mut seen = BTreeSet::new();
        let mut is_kept: Vec<bool> =
            list.iter().rev().map(|(name, _)| seen.insert(&**name)).collect();
        is_kept.reverse();
        if is_kept.iter().all(|kept| *kept) {
            return;
        }
        let mut kept = is_kept.into_iter();
        list.retain(|_| kept.next().unwrap_or(true));
        self.warn(format!("{place} lists an operation more than once; the last one holds"));
    }

    fn kind(
        &mut self,
        place: &str,
        kind: Option<&str>,
        param: Option<f64>,
    ) -> Result<StrategyKind, StrategiesError> {
        let refuse = |kind, found, range| {
            Err(StrategiesError::Param { place: place.to_owned(), kind, found, range })
        };
        let given = param.unwrap_or(0.0);
        let is_known = matches!(kind, Some(PROBABILISTIC | RATE_LIMITING));
        if is_known && param.is_none() {
            self.warn(format!("{place} has no `param`, which is taken as 0: no traces"));
        }
        match kind {
            Some(PROBABILISTIC) if (0.0..=1.0).contains(&given) => {
                Ok(StrategyKind::Probabilistic(given))
            }
            Some(PROBABILISTIC) => refuse(PROBABILISTIC, given, "a probability from 0 to 1"),
            Some(RATE_LIMITING) if given < 0.0 => {
                refuse(RATE_LIMITING, given, "traces a second, 0 or more")
            }
            Some(RATE_LIMITING) => Ok(StrategyKind::RateLimiting(self.rate(place, given))),
            other => {
                let fallback = self.fallback_probability;
                let found = other.unwrap_or_default();
                self.warn(format!(
                    "{place} has the type `{found}`, which is neither {PROBABILISTIC} nor {RATE_LIMITING}; \
                     taken as {PROBABILISTIC} with {fallback}"
                ));
                Ok(StrategyKind::Probabilistic(fallback))
            }
        }
    }

    /// Traces a second as clients read them: whole, and within 16 bits with a sign.
    fn rate(&mut self, place: &str, given: f64) -> u16 {
        let rate = whole_rate(given);
        // Exact: both are below 2^53.
        if (f64::from(rate) - given).abs() > 0.0 {
            self.warn(format!("{place} has a rate of {given}, which clients read as {rate}"));
        }
        rate
    }
}

const PROBABILISTIC: &str = "probabilistic";
const RATE_LIMITING: &str = "ratelimiting";

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped before, and cutting the fraction is what Jaeger does"
)]
fn whole_rate(rate: f64) -> u16 {
    rate.clamp(0.0, f64::from(RATE_MAX)) as u16
}

/// A file of the probabilities of services, their default and those of their operations, which reads back.
pub(crate) fn write<'a, Operations>(
    services: impl IntoIterator<Item = (&'a str, f64, Operations)>,
) -> Vec<u8>
where
    Operations: IntoIterator<Item = (&'a str, f64)>,
{
    let strategy = |key: &str, name: &str, probability: f64| serde_json::json!({ key: name, "type": PROBABILISTIC, "param": probability });
    let services = services.into_iter().map(|(service, probability, operations)| {
        let operations = operations.into_iter();
        let list: Vec<_> = operations
            .map(|(name, probability)| strategy("operation", name, probability))
            .collect();
        let mut text = strategy("service", service, probability);
        text["operation_strategies"] = list.into();
        text
    });
    let services: Vec<_> = services.collect();
    serde_json::json!({ "service_strategies": services }).to_string().into_bytes()
}

/// What a file of [`write`] says: services, their default and those of their operations.
pub(crate) fn probabilities(
    strategies: FileStrategies,
) -> impl Iterator<Item = (String, f64, Vec<(String, f64)>)> {
    strategies.services.into_iter().filter_map(|(service, rule)| match rule.kind {
        StrategyKind::Probabilistic(default) => {
            Some((service, default, rule.operations.unwrap_or_default()))
        }
        StrategyKind::RateLimiting(_) => None,
    })
}

#[cfg(test)]
mod tests;
