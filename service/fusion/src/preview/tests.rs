use polars::prelude::{DataType, IntoColumn as _, NamedFrom as _, Series, TimeUnit, TimeZone};

use super::*;

/// A column of every type that decoding gives, and how its cells are shown.
fn columns() -> Vec<(Column, Vec<&'static str>)> {
    let number = |dtype: DataType| {
        let values = Series::new("n".into(), [Some(1_i64), None, Some(100)]);
        values.cast(&dtype).unwrap().into_column()
    };
    let whole = vec!["1", "-", "100"];
    let mut columns: Vec<_> = [
        DataType::Int8,
        DataType::Int16,
        DataType::Int32,
        DataType::Int64,
        DataType::UInt8,
        DataType::UInt16,
        DataType::UInt32,
        DataType::UInt64,
    ]
    .map(|dtype| (number(dtype), whole.clone()))
    .into();
    for dtype in [DataType::Float32, DataType::Float64] {
        columns.push((number(dtype), vec!["1.0", "-", "100.0"]));
    }
    let floats = Series::new("f".into(), [f64::NAN, f64::NEG_INFINITY, 1.25e-300]);
    columns.push((floats.into_column(), vec!["NaN", "-inf", "1.25e-300"]));
    let bools = Series::new("b".into(), [Some(true), None, Some(false)]);
    columns.push((bools.into_column(), vec!["true", "-", "false"]));
    let text = Series::new("t".into(), [Some("a"), None, Some("a text that is longer")]);
    columns.push((text.into_column(), vec!["a", "-", "a text that is longer"]));
    let nulls = Column::full_null("z".into(), 2, &DataType::Null);
    columns.push((nulls, vec!["-", "-"]));
    let days = Series::new(
        "d".into(),
        [Some(20_089_i32), None, Some(i32::MAX), Some(i32::MIN)],
    );
    let days = days.cast(&DataType::Date).unwrap().into_column();
    columns.push((
        days,
        vec!["2025-01-01", "-", "day 2147483647", "day -2147483648"],
    ));
    for (unit, ticks) in [
        (TimeUnit::Milliseconds, 1_735_689_600_500),
        (TimeUnit::Microseconds, 1_735_689_600_500_000),
        (TimeUnit::Nanoseconds, 1_735_689_600_500_000_000),
    ] {
        for zone in [None, Some(TimeZone::UTC)] {
            let ticks = Series::new(
                "x".into(),
                [Some(ticks), None, Some(i64::MAX), Some(i64::MIN)],
            );
            let times = ticks
                .i64()
                .unwrap()
                .clone()
                .into_datetime(unit, zone.clone());
            let [time, first, last] = match (&zone, unit) {
                (None, TimeUnit::Nanoseconds) => [
                    "2025-01-01T00:00:00.500",
                    "2262-04-11T23:47:16.854775807",
                    "1677-09-21T00:12:43.145224192",
                ],
                (Some(_), TimeUnit::Nanoseconds) => [
                    "2025-01-01T00:00:00.500Z",
                    "2262-04-11T23:47:16.854775807Z",
                    "1677-09-21T00:12:43.145224192Z",
                ],
                // Beyond the calendar.
                (None, _) => [
                    "2025-01-01T00:00:00.500",
                    "9223372036854775807",
                    "-9223372036854775808",
                ],
                (Some(_), _) => [
                    "2025-01-01T00:00:00.500Z",
                    "9223372036854775807",
                    "-9223372036854775808",
                ],
            };
            columns.push((times.into_column(), vec![time, "-", first, last]));
        }
    }
    columns
}

#[test]
fn cells_of_every_type_are_shown() {
    for (column, expected) in columns() {
        let dtype = column.dtype().clone();
        let frame = DataFrame::new(column.len(), vec![column]).unwrap();
        let shown = first_rows(&frame);
        let shown: Vec<String> = shown
            .into_iter()
            .map(|row| {
                row.into_iter()
                    .next()
                    .flatten()
                    .unwrap_or_else(|| "-".to_owned())
            })
            .collect();
        assert_eq!(shown, expected, "{dtype}");
    }
}
