//! Values for each of which requests are made: from the schema, or from the rows of a table.

use std::collections::HashSet;
use std::path::Path;

use regex::Regex;
use serde_json::Value as Json;
use zarr_fuse_schemas::near::did_you_mean;
use zarr_fuse_schemas::yaml::{Value, Yaml};

use crate::config::{At, Faults, Iterate, IterateSource};
use crate::template::Variables;

/// A step of iteration made ready: each row sets variables.
#[derive(Debug, Clone)]
pub(crate) struct Iteration {
    pub(crate) rows: Vec<Variables>,
    /// Rows of a table that lack a value.
    pub(crate) n_skipped: usize,
}

/// What iteration may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The folder of the configuration.
    pub(crate) folder: &'a Path,
    /// The schema of the dataset.
    pub(crate) schema: Option<&'a Yaml>,
    /// The node that contributions go to.
    pub(crate) target_node: &'a str,
}

impl Iteration {
    /// Reads the values.
    pub(crate) fn prepare(
        iterate: &Iterate,
        around: Surroundings<'_>,
        path: &[At],
        faults: &mut Faults,
    ) -> Option<Self> {
        let read = match iterate.source {
            IterateSource::Schema => from_schema(iterate, around),
            IterateSource::Dataframe => from_table(iterate, around.folder),
        };
        faults.keep(path, read)
    }
}

fn from_schema(iterate: &Iterate, around: Surroundings<'_>) -> Result<Iteration, String> {
    if iterate.dataframe_path.is_some() || !iterate.outputs.is_empty() {
        return Err(
            "`dataframe_path` and `outputs` are for `source: dataframe`; remove them".to_owned(),
        );
    }
    let pattern = iterate.schema_regex.as_deref().ok_or(
        "the key `schema_regex` is missing: say which values of the schema, such as `VARS.*.df_col`",
    )?;
    let schema = around
        .schema
        .ok_or("the schema of the dataset cannot be read; mend it first")?;
    let node_path = iterate.target_node.as_deref().unwrap_or(around.target_node);
    let mut node = schema;
    for part in node_path.split('/').filter(|part| !part.is_empty()) {
        let Some(entry) = node.get(part) else {
            let known = keys(node);
            return Err(format!(
                "the schema has no node `{node_path}`{}",
                did_you_mean(part, &known)
            ));
        };
        node = &entry.value;
    }
    let mut found = vec![node];
    for part in pattern.split('.').filter(|part| !part.is_empty()) {
        found = step(&found, part)?;
    }
    let mut seen = HashSet::new();
    let mut rows = Vec::new();
    for value in found {
        let text = value.text().filter(|text| !text.is_empty()).ok_or_else(|| {
            format!(
                "`{pattern}` finds {} in line {} of the schema, which is no text; go on to its parts",
                value.describe(),
                value.at.line
            )
        })?;
        if !iterate.unique || seen.insert(text) {
            let row = [(iterate.name.clone(), Json::String(text.to_owned()))];
            rows.push(row.into_iter().collect());
        }
    }
    if rows.is_empty() {
        return Err(format!(
            "`{pattern}` finds nothing in the node `{node_path}` of the schema"
        ));
    }
    Ok(Iteration { rows, n_skipped: 0 })
}

/// What one part of a path leads to.
fn step<'a>(from: &[&'a Yaml], part: &str) -> Result<Vec<&'a Yaml>, String> {
    let any = part == "*";
    let regex = Regex::new(&format!("^(?:{})$", if any { ".*" } else { part }))
        .map_err(|_error| format!("`{part}` is no regular expression and no `*`"))?;
    let mut found = Vec::new();
    for yaml in from {
        match &yaml.value {
            Value::Map(entries) => found.extend(
                entries
                    .iter()
                    .filter(|entry| regex.is_match(&entry.key))
                    .map(|entry| &entry.value),
            ),
            Value::List(items) if any => found.extend(items),
            _ => {}
        }
    }
    Ok(found)
}

fn keys(yaml: &Yaml) -> Vec<&str> {
    match &yaml.value {
        Value::Map(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    }
}

fn from_table(iterate: &Iterate, folder: &Path) -> Result<Iteration, String> {
    if iterate.schema_regex.is_some() || iterate.target_node.is_some() {
        return Err(
            "`schema_regex` and `target_node` are for `source: schema`; remove them".to_owned(),
        );
    }
    let path = iterate
        .dataframe_path
        .as_deref()
        .ok_or("the key `dataframe_path` is missing: name a CSV file")?;
    if iterate.outputs.is_empty() {
        return Err(
            "the key `outputs` is missing: say which variables come from which columns".to_owned(),
        );
    }
    let unreadable = |error: csv::Error| format!("cannot read the table `{path}`: {error}");
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(iterate.dataframe_has_header)
        .trim(csv::Trim::All)
        .from_path(folder.join(path))
        .map_err(unreadable)?;
    let columns = if iterate.dataframe_has_header {
        let header = reader.headers().map_err(unreadable)?;
        let header = header
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_owned());
        Some(header.collect::<Vec<_>>())
    } else {
        None
    };
    let mut positions = Vec::new();
    for (name, column) in &iterate.outputs {
        let position = match &columns {
            Some(columns) => columns.iter().position(|known| known == column),
            None => column
                .strip_prefix("column_")
                .and_then(|number| number.parse::<usize>().ok()?.checked_sub(1)),
        };
        let position = position.ok_or_else(|| {
            let known: Vec<&str> = columns.iter().flatten().map(String::as_str).collect();
            format!(
                "the table `{path}` has no column `{column}`{}",
                did_you_mean(column, &known)
            )
        })?;
        positions.push((name, position));
    }
    let mut rows = Vec::new();
    let mut n_skipped = 0;
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let values = positions.iter().map(|(name, position)| {
            let text = record.get(*position).filter(|text| !text.is_empty())?;
            Some(((*name).clone(), Json::String(text.to_owned())))
        });
        match values.collect::<Option<Variables>>() {
            Some(row) => rows.push(row),
            None => n_skipped += 1,
        }
    }
    if rows.is_empty() {
        return Err(format!(
            "the table `{path}` has no row with a value in every column of `outputs`"
        ));
    }
    Ok(Iteration { rows, n_skipped })
}
