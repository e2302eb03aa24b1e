//! Latitudes and longitudes of regular grids.

use grib_reader::LatLonGrid;

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
