//! Times of day in spreadsheets: they have no date, and their cells count from the first day of the calendar.

use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn, PlSmallStr, StringChunked, TimeUnit,
};

use super::DecodeError;

const DAY_MS: i64 = 86_400_000;
/// 1899-12-31 and 1904-01-01, the first days of the two calendars of Excel.
const FIRST_DAYS: [i64; 2] = [-25_568, -24_107];

/// `frame` with columns that hold times of the first day alone as times of day.
pub(super) fn without_dates(mut frame: DataFrame) -> Result<DataFrame, DecodeError> {
    let times: Vec<Column> = frame.columns().iter().filter_map(time_of_day).collect();
    for column in times {
        frame.with_column(column)?;
    }
    Ok(frame)
}

fn time_of_day(column: &Column) -> Option<Column> {
    let DataType::Datetime(TimeUnit::Milliseconds, None) = column.dtype() else {
        return None;
    };
    let series = column.as_materialized_series().to_physical_repr();
    let ticks = series.i64().ok()?;
    let is_first = |ticks: i64| FIRST_DAYS.contains(&ticks.div_euclid(DAY_MS));
    if ticks.null_count() == ticks.len() || !ticks.iter().flatten().all(is_first) {
        return None;
    }
    let clock = |ticks: i64| {
        let (seconds, ms) = (ticks.rem_euclid(DAY_MS) / 1000, ticks.rem_euclid(1000));
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let fraction = if ms == 0 {
            String::new()
        } else {
            format!(".{ms:03}")
        };
        format!("{hours:02}:{minutes:02}:{:02}{fraction}", seconds % 60)
    };
    let texts: StringChunked = ticks.iter().map(|ticks| ticks.map(clock)).collect();
    let name = PlSmallStr::from_str(column.name());
    Some(texts.with_name(name).into_column())
}

#[cfg(test)]
mod tests {
    use polars::prelude::{NamedFrom as _, Series};

    use super::*;

    #[test]
    fn times_of_the_first_day_alone_have_no_date() {
        let of = |days: [i64; 2]| {
            let ticks = days.map(|day| day * DAY_MS + 37_800_500);
            let series = Series::new("t".into(), ticks);
            let times = series.cast(&DataType::Datetime(TimeUnit::Milliseconds, None));
            time_of_day(&times.expect("numbers are times").into_column())
        };
        let shown = of([-25_568, -25_568]).expect("times of day");
        assert_eq!(shown.str().expect("text").get(0), Some("10:30:00.500"));
        assert!(of([-25_568, 19_000]).is_none());
    }
}
