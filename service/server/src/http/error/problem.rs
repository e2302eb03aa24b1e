//! The body of an error.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;
use zarr_fuse_fusion::preview::Preview;
use zarr_fuse_journal::outcome::{Outcome, RowProblem};

/// Names in a message; the rest is only counted.
const MAX_LISTED: usize = 20;

/// An error as in RFC 9457: what is wrong and what to do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Identifies the kind of problem: `urn:zarr-fuse:problem:…`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind in words.
    pub(crate) title: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What is wrong with this request, and what to do.
    pub(crate) detail: String,
    /// The contribution that was rejected; its payload is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<Uuid>,
    /// Its sequence number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    /// How many single problems there are, of which `problems` lists the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n_problems: Option<u64>,
    /// Single problems, such as those of rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<ProblemItem>,
    /// What a rejected contribution is after decoding, in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preview: Option<Preview>,
}

/// Every route may answer with these.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers")]
pub(crate) enum Problems {
    /// The request cannot be answered; `detail` says what to do.
    #[response(status = "4XX", content_type = "application/problem+json")]
    Client(Problem),
    /// The service cannot answer at present.
    #[response(status = "5XX", content_type = "application/problem+json")]
    Server(Problem),
}

/// Routes that need a scope may answer with these.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers")]
pub(crate) enum Denials {
    /// Nobody signed in, or the name, password or token is not good; `WWW-Authenticate` says how to.
    #[response(status = 401, content_type = "application/problem+json")]
    SignIn(Problem),
    /// The scope that `detail` names is missing.
    #[response(status = 403, content_type = "application/problem+json")]
    Scope(Problem),
    /// Too many failed attempts to sign in, or too much waits; `Retry-After` says how long.
    #[response(status = 429, content_type = "application/problem+json")]
    Limited(Problem),
}

/// One of several problems.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct ProblemItem {
    /// 1-based row of the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) row: Option<u64>,
    /// Incoming column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    /// Place in a tree, such as the path of a node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// 1-based line of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    /// The value as delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    /// Why, and what to do.
    pub(crate) reason: String,
}

impl ProblemItem {
    pub(super) fn at(path: &str, reason: &str) -> Self {
        Self {
            path: Some(path.to_owned()).filter(|path| !path.is_empty()),
            reason: reason.to_owned(),
            ..Self::default()
        }
    }
}

impl From<&RowProblem> for ProblemItem {
    fn from(problem: &RowProblem) -> Self {
        Self {
            row: problem.row,
            line: problem.line,
            column: problem.column.clone(),
            value: problem.value.clone(),
            reason: problem.reason.clone(),
            ..Self::default()
        }
    }
}

/// A problem with what goes into the head of the response.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) problem: Problem,
    pub(super) headers: Vec<(HeaderName, String)>,
    /// The rest of the request is not read.
    pub(super) close: bool,
}

impl Answer {
    pub(super) fn new(status: StatusCode, slug: &str, title: &'static str, detail: String) -> Self {
        Self {
            status,
            problem: Problem {
                kind: format!("urn:zarr-fuse:problem:{slug}"),
                title,
                status: status.as_u16(),
                detail,
                id: None,
                seq: None,
                n_problems: None,
                problems: Vec::new(),
                preview: None,
            },
            headers: Vec::new(),
            close: false,
        }
    }

    pub(super) fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds.to_string())
    }

    pub(super) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    pub(super) fn items(mut self, items: impl Iterator<Item = ProblemItem>) -> Self {
        self.problem.problems.extend(items);
        self
    }
}

/// Nothing could be taken.
pub(super) fn rejected(
    outcome: &Outcome,
    contribution: Option<(Uuid, u64)>,
    preview: Option<&Preview>,
) -> Answer {
    let detail = match outcome.problems.as_slice() {
        [only] if only.row.is_none() => format!("nothing could be taken: {}", only.reason),
        _ => {
            let n_rows = outcome.n_rows_read;
            format!("none of the {n_rows} rows could be taken; the problems say why")
        }
    };
    let (status, slug, title) = if outcome.too_large {
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "Body too large",
        )
    } else {
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            "rejected",
            "Contribution rejected",
        )
    };
    let mut answer =
        Answer::new(status, slug, title, detail).items(outcome.problems.iter().map(Into::into));
    answer.problem.n_problems = Some(outcome.n_problems);
    (answer.problem.id, answer.problem.seq) = contribution.unzip();
    answer.problem.preview = preview.cloned();
    answer
}

/// Names for a message.
pub(super) fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<_> = names
        .iter()
        .take(MAX_LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = match names.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    quoted.join(", ") + &more
}
