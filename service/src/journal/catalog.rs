//! What arrived and what became of it, by sequence number, id and idempotency key. A cache: rebuilt from the journal.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::segment::Header;
use crate::outcome::{Outcome, Status};

/// One contribution in the catalog.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What is known of it.
    pub header: Arc<Header>,
    /// First sequence number of the segment it lies in.
    pub segment: u64,
    /// What became of it; `None` until it is folded.
    pub outcome: Option<Arc<Outcome>>,
}

impl Entry {
    /// Its state.
    pub fn status(&self) -> Status {
        self.outcome
            .as_ref()
            .map_or(Status::Journaled, |outcome| outcome.status)
    }
}

/// Which contributions to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this state.
    pub status: Option<Status>,
    /// Only for this node.
    pub node: Option<String>,
    /// Only pushed to this endpoint.
    pub endpoint: Option<String>,
    /// Only with a smaller sequence number: where the former page ended.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    entries: BTreeMap<u64, Entry>,
    seq_of_id: HashMap<Uuid, u64>,
    seq_of_key: HashMap<(String, String), u64>,
    nodes: HashMap<String, Given>,
}

/// What a node was given so far.
#[derive(Debug, Default)]
struct Given {
    n_by_status: BTreeMap<Status, u64>,
    last_arrival: Option<DateTime<Utc>>,
}

impl Catalog {
    pub(super) fn insert(&mut self, entry: Entry) {
        let header = &entry.header;
        self.seq_of_id.insert(header.id, header.seq);
        if let Some(key) = &header.idempotency_key {
            self.seq_of_key
                .insert((header.endpoint.clone(), key.clone()), header.seq);
        }
        let given = self.nodes.entry(header.node.clone()).or_default();
        *given.n_by_status.entry(entry.status()).or_default() += 1;
        given.last_arrival = given.last_arrival.max(Some(header.received_at));
        self.entries.insert(header.seq, entry);
    }

    pub(super) fn settle(&mut self, seq: u64, outcome: Arc<Outcome>) {
        let Some(entry) = self.entries.get_mut(&seq) else {
            return;
        };
        let given = self.nodes.entry(entry.header.node.clone()).or_default();
        if let Some(n) = given.n_by_status.get_mut(&entry.status()) {
            *n -= 1;
        }
        *given.n_by_status.entry(outcome.status).or_default() += 1;
        given.n_by_status.retain(|_, n| *n > 0);
        entry.outcome = Some(outcome);
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Entry> {
        self.entries.get(&seq)
    }

    pub(super) fn by_id(&self, id: Uuid) -> Option<&Entry> {
        self.entries.get(self.seq_of_id.get(&id)?)
    }

    pub(super) fn by_key(&self, endpoint: &str, key: &str) -> Option<&Entry> {
        self.entries.get(
            self.seq_of_key
                .get(&(endpoint.to_owned(), key.to_owned()))?,
        )
    }

    pub(super) fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        self.entries.range(seq + 1..).map(|(_, entry)| entry)
    }

    pub(super) fn list(&self, filter: &Filter) -> Vec<Entry> {
        self.entries
            .range(..filter.before.unwrap_or(u64::MAX))
            .rev()
            .map(|(_, entry)| entry)
            .filter(|entry| filter.status.is_none_or(|status| status == entry.status()))
            .filter(|entry| {
                filter
                    .node
                    .as_ref()
                    .is_none_or(|node| *node == entry.header.node)
            })
            .filter(|entry| {
                filter
                    .endpoint
                    .as_ref()
                    .is_none_or(|endpoint| *endpoint == entry.header.endpoint)
            })
            .take(filter.limit)
            .cloned()
            .collect()
    }

    pub(super) fn counts(&self, node: &str) -> BTreeMap<Status, u64> {
        let given = self.nodes.get(node);
        given
            .map(|given| given.n_by_status.clone())
            .unwrap_or_default()
    }

    pub(super) fn last_arrival(&self, node: &str) -> Option<DateTime<Utc>> {
        self.nodes.get(node)?.last_arrival
    }
}
