//! Numbers, truth values and complex numbers: cells to stored values, with units, NA and ranges.

use zarr_fuse_schemas::{DataType, Measure, NaOrigin, Scalar, Variable, unit::Conversion};

use super::fault::Fault;
use super::parse::{read_bool, read_complex, read_float, read_whole};
use super::source::Cell;

/// Largest number up to which every whole number is a 64-bit float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// How numbers are converted from their unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exactness {
    /// As by the first rules: multiplied.
    First,
    /// Divided, where that is exact.
    Value,
    /// That, and without what the last digit makes of a decimal: numbers that people wrote alike are one.
    Coordinate,
}

/// How the numbers of one variable are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// From the delivered to the stored unit; `None` changes nothing, not even a bit.
    conversion: Option<Conversion>,
    /// What is divided by in its place.
    divisor: Option<f64>,
    exactness: Exactness,
    /// A number that means "no value" in the delivered unit.
    sentinel: Option<f64>,
    /// Numbers that mean "no value" in the stored unit.
    na_float: Option<f64>,
    na_whole: Option<i128>,
    na_bool: Option<bool>,
    /// A delivered number is not meant to be none, though it is stored like that.
    na_is_fault: bool,
    /// Accepted numbers in the stored unit.
    range: Option<(f64, f64)>,
    /// Stored with 32 bits.
    single: bool,
    /// Infinite numbers are none.
    finite: bool,
}

impl Numbers {
    /// For a plain coordinate (`is_coordinate`) only a `na_value` that somebody chose is no value: every position of a
    /// coordinate has one, so the schema language needs no default there, and -1 is a level like any other. A chosen one is
    /// looked for in the delivered unit; where a number comes to it by conversion only, it was meant as a number. `finite`
    /// numbers alone are taken where the bounds on coordinates hold.
    pub(super) fn new(
        variable: &Variable,
        from_file: Option<Conversion>,
        is_coordinate: bool,
        finite: bool,
        exactness: Exactness,
    ) -> Self {
        let of_schema = match &variable.measure {
            Measure::Physical { conversion, .. } => Some(*conversion),
            _ => None,
        };
        let conversion = from_file.or(of_schema).filter(|found| !found.is_identity());
        let single = matches!(variable.data_type, DataType::Float32 | DataType::Complex64);
        let stored = |number: f64| {
            if single {
                round_to_single(number)
            } else {
                number
            }
        };
        let is_said = variable.na_origin == NaOrigin::Said;
        let na = variable.na.as_ref().filter(|_| is_said || !is_coordinate);
        let (na_float, na_whole, na_bool) = match &na {
            Some(Scalar::Float(number) | Scalar::Complex(number, _)) => {
                (Some(*number), whole_of(*number), None)
            }
            Some(Scalar::Int(number)) => (Some(widen(*number)), Some(i128::from(*number)), None),
            Some(Scalar::UInt(number)) => (
                Some(widen_unsigned(*number)),
                Some(i128::from(*number)),
                None,
            ),
            Some(Scalar::Bool(value)) => (None, None, Some(*value)),
            Some(Scalar::Str(_)) | None => (None, None, None),
        };
        Self {
            conversion,
            divisor: conversion
                .filter(|_| exactness != Exactness::First)
                .and_then(Conversion::divisor),
            exactness,
            sentinel: na_float.filter(|_| conversion.is_some() && is_said),
            na_float: na_float.filter(|number| !number.is_nan()).map(stored),
            na_whole,
            na_bool,
            na_is_fault: match variable.na_origin {
                NaOrigin::Said => conversion.is_some(),
                NaOrigin::Default => true,
                NaOrigin::FormerDefault => false,
            },
            // Rounding the ends as the values are rounded keeps a value at the very end inside.
            range: variable
                .interval
                .map(|range| (stored(range.min), stored(range.max))),
            single,
            finite,
        }
    }

    /// A cell for a float variable; with 32 bits stored, the result is a number that 32 bits hold.
    #[inline]
    pub(super) fn float(&self, cell: Cell<'_>) -> Result<Option<f64>, Fault> {
        let Some(number) = self.convert(delivered_float(cell)?) else {
            return Ok(None);
        };
        let stored = self.narrow(number)?;
        if number.is_nan() {
            return Ok(None);
        }
        if self.na_float == Some(stored) {
            return self.none();
        }
        if self.finite && stored.is_infinite() {
            return Err(Fault::Infinite);
        }
        self.check(stored)?;
        Ok(Some(stored))
    }

    /// A cell for an integer variable of type `T`.
    #[inline]
    pub(super) fn whole<T: TryFrom<i128>>(&self, cell: Cell<'_>) -> Result<Option<T>, Fault> {
        let number = if self.conversion.is_none() {
            delivered_whole(cell)?
        } else {
            match self.convert(delivered_float(cell)?) {
                Some(number) => nearly_whole(number)?,
                None => None,
            }
        };
        let Some(number) = number else {
            return Ok(None);
        };
        if self.na_whole == Some(number) {
            return self.none();
        }
        let stored = T::try_from(number).map_err(|_beyond| Fault::Overflow)?;
        if self.range.is_some() {
            self.check(whole_to_float(number))?;
        }
        Ok(Some(stored))
    }

    /// A cell for a variable of truth values.
    pub(super) fn truth(&self, cell: Cell<'_>) -> Result<Option<bool>, Fault> {
        let value = match cell {
            Cell::Bool(value) => Some(value),
            Cell::Int(0) | Cell::UInt(0) | Cell::Float(0.0) => Some(false),
            Cell::Int(1) | Cell::UInt(1) | Cell::Float(1.0) => Some(true),
            Cell::Float(number) if number.is_nan() => None,
            Cell::Text(text) => read_bool(text.trim())?,
            Cell::Int(_) | Cell::UInt(_) | Cell::Float(_) | Cell::Time { .. } => {
                return Err(Fault::NotABool);
            }
        };
        Ok(value.filter(|value| self.na_bool != Some(*value)))
    }

    /// A cell for a complex variable.
    pub(super) fn complex(&self, cell: Cell<'_>) -> Result<Option<[f64; 2]>, Fault> {
        let delivered = match cell {
            Cell::Text(text) => read_complex(text)?,
            cell => delivered_float(cell)?.map(|re| [re, 0.0]),
        };
        let Some([re, im]) = delivered else {
            return Ok(None);
        };
        let [re, im] = match self.conversion {
            Some(conversion) => [conversion.apply(re), im * conversion.factor],
            None => [re, im],
        };
        let stored = [self.narrow(re)?, self.narrow(im)?];
        let is_na = stored[0].is_nan()
            || stored[1].is_nan()
            || (self.na_float == Some(stored[0]) && stored[1] == 0.0);
        Ok((!is_na).then_some(stored))
    }

    /// Reports a stored number outside the range of the schema.
    #[inline]
    pub(super) fn check(&self, stored: f64) -> Result<(), Fault> {
        match self.range {
            Some((min, max)) if !(min..=max).contains(&stored) => Err(Fault::Outside(stored)),
            _ => Ok(()),
        }
    }

    /// What becomes of a number that is stored as no value is.
    fn none<T>(&self) -> Result<Option<T>, Fault> {
        if self.na_is_fault {
            Err(Fault::StandsForNone)
        } else {
            Ok(None)
        }
    }

    fn convert(&self, delivered: Option<f64>) -> Option<f64> {
        match (delivered, self.conversion) {
            (Some(number), Some(_)) if self.sentinel == Some(number) => None,
            (Some(number), Some(conversion)) => {
                let stored = match self.divisor {
                    Some(divisor) => number / divisor + conversion.offset,
                    None => conversion.apply(number),
                };
                Some(if self.exactness == Exactness::Coordinate {
                    decimal(stored)
                } else {
                    stored
                })
            }
            (delivered, _) => delivered,
        }
    }

    fn narrow(&self, number: f64) -> Result<f64, Fault> {
        if !self.single {
            return Ok(number);
        }
        let stored = round_to_single(number);
        if stored.is_infinite() && number.is_finite() {
            Err(Fault::Overflow)
        } else {
            Ok(stored)
        }
    }
}

#[inline]
fn delivered_float(cell: Cell<'_>) -> Result<Option<f64>, Fault> {
    match cell {
        Cell::Text(text) => read_float(text),
        Cell::Float(number) => Ok(Some(number)),
        Cell::Int(number) => Ok(Some(widen(number))),
        Cell::UInt(number) => Ok(Some(widen_unsigned(number))),
        Cell::Bool(value) => Ok(Some(f64::from(u8::from(value)))),
        Cell::Time { .. } => Err(Fault::NotANumber),
    }
}

fn delivered_whole(cell: Cell<'_>) -> Result<Option<i128>, Fault> {
    match cell {
        Cell::Text(text) => read_whole(text),
        Cell::Float(number) => exactly_whole(number),
        Cell::Int(number) => Ok(Some(number.into())),
        Cell::UInt(number) => Ok(Some(number.into())),
        Cell::Bool(value) => Ok(Some(value.into())),
        Cell::Time { .. } => Err(Fault::NotANumber),
    }
}

/// A float as a whole number, if it is one.
pub(super) fn exactly_whole(number: f64) -> Result<Option<i128>, Fault> {
    if number.is_nan() {
        Ok(None)
    } else if number.is_infinite() {
        Err(Fault::Overflow)
    } else if number.fract() == 0.0 {
        whole_of(number).map(Some).ok_or(Fault::Overflow)
    } else {
        Err(Fault::Fraction)
    }
}

/// The decimal of 15 digits that a conversion of units meant: all that a 64-bit float surely has.
fn decimal(number: f64) -> f64 {
    if !number.is_finite() {
        return number;
    }
    format!("{number:.14e}").parse().unwrap_or(number)
}

/// The whole number that a conversion of units meant: 0.57 m is 57 cm, though 0.57 × 100 is 56.99999999999999.
fn nearly_whole(number: f64) -> Result<Option<i128>, Fault> {
    let nearest = number.round();
    let close = (number - nearest).abs() <= 4.0 * f64::EPSILON * number.abs();
    exactly_whole(if close { nearest } else { number })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and within the range"
)]
fn whole_of(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < EXACT * EXACT).then_some(number as i128)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "integers beyond 2^53 round to the nearest float, as everywhere"
)]
fn widen(number: i64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "integers beyond 2^53 round to the nearest float, as everywhere"
)]
fn widen_unsigned(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "only compared with the ends of a range, which are floats"
)]
fn whole_to_float(number: i128) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest 32-bit float is what is wanted"
)]
fn round_to_single(number: f64) -> f64 {
    f64::from(number as f32)
}
