//! Physical units: reading what people write for pint and CF, conversion, CF/UDUNITS spelling.

/// A unit as written and as understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// As the schema writes it.
    pub written: String,
    /// The CF/UDUNITS spelling for the `units` attribute.
    pub cf: String,
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

    /// Applies it to one value.
    pub fn apply(self, value: f64) -> f64 {
        value.mul_add(self.factor, self.offset)
    }

    /// Whether nothing changes.
    pub fn is_identity(self) -> bool {
        self == Self::IDENTITY
    }
}
