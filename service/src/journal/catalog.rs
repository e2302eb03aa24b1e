//! What arrived and what became of it, by sequence number, id and idempotency key. A cache: rebuilt from the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::segment::{Header, Kind};
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
    /// Contribution → requests to retract or retry it, in order.
    corrections: HashMap<u64, Vec<(u64, Kind)>>,
    /// Corrections that have no outcome yet.
    open: BTreeSet<u64>,
    /// Kind of frame, contributions excepted → the newest.
    last_of: HashMap<Kind, u64>,
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
        if header.kind != Kind::Contribution {
            self.last_of.insert(header.kind, header.seq);
            if header.kind.concerns_fold() {
                self.open.insert(header.seq);
            }
            if let Some(target) = header.target {
                let corrections = self.corrections.entry(target).or_default();
                corrections.push((header.seq, header.kind));
            }
            self.entries.insert(header.seq, entry);
            return;
        }
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
        if entry.header.kind != Kind::Contribution {
            entry.outcome = Some(outcome);
            self.open.remove(&seq);
            return;
        }
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

    /// Whether contribution `seq` is retracted by what the journal says up to `as_of`.
    pub(super) fn is_retracted(&self, seq: u64, as_of: u64) -> bool {
        let corrections = self.corrections.get(&seq).into_iter().flatten();
        let last = corrections.take_while(|(at, _)| *at <= as_of).last();
        last.is_some_and(|(_, kind)| *kind == Kind::Retract)
    }

    /// The contributions to `node` that are retracted by what the journal says up to `as_of`.
    pub(super) fn retracted(&self, node: &str, as_of: u64) -> Vec<u64> {
        let mut retracted: Vec<u64> = self
            .corrections
            .keys()
            .copied()
            .filter(|seq| self.is_retracted(*seq, as_of))
            .filter(|seq| {
                self.get(*seq)
                    .is_some_and(|entry| entry.header.node == node)
            })
            .collect();
        retracted.sort_unstable();
        retracted
    }

    /// Corrections of `node` up to `seq` that have no outcome yet.
    pub(super) fn open_corrections(&self, node: &str, seq: u64) -> Vec<Arc<Header>> {
        let open = self.open.range(..=seq);
        open.filter_map(|seq| self.entries.get(seq))
            .filter(|entry| entry.header.node == node)
            .map(|entry| Arc::clone(&entry.header))
            .collect()
    }

    /// The newest frame of one of these kinds.
    pub(super) fn last_of(&self, kinds: &[Kind]) -> Option<&Entry> {
        let seq = kinds.iter().filter_map(|kind| self.last_of.get(kind)).max();
        self.entries.get(seq?)
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
            .filter(|entry| entry.header.kind == Kind::Contribution)
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
