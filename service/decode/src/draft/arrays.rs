//! A draft for arrays with their coordinates.

use std::fmt::Write as _;

use crate::Grids;
use polars::prelude::{Column, DataType};
use serde_json::{Map, json};
use zarr_fuse_schemas::Unit;

use super::{Body, DraftError, name};

pub(super) fn draft(grids: &Grids) -> Result<Body, DraftError> {
    let used: Vec<&String> = grids
        .variables
        .values()
        .flat_map(|grid| &grid.dims)
        .collect();
    let mut body = String::from("  COORDS:\n");
    let mut has_unknown_unit = false;
    let mut line = |name: &str, values: &Column, first: Vec<String>, is_coordinate: bool| {
        let mut keys = first;
        let mut remark = String::new();
        match values.dtype() {
            DataType::Datetime(..) | DataType::Date => keys.push("unit: {tick: s}".to_owned()),
            DataType::String => {
                keys.push("type: str".to_owned());
                if is_coordinate {
                    keys.push("sorted: false".to_owned());
                }
            }
            DataType::Boolean => keys.push("type: bool".to_owned()),
            dtype => {
                if let Some(written) = grids.units.get(name) {
                    let unit = Unit::parse(written).ok();
                    if unit.is_some_and(|unit| unit.warning().is_none()) {
                        keys.push(format!("unit: {}", name::quoted(written)));
                    } else {
                        has_unknown_unit = true;
                        remark = format!("  # ? unit: the file says {}", name::quoted(written));
                    }
                } else if !is_coordinate {
                    "  # ? unit".clone_into(&mut remark);
                }
                if !is_coordinate && *dtype == DataType::Float32 {
                    keys.push("type: float32".to_owned());
                }
                if is_coordinate && dtype.is_integer() {
                    keys.push("type: int64".to_owned());
                }
            }
        }
        format!(
            "    {}: {{{}}}{remark}\n",
            name::quoted(name),
            keys.join(", ")
        )
    };
    for (name, values) in &grids.coordinates {
        if used.contains(&name) {
            body += &line(name, values, Vec::new(), true);
        }
    }
    body += "  VARS:\n";
    let mut n_variables = 0;
    for (name, grid) in &grids.variables {
        if grid.dims.is_empty() || grids.coordinates.contains_key(name) {
            let name = name::quoted(name);
            let _ = writeln!(body, "    # {name} lies on no coordinate: left out");
            continue;
        }
        let dims: Vec<String> = grid.dims.iter().map(|dim| name::quoted(dim)).collect();
        let on = format!("coords: [{}]", dims.join(", "));
        body += &line(name, &grid.values, vec![on], false);
        n_variables += 1;
    }
    if n_variables == 0 {
        return Err(DraftError::Nothing(
            "the file has no variables over coordinates".to_owned(),
        ));
    }
    let sizes = grids.coordinates.iter();
    let sizes: Vec<String> = sizes
        .map(|(name, values)| format!("{name} {}", values.len()))
        .collect();
    let mut decode = Map::new();
    if has_unknown_unit {
        decode.insert("units".to_owned(), json!("drop"));
    }
    Ok(Body {
        declarations: body,
        size: format!(", {}", sizes.join(" × ")),
        decode,
        questions: Vec::new(),
        unzoned: Vec::new(),
        doubts: Vec::new(),
    })
}
