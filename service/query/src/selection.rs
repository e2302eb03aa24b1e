//! The parameters of a query, read against the schema of a node.

use indexmap::IndexMap;
use xxhash_rust::xxh64::xxh64;
use zarr_fuse_schemas::{Conversion, Measure, Node, Unit, Variable, Zone, near::nearest};

use super::aggregate::Aggregate;
use super::bbox;
use super::cursor::Cursor;
use super::error::{QueryError, bad, suggest};
use super::format::Format;
use super::selector::{Criterion, Position, parse_criterion, parse_positions, split};
use super::step::Step;

/// What a query asks for.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Variables and coordinates asked for, in that order; each once.
    pub(super) variables: Vec<String>,
    /// By coordinate, or variable over one coordinate.
    pub(super) criteria: Vec<(String, Criterion)>,
    /// By coordinate.
    pub(super) positions: Vec<(String, Vec<Position>)>,
    /// By variable: conversion from the stored unit, and the CF spelling of the new one.
    pub(super) units: IndexMap<String, (Conversion, String)>,
    /// Zone in which times are printed; `None`: that of each variable's unit.
    pub(super) zone: Option<Zone>,
    pub(super) layout: Layout,
    /// Step and aggregate of buckets along time.
    pub(super) resample: Option<(Step, Aggregate)>,
    /// Which values of a series are kept, if not all.
    pub(super) thin: Option<Thin>,
    /// Nobody asked for the variables by name.
    pub(super) is_default: bool,
    pub(super) keep_na: bool,
    pub(super) limit: Option<u64>,
    pub(super) cursor: Option<Cursor>,
    /// Of the parameters that decide which rows there are.
    pub(super) fingerprint: u64,
    format: Option<Format>,
}

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One row per tuple of coordinates.
    #[default]
    Long,
    /// One row per value of the first coordinate, the others spread over columns.
    Wide,
}

/// Which values of a series are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thin {
    /// At most so many, among them the extremes.
    MaxPoints(u64),
    /// The so many newest.
    Latest(u64),
}

impl Thin {
    /// Its parameter.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MaxPoints(_) => "max_points",
            Self::Latest(_) => "latest",
        }
    }

    /// How many.
    pub(super) fn n(self) -> u64 {
        match self {
            Self::MaxPoints(n) | Self::Latest(n) => n,
        }
    }
}

const HINT: &str = "`var`, `sel.<coordinate>`, `isel.<coordinate>`, `bbox`, `unit.<variable>`, `tz`, `layout`, `resample`, `agg`, `max_points`, `latest`, `na`, `limit`, `cursor`, `format`";
const NAMES: [&str; 12] = [
    "var",
    "bbox",
    "tz",
    "layout",
    "resample",
    "agg",
    "max_points",
    "latest",
    "na",
    "limit",
    "cursor",
    "format",
];

impl Selection {
    /// Reads decoded query parameters.
    ///
    /// # Errors
    /// [`QueryError`] of kind 400 for what cannot be read, 404 for names and labels the node does not have, 422 for units of
    /// another dimension.
    pub fn parse(params: &[(String, String)], schema: &Node) -> Result<Self, QueryError> {
        let zone = match params.iter().find(|(name, _)| name == "tz") {
            Some((name, text)) => Some(parse_zone(text).map_err(|reason| bad(name, text, reason))?),
            None => None,
        };
        let mut selection = Self {
            variables: Vec::new(),
            criteria: Vec::new(),
            positions: Vec::new(),
            units: IndexMap::new(),
            zone,
            layout: Layout::Long,
            resample: None,
            thin: None,
            is_default: false,
            keep_na: false,
            limit: None,
            cursor: None,
            fingerprint: fingerprint(params),
            format: None,
        };
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in params {
            if name != "var" && seen.contains(&name.as_str()) {
                let hint = if name.contains("sel.") {
                    "separate its values with commas"
                } else {
                    "give it once"
                };
                return Err(QueryError::Repeated {
                    name: name.clone(),
                    hint,
                });
            }
            seen.push(name);
            selection.take(name, value, schema)?;
        }
        if selection.variables.is_empty() {
            selection.variables = default_variables(schema)?;
            selection.is_default = true;
        }
        selection.resample = read_resample(params)?;
        if selection.resample.is_some() && (selection.limit.is_some() || selection.cursor.is_some())
        {
            return Err(QueryError::DoesNotFit {
                reason: "`resample` gives no pages; leave out `limit` and `cursor`, and select a shorter time or take longer steps".to_owned(),
            });
        }
        selection.check_thin(params)?;
        Ok(selection)
    }

    /// Refuses what `max_points` and `latest` do not go with.
    fn check_thin(&self, params: &[(String, String)]) -> Result<(), QueryError> {
        let Some(thin) = self.thin else {
            return Ok(());
        };
        let others = ["limit", "cursor", "resample", "latest", "max_points"];
        let other = others
            .into_iter()
            .find(|other| *other != thin.name() && params.iter().any(|(name, _)| name == other));
        other.map_or(Ok(()), |other| {
            Err(QueryError::DoesNotFit {
                reason: format!(
                    "`{}` does not go with `{other}`; leave one of them out",
                    thin.name()
                ),
            })
        })
    }

    /// The format asked for by `format=`; [`Format::negotiate`] finds one from `Accept` otherwise.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    fn take(&mut self, name: &str, value: &str, schema: &Node) -> Result<(), QueryError> {
        let refuse = |reason: String| bad(name, value, reason);
        match name.split_once('.') {
            Some(("sel", of)) => {
                self.criteria
                    .push((of.to_owned(), read_criterion(of, value, schema, self.zone)?));
                return Ok(());
            }
            Some(("isel", of)) => {
                if !schema.coordinates.contains_key(of) {
                    return Err(unknown_variable(schema, of, schema.coordinates.keys()));
                }
                self.positions
                    .push((of.to_owned(), parse_positions(value).map_err(refuse)?));
                return Ok(());
            }
            Some(("unit", of)) => {
                let unit = conversion(of, value, schema)?;
                self.units.insert(of.to_owned(), unit);
                return Ok(());
            }
            _ => {}
        }
        match name {
            "var" => self.add_variables(value, schema)?,
            "bbox" => self.criteria.extend(bbox::criteria(value, schema)?),
            "tz" | "resample" | "agg" => {}
            "layout" => {
                self.layout = match value {
                    "long" => Layout::Long,
                    "wide" => Layout::Wide,
                    _ => return Err(refuse("write `long` or `wide`".to_owned())),
                }
            }
            "na" => {
                self.keep_na = match value {
                    "keep" => true,
                    "drop" => false,
                    _ => return Err(refuse("write `keep` or `drop`".to_owned())),
                }
            }
            "limit" => {
                let limit = value.parse().ok().filter(|&limit| limit > 0);
                self.limit = Some(
                    limit.ok_or_else(|| refuse("write a number of rows, at least 1".to_owned()))?,
                );
            }
            "max_points" => {
                let n = value.parse().ok().filter(|&n| n >= 2);
                let refuse =
                    || refuse("write a number of points per series, at least 2".to_owned());
                self.thin = Some(Thin::MaxPoints(n.ok_or_else(refuse)?));
            }
            "latest" => {
                let n = value.parse().ok().filter(|&n| n >= 1);
                let refuse =
                    || refuse("write a number of values per series, at least 1".to_owned());
                self.thin = Some(Thin::Latest(n.ok_or_else(refuse)?));
            }
            "cursor" => self.cursor = Some(Cursor::parse(value)?),
            "format" => self.format = Some(Format::parse(value).map_err(refuse)?),
            _ => {
                let near = nearest(name, NAMES.into_iter());
                let hint = near.map_or_else(
                    || format!("there are {HINT}"),
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(QueryError::UnknownParameter {
                    name: name.to_owned(),
                    hint,
                });
            }
        }
        Ok(())
    }

    fn add_variables(&mut self, list: &str, schema: &Node) -> Result<(), QueryError> {
        for item in split(list).map_err(|reason| bad("var", list, reason))? {
            // Slashes mean nothing here.
            let name = item
                .into_iter()
                .map(|token| token.text)
                .collect::<Vec<_>>()
                .join("/");
            if !schema.variables.contains_key(&name) && !schema.coordinates.contains_key(&name) {
                return Err(unknown_variable(schema, &name, schema.variables.keys()));
            }
            if !self.variables.contains(&name) {
                self.variables.push(name);
            }
        }
        Ok(())
    }
}

/// Reads `resample` and `agg`, which belong together.
fn read_resample(params: &[(String, String)]) -> Result<Option<(Step, Aggregate)>, QueryError> {
    let find = |wanted: &str| params.iter().find(|(name, _)| name == wanted);
    let step = match find("resample") {
        Some((name, text)) => Some(Step::parse(text).map_err(|reason| bad(name, text, reason))?),
        None => None,
    };
    let aggregate = match find("agg") {
        Some((name, text)) => {
            Some(Aggregate::parse(text).map_err(|reason| bad(name, text, reason))?)
        }
        None => None,
    };
    match (step, aggregate) {
        (None, Some(_)) => Err(QueryError::DoesNotFit {
            reason: "`agg` says what is made of the values of an interval; say how long it is, such as `resample=1h`".to_owned(),
        }),
        (step, aggregate) => Ok(step.map(|step| (step, aggregate.unwrap_or(Aggregate::Mean)))),
    }
}

/// All variables but the components of composed coordinates, which are columns anyway.
fn default_variables(schema: &Node) -> Result<Vec<String>, QueryError> {
    let is_component = |name: &String| {
        schema
            .coordinates
            .values()
            .any(|c| c.composed.contains(name))
    };
    let names: Vec<String> = schema
        .variables
        .keys()
        .filter(|name| !is_component(name))
        .cloned()
        .collect();
    match (names.is_empty(), schema.coordinates.is_empty()) {
        (false, _) => Ok(names),
        (true, false) => Ok(schema.coordinates.keys().cloned().collect()),
        (true, true) => {
            let children: Vec<_> = schema
                .children
                .keys()
                .map(|name| format!("`{name}`"))
                .collect();
            let hint = if children.is_empty() {
                "it is empty".to_owned()
            } else {
                format!("ask its child {}", children.join(", "))
            };
            Err(QueryError::NoVariables {
                node: schema.path.clone(),
                hint,
            })
        }
    }
}

/// The coordinate, or variable over one coordinate, that `sel.<of>=<value>` selects on.
fn selectable<'a>(of: &str, value: &str, schema: &'a Node) -> Result<&'a Variable, QueryError> {
    if let Some(coordinate) = schema.coordinates.get(of) {
        return Ok(&coordinate.variable);
    }
    let Some(variable) = schema.variables.get(of) else {
        return Err(unknown_variable(
            schema,
            of,
            schema.coordinates.keys().chain(schema.variables.keys()),
        ));
    };
    if variable.coords.len() == 1 {
        return Ok(variable);
    }
    let coords = variable.coords.join(", ");
    let reason = format!(
        "`{of}` lies on {coords}; select on a coordinate, or on a variable over one coordinate"
    );
    Err(bad(&format!("sel.{of}"), value, reason))
}

/// Reads `sel.<of>=<value>`.
fn read_criterion(
    of: &str,
    value: &str,
    schema: &Node,
    zone: Option<Zone>,
) -> Result<Criterion, QueryError> {
    let variable = selectable(of, value, schema)?;
    let zone = zone.unwrap_or_else(|| zone_of(variable));
    parse_criterion(value, variable, zone).map_err(|reason| {
        let components = schema
            .coordinates
            .get(of)
            .map_or(&[][..], |coordinate| &coordinate.composed);
        let components: Vec<_> = components
            .iter()
            .map(|name| format!("`sel.{name}=`"))
            .collect();
        let hint = if components.is_empty() {
            String::new()
        } else {
            format!("; `{of}` is composed: use {}", components.join(", "))
        };
        bad(&format!("sel.{of}"), value, reason + &hint)
    })
}

/// The CF spelling of a unit asked for, and the conversion from the stored one.
fn conversion(of: &str, written: &str, schema: &Node) -> Result<(Conversion, String), QueryError> {
    let variable = schema
        .variables
        .get(of)
        .or_else(|| Some(&schema.coordinates.get(of)?.variable));
    let variable = variable.ok_or_else(|| {
        unknown_variable(
            schema,
            of,
            schema.variables.keys().chain(schema.coordinates.keys()),
        )
    })?;
    let name = format!("unit.{of}");
    let Measure::Physical { unit: stored, .. } = &variable.measure else {
        return Err(bad(&name, written, format!("`{of}` has no physical unit")));
    };
    let wanted = Unit::parse(written).map_err(|error| bad(&name, written, error.to_string()))?;
    let conversion =
        Conversion::between(stored, &wanted).map_err(|error| QueryError::DoesNotFit {
            reason: format!("query parameter `{name}={written}`: {error}"),
        })?;
    Ok((conversion, wanted.cf))
}

/// `UTC`, `CET`, `±HH:MM`, or an IANA name. A blank is a plus sign that a URL lost.
fn parse_zone(text: &str) -> Result<Zone, String> {
    let zone = Zone::parse(&text.replace(' ', "+"));
    zone.ok_or_else(|| "not a time zone; write `Europe/Prague`, `+02:00` or `UTC`".to_owned())
}

/// Identifies the rows that a query asks for: every parameter but those that choose the page and the format.
fn fingerprint(params: &[(String, String)]) -> u64 {
    let mut decisive: Vec<_> = params
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "limit" | "cursor" | "format"))
        .collect();
    decisive.sort();
    let mut bytes = Vec::new();
    for (name, value) in decisive {
        for part in [name, value] {
            bytes.extend_from_slice(&part.len().to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    xxh64(&bytes, 0)
}

fn unknown_variable<'a>(
    schema: &Node,
    name: &str,
    known: impl Iterator<Item = &'a String> + Clone,
) -> QueryError {
    let hint = suggest(name, known.map(String::as_str));
    QueryError::UnknownVariable {
        node: schema.path.clone(),
        name: name.to_owned(),
        hint,
    }
}

/// Zone in which times of a variable are read and printed unless `tz` says otherwise.
fn zone_of(variable: &Variable) -> Zone {
    match &variable.measure {
        Measure::Time { unit, .. } => unit.zone,
        _ => Zone::Fixed(0),
    }
}
