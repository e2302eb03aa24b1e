//! Contributions that a process may have ended of.
//!
//! Memory that is not there, or a fault of the code, can end the process while a contribution is merged, and it would end
//! every later one at the same contribution. So of what waits when a dataset is opened it is written beside the journal what
//! is being tried before each batch, and removed after. A process that finds such a mark knows who was
//! tried when the last one ended: a group is tried in smaller groups, and a contribution that has ended two processes while
//! it alone was tried, or one for want of memory, is not tried again. What arrives while a process runs is not marked, so that it costs nothing.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use zarr_fuse_store::keys;

use super::machine::n_killed;
use super::{Journal, JournalError};

/// Parts of a group that ended a process.
const PARTS_OF_GROUP: usize = 16;
/// A contribution that has ended so many processes while it alone was tried is set aside.
const MAX_ENDED: u32 = 2;

/// What is being tried. The object's name is of the node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    /// The node.
    node: String,
    /// Sequence numbers.
    seqs: Vec<u64>,
    /// How often these were tried, this time included.
    n_tries: u32,
    /// Processes of the machine killed for want of memory before.
    #[serde(default)]
    n_killed: Option<u64>,
}

/// What the journal knows of tries, by node.
#[derive(Debug, Default)]
pub(super) struct Trials(HashMap<String, Trial>);

#[derive(Debug)]
struct Trial {
    /// The newest frame when the dataset was opened.
    until: u64,
    /// What was tried when the last process ended.
    found: Option<Mark>,
}

impl Journal {
    /// Looks what was being tried for `node` when the last process ended. From now on, what waits already is tried with a
    /// mark.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn expect_trials(&self, node: &str) -> Result<(), JournalError> {
        let mark = self.store.get(&keys::trial(node)).await?;
        // A mark that cannot be read, such as one that was cut, tells nothing.
        let found = mark.and_then(|mark| serde_json::from_slice::<Mark>(&mark).ok());
        let found = found.filter(|mark| mark.node == node);
        if found.is_some() || self.queue.lock().waits(node) {
            let until = self.last_seq();
            let trial = Trial { until, found };
            self.trials.lock().0.insert(node.to_owned(), trial);
        }
        Ok(())
    }

    /// How many of the contributions to `node` that are to be folded from `seq` on may be tried at once, with a mark; `None`:
    /// they need none.
    pub fn to_try(&self, node: &str, seq: u64) -> Option<usize> {
        let trials = self.trials.lock();
        let trial = trials.0.get(node).filter(|trial| seq <= trial.until)?;
        let of_group = trial.found.as_ref().filter(|mark| mark.seqs.contains(&seq));
        Some(match of_group {
            Some(mark) => (mark.seqs.len() / PARTS_OF_GROUP).max(1),
            None => usize::MAX,
        })
    }

    /// Whether something that is to be tried may come after `seq`: it is not to wait for more.
    pub fn is_trying(&self, node: &str, seq: u64) -> bool {
        let trials = self.trials.lock();
        trials.0.get(node).is_some_and(|trial| seq < trial.until)
    }

    /// Notes that `seqs` are being tried for `node`.
    ///
    /// # Errors
    /// [`JournalError::Store`]; they must not be tried then.
    pub async fn begin_trial(&self, node: &str, seqs: &[u64]) -> Result<(), JournalError> {
        let n_ended = {
            let trials = self.trials.lock();
            let found = trials.0.get(node).and_then(|trial| trial.found.as_ref());
            found
                .filter(|mark| mark.seqs == seqs)
                .map_or(0, |mark| mark.n_tries)
        };
        let mark = Mark {
            node: node.to_owned(),
            seqs: seqs.to_vec(),
            n_tries: n_ended + 1,
            n_killed: n_killed(),
        };
        let bytes = serde_json::to_vec(&mark).expect("a mark has only string keys");
        Ok(self.store.put(&keys::trial(node), bytes).await?)
    }

    /// Notes that `seqs`, which were tried for `node`, have not ended the process.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn end_trial(&self, node: &str, seqs: &[u64]) -> Result<(), JournalError> {
        if let Some(trial) = self.trials.lock().0.get_mut(node) {
            trial.found.take_if(|mark| mark.seqs == seqs);
        }
        Ok(self.store.delete(&keys::trial(node)).await?)
    }

    /// How many processes contribution `seq` to `node` has ended, if that is too many to try it again.
    pub fn n_ended(&self, node: &str, seq: u64) -> Option<u32> {
        let trials = self.trials.lock();
        let mark = trials.0.get(node)?.found.as_ref()?;
        // If the kernel has killed for want of memory since, there is no doubt of what ended the last one.
        let killed = mark.n_killed.zip(n_killed());
        let was_killed = killed.is_some_and(|(before, now)| now > before);
        let is_too_often = mark.n_tries >= MAX_ENDED || was_killed;
        (mark.seqs == [seq] && is_too_often).then_some(mark.n_tries)
    }

    /// Forgets what waited for `node` at the opening, once it is folded up to `seq`.
    pub fn tried_through(&self, node: &str, seq: u64) {
        let mut trials = self.trials.lock();
        if trials.0.get(node).is_some_and(|trial| trial.until <= seq) {
            trials.0.remove(node);
        }
    }
}
