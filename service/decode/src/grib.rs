//! GRIB messages, edition 1 and 2, to arrays.
//!
//! Fields that differ in nothing but times, member and level become one variable ([`names`]). The coordinates are
//! `reference_time` (when the forecast began), `time` (what it is valid for), `number` (the member of an ensemble), the level
//! by its kind (`isobaricInhPa`), and `latitude` and `longitude`, or `y` and `x` in metres for projected grids, or `rlat` and
//! `rlon` for rotated ones. Only fields that are asked for are unpacked.

mod axes;
mod codecs;
mod complex;
mod cone;
mod earth;
mod edition1;
mod fault;
mod field;
mod geographic;
mod grid;
mod level;
mod mercator;
mod message;
mod names;
mod product;
mod raster;
mod reduced;
mod rotated;
mod statistics;
mod table;
mod template;
mod time;
mod values;

use indexmap::IndexMap;
use polars::prelude::{Float64Chunked, IntoColumn, PlSmallStr};

use super::budget::Budget;
use super::format_error::FormatError;
use super::{Asked, DecodeError, Grid, Grids, NodeColumns};
use axes::{Axes, NUMBER};
use field::Field;
use grid::{Description, Place};
use message::{FIELD_BYTES, messages};
use product::Product;

pub(super) const FORMAT: &str = "GRIB";

/// Reads the messages of a file.
///
/// # Errors
/// Damaged messages; grids and packings that are not taken; messages on different grids, or two for the same cells; arrays
/// beyond the bounds, before they are read.
pub(super) fn read(
    body: &[u8],
    asked: Asked<'_>,
    budget: &Budget<'_>,
) -> Result<Grids, DecodeError> {
    let Asked { wanted, rules, .. } = asked;
    let messages = messages(body, budget)?;
    let n_known = messages.len() * FIELD_BYTES;
    let fields = messages
        .into_iter()
        .map(|message| Field::of(message, rules));
    let fields: Vec<Field<'_>> = fields.collect();
    if fields.is_empty() {
        return Err(FormatError::damaged(FORMAT, "there are no messages").into());
    }
    let variables = names::variables(&fields, asked)?;
    let members: Vec<Vec<(&Field<'_>, &Product)>> = variables
        .values()
        .map(|members| {
            let fields = members.iter().map(|idx| &fields[*idx]);
            let known = fields.filter_map(|field| Some((field, field.product.as_ref().ok()?)));
            known.collect()
        })
        .collect();
    let Some((first, _)) = members.iter().flatten().next() else {
        return Err(FormatError::damaged(FORMAT, "there are no fields").into());
    };
    let description = one_grid(first, members.iter().flatten().map(|(field, _)| *field))?;
    let products: Vec<Vec<&Product>> = members
        .iter()
        .map(|members| members.iter().map(|(_, product)| *product).collect())
        .collect();
    let axes = Axes::of(&products, rules);
    check_members(&axes, wanted)?;
    let place = Place::of(&first.message, &description, asked, budget)?;
    let mut grids = place.grids(budget)?;
    axes.add_coordinates(&mut grids, &products);
    let horizontal = place.dims().map(str::to_owned);
    let mut n_left = budget.limits().max_cells;
    for ((name, members), products) in variables.keys().zip(&members).zip(&products) {
        if let Some(unit) = products[0].unit {
            grids.units.insert(name.clone(), unit.to_owned());
        }
        let dims = axes.dims(products);
        let lengths = dims.lengths.iter();
        let n_cells = lengths
            .copied()
            .try_fold(place.n_points(), usize::checked_mul)
            .filter(|n| *n <= n_left)
            .ok_or(DecodeError::TooManyCells {
                max: budget.limits().max_cells,
            })?;
        n_left -= n_cells;
        budget.take_each(n_cells, size_of::<f64>())?;
        let mut values = vec![f64::NAN; n_cells];
        let mut taken: IndexMap<usize, &Field<'_>> = IndexMap::new();
        let n_points = place.n_points();
        for (field, product) in members {
            let idx = axes.position(product, &dims);
            let idx = idx.ok_or_else(|| mixed(field, name))?;
            if let Some(other) = taken.insert(idx, field) {
                if other.message.repeats(&field.message) {
                    continue;
                }
                return Err(twice(other, field).into());
            }
            let cells = &mut values[idx * n_points..(idx + 1) * n_points];
            values::decode(&field.message, &description, asked, cells, budget)?;
        }
        let dims = dims.names.into_iter().chain(horizontal.clone()).collect();
        let values = Float64Chunked::from_vec(PlSmallStr::from_str(name), values).into_column();
        let grid = Grid { dims, values };
        grids.variables.insert(name.clone(), grid);
    }
    budget.give_back(n_known);
    Ok(grids)
}

/// The grid of all fields.
fn one_grid<'f, 'b: 'f>(
    first: &Field<'b>,
    fields: impl Iterator<Item = &'f Field<'b>>,
) -> Result<Description<'b>, FormatError> {
    let description = Description::of(&first.message)?;
    for field in fields {
        if Description::of(&field.message)? != description {
            return Err(FormatError::NotTaken {
                format: FORMAT,
                place: format!("message {}", field.message.number),
                found: format!("lies on another grid than message {}", first.message.number),
                remedy: "send messages of one grid at a time, or choose some in `grid.variables`"
                    .to_owned(),
            });
        }
    }
    Ok(description)
}

/// Refuses members of an ensemble for a node that does not tell them apart.
fn check_members(axes: &Axes, wanted: Option<&NodeColumns>) -> Result<(), FormatError> {
    let Some(wanted) = wanted else {
        return Ok(());
    };
    if axes.numbers().is_empty() || wanted.coordinates.iter().any(|name| name == NUMBER) {
        return Ok(());
    }
    let numbers: Vec<String> = axes
        .numbers()
        .iter()
        .take(5)
        .map(ToString::to_string)
        .collect();
    Err(FormatError::NotTaken {
        format: FORMAT,
        place: "the file".to_owned(),
        found: format!(
            "has members of an ensemble (number {}), which the node does not tell apart",
            numbers.join(", ")
        ),
        remedy: "give it the coordinate `number: {type: int16}`".to_owned(),
    })
}

fn twice(other: &Field<'_>, field: &Field<'_>) -> FormatError {
    FormatError::NotTaken {
        format: FORMAT,
        place: format!("message {}", field.message.number),
        found: format!(
            "is of the same parameter, level, period, member and times as message {}, with other values",
            other.message.number
        ),
        remedy: "send one of them, or the results of different models one at a time".to_owned(),
    }
}

fn mixed(field: &Field<'_>, name: &str) -> FormatError {
    FormatError::NotTaken {
        format: FORMAT,
        place: format!("message {}", field.message.number),
        found: format!("has no level or member, and others that are called `{name}` have"),
        remedy: "choose variables by their full names in `grid.variables`".to_owned(),
    }
}
