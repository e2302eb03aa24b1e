//! What collectors did and will do, for those who ask.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Most errors and contributions that a report lists; further ones are counted.
pub const MAX_LISTED: usize = 20;

/// What came of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunReport {
    /// The kind of run: its place in `runs`.
    pub run: usize,
    /// When it was due.
    pub due: DateTime<Utc>,
    /// When it began.
    pub began: DateTime<Utc>,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// What was counted.
    pub counts: Counts,
    /// The first errors, each with what it was about.
    pub errors: Vec<String>,
    /// The first contributions.
    pub contributions: Vec<Uuid>,
}

/// What is counted of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// What was to be fetched.
    pub planned: u64,
    /// Requests made, redirects and repetitions included.
    pub requests: u64,
    /// Not asked for: what is known had not expired.
    pub fresh: u64,
    /// Asked for, and not modified or the same as before.
    pub unchanged: u64,
    /// Repeated requests among them.
    pub retries: u64,
    /// What was not fetched, or not contributed.
    pub failed: u64,
    /// Contributions made durable.
    pub contributed: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// What is counted of all runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Runs done.
    pub runs: u64,
    /// Runs in which something failed.
    pub failed_runs: u64,
    /// What they did.
    pub counts: Counts,
}

impl RunReport {
    /// Whether everything was fetched and contributed.
    pub fn is_good(&self) -> bool {
        self.counts.failed == 0 && self.errors.is_empty()
    }

    pub(crate) fn failed(&mut self, error: String) {
        self.counts.failed += 1;
        self.note(error);
    }

    pub(crate) fn note(&mut self, error: String) {
        if self.errors.len() < MAX_LISTED {
            self.errors.push(error);
        }
    }
}

impl Totals {
    pub(crate) fn add(&mut self, report: &RunReport) {
        self.runs += 1;
        self.failed_runs += u64::from(!report.is_good());
        let (all, one) = (&mut self.counts, &report.counts);
        all.planned += one.planned;
        all.requests += one.requests;
        all.fresh += one.fresh;
        all.unchanged += one.unchanged;
        all.retries += one.retries;
        all.failed += one.failed;
        all.contributed += one.contributed;
        all.bytes += one.bytes;
    }
}

/// What a collector does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// A run is under way, since then.
    pub running_since: Option<DateTime<Utc>>,
    /// When the next one is due.
    pub next_run: Option<DateTime<Utc>>,
    /// The last one.
    pub last: Option<RunReport>,
    /// All of them.
    pub totals: Totals,
    /// Those that have failed since the last good one.
    pub n_failed_in_a_row: u64,
    /// Why it does not do what it should, apart from runs: no connection, no folder.
    pub trouble: Option<String>,
}
