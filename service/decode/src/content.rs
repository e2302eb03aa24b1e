//! What a body claims to be: content type, charset, compression.

use std::path::Path;

use super::{DecodeError, Format};

/// The media type of forms with files.
pub(super) const MULTIPART: &str = "multipart/form-data";
/// Content types that have a reader.
pub(super) const SUPPORTED: [&str; 16] = [
    "text/csv",
    "text/tab-separated-values",
    "application/json",
    "application/x-ndjson",
    "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.oasis.opendocument.spreadsheet",
    "text/x-toa5",
    "text/x-line-protocol",
    "application/x-netcdf",
    "application/x-grib",
    "application/zip",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
];

/// What means that the bytes themselves must tell.
pub(super) const UNSAID: &str = "application/octet-stream";

/// What the sender says about a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// As in the `Content-Type` header, parameters included.
    pub content_type: String,
    /// As in the `Content-Encoding` header. Without it, gzip, zstd and bzip2 are known by their first bytes.
    pub content_encoding: Option<String>,
}

/// What a file of this name holds, by its extensions, such as `.csv.gz`.
///
/// An extension that is not known gives `application/octet-stream`: then [`super::decode`] goes by the first bytes.
pub fn content_of_file(name: &Path) -> Content {
    let name = name
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let (name, content_encoding) = match name.rsplit_once('.') {
        Some((stem, "gz" | "gzip")) => (stem, Some("gzip".to_owned())),
        Some((stem, "zst" | "zstd")) => (stem, Some("zstd".to_owned())),
        Some((stem, "bz2" | "bzip2")) => (stem, Some("bzip2".to_owned())),
        _ => (name.as_str(), None),
    };
    let content_type = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv" | "txt" | "dat") => "text/csv",
        Some("tsv" | "tab") => "text/tab-separated-values",
        Some("json" | "geojson") => "application/json",
        Some("ndjson" | "jsonl") => "application/x-ndjson",
        Some("parquet" | "pq") => "application/vnd.apache.parquet",
        Some("arrows") => "application/vnd.apache.arrow.stream",
        Some("arrow" | "feather" | "ipc") => "application/vnd.apache.arrow.file",
        Some("xlsx" | "xlsm") => {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        }
        Some("ods") => "application/vnd.oasis.opendocument.spreadsheet",
        Some("toa5") => "text/x-toa5",
        Some("lp" | "line") => "text/x-line-protocol",
        Some("nc" | "nc3" | "nc4" | "cdf" | "netcdf") => "application/x-netcdf",
        Some("grib" | "grb" | "grib1" | "grb1" | "grib2" | "grb2") => "application/x-grib",
        Some("zip") => "application/zip",
        _ => UNSAID,
    };
    Content {
        content_type: content_type.to_owned(),
        content_encoding,
    }
}

/// The content type taken apart.
pub(super) struct MediaType<'a> {
    /// It is a form with files, which say what they are.
    pub(super) is_multipart: bool,
    /// `None`: the bytes tell.
    pub(super) format: Option<Format>,
    /// The format is configured, so that the bytes do not tell otherwise.
    pub(super) is_configured: bool,
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
        let format = match (configured, essence.as_str()) {
            (Some(format), _) => Some(format),
            (None, UNSAID | "application/zip" | "application/x-zip-compressed" | MULTIPART) => None,
            (None, essence) => {
                Some(
                    format_named(essence).ok_or_else(|| DecodeError::UnsupportedContentType {
                        content_type: content_type.to_owned(),
                    })?,
                )
            }
        };
        let delimiter = (essence == "text/tab-separated-values").then_some(b'\t');
        Ok(Self {
            is_multipart: essence == MULTIPART,
            format,
            is_configured: configured.is_some(),
            delimiter,
            charset,
        })
    }
}

/// Whether a content type says what the bytes are.
pub(super) fn is_known(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    format_named(&essence.to_ascii_lowercase()).is_some_and(|format| format != Format::Form)
}

/// The format of a media type without parameters, in lower case.
fn format_named(essence: &str) -> Option<Format> {
    Some(match essence {
        "text/csv" | "application/csv" | "text/tab-separated-values" => Format::Csv,
        "application/json" | "text/json" => Format::Json,
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonlines" => Format::Ndjson,
        "application/vnd.apache.parquet" | "application/parquet" | "application/x-parquet" => {
            Format::Parquet
        }
        "application/vnd.apache.arrow.stream" | "application/vnd.apache.arrow.file" => {
            Format::Arrow
        }
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => Format::Xlsx,
        "application/vnd.oasis.opendocument.spreadsheet" => Format::Ods,
        "text/x-toa5" => Format::Toa5,
        "text/x-line-protocol" => Format::LineProtocol,
        "application/x-netcdf" | "application/netcdf" => Format::Netcdf,
        "application/vnd.zarr+zip" => Format::Zarr,
        "application/x-www-form-urlencoded" => Format::Form,
        "application/x-grib"
        | "application/grib"
        | "application/x-grib2"
        | "application/wmo-grib" => Format::Grib,
        other if other.starts_with("application/") && other.ends_with("+json") => Format::Json,
        _ => return None,
    })
}
