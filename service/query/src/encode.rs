//! Rows to bytes.

mod arrow;
mod text;

use std::sync::Arc;

use self::arrow::{Ipc, Parquet};
use self::text::{Csv, Json};
use super::error::QueryError;
use super::format::{Field, Format};
use super::rows::Rows;

/// Writes one answer.
pub(super) enum Encoder {
    Csv(Csv),
    Json(Json),
    Ipc(Box<Ipc>),
    Parquet(Box<Parquet>),
}

impl Encoder {
    /// # Errors
    /// [`QueryError::Write`] from the Arrow and Parquet writers; [`QueryError::DoesNotFit`] for a format without rows.
    pub(super) fn new(format: Format, fields: Vec<Arc<Field>>) -> Result<Self, QueryError> {
        Ok(match format {
            Format::Csv => Self::Csv(Csv::new(fields)),
            Format::Json => Self::Json(Json::new(fields, true)),
            Format::Ndjson => Self::Json(Json::new(fields, false)),
            Format::Arrow => Self::Ipc(Box::new(Ipc::new(fields)?)),
            Format::Parquet => Self::Parquet(Box::new(Parquet::new(fields)?)),
            Format::Covjson => {
                let reason = "coverages have no rows; use another `format`".to_owned();
                return Err(QueryError::DoesNotFit { reason });
            }
        })
    }

    /// The bytes of some more rows, those from `from` on, and the first row that is not among them: text is made in pieces of
    /// bounded size.
    ///
    /// # Errors
    /// As [`Encoder::new`].
    pub(super) fn rows(
        &mut self,
        rows: &Rows,
        from: usize,
    ) -> Result<(Vec<u8>, usize), QueryError> {
        match self {
            Self::Csv(csv) => Ok(csv.rows(rows, from)),
            Self::Json(json) => Ok(json.rows(rows, from)),
            Self::Ipc(ipc) => ipc.rows(rows).map(|bytes| (bytes, rows.n)),
            Self::Parquet(parquet) => parquet.rows(rows).map(|bytes| (bytes, rows.n)),
        }
    }

    /// The bytes after the last row.
    ///
    /// # Errors
    /// As [`Encoder::new`].
    pub(super) fn finish(self, cursor: Option<&str>) -> Result<Vec<u8>, QueryError> {
        match self {
            Self::Csv(csv) => Ok(csv.finish()),
            Self::Json(json) => Ok(json.finish(cursor)),
            Self::Ipc(ipc) => ipc.finish(),
            Self::Parquet(parquet) => parquet.finish(),
        }
    }
}
