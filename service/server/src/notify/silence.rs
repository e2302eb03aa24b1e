//! Which values of a coordinate have had no data lately, by the times of the data: which stations are silent.
//!
//! Only values that may be silent are looked for in the arrays, from the newest time backwards; a station that delivers is
//! read once in the time after which it would count as silent, whatever arrives.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::node::{Indices, Node, NodeView, ReadError};
use zarr_fuse_schemas::{Measure, Tick, to_usize};

use super::delta;

/// Most cells read at a time.
const MAX_BLOCK_CELLS: u64 = 1 << 20;
/// Most cells read in one look, so that a long silence of many does not cost more than what others ask.
const MAX_CELLS: u64 = 64 << 20;
/// The values are looked at so often in the time after which one counts as silent.
const LOOKS: i32 = 20;

/// What is known of the values of a coordinate.
#[derive(Debug)]
pub(super) struct Silence {
    after: TimeDelta,
    since: DateTime<Utc>,
    /// By value: the newest time found with data.
    last: HashMap<String, DateTime<Utc>>,
    silent: Vec<(String, Option<DateTime<Utc>>)>,
    looked_at: Option<DateTime<Utc>>,
    has_failed: bool,
}

/// Why it cannot be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum SilenceError {
    /// The rule names what is not there.
    #[error("there is no node `{0}`")]
    NoNode(String),
    /// The rule names what is not there.
    #[error("the node has no coordinate `{0}`, or one that is composed of others")]
    NoCoordinate(String),
    /// Nothing says when.
    #[error("the node has no variable over `{0}` and a coordinate that is a time")]
    NoTime(String),
    /// Too much to look at.
    #[error(
        "more than {MAX_CELLS} cells would have to be read; make `after` shorter or name `values`"
    )]
    TooMuch,
    /// The arrays cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Silence {
    pub(super) fn new(after: Duration, now: DateTime<Utc>) -> Self {
        Self {
            after: delta(after),
            since: now,
            last: HashMap::new(),
            silent: Vec::new(),
            looked_at: None,
            has_failed: false,
        }
    }

    /// Whether nothing went wrong before.
    pub(super) fn is_first_error(&mut self) -> bool {
        !std::mem::replace(&mut self.has_failed, true)
    }

    /// The silent ones among `wanted`, or among all values there are, with the time of their last data if it is known.
    pub(super) async fn look(
        &mut self,
        node: &Arc<Node>,
        coordinate: &str,
        wanted: &[String],
        now: DateTime<Utc>,
    ) -> Result<Vec<(String, Option<DateTime<Utc>>)>, SilenceError> {
        if self
            .looked_at
            .is_some_and(|at| now - at < self.after / LOOKS)
        {
            return Ok(self.silent.clone());
        }
        let view = node.view();
        let labels = labels(&view, coordinate)?;
        let wanted: HashSet<&str> = wanted.iter().map(String::as_str).collect();
        let mut suspects = Vec::new();
        for (idx, label) in labels.iter().enumerate() {
            let is_meant = wanted.is_empty() || wanted.contains(label.as_str());
            let last = self.last.get(label);
            if is_meant && last.is_none_or(|last| now - *last >= self.after) {
                suspects.push(idx as u64);
            }
        }
        let newest = newest(&view, coordinate, &suspects, now - self.after).await?;
        let mut silent = Vec::new();
        for (idx, newest) in suspects.into_iter().zip(newest) {
            let label = &labels[to_usize(idx)];
            match newest {
                // A forecast for later says no more than that there is something now.
                Some(at) => {
                    self.last.insert(label.clone(), at.min(now));
                }
                None => silent.push((label.clone(), self.last.get(label).copied())),
            }
        }
        let known: HashSet<&str> = labels.iter().map(String::as_str).collect();
        if now - self.since >= self.after {
            let absent = wanted.iter().filter(|value| !known.contains(*value));
            silent.extend(absent.map(|value| ((*value).to_owned(), None)));
        }
        self.has_failed = false;
        self.looked_at = Some(now);
        self.silent.clone_from(&silent);
        Ok(silent)
    }
}

/// The values of a coordinate as people write them.
fn labels(view: &NodeView, coordinate: &str) -> Result<Vec<String>, SilenceError> {
    let missing = || SilenceError::NoCoordinate(coordinate.to_owned());
    let schema = view.schema().coordinates.get(coordinate);
    let schema = schema.filter(|schema| schema.composed.is_empty());
    let schema = schema.ok_or_else(missing)?;
    let values = view.coordinate(coordinate).ok_or_else(missing)?;
    let labels = (0..values.len()).map(|i| {
        let text = values.display(i);
        let Measure::Discrete { labels } = &schema.variable.measure else {
            return text;
        };
        let code: Option<usize> = text.parse().ok();
        let label = code.and_then(|code| labels.get(code.checked_sub(1)?));
        label.cloned().unwrap_or(text)
    });
    Ok(labels.collect())
}

/// For each of the positions along `coordinate`: the newest time from `from` on at which any variable has a value.
async fn newest(
    view: &NodeView,
    coordinate: &str,
    positions: &[u64],
    from: DateTime<Utc>,
) -> Result<Vec<Option<DateTime<Utc>>>, SilenceError> {
    let mut newest = vec![None; positions.len()];
    let schema = view.schema();
    let mut n_cells = 0;
    let mut is_possible = false;
    for (name, variable) in &schema.variables {
        let dims = &variable.coords;
        let is_time = |dim: &&String| {
            let coordinate = schema.coordinates.get(*dim);
            coordinate.is_some_and(|c| matches!(c.variable.measure, Measure::Time { .. }))
        };
        let (Some(time), true) = (
            dims.iter().find(is_time),
            dims.iter().any(|dim| dim == coordinate),
        ) else {
            continue;
        };
        is_possible = true;
        let Some(times) = times(view, time, from) else {
            continue;
        };
        let mut recent = times.as_slice();
        let others = dims.iter().filter(|dim| *dim != time && *dim != coordinate);
        let others = others.map(|dim| view.coordinate(dim).map_or(0, |values| values.len() as u64));
        let n_others = others.product::<u64>().max(1);
        // The newest first: most have something there.
        while !recent.is_empty() {
            let open: Vec<usize> = (0..positions.len())
                .filter(|i| {
                    newest[*i].is_none_or(|at| recent.last().is_some_and(|last| at < last.0))
                })
                .collect();
            if open.is_empty() {
                break;
            }
            let per_time = n_others * open.len() as u64;
            let n_times = to_usize((MAX_BLOCK_CELLS / per_time).max(1)).min(recent.len());
            n_cells += per_time * n_times as u64;
            if n_cells > MAX_CELLS {
                return Err(SilenceError::TooMuch);
            }
            let (before, block) = recent.split_at(recent.len() - n_times);
            recent = before;
            let indices: Vec<Indices> = dims
                .iter()
                .map(|dim| {
                    if dim == time {
                        Indices::List(block.iter().map(|(_, idx)| *idx).collect())
                    } else if dim == coordinate {
                        Indices::List(open.iter().map(|i| positions[*i]).collect())
                    } else {
                        Indices::Range(0..view.coordinate(dim).map_or(0, |v| v.len() as u64))
                    }
                })
                .collect();
            let values = view.read(name, &indices).await?;
            let lengths: Vec<usize> = indices.iter().map(Indices::len).collect();
            let axis = |wanted: &str| dims.iter().position(|dim| dim == wanted).unwrap_or(0);
            let (time_axis, axis) = (axis(time), axis(coordinate));
            for cell in 0..values.len() {
                if is_nothing(&values, cell, view, name) {
                    continue;
                }
                let along = |axis: usize| {
                    let stride: usize = lengths[axis + 1..].iter().product();
                    cell / stride % lengths[axis]
                };
                let at = block[along(time_axis)].0;
                let found = &mut newest[open[along(axis)]];
                *found = (*found).max(Some(at));
            }
        }
    }
    if is_possible {
        Ok(newest)
    } else {
        Err(SilenceError::NoTime(coordinate.to_owned()))
    }
}

/// Booleans have no value that means "nothing", so they say nothing.
fn is_nothing(values: &Values, cell: usize, view: &NodeView, variable: &str) -> bool {
    matches!(values, Values::Bool(_)) || values.is_na(cell, view.na(variable))
}

/// The times of a coordinate from `from` on, with their positions, oldest first.
fn times(view: &NodeView, time: &str, from: DateTime<Utc>) -> Option<Vec<(DateTime<Utc>, u64)>> {
    let Measure::Time { unit, .. } = &view.schema().coordinates.get(time)?.variable.measure else {
        return None;
    };
    let Values::Int64(ticks) = view.coordinate(time)? else {
        return None;
    };
    let is_before = |ticks: &i64| instant(*ticks, unit.tick).is_some_and(|at| at < from);
    let is_sorted = view.coordinate_index(time)?.is_sorted();
    let begin = if is_sorted {
        ticks.partition_point(is_before)
    } else {
        0
    };
    let recent = ticks.iter().zip(0..).skip(begin);
    let recent = recent.filter(|(ticks, _)| !is_before(ticks));
    let mut times: Vec<(DateTime<Utc>, u64)> = recent
        .filter_map(|(ticks, idx)| Some((instant(*ticks, unit.tick)?, idx)))
        .collect();
    times.sort_unstable();
    Some(times)
}

fn instant(ticks: i64, tick: Tick) -> Option<DateTime<Utc>> {
    match tick {
        Tick::Nanosecond => Some(DateTime::from_timestamp_nanos(ticks)),
        Tick::Microsecond => DateTime::from_timestamp_micros(ticks),
        Tick::Millisecond => DateTime::from_timestamp_millis(ticks),
        Tick::Second => DateTime::from_timestamp(ticks, 0),
        Tick::Minute => DateTime::from_timestamp(ticks.checked_mul(60)?, 0),
        Tick::Hour => DateTime::from_timestamp(ticks.checked_mul(3600)?, 0),
        Tick::Day => DateTime::from_timestamp(ticks.checked_mul(86_400)?, 0),
    }
}
