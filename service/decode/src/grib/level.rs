//! What a field lies on or between: the surfaces of the WMO, named as ecCodes names them.

/// A surface of edition 2: code table 4.5 and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Surface {
    pub(super) code: u8,
    pub(super) scale: i8,
    /// `None`: it has none.
    pub(super) value: Option<i32>,
}

/// What is known of the level of a field.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Level {
    /// `None`: the message does not say.
    pub(super) kind: Option<String>,
    /// That of the coordinate, the middle of a layer; `None`: there is only one of its kind.
    pub(super) value: Option<f64>,
    /// The value or both as they are written in names: `850`, `0-0.1`.
    pub(super) label: Option<String>,
}

impl Surface {
    /// The name of its kind, and the number of it in the unit of the kind; values that a kind does not need are dropped.
    fn named(self) -> (String, Option<f64>) {
        // Divided, so that 35 hundredths are 0.35 and not the next number.
        let number = self.value.map(|value| {
            let power = 10_f64.powi(i32::from(self.scale).abs());
            if self.scale < 0 {
                f64::from(value) * power
            } else {
                f64::from(value) / power
            }
        });
        let (kind, number) = match self.code {
            1 => ("surface", None),
            2 => ("cloudBase", None),
            3 => ("cloudTop", None),
            4 => ("isothermZero", None),
            8 => ("nominalTop", None),
            10 => ("atmosphere", None),
            100 => ("isobaricInhPa", number.map(|pascals| pascals / 100.0)),
            101 => ("meanSea", None),
            102 => ("heightAboveSea", number),
            103 => ("heightAboveGround", number),
            104 => ("sigma", number),
            105 => ("hybrid", number),
            106 => ("depthBelowLand", number),
            111 => ("eta", number),
            160 => ("depthBelowSea", number),
            other => return (format!("level{other}"), number),
        };
        (kind.to_owned(), number)
    }
}

impl Level {
    /// Of edition 2: a surface, or what lies between two.
    pub(super) fn of_grib2([first, second]: [Surface; 2]) -> Self {
        if first.code == u8::MAX {
            return Self::default();
        }
        let (kind, value) = first.named();
        if second.code == u8::MAX {
            return Self::at(kind, value);
        }
        let (end_kind, end) = second.named();
        if kind == end_kind {
            return match (value, end) {
                (Some(value), Some(end)) => Self::between(&kind, [value, end]),
                (value, end) => Self::at(kind, value.or(end)),
            };
        }
        let mut end_name = end_kind;
        if let Some(head) = end_name.get_mut(..1) {
            head.make_ascii_uppercase();
        }
        let label = [value, end].into_iter().flatten().map(|n| n.to_string());
        let label = label.collect::<Vec<_>>().join("-");
        Self {
            kind: Some(format!("{kind}To{end_name}")),
            value: value.or(end),
            label: (!label.is_empty()).then_some(label),
        }
    }

    /// As definitions of version 1 mean it: the first surface alone, whose value is multiplied.
    pub(super) fn first_of_grib2(first: Surface) -> Self {
        if first.code == u8::MAX {
            return Self::at("level255".to_owned(), None);
        }
        let (kind, value) = first.named();
        let factor = 10_f64.powi(-i32::from(first.scale));
        let multiplied = first.value.map(|number| f64::from(number) * factor);
        let value = value.and(multiplied).map(|number| match kind.as_str() {
            "isobaricInhPa" => number / 100.0,
            _ => number,
        });
        Self::at(kind, value)
    }

    /// Of edition 1, with layers.
    pub(super) fn of_grib1(kind: u8, value: u16) -> Self {
        let [top, bottom] = value.to_be_bytes().map(f64::from);
        let (name, unit) = match kind {
            101 => ("isobaricInhPa", 10.0),
            104 => ("heightAboveSea", 100.0),
            106 => ("heightAboveGround", 100.0),
            108 => ("sigma", 0.01),
            110 => ("hybrid", 1.0),
            112 => ("depthBelowLand", 0.01),
            116 => ("pressureFromGround", 1.0),
            _ => return Self::first_of_grib1(kind, value),
        };
        let scaled = |n: f64| if unit < 1.0 { n / 100.0 } else { n * unit };
        Self::between(name, [scaled(top), scaled(bottom)])
    }

    /// As definitions of version 1 mean it.
    pub(super) fn first_of_grib1(kind: u8, value: u16) -> Self {
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
            other => return Self::at(format!("level{other}"), Some(number)),
        };
        Self::at(kind.to_owned(), value)
    }

    fn at(kind: String, value: Option<f64>) -> Self {
        Self {
            kind: Some(kind),
            value,
            label: value.map(|value| value.to_string()),
        }
    }

    fn between(kind: &str, [first, second]: [f64; 2]) -> Self {
        // Of nine digits, so that the middle of 0.07 and 0.28 is 0.175.
        let middle = format!("{:.8e}", f64::midpoint(first, second));
        Self {
            kind: Some(format!("{kind}Layer")),
            value: middle.parse().ok(),
            label: Some(format!("{first}-{second}")),
        }
    }
}
