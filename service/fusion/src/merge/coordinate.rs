//! A coordinate's stored values, and finding values among them.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use zarr_fuse_arrays::values::Values;

/// A coordinate value as something that compares, hashes and is cheap: the order of keys is the order of values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// Bools, integers and floats, mapped to ascending unsigned integers.
    Number(u64),
    /// Strings, by code point.
    Text(Arc<str>),
    /// Complex numbers: real part first.
    Pair(u64, u64),
}

/// The key of element `i`.
pub fn key(values: &Values, i: usize) -> Key {
    match values {
        Values::Bool(v) => Key::Number(u64::from(v[i])),
        Values::Int8(v) => Key::Number(signed(v[i].into())),
        Values::Int16(v) => Key::Number(signed(v[i].into())),
        Values::Int32(v) => Key::Number(signed(v[i].into())),
        Values::Int64(v) => Key::Number(signed(v[i])),
        Values::UInt8(v) => Key::Number(v[i].into()),
        Values::UInt16(v) => Key::Number(v[i].into()),
        Values::UInt32(v) => Key::Number(v[i].into()),
        Values::UInt64(v) => Key::Number(v[i]),
        Values::Float32(v) => Key::Number(float(v[i].into())),
        Values::Float64(v) => Key::Number(float(v[i])),
        Values::Complex64(v) => Key::Pair(float(v[i][0].into()), float(v[i][1].into())),
        Values::Complex128(v) => Key::Pair(float(v[i][0]), float(v[i][1])),
        Values::Str(v) => Key::Text(Arc::clone(&v[i])),
    }
}

/// Maps the order of signed integers to that of unsigned ones.
fn signed(x: i64) -> u64 {
    x.cast_unsigned() ^ (1 << 63)
}

/// Maps the order of floats (−0.0 being 0.0) to that of unsigned integers.
fn float(x: f64) -> u64 {
    let bits = if x == 0.0 { 0 } else { x.to_bits() };
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | (1 << 63)
    }
}

/// The values of one coordinate of a node in array order, each once; sorted ones ascend.
#[derive(Debug, Clone)]
pub struct CoordinateIndex {
    values: Arc<Values>,
    sorted: bool,
    positions: Option<Arc<HashMap<Key, u64>>>,
}

impl CoordinateIndex {
    /// Indexes `values` as stored; sorted ones are searched, others looked up in a table.
    pub fn new(values: Values, sorted: bool) -> Self {
        let positions = (!sorted).then(|| {
            (0..values.len())
                .map(|i| (key(&values, i), i as u64))
                .collect()
        });
        Self {
            values: Arc::new(values),
            sorted,
            positions: positions.map(Arc::new),
        }
    }

    /// The values in array order.
    pub fn values(&self) -> &Arc<Values> {
        &self.values
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.values.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Whether they ascend.
    pub fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// Where `wanted` lies, or, in a sorted coordinate, where it would be inserted.
    ///
    /// # Errors
    /// The position before which it would be inserted; for unsorted coordinates the end.
    pub fn find(&self, wanted: &Key) -> Result<u64, u64> {
        if let Some(positions) = &self.positions {
            return positions.get(wanted).copied().ok_or(self.len());
        }
        let (mut low, mut high) = (0, self.values.len());
        // Most values are looked for at the end, where the newest are.
        if high > 0 && key(&self.values, high - 1) < *wanted {
            return Err(high as u64);
        }
        while low < high {
            let middle = usize::midpoint(low, high);
            match key(&self.values, middle).cmp(wanted) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(middle as u64),
            }
        }
        Err(low as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_are_ordered_as_the_numbers_are(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(!a.is_nan() && !b.is_nan());
            let values = Values::Float64(vec![a, b]);
            prop_assert_eq!(key(&values, 0).cmp(&key(&values, 1)), a.partial_cmp(&b).unwrap());
        }

        #[test]
        fn every_value_is_found_where_it_lies(mut numbers in proptest::collection::btree_set(any::<i32>(), 0..50), other in any::<i32>()) {
            numbers.remove(&other);
            let sorted: Vec<i32> = numbers.iter().copied().collect();
            let expected = sorted.partition_point(|n| *n < other) as u64;
            let index = CoordinateIndex::new(Values::Int32(sorted.clone()), true);
            for (i, n) in sorted.iter().enumerate() {
                prop_assert_eq!(index.find(&key(&Values::Int32(vec![*n]), 0)), Ok(i as u64));
            }
            prop_assert_eq!(index.find(&key(&Values::Int32(vec![other]), 0)), Err(expected));
        }
    }
}
