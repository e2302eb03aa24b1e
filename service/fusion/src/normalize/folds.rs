//! The hour that comes twice when daylight saving ends: which one is meant, by the order of the rows.
//!
//! A logger on the wall clock writes 02:00, 02:30, 02:00, 02:30: where its times go back, the second hour begins. That is looked
//! for among the rows with the same values of the other coordinates. Where it cannot be found, the rows are rejected as they
//! are without `fold`.

use std::collections::HashMap;

use zarr_fuse_schemas::{
    Measure,
    time::{Fold, Tick, TimeUnit, Zone},
};

use super::read::Target;
use super::source::Cell;
use super::time::{TimeError, TimeReader};

/// By row.
pub(super) type Folds = HashMap<usize, Fold>;

/// Times of one hour that comes twice, in the order of rows.
type Hour = Vec<(usize, i64)>;

const DAY: i64 = 86_400;

/// Finds out what times mean that may mean two instants, for targets of which the schema says that the order tells.
pub(super) fn infer(targets: &mut [Target<'_>], n_rows: usize) {
    for at in 0..targets.len() {
        let Measure::Time { source_unit, .. } = &targets[at].variable.measure else {
            continue;
        };
        if source_unit.fold == Some(Fold::Infer) {
            let folds = of_column(targets, at, source_unit, n_rows);
            targets[at].folds = Some(folds);
        }
    }
}

fn of_column(targets: &[Target<'_>], at: usize, source: &TimeUnit, n_rows: usize) -> Folds {
    let rules = targets[at].terms.rules;
    let mut reader = TimeReader::new(source, Tick::Second, rules);
    let clock = TimeUnit {
        zone: Zone::Fixed(0),
        ..source.clone()
    };
    let mut clock = TimeReader::new(&clock, Tick::Second, rules);
    let (mut first, mut last) = (None, None);
    let mut hours: HashMap<(Vec<Option<String>>, i64), Hour> = HashMap::new();
    targets[at].source.visit(0..n_rows, |row, cell| {
        let Some(cell) = cell else { return };
        if first.is_none() {
            first = read(&mut clock, cell).ok().flatten();
        }
        last = Some(cell);
        if !matches!(read(&mut reader, cell), Err(TimeError::Twice(_))) {
            return;
        }
        let Ok(Some(local)) = read(&mut clock, cell) else {
            return;
        };
        let others = targets.iter().enumerate();
        let others = others.filter(|(other, target)| *other != at && target.coordinate.is_some());
        let series = others.map(|(_, target)| target.source.print(row)).collect();
        let hour = hours.entry((series, local.div_euclid(DAY))).or_default();
        hour.push((row, local));
    });
    let last = last.and_then(|cell| read(&mut clock, cell).ok().flatten());
    let descends = first > last;
    let mut folds = Folds::new();
    for (_, mut hour) in hours {
        if descends {
            hour.reverse();
        }
        if let Some(second) = second_begins(&hour) {
            let fold = |place| {
                if place < second {
                    Fold::Earlier
                } else {
                    Fold::Later
                }
            };
            folds.extend(
                hour.iter()
                    .enumerate()
                    .map(|(place, (row, _))| (*row, fold(place))),
            );
        }
    }
    folds
}

/// Where the second of two hours begins: where times go back, once; or the second of two times that are the same.
fn second_begins(hour: &Hour) -> Option<usize> {
    let goes_back = |place: &usize| hour[*place].1 < hour[*place - 1].1;
    let mut back = (1..hour.len()).filter(goes_back);
    match (back.next(), back.next()) {
        (Some(place), None) => Some(place),
        (None, _) if hour.len() == 2 && hour[0].1 == hour[1].1 => Some(1),
        _ => None,
    }
}

fn read(reader: &mut TimeReader<'_>, cell: Cell<'_>) -> Result<Option<i64>, TimeError> {
    match cell {
        Cell::Text(text) => reader.text(text),
        Cell::Int(ticks) => reader.ticks(ticks),
        Cell::Float(ticks) => reader.float(ticks),
        Cell::Time {
            ticks,
            tick,
            is_utc: false,
        } if ticks != i64::MIN => {
            let moment = super::time::Moment::from_ticks(ticks, tick).ok_or(TimeError::TooFar)?;
            reader.local(moment).map(Some)
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_hour_begins_where_times_go_back_once() {
        let begins = |locals: &[i64]| second_begins(&locals.iter().copied().enumerate().collect());
        assert_eq!(begins(&[0, 30, 0, 30]), Some(2));
        assert_eq!(begins(&[0, 10, 20, 10]), Some(3));
        assert_eq!(begins(&[0, 0]), Some(1));
        // Only one of the hours, three of them, or twice the same: nobody can tell.
        assert_eq!(begins(&[0, 30]), None);
        assert_eq!(begins(&[0, 30, 0, 30, 0]), None);
        assert_eq!(begins(&[0, 30, 30]), None);
        assert_eq!(begins(&[]), None);
    }
}
