//! What browsers and small devices send as forms: one row of fields, or a file with fields beside it.

use polars::prelude::{
    Column, DataFrame, IntoColumn, NewChunkedArray as _, PlSmallStr, StringChunked,
};
use regex::Regex;
use serde_json::{Map, Value};

use super::budget::{Budget, TEXT_CELL_BYTES, text_bytes};
use super::format_error::FormatError;
use super::{DecodeError, content_of_file};

pub(super) const FORMAT: &str = "form";

/// Most parts of a form.
const MAX_PARTS: usize = 1000;

/// One row whose columns are the fields of a form in the spelling of addresses: `temp=21.5&time=2024-05-01+12%3A00`.
///
/// # Errors
/// A body that is no form; two fields of one name; more than the bounds allow.
pub(super) fn read(body: &[u8], budget: &Budget<'_>) -> Result<DataFrame, DecodeError> {
    let body = body.trim_ascii();
    let is_form = body.contains(&b'=') && !body.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    if !is_form && !body.is_empty() {
        return Err(FormatError::NotTaken {
            format: FORMAT,
            place: "the body".to_owned(),
            found: "is not made of fields as in `name=value&name=value`".to_owned(),
            remedy: "say what it is in `Content-Type`, as in `curl -H 'Content-Type: text/csv'`, or in `format` of the endpoint's \
                     `decode`"
                .to_owned(),
        }
        .into());
    }
    let mut fields = Vec::new();
    for (name, value) in form_urlencoded::parse(body) {
        budget.check_columns(fields.len() + 1)?;
        fields.push((name.into_owned(), value.into_owned()));
    }
    row(&fields, budget)
}

/// A row of text; an empty field is no value.
pub(super) fn row(
    fields: &[(String, String)],
    budget: &Budget<'_>,
) -> Result<DataFrame, DecodeError> {
    let mut columns: Vec<Column> = Vec::with_capacity(fields.len());
    budget.check_columns(fields.len())?;
    for (name, value) in fields {
        if let Some(first) = columns.iter().position(|column| column.name() == name) {
            return Err(DecodeError::DuplicateColumn {
                column: name.clone(),
                first: first + 1,
                second: columns.len() + 1,
            });
        }
        budget.take(TEXT_CELL_BYTES + text_bytes(value))?;
        let cell = (!value.is_empty()).then_some(value.as_str());
        let cells =
            StringChunked::from_iter_options(PlSmallStr::from_str(name), std::iter::once(cell));
        columns.push(cells.into_column());
    }
    Ok(DataFrame::new(usize::from(!columns.is_empty()), columns)?)
}

/// A form with files, taken apart.
#[derive(Debug)]
pub(super) struct Form<'b> {
    files: Vec<File<'b>>,
    /// The other fields.
    fields: Vec<(String, String)>,
}

/// A file of a form.
#[derive(Debug, Clone)]
pub(super) struct File<'b> {
    name: String,
    content_type: Option<String>,
    pub(super) bytes: &'b [u8],
}

impl<'b> Form<'b> {
    /// The parts of a body, whose content type names what stands between them.
    ///
    /// # Errors
    /// Bodies that are cut off, or without the boundary that is named.
    pub(super) fn of(body: &'b [u8], content_type: &str) -> Result<Self, FormatError> {
        let damaged = |reason: &str| FormatError::damaged(FORMAT, reason);
        let boundary = parameter(content_type, "boundary")
            .filter(|boundary| !boundary.is_empty())
            .ok_or_else(|| damaged("its content type names no boundary"))?;
        let delimiter = format!("--{boundary}");
        let mut form = Self {
            files: Vec::new(),
            fields: Vec::new(),
        };
        let start = memchr::memmem::find(body, delimiter.as_bytes());
        let start = start.ok_or_else(|| damaged("its boundary is not in it"))?;
        let mut rest = &body[start + delimiter.len()..];
        let end = format!("\r\n{delimiter}");
        let end = memchr::memmem::Finder::new(end.as_bytes());
        for _ in 0..MAX_PARTS {
            if rest.starts_with(b"--") {
                return Ok(form);
            }
            let begin = rest.iter().position(|byte| *byte == b'\n');
            rest = &rest[begin.ok_or_else(|| damaged("it is cut off"))? + 1..];
            let length = end.find(rest).ok_or_else(|| damaged("it is cut off"))?;
            form.add(&rest[..length])?;
            rest = &rest[length + end.needle().len()..];
        }
        Err(damaged("it has too many parts"))
    }

    fn add(&mut self, part: &'b [u8]) -> Result<(), FormatError> {
        let damaged = |reason: &str| FormatError::damaged(FORMAT, reason);
        let blank = memchr::memmem::find(part, b"\r\n\r\n");
        let blank = blank.ok_or_else(|| damaged("a part has no headers"))?;
        let (head, bytes) = (&part[..blank], &part[blank + 4..]);
        let head = String::from_utf8_lossy(head);
        let header = |name: &str| {
            let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
            let found = lines.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().to_owned())
        };
        let disposition = header("Content-Disposition").unwrap_or_default();
        let name = parameter(&disposition, "name").unwrap_or_default();
        if let Some(file) = parameter(&disposition, "filename") {
            self.files.push(File {
                name: file,
                content_type: header("Content-Type"),
                bytes,
            });
        } else {
            let value = String::from_utf8_lossy(bytes).into_owned();
            self.fields.push((name, value));
        }
        Ok(())
    }

    /// The only file, or that whose name `member` matches; `None`: there are no files.
    ///
    /// # Errors
    /// Several files, or none that is meant.
    pub(super) fn file(&self, member: Option<&Regex>) -> Result<Option<&File<'b>>, FormatError> {
        let is_meant = |file: &&File<'_>| member.is_none_or(|member| member.is_match(&file.name));
        let mut meant = self.files.iter().filter(is_meant);
        match (meant.next(), meant.next()) {
            (Some(file), None) => Ok(Some(file)),
            (None, _) if self.files.is_empty() => Ok(None),
            (first, _) => {
                let names: Vec<String> = self
                    .files
                    .iter()
                    .map(|file| format!("`{}`", file.name))
                    .collect();
                let how_many = if first.is_some() { "several" } else { "none" };
                Err(FormatError::NotTaken {
                    format: FORMAT,
                    place: "the form".to_owned(),
                    found: format!("has the files {}, of which {how_many} are meant", names.join(", ")),
                    remedy: "send one file at a time, or choose one by `member` in the endpoint's `decode`".to_owned(),
                })
            }
        }
    }

    /// The fields that are no files.
    pub(super) fn into_fields(self) -> Vec<(String, String)> {
        self.fields
    }
}

/// The fields beside a file as variables, after those of the request, which win.
pub(super) fn variables(
    fields: &[(String, String)],
    of_request: &Map<String, Value>,
) -> Map<String, Value> {
    let fields = fields.iter();
    let mut variables: Map<String, Value> = fields
        .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
        .collect();
    variables.extend(of_request.clone());
    variables
}

impl File<'_> {
    /// What it is: what the sender says, else what its name says.
    pub(super) fn content(&self) -> super::Content {
        let by_name = content_of_file(std::path::Path::new(&self.name));
        let said = self.content_type.as_deref().unwrap_or_default();
        let is_known = super::content::is_known(said);
        super::Content {
            content_type: if is_known {
                said.to_owned()
            } else {
                by_name.content_type
            },
            content_encoding: by_name.content_encoding,
        }
    }
}

/// A parameter of a header, with or without quotes.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut parts = header
        .split(';')
        .skip(1)
        .filter_map(|part| part.split_once('='));
    let (_, value) = parts.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().trim_matches('"').to_owned())
}
