//! One run: a store, its disk and clock, and what is done to them.

use crate::check;
use crate::model::{Model, TenantModel};
use crate::simulated::{Fault, SimulatedDisk, Survival};
use crate::spans::{self, START};
use fanal_base::{Clock, ErrorKind, ManualClock};
use fanal_local::config::Retention;
use fanal_local::{Disk, LocalConfig, LocalStore, Step};
use fanal_storage::{SpanStore, StoreError, StoreFuture, TenantId};
use fanal_testkit::Random;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// Least and most things that are done in one run.
const ACTIONS: (u64, u64) = (5, 35);
/// Most steps of the background that follow each other.
const STEPS_MAX: usize = 8;
const SECOND: u64 = 1_000_000_000;

/// What a run came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Steps of the disk, with what was written.
    pub(crate) history: u64,
    /// Steps.
    pub(crate) steps: u64,
    /// Power losses at sync points that were checked.
    pub(crate) crashes_checked: u64,
}

/// What the run shares with what it does in the middle of a merge.
#[derive(Clone)]
struct World {
    store: Arc<LocalStore>,
    model: Arc<Mutex<Model>>,
    disk: SimulatedDisk,
    clock: ManualClock,
    retention: Retention,
    /// Whether the disk works, so that every request must succeed.
    is_well: bool,
}

pub(crate) struct Run {
    world: World,
    random: Random,
    config: LocalConfig,
    history: u64,
    steps: u64,
    crashes_checked: u64,
}

/// The answer of a future that needs nobody else.
pub(crate) fn answer_of<T>(mut future: StoreFuture<'_, T>) -> Result<T, StoreError> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits for somebody"),
    }
}

fn tenants() -> [TenantId; 3] {
    ["default", "a", "b"].map(|name| TenantId::parse(name).expect("valid"))
}

fn config(random: &mut Random) -> LocalConfig {
    LocalConfig {
        log_file_bytes: random.pick(&[2 << 10, 8 << 10, 32 << 10]),
        log_spare_files_max: random.index(3),
        record_rows: random.pick(&[8, 64, 1000]),
        block_rows: random.pick(&[20, 60, 200, 1000]),
        granule_rows: random.pick(&[4, 16, 100]),
        merge_after_seconds: random.pick(&[0, 5, 100]),
        head_bytes_max: random.pick(&[300_000, 100 << 20]),
        retention: Retention {
            age_seconds: random.pick(&[0, 0, 600]),
            bytes_max: random.pick(&[0, 0, 0, 0, 0, 0, 30_000]),
        },
        ..LocalConfig::new("/data")
    }
}

fn open(
    config: &LocalConfig,
    clock: &ManualClock,
    disk: &SimulatedDisk,
) -> Result<LocalStore, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    LocalStore::open_stepped(config.clone(), Arc::new(clock.clone()), disk)
}

impl World {
    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().expect("a run ends with its first panic")
    }

    fn now(&self) -> u64 {
        self.clock.now_unix_nanos()
    }

    /// Sends new batches at the same time, and sometimes ones that were sent before.
    fn append(&self, random: &mut Random, tenant: &TenantId) {
        let mut places = Vec::new();
        for _ in 0..=random.index(4) {
            let mut model = self.model();
            let first = model.next_number + 1;
            let own = model.tenants.entry(tenant.clone()).or_default();
            own.retention = self.retention;
            if random.chance(0.15) && !own.requests.is_empty() {
                places.push(random.index(own.requests.len()));
                continue;
            }
            let count =
                if random.chance(0.1) { random.between(20, 60) } else { random.between(1, 8) };
            let count = u32::try_from(count).expect("few");
            places.push(own.add(spans::batch(random, self.now(), first, count)));
            model.next_number += count;
        }
        self.send(random, tenant, &places);
    }

    fn send(&self, random: &mut Random, tenant: &TenantId, places: &[usize]) {
        let mut waiting = Vec::new();
        let now = self.now();
        for &place in places {
            let batch = self.note(tenant, place, |request| {
                request.hidden += 1;
                if request.sent_at == 0 {
                    request.sent_at = now;
                }
                request.batch.clone()
            });
            let mut append = self.store.append(tenant, batch);
            match append.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => self.answered(tenant, place, answer),
                // A client that goes away: its spans are kept all the same.
                Poll::Pending if self.is_well && random.chance(0.05) => {
                    drop(append);
                    self.note(tenant, place, |request| {
                        request.hidden -= 1;
                        request.visible += 1;
                    });
                }
                Poll::Pending => waiting.push((place, append)),
            }
        }
        while self.step(tenant, Step::Commit) {}
        for (place, append) in waiting {
            self.answered(tenant, place, answer_of(append));
        }
    }

    fn note<T>(
        &self,
        tenant: &TenantId,
        place: usize,
        change: impl FnOnce(&mut crate::model::Request) -> T,
    ) -> T {
        let mut model = self.model();
        change(&mut model.tenants.get_mut(tenant).expect("noted").requests[place])
    }

    fn answered(&self, tenant: &TenantId, place: usize, answer: Result<(), StoreError>) {
        let crashes = self.disk.crash_count();
        match answer {
            Ok(()) => {
                let mut model = self.model();
                model.tenants.get_mut(tenant).expect("noted").acknowledge(place, crashes);
            }
            Err(error) => {
                let kind = error.kind();
                let is_retryable = matches!(kind, ErrorKind::Overloaded | ErrorKind::Unavailable);
                assert!(is_retryable, "an append failed for good: {error}");
                let is_overloaded = kind == ErrorKind::Overloaded;
                assert!(
                    is_overloaded || !self.is_well,
                    "an append failed without a cause: {error}"
                );
                if is_overloaded {
                    self.note(tenant, place, |request| request.hidden -= 1);
                }
            }
        }
    }

    /// Takes a step, which may fail only where the disk does.
    fn step(&self, tenant: &TenantId, step: Step) -> bool {
        self.expect(self.store.step(tenant, step)).unwrap_or(false)
    }

    fn expect<T>(&self, outcome: Result<T, StoreError>) -> Option<T> {
        match outcome {
            Ok(answer) => Some(answer),
            Err(error) if self.is_well => panic!("failed on a disk that works: {error:?}"),
            Err(_) => None,
        }
    }

    /// Asks for everything of a tenant.
    fn check(&self, random: &mut Random, tenant: &TenantId) {
        let model = self.model();
        let Some(own) = model.tenants.get(tenant) else { return };
        if self.is_well {
            check::everything(&self.store, tenant, own, random, self.now());
        } else if let Ok((copies, _)) = check::traces(&self.store, tenant, own) {
            own.check_copies(&copies, usize::MAX, true);
        }
    }

    /// Retention may drop what is too old by now.
    fn expire(&self) {
        let now = self.now();
        self.model().tenants.values_mut().for_each(|own| own.expire(now));
    }

    /// Merges, compacts or drops; half of the time appends and questions come in the middle of it.
    fn background(&self, random: &mut Random, tenant: &TenantId) {
        self.expire();
        if random.chance(0.5) {
            let (world, tenant) = (self.clone(), tenant.clone());
            let mut dice = Random::new(random.number());
            self.disk.set_hook(Some(Box::new(move || {
                if dice.chance(0.2) {
                    world.append(&mut dice, &tenant);
                    // `merge_now` goes from tenant to tenant, and drops of one what came while it worked on another.
                    world.expire();
                }
                if dice.chance(0.2) {
                    world.check(&mut dice, &tenant);
                }
            })));
        }
        match random.below(7) {
            0 => drop(self.expect(self.store.merge_now())),
            1 => drop(self.step(tenant, Step::Retain)),
            // As often as a thread would at once, or less: what comes in between makes new work.
            2 => drop((0..STEPS_MAX).all(|_| self.step(tenant, Step::Compact))),
            _ => drop(
                (0..STEPS_MAX)
                    .all(|_| self.step(tenant, Step::Merge) && self.step(tenant, Step::Compact)),
            ),
        }
        self.disk.set_hook(None);
    }

    fn advance(&self, random: &mut Random) {
        let nanos = match random.below(12) {
            0 => 3600 * SECOND,
            // Back, as when the machine's clock is set.
            1 => 0_u64.wrapping_sub(5 * SECOND),
            _ => random.below(10 * SECOND),
        };
        self.clock.advance(nanos);
    }
}

impl Run {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let config = config(&mut random);
        let (disk, clock) = (SimulatedDisk::new(), ManualClock::at(START));
        disk.keep_crashes(Random::new(random.number()));
        let store = Arc::new(open(&config, &clock, &disk).expect("opens"));
        let (model, retention) = (Arc::default(), config.retention);
        let world = World { store, model, disk, clock, retention, is_well: true };
        Self { world, random, config, history: 0, steps: 0, crashes_checked: 0 }
    }

    pub(crate) fn finish(mut self) -> Outcome {
        for _ in 0..self.random.between(ACTIONS.0, ACTIONS.1) {
            self.act();
            self.check_crashes();
        }
        self.check_all();
        self.merge_all();
        self.check_all();
        self.restart();
        self.check_all();
        self.outlive_retention();
        self.note_history();
        let Self { history, steps, crashes_checked, .. } = self;
        Outcome { history, steps, crashes_checked }
    }

    fn tenant(&mut self) -> TenantId {
        let [default, a, b] = tenants();
        match self.random.below(10) {
            0 => a,
            1 => b,
            _ => default,
        }
    }

    fn act(&mut self) {
        let tenant = self.tenant();
        let action = self.random.below(100);
        match action {
            0..45 => self.world.append(&mut self.random, &tenant),
            45..52 => self.world.check(&mut self.random, &tenant),
            52..68 => self.world.background(&mut self.random, &tenant),
            68..78 => self.world.advance(&mut self.random),
            78..83 => self.restart(),
            83..88 => self.lose_power(),
            88..93 => {
                let after = self.random.below(30);
                self.with_fault(Fault::From(after));
                if self.random.chance(0.5) {
                    self.lose_power();
                } else {
                    // Only the process ended.
                    let disk = self.world.disk.clone();
                    self.reopen(disk);
                }
            }
            93..97 => {
                let probability = self.random.pick(&[0.03, 0.3, 1.0]);
                let dice = Box::new(Random::new(self.random.number()));
                self.with_fault(Fault::Often(probability, dice));
                self.recover();
            }
            _ => {
                self.world.disk.set_full(true);
                self.with_fault(Fault::None);
                self.world.disk.set_full(false);
                self.recover();
            }
        }
    }

    /// Does a few things while the disk does not work.
    fn with_fault(&mut self, fault: Fault) {
        self.world.is_well = false;
        self.world.disk.set_fault(fault);
        for _ in 0..=self.random.index(5) {
            let tenant = self.tenant();
            match self.random.below(4) {
                0 | 1 => self.world.append(&mut self.random, &tenant),
                2 => self.world.background(&mut self.random, &tenant),
                _ => self.world.check(&mut self.random, &tenant),
            }
        }
        self.note_history();
        self.world.disk.set_fault(Fault::None);
        self.world.is_well = true;
    }

    /// A disk that works again takes appends again, once the merge has made room.
    fn recover(&mut self) {
        self.merge_all();
        self.check_all();
        let tenant = self.tenant();
        self.world.append(&mut self.random, &tenant);
    }

    fn merge_all(&self) {
        self.world.expire();
        self.world.store.merge_now().expect("merges");
        let model = self.world.model();
        for (tenant, own) in &model.tenants {
            let stats = answer_of(self.world.store.stats(tenant)).expect("answers");
            assert_eq!(stats.head_spans, 0, "{stats:?}");
            if stats.blocks == 1 {
                // Copies that clients sent again have met.
                let copies = check::copies(&self.world.store, tenant, own);
                assert!(copies.values().all(|&count| count == 1), "{copies:?}");
            }
        }
    }

    /// Where spans are kept for a while only, nothing is left when it is over.
    fn outlive_retention(&mut self) {
        let age_seconds = self.config.retention.age_seconds;
        if age_seconds == 0 {
            return;
        }
        self.world.clock.advance((2 * age_seconds + 10) * SECOND);
        self.merge_all();
        self.check_all();
        for tenant in tenants() {
            let stats = answer_of(self.world.store.stats(&tenant)).expect("answers");
            assert_eq!((stats.spans, stats.blocks), (0, 0), "{stats:?}");
        }
    }

    fn note_history(&mut self) {
        self.steps += self.world.disk.steps();
        self.history = self.history.rotate_left(7) ^ self.world.disk.history();
    }

    /// Ends the store as an operator or as a kill does, and opens it again on the same disk.
    fn restart(&mut self) {
        if self.random.chance(0.5) {
            answer_of(self.world.store.shutdown()).expect("stops");
        }
        let disk = self.world.disk.clone();
        self.reopen(disk);
    }

    fn lose_power(&mut self) {
        let survival = match self.random.below(4) {
            0 => Survival::Nothing,
            _ => Survival::Some(&mut self.random),
        };
        let mut disk = self.world.disk.after_power_loss(survival);
        while self.random.chance(0.3) {
            // Once more, while it starts.
            disk.set_fault(Fault::From(self.random.below(12)));
            drop(open(&self.config, &self.world.clock, &disk));
            disk = disk.after_power_loss(Survival::Some(&mut self.random));
        }
        self.note_history();
        disk.keep_crashes(Random::new(self.random.number()));
        self.reopen(disk);
    }

    fn reopen(&mut self, disk: SimulatedDisk) {
        // Before the model forgets what retention dropped and power losses until now may still have.
        self.check_crashes();
        let store = open(&self.config, &self.world.clock, &disk).expect("opens");
        self.world.store = Arc::new(store);
        self.world.disk = disk;
        // And those of the opening, before what it found counts: where only the process had ended, a power loss may
        // still take back what it read, such as that retention dropped spans.
        self.check_crashes();
        let mut model = self.world.model();
        for (tenant, own) in &mut model.tenants {
            let copies = check::copies(&self.world.store, tenant, own);
            own.check_copies(&copies, usize::MAX, false);
            own.settle(&copies);
        }
    }

    fn check_all(&mut self) {
        tenants().iter().for_each(|tenant| self.world.check(&mut self.random, tenant));
    }

    /// Whatever a power loss at a sync point had left holds what was acknowledged by then.
    fn check_crashes(&mut self) {
        let crashes = self.world.disk.take_crashes();
        let mut model = self.world.model();
        for (number, disk) in crashes.iter().enumerate() {
            let store = open(&self.config, &self.world.clock, disk).expect("opens");
            for (tenant, own) in &model.tenants {
                let copies = check::copies(&store, tenant, own);
                own.check_copies(&copies, number, false);
            }
            self.crashes_checked += 1;
        }
        model.tenants.values_mut().for_each(TenantModel::forget_crashes);
    }
}
