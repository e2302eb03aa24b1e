//! Which chunks of a variable have values that move, or may hold what an interrupted commit left beyond the shape.
//!
//! Of few that may be there all are looked at. Of many, as of a node with many coordinates whose values lie along a diagonal,
//! only those that are there or that something moves into: there may be more places than anybody can count.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use zarr_fuse_arrays::array::ArraySpec;

use super::{CommitError, Job};
use crate::merge::region::product;

/// More places than this are not looked at one by one.
const MAX_PLACES: u64 = 4096;

impl Job<'_> {
    /// The chunks of array `array` whose values are not, or perhaps not, those that were there.
    ///
    /// # Errors
    /// [`CommitError`] if the store cannot be listed.
    pub(super) async fn moved(&self, array: usize) -> Result<BTreeSet<Vec<u64>>, CommitError> {
        let spec = &self.node.arrays[array];
        let suspect = self.node.is_suspect(self.before.folded_seq);
        let n_chunks = self.n_chunks(spec);
        let first = |(&d, chunk_len): (&usize, &u64)| {
            let coordinate = &self.update.coordinates[d];
            let grows = suspect && coordinate.index.len() > coordinate.old_len;
            let first = match &coordinate.shift {
                Some(shift) => Some(shift.first),
                None => grows.then_some(coordinate.old_len),
            };
            first.map(|first| first / chunk_len)
        };
        let along = spec.dims.iter().zip(&spec.chunk_shape);
        let firsts: Vec<Option<u64>> = along.map(first).collect();
        let boxes: Vec<Vec<Range<u64>>> = firsts
            .iter()
            .enumerate()
            .filter_map(|(place, first)| Some((place, (*first)?)))
            .map(|(place, first)| {
                let all = n_chunks.iter().enumerate();
                all.map(|(i, &n)| if i == place { first..n } else { 0..n })
                    .collect()
            })
            .collect();
        let n_places = boxes.iter().map(|of_box| n_within(of_box));
        if n_places.fold(0, u64::saturating_add) <= MAX_PLACES {
            return Ok(boxes.iter().flat_map(|of_box| within(of_box)).collect());
        }
        let moves: Vec<Moves> = (0..spec.dims.len()).map(|i| self.moves(spec, i)).collect();
        let is_moved = |chunk: &Vec<u64>| {
            let mut along = chunk.iter().zip(&n_chunks).zip(&firsts);
            let is_there = along.clone().all(|((at, n), _)| at < n);
            is_there && along.any(|((at, _), first)| first.is_some_and(|first| *at >= first))
        };
        let mut places = BTreeSet::new();
        for chunk in self.node.stored_chunks(array).await? {
            let into = chunk.iter().zip(&moves).map(|(at, moves)| {
                let mut into = moves.get(at).cloned().unwrap_or_default();
                into.insert(*at);
                into.into_iter().collect::<Vec<u64>>()
            });
            let into = product(&into.collect::<Vec<_>>());
            places.extend(into.into_iter().filter(is_moved));
        }
        Ok(places)
    }

    /// How many chunks an array has along each of its dimensions.
    fn n_chunks(&self, spec: &ArraySpec) -> Vec<u64> {
        let along = spec.dims.iter().zip(&spec.chunk_shape);
        along
            .map(|(&d, &chunk_len)| self.update.coordinates[d].index.len().div_ceil(chunk_len))
            .collect()
    }

    /// Into which chunks along dimension `place` values of which ones move.
    fn moves(&self, spec: &ArraySpec, place: usize) -> Moves {
        let chunk_len = spec.chunk_shape[place];
        let mut moves = Moves::new();
        let Some(shift) = &self.update.coordinates[spec.dims[place]].shift else {
            return moves;
        };
        for (to, from) in (shift.first..).zip(&shift.from) {
            if let Some(from) = from {
                let into = moves.entry(from / chunk_len).or_default();
                into.insert(to / chunk_len);
            }
        }
        moves
    }

    /// Where chunks of array `array` lie along all dimensions but `place`.
    ///
    /// # Errors
    /// [`CommitError`] if the store cannot be listed.
    pub(super) async fn other_chunks(
        &self,
        array: usize,
        place: usize,
    ) -> Result<BTreeSet<Vec<u64>>, CommitError> {
        let mut all = self.n_chunks(&self.node.arrays[array]);
        all.remove(place);
        let all: Vec<Range<u64>> = all.into_iter().map(|n| 0..n).collect();
        if n_within(&all) <= MAX_PLACES {
            return Ok(within(&all).into_iter().collect());
        }
        let mut there = self.node.stored_chunks(array).await?;
        for chunk in &mut there {
            chunk.remove(place);
        }
        Ok(there.into_iter().collect())
    }
}

/// Chunks along one dimension, by the chunk that their values were in.
type Moves = BTreeMap<u64, BTreeSet<u64>>;

fn n_within(of_box: &[Range<u64>]) -> u64 {
    let lengths = of_box
        .iter()
        .map(|range| range.end.saturating_sub(range.start));
    lengths.fold(1, u64::saturating_mul)
}

fn within(of_box: &[Range<u64>]) -> Vec<Vec<u64>> {
    let lists: Vec<Vec<u64>> = of_box.iter().map(|range| range.clone().collect()).collect();
    product(&lists)
}
