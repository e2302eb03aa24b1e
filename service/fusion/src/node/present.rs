//! Which chunks of an array there are, so that those that are not cost nothing.
//!
//! Arrays whose chunks are all there are never listed: an array is when a question has met a chunk that is not there. What
//! is listed holds for one epoch: whatever moves or replaces chunks begins a new one, and what a commit writes within one
//! is added.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;

/// Most chunks of an array that are listed. Of larger arrays it is not known which there are.
pub(super) const MAX_LISTED: usize = 100_000;

/// Positions in the grid of chunks of one array.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Present {
    /// By the positions along all dimensions but the first one: ranges along that one, ascending, with gaps between them.
    runs: BTreeMap<Vec<u64>, Vec<Range<u64>>>,
    n_runs: usize,
}

impl Present {
    /// How many stretches of chunks along the first dimension there are.
    pub fn n_runs(&self) -> usize {
        self.n_runs
    }

    /// Adds a chunk.
    pub(super) fn insert(&mut self, chunk: &[u64]) {
        let (&first, others) = chunk.split_first().unwrap_or((&0, &[]));
        let runs = self.runs.entry(others.to_vec()).or_default();
        let before = runs.len();
        // The first run that ends at this chunk or after it.
        let place = runs.partition_point(|run| run.end < first);
        match runs.get_mut(place) {
            Some(run) if run.contains(&first) => {}
            Some(run) if run.end == first => {
                run.end += 1;
                let end = run.end;
                if runs.get(place + 1).is_some_and(|next| next.start == end) {
                    runs[place].end = runs.remove(place + 1).end;
                }
            }
            Some(run) if run.start == first + 1 => run.start = first,
            _ => runs.insert(place, first..first + 1),
        }
        self.n_runs = self.n_runs + runs.len() - before;
    }

    /// Whether there is a chunk.
    pub fn contains(&self, chunk: &[u64]) -> bool {
        let (first, others) = chunk.split_first().unwrap_or((&0, &[]));
        self.runs.get(others).is_some_and(|runs| {
            let place = runs.partition_point(|run| run.end <= *first);
            runs.get(place).is_some_and(|run| run.contains(first))
        })
    }

    /// The stretches in a box of the grid: positions along all dimensions but the first one, and a range along that one.
    pub fn within<'a>(
        &'a self,
        of_box: &'a [Range<u64>],
    ) -> impl Iterator<Item = (&'a [u64], Range<u64>)> + 'a {
        let whole = 0..1;
        let (first, others) = match of_box.split_first() {
            Some((first, others)) => (first.clone(), others),
            None => (whole, of_box),
        };
        let is_empty = of_box.iter().any(Range::is_empty);
        let from: Vec<u64> = others.iter().map(|range| range.start).collect();
        let last: Vec<u64> = others
            .iter()
            .map(|range| range.end.saturating_sub(1))
            .collect();
        let candidates = (!is_empty && from <= last).then(|| self.runs.range(from..=last));
        let is_in = move |(at, _): &(&'a Vec<u64>, &'a Vec<Range<u64>>)| {
            at.iter().zip(others).all(|(at, range)| range.contains(at))
        };
        candidates
            .into_iter()
            .flatten()
            .filter(is_in)
            .flat_map(move |(at, runs)| {
                let from = runs.partition_point(|run| run.end <= first.start);
                let first = first.clone();
                let runs = runs[from..].iter();
                let runs = runs.take_while({
                    let end = first.end;
                    move |run| run.start < end
                });
                runs.map(move |run| {
                    let cut = run.start.max(first.start)..run.end.min(first.end);
                    (at.as_slice(), cut)
                })
            })
    }

    /// How many chunks there are in a box, counted up to `max`.
    pub fn count(&self, of_box: &[Range<u64>], max: u64) -> u64 {
        let mut n = 0;
        for (_, run) in self.within(of_box) {
            n += run.end - run.start;
            if n >= max {
                return max;
            }
        }
        n
    }

    /// The chunks in a box, in no order that is told.
    pub fn chunks<'a>(&'a self, of_box: &'a [Range<u64>]) -> impl Iterator<Item = Vec<u64>> + 'a {
        let n_dims = of_box.len();
        self.within(of_box).flat_map(move |(others, run)| {
            run.map(move |first| {
                let mut chunk = vec![first];
                chunk.extend_from_slice(others);
                chunk.truncate(n_dims);
                chunk
            })
        })
    }
}

/// What is known of the chunks of one array.
#[derive(Debug, Default)]
pub(super) struct Known {
    known: Mutex<State>,
    /// One listing at a time.
    listing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
enum State {
    /// Nothing.
    #[default]
    Unknown,
    /// It is being listed for an epoch; these were written meanwhile.
    Listing(u64, Vec<Vec<u64>>),
    /// In an epoch.
    Listed(u64, Arc<Present>),
    /// They were too many in this epoch.
    TooMany(u64),
}

impl Known {
    /// The chunks that there are in an epoch, if that is known.
    pub(super) fn get(&self, epoch: u64) -> Option<Arc<Present>> {
        match &*self.known.lock() {
            State::Listed(of, present) if *of == epoch => Some(Arc::clone(present)),
            _ => None,
        }
    }

    /// Notes a chunk that was written in an epoch. Call it after it was written, and before anybody may read it.
    pub(super) fn note(&self, epoch: u64, chunk: &[u64]) {
        match &mut *self.known.lock() {
            State::Listed(of, present) if *of == epoch && !present.contains(chunk) => {
                Arc::make_mut(present).insert(chunk);
            }
            State::Listing(of, meanwhile) if *of == epoch && meanwhile.len() < MAX_LISTED => {
                meanwhile.push(chunk.to_vec());
            }
            // The listing was given up, or what comes of it is not all.
            known @ State::Listing(..) => *known = State::Unknown,
            _ => {}
        }
    }

    /// What is known of the chunks in an epoch; if nothing is, what `listed` gives, which is nothing for too many. The caller
    /// keeps chunks from moving, and `epoch` is that of the node.
    ///
    /// # Errors
    /// Those of `listed`.
    pub(super) async fn list<E>(
        &self,
        epoch: u64,
        listed: impl Future<Output = Result<Option<Present>, E>>,
    ) -> Result<Option<Arc<Present>>, E> {
        let _one = self.listing.lock().await;
        {
            let mut known = self.known.lock();
            match &*known {
                State::Listed(of, present) if *of == epoch => {
                    return Ok(Some(Arc::clone(present)));
                }
                State::TooMany(of) if *of == epoch => return Ok(None),
                _ => *known = State::Listing(epoch, Vec::new()),
            }
        }
        // If it fails or is given up, the next one begins again.
        let listed = listed.await?;
        let mut known = self.known.lock();
        let meanwhile = match std::mem::take(&mut *known) {
            State::Listing(of, meanwhile) if of == epoch => meanwhile,
            _ => return Ok(None),
        };
        let Some(mut present) = listed else {
            *known = State::TooMany(epoch);
            return Ok(None);
        };
        for chunk in meanwhile {
            present.insert(&chunk);
        }
        let present = Arc::new(present);
        *known = State::Listed(epoch, Arc::clone(&present));
        Ok(Some(present))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn chunks_are_found_as_in_a_plain_set(
            n_dims in 0_usize..4, cells in prop::collection::vec([0_u64..6, 0..4, 0..4], 0..60),
            from in [0_u64..6, 0..4, 0..4], length in [0_u64..6, 0..5, 0..5],
        ) {
            let chunks: Vec<Vec<u64>> = cells.iter().map(|cell| cell[..n_dims].to_vec()).collect();
            let plain: BTreeSet<Vec<u64>> = chunks.iter().cloned().collect();
            let mut present = Present::default();
            for chunk in &chunks {
                present.insert(chunk);
            }
            let runs: usize = present.runs.values().map(Vec::len).sum();
            prop_assert_eq!(present.n_runs(), runs);
            for cell in &cells {
                let other: Vec<u64> = cell[..n_dims].iter().rev().copied().collect();
                prop_assert_eq!(present.contains(&other), plain.contains(&other));
            }
            let of_box: Vec<Range<u64>> = (0..n_dims).map(|d| from[d]..from[d] + length[d]).collect();
            let inside = |chunk: &&Vec<u64>| chunk.iter().zip(&of_box).all(|(at, range)| range.contains(at));
            let expected: BTreeSet<Vec<u64>> = plain.iter().filter(inside).cloned().collect();
            let found: Vec<Vec<u64>> = present.chunks(&of_box).collect();
            prop_assert_eq!(found.len(), expected.len());
            prop_assert_eq!(present.count(&of_box, 1000), expected.len() as u64);
            prop_assert_eq!(present.count(&of_box, 3), expected.len().min(3) as u64);
            prop_assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
