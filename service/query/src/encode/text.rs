//! CSV, JSON and NDJSON.

use std::sync::Arc;

use zarr_fuse_arrays::values::Values;

use super::super::elements::ABSENT;
use super::super::format::{Field, json_text, quote, write_csv, write_json};
use super::super::rows::{Cells, Rows};

/// Bytes per cell to reserve.
const TYPICAL_CELL_BYTES: usize = 12;
/// Text is made in pieces that end with the row in which they become longer.
const PIECE_BYTES: usize = 512 << 10;

/// Writes a header line and a line per row.
pub(in super::super) struct Csv {
    fields: Vec<Arc<Field>>,
    header: Vec<u8>,
}

impl Csv {
    pub(super) fn new(fields: Vec<Arc<Field>>) -> Self {
        let mut header = Vec::new();
        for (i, field) in fields.iter().enumerate() {
            if i > 0 {
                header.push(b',');
            }
            quote(&mut header, &field.name);
        }
        header.push(b'\n');
        Self { fields, header }
    }

    pub(super) fn rows(&mut self, rows: &Rows, from: usize) -> (Vec<u8>, usize) {
        let mut out = std::mem::take(&mut self.header);
        let typical = (rows.n - from) * self.fields.len() * TYPICAL_CELL_BYTES;
        out.reserve(typical.min(PIECE_BYTES));
        let columns = prepare(&self.fields, rows, (write_csv, b""));
        for row in from..rows.n {
            if out.len() > PIECE_BYTES {
                return (out, row);
            }
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                column.write(&mut out, row);
            }
            out.push(b'\n');
        }
        (out, rows.n)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.header
    }
}

/// Writes a record per row: inside one object with the cursor, or one per line.
pub(in super::super) struct Json {
    fields: Vec<Arc<Field>>,
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
    is_one_object: bool,
    n_rows: usize,
}

const HEAD: &[u8] = b"{\"rows\":[";

impl Json {
    pub(super) fn new(fields: Vec<Arc<Field>>, is_one_object: bool) -> Self {
        let key = |field: &Arc<Field>| {
            let mut key = Vec::new();
            json_text(&mut key, &field.name);
            key.push(b':');
            key
        };
        let keys = fields.iter().map(key).collect();
        Self {
            fields,
            keys,
            is_one_object,
            n_rows: 0,
        }
    }

    pub(super) fn rows(&mut self, rows: &Rows, from: usize) -> (Vec<u8>, usize) {
        let keys = self.keys.iter().map(Vec::len).sum::<usize>();
        let typical = (rows.n - from) * (self.fields.len() * TYPICAL_CELL_BYTES + keys);
        let mut out = Vec::with_capacity(typical.min(PIECE_BYTES));
        let columns = prepare(&self.fields, rows, (write_json, b"null"));
        for row in from..rows.n {
            if out.len() > PIECE_BYTES {
                return (out, row);
            }
            if self.is_one_object {
                out.extend_from_slice(if self.n_rows == 0 { HEAD } else { b",\n" });
            }
            self.n_rows += 1;
            for (i, (key, column)) in self.keys.iter().zip(&columns).enumerate() {
                out.push(if i == 0 { b'{' } else { b',' });
                out.extend_from_slice(key);
                column.write(&mut out, row);
            }
            out.push(b'}');
            if !self.is_one_object {
                out.push(b'\n');
            }
        }
        (out, rows.n)
    }

    pub(super) fn finish(self, cursor: Option<&str>) -> Vec<u8> {
        let mut out = Vec::new();
        if self.is_one_object {
            if self.n_rows == 0 {
                out.extend_from_slice(HEAD);
            }
            out.extend_from_slice(b"],\"cursor\":");
            match cursor {
                Some(cursor) => json_text(&mut out, cursor),
                None => out.extend_from_slice(b"null"),
            }
            out.extend_from_slice(b"}\n");
        }
        out
    }
}

/// How an element is written, and what stands in an empty cell.
type Writer = (fn(&mut Vec<u8>, &Field, &Values, usize), &'static [u8]);

/// A column ready to be written: elements that come again in many rows are formatted once.
enum Column<'a> {
    Direct {
        field: &'a Field,
        cells: &'a Cells,
        writer: Writer,
    },
    Formatted {
        texts: Vec<u8>,
        ends: Vec<usize>,
        index: &'a [u32],
        absent: &'static [u8],
    },
}

fn prepare<'a>(fields: &'a [Arc<Field>], rows: &'a Rows, writer: Writer) -> Vec<Column<'a>> {
    let column = |(field, cells): (&'a Arc<Field>, &'a Cells)| {
        // Text is quoted as it is written: all of a block may be much.
        let is_text = matches!(cells.values.as_ref(), Values::Str(_));
        if is_text || cells.values.len() >= rows.n {
            return Column::Direct {
                field,
                cells,
                writer,
            };
        }
        let (write, absent) = writer;
        let mut texts = Vec::with_capacity(cells.values.len() * TYPICAL_CELL_BYTES);
        let mut ends = Vec::with_capacity(cells.values.len() + 1);
        ends.push(0);
        for i in 0..cells.values.len() {
            write(&mut texts, field, &cells.values, i);
            ends.push(texts.len());
        }
        Column::Formatted {
            texts,
            ends,
            index: &cells.index,
            absent,
        }
    };
    fields.iter().zip(&rows.cells).map(column).collect()
}

impl Column<'_> {
    fn write(&self, out: &mut Vec<u8>, row: usize) {
        match self {
            Self::Direct {
                field,
                cells,
                writer: (write, absent),
            } => match cells.index[row] {
                ABSENT => out.extend_from_slice(absent),
                element => write(out, field, &cells.values, element as usize),
            },
            Self::Formatted {
                texts,
                ends,
                index,
                absent,
            } => match index[row] {
                ABSENT => out.extend_from_slice(absent),
                element => {
                    let element = element as usize;
                    out.extend_from_slice(&texts[ends[element]..ends[element + 1]]);
                }
            },
        }
    }
}
