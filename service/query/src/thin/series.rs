//! The series of one variable, read along the axis box by box.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::{
    node::{Chunks, Indices, LevelView, NodeView},
    pyramid::Part,
};
use zarr_fuse_schemas::Aggregate;

use super::super::Bounds;
use super::super::elements::Na;
use super::super::elements::at;
use super::super::error::{QueryError, unreadable};
use super::super::picked::Picked;
use super::super::plan::{Input, Plan};
use super::super::points::strides;
use super::super::room::{Room, Share};

/// One variable, seen as one series per tuple of its other coordinates; these are numbered in row order.
pub(in super::super) struct Series<'a> {
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
    room: &'a Room,
    /// Which chunks there are, if that is known.
    chunks: Option<Chunks>,
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
    _share: Share,
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
    _shares: Vec<Share>,
}

/// Of more series it is found out which chunks there are before they are read.
const MAX_UNSEEN: u64 = 4096;

impl<'a> Series<'a> {
    pub(in super::super) async fn new(
        view: &'a NodeView,
        plan: &'a Plan,
        input_idx: usize,
        axis_idx: usize,
        bounds: &'a Bounds,
    ) -> Result<Self, QueryError> {
        let input = &plan.inputs[input_idx];
        let selected: Vec<&Picked> = input.axes.iter().map(|&i| &plan.axes[i].picked).collect();
        let own = input.axes.iter().position(|&axis| axis == axis_idx);
        let own = own.unwrap_or_default();
        let mut in_row_order: Vec<usize> = (0..input.axes.len()).collect();
        in_row_order.sort_unstable_by_key(|&dimension| input.axes[dimension]);
        let others = (0..selected.len()).filter(|&dimension| dimension != own);
        let count = others.map(|dimension| selected[dimension].len()).product();
        let stored_na = input.conversion.map_or(input.na, |(stored, _)| stored);
        let variable = view.schema().variables.get(&input.variable);
        // Where there is no chunk, there is no value, unless everything is one.
        let chunks = if variable.is_none_or(|variable| stored_na.keeps_unwritten(variable)) {
            None
        } else {
            let chunks = view.chunks_of(&input.variable, count > MAX_UNSEEN).await;
            chunks.map_err(|error| unreadable(&input.variable, error))?
        };
        Ok(Self {
            view,
            input,
            picked: &plan.axes[axis_idx].picked,
            chunk_size: plan.axes[axis_idx].chunk_size,
            axis: &plan.axes[axis_idx].name,
            count,
            selected,
            own,
            in_row_order,
            max_block_cells: bounds.max_block_cells,
            room: &bounds.room,
            chunks,
        })
    }

    /// Boxes of the other dimensions that hold every series with a chunk, for [`Self::read`]: one with all of them, unless
    /// most have none.
    pub(in super::super) fn boxes(&self) -> Vec<Vec<Vec<u64>>> {
        let all = || vec![self.all()];
        let Some(chunks) = self.chunks.as_ref().filter(|_| self.selected.len() > 1) else {
            return all();
        };
        // Per dimension: the positions in each chunk along it.
        let along = |(dimension, picked): (usize, &&Picked)| {
            let mut groups: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
            if dimension != self.own {
                for position in 0..picked.len() {
                    let chunk = picked.get(position) / chunks.shape()[dimension];
                    groups.entry(chunk).or_default().push(position);
                }
            }
            groups
        };
        let groups: Vec<_> = self.selected.iter().enumerate().map(along).collect();
        let others = (0..groups.len()).filter(|&dimension| dimension != self.own);
        let n_columns: usize = others.map(|dimension| groups[dimension].len()).product();
        let of_box = self.box_of(0..self.picked.len(), &self.all());
        let mut columns: BTreeSet<Vec<u64>> = BTreeSet::new();
        for (others, run) in chunks.present.within(&of_box) {
            // Along the first dimension it does not matter which, if that is the axis.
            let run = if self.own == 0 {
                run.start..run.start + 1
            } else {
                run
            };
            for first in run {
                let mut column = [&[first], others].concat();
                column[self.own] = 0;
                columns.insert(column);
                if columns.len() * 2 > n_columns {
                    return all();
                }
            }
        }
        let of_column = |column: Vec<u64>| {
            let along = column.iter().zip(&groups).enumerate();
            along
                .map(|(dimension, (chunk, groups))| match groups.get(chunk) {
                    _ if dimension == self.own => Some(Vec::new()),
                    positions => positions.cloned(),
                })
                .collect::<Option<_>>()
        };
        columns.into_iter().filter_map(of_column).collect()
    }

    /// The chunks that some positions of the axis and of the other dimensions lie between.
    fn box_of(&self, rows: Range<u64>, others: &[Vec<u64>]) -> Vec<Range<u64>> {
        let shape = self
            .chunks
            .as_ref()
            .map_or(&[][..], |chunks| chunks.shape());
        let along = |(dimension, chunk_len): (usize, &u64)| {
            let ends = if dimension == self.own {
                (!rows.is_empty()).then(|| (rows.start, rows.end - 1))
            } else {
                let list = &others[dimension];
                list.first().copied().zip(list.last().copied())
            };
            let picked = self.selected[dimension];
            ends.map_or(0..0, |(first, last)| {
                picked.get(first) / chunk_len..picked.get(last) / chunk_len + 1
            })
        };
        shape.iter().enumerate().map(along).collect()
    }

    /// Whether it is known that there is no chunk at these positions.
    pub(in super::super) fn is_absent(&self, rows: Range<u64>, others: &[Vec<u64>]) -> bool {
        let is_absent = |chunks: &Chunks| chunks.present.count(&self.box_of(rows, others), 1) == 0;
        self.chunks.as_ref().is_some_and(is_absent)
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

    /// The dimensions' positions of the series with these numbers; a box of them may have others, too.
    pub(super) fn positions_of(&self, numbers: impl Iterator<Item = u64>) -> Vec<Vec<u64>> {
        let mut found: Vec<Vec<bool>> = self
            .selected
            .iter()
            .map(|picked| vec![false; at(picked.len())])
            .collect();
        for mut series in numbers {
            for &dimension in self.in_row_order.iter().rev() {
                if dimension != self.own {
                    let n = self.selected[dimension].len();
                    found[dimension][at(series % n)] = true;
                    series /= n;
                }
            }
        }
        let own = self.own;
        let listed = |(dimension, found): (usize, Vec<bool>)| {
            let found = if dimension == own { Vec::new() } else { found };
            let set = (0_u64..).zip(found).filter(|(_, found)| *found);
            set.map(|(position, _)| position).collect()
        };
        found.into_iter().enumerate().map(listed).collect()
    }

    /// The numbers of the series in a box, in the order in which what is read has them.
    pub(super) fn numbers(&self, others: &[Vec<u64>]) -> Vec<u64> {
        let nowhere: Vec<Indices> = others.iter().map(|_| Indices::Range(0..0)).collect();
        let (cells, _) = self.elements(&nowhere, others);
        cells.into_iter().map(|(number, _)| number).collect()
    }

    /// How many positions of the axis may be read at once of a box with these positions of the other dimensions.
    pub(in super::super) fn rows_at_once(&self, others: &[Vec<u64>]) -> u64 {
        let n_others: u64 = self.others(others).map(|list| list.len() as u64).product();
        (self.max_block_cells / n_others.max(1)).max(1)
    }

    fn others<'b>(&self, lists: &'b [Vec<u64>]) -> impl Iterator<Item = &'b Vec<u64>> {
        let own = self.own;
        let others = lists.iter().enumerate();
        others.filter_map(move |(dimension, list)| (dimension != own).then_some(list))
    }

    /// Indices at the given positions of the other dimensions, and along the axis what `along` makes of its selection.
    pub(in super::super) fn indices(
        &self,
        others: &[Vec<u64>],
        along: impl Fn(&Picked) -> Indices,
    ) -> Vec<Indices> {
        let of = |(dimension, picked): (usize, &&Picked)| {
            let list = &others[dimension];
            if dimension == self.own {
                along(picked)
            } else if list.len() as u64 == picked.len() {
                picked.indices(0..picked.len())
            } else {
                Indices::List(list.iter().map(|&position| picked.get(position)).collect())
            }
        };
        self.selected.iter().enumerate().map(of).collect()
    }

    /// Reads positions of the axis at the given positions of the other dimensions.
    pub(super) async fn read(
        &self,
        rows: Range<u64>,
        others: &[Vec<u64>],
    ) -> Result<Box, QueryError> {
        let indices = self.indices(others, |picked| picked.indices(rows.clone()));
        let read = self.room.read(self.view, &self.input.variable, &indices);
        let (values, share) = read.await?;
        let (cells, stride) = self.elements(&indices, others);
        Ok(Box {
            values,
            cells,
            stride,
            _share: share,
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

    /// Reads cells of a level at the given positions of the other dimensions.
    pub(super) async fn read_level(
        &self,
        level: usize,
        cells: Range<u64>,
        others: &[Vec<u64>],
    ) -> Result<LevelBox, QueryError> {
        let indices = self.indices(others, |_| Indices::Range(cells.clone()));
        let name = &self.input.variable;
        let mut shares = Vec::new();
        let mut part = async |part: Part| {
            let read = self
                .room
                .read_level(self.view, level, (name, part), &indices);
            let (values, share) = read.await?.ok_or_else(|| QueryError::DoesNotFit {
                reason: format!("the coarser levels of `{name}` lack their extremes"),
            })?;
            shares.push(share);
            Ok::<_, QueryError>(values)
        };
        let numbers = |values: Values| match values {
            Values::UInt32(numbers) => numbers,
            other => vec![0; other.len()],
        };
        let count = numbers(part(Part::Count).await?);
        let min = part(Part::Min).await?;
        let min_at = numbers(part(Part::MinAt).await?);
        let max = part(Part::Max).await?;
        let max_at = numbers(part(Part::MaxAt).await?);
        let (cells, stride) = self.elements(&indices, others);
        Ok(LevelBox {
            count,
            min,
            min_at,
            max,
            max_at,
            cells,
            stride,
            _shares: shares,
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
