//! Points at equal distances on a plane.

use grib_reader::ProjectedGridCore;

/// How many points there are, and how far apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Raster {
    pub(super) nx: u32,
    pub(super) ny: u32,
    /// Metres, negative where the grid is scanned the other way.
    dx: f64,
    dy: f64,
}

impl Raster {
    pub(super) fn of_grib2(core: &ProjectedGridCore) -> Option<Self> {
        let metres = |millimetres: u32| f64::from(millimetres) / 1000.0;
        Self::scanned(
            [core.nx, core.ny],
            [metres(core.dx), metres(core.dy)],
            core.scanning_mode,
        )
    }

    /// With steps of the sign of the scanning mode; `None` for grids that are not scanned row by row, or are no grids.
    pub(super) fn scanned([nx, ny]: [u32; 2], [dx, dy]: [f64; 2], mode: u8) -> Option<Self> {
        let by_rows = mode & 0x2f == 0;
        (by_rows && nx > 0 && ny > 0).then(|| Self {
            nx,
            ny,
            dx: if mode & 0x80 == 0 { dx } else { -dx },
            dy: if mode & 0x40 == 0 { -dy } else { dy },
        })
    }

    pub(super) fn n_points(self) -> usize {
        (self.nx as usize).saturating_mul(self.ny as usize)
    }

    /// Metres from the first point.
    pub(super) fn xs(self) -> Vec<f64> {
        (0..self.nx).map(|i| f64::from(i) * self.dx).collect()
    }

    /// Metres from the first point.
    pub(super) fn ys(self) -> Vec<f64> {
        (0..self.ny).map(|j| f64::from(j) * self.dy).collect()
    }
}
