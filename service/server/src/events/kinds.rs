//! The kinds of events, as they are sent.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zarr_fuse_journal::{Entry, outcome::Status};

use super::Audience;
use crate::config::Trigger;

/// Most characters of a text that somebody else wrote.
const MAX_CHARS: usize = 500;

/// Something that happened.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// One arrived, or its state has changed.
    Contribution(Contribution),
    /// Many arrived at once.
    Contributions(Contributions),
    /// Contributions are in the arrays.
    Commit(Commit),
    /// A run began or ended.
    Collector(Collector),
    /// Something is wrong, or is over.
    Problem(Problem),
}

/// Event `contribution`: one arrived, or its state has changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContributionEvent)]
pub struct Contribution {
    /// Its id.
    pub id: Uuid,
    /// Its place in the order of the dataset.
    pub seq: u64,
    /// Its state by now.
    pub status: Status,
    /// The dataset it went to.
    pub dataset: String,
    /// The node it went to.
    pub node: String,
    /// Where it was pushed to.
    pub endpoint: String,
    /// Who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// When it had arrived.
    pub received_at: DateTime<Utc>,
    /// Length of the payload.
    pub n_bytes: u64,
    /// Rows of the decoded table; absent while it waits, as the others below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_rows_read: Option<u64>,
    /// Rows that took part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_rows_accepted: Option<u64>,
    /// Rows that did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_rows_rejected: Option<u64>,
    /// The first problem of those that it had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Event `contributions`: many arrived at once and are not told one by one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContributionsEvent)]
pub struct Contributions {
    /// The dataset they went to.
    pub dataset: String,
    /// How many.
    pub n: u64,
    /// Sequence number of the first.
    pub first_seq: u64,
    /// Sequence number of the last.
    pub last_seq: u64,
}

/// Event `commit`: contributions are in the arrays of a node.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CommitEvent)]
pub struct Commit {
    /// The dataset.
    pub dataset: String,
    /// The node.
    pub node: String,
    /// The sequence number up to which the node is merged now.
    pub folded_seq: u64,
    /// How many contributions were folded.
    pub n_contributions: u64,
    /// Rows that took part.
    pub n_rows: u64,
    /// Contributions of which nothing could be taken.
    pub n_rejected: u64,
}

/// Event `collector`: a run began or ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CollectorEvent)]
pub struct Collector {
    /// The collector.
    pub name: String,
    /// The dataset it contributes to.
    pub dataset: String,
    /// What the run does now.
    pub state: RunState,
    /// When that was.
    pub at: DateTime<Utc>,
    /// Whether everything was fetched and contributed; absent while it runs, as the others below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_good: Option<bool>,
    /// Contributions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_contributed: Option<u64>,
    /// Pages that were not fetched, or not contributed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_failed: Option<u64>,
    /// The first error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It is under way.
    Began,
    /// It is over.
    Ended,
}

/// Event `problem`: something is wrong, or is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemEvent)]
pub struct Problem {
    /// What kind it is: `collector_failed`, `contribution_rejected`, `store_unreachable`, `dataset_failed`, `taken_over`, `fold_stuck`.
    #[schema(value_type = String)]
    pub rule: Trigger,
    /// What it is about; with `rule` it names the problem.
    pub subject: String,
    /// The dataset.
    pub dataset: String,
    /// Whether it is over.
    pub is_over: bool,
    /// When it was noticed.
    pub since: DateTime<Utc>,
    /// In a few words.
    pub title: String,
    /// Why, and what to do.
    pub text: String,
}

impl Event {
    /// Its name in the stream.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Contribution(_) => "contribution",
            Self::Contributions(_) => "contributions",
            Self::Commit(_) => "commit",
            Self::Collector(_) => "collector",
            Self::Problem(_) => "problem",
        }
    }

    /// Who may know of it, as for the routes that tell the same.
    pub(super) fn audience(&self) -> Audience {
        let (dataset, needs_scope) = match self {
            Self::Contribution(event) => (&event.dataset, true),
            Self::Contributions(event) => (&event.dataset, true),
            Self::Commit(event) => (&event.dataset, false),
            Self::Collector(event) => (&event.dataset, true),
            Self::Problem(event) => (&event.dataset, true),
        };
        Audience {
            dataset: dataset.clone(),
            needs_scope,
        }
    }
}

impl Contribution {
    /// A contribution as the journal knows it; `arrives`: what became of it is told later.
    pub(super) fn of(entry: &Entry, arrives: bool) -> Self {
        let header = &entry.header;
        let outcome = entry.outcome.as_ref().filter(|_| !arrives);
        let problem = outcome.and_then(|outcome| outcome.problems.first());
        Self {
            id: header.id,
            seq: header.seq,
            status: outcome.map_or(Status::Journaled, |outcome| outcome.status),
            dataset: header.dataset.clone(),
            node: header.node.clone(),
            endpoint: header.endpoint.clone(),
            sender: header.sender.clone(),
            received_at: header.received_at,
            n_bytes: header.n_bytes,
            n_rows_read: outcome.map(|outcome| outcome.n_rows_read),
            n_rows_accepted: outcome.map(|outcome| outcome.n_rows_accepted),
            n_rows_rejected: outcome.map(|outcome| outcome.n_rows_rejected),
            problem: problem.map(|problem| shortened(&problem.reason)),
        }
    }
}

/// The beginning of a text that somebody else wrote.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}
