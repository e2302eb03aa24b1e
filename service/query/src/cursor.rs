//! Where the next page starts.

use std::fmt;

use xxhash_rust::xxh64::xxh64;
use zarr_fuse_arrays::values::Values;

use super::elements::identity;
use super::error::QueryError;

const VERSION: u8 = 1;

/// The last row of a page: per row coordinate its index, and a hash of the value there.
///
/// Opaque to clients; as text it is hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) folded_seq: u64,
    /// Of the selection it belongs to.
    pub(super) fingerprint: u64,
    pub(super) last: Vec<(u64, u64)>,
}

impl Cursor {
    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// [`QueryError::BadCursor`] for any other text.
    pub(super) fn parse(text: &str) -> Result<Self, QueryError> {
        Self::read(text).ok_or(QueryError::BadCursor {
            reason: "cannot be read",
        })
    }

    fn read(text: &str) -> Option<Self> {
        if !text.is_ascii() || text.len() > 2000 {
            return None;
        }
        let version = u8::from_str_radix(text.get(..2)?, 16).ok()?;
        let rest = text.get(2..)?;
        if version != VERSION
            || rest.len() % 16 != 0
            || !rest.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return None;
        }
        let words: Option<Vec<u64>> = (0..rest.len() / 16)
            .map(|i| u64::from_str_radix(rest.get(16 * i..16 * (i + 1))?, 16).ok())
            .collect();
        let words = words?;
        let (&[folded_seq, fingerprint], last) = words.split_first_chunk::<2>()?;
        let (pairs, []) = last.as_chunks::<2>() else {
            return None;
        };
        Some(Self {
            folded_seq,
            fingerprint,
            last: pairs.iter().map(|&[index, hash]| (index, hash)).collect(),
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{VERSION:02x}{:016x}{:016x}",
            self.folded_seq, self.fingerprint
        )?;
        self.last
            .iter()
            .try_for_each(|(index, hash)| write!(f, "{index:016x}{hash:016x}"))
    }
}

/// What identifies element `i` of a coordinate in a cursor.
pub(super) fn value_hash(values: &Values, i: usize) -> u64 {
    xxh64(&identity(values, i), 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_reads_back(folded_seq: u64, fingerprint: u64, last: Vec<(u64, u64)>) {
            prop_assume!(last.len() < 60);
            let cursor = Cursor { folded_seq, fingerprint, last };
            prop_assert_eq!(Cursor::parse(&cursor.to_string()).unwrap(), cursor);
        }

        #[test]
        fn other_text_is_refused(text in ".{0,40}") {
            prop_assert!(Cursor::parse(&text).is_err());
        }
    }
}
