//! The keys of one variable or coordinate.

use indexmap::IndexSet;

use super::{Reader, under};
use crate::near;
use crate::yaml::{Entry, Mark, Value, Yaml, boolean, shorten};

/// Keys of variables; coordinates have them too.
pub(crate) const VARIABLE_KEYS: &[&str] = &[
    "coords",
    "unit",
    "source_unit",
    "df_col",
    "type",
    "dtype",
    "na_value",
    "range",
    "description",
    "merge",
    "circular",
    "codec",
    "attrs",
];
/// Keys that only coordinates have.
pub(crate) const COORDINATE_KEYS: &[&str] =
    &["composed", "sorted", "chunk_size", "step_limits", "max_new"];
/// Keys of the prototype that mean nothing any more.
const OLD_KEYS: &[&str] = &["name", "values", "hash_type", "update", "sort"];
/// Keys that the prototype also took beside `range`.
const OLD_RANGE_KEYS: &[&str] = &["discrete", "interval"];

/// One declaration of `VARS` or `COORDS`.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) name: String,
    /// Where its name stands.
    pub(super) at: Mark,
    /// `bukov.VARS.rock_temp`.
    pub(super) path: String,
    /// Whether it is a mapping; if not, that is reported.
    pub(super) is_readable: bool,
    entries: Vec<Entry>,
}

/// A value with its tree path.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    pub(super) yaml: &'a Yaml,
    pub(super) path: String,
}

impl Fields {
    /// Reads the declaration `entry` of the section at `section`.
    pub(super) fn read(reader: &mut Reader<'_>, entry: &Entry, section: &str) -> Self {
        let path = under(section, &entry.key);
        let entries = match &entry.value.value {
            Value::Map(entries) => Some(entries.clone()),
            _ if entry.value.is_null() => Some(Vec::new()),
            _ => {
                let message = format!(
                    "a mapping of keys such as `unit` and `coords` is expected, not {}",
                    entry.value.describe()
                );
                reader.problem(entry.value.at, &path, message);
                None
            }
        };
        Self {
            name: entry.key.clone(),
            at: entry.at,
            path,
            is_readable: entries.is_some(),
            entries: entries.unwrap_or_default(),
        }
    }

    /// A declaration without keys.
    pub(super) fn empty(name: &str, at: Mark, section: &str) -> Self {
        Self {
            name: name.to_owned(),
            at,
            path: under(section, name),
            is_readable: true,
            entries: Vec::new(),
        }
    }

    /// Reports keys outside of `known`; a slip in `description` harms nothing and is read as meant.
    pub(super) fn check_keys(&mut self, reader: &mut Reader<'_>, known: &[&str]) {
        for entry in &mut self.entries {
            let path = under(&self.path, &shorten(&entry.key));
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            if OLD_RANGE_KEYS.contains(&entry.key.as_str()) {
                let message = format!(
                    "`{}` belongs under `range`; it is read as if it stood there",
                    entry.key
                );
                reader.warn(entry.at, &path, message);
            } else if OLD_KEYS.contains(&entry.key.as_str()) {
                if entry.key != "name" {
                    reader.warn(
                        entry.at,
                        &path,
                        "this key of the prototype no longer means anything",
                    );
                }
            } else if near::nearest(&entry.key, known.iter().copied()) == Some("description") {
                reader.warn(entry.at, &path, "unknown key, read as `description`");
                "description".clone_into(&mut entry.key);
            } else {
                let message = format!("unknown key{}", near::did_you_mean(&entry.key, known));
                reader.problem(entry.at, &path, message);
            }
        }
    }

    /// The value of `key`, if it stands there and is neither null nor Python's `None`.
    pub(super) fn get(&self, key: &str) -> Option<Field<'_>> {
        self.get_raw(key).filter(|field| !field.yaml.is_none())
    }

    /// The value of `key`, whatever it is.
    pub(super) fn get_raw(&self, key: &str) -> Option<Field<'_>> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| Field {
                yaml: &entry.value,
                path: under(&self.path, key),
            })
    }

    /// The same without some keys.
    pub(super) fn without(&self, keys: &[&str]) -> Self {
        let mut fields = self.clone();
        fields
            .entries
            .retain(|entry| !keys.contains(&entry.key.as_str()));
        fields
    }

    /// Adds the keys of `newer`, which win.
    pub(super) fn absorb(&mut self, newer: &Self) {
        for entry in &newer.entries {
            self.entries.retain(|own| own.key != entry.key);
            self.entries.push(entry.clone());
        }
    }
}

impl<'a> Field<'a> {
    pub(super) fn problem(&self, reader: &mut Reader<'_>, message: impl Into<String>) {
        reader.problem(self.yaml.at, &self.path, message);
    }

    pub(super) fn warn(&self, reader: &mut Reader<'_>, message: impl Into<String>) {
        reader.warn(self.yaml.at, &self.path, message);
    }

    /// Reports that something else is expected.
    pub(super) fn expected(&self, reader: &mut Reader<'_>, what: &str) {
        let message = format!("{what} is expected, not {}", self.yaml.describe());
        self.problem(reader, message);
    }

    /// The text; numbers and booleans count as text.
    pub(super) fn text(&self, reader: &mut Reader<'_>, what: &str) -> Option<&'a str> {
        let text = self.yaml.text();
        if text.is_none() {
            self.expected(reader, what);
        }
        text
    }

    pub(super) fn boolean(&self, reader: &mut Reader<'_>) -> Option<bool> {
        let value = self.yaml.text().and_then(boolean);
        if value.is_none() {
            self.expected(reader, "`true` or `false`");
        }
        value
    }

    /// A name or a list of names, each once.
    pub(super) fn names(&self, reader: &mut Reader<'_>) -> Vec<String> {
        let items = match &self.yaml.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(self.yaml),
        };
        let mut names: IndexSet<String> = IndexSet::with_capacity(items.len());
        for item in items {
            let item = Field {
                yaml: item,
                path: self.path.clone(),
            };
            match item.text(reader, "a name") {
                Some(name) if names.contains(name) => {
                    item.problem(
                        reader,
                        format!("`{}` stands here twice: remove one", shorten(name)),
                    );
                }
                Some(name) => {
                    names.insert(name.to_owned());
                }
                None => {}
            }
        }
        names.into_iter().collect()
    }

    /// The entries of a mapping, unknown ones reported.
    pub(super) fn mapping(
        &self,
        reader: &mut Reader<'_>,
        known: &[&str],
        what: &str,
    ) -> Option<&'a [Entry]> {
        let Value::Map(entries) = &self.yaml.value else {
            self.expected(reader, what);
            return None;
        };
        for entry in entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
        {
            let message = format!("unknown key{}", near::did_you_mean(&entry.key, known));
            reader.problem(entry.at, &under(&self.path, &shorten(&entry.key)), message);
        }
        Some(entries)
    }

    /// The value of a key of this mapping that is not null.
    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        self.yaml
            .get(key)
            .filter(|entry| !entry.value.is_none())
            .map(|entry| Field {
                yaml: &entry.value,
                path: under(&self.path, key),
            })
    }
}
