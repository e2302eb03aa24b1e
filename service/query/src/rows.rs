//! From the values of a box to rows: which rows there are, and which element stands in each cell.

use std::ops::Range;
use std::sync::Arc;

use zarr_fuse_arrays::values::Values;

use super::elements::at;
use super::elements::{ABSENT, Na};
use super::plan::{Input, Plan};
use super::selection::Layout;

/// Some rows of the answer.
#[derive(Debug)]
pub(super) struct Rows {
    /// How many.
    pub(super) n: usize,
    /// One per column of the plan.
    pub(super) cells: Vec<Cells>,
    /// Position of the last row along the axes, if rows that would follow in the box were cut off.
    pub(super) cut_after: Option<Vec<u64>>,
}

/// The cells of one column: element `index[row]` of `values`, nothing where that is [`ABSENT`].
#[derive(Debug)]
pub(super) struct Cells {
    pub(super) values: Arc<Values>,
    pub(super) index: Arc<[u32]>,
}

/// The values of an input in a box.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) values: Arc<Values>,
    /// For each cell of the box, in the order of the input's dimensions, its element or [`ABSENT`]; `None`: one after the other.
    pub(super) places: Option<Arc<[u32]>>,
}

impl Block {
    /// How many cells it covers.
    pub(super) fn n_cells(&self) -> usize {
        match &self.places {
            Some(places) => places.len(),
            None => self.values.len(),
        }
    }

    /// The element of a cell.
    fn element(&self, cell: usize) -> u32 {
        match &self.places {
            Some(places) => places[cell],
            None => narrow(cell),
        }
    }

    /// The element of a cell that has a value.
    pub(super) fn value(&self, na: Na, cell: usize) -> Option<usize> {
        let element = self.element(cell);
        let has_value = element != ABSENT && !na.is_na(&self.values, element as usize);
        has_value.then_some(element as usize)
    }

    fn keeps_row(&self, na: Na, cell: usize) -> bool {
        let element = self.element(cell);
        element != ABSENT && na.keeps_row(&self.values, element as usize)
    }
}

/// Makes rows of the box `block`; `values` has those of each input of the plan, in the order of its dimensions.
pub(super) fn rows(plan: &Plan, block: &[Range<u64>], values: &[Block], max_rows: u64) -> Rows {
    match plan.layout {
        Layout::Long => long_rows(plan, block, values, max_rows),
        Layout::Wide => wide_rows(plan, block, values, max_rows),
    }
}

fn long_rows(plan: &Plan, block: &[Range<u64>], values: &[Block], max_rows: u64) -> Rows {
    let shape: Vec<usize> = block
        .iter()
        .map(|range| at(range.end - range.start))
        .collect();
    let n_box: usize = shape.iter().product();
    // Inputs over the same axes share their index.
    let mut all: Vec<(&[usize], Arc<[u32]>)> = Vec::new();
    for input in &plan.inputs {
        if !all.iter().any(|(axes, _)| *axes == input.axes) {
            all.push((&input.axes, offsets(&shape, &strides(input, &shape))));
        }
    }
    let index_of = |input: &Input, from: &[(&[usize], Arc<[u32]>)]| {
        let found = from
            .iter()
            .find(|(axes, _)| *axes == input.axes)
            .expect("one is made for every input");
        Arc::clone(&found.1)
    };
    let mut kept: Option<Vec<u32>> = None;
    if !plan.deciding.is_empty() {
        let mut keeps = vec![false; n_box];
        for &input_idx in &plan.deciding {
            let (input, values) = (&plan.inputs[input_idx], &values[input_idx]);
            for (keeps, &element) in keeps.iter_mut().zip(index_of(input, &all).iter()) {
                *keeps = *keeps || values.keeps_row(input.na, element as usize);
            }
        }
        if keeps.contains(&false) {
            kept = Some(
                (0_u32..)
                    .zip(keeps)
                    .filter_map(|(row, keeps)| keeps.then_some(row))
                    .collect(),
            );
        }
    }
    let n_kept = kept.as_ref().map_or(n_box, Vec::len);
    let n_rows = at(max_rows.min(n_kept as u64));
    let cut_after = (n_rows < n_kept && n_rows > 0).then(|| {
        let last = kept
            .as_ref()
            .map_or(n_rows - 1, |kept| kept[n_rows - 1] as usize);
        position(block, &shape, last)
    });
    if kept.is_some() || n_rows < n_box {
        for (_, index) in &mut all {
            *index = match &kept {
                Some(kept) => kept[..n_rows]
                    .iter()
                    .map(|&row| index[row as usize])
                    .collect(),
                None => index[..n_rows].into(),
            };
        }
    }
    let cells = plan.columns.iter().map(|column| {
        let (block, index) = (
            &values[column.input],
            index_of(&plan.inputs[column.input], &all),
        );
        let index = match &block.places {
            Some(places) => index.iter().map(|&cell| places[cell as usize]).collect(),
            None => index,
        };
        Cells {
            values: Arc::clone(&block.values),
            index,
        }
    });
    Rows {
        n: n_rows,
        cells: cells.collect(),
        cut_after,
    }
}

fn wide_rows(plan: &Plan, block: &[Range<u64>], values: &[Block], max_rows: u64) -> Rows {
    let shape: Vec<usize> = block
        .iter()
        .map(|range| at(range.end - range.start))
        .collect();
    // Where each column starts in its input, and how far its rows are apart.
    let places: Vec<(usize, usize)> = plan
        .columns
        .iter()
        .map(|column| {
            let input = &plan.inputs[column.input];
            let strides = own_strides(input, &shape);
            let start = strides
                .iter()
                .zip(&column.at)
                .map(|(stride, &position)| stride * at(position))
                .sum();
            let along = input
                .axes
                .iter()
                .position(|&axis| axis == 0)
                .map_or(0, |own| strides[own]);
            (start, along)
        })
        .collect();
    // Cells that are the same in every row do not decide.
    let deciding: Vec<_> = plan
        .columns
        .iter()
        .zip(&places)
        .filter(|(column, (_, along))| *along > 0 && plan.deciding.contains(&column.input))
        .map(|(column, &place)| (plan.inputs[column.input].na, &values[column.input], place))
        .collect();
    let keeps = |row: usize| {
        deciding.is_empty()
            || deciding
                .iter()
                .any(|(na, block, (start, along))| block.keeps_row(*na, start + row * along))
    };
    let mut kept: Vec<usize> = (0..shape[0]).filter(|&row| keeps(row)).collect();
    let cut_after = (kept.len() as u64 > max_rows).then(|| {
        kept.truncate(at(max_rows));
        let mut last: Vec<u64> = block.iter().map(|range| range.end - 1).collect();
        last[0] = block[0].start + kept.last().map_or(0, |&row| row as u64);
        last
    });
    let cells = plan
        .columns
        .iter()
        .zip(places)
        .map(|(column, (start, along))| {
            let block = &values[column.input];
            Cells {
                values: Arc::clone(&block.values),
                index: kept
                    .iter()
                    .map(|row| block.element(start + row * along))
                    .collect(),
            }
        });
    Rows {
        n: kept.len(),
        cells: cells.collect(),
        cut_after,
    }
}

/// How far apart neighbours along each of the input's own dimensions are in its values.
fn own_strides(input: &Input, shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; input.axes.len()];
    for own in (1..input.axes.len()).rev() {
        strides[own - 1] = strides[own] * shape[input.axes[own]];
    }
    strides
}

/// The same along each axis of the rows; 0 where the input does not change.
fn strides(input: &Input, shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; shape.len()];
    for (&axis, stride) in input.axes.iter().zip(own_strides(input, shape)) {
        strides[axis] = stride;
    }
    strides
}

/// For every row of a box, in order, which element an input with these strides has there.
fn offsets(shape: &[usize], strides: &[usize]) -> Arc<[u32]> {
    let mut offsets = vec![0_u32];
    for (&n, &stride) in shape.iter().zip(strides) {
        if n == 1 {
            continue;
        }
        let mut more = Vec::with_capacity(offsets.len() * n);
        for offset in offsets {
            more.extend((0..n).map(|i| offset + narrow(i * stride)));
        }
        offsets = more;
    }
    offsets.into()
}

fn narrow(element: usize) -> u32 {
    u32::try_from(element).expect("a block has fewer cells than 2^32")
}

/// Where a row of a box stands along the axes.
fn position(block: &[Range<u64>], shape: &[usize], row: usize) -> Vec<u64> {
    let mut rest = row;
    let mut position = vec![0; shape.len()];
    for axis in (0..shape.len()).rev() {
        position[axis] = block[axis].start + (rest % shape[axis]) as u64;
        rest /= shape[axis];
    }
    position
}
