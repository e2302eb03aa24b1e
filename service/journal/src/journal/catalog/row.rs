//! A frame of the journal as the catalog keeps it: a million of them fit in memory, because names are kept once.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::super::definition::DefinitionId;
use super::super::segment::{Header, Kind, PayloadPlace};
use crate::outcome::{Outcome, RowProblem, Status};

/// Names that occur again and again: endpoints, nodes, content types, senders.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32>,
}

/// A name of [`Names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Name(u32);

/// Stands for no name at all.
const NONE: Name = Name(u32::MAX);

impl Names {
    /// Keeps a name.
    pub(super) fn keep(&mut self, name: &str) -> Name {
        if let Some(place) = self.places.get(name) {
            return Name(*place);
        }
        let place = u32::try_from(self.all.len()).expect("names are bounded by contributions");
        let name: Arc<str> = Arc::from(name);
        self.all.push(Arc::clone(&name));
        self.places.insert(name, place);
        Name(place)
    }

    fn keep_optional(&mut self, name: Option<&String>) -> Name {
        name.map_or(NONE, |name| self.keep(name))
    }

    /// A name that is kept, if it is.
    pub(super) fn find(&self, name: &str) -> Option<Name> {
        self.places.get(name).copied().map(Name)
    }

    pub(super) fn text(&self, name: Name) -> String {
        self.optional(name).unwrap_or_default()
    }

    fn optional(&self, Name(place): Name) -> Option<String> {
        self.all
            .get(usize::try_from(place).ok()?)
            .map(ToString::to_string)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) kind: Kind,
    pub(super) target: Option<u64>,
    pub(super) segment: u64,
    pub(super) node: Name,
    pub(super) endpoint: Name,
    pub(super) received_at: DateTime<Utc>,
    pub(super) n_bytes: u64,
    pub(super) settled: Option<Settled>,
    definition: Name,
    dataset: Name,
    content_type: Name,
    content_encoding: Name,
    sender: Name,
    address: Name,
    payload: PayloadPlace,
    sha256: Hash,
    key: Option<Box<str>>,
    variables: Option<Box<Map<String, Json>>>,
}

/// A SHA-256, or something else that a damaged or foreign journal may say in its place.
#[derive(Debug)]
enum Hash {
    Sha256([u8; 32]),
    Other(Box<str>),
}

/// An [`Outcome`] without what most do not have.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) status: Status,
    n_rows_read: u64,
    n_rows_rejected: u64,
    n_rows_accepted: u64,
    n_coordinates_added: u64,
    commit: Option<u64>,
    rest: Option<Box<Rest>>,
}

#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent marks of an outcome"
)]
struct Rest {
    n_problems: u64,
    problems: Kept,
    warnings: Box<[Box<str>]>,
    too_large: bool,
    limited: bool,
    set_aside: bool,
    refused: bool,
}

/// Problems as compressed JSON. Those of one contribution are much alike, and there may be many contributions with many.
#[derive(Debug)]
struct Kept(Box<[u8]>);

impl Kept {
    fn new(problems: &[RowProblem]) -> Self {
        let json = serde_json::to_vec(problems).expect("problems have only string keys");
        let compressed = zstd::bulk::compress(&json, 3).expect("memory suffices");
        Self(compressed.into_boxed_slice())
    }

    fn problems(&self) -> Vec<RowProblem> {
        let json = zstd::stream::decode_all(&*self.0);
        let problems = json
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        problems.unwrap_or_default()
    }
}

impl Row {
    pub(super) fn new(header: &Header, segment: u64, names: &mut Names) -> Self {
        Self {
            id: header.id,
            kind: header.kind,
            target: header.target,
            segment,
            node: names.keep(&header.node),
            endpoint: names.keep(&header.endpoint),
            received_at: header.received_at,
            n_bytes: header.n_bytes,
            settled: None,
            definition: names.keep_optional(header.definition.map(|id| id.to_string()).as_ref()),
            dataset: names.keep(&header.dataset),
            content_type: names.keep(&header.content_type),
            content_encoding: names.keep_optional(header.content_encoding.as_ref()),
            sender: names.keep_optional(header.sender.as_ref()),
            address: names.keep_optional(header.address.as_ref()),
            payload: header.payload,
            sha256: Hash::new(&header.sha256),
            key: header.idempotency_key.as_deref().map(Box::from),
            variables: (!header.variables.is_empty()).then(|| Box::new(header.variables.clone())),
        }
    }

    /// The header it was made from; `seq` is its place.
    pub(super) fn header(&self, seq: u64, names: &Names) -> Header {
        Header {
            id: self.id,
            seq,
            kind: self.kind,
            target: self.target,
            endpoint: names.text(self.endpoint),
            dataset: names.text(self.dataset),
            node: names.text(self.node),
            content_type: names.text(self.content_type),
            content_encoding: names.optional(self.content_encoding),
            received_at: self.received_at,
            sender: names.optional(self.sender),
            address: names.optional(self.address),
            idempotency_key: self.key.as_deref().map(str::to_owned),
            definition: self.definition(names),
            sha256: self.sha256.text(),
            n_bytes: self.n_bytes,
            payload: self.payload,
            variables: self.variables.as_deref().cloned().unwrap_or_default(),
        }
    }

    pub(super) fn names_blob(&self, sha256: &str) -> bool {
        self.payload == PayloadPlace::Blob && self.sha256.text() == sha256
    }

    /// What the frame itself says that contributions mean.
    pub(super) fn definition(&self, names: &Names) -> Option<DefinitionId> {
        names.optional(self.definition)?.parse().ok()
    }

    /// Whether it came through the endpoint that the dataset had by its name of the day.
    pub(super) fn is_through_own(&self) -> bool {
        self.endpoint == self.dataset
    }

    /// Whether the frame itself does not say what it means.
    pub(super) fn is_undefined(&self) -> bool {
        self.definition == NONE
    }

    /// Whether it is a correction that was refused.
    pub(super) fn is_refused(&self) -> bool {
        let rest = self
            .settled
            .as_ref()
            .and_then(|settled| settled.rest.as_ref());
        rest.is_some_and(|rest| rest.refused)
    }

    pub(super) fn status(&self) -> Status {
        self.settled
            .as_ref()
            .map_or(Status::Journaled, |settled| settled.status)
    }
}

impl Hash {
    fn new(text: &str) -> Self {
        let mut bytes = [0; 32];
        let digits = text.as_bytes();
        let is_plain = digits.len() == 64
            && digits
                .iter()
                .all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
        if !is_plain {
            return Self::Other(text.into());
        }
        let value = |digit: u8| match digit {
            b'0'..=b'9' => digit - b'0',
            _ => digit - b'a' + 10,
        };
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = value(pair[0]) << 4 | value(pair[1]);
        }
        Self::Sha256(bytes)
    }

    fn text(&self) -> String {
        match self {
            Self::Sha256(bytes) => zarr_fuse_store::hexadecimal(bytes),
            Self::Other(text) => text.to_string(),
        }
    }
}

impl From<&Outcome> for Settled {
    fn from(outcome: &Outcome) -> Self {
        let plain = outcome.n_problems == 0
            && outcome.problems.is_empty()
            && outcome.warnings.is_empty()
            && !outcome.too_large
            && !outcome.limited
            && !outcome.set_aside
            && !outcome.refused;
        let rest = || {
            Box::new(Rest {
                n_problems: outcome.n_problems,
                problems: Kept::new(&outcome.problems),
                warnings: outcome
                    .warnings
                    .iter()
                    .map(|text| text.as_str().into())
                    .collect(),
                too_large: outcome.too_large,
                limited: outcome.limited,
                set_aside: outcome.set_aside,
                refused: outcome.refused,
            })
        };
        Self {
            status: outcome.status,
            n_rows_read: outcome.n_rows_read,
            n_rows_rejected: outcome.n_rows_rejected,
            n_rows_accepted: outcome.n_rows_accepted,
            n_coordinates_added: outcome.n_coordinates_added,
            commit: outcome.commit,
            rest: (!plain).then(rest),
        }
    }
}

impl From<&Settled> for Outcome {
    fn from(settled: &Settled) -> Self {
        let rest = settled.rest.as_deref();
        Self {
            status: settled.status,
            n_rows_read: settled.n_rows_read,
            n_rows_accepted: settled.n_rows_accepted,
            n_rows_rejected: settled.n_rows_rejected,
            n_coordinates_added: settled.n_coordinates_added,
            n_problems: rest.map_or(0, |rest| rest.n_problems),
            problems: rest
                .map(|rest| rest.problems.problems())
                .unwrap_or_default(),
            warnings: rest
                .map(|rest| rest.warnings.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            commit: settled.commit,
            too_large: rest.is_some_and(|rest| rest.too_large),
            limited: rest.is_some_and(|rest| rest.limited),
            set_aside: rest.is_some_and(|rest| rest.set_aside),
            refused: rest.is_some_and(|rest| rest.refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_problems_that_are_alike_take_little() {
        let problems: Vec<RowProblem> = (1..=100)
            .map(|row| RowProblem {
                line: None,
                row: Some(row),
                column: Some("temperature_of_the_air".to_owned()),
                value: Some(format!("out of order {row}")),
                reason: "not a number; `temperature_of_the_air` is float32".to_owned(),
            })
            .collect();
        let kept = Kept::new(&problems);
        assert!(kept.0.len() < 1000, "{}", kept.0.len());
        assert_eq!(kept.problems(), problems);
    }
}
