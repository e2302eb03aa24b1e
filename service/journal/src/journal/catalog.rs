//! What arrived and what became of it, by sequence number, id and idempotency key. A cache: rebuilt from the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use zarr_fuse_schemas::to_usize;

use super::correction::{Assumption, Reinterpretation};
use super::definition::DefinitionId;
use super::segment::{Header, Kind};
use crate::outcome::{Outcome, Status};

mod row;
use row::{Name, Names, Row, Settled};

/// One frame of the journal, and what became of it.
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
    names: Names,
    /// In sequence order, from 1.
    rows: Vec<Row>,
    seq_of_id: HashMap<Uuid, u64>,
    /// Endpoint and key → contribution, and since when it is known.
    seq_of_key: HashMap<(Name, Box<str>), (u64, DateTime<Utc>)>,
    /// The latest time of arrival so far. A clock that is set back does not make keys older.
    latest: Option<DateTime<Utc>>,
    /// Contribution → requests to retract or retry it, in order.
    corrections: HashMap<u64, Vec<(u64, Kind)>>,
    /// Corrections that have no outcome yet.
    open: BTreeSet<u64>,
    /// Kind of frame, contributions excepted → the newest.
    last_of: HashMap<Kind, u64>,
    nodes: HashMap<Name, Given>,
    /// What contributions without a definition are taken to mean, with the frames that say so.
    assumed: Vec<(u64, Assumption)>,
    /// Frames by which earlier contributions to a node mean something else.
    reinterpreted: Vec<(u64, Name, Reinterpretation)>,
}

/// What a node was given so far.
#[derive(Debug, Default)]
struct Given {
    n_by_status: BTreeMap<Status, u64>,
    last_arrival: Option<DateTime<Utc>>,
}

impl Catalog {
    /// Adds the next frame; its sequence number is one more than the last.
    pub(super) fn insert(&mut self, header: &Header, segment: u64) {
        debug_assert_eq!(header.seq, self.last_seq() + 1, "frames come in order");
        let row = Row::new(header, segment, &mut self.names);
        let seq = header.seq;
        if header.kind == Kind::Contribution {
            self.seq_of_id.insert(header.id, seq);
            self.latest = self.latest.max(Some(header.received_at));
            if let Some(key) = header.idempotency_key.as_deref() {
                let since = self.latest.unwrap_or(header.received_at);
                self.seq_of_key
                    .insert((row.endpoint, key.into()), (seq, since));
            }
            let given = self.nodes.entry(row.node).or_default();
            *given.n_by_status.entry(Status::Journaled).or_default() += 1;
            given.last_arrival = given.last_arrival.max(Some(header.received_at));
        } else {
            self.last_of.insert(header.kind, seq);
            // One that cannot be read says nothing.
            match header.kind {
                Kind::Assumed => {
                    let assumption = Assumption::of(&header.variables);
                    self.assumed.extend(assumption.map(|found| (seq, found)));
                }
                Kind::Reinterpret => {
                    let found = Reinterpretation::of(&header.variables);
                    self.reinterpreted
                        .extend(found.map(|found| (seq, row.node, found)));
                }
                _ => {}
            }
            if header.kind.concerns_fold() {
                self.open.insert(seq);
            }
            if let Some(target) = header.target {
                let corrections = self.corrections.entry(target).or_default();
                corrections.push((seq, header.kind));
            }
        }
        self.rows.push(row);
    }

    /// Whether a frame has its payload in the object with this hash.
    pub(super) fn names_blob(&self, sha256: &str) -> bool {
        self.rows.iter().any(|row| row.names_blob(sha256))
    }

    /// Notes what became of a frame, instead of what was noted before.
    pub(super) fn settle(&mut self, seq: u64, outcome: &Outcome) {
        let Some(place) = place(seq).filter(|place| *place < self.rows.len()) else {
            return;
        };
        let row = &mut self.rows[place];
        if row.kind == Kind::Contribution {
            let given = self.nodes.entry(row.node).or_default();
            if let Some(n) = given.n_by_status.get_mut(&row.status()) {
                *n -= 1;
            }
            *given.n_by_status.entry(outcome.status).or_default() += 1;
            given.n_by_status.retain(|_, n| *n > 0);
        } else {
            self.open.remove(&seq);
        }
        row.settled = Some(Settled::from(outcome));
    }

    /// The newest sequence number.
    pub(super) fn last_seq(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The end of the segment that frame `seq` lies in, or the newest sequence number if there is no such frame.
    pub(super) fn segment_end(&self, seq: u64) -> u64 {
        let Some(row) = self.row(seq) else {
            return self.last_seq();
        };
        let rest = self
            .after(seq)
            .take_while(|(_, next)| next.segment == row.segment);
        seq + rest.count() as u64
    }

    fn row(&self, seq: u64) -> Option<&Row> {
        self.rows.get(place(seq)?)
    }

    pub(super) fn get(&self, seq: u64) -> Option<Entry> {
        let row = self.row(seq)?;
        Some(Entry {
            header: Arc::new(row.header(seq, &self.names)),
            segment: row.segment,
            outcome: row.settled.as_ref().map(|settled| Arc::new(settled.into())),
        })
    }

    pub(super) fn outcome(&self, seq: u64) -> Option<Outcome> {
        Some(self.row(seq)?.settled.as_ref()?.into())
    }

    pub(super) fn status(&self, seq: u64) -> Option<Status> {
        self.row(seq).map(Row::status)
    }

    /// Whether frame `seq` is for `node`.
    pub(super) fn is_for(&self, seq: u64, node: &str) -> bool {
        let row = self.row(seq);
        row.is_some_and(|row| self.names.find(node) == Some(row.node))
    }

    /// Whether contribution `seq` is retracted by what the journal says up to `as_of`.
    pub(super) fn is_retracted(&self, seq: u64, as_of: u64) -> bool {
        let last = self.corrections_of(seq, as_of).last();
        last.is_some_and(|(_, kind)| kind == Kind::Retract)
    }

    /// The corrections of contribution `seq` that count by what the journal says up to `as_of`, in order.
    fn corrections_of(&self, seq: u64, as_of: u64) -> impl Iterator<Item = (u64, Kind)> {
        let corrections = self.corrections.get(&seq).into_iter().flatten().copied();
        corrections
            .take_while(move |(at, _)| *at <= as_of)
            .filter(|(at, _)| !self.is_refused(*at))
    }

    /// Whether frame `seq` is a correction that was refused.
    pub(super) fn is_refused(&self, seq: u64) -> bool {
        self.row(seq).is_some_and(Row::is_refused)
    }

    /// What contribution `seq` means by what the journal says up to `as_of`: what the last retry or reinterpretation says,
    /// else its own frame, else what is assumed. `None`: nobody has said.
    pub(super) fn definition(&self, seq: u64, as_of: u64) -> Option<DefinitionId> {
        let row = self.row(seq)?;
        let retried = self
            .corrections_of(seq, as_of)
            .filter(|(_, kind)| *kind == Kind::Retry)
            .filter_map(|(at, _)| Some((at, self.row(at)?.definition(&self.names)?)))
            .last();
        let reinterpreted = self
            .reinterpreted
            .iter()
            .take_while(|(at, ..)| *at <= as_of)
            .filter(|(at, node, found)| {
                *node == row.node && (found.from..*at).contains(&seq) && !self.is_refused(*at)
            })
            .filter_map(|(at, _, found)| {
                let endpoint = self.names.text(row.endpoint);
                Some((*at, *found.definitions.get(&endpoint)?))
            })
            .last();
        let said = retried.into_iter().chain(reinterpreted);
        said.max_by_key(|(at, _)| *at)
            .map(|(_, definition)| definition)
            .or_else(|| row.definition(&self.names))
            .or_else(|| self.assumed(seq).map(|(_, definition)| definition))
    }

    /// Contributions to `node` that by what the journal says up to `as_of` mean something else than their own frames say.
    pub(super) fn redefined(&self, node: &str, as_of: u64) -> Vec<(u64, DefinitionId)> {
        let node = self.names.find(node);
        let rows = self.after(0).take_while(|(seq, _)| *seq <= as_of);
        rows.filter(|(_, row)| row.kind == Kind::Contribution && Some(row.node) == node)
            .filter_map(|(seq, row)| {
                let definition = self.definition(seq, as_of)?;
                (row.definition(&self.names) != Some(definition)).then_some((seq, definition))
            })
            .collect()
    }

    /// Takes contributions without a definition to mean this, without a frame that says so.
    pub(super) fn assume(&mut self, assumption: Assumption) {
        self.assumed.push((0, assumption));
    }

    /// What is assumed that contribution `seq`, which names no definition, means, and the frame that says so.
    pub(super) fn assumed(&self, seq: u64) -> Option<(u64, DefinitionId)> {
        let row = self.row(seq).filter(|row| row.is_undefined())?;
        let endpoint = self.names.text(row.endpoint);
        self.assumed.iter().find_map(|(at, found)| {
            let definition = found.definitions.get(&endpoint)?;
            (seq <= found.through).then_some((*at, *definition))
        })
    }

    /// The endpoints of contributions of which nobody has said what they mean, with the first of them, by node if one is
    /// given.
    pub(super) fn undefined(&self, node: Option<&str>) -> BTreeMap<String, u64> {
        let mut first = BTreeMap::new();
        let mut known = HashSet::new();
        let node = node.map(|node| self.names.find(node));
        for (seq, row) in self.after(0) {
            let is_old = row.kind == Kind::Contribution && row.is_undefined();
            if !is_old || node.is_some_and(|node| node != Some(row.node)) {
                continue;
            }
            // The first one of an endpoint tells: assumptions reach to the last.
            if known.insert(row.endpoint) && self.assumed(seq).is_none() {
                first.insert(self.names.text(row.endpoint), seq);
            }
        }
        first
    }

    /// The contributions to `node` that are retracted by what the journal says up to `as_of`.
    pub(super) fn retracted(&self, node: &str, as_of: u64) -> Vec<u64> {
        let mut retracted: Vec<u64> = self
            .corrections
            .keys()
            .copied()
            .filter(|seq| self.is_retracted(*seq, as_of) && self.is_for(*seq, node))
            .collect();
        retracted.sort_unstable();
        retracted
    }

    /// Corrections of `node` up to `seq` that have no outcome yet.
    pub(super) fn open_corrections(&self, node: &str, seq: u64) -> Vec<Arc<Header>> {
        let open = self
            .open
            .range(..=seq)
            .filter(|seq| self.is_for(**seq, node));
        open.filter_map(|seq| Some(self.get(*seq)?.header))
            .collect()
    }

    /// The newest frame of one of these kinds.
    pub(super) fn last_of(&self, kinds: &[Kind]) -> Option<Entry> {
        let seq = kinds.iter().filter_map(|kind| self.last_of.get(kind)).max();
        self.get(*seq?)
    }

    pub(super) fn by_id(&self, id: Uuid) -> Option<Entry> {
        self.get(*self.seq_of_id.get(&id)?)
    }

    /// The contribution that bears a key, and since when it is known, by the latest clock so far.
    pub(super) fn by_key(&self, endpoint: &str, key: &str) -> Option<(Entry, DateTime<Utc>)> {
        let endpoint = self.names.find(endpoint)?;
        let (seq, since) = self.seq_of_key.get(&(endpoint, key.into()))?;
        Some((self.get(*seq)?, *since))
    }

    /// Frames that the fold of `node` has to do something about, after `seq`, oldest first.
    pub(super) fn for_fold(&self, node: &str, seq: u64) -> Vec<Arc<Header>> {
        let Some(node) = self.names.find(node) else {
            return Vec::new();
        };
        let after = self.after(seq);
        after
            .filter(|(_, row)| row.kind.concerns_fold() && row.node == node)
            .map(|(seq, row)| Arc::new(row.header(seq, &self.names)))
            .collect()
    }

    /// The contributions to `node` that count after `after` and up to `as_of`, with their sizes, oldest first.
    pub(super) fn counting(&self, node: &str, after: u64, as_of: u64) -> Vec<(u64, u64)> {
        let Some(node) = self.names.find(node) else {
            return Vec::new();
        };
        let rows = self.after(after).take_while(|(seq, _)| *seq <= as_of);
        rows.filter(|(_, row)| row.kind == Kind::Contribution && row.node == node)
            .filter(|(seq, _)| !self.is_retracted(*seq, as_of))
            .map(|(seq, row)| (seq, row.n_bytes))
            .collect()
    }

    /// Sequence number, kind and state of the frames after `after` up to `through`, all or those for `node`, oldest first.
    pub(super) fn states(
        &self,
        node: Option<&str>,
        after: u64,
        through: u64,
    ) -> Vec<(u64, Kind, Status)> {
        let name = node.map(|node| self.names.find(node));
        let rows = self.after(after).take_while(|(seq, _)| *seq <= through);
        rows.filter(|(_, row)| name.is_none_or(|name| name == Some(row.node)))
            .map(|(seq, row)| (seq, row.kind, row.status()))
            .collect()
    }

    fn after(&self, seq: u64) -> impl Iterator<Item = (u64, &Row)> {
        let rows = self.rows.iter().enumerate().skip(to_usize(seq));
        rows.map(|(place, row)| (place as u64 + 1, row))
    }

    pub(super) fn list(&self, filter: &Filter) -> Vec<Entry> {
        let end = filter.before.map_or(self.rows.len(), |before| {
            to_usize(before.saturating_sub(1)).min(self.rows.len())
        });
        // A name that nothing bears lets nothing through.
        let name = |name: &Option<String>| match name {
            None => Some(None),
            Some(name) => self.names.find(name).map(Some),
        };
        let (Some(node), Some(endpoint)) = (name(&filter.node), name(&filter.endpoint)) else {
            return Vec::new();
        };
        let rows = self.rows[..end].iter().enumerate().rev();
        rows.filter(|(_, row)| row.kind == Kind::Contribution)
            .filter(|(_, row)| filter.status.is_none_or(|status| status == row.status()))
            .filter(|(_, row)| node.is_none_or(|node| node == row.node))
            .filter(|(_, row)| endpoint.is_none_or(|endpoint| endpoint == row.endpoint))
            .take(filter.limit)
            .filter_map(|(place, _)| self.get(place as u64 + 1))
            .collect()
    }

    /// The endpoints that contributions to `node` from `from` on came through, and whether it was the one that the dataset
    /// had by its name of the day.
    pub(super) fn endpoints(&self, node: &str, from: u64) -> BTreeMap<String, bool> {
        let node = self.names.find(node);
        let rows = self.after(from.saturating_sub(1));
        let mut found: HashMap<Name, bool> = HashMap::new();
        for (_, row) in rows {
            if row.kind == Kind::Contribution && Some(row.node) == node {
                *found.entry(row.endpoint).or_default() |= row.is_through_own();
            }
        }
        let named = found.into_iter();
        named
            .map(|(name, is_own)| (self.names.text(name), is_own))
            .collect()
    }

    /// The first contribution that arrived at `time` or later.
    pub(super) fn first_since(&self, time: DateTime<Utc>) -> Option<u64> {
        let mut rows = self.after(0);
        let found = rows.find(|(_, row)| row.kind == Kind::Contribution && row.received_at >= time);
        found.map(|(seq, _)| seq)
    }

    pub(super) fn counts(&self, node: &str) -> BTreeMap<Status, u64> {
        let given = self.given(node);
        given
            .map(|given| given.n_by_status.clone())
            .unwrap_or_default()
    }

    pub(super) fn last_arrival(&self, node: &str) -> Option<DateTime<Utc>> {
        self.given(node)?.last_arrival
    }

    fn given(&self, node: &str) -> Option<&Given> {
        self.nodes.get(&self.names.find(node)?)
    }
}

/// Where frame `seq` lies among the rows.
fn place(seq: u64) -> Option<usize> {
    usize::try_from(seq).ok()?.checked_sub(1)
}
