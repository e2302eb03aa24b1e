//! What became of a contribution.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use zarr_fuse_schemas::row_problem::{MAX_PROBLEMS, Problems, RowProblem};

use crate::journal::Header;

/// The state of a contribution.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Durable, not folded yet.
    Journaled,
    /// Every row was taken.
    Merged,
    /// Some rows or values were rejected, the others taken.
    Partial,
    /// Nothing could be taken; the payload is kept.
    Rejected,
    /// Taken back by a later journal entry.
    Retracted,
}

impl Status {
    /// As in JSON and filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Journaled => "journaled",
            Self::Merged => "merged",
            Self::Partial => "partial",
            Self::Rejected => "rejected",
            Self::Retracted => "retracted",
        }
    }
}

/// Whether the bounds on what may be added to coordinates hold for a contribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It comes for the first time, or was kept out by them before: they hold.
    New,
    /// It was merged before and comes again: what was taken then is taken now, whatever the bounds have become.
    Again,
}

/// What became of one contribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent marks, absent from JSON unless set"
)]
pub struct Outcome {
    /// Its state.
    pub status: Status,
    /// Rows of the decoded table.
    pub n_rows_read: u64,
    /// Rows that took part.
    pub n_rows_accepted: u64,
    /// Rows that did not.
    pub n_rows_rejected: u64,
    /// New coordinate values it brought.
    pub n_coordinates_added: u64,
    /// All problems, of which `problems` lists the first 100.
    pub n_problems: u64,
    /// The first 100 problems.
    pub problems: Vec<RowProblem>,
    /// What was taken and may not be what is meant, such as a column that is called almost like one that is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The folded sequence number that published it; absent when nothing was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<u64>,
    /// Rejected because it passes a bound on size.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub too_large: bool,
    /// Rows, or all of it, were kept out by the bounds on what one contribution may add to coordinates.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited: bool,
    /// Not tried again when everything is folded again, because it brought a fault of the service to light or ended it;
    /// a retry tries it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_aside: bool,
    /// Of a correction: it was not done and changed nothing, because contributions that were merged would have been
    /// rejected.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

impl Outcome {
    /// Nothing could be taken, for a reason that concerns the whole contribution.
    pub fn rejected(problem: RowProblem) -> Self {
        let problems = Problems {
            first: vec![problem],
            n: 1,
        };
        Self::of(0, 0, 0, problems)
    }

    /// Taken back by `request`, which is in the arrays since the commit up to `seq`.
    pub fn retracted(request: &Header, seq: u64) -> Self {
        let who = request.sender.as_deref().unwrap_or("somebody");
        let when = request.received_at.format("%Y-%m-%dT%H:%M:%SZ");
        let problem = RowProblem {
            reason: format!("retracted by {who} at {when}"),
            ..RowProblem::default()
        };
        Self {
            status: Status::Retracted,
            commit: Some(seq),
            ..Self::rejected(problem)
        }
    }

    /// The arrays were written again up to `seq`.
    pub fn rebuilt(seq: u64) -> Self {
        Self {
            commit: Some(seq),
            ..Self::of(0, 0, 0, Problems::default())
        }
    }

    /// Whether the bounds on what may be added hold when a contribution is folded of which this became so far.
    ///
    /// What was merged stays merged, also when the bounds are narrower by now, or were none. Rows that were kept out are
    /// looked at anew, and so are contributions that were taken back or of which nothing was taken.
    pub fn admission(former: Option<&Self>) -> Admission {
        match former {
            Some(former)
                if matches!(former.status, Status::Merged | Status::Partial) && !former.limited =>
            {
                Admission::Again
            }
            _ => Admission::New,
        }
    }

    /// A correction that was not done, for this reason.
    pub fn refused(reason: String) -> Self {
        Self {
            refused: true,
            ..Self::rejected(RowProblem {
                reason,
                ..RowProblem::default()
            })
        }
    }

    /// Whether something else became of the contribution than `other` says; in which commit does not matter.
    pub fn differs(&self, other: &Self) -> bool {
        let other = Self {
            commit: self.commit,
            ..other.clone()
        };
        *self != other
    }

    /// The outcome of a contribution whose rows were judged.
    pub fn of(
        n_rows_read: u64,
        n_rows_rejected: u64,
        n_coordinates_added: u64,
        problems: Problems,
    ) -> Self {
        let n_rows_accepted = n_rows_read - n_rows_rejected;
        let status = match (n_rows_accepted, problems.n) {
            (0, 1..) => Status::Rejected,
            (_, 0) => Status::Merged,
            (_, _) => Status::Partial,
        };
        Self {
            status,
            n_rows_read,
            n_rows_accepted,
            n_rows_rejected,
            n_coordinates_added,
            n_problems: problems.n,
            problems: problems.first,
            warnings: Vec::new(),
            commit: None,
            too_large: false,
            limited: false,
            set_aside: false,
            refused: false,
        }
    }
}
