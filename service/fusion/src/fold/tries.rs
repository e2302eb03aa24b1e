//! One fold may take several tries: a fault of the code in what is merged together is looked for in ever smaller groups,
//! until one contribution is left, which is set aside.

use std::any::Any;
use std::collections::BTreeMap;

use uuid::Uuid;
use zarr_fuse_journal::Waiting;

use super::prepare::{Fault, SetAside, said};
use super::{FoldError, MAX_BATCH};

/// What a fold has tried so far.
#[derive(Debug)]
pub(crate) struct Tries {
    /// Contributions to be merged together at most.
    pub(super) at_most: usize,
    /// Those that are not to be prepared again, and why.
    aside: BTreeMap<u64, Fault>,
    /// What is being merged.
    merging: Vec<(u64, Uuid)>,
    /// Whether arrays may have been written.
    pub(crate) is_writing: bool,
}

impl Default for Tries {
    fn default() -> Self {
        Self {
            at_most: MAX_BATCH,
            aside: BTreeMap::new(),
            merging: Vec::new(),
            is_writing: false,
        }
    }
}

impl Tries {
    /// A fold of at most so many at once.
    pub(crate) fn at_most(at_most: usize) -> Self {
        Self {
            at_most,
            ..Self::default()
        }
    }

    /// How many may be merged together.
    pub(crate) fn n_at_most(&self) -> usize {
        self.at_most
    }

    /// Why a contribution is not to be prepared again.
    pub(crate) fn aside(&self, seq: u64) -> Option<SetAside> {
        self.aside.get(&seq).map(|fault| (*fault).into())
    }

    /// Notes what is merged now.
    pub(crate) fn merge<'a>(&mut self, waiting: impl Iterator<Item = &'a Waiting>) {
        let names = waiting.map(|waiting| (waiting.header.seq, waiting.header.id));
        self.merging = names.collect();
        self.is_writing = false;
    }

    /// After a panic while arrays were written: those of whom one is at fault.
    pub(crate) fn culprits(&mut self, panic: &(dyn Any + Send)) -> Vec<(u64, Uuid)> {
        let merging = std::mem::take(&mut self.merging);
        self.is_writing = false;
        if let [(seq, id)] = merging.as_slice() {
            Fault::of(*id, *seq, "written", panic);
        } else {
            tracing::warn!(
                "A fault of the service with one of {} contributions; looking for it: {}",
                merging.len(),
                said(panic)
            );
        }
        merging
    }

    /// Goes on without those of whom one is at fault: in smaller groups, or without the only one.
    pub(crate) fn without(&mut self, culprits: &[(u64, Uuid)]) {
        if let [(seq, id)] = culprits {
            self.aside.insert(*seq, Fault { report: *id });
        }
        self.at_most = (culprits.len() / 2).max(1);
    }

    /// After a panic: whether to try again, with fewer or without the one that is at fault.
    ///
    /// # Errors
    /// [`FoldError::Fault`] if no contribution can be at fault.
    pub(crate) fn panicked(&mut self, panic: &(dyn Any + Send)) -> Result<(), FoldError> {
        let merging = std::mem::take(&mut self.merging);
        let taken = merging
            .iter()
            .filter(|(seq, _)| !self.aside.contains_key(seq));
        let taken: Vec<&(u64, Uuid)> = taken.collect();
        match taken.as_slice() {
            [] => return Err(FoldError::Fault(said(panic).to_owned())),
            [(seq, id)] => {
                let fault = Fault::of(*id, *seq, "merged", panic);
                self.aside.insert(*seq, fault);
            }
            several => {
                tracing::warn!(
                    "A fault of the service with one of {} contributions; looking for it: {}",
                    several.len(),
                    said(panic)
                );
                self.at_most = several.len() / 2;
            }
        }
        Ok(())
    }
}
