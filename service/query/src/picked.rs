//! Which indices along a coordinate are selected.

use std::ops::Range;

use zarr_fuse_fusion::node::Indices;

use super::elements::at;

/// Selected indices along one coordinate, ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Picked {
    Range(Range<u64>),
    /// Several ranges with gaps between them, however long.
    Ranges(Ranges),
    List(Vec<u64>),
}

/// Ranges that ascend, with gaps between them, none of them empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ranges {
    ranges: Vec<Range<u64>>,
    /// How many indices there are up to the end of each.
    ends: Vec<u64>,
}

impl Ranges {
    fn len(&self) -> u64 {
        self.ends.last().copied().unwrap_or_default()
    }

    /// How many indices there are before the range with this place.
    fn before(&self, place: usize) -> u64 {
        place.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    fn get(&self, position: u64) -> u64 {
        let place = self.ends.partition_point(|&end| end <= position);
        self.ranges[place].start + (position - self.before(place))
    }

    fn position_of(&self, index: u64) -> u64 {
        let place = self.ranges.partition_point(|range| range.end <= index);
        let within = self.ranges.get(place);
        self.before(place) + within.map_or(0, |range| index.saturating_sub(range.start))
    }

    fn contains(&self, index: u64) -> bool {
        let place = self.ranges.partition_point(|range| range.end <= index);
        self.ranges
            .get(place)
            .is_some_and(|range| range.contains(&index))
    }

    /// The indices at a range of positions.
    fn indices(&self, positions: Range<u64>) -> Indices {
        if positions.is_empty() {
            return Indices::Range(0..0);
        }
        let first = self.ends.partition_point(|&end| end <= positions.start);
        let last = self.ends.partition_point(|&end| end < positions.end);
        let (from, to) = (self.get(positions.start), self.get(positions.end - 1) + 1);
        if first == last {
            return Indices::Range(from..to);
        }
        let cut = |range: &Range<u64>| range.start.max(from)..range.end.min(to);
        Indices::List(self.ranges[first..=last].iter().flat_map(cut).collect())
    }
}

impl Picked {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Range(range) => range.end - range.start,
            Self::Ranges(ranges) => ranges.len(),
            Self::List(list) => list.len() as u64,
        }
    }

    /// The index at a position.
    pub(super) fn get(&self, position: u64) -> u64 {
        match self {
            Self::Range(range) => range.start + position,
            Self::Ranges(ranges) => ranges.get(position),
            Self::List(list) => list[at(position)],
        }
    }

    /// The first position whose index is not below `index`.
    pub(super) fn position_of(&self, index: u64) -> u64 {
        match self {
            Self::Range(range) => index.clamp(range.start, range.end) - range.start,
            Self::Ranges(ranges) => ranges.position_of(index),
            Self::List(list) => list.partition_point(|&listed| listed < index) as u64,
        }
    }

    /// The indices at a range of positions.
    pub(super) fn indices(&self, positions: Range<u64>) -> Indices {
        match self {
            Self::Range(range) => {
                Indices::Range(range.start + positions.start..range.start + positions.end)
            }
            Self::Ranges(ranges) => ranges.indices(positions),
            Self::List(list) => {
                Indices::List(list[at(positions.start)..at(positions.end)].to_vec())
            }
        }
    }

    /// Of indices that ascend, each once.
    pub(super) fn from_list(list: Vec<u64>) -> Self {
        match (list.first(), list.last()) {
            (Some(&first), Some(&end)) if end - first + 1 == list.len() as u64 => {
                Self::Range(first..end + 1)
            }
            (None, _) => Self::Range(0..0),
            _ => Self::List(list),
        }
    }

    /// Of ranges in any order, which may overlap: what lies in several of them is selected once. It takes as much memory as
    /// there are ranges, however long they are.
    pub(super) fn from_ranges(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.retain(|range| range.start < range.end);
        ranges.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self::of_merged(merged)
    }

    fn of_merged(ranges: Vec<Range<u64>>) -> Self {
        match ranges.as_slice() {
            [] => return Self::Range(0..0),
            [range] => return Self::Range(range.clone()),
            _ => {}
        }
        let mut n = 0;
        let lengths = ranges.iter().map(|range| {
            n += range.end - range.start;
            n
        });
        let ends: Vec<u64> = lengths.collect();
        if n < 4 * ranges.len() as u64 {
            return Self::List(ranges.into_iter().flatten().collect());
        }
        Self::Ranges(Ranges { ranges, ends })
    }

    pub(super) fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Range(a), Self::Range(b)) => {
                let start = a.start.max(b.start);
                Self::Range(start..a.end.min(b.end).max(start))
            }
            (Self::List(list), other) => Self::from_list(
                list.into_iter()
                    .filter(|&index| other.contains(index))
                    .collect(),
            ),
            (ranges, Self::List(_)) => other.clone().and(&ranges),
            (a, b) => Self::of_merged(common(a.ranges(), b.ranges())),
        }
    }

    /// What it consists of; of a list nothing.
    fn ranges(&self) -> &[Range<u64>] {
        match self {
            Self::Range(range) => std::slice::from_ref(range),
            Self::Ranges(ranges) => &ranges.ranges,
            Self::List(_) => &[],
        }
    }

    fn contains(&self, index: u64) -> bool {
        match self {
            Self::Range(range) => range.contains(&index),
            Self::Ranges(ranges) => ranges.contains(index),
            Self::List(list) => list.binary_search(&index).is_ok(),
        }
    }
}

/// What two ascending lists of ranges have in common.
fn common(a: &[Range<u64>], b: &[Range<u64>]) -> Vec<Range<u64>> {
    let (mut i, mut j) = (0, 0);
    let mut found = Vec::new();
    while let (Some(left), Some(right)) = (a.get(i), b.get(j)) {
        let both = left.start.max(right.start)..left.end.min(right.end);
        if both.start < both.end {
            found.push(both);
        }
        if left.end < right.end {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Vec<Range<u64>>> {
        let range = (0_u64..60, 0_u64..25).prop_map(|(start, n)| start..start + n);
        prop::collection::vec(range, 0..12)
    }

    fn set(ranges: &[Range<u64>]) -> BTreeSet<u64> {
        ranges.iter().cloned().flatten().collect()
    }

    fn check(picked: &Picked, expected: &BTreeSet<u64>) {
        let list: Vec<u64> = expected.iter().copied().collect();
        let n = list.len() as u64;
        assert_eq!(picked.len(), n);
        for (position, index) in (0_u64..).zip(&list) {
            assert_eq!(picked.get(position), *index);
        }
        for index in 0..90 {
            let position = list.partition_point(|&listed| listed < index) as u64;
            assert_eq!(picked.position_of(index), position);
            assert_eq!(picked.contains(index), expected.contains(&index));
        }
        for from in 0..=n {
            for to in from..=n {
                let found: Vec<u64> = picked.indices(from..to).positions().collect();
                assert_eq!(found, list[at(from)..at(to)]);
            }
        }
    }

    proptest! {
        #[test]
        fn ranges_that_overlap_select_each_index_once(a in ranges(), b in ranges()) {
            let (left, right) = (Picked::from_ranges(a.clone()), Picked::from_ranges(b.clone()));
            check(&left, &set(&a));
            let both = set(&a).intersection(&set(&b)).copied().collect();
            check(&left.clone().and(&right), &both);
            check(&right.and(&left), &both);
            let list = Picked::from_list(set(&b).into_iter().collect());
            check(&left.clone().and(&list), &both);
            check(&list.and(&left), &both);
        }
    }

    #[test]
    fn however_many_ranges_take_little_memory() {
        let same = vec![0..1_u64 << 40; 10_000];
        assert_eq!(Picked::from_ranges(same), Picked::Range(0..1 << 40));
        let gap = Picked::from_ranges(vec![0..1 << 40, (1 << 40) + 1..1 << 41]);
        assert_eq!(gap.len(), (1 << 41) - 1);
        assert_eq!(gap.get(1 << 40), (1 << 40) + 1);
    }
}
