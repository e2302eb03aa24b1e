//! Rows where few chunks are: found from the cells of these chunks, however many cells there are between them; and rows of
//! which few cells are asked for: found from these.

use std::ops::Range;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};
use zarr_fuse_arrays::values::{Values, n_bytes_of};
use zarr_fuse_fusion::node::{Chunk, Chunks, NodeView, ReadError};
use zarr_fuse_store::blocking;

use super::blocks::after;
use super::bounds::Bounds;
use super::elements::Na;
use super::elements::at;
use super::error::{QueryError, unreadable};
use super::picked::Picked;
use super::plan::{Axis, Input, Plan, Source};
use super::points::strides;
use super::room::Share;
use super::rows::{Cells, Rows};
use super::selection::Layout;

/// Most chunks that rows are looked for in at once.
const MAX_CHUNKS: u64 = 64;
/// A region is nearly empty if fewer of its cells than one in so many lie in a chunk.
const NEARLY: u64 = 4;
/// Chunks looked into at once.
const CONCURRENT: usize = 2;

/// Some rows, and where the next ones are.
pub(super) struct Found {
    pub(super) rows: Rows,
    /// Position of the last one.
    pub(super) last: Option<Vec<u64>>,
    /// Position from which others may follow.
    pub(super) next: Option<Vec<u64>>,
    pub(super) share: Share,
}

/// A variable that decides which rows there are.
#[derive(Clone)]
struct Deciding {
    input: usize,
    chunks: Chunks,
}

/// At most `max_rows` rows from position `start` on, if what follows is nearly empty; else `None`, also if values have moved
/// so that it is no longer known which chunks there are.
///
/// # Errors
/// What reading gives.
pub(super) async fn rows(
    view: &NodeView,
    plan: &Arc<Plan>,
    bounds: &Bounds,
    start: &[u64],
    max_rows: u64,
) -> Result<Option<Found>, QueryError> {
    match find(view, plan, bounds, start, max_rows).await {
        Err(QueryError::Read { source, .. }) if matches!(*source, ReadError::Moved) => Ok(None),
        found => found,
    }
}

async fn find(
    view: &NodeView,
    plan: &Arc<Plan>,
    bounds: &Bounds,
    start: &[u64],
    max_rows: u64,
) -> Result<Option<Found>, QueryError> {
    if plan.layout != Layout::Long || plan.deciding.is_empty() {
        return Ok(None);
    }
    if plan.inputs.iter().any(is_points) {
        return of_points(view, plan, bounds, start, max_rows).await;
    }
    let Some(deciding) = deciding(view, plan).await? else {
        return Ok(None);
    };
    let region = region(plan, &deciding, start);
    let lengths: Vec<u64> = region.iter().map(|range| range.end - range.start).collect();
    let n_rows = lengths.iter().try_fold(1_u64, |n, m| n.checked_mul(*m));
    let n_cells = deciding.iter().map(|of| {
        let chunk_len: u64 = of.chunks.shape().iter().product();
        count(plan, of, &region).saturating_mul(chunk_len)
    });
    let n_cells = n_cells.fold(0, u64::saturating_add);
    let Some(n_rows) = n_rows.filter(|n_rows| n_cells.saturating_mul(NEARLY) <= *n_rows) else {
        return Ok(None);
    };
    if n_cells == 0 {
        let nothing = of_ranks(view, plan, &region, &[], 0, Share::default());
        return nothing.await.map(Some);
    }
    let max_rows = max_rows.max(1).min(n_rows);
    let chunk_bytes = deciding.iter().map(|of| of.chunks.bytes_at_once());
    let beside = chunk_bytes.max().unwrap_or_default();
    let held = max_rows.saturating_mul(row_bytes(view, plan));
    let share = bounds
        .room
        .take(held.saturating_add(beside), "what is read at once");
    let share = share.await?;
    let ranks = ranks(view, plan, &deciding, &region, start, at(max_rows)).await?;
    let found = of_ranks(view, plan, &region, &ranks, at(max_rows), share);
    found.await.map(Some)
}

/// The first `max_rows` of the rows with these ranks, which are those of a region from some position on.
async fn of_ranks(
    view: &NodeView,
    plan: &Plan,
    region: &[Range<u64>],
    ranks: &[u64],
    max_rows: usize,
    mut share: Share,
) -> Result<Found, QueryError> {
    let is_cut = ranks.len() > max_rows;
    let ranks = &ranks[..ranks.len().min(max_rows)];
    let lengths: Vec<u64> = region.iter().map(|range| range.end - range.start).collect();
    let strides = strides(&lengths);
    let along = |axis: usize| {
        let position = |rank: &u64| region[axis].start + rank / strides[axis] % lengths[axis];
        ranks.iter().map(position).collect()
    };
    let positions: Vec<Vec<u64>> = (0..plan.axes.len()).map(along).collect();
    let of_row = |row: usize| -> Vec<u64> { positions.iter().map(|along| along[row]).collect() };
    let last = ranks.len().checked_sub(1).map(of_row);
    let mut rows = made(view, plan, &positions, ranks.len()).await?;
    if is_cut {
        rows.cut_after.clone_from(&last);
    }
    share.keep((ranks.len() as u64).saturating_mul(row_bytes(view, plan)));
    Ok(Found {
        rows,
        next: match (&last, is_cut) {
            (Some(last), true) => super::blocks::next(&plan.axes, last),
            _ => after(&plan.axes, region),
        },
        last,
        share,
    })
}

fn is_points(input: &Input) -> bool {
    matches!(input.source, Source::Points(_))
}

/// At most `max_rows` rows from position `start` on where only points decide, if each of them lies along all axes.
async fn of_points(
    view: &NodeView,
    plan: &Plan,
    bounds: &Bounds,
    start: &[u64],
    max_rows: u64,
) -> Result<Option<Found>, QueryError> {
    let mut points = Vec::with_capacity(plan.inputs.len());
    for (input_idx, input) in plan.inputs.iter().enumerate() {
        match &input.source {
            Source::Points(found) if input.axes.len() == plan.axes.len() => points.push(found),
            Source::Points(_) => return Ok(None),
            _ if plan.deciding.contains(&input_idx) => return Ok(None),
            _ => {}
        }
    }
    let lengths: Vec<u64> = plan.axes.iter().map(|axis| axis.picked.len()).collect();
    let n_rows = lengths.iter().try_fold(1_u64, |n, m| n.checked_mul(*m));
    let Some(n_rows) = n_rows else {
        return Ok(None);
    };
    let strides = strides(&lengths);
    let along = start.iter().zip(&strides);
    let first: u64 = along.map(|(position, stride)| position * stride).sum();
    let max_rows = max_rows.max(1).min(n_rows);
    let held = max_rows.saturating_mul(row_bytes(view, plan));
    let share = bounds.room.take(held, "what is read at once").await?;
    let most = at(max_rows).saturating_add(1);
    let mut ranks: Vec<u64> = Vec::new();
    for of in points {
        ranks.extend(of.ranks_from(first).iter().take(most));
    }
    smallest(&mut ranks, most);
    let all: Vec<Range<u64>> = lengths.iter().map(|&n| 0..n).collect();
    let found = of_ranks(view, plan, &all, &ranks, at(max_rows), share);
    found.await.map(Some)
}

/// The variables that decide, if each of them lies along all axes and it is known which chunks it has.
async fn deciding(view: &NodeView, plan: &Plan) -> Result<Option<Vec<Deciding>>, QueryError> {
    let mut found = Vec::with_capacity(plan.deciding.len());
    for &input_idx in &plan.deciding {
        let input = &plan.inputs[input_idx];
        let is_full = input.axes.len() == plan.axes.len();
        let variable = view.schema().variables.get(&input.variable);
        let is_value = |variable| stored_na(input).keeps_unwritten(variable);
        if !is_full || !matches!(input.source, Source::Array) || variable.is_none_or(is_value) {
            return Ok(None);
        }
        let chunks = view.chunks_of(&input.variable, false).await;
        let chunks = chunks.map_err(|error| unreadable(&input.variable, error))?;
        let Some(chunks) = chunks else {
            return Ok(None);
        };
        found.push(Deciding {
            input: input_idx,
            chunks,
        });
    }
    Ok(Some(found))
}

/// The chunks of a variable that a region lies between.
fn of_box(plan: &Plan, of: &Deciding, region: &[Range<u64>]) -> Vec<Range<u64>> {
    let axes = plan.inputs[of.input].axes.iter();
    let along = |(&axis, chunk_len): (&usize, &u64)| {
        let (picked, range) = (&plan.axes[axis].picked, &region[axis]);
        picked.get(range.start) / chunk_len..picked.get(range.end - 1) / chunk_len + 1
    };
    axes.zip(of.chunks.shape()).map(along).collect()
}

/// How many chunks a variable has in a region, up to a few more than are looked into at once.
fn count(plan: &Plan, of: &Deciding, region: &[Range<u64>]) -> u64 {
    of.chunks
        .present
        .count(&of_box(plan, of, region), MAX_CHUNKS + 1)
}

/// The largest box of rows in row order that holds `start` and what follows, with few chunks.
fn region(plan: &Plan, deciding: &[Deciding], start: &[u64]) -> Vec<Range<u64>> {
    let is_small = |region: &[Range<u64>]| {
        let n_chunks = deciding.iter().map(|of| count(plan, of, region));
        n_chunks.sum::<u64>() <= MAX_CHUNKS
    };
    let mut region: Vec<Range<u64>> = start
        .iter()
        .map(|&position| position..position + 1)
        .collect();
    for (axis_idx, axis) in plan.axes.iter().enumerate().rev() {
        let with = |region: &[Range<u64>], range: Range<u64>| {
            let mut region = region.to_vec();
            region[axis_idx] = range;
            region
        };
        let (from, n) = (start[axis_idx], axis.picked.len());
        let whole = with(&region, from..n);
        if is_small(&whole) {
            region = whole;
            // What comes before the start in the box is left out, row by row.
            if axis_idx > 0 {
                region[axis_idx] = 0..n;
                if !is_small(&region) {
                    region[axis_idx] = from..n;
                    break;
                }
            }
            continue;
        }
        let mut ends = ends(axis, deciding, plan, axis_idx, from);
        ends.retain(|end| *end < n);
        let fit = ends.partition_point(|&end| is_small(&with(&region, from..end)));
        if let Some(place) = fit.checked_sub(1) {
            region[axis_idx] = from..ends[place];
        }
        break;
    }
    region
}

/// Positions along an axis after which other chunks begin; at most some thousands.
fn ends(axis: &Axis, deciding: &[Deciding], plan: &Plan, axis_idx: usize, from: u64) -> Vec<u64> {
    const MAX: usize = 4096;
    let chunk_len = deciding.iter().filter_map(|of| {
        let mut dimensions = plan.inputs[of.input].axes.iter();
        let dimension = dimensions.position(|along| *along == axis_idx)?;
        Some(of.chunks.shape()[dimension])
    });
    let chunk_len = chunk_len.max().unwrap_or(1);
    let mut ends = Vec::new();
    let mut position = from;
    while position < axis.picked.len() && ends.len() < MAX {
        let chunk = axis.picked.get(position) / chunk_len;
        position = axis.picked.position_of((chunk + 1) * chunk_len);
        ends.push(position);
    }
    ends
}

/// Where rows with a value are among those of a region, ascending, from `start` on; one more than `max` if there are more.
async fn ranks(
    view: &NodeView,
    plan: &Arc<Plan>,
    deciding: &[Deciding],
    region: &[Range<u64>],
    start: &[u64],
    max: usize,
) -> Result<Vec<u64>, QueryError> {
    let lengths: Vec<u64> = region.iter().map(|range| range.end - range.start).collect();
    let strides = strides(&lengths);
    let first = start.iter().zip(region).zip(&strides);
    let first: u64 = first
        .map(|((start, range), stride)| (start - range.start) * stride)
        .sum();
    let mut found: Vec<u64> = Vec::new();
    for of in deciding {
        let variable = &plan.inputs[of.input].variable;
        let of_box = of_box(plan, of, region);
        let chunks: Vec<Vec<u64>> = of.chunks.present.chunks(&of_box).collect();
        let look = |place: Vec<u64>| {
            let (plan, of) = (Arc::clone(plan), of.clone());
            let (region, strides) = (region.to_vec(), strides.clone());
            async move {
                let Some(chunk) = view.chunk(&of.chunks, &place).await? else {
                    return Ok(Vec::new());
                };
                let look = move || in_chunk(&plan, &of, &chunk, &place, (&region, &strides));
                Ok::<_, ReadError>(blocking(look).await)
            }
        };
        let mut looked = futures::stream::iter(chunks)
            .map(look)
            .buffer_unordered(CONCURRENT);
        loop {
            let next = looked.try_next().await;
            let Some(ranks) = next.map_err(|error| unreadable(variable, error))? else {
                break;
            };
            found.extend(ranks.into_iter().filter(|rank| *rank >= first));
            if found.len() > 4 * (max + 1) {
                smallest(&mut found, max + 1);
            }
        }
    }
    smallest(&mut found, max + 1);
    Ok(found)
}

/// Leaves the smallest `n`, each once, in order.
fn smallest(ranks: &mut Vec<u64>, n: usize) {
    ranks.sort_unstable();
    ranks.dedup();
    ranks.truncate(n);
}

/// Where the rows are for which a chunk has a value.
fn in_chunk(
    plan: &Plan,
    of: &Deciding,
    chunk: &Chunk,
    place: &[u64],
    (region, strides): (&[Range<u64>], &[u64]),
) -> Vec<u64> {
    let input = &plan.inputs[of.input];
    let na = stored_na(input);
    let shape = of.chunks.shape();
    // Per dimension of the chunk and position in it, what it adds to the rank of a row of the region.
    let along = |(dimension, &axis): (usize, &usize)| {
        let first = place[dimension] * shape[dimension];
        let cells = first..first + shape[dimension];
        let (picked, range) = (&plan.axes[axis].picked, &region[axis]);
        let of_index = |index: u64| {
            let position = position(picked, index).filter(|position| range.contains(position))?;
            Some((position - range.start) * strides[axis])
        };
        cells.map(of_index).collect()
    };
    let dimensions: Vec<Vec<Option<u64>>> = input.axes.iter().enumerate().map(along).collect();
    let rank = |cell: usize| {
        let mut rest = cell;
        let mut rank = 0;
        for along in dimensions.iter().rev() {
            rank += along[rest % along.len()]?;
            rest /= along.len();
        }
        Some(rank)
    };
    let values = chunk.values();
    let with_value = chunk
        .cells()
        .filter(|(_, element)| na.keeps_row(values, *element));
    with_value.filter_map(|(cell, _)| rank(cell)).collect()
}

/// Where an index is among those selected.
fn position(picked: &Picked, index: u64) -> Option<u64> {
    let position = picked.position_of(index);
    (position < picked.len() && picked.get(position) == index).then_some(position)
}

fn stored_na(input: &Input) -> Na {
    input.conversion.map_or(input.na, |(stored, _)| stored)
}

/// Rows at these positions along each axis.
async fn made(
    view: &NodeView,
    plan: &Plan,
    positions: &[Vec<u64>],
    n: usize,
) -> Result<Rows, QueryError> {
    let index: Arc<[u32]> = (0_u32..).take(n).collect();
    let mut inputs = Vec::with_capacity(plan.inputs.len());
    let mut indices_of = vec![Arc::clone(&index); plan.inputs.len()];
    for (input_idx, input) in plan.inputs.iter().enumerate() {
        let indices = |&axis: &usize| {
            let positions = positions[axis].iter();
            positions.map(move |&position| plan.axes[axis].picked.get(position))
        };
        let values = match &input.source {
            Source::Array => {
                let indices: Vec<Vec<u64>> = input
                    .axes
                    .iter()
                    .map(|axis| indices(axis).collect())
                    .collect();
                let read = view.read_points(&input.variable, &indices, n).await;
                input.converted(read.map_err(|error| unreadable(&input.variable, error))?)
            }
            Source::Coordinate => {
                let values = view.coordinate(&input.variable);
                let values = values.map(|values| values.take(indices(&input.axes[0]).map(at)));
                input.converted(values.unwrap_or_else(|| Values::Bool(Vec::new())))
            }
            Source::Known(known) => {
                let axes = &input.axes;
                let lengths: Vec<u64> = axes.iter().map(|&i| plan.axes[i].picked.len()).collect();
                let strides = strides(&lengths);
                let element = |row: usize| {
                    let along = axes.iter().zip(&strides);
                    at(along
                        .map(|(&axis, stride)| positions[axis][row] * stride)
                        .sum())
                };
                known.take((0..n).map(element))
            }
            Source::Points(points) => {
                let lengths = plan.axes.iter().map(|axis| axis.picked.len());
                let strides = strides(&lengths.collect::<Vec<u64>>());
                let along =
                    |row: usize| positions.iter().map(move |along| along[row]).zip(&strides);
                let rank = |row| along(row).map(|(position, stride)| position * stride).sum();
                let ranks: Vec<u64> = (0..n).map(rank).collect();
                let (values, places) = points.at_ranks(&ranks);
                indices_of[input_idx] = places;
                values
            }
        };
        inputs.push(Arc::new(values));
    }
    let cells = plan.columns.iter().map(|column| Cells {
        values: Arc::clone(&inputs[column.input]),
        index: Arc::clone(&indices_of[column.input]),
    });
    Ok(Rows {
        n,
        cells: cells.collect(),
        cut_after: None,
    })
}

/// What a row takes while it is found and written.
fn row_bytes(view: &NodeView, plan: &Plan) -> u64 {
    let schema = view.schema();
    let of_input = |input: &Input| {
        let variable = schema.variables.get(&input.variable);
        let coordinate = || Some(&schema.coordinates.get(&input.variable)?.variable);
        let variable = variable.or_else(coordinate);
        8 + variable.map_or(8, |variable| n_bytes_of(variable.data_type).max(8))
    };
    let inputs: u64 = plan.inputs.iter().map(of_input).sum();
    inputs + 16 * plan.axes.len() as u64 + 40
}
