//! Projections on a cone: Lambert's conformal one, and the stereographic one of the poles, whose cone is flat.
//!
//! The formulas are those of Snyder, "Map Projections: A Working Manual", USGS 1395, pages 107–109 and 160–162, for the
//! ellipsoid; on a sphere the eccentricity is 0.

use std::f64::consts::{FRAC_PI_2, PI};

use grib_reader::{LambertConformalGrid, PolarStereographicGrid};

use super::earth::{Earth, radians};
use super::edition1::GridSection;
use super::raster::Raster;

/// The bit of the centre of a projection that says: the south pole.
const SOUTH: u8 = 0x80;

/// A grid on the cone.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cone {
    pub(super) raster: Raster,
    earth: Earth,
    /// Radians: the first point, and the meridian that points up.
    first: [f64; 2],
    meridian: f64,
    /// Sine of the cone's angle, negative for one over the south pole.
    n: f64,
    /// Metres from the tip where the size of [`Earth::t`] is 1.
    scale: f64,
}

impl Cone {
    /// Template 30 of edition 2; `None`: a shape of the Earth, a cone or a scanning mode that is not known.
    pub(super) fn lambert2(grid: &LambertConformalGrid) -> Option<Self> {
        let parallels = [radians(grid.latin1), radians(grid.latin2)];
        let first = [radians(grid.core.lat_first), radians(grid.core.lon_first)];
        let raster = Raster::of_grib2(&grid.core)?;
        let earth = Earth::of_grib2(&grid.core)?;
        Self::lambert(raster, earth, first, radians(grid.lon_v), parallels)
    }

    /// Grids of type 3 of edition 1.
    pub(super) fn lambert1(section: GridSection<'_>) -> Option<Self> {
        let parallels = [section.angle(28)?, section.angle(31)?];
        let (raster, earth) = (section.raster(20, 23)?, section.earth()?);
        let first = [section.angle(10)?, section.angle(13)?];
        Self::lambert(raster, earth, first, section.angle(17)?, parallels)
    }

    /// Template 20 of edition 2; `None` as for [`Self::lambert2`].
    pub(super) fn polar2(grid: &PolarStereographicGrid) -> Option<Self> {
        let first = [radians(grid.core.lat_first), radians(grid.core.lon_first)];
        let raster = Raster::of_grib2(&grid.core)?;
        let earth = Earth::of_grib2(&grid.core)?;
        // Some writers say it by the sign of the true latitude alone.
        let is_south = grid.projection_center_flag & SOUTH != 0 || grid.lat_d < 0;
        let true_at = radians(grid.lat_d);
        Some(Self::polar(
            raster,
            earth,
            first,
            radians(grid.lon_v),
            true_at,
            is_south,
        ))
    }

    /// Grids of type 5 of edition 1, where lengths are true at 60 degrees.
    pub(super) fn polar1(section: GridSection<'_>) -> Option<Self> {
        let (raster, earth) = (section.raster(20, 23)?, section.earth()?);
        let first = [section.angle(10)?, section.angle(13)?];
        let is_south = section.byte(26)? & SOUTH != 0;
        let true_at = 60_f64.to_radians();
        Some(Self::polar(
            raster,
            earth,
            first,
            section.angle(17)?,
            true_at,
            is_south,
        ))
    }

    fn lambert(
        raster: Raster,
        earth: Earth,
        first: [f64; 2],
        meridian: f64,
        parallels: [f64; 2],
    ) -> Option<Self> {
        let [one, other] = parallels;
        let is_cone = parallels.iter().all(|parallel| parallel.abs() < FRAC_PI_2)
            && (one + other).abs() > 1e-9;
        if !is_cone {
            return None;
        }
        let n = if (one - other).abs() < 1e-9 {
            one.sin()
        } else {
            (earth.m(one) / earth.m(other)).ln() / (earth.t(one) / earth.t(other)).ln()
        };
        Some(Self {
            raster,
            first,
            meridian,
            n,
            scale: earth.m(one) / (n * earth.t(one).powf(n)) * earth.major,
            earth,
        })
    }

    fn polar(
        raster: Raster,
        earth: Earth,
        first: [f64; 2],
        meridian: f64,
        true_at: f64,
        is_south: bool,
    ) -> Self {
        let true_at = true_at.abs();
        let e = earth.eccentricity.sqrt();
        let per_t = if FRAC_PI_2 - true_at < 1e-9 {
            2.0 / ((1.0 + e).powf(1.0 + e) * (1.0 - e).powf(1.0 - e)).sqrt()
        } else {
            earth.m(true_at) / earth.t(true_at)
        };
        let n = if is_south { -1.0 } else { 1.0 };
        Self {
            raster,
            first,
            meridian,
            n,
            scale: n * per_t * earth.major,
            earth,
        }
    }

    /// Latitudes and longitudes of all points in degrees, rows one after the other; longitudes from −180 to 180.
    pub(super) fn positions(&self) -> (Vec<f64>, Vec<f64>) {
        let Self { n, scale, .. } = *self;
        // The first point on the cone, from its tip.
        let radius = scale * self.earth.t(self.first[0]).powf(n);
        let mut turn = self.first[1] - self.meridian;
        turn -= (turn / (2.0 * PI)).round() * 2.0 * PI;
        let (x, y) = (radius * (n * turn).sin(), -radius * (n * turn).cos());
        let mut latitudes = Vec::with_capacity(self.raster.n_points());
        let mut longitudes = Vec::with_capacity(self.raster.n_points());
        for dy in self.raster.ys() {
            for dx in self.raster.xs() {
                let (x, y) = (n.signum() * (x + dx), -n.signum() * (y + dy));
                let radius = n.signum() * x.hypot(y);
                let t = (radius / scale).powf(1.0 / n);
                let longitude = (x.atan2(y) / n + self.meridian).to_degrees();
                latitudes.push(self.earth.latitude(t).to_degrees());
                longitudes.push(longitude - (longitude / 360.0).round() * 360.0);
            }
        }
        (latitudes, longitudes)
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::{Cone, Earth, Raster};

    /// The example on page 315 of Snyder, for the international ellipsoid: ecCodes knows spheres only.
    #[test]
    fn a_point_near_the_south_pole_lies_where_snyder_puts_it_on_the_ellipsoid() {
        let earth = Earth {
            major: 6_378_388.0,
            eccentricity: 0.006_722_67,
        };
        let raster = Raster::scanned([2, 1], [1_540_033.6, 0.0], 0x40).unwrap();
        // From the meridian of −100° through the point, which lies to the left of it.
        let first = [-75_f64.to_radians(), 150_f64.to_radians()];
        let cone = Cone::polar(
            raster,
            earth,
            first,
            -100_f64.to_radians(),
            -71_f64.to_radians(),
            true,
        );
        let (latitudes, longitudes) = cone.positions();
        assert!((latitudes[0] + 75.0).abs() < 1e-9 && (longitudes[0] - 150.0).abs() < 1e-9);
        // 1540033.6 m to the right is on the meridian, 560526.4 m from the pole.
        let expected = -90.0 + 560_526.4 / (2.0 * PI * 6_378_388.0) * 360.0;
        assert!((longitudes[1] - 80.0).abs() < 1e-4, "{longitudes:?}");
        assert!(
            (latitudes[1] - expected).abs() < 0.2,
            "{latitudes:?} {expected}"
        );
    }
}
