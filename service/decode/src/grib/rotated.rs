//! Latitudes and longitudes of a globe whose poles lie elsewhere.

use grib_reader::{LatLonGrid, RotatedLatLonGrid};

use super::edition1::GridSection;
use super::geographic;

/// A grid along rotated latitudes and longitudes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rotated {
    /// Degrees on the rotated globe.
    pub(super) latitudes: Vec<f64>,
    pub(super) longitudes: Vec<f64>,
    /// Degrees: where its south pole is, and how far it is turned about its axis.
    south_pole: [f64; 2],
    turned: f64,
}

impl Rotated {
    /// Template 1 of edition 2.
    pub(super) fn of_grib2(grid: &RotatedLatLonGrid) -> Option<Self> {
        let pole = [
            f64::from(grid.lat_southern_pole) * 1e-6,
            f64::from(grid.lon_southern_pole) * 1e-6,
        ];
        Self::of(&grid.grid, pole, f64::from(grid.angle_of_rotation))
    }

    /// Type 10 of edition 1.
    pub(super) fn of_grib1(section: GridSection<'_>) -> Option<Self> {
        let pole = [section.degrees(32)?, section.degrees(35)?];
        Self::of(&section.lat_lon()?, pole, section.ibm_float(38)?)
    }

    fn of(grid: &LatLonGrid, south_pole: [f64; 2], turned: f64) -> Option<Self> {
        let (latitudes, longitudes) = geographic::axes(grid)?;
        Some(Self {
            latitudes,
            longitudes,
            south_pole,
            turned,
        })
    }

    /// Latitudes and longitudes of all points in degrees, rows one after the other; longitudes from −180 to 180.
    pub(super) fn positions(&self) -> (Vec<f64>, Vec<f64>) {
        let tilt = -(90.0 + self.south_pole[0]).to_radians();
        // As ecCodes takes the angle of rotation.
        let turn = (self.turned - self.south_pole[1]).to_radians();
        let ((sin_tilt, cos_tilt), (sin_turn, cos_turn)) = (tilt.sin_cos(), turn.sin_cos());
        let n_points = self.latitudes.len() * self.longitudes.len();
        let mut latitudes = Vec::with_capacity(n_points);
        let mut longitudes = Vec::with_capacity(n_points);
        for latitude in &self.latitudes {
            let (up, out) = latitude.to_radians().sin_cos();
            for longitude in &self.longitudes {
                let (sin, cos) = longitude.to_radians().sin_cos();
                let (x, y) = (cos * out, sin * out);
                let tilted = cos_tilt * x + sin_tilt * up;
                let (x, y) = (
                    cos_turn * tilted + sin_turn * y,
                    -sin_turn * tilted + cos_turn * y,
                );
                let z: f64 = -sin_tilt * (cos * out) + cos_tilt * up;
                latitudes.push(z.clamp(-1.0, 1.0).asin().to_degrees());
                longitudes.push(y.atan2(x).to_degrees());
            }
        }
        (latitudes, longitudes)
    }
}
