//! What a collector remembers across restarts: what it has seen of each page, and which runs are done.
//!
//! It is written after a run, when what was fetched is durable in the journal. Losing it costs requests, never data: what is
//! contributed again has the idempotency key it had before.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::status::{RunReport, Totals};

/// Pages that were not asked for in so many days are forgotten.
const MAX_AGE_DAYS: i64 = 14;
/// Most pages remembered; the oldest are forgotten first.
const MAX_PAGES: usize = 50_000;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// When the run of each kind was last due that is done, by what identifies the kind.
    pub runs: BTreeMap<String, DateTime<Utc>>,
    /// By what identifies a request.
    pub pages: BTreeMap<String, Page>,
    /// The last run.
    pub last: Option<RunReport>,
    /// All runs.
    pub totals: Totals,
    /// Runs that have failed since the last good one.
    pub n_failed_in_a_row: u64,
}

/// What is known of a page since it was fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Page {
    /// `ETag` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// `Last-Modified` of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Until then it need not be asked for again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
    /// Of the bytes and variables that were contributed.
    pub sha256: String,
    /// When it was last asked for.
    pub seen: DateTime<Utc>,
}

impl Memory {
    /// Reads what [`Self::to_bytes`] wrote; nothing if it cannot be read, which costs requests only.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|error| {
            tracing::warn!(
                "What the collector remembered cannot be read and is forgotten: {error}"
            );
            Self::default()
        })
    }

    /// As JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("keys are texts and numbers are finite")
    }

    /// Forgets pages that were not asked for in a long time.
    pub(crate) fn forget(&mut self, now: DateTime<Utc>) {
        let oldest = now - TimeDelta::days(MAX_AGE_DAYS);
        self.pages.retain(|_, page| page.seen >= oldest);
        if self.pages.len() > MAX_PAGES {
            let mut seen: Vec<_> = self.pages.values().map(|page| page.seen).collect();
            seen.sort_unstable();
            let oldest = seen[seen.len() - MAX_PAGES];
            self.pages.retain(|_, page| page.seen >= oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let mut memory = Memory::default();
        let now = "2026-01-20T00:00:00Z".parse().unwrap();
        let page = Page {
            etag: Some("\"x\"".to_owned()),
            seen: now,
            ..Page::default()
        };
        let old = Page {
            seen: now - TimeDelta::days(15),
            ..Page::default()
        };
        memory.pages.insert("new".to_owned(), page);
        memory.pages.insert("old".to_owned(), old);
        assert_eq!(Memory::from_bytes(&memory.to_bytes()), memory);
        memory.forget(now);
        assert_eq!(memory.pages.keys().collect::<Vec<_>>(), ["new"]);
        assert_eq!(Memory::from_bytes(b"{\"runs\": 3"), Memory::default());
    }
}
