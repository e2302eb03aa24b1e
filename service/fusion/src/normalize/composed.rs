//! Composed coordinates: a stable 64-bit hash stands for a tuple of components.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use xxhash_rust::xxh64::xxh64;
use zarr_fuse_arrays::values::Values;

use super::cells::Cells;

/// One component of a tuple, in stored form.
#[derive(Debug, Clone, PartialEq)]
pub enum ComponentValue {
    /// Integers of all widths, truth values as 0 and 1, times as ticks, labels as codes.
    Int(i64),
    /// The few integers that only 64 unsigned bits hold.
    UInt(u64),
    /// Floats of both widths, 32 bits widened to 64.
    Float(f64),
    /// Real and imaginary part.
    Complex(f64, f64),
    /// Strings.
    Str(Arc<str>),
}

/// The value of a composed coordinate: XXH64 with seed 0 over the components in canonical form.
///
/// Floats are 8 bytes of IEEE 754, little-endian, with -0.0 as 0.0; integers are 8 bytes, little-endian; strings are
/// UTF-8 followed by a zero byte.
pub fn hash_tuple(components: &[ComponentValue]) -> i64 {
    let mut bytes = Vec::with_capacity(components.len() * 16);
    for component in components {
        match component {
            ComponentValue::Int(number) => bytes.extend(number.to_le_bytes()),
            ComponentValue::UInt(number) => bytes.extend(number.to_le_bytes()),
            ComponentValue::Float(number) => bytes.extend(canonical(*number)),
            ComponentValue::Complex(re, im) => {
                bytes.extend(canonical(*re));
                bytes.extend(canonical(*im));
            }
            ComponentValue::Str(text) => {
                bytes.extend(text.as_bytes());
                bytes.push(0);
            }
        }
    }
    xxh64(&bytes, 0).cast_signed()
}

fn canonical(number: f64) -> [u8; 8] {
    // Adding 0.0 turns -0.0 into 0.0.
    (number + 0.0).to_le_bytes()
}

impl ComponentValue {
    /// Element `position` of `values`, which must have it.
    pub fn of(values: &Values, position: usize) -> Self {
        match values {
            Values::Bool(v) => Self::Int(v[position].into()),
            Values::Int8(v) => Self::Int(v[position].into()),
            Values::Int16(v) => Self::Int(v[position].into()),
            Values::Int32(v) => Self::Int(v[position].into()),
            Values::Int64(v) => Self::Int(v[position]),
            Values::UInt8(v) => Self::Int(v[position].into()),
            Values::UInt16(v) => Self::Int(v[position].into()),
            Values::UInt32(v) => Self::Int(v[position].into()),
            Values::UInt64(v) => Self::UInt(v[position]),
            Values::Float32(v) => Self::Float(v[position].into()),
            Values::Float64(v) => Self::Float(v[position]),
            Values::Complex64(v) => Self::Complex(v[position][0].into(), v[position][1].into()),
            Values::Complex128(v) => Self::Complex(v[position][0], v[position][1]),
            Values::Str(v) => Self::Str(Arc::clone(&v[position])),
        }
    }
}

/// Two rows with different tuples and one hash.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SameHash {
    pub(super) first_row: u32,
    pub(super) second_row: u32,
}

/// Hashes the tuples of encoded components: distinct hashes in order of first appearance, and per row which one it is.
pub(super) fn compose(
    components: &[(&Values, &[u32])],
    n_rows: usize,
    hash: impl Fn(&[ComponentValue]) -> i64,
) -> Result<(Vec<i64>, Vec<u32>), SameHash> {
    let encoded: Vec<(&[u32], usize)> = components
        .iter()
        .map(|(values, index)| (*index, values.len()))
        .collect();
    let tuples = Cells::number(&encoded, n_rows);
    let mut numbers: Vec<u32> = vec![u32::MAX; tuples.n];
    let mut first_rows = Vec::new();
    let mut index = Vec::with_capacity(n_rows);
    for (row, tuple) in (0_u32..).zip(&tuples.ids) {
        let number = &mut numbers[*tuple as usize];
        if *number == u32::MAX {
            *number = super::distinct::row_number(first_rows.len());
            first_rows.push(row);
        }
        index.push(*number);
    }

    let mut hashes = Vec::with_capacity(first_rows.len());
    let mut rows_by_hash: HashMap<i64, u32, RandomState> = HashMap::default();
    let mut tuple = Vec::with_capacity(components.len());
    for row in first_rows {
        tuple.clear();
        let component = |(values, index): &(&Values, &[u32])| {
            ComponentValue::of(values, index[row as usize] as usize)
        };
        tuple.extend(components.iter().map(component));
        let hash = hash(&tuple);
        if let Some(first_row) = rows_by_hash.insert(hash, row) {
            return Err(SameHash {
                first_row,
                second_row: row,
            });
        }
        hashes.push(hash);
    }
    Ok((hashes, index))
}
