//! Dimensions: exponents of the base quantities, and their names.

use std::fmt;

/// Exponents of length, mass, time, current, temperature, amount of substance and luminous intensity.
///
/// Angles are plain numbers, as in pint and UDUNITS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Dimension(pub(super) [i8; 7]);

impl Dimension {
    /// A plain number.
    pub const NONE: Self = Self([0; 7]);

    /// The product with `other` to the power `exponent`; `None` if the exponents grow beyond all sense.
    pub(super) fn times(self, other: Self, exponent: i8) -> Option<Self> {
        let mut product = self.0;
        for (own, added) in product.iter_mut().zip(other.0) {
            *own = own.checked_add(added.checked_mul(exponent)?)?;
        }
        Some(Self(product))
    }

    /// Its name, if it has a common one.
    fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(exponents, _)| *exponents == self.0)
            .map(|(_, name)| *name)
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.name() {
            return f.write_str(name);
        }
        let mut first = true;
        for (base, exponent) in BASES
            .iter()
            .zip(self.0)
            .filter(|(_, exponent)| *exponent != 0)
        {
            if !first {
                f.write_str("·")?;
            }
            first = false;
            f.write_str(base)?;
            if exponent != 1 {
                write!(f, "^{exponent}")?;
            }
        }
        Ok(())
    }
}

const BASES: [&str; 7] = [
    "length",
    "mass",
    "time",
    "current",
    "temperature",
    "amount",
    "luminosity",
];

/// Length, mass, time, current, temperature, amount, luminous intensity; the first name of a dimension counts.
const NAMES: &[([i8; 7], &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0], "a plain number"),
    ([1, 0, 0, 0, 0, 0, 0], "length"),
    ([2, 0, 0, 0, 0, 0, 0], "area"),
    ([3, 0, 0, 0, 0, 0, 0], "volume"),
    ([-1, 0, 0, 0, 0, 0, 0], "number per length"),
    ([-2, 0, 0, 0, 0, 0, 0], "number per area"),
    ([-3, 0, 0, 0, 0, 0, 0], "number per volume"),
    ([0, 1, 0, 0, 0, 0, 0], "mass"),
    ([0, 0, 1, 0, 0, 0, 0], "time"),
    ([0, 0, 0, 1, 0, 0, 0], "electric current"),
    ([0, 0, 0, 0, 1, 0, 0], "temperature"),
    ([0, 0, 0, 0, 0, 1, 0], "amount of substance"),
    ([0, 0, 0, 0, 0, 0, 1], "luminous intensity"),
    ([1, 0, -1, 0, 0, 0, 0], "speed"),
    ([1, 0, -2, 0, 0, 0, 0], "acceleration"),
    ([0, 0, -1, 0, 0, 0, 0], "frequency"),
    ([-1, 1, -2, 0, 0, 0, 0], "pressure"),
    ([1, 1, -2, 0, 0, 0, 0], "force"),
    ([2, 1, -2, 0, 0, 0, 0], "energy"),
    ([2, 1, -3, 0, 0, 0, 0], "power"),
    ([0, 1, -3, 0, 0, 0, 0], "irradiance"),
    ([0, 1, -2, 0, 0, 0, 0], "energy per area"),
    ([3, 0, -1, 0, 0, 0, 0], "flow"),
    ([2, 0, -1, 0, 0, 0, 0], "diffusivity"),
    ([0, 1, -1, 0, 0, 0, 0], "mass flow"),
    ([-2, 1, -1, 0, 0, 0, 0], "mass flux"),
    ([-3, 1, 0, 0, 0, 0, 0], "mass concentration"),
    ([-2, 1, 0, 0, 0, 0, 0], "mass per area"),
    ([-3, 0, 0, 0, 0, 1, 0], "amount concentration"),
    ([-2, 0, -1, 0, 0, 1, 0], "amount flux"),
    ([0, -1, 0, 0, 0, 1, 0], "amount per mass"),
    ([0, 1, 0, 0, 0, -1, 0], "molar mass"),
    ([-1, 1, -1, 0, 0, 0, 0], "dynamic viscosity"),
    ([-1, 0, 0, 0, 1, 0, 0], "temperature gradient"),
    ([1, 1, -3, 0, -1, 0, 0], "thermal conductivity"),
    ([0, 0, 1, 1, 0, 0, 0], "electric charge"),
    ([2, 1, -3, -1, 0, 0, 0], "voltage"),
    ([1, 1, -3, -1, 0, 0, 0], "electric field"),
    ([2, 1, -3, -2, 0, 0, 0], "electric resistance"),
    ([3, 1, -3, -2, 0, 0, 0], "electric resistivity"),
    ([-2, -1, 3, 2, 0, 0, 0], "electric conductance"),
    ([-3, -1, 3, 2, 0, 0, 0], "electric conductivity"),
    ([-2, -1, 4, 2, 0, 0, 0], "electric capacitance"),
    ([2, 1, -2, -2, 0, 0, 0], "inductance"),
    ([0, 1, -2, -1, 0, 0, 0], "magnetic flux density"),
    ([2, 1, -2, -1, 0, 0, 0], "magnetic flux"),
    ([2, 0, -2, 0, 0, 0, 0], "radiation dose"),
    ([-2, 0, 0, 0, 0, 0, 1], "illuminance"),
];
