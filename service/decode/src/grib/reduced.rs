//! Grids whose rows have fewer points toward the poles, made regular along each row.
//!
//! They become as many meridians as the longest row has, as `cdo setgridtype,regular` and MARS make them; the rows themselves
//! stay where they are.

use grib_reader::RegularGaussianGrid;

use super::super::ReducedRows;
use super::edition1::{GridSection, kind};

/// Columns of edition 2 that are not given because rows differ.
const VARYING: u32 = u32::MAX;
/// Templates of edition 2.
const LAT_LON: u16 = 0;
const GAUSSIAN: u16 = 40;
/// Where the list of row lengths begins in a section of edition 2 of one of these templates.
const LIST_AT: usize = 72;

/// A grid that goes around the globe in every row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reduced {
    /// Points of each row.
    rows: Vec<u32>,
    /// Between a pole and the equator; `None`: parallels are at equal distances.
    n_parallels: Option<u32>,
    /// Millionths of a degree: the first and the last row, and the first meridian.
    latitudes: [i32; 2],
    first_longitude: i32,
    scanning_mode: u8,
}

impl Reduced {
    /// That of a section of edition 2; `None`: it is another grid, or not around the globe.
    pub(super) fn of_grib2(section: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_be_bytes(*section.get(at..)?.first_chunk()?));
        let angle = |at: usize| {
            let bits = u32_at(at)?;
            let size = i32::try_from(bits & 0x7fff_ffff).ok()?;
            Some(if bits >> 31 == 0 { size } else { -size })
        };
        let template = u16::from_be_bytes(*section.get(12..)?.first_chunk()?);
        let has_plain_angles = u32_at(38)? == 0;
        if !matches!(template, LAT_LON | GAUSSIAN) || u32_at(30)? != VARYING || !has_plain_angles {
            return None;
        }
        let n_rows = usize::try_from(u32_at(34)?).ok()?;
        let width = usize::from(*section.get(10)?);
        let list = section.get(LIST_AT..)?;
        let list = list.get(..n_rows.checked_mul(width)?)?;
        let rows = match width {
            1 | 2 | 4 => list.chunks_exact(width),
            _ => return None,
        };
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte));
        let grid = Self {
            rows: rows.map(number).collect(),
            n_parallels: match template {
                GAUSSIAN => Some(u32_at(67)?),
                _ => None,
            },
            latitudes: [angle(46)?, angle(55)?],
            first_longitude: angle(50)?,
            scanning_mode: *section.get(71)?,
        };
        grid.checked(angle(59)?, 1)
    }

    /// The same of edition 1.
    pub(super) fn of_grib1(section: GridSection<'_>) -> Option<Self> {
        if !section.is_reduced() || !matches!(section.kind(), kind::LAT_LON | kind::GAUSSIAN) {
            return None;
        }
        let grid = section.lat_lon()?;
        let grid1 = Self {
            rows: section.row_lengths()?,
            n_parallels: match section.kind() {
                kind::GAUSSIAN => Some(section.gaussian()?.number_of_parallels),
                _ => None,
            },
            latitudes: [grid.lat_first, grid.lat_last],
            first_longitude: grid.lon_first,
            scanning_mode: grid.scanning_mode,
        };
        grid1.checked(grid.lon_last, 1000)
    }

    /// The grid if its longest row goes around the globe, eastward; angles are rounded to `unit` millionths of a degree.
    fn checked(self, last_longitude: i32, unit: i64) -> Option<Self> {
        let n_columns = i64::from(self.n_columns());
        if self.scanning_mode & !0x40 != 0 || n_columns < 2 || self.rows.contains(&0) {
            return None;
        }
        let step = 360_000_000 / n_columns;
        let span = i64::from(last_longitude) - i64::from(self.first_longitude);
        let off = (span.rem_euclid(360_000_000) + step) - 360_000_000;
        // Some writers round the corner of a finer grid.
        (off.abs() <= 2 * unit + step / 2).then_some(self)
    }

    /// Points of the longest row.
    pub(super) fn n_columns(&self) -> u32 {
        self.rows.iter().copied().max().unwrap_or_default()
    }

    pub(super) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Points in all.
    pub(super) fn n_points(&self) -> usize {
        self.rows
            .iter()
            .fold(0, |n, row| n.saturating_add(*row as usize))
    }

    /// Latitudes and longitudes of the regular grid; `None`: parallels do not fit, or are too many.
    pub(super) fn axes(&self, max_parallels: u32) -> Option<(Vec<f64>, Vec<f64>)> {
        let n_rows = u32::try_from(self.rows.len()).ok()?;
        let degrees = |millionths: i32| f64::from(millionths) / 1e6;
        let latitudes = match self.n_parallels {
            Some(n) if n > max_parallels => return None,
            Some(number_of_parallels) => RegularGaussianGrid {
                ni: self.n_columns(),
                nj: n_rows,
                lat_first: self.latitudes[0],
                lon_first: 0,
                lat_last: self.latitudes[1],
                lon_last: 0,
                di: 0,
                number_of_parallels,
                scanning_mode: self.scanning_mode,
            }
            .latitudes()
            .ok()?,
            None => {
                let [first, last] = self.latitudes.map(degrees);
                let step = (last - first) / f64::from(n_rows.saturating_sub(1).max(1));
                (0..n_rows)
                    .map(|row| first + f64::from(row) * step)
                    .collect()
            }
        };
        let first = degrees(self.first_longitude);
        let n_columns = self.n_columns();
        let step = 360.0 / f64::from(n_columns);
        let longitudes = (0..n_columns).map(|column| first + f64::from(column) * step);
        Some((latitudes, longitudes.collect()))
    }

    /// Writes the values of all rows, one after the other, onto the regular grid.
    pub(super) fn spread(&self, values: &[f64], method: ReducedRows, cells: &mut [f64]) {
        let n_columns = self.n_columns() as usize;
        let mut rest = values;
        for (row, out) in self.rows.iter().zip(cells.chunks_exact_mut(n_columns)) {
            let (own, after) = rest.split_at((*row as usize).min(rest.len()));
            rest = after;
            let n = own.len();
            if n == 0 {
                continue;
            }
            for (column, cell) in out.iter_mut().enumerate() {
                // In parts of a step of the regular grid, so that what lies on a point is found there.
                let (west, part) = (column * n / n_columns, column * n % n_columns);
                #[expect(clippy::cast_precision_loss, reason = "rows have some thousand points")]
                let weight = part as f64 / n_columns as f64;
                let (here, next) = (own[west % n], own[(west + 1) % n]);
                *cell = match method {
                    _ if part == 0 => here,
                    ReducedRows::Linear => here + (next - here) * weight,
                    ReducedRows::Nearest if weight < 0.5 => here,
                    ReducedRows::Nearest => next,
                };
            }
        }
    }
}
