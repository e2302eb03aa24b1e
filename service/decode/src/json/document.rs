//! Walks a JSON text and hands its cells to the columns.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::super::DecodeError;
use super::columns::Columns;

/// How deep arrays and objects may be nested.
pub(crate) const MAX_DEPTH: usize = 128;

/// How many values there are in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Structure {
    /// Arrays and objects.
    pub(crate) nested: usize,
    /// Entries of objects.
    pub(crate) entries: usize,
    /// Commas: elements and entries but the first ones.
    pub(crate) further: usize,
}

/// Refuses text whose arrays and objects are nested deeper than [`MAX_DEPTH`]; `first_line` is its line in the body.
///
/// Readers of nested values call themselves, so this comes before any of them. What is counted on the way is right for valid
/// JSON.
pub(crate) fn check_depth(text: &str, first_line: usize) -> Result<Structure, DecodeError> {
    let mut structure = Structure::default();
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if quoted {
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b':' => structure.entries += 1,
            b',' => structure.further += 1,
            b'[' | b'{' => {
                structure.nested += 1;
                depth += 1;
                if depth > MAX_DEPTH {
                    let line =
                        first_line + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count();
                    return Err(DecodeError::TooDeep {
                        line,
                        max: MAX_DEPTH,
                    });
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(structure)
}

/// Reads an array of records, an object of columns, or a record.
pub(super) fn read_document<'t>(
    text: &'t str,
    columns: &mut Columns<'t, '_>,
) -> Result<(), DecodeError> {
    let mut failure = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let read = DocumentSeed {
        columns,
        failure: &mut failure,
    }
    .deserialize(&mut json)
    .and_then(|()| json.end());
    settle(read, failure, 1)
}

/// Reads the record on line `line`.
pub(super) fn read_line<'t>(
    text: &'t str,
    line: usize,
    columns: &mut Columns<'t, '_>,
) -> Result<(), DecodeError> {
    let mut failure = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let place = || format!("line {line}");
    let read = RecordSeed {
        columns,
        failure: &mut failure,
        place: &place,
    }
    .deserialize(&mut json)
    .and_then(|()| json.end());
    settle(read, failure, line)
}

/// Our error, if the walk stopped for one; else the parser's.
fn settle(
    read: Result<(), serde_json::Error>,
    failure: Option<DecodeError>,
    first_line: usize,
) -> Result<(), DecodeError> {
    match (read, failure) {
        (Ok(()), _) => Ok(()),
        (Err(_), Some(failure)) => Err(failure),
        (Err(error), None) => Err(not_json(&error, first_line)),
    }
}

/// The parser's error in our words; `first_line` is where its text begins in the body.
pub(crate) fn not_json(error: &serde_json::Error, first_line: usize) -> DecodeError {
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(reason, _)| reason)
        .to_owned();
    DecodeError::NotJson {
        line: first_line + error.line().saturating_sub(1),
        column: error.column(),
        reason,
    }
}

/// Stops the walk with an error of ours, which serde cannot carry.
fn stop<E: serde::de::Error>(slot: &mut Option<DecodeError>, error: DecodeError) -> E {
    *slot = Some(error);
    E::custom("stopped")
}

struct DocumentSeed<'c, 't, 'b> {
    columns: &'c mut Columns<'t, 'b>,
    failure: &'c mut Option<DecodeError>,
}

impl<'t> DeserializeSeed<'t> for DocumentSeed<'_, 't, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for DocumentSeed<'_, 't, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("records or columns")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut records: A) -> Result<(), A::Error> {
        let mut n = 0_usize;
        loop {
            let place = || format!("element {} of the array", n + 1);
            let seed = RecordSeed {
                columns: &mut *self.columns,
                failure: &mut *self.failure,
                place: &place,
            };
            if records.next_element_seed(seed)?.is_none() {
                return Ok(());
            }
            n += 1;
        }
    }

    /// Columns if every value is an array, else a record.
    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let mut entries = Vec::new();
        while let Some(Key(name)) = map.next_key()? {
            entries.push((name, map.next_value::<&'t RawValue>()?.get()));
            self.columns
                .check_width(entries.len())
                .map_err(|error| stop(self.failure, error))?;
        }
        let are_columns =
            !entries.is_empty() && entries.iter().all(|(_, value)| value.starts_with('['));
        for (idx, (name, value)) in entries.into_iter().enumerate() {
            let added = if are_columns {
                let mut json = serde_json::Deserializer::from_str(value);
                let cells = CellsSeed {
                    columns: &mut *self.columns,
                    failure: &mut *self.failure,
                };
                let cells = cells.deserialize(&mut json).map_err(A::Error::custom)?;
                self.columns.add(name, cells)
            } else {
                self.columns.set(idx, name, value)
            };
            added.map_err(|error| stop(self.failure, error))?;
        }
        if are_columns {
            Ok(())
        } else {
            self.columns
                .end_row()
                .map_err(|error| stop(self.failure, error))
        }
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(stop(self.failure, DecodeError::NotATable { found: "null" }))
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(stop(
            self.failure,
            DecodeError::NotATable { found: "a boolean" },
        ))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(stop(
            self.failure,
            DecodeError::NotATable { found: "a number" },
        ))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(stop(
            self.failure,
            DecodeError::NotATable { found: "a number" },
        ))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(stop(
            self.failure,
            DecodeError::NotATable { found: "a number" },
        ))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        Err(stop(
            self.failure,
            DecodeError::NotATable { found: "a string" },
        ))
    }
}

/// The cells of a column, asked for one by one.
struct CellsSeed<'c, 't, 'b> {
    columns: &'c mut Columns<'t, 'b>,
    failure: &'c mut Option<DecodeError>,
}

impl<'t> DeserializeSeed<'t> for CellsSeed<'_, 't, '_> {
    type Value = Vec<&'t str>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'t> Visitor<'t> for CellsSeed<'_, 't, '_> {
    type Value = Vec<&'t str>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the cells of a column")
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut cells = Vec::new();
        while let Some(cell) = elements.next_element::<&'t RawValue>()? {
            self.columns
                .ask(1)
                .map_err(|error| stop(self.failure, error))?;
            cells.push(cell.get());
        }
        Ok(cells)
    }
}

struct RecordSeed<'c, 't, 'b> {
    columns: &'c mut Columns<'t, 'b>,
    failure: &'c mut Option<DecodeError>,
    place: &'c dyn Fn() -> String,
}

impl RecordSeed<'_, '_, '_> {
    fn not_a_record<E: serde::de::Error>(self, found: &'static str) -> Result<(), E> {
        let place = (self.place)();
        Err(stop(self.failure, DecodeError::NotARecord { place, found }))
    }
}

impl<'t> DeserializeSeed<'t> for RecordSeed<'_, 't, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t> Visitor<'t> for RecordSeed<'_, 't, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<(), A::Error> {
        let mut idx = 0;
        while let Some(Key(name)) = map.next_key()? {
            let cell = map.next_value::<&'t RawValue>()?.get();
            self.columns
                .set(idx, name, cell)
                .map_err(|error| stop(self.failure, error))?;
            idx += 1;
        }
        self.columns
            .end_row()
            .map_err(|error| stop(self.failure, error))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, _: A) -> Result<(), A::Error> {
        self.not_a_record("an array")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.not_a_record("null")
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        self.not_a_record("a boolean")
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        self.not_a_record("a number")
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        self.not_a_record("a number")
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        self.not_a_record("a number")
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<(), E> {
        self.not_a_record("a string")
    }
}

/// The key of an entry, borrowed unless it holds escapes.
struct Key<'t>(Cow<'t, str>);

impl<'t> Deserialize<'t> for Key<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'t> Visitor<'t> for KeyVisitor {
            type Value = Key<'t>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E: serde::de::Error>(self, key: &'t str) -> Result<Key<'t>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Key<'t>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}
