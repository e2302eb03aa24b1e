//! Rows of several stations in one dimension: discrete sampling geometries of the CF conventions, chapter 9.
//!
//! A counter says of each station how many observations it has (contiguous), or of each observation which station it is of
//! (indexed). What is known of stations is repeated for their observations, so that everything lies along observations.

use polars::prelude::{Column, IdxCa, IdxSize, PlSmallStr};

use super::super::budget::{Budget, cell_bytes};
use super::super::format_error::FormatError;
use super::super::{DecodeError, Grid, Grids};
use super::Described;

/// Attributes of counters: which dimension is that of the observations, and of the stations.
const OF_OBSERVATIONS: &str = "sample_dimension";
const OF_STATIONS: &str = "instance_dimension";

/// Whether an array only says which observations are of which station.
pub(super) fn is_counter(array: &Described) -> bool {
    array.text(OF_OBSERVATIONS).is_some() || array.text(OF_STATIONS).is_some()
}

/// Which station each observation is of.
struct Stations {
    /// The dimensions.
    of: String,
    observations: String,
    places: IdxCa,
}

/// The arrays with those of stations along observations.
///
/// # Errors
/// Counters that do not fit; cells beyond the bounds.
pub(super) fn expand(
    format: &'static str,
    mut grids: Grids,
    described: &[Described],
    budget: &Budget<'_>,
) -> Result<Grids, DecodeError> {
    for counter in described.iter().filter(|array| is_counter(array)) {
        let Some(stations) = stations(format, &mut grids, counter)? else {
            continue;
        };
        let length = stations.places.len();
        let take = |values: &Column, name: &str| -> Result<Column, DecodeError> {
            budget.take_each(length, cell_bytes(values.dtype()))?;
            let taken = values.take(&stations.places);
            let mut taken = taken.expect("stations were checked against how many there are");
            taken.rename(PlSmallStr::from_str(name));
            Ok(taken)
        };
        let dims = vec![stations.observations.clone()];
        if let Some(values) = grids.coordinates.shift_remove(&stations.of) {
            let values = take(&values, &stations.of)?;
            let dims = dims.clone();
            grids
                .variables
                .insert(stations.of.clone(), Grid { dims, values });
        }
        for (name, array) in &mut grids.variables {
            if array.dims == [stations.of.as_str()] {
                array.values = take(&array.values, name)?;
                array.dims.clone_from(&dims);
            }
        }
        grids
            .variables
            .retain(|_, array| !array.dims.contains(&stations.of));
    }
    Ok(grids)
}

/// Takes the counter out of the arrays; `None`: neither it nor what it counts is taken.
fn stations(
    format: &'static str,
    grids: &mut Grids,
    counter: &Described,
) -> Result<Option<Stations>, DecodeError> {
    let damaged =
        |reason: &str| FormatError::damaged(format, format!("`{}`: {reason}", counter.name));
    let Some(array) = grids.variables.get(&counter.name) else {
        return Ok(None);
    };
    let [dim] = array.dims.as_slice() else {
        return Err(damaged("counts observations, and has not one dimension").into());
    };
    let numbers = array.values.cast(&polars::prelude::DataType::UInt64);
    let numbers = numbers.ok().and_then(|numbers| numbers.u64().cloned().ok());
    let numbers = numbers.ok_or_else(|| damaged("counts observations, and is no number"))?;
    let (stations, observations, places) = if let Some(of) = counter.text(OF_OBSERVATIONS) {
        let n = grids.coordinates.get(of).map_or(0, Column::len);
        let counts: Vec<u64> = numbers.iter().map(Option::unwrap_or_default).collect();
        if counts.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n)) != Some(n as u64) {
            return Err(damaged("its counts are not as many as there are observations").into());
        }
        let stations = (0..).zip(counts);
        let repeated = stations.flat_map(|(station, n)| {
            std::iter::repeat_n(station, n.try_into().unwrap_or(usize::MAX))
        });
        let places: Vec<IdxSize> = repeated.collect();
        (dim.clone(), of.to_owned(), places)
    } else {
        let of = counter.text(OF_STATIONS).unwrap_or_default();
        let n = grids.coordinates.get(of).map_or(0, Column::len);
        let place = |number: Option<u64>| {
            let place = number.filter(|place| *place < n as u64)?;
            IdxSize::try_from(place).ok()
        };
        let places: Option<Vec<IdxSize>> = numbers.iter().map(place).collect();
        let places = places.ok_or_else(|| damaged("names a station that is not there"))?;
        (of.to_owned(), dim.clone(), places)
    };
    grids.variables.shift_remove(&counter.name);
    Ok(Some(Stations {
        of: stations,
        observations,
        places: IdxCa::from_vec(PlSmallStr::EMPTY, places),
    }))
}
