//! The simulation: the engine on a disk, a clock and dice of the test's own, driven step by step through random
//! workloads with failures and power losses, and compared with a model.
//!
//! A seed is one run, the same each time. `FANAL_SIMULATION_SEEDS` (`COUNT` or `FROM..TO`) chooses seeds; every sync point of
//! every run is also a power loss whose disk must hold what was acknowledged by then.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

mod check;
mod model;
mod run;
#[path = "../simulated/mod.rs"]
mod simulated;
mod spans;

use run::Run;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds that run where none are chosen.
const SEEDS: Range<u64> = 0..200;
/// Seeds that failed once.
const FAILED_ONCE: [u64; 7] = [415, 579, 688, 789, 1267, 1418, 7538];
/// Failed seeds after which no further ones are begun.
const FAILED_MAX: usize = 5;

#[expect(clippy::disallowed_methods, reason = "a test has no other parameters")]
fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("FANAL_SIMULATION_SEEDS") else { return SEEDS };
    let number =
        |text: &str| text.parse::<u64>().expect("FANAL_SIMULATION_SEEDS is COUNT or FROM..TO");
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&text),
    }
}

#[test]
fn random_runs_agree_with_the_model() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(Vec::new());
    let points = AtomicU64::new(0);
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end || failed.lock().expect("no panic inside").len() >= FAILED_MAX {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| Run::new(seed).finish())) {
            Ok(outcome) => drop(points.fetch_add(outcome.crashes_checked, Ordering::Relaxed)),
            Err(_) => {
                println!("seed {seed} failed");
                failed.lock().expect("no panic inside").push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        (0..count).for_each(|_| drop(scope.spawn(work)));
    });
    let failed = failed.into_inner().expect("no panic inside");
    let (count, points) = (seeds.end - seeds.start, points.into_inner());
    println!("{count} seeds, {points} power losses at sync points");
    assert!(
        failed.is_empty(),
        "seeds {failed:?} failed; run one with FANAL_SIMULATION_SEEDS={}..{} \
         cargo test -p fanal-local --test simulation",
        failed[0],
        failed[0] + 1
    );
}

#[test]
fn seeds_that_failed_once_agree_with_the_model() {
    for seed in FAILED_ONCE {
        assert!(Run::new(seed).finish().steps > 0, "seed {seed}");
    }
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in 0..10 {
        let (first, second) = (Run::new(seed).finish(), Run::new(seed).finish());
        assert_eq!(first, second, "seed {seed}");
        assert!(first.steps > 0);
    }
}
