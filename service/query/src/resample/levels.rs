//! Where intervals can be made of cells of coarser levels.

use std::ops::Range;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::{
    node::{Indices, LevelView, NodeView},
    pyramid::Part,
};
use zarr_fuse_schemas::{Aggregate as Kept, DataType};

use super::super::error::QueryError;
use super::super::picked::Picked;
use super::super::pieces::{self, Piece};
use super::super::plan::{Axis, Input, Plan};
use super::super::room::{Room, Share};
use super::{Aggregate, Block};

/// The levels that tell what `aggregate` needs of an input along the axis, finest first.
///
/// Of 64-bit integers the extremes are compared as the query compares them, as floats, which levels do not.
pub(super) fn of(
    view: &NodeView,
    plan: &Plan,
    input: &Input,
    axis_idx: usize,
    aggregate: Aggregate,
) -> Vec<LevelView> {
    let variable = view.schema().variables.get(&input.variable);
    let Some(variable) = variable else {
        return Vec::new();
    };
    let is_unfit = aggregate == Aggregate::Mean
        && variable.turn.is_some()
        && view.schema().level_turn(variable).is_none();
    if is_unfit {
        // These levels were begun when directions were averaged as numbers.
        return Vec::new();
    }
    let is_wide = matches!(variable.data_type, DataType::Int64 | DataType::UInt64);
    let needs = match aggregate {
        Aggregate::Count => Kept::Count,
        Aggregate::Mean | Aggregate::Sum => Kept::Mean,
        Aggregate::Min if !is_wide => Kept::Min,
        Aggregate::Max if !is_wide => Kept::Max,
        _ => return Vec::new(),
    };
    let axis = &plan.axes[axis_idx];
    if matches!(axis.picked, Picked::Range(_)) {
        view.levels_of(&variable.name, &axis.name, &[needs])
    } else {
        Vec::new()
    }
}

/// Cuts the selected rows into what is read from where, in order: from the coarsest level whose cells end where intervals
/// do, or, if intervals are long, each from as coarse levels as it takes; else from the values.
pub(super) fn pieces(axis: &Axis, intervals: &[Range<u64>], levels: &[LevelView]) -> Vec<Piece> {
    let n = axis.picked.len();
    let Picked::Range(picked) = &axis.picked else {
        return pieces::pieces(0..n, &[]);
    };
    // Levels count from the beginning of the coordinate, rows from that of the selection.
    let offset = picked.start;
    let ends = intervals
        .iter()
        .skip(1)
        .map(|interval| interval.start + offset);
    let common = ends.fold(0, gcd);
    let fits = |level: &LevelView| common.is_multiple_of(level.n_positions);
    let is_long = n / (intervals.len().max(1) as u64) >= 4 * axis.chunk_size;
    let found = match levels.iter().rposition(fits) {
        Some(level) => {
            let mut found = pieces::pieces(picked.clone(), &levels[level..=level]);
            for piece in &mut found {
                piece.level = piece.level.map(|_| level);
            }
            found
        }
        None if is_long => {
            let absolute = intervals
                .iter()
                .map(|of| of.start + offset..of.end + offset);
            absolute
                .flat_map(|interval| pieces::pieces(interval, levels))
                .collect()
        }
        None => pieces::pieces(picked.clone(), &[]),
    };
    let of_rows = |piece: Piece| Piece {
        positions: piece.positions.start - offset..piece.positions.end - offset,
        ..piece
    };
    found.into_iter().map(of_rows).collect()
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The cells of a level that stand for `rows` of the selection.
pub(super) fn cells(picked: &Picked, rows: Range<u64>, step: u64) -> Indices {
    let offset = match picked {
        Picked::Range(range) => range.start,
        Picked::Ranges(_) | Picked::List(_) => 0,
    };
    Indices::Range((rows.start + offset) / step..(rows.end + offset) / step)
}

/// Reads what cells of a level tell, in the unit asked for, and the room it takes.
///
/// # Errors
/// [`QueryError`] if they cannot be read.
pub(super) async fn read(
    view: &NodeView,
    room: &Room,
    (input, level): (&Input, usize),
    aggregate: Aggregate,
    indices: &[Indices],
) -> Result<(Block, Vec<Share>), QueryError> {
    let mut shares = Vec::new();
    let mut read = async |part: Part| {
        let read = room.read_level(view, level, (&input.variable, part), indices);
        let Some((values, share)) = read.await? else {
            return Ok::<_, QueryError>(Values::UInt32(Vec::new()));
        };
        shares.push(share);
        Ok(values)
    };
    let Values::UInt32(counts) = read(Part::Count).await? else {
        return Ok((Block::Cells(Values::UInt32(Vec::new()), Vec::new()), shares));
    };
    let values = match aggregate {
        Aggregate::Min => input.converted(read(Part::Min).await?),
        Aggregate::Max => input.converted(read(Part::Max).await?),
        Aggregate::Mean | Aggregate::Sum => {
            let means = read(Part::Mean).await?;
            let means = match input.conversion {
                Some((_, conversion)) => {
                    super::super::elements::convert(&means, super::Na::Float(f64::NAN), conversion)
                }
                None => means,
            };
            if super::turn(view.schema(), input).is_some() {
                let lengths = read(Part::MeanLength).await?;
                return Ok((Block::Directions(means, counts, lengths), shares));
            }
            means
        }
        _ => Values::UInt32(counts.clone()),
    };
    Ok((Block::Cells(values, counts), shares))
}
