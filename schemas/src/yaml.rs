//! YAML as a small tree that remembers where everything stands.
//!
//! Aliases and `<<` merge keys are resolved here; sizes and depths are bounded, so that no text can blow the tree up.

mod load;
mod scalar;

use serde_json::{Map, Value as Json};

pub use load::{Loaded, load, replace_scalars};
pub use scalar::{Number, boolean, is_null, number};

/// Line and column, 1-based, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mark {
    /// 1 for the first line.
    pub line: usize,
    /// 1 for the first character.
    pub column: usize,
}

/// A node of the tree and its place.
#[derive(Debug, Clone)]
pub struct Yaml {
    /// Where it begins.
    pub at: Mark,
    /// What it is.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text as written; `plain` text may be a number, a boolean or null, quoted text may not.
    Scalar {
        /// As written, without quotes.
        text: String,
        /// Not in quotes.
        plain: bool,
    },
    /// In order.
    List(Vec<Yaml>),
    /// In order, each key once.
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where the key begins.
    pub at: Mark,
    /// Its text.
    pub key: String,
    /// What stands behind it.
    pub value: Yaml,
}

impl Yaml {
    /// A null that stands nowhere in the text.
    pub fn null(at: Mark) -> Self {
        let value = Value::Scalar {
            text: String::new(),
            plain: true,
        };
        Self { at, value }
    }

    /// Null, or the word `None` that Python users write for it.
    pub fn is_none(&self) -> bool {
        self.is_null() || self.text() == Some("None")
    }

    /// Null as YAML knows it.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if is_null(text))
    }

    /// The text of a scalar, whatever it may mean.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The number a plain scalar is.
    pub fn number(&self) -> Option<Number> {
        match &self.value {
            Value::Scalar { text, plain: true } => number(text),
            _ => None,
        }
    }

    /// The entry of a mapping.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// How an error message calls it: `the text`, `a list`.
    pub fn describe(&self) -> String {
        match &self.value {
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Value::Scalar { text, plain }
                if *plain && (number(text).is_some() || boolean(text).is_some()) =>
            {
                format!("`{}`", shorten(text))
            }
            Value::Scalar { text, .. } => format!("the text `{}`", shorten(text)),
        }
    }

    /// The same as JSON; numbers that JSON lacks become texts.
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar { text, plain: false } => Json::String(text.clone()),
            Value::Scalar { text, plain: true } => scalar::to_json(text),
            Value::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Value::Map(entries) => Json::Object(entries_to_json(entries)),
        }
    }
}

/// A mapping as a JSON object.
pub fn entries_to_json(entries: &[Entry]) -> Map<String, Json> {
    entries
        .iter()
        .map(|entry| (entry.key.clone(), entry.value.to_json()))
        .collect()
}

/// `text` without line breaks, cut to what fits a message.
pub fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut short: String = text
        .chars()
        .take(MAX_CHARS)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}
