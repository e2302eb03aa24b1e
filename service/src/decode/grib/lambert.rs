//! Lambert's conformal conic projection: where the points of a grid lie.
//!
//! The formulas are those of Snyder, "Map Projections: A Working Manual", USGS 1395, pages 107–109, for the ellipsoid; on a
//! sphere the eccentricity is 0.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use grib_reader::LambertConformalGrid;

/// A grid on the cone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lambert {
    nx: u32,
    ny: u32,
    /// Metres, negative where the grid is scanned the other way.
    dx: f64,
    dy: f64,
    /// Radians: first point, meridian that points up, standard parallels.
    first: [f64; 2],
    meridian: f64,
    parallels: [f64; 2],
    /// Metres.
    major: f64,
    /// Squared.
    eccentricity: f64,
}

/// The sphere of edition 1, and of most of edition 2.
const RADIUS_OF_GRIB1: f64 = 6_367_470.0;
/// IAU 1965.
const IAU: [f64; 2] = [6_378_160.0, 6_356_775.0];

impl Lambert {
    /// `None`: a shape of the Earth or a scanning mode that is not known.
    pub(super) fn of_grib2(grid: &LambertConformalGrid) -> Option<Self> {
        let core = &grid.core;
        let scaled = |value: u32, scale: u8| f64::from(value) / 10_f64.powi(i32::from(scale));
        let [major, minor] = match core.shape_of_earth {
            0 => [RADIUS_OF_GRIB1; 2],
            1 => [scaled(core.scaled_value_radius, core.scale_factor_radius); 2],
            2 => IAU,
            3 => [
                scaled(core.scaled_value_major_axis, core.scale_factor_major_axis) * 1000.0,
                scaled(core.scaled_value_minor_axis, core.scale_factor_minor_axis) * 1000.0,
            ],
            4 => [6_378_137.0, 6_356_752.314],
            5 => [6_378_137.0, 6_356_752.314_245],
            6 => [6_371_229.0; 2],
            7 => [
                scaled(core.scaled_value_major_axis, core.scale_factor_major_axis),
                scaled(core.scaled_value_minor_axis, core.scale_factor_minor_axis),
            ],
            8 => [6_371_200.0; 2],
            _ => return None,
        };
        let micro = |degrees: i32| (f64::from(degrees) * 1e-6).to_radians();
        Self {
            nx: core.nx,
            ny: core.ny,
            dx: f64::from(core.dx) / 1000.0,
            dy: f64::from(core.dy) / 1000.0,
            first: [micro(core.lat_first), micro(core.lon_first)],
            meridian: micro(grid.lon_v),
            parallels: [micro(grid.latin1), micro(grid.latin2)],
            major,
            eccentricity: 1.0 - (minor / major).powi(2),
        }
        .scanned(core.scanning_mode)
    }

    /// Reads the grid description section of edition 1, of type 3.
    pub(super) fn of_grib1(section: &[u8]) -> Option<Self> {
        let unsigned = |at: usize, n: usize| -> Option<u32> {
            let bytes = section.get(at..at + n)?;
            Some(
                bytes
                    .iter()
                    .fold(0, |value, byte| value << 8 | u32::from(*byte)),
            )
        };
        // The highest bit is the sign. Thousandths of a degree.
        let angle = |at: usize| -> Option<f64> {
            let bits = unsigned(at, 3)?;
            let size = f64::from(bits & 0x7f_ffff) / 1000.0;
            Some(if bits & 0x80_0000 == 0 { size } else { -size }.to_radians())
        };
        let flags = unsigned(16, 1)?;
        let [major, minor] = if flags & 0x40 == 0 {
            [RADIUS_OF_GRIB1; 2]
        } else {
            IAU
        };
        Self {
            nx: unsigned(6, 2)?,
            ny: unsigned(8, 2)?,
            first: [angle(10)?, angle(13)?],
            meridian: angle(17)?,
            dx: f64::from(unsigned(20, 3)?),
            dy: f64::from(unsigned(23, 3)?),
            parallels: [angle(28)?, angle(31)?],
            major,
            eccentricity: 1.0 - (minor / major).powi(2),
        }
        .scanned(u8::try_from(unsigned(27, 1)?).ok()?)
    }

    /// With steps of the sign of the scanning mode; `None` for grids that are not scanned row by row, or are no grids.
    fn scanned(mut self, mode: u8) -> Option<Self> {
        if mode & 0x80 != 0 {
            self.dx = -self.dx;
        }
        if mode & 0x40 == 0 {
            self.dy = -self.dy;
        }
        let is_cone = self
            .parallels
            .iter()
            .all(|parallel| parallel.abs() < FRAC_PI_2)
            && (self.parallels[0] + self.parallels[1]).abs() > 1e-9
            && self.major > 0.0
            && (0.0..1.0).contains(&self.eccentricity);
        (mode.trailing_zeros() >= 6 && is_cone && self.nx > 0 && self.ny > 0).then_some(self)
    }

    pub(super) fn n_points(&self) -> usize {
        (self.nx as usize).saturating_mul(self.ny as usize)
    }

    /// Metres from the first point.
    pub(super) fn xs(&self) -> Vec<f64> {
        (0..self.nx).map(|i| f64::from(i) * self.dx).collect()
    }

    /// Metres from the first point.
    pub(super) fn ys(&self) -> Vec<f64> {
        (0..self.ny).map(|j| f64::from(j) * self.dy).collect()
    }

    /// Latitudes and longitudes of all points in degrees, rows one after the other; longitudes from −180 to 180.
    pub(super) fn positions(&self) -> (Vec<f64>, Vec<f64>) {
        let [first, second] = self.parallels;
        let m = |latitude: f64| {
            latitude.cos() / (1.0 - self.eccentricity * latitude.sin().powi(2)).sqrt()
        };
        let n = if (first - second).abs() < 1e-9 {
            first.sin()
        } else {
            (m(first) / m(second)).ln() / (self.t(first) / self.t(second)).ln()
        };
        let scale = m(first) / (n * self.t(first).powf(n)) * self.major;
        // The first point on the cone, from its tip.
        let radius = scale * self.t(self.first[0]).powf(n);
        let mut turn = self.first[1] - self.meridian;
        turn -= (turn / (2.0 * PI)).round() * 2.0 * PI;
        let (x, y) = (radius * (n * turn).sin(), -radius * (n * turn).cos());
        let mut latitudes = Vec::with_capacity(self.n_points());
        let mut longitudes = Vec::with_capacity(self.n_points());
        for dy in self.ys() {
            for dx in self.xs() {
                let (x, y) = (n.signum() * (x + dx), -n.signum() * (y + dy));
                let radius = n.signum() * x.hypot(y);
                let t = (radius / scale).powf(1.0 / n);
                let longitude = (x.atan2(y) / n + self.meridian).to_degrees();
                latitudes.push(self.latitude(t).to_degrees());
                longitudes.push(longitude - (longitude / 360.0).round() * 360.0);
            }
        }
        (latitudes, longitudes)
    }

    fn t(&self, latitude: f64) -> f64 {
        let e = self.eccentricity.sqrt();
        let sin = latitude.sin();
        (FRAC_PI_4 - latitude / 2.0).tan() / ((1.0 - e * sin) / (1.0 + e * sin)).powf(e / 2.0)
    }

    /// The inverse of [`Self::t`], by iteration.
    fn latitude(&self, t: f64) -> f64 {
        let e = self.eccentricity.sqrt();
        let mut latitude = FRAC_PI_2 - 2.0 * t.atan();
        for _ in 0..8 {
            let sin = latitude.sin();
            let next =
                FRAC_PI_2 - 2.0 * (t * ((1.0 - e * sin) / (1.0 + e * sin)).powf(e / 2.0)).atan();
            if (next - latitude).abs() < 1e-12 {
                return next;
            }
            latitude = next;
        }
        latitude
    }
}
