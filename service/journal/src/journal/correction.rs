//! Requests to correct what the arrays hold: retract, retry, rebuild, reinterpret. They are frames of the journal like
//! contributions, so that a later reader of it comes to the same arrays.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::definition::DefinitionId;
use super::segment::{Header, Kind};
use super::{AppendError, Journal, JournalError, Receipt};
use crate::outcome::{Outcome, Status};

/// What is to be corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Correction {
    /// The dataset is to become what it would be without this contribution.
    Retract(Uuid),
    /// This contribution is to be folded again, at its own place in the order: a schema or an extraction was mended. From
    /// now on it means what its endpoint takes contributions to mean today; one that was retracted means what it meant.
    Retry(Uuid),
    /// The arrays of the node at this path are to be written again.
    Rebuild(String),
    /// The contributions to the node at this path, from this sequence number on, are to mean what their endpoints take
    /// contributions to mean today.
    Reinterpret(String, u64),
}

/// A correction as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// See [`Correction::Retract`].
    Retract(Uuid),
    /// See [`Correction::Retry`]; with what the contribution means from now on, if something else than before.
    Retry(Uuid, Option<DefinitionId>),
    /// See [`Correction::Rebuild`].
    Rebuild(String),
    /// See [`Correction::Reinterpret`].
    Reinterpret(String, Reinterpretation),
}

/// What contributions that name no definition are taken to mean: journals of earlier programs have such.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// By endpoint.
    pub definitions: BTreeMap<String, DefinitionId>,
    /// The last contribution that this is about.
    pub through: u64,
}

/// What earlier contributions to a node mean from the frame on that says so; those through other endpoints stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reinterpretation {
    /// By endpoint.
    pub definitions: BTreeMap<String, DefinitionId>,
    /// The first contribution that this is about; the last is the one before the frame.
    pub from: u64,
}

impl Assumption {
    pub(super) fn of(variables: &Map<String, Json>) -> Option<Self> {
        read(variables)
    }
}

impl Reinterpretation {
    pub(super) fn of(variables: &Map<String, Json>) -> Option<Self> {
        read(variables)
    }
}

fn read<T: DeserializeOwned>(variables: &Map<String, Json>) -> Option<T> {
    serde_json::from_value(Json::Object(variables.clone())).ok()
}

fn as_variables(of: &impl Serialize) -> Map<String, Json> {
    match serde_json::to_value(of) {
        Ok(Json::Object(variables)) => variables,
        _ => Map::new(),
    }
}

/// Says among the variables of a correction that it may turn merged contributions into rejected ones.
const EVEN_IF: &str = "even_if";

/// Whether a correction may turn merged contributions into rejected ones.
pub fn is_even_if(correction: &Header) -> bool {
    correction.variables.get(EVEN_IF) == Some(&Json::Bool(true))
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Requester {
    /// A user or token, else the address.
    pub sender: Option<String>,
    /// Network address.
    pub address: Option<String>,
    /// Whether the correction is to be done even if contributions that were merged are rejected then; else it is refused.
    pub even_if: bool,
}

/// Why a correction was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CorrectionError {
    /// No such contribution.
    #[error("there is no contribution {0}")]
    Unknown(Uuid),
    /// Its state does not allow it.
    #[error("contribution {id} is {}: {hint}", .status.name())]
    State {
        /// The contribution.
        id: Uuid,
        /// Its state.
        status: Status,
        /// What that means, and what to do.
        hint: &'static str,
    },
    /// Nobody knows what it would mean today.
    #[error(
        "contribution {id} came through the endpoint `{endpoint}`, which is not configured here: configure it (--config), or retract the contribution and send its bytes to another endpoint"
    )]
    UnknownEndpoint {
        /// The contribution.
        id: Uuid,
        /// The endpoint.
        endpoint: String,
    },
    /// The journal does not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Journal {
    /// Makes a correction durable; one that waits already is not asked for twice. It is done when `settled` gives the outcome of the receipt's sequence number.
    ///
    /// # Errors
    /// [`CorrectionError`]; the journal is as before then.
    pub async fn request(
        &self,
        request: Request,
        by: Requester,
    ) -> Result<Receipt, CorrectionError> {
        let mut header = match request {
            Request::Rebuild(node) => self.frame(Kind::Rebuild, &node),
            Request::Retract(id) => self.about(id, Kind::Retract)?,
            Request::Retry(id, definition) => Header {
                definition,
                ..self.about(id, Kind::Retry)?
            },
            Request::Reinterpret(node, reinterpretation) => Header {
                variables: as_variables(&reinterpretation),
                ..self.frame(Kind::Reinterpret, &node)
            },
        };
        if by.even_if {
            header.variables.insert(EVEN_IF.to_owned(), true.into());
        }
        let header = Header {
            sender: by.sender,
            address: by.address,
            ..header
        };
        if let Some(waiting) = self.waits_already(&header) {
            return Ok(Receipt {
                id: waiting.id,
                seq: waiting.seq,
                node: waiting.node.clone(),
                replayed: true,
            });
        }
        Ok(self
            .send(header, Bytes::new(), Bytes::new().into(), None)
            .await?)
    }

    /// The same correction, if it waits and nothing that came after it undoes it.
    fn waits_already(&self, asked: &Header) -> Option<Arc<Header>> {
        let (waiting, _) = self.queue.lock().corrections(&asked.node);
        let mut waiting = waiting.into_iter().rev();
        let last = waiting.find(|waiting| waiting.target == asked.target)?;
        let is_same = last.kind == asked.kind
            && last.definition == asked.definition
            && last.variables == asked.variables;
        is_same.then_some(last)
    }

    /// Says in the journal what contributions mean that name no definition.
    ///
    /// # Errors
    /// [`AppendError`].
    pub async fn assume(&self, assumption: &Assumption) -> Result<(), AppendError> {
        let header = Header {
            variables: as_variables(assumption),
            ..self.frame(Kind::Assumed, "")
        };
        let sent = self
            .send(header, Bytes::new(), Bytes::new().into(), None)
            .await;
        sent.map(drop)
    }

    /// Takes contributions that name no definition to mean this as long as the journal is open.
    pub fn assume_meanwhile(&self, assumption: Assumption) {
        self.catalog.write().assume(assumption);
    }

    /// What is assumed that a contribution without a definition means: the definition, and the frame that says so; 0 if
    /// none does. `None`: it names one, or nobody knows.
    pub fn assumed(&self, seq: u64) -> Option<(u64, DefinitionId)> {
        self.catalog.read().assumed(seq)
    }

    /// The endpoints of contributions of which nobody has said what they mean, each with the first of them; of all nodes, or
    /// of one.
    pub fn undefined(&self, node: Option<&str>) -> BTreeMap<String, u64> {
        self.catalog.read().undefined(node)
    }

    /// The first contribution that `text` means: a sequence number, or a time at which or after which it arrived. `None`: it
    /// is neither.
    pub fn beginning(&self, text: &str) -> Option<u64> {
        if let Ok(seq) = text.parse() {
            return Some(seq);
        }
        let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
        let day = || {
            let day: NaiveDate = text.parse().ok()?;
            Some(day.and_time(NaiveTime::MIN).and_utc())
        };
        let time = time.ok().or_else(day)?;
        let first = self.first_since(time);
        Some(first.unwrap_or_else(|| self.last_seq() + 1))
    }

    /// What contribution `seq` means by what the journal says up to `as_of`; `None`: nobody has said.
    pub fn definition_of(&self, seq: u64, as_of: u64) -> Option<DefinitionId> {
        self.catalog.read().definition(seq, as_of)
    }

    /// Contributions to `node` that by what the journal says up to `as_of` mean something else than their own frames say.
    pub fn redefined(&self, node: &str, as_of: u64) -> Vec<(u64, DefinitionId)> {
        self.catalog.read().redefined(node, as_of)
    }

    /// Says that corrections of `node` are not done: from then on they count as if they had never been asked for.
    ///
    /// # Errors
    /// [`JournalError`]; they wait as before then.
    pub async fn refuse(
        &self,
        node: &str,
        corrections: &[Arc<Header>],
        reason: &str,
    ) -> Result<(), JournalError> {
        let outcomes: Vec<(u64, Outcome)> = corrections
            .iter()
            .map(|correction| (correction.seq, Outcome::refused(reason.to_owned())))
            .collect();
        self.write_outcomes(node, &outcomes).await?;
        self.note_outcomes(node, &outcomes);
        Ok(())
    }

    /// Whether a contribution can be retried.
    ///
    /// # Errors
    /// [`CorrectionError`] if not.
    pub fn may_retry(&self, id: Uuid) -> Result<(), CorrectionError> {
        self.about(id, Kind::Retry).map(|_header| ())
    }

    fn about(&self, id: Uuid, kind: Kind) -> Result<Header, CorrectionError> {
        let entry = self.entry(id).ok_or(CorrectionError::Unknown(id))?;
        let status = entry.status();
        let refused = |hint| CorrectionError::State { id, status, hint };
        match (kind, status) {
            (Kind::Retract, Status::Retracted) => {
                return Err(refused(
                    "there is nothing to take back; a retry counts it again",
                ));
            }
            (Kind::Retry, Status::Journaled) => {
                return Err(refused(
                    "it is about to be folded anyway; wait for its outcome",
                ));
            }
            (Kind::Retry, Status::Merged) => {
                return Err(refused(
                    "everything in it was taken; `zf rebuild --reinterpret` reads merged contributions as the schema and the endpoints say today",
                ));
            }
            _ => {}
        }
        let target = entry.header;
        Ok(Header {
            target: Some(target.seq),
            endpoint: target.endpoint.clone(),
            ..self.frame(kind, &target.node)
        })
    }

    /// The header of a frame that is no contribution.
    pub(super) fn frame(&self, kind: Kind, node: &str) -> Header {
        Header::without_payload(kind, &self.dataset, node)
    }
}
