//! Values per interval of time: buckets of a calendar, and one number for what lies in each.

mod kept;
mod levels;

use std::ops::Range;
use std::sync::Arc;

use super::aggregate::Aggregate;
use super::bounds::Bounds;
use super::elements::Na;
use super::elements::at;
use super::error::QueryError;
use super::format::{Field, Kind};
use super::picked::Picked;
use super::plan::{Column, Input, Plan, Source};
use super::selection::Layout;
use super::step::{self, Step};
use super::thin::Series;
use super::time::TimeText;

use kept::Kept;
use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::node::NodeView;
use zarr_fuse_schemas::{DataType, Measure, Node, Zone};
use zarr_fuse_store::blocking;

/// The coordinate among `names` along which times lie.
pub(super) fn time_coordinate<'a>(
    schema: &Node,
    mut names: impl Iterator<Item = &'a String>,
) -> Option<&'a String> {
    names.find(|name| {
        let coordinate = schema.coordinates.get(*name);
        coordinate.is_some_and(|c| matches!(c.variable.measure, Measure::Time { .. }))
    })
}

/// What is kept of an interval: how many values there were, their sum (of directions, that of their vectors) and the one
/// chosen, and the result.
const KEPT_BYTES: u64 = 40;

/// Replaces the rows of `plan` by buckets: everything that lies along time is read, block by block, and kept per bucket.
///
/// # Errors
/// [`QueryError::DoesNotFit`] if there is no time, an aggregate means nothing for a variable, or the buckets are too many.
pub(super) async fn resample(
    view: &NodeView,
    mut plan: Plan,
    (step, aggregate, zone): (Step, Aggregate, Option<Zone>),
    is_default: bool,
    bounds: &Bounds,
) -> Result<Plan, QueryError> {
    let schema = view.schema();
    let names: Vec<String> = plan.axes.iter().map(|axis| axis.name.clone()).collect();
    let Some(time) = time_coordinate(schema, names.iter()) else {
        let reason = "`resample` needs a time coordinate, and none of the variables lies along one; leave it out";
        return Err(QueryError::DoesNotFit {
            reason: reason.to_owned(),
        });
    };
    let axis_idx = names
        .iter()
        .position(|name| name == time)
        .unwrap_or_default();
    if plan.layout == Layout::Wide && axis_idx > 0 {
        return Err(QueryError::DoesNotFit {
            reason: format!(
                "`layout=wide` with `resample` needs `{time}` to be the first coordinate; use `layout=long`"
            ),
        });
    }
    let buckets = buckets(view, &plan, axis_idx, (step, zone), bounds).await?;
    drop_unsuitable(&mut plan, schema, aggregate, axis_idx, is_default)?;
    let n_others = |input: &Input| {
        let others = input.axes.iter().filter(|axis| **axis != axis_idx);
        others.fold(1_u64, |n, axis| {
            n.saturating_mul(plan.axes[*axis].picked.len())
        })
    };
    let n_buckets = buckets.starts.len() as u64;
    let n_cells = plan
        .inputs
        .iter()
        .map(|input| n_others(input).saturating_mul(n_buckets));
    let n_cells = n_cells.fold(0, u64::saturating_add);
    if n_cells > bounds.max_buckets {
        return Err(too_many(bounds.max_buckets));
    }
    let what = "what `resample` keeps of each interval";
    let share = bounds.room.take(n_cells.saturating_mul(KEPT_BYTES), what);
    let mut share = share.await?;
    let mut inputs = Vec::with_capacity(plan.inputs.len());
    for (input_idx, input) in plan.inputs.iter().enumerate() {
        let is_time = !matches!(input.source, Source::Array) && input.axes == [axis_idx];
        if is_time {
            inputs.push(labels(input, &buckets));
        } else if input.axes.contains(&axis_idx) {
            let kept = reduce(
                view, &plan, input_idx, axis_idx, &buckets, aggregate, bounds,
            )
            .await?;
            inputs.push(kept);
        } else {
            inputs.push(input.clone());
        }
    }
    let is_reduced =
        |input: &Input| matches!(input.source, Source::Known(_)) && input.axes.contains(&axis_idx);
    for column in &mut plan.columns {
        let was = &plan.inputs[column.input];
        if plan.axes[axis_idx].name == was.variable
            && let Kind::Time(text) = column.field.kind
        {
            let tick = step::label_tick(text.tick);
            column.field = Arc::new(Field {
                kind: Kind::Time(TimeText { tick, ..text }),
                ..Field::clone(&column.field)
            });
        } else if is_reduced(&inputs[column.input]) && matches!(was.source, Source::Array) {
            column.field = Arc::new(field(&column.field, aggregate, &inputs[column.input]));
        }
    }
    share.keep(n_cells.saturating_mul(8));
    plan.shares.push(share);
    plan.inputs = inputs;
    plan.axes[axis_idx].picked = Picked::Range(0..n_buckets);
    plan.axes[axis_idx].chunk_size = n_buckets.max(1);
    Ok(plan)
}

/// Consecutive rows of the time axis, by bucket.
struct Buckets {
    /// When they begin, in ticks of [`step::label_tick`].
    starts: Vec<i64>,
    /// Positions along the axis; ascending, for the coordinate ascends.
    positions: Vec<Range<u64>>,
}

/// More times than this are put into intervals on the blocking pool.
const MAX_INLINE: u64 = 20_000;

async fn buckets(
    view: &NodeView,
    plan: &Plan,
    axis_idx: usize,
    (step, zone): (Step, Option<Zone>),
    bounds: &Bounds,
) -> Result<Buckets, QueryError> {
    let axis = &plan.axes[axis_idx];
    let coordinate = &view.schema().coordinates[&axis.name];
    let Measure::Time { unit, .. } = &coordinate.variable.measure else {
        return Err(unsorted(&axis.name));
    };
    let values = view.coordinate_index(&axis.name);
    let values = values.filter(|_| coordinate.sorted);
    let Some(values) = values.map(|index| Arc::clone(index.values())) else {
        return Err(unsorted(&axis.name));
    };
    let (zone, tick) = (zone.unwrap_or(unit.zone), unit.tick);
    let picked = axis.picked.clone();
    let (n, max_buckets) = (picked.len(), bounds.max_buckets);
    let name = axis.name.clone();
    let keep_empty = plan.deciding.is_empty();
    let make = move || {
        let Values::Int64(ticks) = values.as_ref() else {
            return Err(unsorted(&name));
        };
        let mut buckets = Buckets {
            starts: Vec::new(),
            positions: Vec::new(),
        };
        let mut end = i64::MIN;
        for position in 0..picked.len() {
            let time = ticks[at(picked.get(position))];
            if time < end
                && let Some(last) = buckets.positions.last_mut()
            {
                last.end = position + 1;
                continue;
            }
            let mut bucket = step.bucket(time, tick, zone);
            // Those between two values, so that a line is not drawn over a gap.
            if keep_empty && !buckets.starts.is_empty() {
                loop {
                    let empty = step.bucket(end, tick, zone);
                    if empty.start >= bucket.start || empty.end <= end {
                        break;
                    }
                    end = empty.end;
                    buckets.starts.push(empty.start);
                    buckets.positions.push(position..position);
                    if buckets.starts.len() as u64 > max_buckets {
                        return Err(too_many(max_buckets));
                    }
                }
            }
            bucket.end = bucket.end.max(end);
            end = bucket.end;
            buckets.starts.push(bucket.start);
            buckets.positions.push(position..position + 1);
            if buckets.starts.len() as u64 > max_buckets {
                return Err(too_many(max_buckets));
            }
        }
        Ok(buckets)
    };
    if n <= MAX_INLINE {
        make()
    } else {
        blocking(make).await
    }
}

fn too_many(max_buckets: u64) -> QueryError {
    QueryError::DoesNotFit {
        reason: format!(
            "`resample` would make more than {max_buckets} values; take longer steps or select less"
        ),
    }
}

fn unsorted(name: &str) -> QueryError {
    QueryError::DoesNotFit {
        reason: format!("`resample` needs times that ascend; `{name}` is `sorted: false`"),
    }
}

/// Leaves out variables for which the aggregate means nothing, if nobody asked for them by name.
fn drop_unsuitable(
    plan: &mut Plan,
    schema: &Node,
    aggregate: Aggregate,
    axis_idx: usize,
    is_default: bool,
) -> Result<(), QueryError> {
    let bad = |input: &Input| {
        let variable = schema.variables.get(&input.variable);
        matches!(input.source, Source::Array)
            && input.axes.contains(&axis_idx)
            && variable.is_some_and(|variable| !aggregate.suits(variable))
    };
    let Some(first) = plan.inputs.iter().find(|input| bad(input)) else {
        return Ok(());
    };
    let good = plan
        .inputs
        .iter()
        .filter(|input| matches!(input.source, Source::Array) && !bad(input));
    if !is_default || good.count() == 0 {
        return Err(QueryError::DoesNotFit {
            reason: format!(
                "`agg` means nothing for `{}`; use `count`, `first` or `last` for it, or choose others with `var`",
                first.variable
            ),
        });
    }
    let kept: Vec<usize> = (0..plan.inputs.len())
        .filter(|&i| !bad(&plan.inputs[i]))
        .collect();
    let place = |old: usize| kept.iter().position(|&i| i == old);
    plan.columns = std::mem::take(&mut plan.columns)
        .into_iter()
        .filter_map(|column| {
            Some(Column {
                input: place(column.input)?,
                ..column
            })
        })
        .collect();
    plan.deciding = plan.deciding.iter().filter_map(|&old| place(old)).collect();
    plan.inputs = kept.iter().map(|&i| plan.inputs[i].clone()).collect();
    Ok(())
}

/// The times at which buckets begin.
fn labels(input: &Input, buckets: &Buckets) -> Input {
    Input {
        source: Source::Known(Values::Int64(buckets.starts.clone())),
        ..input.clone()
    }
}

/// The column of an aggregated variable.
fn field(field: &Field, aggregate: Aggregate, input: &Input) -> Field {
    let mut field = field.clone();
    match aggregate {
        Aggregate::Count => {
            field.kind = Kind::Plain;
            field.units = None;
            field.data_type = DataType::Int64;
            field.na = Na::Never;
        }
        Aggregate::Mean | Aggregate::Sum => {
            field.data_type = DataType::Float64;
            field.na = input.na;
        }
        _ => {}
    }
    field
}

/// One value per bucket and place along the other axes of an input.
async fn reduce(
    view: &NodeView,
    plan: &Plan,
    input_idx: usize,
    axis_idx: usize,
    buckets: &Buckets,
    aggregate: Aggregate,
    bounds: &Bounds,
) -> Result<Input, QueryError> {
    let input = &plan.inputs[input_idx];
    let series = Series::new(view, plan, input_idx, axis_idx, bounds).await?;
    let own = input
        .axes
        .iter()
        .position(|axis| *axis == axis_idx)
        .unwrap_or_default();
    let lengths: Vec<u64> = input
        .axes
        .iter()
        .map(|axis| plan.axes[*axis].picked.len())
        .collect();
    let n_before: u64 = lengths[..own].iter().product();
    let n_after: u64 = lengths[own + 1..].iter().product();
    let n_buckets = buckets.starts.len();
    let turn = turn(view.schema(), input);
    let mut kept = Kept::new(
        (aggregate, turn),
        absent(view.schema(), input, at(n_before) * n_buckets * at(n_after)),
    );
    let levels = levels::of(view, plan, input, axis_idx, aggregate);
    let pieces = levels::pieces(&plan.axes[axis_idx], &buckets.positions, &levels);
    for others in series.boxes() {
        // Where the series of the box are among all.
        let before = places(&others[..own], &lengths[..own]);
        let after = places(&others[own + 1..], &lengths[own + 1..]);
        let is_run = after.len() == at(n_after);
        let rows_at_once = series.rows_at_once(&others);
        let mut bucket = 0;
        for piece in &pieces {
            let step = piece.level.map_or(1, |level| levels[level].n_positions);
            let mut begin = piece.positions.start;
            while begin < piece.positions.end {
                let end = piece
                    .positions
                    .end
                    .min(begin + rows_at_once.saturating_mul(step));
                if piece.level.is_none() && series.is_absent(begin..end, &others) {
                    begin = end;
                    continue;
                }
                let indices = series.indices(&others, |picked| match piece.level {
                    Some(_) => levels::cells(picked, begin..end, step),
                    None => picked.indices(begin..end),
                });
                let (block, _share) = if let Some(level) = piece.level {
                    levels::read(view, &bounds.room, (input, level), aggregate, &indices).await?
                } else {
                    let read = bounds.room.read(view, &input.variable, &indices);
                    let (values, share) = read.await?;
                    (Block::Values(input.converted(values)), vec![share])
                };
                let n_read = at((end - begin) / step);
                for row in 0..n_read {
                    let position = begin + row as u64 * step;
                    while buckets.positions[bucket].end <= position {
                        bucket += 1;
                    }
                    for (i, before) in before.iter().enumerate() {
                        let from = (i * n_read + row) * after.len();
                        let to = (before * n_buckets + bucket) * at(n_after);
                        if is_run {
                            kept.take_of(&block, input.na, from..from + after.len(), to);
                            continue;
                        }
                        for (j, after) in after.iter().enumerate() {
                            kept.take_of(&block, input.na, from + j..from + j + 1, to + after);
                        }
                    }
                }
                begin = end;
                tokio::task::yield_now().await;
            }
        }
    }
    Ok(kept.finish(input))
}

/// Places in C order of the product of positions along dimensions of these lengths.
fn places(positions: &[Vec<u64>], lengths: &[u64]) -> Vec<usize> {
    let dimensions = positions.iter().zip(lengths);
    dimensions.fold(vec![0], |places, (positions, &length)| {
        let along = |place: usize| {
            let positions = positions.iter();
            positions.map(move |&position| place * at(length) + at(position))
        };
        places.into_iter().flat_map(along).collect()
    })
}

/// What is read at once.
pub(super) enum Block {
    /// Values of the variable.
    Values(Values),
    /// What cells of a coarser level tell, and of how many values.
    Cells(Values, Vec<u32>),
    /// Means of directions, of how many, and how long the mean vectors are.
    Directions(Values, Vec<u32>, Values),
}

/// The length of a full turn in the unit asked for, if an input is a direction.
fn turn(schema: &Node, input: &Input) -> Option<f64> {
    let turn = schema.variables.get(&input.variable)?.turn?;
    let conversion = input.conversion.map(|(_, conversion)| conversion);
    Some(conversion.map_or(turn, |conversion| turn * conversion.factor))
}

/// As many elements of an input that stand for no value.
fn absent(schema: &Node, input: &Input, n: usize) -> Values {
    match (schema.variables.get(&input.variable), input.conversion) {
        (Some(variable), None) => Values::filled(variable.data_type, variable.na.as_ref(), n),
        (Some(variable), Some(_)) if variable.data_type == DataType::Float32 => {
            Values::Float32(vec![f32::NAN; n])
        }
        _ => Values::Float64(vec![f64::NAN; n]),
    }
}
