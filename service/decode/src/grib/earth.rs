//! The shape of the Earth, and what projections that keep angles need of it.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

use grib_reader::ProjectedGridCore;

/// An ellipsoid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Earth {
    /// Radius of the equator in metres.
    pub(super) major: f64,
    /// Squared; 0 for a sphere.
    pub(super) eccentricity: f64,
}

/// The sphere of edition 1, and of most of edition 2, in metres.
const RADIUS_OF_GRIB1: f64 = 6_367_470.0;
/// IAU 1965.
const IAU: [f64; 2] = [6_378_160.0, 6_356_775.0];

impl Earth {
    /// Code table 3.2; `None` for shapes that are not known, or are none.
    pub(super) fn of_grib2(core: &ProjectedGridCore) -> Option<Self> {
        let scaled = |value: u32, scale: u8| f64::from(value) / 10_f64.powi(i32::from(scale));
        Self::of_axes(match core.shape_of_earth {
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
        })
    }

    /// What the flags of a grid of edition 1 say.
    pub(super) fn of_grib1(flags: u8) -> Option<Self> {
        Self::of_axes(if flags & 0x40 == 0 {
            [RADIUS_OF_GRIB1; 2]
        } else {
            IAU
        })
    }

    fn of_axes([major, minor]: [f64; 2]) -> Option<Self> {
        let eccentricity = 1.0 - (minor / major).powi(2);
        (major > 0.0 && (0.0..1.0).contains(&eccentricity)).then_some(Self {
            major,
            eccentricity,
        })
    }

    /// How wide a parallel is, of the equator.
    pub(super) fn m(self, latitude: f64) -> f64 {
        latitude.cos() / (1.0 - self.eccentricity * latitude.sin().powi(2)).sqrt()
    }

    /// Tangent of half the angle from the north pole, on a sphere with the same angles.
    pub(super) fn t(self, latitude: f64) -> f64 {
        let e = self.eccentricity.sqrt();
        let sin = latitude.sin();
        (FRAC_PI_4 - latitude / 2.0).tan() / ((1.0 - e * sin) / (1.0 + e * sin)).powf(e / 2.0)
    }

    /// The inverse of [`Self::t`], by iteration.
    pub(super) fn latitude(self, t: f64) -> f64 {
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

/// Millionths of a degree.
pub(super) fn radians(degrees: i32) -> f64 {
    (f64::from(degrees) * 1e-6).to_radians()
}
