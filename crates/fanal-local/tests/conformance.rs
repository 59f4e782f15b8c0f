//! The suite of every backend, with spans in the head, in tiny blocks, in both, and read back after a restart.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use fanal_base::ManualClock;
use fanal_local::{LocalConfig, LocalStore, RealDisk};
use fanal_storage::{SpanStore, conformance};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use tempfile::TempDir;

/// What happens between steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    Merge,
    Reopen,
    /// In turn: nothing, merge, reopen, merge and reopen.
    Mixed,
}

/// The store that the suite works on, and its folder.
struct Bench {
    config: fn(&TempDir) -> LocalConfig,
    current: RefCell<Option<(TempDir, Arc<LocalStore>)>>,
    turn: Cell<usize>,
}

fn tiny(folder: &TempDir) -> LocalConfig {
    LocalConfig {
        log_file_bytes: 16 << 10,
        block_rows: 64,
        granule_rows: 8,
        record_rows: 16,
        // Only the test merges: a block is due by age alone, and the clock stands still.
        ..LocalConfig::new(folder.path())
    }
}

fn head_only(folder: &TempDir) -> LocalConfig {
    LocalConfig { log_file_bytes: 64 << 10, ..LocalConfig::new(folder.path()) }
}

fn open(config: LocalConfig) -> Arc<LocalStore> {
    let clock = Arc::new(ManualClock::at(1));
    Arc::new(LocalStore::open(config, clock, Arc::new(RealDisk)).expect("opens"))
}

impl Bench {
    fn make(&self) -> Arc<dyn SpanStore> {
        let folder = tempfile::tempdir().expect("temp folder");
        let store = open((self.config)(&folder));
        *self.current.borrow_mut() = Some((folder, Arc::clone(&store)));
        store
    }

    fn between(&self, store: Arc<dyn SpanStore>, between: Between) -> Arc<dyn SpanStore> {
        drop(store);
        let (folder, store) = self.current.take().expect("made before");
        let turn = self.turn.replace(self.turn.get() + 1) % 4;
        let merges = between == Between::Merge || between == Between::Mixed && turn % 2 == 1;
        let reopens = between == Between::Reopen || between == Between::Mixed && turn >= 2;
        if merges {
            store.merge_now().expect("merges");
        }
        let store = if reopens {
            drop(store);
            open((self.config)(&folder))
        } else {
            store
        };
        *self.current.borrow_mut() = Some((folder, Arc::clone(&store)));
        store
    }
}

async fn check(config: fn(&TempDir) -> LocalConfig, between: Between) {
    let bench = Bench { config, current: RefCell::new(None), turn: Cell::new(0) };
    conformance::run(async || bench.make(), async |store| bench.between(store, between)).await;
}

#[tokio::test]
async fn in_the_head() {
    check(head_only, Between::Nothing).await;
}

#[tokio::test]
async fn in_tiny_blocks() {
    check(tiny, Between::Merge).await;
}

#[tokio::test]
async fn read_back_from_the_log() {
    check(tiny, Between::Reopen).await;
}

#[tokio::test]
async fn spread_over_log_head_and_blocks() {
    check(tiny, Between::Mixed).await;
}
