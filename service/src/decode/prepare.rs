//! A configuration made ready: programs compiled, lookups read, patterns and names checked.

use std::path::{Component, Path};

use polars::prelude::DataFrame;
use regex::Regex;
use xxhash_rust::xxh64::Xxh64;

use super::compression;
use super::content::MediaType;
use super::csv::Dialect;
use super::extract::{BUILTIN, Program};
use super::lookup::{self, PreparedLookup};
use super::reshape::{PreparedUnpivot, SetValue};
use super::sheet;
use super::text;
use super::toa5;
use super::{
    Content, CsvOptions, DecodeError, DecodeSetupError, Decoding, Extract, FileUnits, Format,
    GridOptions, Limits, LineProtocolOptions, SheetOptions,
};

/// A [`Decoding`] made ready; cheap to clone and to share between threads.
#[derive(Debug, Clone)]
pub struct Decoder {
    pub(super) format: Option<Format>,
    pub(super) member: Option<Regex>,
    pub(super) dialect: Dialect,
    /// The dialect is not configured, so that the bytes may tell otherwise.
    pub(super) is_plain_csv: bool,
    pub(super) toa5: toa5::Reader,
    pub(super) sheet: SheetOptions,
    pub(super) line_protocol: LineProtocolOptions,
    pub(super) grid: GridOptions,
    pub(super) grid_name: Option<SetValue>,
    pub(super) units: FileUnits,
    pub(super) program: Option<Program>,
    pub(super) lookups: Vec<PreparedLookup>,
    pub(super) rename: Vec<(String, String)>,
    pub(super) set: Vec<(String, SetValue)>,
    pub(super) unpivot: Option<PreparedUnpivot>,
    pub(super) limits: Limits,
    fingerprint: u64,
}

impl Decoding {
    /// Reads the files that the configuration names, relative to `folder`, and checks everything that can be checked
    /// without a contribution.
    ///
    /// # Errors
    /// The first fault, with its key and what to write instead.
    pub fn prepare(&self, folder: &Path) -> Result<Decoder, DecodeSetupError> {
        sheet::check(&self.sheet)?;
        let lookup = |(idx, lookup)| {
            lookup::prepare(lookup, folder, &format!("lookup[{idx}]"), &self.limits)
        };
        let set =
            |(column, value): (&String, _)| Ok((column.clone(), SetValue::of(column, value)?));
        Ok(Decoder {
            format: self.format,
            member: self.member.as_deref().map(member).transpose()?,
            dialect: Dialect::of(&self.csv, "csv")?,
            is_plain_csv: self.csv == CsvOptions::default(),
            toa5: toa5::Reader::of(&self.toa5, self.csv.encoding.as_deref())?,
            sheet: self.sheet.clone(),
            line_protocol: self.line_protocol.clone(),
            grid: self.grid.clone(),
            grid_name: self
                .grid
                .name
                .as_ref()
                .map(|name| grid_name(name))
                .transpose()?,
            units: self.units,
            program: self
                .extract
                .as_ref()
                .map(|extract| program(extract, folder))
                .transpose()?,
            lookups: self
                .lookup
                .iter()
                .enumerate()
                .map(lookup)
                .collect::<Result<_, _>>()?,
            rename: self
                .rename
                .iter()
                .map(|(from, to)| (from.clone(), to.clone()))
                .collect(),
            set: self
                .set
                .iter()
                .map(set)
                .collect::<Result<_, DecodeSetupError>>()?,
            unpivot: self.unpivot.as_ref().map(PreparedUnpivot::of).transpose()?,
            limits: self.limits.clone(),
            fingerprint: self.fingerprint(folder)?,
        })
    }

    /// The files it names, relative to the folder of the configuration.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let program = self.extract.iter().filter_map(|extract| match extract {
            Extract::File(file) => Some(file.as_str()),
            Extract::Program(_) | Extract::Builtin(_) => None,
        });
        program.chain(self.lookup.iter().map(|lookup| lookup.file.as_str()))
    }

    /// Stands for the configuration and the contents of the files it names.
    fn fingerprint(&self, folder: &Path) -> Result<u64, DecodeSetupError> {
        let mut hash = Xxh64::new(0);
        hash.update(&serde_json::to_vec(self).unwrap_or_default());
        for file in self.files() {
            hash.update(&read_inside(folder, file, "file")?);
        }
        Ok(hash.digest())
    }
}

impl Decoder {
    /// Stands for everything that decides how it decodes: equal ones decode alike.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    /// What one contribution may use while it is decoded.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether there is a reader for what the sender says about a body; [`super::decode`] finds out about the rest.
    ///
    /// # Errors
    /// [`DecodeError::UnsupportedContentType`], [`DecodeError::UnsupportedContentEncoding`], [`DecodeError::UnknownCharset`].
    pub fn accepts(&self, content: &Content) -> Result<(), DecodeError> {
        let media = MediaType::of(&content.content_type, self.format)?;
        if let Some(charset) = media
            .charset
            .filter(|charset| text::encoding_named(charset).is_none())
        {
            return Err(DecodeError::UnknownCharset {
                charset: charset.to_owned(),
            });
        }
        compression::supported(content.content_encoding.as_deref())
    }
}

/// The name of the only variable.
fn grid_name(name: &str) -> Result<SetValue, DecodeSetupError> {
    SetValue::of("grid.name", &serde_json::Value::from(name)).map_err(|error| match error {
        DecodeSetupError::Invalid { reason, .. } => DecodeSetupError::Invalid {
            key: "grid.name".to_owned(),
            reason,
        },
        other => other,
    })
}

/// The pattern of the member of an archive.
fn member(pattern: &str) -> Result<Regex, DecodeSetupError> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|error| DecodeSetupError::Invalid {
        key: "member".to_owned(),
        reason: format!("is not a regular expression: {error}"),
    })
}

fn program(extract: &Extract, folder: &Path) -> Result<Program, DecodeSetupError> {
    match extract {
        Extract::Program(code) => Program::compile(code, "extract.program"),
        Extract::File(file) => {
            let code = read_inside(folder, file, "extract.file")?;
            let code = String::from_utf8(code).map_err(|error| DecodeSetupError::Invalid {
                key: "extract.file".to_owned(),
                reason: format!(
                    "byte {} of `{file}` is not UTF-8; save it as UTF-8",
                    error.utf8_error().valid_up_to()
                ),
            })?;
            Program::compile(&code, file)
        }
        Extract::Builtin(name) => match BUILTIN.iter().find(|(builtin, _)| builtin == name) {
            Some((builtin, code)) => Program::compile(code, builtin),
            None => Err(DecodeSetupError::Invalid {
                key: "extract.builtin".to_owned(),
                reason: format!(
                    "`{name}` does not exist; there are {}",
                    BUILTIN.map(|(name, _)| name).join(", ")
                ),
            }),
        },
    }
}

/// The bytes of `file`, which must lie in `folder`, links followed.
pub(super) fn read_inside(
    folder: &Path,
    file: &str,
    key: &str,
) -> Result<Vec<u8>, DecodeSetupError> {
    let outside = || DecodeSetupError::OutsideFolder {
        key: key.to_owned(),
        file: file.to_owned(),
    };
    let is_plain = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if file.is_empty() || !Path::new(file).components().all(is_plain) {
        return Err(outside());
    }
    let path = folder.join(file);
    let unreadable = |source| DecodeSetupError::Unreadable {
        key: key.to_owned(),
        path: path.clone(),
        source,
    };
    let real_folder = folder.canonicalize().map_err(unreadable)?;
    let real_path = path.canonicalize().map_err(unreadable)?;
    if !real_path.starts_with(&real_folder) {
        return Err(outside());
    }
    std::fs::read(real_path).map_err(unreadable)
}

/// Fails with [`DecodeError::MissingColumn`] unless `frame` has all columns that `step` names.
pub(super) fn columns_present<'n>(
    frame: &DataFrame,
    step: &'static str,
    mut names: impl Iterator<Item = &'n String>,
) -> Result<(), DecodeError> {
    match names.find(|name| frame.column(name).is_err()) {
        None => Ok(()),
        Some(name) => {
            let present = frame
                .get_column_names()
                .iter()
                .map(ToString::to_string)
                .collect();
            Err(DecodeError::MissingColumn {
                step,
                column: name.clone(),
                present,
            })
        }
    }
}
