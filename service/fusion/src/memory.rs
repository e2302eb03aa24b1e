//! How much memory the contributions that are being prepared may take, all folds and dry runs of the process together.
//!
//! What something will take is estimated before and corrected after. So the bound is one on how much is begun at once, not
//! one that no single contribution can pass: what a single one may take is bounded where it is decoded.

use std::sync::LazyLock;

use parking_lot::Mutex;
use tokio::sync::Notify;
use zarr_fuse_journal::machine::memory_there_is;

/// Least that is shared, however little memory there is.
const MIN_BYTES: u64 = 64 << 20;

static BUDGET: LazyLock<Budget> = LazyLock::new(|| Budget::new(usual_bytes()));

/// What is shared unless the configuration says otherwise.
fn usual_bytes() -> u64 {
    (memory_there_is() / 4).max(MIN_BYTES)
}

/// That of this process: a quarter of the memory that there is, unless [`Budget::set`] says otherwise.
pub fn budget() -> &'static Budget {
    &BUDGET
}

/// See the module.
#[derive(Debug)]
pub struct Budget {
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    n_all: u64,
    n_taken: u64,
}

impl Budget {
    /// One of `n_bytes`.
    pub fn new(n_bytes: u64) -> Self {
        Self {
            state: Mutex::new(State {
                n_all: n_bytes,
                n_taken: 0,
            }),
            freed: Notify::new(),
        }
    }

    /// Makes it one of `n_bytes`, or of what is usual.
    pub fn set(&self, n_bytes: Option<u64>) {
        let n_bytes = n_bytes.unwrap_or_else(usual_bytes);
        self.state.lock().n_all = n_bytes.max(MIN_BYTES);
        self.freed.notify_waiters();
    }

    /// How much there is, taken or not.
    pub fn n_bytes(&self) -> u64 {
        self.state.lock().n_all
    }

    /// Waits until there are `n_bytes`, or all if it is more than that.
    pub async fn take(&self, n_bytes: u64) -> Share<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // What is freed from now on is heard of.
            freed.as_mut().enable();
            if let Some(share) = self.try_take(n_bytes) {
                return share;
            }
            freed.await;
        }
    }

    /// `n_bytes`, or all if it is more than that; `None` if others have them now.
    pub fn try_take(&self, n_bytes: u64) -> Option<Share<'_>> {
        let mut state = self.state.lock();
        let n_bytes = n_bytes.min(state.n_all);
        if state.n_taken > state.n_all - n_bytes {
            return None;
        }
        state.n_taken += n_bytes;
        Some(Share {
            budget: self,
            n_bytes,
        })
    }
}

/// Memory that somebody holds.
#[derive(Debug)]
pub struct Share<'a> {
    budget: &'a Budget,
    n_bytes: u64,
}

impl Share<'_> {
    /// Corrects how much it is, without waiting: it is in use already.
    pub fn correct(&mut self, n_bytes: u64) {
        let mut state = self.budget.state.lock();
        state.n_taken = (state.n_taken - self.n_bytes).saturating_add(n_bytes);
        drop(state);
        if n_bytes < self.n_bytes {
            self.budget.freed.notify_waiters();
        }
        self.n_bytes = n_bytes;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.correct(0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn who_asks_for_more_than_is_left_waits_until_it_is() {
        let budget = Budget::new(100);
        let first = budget.try_take(60).unwrap();
        assert!(budget.try_take(60).is_none());
        let waiting = budget.take(1000);
        tokio::pin!(waiting);
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, &mut waiting).await.is_err());
        drop(first);
        let all = waiting.await;
        assert!(budget.try_take(1).is_none());
        drop(all);
        assert!(budget.try_take(100).is_some());
    }

    #[test]
    fn what_is_more_than_was_thought_counts() {
        let budget = Budget::new(100);
        let mut share = budget.try_take(10).unwrap();
        share.correct(300);
        assert!(budget.try_take(1).is_none());
        share.correct(20);
        assert!(budget.try_take(80).is_some());
    }
}
