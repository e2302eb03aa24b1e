//! GRIB messages, edition 1 and 2, to arrays.
//!
//! Messages of one parameter on one kind of level become one variable, named as in the tables of the WMO (`TMP`, `UGRD`);
//! a parameter on several kinds of levels is told apart by them (`TMP_heightAboveGround`). The coordinates are
//! `reference_time` (when the forecast began), `time` (what it is valid for), the level by its kind (`isobaricInhPa`), and
//! `latitude` and `longitude`, or `y` and `x` in metres for projected grids, or `rlat` and `rlon` for rotated ones.

mod cone;
mod earth;
mod edition1;
mod fault;
mod field;
mod geographic;
mod grid;
mod level;
mod mercator;
mod raster;
mod rotated;
mod units;

use std::collections::BTreeSet;

use grib_reader::GribFile;
use indexmap::IndexMap;
use polars::prelude::{
    Column, Float64Chunked, Int64Chunked, IntoColumn, PlSmallStr, TimeUnit, TimeZone,
};

use super::budget::Budget;
use super::error::list;
use super::format_error::FormatError;
use super::{DecodeError, Grid, GridOptions, Grids};
use fault::fault;
use field::Field;
use grid::Place;

pub(super) const FORMAT: &str = "GRIB";
/// What is known of a message beside its bytes.
const MESSAGE_BYTES: usize = 768;

/// Reads the messages of a file.
///
/// # Errors
/// Damaged messages; grids and packings that are not taken; messages on different grids, or two for the same cells; arrays
/// beyond the bounds, before they are read.
pub(super) fn read(
    body: &[u8],
    options: &GridOptions,
    budget: &Budget<'_>,
) -> Result<Grids, DecodeError> {
    let limits = budget.limits();
    // Small messages take more as what is known of them than as bytes.
    let n_messages = memchr::memmem::find_iter(body, b"GRIB").count();
    budget.take_each(n_messages, MESSAGE_BYTES)?;
    let file = GribFile::builder()
        .max_decoded_points(limits.max_cells)
        .max_axis_points(limits.max_cells)
        .from_bytes(edition1::plain_grids(body))
        .map_err(|error| fault(None, &error))?;
    // One message may have several fields.
    let n_further = file.message_count().saturating_sub(n_messages);
    budget.take_each(n_further, MESSAGE_BYTES)?;
    let mut fields = Vec::with_capacity(file.message_count());
    for message in file.messages() {
        fields.push(Field::of(&message, body)?);
    }
    let fields = chosen(fields, options)?;
    let Some(first) = fields.first() else {
        return Err(FormatError::damaged(FORMAT, "there are no messages").into());
    };
    if let Some(other) = fields.iter().find(|field| field.grid != first.grid) {
        return Err(FormatError::NotTaken {
            format: FORMAT,
            place: format!("message {}", other.number),
            found: format!("lies on another grid than message {}", first.number),
            remedy: "send messages of one grid at a time, or choose some in `grid.variables`"
                .into(),
        }
        .into());
    }
    let names = names(&fields);
    let axes = Axes::of(&fields, &names);
    let message = file
        .message(first.idx)
        .map_err(|error| fault(None, &error))?;
    let place = Place::of(&message, &first.grid, budget)?;
    let mut grids = place.grids(budget)?;
    let horizontal: Vec<String> = place.dims().map(str::to_owned).to_vec();
    axes.add_coordinates(&mut grids);
    let n_points = place.n_points();
    let mut groups: IndexMap<&str, Vec<&Field<'_>>> = IndexMap::new();
    for (field, name) in fields.iter().zip(&names) {
        groups.entry(name).or_default().push(field);
    }
    let mut n_left = limits.max_cells;
    for (name, members) in groups {
        if let Some(unit) = units::of_parameter(&members[0].parameter) {
            grids.units.insert(name.to_owned(), unit.to_owned());
        }
        let (dims, lengths) = axes.dims(members[0].level.kind.as_deref(), &members);
        let n_cells = lengths
            .iter()
            .try_fold(n_points, |n, length| n.checked_mul(*length))
            .filter(|n| *n <= n_left)
            .ok_or(DecodeError::TooManyCells {
                max: limits.max_cells,
            })?;
        n_left -= n_cells;
        budget.take_each(n_cells, size_of::<f64>())?;
        let mut values = vec![f64::NAN; n_cells];
        let mut taken: IndexMap<usize, usize> = IndexMap::new();
        for field in members {
            let idx = axes.position(field, &dims, &lengths);
            if let Some(other) = taken.insert(idx, field.number) {
                return Err(FormatError::NotTaken {
                    format: FORMAT,
                    place: format!("message {}", field.number),
                    found: format!("has the parameter, level and times of message {other}"),
                    remedy: "send ensembles and statistics one member and one kind at a time"
                        .into(),
                }
                .into());
            }
            let message = file
                .message(field.idx)
                .map_err(|error| fault(None, &error))?;
            let cells = &mut values[idx * n_points..(idx + 1) * n_points];
            field::decode(&message, cells)?;
        }
        let dims = dims.into_iter().chain(horizontal.iter().cloned()).collect();
        let values = Float64Chunked::from_vec(PlSmallStr::from_str(name), values).into_column();
        grids
            .variables
            .insert(name.to_owned(), Grid { dims, values });
    }
    budget.give_back((n_messages + n_further) * MESSAGE_BYTES);
    Ok(grids)
}

/// The fields of the variables that are chosen.
fn chosen<'b>(
    fields: Vec<Field<'b>>,
    options: &GridOptions,
) -> Result<Vec<Field<'b>>, FormatError> {
    let Some(wanted) = &options.variables else {
        return Ok(fields);
    };
    let present = names(&fields);
    if let Some(missing) = wanted.iter().find(|name| !present.contains(name)) {
        let distinct: BTreeSet<String> = present.into_iter().collect();
        let distinct: Vec<String> = distinct.into_iter().collect();
        return Err(FormatError::NotTaken {
            format: FORMAT,
            place: format!("variable `{missing}`"),
            found: "does not exist".into(),
            remedy: format!("there are {}; correct `grid.variables`", list(&distinct)),
        });
    }
    let kept = fields.into_iter().zip(present);
    Ok(kept
        .filter(|(_, name)| wanted.contains(name))
        .map(|(field, _)| field)
        .collect())
}

/// The name of the variable of each field.
fn names(fields: &[Field<'_>]) -> Vec<String> {
    let mut kinds: IndexMap<&str, BTreeSet<Option<&str>>> = IndexMap::new();
    for field in fields {
        let kind = field.level.kind.as_deref();
        kinds.entry(&field.parameter).or_default().insert(kind);
    }
    let name = |field: &Field<'_>| match &field.level.kind {
        Some(kind) if kinds[field.parameter.as_str()].len() > 1 => {
            format!("{}_{kind}", field.parameter)
        }
        _ => field.parameter.clone(),
    };
    fields.iter().map(name).collect()
}

/// The coordinates over the grid.
struct Axes {
    /// Milliseconds since 1970, ascending.
    reference_times: Vec<i64>,
    times: Vec<i64>,
    /// By kind: values, ascending, and whether variables lie along them.
    levels: IndexMap<String, (Vec<f64>, bool)>,
}

impl Axes {
    fn of(fields: &[Field<'_>], names: &[String]) -> Self {
        let distinct = |ticks: &mut dyn Iterator<Item = i64>| -> Vec<i64> {
            ticks.collect::<BTreeSet<i64>>().into_iter().collect()
        };
        // Levels of each variable, by kind.
        let mut by_kind: IndexMap<&str, IndexMap<&str, Vec<f64>>> = IndexMap::new();
        for (field, name) in fields.iter().zip(names) {
            if let (Some(kind), Some(value)) = (&field.level.kind, field.level.value) {
                let values = by_kind.entry(kind).or_default().entry(name).or_default();
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        let mut levels = IndexMap::new();
        for (kind, variables) in by_kind {
            let is_axis = variables.values().any(|values| values.len() > 1);
            let mut values: Vec<f64> = Vec::new();
            for own in variables.values().filter(|own| !is_axis || own.len() > 1) {
                values.extend(own);
            }
            values.sort_by(f64::total_cmp);
            values.dedup();
            // Variables on one level each, and not the same one: no coordinate says which.
            if is_axis || values.len() == 1 {
                levels.insert(kind.to_owned(), (values, is_axis));
            }
        }
        Self {
            reference_times: distinct(&mut fields.iter().map(|field| field.reference_time)),
            times: distinct(&mut fields.iter().map(|field| field.time)),
            levels,
        }
    }

    fn add_coordinates(&self, grids: &mut Grids) {
        let mut coordinates = IndexMap::new();
        let times = |name: &str, ticks: &[i64]| -> Column {
            Int64Chunked::from_vec(PlSmallStr::from_str(name), ticks.to_vec())
                .into_datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC))
                .into_column()
        };
        for (name, ticks) in [
            ("reference_time", &self.reference_times),
            ("time", &self.times),
        ] {
            coordinates.insert(name.to_owned(), times(name, ticks));
        }
        for (kind, (values, _)) in &self.levels {
            let values = Float64Chunked::from_vec(PlSmallStr::from_str(kind), values.clone());
            coordinates.insert(kind.clone(), values.into_column());
            if let Some(unit) = units::of_level(kind) {
                grids.units.insert(kind.clone(), unit.to_owned());
            }
        }
        coordinates.extend(std::mem::take(&mut grids.coordinates));
        grids.coordinates = coordinates;
    }

    /// The dimensions of a variable above those of the grid, and their lengths.
    fn dims(&self, kind: Option<&str>, members: &[&Field<'_>]) -> (Vec<String>, Vec<usize>) {
        let mut dims = vec!["reference_time".to_owned(), "time".to_owned()];
        let mut lengths = vec![self.reference_times.len(), self.times.len()];
        let first = members[0].level.value;
        let is_layered = members.iter().any(|field| field.level.value != first);
        if let Some(kind) = kind
            && is_layered
            && let Some((values, _)) = self.levels.get(kind)
        {
            dims.push(kind.to_owned());
            lengths.push(values.len());
        }
        (dims, lengths)
    }

    /// Which of the grids of its variable a field is.
    fn position(&self, field: &Field<'_>, dims: &[String], lengths: &[usize]) -> usize {
        let place = |ticks: &[i64], at: i64| ticks.partition_point(|tick| *tick < at);
        let mut position = place(&self.reference_times, field.reference_time) * lengths[1]
            + place(&self.times, field.time);
        if let (Some(kind), Some(value)) = (dims.get(2), field.level.value) {
            let (values, _) = &self.levels[kind];
            position = position * lengths[2] + values.partition_point(|level| *level < value);
        }
        position
    }
}
