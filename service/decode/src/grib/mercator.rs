//! Mercator's projection: rows are parallels and columns meridians, so that its grids have latitudes and longitudes.
//!
//! The formulas are those of Snyder, "Map Projections: A Working Manual", USGS 1395, page 44.

use grib_reader::MercatorGrid;

use super::earth::{Earth, radians};
use super::edition1::GridSection;
use super::raster::Raster;

/// Latitudes and longitudes of a grid of edition 2; `None` if it is turned, or of a kind that is not known.
pub(super) fn axes2(grid: &MercatorGrid) -> Option<(Vec<f64>, Vec<f64>)> {
    let first = [radians(grid.core.lat_first), radians(grid.core.lon_first)];
    let (raster, earth) = (Raster::of_grib2(&grid.core)?, Earth::of_grib2(&grid.core)?);
    let is_upright = grid.orientation_of_grid == 0;
    is_upright.then(|| axes(raster, earth, first, radians(grid.lat_d)))
}

/// The same of a grid of type 1 of edition 1.
pub(super) fn axes1(section: GridSection<'_>) -> Option<(Vec<f64>, Vec<f64>)> {
    let first = [section.angle(10)?, section.angle(13)?];
    let (raster, earth) = (section.raster(28, 31)?, section.earth()?);
    Some(axes(raster, earth, first, section.angle(23)?))
}

fn axes(raster: Raster, earth: Earth, first: [f64; 2], true_at: f64) -> (Vec<f64>, Vec<f64>) {
    // Metres in a radian of longitude, where lengths are true.
    let radius = earth.major * earth.m(true_at);
    let bottom = -earth.t(first[0]).ln();
    let latitude = |y: f64| earth.latitude((-(bottom + y / radius)).exp()).to_degrees();
    let longitude = |x: f64| (first[1] + x / radius).to_degrees();
    (
        raster.ys().into_iter().map(latitude).collect(),
        raster.xs().into_iter().map(longitude).collect(),
    )
}
