//! Distinct values in order of first appearance, and per row which of them it is.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Gives every distinct key a number.
///
/// Keys that repeat, ascend, or come in the order of an earlier round are found without hashing.
#[derive(Debug)]
pub(super) struct Encoder<K> {
    keys: Vec<K>,
    /// Made at the first new key that is not the largest; until then the keys ascend.
    numbers: Option<HashMap<K, u32, RandomState>>,
    last: u32,
}

impl<K: Copy + Ord + Hash> Encoder<K> {
    pub(super) fn new() -> Self {
        Self {
            keys: Vec::new(),
            numbers: None,
            last: 0,
        }
    }

    /// The number of `key`.
    #[inline]
    pub(super) fn number(&mut self, key: K) -> u32 {
        let last = self.last as usize;
        if self.keys.get(last) == Some(&key) {
            return self.last;
        }
        self.last = if self.keys.get(last + 1) == Some(&key) {
            self.last + 1
        } else {
            self.look_up(key)
        };
        self.last
    }

    fn look_up(&mut self, key: K) -> u32 {
        let new = row_number(self.keys.len());
        if self.numbers.is_none() {
            if self.keys.last().is_none_or(|largest| *largest < key) {
                self.keys.push(key);
                return new;
            }
            if let Ok(found) = self.keys.binary_search(&key) {
                return row_number(found);
            }
        }
        let keys = &self.keys;
        let numbers = self
            .numbers
            .get_or_insert_with(|| keys.iter().copied().zip(0..).collect());
        let number = *numbers.entry(key).or_insert(new);
        if number == new {
            self.keys.push(key);
        }
        number
    }

    /// The keys by number.
    pub(super) fn into_keys(self) -> Vec<K> {
        self.keys
    }

    /// Joins the encodings of consecutive parts of `index`, each `part_length` long, into one.
    pub(super) fn join(parts: Vec<Self>, index: &mut [u32], part_length: usize) -> Self {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().unwrap_or_else(Self::new);
        for (part, index) in parts.zip(index.chunks_mut(part_length).skip(1)) {
            let renumber: Vec<u32> = part.keys.into_iter().map(|key| whole.number(key)).collect();
            // Rows without a value have number 0 even in a part without any value.
            for number in index {
                *number = renumber.get(*number as usize).copied().unwrap_or(0);
            }
        }
        whole
    }
}

/// A position among rows as it is kept; tables have fewer than 2^32 rows.
pub(super) fn row_number(position: usize) -> u32 {
    u32::try_from(position).expect("a table has fewer than 2^32 rows")
}
