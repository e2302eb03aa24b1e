//! Bytes to a table: the first step of the data path after the journal.
//!
//! The order is fixed: decompress, read the format (or run the extraction program on the JSON), then `lookup`, `rename`,
//! `set`, `unpivot`. [`decode`] is a plain function of its arguments; programs and lookup tables are loaded once, by
//! [`Decoding::prepare`].

mod compression;
mod config;
mod content;
mod csv;
mod error;
mod extract;
mod grids;
mod json;
mod lookup;
mod prepare;
mod reshape;
#[cfg(test)]
mod tests;
mod text;

use polars::prelude::DataFrame;
use serde_json::{Map, Value};

pub use config::{
    All, Columns, CsvOptions, Decoding, Extract, Format, Header, Limits, Lookup, Split, Take,
    Unpivot,
};
use content::MediaType;
pub use content::{Content, content_of_file};
pub use error::{DecodeError, DecodeSetupError};
pub use grids::{Grid, Grids};
pub use prepare::Decoder;

/// A contribution as a table: the source's own column names, cells as delivered.
///
/// Text formats give `String` columns (null = no value); typed formats give their own types.
/// Row `i` of the frame is row `i + 1` in problems.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) frame: DataFrame,
}

impl Table {
    /// Its columns.
    pub fn frame(&self) -> &DataFrame {
        &self.frame
    }
}

/// The table in the bytes of a contribution.
///
/// `variables` are those of the request; programs see them as `$vars`, `set` as `${name}`.
///
/// # Errors
/// What is wrong with the bytes and what to do, see [`DecodeError`]. Nothing panics, whatever the bytes.
pub fn decode(
    payload: &[u8],
    content: &Content,
    decoder: &Decoder,
    variables: &Map<String, Value>,
) -> Result<Table, DecodeError> {
    let limits = &decoder.limits;
    let media = MediaType::of(&content.content_type, decoder.format)?;
    let body = compression::decompress(
        payload,
        content.content_encoding.as_deref(),
        limits.max_decompressed_bytes,
    )?;
    let charset = match media.charset {
        None => None,
        Some(charset) => {
            Some(
                text::encoding_named(charset).ok_or_else(|| DecodeError::UnknownCharset {
                    charset: charset.to_owned(),
                })?,
            )
        }
    };
    let frame = match (&decoder.program, media.format) {
        (Some(program), format) => extract::extract(
            &text::text_of(&body, charset)?,
            format,
            program,
            variables,
            limits,
        )?,
        (None, Format::Csv) => {
            csv::read(&body, &decoder.dialect, media.delimiter, charset, limits)?
        }
        (None, Format::Json) => json::read(&text::text_of(&body, charset)?, limits)?,
        (None, Format::Ndjson) => json::read_lines(&text::text_of(&body, charset)?, limits)?,
    };
    let mut frame = frame;
    for lookup in &decoder.lookups {
        frame = lookup::join(frame, lookup)?;
    }
    let frame = reshape::rename(frame, &decoder.rename)?;
    let mut frame = reshape::set(frame, &decoder.set, variables)?;
    if let Some(unpivot) = &decoder.unpivot {
        frame = reshape::unpivot(frame, unpivot, limits)?;
    }
    Ok(Table { frame })
}
