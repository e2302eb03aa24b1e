//! Where the points of a field lie.

use grib_reader::{GridDefinition, Message};
use indexmap::IndexMap;
use polars::prelude::{Column, Float64Chunked, IntoColumn, PlSmallStr};

use super::super::budget::Budget;
use super::super::format_error::FormatError;
use super::super::{DecodeError, Grid, Grids};
use super::cone::Cone;
use super::edition1::{GridSection, kind};
use super::fault::reduced;
use super::rotated::Rotated;
use super::{FORMAT, geographic, mercator};

/// Most parallels of Gauss between a pole and the equator. To find them takes time that grows with their square; the finest
/// grids in use have some thousand.
const MAX_PARALLELS: u32 = 4000;

/// What a message says about its grid; equal ones are one grid.
#[derive(Debug, PartialEq)]
pub(super) enum Description<'b> {
    /// The section of edition 1.
    First(GridSection<'b>),
    Second(GridDefinition),
}

/// The grid of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Coordinates in degrees.
    Geographic {
        latitudes: Vec<f64>,
        longitudes: Vec<f64>,
    },
    /// Coordinates in degrees on a turned globe, and where that is.
    Rotated(Rotated),
    /// Coordinates in metres, and where that is.
    Cone(Cone),
}

impl<'b> Description<'b> {
    /// Of a message in `body`.
    pub(super) fn of(message: &Message<'_>, body: &'b [u8]) -> Self {
        let start = usize::try_from(message.metadata().message_offset).unwrap_or(usize::MAX);
        match GridSection::of_message(body, start) {
            Some(section) if message.edition() == 1 => Self::First(section),
            _ => Self::Second(message.grid_definition().clone()),
        }
    }

    /// The kind of grid, in words.
    fn name(&self) -> String {
        let (kind, table) = match self {
            Self::First(section) => (u16::from(section.kind()), "type"),
            Self::Second(grid) => (grid.template_number(), "template"),
        };
        let name = match (self, kind) {
            (Self::First(_), 13) | (Self::Second(_), 12) => "transverse Mercator",
            (Self::First(_), 2) => "gnomonic",
            (Self::First(_), 8) | (Self::Second(_), 31) => "Albers' equal-area",
            (Self::First(_), 4) | (Self::Second(_), 40) => {
                "Gaussian, with parallels that do not fit or are too many"
            }
            (Self::First(_), 50..=80) | (Self::Second(_), 50..=53) => "spherical harmonics",
            (_, 90) => "space view",
            (Self::First(_), 14) | (Self::Second(_), 41) => "rotated Gaussian",
            (Self::Second(_), 100) => "triangles on an icosahedron",
            (Self::Second(_), 101) => "unstructured",
            (Self::Second(_), 140) => "Lambert's equal-area",
            (Self::Second(_), 150) => "HEALPix",
            _ => "unusual",
        };
        format!("a grid that is not read ({name}, {table} {kind})")
    }

    fn place(&self, budget: &Budget<'_>) -> Option<Place> {
        let geographic = |(latitudes, longitudes)| Place::Geographic {
            latitudes,
            longitudes,
        };
        match self {
            Self::First(section) => {
                let section = *section;
                match section.kind() {
                    kind::LAT_LON => geographic::axes(&section.lat_lon()?).map(geographic),
                    kind::GAUSSIAN => gaussian1(section, budget),
                    kind::MERCATOR => mercator::axes1(section).map(geographic),
                    kind::LAMBERT => Cone::lambert1(section).map(Place::Cone),
                    kind::POLAR => Cone::polar1(section).map(Place::Cone),
                    kind::ROTATED => Rotated::of_grib1(section).map(Place::Rotated),
                    _ => None,
                }
            }
            Self::Second(grid) => match grid {
                GridDefinition::LatLon(grid) => geographic::axes(grid).map(geographic),
                GridDefinition::RegularGaussian(shape) => {
                    let is_fine = shape.number_of_parallels <= MAX_PARALLELS;
                    is_fine.then(|| gaussian(grid, budget))?
                }
                GridDefinition::Mercator(grid) => mercator::axes2(grid).map(geographic),
                GridDefinition::LambertConformal(grid) => Cone::lambert2(grid).map(Place::Cone),
                GridDefinition::PolarStereographic(grid) => Cone::polar2(grid).map(Place::Cone),
                GridDefinition::RotatedLatLon(grid) => Rotated::of_grib2(grid).map(Place::Rotated),
                _ => None,
            },
        }
    }
}

/// Thousandths of a degree do not tell where the meridians are; that there are four for each parallel of a quarter does.
fn gaussian1(section: GridSection<'_>, budget: &Budget<'_>) -> Option<Place> {
    let grid = section.gaussian()?;
    if grid.number_of_parallels > MAX_PARALLELS {
        return None;
    }
    let max = Some(budget.limits().max_cells);
    let latitudes = grid.latitudes_with_limit(max).ok()?;
    let mut even = section.lat_lon()?;
    // Not given: from the first and the last one.
    even.di = 0;
    let (_, mut longitudes) = geographic::axes(&even)?;
    let step = 90.0 / f64::from(grid.number_of_parallels);
    if let [first, second, ..] = longitudes[..]
        && ((second - first).abs() - step).abs() < 1e-3
    {
        let step = step.copysign(second - first);
        longitudes = (0..grid.ni).map(|i| first + f64::from(i) * step).collect();
    }
    Some(Place::Geographic {
        latitudes,
        longitudes,
    })
}

fn gaussian(grid: &GridDefinition, budget: &Budget<'_>) -> Option<Place> {
    let max = Some(budget.limits().max_cells);
    Some(Place::Geographic {
        latitudes: grid.latitudes_with_limit(max).ok()??,
        longitudes: grid.longitudes_with_limit(max).ok()??,
    })
}

impl Place {
    /// The grid of a message; at most as many points as a table has cells.
    pub(super) fn of(
        message: &Message<'_>,
        grid: &Description<'_>,
        budget: &Budget<'_>,
    ) -> Result<Self, DecodeError> {
        let (columns, rows) = message.grid_shape();
        // A grid without rows may still have a billion columns.
        budget.check_cells(columns.max(1).saturating_mul(rows.max(1)))?;
        budget.take_each(columns.saturating_add(rows), size_of::<f64>())?;
        let place = || format!("message {}", message.index() + 1);
        if let Description::First(section) = grid
            && section.is_reduced()
        {
            return Err(reduced(place()).into());
        }
        grid.place(budget).ok_or_else(|| {
            FormatError::NotTaken {
                format: FORMAT,
                place: place(),
                found: format!("lies on {}", grid.name()),
                remedy: "send fields row by row on regular, rotated or Gaussian latitudes and longitudes, or in \
                         Lambert's conformal, polar stereographic or Mercator's projection"
                    .into(),
            }
            .into()
        })
    }

    /// Names of the dimensions, the second running faster.
    pub(super) fn dims(&self) -> [&'static str; 2] {
        match self {
            Self::Geographic { .. } => ["latitude", "longitude"],
            Self::Rotated(_) => ["rlat", "rlon"],
            Self::Cone(_) => ["y", "x"],
        }
    }

    /// How many points it has.
    pub(super) fn n_points(&self) -> usize {
        match self {
            Self::Geographic {
                latitudes,
                longitudes,
            } => latitudes.len().saturating_mul(longitudes.len()),
            Self::Rotated(grid) => grid.latitudes.len().saturating_mul(grid.longitudes.len()),
            Self::Cone(grid) => grid.raster.n_points(),
        }
    }

    /// Its coordinates; where these are not latitude and longitude, also those of every point.
    pub(super) fn grids(&self, budget: &Budget<'_>) -> Result<Grids, DecodeError> {
        budget.check_cells(self.n_points())?;
        if !matches!(self, Self::Geographic { .. }) {
            // Latitude and longitude of every point.
            budget.take_each(self.n_points(), 2 * size_of::<f64>())?;
        }
        let column = |name: &str, values: Vec<f64>| -> Column {
            Float64Chunked::from_vec(PlSmallStr::from_str(name), values).into_column()
        };
        let [first, second] = self.dims();
        let (rows, columns, positions) = match self {
            Self::Geographic {
                latitudes,
                longitudes,
            } => (latitudes.clone(), longitudes.clone(), None),
            Self::Rotated(grid) => {
                let (rows, columns) = (grid.latitudes.clone(), grid.longitudes.clone());
                (rows, columns, Some(grid.positions()))
            }
            Self::Cone(grid) => (grid.raster.ys(), grid.raster.xs(), Some(grid.positions())),
        };
        let mut variables = IndexMap::new();
        if let Some((latitudes, longitudes)) = positions {
            for (name, values) in [("latitude", latitudes), ("longitude", longitudes)] {
                let dims = vec![first.to_owned(), second.to_owned()];
                let values = column(name, values);
                variables.insert(name.to_owned(), Grid { dims, values });
            }
        }
        let unit = match self {
            Self::Cone(_) => ["m", "m"],
            Self::Rotated(_) => ["degrees", "degrees"],
            Self::Geographic { .. } => ["degrees_north", "degrees_east"],
        };
        let mut units: IndexMap<String, String> = IndexMap::new();
        if !variables.is_empty() {
            units.insert("latitude".into(), "degrees_north".into());
            units.insert("longitude".into(), "degrees_east".into());
        }
        for (name, unit) in [first, second].into_iter().zip(unit) {
            units.insert(name.to_owned(), unit.to_owned());
        }
        Ok(Grids {
            coordinates: [(first, rows), (second, columns)]
                .map(|(name, values)| (name.to_owned(), column(name, values)))
                .into_iter()
                .collect(),
            variables,
            units,
        })
    }
}
