//! Few values of each series: `max_points` keeps the extremes of buckets of positions, `latest` the newest values.
//!
//! A series is one variable at one tuple of the coordinates other than the axis, which is the first sorted time
//! coordinate of the rows, or else the first sorted number. What is kept are stored values at their own coordinates.
//!
//! # Buckets of `max_points=N`
//! A selection of no more than `N` positions is left as it is. Else a bucket has `B` positions and begins at a multiple of
//! `B`, counted from the first position of the whole coordinate; `B` is the smallest `j·f^k` with `1 ≤ j < f` for which
//! no more than `N / 2` buckets touch the selection, `f` being 8 or the factor of a `pyramid` along the axis. Of each bucket, cut to the selection, a series keeps its least and
//! its greatest value, the first one of equals.

mod extremes;
mod latest;
mod series;

use std::sync::Arc;

use zarr_fuse_fusion::node::NodeView;
use zarr_fuse_schemas::{DataType, Measure, Node, Variable};

use self::series::Kept;
pub(super) use self::series::Series;
use super::bounds::Bounds;
use super::error::QueryError;
use super::picked::Picked;
use super::plan::{Input, Plan, Source};
use super::points::Points;
use super::selection::{Layout, Thin};

/// Bucket lengths are `j` times a power of this, `j` being less.
const FACTOR: u64 = 8;

/// What a value that is kept takes: itself, its series and index, and once more while they are put in order.
const KEPT_BYTES: u64 = 48;

/// Leaves of the variables along the axis what `thin` keeps, and of the rows those with something kept.
///
/// # Errors
/// [`QueryError::DoesNotFit`] if there is no axis, a variable has no extremes, the selection has gaps, or too much is kept.
pub(super) async fn thin(
    view: &NodeView,
    mut plan: Plan,
    thin: Thin,
    keep_na: bool,
    bounds: &Bounds,
) -> Result<Plan, QueryError> {
    let schema = view.schema();
    let axis_idx = axis(&plan, schema, thin)?;
    let along: Vec<usize> = (0..plan.inputs.len())
        .filter(|&i| {
            let input = &plan.inputs[i];
            matches!(input.source, Source::Array) && input.axes.contains(&axis_idx)
        })
        .collect();
    let name = &plan.axes[axis_idx].name;
    if along.is_empty() {
        return Err(misfit(format!(
            "`{}` needs a variable along `{name}`; add one to `var`, or leave it out",
            thin.name()
        )));
    }
    if !keep_na {
        plan.deciding.clone_from(&along);
    }
    let n_buckets = match thin {
        Thin::Latest(_) => None,
        Thin::MaxPoints(n) => {
            for &input_idx in &along {
                has_extremes(&schema.variables[&plan.inputs[input_idx].variable])?;
            }
            let Picked::Range(range) = &plan.axes[axis_idx].picked else {
                return Err(misfit(format!(
                    "`max_points` needs consecutive values of `{name}`; select them as a range, `sel.{name}=from/to`, or each range by a query of its own"
                )));
            };
            if range.end - range.start <= n {
                return Ok(plan);
            }
            let pyramid = schema.pyramid.as_ref();
            let pyramid = pyramid.filter(|pyramid| pyramid.coord == *name);
            let factor = pyramid.map_or(FACTOR, |pyramid| pyramid.factor);
            let length = extremes::bucket_length(range, n, factor);
            Some((length, range.end.div_ceil(length) - range.start / length))
        }
    };
    let per_series = n_buckets.map_or(thin.n(), |(_, n)| 2 * n);
    let n_kept = check_size(&plan, &along, axis_idx, (thin, per_series), bounds)?;
    let what = format!("what `{}` keeps", thin.name());
    let mut share = bounds
        .room
        .take(n_kept.saturating_mul(KEPT_BYTES), &what)
        .await?;
    let mut kept = Vec::with_capacity(along.len());
    for &input_idx in &along {
        let series = Series::new(view, &plan, input_idx, axis_idx, bounds).await?;
        kept.push(match (n_buckets, thin) {
            (Some((length, _)), _) => extremes::read(&series, length).await?,
            (None, thin) => latest::read(&series, thin.n()).await?,
        });
    }
    let n_kept: usize = kept.iter().map(|kept| kept.indices.len()).sum();
    put_in_place(&mut plan, axis_idx, &along, &kept);
    share.keep((n_kept as u64).saturating_mul(KEPT_BYTES));
    plan.shares.push(share);
    Ok(plan)
}

/// Makes the positions at which something is kept the rows, and what is kept the values.
fn put_in_place(plan: &mut Plan, axis_idx: usize, along: &[usize], kept: &[Kept]) {
    let mut indices: Vec<u64> = kept
        .iter()
        .flat_map(|kept| &kept.indices)
        .copied()
        .collect();
    indices.sort_unstable();
    indices.dedup();
    let n = indices.len() as u64;
    for (&input_idx, kept) in along.iter().zip(kept) {
        let n_after = kept.n_after.max(1);
        let rank = |(&series, index): (&u64, &u64)| {
            let row = indices.partition_point(|listed| listed < index) as u64;
            (series / n_after * n + row) * n_after + series % n_after
        };
        let ranks: Vec<u64> = kept.series.iter().zip(&kept.indices).map(rank).collect();
        let input = &mut plan.inputs[input_idx];
        let points = Points::new(&ranks, &input.converted(kept.values.clone()));
        input.source = Source::Points(Arc::new(points));
        input.conversion = None;
    }
    plan.axes[axis_idx].picked = Picked::from_list(indices);
}

/// The axis along which series lie.
fn axis(plan: &Plan, schema: &Node, thin: Thin) -> Result<usize, QueryError> {
    let find = |is: fn(&Variable) -> bool| {
        plan.axes.iter().position(|axis| {
            let coordinate = &schema.coordinates[&axis.name];
            coordinate.sorted && coordinate.composed.is_empty() && is(&coordinate.variable)
        })
    };
    let is_time = |variable: &Variable| matches!(variable.measure, Measure::Time { .. });
    let found = find(is_time).or_else(|| find(is_number));
    let name = thin.name();
    let Some(axis_idx) = found else {
        return Err(misfit(format!(
            "`{name}` needs a sorted coordinate of times or numbers, and the selected variables lie along none; leave it out, or use `limit`"
        )));
    };
    if plan.layout == Layout::Wide && axis_idx > 0 {
        return Err(misfit(format!(
            "`layout=wide` with `{name}` needs `{}` to be the first coordinate; use `layout=long`",
            plan.axes[axis_idx].name
        )));
    }
    Ok(axis_idx)
}

fn has_extremes(variable: &Variable) -> Result<(), QueryError> {
    let holds = match variable.measure {
        Measure::Discrete { .. } => "labels",
        Measure::Truth => "yes or no",
        _ if is_number(variable) => return Ok(()),
        _ => match variable.data_type {
            DataType::Bool => "yes or no",
            DataType::Complex64 | DataType::Complex128 => "complex numbers",
            _ => "text",
        },
    };
    Err(misfit(format!(
        "`max_points` keeps the least and the greatest of numbers, and `{}` holds {holds}; leave it out of `var`, or use `limit`",
        variable.name
    )))
}

fn is_number(variable: &Variable) -> bool {
    !matches!(
        variable.data_type,
        DataType::Bool
            | DataType::Complex64
            | DataType::Complex128
            | DataType::String
            | DataType::FixedString(_)
    )
}

/// How many values are kept at most.
fn check_size(
    plan: &Plan,
    along: &[usize],
    axis_idx: usize,
    (thin, per_series): (Thin, u64),
    bounds: &Bounds,
) -> Result<u64, QueryError> {
    let n_series = |input: &Input| {
        let others = input.axes.iter().filter(|axis| **axis != axis_idx);
        others.fold(1_u64, |n, &axis| {
            n.saturating_mul(plan.axes[axis].picked.len())
        })
    };
    let n_series = along.iter().map(|&i| n_series(&plan.inputs[i]));
    let n_series = n_series.fold(0, u64::saturating_add);
    let length = plan.axes[axis_idx].picked.len();
    let n_kept = n_series.saturating_mul(per_series.min(length));
    if n_kept <= bounds.max_buckets {
        return Ok(n_kept);
    }
    Err(misfit(format!(
        "`{}={}` of {n_series} series would keep more than {} values; ask for fewer, or select less",
        thin.name(),
        thin.n(),
        bounds.max_buckets
    )))
}

fn misfit(reason: String) -> QueryError {
    QueryError::DoesNotFit { reason }
}
