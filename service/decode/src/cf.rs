//! Arrays as the CF conventions describe them, out of NetCDF and Zarr: which ones are taken, what their numbers mean.

mod calendar;
mod ragged;
mod time;
mod values;

use std::collections::HashSet;

use indexmap::IndexMap;
use polars::prelude::{Column, Int64Chunked, IntoColumn, NewChunkedArray, PlSmallStr};
use zarr_fuse_schemas::rules::Rules;

use super::budget::Budget;
use super::error::list;
use super::format_error::FormatError;
use super::{Asked, DecodeError, Grid, Grids};
pub(super) use values::{MARKS, Raw, column_of};

/// An array before it is read.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) name: String,
    /// Names and lengths of its dimensions.
    pub(super) dims: Vec<(String, u64)>,
    pub(super) attributes: Attributes,
    /// Bytes of an element in memory while it is read, without long text.
    pub(super) cell_bytes: usize,
}

/// Attributes that mean something here.
pub(super) type Attributes = IndexMap<String, Attribute>;

/// The value of an attribute.
#[derive(Debug, Clone)]
pub(super) enum Attribute {
    Text(String),
    Ints(Vec<i64>),
    Floats(Vec<f64>),
}

impl Attribute {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Ints(_) | Self::Floats(_) => None,
        }
    }
}

impl Described {
    fn text(&self, attribute: &str) -> Option<&str> {
        self.attributes.get(attribute)?.text()
    }

    fn is_over(&self, dims: &[&str]) -> bool {
        let own = self.dims.iter().map(|(dim, _)| dim.as_str());
        own.eq(dims.iter().copied())
    }

    /// How many elements it has.
    fn n_cells(&self) -> u64 {
        let lengths = self.dims.iter().map(|(_, length)| *length);
        lengths.fold(1, u64::saturating_mul)
    }
}

/// The arrays of a file with their coordinates; `read` gives the elements of one.
///
/// Without a choice in `options`, bounds of cells and descriptions of projections are left out. A dimension without a
/// coordinate gets its positions, counted from 0. An array without dimensions that another names as its coordinate is one.
pub(super) fn assemble(
    format: &'static str,
    described: &[Described],
    asked: Asked<'_>,
    budget: &Budget<'_>,
    mut read: impl FnMut(&Described) -> Result<Raw, DecodeError>,
) -> Result<Grids, DecodeError> {
    let chosen = chosen(format, described, asked)?;
    // In the order of the arrays with the most dimensions.
    let mut by_rank = chosen.clone();
    by_rank.sort_by_key(|array| std::cmp::Reverse(array.dims.len()));
    let mut lengths: IndexMap<&str, u64> = IndexMap::new();
    for (dim, length) in by_rank.iter().flat_map(|array| &array.dims) {
        if lengths
            .insert(dim, *length)
            .is_some_and(|other| other != *length)
        {
            let reason = format!("dimension `{dim}` has two lengths");
            return Err(FormatError::damaged(format, reason).into());
        }
    }
    let named: HashSet<&str> = chosen
        .iter()
        .filter_map(|array| array.text("coordinates"))
        .flat_map(str::split_whitespace)
        .collect();
    let scalars = described
        .iter()
        .filter(|array| array.dims.is_empty() && named.contains(array.name.as_str()));
    let n_cells = chosen.iter().map(|array| array.n_cells());
    let n_cells = n_cells
        .chain(lengths.values().copied())
        .fold(0, u64::saturating_add);
    budget.check_columns(chosen.len() + lengths.len() + scalars.clone().count())?;
    budget.check_cells(usize::try_from(n_cells).unwrap_or(usize::MAX))?;
    let mut read = |array: &Described| -> Result<Column, DecodeError> {
        let n_cells = usize::try_from(array.n_cells()).unwrap_or(usize::MAX);
        budget.take_each(n_cells, array.cell_bytes)?;
        let raw = read(array)?;
        raw.take_text(budget)?;
        column_of(format, array, raw, asked.rules)
    };
    let mut coordinates = IndexMap::new();
    for (dim, length) in &lengths {
        let is_coordinate = |array: &&Described| array.name == *dim && array.is_over(&[dim]);
        let values = if let Some(array) = described.iter().find(is_coordinate) {
            read(array)?
        } else {
            let n_cells = usize::try_from(*length).unwrap_or(usize::MAX);
            budget.take_each(n_cells, size_of::<i64>())?;
            positions(dim, *length)
        };
        coordinates.insert((*dim).to_owned(), values);
    }
    let mut variables = IndexMap::new();
    for array in &chosen {
        let values = read(array)?;
        if values.len() as u64 != array.n_cells() {
            let reason = format!("`{}` has {} elements", array.name, values.len());
            return Err(FormatError::damaged(format, reason).into());
        }
        let dims = array.dims.iter().map(|(dim, _)| dim.clone()).collect();
        variables.insert(array.name.clone(), Grid { dims, values });
    }
    for array in scalars {
        variables.shift_remove(&array.name);
        coordinates.insert(array.name.clone(), read(array)?);
    }
    // Those of times have been used up.
    let is_number = |name: &str| {
        let values = coordinates.get(name);
        let values = values.or_else(|| variables.get(name).map(|grid: &Grid| &grid.values));
        values.is_some_and(|values| values.dtype().is_primitive_numeric())
    };
    let units = described.iter().filter_map(|array| {
        let unit = array.text("units")?;
        is_number(&array.name).then(|| (array.name.clone(), unit.to_owned()))
    });
    let units = units.collect();
    let grids = Grids {
        coordinates,
        variables,
        units,
    };
    if asked.rules == Rules::First {
        return Ok(grids);
    }
    ragged::expand(format, grids, described, budget)
}

/// The arrays that become variables.
fn chosen<'d>(
    format: &'static str,
    described: &'d [Described],
    asked: Asked<'_>,
) -> Result<Vec<&'d Described>, FormatError> {
    let is_coordinate = |array: &&Described| array.is_over(&[&array.name]);
    if let Some(names) = &asked.options.variables {
        let find = |name: &String| {
            let found = described.iter().find(|array| array.name == *name);
            found.ok_or_else(|| {
                let present: Vec<_> = described.iter().map(|array| array.name.clone()).collect();
                FormatError::NotTaken {
                    format,
                    place: format!("variable `{name}`"),
                    found: "does not exist".to_owned(),
                    remedy: format!(
                        "there are {}; correct `grid.variables` or `grid.group`",
                        list(&present).replace("no columns", "none")
                    ),
                }
            })
        };
        return names.iter().map(find).collect();
    }
    let about_others: HashSet<&str> = described
        .iter()
        .flat_map(|array| {
            ["bounds", "climatology", "grid_mapping"]
                .into_iter()
                .filter_map(|attribute| array.text(attribute))
        })
        .flat_map(|names| names.split(|c: char| c.is_whitespace() || c == ':'))
        .collect();
    let all: Vec<&Described> = described
        .iter()
        .filter(|array| !is_coordinate(array) && !about_others.contains(array.name.as_str()))
        .collect();
    let Some(wanted) = asked.wanted else {
        return Ok(all);
    };
    // What nobody asked for need not be sound, and takes no time.
    let is_asked = |array: &&&Described| wanted.has(&array.name);
    let is_counter = |array: &&&Described| ragged::is_counter(array);
    if !all
        .iter()
        .any(|array| wanted.variables.contains(&array.name))
    {
        return Ok(all);
    }
    let taken = all
        .iter()
        .filter(|array| is_asked(array) || is_counter(array));
    Ok(taken.copied().collect())
}

/// The positions along a dimension that has no coordinate.
fn positions(dim: &str, length: u64) -> Column {
    let positions = (0..length).map(u64::cast_signed);
    Int64Chunked::from_iter_values(PlSmallStr::from_str(dim), positions).into_column()
}
