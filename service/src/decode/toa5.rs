//! TOA5, the tables of Campbell Scientific loggers: CSV under four header lines.
//!
//! Line 1 names the station and the program, line 2 the columns, line 3 their units, line 4 how they were processed
//! (`Smp`, `Avg`, …). What follows is CSV with quoted timestamps; a value that could not be measured is `"NAN"`.

use std::borrow::Cow;

use polars::prelude::DataFrame;

use super::budget::Budget;
use super::config::{CsvOptions, Toa5Options, Units};
use super::csv::{self, Dialect};
use super::format_error::FormatError;
use super::{DecodeError, DecodeSetupError, Header, detect, text};
use encoding_rs::Encoding;

const FORMAT: &str = "TOA5";

/// [`Toa5Options`] made ready.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// Of the rows below the header.
    dialect: Dialect,
    /// Of the header lines, one at a time.
    header: Dialect,
    units: Units,
}

impl Reader {
    /// `encoding` is that of CSV.
    pub(super) fn of(
        options: &Toa5Options,
        encoding: Option<&str>,
    ) -> Result<Self, DecodeSetupError> {
        let csv = CsvOptions {
            delimiter: Some(",".to_owned()),
            header: Header::Line(2),
            skip_after_header: 2,
            null_values: options.null_values.clone(),
            encoding: encoding.map(str::to_owned),
            ..CsvOptions::default()
        };
        let header = CsvOptions {
            delimiter: Some(",".to_owned()),
            header: Header::Present(false),
            ..CsvOptions::default()
        };
        Ok(Self {
            dialect: Dialect::of(&csv, "toa5")?,
            header: Dialect::of(&header, "toa5")?,
            units: options.units,
        })
    }

    /// Reads a table; columns are text.
    pub(super) fn read(
        &self,
        body: &[u8],
        charset: Option<&'static Encoding>,
        budget: &Budget<'_>,
    ) -> Result<DataFrame, DecodeError> {
        if !detect::is_toa5(body) {
            return Err(FormatError::Line {
                format: FORMAT,
                line: 1,
                reason: "does not begin with \"TOA5\"".to_owned(),
                remedy: "send the file as the logger software writes it, with its four header lines",
            }
            .into());
        }
        let mut frame = csv::read(body, &self.dialect, None, charset, budget)?;
        if self.units == Units::Suffix {
            let max_bytes = budget.limits().max_decompressed_bytes;
            let body = text::text_of(body, self.dialect.encoding().or(charset), max_bytes)?;
            let line = body.lines().filter(|line| !line.trim().is_empty()).nth(2);
            let units = csv::read(
                line.unwrap_or_default().as_bytes(),
                &self.header,
                None,
                None,
                budget,
            )?;
            let unit = |idx: usize| -> Option<String> {
                let cell = units.columns().get(idx)?.str().ok()?.get(0)?;
                (!cell.is_empty()).then(|| cell.to_owned())
            };
            let names: Vec<_> = frame
                .get_column_names()
                .into_iter()
                .enumerate()
                .map(|(idx, name)| with_unit(name, unit(idx).as_deref()).into_owned())
                .collect();
            frame.set_column_names(&names)?;
        }
        Ok(frame)
    }
}

/// The name of a column with its unit.
pub(super) fn with_unit<'n>(name: &'n str, unit: Option<&str>) -> Cow<'n, str> {
    match unit.map(str::trim).filter(|unit| !unit.is_empty()) {
        Some(unit) => Cow::Owned(format!("{name} [{unit}]")),
        None => Cow::Borrowed(name),
    }
}
