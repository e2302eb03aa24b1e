//! What a field lies on: the surfaces of the WMO, named as ecCodes names them.

use grib_reader::Message;

/// A level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Level {
    /// `None`: the message does not say.
    pub(super) kind: Option<String>,
    /// `None`: there is only one of its kind.
    pub(super) value: Option<f64>,
}

impl Level {
    pub(super) fn of(message: &Message<'_>) -> Self {
        if let Some(product) = message.grib1_product_definition() {
            return Self::of_grib1(product.level_type, product.level_value);
        }
        let surface = message
            .product_definition()
            .and_then(|product| product.first_surface());
        let Some(surface) = surface else {
            return Self {
                kind: None,
                value: None,
            };
        };
        let value = surface.scaled_value_f64();
        let (kind, value) = match surface.surface_type {
            1 => ("surface", None),
            2 => ("cloudBase", None),
            3 => ("cloudTop", None),
            4 => ("isothermZero", None),
            8 => ("nominalTop", None),
            10 => ("atmosphere", None),
            100 => ("isobaricInhPa", value.map(|pascals| pascals / 100.0)),
            101 => ("meanSea", None),
            102 => ("heightAboveSea", value),
            103 => ("heightAboveGround", value),
            104 => ("sigma", value),
            105 => ("hybrid", value),
            106 => ("depthBelowLand", value),
            111 => ("eta", value),
            160 => ("depthBelowSea", value),
            other => {
                return Self {
                    kind: Some(format!("level{other}")),
                    value,
                };
            }
        };
        Self {
            kind: Some(kind.to_owned()),
            value,
        }
    }

    fn of_grib1(kind: u8, value: u16) -> Self {
        let number = f64::from(value);
        let (kind, value) = match kind {
            1 => ("surface", None),
            2 => ("cloudBase", None),
            3 => ("cloudTop", None),
            4 => ("isothermZero", None),
            8 => ("nominalTop", None),
            100 => ("isobaricInhPa", Some(number)),
            102 => ("meanSea", None),
            103 => ("heightAboveSea", Some(number)),
            105 => ("heightAboveGround", Some(number)),
            107 => ("sigma", Some(number / 10_000.0)),
            109 => ("hybrid", Some(number)),
            111 => ("depthBelowLand", Some(number / 100.0)),
            160 => ("depthBelowSea", Some(number)),
            200 => ("atmosphere", None),
            other => {
                return Self {
                    kind: Some(format!("level{other}")),
                    value: Some(number),
                };
            }
        };
        Self {
            kind: Some(kind.to_owned()),
            value,
        }
    }
}
