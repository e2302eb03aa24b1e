//! A configuration made ready: programs compiled, lookups read, patterns and names checked.

use std::collections::{BTreeMap, HashSet};
use std::path::{Component, Path};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use regex::Regex;
use zarr_fuse_schemas::{Node, rules::Rules};

use super::compression;
use super::content::MediaType;
use super::csv::Dialect;
use super::extract::{BUILTIN, Program};
use super::lookup::{self, PreparedLookup};
use super::reshape::{Join, PreparedUnpivot, Renames, SetValue, WantedRows};
use super::sheet;
use super::text;
use super::toa5;
use super::{
    Content, CsvOptions, DecodeError, DecodeSetupError, Decoding, Extract, FileUnits, Format,
    GridOptions, Limits, LineProtocolOptions, OnBadCell, Pivot, SheetOptions,
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
    pub(super) rename: Renames,
    pub(super) set: Vec<(String, SetValue)>,
    pub(super) join: Vec<Join>,
    pub(super) rows: Vec<WantedRows>,
    pub(super) unpivot: Option<PreparedUnpivot>,
    pub(super) pivot: Option<Pivot>,
    pub(super) limits: Limits,
    pub(super) on_bad_cell: OnBadCell,
    /// `None`: everything is taken.
    pub(super) wanted: Option<Arc<NodeColumns>>,
    recipe: Arc<Recipe>,
}

/// What a node has places for, under the names of the source.
#[derive(Debug)]
pub(crate) struct NodeColumns {
    pub(super) variables: Vec<String>,
    pub(super) coordinates: Vec<String>,
}

impl NodeColumns {
    /// One variable.
    pub(super) fn variable(name: &str) -> Self {
        Self {
            variables: vec![name.to_owned()],
            coordinates: Vec::new(),
        }
    }

    /// Whether a column of this name is read.
    pub(super) fn has(&self, name: &str) -> bool {
        let mut names = self.variables.iter().chain(&self.coordinates);
        names.any(|other| other == name)
    }
}

/// What is asked of a reader of arrays.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) options: &'a GridOptions,
    /// `None`: everything.
    pub(crate) wanted: Option<&'a NodeColumns>,
    pub(crate) rules: Rules,
}

/// All that a [`Decoder`] is made of, so that the same one can be made elsewhere and later.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The configuration.
    pub decoding: Decoding,
    /// The programs and tables that it names, those that ship with the service included, by the name it calls them.
    pub files: BTreeMap<String, Bytes>,
    /// The rules of its time.
    pub rules: Rules,
}

impl Recipe {
    /// The decoder again, without a look at any folder.
    ///
    /// # Errors
    /// As [`Decoding::prepare`].
    pub fn prepare(&self) -> Result<Decoder, DecodeSetupError> {
        let files = Files {
            place: Place::Kept(&self.files),
            read: Mutex::default(),
        };
        self.decoding.prepare_from(&files, self.rules)
    }
}

/// The programs and tables that a configuration names, and those read so far.
pub(super) struct Files<'a> {
    place: Place<'a>,
    read: Mutex<BTreeMap<String, Bytes>>,
}

enum Place<'a> {
    Folder(&'a Path),
    Kept(&'a BTreeMap<String, Bytes>),
}

impl Files<'_> {
    /// The bytes of a file; `key` is where it is named.
    pub(super) fn read(&self, file: &str, key: &str) -> Result<Bytes, DecodeSetupError> {
        let bytes = match self.place {
            Place::Folder(folder) => read_inside(folder, file, key)?.into(),
            Place::Kept(files) => kept(files, file, key)?,
        };
        self.read.lock().insert(file.to_owned(), bytes.clone());
        Ok(bytes)
    }

    /// A program that ships with the service, as it was when the configuration was first read.
    fn builtin(&self, name: &str) -> Result<Bytes, DecodeSetupError> {
        let file = format!("builtin:{name}");
        let key = "extract.builtin";
        let bytes = match self.place {
            Place::Kept(files) => kept(files, &file, key)?,
            Place::Folder(_) => match BUILTIN.iter().find(|(builtin, _)| *builtin == name) {
                Some((_, code)) => Bytes::from_static(code.as_bytes()),
                None => {
                    return Err(DecodeSetupError::Invalid {
                        key: key.to_owned(),
                        reason: format!(
                            "`{name}` does not exist; there are {}",
                            BUILTIN.map(|(name, _)| name).join(", ")
                        ),
                    });
                }
            },
        };
        self.read.lock().insert(file, bytes.clone());
        Ok(bytes)
    }
}

fn kept(files: &BTreeMap<String, Bytes>, file: &str, key: &str) -> Result<Bytes, DecodeSetupError> {
    let found = files.get(file).cloned();
    found.ok_or_else(|| DecodeSetupError::Invalid {
        key: key.to_owned(),
        reason: format!("names `{file}`, which was not kept"),
    })
}

impl Decoding {
    /// Reads the files that the configuration names, relative to `folder`, and checks everything that can be checked
    /// without a contribution.
    ///
    /// # Errors
    /// The first fault, with its key and what to write instead.
    pub fn prepare(&self, folder: &Path) -> Result<Decoder, DecodeSetupError> {
        let files = Files {
            place: Place::Folder(folder),
            read: Mutex::default(),
        };
        self.prepare_from(&files, Rules::default())
    }

    fn prepare_from(&self, files: &Files<'_>, rules: Rules) -> Result<Decoder, DecodeSetupError> {
        sheet::check(&self.sheet)?;
        let lookup = |(idx, lookup)| {
            lookup::prepare(
                lookup,
                files,
                &format!("lookup[{idx}]"),
                &self.limits,
                rules,
            )
        };
        let set =
            |(column, value): (&String, _)| Ok((column.clone(), SetValue::of(column, value)?));
        Ok(Decoder {
            format: self.format,
            member: self.member.as_deref().map(member).transpose()?,
            dialect: Dialect::of(&self.csv, "csv", rules)?,
            is_plain_csv: self.csv == CsvOptions::default(),
            toa5: toa5::Reader::of(&self.toa5, self.csv.encoding.as_deref(), rules)?,
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
                .map(|extract| program(extract, files))
                .transpose()?,
            lookups: self
                .lookup
                .iter()
                .enumerate()
                .map(lookup)
                .collect::<Result<_, _>>()?,
            rename: Renames::prepare(&self.rename, rules),
            set: self
                .set
                .iter()
                .map(set)
                .collect::<Result<_, DecodeSetupError>>()?,
            join: self
                .join
                .iter()
                .map(|(column, template)| Join::of(column, template))
                .collect::<Result<_, _>>()?,
            rows: self.rows.iter().map(WantedRows::of).collect(),
            unpivot: self.unpivot.as_ref().map(PreparedUnpivot::of).transpose()?,
            pivot: self.pivot.clone(),
            limits: self.limits.clone(),
            on_bad_cell: self.on_bad_cell.unwrap_or(match rules {
                Rules::First => OnBadCell::Row,
                Rules::Second => OnBadCell::Value,
            }),
            wanted: None,
            // Fields are made in order: by now everything is read.
            recipe: Arc::new(Recipe {
                decoding: self.clone(),
                files: files.read.lock().clone(),
                rules,
            }),
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
}

impl Decoder {
    /// All that decides how it decodes.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Whether arrays become rows, for a step that needs them.
    pub(super) fn needs_rows(&self) -> bool {
        !self.lookups.is_empty() || self.becomes_others()
    }

    /// Whether columns become others, or rows are chosen by them.
    fn becomes_others(&self) -> bool {
        !self.join.is_empty()
            || !self.rows.is_empty()
            || self.unpivot.is_some()
            || self.pivot.is_some()
    }

    /// The rules of its time.
    pub fn rules(&self) -> Rules {
        self.recipe.rules
    }

    /// The same for contributions to a node: arrays that it has no place for need not be read.
    #[must_use]
    pub fn for_node(&self, node: &Node) -> Self {
        let names = self.rename.plain();
        let delivered = |column: &String| {
            let mut renamed = names.iter().flatten();
            let from = renamed.find(|(_, to)| to == column).map(|(from, _)| *from);
            from.unwrap_or(column).to_owned()
        };
        let plain = node.coordinates.values();
        let plain = plain.filter(|coordinate| coordinate.composed.is_empty());
        let coordinates = plain.map(|coordinate| delivered(&coordinate.variable.column));
        let variables = node
            .variables
            .values()
            .map(|variable| delivered(&variable.column));
        let coordinates: Vec<String> = coordinates.collect();
        let mut variables: Vec<String> = variables.collect();
        // What is renamed or looked up must be there.
        let renamed = names.iter().flatten().map(|(from, _)| (*from).to_owned());
        let keys = self
            .lookups
            .iter()
            .flat_map(|lookup| lookup.keys().iter().cloned());
        variables.extend(
            renamed
                .chain(keys)
                .filter(|from| !coordinates.contains(from)),
        );
        let mut seen = HashSet::new();
        variables.retain(|name| seen.insert(name.clone()));
        let wanted = NodeColumns {
            variables,
            coordinates,
        };
        // What is renamed by a pattern, or becomes other columns, may be called anything.
        let is_known = names.is_some() && !self.becomes_others() && self.rules() != Rules::First;
        Self {
            wanted: is_known.then(|| Arc::new(wanted)),
            ..self.clone()
        }
    }

    /// What a cell costs that cannot be read.
    pub fn on_bad_cell(&self) -> OnBadCell {
        self.on_bad_cell
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

fn program(extract: &Extract, files: &Files<'_>) -> Result<Program, DecodeSetupError> {
    let (code, key, name) = match extract {
        Extract::Program(code) => return Program::compile(code, "extract.program"),
        Extract::File(file) => (files.read(file, "extract.file")?, "extract.file", file),
        Extract::Builtin(name) => (files.builtin(name)?, "extract.builtin", name),
    };
    let code = std::str::from_utf8(&code).map_err(|error| DecodeSetupError::Invalid {
        key: key.to_owned(),
        reason: format!(
            "byte {} of `{name}` is not UTF-8; save it as UTF-8",
            error.valid_up_to()
        ),
    })?;
    Program::compile(code, name)
}

/// The bytes of `file`, which must lie in `folder`, links followed.
fn read_inside(folder: &Path, file: &str, key: &str) -> Result<Vec<u8>, DecodeSetupError> {
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
