//! Numbers that are packed by codecs of their own: CCSDS 121.0 (data representation 5.42) and JPEG 2000 (5.40).
//!
//! The first is read as the szip of HDF5, which is the same code; the second as an image of one component.

use grib_reader::{CcsdsFlags, CcsdsPackingParams, ScaledPackingParams};
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use hdf5_reader::filters::szip;

/// Options of szip: the highest byte first, and differences between neighbours.
const MSB: u32 = 16;
const NEIGHBOURS: u32 = 32;
/// Longest blocks and intervals of szip.
const MAX_BLOCK: u8 = 32;
const MAX_INTERVAL: u16 = 4096;
/// What a code stream of JPEG 2000 begins with, and where in it the size and the number of components stand.
const CODE_STREAM: [u8; 4] = [0xff, 0x4f, 0xff, 0x51];
const COMPONENTS_AT: usize = 40;
/// Most parts of an image.
const MAX_TILES: u64 = 65_535;
/// Bits of integers that single floats hold, in which images are decoded.
const MAX_IMAGE_BITS: u8 = 24;

/// Why numbers cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    /// The codec is used in a way that is not read.
    Unusual(&'static str),
    Damaged(String),
}

/// Writes numbers that are packed by CCSDS into `out`.
pub(super) fn ccsds(
    payload: &[u8],
    params: &CcsdsPackingParams,
    out: &mut [f64],
) -> Result<(), Fault> {
    let packing = params.packing();
    let n_bits = packing.bits_per_value;
    if n_bits == 0 {
        // A constant field.
        out.fill(scaled(packing, 0.0));
        return Ok(());
    }
    let block = params.block_size().samples();
    let interval = params.reference_sample_interval();
    let flags = params.flags();
    let is_plain = [
        CcsdsFlags::SIGNED,
        CcsdsFlags::RESTRICTED,
        CcsdsFlags::PAD_RSI,
    ]
    .iter()
    .all(|flag| !flags.contains(*flag));
    if !is_plain || n_bits > 31 || block > MAX_BLOCK || interval > MAX_INTERVAL || interval == 0 {
        return Err(Fault::Unusual("CCSDS with unusual options"));
    }
    let n_bytes: usize = match n_bits {
        1..=8 => 1,
        9..=16 => 2,
        _ => 4,
    };
    let max_bytes = out.len().saturating_mul(n_bytes);
    let length =
        u32::try_from(max_bytes).map_err(|_long| Fault::Unusual("CCSDS of a huge field"))?;
    // As HDF5 keeps it: the length first.
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend_from_slice(payload);
    let differences = if flags.contains(CcsdsFlags::PREPROCESS) {
        NEIGHBOURS
    } else {
        0
    };
    let options = [
        MSB | differences,
        block.into(),
        n_bits.into(),
        u32::from(block) * u32::from(interval),
    ];
    let numbers = szip::decompress_with_limit(&bytes, &options, max_bytes)
        .map_err(|error| Fault::Damaged(error.to_string()))?;
    for (cell, bytes) in out.iter_mut().zip(numbers.chunks_exact(n_bytes)) {
        let number = bytes
            .iter()
            .fold(0_u32, |n, byte| n << 8 | u32::from(*byte));
        *cell = scaled(packing, number.into());
    }
    Ok(())
}

/// Writes the points of an image of JPEG 2000 into `out`.
pub(super) fn jpeg2000(
    payload: &[u8],
    packing: &ScaledPackingParams,
    out: &mut [f64],
) -> Result<(), Fault> {
    let damaged = |reason: &str| Fault::Damaged(reason.to_owned());
    if packing.bits_per_value == 0 || out.is_empty() {
        out.fill(scaled(packing, 0.0));
        return Ok(());
    }
    if !payload.starts_with(&CODE_STREAM) {
        return Err(Fault::Unusual("JPEG 2000 in a container"));
    }
    // Before anything is made for as many parts as are promised.
    let number = |at: usize| {
        let bytes = payload.get(at..)?.first_chunk::<4>()?;
        Some(u64::from(u32::from_be_bytes(*bytes)))
    };
    let n_tiles = |axis: usize| {
        let [size, tile, start] = [8, 24, 32].map(|at| number(at + 4 * axis));
        Some(
            size?
                .saturating_sub(start?)
                .div_ceil(tile.filter(|tile| *tile > 0)?),
        )
    };
    let n_tiles = n_tiles(0).zip(n_tiles(1)).map(|(x, y)| x.saturating_mul(y));
    if n_tiles.is_none_or(|n| n > MAX_TILES) {
        return Err(damaged("the image has no tiles, or too many"));
    }
    if payload.get(COMPONENTS_AT..COMPONENTS_AT + 2) != Some(&[0, 1]) {
        return Err(damaged("the image has several components"));
    }
    let failed = |error: hayro_jpeg2000::DecodeError| Fault::Damaged(error.to_string());
    let settings = DecodeSettings {
        strict: true,
        ..DecodeSettings::default()
    };
    let image = Image::new(payload, &settings).map_err(failed)?;
    let n_points = u64::from(image.width()) * u64::from(image.height());
    if n_points != out.len() as u64 {
        return Err(damaged(
            "the image has another number of points than the grid",
        ));
    }
    if image.original_bit_depth() > MAX_IMAGE_BITS {
        return Err(Fault::Unusual("JPEG 2000 with more than 24 bits"));
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(failed)?;
    let [component] = decoded.components() else {
        return Err(damaged("the image has several components"));
    };
    if component.samples().len() != out.len() {
        return Err(damaged(
            "the image has another number of points than the grid",
        ));
    }
    for (cell, sample) in out.iter_mut().zip(component.samples()) {
        *cell = scaled(packing, f64::from(sample.round()));
    }
    Ok(())
}

fn scaled(packing: &ScaledPackingParams, number: f64) -> f64 {
    let binary = 2_f64.powi(packing.binary_scale.into());
    let decimal = 10_f64.powi(-i32::from(packing.decimal_scale));
    (f64::from(packing.reference_value) + number * binary) * decimal
}
