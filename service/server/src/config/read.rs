//! From YAML to a type, collecting every problem on the way.
//!
//! A value that does not fit is noted and taken out of the tree, and reading starts again without it, until nothing is
//! wrong any more. So one look at the report mends the whole file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use zarr_fuse_schemas::{
    Problem, SchemaError,
    yaml::{self, Mark, Value, Yaml},
};

use super::deserialize::{Fault, Reader};
use super::environment::expand;

/// A way down the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// What is wrong with a file so far.
#[derive(Debug)]
pub(super) struct Problems {
    file: String,
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            file: path.display().to_string(),
            found: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, at: Mark, path: &[Step], message: String) {
        let mut dotted = String::new();
        for step in path {
            match step {
                Step::Key(key) if dotted.is_empty() => dotted.push_str(key),
                Step::Key(key) => {
                    dotted.push('.');
                    dotted.push_str(key);
                }
                Step::Index(idx) => write!(dotted, "[{idx}]").expect("a string takes every text"),
            }
        }
        self.found.push(Problem {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
            path: dotted,
            message,
        });
    }

    /// Whether something is wrong with the value at this path.
    pub(super) fn is_in(&self, path: &str) -> bool {
        self.found.iter().any(|problem| problem.path == path)
    }

    /// Whether something is wrong with the value of this key at the root, or inside of it.
    pub(super) fn is_inside(&self, key: &str) -> bool {
        self.found.iter().any(|problem| {
            let rest = problem.path.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// The value if nothing is wrong.
    pub(super) fn none_or<T>(mut self, value: Option<T>) -> Result<T, SchemaError> {
        self.found
            .sort_by_key(|problem| (problem.line, problem.column));
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(SchemaError {
                problems: self.found,
            }),
        }
    }
}

/// Reads `text`; gives the value and the tree it was read from, both without what is wrong. `None`: nothing can be read.
pub(super) fn read<T: DeserializeOwned>(
    text: &str,
    env: &HashMap<String, String>,
    problems: &mut Problems,
) -> Option<(T, Yaml)> {
    let loaded = match yaml::load(text) {
        Ok(loaded) => loaded,
        Err((at, message)) => {
            problems.add(at, &[], message);
            return None;
        }
    };
    for (at, message) in loaded.problems {
        problems.add(at, &[], message);
    }
    let mut tree = loaded.root;
    expand(&mut tree, env, &mut Vec::new(), problems);
    let mut removed: Vec<Vec<Step>> = Vec::new();
    loop {
        let fault = match T::deserialize(Reader::new(&tree)) {
            Ok(value) => return Some((value, tree)),
            Err(fault) => fault,
        };
        if !is_consequence(&fault, &removed) {
            problems.add(fault.at, &fault.path, fault.message);
        }
        if fault.path.is_empty() || !remove(&mut tree, &fault.path) {
            return None;
        }
        removed.push(fault.path);
    }
}

/// Whether a key is missing only because what stood there was wrong.
fn is_consequence(fault: &Fault, removed: &[Vec<Step>]) -> bool {
    let Some(missing) = fault.missing else {
        return false;
    };
    removed.iter().any(
        |path| matches!(path.split_last(), Some((Step::Key(key), before)) if key == missing && before == fault.path),
    )
}

/// Takes the value at `path` out of the tree.
fn remove(tree: &mut Yaml, path: &[Step]) -> bool {
    match (path, &mut tree.value) {
        ([Step::Key(key)], Value::Map(entries)) => {
            let n_before = entries.len();
            entries.retain(|entry| entry.key != *key);
            entries.len() < n_before
        }
        ([Step::Index(idx)], Value::List(items)) if *idx < items.len() => {
            items.remove(*idx);
            true
        }
        ([Step::Key(key), rest @ ..], Value::Map(entries)) => entries
            .iter_mut()
            .find(|entry| entry.key == *key)
            .is_some_and(|entry| remove(&mut entry.value, rest)),
        ([Step::Index(idx), rest @ ..], Value::List(items)) => {
            items.get_mut(*idx).is_some_and(|item| remove(item, rest))
        }
        _ => false,
    }
}

/// Where the value at `path` stands, or else what surrounds it.
pub(super) fn place(tree: &Yaml, path: &[Step]) -> Mark {
    let inner = match (path.first(), &tree.value) {
        (Some(Step::Key(key)), Value::Map(entries)) => entries
            .iter()
            .find(|entry| entry.key == *key)
            .map(|entry| &entry.value),
        (Some(Step::Index(idx)), Value::List(items)) => items.get(*idx),
        _ => None,
    };
    inner.map_or(tree.at, |inner| place(inner, &path[1..]))
}

/// The JSON Schema of `T`, in which every number and switch may also be a reference to the environment.
pub(super) fn json_schema<T: JsonSchema>() -> serde_json::Value {
    let settings =
        SchemaSettings::draft2020_12().with_transform(RecursiveTransform(or_environment));
    settings
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

fn or_environment(schema: &mut Schema) {
    let Some(types) = schema.get("type").cloned() else {
        return;
    };
    let mut types = match types {
        serde_json::Value::Array(types) => types,
        one => vec![one],
    };
    let is = |name: &str| types.iter().any(|found| found == name);
    if (is("integer") || is("number") || is("boolean")) && !is("string") {
        types.push("string".into());
        schema.insert("type".to_owned(), types.into());
        schema.insert("pattern".to_owned(), r"\$\{".into());
    }
}
