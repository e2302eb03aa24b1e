//! Which columns of a table belong to which coordinates and variables of a node.

use polars::prelude::{Column, DataFrame};
use zarr_fuse_decode::Table;
use zarr_fuse_schemas::{DataType, Measure, Node, Variable, rules::Rules};

use super::Terms;
use super::error::NormalizeError;
use super::labels::nearest_label;
use super::read::Target;
use super::source::{self, Source};
use super::{units, unmatched};

/// What a table brings for a node.
#[derive(Debug)]
pub(super) struct Plan<'s> {
    /// What to read; the positions in the other lists are positions in this one.
    pub(super) targets: Vec<Target<'s>>,
    /// In schema order.
    pub(super) coordinates: Vec<PlannedCoordinate>,
    /// In schema order.
    pub(super) variables: Vec<PlannedVariable>,
    /// Columns that may be those of variables for which nothing came.
    pub(super) warnings: Vec<String>,
}

/// A coordinate that the table brings.
#[derive(Debug)]
pub(super) struct PlannedCoordinate {
    /// Position among the node's coordinates.
    pub(super) coordinate_idx: usize,
    /// One target, or one per component.
    pub(super) targets: Vec<usize>,
    /// Whether the tuple of the targets is hashed.
    pub(super) is_composed: bool,
}

/// A variable that the table brings.
#[derive(Debug)]
pub(super) struct PlannedVariable {
    /// Position among the node's variables.
    pub(super) variable_idx: usize,
    pub(super) target: usize,
    /// Its coordinates, as positions among the planned ones.
    pub(super) coordinates: Vec<usize>,
}

/// Finds the columns.
///
/// # Errors
/// When nothing of the node is there, when a coordinate or component is missing that a variable needs, or when a column
/// holds what can never become the type of its variable.
pub(super) fn plan<'s>(
    table: &Table,
    node: &'s Node,
    terms: Terms,
) -> Result<Plan<'s>, NormalizeError> {
    let frame = &table.frame;
    let mut plan = Plan {
        targets: Vec::new(),
        coordinates: Vec::new(),
        variables: Vec::new(),
        warnings: Vec::new(),
    };
    let has = |variable: &Variable| frame.get_column_index(&variable.column).is_some();
    let target = |variable, coordinate| target(table, variable, coordinate, terms);
    let brought = |name: &String| node.variables.get(name).is_some_and(has);

    for (coordinate_idx, (name, coordinate)) in node.coordinates.iter().enumerate() {
        let is_composed = !coordinate.composed.is_empty();
        let is_used = node
            .variables
            .values()
            .any(|variable| variable.coords.contains(name) && has(variable));
        let is_brought = if is_composed {
            coordinate.composed.iter().all(brought)
        } else {
            has(&coordinate.variable)
        };
        if !is_brought {
            if is_used {
                return Err(missing(frame, node, name));
            }
            continue;
        }
        let first = plan.targets.len();
        if is_composed {
            for component in &coordinate.composed {
                plan.targets
                    .push(target(&node.variables[component], Some(name))?);
            }
        } else {
            plan.targets.push(target(&coordinate.variable, Some(name))?);
        }
        let targets = (first..plan.targets.len()).collect();
        plan.coordinates.push(PlannedCoordinate {
            coordinate_idx,
            targets,
            is_composed,
        });
    }

    for (variable_idx, variable) in node
        .variables
        .values()
        .enumerate()
        .filter(|(_, variable)| has(variable))
    {
        let position = |name: &String| {
            let coordinate_idx = node.coordinates.get_index_of(name);
            plan.coordinates
                .iter()
                .position(|planned| Some(planned.coordinate_idx) == coordinate_idx)
        };
        let coordinates = variable.coords.iter().filter_map(position).collect();
        let component = plan
            .targets
            .iter()
            .position(|target| std::ptr::eq(target.variable, variable));
        let target = if let Some(target) = component {
            target
        } else {
            plan.targets.push(target(variable, None)?);
            plan.targets.len() - 1
        };
        plan.variables.push(PlannedVariable {
            variable_idx,
            target,
            coordinates,
        });
    }

    if plan.targets.is_empty() {
        let variables = node
            .coordinates
            .values()
            .filter(|coordinate| coordinate.composed.is_empty());
        let wanted = variables
            .map(|coordinate| &coordinate.variable)
            .chain(node.variables.values());
        return Err(NormalizeError::NothingKnown {
            node: node.path.clone(),
            wanted: list(wanted.map(|variable| variable.column.as_str())),
            found: columns_of(frame),
        });
    }
    if terms.rules != Rules::First {
        let columns = frame.columns().iter().map(|column| column.name().as_str());
        let columns: Vec<&str> = columns.collect();
        let n_rows = frame.height();
        plan.warnings = unmatched::look(node, &columns, n_rows)?;
    }
    Ok(plan)
}

/// A cell of this variable is read from its column.
fn target<'s>(
    table: &Table,
    variable: &'s Variable,
    coordinate: Option<&'s str>,
    terms: Terms,
) -> Result<Target<'s>, NormalizeError> {
    let frame = &table.frame;
    let column =
        frame
            .column(&variable.column)
            .map_err(|_absent| NormalizeError::MissingColumn {
                column: variable.column.clone(),
                variable: variable.name.clone(),
                found: columns_of(frame),
                nearest: String::new(),
            })?;
    let unit = table.units.get(&variable.column);
    target_of(column, variable, coordinate, unit, terms)
}

/// Cells of this variable are read from `column`, which counts `unit` if the file says so.
///
/// # Errors
/// [`NormalizeError::WrongType`]; a unit that does not fit the schema.
pub(super) fn target_of<'s>(
    column: &Column,
    variable: &'s Variable,
    coordinate: Option<&'s str>,
    unit: Option<&String>,
    terms: Terms,
) -> Result<Target<'s>, NormalizeError> {
    let wrong_type = |found: String| NormalizeError::WrongType {
        column: variable.column.clone(),
        found,
        variable: variable.name.clone(),
        expected: match &variable.measure {
            Measure::Time { .. } => "times".to_owned(),
            Measure::Discrete { .. } => "labels".to_owned(),
            _ => variable.type_name(),
        },
    };
    let shortest = (coordinate.is_some() && terms.rules != Rules::First)
        .then(|| source::shortest(column))
        .flatten();
    let source = Source::new(shortest.as_ref().unwrap_or(column))
        .ok_or_else(|| wrong_type(format!("type {}", column.dtype())))?;
    if let (Measure::Time { .. }, false, Some(unit)) = (&variable.measure, source.is_time(), unit)
        && terms.rules != Rules::First
    {
        units::of_time(variable, unit)?;
    }
    let source = match (&variable.measure, variable.data_type) {
        (Measure::Time { .. }, _) if source.is_bool() => {
            return Err(wrong_type("truth values".to_owned()));
        }
        (Measure::Time { .. }, _) => source,
        (Measure::Discrete { .. }, _) | (_, DataType::String | DataType::FixedString(_)) => {
            source.into_text()
        }
        _ if source.is_time() => return Err(wrong_type("dates or times".to_owned())),
        _ => source,
    };
    Ok(Target {
        conversion: units::conversion(variable, unit)?,
        variable,
        coordinate,
        source,
        terms,
        folds: None,
    })
}

/// Names the first column that the coordinate `name` lacks.
fn missing(frame: &DataFrame, node: &Node, name: &str) -> NormalizeError {
    let coordinate = &node.coordinates[name];
    let components = coordinate
        .composed
        .iter()
        .filter_map(|component| node.variables.get(component));
    let absent = components
        .into_iter()
        .find(|component| frame.get_column_index(&component.column).is_none());
    let variable = absent.unwrap_or(&coordinate.variable);
    let columns: Vec<String> = frame
        .get_column_names()
        .into_iter()
        .map(ToString::to_string)
        .collect();
    let nearest = nearest_label(&variable.column, &columns)
        .filter(|nearest| is_alike(nearest, &variable.column));
    NormalizeError::MissingColumn {
        column: variable.column.clone(),
        variable: variable.name.clone(),
        found: columns_of(frame),
        nearest: nearest
            .map(|nearest| format!("; did you mean `{nearest}`?"))
            .unwrap_or_default(),
    }
}

/// Whether two names differ only in case and separators.
pub(super) fn is_alike(one: &str, other: &str) -> bool {
    let core = |name: &str| -> String {
        name.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    core(one) == core(other)
}

fn columns_of(frame: &DataFrame) -> String {
    list(frame.columns().iter().map(|column| column.name().as_str()))
}

/// Names in backquotes, at most twenty.
pub(super) fn list<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    let shown: Vec<String> = names
        .iter()
        .take(20)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len() {
        0 => "no columns".to_owned(),
        n if n > 20 => format!("{} and {} more", shown.join(", "), n - 20),
        _ => shown.join(", "),
    }
}
