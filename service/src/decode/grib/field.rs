//! One field: what it is about, where it lies, and its values.

use chrono::{NaiveDate, NaiveDateTime};
use grib_reader::{Message, ReferenceTime};

use super::super::DecodeError;
use super::super::format_error::FormatError;
use super::FORMAT;
use super::fault::fault;
use super::grid::Description;
use super::level::Level;

/// A field before its values are read.
#[derive(Debug)]
pub(super) struct Field<'b> {
    /// Of the message in the file.
    pub(super) idx: usize,
    /// The same, counted from 1.
    pub(super) number: usize,
    pub(super) parameter: String,
    pub(super) level: Level,
    /// Milliseconds since 1970.
    pub(super) reference_time: i64,
    pub(super) time: i64,
    pub(super) grid: Description<'b>,
}

impl<'b> Field<'b> {
    /// A message of `body`.
    pub(super) fn of(message: &Message<'_>, body: &'b [u8]) -> Result<Self, DecodeError> {
        let number = message.index() + 1;
        let not_taken = |found: String, remedy: &str| FormatError::NotTaken {
            format: FORMAT,
            place: format!("message {number}"),
            found,
            remedy: remedy.to_owned(),
        };
        let parameter = parameter(message);
        let reference_time = ticks(*message.reference_time())
            .ok_or_else(|| not_taken("has no such date".into(), "correct its reference time"))?;
        let valid = message.valid_time().and_then(ticks).ok_or_else(|| {
            not_taken(
                "is valid for a time that cannot be told".into(),
                "write the time of the forecast in hours, minutes or days",
            )
        })?;
        Ok(Self {
            idx: message.index(),
            number,
            parameter,
            level: Level::of(message),
            reference_time,
            time: valid,
            grid: Description::of(message, body),
        })
    }
}

/// Writes the values of a message, in the order of its coordinates, into `cells`.
pub(super) fn decode(message: &Message<'_>, cells: &mut [f64]) -> Result<(), DecodeError> {
    message
        .decode_into(cells)
        .map_err(|error| fault(Some(message.index() + 1), &error).into())
}

/// Its name in the tables of the WMO, or its numbers there.
fn parameter(message: &Message<'_>) -> String {
    let parameter = message.parameter();
    // Tables from 128 on are those of the centre, of which the reader knows nothing.
    let is_local = parameter.table_version.is_some_and(|table| table >= 128);
    let is_named =
        !parameter.short_name.is_empty() && !parameter.short_name.eq_ignore_ascii_case("unknown");
    match (parameter.discipline, parameter.category) {
        _ if is_named && !is_local => parameter.short_name.to_string(),
        (Some(discipline), Some(category)) => {
            format!("parameter_{discipline}_{category}_{}", parameter.number)
        }
        _ => {
            let table = parameter.table_version.unwrap_or_default();
            format!("parameter_{table}_{}", parameter.number)
        }
    }
}

fn ticks(time: ReferenceTime) -> Option<i64> {
    let date = NaiveDate::from_ymd_opt(time.year.into(), time.month.into(), time.day.into())?;
    let time: NaiveDateTime =
        date.and_hms_opt(time.hour.into(), time.minute.into(), time.second.into())?;
    Some(time.and_utc().timestamp_millis())
}
