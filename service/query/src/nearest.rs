//! `nearest:`: what is closest to a value, and has a value itself.

use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::node::{Indices, NodeView};
use zarr_fuse_schemas::Variable;

use super::bbox::{is_latitude, is_longitude};
use super::bounds::Bounds;
use super::elements::at;
use super::elements::{Key, Na, int, number};
use super::error::QueryError;
use super::format::Kind;
use super::picked::Picked;
use super::selection::Selection;

/// So many of the nearest are looked at for one with a value.
pub(super) const MAX_CANDIDATES: usize = 64;
/// Of a variable with more cells at one index, nobody needs to be told that there is a value.
const MAX_CELLS: usize = 10_000;

/// One `nearest:` and the values it looks among.
pub(super) struct Target<'a> {
    pub(super) variable: &'a Variable,
    pub(super) values: &'a Values,
    pub(super) key: &'a Key,
    /// How far away what is found may be.
    pub(super) tolerance: Option<f64>,
}

impl Target<'_> {
    /// How far element `i` is from what is looked for, `None` without a value.
    fn distance(&self, i: usize) -> Option<f64> {
        if Na::of(self.variable).is_na(self.values, i) {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "the difference is exact where it matters, near zero"
        )]
        let distance = match self.key {
            Key::Int(key) => int(self.values, i)?.saturating_sub(*key) as f64,
            Key::Float(key) => number(self.values, i)? - key,
            Key::Text(_) => return None,
        };
        Some(if is_longitude(self.variable) {
            (distance + 180.0).rem_euclid(360.0) - 180.0
        } else {
            distance
        })
    }

    /// Whether element `i` is not farther away than it may be.
    pub(super) fn is_within(&self, i: usize) -> bool {
        let Some(tolerance) = self.tolerance else {
            return true;
        };
        // Sums of decimals are a little off.
        let most = tolerance * (1.0 + 1e-9);
        self.distance(i).is_some_and(|found| found.abs() <= most)
    }

    /// # Errors
    /// [`QueryError::NoSuchValue`] if element `i` is too far away.
    pub(super) fn check(&self, i: usize, selection: &Selection) -> Result<(), QueryError> {
        if self.is_within(i) {
            return Ok(());
        }
        let kind = Kind::of(self.variable, selection.zone);
        Err(QueryError::NoSuchValue {
            coordinate: self.variable.name.clone(),
            value: "nearest:".to_owned(),
            hint: format!(
                " within the tolerance; the nearest is `{}`",
                kind.text(self.values, i)
            ),
        })
    }
}

/// The indices with the least sums of squared distances, nearest first, at most `n`; of equal ones the first.
///
/// Longitude and latitude asked for together make a distance on the ground: degrees of longitude are shortened by the cosine
/// of the latitude, and 180° west is 180° east.
pub(super) fn nearest_indices(targets: &[Target<'_>], among: &Picked, n: usize) -> Vec<u64> {
    let latitude = targets
        .iter()
        .find(|target| is_latitude(target.variable))
        .and_then(|target| target.key.number());
    let shortening = latitude.map_or(1.0, |degrees| degrees.to_radians().cos());
    let squared = |target: &Target<'_>, i: usize| {
        let mut distance = target.distance(i)?;
        if is_longitude(target.variable) {
            distance *= shortening;
        }
        Some(distance * distance)
    };
    let mut best: Vec<(f64, u64)> = Vec::with_capacity(n + 1);
    for position in 0..among.len() {
        let index = among.get(position);
        let Some(sum) = targets
            .iter()
            .map(|target| squared(target, at(index)))
            .sum::<Option<f64>>()
        else {
            continue;
        };
        let is_full = best.len() >= n;
        if is_full && best.last().is_some_and(|(most, _)| sum >= *most) {
            continue;
        }
        let place = best.partition_point(|(less, _)| *less <= sum);
        best.insert(place, (sum, index));
        best.truncate(n);
    }
    best.into_iter().map(|(_, index)| index).collect()
}

/// Picks the first of `candidates` along an axis at which one of the selected variables has a value; if none has, the
/// nearest stays.
///
/// # Errors
/// [`QueryError`] if they cannot be read.
pub(super) async fn with_value(
    view: &NodeView,
    (selection, row_coordinates): (&Selection, &[String]),
    picked: &mut [Picked],
    (axis, candidates): (usize, &[u64]),
    bounds: &Bounds,
) -> Result<(), QueryError> {
    let schema = view.schema();
    let along = &row_coordinates[axis];
    let variables: Vec<&Variable> = selection
        .variables
        .iter()
        .filter_map(|name| schema.variables.get(name))
        .filter(|variable| variable.coords.contains(along))
        .collect();
    if variables.is_empty() || candidates.len() < 2 {
        return Ok(());
    }
    for candidate in candidates {
        for variable in &variables {
            let indices: Option<Vec<Indices>> = variable
                .coords
                .iter()
                .map(|name| {
                    let place = row_coordinates.iter().position(|other| other == name)?;
                    Some(if place == axis {
                        Indices::Range(*candidate..candidate + 1)
                    } else {
                        picked[place].indices(0..picked[place].len())
                    })
                })
                .collect();
            let Some(indices) = indices else {
                return Ok(());
            };
            let n_cells = indices.iter().map(Indices::len);
            if n_cells.fold(1, usize::saturating_mul) > MAX_CELLS {
                return Ok(());
            }
            let (values, _share) = bounds.room.read(view, &variable.name, &indices).await?;
            let na = Na::of(variable);
            if (0..values.len()).any(|i| na.keeps_row(&values, i)) {
                picked[axis] = Picked::Range(*candidate..candidate + 1);
                return Ok(());
            }
        }
    }
    Ok(())
}
