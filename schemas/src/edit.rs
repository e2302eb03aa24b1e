//! Whether an edited schema still fits what is stored.

use crate::model::{
    Aggregate, Coordinate, Measure, NaOrigin, Node, Pyramid, Scalar, Schema, Variable,
};
use crate::problem::Problem;
use crate::yaml::{self, Mark, Yaml};

/// Compares the schema `stored` arrays were written by with an edited one, and lists what only `zf rebuild` can change.
///
/// Nodes, variables, coordinates, attributes and labels at the end of a discrete range may be added. How incoming values
/// are read (`source_unit`, `df_col`, `range`, `merge`, `step_limits`, `max_new`) may change: it concerns what arrives later.
pub fn check_edit(stored: &Schema, new: &Schema) -> Vec<Problem> {
    let mut edit = Edit {
        new,
        file: yaml::load(&new.text).ok().map(|loaded| loaded.root),
        problems: Vec::new(),
    };
    for node in stored.nodes() {
        edit.check_node(node);
    }
    edit.problems
        .sort_by_key(|problem| (problem.line, problem.column));
    edit.problems
}

struct Edit<'a> {
    new: &'a Schema,
    file: Option<Yaml>,
    problems: Vec<Problem>,
}

impl Edit<'_> {
    fn check_node(&mut self, stored: &Node) {
        let new = self.new;
        let Some(node) = new.node(&stored.path) else {
            // A node without arrays leaves nothing behind.
            if !stored.variables.is_empty() || !stored.coordinates.is_empty() {
                self.missing(&stored.path, &[], "node");
            }
            return;
        };
        if stored.pyramid.as_ref().map(levels) != node.pyramid.as_ref().map(levels) {
            let text = |pyramid: &Option<Pyramid>| {
                pyramid
                    .as_ref()
                    .map_or_else(String::new, Pyramid::to_string)
            };
            let (before, after) = (text(&stored.pyramid), text(&node.pyramid));
            self.changed(&stored.path, &["pyramid"], &before, &after);
        }
        for (name, old) in &stored.coordinates {
            match node.coordinates.get(name) {
                None => self.missing(&stored.path, &["COORDS", name], "coordinate"),
                Some(coordinate) => self.check_coordinate(&stored.path, old, coordinate),
            }
        }
        for (name, old) in &stored.variables {
            match node.variables.get(name) {
                None => self.missing(&stored.path, &["VARS", name], "variable"),
                Some(variable) => {
                    if old.coords != variable.coords {
                        let (before, after) = (old.coords.join(", "), variable.coords.join(", "));
                        self.changed(&stored.path, &["VARS", name, "coords"], &before, &after);
                    }
                    self.check_elements(&stored.path, "VARS", old, variable);
                }
            }
        }
    }

    fn check_coordinate(&mut self, node: &str, old: &Coordinate, new: &Coordinate) {
        let name = old.variable.name.as_str();
        let mut check = |key: &str, before: String, after: String| {
            if before != after {
                self.changed(node, &["COORDS", name, key], &before, &after);
            }
        };
        check("sorted", old.sorted.to_string(), new.sorted.to_string());
        // Else arrays keep what they have; if that is not what is said now, it shows where they are opened.
        if old.has_chunk_size && new.has_chunk_size {
            check(
                "chunk_size",
                old.chunk_size.to_string(),
                new.chunk_size.to_string(),
            );
        }
        check("composed", old.composed.join(", "), new.composed.join(", "));
        self.check_elements(node, "COORDS", &old.variable, &new.variable);
    }

    /// Type, unit, NA, labels and codec.
    fn check_elements(&mut self, node: &str, section: &str, old: &Variable, new: &Variable) {
        let name = old.name.as_str();
        let place = |key| [section, name, key];
        match (labels(old), labels(new)) {
            (Some(before), Some(after)) if !after.starts_with(before) => {
                let first = before
                    .iter()
                    .zip(after)
                    .position(|(before, after)| before != after);
                let first = first.unwrap_or(after.len());
                let label = |labels: &[String]| {
                    labels
                        .get(first)
                        .cloned()
                        .unwrap_or_else(|| "no label".to_owned())
                };
                self.changed(node, &place("range"), &label(before), &label(after));
            }
            _ if old.type_name() != new.type_name() => {
                let (before, after) = (old.type_name(), new.type_name());
                self.changed(node, &place("type"), &before, &after);
            }
            _ if unit(old) != unit(new) => {
                self.changed(node, &place("unit"), &unit(old), &unit(new));
            }
            _ if is_said(old) && is_said(new) && na(old) != na(new) => {
                self.changed(node, &place("na_value"), &na(old), &na(new));
            }
            _ => {}
        }
        if old.codec != new.codec {
            let (before, after) = (format!("{:?}", old.codec), format!("{:?}", new.codec));
            self.changed(
                node,
                &place("codec"),
                &before.to_lowercase(),
                &after.to_lowercase(),
            );
        }
    }

    fn changed(&mut self, node: &str, keys: &[&str], before: &str, after: &str) {
        let quoted = |value: &str| {
            if value.is_empty() {
                "none".to_owned()
            } else {
                format!("`{value}`")
            }
        };
        let message = format!(
            "stored is {}, not {}: put it back, or write the arrays again with {}",
            quoted(before),
            quoted(after),
            self.rebuild(node)
        );
        self.problem(node, keys, message);
    }

    fn missing(&mut self, node: &str, keys: &[&str], what: &str) {
        let message = format!(
            "the {what} is stored, but no longer in the schema: put it back, or write the arrays again with {}",
            self.rebuild(node)
        );
        self.problem(node, keys, message);
    }

    fn rebuild(&self, node: &str) -> String {
        let file = &self.new.file;
        if node.is_empty() {
            format!("`zf rebuild {file}`")
        } else {
            format!("`zf rebuild {file} --node '{node}'`")
        }
    }

    fn problem(&mut self, node: &str, keys: &[&str], message: String) {
        let names: Vec<&str> = node
            .split('/')
            .filter(|name| !name.is_empty())
            .chain(keys.iter().copied())
            .collect();
        let at = self
            .file
            .as_ref()
            .map_or(Mark::default(), |file| deepest(file, &names));
        self.problems.push(Problem {
            file: self.new.file.clone(),
            line: at.line,
            column: at.column,
            path: names.join("."),
            message,
        });
    }
}

/// The place of the last of `names` that the file has.
fn deepest(file: &Yaml, names: &[&str]) -> Mark {
    let mut at = file.at;
    let mut yaml = file;
    for name in names {
        let Some(entry) = yaml.get(name) else { break };
        (at, yaml) = (entry.at, &entry.value);
    }
    at
}

fn labels(variable: &Variable) -> Option<&[String]> {
    match &variable.measure {
        Measure::Discrete { labels } => Some(labels),
        _ => None,
    }
}

/// What decides which levels there are; how means are made shows where they are opened.
fn levels(pyramid: &Pyramid) -> (&str, u64, &[Aggregate]) {
    (&pyramid.coord, pyramid.factor, &pyramid.aggregates)
}

/// Whether it is known what stands for no value; integers of which the schema does not say it keep what they have.
fn is_said(variable: &Variable) -> bool {
    variable.na_origin == NaOrigin::Said || variable.data_type.integer_bounds().is_none()
}

/// NA as text, in which NaN equals NaN.
fn na(variable: &Variable) -> String {
    match &variable.na {
        None => String::new(),
        Some(Scalar::Bool(value)) => value.to_string(),
        Some(Scalar::Int(value)) => value.to_string(),
        Some(Scalar::UInt(value)) => value.to_string(),
        Some(Scalar::Float(value)) => value.to_string().to_lowercase(),
        Some(Scalar::Complex(re, im)) => format!("{re}+{im}i").to_lowercase(),
        Some(Scalar::Str(value)) => value.clone(),
    }
}

/// What the stored numbers mean, in words. The zone of a time is how it is printed, not how it is stored.
fn unit(variable: &Variable) -> String {
    match &variable.measure {
        Measure::Plain | Measure::Truth => String::new(),
        Measure::Physical { unit, .. } => unit.cf.clone(),
        Measure::Time { unit, .. } => format!("{} since 1970-01-01", unit.tick.cf_name()),
        Measure::Discrete { .. } => "labels".to_owned(),
    }
}
