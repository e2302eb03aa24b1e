//! Variables for which nothing came beside columns that nothing is read from: probably the same under another name.

use zarr_fuse_schemas::{Node, Variable, near::nearest};

use super::columns::{is_alike, list};
use super::error::NormalizeError;

/// Names of each side that are compared.
const MAX_NAMES: usize = 200;

/// What is to be said of a table with these columns, or of arrays of these names.
///
/// # Errors
/// [`NormalizeError::NoVariable`] if coordinates came, and none of the variables that lie on them.
pub(super) fn look(
    node: &Node,
    columns: &[&str],
    n_rows: usize,
) -> Result<Vec<String>, NormalizeError> {
    let has = |variable: &Variable| columns.contains(&variable.column.as_str());
    let is_component = |variable: &Variable| {
        let mut coordinates = node.coordinates.values();
        coordinates.any(|coordinate| coordinate.composed.contains(&variable.name))
    };
    let has_coordinate = |name: &String| match node.coordinates.get(name) {
        Some(coordinate) if coordinate.composed.is_empty() => has(&coordinate.variable),
        Some(coordinate) => {
            let mut components = coordinate.composed.iter();
            components.all(|name| node.variables.get(name).is_some_and(has))
        }
        None => false,
    };
    let variables = node
        .variables
        .values()
        .filter(|variable| !is_component(variable));
    let possible = variables.filter(|variable| variable.coords.iter().all(has_coordinate));
    let (came, missing): (Vec<&Variable>, Vec<&Variable>) = possible.partition(|it| has(it));
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let coordinates = node
        .coordinates
        .values()
        .map(|coordinate| &coordinate.variable);
    let known: Vec<&str> = coordinates
        .chain(node.variables.values())
        .map(|variable| variable.column.as_str())
        .collect();
    let unread: Vec<&str> = columns
        .iter()
        .copied()
        .filter(|name| !known.contains(name))
        .collect();
    let near = |variable: &Variable| {
        let wanted = variable.column.as_str();
        let mut some = unread.iter().copied().take(MAX_NAMES);
        let alike = some.clone().find(|name| is_alike(name, wanted));
        alike.or_else(|| nearest(wanted, &mut some))
    };
    if came.is_empty() {
        let hint = missing.iter().take(MAX_NAMES).find_map(|it| near(it));
        return Err(NormalizeError::NoVariable {
            node: node.path.clone(),
            wanted: list(missing.iter().map(|variable| variable.column.as_str())),
            found: list(unread.into_iter()),
            nearest: hint
                .map(|name| format!("; did you mean `{name}`?"))
                .unwrap_or_default(),
        });
    }
    if unread.is_empty() {
        return Ok(Vec::new());
    }
    let mut warnings = Vec::new();
    let mut others = Vec::new();
    for variable in missing.into_iter().take(MAX_NAMES) {
        match near(variable) {
            Some(name) if warnings.len() < 10 => warnings.push(format!(
                "nothing came for `{}`, which is read from `{}`; is `{name}` meant?",
                variable.name, variable.column
            )),
            _ => others.push(variable.column.as_str()),
        }
    }
    // Single records often have some of the quantities only.
    if !others.is_empty() && n_rows > 1 {
        warnings.push(format!(
            "no column is called {}; nothing is read from {}",
            list(others.into_iter()),
            list(unread.into_iter())
        ));
    }
    Ok(warnings)
}
