//! Where contributions go, and where collectors keep what they remember: the journal inside the service, HTTP when they run
//! alone.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::template::Variables;

/// What a collector contributes.
#[derive(Debug, Clone)]
pub struct Contribution {
    /// The endpoint whose decoding is used.
    pub endpoint: String,
    /// Node, relative to the endpoint; empty: the endpoint's own.
    pub node: String,
    /// As the source says; empty if it does not.
    pub content_type: String,
    /// As the source says.
    pub content_encoding: Option<String>,
    /// Name of the file it comes from, which may tell what it is.
    pub file_name: String,
    /// What decoding may refer to.
    pub variables: Variables,
    /// The same for the same thing, however often it is contributed.
    pub idempotency_key: String,
    /// The bytes.
    pub payload: Bytes,
}

/// Proof that a contribution is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Its id.
    pub id: Uuid,
    /// It had been contributed before.
    pub replayed: bool,
}

/// Why a contribution was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It may be taken later.
    #[error("{reason}")]
    Later {
        /// Why not now.
        reason: String,
        /// When to try again, if that is known.
        after: Option<Duration>,
    },
    /// It never will be.
    #[error("{0}")]
    Refused(String),
}

/// What became of something that was contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Nothing of it could be taken.
    pub is_rejected: bool,
    /// As JSON, for those who look at it.
    pub text: String,
}

/// Where contributions go.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Makes a contribution durable; answers only then.
    ///
    /// # Errors
    /// [`SinkError`]; nothing was acknowledged then.
    async fn contribute(&self, contribution: Contribution) -> Result<Taken, SinkError>;

    /// What became of a contribution, once that is known.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot be told.
    async fn outcome(&self, id: Uuid) -> Result<Verdict, SinkError>;

    /// What was last kept under `name`; `None` if nothing was.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot be read.
    async fn remembered(&self, name: &str) -> Result<Option<Bytes>, SinkError>;

    /// Keeps something under `name`.
    ///
    /// # Errors
    /// [`SinkError`] if it cannot be written.
    async fn remember(&self, name: &str, bytes: Vec<u8>) -> Result<(), SinkError>;
}
