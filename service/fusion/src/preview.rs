//! What a contribution looks like after decoding: its columns, where they would go, and the first rows.

use polars::prelude::{Column, DataFrame};
use serde::Serialize;
use utoipa::ToSchema;
use zarr_fuse_decode::{self as decode, Decoded};
use zarr_fuse_schemas::{Measure, Node, TimeUnit, Variable, near::nearest};

/// Rows that are shown.
const MAX_ROWS: usize = 50;
/// Longest text of a cell.
const MAX_CELL_CHARS: usize = 200;

/// A decoded table, and how it fits a node.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Preview {
    /// Its columns, in order; of arrays, coordinates and variables.
    pub columns: Vec<PreviewColumn>,
    /// Columns that coordinates of the node are read from and that the table does not have.
    pub missing: Vec<String>,
    /// Variables of the node that no column is read into.
    pub unfed: Vec<Unfed>,
    /// The first 50 rows, cells as text; none of arrays.
    pub rows: Vec<Vec<Option<String>>>,
    /// All rows; of arrays, the elements of the largest.
    pub n_rows: u64,
    /// How long the dimensions of the node would be; empty if nothing can be merged.
    pub dimensions: Vec<Dimension>,
}

/// A dimension of a node with a contribution merged.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Dimension {
    /// Its name.
    pub name: String,
    /// How many values it would have.
    pub length: u64,
    /// How many of them are new.
    pub added: u64,
}

/// A variable that a contribution has nothing for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Unfed {
    /// Its name.
    pub variable: String,
    /// The column that it is read from.
    pub column: String,
    /// The column without a variable whose name is the most like it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

/// A column of a decoded table.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PreviewColumn {
    /// Its name.
    pub name: String,
    /// Of arrays, the dimensions with their lengths, such as `time 24 × latitude 181`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Coordinate or variable of the node that is read from it; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// `coordinate`, also for the components of a composed one, or `variable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// Unit stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Unit in which values are taken to be delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_unit: Option<String>,
}

/// How a decoded contribution fits `node`.
pub fn preview(decoded: &Decoded, node: &Node) -> Preview {
    let (names, rows, n_rows) = match decoded {
        Decoded::Table(table) => {
            let frame = table.frame();
            let names = frame.get_column_names();
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            (names, first_rows(frame), frame.height() as u64)
        }
        Decoded::Grids(grids) => {
            let names = grids.coordinates.keys().chain(grids.variables.keys());
            let largest = grids.variables.values().map(|grid| grid.values.len()).max();
            let n = largest.unwrap_or_default() as u64;
            (names.cloned().collect(), Vec::new(), n)
        }
    };
    let wanted = node.coordinates.values().flat_map(|coordinate| {
        let components = coordinate.composed.iter();
        let components = components.filter_map(|name| node.variables.get(name));
        let plain = coordinate
            .composed
            .is_empty()
            .then_some(&coordinate.variable);
        plain.into_iter().chain(components)
    });
    let missing = wanted.filter(|variable| !names.contains(&variable.column));
    let missing = missing.map(|variable| variable.column.clone()).collect();
    let unfed = unfed(&names, node);
    let columns = names.into_iter().map(|name| PreviewColumn {
        size: size(decoded, &name),
        ..column(name, node)
    });
    Preview {
        columns: columns.collect(),
        missing,
        unfed,
        rows,
        n_rows,
        dimensions: Vec::new(),
    }
}

/// Variables of which none of `names` is the column, each with the nearest name that nothing is read from.
fn unfed(names: &[String], node: &Node) -> Vec<Unfed> {
    let is_component = |name: &String| {
        let mut coordinates = node.coordinates.values();
        coordinates.any(|coordinate| coordinate.composed.contains(name))
    };
    let coordinates = node.coordinates.values().map(|one| &one.variable);
    let read: Vec<&String> = coordinates
        .chain(node.variables.values())
        .map(|variable| &variable.column)
        .collect();
    let free: Vec<&str> = names
        .iter()
        .filter(|name| !read.contains(name))
        .map(String::as_str)
        .collect();
    node.variables
        .values()
        .filter(|variable| !is_component(&variable.name) && !names.contains(&variable.column))
        .map(|variable| Unfed {
            variable: variable.name.clone(),
            column: variable.column.clone(),
            nearest: nearest(&variable.column, free.iter().copied()).map(str::to_owned),
        })
        .collect()
}

fn size(decoded: &Decoded, name: &str) -> Option<String> {
    let Decoded::Grids(grids) = decoded else {
        return None;
    };
    if let Some(values) = grids.coordinates.get(name) {
        return Some(values.len().to_string());
    }
    let dims = &grids.variables.get(name)?.dims;
    let dims: Vec<String> = dims
        .iter()
        .map(|dim| format!("{dim} {}", grids.length(dim)))
        .collect();
    Some(dims.join(" × "))
}

fn column(name: String, node: &Node) -> PreviewColumn {
    let coordinates = node.coordinates.values();
    let mut coordinates = coordinates.filter(|coordinate| coordinate.composed.is_empty());
    let coordinate = coordinates.find(|coordinate| coordinate.variable.column == name);
    let is_component = |variable: &Variable| {
        let mut coordinates = node.coordinates.values();
        coordinates.any(|coordinate| coordinate.composed.contains(&variable.name))
    };
    let found = if let Some(coordinate) = coordinate {
        Some((&coordinate.variable, "coordinate"))
    } else {
        let mut variables = node.variables.values();
        let variable = variables.find(|variable| variable.column == name);
        variable.map(|variable| {
            let role = if is_component(variable) {
                "coordinate"
            } else {
                "variable"
            };
            (variable, role)
        })
    };
    let units = found
        .map(|(variable, _)| units(variable))
        .unwrap_or_default();
    PreviewColumn {
        name,
        size: None,
        variable: found.map(|(variable, _)| variable.name.clone()),
        role: found.map(|(_, role)| role),
        unit: units.0,
        source_unit: units.1,
    }
}

/// Unit stored and unit delivered.
fn units(variable: &Variable) -> (Option<String>, Option<String>) {
    let time = |unit: &TimeUnit| Some(format!("{}, {}", unit.tick.symbol(), unit.zone));
    match &variable.measure {
        Measure::Physical {
            unit, source_unit, ..
        } => (
            Some(unit.written.clone()),
            Some(source_unit.written.clone()),
        ),
        Measure::Time { unit, source_unit } => (time(unit), time(source_unit)),
        Measure::Plain | Measure::Discrete { .. } | Measure::Truth => (None, None),
    }
}

fn first_rows(frame: &DataFrame) -> Vec<Vec<Option<String>>> {
    let columns = frame.columns();
    let cell = |column: &Column, row: usize| {
        let value = column.get(row).ok()?;
        decode::printed(&value).map(|text| shortened(&text))
    };
    let row = |row| columns.iter().map(|column| cell(column, row)).collect();
    (0..frame.height().min(MAX_ROWS)).map(row).collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_CELL_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
