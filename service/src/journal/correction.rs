//! Requests to correct what the arrays hold: retract, retry, rebuild. They are frames of the journal like contributions,
//! so that a later reader of it comes to the same arrays.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::segment::{Header, Kind};
use super::{AppendError, Journal, Receipt};
use crate::outcome::Status;

/// What is to be corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Correction {
    /// The dataset is to become what it would be without this contribution.
    Retract(Uuid),
    /// This contribution is to be folded again, at its own place in the order: a schema or an extraction was mended.
    Retry(Uuid),
    /// The arrays of the node at this path are to be written again.
    Rebuild(String),
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub struct Requester {
    /// A user or token, else the address.
    pub sender: Option<String>,
    /// Network address.
    pub address: Option<String>,
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
        correction: &Correction,
        by: Requester,
    ) -> Result<Receipt, CorrectionError> {
        let header = match correction {
            Correction::Rebuild(node) => self.frame(Kind::Rebuild, node),
            Correction::Retract(id) => self.about(*id, Kind::Retract)?,
            Correction::Retry(id) => self.about(*id, Kind::Retry)?,
        };
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
        (last.kind == asked.kind).then_some(last)
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
                    "everything in it was taken; `zf rebuild` folds merged contributions again, too",
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
