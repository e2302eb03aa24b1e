//! The labels of a discrete range, from a list or the column of a CSV file.

use std::collections::HashSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::super::Reader;
use super::super::fields::Field;
use crate::yaml::{Value, shorten};

/// Largest file of labels.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// Most labels.
const MAX_LABELS: usize = 1_000_000;

/// Reads the labels in order. In a file they are the first of `columns` that it has, else its first column.
pub(super) fn read(
    reader: &mut Reader<'_>,
    field: &Field<'_>,
    columns: &[&str],
) -> Option<Vec<String>> {
    let labels = match &field.yaml.value {
        Value::List(items) => {
            let mut labels = Vec::with_capacity(items.len());
            for item in items {
                if let Some(label) = item.text().filter(|_| !item.is_null()) {
                    labels.push((item.at, label.to_owned()));
                } else {
                    let message = format!("a label is expected, not {}", item.describe());
                    reader.problem(item.at, &field.path, message);
                }
            }
            labels
        }
        Value::Scalar { text, .. } => match from_file(reader, text, columns) {
            Ok(labels) => labels
                .into_iter()
                .map(|label| (field.yaml.at, label))
                .collect(),
            Err(message) => {
                field.problem(reader, message);
                return None;
            }
        },
        Value::Map(_) => {
            field.expected(reader, "a list of labels or the name of a CSV file");
            return None;
        }
    };
    if labels.is_empty() || labels.len() > MAX_LABELS {
        field.problem(
            reader,
            format!("a discrete range has from 1 to {MAX_LABELS} labels"),
        );
        return None;
    }
    let mut known = HashSet::new();
    for (at, label) in &labels {
        if !known.insert(label) {
            let message = format!(
                "the label `{}` stands here twice: remove one",
                shorten(label)
            );
            reader.problem(*at, &field.path, message);
        }
    }
    Some(labels.into_iter().map(|(_, label)| label).collect())
}

fn from_file(reader: &mut Reader<'_>, name: &str, columns: &[&str]) -> Result<Vec<String>, String> {
    let text = match reader.kept {
        Some(kept) => {
            let found = kept.get(name).map(Arc::clone);
            found.ok_or_else(|| format!("`{}` was not kept with the schema", shorten(name)))?
        }
        None => from_folder(reader.folder, name)?,
    };
    reader.files.insert(name.to_owned(), Arc::clone(&text));
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let header = text.lines().next().unwrap_or_default();
    let delimiter = [';', '\t', ',']
        .into_iter()
        .find(|c| header.contains(*c))
        .unwrap_or(',');
    let mut rows = text.lines().map(|line| cells(line, delimiter));
    let header = rows.next().unwrap_or_default();
    let index = columns
        .iter()
        .find_map(|column| header.iter().position(|cell| cell == column));
    let cell = |row: Vec<String>| row.into_iter().nth(index.unwrap_or(0));
    Ok(rows
        .filter_map(cell)
        .filter(|label| !label.is_empty())
        .collect())
}

/// The text of a file in `folder`.
fn from_folder(folder: &Path, name: &str) -> Result<Arc<str>, String> {
    let path = inside(folder, name)?;
    let failed = |error: std::io::Error| format!("cannot read `{}`: {error}", shorten(name));
    let size = fs::metadata(&path).map_err(failed)?.len();
    if size > MAX_FILE_BYTES {
        return Err(format!(
            "`{name}` has {size} bytes, more than the {MAX_FILE_BYTES} allowed"
        ));
    }
    fs::read_to_string(&path).map(Arc::from).map_err(failed)
}

/// The path of a file that does not leave `folder`.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let relative = Path::new(name);
    let leaves = || {
        format!(
            "`{}` leaves the folder of the schema: put the file beside the schema",
            shorten(name)
        )
    };
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        || name.is_empty()
    {
        return Err(leaves());
    }
    let failed = |error: std::io::Error| format!("cannot read `{}`: {error}", shorten(name));
    let path = folder.join(relative).canonicalize().map_err(failed)?;
    let folder = folder.canonicalize().map_err(failed)?;
    if !path.starts_with(&folder) || !path.is_file() {
        return Err(leaves());
    }
    Ok(path)
}

/// The cells of a line of CSV, quotes removed.
fn cells(line: &str, delimiter: char) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(cell) = cells.last_mut() else { break };
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            _ if c == delimiter && !quoted => cells.push(String::new()),
            _ => cell.push(c),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}
