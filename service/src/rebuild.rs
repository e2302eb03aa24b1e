//! Folds everything again: into new arrays beside the old ones, which then take their place.
//!
//! This is how a retraction, a retry, a mended schema and damaged arrays are dealt with: the journal is read from its
//! beginning. What is done so far survives a crash, because the new arrays are folded like any others.

mod fingerprint;
mod turns;

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use zarr_fuse_schemas::Node as NodeSchema;

pub use self::turns::Turns;
use crate::array::to_usize;
use crate::commit::{self, CommitError, Old, Replacement, Settled, Stage};
use crate::dataset::Decoders;
use crate::fold::{self, FoldError, Folded};
use crate::journal::{Entry, Header, Journal, Kind, hexadecimal};
use crate::node::chunk_cache;
use crate::outcome::{Outcome, Status};
use crate::store::Store;

/// Payload bytes folded at once.
const MAX_BATCH_BYTES: u64 = 32 << 20;
/// Contributions folded at once.
const MAX_BATCH: usize = 65_536;
/// Decoded chunks of new arrays kept in memory.
const CACHE_BYTES: u64 = 64 << 20;

/// Whether what becomes of contributions is written to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcomes {
    /// Where it differs from what the journal says.
    Written,
    /// Not at all: the arrays are for comparison only.
    Dropped,
}

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

/// Where a node's journal, schema and way of decoding come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// What arrived.
    pub journal: &'a Journal,
    /// How it is decoded.
    pub decoders: &'a Arc<Decoders>,
    /// The node.
    pub schema: &'a Arc<NodeSchema>,
}

/// Folds what counts for `scratch` up to contribution `seq` into it, from where it stands; calls `tell` after each batch.
///
/// # Errors
/// [`FoldError`] names the step; going on with the recovered node does not repeat what is done.
pub async fn fold_into(
    mut scratch: Settled,
    origin: Origin<'_>,
    seq: u64,
    outcomes: Outcomes,
    tell: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(Settled, Progress), FoldError> {
    let Origin {
        journal,
        decoders,
        schema,
    } = origin;
    let counting = journal.counting(&schema.path, scratch.node().folded_seq(), seq);
    let mut progress = Progress {
        n_all: counting.len() as u64,
        ..Progress::default()
    };
    for seqs in batches(counting) {
        let last_seq = seqs.last().copied().unwrap_or_default();
        let batch = seqs.into_iter().filter_map(|seq| journal.frame_at(seq));
        let batch: Vec<Entry> = batch.collect();
        progress.n_contributions += batch.len() as u64;
        // What a former try has announced is what is known, though it does not count yet.
        let known = |entry: &Entry| {
            let seq = entry.header.seq;
            (seq, journal.coming_outcome(seq))
        };
        let former: HashMap<u64, Option<Arc<Outcome>>> = batch.iter().map(known).collect();
        let waiting = batch.into_iter().map(|entry| entry.header.into()).collect();
        let prepared = fold::prepare(journal, waiting, schema, decoders).await?;
        let (written, found) = fold::write(scratch, prepared, last_seq).await?;
        for (_, outcome) in &found {
            progress.n_rows += outcome.n_rows_accepted;
            progress.n_rejected += u64::from(outcome.status == Status::Rejected);
        }
        if outcomes == Outcomes::Written {
            let changed = found.into_iter().filter(|(seq, outcome)| {
                let former = former.get(seq).and_then(Option::as_deref);
                former.is_none_or(|former| former.differs(outcome))
            });
            journal
                .announce_outcomes(&schema.path, seq, changed.collect())
                .await?;
        }
        scratch = commit::publish(written).await?;
        tell(progress);
    }
    Ok((scratch, progress))
}

/// Cuts contributions, given by sequence number and size, into those that are folded at once.
fn batches(counting: Vec<(u64, u64)>) -> Vec<Vec<u64>> {
    let mut batches: Vec<Vec<u64>> = Vec::new();
    let mut n_batch = u64::MAX;
    for (seq, n_bytes) in counting {
        let full = batches.last().is_some_and(|batch| batch.len() >= MAX_BATCH);
        if full || n_batch.saturating_add(n_bytes) > MAX_BATCH_BYTES {
            batches.push(Vec::new());
            n_batch = 0;
        }
        n_batch += n_bytes;
        batches.last_mut().expect("one was pushed").push(seq);
    }
    batches
}

/// Writes the arrays of a node up to contribution `seq` anew and puts them in place of the old ones; gives the node back if
/// the old ones are open. What a former try has done is not done again.
///
/// # Errors
/// [`FoldError`] names the step; calling again goes on.
pub async fn rebuild(
    store: &Store,
    origin: Origin<'_>,
    seq: u64,
    old: Old<'_>,
    tell: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(Option<Settled>, Progress), FoldError> {
    let stage = Stage::in_folder(store, seq, folder(origin, seq))?;
    discard_others(store, stage.folder(), origin).await?;
    let beside = commit::recover(&store.below(stage.folder())).await?;
    let scratch = beside
        .open(Arc::clone(origin.schema), chunk_cache(CACHE_BYTES))
        .await?;
    // A former try may have ended amid a commit.
    scratch.node().suspect_until(seq);
    let (scratch, progress) = fold_into(scratch, origin, seq, Outcomes::Written, tell).await?;
    let journal = origin.journal;
    let path = &origin.schema.path;
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

/// Folds a node of a running dataset again, up to contribution `last_seq`, because of `corrections`.
///
/// # Errors
/// As [`rebuild`].
pub async fn refold(
    settled: Settled,
    journal: &Journal,
    decoders: &Arc<Decoders>,
    corrections: &[Arc<Header>],
    last_seq: u64,
) -> Result<Folded, FoldError> {
    let node = Arc::clone(settled.node());
    let path = &node.schema.path;
    journal.still_ours().await?;
    let origin = Origin {
        journal,
        decoders,
        schema: &node.schema,
    };
    tracing::info!(
        node.path = path,
        n_corrections = corrections.len(),
        "Folding `{path}` again from the beginning"
    );
    let old = Old::Open(settled);
    let (_settled, progress) = rebuild(&node.store, origin, last_seq, old, &|_| {}).await?;
    Ok(Folded {
        seq: last_seq,
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

/// Where new arrays are written: of the same node, schema, way of decoding and retractions in the same folder, so that a
/// try that was interrupted is gone on with only if it would come to the same arrays.
fn folder(origin: Origin<'_>, seq: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(fingerprint::of(origin.schema).to_string());
    hash.update(origin.decoders.fingerprint());
    for retracted in origin.journal.retracted(&origin.schema.path, seq) {
        hash.update(retracted.to_le_bytes());
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
