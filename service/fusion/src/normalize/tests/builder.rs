//! Nodes and tables for tests, and what normalize gives as text.

use std::sync::Arc;

use polars::prelude::{Column, DataFrame};
use zarr_fuse_arrays::{values::Values, with_values};
use zarr_fuse_decode::Table;
use zarr_fuse_schemas::{
    Codec, Coordinate, DataType, Interval, Measure, MergeRule, NaOrigin, Node, Scalar, StepLimits,
    Variable,
    time::{Tick, TimeUnit, Zone},
    unit::{Conversion, Unit},
};

use crate::normalize::{Normalized, normalize};

/// A variable with the defaults of the schema language; its column has its name.
pub(super) fn variable(name: &str, coords: &[&str], data_type: DataType) -> Variable {
    Variable {
        name: name.to_owned(),
        coords: coords.iter().map(ToString::to_string).collect(),
        data_type,
        measure: Measure::Plain,
        column: name.to_owned(),
        na: default_na(data_type),
        na_origin: NaOrigin::Default,
        interval: None,
        merge: MergeRule::Last,
        turn: None,
        codec: Codec::default(),
        description: None,
        attrs: serde_json::Map::new(),
    }
}

pub(super) fn float(name: &str, coords: &[&str]) -> Variable {
    variable(name, coords, DataType::Float64)
}

/// A variable or coordinate of times in `zone`, stored in seconds.
pub(super) fn time(name: &str, coords: &[&str], zone: Zone) -> Variable {
    let unit = TimeUnit {
        zone,
        ..TimeUnit::utc(Tick::Second)
    };
    Variable {
        measure: Measure::Time {
            unit: unit.clone(),
            source_unit: unit,
        },
        na: Some(Scalar::Int(i64::MIN)),
        na_origin: NaOrigin::Said,
        ..variable(name, coords, DataType::Int64)
    }
}

pub(super) fn labels(name: &str, coords: &[&str], labels: &[&str]) -> Variable {
    let labels: Arc<[String]> = labels.iter().map(ToString::to_string).collect();
    Variable {
        measure: Measure::Discrete { labels },
        na: Some(Scalar::UInt(0)),
        na_origin: NaOrigin::Said,
        ..variable(name, coords, DataType::UInt8)
    }
}

/// Makes a variable of degrees Celsius that comes in kelvins.
pub(super) fn from_kelvin(variable: Variable) -> Variable {
    let unit = |written: &str| Unit::parse(written).expect("a unit");
    let conversion = Conversion {
        factor: 1.0,
        offset: -273.15,
    };
    Variable {
        measure: Measure::Physical {
            unit: unit("degC"),
            source_unit: unit("K"),
            has_source_unit: true,
            conversion,
        },
        ..variable
    }
}

pub(super) fn within(min: f64, max: f64, variable: Variable) -> Variable {
    Variable {
        interval: Some(Interval { min, max }),
        ..variable
    }
}

pub(super) fn merged(merge: MergeRule, variable: Variable) -> Variable {
    Variable { merge, ..variable }
}

fn default_na(data_type: DataType) -> Option<Scalar> {
    match data_type {
        DataType::Bool | DataType::String | DataType::FixedString(_) => None,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64 => {
            Some(Scalar::Int(-1))
        }
        DataType::UInt8 => Some(Scalar::UInt(u8::MAX.into())),
        DataType::UInt16 => Some(Scalar::UInt(u16::MAX.into())),
        DataType::UInt32 => Some(Scalar::UInt(u32::MAX.into())),
        DataType::UInt64 => Some(Scalar::UInt(u64::MAX)),
        DataType::Float32 | DataType::Float64 => Some(Scalar::Float(f64::NAN)),
        DataType::Complex64 | DataType::Complex128 => Some(Scalar::Complex(f64::NAN, f64::NAN)),
    }
}

/// A plain coordinate.
pub(super) fn plain(mut variable: Variable) -> Coordinate {
    variable.coords = vec![variable.name.clone()];
    Coordinate {
        variable,
        sorted: true,
        chunk_size: 1024,
        has_chunk_size: true,
        step_limits: StepLimits::AnyNew,
        max_new: None,
        composed: Vec::new(),
    }
}

/// A coordinate composed of variables.
pub(super) fn composed(name: &str, components: &[&str]) -> Coordinate {
    let composed = components.iter().map(ToString::to_string).collect();
    Coordinate {
        sorted: false,
        composed,
        ..plain(variable(name, &[], DataType::Int64))
    }
}

pub(super) fn node(coordinates: Vec<Coordinate>, variables: Vec<Variable>) -> Node {
    Node {
        path: "weather".to_owned(),
        coordinates: coordinates
            .into_iter()
            .map(|each| (each.variable.name.clone(), each))
            .collect(),
        variables: variables
            .into_iter()
            .map(|each| (each.name.clone(), each))
            .collect(),
        ..Node::default()
    }
}

/// A table of text, as CSV gives it.
pub(super) fn table(columns: Vec<(&str, Vec<Option<&str>>)>) -> Table {
    typed(
        columns
            .into_iter()
            .map(|(name, cells)| Column::new(name.into(), cells))
            .collect(),
    )
}

pub(super) fn typed(columns: Vec<Column>) -> Table {
    let height = columns.first().map_or(0, Column::len);
    DataFrame::new(height, columns)
        .expect("columns of one length")
        .into()
}

/// A table written as CSV without quotes; `NULL` is null.
pub(super) fn csv(text: &str) -> Table {
    let mut lines = text.trim().lines().map(str::trim);
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let cell =
        |row: &Vec<&'static str>, column: usize| Some(row[column]).filter(|cell| *cell != "NULL");
    let leaked: Vec<Vec<&'static str>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| &*cell.to_string().leak()).collect())
        .collect();
    let columns = header
        .iter()
        .enumerate()
        .map(|(at, name)| (*name, leaked.iter().map(|row| cell(row, at)).collect()));
    table(columns.collect())
}

/// Element `position` as Rust shows it.
pub(super) fn shown(values: &Values, position: usize) -> String {
    with_values!(values, v => format!("{:?}", v[position]))
}

/// What normalize gives, one line per value: `temp[time=0 station="a"] = 1.5`, then the problems.
pub(super) fn outcome(table: &Table, node: &Node) -> String {
    let given = match normalize(table, node) {
        Ok(given) => given,
        Err(error) => return error.to_string(),
    };
    let mut lines = Vec::new();
    for brought in &given.batch.variables {
        let variable = &node.variables[brought.variable_idx];
        let n_values = brought.values.len();
        let rows = brought
            .rows
            .clone()
            .unwrap_or_else(|| (0_u32..).take(given.batch.n_rows).collect());
        assert_eq!(rows.len(), n_values, "one value per row");
        for (position, row) in rows.iter().enumerate() {
            let place = place(&given, node, &variable.coords, *row as usize);
            lines.push(format!(
                "{}[{place}] = {}",
                variable.name,
                shown(&brought.values, position)
            ));
        }
    }
    for problem in &given.problems.first {
        let row = problem
            .row
            .map(|row| format!("row {row} "))
            .unwrap_or_default();
        let column = problem.column.as_deref().unwrap_or_default();
        let value = problem
            .value
            .as_ref()
            .map(|value| format!(" `{value}`"))
            .unwrap_or_default();
        lines.push(format!("{row}{column}{value}: {}", problem.reason));
    }
    lines.join("\n")
}

/// The coordinates of a row of a batch.
fn place(given: &Normalized, node: &Node, coords: &[String], row: usize) -> String {
    let of = |name: &String| {
        let idx = node.coordinates.get_index_of(name);
        let coordinate = given
            .batch
            .coordinates
            .iter()
            .find(|brought| Some(brought.coordinate_idx) == idx);
        let coordinate = coordinate.expect("a variable comes with its coordinates");
        format!(
            "{name}={}",
            shown(&coordinate.values, coordinate.index[row] as usize)
        )
    };
    coords.iter().map(of).collect::<Vec<_>>().join(" ")
}
