//! The headers of pages, looked at before pages are read: the reader reserves what they promise.
//!
//! A header is a structure in Thrift's compact protocol, of which only the sizes are taken.

use parquet::file::metadata::ParquetMetaData;

use super::super::Limits;
use super::super::format_error::FormatError;
use super::FORMAT;

/// How deep structures of a header may be nested; real ones are three deep.
const MAX_DEPTH: usize = 8;

/// How deep groups of columns may be nested.
const MAX_GROUPS: usize = 64;

/// Refuses a file whose pages take more than `limits.max_decompressed_bytes` after decompression.
pub(super) fn check(
    body: &[u8],
    metadata: &ParquetMetaData,
    limits: &Limits,
) -> Result<(), FormatError> {
    let mut sum = 0_u64;
    for group in metadata.row_groups() {
        for column in group.columns() {
            let (start, length) = column.byte_range();
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let place = || format!("column `{}`", column.column_path().string());
            let mut rest = start
                .checked_add(length)
                .and_then(|end| body.get(start..end))
                .ok_or_else(|| {
                    FormatError::damaged(FORMAT, format!("{} lies beyond the file", place()))
                })?;
            while !rest.is_empty() {
                let damaged = || {
                    FormatError::damaged(FORMAT, format!("{} has a broken page header", place()))
                };
                let page = Page::read(rest).ok_or_else(damaged)?;
                sum = sum.saturating_add(page.uncompressed_bytes);
                if sum > limits.max_decompressed_bytes as u64 {
                    return Err(FormatError::TooLarge {
                        format: FORMAT,
                        place: place(),
                        found: sum,
                        max: limits.max_decompressed_bytes,
                    });
                }
                // A value of a dictionary takes a byte at least.
                if page.dictionary_values > page.uncompressed_bytes {
                    return Err(damaged());
                }
                rest = rest.get(page.length..).ok_or_else(damaged)?;
            }
        }
    }
    Ok(())
}

/// Refuses a file whose columns are nested without end: the reader of its schema calls itself.
pub(super) fn check_nesting(body: &[u8]) -> Result<(), FormatError> {
    match nesting(body) {
        Some(depth) if depth > MAX_GROUPS => Err(FormatError::damaged(
            FORMAT,
            format!("its columns are nested more than {MAX_GROUPS} deep"),
        )),
        // What is broken, the reader says.
        _ => Ok(()),
    }
}

/// How deep groups of columns are nested, by the footer; counted up to one beyond the bound.
fn nesting(body: &[u8]) -> Option<usize> {
    let end = body.len().checked_sub(8)?;
    let length = u32::from_le_bytes(*body.get(end..)?.first_chunk()?);
    let start = end.checked_sub(usize::try_from(length).ok()?)?;
    let mut footer = Compact {
        bytes: body.get(start..end)?,
        at: 0,
    };
    let mut deepest = 0;
    let mut id = 0_i64;
    while let Some(kind) = footer.field(&mut id)? {
        if (id, kind) != (2, 9) {
            footer.skip(kind, 0)?;
            continue;
        }
        let n_elements = footer.list()?;
        // Children that are still to come, of every group that is open.
        let mut open: Vec<u64> = Vec::new();
        for _ in 0..n_elements {
            let n_children = footer.children()?;
            while let Some(left) = open.last_mut() {
                if *left > 0 {
                    *left -= 1;
                    break;
                }
                open.pop();
            }
            if n_children > 0 {
                open.push(n_children);
            }
            deepest = deepest.max(open.len());
            if deepest > MAX_GROUPS {
                return Some(deepest);
            }
        }
    }
    Some(deepest)
}

/// What the header of a page says.
struct Page {
    /// Bytes of header and compressed page.
    length: usize,
    uncompressed_bytes: u64,
    dictionary_values: u64,
}

impl Page {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Compact { bytes, at: 0 };
        let mut sizes = [None; 2];
        let mut dictionary_values = 0;
        let mut id = 0_i64;
        while let Some(kind) = header.field(&mut id)? {
            match (id, kind) {
                (2 | 3, 5) => sizes[usize::from(id == 3)] = Some(header.zigzag()?),
                (7, 12) => {
                    let mut inner = 0_i64;
                    while let Some(kind) = header.field(&mut inner)? {
                        match (inner, kind) {
                            (1, 5) => {
                                dictionary_values = u64::try_from(header.zigzag()?).ok()?;
                            }
                            _ => header.skip(kind, 0)?,
                        }
                    }
                }
                _ => header.skip(kind, 0)?,
            }
        }
        let [uncompressed, compressed] = sizes;
        let n_compressed = usize::try_from(compressed?).ok()?;
        Some(Self {
            length: header.at.checked_add(n_compressed)?,
            uncompressed_bytes: u64::try_from(uncompressed?).ok()?,
            dictionary_values,
        })
    }
}

/// A reader of Thrift's compact protocol.
struct Compact<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// The type of the next field, whose number goes to `id`; `Some(None)` at the end of the structure.
    #[expect(
        clippy::option_option,
        reason = "the outer one is for bytes that end too early"
    )]
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let head = self.byte()?;
        if head == 0 {
            return Some(None);
        }
        match head >> 4 {
            0 => *id = self.zigzag()?,
            delta => *id = id.checked_add(i64::from(delta))?,
        }
        Some(Some(head & 0x0f))
    }

    /// The length of a list, whose elements follow.
    fn list(&mut self) -> Option<u64> {
        match self.byte()? >> 4 {
            15 => self.varint(),
            n => Some(u64::from(n)),
        }
    }

    /// The number of children of an element of a schema.
    fn children(&mut self) -> Option<u64> {
        let mut n_children = 0;
        let mut id = 0_i64;
        while let Some(kind) = self.field(&mut id)? {
            match (id, kind) {
                (5, 5) => n_children = u64::try_from(self.zigzag()?).ok()?,
                _ => self.skip(kind, 0)?,
            }
        }
        Some(n_children)
    }

    fn advance(&mut self, n: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(n).ok()?)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    /// Passes over a value of this type.
    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH {
            return None;
        }
        match kind {
            // The truth value is the type.
            1 | 2 => {}
            3 => self.advance(1)?,
            4..=6 => _ = self.varint()?,
            7 => self.advance(8)?,
            8 => {
                let n = self.varint()?;
                self.advance(n)?;
            }
            9 | 10 => {
                let head = self.byte()?;
                let n = match head >> 4 {
                    15 => self.varint()?,
                    n => u64::from(n),
                };
                for _ in 0..n {
                    match head & 0x0f {
                        // In a list, a truth value takes a byte.
                        1 | 2 => self.advance(1)?,
                        element => self.skip(element, depth + 1)?,
                    }
                }
            }
            12 => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
            }
            _ => return None,
        }
        Some(())
    }
}
