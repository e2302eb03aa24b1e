//! Arrays with their coordinates, as NetCDF, Zarr, GRIB and tensors deliver them: values that are not rows yet.

use indexmap::IndexMap;
use polars::prelude::{Column, DataFrame, IdxCa, IdxSize, NewChunkedArray as _, PlSmallStr};

use super::budget::{Budget, cell_bytes};
use super::{DecodeError, Limits, Lost, Table};

/// What one contribution of arrays brings, under the source's own names.
#[derive(Debug, Clone)]
pub struct Grids {
    /// One-dimensional; the name is also that of the dimension. A scalar coordinate is one of length 1.
    pub coordinates: IndexMap<String, Column>,
    /// What lies on them.
    pub variables: IndexMap<String, Grid>,
    /// What the file says that their numbers count, by name, as it writes it.
    pub units: IndexMap<String, String>,
}

/// One array.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Names of coordinates, the last one running fastest.
    pub dims: Vec<String>,
    /// Flat, in C order: as many as the lengths of `dims` multiplied.
    pub values: Column,
}

impl Grids {
    /// Coordinates and the values of variables.
    pub(super) fn columns(&self) -> impl Iterator<Item = &Column> {
        let values = self.variables.values().map(|grid| &grid.values);
        self.coordinates.values().chain(values)
    }

    /// The length of a dimension.
    pub fn length(&self, dim: &str) -> usize {
        self.coordinates.get(dim).map_or(1, Column::len)
    }

    /// Cells of an array over `dims`; `None` if they cannot be counted.
    pub fn n_cells(&self, dims: &[String]) -> Option<usize> {
        dims.iter()
            .try_fold(1_usize, |n, dim| n.checked_mul(self.length(dim)))
    }

    /// One row per combination of coordinate values, the last coordinate running fastest; arrays over some of them repeat.
    ///
    /// # Errors
    /// [`DecodeError::TooManyRows`], [`DecodeError::TooManyCells`], [`DecodeError::TooLargeDecoded`] beyond `limits`.
    pub fn to_table(&self, limits: &Limits) -> Result<Table, DecodeError> {
        self.to_rows(&Budget::new(limits))
    }

    /// As [`Self::to_table`], from what is left.
    pub(super) fn to_rows(&self, budget: &Budget<'_>) -> Result<Table, DecodeError> {
        let dims: Vec<String> = self.coordinates.keys().cloned().collect();
        let n_columns = dims.len() + self.variables.len();
        let n_rows = self.n_cells(&dims).unwrap_or(usize::MAX);
        budget.check_columns(n_columns)?;
        budget.check_shape(n_rows, n_columns)?;
        for column in self.columns() {
            // Also the positions of the cells, for one column at a time.
            budget.take_each(n_rows, cell_bytes(column.dtype()) + size_of::<IdxSize>())?;
            budget.give_back(n_rows * size_of::<IdxSize>());
        }
        let mut columns = Vec::with_capacity(n_columns);
        for (name, values) in &self.coordinates {
            let over = std::slice::from_ref(name);
            columns.push(self.repeated(name, values, over, &dims, n_rows));
        }
        for (name, grid) in &self.variables {
            columns.push(self.repeated(name, &grid.values, &grid.dims, &dims, n_rows));
        }
        Ok(Table {
            frame: DataFrame::new(n_rows, columns)?,
            units: self.units.clone(),
            lost: Lost::default(),
            lines: None,
        })
    }

    /// A flat array over `over` as a column with a cell for every combination of `dims`.
    fn repeated(
        &self,
        name: &str,
        values: &Column,
        over: &[String],
        dims: &[String],
        n_rows: usize,
    ) -> Column {
        // What a step along each of `dims` means in the array.
        let mut strides = vec![0; dims.len()];
        let mut stride = 1;
        for dim in over.iter().rev() {
            if let Some(place) = dims.iter().position(|other| other == dim) {
                strides[place] = stride;
            }
            stride *= self.length(dim);
        }
        let lengths: Vec<usize> = dims.iter().map(|dim| self.length(dim)).collect();
        let mut at = vec![0; dims.len()];
        let mut place = 0;
        let places = (0..n_rows).map(|_| {
            let here = IdxSize::try_from(place).expect("a table has fewer rows than that");
            for d in (0..at.len()).rev() {
                at[d] += 1;
                place += strides[d];
                if at[d] < lengths[d] {
                    break;
                }
                place -= strides[d] * lengths[d];
                at[d] = 0;
            }
            here
        });
        let places = IdxCa::from_iter_values(PlSmallStr::EMPTY, places);
        let mut column = values
            .take(&places)
            .expect("places lie within the array, whose length was checked");
        column.rename(PlSmallStr::from_str(name));
        column
    }
}
