//! Drafts of schemas, made of sample files.
//!
//! A draft says what can be seen in the file: how it is laid out, what its columns are, which of them are coordinates. What
//! cannot be seen is written beside it as a comment that begins with `?`; what could be read in two ways is a [`Question`],
//! never a guess.

mod arrays;
mod column;
mod layout;
mod name;
mod table;
mod template;
mod times;
mod webhook;

use std::fmt::Write as _;
use std::path::Path;

use crate::{self as decode, Content, Decoded, Decoder, Decoding, Limits, compression};
use serde_json::{Map, Value as Json};

pub use template::{TEMPLATES, Template, like};
pub use times::{Order, Question, Reading, Unzoned};

/// A schema, how files are decoded, and what is left open.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The schema, as YAML.
    pub schema: String,
    /// Name of its node.
    pub node: String,
    /// The `decode` part of an endpoint, if the file needs one.
    pub decode: Map<String, Json>,
    /// What could be read in several ways and is left open.
    pub questions: Vec<Question>,
    /// Times that are taken for UTC because nothing says their zone.
    pub unzoned: Vec<Unzoned>,
    /// Why values would be lost, in words, with what may be done about it.
    pub doubts: Vec<String>,
}

impl Draft {
    /// What files are decoded with.
    ///
    /// # Errors
    /// [`DraftError`] if what was found is no way of decoding.
    pub fn decoder(&self) -> Result<Decoder, DraftError> {
        decoder(&self.decode)
    }

    /// What a configuration needs for the draft: the dataset `name`, whose schema is `file`, and an endpoint with the name of
    /// the node where files must be decoded in another way than by default.
    pub fn configuration(&self, name: &str, file: &str) -> String {
        let (name, file) = (name::quoted(name), name::quoted(file));
        let mut text = format!("datasets:\n  {name}: {{schema: {file}}}\n");
        if !self.decode.is_empty() {
            let endpoint = name::quoted(&self.node);
            let decode = Json::Object(self.decode.clone());
            let _ = writeln!(
                text,
                "endpoints:\n  {endpoint}: {{dataset: {name}, decode: {decode}}}"
            );
        }
        text
    }
}

/// What the caller says beforehand.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Name of the node; else it follows from the file's.
    pub node: Option<String>,
    /// Where the arrays go; else into a folder called after the node.
    pub store: Option<String>,
    /// In which order day, month and year come where the file does not tell.
    pub order: Option<Order>,
    /// Zone of times without an offset.
    pub zone: Option<String>,
}

/// Why a file gives no draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// It cannot be decoded.
    #[error(transparent)]
    Decode(#[from] decode::DecodeError),
    /// What was found of its layout is none.
    #[error(transparent)]
    Setup(#[from] decode::DecodeSetupError),
    /// There is nothing to draft.
    #[error("{0}")]
    Nothing(String),
}

/// Drafts a schema for files like `payload`, which is called `file` and holds what `content` says.
///
/// # Errors
/// [`DraftError`].
pub fn draft(
    payload: &[u8],
    content: &Content,
    file: &Path,
    wishes: &Wishes,
) -> Result<Draft, DraftError> {
    let max_bytes = Limits::default().max_decompressed_bytes;
    let encoding = content.content_encoding.as_deref();
    let payload: &[u8] = &compression::decompress(payload, encoding, max_bytes)?;
    let content = &Content {
        content_type: content.content_type.clone(),
        content_encoding: None,
    };
    let mut decode = if is_text_table(content) {
        layout::of(payload)
    } else {
        webhook::of(payload, content)
    };
    let mut found = decoded(payload, content, &decode)?;
    let more = match &found {
        Decoded::Table(table) => table::decode_of(table.frame(), &decode),
        Decoded::Grids(_) => decode.clone(),
    };
    if more != decode {
        decode = more;
        // Not both in memory.
        drop(found);
        found = decoded(payload, content, &decode)?;
    }
    let node = wishes.node.clone().unwrap_or_else(|| of_file(file));
    let mut draft = match found {
        Decoded::Table(table) => table::draft(table.frame(), wishes)?,
        Decoded::Grids(grids) => arrays::draft(&grids)?,
    };
    let mut all = decode;
    all.append(&mut draft.decode);
    let shown = file.file_name().unwrap_or_default().to_string_lossy();
    let shown = in_a_line(&shown);
    let store = wishes.store.clone();
    let store = store.unwrap_or_else(|| format!("{node}.zarr"));
    let head = format!(
        "# Drafted by zarr-fuse from {shown}{}. What the file does not say is marked with `?`: look at these lines first.\nATTRS:\n  STORE_URL: {}\n{}:\n",
        draft.size,
        name::quoted(&store),
        name::quoted(&node),
    );
    Ok(Draft {
        schema: head + &draft.declarations,
        node,
        decode: all,
        questions: draft.questions,
        unzoned: draft.unzoned,
        doubts: draft.doubts,
    })
}

/// What reads as `decode` says.
fn decoder(decode: &Map<String, Json>) -> Result<Decoder, DraftError> {
    let decoding: Decoding = serde_json::from_value(Json::Object(decode.clone()))
        .map_err(|error| DraftError::Nothing(error.to_string()))?;
    Ok(decoding.prepare(Path::new("."))?)
}

/// The payload read as `decode` says.
fn decoded(
    payload: &[u8],
    content: &Content,
    decode: &Map<String, Json>,
) -> Result<Decoded, DraftError> {
    let decoder = decoder(decode)?;
    Ok(decode::decode_arrays(
        payload,
        content,
        &decoder,
        &Map::new(),
    )?)
}

/// The part of a draft that follows from what is in the file.
struct Body {
    /// `COORDS` and `VARS`.
    declarations: String,
    /// How much there was, in words.
    size: String,
    decode: Map<String, Json>,
    questions: Vec<Question>,
    unzoned: Vec<Unzoned>,
    doubts: Vec<String>,
}

/// Whether a file of this type is lines of cells, whose layout is to be found.
fn is_text_table(content: &Content) -> bool {
    let kind = content.content_type.split(';').next().unwrap_or_default();
    ["text/csv", "text/tab-separated-values"].contains(&kind.trim())
}

/// A text that a comment can hold.
fn in_a_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || ['\u{2028}', '\u{2029}'].contains(&c))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A name of a node after that of a file.
fn of_file(file: &Path) -> String {
    let stem = file.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem.split('.').next().unwrap_or_default();
    let name = name::simple(stem);
    match name.as_str() {
        "" | "c" | "journal" | "staging" => "data".to_owned(),
        _ => name,
    }
}

#[cfg(test)]
mod tests;
