//! Elements of an array as a column: fill values, packing, times.

use polars::prelude::{
    BooleanChunked, Column, Float32Chunked, Float64Chunked, Int64Chunked, IntoColumn,
    NewChunkedArray, PlSmallStr, StringChunked, UInt64Chunked,
};
use zarr_fuse_schemas::rules::Rules;

use super::super::DecodeError;
use super::super::budget::{Budget, text_bytes};
use super::time::Since;
use super::{Attribute, Described};

/// Attributes that tell which stored numbers mean "no value".
pub(crate) const MARKS: [&str; 5] = [
    "_FillValue",
    "missing_value",
    "valid_range",
    "valid_min",
    "valid_max",
];

/// Elements as they are stored, in C order.
#[derive(Debug)]
pub(crate) enum Raw {
    Bool(Vec<bool>),
    Ints(Vec<i64>),
    UInts(Vec<u64>),
    Singles(Vec<f32>),
    Doubles(Vec<f64>),
    Text(Vec<String>),
}

/// What the elements mean: without fill values, unpacked, times as times in UTC.
pub(crate) fn column_of(
    format: &'static str,
    array: &Described,
    raw: Raw,
    rules: Rules,
) -> Result<Column, DecodeError> {
    let name = PlSmallStr::from_str(&array.name);
    let raw = match raw {
        Raw::Bool(values) => {
            let values = values.into_iter().map(Some);
            return Ok(BooleanChunked::from_iter_options(name, values).into_column());
        }
        Raw::Text(values) => {
            let values: Vec<Option<&str>> = values
                .iter()
                .map(|text| (!text.is_empty()).then_some(text.as_str()))
                .collect();
            return Ok(StringChunked::from_iter_options(name, values.into_iter()).into_column());
        }
        raw => raw,
    };
    let packing = Packing::of(array);
    let fill = Fill::of(array, packing.filter(|_| raw.is_whole()));
    if let Some(units) = array.text("units")
        && let Some(since) = Since::of(format, &array.name, units, array.text("calendar"))?
    {
        return since.column(name, &raw, &fill, packing, rules);
    }
    Ok(match (raw, packing) {
        (Raw::Ints(values), None) => {
            let values = values.into_iter().map(|value| fill.int(value));
            Int64Chunked::from_iter_options(name, values).into_column()
        }
        (Raw::UInts(values), None) => {
            let values = values.into_iter().map(|value| fill.uint(value));
            UInt64Chunked::from_iter_options(name, values).into_column()
        }
        (Raw::Singles(mut values), None) => {
            for value in &mut values {
                if fill.is_float(f64::from(*value)) {
                    *value = f32::NAN;
                }
            }
            Float32Chunked::from_vec(name, values).into_column()
        }
        (raw, packing) => {
            let packing = packing.unwrap_or_default();
            let unpacked = doubles(&raw, &fill).map(|value| match value {
                Some(value) => packing.undo(value),
                None => f64::NAN,
            });
            Float64Chunked::from_vec(name, unpacked.collect()).into_column()
        }
    })
}

/// Numbers as doubles; `None` for no value.
pub(super) fn doubles<'r>(
    raw: &'r Raw,
    fill: &'r Fill,
) -> Box<dyn Iterator<Item = Option<f64>> + 'r> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "packed numbers and times are small"
    )]
    match raw {
        Raw::Ints(values) => Box::new(values.iter().map(|v| fill.int(*v).map(|v| v as f64))),
        Raw::UInts(values) => Box::new(values.iter().map(|v| fill.uint(*v).map(|v| v as f64))),
        Raw::Singles(values) => Box::new(values.iter().map(|v| fill.float(f64::from(*v)))),
        Raw::Doubles(values) => Box::new(values.iter().map(|v| fill.float(*v))),
        Raw::Bool(_) | Raw::Text(_) => Box::new(std::iter::empty()),
    }
}

impl Raw {
    /// Takes the bytes of long texts, which columns keep beside their cells.
    pub(super) fn take_text(&self, budget: &Budget<'_>) -> Result<(), DecodeError> {
        match self {
            Self::Text(texts) => budget.take(texts.iter().map(|text| text_bytes(text)).sum()),
            _ => Ok(()),
        }
    }

    fn is_whole(&self) -> bool {
        matches!(self, Self::Ints(_) | Self::UInts(_))
    }
}

/// Numbers that mean "no value".
#[derive(Debug, Default)]
pub(super) struct Fill {
    ints: Vec<i64>,
    floats: Vec<f64>,
    /// Both ends are valid.
    valid: Option<[f64; 2]>,
}

impl Fill {
    /// `packing` is that of whole numbers.
    fn of(array: &Described, packing: Option<Packing>) -> Self {
        let mut fill = Self::default();
        for name in ["_FillValue", "missing_value"] {
            match array.attributes.get(name) {
                Some(Attribute::Ints(values)) => fill.ints.extend(values),
                Some(Attribute::Floats(values)) => fill.floats.extend(values),
                Some(Attribute::Text(_)) | None => {}
            }
        }
        let end = |name: &str, place: usize| -> Option<f64> {
            match array.attributes.get(name)? {
                #[expect(clippy::cast_precision_loss, reason = "the ends of a range")]
                Attribute::Ints(values) => values.get(place).map(|value| *value as f64),
                // A range of floats for packed whole numbers is one of what they mean.
                Attribute::Floats(values) => values.get(place).map(|value| match packing {
                    Some(packing) => (value - packing.offset) / packing.scale,
                    None => *value,
                }),
                Attribute::Text(_) => None,
            }
        };
        let ends = [
            end("valid_range", 0).or_else(|| end("valid_min", 0)),
            end("valid_range", 1).or_else(|| end("valid_max", 0)),
        ];
        if ends != [None, None] {
            let [min, max] = [
                ends[0].unwrap_or(f64::NEG_INFINITY),
                ends[1].unwrap_or(f64::INFINITY),
            ];
            // A negative factor turns a range around.
            let is_turned = packing.is_some_and(|packing| packing.scale < 0.0) && min > max;
            fill.valid = Some(if is_turned { [max, min] } else { [min, max] });
        }
        fill
    }

    fn is_outside(&self, value: f64) -> bool {
        self.valid
            .is_some_and(|[min, max]| value < min || value > max)
    }

    pub(super) fn int(&self, value: i64) -> Option<i64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a fill value written as a float"
        )]
        let is_fill = self.ints.contains(&value)
            || self.floats.contains(&(value as f64))
            || self.is_outside(value as f64);
        (!is_fill).then_some(value)
    }

    fn uint(&self, value: u64) -> Option<u64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "compared with the ends of a range"
        )]
        let is_fill = self.ints.contains(&value.cast_signed()) || self.is_outside(value as f64);
        (!is_fill).then_some(value)
    }

    fn is_float(&self, value: f64) -> bool {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a fill value written as an integer"
        )]
        let as_int = self.ints.iter().any(|fill| *fill as f64 == value);
        as_int || self.floats.contains(&value) || self.is_outside(value)
    }

    fn float(&self, value: f64) -> Option<f64> {
        (!value.is_nan() && !self.is_float(value)).then_some(value)
    }
}

/// Numbers stored as others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packing {
    scale: f64,
    offset: f64,
}

impl Default for Packing {
    fn default() -> Self {
        Self {
            scale: 1.0,
            offset: 0.0,
        }
    }
}

impl Packing {
    /// What a stored number stands for.
    pub(super) fn undo(self, stored: f64) -> f64 {
        stored * self.scale + self.offset
    }

    fn of(array: &Described) -> Option<Self> {
        let number = |name: &str| match array.attributes.get(name)? {
            Attribute::Floats(values) => values.first().copied(),
            #[expect(clippy::cast_precision_loss, reason = "factors are small")]
            Attribute::Ints(values) => values.first().map(|value| *value as f64),
            Attribute::Text(_) => None,
        };
        let (scale, offset) = (number("scale_factor"), number("add_offset"));
        (scale.is_some() || offset.is_some()).then(|| Self {
            scale: scale.unwrap_or(1.0),
            offset: offset.unwrap_or(0.0),
        })
    }
}
