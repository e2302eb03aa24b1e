//! Folds everything again: into new arrays beside the old ones, which then take their place.
//!
//! This is how a retraction, a retry, a mended schema and damaged arrays are dealt with: the journal is read from its
//! beginning. What is done so far survives a crash, because the new arrays are folded like any others.

mod fingerprint;
mod turns;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use zarr_fuse_journal::{
    Entry, Header, Journal, JournalError, Kind, Waiting, is_even_if,
    outcome::{Outcome, Status},
};
use zarr_fuse_schemas::{Node as NodeSchema, to_usize};
use zarr_fuse_store::{Store, hexadecimal, keys};

use sha2::{Digest as _, Sha256};

pub use self::turns::Turns;
use crate::commit::{self, CommitError, Old, Replacement, Settled, Stage};
use crate::fold::{self, FoldError, Folded, SetAside, Tries};
use crate::node::{Node, chunk_cache};

/// Payload bytes folded at once.
const MAX_BATCH_BYTES: u64 = 32 << 20;
/// Contributions folded at once.
const MAX_BATCH: usize = 65_536;
/// Decoded chunks of new arrays kept in memory.
const CACHE_BYTES: u64 = 64 << 20;

/// What is done about what becomes of contributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcomes {
    /// Where it differs from what the journal says, it is kept beside the new arrays.
    Kept(Losses),
    /// Nothing: the arrays are for comparison only.
    Dropped,
}

/// Whether contributions that were merged may be rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Losses {
    /// Not one: [`FoldError::WouldReject`].
    Refused,
    /// If it must be.
    Taken,
}

impl Losses {
    /// Taken if somebody has said so.
    pub fn taken_if(even_if: bool) -> Self {
        if even_if { Self::Taken } else { Self::Refused }
    }
}

/// Folder beside new arrays with what became of contributions.
const OUTCOMES: &str = "staging/outcomes";

/// What folding again did.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Contributions folded.
    pub n_contributions: u64,
    /// Contributions there are to fold.
    pub n_all: u64,
    /// Rows that took part.
    pub n_rows: u64,
    /// Contributions rejected as a whole.
    pub n_rejected: u64,
}

/// Where a node's journal and schema come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// What arrived.
    pub journal: &'a Journal,
    /// The node.
    pub schema: &'a Arc<NodeSchema>,
}

/// Folds what counts for `scratch` up to contribution `seq` into it, from where it stands, as `tries` say; calls `tell` after each batch.
///
/// # Errors
/// [`FoldError`] names the step; going on with the recovered node does not repeat what is done.
pub(crate) async fn fold_into(
    scratch: Settled,
    origin: Origin<'_>,
    seq: u64,
    outcomes: Outcomes,
    tries: &mut Tries,
    tell: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(Settled, Progress), FoldError> {
    let Origin { journal, schema } = origin;
    let path = &schema.path;
    let node = Arc::clone(scratch.node());
    let mut held = Some(scratch);
    let mut rest: VecDeque<(u64, u64)> = journal.counting(path, node.folded_seq(), seq).into();
    let retried = retried(journal, path, seq);
    let mut progress = Progress {
        n_all: rest.len() as u64,
        ..Progress::default()
    };
    while let Some((first, _)) = rest.front().copied() {
        let to_try = match outcomes {
            Outcomes::Kept(_) => journal.to_try(path, first),
            Outcomes::Dropped => None,
        };
        let is_retried = |seq| retried.contains(&seq);
        let n_bytes = |n: usize| rest.iter().take(n).map(|(_, n_bytes)| n_bytes).sum::<u64>();
        // A contribution that was set aside is tried alone.
        let most = rest.iter().take(MAX_BATCH);
        let most = most.take_while(|(seq, _)| !is_retried(*seq)).count();
        let mut n = to_try
            .unwrap_or(MAX_BATCH)
            .min(tries.n_at_most())
            .min(most)
            .max(1);
        while n > 1 && n_bytes(n) > MAX_BATCH_BYTES {
            n -= n.div_ceil(8);
        }
        let is_trial = to_try.is_some() || is_retried(first);
        let batch = rest.iter().take(n);
        let batch: Vec<Entry> = batch
            .filter_map(|(seq, _)| journal.frame_at(*seq))
            .collect();
        let seqs: Vec<u64> = batch.iter().map(|entry| entry.header.seq).collect();
        if is_trial {
            journal.begin_trial(path, &seqs).await?;
        }
        let settled = match held.take() {
            Some(settled) => settled,
            None => settled_again(&node).await?,
        };
        let to = (seq, outcomes);
        let once = fold_batch(settled, origin, batch, to, &retried, tries);
        let once = AssertUnwindSafe(once).catch_unwind().await;
        if is_trial {
            journal.end_trial(path, &seqs).await?;
        }
        let folded = match once {
            Ok(folded) => {
                let (settled, folded) = folded?;
                held = Some(settled);
                folded
            }
            Err(panic) if tries.is_writing => {
                return Err(FoldError::Culprits(tries.culprits(&*panic)));
            }
            Err(panic) => {
                tries.panicked(&*panic)?;
                continue;
            }
        };
        rest.drain(
            ..rest
                .iter()
                .take_while(|(seq, _)| *seq <= folded.seq)
                .count(),
        );
        progress.n_contributions += folded.n_contributions as u64;
        progress.n_rows += folded.n_rows;
        progress.n_rejected += folded.n_rejected as u64;
        tell(progress);
    }
    let settled = match held {
        Some(settled) => settled,
        None => settled_again(&node).await?,
    };
    Ok((settled, progress))
}

/// A node that a panic left before anything was written.
async fn settled_again(node: &Arc<Node>) -> Result<Settled, FoldError> {
    let suspect = |_| FoldError::Fault("new arrays were left half written".to_owned());
    commit::take(node).await.map_err(suspect)
}

/// Folds the first contributions of a batch, as many as are merged at once.
async fn fold_batch(
    scratch: Settled,
    origin: Origin<'_>,
    batch: Vec<Entry>,
    (seq, outcomes): (u64, Outcomes),
    retried: &BTreeSet<u64>,
    tries: &mut Tries,
) -> Result<(Settled, Folded), FoldError> {
    let Origin { journal, schema } = origin;
    let beside = scratch.node().store.clone();
    // What a former try has announced is what is known, though it does not count yet.
    let former: HashMap<u64, Option<Arc<Outcome>>> = batch
        .iter()
        .map(|entry| entry.header.seq)
        .map(|seq| (seq, journal.coming_outcome(seq)))
        .collect();
    let former = |seq: u64| former.get(&seq).and_then(Option::as_deref);
    let admission = |seq| Outcome::admission(former(seq));
    let aside = |seq| {
        let ended = journal.n_ended(&schema.path, seq).map(SetAside::Ended);
        let before = former(seq).filter(|former| former.set_aside && !retried.contains(&seq));
        let before = before.and_then(|former| former.problems.first());
        let before = before.map(|problem| SetAside::Before(problem.reason.clone()));
        ended.or(before).or_else(|| tries.aside(seq))
    };
    let waiting: Vec<Waiting> = batch.into_iter().map(|entry| entry.header.into()).collect();
    let meant = (schema, seq);
    let (prepared, _share) = fold::prepare(journal, &waiting, meant, admission, aside).await?;
    let last_seq = prepared.last().map_or(0, |last| last.seq);
    tries.merge(waiting.iter().take(prepared.len()));
    let (written, found) = fold::write(scratch, prepared, last_seq, tries).await?;
    let folded = Folded::of(last_seq, &found);
    if let Outcomes::Kept(losses) = outcomes {
        if losses == Losses::Refused {
            refuse_losses(&found, |seq| journal.outcome(*seq))?;
        }
        let changed: Vec<&(u64, Outcome)> = found
            .iter()
            .filter(|(seq, outcome)| former(*seq).is_none_or(|former| former.differs(outcome)))
            .collect();
        if !changed.is_empty() {
            let key = keys::join(OUTCOMES, &format!("{last_seq:020}.json"));
            let json = serde_json::to_vec(&changed).expect("outcomes have only string keys");
            beside.put(&key, json).await.map_err(JournalError::from)?;
        }
    }
    Ok((commit::publish(written).await?, folded))
}

/// Contributions of a node that requests up to `seq` ask to be tried again.
fn retried(journal: &Journal, path: &str, seq: u64) -> BTreeSet<u64> {
    let asked = journal.open_corrections(path, seq).into_iter();
    let retries = asked.filter(|asked| asked.kind == Kind::Retry);
    retries.filter_map(|asked| asked.target).collect()
}

/// Fails if a contribution was merged and is rejected now.
fn refuse_losses(
    found: &[(u64, Outcome)],
    former: impl Fn(&u64) -> Option<Arc<Outcome>>,
) -> Result<(), FoldError> {
    let is_in = |outcome: Arc<Outcome>| matches!(outcome.status, Status::Merged | Status::Partial);
    let lost = found.iter().find(|(seq, outcome)| {
        outcome.status == Status::Rejected && former(seq).is_some_and(is_in)
    });
    lost.map_or(Ok(()), |(seq, outcome)| {
        let problem = outcome.problems.first();
        Err(FoldError::WouldReject {
            seq: *seq,
            reason: problem.map_or_else(String::new, |problem| problem.reason.clone()),
        })
    })
}

/// What became of contributions, as it is kept beside new arrays.
async fn kept_outcomes(beside: &Store) -> Result<Vec<Vec<(u64, Outcome)>>, FoldError> {
    let mut all = Vec::new();
    for key in beside
        .list(OUTCOMES, None)
        .await
        .map_err(JournalError::from)?
    {
        let bytes = beside.get(&key).await.map_err(JournalError::from)?;
        let kept = serde_json::from_slice(&bytes.unwrap_or_default());
        all.push(kept.map_err(|error| JournalError::Outcomes {
            key,
            source: error.into(),
        })?);
    }
    Ok(all)
}

/// Writes the arrays of a node up to contribution `seq` anew and puts them in place of the old ones; gives the node back if
/// the old ones are open. What a former try has done is not done again.
///
/// # Errors
/// [`FoldError::WouldReject`] if that is so and `losses` are refused; nothing has changed then. Else [`FoldError`] names the
/// step; calling again goes on.
pub async fn rebuild(
    store: &Store,
    origin: Origin<'_>,
    seq: u64,
    old: Old<'_>,
    losses: Losses,
    tell: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(Option<Settled>, Progress), FoldError> {
    let stage = Stage::in_folder(store, seq, folder(origin, seq))?;
    discard_others(store, stage.folder(), origin).await?;
    let mut tries = Tries::at_most(MAX_BATCH);
    let (scratch, progress) = loop {
        let beside = commit::recover(&store.below(stage.folder())).await?;
        let schema = Arc::clone(origin.schema);
        let scratch = beside.open(schema, chunk_cache(CACHE_BYTES)).await?;
        // A former try may have ended amid a commit.
        scratch.node().suspect_until(seq);
        let kept = Outcomes::Kept(losses);
        match fold_into(scratch, origin, seq, kept, &mut tries, tell).await {
            Err(refused @ FoldError::WouldReject { .. }) => {
                discard(store, &stage).await?;
                return Err(refused);
            }
            Err(FoldError::Culprits(culprits)) if !culprits.is_empty() => {
                tries.without(&culprits);
                // What they have written so far is in the new arrays: they are begun again.
                discard(store, &stage).await?;
            }
            folded => break folded?,
        }
    };
    let journal = origin.journal;
    let path = &origin.schema.path;
    // From here on there is no way back.
    for outcomes in kept_outcomes(&store.below(stage.folder())).await? {
        journal.announce_outcomes(path, seq, outcomes).await?;
    }
    let corrections = journal.open_corrections(path, seq);
    let outcomes = corrected(journal, &corrections, seq);
    journal.announce_outcomes(path, seq, outcomes).await?;
    journal.still_ours().await?;
    let replacement = Replacement {
        node: scratch,
        stage,
        folded_seq: seq,
    };
    let settled = commit::replace(store, replacement, old).await?;
    journal.settle(path, seq);
    Ok((settled, progress))
}

/// Removes the new arrays written so far.
async fn discard(store: &Store, stage: &Stage) -> Result<(), CommitError> {
    commit::delete_all(store, store.list(stage.folder(), None).await?).await
}

/// Folds a node of a running dataset again, up to contribution `last_seq`, because of `corrections`. One that would reject
/// what was merged is refused, unless it says that it is to be done even so; the others are done.
///
/// # Errors
/// As [`rebuild`], but nothing would be rejected.
pub async fn refold(
    settled: Settled,
    journal: &Journal,
    corrections: &[Arc<Header>],
    last_seq: u64,
) -> Result<Folded, FoldError> {
    let node = Arc::clone(settled.node());
    let path = &node.schema.path;
    journal.still_ours().await?;
    tracing::info!(
        node.path = path,
        n_corrections = corrections.len(),
        "Folding `{path}` again from the beginning"
    );
    let folded = correct(settled, journal, corrections, last_seq).await;
    let (Err(FoldError::WouldReject { .. }), Some(first)) = (&folded, corrections.first()) else {
        return folded;
    };
    // Whose fault it is shows when the first is done alone. Nothing was written, so that the node is settled.
    let folded = match commit::take(&node).await {
        Ok(settled) if corrections.len() > 1 => {
            correct(settled, journal, std::slice::from_ref(first), first.seq).await
        }
        _ => folded,
    };
    match folded {
        Err(error @ FoldError::WouldReject { .. }) => {
            let reason = error.to_string();
            tracing::warn!(
                node.path = path,
                "A correction of `{path}` was not done: {reason}"
            );
            journal
                .refuse(path, std::slice::from_ref(first), &reason)
                .await?;
            Ok(Folded {
                seq: node.folded_seq(),
                n_contributions: 0,
                n_rejected: 0,
                n_rows: 0,
            })
        }
        folded => folded,
    }
}

/// Folds a node again up to `seq`, as these corrections say.
async fn correct(
    settled: Settled,
    journal: &Journal,
    corrections: &[Arc<Header>],
    seq: u64,
) -> Result<Folded, FoldError> {
    let node = Arc::clone(settled.node());
    let origin = Origin {
        journal,
        schema: &node.schema,
    };
    let losses = Losses::taken_if(corrections.iter().all(|one| is_even_if(one)));
    let old = Old::Open(settled);
    let (_settled, progress) = rebuild(&node.store, origin, seq, old, losses, &|_| {}).await?;
    Ok(Folded {
        seq,
        n_contributions: to_usize(progress.n_contributions),
        n_rejected: to_usize(progress.n_rejected),
        n_rows: progress.n_rows,
    })
}

/// Outcomes of corrections, and of the contributions that they retract.
pub fn corrected(journal: &Journal, corrections: &[Arc<Header>], seq: u64) -> Vec<(u64, Outcome)> {
    let mut outcomes = Vec::new();
    for correction in corrections {
        let outcome = match (correction.kind, correction.target) {
            (Kind::Retract, Some(target)) if journal.is_retracted(target, seq) => {
                let outcome = Outcome::retracted(correction, seq);
                outcomes.push((target, outcome.clone()));
                outcome
            }
            (_, Some(target)) => journal
                .coming_outcome(target)
                .map_or_else(|| Outcome::rebuilt(seq), |outcome| outcome.as_ref().clone()),
            (_, None) => Outcome::rebuilt(seq),
        };
        outcomes.push((correction.seq, outcome));
    }
    outcomes.sort_by_key(|(seq, _)| *seq);
    outcomes
}

/// Where new arrays are written: of the same node, schema, program, retractions and changes of what contributions mean in
/// the same folder, so that a try that was interrupted is gone on with only if it would come to the same arrays.
fn folder(origin: Origin<'_>, seq: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(fingerprint::of(origin.schema).to_string());
    for retracted in origin.journal.retracted(&origin.schema.path, seq) {
        hash.update(retracted.to_le_bytes());
    }
    for (redefined, definition) in origin.journal.redefined(&origin.schema.path, seq) {
        hash.update(redefined.to_le_bytes());
        hash.update(definition.to_string());
    }
    let mark = hexadecimal(&hash.finalize()[..8]);
    format!("{}{mark}", commit::rebuild_prefix(&origin.schema.path))
}

/// Removes what tries of other schemas or retractions have left for the same node.
async fn discard_others(
    store: &Store,
    folder: &str,
    origin: Origin<'_>,
) -> Result<(), CommitError> {
    let all = store.list(commit::REBUILD, None).await?;
    let of_node = commit::rebuild_prefix(&origin.schema.path);
    let ours = format!("{folder}/");
    let stale = all
        .into_iter()
        .filter(|key| key.starts_with(&of_node) && !key.starts_with(&ours));
    commit::delete_all(store, stale.collect()).await
}
