//! Everything that can be answered instead of what was asked for: problems as in RFC 9457.

mod answer;
mod problem;

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::error::QueryPayloadError;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpResponse, ResponseError};
use uuid::Uuid;
use zarr_fuse_decode::DecodeError;
use zarr_fuse_fusion::{
    dataset::{Dataset, DryRunError, UnknownEndpoint},
    fold::FoldError,
    preview::Preview,
};
use zarr_fuse_journal::{AppendError, CorrectionError, JournalError, outcome::Outcome};
use zarr_fuse_query::QueryError;
use zarr_fuse_store::StoreError;

pub(crate) use self::problem::{Denials, Problem, Problems};
use crate::endpoint::OpenEndpoint;
use crate::slot::NotOpen;
use crate::who::Denied;

/// Why a request is not answered as asked.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No route has this path.
    UnknownRoute(String),
    /// The path has a route, but not for this method.
    Method {
        method: String,
        allowed: Vec<String>,
    },
    /// The path cannot be read.
    BadPath(String),
    /// A parameter or header cannot be read.
    BadRequest(String),
    /// No endpoint has this name.
    UnknownEndpoint { name: String, known: Vec<String> },
    /// No dataset has this name.
    UnknownDataset { name: String, known: Vec<String> },
    /// The dataset has no such node.
    UnknownNode {
        dataset: String,
        path: String,
        known: Vec<String>,
    },
    /// No contribution has this id.
    UnknownContribution(String),
    /// No collector has this name.
    UnknownCollector { name: String, known: Vec<String> },
    /// The collector has no runs: it waits for what comes.
    NothingToRun(String),
    /// The Zarr store has no such object.
    UnknownKey { dataset: String, key: String },
    /// The state that a reader of the Zarr store knows is no longer kept.
    StateGone {
        dataset: String,
        state: Option<String>,
        kept: Duration,
    },
    /// The documentation has no such page.
    UnknownPage(String),
    /// None of the forms that can be given is accepted.
    NotAcceptable(&'static str),
    /// The body is larger than allowed.
    BodyTooLarge { max_bytes: u64 },
    /// The body stopped coming.
    BodyTooSlow(String),
    /// The body ended early or was not sent as announced.
    BodyCut(String),
    /// Refused before the body was read.
    NotRead(AppendError),
    /// Too many bytes of bodies are in temporary files.
    SpoolFull { max_bytes: u64 },
    /// A large body cannot be written to its temporary file.
    Spool(std::io::Error),
    /// No reader for the body.
    Unsupported(DecodeError),
    /// Nothing of a contribution could be taken.
    Rejected {
        outcome: Box<Outcome>,
        contribution: Option<(Uuid, u64)>,
        /// Of a dry run.
        preview: Option<Box<Preview>>,
    },
    /// The journal did not take a contribution.
    Append(AppendError),
    /// A contribution cannot be tried out.
    DryRun(DryRunError),
    /// No schema can be drafted from a file.
    NoDraft { reason: String, is_too_large: bool },
    /// The state of a contribution does not allow what was asked.
    Correction(CorrectionError),
    /// A correction was not done.
    NotDone(String),
    /// The endpoint cannot be used.
    Endpoint(UnknownEndpoint),
    /// What was asked for does not exist or cannot be read.
    Query(Box<QueryError>),
    /// The journal cannot be read.
    Journal(JournalError),
    /// The store cannot be read.
    Store(StoreError),
    /// Values of a node are half moved.
    BeingCompleted,
    /// The range asked for lies outside.
    Range { n_bytes: u64 },
    /// The sender may not do this.
    Denied(Denied),
    /// The path and query are longer than allowed.
    UrlTooLong { max_bytes: u64 },
    /// The service is not ready.
    NotReady(Vec<(String, String)>),
    /// The dataset is there, but cannot be used at present.
    NotOpen(NotOpen),
    /// Too many requests at once.
    Busy { max: usize },
    /// Too many requests of one address or name at once.
    TooManyAtOnce { max: usize },
    /// The service has no such name.
    StrangeHost(String),
    /// One sender corrects too often.
    CorrectsTooOften { max: u32, seconds: u64 },
    /// The node has been folded from the beginning, and merges what arrived meanwhile.
    CorrectsLater(u64),
    /// Too many clients follow events.
    TooManyFollow { max: usize, is_yours: bool },
    /// The service stops.
    Stopping,
    /// A fault of the service itself.
    Internal(Arc<dyn Error + Send + Sync>),
}

/// Most characters of what was sent that are sent back.
const MAX_ECHO_CHARS: usize = 200;

/// The beginning of what was sent, for a message.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(MAX_ECHO_CHARS).collect()
}

impl ApiError {
    pub(super) fn unknown_node(dataset: &Dataset, path: &str) -> Self {
        Self::UnknownNode {
            dataset: dataset.name.clone(),
            path: shortened(path),
            known: dataset.nodes.keys().cloned().collect(),
        }
    }

    pub(super) fn unknown_target(endpoint: &OpenEndpoint, path: &str) -> Self {
        Self::UnknownNode {
            dataset: endpoint.dataset.name.clone(),
            path: shortened(path),
            known: endpoint.targets().into_iter().map(str::to_owned).collect(),
        }
    }

    pub(super) fn bad_query(error: &QueryPayloadError) -> Self {
        let reason = match error {
            QueryPayloadError::Deserialize(error) => error.to_string(),
            other => other.to_string(),
        };
        Self::BadRequest(format!("the query parameters cannot be read: {reason}"))
    }

    /// Which kind of problem kept a contribution from being taken; `None`: it was taken, and nothing came of it.
    pub(super) fn refusal(&self) -> Option<String> {
        if matches!(self, Self::Rejected { .. }) {
            return None;
        }
        let kind = self.answer().problem.kind;
        kind.rsplit(':').next().map(str::to_owned)
    }

    /// What goes to the log beside the answer.
    fn cause(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Append(error) | Self::NotRead(error) => Some(error),
            Self::Spool(error) => Some(error),
            Self::DryRun(error) => Some(error),
            Self::Query(error) => Some(error.as_ref()),
            Self::Journal(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Internal(error) => Some(error.as_ref()),
            _ => None,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.answer().problem.detail)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.answer().status
    }

    fn error_response(&self) -> HttpResponse {
        let answer = self.answer();
        if let (true, Some(cause)) = (answer.status.is_server_error(), self.cause()) {
            tracing::error!(
                http.status = answer.status.as_u16(),
                error = cause,
                "Answered {}: {}",
                answer.status.as_u16(),
                answer.problem.detail
            );
        }
        let mut response = HttpResponse::build(answer.status);
        for (name, value) in &answer.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.append_header((name.clone(), value));
            }
        }
        if answer.close {
            response.force_close();
        }
        let body = serde_json::to_vec(&answer.problem).expect("problems have only string keys");
        response.content_type("application/problem+json").body(body)
    }
}

impl ApiError {
    /// Contributions could not be folded in mind.
    pub(crate) fn fold(error: FoldError) -> Self {
        match error {
            FoldError::Journal(error) => error.into(),
            error => Self::NotDone(error.to_string()),
        }
    }
}

impl From<AppendError> for ApiError {
    fn from(error: AppendError) -> Self {
        Self::Append(error)
    }
}

impl From<NotOpen> for ApiError {
    fn from(error: NotOpen) -> Self {
        Self::NotOpen(error)
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<CorrectionError> for ApiError {
    fn from(error: CorrectionError) -> Self {
        match error {
            CorrectionError::Append(error) => Self::Append(error),
            other => Self::Correction(other),
        }
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::Query(Box::new(error))
    }
}

impl From<JournalError> for ApiError {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<tokio::task::JoinError> for ApiError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Internal(Arc::new(error))
    }
}
