//! The series of one variable, read along the axis box by box.

use std::ops::Range;

use zarr_fuse_schemas::Aggregate;

use super::super::Bounds;
use super::super::elements::Na;
use super::super::error::{QueryError, unreadable};
use super::super::plan::{Input, Plan};
use super::super::points::strides;
use super::super::resolve::{Picked, at};
use crate::node::{Indices, LevelView, NodeView};
use crate::pyramid::Part;
use crate::values::Values;

/// One variable, seen as one series per tuple of its other coordinates; these are numbered in row order.
pub(super) struct Series<'a> {
    view: &'a NodeView,
    pub(super) input: &'a Input,
    /// What is selected along the axis.
    pub(super) picked: &'a Picked,
    pub(super) chunk_size: u64,
    /// Name of the axis.
    axis: &'a str,
    /// Per dimension of the variable, what is selected.
    selected: Vec<&'a Picked>,
    /// Which of the dimensions is the axis.
    own: usize,
    /// The dimensions in the order of the rows.
    in_row_order: Vec<usize>,
    /// How many there are.
    pub(super) count: u64,
    max_block_cells: u64,
}

/// What is kept of the series of a variable: a series, an index along the axis and a value per point.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) series: Vec<u64>,
    pub(super) indices: Vec<u64>,
    /// As stored.
    pub(super) values: Values,
    /// How many series differ only in coordinates after the axis.
    pub(super) n_after: u64,
}

/// Some positions along the axis, of some series.
pub(super) struct Box {
    pub(super) values: Values,
    /// The number of each series, and its first element.
    pub(super) cells: Vec<(u64, usize)>,
    /// From one element of a series to the next one.
    pub(super) stride: usize,
}

/// Some cells of a coarser level, of all series.
pub(super) struct LevelBox {
    pub(super) count: Vec<u32>,
    pub(super) min: Values,
    pub(super) min_at: Vec<u32>,
    pub(super) max: Values,
    pub(super) max_at: Vec<u32>,
    /// As in [`Box`].
    pub(super) cells: Vec<(u64, usize)>,
    /// As in [`Box`].
    pub(super) stride: usize,
}

impl<'a> Series<'a> {
    pub(super) fn new(
        view: &'a NodeView,
        plan: &'a Plan,
        input_idx: usize,
        axis_idx: usize,
        bounds: &Bounds,
    ) -> Self {
        let input = &plan.inputs[input_idx];
        let selected: Vec<&Picked> = input.axes.iter().map(|&i| &plan.axes[i].picked).collect();
        let own = input.axes.iter().position(|&axis| axis == axis_idx);
        let own = own.unwrap_or_default();
        let mut in_row_order: Vec<usize> = (0..input.axes.len()).collect();
        in_row_order.sort_unstable_by_key(|&dimension| input.axes[dimension]);
        let others = (0..selected.len()).filter(|&dimension| dimension != own);
        Self {
            view,
            input,
            picked: &plan.axes[axis_idx].picked,
            chunk_size: plan.axes[axis_idx].chunk_size,
            axis: &plan.axes[axis_idx].name,
            count: others.map(|dimension| selected[dimension].len()).product(),
            selected,
            own,
            in_row_order,
            max_block_cells: bounds.max_block_cells,
        }
    }

    /// What counts as no value before conversion.
    pub(super) fn stored_na(&self) -> Na {
        let conversion = self.input.conversion;
        conversion.map_or(self.input.na, |(stored, _)| stored)
    }

    /// Nothing, to which points are added.
    pub(super) fn nothing(&self) -> Kept {
        let after = self.in_row_order.iter().rev();
        let after = after.take_while(|&&dimension| dimension != self.own);
        let variable = self.view.schema().variables.get(&self.input.variable);
        Kept {
            series: Vec::new(),
            indices: Vec::new(),
            values: variable.map_or(Values::Bool(Vec::new()), |v| Values::new(v.data_type)),
            n_after: after
                .map(|&dimension| self.selected[dimension].len())
                .product(),
        }
    }

    /// Everything of all other dimensions, for [`Self::read`].
    pub(super) fn all(&self) -> Vec<Vec<u64>> {
        let one = |(dimension, picked): (usize, &&Picked)| {
            let n = if dimension == self.own {
                0
            } else {
                picked.len()
            };
            (0..n).collect()
        };
        self.selected.iter().enumerate().map(one).collect()
    }

    /// The dimensions' positions of the series in `unfinished`; a box of them may have others, too.
    pub(super) fn positions_of(&self, unfinished: &[bool]) -> Vec<Vec<u64>> {
        let mut found: Vec<Vec<bool>> = self
            .selected
            .iter()
            .map(|picked| vec![false; at(picked.len())])
            .collect();
        let open = (0_u64..).zip(unfinished).filter(|(_, open)| **open);
        for (mut series, _) in open {
            for &dimension in self.in_row_order.iter().rev() {
                if dimension != self.own {
                    let n = self.selected[dimension].len();
                    found[dimension][at(series % n)] = true;
                    series /= n;
                }
            }
        }
        let listed = |found: Vec<bool>| {
            let set = (0_u64..).zip(found).filter(|(_, found)| *found);
            set.map(|(position, _)| position).collect()
        };
        found.into_iter().map(listed).collect()
    }

    /// How many positions of the axis may be read at once of a box with these positions of the other dimensions.
    pub(super) fn rows_at_once(&self, others: &[Vec<u64>]) -> u64 {
        let n_others: u64 = self.others(others).map(|list| list.len() as u64).product();
        (self.max_block_cells / n_others.max(1)).max(1)
    }

    fn others<'b>(&self, lists: &'b [Vec<u64>]) -> impl Iterator<Item = &'b Vec<u64>> {
        let own = self.own;
        let others = lists.iter().enumerate();
        others.filter_map(move |(dimension, list)| (dimension != own).then_some(list))
    }

    /// Reads positions of the axis at the given positions of the other dimensions.
    pub(super) async fn read(
        &self,
        rows: Range<u64>,
        others: &[Vec<u64>],
    ) -> Result<Box, QueryError> {
        let indices = |(dimension, picked): (usize, &&Picked)| {
            let list = &others[dimension];
            if dimension == self.own {
                picked.indices(rows.clone())
            } else if list.len() as u64 == picked.len() {
                picked.indices(0..picked.len())
            } else {
                Indices::List(list.iter().map(|&position| picked.get(position)).collect())
            }
        };
        let indices: Vec<Indices> = self.selected.iter().enumerate().map(indices).collect();
        let read = self.view.read(&self.input.variable, &indices).await;
        let values = read.map_err(|error| unreadable(&self.input.variable, error))?;
        let (cells, stride) = self.elements(&indices, others);
        Ok(Box {
            values,
            cells,
            stride,
        })
    }

    /// The number and first element of each series in a box, and the distance between its elements.
    fn elements(&self, indices: &[Indices], others: &[Vec<u64>]) -> (Vec<(u64, usize)>, usize) {
        let lengths: Vec<u64> = indices.iter().map(|list| list.len() as u64).collect();
        let strides = strides(&lengths);
        let mut cells = vec![(0, 0)];
        for &dimension in &self.in_row_order {
            if dimension == self.own {
                continue;
            }
            let (n, stride) = (self.selected[dimension].len(), at(strides[dimension]));
            let along = |(series, element): (u64, usize)| {
                let places = others[dimension].iter().enumerate();
                places
                    .map(move |(place, position)| (series * n + position, element + place * stride))
            };
            cells = cells.into_iter().flat_map(along).collect();
        }
        (cells, at(strides[self.own]))
    }

    /// Coarser levels that tell the extremes of this variable along the axis, finest first.
    pub(super) fn levels(&self) -> Vec<LevelView> {
        let extremes = [Aggregate::Min, Aggregate::Max];
        self.view
            .levels_of(&self.input.variable, self.axis, &extremes)
    }

    /// Reads cells of a level, of all series; `all` is [`Self::all`].
    pub(super) async fn read_level(
        &self,
        level: usize,
        cells: Range<u64>,
        all: &[Vec<u64>],
    ) -> Result<LevelBox, QueryError> {
        let indices = |(dimension, picked): (usize, &&Picked)| {
            if dimension == self.own {
                Indices::Range(cells.clone())
            } else {
                picked.indices(0..picked.len())
            }
        };
        let indices: Vec<Indices> = self.selected.iter().enumerate().map(indices).collect();
        let name = &self.input.variable;
        let part = async |part: Part| {
            let read = self.view.read_level(level, name, part, &indices).await;
            let read = read.map_err(|error| unreadable(name, error))?;
            read.ok_or_else(|| QueryError::DoesNotFit {
                reason: format!("the coarser levels of `{name}` lack their extremes"),
            })
        };
        let numbers = async |of: Part| match part(of).await? {
            Values::UInt32(numbers) => Ok::<_, QueryError>(numbers),
            other => Ok(vec![0; other.len()]),
        };
        let (cells, stride) = self.elements(&indices, all);
        Ok(LevelBox {
            count: numbers(Part::Count).await?,
            min: part(Part::Min).await?,
            min_at: numbers(Part::MinAt).await?,
            max: part(Part::Max).await?,
            max_at: numbers(Part::MaxAt).await?,
            cells,
            stride,
        })
    }
}

impl Kept {
    /// Adds an element of values read.
    pub(super) fn push(&mut self, series: u64, index: u64, values: &Values, element: usize) {
        self.series.push(series);
        self.indices.push(index);
        self.values.push_from(values, element);
    }
}
