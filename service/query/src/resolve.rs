//! From values asked for to indices along the row coordinates.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::node::{Indices, NodeView};
use zarr_fuse_schemas::{Node, Variable};
use zarr_fuse_store::blocking;

use super::bounds::Bounds;
use super::elements::{Key, Na, at};
use super::error::{QueryError, bad, suggest};
use super::format::Kind;
use super::nearest::{self, MAX_CANDIDATES, Target, nearest_indices};
use super::picked::Picked;
use super::room::Share;
use super::selection::Selection;
use super::selector::{Criterion, Position, Span};

/// Selections that look at more values and selectors than this do so on the blocking pool.
const MAX_INLINE: usize = 20_000;

/// An axis along which what is nearest was looked for, and the indices that are, nearest first.
type Candidates = (usize, Vec<u64>);

/// The indices selected along each of `row_coordinates`.
///
/// # Errors
/// 400 for a selection on a coordinate that no selected variable uses, 404 for values and indices that do not exist.
pub(super) async fn resolve(
    view: &NodeView,
    selection: &Selection,
    row_coordinates: &[String],
    bounds: &Bounds,
) -> Result<Vec<Picked>, QueryError> {
    let schema = view.schema();
    let mut columns = Vec::with_capacity(selection.criteria.len());
    let mut n_looked_at = selection
        .positions
        .iter()
        .map(|(_, positions)| positions.len())
        .sum::<usize>();
    for (name, criterion) in &selection.criteria {
        let (variable, sorted) = find(schema, name);
        let coordinate = if sorted.is_some() {
            name
        } else {
            &variable.coords[0]
        };
        let axis = axis_of(row_coordinates, "sel", name, coordinate)?;
        let values = column(view, name, coordinate, bounds).await?;
        n_looked_at += criterion.n_spans() + values.0.len();
        columns.push((axis, values));
    }
    let (mut picked, nearest) = if n_looked_at <= MAX_INLINE {
        pick(view, selection, row_coordinates, &columns)?
    } else {
        let (view, selection) = (view.clone(), selection.clone());
        let row_coordinates = row_coordinates.to_vec();
        let work = move || pick(&view, &selection, &row_coordinates, &columns);
        blocking(work).await?
    };
    if !selection.keep_na {
        for (axis, candidates) in nearest {
            let of = (selection, row_coordinates);
            nearest::with_value(view, of, &mut picked, (axis, &candidates), bounds).await?;
        }
    }
    Ok(picked)
}

/// The place of a coordinate among those of the rows.
fn axis_of(
    row_coordinates: &[String],
    prefix: &str,
    of: &str,
    coordinate: &str,
) -> Result<usize, QueryError> {
    let mut names = row_coordinates.iter();
    let found = names.position(|name| name == coordinate);
    found.ok_or_else(|| {
        let reason = format!("none of the selected variables lies on `{coordinate}`; leave it out");
        bad(&format!("{prefix}.{of}"), "…", reason)
    })
}

/// The same, once the values of every criterion are there, each with the place of its coordinate; and along which of them
/// what is nearest was looked for, with the indices that come next.
fn pick(
    view: &NodeView,
    selection: &Selection,
    row_coordinates: &[String],
    columns: &[(usize, (Arc<Values>, Share))],
) -> Result<(Vec<Picked>, Vec<Candidates>), QueryError> {
    let schema = view.schema();
    let length = |name: &str| view.coordinate(name).map_or(0, Values::len) as u64;
    let mut picked: Vec<Picked> = row_coordinates
        .iter()
        .map(|name| Picked::Range(0..length(name)))
        .collect();
    let mut nearest: Vec<(usize, Vec<Target<'_>>)> = Vec::new();
    for ((name, criterion), (axis, (values, _))) in selection.criteria.iter().zip(columns) {
        let (variable, sorted) = find(schema, name);
        match criterion {
            Criterion::AnyOf(spans) => {
                let matching = matching(values, variable, sorted == Some(true), spans, selection)?;
                picked[*axis] = picked[*axis].clone().and(&matching);
            }
            Criterion::Nearest(key, tolerance) => {
                let target = Target {
                    variable,
                    values,
                    key,
                    tolerance: *tolerance,
                };
                match nearest.iter_mut().find(|(other, _)| other == axis) {
                    Some((_, targets)) => targets.push(target),
                    None => nearest.push((*axis, vec![target])),
                }
            }
        }
    }
    for (name, positions) in &selection.positions {
        let axis = axis_of(row_coordinates, "isel", name, name)?;
        picked[axis] = picked[axis]
            .clone()
            .and(&at_positions(name, length(name), positions)?);
    }
    let mut candidates = Vec::new();
    for (axis, targets) in nearest {
        let mut found = nearest_indices(&targets, &picked[axis], MAX_CANDIDATES);
        if let Some(first) = found.first() {
            for target in &targets {
                target.check(at(*first), selection)?;
            }
        }
        found.retain(|index| targets.iter().all(|target| target.is_within(at(*index))));
        let first = found.first().copied();
        picked[axis] = first.map_or(Picked::Range(0..0), |index| Picked::Range(index..index + 1));
        candidates.push((axis, found));
    }
    Ok((picked, candidates))
}

/// A coordinate and whether it is sorted, or else a variable.
fn find<'a>(schema: &'a Node, name: &str) -> (&'a Variable, Option<bool>) {
    match schema.coordinates.get(name) {
        Some(coordinate) => (&coordinate.variable, Some(coordinate.sorted)),
        None => (&schema.variables[name], None),
    }
}

/// All values of a coordinate or of a variable over `coordinate`, and the room they take.
pub(super) async fn column(
    view: &NodeView,
    name: &str,
    coordinate: &str,
    bounds: &Bounds,
) -> Result<(Arc<Values>, Share), QueryError> {
    let along = view.coordinate(coordinate);
    let schema = view.schema();
    match along {
        None => {
            let none = Values::new(find(schema, name).0.data_type);
            Ok((Arc::new(none), Share::default()))
        }
        Some(_) if name == coordinate => {
            let values = view
                .coordinate_index(coordinate)
                .map(|index| Arc::clone(index.values()));
            let values = values.unwrap_or_else(|| Arc::new(Values::Bool(Vec::new())));
            Ok((values, Share::default()))
        }
        Some(values) => {
            let all = Indices::Range(0..values.len() as u64);
            let (values, share) = bounds.room.read(view, name, &[all]).await?;
            Ok((Arc::new(values), share))
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
    let (picked, found) = if is_sorted {
        in_sorted(values, spans)
    } else {
        in_unsorted(values, Na::of(variable), spans)
    };
    for (span, found) in spans.iter().zip(&found) {
        if let (Some(wanted), false) = (&span.wanted, found) {
            return Err(no_such_value(values, variable, span, wanted, selection));
        }
    }
    Ok(picked)
}

/// The indices of ascending values that lie in any span, and per span whether there are some.
fn in_sorted(values: &Values, spans: &[Span]) -> (Picked, Vec<bool>) {
    let (ranges, found) = ranges(spans, values.len(), |key, i| key.compare(values, i));
    (Picked::from_ranges(ranges), found)
}

/// The places that `n` ascending elements have in each span, and whether there are some.
fn ranges(
    spans: &[Span],
    n: usize,
    compare: impl Fn(&Key, usize) -> Option<Ordering>,
) -> (Vec<Range<u64>>, Vec<bool>) {
    let first_where = |is: &dyn Fn(usize) -> bool| {
        let (mut low, mut high) = (0, n);
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
            first_where(&|i| compare(key, i).is_some_and(Ordering::is_ge))
        });
        let to = match &span.to {
            None => n as u64,
            Some(key) => first_where(&|i| compare(key, i).is_some_and(Ordering::is_gt)),
        };
        from..to.max(from)
    };
    let ranges: Vec<_> = spans.iter().map(range).collect();
    let found = ranges.iter().map(|range| !range.is_empty()).collect();
    (ranges, found)
}

/// As many spans are looked for one after the other; of more, each is found in a sorted list.
const MAX_SPANS_IN_TURN: usize = 8;

/// The indices of values in any order that lie in any span, and per span whether there are some.
fn in_unsorted(values: &Values, na: Na, spans: &[Span]) -> (Picked, Vec<bool>) {
    let exact: Option<HashMap<&str, usize>> = spans
        .iter()
        .enumerate()
        .map(|(i, span)| Some((span.text()?, i)))
        .collect();
    let mut found = vec![false; spans.len()];
    let mut list = Vec::new();
    if let (Some(exact), Values::Str(v)) = (&exact, values) {
        for (index, text) in (0_u64..).zip(v) {
            if let Some(&span) = exact.get(text.as_ref()) {
                found[span] = true;
                list.push(index);
            }
        }
        // The same text asked for twice stands for the last one only.
        for i in 0..spans.len() {
            found[i] = found[spans[i].text().map_or(i, |text| exact[text])];
        }
        return (Picked::from_list(list), found);
    }
    let with_value = (0..values.len()).filter(|&i| !na.is_na(values, i));
    if spans.len() <= MAX_SPANS_IN_TURN {
        for i in with_value {
            let mut is_in = false;
            for (span, found) in spans.iter().zip(&mut found) {
                if span.contains(values, i) {
                    *found = true;
                    is_in = true;
                }
            }
            if is_in {
                list.push(i as u64);
            }
        }
        return (Picked::from_list(list), found);
    }
    let mut order: Vec<usize> = with_value.collect();
    zarr_fuse_arrays::with_values!(values, v => order.sort_by(|&a, &b| {
        v[a].partial_cmp(&v[b]).unwrap_or(Ordering::Equal)
    }));
    let (places, found) = ranges(spans, order.len(), |key, i| key.compare(values, order[i]));
    let places = Picked::from_ranges(places);
    list.extend((0..places.len()).map(|place| order[at(places.get(place))] as u64));
    list.sort_unstable();
    (Picked::from_list(list), found)
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
                values,
                key,
                tolerance: None,
            };
            let near = nearest_indices(&[target], &Picked::Range(0..values.len() as u64), 1);
            near.first().copied().map_or_else(String::new, |index| {
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
