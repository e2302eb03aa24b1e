//! From values asked for to indices along the row coordinates.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;

use zarr_fuse_schemas::{Node, Variable};

use super::bbox::{is_latitude, is_longitude};
use super::elements::{Key, Na, int, number};
use super::error::{QueryError, bad, suggest, unreadable};
use super::format::Kind;
use super::selection::Selection;
use super::selector::{Criterion, Position, Span};
use crate::node::{Indices, NodeView};
use crate::values::Values;

/// Selected indices along one coordinate, ascending, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Picked {
    Range(Range<u64>),
    List(Vec<u64>),
}

impl Picked {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Range(range) => range.end - range.start,
            Self::List(list) => list.len() as u64,
        }
    }

    /// The index at a position.
    pub(super) fn get(&self, position: u64) -> u64 {
        match self {
            Self::Range(range) => range.start + position,
            Self::List(list) => list[at(position)],
        }
    }

    /// The first position whose index is not below `index`.
    pub(super) fn position_of(&self, index: u64) -> u64 {
        match self {
            Self::Range(range) => index.clamp(range.start, range.end) - range.start,
            Self::List(list) => list.partition_point(|&listed| listed < index) as u64,
        }
    }

    /// The indices at a range of positions.
    pub(super) fn indices(&self, positions: Range<u64>) -> Indices {
        match self {
            Self::Range(range) => {
                Indices::Range(range.start + positions.start..range.start + positions.end)
            }
            Self::List(list) => {
                Indices::List(list[at(positions.start)..at(positions.end)].to_vec())
            }
        }
    }

    pub(super) fn from_list(list: Vec<u64>) -> Self {
        match (list.first(), list.last()) {
            (Some(&first), Some(&end)) if end - first + 1 == list.len() as u64 => {
                Self::Range(first..end + 1)
            }
            (None, _) => Self::Range(0..0),
            _ => Self::List(list),
        }
    }

    fn from_ranges(mut ranges: Vec<Range<u64>>) -> Self {
        ranges.retain(|range| range.start < range.end);
        ranges.sort_by_key(|range| range.start);
        if let [range] = ranges.as_slice() {
            return Self::Range(range.clone());
        }
        let mut list: Vec<u64> = ranges.into_iter().flatten().collect();
        list.sort_unstable();
        list.dedup();
        Self::from_list(list)
    }

    fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Range(a), Self::Range(b)) => {
                let start = a.start.max(b.start);
                Self::Range(start..a.end.min(b.end).max(start))
            }
            (Self::List(list), other) => Self::from_list(
                list.into_iter()
                    .filter(|&index| other.contains(index))
                    .collect(),
            ),
            (range @ Self::Range(_), Self::List(_)) => other.clone().and(&range),
        }
    }

    fn contains(&self, index: u64) -> bool {
        match self {
            Self::Range(range) => range.contains(&index),
            Self::List(list) => list.binary_search(&index).is_ok(),
        }
    }
}

/// A position or index as one of a slice in memory.
pub(super) fn at(position: u64) -> usize {
    usize::try_from(position).expect("lengths of vectors in memory fit")
}

/// The indices selected along each of `row_coordinates`.
///
/// # Errors
/// 400 for a selection on a coordinate that no selected variable uses, 404 for values and indices that do not exist.
pub(super) async fn resolve(
    view: &NodeView,
    selection: &Selection,
    row_coordinates: &[String],
) -> Result<Vec<Picked>, QueryError> {
    let schema = view.schema();
    let length = |name: &str| view.coordinate(name).map_or(0, Values::len) as u64;
    let mut picked: Vec<Picked> = row_coordinates
        .iter()
        .map(|name| Picked::Range(0..length(name)))
        .collect();
    let axis_of = |prefix: &str, of: &str, coordinate: &str| {
        row_coordinates
            .iter()
            .position(|name| name == coordinate)
            .ok_or_else(|| {
                bad(
                    &format!("{prefix}.{of}"),
                    "…",
                    format!("none of the selected variables lies on `{coordinate}`; leave it out"),
                )
            })
    };
    let mut nearest: Vec<(usize, Vec<Target<'_>>)> = Vec::new();
    for (name, criterion) in &selection.criteria {
        let (variable, sorted) = find(schema, name);
        let coordinate = if sorted.is_some() {
            name
        } else {
            &variable.coords[0]
        };
        let axis = axis_of("sel", name, coordinate)?;
        let values = column(view, name, coordinate).await?;
        match criterion {
            Criterion::AnyOf(spans) => {
                let matching = matching(&values, variable, sorted == Some(true), spans, selection)?;
                picked[axis] = picked[axis].clone().and(&matching);
            }
            Criterion::Nearest(key) => {
                let target = Target {
                    variable,
                    values,
                    key,
                };
                match nearest.iter_mut().find(|(other, _)| *other == axis) {
                    Some((_, targets)) => targets.push(target),
                    None => nearest.push((axis, vec![target])),
                }
            }
        }
    }
    for (name, positions) in &selection.positions {
        let axis = axis_of("isel", name, name)?;
        picked[axis] = picked[axis]
            .clone()
            .and(&at_positions(name, length(name), positions)?);
    }
    for (axis, targets) in nearest {
        let index = nearest_index(&targets, &picked[axis]);
        picked[axis] = index.map_or(Picked::Range(0..0), |index| Picked::Range(index..index + 1));
    }
    Ok(picked)
}

/// A coordinate and whether it is sorted, or else a variable.
fn find<'a>(schema: &'a Node, name: &str) -> (&'a Variable, Option<bool>) {
    match schema.coordinates.get(name) {
        Some(coordinate) => (&coordinate.variable, Some(coordinate.sorted)),
        None => (&schema.variables[name], None),
    }
}

/// All values of a coordinate or of a variable over `coordinate`.
pub(super) async fn column<'a>(
    view: &'a NodeView,
    name: &str,
    coordinate: &str,
) -> Result<Cow<'a, Values>, QueryError> {
    let along = view.coordinate(coordinate);
    let schema = view.schema();
    match along {
        None => Ok(Cow::Owned(Values::new(find(schema, name).0.data_type))),
        Some(values) if name == coordinate => Ok(Cow::Borrowed(values)),
        Some(values) => {
            let all = Indices::Range(0..values.len() as u64);
            let read = view.read(name, &[all]).await;
            read.map(Cow::Owned)
                .map_err(|error| unreadable(name, error))
        }
    }
}

fn matching(
    values: &Values,
    variable: &Variable,
    is_sorted: bool,
    spans: &[Span],
    selection: &Selection,
) -> Result<Picked, QueryError> {
    let found = if is_sorted {
        in_sorted(values, spans)
    } else {
        in_unsorted(values, Na::of(variable), spans)
    };
    for (span, indices) in spans.iter().zip(&found) {
        if let (Some(wanted), true) = (&span.wanted, indices.iter().all(Range::is_empty)) {
            return Err(no_such_value(values, variable, span, wanted, selection));
        }
    }
    Ok(Picked::from_ranges(found.into_iter().flatten().collect()))
}

/// Per span, the index range that ascending values have in it.
fn in_sorted(values: &Values, spans: &[Span]) -> Vec<Vec<Range<u64>>> {
    let first_where = |is: &dyn Fn(usize) -> bool| {
        let (mut low, mut high) = (0, values.len());
        while low < high {
            let middle = low.midpoint(high);
            if is(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low as u64
    };
    let range = |span: &Span| {
        let from = span.from.as_ref().map_or(0, |key| {
            first_where(&|i| key.compare(values, i).is_some_and(Ordering::is_ge))
        });
        let to = match &span.to {
            None => values.len() as u64,
            Some(key) => first_where(&|i| key.compare(values, i).is_some_and(Ordering::is_gt)),
        };
        from..to.max(from)
    };
    spans.iter().map(|span| vec![range(span)]).collect()
}

/// Per span, the indices of the values in it.
fn in_unsorted(values: &Values, na: Na, spans: &[Span]) -> Vec<Vec<Range<u64>>> {
    let mut found = vec![Vec::new(); spans.len()];
    let exact: Option<HashMap<&str, usize>> = spans
        .iter()
        .enumerate()
        .map(|(i, span)| Some((span.text()?, i)))
        .collect();
    for i in 0..values.len() {
        let index = i as u64;
        if let (Some(exact), Values::Str(v)) = (&exact, values) {
            if let Some(&span) = exact.get(v[i].as_ref()) {
                found[span].push(index..index + 1);
            }
        } else if !na.is_na(values, i) {
            for (span, found) in spans.iter().zip(&mut found) {
                if span.contains(values, i) {
                    found.push(index..index + 1);
                }
            }
        }
    }
    if let (Some(exact), true) = (exact, spans.len() > 1) {
        // The same text asked for twice stands for the last one only.
        for (i, span) in spans.iter().enumerate() {
            let kept = span.text().map_or(i, |text| exact[text]);
            if kept != i {
                let again = found[kept].clone();
                found[i] = again;
            }
        }
    }
    found
}

impl Span {
    fn contains(&self, values: &Values, i: usize) -> bool {
        let above = |key: &Key| key.compare(values, i).is_some_and(Ordering::is_ge);
        let below = |key: &Key| key.compare(values, i).is_some_and(Ordering::is_le);
        self.from.as_ref().is_none_or(above) && self.to.as_ref().is_none_or(below)
    }

    /// The text of a single text value.
    fn text(&self) -> Option<&str> {
        match (&self.from, &self.to) {
            (Some(Key::Text(from)), Some(Key::Text(to))) if from == to => Some(from),
            _ => None,
        }
    }
}

fn no_such_value(
    values: &Values,
    variable: &Variable,
    span: &Span,
    wanted: &str,
    selection: &Selection,
) -> QueryError {
    let hint = match (&span.from, values) {
        _ if values.is_empty() => "; it is empty".to_owned(),
        (Some(Key::Text(_)), Values::Str(v)) => {
            format!("; {}", suggest(wanted, v.iter().map(AsRef::as_ref)))
        }
        (Some(key), _) => {
            let target = Target {
                variable,
                values: Cow::Borrowed(values),
                key,
            };
            let near = nearest_index(&[target], &Picked::Range(0..values.len() as u64));
            near.map_or_else(String::new, |index| {
                let text = Kind::of(variable, selection.zone).text(values, at(index));
                format!("; the nearest is `{text}`; `nearest:{wanted}` selects it")
            })
        }
        (None, _) => String::new(),
    };
    QueryError::NoSuchValue {
        coordinate: variable.name.clone(),
        value: wanted.to_owned(),
        hint,
    }
}

/// One `nearest:` and the values it looks among.
struct Target<'a> {
    variable: &'a Variable,
    values: Cow<'a, Values>,
    key: &'a Key,
}

/// The index with the least sum of squared distances; of equal ones the first.
///
/// Longitude and latitude asked for together make a distance on the ground: degrees of longitude are shortened by the cosine
/// of the latitude, and 180° west is 180° east.
fn nearest_index(targets: &[Target<'_>], among: &Picked) -> Option<u64> {
    let latitude = targets
        .iter()
        .find(|target| is_latitude(target.variable))
        .and_then(|target| target.key.number());
    let shortening = latitude.map_or(1.0, |degrees| degrees.to_radians().cos());
    let squared = |target: &Target<'_>, i: usize| {
        if Na::of(target.variable).is_na(&target.values, i) {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "the difference is exact where it matters, near zero"
        )]
        let mut distance = match target.key {
            Key::Int(key) => int(&target.values, i)?.saturating_sub(*key) as f64,
            Key::Float(key) => number(&target.values, i)? - key,
            Key::Text(_) => return None,
        };
        if is_longitude(target.variable) {
            distance = ((distance + 180.0).rem_euclid(360.0) - 180.0) * shortening;
        }
        Some(distance * distance)
    };
    let mut best: Option<(f64, u64)> = None;
    for position in 0..among.len() {
        let index = among.get(position);
        let Some(sum) = targets
            .iter()
            .map(|target| squared(target, at(index)))
            .sum::<Option<f64>>()
        else {
            continue;
        };
        if best.is_none_or(|(least, _)| sum < least) {
            best = Some((sum, index));
        }
    }
    best.map(|(_, index)| index)
}

fn at_positions(name: &str, length: u64, positions: &[Position]) -> Result<Picked, QueryError> {
    let signed = i64::try_from(length).unwrap_or(i64::MAX);
    let clip = |index: i64| {
        if index < 0 {
            (index.saturating_add(signed)).max(0)
        } else {
            index.min(signed)
        }
        .unsigned_abs()
    };
    let mut ranges = Vec::new();
    for position in positions {
        ranges.push(match *position {
            Position::At(index) if (-signed..signed).contains(&index) => {
                let index = clip(index);
                index..index + 1
            }
            Position::At(index) => {
                return Err(QueryError::NoSuchIndex {
                    coordinate: name.to_owned(),
                    length,
                    index,
                });
            }
            Position::Slice(from, to) => clip(from.unwrap_or(0))..to.map_or(length, clip),
        });
    }
    Ok(Picked::from_ranges(ranges))
}
