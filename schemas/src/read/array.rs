//! The variables and coordinates of one node.

use indexmap::IndexMap;

use super::fields::{COORDINATE_KEYS, Fields, VARIABLE_KEYS};
use super::node::{check_name, section};
use super::{Reader, axis, chunks, elements, under};
use crate::model::{Codec, Coordinate, DataType, Measure, MergeRule, NaOrigin, Node, Variable};
use crate::yaml::Yaml;

/// Largest chunk that raises no warning.
const MAX_CHUNK_BYTES: u64 = 512 << 20;

/// From here on, a chunk is refused.
const MAX_CHUNK_ELEMENTS: u64 = 1 << 32;

/// Reads `VARS` and `COORDS` of the node at `at` in the tree.
pub(super) fn read(reader: &mut Reader<'_>, yaml: &Yaml, node: &mut Node, at: &str) {
    let (mut variables, coordinates) = declarations(reader, yaml, at);
    let at_root = node.path.is_empty();
    for fields in variables.iter().chain(&coordinates) {
        check_name(reader, &fields.name, fields.at, &fields.path, at_root);
    }
    for mut fields in coordinates {
        let known: Vec<&str> = VARIABLE_KEYS
            .iter()
            .chain(COORDINATE_KEYS)
            .copied()
            .collect();
        fields.check_keys(reader, &known);
        let coordinate = axis::read(reader, &fields);
        node.coordinates.insert(fields.name.clone(), coordinate);
    }
    for fields in &mut variables {
        fields.check_keys(reader, VARIABLE_KEYS);
        let coords = coords(reader, fields);
        let variable = elements::read(reader, fields, coords);
        for name in &variable.coords {
            if !node.coordinates.contains_key(name) {
                add_coordinate(reader, fields, name, node, at);
            }
        }
        node.variables.insert(fields.name.clone(), variable);
    }
    add_components(reader, node, yaml, at);
    fit_chunks(node);
    check_chunks(reader, node, &variables);
}

/// Chooses the chunk lengths that the schema leaves open, by the variables with the most coordinates: so that a field is
/// few objects, a series too, and neither is much smaller than its chunks.
fn fit_chunks(node: &mut Node) {
    let mut by_n_coords: Vec<Vec<String>> = node
        .variables
        .values()
        .map(|variable| variable.coords.clone())
        .filter(|coords| coords.len() > 1)
        .collect();
    by_n_coords.sort_by_key(|coords| std::cmp::Reverse(coords.len()));
    for coords in by_n_coords {
        let along: Vec<&Coordinate> = coords
            .iter()
            .filter_map(|name| node.coordinates.get(name))
            .collect();
        let lengths = chunks::fitting(&along);
        for (name, length) in coords.iter().zip(lengths) {
            if let Some(coordinate) = node.coordinates.get_mut(name)
                && !coordinate.has_chunk_size
            {
                coordinate.chunk_size = coordinate.chunk_size.min(length);
            }
        }
    }
}

/// What `VARS` and `COORDS` declare, with the old styles straightened.
fn declarations(reader: &mut Reader<'_>, yaml: &Yaml, at: &str) -> (Vec<Fields>, Vec<Fields>) {
    let mut read = |name: &str| -> Vec<Fields> {
        let entries = section(reader, yaml, name, at).unwrap_or_default();
        let path = under(at, name);
        entries
            .iter()
            .map(|entry| Fields::read(reader, entry, &path))
            .collect()
    };
    let (declared, axes) = (read("VARS"), read("COORDS"));
    let mut variables: IndexMap<String, Fields> = declared
        .into_iter()
        .map(|fields| (fields.name.clone(), fields))
        .collect();
    let mut coordinates = Vec::new();
    for mut fields in axes {
        if let Some(older) = variables.shift_remove(&fields.name) {
            let message = "a coordinate declared in both `VARS` and `COORDS` is old style: keep it in `COORDS` only";
            reader.warn(fields.at, &fields.path, message);
            fields.absorb(&older);
        }
        let elsewhere = fields
            .get("coords")
            .is_some_and(|field| match &field.yaml.value {
                crate::yaml::Value::List(items) => {
                    items.len() != 1 || items[0].text() != Some(&fields.name)
                }
                _ => field.yaml.text() != Some(&fields.name),
            });
        if elsewhere {
            let message = "it has `coords` of its own, so it is a variable: move it to `VARS`";
            reader.warn(fields.at, &fields.path, message);
            variables.insert(fields.name.clone(), fields);
        } else {
            coordinates.push(fields);
        }
    }
    (variables.into_values().collect(), coordinates)
}

/// The coordinates of a variable.
fn coords(reader: &mut Reader<'_>, fields: &Fields) -> Vec<String> {
    let Some(field) = fields.get("coords") else {
        let message = "`coords` is missing: write the coordinates the variable lies on, such as \
                       `coords: [date_time]`; a coordinate itself belongs under `COORDS`";
        if fields.is_readable {
            reader.problem(fields.at, &fields.path, message);
        }
        return Vec::new();
    };
    let coords = field.names(reader);
    if coords.is_empty() {
        field.problem(reader, "a variable lies on at least one coordinate");
    }
    if coords.contains(&fields.name) {
        let message = format!(
            "a variable cannot lie on itself: declare `{}` under `COORDS`",
            fields.name
        );
        field.problem(reader, message);
    }
    coords
}

/// Adds the coordinate `name` that a variable uses but nobody declares.
fn add_coordinate(reader: &mut Reader<'_>, user: &Fields, name: &str, node: &mut Node, at: &str) {
    let Some(field) = user.get("coords") else {
        return;
    };
    let fields = Fields::empty(name, field.yaml.at, &under(at, "COORDS"));
    let message = format!(
        "the coordinate `{name}` is not declared under `COORDS`; it is added with defaults: sorted float64 without unit"
    );
    field.warn(reader, message);
    check_name(
        reader,
        name,
        field.yaml.at,
        &field.path,
        node.path.is_empty(),
    );
    let coordinate = axis::read(reader, &fields);
    node.coordinates.insert(name.to_owned(), coordinate);
}

/// Checks the components of composed coordinates and adds those that nobody declares.
fn add_components(reader: &mut Reader<'_>, node: &mut Node, yaml: &Yaml, at: &str) {
    let composed: Vec<(String, Vec<String>)> = node
        .coordinates
        .values()
        .map(|coordinate| {
            (
                coordinate.variable.name.clone(),
                coordinate.composed.clone(),
            )
        })
        .collect();
    for (name, components) in composed {
        let path = under(&under(&under(at, "COORDS"), &name), "composed");
        let place = yaml
            .get("COORDS")
            .and_then(|section| section.value.get(&name))
            .and_then(|entry| entry.value.get("composed"))
            .map_or(yaml.at, |entry| entry.value.at);
        for component in components {
            check_name(reader, &component, place, &path, node.path.is_empty());
            if node.coordinates.contains_key(&component) {
                let message = format!(
                    "`{component}` is a coordinate: components are variables over `{name}`"
                );
                reader.problem(place, &path, message);
                continue;
            }
            let Some(variable) = node.variables.get(&component) else {
                let message = format!(
                    "`{component}` is not declared under `VARS`; it is added as float64 over `{name}`"
                );
                reader.warn(place, &path, message);
                node.variables
                    .insert(component.clone(), component_variable(&component, &name));
                continue;
            };
            if variable.coords != [name.as_str()] {
                let message = format!(
                    "`{component}` must lie on `{name}` alone: write `coords: {name}` for it"
                );
                reader.problem(place, &path, message);
            }
            if variable.is_truth() || variable.data_type.is_complex() {
                let message = format!(
                    "`{component}` is {}: components are numbers, texts or times",
                    variable.type_name()
                );
                reader.problem(place, &path, message);
            }
        }
    }
}

fn component_variable(name: &str, coordinate: &str) -> Variable {
    Variable {
        name: name.to_owned(),
        coords: vec![coordinate.to_owned()],
        data_type: DataType::Float64,
        measure: Measure::Plain,
        column: name.to_owned(),
        na: elements::default_na(DataType::Float64),
        na_origin: NaOrigin::Default,
        interval: None,
        merge: MergeRule::default(),
        turn: None,
        codec: Codec::default(),
        description: None,
        attrs: serde_json::Map::new(),
    }
}

/// Warns about chunks that no machine wants to hold, and refuses those that none can.
fn check_chunks(reader: &mut Reader<'_>, node: &Node, declared: &[Fields]) {
    for fields in declared {
        let Some(variable) = node.variables.get(&fields.name) else {
            continue;
        };
        let lengths = variable
            .coords
            .iter()
            .filter_map(|name| node.coordinates.get(name));
        let n_elements = lengths.fold(1_u64, |n, coordinate: &Coordinate| {
            n.saturating_mul(coordinate.chunk_size)
        });
        let n_bytes = n_elements.saturating_mul(variable.data_type.size_bytes());
        if n_elements >= MAX_CHUNK_ELEMENTS {
            let message = format!(
                "a chunk would have {n_elements} elements, more than can be written at once: write a smaller `chunk_size` for some of its coordinates"
            );
            reader.problem(fields.at, &fields.path, message);
        } else if n_bytes > MAX_CHUNK_BYTES {
            let message = format!(
                "a chunk takes up to {} MiB: write a smaller `chunk_size` for some of its coordinates",
                n_bytes >> 20
            );
            reader.warn(fields.at, &fields.path, message);
        }
    }
}
