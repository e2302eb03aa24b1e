//! Coarser levels of a node: what arrays they have, and what a cell of them tells of the values it stands for.
//!
//! Level by level, a cell stands for `factor` cells of the finer one, the first level's for `factor` values of the
//! node's arrays, counted from the beginning of the coordinate. Only cells whose values have all come are there, so that
//! appending writes few of them; the rest is read from finer levels.

mod cells;

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};
use zarr_fuse_arrays::array::{ArrayError, ArraySpec};
use zarr_fuse_schemas::{Aggregate, DataType, Measure, Node as NodeSchema, Pyramid, Variable};

pub(crate) use self::cells::{Box3, Cells};

/// Most values that a cell stands for.
const MAX_POSITIONS: u64 = 1 << 24;

/// One of the arrays that a level has of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// How many values there are.
    Count,
    /// The smallest.
    Min,
    /// Position of the first of the smallest, from the first position that the cell stands for.
    MinAt,
    /// The largest.
    Max,
    /// Position of the first of the largest, likewise.
    MaxAt,
    /// Their mean.
    Mean,
    /// Of directions, the length of the mean of their unit vectors.
    MeanLength,
}

impl Part {
    /// All of them, in the order of their arrays.
    pub(crate) const ALL: [Self; 7] = [
        Self::Count,
        Self::Min,
        Self::MinAt,
        Self::Max,
        Self::MaxAt,
        Self::Mean,
        Self::MeanLength,
    ];

    /// What the name of its array ends with.
    fn suffix(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Min => "min",
            Self::MinAt => "min_at",
            Self::Max => "max",
            Self::MaxAt => "max_at",
            Self::Mean => "mean",
            Self::MeanLength => "mean_length",
        }
    }

    fn is_kept(self, pyramid: &Pyramid, variable: &Variable) -> bool {
        let asked = |aggregate| pyramid.aggregates.contains(&aggregate);
        match self {
            Self::Count => true,
            Self::Min | Self::MinAt => asked(Aggregate::Min),
            Self::Max | Self::MaxAt => asked(Aggregate::Max),
            Self::Mean => asked(Aggregate::Mean),
            Self::MeanLength => asked(Aggregate::Mean) && pyramid.circular.contains(&variable.name),
        }
    }
}

/// A level of a node.
#[derive(Debug)]
pub struct Level {
    /// Path of its group.
    pub path: String,
    /// Positions along the coordinate that a cell stands for.
    pub n_positions: u64,
    /// Places of its arrays in the node's list: one per coordinate, in schema order, then those of variables.
    pub arrays: std::ops::Range<usize>,
    /// Per variable of the schema, places of its arrays in the order of `Part::ALL`; none for variables without levels.
    pub variables: Vec<Option<[Option<usize>; 7]>>,
}

/// Path of the group of a level.
pub(crate) fn group(node: &str, n_positions: u64) -> String {
    format!("{node}@{n_positions}")
}

/// Whether `name` is that of a level's group beside a node called `of`.
pub fn is_level_of(name: &str, of: &str) -> bool {
    let digits = name
        .strip_prefix(of)
        .and_then(|rest| rest.strip_prefix('@'));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether the name of an array of a level may end like this.
pub fn is_part(suffix: &str) -> bool {
    Part::ALL.into_iter().any(|part| part.suffix() == suffix)
}

/// Positions that the cells of each level stand for, finest first.
pub(crate) fn steps(factor: u64) -> impl Iterator<Item = u64> {
    let next = move |n: &u64| n.checked_mul(factor);
    std::iter::successors(Some(factor), next).take_while(|n| *n <= MAX_POSITIONS)
}

/// The levels of `node` and their arrays, whose places begin at `first`.
///
/// # Errors
/// [`ArrayError::Create`].
pub(crate) fn levels(
    node: &NodeSchema,
    first: usize,
) -> Result<(Vec<Level>, Vec<Arc<ArraySpec>>), ArrayError> {
    let Some(pyramid) = &node.pyramid else {
        return Ok((Vec::new(), Vec::new()));
    };
    let along = node
        .coordinates
        .get_index_of(&pyramid.coord)
        .expect("the schema has checked the coordinate");
    let (mut levels, mut arrays) = (Vec::new(), Vec::new());
    for n_positions in steps(pyramid.factor) {
        let path = group(&node.path, n_positions);
        let begin = first + arrays.len();
        let add = |variable: &Variable, is_coordinate| {
            ArraySpec::within(&path, node, variable, is_coordinate)
                .map(|spec| Arc::new(spec.with_cells(along, n_positions)))
        };
        for coordinate in node.coordinates.values() {
            arrays.push(add(&coordinate.variable, true)?);
        }
        let mut variables = Vec::new();
        for variable in node.variables.values() {
            if !node.has_levels(variable) {
                variables.push(None);
                continue;
            }
            let mut places = [None; 7];
            for (part, place) in Part::ALL.into_iter().zip(&mut places) {
                if part.is_kept(pyramid, variable) {
                    *place = Some(first + arrays.len());
                    arrays.push(add(&described(variable, part, pyramid), false)?);
                }
            }
            variables.push(Some(places));
        }
        levels.push(Level {
            path,
            n_positions,
            arrays: begin..first + arrays.len(),
            variables,
        });
    }
    Ok((levels, arrays))
}

/// The array of a level, as a variable.
fn described(variable: &Variable, part: Part, pyramid: &Pyramid) -> Variable {
    let of = |what: &str| {
        let name = variable.description.as_deref().unwrap_or(&variable.name);
        Some(format!("{what}: {name}"))
    };
    let number = |what: &str| Variable {
        data_type: DataType::UInt32,
        measure: Measure::Plain,
        na: None,
        na_origin: zarr_fuse_schemas::NaOrigin::Said,
        description: of(what),
        attrs: Map::new(),
        ..variable.clone()
    };
    let mut array = match part {
        Part::Count => number("number of values"),
        Part::MinAt => number("position of the smallest value in the cell"),
        Part::MaxAt => number("position of the largest value in the cell"),
        Part::Min | Part::Max => variable.clone(),
        Part::Mean => Variable {
            data_type: DataType::Float64,
            na: Some(zarr_fuse_schemas::Scalar::Float(f64::NAN)),
            na_origin: zarr_fuse_schemas::NaOrigin::Said,
            ..variable.clone()
        },
        Part::MeanLength => Variable {
            data_type: DataType::Float64,
            na: Some(zarr_fuse_schemas::Scalar::Float(f64::NAN)),
            ..number("length of the mean of unit vectors, 1 if all directions are equal")
        },
    };
    let method = match part {
        Part::Min => Some("minimum"),
        Part::Max => Some("maximum"),
        Part::Mean => Some("mean"),
        Part::Count | Part::MinAt | Part::MaxAt | Part::MeanLength => None,
    };
    if let Some(method) = method {
        let text = format!("{}: {method}", pyramid.coord);
        array.attrs.insert("cell_methods".to_owned(), json!(text));
    }
    array.name = format!("{}_{}", variable.name, part.suffix());
    array
}

/// What the node's group says of its pyramid; arrays of another one do not fit.
pub(crate) fn attribute(pyramid: &Pyramid) -> Json {
    let names: Vec<&str> = pyramid.aggregates.iter().map(|of| of.name()).collect();
    let mut attribute = json!({"coord": pyramid.coord, "factor": pyramid.factor, "agg": names});
    if !pyramid.circular.is_empty() {
        attribute["circular"] = json!(pyramid.circular);
    }
    attribute
}

/// Names of variables whose means are kept as those of directions, by what the group says.
pub(crate) fn stored_circular(attribute: &Json) -> Vec<&str> {
    let names = attribute.get("circular").and_then(Json::as_array);
    names
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect()
}

/// Whether arrays that were written as `stored` says fit: beside them there may be those of directions that are new.
pub(crate) fn fits(pyramid: &Pyramid, stored: &Json) -> bool {
    let mut ours = attribute(pyramid);
    let mut theirs = stored.clone();
    for one in [&mut ours, &mut theirs] {
        if let Some(one) = one.as_object_mut() {
            one.remove("circular");
        }
    }
    let is_ours = |name: &&str| pyramid.circular.iter().any(|own| own == name);
    ours == theirs && stored_circular(stored).iter().all(is_ours)
}
