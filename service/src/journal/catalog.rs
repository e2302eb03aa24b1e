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
    by_seq: BTreeMap<u64, Entry>,
    by_id: HashMap<Uuid, u64>,
    by_key: HashMap<(String, String), u64>,
    by_node: HashMap<String, NodeCounts>,
}

/// What a node was given.
#[derive(Debug, Default)]
struct NodeCounts {
    by_status: BTreeMap<Status, u64>,
    last_arrival: Option<DateTime<Utc>>,
}

impl Catalog {
    pub(super) fn insert(&mut self, entry: Entry) {
        let header = &entry.header;
        self.by_id.insert(header.id, header.seq);
        if let Some(key) = &header.idempotency_key {
            self.by_key.insert((header.endpoint.clone(), key.clone()), header.seq);
        }
        let node = self.by_node.entry(header.node.clone()).or_default();
        *node.by_status.entry(entry.status()).or_default() += 1;
        node.last_arrival = node.last_arrival.max(Some(header.received_at));
        self.by_seq.insert(header.seq, entry);
    }

    pub(super) fn settle(&mut self, seq: u64, outcome: Arc<Outcome>) {
        let Some(entry) = self.by_seq.get_mut(&seq) else { return };
        let node = self.by_node.entry(entry.header.node.clone()).or_default();
        if let Some(count) = node.by_status.get_mut(&entry.status()) {
            *count -= 1;
        }
        *node.by_status.entry(outcome.status).or_default() += 1;
        node.by_status.retain(|_, count| *count > 0);
        entry.outcome = Some(outcome);
    }

    pub(super) fn get(&self, seq: u64) -> Option<&Entry> {
        self.by_seq.get(&seq)
    }

    pub(super) fn by_id(&self, id: Uuid) -> Option<&Entry> {
        self.by_seq.get(self.by_id.get(&id)?)
    }

    pub(super) fn by_key(&self, endpoint: &str, key: &str) -> Option<&Entry> {
        self.by_seq
            .get(self.by_key.get(&(endpoint.to_owned(), key.to_owned()))?)
    }

    pub(super) fn after(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        self.by_seq.range(seq + 1..).map(|(_, entry)| entry)
    }

    pub(super) fn list(&self, filter: &Filter) -> Vec<Entry> {
        self.by_seq
            .range(..filter.before.unwrap_or(u64::MAX))
            .rev()
            .map(|(_, entry)| entry)
            .filter(|entry| filter.status.is_none_or(|status| status == entry.status()))
            .filter(|entry| filter.node.as_ref().is_none_or(|node| *node == entry.header.node))
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
        self.by_node
            .get(node)
            .map_or_else(BTreeMap::new, |node| node.by_status.clone())
    }

    pub(super) fn last_arrival(&self, node: &str) -> Option<DateTime<Utc>> {
        self.by_node.get(node)?.last_arrival
    }
}
