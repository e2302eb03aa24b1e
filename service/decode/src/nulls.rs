//! Numbers that mean "no value", in tables whose cells have types.

use polars::prelude::{Column, DataFrame, DataType, Float64Chunked, Int64Chunked, IntoColumn};

use super::DecodeError;

/// `frame` without the numbers among `null_values`, however they are written.
pub(super) fn without_numbers(
    mut frame: DataFrame,
    null_values: &[String],
) -> Result<DataFrame, DecodeError> {
    let numbers = null_values
        .iter()
        .filter_map(|text| text.trim().parse().ok());
    let numbers: Vec<f64> = numbers.collect();
    if numbers.is_empty() {
        return Ok(frame);
    }
    let without: Vec<Column> = frame
        .columns()
        .iter()
        .filter_map(|column| without(column, &numbers))
        .collect();
    for column in without {
        frame.with_column(column)?;
    }
    Ok(frame)
}

fn without(column: &Column, numbers: &[f64]) -> Option<Column> {
    let series = column.as_materialized_series();
    let name = series.name().clone();
    match series.dtype() {
        DataType::Float64 => {
            let cells = series.f64().ok()?;
            let kept = cells
                .iter()
                .map(|cell| cell.filter(|cell| !numbers.contains(cell)));
            Some(
                kept.collect::<Float64Chunked>()
                    .with_name(name)
                    .into_column(),
            )
        }
        DataType::Int64 => {
            #[expect(clippy::cast_precision_loss, reason = "null values are small")]
            let is_null = |cell: &i64| numbers.contains(&(*cell as f64));
            let kept = series
                .i64()
                .ok()?
                .iter()
                .map(|cell| cell.filter(|cell| !is_null(cell)));
            Some(kept.collect::<Int64Chunked>().with_name(name).into_column())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_no_values_whatever_their_type() {
        let columns = vec![
            Column::new("f".into(), [-9999.0, 1.5]),
            Column::new("i".into(), [3_i64, -9999]),
            Column::new("s".into(), ["-9999", "x"]),
        ];
        let frame = DataFrame::new(2, columns).expect("columns of one length");
        let frame = without_numbers(frame, &["-9999".to_owned()]).expect("no column is new");
        let n_null = |name: &str| frame.column(name).expect("it stays").null_count();
        assert_eq!(["f", "i", "s"].map(n_null), [1, 1, 0]);
    }
}
