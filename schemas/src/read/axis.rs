//! What only coordinates have: order, chunk length, step limits, composition.

use super::fields::Fields;
use super::{Reader, elements, steps};
use crate::model::{Codec, Coordinate, DataType, Measure, MergeRule, Variable};
use crate::yaml::{Number, Value};

pub(super) const DEFAULT_CHUNK_SIZE: u64 = 1024;
const MAX_CHUNK_SIZE: i128 = 1 << 30;
/// As many as rows of a contribution can be numbered.
const MAX_MAX_NEW: i128 = (1 << 32) - 2;
/// Keys that say nothing about a composed coordinate.
const COMPONENT_KEYS: &[&str] = &[
    "unit",
    "source_unit",
    "type",
    "dtype",
    "na_value",
    "range",
    "df_col",
];

/// Reads one coordinate.
pub(super) fn read(reader: &mut Reader<'_>, fields: &Fields) -> Coordinate {
    let composed = composed(reader, fields);
    let variable = if composed.is_empty() {
        elements::read(reader, fields, vec![fields.name.clone()])
    } else {
        composed_variable(reader, fields)
    };
    if variable.data_type.is_complex() {
        reader.problem(
            fields.at,
            &fields.path,
            "a coordinate cannot be complex: write another type",
        );
    }
    if let Some(field) = fields
        .get("merge")
        .filter(|field| !matches!(field.yaml.value, Value::Map(_)))
    {
        field.problem(
            reader,
            "`merge` is a rule for variables; for coordinates write `step_limits`",
        );
    }
    let sorted = sorted(reader, fields, !composed.is_empty());
    let step_limits = steps::read(reader, fields, &variable, sorted, !composed.is_empty());
    Coordinate {
        variable: Variable {
            merge: MergeRule::Last,
            ..variable
        },
        sorted,
        chunk_size: chunk_size(reader, fields),
        has_chunk_size: fields.get("chunk_size").is_some(),
        step_limits,
        max_new: max_new(reader, fields),
        composed,
    }
}

/// The components; a list of the coordinate alone is the old style of none.
fn composed(reader: &mut Reader<'_>, fields: &Fields) -> Vec<String> {
    let Some(field) = fields.get("composed") else {
        return Vec::new();
    };
    let names = field.names(reader);
    if names.iter().all(|name| *name == fields.name) {
        return Vec::new();
    }
    if names.len() < 2 {
        field.problem(
            reader,
            "a composed coordinate has at least two components; for one, declare it itself",
        );
    }
    names
}

/// The stored hash of the components.
fn composed_variable(reader: &mut Reader<'_>, fields: &Fields) -> Variable {
    for key in COMPONENT_KEYS {
        if let Some(field) = fields.get(key) {
            let message = format!(
                "`{key}` of a composed coordinate has no effect: write it for its components"
            );
            field.warn(reader, message);
        }
    }
    let shared = elements::read(
        reader,
        &fields.without(COMPONENT_KEYS),
        vec![fields.name.clone()],
    );
    Variable {
        data_type: DataType::Int64,
        measure: Measure::Plain,
        na: None,
        codec: Codec::default(),
        ..shared
    }
}

fn sorted(reader: &mut Reader<'_>, fields: &Fields, composed: bool) -> bool {
    let field = fields.get("sorted").or_else(|| {
        let merge = fields.get("merge")?;
        merge.get("sorted")
    });
    let Some(field) = field else { return !composed };
    if matches!(&field.yaml.value, Value::List(items) if items.is_empty()) {
        return false;
    }
    let sorted = field.boolean(reader).unwrap_or(!composed);
    if sorted && composed {
        field.warn(
            reader,
            "tuples have no order: a composed coordinate keeps the order of first appearance",
        );
    }
    sorted && !composed
}

fn chunk_size(reader: &mut Reader<'_>, fields: &Fields) -> u64 {
    let Some(field) = fields.get("chunk_size") else {
        return DEFAULT_CHUNK_SIZE;
    };
    match field.yaml.number() {
        Some(Number::Int(size)) if (1..=MAX_CHUNK_SIZE).contains(&size) => {
            u64::try_from(size).unwrap_or(DEFAULT_CHUNK_SIZE)
        }
        _ => {
            field.expected(
                reader,
                &format!("a whole number from 1 to {MAX_CHUNK_SIZE}"),
            );
            DEFAULT_CHUNK_SIZE
        }
    }
}

fn max_new(reader: &mut Reader<'_>, fields: &Fields) -> Option<u64> {
    let field = fields.get("max_new")?;
    match field.yaml.number() {
        Some(Number::Int(n)) if (1..=MAX_MAX_NEW).contains(&n) => u64::try_from(n).ok(),
        _ => {
            field.expected(reader, &format!("a whole number from 1 to {MAX_MAX_NEW}"));
            None
        }
    }
}
