//! What a body claims to be: content type, charset, compression.

use std::path::Path;

use super::{DecodeError, Format};

/// Content types that have a reader.
pub(super) const SUPPORTED: [&str; 4] = [
    "text/csv",
    "text/tab-separated-values",
    "application/json",
    "application/x-ndjson",
];

/// What the sender says about a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// As in the `Content-Type` header, parameters included.
    pub content_type: String,
    /// As in the `Content-Encoding` header. Without it, gzip and zstd are known by their first bytes.
    pub content_encoding: Option<String>,
}

/// What a file of this name holds, by its extensions, such as `.csv.gz`.
///
/// An extension that is not known gives `application/octet-stream`, which [`super::decode`] takes only if a format is
/// configured.
pub fn content_of_file(name: &Path) -> Content {
    let name = name
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let (name, content_encoding) = match name.rsplit_once('.') {
        Some((stem, "gz" | "gzip")) => (stem, Some("gzip".to_owned())),
        Some((stem, "zst" | "zstd")) => (stem, Some("zstd".to_owned())),
        _ => (name.as_str(), None),
    };
    let content_type = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv" | "txt" | "dat") => "text/csv",
        Some("tsv" | "tab") => "text/tab-separated-values",
        Some("json" | "geojson") => "application/json",
        Some("ndjson" | "jsonl") => "application/x-ndjson",
        _ => "application/octet-stream",
    };
    Content {
        content_type: content_type.to_owned(),
        content_encoding,
    }
}

/// The content type taken apart.
pub(super) struct MediaType<'a> {
    pub(super) format: Format,
    /// `text/tab-separated-values` says what the delimiter is.
    pub(super) delimiter: Option<u8>,
    pub(super) charset: Option<&'a str>,
}

impl<'a> MediaType<'a> {
    /// Reads `content_type`; a `configured` format decides before the type does.
    pub(super) fn of(
        content_type: &'a str,
        configured: Option<Format>,
    ) -> Result<Self, DecodeError> {
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let charset = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"'))
        });
        let format = match essence.as_str() {
            "text/csv" | "application/csv" | "text/tab-separated-values" => Some(Format::Csv),
            "application/json" | "text/json" => Some(Format::Json),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines" => Some(Format::Ndjson),
            other if other.starts_with("application/") && other.ends_with("+json") => {
                Some(Format::Json)
            }
            _ => None,
        };
        let format = configured
            .or(format)
            .ok_or_else(|| DecodeError::UnsupportedContentType {
                content_type: content_type.to_owned(),
            })?;
        let delimiter = (essence == "text/tab-separated-values").then_some(b'\t');
        Ok(Self {
            format,
            delimiter,
            charset,
        })
    }
}
