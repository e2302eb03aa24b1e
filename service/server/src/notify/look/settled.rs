//! Follows the journal: what arrived through which endpoint, and what was rejected.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{Entry, Filter, Kind, outcome::Status};

use crate::app::App;
use crate::config::{NotifyConfig, RuleConfig};
use crate::events::place;
use crate::notify::delta;

/// Frames looked at without giving way to others.
const STEP: usize = 500;
/// Most pairs of node and endpoint whose rejections are kept apart.
const MAX_RECORDS: usize = 10_000;

/// What was looked at already; kept across restarts.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::notify) struct Seen {
    /// By dataset: everything up to here has been looked at.
    seq: BTreeMap<String, u64>,
    /// By what was rejected, of which node, through which endpoint.
    records: BTreeMap<String, Record>,
    /// By rule and subject: since when it is watched.
    watched: BTreeMap<String, DateTime<Utc>>,
}

/// Contributions to a node through an endpoint that were rejected, or of which a part was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Record {
    dataset: String,
    node: String,
    endpoint: String,
    is_partial: bool,
    n: u64,
    since: DateTime<Utc>,
    last_at: DateTime<Utc>,
    last_seq: u64,
    last_id: Uuid,
    reason: String,
    /// A later one was taken.
    is_past: bool,
    /// It was not reported yet.
    is_fresh: bool,
}

/// Where the following stands.
#[derive(Debug, Default)]
pub(super) struct Settled {
    by_dataset: HashMap<String, Position>,
    /// By endpoint.
    arrivals: HashMap<String, DateTime<Utc>>,
}

#[derive(Debug)]
struct Position {
    /// The last frame whose arrival was noted.
    arrived: u64,
    /// By node, those that have no outcome yet.
    unsettled: HashMap<String, VecDeque<u64>>,
}

impl Settled {
    /// Takes note of what arrived and of what became of it since the last look.
    pub(super) async fn look(&mut self, app: &App, seen: &mut Seen, now: DateTime<Utc>) {
        for dataset in app.open_datasets() {
            let last_seq = dataset.journal.last_seq();
            // What is older than the rules is nobody's concern.
            let begin = *seen.seq.entry(dataset.name.clone()).or_insert(last_seq);
            let position = self.by_dataset.entry(dataset.name.clone());
            let position = position.or_insert_with(|| Position {
                arrived: begin.min(last_seq),
                unsettled: HashMap::new(),
            });
            let mut n = 0;
            for seq in position.arrived + 1..=last_seq {
                if let Some(entry) = dataset.journal.frame_at(seq)
                    && entry.header.kind == Kind::Contribution
                {
                    let header = &entry.header;
                    let last = self.arrivals.entry(header.endpoint.clone());
                    let last = last.or_insert(header.received_at);
                    *last = header.received_at.max(*last);
                    let unsettled = position.unsettled.entry(header.node.clone());
                    unsettled.or_default().push_back(seq);
                }
                n += 1;
                if n % STEP == 0 {
                    tokio::task::yield_now().await;
                }
            }
            position.arrived = last_seq;
            for unsettled in position.unsettled.values_mut() {
                while let Some(seq) = unsettled.front().copied() {
                    let entry = dataset.journal.frame_at(seq);
                    if let Some(entry) = &entry {
                        if entry.outcome.is_none() {
                            break;
                        }
                        seen.note(&dataset, entry, now);
                    }
                    unsettled.pop_front();
                    n += 1;
                    if n % STEP == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            }
            let oldest = position.unsettled.values().filter_map(VecDeque::front);
            let through = oldest.min().map_or(last_seq, |first| first - 1);
            seen.seq.insert(dataset.name.clone(), through);
        }
    }

    /// When something last came through an endpoint.
    pub(super) fn last_arrival(&mut self, app: &App, endpoint: &str) -> Option<DateTime<Utc>> {
        if let Some(last) = self.arrivals.get(endpoint) {
            return Some(*last);
        }
        let dataset = app.endpoints.get(endpoint)?.open().ok()?.dataset;
        let journal = &dataset.journal;
        let newest = journal.list(&Filter {
            endpoint: Some(endpoint.to_owned()),
            limit: 1,
            ..Filter::default()
        });
        let last = newest.first()?.header.received_at;
        self.arrivals.insert(endpoint.to_owned(), last);
        Some(last)
    }
}

impl Seen {
    /// Since when a subject of a rule is watched.
    pub(super) fn watched_since(
        &mut self,
        rule: &str,
        subject: &str,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let key = format!("{rule}: {subject}");
        *self.watched.entry(key).or_insert(now)
    }

    /// Takes note of what became of a contribution.
    fn note(&mut self, dataset: &Arc<Dataset>, entry: &Entry, now: DateTime<Utc>) {
        let (rejected, partial) = match entry.status() {
            Status::Rejected => (Some(true), None),
            Status::Partial => (Some(false), Some(true)),
            Status::Merged => (Some(false), Some(false)),
            Status::Journaled | Status::Retracted => return,
        };
        for (is_partial, is_hit) in [(false, rejected), (true, partial)] {
            match is_hit {
                Some(true) => self.hit(dataset, entry, is_partial, now),
                Some(false) => self.pass(dataset, entry, is_partial),
                None => {}
            }
        }
    }

    fn hit(&mut self, dataset: &Dataset, entry: &Entry, is_partial: bool, now: DateTime<Utc>) {
        let header = &entry.header;
        let key = key(&dataset.name, &header.node, &header.endpoint, is_partial);
        if self.records.len() >= MAX_RECORDS && !self.records.contains_key(&key) {
            return;
        }
        let problem = entry
            .outcome
            .as_ref()
            .and_then(|outcome| outcome.problems.first());
        // The value itself is left out: messages leave the service.
        let reason = problem.map_or_else(String::new, |problem| match &problem.column {
            Some(column) => format!("`{column}`: {}", problem.reason),
            None => problem.reason.clone(),
        });
        let record = self.records.entry(key).or_insert_with(|| Record {
            dataset: dataset.name.clone(),
            node: header.node.clone(),
            endpoint: header.endpoint.clone(),
            is_partial,
            n: 0,
            since: header.received_at,
            last_at: now,
            last_seq: 0,
            last_id: header.id,
            reason: String::new(),
            is_past: false,
            is_fresh: false,
        });
        if header.seq <= record.last_seq {
            return;
        }
        record.n += 1;
        record.last_at = now;
        record.last_seq = header.seq;
        record.last_id = header.id;
        record.reason = reason;
        record.is_past = false;
        record.is_fresh = true;
    }

    fn pass(&mut self, dataset: &Dataset, entry: &Entry, is_partial: bool) {
        let header = &entry.header;
        let key = key(&dataset.name, &header.node, &header.endpoint, is_partial);
        if let Some(record) = self.records.get_mut(&key)
            && header.seq > record.last_seq
        {
            record.is_past = true;
        }
    }

    /// Tells of what a rule for rejected contributions finds.
    pub(super) fn rejected(
        &self,
        app: &App,
        rule: &RuleConfig,
        mut add: impl FnMut(&str, DateTime<Utc>, String, String),
    ) {
        let is_meant = |record: &&Record| {
            (!record.is_partial || rule.partial == Some(true))
                && rule
                    .dataset
                    .as_ref()
                    .is_none_or(|name| *name == record.dataset)
                && (rule.endpoints.is_empty() || rule.endpoints.contains(&record.endpoint))
        };
        for record in self.records.values().filter(is_meant) {
            if !record.is_fresh && !record.lasts(app) {
                continue;
            }
            let Record {
                endpoint,
                n,
                last_id,
                reason,
                ..
            } = record;
            let node = place(&record.dataset, &record.node);
            let were = match (n, record.is_partial) {
                (1, false) => "a contribution was rejected".to_owned(),
                (n, false) => format!("{n} contributions were rejected"),
                (1, true) => "a part of a contribution was rejected".to_owned(),
                (n, true) => format!("parts of {n} contributions were rejected"),
            };
            let title = format!("{were}: to `{node}` through `{endpoint}`");
            let text = format!(
                "The last one is {last_id}: {reason}. It is kept: mend the extraction or the schema, then `zf retry {last_id}`, or `zf retract` it."
            );
            let kind = if record.is_partial { " (partial)" } else { "" };
            add(
                &format!("{node} through {endpoint}{kind}"),
                record.since,
                title,
                text,
            );
        }
    }

    /// Forgets what is long over, after a look whose findings were taken.
    pub(super) fn forget(&mut self, now: DateTime<Utc>, config: &NotifyConfig) {
        let over_after = config.rules.values().map(|rule| delta(rule.over_after()));
        let keep = over_after.max().unwrap_or_default();
        self.records.retain(|_, record| {
            record.is_fresh = false;
            !record.is_past || now - record.last_at < keep
        });
    }
}

impl Record {
    /// Whether the last one is still rejected, and no later one was taken.
    fn lasts(&self, app: &App) -> bool {
        let status = if self.is_partial {
            Status::Partial
        } else {
            Status::Rejected
        };
        let dataset = app.dataset(&self.dataset);
        let outcome = dataset.and_then(|dataset| dataset.journal.outcome(self.last_seq));
        !self.is_past && outcome.is_some_and(|outcome| outcome.status == status)
    }
}

fn key(dataset: &str, node: &str, endpoint: &str, is_partial: bool) -> String {
    format!("{dataset}/{node} {endpoint} {is_partial}")
}
