//! `pyramid`: coarser levels of a node.

use std::fmt;

use indexmap::IndexMap;

use super::{Reader, under};
use crate::model::{Aggregate, DataType, Node, Pyramid, Variable};
use crate::near;
use crate::yaml::{Entry, Number, Value, Yaml};

/// The section of a node.
const KEY: &str = "pyramid";
/// What it may hold.
pub(crate) const KEYS: [&str; 3] = ["coord", "factor", "agg"];
/// Values that make a cell, if the schema does not say.
const FACTOR: u64 = 8;
/// Most of them.
const MAX_FACTOR: i128 = 1024;
/// What is kept, if the schema does not say.
const ALL: [Aggregate; 4] = [
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::Mean,
    Aggregate::Count,
];

/// Whether an entry of a node is its pyramid rather than a node of that name.
pub(super) fn is_pyramid(entry: &Entry) -> bool {
    let has = |key: &&str| entry.value.get(key).is_some();
    entry.key == KEY && KEYS.iter().any(has) && !super::node::SECTIONS.iter().any(has)
}

/// Reads the section of `node`, whose coordinates and variables are known.
pub(super) fn read(reader: &mut Reader<'_>, yaml: &Yaml, node: &Node, at: &str) -> Option<Pyramid> {
    let section = yaml.get(KEY).filter(|entry| is_pyramid(entry))?;
    let path = under(at, KEY);
    let Value::Map(entries) = &section.value.value else {
        return None;
    };
    if node.path.is_empty() {
        let message = "levels lie beside their node, and beside the root there is nothing: write the variables into a node";
        reader.problem(section.at, &path, message);
    }
    for entry in entries {
        if !KEYS.contains(&entry.key.as_str()) {
            let message = format!("unknown key; a pyramid has {}", near::listed(&KEYS));
            reader.problem(entry.at, &under(&path, &entry.key), message);
        }
    }
    let coord = coord(reader, &section.value, node, &path)?;
    let is_circular =
        |variable: &&Variable| variable.turn.is_some() && variable.coords.contains(&coord);
    let circular = node.variables.values().filter(is_circular);
    let pyramid = Pyramid {
        circular: circular.map(|variable| variable.name.clone()).collect(),
        factor: factor(reader, &section.value, &path),
        aggregates: aggregates(reader, &section.value, &path),
        coord,
    };
    let taken = node
        .variables
        .values()
        .flat_map(|variable| {
            [
                "count",
                "min",
                "max",
                "mean",
                "mean_length",
                "min_at",
                "max_at",
            ]
            .map(|of| format!("{}_{of}", variable.name))
        })
        .find(|name| node.coordinates.contains_key(name));
    if let Some(name) = taken {
        let message =
            format!("the coordinate `{name}` has the name of an array of the levels: rename it");
        reader.problem(section.at, &path, message);
    }
    Some(pyramid)
}

fn coord(reader: &mut Reader<'_>, yaml: &Yaml, node: &Node, path: &str) -> Option<String> {
    let Some(entry) = yaml.get("coord") else {
        let message = "`coord` is missing: write the coordinate along which levels are made, such as `date_time`";
        reader.problem(yaml.at, path, message);
        return None;
    };
    let path = under(path, "coord");
    let coordinate = entry
        .value
        .text()
        .and_then(|name| node.coordinates.get(name));
    let reason = match coordinate {
        None => "not a coordinate of the node".to_owned(),
        Some(coordinate) if !coordinate.sorted => {
            "levels need a sorted coordinate: write `sorted: true`".to_owned()
        }
        Some(coordinate)
            if matches!(
                coordinate.variable.data_type,
                DataType::String | DataType::FixedString(_)
            ) =>
        {
            "levels need a coordinate of numbers or times".to_owned()
        }
        Some(coordinate) => return Some(coordinate.variable.name.clone()),
    };
    reader.problem(entry.value.at, &path, reason);
    None
}

fn factor(reader: &mut Reader<'_>, yaml: &Yaml, path: &str) -> u64 {
    let Some(entry) = yaml.get("factor") else {
        return FACTOR;
    };
    match entry.value.number() {
        Some(Number::Int(n)) if (2..=MAX_FACTOR).contains(&n) => u64::try_from(n).unwrap_or(FACTOR),
        _ => {
            let message = format!(
                "a whole number from 2 to {MAX_FACTOR} is expected, not {}",
                entry.value.describe()
            );
            reader.problem(entry.value.at, &under(path, "factor"), message);
            FACTOR
        }
    }
}

fn aggregates(reader: &mut Reader<'_>, yaml: &Yaml, path: &str) -> Vec<Aggregate> {
    let Some(entry) = yaml.get("agg") else {
        return ALL.to_vec();
    };
    let path = under(path, "agg");
    let items = match &entry.value.value {
        Value::List(items) => items.as_slice(),
        _ => std::slice::from_ref(&entry.value),
    };
    let mut found = Vec::new();
    for item in items {
        let named = ALL
            .into_iter()
            .find(|aggregate| item.text() == Some(aggregate.name()));
        match named {
            Some(aggregate) if !found.contains(&aggregate) => found.push(aggregate),
            Some(_) => {}
            None => {
                let message = format!(
                    "`min`, `max`, `mean` or `count` is expected, not {}",
                    item.describe()
                );
                reader.problem(item.at, &path, message);
            }
        }
    }
    found.sort_by_key(|aggregate| ALL.iter().position(|other| other == aggregate));
    found
}

/// Refuses nodes that have the name of a level's group.
pub(super) fn check_names(
    reader: &mut Reader<'_>,
    children: &IndexMap<String, Node>,
    yaml: &Yaml,
    at: &str,
) {
    for name in children.keys() {
        let Some((of, cells)) = name.rsplit_once('@') else {
            continue;
        };
        let is_number = !cells.is_empty() && cells.bytes().all(|byte| byte.is_ascii_digit());
        let owner = children.get(of);
        if is_number && owner.is_some_and(|owner| owner.pyramid.is_some()) {
            let place = yaml.get(name).map_or(yaml.at, |entry| entry.at);
            let message = "a level of the pyramid beside it may have this name: rename the node";
            reader.problem(place, &under(at, name), message);
        }
    }
}

impl Aggregate {
    /// As schemas and names of arrays write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Count => "count",
        }
    }
}

impl fmt::Display for Pyramid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .aggregates
            .iter()
            .map(|aggregate| aggregate.name())
            .collect();
        write!(f, "{} by {}: {}", self.coord, self.factor, names.join(", "))
    }
}
