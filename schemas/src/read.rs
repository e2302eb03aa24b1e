//! From the YAML tree to a checked schema, collecting every problem on the way.
//!
//! Each function reads one part of the language; after a problem it goes on with a default, so that one look at the
//! report mends the whole file.

mod array;
mod axis;
mod chunks;
mod circular;
mod elements;
mod fields;
mod node;
mod pyramid;
mod quantity;
mod range;
mod readers;
mod steps;
mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub(crate) use fields::{COORDINATE_KEYS, VARIABLE_KEYS};
pub(crate) use quantity::{TIME_KEYS, TYPE_NAMES};
pub(crate) use range::RANGE_KEYS;

use crate::model::Schema;
use crate::problem::{Problem, SchemaError};
use crate::yaml::{self, Mark};

impl Schema {
    /// Reads the schema `text`. `file` names it in messages; relative paths in it are relative to `folder`.
    ///
    /// # Errors
    /// Every problem of the text at once, in file order.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, SchemaError> {
        Self::read(text, file, folder, None, Defaults::Today)
    }

    /// Reads the schema `text` as [`Self::parse`] does, but the files that it names from `kept`, whatever lies in folders, and
    /// what it leaves open as `defaults` say.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_kept(
        text: &str,
        file: &str,
        kept: &BTreeMap<String, Arc<str>>,
        defaults: Defaults,
    ) -> Result<Self, SchemaError> {
        Self::read(text, file, Path::new("."), Some(kept), defaults)
    }

    fn read(
        text: &str,
        file: &str,
        folder: &Path,
        kept: Option<&BTreeMap<String, Arc<str>>>,
        defaults: Defaults,
    ) -> Result<Self, SchemaError> {
        let mut reader = Reader {
            file,
            folder,
            kept,
            defaults,
            files: BTreeMap::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        let loaded = yaml::load(text).map_err(|(at, message)| {
            reader.problem(at, "", message);
            reader.error()
        })?;
        for (at, message) in loaded.problems {
            reader.problem(at, "", message);
        }
        let mut root = node::read(&mut reader, &loaded.root);
        let store = store::read(&mut reader, &mut root, &loaded.root);
        if !reader.problems.is_empty() {
            return Err(reader.error());
        }
        let name = Path::new(file)
            .file_stem()
            .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        Ok(Self {
            name,
            file: file.to_owned(),
            text: Arc::from(text),
            folder: folder.to_owned(),
            files: reader.files,
            root,
            store,
            warnings: sorted(reader.warnings),
        })
    }

    /// Reads the schema file at `path`.
    ///
    /// # Errors
    /// Every problem of the file at once; one without a place if it cannot be read.
    pub fn load(path: &Path) -> Result<Self, SchemaError> {
        let file = path.display().to_string();
        let text = std::fs::read(path)
            .map_err(|error| format!("cannot read the file: {error}"))
            .and_then(|bytes| String::from_utf8(bytes).map_err(|error| not_utf8(&error)))
            .map_err(|message| SchemaError {
                problems: vec![Problem {
                    file: file.clone(),
                    line: 0,
                    column: 0,
                    path: String::new(),
                    message,
                }],
            })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        Self::parse(&text, &file, folder)
    }
}

fn not_utf8(error: &std::string::FromUtf8Error) -> String {
    let position = error.utf8_error().valid_up_to();
    let before = &error.as_bytes()[..position];
    let line = before.split(|byte| *byte == b'\n').count();
    format!("the text is not UTF-8 in line {line}: save the file as UTF-8")
}

/// What is taken of what a schema leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defaults {
    /// As schemas are read now.
    Today,
    /// As they were read when -1 stood for no value of signed integers, and numbers like that counted as none.
    Former,
}

/// Where the text comes from, and what was found wrong so far.
pub(crate) struct Reader<'a> {
    file: &'a str,
    folder: &'a Path,
    /// Files to read instead of those in the folder.
    kept: Option<&'a BTreeMap<String, Arc<str>>>,
    defaults: Defaults,
    /// Files read so far.
    files: BTreeMap<String, Arc<str>>,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Reader<'_> {
    /// Notes what must be mended.
    fn problem(&mut self, at: Mark, path: &str, message: impl Into<String>) {
        let problem = self.place(at, path, message.into());
        self.problems.push(problem);
    }

    /// Notes what loads, but is probably not meant.
    fn warn(&mut self, at: Mark, path: &str, message: impl Into<String>) {
        let warning = self.place(at, path, message.into());
        self.warnings.push(warning);
    }

    fn place(&self, at: Mark, path: &str, message: String) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line: at.line,
            column: at.column,
            path: path.to_owned(),
            message,
        }
    }

    fn error(&mut self) -> SchemaError {
        SchemaError {
            problems: sorted(std::mem::take(&mut self.problems)),
        }
    }
}

/// In file order, each once: a shared anchor is read as often as it is used.
fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| (problem.line, problem.column));
    problems.dedup();
    problems
}

/// The tree path of `key` under `path`.
fn under(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
