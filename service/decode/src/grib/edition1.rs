//! Grids of edition 1.

use grib_reader::{LatLonGrid, RegularGaussianGrid};

use super::earth::Earth;
use super::raster::Raster;

/// Bytes of a grid section that every known grid has.
const GRID_LENGTH: usize = 32;
/// A row or column count that is not one: rows have different lengths.
const VARYING: u32 = 0xffff;

/// Types of grids in code table 6.
pub(super) mod kind {
    pub(in super::super) const LAT_LON: u8 = 0;
    pub(in super::super) const MERCATOR: u8 = 1;
    pub(in super::super) const LAMBERT: u8 = 3;
    pub(in super::super) const GAUSSIAN: u8 = 4;
    pub(in super::super) const POLAR: u8 = 5;
    pub(in super::super) const ROTATED: u8 = 10;
}

/// A grid description section; equal ones are of one grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GridSection<'b> {
    bytes: &'b [u8],
}

impl<'b> GridSection<'b> {
    /// `None`: it is too short for a grid.
    pub(super) fn of(bytes: &'b [u8]) -> Option<Self> {
        (bytes.len() >= GRID_LENGTH).then_some(Self { bytes })
    }

    /// What kind of grid it is.
    pub(super) fn kind(self) -> u8 {
        self.bytes[5]
    }

    pub(super) fn columns(self) -> u32 {
        self.u16(6)
    }

    pub(super) fn rows(self) -> u32 {
        self.u16(8)
    }

    /// Whether rows have different lengths.
    pub(super) fn is_reduced(self) -> bool {
        self.columns() == VARYING || self.rows() == VARYING
    }

    /// Points of each row of a grid whose rows differ.
    pub(super) fn row_lengths(self) -> Option<Vec<u32>> {
        let n_rows = usize::try_from(self.rows()).ok()?;
        let vertical = usize::from(self.bytes[3]) * 4;
        let start = usize::from(self.bytes[4]).checked_sub(1)? + vertical;
        let list = self.bytes.get(start..start + 2 * n_rows)?;
        let number = |pair: &[u8; 2]| u32::from(u16::from_be_bytes(*pair));
        Some(list.as_chunks::<2>().0.iter().map(number).collect())
    }

    pub(super) fn byte(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// An angle in radians.
    pub(super) fn angle(self, at: usize) -> Option<f64> {
        Some(self.degrees(at)?.to_radians())
    }

    /// An angle in degrees.
    pub(super) fn degrees(self, at: usize) -> Option<f64> {
        Some(f64::from(self.thousandths(at)?) / 1000.0)
    }

    /// A number of the System/360: base 16, the exponent in 7 bits.
    pub(super) fn ibm_float(self, at: usize) -> Option<f64> {
        let [head, rest @ ..] = self.bytes.get(at..at + 4)?.first_chunk::<4>()?;
        let size = rest.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
        let size = f64::from(size) * 16_f64.powi(i32::from(head & 0x7f) - 64 - 6);
        Some(if head & 0x80 == 0 { size } else { -size })
    }

    pub(super) fn earth(self) -> Option<Earth> {
        Earth::of_grib1(self.bytes[16])
    }

    /// How its points are scanned.
    pub(super) fn scanning_mode(self) -> u8 {
        self.bytes[27]
    }

    /// Whether the steps are given.
    pub(super) fn has_steps(self) -> bool {
        self.bytes[16] & 0x80 != 0
    }

    /// The grid, with its steps in metres at `dx` and `dy`.
    pub(super) fn raster(self, dx: usize, dy: usize) -> Option<Raster> {
        let metres = |at: usize| u24(self.bytes.get(at..)?).and_then(|n| u32::try_from(n).ok());
        let steps = [f64::from(metres(dx)?), f64::from(metres(dy)?)];
        Raster::scanned([self.columns(), self.rows()], steps, self.bytes[27])
    }

    /// The grid as one of latitudes and longitudes, wherever their poles are.
    pub(super) fn lat_lon(self) -> Option<LatLonGrid> {
        let millionths = |at: usize| self.thousandths(at)?.checked_mul(1000);
        Some(LatLonGrid {
            ni: self.columns(),
            nj: self.rows(),
            lat_first: millionths(10)?,
            lon_first: millionths(13)?,
            lat_last: millionths(17)?,
            lon_last: millionths(20)?,
            di: self.u16(23) * 1000,
            dj: self.u16(25) * 1000,
            scanning_mode: self.bytes[27],
        })
    }

    /// The grid as one between the parallels of Gauss.
    pub(super) fn gaussian(self) -> Option<RegularGaussianGrid> {
        let grid = self.lat_lon()?;
        Some(RegularGaussianGrid {
            ni: grid.ni,
            nj: grid.nj,
            lat_first: grid.lat_first,
            lon_first: grid.lon_first,
            lat_last: grid.lat_last,
            lon_last: grid.lon_last,
            di: grid.di,
            number_of_parallels: self.u16(25),
            scanning_mode: grid.scanning_mode,
        })
    }

    fn u16(self, at: usize) -> u32 {
        u32::from(self.bytes[at]) << 8 | u32::from(self.bytes[at + 1])
    }

    /// Thousandths of a degree; the highest bit is the sign.
    fn thousandths(self, at: usize) -> Option<i32> {
        let bits = i32::try_from(u24(self.bytes.get(at..)?)?).ok()?;
        let size = bits & 0x7f_ffff;
        Some(if bits & 0x80_0000 == 0 { size } else { -size })
    }
}

fn u24(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.get(..3)?;
    Some(
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte)),
    )
}
