//! Types of stored elements, and the form in which they are compared as coordinates.

use std::hash::Hash;

use zarr_fuse_arrays::values::Values;

/// An element of an array.
pub(super) trait Element: Copy + Default + Send + Sync {
    /// Equal and ordered as the elements are, NaN aside, which never comes here.
    type Key: Copy + Ord + Hash + Send + Sync;

    fn key(self) -> Self::Key;
    fn from_key(key: Self::Key) -> Self;
    fn values(elements: Vec<Self>) -> Values;
}

/// Integers that an `i64` holds.
macro_rules! small_integers {
    ($($type:ty => $variant:ident),*) => {$(
        impl Element for $type {
            type Key = i64;

            fn key(self) -> i64 {
                i64::from(self)
            }

            fn from_key(key: i64) -> Self {
                Self::try_from(key).expect("a key comes from an element of this type")
            }

            fn values(elements: Vec<Self>) -> Values {
                Values::$variant(elements)
            }
        }
    )*};
}

small_integers!(i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64, u8 => UInt8, u16 => UInt16, u32 => UInt32);

impl Element for u64 {
    type Key = i64;

    fn key(self) -> i64 {
        self.cast_signed() ^ i64::MIN
    }

    fn from_key(key: i64) -> Self {
        (key ^ i64::MIN).cast_unsigned()
    }

    fn values(elements: Vec<Self>) -> Values {
        Values::UInt64(elements)
    }
}

impl Element for bool {
    type Key = i64;

    fn key(self) -> i64 {
        i64::from(self)
    }

    fn from_key(key: i64) -> Self {
        key != 0
    }

    fn values(elements: Vec<Self>) -> Values {
        Values::Bool(elements)
    }
}

impl Element for f64 {
    type Key = i64;

    fn key(self) -> i64 {
        // -0.0 becomes 0.0.
        flip((self + 0.0).to_bits().cast_signed())
    }

    fn from_key(key: i64) -> Self {
        Self::from_bits(flip(key).cast_unsigned())
    }

    fn values(elements: Vec<Self>) -> Values {
        Values::Float64(elements)
    }
}

impl Element for f32 {
    type Key = i64;

    fn key(self) -> i64 {
        f64::from(self).key()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a key comes from a 32-bit float"
    )]
    fn from_key(key: i64) -> Self {
        f64::from_key(key) as Self
    }

    fn values(elements: Vec<Self>) -> Values {
        Values::Float32(elements)
    }
}

impl Element for [f64; 2] {
    type Key = [i64; 2];

    fn key(self) -> [i64; 2] {
        self.map(Element::key)
    }

    fn from_key(key: [i64; 2]) -> Self {
        key.map(Element::from_key)
    }

    fn values(elements: Vec<Self>) -> Values {
        Values::Complex128(elements)
    }
}

impl Element for [f32; 2] {
    type Key = [i64; 2];

    fn key(self) -> [i64; 2] {
        self.map(Element::key)
    }

    fn from_key(key: [i64; 2]) -> Self {
        key.map(Element::from_key)
    }

    fn values(elements: Vec<Self>) -> Values {
        Values::Complex64(elements)
    }
}

/// Orders the bits of floats as their values are ordered; its own inverse.
fn flip(bits: i64) -> i64 {
    bits ^ ((bits >> 63) & i64::MAX)
}
