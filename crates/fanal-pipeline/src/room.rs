//! Waiting for room in a store that is full for the moment, so that a short stall of the merge costs a client's time
//! and not its request.
//!
//! Used by the pipeline once a body turns out not to be small, and again before spans are handed over. Invariant: in
//! each queue who came first goes first, one waiter alone looks, and every wait ends after [`ROOM_WAIT_MAX`]. What waits holds its share of the
//! pipeline's budget, which bounds how many there are.

use fanal_storage::StoreError;
use std::time::Duration;
use tokio::sync::Mutex;

/// Longest wait for room before a sender is told to retry: some merges long, and well below the ten seconds after
/// which exporters give up.
pub const ROOM_WAIT_MAX: Duration = Duration::from_secs(2);

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// Those who wait, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct RoomQueue {
    turn: Mutex<()>,
}

impl RoomQueue {
    /// Resolves once `check_room` passes. Fails like it, but with `Overloaded` only after a wait.
    pub(crate) async fn wait(
        &self,
        check_room: impl Fn() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match check_room() {
            Err(StoreError::Overloaded { .. }) => {}
            Ok(()) if self.turn.try_lock().is_err() => {}
            other => return other,
        }
        let waiting = async {
            let _turn = self.turn.lock().await;
            loop {
                match check_room() {
                    Err(StoreError::Overloaded { .. }) => tokio::time::sleep(LOOK_INTERVAL).await,
                    other => return other,
                }
            }
        };
        let waited = tokio::time::timeout(ROOM_WAIT_MAX, waiting).await;
        waited.unwrap_or_else(|_| check_room())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn full() -> StoreError {
        StoreError::Overloaded { limit: "test_bytes_max", observed: 2, allowed: 1 }
    }

    /// A store whose room comes after so many looks.
    async fn check(looks_until_room: u32, expect_looks: u32, expect: bool) {
        let queue = RoomQueue::default();
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            if looks.get() > looks_until_room { Ok(()) } else { Err(full()) }
        };
        assert_eq!(queue.wait(look).await.is_ok(), expect, "{looks_until_room}");
        assert_eq!(looks.get(), expect_looks, "{looks_until_room}");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_for_room_and_not_for_ever() {
        check(0, 1, true).await;
        check(1, 2, true).await;
        check(50, 51, true).await;
        // The first look, one at both ends of each of 400 intervals, and the last.
        check(10_000, 403, false).await;
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_full_store_is_waited_for() {
        let queue = RoomQueue::default();
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            Err(StoreError::Unavailable { message: "stopping".to_owned() })
        };
        assert!(queue.wait(look).await.is_err());
        assert_eq!(looks.get(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_came_first_goes_first() {
        let queue = RoomQueue::default();
        let (room, order) = (Cell::new(0_u32), std::cell::RefCell::new(Vec::new()));
        let enter = |name: &'static str| {
            let (queue, room, order) = (&queue, &room, &order);
            async move {
                let take = || match room.get().checked_sub(1) {
                    Some(left) => {
                        room.set(left);
                        Ok(())
                    }
                    None => Err(full()),
                };
                let is_in = queue.wait(take).await.is_ok();
                order.borrow_mut().push((name, is_in));
            }
        };
        let make_room = async {
            tokio::time::sleep(LOOK_INTERVAL * 3).await;
            room.set(2);
        };
        tokio::join!(enter("first"), enter("second"), enter("third"), make_room);
        let expect = [("first", true), ("second", true), ("third", false)];
        assert_eq!(*order.borrow(), expect);
    }
}
