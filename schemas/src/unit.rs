//! Physical units: reading what people write for pint and CF, conversion, CF/UDUNITS spelling.
//!
//! [`Unit::parse`] reads, [`Conversion::between`] converts. The units known are in `unit/table.rs`.

mod dimension;
mod error;
mod expression;
mod lexer;
mod table;

pub use dimension::Dimension;
pub use error::UnitError;

use expression::Product;

/// A unit as written and as understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// As the schema writes it.
    pub written: String,
    /// The CF/UDUNITS spelling for the `units` attribute.
    pub cf: String,
    dimension: Dimension,
    factor: f64,
    offset: f64,
    warning: Option<String>,
}

impl Unit {
    /// Reads a unit in the syntax people use with pint (`m/s**2`, `g/m^3`, `degC`) or CF (`m s-2`, `kg m**-3`).
    ///
    /// The empty text, `1` and `dimensionless` are a plain number. An offset of temperatures applies only to a bare
    /// unit: `degC/m` is a difference of temperature per length.
    ///
    /// # Errors
    /// [`UnitError`] says what is not understood, and what may have been meant.
    pub fn parse(written: &str) -> Result<Self, UnitError> {
        let product = Product::parse(written)?;
        let quantity = product.quantity(written)?;
        Ok(Self {
            written: written.to_owned(),
            cf: product.cf(),
            dimension: quantity.dimension,
            factor: quantity.factor,
            offset: quantity.offset,
            warning: product.trap(written),
        })
    }

    /// A plain number.
    pub fn dimensionless() -> Self {
        Self {
            written: String::new(),
            cf: "1".to_owned(),
            dimension: Dimension::NONE,
            factor: 1.0,
            offset: 0.0,
            warning: None,
        }
    }

    /// What kind of quantity it measures.
    pub fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// Whether it is a plain number: `''`, `%`, but also `deg`, as in pint.
    pub fn is_dimensionless(&self) -> bool {
        self.dimension == Dimension::NONE
    }

    /// Why it is probably not what was meant, such as `C`, which is coulomb.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// The same unit for differences: without the offset of temperatures.
    #[must_use]
    pub fn delta(&self) -> Self {
        Self {
            offset: 0.0,
            ..self.clone()
        }
    }
}

/// `stored = delivered * factor + offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conversion {
    /// Multiplied first.
    pub factor: f64,
    /// Added then.
    pub offset: f64,
}

impl Conversion {
    /// Changes nothing.
    pub const IDENTITY: Self = Self {
        factor: 1.0,
        offset: 0.0,
    };

    /// From values in `from` to values in `to`.
    ///
    /// # Errors
    /// [`UnitError::Dimensions`] if they measure different things.
    pub fn between(from: &Unit, to: &Unit) -> Result<Self, UnitError> {
        if from.dimension != to.dimension {
            return Err(UnitError::Dimensions {
                from: from.written.clone(),
                to: to.written.clone(),
                from_dimension: from.dimension,
                to_dimension: to.dimension,
            });
        }
        Ok(Self {
            factor: from.factor / to.factor,
            offset: (from.offset - to.offset) / to.factor,
        })
    }

    /// Applies it to one value.
    pub fn apply(self, value: f64) -> f64 {
        value.mul_add(self.factor, self.offset)
    }

    /// What to divide by instead, if the factor is one through a whole number: 57 cm are 57 / 100 m, and 0.57, while 57 × 0.01
    /// is 0.5700000000000001.
    pub fn divisor(self) -> Option<f64> {
        let divisor = (1.0 / self.factor).round();
        let is_inverse = self.factor < 1.0 && (1.0 / divisor).to_bits() == self.factor.to_bits();
        is_inverse.then_some(divisor)
    }

    /// Whether nothing changes.
    pub fn is_identity(self) -> bool {
        self == Self::IDENTITY
    }
}
