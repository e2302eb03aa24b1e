//! Finds out what happened, by looking at what journals, folds and collectors tell of themselves.
//!
//! Whoever appends or folds never waits for this. What happens in quick succession is looked at together, and what is too
//! much to be told one by one is told in one event.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::TryRecvError;
use tokio_util::sync::CancellationToken;
use zarr_fuse_fusion::{dataset::Dataset, fold::Folded};
use zarr_fuse_journal::{Entry, Kind, outcome::Status};

use super::kinds::{self, Commit, Contribution, Contributions, Event, RunState};
use super::{Events, problems};
use crate::collect::Collecting;
use crate::slot::Slot;

/// Shortest time between two looks at a dataset.
const PAUSE: Duration = Duration::from_millis(100);
/// How often collectors are looked at.
const COLLECTORS: Duration = Duration::from_millis(500);
/// How often it is asked what is wrong.
const PROBLEMS: Duration = Duration::from_secs(1);
/// Contributions of one look that are told one by one.
const MAX_SINGLE: usize = 50;

/// Follows a dataset until `stop`, from what it is when this is called.
pub(crate) fn follow(
    events: Arc<Events>,
    dataset: Arc<Dataset>,
    stop: CancellationToken,
) -> impl Future<Output = ()> + Send {
    let mut looks = Looks::new(&dataset);
    let mut arrivals = dataset.journal.arrivals();
    let mut commits = dataset.each_commit();
    let mut problems = problems::Seen::default();
    async move {
        let mut looked = tokio::time::Instant::now();
        loop {
            let mut folded = Vec::new();
            tokio::select! {
                () = stop.cancelled() => return problems.forget(&events),
                arrived = arrivals.changed() => if arrived.is_err() { return },
                commit = commits.recv() => folded.extend(commit),
                () = tokio::time::sleep_until(looked + PROBLEMS) => {}
            }
            loop {
                match commits.try_recv() {
                    Ok(commit) => folded.push(commit),
                    Err(TryRecvError::Lagged(_)) => {}
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            // What is committed has arrived, so that this order tells first things first.
            looks.arrived(&events, &dataset);
            for (node, folded) in folded {
                for entry in looks.folded(&events, &dataset, &node, folded) {
                    problems.rejected(&events, &dataset, &entry);
                }
            }
            if looked.elapsed() >= PROBLEMS {
                looked = tokio::time::Instant::now();
                problems.look(&events, &dataset);
            }
            tokio::select! {
                () = stop.cancelled() => return problems.forget(&events),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }
}

/// What has been looked at.
struct Looks {
    /// The newest frame.
    seq: u64,
    /// By node: the newest frame that is folded.
    folded: HashMap<String, u64>,
    /// Corrections that are not folded, with what they correct.
    corrections: Vec<(u64, u64)>,
}

impl Looks {
    fn new(dataset: &Dataset) -> Self {
        let nodes = dataset.nodes.iter();
        Self {
            seq: dataset.journal.last_seq(),
            folded: nodes
                .map(|(path, node)| (path.clone(), node.folded_seq()))
                .collect(),
            corrections: Vec::new(),
        }
    }

    /// Tells of what has become durable.
    fn arrived(&mut self, events: &Events, dataset: &Dataset) {
        let journal = &dataset.journal;
        let last_seq = journal.last_seq();
        let states = journal.states(None, self.seq, last_seq);
        let (contributions, others): (Vec<_>, Vec<_>) = states
            .into_iter()
            .partition(|(_, kind, _)| *kind == Kind::Contribution);
        self.seq = last_seq;
        for (seq, ..) in others {
            let target = journal.frame_at(seq).and_then(|entry| entry.header.target);
            self.corrections.extend(target.map(|target| (seq, target)));
        }
        let (Some((first_seq, ..)), Some((last_seq, ..))) =
            (contributions.first(), contributions.last())
        else {
            return;
        };
        if contributions.len() > MAX_SINGLE {
            events.publish(&Event::Contributions(Contributions {
                dataset: dataset.name.clone(),
                n: contributions.len() as u64,
                first_seq: *first_seq,
                last_seq: *last_seq,
            }));
            return;
        }
        for (seq, ..) in &contributions {
            if let Some(entry) = journal.frame_at(*seq) {
                let event = Contribution::of(&entry, true);
                events.publish(&Event::Contribution(event));
            }
        }
    }

    /// Tells of a commit and of the contributions in it; gives those of them that were rejected.
    fn folded(
        &mut self,
        events: &Events,
        dataset: &Dataset,
        node: &str,
        folded: Folded,
    ) -> Vec<Entry> {
        let journal = &dataset.journal;
        let since = self.folded.insert(node.to_owned(), folded.seq);
        let since = since.unwrap_or(0);
        let mut settled = Vec::new();
        for (seq, kind, status) in journal.states(Some(node), since, folded.seq) {
            if kind == Kind::Contribution {
                settled.push((seq, status));
            }
        }
        // Of many, those are told one by one that need to be looked at.
        if settled.len() > MAX_SINGLE {
            settled.retain(|(_, status)| matches!(status, Status::Rejected | Status::Partial));
            settled.truncate(MAX_SINGLE);
        }
        let corrected = self.corrections.extract_if(.., |(seq, target)| {
            *seq <= folded.seq && journal.node_of(*target).as_deref() == Some(node)
        });
        let settled = settled.into_iter().map(|(seq, _)| seq);
        let settled: Vec<u64> = settled.chain(corrected.map(|(_, target)| target)).collect();
        let mut rejected = Vec::new();
        for seq in settled {
            let Some(entry) = journal.frame_at(seq) else {
                continue;
            };
            let event = Contribution::of(&entry, false);
            events.publish(&Event::Contribution(event));
            if entry.status() == Status::Rejected {
                rejected.push(entry);
            }
        }
        events.publish(&Event::Commit(Commit {
            dataset: dataset.name.clone(),
            node: node.to_owned(),
            folded_seq: folded.seq,
            n_contributions: folded.n_contributions as u64,
            n_rows: folded.n_rows,
            n_rejected: folded.n_rejected as u64,
        }));
        rejected
    }
}

/// Follows whether a dataset is open, until `stop`.
pub(crate) async fn follow_slot(events: Arc<Events>, slot: Arc<Slot>, stop: CancellationToken) {
    let mut changes = slot.changes();
    let mut problems = problems::Seen::default();
    loop {
        problems.slot(&events, &slot);
        tokio::select! {
            () = stop.cancelled() => return problems.forget(&events),
            gone = changes.changed() => if gone.is_err() { return },
        }
    }
}

/// Follows a collector until `stop`.
pub(crate) async fn follow_collector(
    events: Arc<Events>,
    collecting: Arc<Collecting>,
    stop: CancellationToken,
) {
    let mut run = Run::default();
    let mut problems = problems::Seen::default();
    let name = collecting.collector.name();
    loop {
        run.look(&events, name, &collecting);
        problems.collector(&events, name, &collecting);
        tokio::select! {
            () = stop.cancelled() => return problems.forget(&events),
            () = tokio::time::sleep(COLLECTORS) => {}
        }
    }
}

/// What was told of the runs of a collector.
#[derive(Debug, Default)]
struct Run {
    began: Option<chrono::DateTime<chrono::Utc>>,
    n_runs: u64,
}

impl Run {
    fn look(&mut self, events: &Events, name: &str, collecting: &Collecting) {
        let status = collecting.collector.status();
        let event = |state, at| kinds::Collector {
            name: name.to_owned(),
            dataset: collecting.endpoint.dataset().to_owned(),
            state,
            at,
            is_good: None,
            n_contributed: None,
            n_failed: None,
            error: None,
        };
        let began = |run: &mut Self, at| {
            if run.began != Some(at) {
                run.began = Some(at);
                events.publish(&Event::Collector(event(RunState::Began, at)));
            }
        };
        if let Some(last) = status.last.filter(|_| status.totals.runs > self.n_runs) {
            // A short run may have begun and ended since the last look.
            began(self, last.began);
            self.n_runs = status.totals.runs;
            let is_good = last.is_good();
            events.publish(&Event::Collector(kinds::Collector {
                is_good: Some(is_good),
                n_contributed: Some(last.counts.contributed),
                n_failed: Some(last.counts.failed),
                error: last.errors.first().map(|error| kinds::shortened(error)),
                ..event(RunState::Ended, last.ended)
            }));
        }
        if let Some(since) = status.running_since {
            began(self, since);
        }
    }
}
