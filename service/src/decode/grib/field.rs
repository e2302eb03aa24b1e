//! One field: what it is about, where it lies, and its values.

use chrono::{NaiveDate, NaiveDateTime};
use grib_reader::grib1::{self, Grib1Sections};
use grib_reader::{DataRepresentation, GridDefinition, Message, ReferenceTime};
use indexmap::IndexMap;
use polars::prelude::{Column, Float64Chunked, IntoColumn, PlSmallStr};

use super::super::format_error::FormatError;
use super::super::{DecodeError, Grid, Grids, Limits};
use super::FORMAT;
use super::lambert::Lambert;
use super::level::Level;

/// Bytes of a data section of edition 1 before the packed values.
const DATA_HEADER: usize = 11;

/// A field before its values are read.
#[derive(Debug)]
pub(super) struct Field {
    /// Of the message in the file.
    pub(super) idx: usize,
    /// The same, counted from 1.
    pub(super) number: usize,
    pub(super) parameter: String,
    pub(super) level: Level,
    /// Milliseconds since 1970.
    pub(super) reference_time: i64,
    pub(super) time: i64,
    pub(super) grid: Description,
}

/// What a message says about its grid; equal ones are one grid.
#[derive(Debug, PartialEq)]
pub(super) struct Description {
    definition: GridDefinition,
    /// The section, of grids that the reader does not know.
    section: Option<Vec<u8>>,
}

/// The grid of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Coordinates in degrees.
    Geographic {
        latitudes: Vec<f64>,
        longitudes: Vec<f64>,
    },
    /// Coordinates in metres, and where that is.
    Lambert(Lambert),
}

impl Field {
    pub(super) fn of(message: &Message<'_>) -> Result<Self, DecodeError> {
        let number = message.index() + 1;
        let not_taken = |found: String, remedy: &str| FormatError::NotTaken {
            format: FORMAT,
            place: format!("message {number}"),
            found,
            remedy: remedy.to_owned(),
        };
        let parameter = message.parameter();
        let is_named = !parameter.short_name.is_empty()
            && !parameter.short_name.eq_ignore_ascii_case("unknown");
        let parameter = match (is_named, parameter.discipline, parameter.category) {
            (true, ..) => parameter.short_name.to_string(),
            (false, Some(discipline), Some(category)) => {
                format!("parameter_{discipline}_{category}_{}", parameter.number)
            }
            (false, ..) => {
                let table = parameter.table_version.unwrap_or_default();
                format!("parameter_{table}_{}", parameter.number)
            }
        };
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
            grid: Description::of(message)?,
        })
    }
}

impl Description {
    fn of(message: &Message<'_>) -> Result<Self, FormatError> {
        let definition = message.grid_definition().clone();
        let is_unknown = matches!(definition, GridDefinition::Unsupported(_));
        let section = if is_unknown && message.edition() == 1 {
            section(message, |sections| sections.grid.as_ref())?.map(<[u8]>::to_vec)
        } else {
            None
        };
        Ok(Self {
            definition,
            section,
        })
    }
}

impl Place {
    /// The grid of a message; at most `limits.max_cells` points.
    pub(super) fn of(
        message: &Message<'_>,
        grid: &Description,
        limits: &Limits,
    ) -> Result<Self, DecodeError> {
        let number = message.index() + 1;
        let damaged = |error| FormatError::damaged(FORMAT, format!("message {number}: {error}"));
        let (columns, rows) = message.grid_shape();
        if columns.saturating_mul(rows) > limits.max_cells {
            return Err(DecodeError::TooManyCells {
                max: limits.max_cells,
            });
        }
        let axes = (
            message.latitudes().map_err(damaged)?,
            message.longitudes().map_err(damaged)?,
        );
        if let (Some(latitudes), Some(longitudes)) = axes {
            return Ok(Self::Geographic {
                latitudes,
                longitudes,
            });
        }
        let lambert = match (&grid.definition, &grid.section) {
            (GridDefinition::LambertConformal(grid), _) => Lambert::of_grib2(grid),
            (GridDefinition::Unsupported(3), Some(section)) => Lambert::of_grib1(section),
            _ => None,
        };
        lambert.map(Self::Lambert).ok_or_else(|| {
            FormatError::NotTaken {
                format: FORMAT,
                place: format!("message {number}"),
                found: "lies on a grid that is not read".into(),
                remedy: "send fields on regular or Gaussian latitudes and longitudes, or Lambert's conformal projection"
                    .into(),
            }
            .into()
        })
    }

    /// Names of the dimensions, the second running faster.
    pub(super) fn dims(&self) -> [&'static str; 2] {
        match self {
            Self::Geographic { .. } => ["latitude", "longitude"],
            Self::Lambert(_) => ["y", "x"],
        }
    }

    /// How many points it has.
    pub(super) fn n_points(&self) -> usize {
        match self {
            Self::Geographic {
                latitudes,
                longitudes,
            } => latitudes.len().saturating_mul(longitudes.len()),
            Self::Lambert(grid) => grid.n_points(),
        }
    }

    /// Its coordinates; for projected grids also latitude and longitude of every point.
    pub(super) fn grids(&self, limits: &Limits) -> Result<Grids, DecodeError> {
        if self.n_points() > limits.max_cells {
            return Err(DecodeError::TooManyCells {
                max: limits.max_cells,
            });
        }
        let column = |name: &str, values: Vec<f64>| -> Column {
            Float64Chunked::from_vec(PlSmallStr::from_str(name), values).into_column()
        };
        let mut grids = Grids {
            coordinates: IndexMap::new(),
            variables: IndexMap::new(),
        };
        let [first, second] = self.dims();
        let (rows, columns) = match self {
            Self::Geographic {
                latitudes,
                longitudes,
            } => (latitudes.clone(), longitudes.clone()),
            Self::Lambert(grid) => {
                let (latitudes, longitudes) = grid.positions();
                for (name, values) in [("latitude", latitudes), ("longitude", longitudes)] {
                    let grid = Grid {
                        dims: vec![first.to_owned(), second.to_owned()],
                        values: column(name, values),
                    };
                    grids.variables.insert(name.to_owned(), grid);
                }
                (grid.ys(), grid.xs())
            }
        };
        grids
            .coordinates
            .insert(first.to_owned(), column(first, rows));
        grids
            .coordinates
            .insert(second.to_owned(), column(second, columns));
        Ok(grids)
    }
}

/// Writes the values of a message, in the order of its coordinates, into `cells`.
pub(super) fn decode(
    message: &Message<'_>,
    place: &Place,
    cells: &mut [f64],
) -> Result<(), DecodeError> {
    let number = message.index() + 1;
    let damaged = |error: grib_reader::Error| {
        let reason = format!("message {number}: {error}");
        // Packings that need a C library say so.
        if reason.contains("feature") || reason.contains("nsupported") {
            FormatError::NotTaken {
                format: FORMAT,
                place: format!("message {number}"),
                found: format!("cannot be unpacked ({error})"),
                remedy: "write it with simple or complex packing, or use a service built with the feature `grib-codecs`".into(),
            }
        } else {
            FormatError::damaged(FORMAT, reason)
        }
    };
    match (place, message.grid_definition()) {
        // The reader knows only part of the grids of edition 1; their values are packed alike.
        (Place::Lambert(_), GridDefinition::Unsupported(_)) => {
            let data = section(message, |sections| Some(&sections.data))?;
            let data = data
                .and_then(|data| data.get(DATA_HEADER..))
                .unwrap_or_default();
            let bitmap_section = section(message, |sections| sections.bitmap.as_ref())?;
            let mut representation = message.metadata().data_representation.clone();
            let bitmap = match bitmap_section {
                Some(section) => grib1::bitmap_payload(section).map_err(damaged)?,
                None => None,
            };
            if let DataRepresentation::SimplePacking(packing) = &mut representation {
                // The reader counted the points of a grid that it did not know.
                packing.encoded_values = match bitmap {
                    Some(bits) => bits.iter().map(|byte| byte.count_ones() as usize).sum(),
                    None => cells.len(),
                };
            }
            let values = grib1::decode_simple_field(data, &representation, bitmap, cells.len())
                .map_err(damaged)?;
            if values.len() != cells.len() {
                let reason = format!("message {number} has {} values", values.len());
                return Err(FormatError::damaged(FORMAT, reason).into());
            }
            cells.copy_from_slice(&values);
        }
        _ => message.decode_into(cells).map_err(damaged)?,
    }
    Ok(())
}

/// The bytes of a section of a message of edition 1.
fn section<'m>(
    message: &'m Message<'_>,
    pick: impl Fn(&Grib1Sections) -> Option<&grib_reader::sections::SectionRef>,
) -> Result<Option<&'m [u8]>, FormatError> {
    let bytes = message.raw_bytes();
    let damaged = |error: &dyn std::fmt::Display| {
        FormatError::damaged(FORMAT, format!("message {}: {error}", message.index() + 1))
    };
    let sections = grib1::parse_message_sections(bytes).map_err(|error| damaged(&error))?;
    pick(&sections)
        .map(|section| {
            let end = section.offset.checked_add(section.length);
            end.and_then(|end| bytes.get(section.offset..end))
                .ok_or_else(|| damaged(&"a section lies beyond it"))
        })
        .transpose()
}

fn ticks(time: ReferenceTime) -> Option<i64> {
    let date = NaiveDate::from_ymd_opt(time.year.into(), time.month.into(), time.day.into())?;
    let time: NaiveDateTime =
        date.and_hms_opt(time.hour.into(), time.minute.into(), time.second.into())?;
    Some(time.and_utc().timestamp_millis())
}
