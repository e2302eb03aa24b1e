//! Rows chosen by what stands in a column.

use polars::prelude::{BooleanChunked, DataFrame, DataType, NewChunkedArray, PlSmallStr};
use serde_json::Value;

use super::super::{DecodeError, Wanted, print, table};

/// The wanted values of one column.
#[derive(Debug, Clone)]
pub(crate) struct WantedRows {
    column: String,
    values: Vec<Value>,
}

impl WantedRows {
    /// Reads one entry of the key.
    pub(crate) fn of((column, wanted): (&String, &Wanted)) -> Self {
        Self {
            column: column.clone(),
            values: match wanted {
                Wanted::One(value) => vec![value.clone()],
                Wanted::Any(values) => values.clone(),
            },
        }
    }

    /// Whether a cell, as text, is one of the values: the same text, or the same number; null is no value.
    fn wants(&self, cell: Option<&str>) -> bool {
        self.values.iter().any(|value| match (value, cell) {
            (Value::Null, cell) => cell.is_none(),
            (Value::String(text), Some(cell)) => text == cell,
            (Value::Number(number), Some(cell)) => cell
                .trim()
                .parse::<f64>()
                .is_ok_and(|cell| number.as_f64() == Some(cell)),
            (Value::Bool(value), Some(cell)) => cell == if *value { "true" } else { "false" },
            _ => false,
        })
    }
}

/// The rows of `frame` that all of `wanted` choose.
pub(crate) fn choose_rows(
    mut frame: DataFrame,
    wanted: &[WantedRows],
) -> Result<DataFrame, DecodeError> {
    if frame.width() == 0 {
        return Ok(frame);
    }
    table::columns_present(&frame, "rows", wanted.iter().map(|wanted| &wanted.column))?;
    for wanted in wanted {
        let cells = print::cast(frame.column(&wanted.column)?, &DataType::String)?;
        let mask = cells.str()?.iter().map(|cell| Some(wanted.wants(cell)));
        let mask = BooleanChunked::from_iter_options(PlSmallStr::EMPTY, mask);
        frame = frame.filter(&mask)?;
    }
    Ok(frame)
}
