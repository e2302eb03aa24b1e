//! Where the points of a field lie.

use grib_reader::{GridDefinition, LatLonGrid, RegularGaussianGrid};
use indexmap::IndexMap;
use polars::prelude::{Column, Float64Chunked, IntoColumn, PlSmallStr};
use zarr_fuse_schemas::rules::Rules;

use super::super::budget::Budget;
use super::super::format_error::FormatError;
use super::super::{Asked, DecodeError, Grid, Grids};
use super::cone::Cone;
use super::edition1::{GridSection, kind};
use super::fault::{fault, partly_reduced, reduced};
use super::geographic::Contradiction;
use super::message::{Message, Sections};
use super::reduced::Reduced;
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
    /// Of either edition.
    Reduced(Reduced),
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
    /// Of a message.
    ///
    /// # Errors
    /// Descriptions that are damaged, and grids that only the centre knows.
    pub(super) fn of(message: &Message<'b>) -> Result<Self, FormatError> {
        match message.sections {
            Sections::First(first) => match first.grid {
                Some(section) => Ok(match Reduced::of_grib1(section) {
                    Some(reduced) => Self::Reduced(reduced),
                    None => Self::First(section),
                }),
                None => Err(FormatError::NotTaken {
                    format: FORMAT,
                    place: format!("message {}", message.number),
                    found: format!(
                        "lies on a grid that only its centre knows (number {})",
                        first.product[6]
                    ),
                    remedy: "write the description of the grid into the message".to_owned(),
                }),
            },
            Sections::Second(second) => {
                if let Some(reduced) = Reduced::of_grib2(second.grid) {
                    return Ok(Self::Reduced(reduced));
                }
                let grid = GridDefinition::parse(second.grid)
                    .map_err(|error| fault(Some(message.number), &error))?;
                let n_points = grid.shape_num_points().ok();
                if grid
                    .declared_num_points()
                    .is_some_and(|declared| Some(declared) != n_points)
                {
                    let reason = format!(
                        "message {}: its grid has another number of points than its rows and columns make",
                        message.number
                    );
                    return Err(FormatError::damaged(FORMAT, reason));
                }
                Ok(Self::Second(grid))
            }
        }
    }

    /// How its points follow one another: for edition 1 as if they were latitudes and longitudes.
    pub(super) fn scanned(&self) -> GridDefinition {
        match self {
            Self::First(section) => GridDefinition::LatLon(LatLonGrid {
                ni: section.columns(),
                nj: section.rows(),
                lat_first: 0,
                lon_first: 0,
                lat_last: 0,
                lon_last: 0,
                di: 0,
                dj: 0,
                scanning_mode: section.scanning_mode(),
            }),
            Self::Second(grid) => grid.clone(),
            Self::Reduced(_) => GridDefinition::Unsupported(0),
        }
    }

    fn shape(&self) -> (usize, usize) {
        match self {
            Self::First(section) => (section.columns() as usize, section.rows() as usize),
            Self::Second(grid) => grid.shape(),
            Self::Reduced(grid) => (grid.n_columns() as usize, grid.n_rows()),
        }
    }

    /// Refuses steps that contradict the first and the last point.
    fn check(&self, message: &Message<'_>) -> Result<(), FormatError> {
        let found = match (self, message.sections) {
            (Self::First(section), _)
                if section.has_steps()
                    && matches!(section.kind(), kind::LAT_LON | kind::ROTATED) =>
            {
                // In thousandths of a degree.
                let grid = section.lat_lon();
                grid.and_then(|grid| geographic::contradiction(&grid, 1000))
            }
            (Self::Second(grid), Sections::Second(second)) => {
                let flags = second.grid.get(54).copied().unwrap_or_default();
                let grid = match grid {
                    GridDefinition::LatLon(grid) => Some(grid),
                    GridDefinition::RotatedLatLon(grid) => Some(&grid.grid),
                    _ => None,
                };
                let grid = grid.filter(|_| flags & 0x30 != 0);
                grid.and_then(|grid| geographic::contradiction(grid, 1))
            }
            _ => None,
        };
        let Some(Contradiction {
            axis,
            n,
            corners,
            step,
        }) = found
        else {
            return Ok(());
        };
        Err(FormatError::NotTaken {
            format: FORMAT,
            place: format!("message {}", message.number),
            found: format!(
                "has {n} {axis} from {} to {} degrees, and says that they are {step} degrees apart",
                corners[0], corners[1]
            ),
            remedy: "correct the steps or the corners, for instance with `grib_set -s iDirectionIncrementInDegrees=…`"
                .to_owned(),
        })
    }

    /// The kind of grid, in words.
    fn name(&self) -> String {
        let (kind, table) = match self {
            Self::First(section) => (u16::from(section.kind()), "type"),
            Self::Second(grid) => (grid.template_number(), "template"),
            Self::Reduced(_) => (0, "reduced"),
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
            Self::Reduced(grid) => grid.axes(MAX_PARALLELS).map(geographic),
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
                    is_fine.then(|| gaussian2(grid, shape, budget))?
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

/// Millionths of a degree do not tell either where the meridians of fine grids are.
fn gaussian2(
    grid: &GridDefinition,
    shape: &RegularGaussianGrid,
    budget: &Budget<'_>,
) -> Option<Place> {
    let max = Some(budget.limits().max_cells);
    let latitudes = grid.latitudes_with_limit(max).ok()??;
    let longitudes = match grid.longitudes_with_limit(max) {
        Ok(longitudes) => longitudes?,
        Err(_) => geographic::fine_meridians(shape)?,
    };
    Some(Place::Geographic {
        latitudes,
        longitudes,
    })
}

impl Place {
    /// The grid of a message; at most as many points as a table has cells.
    pub(super) fn of(
        message: &Message<'_>,
        grid: &Description<'_>,
        asked: Asked<'_>,
        budget: &Budget<'_>,
    ) -> Result<Self, DecodeError> {
        let place = || format!("message {}", message.number);
        match grid {
            Description::First(section) if section.is_reduced() => {
                return Err(partly_reduced(place()).into());
            }
            Description::Reduced(_) if asked.options.reduced.is_none() => {
                return Err(reduced(place()).into());
            }
            _ => {}
        }
        let (columns, rows) = grid.shape();
        // A grid without rows may still have a billion columns.
        budget.check_cells(columns.max(1).saturating_mul(rows.max(1)))?;
        budget.take_each(columns.saturating_add(rows), size_of::<f64>())?;
        if asked.rules == Rules::Second {
            grid.check(message)?;
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
