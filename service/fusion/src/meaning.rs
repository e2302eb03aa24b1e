//! What a contribution means, in the terms in which its node is stored today.
//!
//! What the values of a contribution are is said by its own definition: which columns they stand in, what they count, which
//! are accepted, which win. How they are stored is said by the schema of today: types, units, labels, dimensions. A
//! [`Meaning`] has both; it comes from a definition only, so that nothing can be decoded by what happens to be configured.

use std::sync::Arc;

use zarr_fuse_decode::Decoder;
use zarr_fuse_journal::DefinitionId;
use zarr_fuse_schemas::{
    Conversion, Coordinate, DataType, Interval, Measure, MergeRule, NaOrigin, Node, Scalar,
    StepLimits, TimeUnit, Variable,
};

use crate::definition::{Ready, Understood};
use crate::normalize::{Batch, BatchVariable};

/// What contributions of one definition mean for one node.
#[derive(Debug, Clone)]
pub struct Meaning {
    decoder: Decoder,
    /// The coordinates of the node as stored, its variables as far as they are read; both are read as the definition says.
    node: Node,
    /// Of each variable of `node`, its place among those of the node as stored.
    places: Vec<usize>,
    /// Of each variable of `node`, what stands for no value where it is stored, if something else does where it is read.
    stored_na: Vec<Option<Scalar>>,
    left_out: Vec<String>,
}

/// Why nobody can say what a contribution means.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeaningError {
    /// It came before definitions were kept.
    #[error(
        "it came through the endpoint `{0}` before the journal kept what contributions mean, and the endpoint is not configured: configure it again (--config), then retry"
    )]
    Undefined(String),
    /// This program cannot read it.
    #[error(
        "what it means is kept in the definition {id}, which this program cannot read: {reason}"
    )]
    Unreadable {
        /// The definition.
        id: DefinitionId,
        /// Why.
        reason: String,
    },
    /// There was no such node.
    #[error("the schema that it came under has no node `{0}`")]
    NoNode(String),
    /// It counts something that cannot be stored.
    #[error(
        "`{variable}` was in `{then}` when it came and is stored in `{now}`, which is something else; `zf rebuild --reinterpret` reads it as the schema says today"
    )]
    Unit {
        /// The variable.
        variable: String,
        /// Its unit then.
        then: String,
        /// Its unit now.
        now: String,
    },
}

impl Meaning {
    /// What contributions of `definition` mean for the node that is stored as `stored` says.
    ///
    /// # Errors
    /// [`MeaningError`].
    pub(crate) fn of(
        id: DefinitionId,
        definition: &Ready,
        stored: &Node,
    ) -> Result<Self, MeaningError> {
        let Understood { schema, decoder } =
            definition
                .understood
                .as_ref()
                .map_err(|reason| MeaningError::Unreadable {
                    id,
                    reason: reason.clone(),
                })?;
        let then = schema.node(&stored.path);
        let then = then.ok_or_else(|| MeaningError::NoNode(stored.path.clone()))?;
        let mut node = Node {
            coordinates: stored.coordinates.clone(),
            variables: indexmap::IndexMap::new(),
            ..stored.clone()
        };
        for (name, coordinate) in &mut node.coordinates {
            if let Some(then) = then.coordinates.get(name) {
                read_as(coordinate, then)?;
            }
        }
        let is_component = |name: &String| {
            let mut coordinates = stored.coordinates.values();
            coordinates.any(|coordinate| coordinate.composed.contains(name))
        };
        let (mut places, mut stored_na) = (Vec::new(), Vec::new());
        for (place, (name, variable)) in stored.variables.iter().enumerate() {
            let mut variable = variable.clone();
            let na = variable.na.clone();
            match then.variables.get(name) {
                Some(then) => variable = read_variable(variable, then)?,
                // Without it there is no value of the coordinate.
                None if is_component(name) => {}
                None => continue,
            }
            stored_na.push(na.filter(|na| !is_same(variable.na.as_ref(), Some(na))));
            places.push(place);
            node.variables.insert(name.clone(), variable);
        }
        let gone = then
            .variables
            .keys()
            .filter(|name| !stored.variables.contains_key(*name));
        Ok(Self {
            decoder: decoder.for_node(&node),
            left_out: gone.cloned().collect(),
            node,
            places,
            stored_na,
        })
    }

    /// How bytes become a table.
    pub fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// What a table is read as.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// Variables that it has values for and that are no longer stored.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Puts a batch that was read as [`Self::node`] into the terms of the node as stored.
    pub(crate) fn place(&self, mut batch: Batch) -> Batch {
        for variable in &mut batch.variables {
            if let Some(na) = &self.stored_na[variable.variable_idx] {
                without(variable, na);
            }
            variable.variable_idx = self.places[variable.variable_idx];
        }
        batch
    }
}

/// Leaves out values that could not be told from none where they are stored.
fn without(variable: &mut BatchVariable, na: &Scalar) {
    let n = variable.values.len();
    let is_none = |i: &usize| variable.values.is_na(*i, Some(na));
    if !(0..n).any(|i| is_none(&i)) {
        return;
    }
    if let Some(grid) = &mut variable.grid {
        let valid = grid.valid.take().unwrap_or_else(|| vec![true; n]);
        let valid = valid.into_iter().enumerate();
        grid.valid = Some(valid.map(|(i, valid)| valid && !is_none(&i)).collect());
        return;
    }
    let kept: Vec<usize> = (0..n).filter(|i| !is_none(i)).collect();
    let row = |i: &usize| match &variable.rows {
        Some(rows) => rows[*i],
        None => u32::try_from(*i).expect("rows are numbered by u32"),
    };
    let rows = kept.iter().map(row).collect();
    variable.values = variable.values.take(kept.into_iter());
    variable.rows = Some(rows);
}

/// Reads a coordinate as `then` says.
fn read_as(coordinate: &mut Coordinate, then: &Coordinate) -> Result<(), MeaningError> {
    let steps = scale(&then.variable, &coordinate.variable).map_or(1.0, |scale| scale.factor);
    coordinate.step_limits = match then.step_limits {
        StepLimits::Within { min, max } if coordinate.sorted => StepLimits::Within {
            min: min * steps,
            max: max * steps,
        },
        StepLimits::Within { .. } => StepLimits::AnyNew,
        limits => limits,
    };
    coordinate.variable = read_variable(coordinate.variable.clone(), &then.variable)?;
    Ok(())
}

/// `stored`, but read as `then` says.
fn read_variable(stored: Variable, then: &Variable) -> Result<Variable, MeaningError> {
    let interval = then.interval.map(|interval| match scale(then, &stored) {
        Some(scale) => {
            let (a, b) = (scale.apply(interval.min), scale.apply(interval.max));
            Interval {
                min: a.min(b),
                max: a.max(b),
            }
        }
        None => interval,
    });
    let measure = match (&stored.measure, &then.measure) {
        (
            Measure::Physical { unit, .. },
            Measure::Physical {
                source_unit,
                has_source_unit,
                ..
            },
        ) => {
            let conversion =
                Conversion::between(source_unit, unit).map_err(|_differ| MeaningError::Unit {
                    variable: stored.name.clone(),
                    then: source_unit.written.clone(),
                    now: unit.written.clone(),
                })?;
            Measure::Physical {
                unit: unit.clone(),
                source_unit: source_unit.clone(),
                has_source_unit: *has_source_unit,
                conversion,
            }
        }
        // Nobody said then what the numbers count: they are taken as they are.
        (Measure::Physical { unit, .. }, Measure::Plain) => Measure::Physical {
            unit: unit.clone(),
            source_unit: unit.clone(),
            has_source_unit: false,
            conversion: Conversion::IDENTITY,
        },
        // Nobody says now what they count: they stay what they were.
        (Measure::Plain, physical @ Measure::Physical { .. }) if stored.data_type.is_numeric() => {
            physical.clone()
        }
        (Measure::Time { unit, .. }, Measure::Time { source_unit, .. }) => Measure::Time {
            unit: unit.clone(),
            source_unit: source_unit.clone(),
        },
        (Measure::Discrete { labels }, Measure::Discrete { labels: known }) => Measure::Discrete {
            labels: known_labels(labels, known),
        },
        (measure, _) => measure.clone(),
    };
    let has_na = stored.na.is_some()
        || matches!(
            stored.data_type,
            DataType::String | DataType::FixedString(_)
        );
    Ok(Variable {
        column: then.column.clone(),
        interval: interval.filter(|_| stored.data_type.is_numeric()),
        // Other rules need a value that means "none".
        merge: if has_na { then.merge } else { MergeRule::Last },
        na: na(&stored, then),
        na_origin: then.na_origin,
        turn: then.turn.and(stored.turn),
        measure,
        ..stored
    })
}

/// From the unit in which `from` is stored to that of `to`; `None` if they are the same or cannot be compared.
fn scale(from: &Variable, to: &Variable) -> Option<Conversion> {
    let nanoseconds = |unit: &TimeUnit| {
        #[expect(clippy::cast_precision_loss, reason = "a tick is at most a day")]
        let n = unit.tick.nanoseconds() as f64;
        n
    };
    match (&from.measure, &to.measure) {
        (Measure::Physical { unit: from, .. }, Measure::Physical { unit: to, .. }) => {
            let scale = Conversion::between(from, to).ok();
            scale.filter(|scale| !scale.is_identity())
        }
        (Measure::Time { unit: from, .. }, Measure::Time { unit: to, .. })
            if from.tick != to.tick =>
        {
            Some(Conversion {
                factor: nanoseconds(from) / nanoseconds(to),
                offset: 0.0,
            })
        }
        _ => None,
    }
}

/// Labels as stored, of which only those are read that were known then.
fn known_labels(stored: &Arc<[String]>, known: &Arc<[String]>) -> Arc<[String]> {
    // What schemas allow without a rebuild: labels were added at the end.
    if stored.starts_with(known) {
        return Arc::clone(known);
    }
    let label = |label: &String| {
        if known.contains(label) {
            label.clone()
        } else {
            // No text that is delivered; the code stays taken.
            format!("\0{label}")
        }
    };
    stored.iter().map(label).collect()
}

/// What is read as no value: what somebody chose then, else what it is today.
fn na(stored: &Variable, then: &Variable) -> Option<Scalar> {
    let is_number = |variable: &Variable| {
        variable.data_type.is_numeric() && !matches!(variable.measure, Measure::Truth)
    };
    let is_kept = is_same(stored.na.as_ref(), then.na.as_ref());
    let is_open = match then.na_origin {
        NaOrigin::Said => is_nan(then.na.as_ref()),
        NaOrigin::Default => true,
        // What counted as no value then still does, unless somebody has said something else since.
        NaOrigin::FormerDefault => stored.na_origin == NaOrigin::Said,
    };
    if is_kept || is_open || !is_number(stored) || !is_number(then) {
        return stored.na.clone();
    }
    then.na.clone().or_else(|| stored.na.clone())
}

fn is_nan(na: Option<&Scalar>) -> bool {
    matches!(na, Some(Scalar::Float(x) | Scalar::Complex(x, _)) if x.is_nan())
}

/// Whether both stand for no value alike; NaN is NaN.
fn is_same(a: Option<&Scalar>, b: Option<&Scalar>) -> bool {
    match (a, b) {
        (Some(Scalar::Float(a)), Some(Scalar::Float(b))) => a == b || a.is_nan() && b.is_nan(),
        (Some(Scalar::Complex(a, _)), Some(Scalar::Complex(b, _))) if a.is_nan() => b.is_nan(),
        _ => a == b,
    }
}
