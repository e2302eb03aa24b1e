//! Latitudes and longitudes of regular grids.

use grib_reader::{LatLonGrid, RegularGaussianGrid};

/// Increments of edition 1 and 2 that are not given, in millionths of a degree.
const NOT_GIVEN: [u32; 3] = [0, 65_535_000, u32::MAX];

/// Latitudes and longitudes in degrees, in the order of the file; `None` for grids that are not scanned row by row.
pub(super) fn axes(grid: &LatLonGrid) -> Option<(Vec<f64>, Vec<f64>)> {
    let mode = grid.scanning_mode;
    let latitudes = axis(
        grid.nj,
        grid.lat_first,
        grid.lat_last,
        grid.dj,
        mode & 0x40 != 0,
    );
    let mut last = grid.lon_last;
    let ascends = mode & 0x80 == 0;
    // Across the meridian where longitudes begin again.
    if ascends && last < grid.lon_first {
        last = last.saturating_add(360_000_000);
    } else if !ascends && last > grid.lon_first {
        last = last.saturating_sub(360_000_000);
    }
    let longitudes = axis(grid.ni, grid.lon_first, last, grid.di, ascends);
    (mode & 0x2f == 0).then_some((latitudes, longitudes))
}

fn axis(n: u32, first: i32, last: i32, step: u32, ascends: bool) -> Vec<f64> {
    let degrees = |millionths: i32| f64::from(millionths) / 1e6;
    let first_degrees = degrees(first);
    let step = if NOT_GIVEN.contains(&step) {
        (degrees(last) - first_degrees) / f64::from(n.saturating_sub(1).max(1))
    } else {
        let size = f64::from(step) / 1e6;
        if ascends { size } else { -size }
    };
    (0..n)
        .map(|i| first_degrees + f64::from(i) * step)
        .collect()
}

/// Millionths of a degree around the globe.
const CIRCLE: i64 = 360_000_000;

/// A step that does not lead from the first point to the last one.
#[derive(Debug, PartialEq)]
pub(super) struct Contradiction {
    /// What there is so many of.
    pub(super) axis: &'static str,
    pub(super) n: u32,
    /// Degrees.
    pub(super) corners: [f64; 2],
    pub(super) step: f64,
}

/// Whether steps and corners, which are rounded to `unit` millionths of a degree, contradict each other.
pub(super) fn contradiction(grid: &LatLonGrid, unit: u32) -> Option<Contradiction> {
    let (unit, mode) = (i64::from(unit), grid.scanning_mode);
    // Twice as much as rounding can make: steps by one half each, corners by one together.
    let allowed = |n: u32| unit * (i64::from(n) + 4);
    let found = |axis, n, first: i32, last: i32, step: u32| Contradiction {
        axis,
        n,
        corners: [first, last].map(|corner| f64::from(corner) / 1e6),
        step: f64::from(step) / 1e6,
    };
    let span = |n: u32, step: u32| i64::from(step) * i64::from(n.saturating_sub(1));
    let (first, last) = (grid.lat_first, grid.lat_last);
    if grid.nj > 1 && !NOT_GIVEN.contains(&grid.dj) {
        let sign = if mode & 0x40 == 0 { -1 } else { 1 };
        let off = sign * (i64::from(last) - i64::from(first)) - span(grid.nj, grid.dj);
        if off.abs() > allowed(grid.nj) {
            return Some(found("latitudes", grid.nj, first, last, grid.dj));
        }
    }
    let (first, last) = (grid.lon_first, grid.lon_last);
    if grid.ni > 1 && !NOT_GIVEN.contains(&grid.di) {
        let sign = if mode & 0x80 == 0 { 1 } else { -1 };
        let off = sign * (i64::from(last) - i64::from(first)) - span(grid.ni, grid.di);
        let off = off.rem_euclid(CIRCLE);
        if off.min(CIRCLE - off) > allowed(grid.ni) {
            return Some(found("longitudes", grid.ni, first, last, grid.di));
        }
    }
    None
}

/// Meridians of a Gaussian grid whose steps are rounded too much to lead to the last one: around the globe, or between the
/// corners. `None`: they do not fit.
pub(super) fn fine_meridians(grid: &RegularGaussianGrid) -> Option<Vec<f64>> {
    let even = LatLonGrid {
        ni: grid.ni,
        nj: 1,
        lat_first: grid.lat_first,
        lon_first: grid.lon_first,
        lat_last: grid.lat_last,
        lon_last: grid.lon_last,
        di: grid.di,
        dj: 0,
        scanning_mode: grid.scanning_mode,
    };
    if contradiction(&even, 1).is_some() {
        return None;
    }
    let around = 360.0 / f64::from(grid.ni);
    let is_around = (f64::from(grid.di) / 1e6 - around).abs() <= 1e-6;
    if !is_around {
        return axes(&LatLonGrid { di: 0, ..even }).map(|(_, longitudes)| longitudes);
    }
    let step = if grid.scanning_mode & 0x80 == 0 {
        around
    } else {
        -around
    };
    let first = f64::from(grid.lon_first) / 1e6;
    Some((0..grid.ni).map(|i| first + f64::from(i) * step).collect())
}
