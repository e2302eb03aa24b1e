//! Local times to UTC.

use std::collections::HashMap;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use foldhash::fast::RandomState;
use zarr_fuse_schemas::time::{Fold, Zone};

use super::TimeError;
use super::civil::DAY;

/// The zone of a source, with the days that it has met.
#[derive(Debug)]
pub(super) struct LocalZone {
    zone: Zone,
    fold: Option<Fold>,
    /// Decides before `fold`.
    pub(super) hint: Option<Fold>,
    /// Offset that holds through a whole local day; `None`: the clocks are changed in it.
    days: HashMap<i64, Option<i32>, RandomState>,
    last: (i64, Option<i32>),
}

impl LocalZone {
    pub(super) fn new(zone: Zone, fold: Option<Fold>) -> Self {
        Self {
            zone,
            fold,
            hint: None,
            days: HashMap::default(),
            last: (i64::MIN, None),
        }
    }

    /// Seconds of UTC for seconds of the local clock.
    pub(super) fn utc(&mut self, local: i64) -> Result<i64, TimeError> {
        let offset = match self.zone {
            Zone::Fixed(offset) => offset,
            Zone::Named(tz) => match self.offset_of_day(tz, local.div_euclid(DAY)) {
                Some(offset) => offset,
                None => self.offset_of(tz, local)?,
            },
        };
        local.checked_sub(offset.into()).ok_or(TimeError::TooFar)
    }

    fn offset_of_day(&mut self, tz: Tz, day: i64) -> Option<i32> {
        if self.last.0 != day {
            let offset = *self
                .days
                .entry(day)
                .or_insert_with(|| constant_offset(tz, day));
            self.last = (day, offset);
        }
        self.last.1
    }

    fn offset_of(&self, tz: Tz, local: i64) -> Result<i32, TimeError> {
        let local = naive(local).ok_or(TimeError::TooFar)?;
        match (
            tz.offset_from_local_datetime(&local),
            self.hint.or(self.fold),
        ) {
            (MappedLocalTime::Single(offset), _)
            | (MappedLocalTime::Ambiguous(offset, _), Some(Fold::Earlier))
            | (MappedLocalTime::Ambiguous(_, offset), Some(Fold::Later)) => {
                Ok(offset.fix().local_minus_utc())
            }
            (MappedLocalTime::Ambiguous(..), None | Some(Fold::Infer)) => {
                Err(TimeError::Twice(self.zone))
            }
            (MappedLocalTime::None, _) => Err(TimeError::Never(self.zone)),
        }
    }
}

/// The offset at both ends of a local day, if it is the same: no zone changes its clocks there and back within a day.
fn constant_offset(tz: Tz, day: i64) -> Option<i32> {
    let end = |seconds| tz.offset_from_local_datetime(&naive(seconds)?).single();
    let start_of_day = day.checked_mul(DAY)?;
    let first = end(start_of_day)?.fix().local_minus_utc();
    let last = end(start_of_day.checked_add(DAY)?)?.fix().local_minus_utc();
    (first == last).then_some(first)
}

fn naive(seconds: i64) -> Option<NaiveDateTime> {
    DateTime::from_timestamp(seconds, 0).map(|utc| utc.naive_utc())
}

/// Seconds east of UTC at an instant; 0 beyond the years that the zone database can tell.
pub(super) fn offset_at(zone: Zone, utc: i64) -> i32 {
    match zone {
        Zone::Fixed(offset) => offset,
        Zone::Named(tz) => naive(utc).map_or(0, |utc| {
            tz.offset_from_utc_datetime(&utc).fix().local_minus_utc()
        }),
    }
}
