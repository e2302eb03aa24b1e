//! What each error is answered with.

use actix_web::http::{StatusCode as S, header};
use zarr_fuse_fusion::{dataset::DryRunError, node::ReadError};
use zarr_fuse_journal::{AppendError, JournalError};
use zarr_fuse_query::QueryError;
use zarr_fuse_store::FailureKind;

use super::ApiError;
use super::problem::{self, Answer, ProblemItem, listed};
use crate::who::Denied;

impl ApiError {
    /// Status, type, title, and what to do.
    #[expect(
        clippy::too_many_lines,
        reason = "one place for every answer that is an error"
    )]
    pub(super) fn answer(&self) -> Answer {
        match self {
            Self::UnknownRoute(path) => Answer::new(
                S::NOT_FOUND,
                "unknown-route",
                "Unknown route",
                format!("there is nothing at `{path}`; `/docs` lists what there is"),
            ),
            Self::Method { method, allowed } => Answer::new(
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
                format!("`{method}` is not possible here; use {}", listed(allowed)),
            )
            .header(header::ALLOW, allowed.join(", ")),
            Self::BadPath(reason) => Answer::new(
                S::BAD_REQUEST,
                "bad-path",
                "Unreadable path",
                format!("the path cannot be read: {reason}"),
            ),
            Self::BadRequest(reason) => {
                Answer::new(S::BAD_REQUEST, "bad-request", "Unreadable request", reason.clone())
            }
            Self::UnknownEndpoint { name, known } => Answer::new(
                S::NOT_FOUND,
                "unknown-endpoint",
                "Unknown endpoint",
                format!("there is no endpoint `{name}`; there are {}", listed(known)),
            ),
            Self::UnknownDataset { name, known } => Answer::new(
                S::NOT_FOUND,
                "unknown-dataset",
                "Unknown dataset",
                format!("there is no dataset `{name}`; there are {}", listed(known)),
            ),
            Self::UnknownNode { dataset, path, known } if path.is_empty() => Answer::new(
                S::NOT_FOUND,
                "unknown-node",
                "Unknown node",
                format!("the path names no node of `{dataset}`; add one of {}", listed(known)),
            ),
            Self::UnknownNode { dataset, path, known } => Answer::new(
                S::NOT_FOUND,
                "unknown-node",
                "Unknown node",
                format!("the dataset `{dataset}` has no node `{path}`; it has {}", listed(known)),
            ),
            Self::UnknownContribution(id) => Answer::new(
                S::NOT_FOUND,
                "unknown-contribution",
                "Unknown contribution",
                format!("there is no contribution `{id}`; `GET /api/v1/contributions` lists what arrived"),
            ),
            Self::UnknownCollector { name, known } => Answer::new(
                S::NOT_FOUND,
                "unknown-collector",
                "Unknown collector",
                format!("there is no collector `{name}` that runs; there are {}", listed(known)),
            ),
            Self::NothingToRun(name) => Answer::new(
                S::CONFLICT,
                "nothing-to-run",
                "Nothing to run",
                format!("the collector `{name}` has no runs: it takes what comes"),
            ),
            Self::UnknownKey { dataset, key } => Answer::new(
                S::NOT_FOUND,
                "unknown-key",
                "No such object",
                format!("the Zarr store of `{dataset}` has no object `{key}`; chunks that were never written do not exist"),
            ),
            Self::StateGone { dataset, state, kept } => Answer::new(
                S::GONE,
                "state-gone",
                "State no longer kept",
                match state {
                    Some(state) => format!(
                        "the state `{state}` of `{dataset}` is not kept any more: late values have moved others longer than {kept:?} ago, or arrays were written again; `/zarr/{dataset}@now` leads to the present state, open that"
                    ),
                    None => format!(
                        "late values have moved others since `{dataset}` was opened from here, longer than {kept:?} ago, or arrays were written again; open it again"
                    ),
                },
            ),
            Self::UnknownPage(path) => Answer::new(
                S::NOT_FOUND,
                "unknown-page",
                "Unknown page",
                format!("the documentation has no page `{path}`; it begins at `/docs/`"),
            ),
            Self::NotAcceptable(known) => Answer::new(
                S::NOT_ACCEPTABLE,
                "not-acceptable",
                "Not acceptable",
                format!("none of the media types in `Accept` can be given; ask for {known}, or use `format=`"),
            ),
            Self::BodyTooLarge { max_bytes } => Answer::new(
                S::PAYLOAD_TOO_LARGE,
                "body-too-large",
                "Body too large",
                format!(
                    "the body is larger than {max_bytes} bytes; send it in parts, compress it, or raise `limits.max_body_bytes`"
                ),
            )
            .closing(),
            Self::BodyTooSlow(reason) => Answer::new(
                S::REQUEST_TIMEOUT,
                "body-too-slow",
                "Body too slow",
                format!("{reason}; nothing was taken, send it again"),
            )
            .closing(),
            Self::BodyCut(reason) => Answer::new(
                S::BAD_REQUEST,
                "body-cut",
                "Body cut",
                format!("the body did not arrive as announced ({reason}); nothing was taken, send it again"),
            )
            .closing(),
            Self::Unsupported(error) => Answer::new(
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-content",
                "Unsupported content",
                error
                    .to_string()
                    .replace("content type `` is not supported", "the request has no `Content-Type`"),
            )
            .closing(),
            Self::Rejected { outcome, contribution, preview } => problem::rejected(outcome, *contribution, preview.as_deref()),
            Self::Append(error) => append(error),
            Self::NotRead(error) => append(error).closing(),
            Self::SpoolFull { max_bytes } => Answer::new(
                S::TOO_MANY_REQUESTS,
                "overloaded",
                "Too much waits",
                format!("{max_bytes} bytes of large bodies are being taken; nothing of this one was, try again later"),
            )
            .retry_after(5)
            .closing(),
            Self::Spool(error) => Answer::new(
                S::INSUFFICIENT_STORAGE,
                "spool",
                "No room for the body",
                format!("the temporary file for the body cannot be written ({error}); nothing was taken, try again later"),
            )
            .retry_after(30)
            .closing(),
            Self::DryRun(error @ DryRunError::Busy) => {
                Answer::new(S::SERVICE_UNAVAILABLE, "busy", "Too many dry runs", error.to_string()).retry_after(2)
            }
            Self::DryRun(DryRunError::Spool(error)) => Answer::new(
                S::INSUFFICIENT_STORAGE,
                "spool",
                "No room for the body",
                format!("the temporary file of the body cannot be read ({error}); send it again"),
            )
            .retry_after(5),
            Self::DryRun(DryRunError::Read(_)) => Answer::new(
                S::SERVICE_UNAVAILABLE,
                "store",
                "Store unavailable",
                "what is stored cannot be read; try again later".to_owned(),
            )
            .retry_after(5),
            Self::Correction(error) | Self::DryRun(DryRunError::Correction(error)) => Answer::new(S::CONFLICT, "state", "Not in this state", error.to_string()),
            Self::NotDone(reason) => Answer::new(S::CONFLICT, "not-done", "Correction not done", reason.clone()),
            Self::Endpoint(error) => Answer::new(S::CONFLICT, "endpoint", "Endpoint not usable", error.to_string()),
            Self::Query(error) => query(error),
            Self::BeingCompleted => being_completed(),
            Self::Journal(JournalError::Store(_)) | Self::DryRun(DryRunError::Journal(JournalError::Store(_))) | Self::Store(_) => Answer::new(
                S::SERVICE_UNAVAILABLE,
                "store",
                "Store unavailable",
                "the store cannot be read; try again later".to_owned(),
            )
            .retry_after(5),
            Self::Journal(error) | Self::DryRun(DryRunError::Journal(error)) => {
                Answer::new(S::INTERNAL_SERVER_ERROR, "journal", "Journal damaged", error.to_string())
            }
            Self::Range { n_bytes } => Answer::new(
                S::RANGE_NOT_SATISFIABLE,
                "range",
                "Range outside the object",
                format!("the object has {n_bytes} bytes; ask for a range inside"),
            )
            .header(header::CONTENT_RANGE, format!("bytes */{n_bytes}")),
            Self::Denied(denied) => self::denied(denied),
            Self::UrlTooLong { max_bytes } => Answer::new(
                S::URI_TOO_LONG,
                "url-too-long",
                "URL too long",
                format!("path and query are longer than {max_bytes} bytes; ask for less at once, or raise `limits.max_url_bytes`"),
            ),
            Self::NotReady(reasons) => Answer::new(
                S::SERVICE_UNAVAILABLE,
                "not-ready",
                "Not ready",
                if reasons.is_empty() {
                    "the service is not ready; it tells why to those who may read everything (`read:*`)"
                } else {
                    "the service is not ready; the problems say why"
                }
                .to_owned(),
            )
            .items(reasons.iter().map(|(path, reason)| ProblemItem::at(path, reason)))
            .retry_after(2),
            Self::NotOpen(error) => Answer::new(
                S::SERVICE_UNAVAILABLE,
                "not-open",
                "Dataset not open",
                format!("{error}; try again later"),
            )
            .retry_after(u32::try_from(error.retry_after.as_secs()).unwrap_or(u32::MAX).max(1)),
            Self::Busy { max } => Answer::new(
                S::SERVICE_UNAVAILABLE,
                "busy",
                "Too many requests at once",
                format!("{max} requests are worked on; try again in a moment"),
            )
            .retry_after(1)
            .closing(),
            Self::TooManyAtOnce { max } => Answer::new(
                S::TOO_MANY_REQUESTS,
                "too-many-at-once",
                "Too many requests at once",
                format!(
                    "{max} requests of yours are worked on, or their answers are not read yet; wait for one of them (`limits.max_concurrent_requests_per_address`)"
                ),
            )
            .retry_after(1)
            .closing(),
            Self::StrangeHost(host) => Answer::new(
                S::MISDIRECTED_REQUEST,
                "strange-host",
                "Asked under a strange name",
                format!(
                    "this service is not known as `{host}`: ask it as `localhost` or `127.0.0.1` on its own machine, or have whoever runs it add the name to `server.hosts`"
                ),
            )
            .closing(),
            Self::CorrectsTooOften { max, seconds } => Answer::new(
                S::TOO_MANY_REQUESTS,
                "corrects-too-often",
                "Too many corrections",
                format!(
                    "nothing was taken: a sender may ask for {max} corrections a minute (`limits.max_corrections_per_minute`); go on in {seconds} s"
                ),
            )
            .header(header::RETRY_AFTER, seconds.to_string()),
            Self::CorrectsLater(seconds) => Answer::new(
                S::TOO_MANY_REQUESTS,
                "corrects-later",
                "Corrections wait",
                format!(
                    "nothing was taken: the node was corrected a moment ago, and merges what others have sent meanwhile; ask again in {seconds} s"
                ),
            )
            .header(header::RETRY_AFTER, seconds.to_string()),
            Self::TooManyFollow { max, is_yours: true } => Answer::new(
                S::TOO_MANY_REQUESTS,
                "too-many-at-once",
                "Too many follow events",
                format!(
                    "{max} clients of yours follow events; close one of them (`limits.max_event_streams_per_address`)"
                ),
            )
            .retry_after(30),
            Self::TooManyFollow { max, is_yours: false } => Answer::new(
                S::SERVICE_UNAVAILABLE,
                "busy",
                "Too many follow events",
                format!("{max} clients follow events; try again later, or raise `limits.max_event_streams`"),
            )
            .retry_after(30),
            Self::Stopping => Answer::new(
                S::SERVICE_UNAVAILABLE,
                "stopping",
                "Stopping",
                "the service is stopping; try again later".to_owned(),
            )
            .retry_after(5)
            .closing(),
            Self::NoDraft { reason, is_too_large: true } => {
                Answer::new(S::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large", reason.clone())
            }
            Self::NoDraft { reason, is_too_large: false } => {
                Answer::new(S::UNPROCESSABLE_ENTITY, "no-draft", "No draft", reason.clone())
            }
            Self::Internal(_) | Self::DryRun(DryRunError::Fault(_)) => Answer::new(
                S::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
                "the service has a fault; its log says more".to_owned(),
            ),
        }
    }
}

fn denied(denied: &Denied) -> Answer {
    let detail = denied.to_string();
    let (status, slug, title) = match denied {
        Denied::SignIn { .. } => (S::UNAUTHORIZED, "sign-in", "Not signed in"),
        Denied::Unreadable | Denied::Password | Denied::Token | Denied::Expired { .. } => {
            (S::UNAUTHORIZED, "sign-in", "Cannot sign in")
        }
        Denied::Scope { .. } | Denied::Sender { .. } | Denied::CrossSite => {
            (S::FORBIDDEN, "forbidden", "Not allowed")
        }
        Denied::Limited { .. } => (S::TOO_MANY_REQUESTS, "attempts", "Too many attempts"),
        Denied::Busy => (S::SERVICE_UNAVAILABLE, "busy", "Too many attempts at once"),
    };
    // The body of a request that is denied is not read.
    let answer = Answer::new(status, slug, title, detail).closing();
    match denied {
        Denied::Limited { seconds } => answer.header(header::RETRY_AFTER, seconds.to_string()),
        Denied::Busy => answer.retry_after(1),
        Denied::Scope { .. } | Denied::Sender { .. } | Denied::CrossSite => answer,
        Denied::SignIn { .. } | Denied::Unreadable | Denied::Password => challenge(answer, ""),
        Denied::Token | Denied::Expired { .. } => challenge(answer, ", error=\"invalid_token\""),
    }
}

/// How to sign in.
fn challenge(answer: Answer, bearer_error: &str) -> Answer {
    let basic = "Basic realm=\"zarr-fuse\", charset=\"UTF-8\"".to_owned();
    let bearer = format!("Bearer realm=\"zarr-fuse\"{bearer_error}");
    answer
        .header(header::WWW_AUTHENTICATE, basic)
        .header(header::WWW_AUTHENTICATE, bearer)
}

fn append(error: &AppendError) -> Answer {
    let detail = error.to_string();
    match error {
        AppendError::KeyReused { .. } => Answer::new(
            S::UNPROCESSABLE_ENTITY,
            "key-reused",
            "Idempotency key reused",
            detail,
        ),
        AppendError::Overloaded { .. } => {
            Answer::new(S::TOO_MANY_REQUESTS, "overloaded", "Too much waits", detail).retry_after(1)
        }
        AppendError::Fenced { .. } => {
            Answer::new(S::SERVICE_UNAVAILABLE, "fenced", "Another writer", detail).retry_after(60)
        }
        AppendError::Store(cause) if cause.failure() == Some(FailureKind::Full) => {
            let detail = "the disk of the journal is full; nothing was taken, send it again when there is room".to_owned();
            Answer::new(S::INSUFFICIENT_STORAGE, "full", "Disk full", detail).retry_after(30)
        }
        AppendError::Store(_) | AppendError::Unreadable(_) => {
            Answer::new(S::SERVICE_UNAVAILABLE, "store", "Store unavailable", detail).retry_after(5)
        }
        AppendError::Spool(_) => Answer::new(
            S::INSUFFICIENT_STORAGE,
            "spool",
            "No room for the body",
            detail,
        )
        .retry_after(5),
        AppendError::Retired { .. } => Answer::new(
            S::SERVICE_UNAVAILABLE,
            "not-open",
            "Dataset not open",
            detail,
        )
        .retry_after(1),
        AppendError::UnknownEndpoint(_) => {
            Answer::new(S::CONFLICT, "endpoint", "Endpoint not usable", detail)
        }
        AppendError::Stopping => {
            Answer::new(S::SERVICE_UNAVAILABLE, "stopping", "Stopping", detail).retry_after(5)
        }
    }
}

/// Values of a node are half moved, and stay so until the store can be written again.
fn being_completed() -> Answer {
    let detail = ReadError::BeingCompleted.to_string();
    Answer::new(
        S::SERVICE_UNAVAILABLE,
        "being-completed",
        "Being completed",
        detail,
    )
    .retry_after(2)
}

fn query(error: &QueryError) -> Answer {
    let (status, slug, title) = match error {
        QueryError::UnknownParameter { .. }
        | QueryError::Repeated { .. }
        | QueryError::BadParameter { .. }
        | QueryError::BadCursor { .. } => (S::BAD_REQUEST, "bad-query", "Unreadable query"),
        QueryError::UnknownVariable { .. } => {
            (S::NOT_FOUND, "unknown-variable", "Unknown variable")
        }
        QueryError::NoVariables { .. } => (S::NOT_FOUND, "no-variables", "Nothing to query"),
        QueryError::NoSuchValue { .. } | QueryError::NoSuchIndex { .. } => {
            (S::NOT_FOUND, "no-such-value", "No such value")
        }
        QueryError::DoesNotFit { .. } => (
            S::UNPROCESSABLE_ENTITY,
            "does-not-fit",
            "The query does not fit",
        ),
        QueryError::NoRoom => {
            return Answer::new(
                S::SERVICE_UNAVAILABLE,
                "no-room",
                "No room",
                error.to_string(),
            )
            .retry_after(5);
        }
        QueryError::TooLong { .. } => (S::GATEWAY_TIMEOUT, "too-long", "The query takes too long"),
        QueryError::Left => (S::REQUEST_TIMEOUT, "left", "The client has left"),
        QueryError::StaleCursor => (S::CONFLICT, "stale-cursor", "Stale cursor"),
        QueryError::Read { source, .. } if matches!(**source, ReadError::Moved) => {
            let detail = source.to_string();
            return Answer::new(S::SERVICE_UNAVAILABLE, "moved", "Values moved", detail)
                .retry_after(1);
        }
        QueryError::Read { source, .. } if matches!(**source, ReadError::BeingCompleted) => {
            return being_completed();
        }
        QueryError::Read { source, .. } if matches!(**source, ReadError::Store(_)) => {
            let detail = format!("{error}; the store failed, try again later");
            return Answer::new(S::SERVICE_UNAVAILABLE, "store", "Store unavailable", detail)
                .retry_after(5);
        }
        QueryError::Read { .. } => (S::INTERNAL_SERVER_ERROR, "unreadable", "Values unreadable"),
        QueryError::Write { .. } => (
            S::INTERNAL_SERVER_ERROR,
            "unwritable",
            "Answer not writable",
        ),
    };
    Answer::new(status, slug, title, error.to_string())
}
