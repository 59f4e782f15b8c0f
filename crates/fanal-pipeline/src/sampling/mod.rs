//! Remote sampling: what services are told about choosing traces, from a file, from what arrives, or by default.
//!
//! The pipeline counts batches into it, the binary gives it the bytes of files, doors ask it. What the file names the
//! file decides: services, and operations that it names for all; otherwise adaptive sampling, where it is on; otherwise
//! the file's default strategy. Knows no socket and no disk.

pub mod adaptive;
pub mod config;
pub mod error;
pub mod file;
mod roots;
pub mod strategy;
#[cfg(test)]
mod testing;

use adaptive::Adaptive;
use config::SamplingConfig;
use error::StrategiesError;
use fanal_base::{Clock, cast};
use fanal_model::SpanBatch;
use file::FileStrategies;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use strategy::Strategy;

/// The strategies, shared by all doors.
#[derive(Debug)]
pub struct Sampling {
    clock: Arc<dyn Clock>,
    default_probability: f64,
    file: RwLock<FileState>,
    adaptive: Option<Mutex<Adaptive>>,
}

#[derive(Debug)]
struct FileState {
    strategies: Arc<FileStrategies>,
    problem: Option<String>,
    failures: u64,
}

/// Counts and problems, for the status and metrics pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SamplingSnapshot {
    /// Why the strategies file is not in force as it is now; the strategies before it stay.
    pub file_problem: Option<String>,
    /// How often it was not taken, since start.
    pub file_failures: u64,
    /// Services that the file names.
    pub file_services: u64,
    /// Services with adaptive probabilities.
    pub adaptive_services: u64,
    /// Operations with adaptive probabilities of their own.
    pub adaptive_operations: u64,
    /// Traces that arrived of services above the limit of adaptive sampling, since start.
    pub adaptive_untracked_traces: u64,
}

impl Sampling {
    /// Strategies without a file yet.
    pub fn new(config: SamplingConfig, clock: Arc<dyn Clock>) -> Self {
        let SamplingConfig { default_probability, adaptive } = config;
        let now = clock.now_unix_nanos();
        let strategies = Arc::new(FileStrategies::none(default_probability));
        Self {
            clock,
            default_probability,
            file: RwLock::new(FileState { strategies, problem: None, failures: 0 }),
            adaptive: adaptive.is_on().then(|| Mutex::new(Adaptive::new(adaptive, now))),
        }
    }

    /// Puts a strategies file in force and gives warnings about what in it has no effect, or leaves all as it is.
    pub fn load_file(&self, bytes: &[u8]) -> Result<Vec<String>, StrategiesError> {
        let read = FileStrategies::read(bytes, self.default_probability)?;
        let mut file = self.file.write().unwrap_or_else(PoisonError::into_inner);
        file.strategies = Arc::new(read.strategies);
        file.problem = None;
        Ok(read.warnings)
    }

    /// Remembers why the file is not in force as it is now.
    pub fn file_failed(&self, problem: String) {
        let mut file = self.file.write().unwrap_or_else(PoisonError::into_inner);
        file.problem = Some(problem);
        file.failures += 1;
    }

    /// What a service is told.
    pub fn strategy(&self, service: &str) -> Strategy {
        let file = self.file_strategies();
        if let Some(named) = file.of_service(service) {
            return named;
        }
        let Some(adaptive) = self.turned() else { return file.of_others() };
        let mut strategy = adaptive.strategy(service);
        drop(adaptive);
        if let Some(operations) = &mut strategy.operations {
            let computed = std::mem::take(&mut operations.list);
            operations.inherit(file.default_operations());
            operations.inherit(computed.iter().map(|(name, probability)| (&**name, *probability)));
        }
        strategy
    }

    /// Counts the traces that begin in a batch, where adaptive sampling is on.
    pub fn count(&self, batch: &SpanBatch) {
        if !self.is_adaptive() {
            return;
        }
        let now = self.clock.now_unix_nanos();
        let file = self.file_strategies();
        let roots = roots::root_spans(batch).filter(|(service, ..)| !file.has_service(service));
        let Some(mut adaptive) = self.turned() else { return };
        roots.for_each(|(service, operation, traces)| {
            adaptive.count(service, operation, traces, now);
        });
    }

    /// Whether probabilities are computed from what arrives.
    pub fn is_adaptive(&self) -> bool {
        self.adaptive.is_some()
    }

    /// The adaptive probabilities as a strategies file, for the next run; `None` where adaptive sampling is off.
    pub fn probabilities(&self) -> Option<Vec<u8>> {
        let adaptive = self.turned()?;
        Some(file::write(adaptive.probabilities()))
    }

    /// Takes up the probabilities of an earlier run.
    pub fn restore(&self, bytes: &[u8]) -> Result<(), StrategiesError> {
        let read = FileStrategies::read(bytes, self.default_probability)?;
        if let Some(mut adaptive) = self.turned() {
            let now = self.clock.now_unix_nanos();
            adaptive.restore(file::probabilities(read.strategies), now);
        }
        Ok(())
    }

    /// The counts.
    pub fn snapshot(&self) -> SamplingSnapshot {
        let counts = self.turned().map(|adaptive| adaptive.counts());
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        SamplingSnapshot {
            file_problem: file.problem.clone(),
            file_failures: file.failures,
            file_services: cast::wide(file.strategies.service_count()),
            adaptive_services: counts.map_or(0, |counts| cast::wide(counts.services)),
            adaptive_operations: counts.map_or(0, |counts| cast::wide(counts.operations)),
            adaptive_untracked_traces: counts.map_or(0, |counts| counts.untracked),
        }
    }

    fn file_strategies(&self) -> Arc<FileStrategies> {
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&file.strategies)
    }

    /// The adaptive part, with what the time since asks for.
    fn turned(&self) -> Option<MutexGuard<'_, Adaptive>> {
        let mut adaptive = self.adaptive.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        adaptive.turn(self.clock.now_unix_nanos());
        Some(adaptive)
    }
}

#[cfg(test)]
mod tests;
