//! When corrections of a node are taken.
//!
//! A correction costs little to ask for, and a fold from the beginning to do, during which nothing else is merged into the
//! node. So corrections that come together are folded together, and after each such fold the node has four times as long for
//! what else arrives. Corrections that come meanwhile wait before they are in the journal: what comes after a correction there
//! cannot be merged before it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a node that is asked to correct something waits for more of it.
const GATHER: Duration = Duration::from_millis(100);
/// So many times as long as the last fold from the beginning none is begun.
const REST: u32 = 4;

/// The turns of the nodes of a dataset.
#[derive(Debug, Default)]
pub struct Turns(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    by_node: Mutex<HashMap<String, Turn>>,
    changed: Notify,
}

#[derive(Debug, Clone, Copy)]
enum Turn {
    /// The node is folded from the beginning.
    Folding,
    /// It was, and merges what has arrived until then.
    Resting(Instant),
}

/// A fold from the beginning that is under way; dropping it ends it.
#[derive(Debug)]
pub struct Refolding {
    turns: Arc<Shared>,
    node: String,
    began: Instant,
}

impl Turns {
    /// Waits until a correction of `node` may be asked for, if that is within `patience`.
    ///
    /// # Errors
    /// When to ask again.
    pub async fn wait(&self, node: &str, patience: Duration) -> Result<(), Duration> {
        let deadline = Instant::now() + patience;
        loop {
            let changed = self.0.changed.notified();
            let turn = self.0.by_node.lock().get(node).copied();
            let now = Instant::now();
            match turn {
                None => return Ok(()),
                Some(Turn::Resting(until)) if until <= now => return Ok(()),
                Some(Turn::Resting(until)) if until > deadline => return Err(until - now),
                Some(Turn::Resting(until)) => tokio::time::sleep_until(until).await,
                Some(Turn::Folding) => {
                    let waited = tokio::time::timeout_at(deadline, changed).await;
                    waited.map_err(|_elapsed| patience)?;
                }
            }
        }
    }

    /// Gathers corrections of `node` for a moment before it is folded from the beginning.
    pub async fn begin(&self, node: &str) -> Refolding {
        tokio::time::sleep(GATHER).await;
        let turns = Arc::clone(&self.0);
        turns.by_node.lock().insert(node.to_owned(), Turn::Folding);
        Refolding {
            turns,
            node: node.to_owned(),
            began: Instant::now(),
        }
    }
}

impl Drop for Refolding {
    fn drop(&mut self) {
        let until = Instant::now() + self.began.elapsed() * REST;
        let mut turns = self.turns.by_node.lock();
        turns.insert(std::mem::take(&mut self.node), Turn::Resting(until));
        drop(turns);
        self.turns.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn corrections_wait_while_a_node_is_folded_and_rests() {
        let turns = Turns::default();
        let patience = Duration::from_mins(1);
        turns.wait("a", patience).await.unwrap();
        let refolding = turns.begin("a").await;
        turns.wait("b", patience).await.unwrap();
        let began = refolding.began;
        let (waited, folded_for) = tokio::join!(turns.wait("a", patience), async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            drop(refolding);
            Instant::now() - began
        });
        waited.unwrap();
        assert!(began.elapsed() >= folded_for * 4, "{folded_for:?}");
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_told_when_to_come_again() {
        let turns = Turns::default();
        let refolding = turns.begin("a").await;
        let patience = Duration::from_millis(10);
        assert_eq!(turns.wait("a", patience).await, Err(patience));
        drop(refolding);
        let again = turns.wait("a", patience).await.unwrap_err();
        assert!(again > Duration::from_millis(20), "{again:?}");
        tokio::time::sleep(again).await;
        turns.wait("a", Duration::ZERO).await.unwrap();
    }
}
