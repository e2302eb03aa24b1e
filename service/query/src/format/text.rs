//! CSV, JSON and NDJSON.

use std::sync::Arc;

use zarr_fuse_arrays::values::Values;

use super::super::rows::{ABSENT, Cells, Rows};
use super::{Field, Kind};

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

fn write_csv(out: &mut Vec<u8>, field: &Field, values: &Values, i: usize) {
    if field.na.is_na(values, i) {
        return;
    }
    match text_of(&field.kind, values, i) {
        Some(text) => quote(out, text),
        None => write_plain(out, &field.kind, values, i),
    }
}

/// Appends element `i`, `null` for what JSON lacks.
pub(in super::super) fn write_json(out: &mut Vec<u8>, field: &Field, values: &Values, i: usize) {
    let is_infinite = match values {
        Values::Float32(v) => v[i].is_infinite(),
        Values::Float64(v) => v[i].is_infinite(),
        _ => false,
    };
    if is_infinite || field.na.is_na(values, i) {
        out.extend_from_slice(b"null");
        return;
    }
    if let Some(text) = text_of(&field.kind, values, i) {
        return json_text(out, text);
    }
    let is_text = matches!(field.kind, Kind::Time(_))
        || matches!(values, Values::Complex64(_) | Values::Complex128(_));
    if is_text {
        out.push(b'"');
    }
    write_plain(out, &field.kind, values, i);
    if is_text {
        out.push(b'"');
    }
}

/// The element if it is text that may need quotes.
fn text_of<'a>(kind: &'a Kind, values: &'a Values, i: usize) -> Option<&'a str> {
    match (kind, values) {
        (_, Values::Str(v)) => Some(&v[i]),
        (Kind::Labels(labels), _) => label(labels, values, i),
        _ => None,
    }
}

fn label<'a>(labels: &'a [String], values: &Values, i: usize) -> Option<&'a str> {
    let code = super::super::elements::int(values, i)?;
    labels
        .get(usize::try_from(code - 1).ok()?)
        .map(String::as_str)
}

/// Appends element `i` without quotes.
pub(super) fn write_plain(out: &mut Vec<u8>, kind: &Kind, values: &Values, i: usize) {
    match (kind, values) {
        (Kind::Time(time), Values::Int64(v)) => return time.write(out, v[i]),
        (Kind::Truth, Values::Int8(v)) => {
            return out.extend_from_slice(if v[i] == 1 { b"true" } else { b"false" });
        }
        (Kind::Labels(labels), _) => {
            if let Some(label) = label(labels, values, i) {
                return out.extend_from_slice(label.as_bytes());
            }
        }
        _ => {}
    }
    match values {
        Values::Bool(v) => out.extend_from_slice(if v[i] { b"true" } else { b"false" }),
        Values::Int8(v) => number(out, v[i]),
        Values::Int16(v) => number(out, v[i]),
        Values::Int32(v) => number(out, v[i]),
        Values::Int64(v) => number(out, v[i]),
        Values::UInt8(v) => number(out, v[i]),
        Values::UInt16(v) => number(out, v[i]),
        Values::UInt32(v) => number(out, v[i]),
        Values::UInt64(v) => number(out, v[i]),
        Values::Float32(v) => single(out, v[i]),
        Values::Float64(v) => double(out, v[i]),
        Values::Complex64(v) => {
            single(out, v[i][0]);
            plus(out, v[i][1].is_sign_negative());
            single(out, v[i][1].abs());
            out.push(b'j');
        }
        Values::Complex128(v) => {
            double(out, v[i][0]);
            plus(out, v[i][1].is_sign_negative());
            double(out, v[i][1].abs());
            out.push(b'j');
        }
        Values::Str(v) => out.extend_from_slice(v[i].as_bytes()),
    }
}

fn plus(out: &mut Vec<u8>, is_negative: bool) {
    out.push(if is_negative { b'-' } else { b'+' });
}

fn single(out: &mut Vec<u8>, value: f32) {
    if value.is_finite() {
        number(out, value);
    } else {
        not_finite(out, f64::from(value));
    }
}

fn double(out: &mut Vec<u8>, value: f64) {
    if value.is_finite() {
        number(out, value);
    } else {
        not_finite(out, value);
    }
}

fn not_finite(out: &mut Vec<u8>, value: f64) {
    let text = if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    out.extend_from_slice(text.as_bytes());
}

/// The fewest digits that read back exactly; `serde_json` does that well.
fn number(out: &mut Vec<u8>, value: impl serde::Serialize) {
    serde_json::to_writer(out, &value)
        .expect("a finite number is JSON, and a vector takes every byte");
}

fn json_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("text is JSON, and a vector takes every byte");
}

/// RFC 4180; the empty text is quoted so that it differs from no value.
fn quote(out: &mut Vec<u8>, text: &str) {
    let needs_quotes = text.is_empty()
        || text
            .bytes()
            .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if !needs_quotes {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}
