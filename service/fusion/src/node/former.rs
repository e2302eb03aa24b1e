//! Where values of former layouts lie now.
//!
//! Late values move others. Whoever began to read before knows values by their former positions, and is answered from the
//! arrays as they are now: what was inserted since is left out. This costs a few numbers per insertion and no chunks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::State;
use crate::merge::CoordinateIndex;
use crate::merge::coordinate::key;

/// How long former layouts are kept, unless something else is asked for.
pub const KEEP: Duration = Duration::from_mins(10);
/// Most places of insertion remembered for one node; over it, the oldest layouts are forgotten.
const MAX_PLACES: usize = 1 << 20;

/// The former layouts of a node that can still be read.
#[derive(Debug)]
pub(super) struct Former {
    /// One per insertion, the oldest first. The last one leads to the present layout.
    moves: VecDeque<Move>,
    /// Running answers, by the layout that they read.
    readers: BTreeMap<u64, usize>,
    keep: Duration,
}

/// What an insertion did.
#[derive(Debug)]
struct Move {
    /// The layout before.
    layout: u64,
    at: Instant,
    /// What was merged when it ended.
    folded_seq: u64,
    /// Per coordinate of the node, values when it ended.
    lengths: Vec<u64>,
    /// Per coordinate.
    own: Arc<[Gaps]>,
    /// Its own and those of moves after it, up to layout `until`.
    all: Arc<[Gaps]>,
    until: u64,
}

/// A layout of a node: when it is a former one, as it was when it ended.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Its number.
    pub number: u64,
    /// The sequence number up to which contributions are in it.
    pub(crate) folded_seq: u64,
    /// Per coordinate of the node, how many values there are.
    pub(crate) lengths: Vec<u64>,
    /// Where its values lie now; `None`: where they were.
    moved: Option<Arc<[Gaps]>>,
}

impl Layout {
    pub(crate) fn of(state: &State) -> Self {
        Self {
            number: state.layout,
            folded_seq: state.folded_seq,
            lengths: state.coordinates.iter().map(CoordinateIndex::len).collect(),
            moved: None,
        }
    }

    /// Whether values lie elsewhere now.
    pub fn is_former(&self) -> bool {
        self.moved.is_some()
    }

    /// Where the value at `position` along coordinate number `d` lies now.
    pub(crate) fn now(&self, d: usize, position: u64) -> u64 {
        match &self.moved {
            Some(gaps) => gaps[d].now(position),
            None => position,
        }
    }
}

impl Default for Former {
    fn default() -> Self {
        Self {
            moves: VecDeque::new(),
            readers: BTreeMap::new(),
            keep: KEEP,
        }
    }
}

impl Former {
    /// Keeps layouts for so long after they have ended.
    pub(super) fn keep(&mut self, keep: Duration) {
        self.keep = keep;
        self.forget(Instant::now());
    }

    /// Notes that late values were inserted, and nothing else.
    pub(super) fn inserted(&mut self, before: &State, after: &State) {
        let coordinates = before.coordinates.iter().zip(&after.coordinates);
        let own: Option<Vec<Gaps>> = coordinates
            .map(|(before, after)| Gaps::between(before, after))
            .collect();
        let Some(own) = own else {
            self.broken();
            return;
        };
        let own: Arc<[Gaps]> = own.into();
        let Layout {
            number,
            folded_seq,
            lengths,
            ..
        } = Layout::of(before);
        let now = Instant::now();
        self.moves.push_back(Move {
            layout: number,
            at: now,
            folded_seq,
            lengths,
            all: Arc::clone(&own),
            own,
            until: after.layout,
        });
        self.forget(now);
    }

    /// Notes that the arrays are others now, of which nothing is known.
    pub(super) fn broken(&mut self) {
        self.moves.clear();
    }

    /// Notes a running answer.
    pub(super) fn enter(&mut self, layout: u64) {
        *self.readers.entry(layout).or_default() += 1;
    }

    /// Notes its end.
    pub(super) fn leave(&mut self, layout: u64) {
        if let Some(n) = self.readers.get_mut(&layout) {
            *n -= 1;
            if *n == 0 {
                self.readers.remove(&layout);
            }
        }
    }

    /// A former layout for a running answer, as long as it runs.
    pub(super) fn of_reader(&mut self, layout: u64) -> Option<Layout> {
        let found = self.place(layout)?;
        Some(self.layout(found))
    }

    /// A former layout for who opened it, if that is not too long ago.
    pub(super) fn kept(&mut self, layout: u64) -> Option<Layout> {
        let found = self.place(layout)?;
        (self.moves[found].at.elapsed() <= self.keep).then(|| self.layout(found))
    }

    fn place(&self, layout: u64) -> Option<usize> {
        self.moves
            .binary_search_by_key(&layout, |moved| moved.layout)
            .ok()
    }

    fn layout(&mut self, place: usize) -> Layout {
        let until = self.moves[place].until;
        let mut all = Arc::clone(&self.moves[place].all);
        for next in self.moves.range(place + 1..) {
            if next.layout >= until {
                let both = all.iter().zip(next.own.iter());
                all = both.map(|(gaps, next)| gaps.then(next)).collect();
            }
        }
        let newest = self.moves.back().map_or(until, |last| last.until);
        let moved = &mut self.moves[place];
        moved.until = newest;
        moved.all = Arc::clone(&all);
        Layout {
            number: moved.layout,
            folded_seq: moved.folded_seq,
            lengths: moved.lengths.clone(),
            moved: Some(all),
        }
    }

    /// Forgets the oldest layouts that nobody may ask for any more.
    fn forget(&mut self, now: Instant) {
        let places = |moved: &Move| -> usize { moved.own.iter().map(|gaps| gaps.0.len()).sum() };
        let mut n_places: usize = self.moves.iter().map(places).sum();
        while let Some(oldest) = self.moves.front() {
            let is_read = self.readers.range(..=oldest.layout).next().is_some();
            let is_old = now.saturating_duration_since(oldest.at) > self.keep;
            if n_places <= MAX_PLACES && (is_read || !is_old) {
                return;
            }
            n_places -= places(oldest);
            self.moves.pop_front();
        }
    }
}

/// Where values were inserted: positions before which they came, ascending, with how many came before that position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Gaps(Vec<(u64, u64)>);

impl Gaps {
    /// What was inserted into `before` to make `after`, which holds the same values in the same order and more; `None` if it
    /// does not.
    fn between(before: &CoordinateIndex, after: &CoordinateIndex) -> Option<Self> {
        let (old, new) = (before.values(), after.values());
        let mut gaps = Vec::new();
        if !before.is_sorted() || Arc::ptr_eq(old, new) {
            return (old.len() <= new.len()).then_some(Self(gaps));
        }
        let (n_old, n_new) = (old.len(), new.len());
        let (mut at, mut n_inserted) = (0, 0);
        while at < n_old {
            // Up to the next insertion, values lie equally far from where they were; behind it, smaller ones are in their place.
            let (mut low, mut high) = (at, n_old);
            while low < high {
                let middle = usize::midpoint(low, high);
                let place = middle + n_inserted;
                if place < n_new && key(old, middle) == key(new, place) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            at = low;
            if at == n_old {
                break;
            }
            let place = zarr_fuse_schemas::to_usize(after.find(&key(old, at)).ok()?);
            if place <= at + n_inserted {
                return None;
            }
            n_inserted = place - at;
            gaps.push((at as u64, n_inserted as u64));
        }
        Some(Self(gaps))
    }

    /// Where the value at `position` lies after the insertions.
    fn now(&self, position: u64) -> u64 {
        let n = self.0.partition_point(|(at, _)| *at <= position);
        position + n.checked_sub(1).map_or(0, |last| self.0[last].1)
    }

    /// The first position whose value lies at `place` or behind it after the insertions.
    fn first_from(&self, place: u64) -> u64 {
        let n = self
            .0
            .partition_point(|(at, n_before)| at + n_before <= place);
        let n_before = n.checked_sub(1).map_or(0, |last| self.0[last].1);
        let position = place - n_before;
        match self.0.get(n) {
            Some((next, _)) => position.min(*next),
            None => position,
        }
    }

    /// These insertions, and then those of `next`.
    fn then(&self, next: &Self) -> Self {
        let places = next.0.iter().map(|(at, _)| self.first_from(*at));
        let mut places: Vec<u64> = self.0.iter().map(|(at, _)| *at).chain(places).collect();
        places.sort_unstable();
        places.dedup();
        let count = |at: u64| (at, next.now(self.now(at)) - at);
        Self(places.into_iter().map(count).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use zarr_fuse_arrays::values::Values;

    use super::*;

    fn index(values: &BTreeSet<i64>) -> CoordinateIndex {
        CoordinateIndex::new(Values::Int64(values.iter().copied().collect()), true)
    }

    proptest! {
        /// Through any number of insertions every value is found where it lies now.
        #[test]
        fn values_are_found_through_insertions(steps in proptest::collection::vec(proptest::collection::btree_set(0..200_i64, 0..20), 1..8)) {
            let first = steps[0].clone();
            let mut all = first.clone();
            let mut gaps = Gaps::default();
            for step in &steps[1..] {
                let before = index(&all);
                all.extend(step);
                gaps = gaps.then(&Gaps::between(&before, &index(&all)).unwrap());
            }
            let now: Vec<i64> = all.iter().copied().collect();
            for (position, value) in first.iter().enumerate() {
                prop_assert_eq!(now[zarr_fuse_schemas::to_usize(gaps.now(position as u64))], *value);
            }
        }
    }

    #[test]
    fn values_that_are_gone_are_noticed() {
        let before = index(&BTreeSet::from([1, 3, 5]));
        let after = index(&BTreeSet::from([1, 2, 5, 7]));
        assert_eq!(Gaps::between(&before, &after), None);
    }

    fn state(layout: u64, values: &[i64]) -> State {
        State {
            folded_seq: layout,
            layout,
            epoch: layout,
            coordinates: vec![index(&values.iter().copied().collect())],
            components: crate::merge::StoredComponents::default(),
        }
    }

    #[test]
    fn layouts_are_kept_for_their_time_and_for_their_readers() {
        let mut former = Former::default();
        former.enter(0);
        former.inserted(&state(0, &[1, 3]), &state(1, &[1, 2, 3]));
        former.inserted(&state(1, &[1, 2, 3]), &state(2, &[0, 1, 2, 3]));
        let kept = former.kept(0).unwrap();
        assert_eq!((kept.now(0, 0), kept.now(0, 1)), (1, 3));
        assert_eq!(former.kept(1).unwrap().now(0, 2), 3);
        assert!(former.kept(2).is_none(), "the present one is no former one");
        former.keep(Duration::ZERO);
        assert!(former.kept(0).is_none(), "too long ago");
        assert_eq!(former.of_reader(0).unwrap().now(0, 1), 3);
        former.inserted(&state(2, &[0, 1, 2, 3]), &state(3, &[-1, 0, 1, 2, 3]));
        assert_eq!(former.of_reader(0).unwrap().now(0, 1), 4, "and is read on");
        former.leave(0);
        former.keep(Duration::ZERO);
        assert!(former.of_reader(0).is_none());
        former.inserted(&state(3, &[1, 3]), &state(4, &[1, 2, 3]));
        former.broken();
        assert!(former.of_reader(3).is_none(), "the arrays are others");
    }
}
