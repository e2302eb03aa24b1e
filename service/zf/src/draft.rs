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

use std::path::Path;

use serde_json::{Map, Value as Json};
use zarr_fuse_decode::{self as decode, Content, Decoded, Decoding};

pub(crate) use template::{TEMPLATES, template};
pub(crate) use times::{Order, Question};

/// What `zf init` writes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Draft {
    /// The schema, as YAML.
    pub(crate) schema: String,
    /// Name of its node.
    pub(crate) node: String,
    /// The `decode` part of an endpoint, if the file needs one.
    pub(crate) decode: Map<String, Json>,
    /// What could be read in several ways and is left open.
    pub(crate) questions: Vec<Question>,
    /// Why values would be lost, in words, with what may be done about it.
    pub(crate) doubts: Vec<String>,
}

/// What the caller says beforehand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    /// Name of the node; else it follows from the file's.
    pub(crate) node: Option<String>,
    /// Where the arrays go.
    pub(crate) store: String,
    /// In which order day, month and year come where the file does not tell.
    pub(crate) order: Option<Order>,
    /// Zone of times without an offset.
    pub(crate) zone: Option<String>,
}

/// Why a file gives no draft.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DraftError {
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

/// Drafts a schema for files like `payload`, which is called `file`.
///
/// # Errors
/// [`DraftError`].
pub(crate) fn draft(payload: &[u8], file: &Path, wishes: &Wishes) -> Result<Draft, DraftError> {
    let content = decode::content_of_file(file);
    let mut decode = if is_text_table(&content) {
        layout::of(payload)
    } else {
        webhook::of(payload, &content)
    };
    let mut found = decoded(payload, &content, &decode)?;
    if let Decoded::Table(table) = &found {
        let more = table::decode_of(table.frame(), &decode);
        if more != decode {
            decode = more;
            found = decoded(payload, &content, &decode)?;
        }
    }
    let node = wishes.node.clone().unwrap_or_else(|| of_file(file));
    let mut draft = match found {
        Decoded::Table(table) => table::draft(table.frame(), wishes)?,
        Decoded::Grids(grids) => arrays::draft(&grids)?,
    };
    let mut all = decode;
    all.append(&mut draft.decode);
    let shown = file.file_name().unwrap_or_default().to_string_lossy();
    let head = format!(
        "# Drafted by `zf init` from {shown}{}. What the file does not say is marked with `?`: look at these lines first.\nATTRS:\n  STORE_URL: {}\n{}:\n",
        draft.size,
        name::quoted(&wishes.store),
        name::quoted(&node),
    );
    Ok(Draft {
        schema: head + &draft.declarations,
        node,
        decode: all,
        questions: draft.questions,
        doubts: draft.doubts,
    })
}

/// The payload read as `decode` says.
fn decoded(
    payload: &[u8],
    content: &Content,
    decode: &Map<String, Json>,
) -> Result<Decoded, DraftError> {
    let decoding: Decoding = serde_json::from_value(Json::Object(decode.clone()))
        .map_err(|error| DraftError::Nothing(error.to_string()))?;
    let decoder = decoding.prepare(Path::new("."))?;
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
    doubts: Vec<String>,
}

/// Whether a file of this type is lines of cells, whose layout is to be found.
fn is_text_table(content: &Content) -> bool {
    let is_plain = content.content_encoding.is_none();
    is_plain && ["text/csv", "text/tab-separated-values"].contains(&content.content_type.as_str())
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
