//! Complex packing (data representations 5.2 and 5.3): groups of numbers with references and widths of their own.
//!
//! The reader has it too, but refuses fields without groups, which are constant, and takes groups without bits, which are
//! missing, for zeros.

use grib_reader::{ComplexPackingParams, SpatialDifferencingParams};
use zarr_fuse_schemas::rules::Rules;

/// A packed number that means no value, all ones; the one before it is another such number.
#[derive(Debug, Clone, Copy)]
struct Missing {
    /// How many such numbers there are.
    management: u8,
    rules: Rules,
}

impl Missing {
    /// Whether a number of so many bits is one. All ones of no bits are a number, too: the group has no values.
    fn is(self, number: u64, n_bits: u32) -> bool {
        let ones = ones(n_bits);
        match self.management {
            _ if n_bits == 0 && self.rules == Rules::First => false,
            0 => false,
            1 => number == ones,
            _ => number == ones || n_bits > 0 && number == ones - 1,
        }
    }
}

fn ones(n_bits: u32) -> u64 {
    u64::MAX.checked_shr(64 - n_bits).unwrap_or(0)
}

/// Bits of a body, the highest one first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bits<'b> {
    bytes: &'b [u8],
    /// The next bit.
    at: usize,
}

impl<'b> Bits<'b> {
    pub(super) fn new(bytes: &'b [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// The next number of so many bits; `None`: there are not so many.
    #[inline]
    pub(super) fn read(&mut self, n_bits: u32) -> Option<u64> {
        if n_bits == 0 {
            return Some(0);
        }
        let (byte, skipped) = (self.at / 8, self.at % 8);
        self.at += n_bits as usize;
        if n_bits <= 56
            && let Some(window) = self
                .bytes
                .get(byte..)
                .and_then(|rest| rest.first_chunk::<8>())
        {
            return Some(u64::from_be_bytes(*window) << skipped >> (64 - n_bits));
        }
        let end = self.at.div_ceil(8);
        let bytes = self.bytes.get(byte..end)?;
        let window = bytes
            .iter()
            .fold(0_u128, |n, byte| n << 8 | u128::from(*byte));
        let number = window >> (end * 8 - self.at);
        u64::try_from(number & u128::from(ones(n_bits))).ok()
    }

    /// A number whose highest bit is the sign.
    fn read_signed(&mut self, n_bits: u32) -> Option<i64> {
        let number = self.read(n_bits)?;
        let size = i64::try_from(number & ones(n_bits.saturating_sub(1))).ok()?;
        let is_negative = n_bits > 0 && number >> (n_bits - 1) == 1;
        Some(if is_negative { -size } else { size })
    }

    /// Passes over so many numbers and to the next whole byte; where they began.
    fn skip(&mut self, n: usize, n_bits: u8) -> Option<Self> {
        let here = *self;
        let end = self.at.checked_add(n.checked_mul(n_bits.into())?)?;
        self.at = end.checked_next_multiple_of(8)?;
        Some(here)
    }
}

/// Undoes differences along the field.
struct Differences {
    first: Vec<i64>,
    min: i64,
    order: usize,
    n: usize,
    last: [i64; 2],
}

impl Differences {
    fn read(bits: &mut Bits<'_>, params: SpatialDifferencingParams) -> Option<Self> {
        let n_bits = u32::from(params.descriptor_octets) * 8;
        if n_bits > 64 {
            return None;
        }
        let first = (0..params.order).map(|_| bits.read_signed(n_bits));
        Some(Self {
            first: first.collect::<Option<_>>()?,
            min: bits.read_signed(n_bits)?,
            order: params.order.into(),
            n: 0,
            last: [0; 2],
        })
    }

    /// The number of the next point that has one.
    #[inline]
    fn restore(&mut self, difference: i64) -> i64 {
        let value = if let Some(first) = self.first.get(self.n) {
            *first
        } else {
            let step = difference.wrapping_add(self.min);
            let [before, last] = self.last;
            match self.order {
                1 => step.wrapping_add(last),
                _ => step.wrapping_add(last.wrapping_mul(2)).wrapping_sub(before),
            }
        };
        self.n = self.n.saturating_add(1);
        self.last = [self.last[1], value];
        value
    }
}

/// Writes the numbers of a field into `out`, which has room for as many as it promises. `rows` are the lengths of rows, for
/// fields with a group per row.
///
/// # Errors
/// In words: groups that do not make up the field, or are cut off.
pub(super) fn unpack(
    payload: &[u8],
    params: &ComplexPackingParams,
    rows: &[usize],
    rules: Rules,
    out: &mut [f64],
) -> Result<(), String> {
    let binary = 2_f64.powi(params.binary_scale.into());
    let decimal = 10_f64.powi(-i32::from(params.decimal_scale));
    let reference = f64::from(params.reference_value);
    if params.num_groups == 0 {
        out.fill(reference * decimal);
        return Ok(());
    }
    if params.num_groups > out.len() {
        return Err(format!(
            "{} groups of numbers for {} points",
            params.num_groups,
            out.len()
        ));
    }
    let widths = [
        params.group_reference_bits,
        params.group_width_bits,
        params.scaled_group_length_bits,
    ];
    if widths.iter().any(|bits| *bits > 64) {
        return Err("numbers of more than 64 bits".to_owned());
    }
    let mut rows = (params.group_splitting_method == 0).then(|| rows.iter());
    if rows
        .as_ref()
        .is_some_and(|rows| rows.len() != params.num_groups)
    {
        return Err("its groups are not those of its rows".to_owned());
    }
    let cut = || "it is cut off".to_owned();
    let mut bits = Bits::new(payload, 0);
    let differences = params.spatial_differencing;
    let mut differences = match differences {
        Some(params) => Some(Differences::read(&mut bits, params).ok_or_else(cut)?),
        None => None,
    };
    let mut places = || -> Option<_> {
        let [reference, width, length] = widths;
        let n = params.num_groups;
        Some((
            bits.skip(n, reference)?,
            bits.skip(n, width)?,
            bits.skip(n, length)?,
        ))
    };
    let (mut references, mut group_widths, mut lengths) = places().ok_or_else(cut)?;
    let missing = Missing {
        management: params.missing_value_management,
        rules,
    };
    let mut left = out;
    for group in 0..params.num_groups {
        let first = references.read(widths[0].into()).ok_or_else(cut)?;
        let width = group_widths.read(widths[1].into()).ok_or_else(cut)?;
        let width = width.saturating_add(params.group_width_reference.into());
        let width = u32::try_from(width).ok().filter(|width| *width <= 64);
        let width = width.ok_or_else(|| "numbers of more than 64 bits".to_owned())?;
        let scaled = lengths.read(widths[2].into()).ok_or_else(cut)?;
        let length = if let Some(rows) = &mut rows {
            *rows.next().expect("there are as many as groups")
        } else if group + 1 == params.num_groups {
            params.true_length_last_group as usize
        } else {
            let length = scaled.saturating_mul(params.group_length_increment.into());
            let length = length.saturating_add(params.group_length_reference.into());
            usize::try_from(length).unwrap_or(usize::MAX)
        };
        let (cells, rest) = std::mem::take(&mut left)
            .split_at_mut_checked(length)
            .ok_or_else(|| "its groups have more numbers than points".to_owned())?;
        left = rest;
        let is_gone = width == 0 && missing.is(first, widths[0].into());
        if is_gone {
            cells.fill(f64::NAN);
            continue;
        }
        for cell in cells {
            let packed = bits.read(width).ok_or_else(cut)?;
            if width > 0 && missing.is(packed, width) {
                *cell = f64::NAN;
                continue;
            }
            let mut number = first.wrapping_add(packed).cast_signed();
            if let Some(differences) = &mut differences {
                number = differences.restore(number);
            }
            #[expect(clippy::cast_precision_loss, reason = "packed numbers are small")]
            let number = number as f64;
            *cell = (reference + number * binary) * decimal;
        }
    }
    if !left.is_empty() {
        return Err("its groups have fewer numbers than points".to_owned());
    }
    Ok(())
}
