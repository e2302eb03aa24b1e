//! The values of a field.

use grib_reader::data::decode_field_into;
use grib_reader::grib1::{BinaryDataSection, decode_simple_field};
use grib_reader::{DataRepresentation, Grib1SecondOrderLayout, Grib1SecondOrderPackingParams};
use zarr_fuse_schemas::rules::Rules;

use super::super::budget::Budget;
use super::super::format_error::FormatError;
use super::super::{Asked, DecodeError, ReducedRows};
use super::FORMAT;
use super::codecs::{self, Fault};
use super::complex::{self, Bits};
use super::fault::{fault, unread_packing};
use super::grid::Description;
use super::message::{First, Message, Second, Sections};
use super::reduced::Reduced;

/// What codecs keep of a point while they unpack it, beside its value.
const CODEC_BYTES: usize = 16;

/// Writes the values of a message, in the order of its coordinates, into `cells`; NaN is no value.
///
/// # Errors
/// Packings that are not read, and damage.
pub(super) fn decode(
    message: &Message<'_>,
    grid: &Description<'_>,
    asked: Asked<'_>,
    cells: &mut [f64],
    budget: &Budget<'_>,
) -> Result<(), DecodeError> {
    if let Description::Reduced(grid) = grid {
        return decode_reduced(message, grid, asked, cells, budget);
    }
    let definition = grid.scanned();
    let failed = |error| fault(Some(message.number), &error);
    definition.validate_supported_scan_order().map_err(failed)?;
    let (row_length, _) = definition.scan_line_shape().map_err(failed)?;
    match message.sections {
        Sections::First(first) => decode1(message, &first, row_length, cells, budget)?,
        Sections::Second(second) => {
            decode2(message, &second, row_length, asked.rules, cells, budget)?;
        }
    }
    definition
        .reorder_for_ndarray_in_place(cells)
        .map_err(failed)?;
    Ok(())
}

/// The same for rows of different lengths, which become regular ones.
fn decode_reduced(
    message: &Message<'_>,
    grid: &Reduced,
    asked: Asked<'_>,
    cells: &mut [f64],
    budget: &Budget<'_>,
) -> Result<(), DecodeError> {
    let n_points = grid.n_points();
    budget.take_each(n_points, size_of::<f64>())?;
    let mut values = vec![f64::NAN; n_points];
    match message.sections {
        Sections::First(first) => decode1(message, &first, 0, &mut values, budget)?,
        Sections::Second(second) => {
            decode2(message, &second, 0, asked.rules, &mut values, budget)?;
        }
    }
    let method = asked.options.reduced.unwrap_or(ReducedRows::Nearest);
    grid.spread(&values, method, cells);
    budget.give_back(n_points * size_of::<f64>());
    Ok(())
}

fn decode2(
    message: &Message<'_>,
    second: &Second<'_>,
    row_length: usize,
    rules: Rules,
    cells: &mut [f64],
    budget: &Budget<'_>,
) -> Result<(), DecodeError> {
    let failed = |error| fault(Some(message.number), &error);
    let representation = DataRepresentation::parse(second.representation).map_err(failed)?;
    let n_points = cells.len();
    let payload = second.data.get(5..).unwrap_or_default();
    let bits = second
        .bitmap
        .map(|section| section.get(6..).unwrap_or_default());
    let bitmap = Bitmap::of(message, bits, cells.len())?;
    let n_values = bitmap.n_values(cells.len());
    let n_promised = representation.encoded_values().unwrap_or(n_values);
    if n_promised != n_values {
        let reason = format!("{n_promised} values for {n_values} points");
        return Err(damaged(message, &reason).into());
    }
    let values = &mut cells[..n_values];
    match &representation {
        DataRepresentation::ComplexPacking(params) => {
            let rows = match params.group_splitting_method {
                0 => bitmap.rows(row_length, n_points),
                _ => Vec::new(),
            };
            complex::unpack(payload, params, &rows, rules, values)
                .map_err(|reason| damaged(message, &reason))?;
        }
        DataRepresentation::CcsdsPacking(params) => {
            budget.take_each(n_values, CODEC_BYTES)?;
            codecs::ccsds(payload, params, values).map_err(|fault| packed(message, fault))?;
            budget.give_back(n_values * CODEC_BYTES);
        }
        DataRepresentation::Jpeg2000Packing(params) => {
            budget.take_each(n_values, CODEC_BYTES)?;
            codecs::jpeg2000(payload, &params.packing, values)
                .map_err(|fault| packed(message, fault))?;
            budget.give_back(n_values * CODEC_BYTES);
        }
        representation => {
            decode_field_into(second.data, representation, bits, n_points, cells)
                .map_err(failed)?;
            return Ok(());
        }
    }
    bitmap.spread(cells, n_values);
    Ok(())
}

fn packed(message: &Message<'_>, fault: Fault) -> FormatError {
    match fault {
        Fault::Damaged(reason) => damaged(message, &reason),
        Fault::Unusual(how) => unread_packing(message.number, how),
    }
}

fn decode1(
    message: &Message<'_>,
    first: &First<'_>,
    row_length: usize,
    cells: &mut [f64],
    budget: &Budget<'_>,
) -> Result<(), DecodeError> {
    let failed = |error| fault(Some(message.number), &error);
    if let Some(&[high, low, ..]) = first.bitmap.and_then(|section| section.get(4..))
        && [high, low] != [0, 0]
    {
        return Err(FormatError::NotTaken {
            format: FORMAT,
            place: format!("message {}", message.number),
            found: "leaves out points by a bitmap that only its centre knows".to_owned(),
            remedy: "write the bitmap into the message".to_owned(),
        }
        .into());
    }
    let payload = first
        .bitmap
        .map(|section| section.get(6..).unwrap_or_default());
    let bitmap = Bitmap::of(message, payload, cells.len())?;
    let n_values = bitmap.n_values(cells.len());
    let [high, low] = [first.product[26], first.product[27]];
    let scale = i16::from_be_bytes([high & 0x7f, low]);
    let scale = if high & 0x80 == 0 { scale } else { -scale };
    let (_, representation) =
        BinaryDataSection::parse(first.data, scale, n_values).map_err(failed)?;
    let data = first.data.get(11..).unwrap_or_default();
    match &representation {
        DataRepresentation::Grib1SecondOrderPacking(params)
            if params.layout() == Grib1SecondOrderLayout::RowByRow =>
        {
            let rows = bitmap.rows(row_length, cells.len());
            row_by_row(data, params, &rows, &mut cells[..n_values])
                .ok_or_else(|| damaged(message, "its rows do not fit the grid"))?;
        }
        _ => {
            // The reader gives them apart.
            budget.take_each(n_values, size_of::<f64>())?;
            let values =
                decode_simple_field(data, &representation, None, n_values).map_err(failed)?;
            cells[..n_values].copy_from_slice(&values);
            budget.give_back(n_values * size_of::<f64>());
        }
    }
    bitmap.spread(cells, n_values);
    Ok(())
}

/// Packing of second order of edition 1 with a group per row.
fn row_by_row(
    data: &[u8],
    params: &Grib1SecondOrderPackingParams,
    rows: &[usize],
    out: &mut [f64],
) -> Option<()> {
    let packing = params.packing();
    let mut references = Bits::new(data, params.first_order_values_offset().checked_mul(8)?);
    let mut numbers = Bits::new(data, params.second_order_values_offset().checked_mul(8)?);
    let binary = 2_f64.powi(packing.binary_scale.into());
    let decimal = 10_f64.powi(-i32::from(packing.decimal_scale));
    let reference = f64::from(packing.reference_value);
    if rows.len() != params.group_count() {
        return None;
    }
    let mut left = out;
    for (row, length) in rows.iter().enumerate() {
        let first = references.read(packing.bits_per_value.into())?;
        let width = u32::from(params.group_width(row)?);
        let (cells, rest) = std::mem::take(&mut left).split_at_mut_checked(*length)?;
        left = rest;
        for cell in cells {
            let number = first.checked_add(numbers.read(width)?)?;
            #[expect(clippy::cast_precision_loss, reason = "packed numbers are small")]
            let number = number as f64;
            *cell = (reference + number * binary) * decimal;
        }
    }
    left.is_empty().then_some(())
}

/// Which points have values.
#[derive(Debug, Clone, Copy)]
struct Bitmap<'b>(Option<&'b [u8]>);

impl<'b> Bitmap<'b> {
    fn of(
        message: &Message<'_>,
        bits: Option<&'b [u8]>,
        n_points: usize,
    ) -> Result<Self, FormatError> {
        if bits.is_some_and(|bits| bits.len() < n_points.div_ceil(8)) {
            return Err(damaged(message, "its bitmap is shorter than its grid"));
        }
        Ok(Self(bits))
    }

    fn has(bits: &[u8], point: usize) -> bool {
        bits[point / 8] >> (7 - point % 8) & 1 == 1
    }

    /// How many of the points have a value.
    fn n_values(self, n_points: usize) -> usize {
        let Some(bits) = self.0 else {
            return n_points;
        };
        let (whole, rest) = bits.split_at(n_points / 8);
        let n_whole: usize = whole.iter().map(|byte| byte.count_ones() as usize).sum();
        let rest = rest.first().copied().unwrap_or_default();
        let mask = !(u8::MAX >> (n_points % 8));
        n_whole + (rest & mask).count_ones() as usize
    }

    /// Values of each row.
    fn rows(self, row_length: usize, n_points: usize) -> Vec<usize> {
        let starts = (0..n_points).step_by(row_length.max(1));
        let length = |start: usize| match self.0 {
            None => row_length,
            Some(bits) => {
                let row = start..start + row_length;
                row.filter(|point| Self::has(bits, *point)).count()
            }
        };
        starts.map(length).collect()
    }

    /// Moves values, which lie together at the beginning, to their points.
    fn spread(self, cells: &mut [f64], n_values: usize) {
        let Some(bits) = self.0 else {
            return;
        };
        let mut n_left = n_values;
        for point in (0..cells.len()).rev() {
            cells[point] = if Self::has(bits, point) {
                n_left -= 1;
                cells[n_left]
            } else {
                f64::NAN
            };
        }
    }
}

fn damaged(message: &Message<'_>, reason: &str) -> FormatError {
    FormatError::damaged(FORMAT, format!("message {}: {reason}", message.number))
}
