//! The whole story: what waits in the journal is decoded, normalized, merged, and committed to the arrays.
//!
//! The journal is the truth, so everything here can be repeated: a fold that is interrupted at any point is done again
//! from the node's published `folded_seq`, and ends in the same arrays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;
use zarr_fuse_schemas::Node as NodeSchema;

use crate::commit::{self, CommitError, Settled, Written};
use crate::dataset::{Dataset, Decoders};
use crate::decode::{Content, DecodeError, Decoded, Decoder, decode_arrays};
use crate::journal::{Header, Journal, JournalError, Kind, Next, Waiting};
use crate::merge::{Incoming, Judged, merge};
use crate::node::{Node, OpenNodeError, blocking};
use crate::normalize::{NormalizeError, Normalized, normalize, normalize_grids, takes_grids};
use crate::outcome::{Outcome, RowProblem, Status};
use crate::rebuild;

/// Payload bytes folded at once, unless a single contribution is larger.
const MAX_BATCH_BYTES: u64 = 32 << 20;
/// Contributions folded at once.
const MAX_BATCH: usize = 8192;
/// Longest pause between commits of a busy node, so that each takes more.
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// Merges what waits for `node` into its arrays. `None`: nothing waits. A commit that was interrupted before is settled first.
///
/// # Errors
/// [`FoldError`] names the step; nothing is lost and the fold can be tried again.
pub async fn fold(
    node: &Arc<Node>,
    journal: &Journal,
    decoders: &Arc<Decoders>,
) -> Result<Option<Folded>, FoldError> {
    match settle(node, journal).await? {
        (_, Some(found)) => Ok(Some(found)),
        (settled, None) => fold_settled(settled, journal, decoders).await,
    }
}

/// Makes sure that the arrays of `node` are as published: after an interrupted commit, completes or discards what is staged,
/// and reads the node again. Gives what that commit did, if it turns out to be published.
///
/// # Errors
/// [`FoldError::Unsettled`], or [`FoldError::Journal`] if another process has taken over or that cannot be found out. The
/// node stays as it is; what is half moved is kept from readers.
pub async fn settle(
    node: &Arc<Node>,
    journal: &Journal,
) -> Result<(Settled, Option<Folded>), FoldError> {
    let suspect = match commit::take(node).await {
        Ok(settled) => return Ok((settled, None)),
        Err(suspect) => suspect,
    };
    // Who has taken over completes it, and goes on from there.
    journal.still_ours().await?;
    node.suspect_until(journal.last_seq());
    let path = &node.schema.path;
    let ours = |seq| journal.node_of(seq).as_ref() == Some(path);
    let settled = suspect.recover(&ours).await;
    let settled = settled.map_err(FoldError::Unsettled)?;
    let folded_seq = node.folded_seq();
    let outcomes = journal.settle(path, folded_seq);
    let found = (!outcomes.is_empty()).then(|| Folded::of(folded_seq, &outcomes));
    Ok((settled, found))
}

async fn fold_settled(
    node: Settled,
    journal: &Journal,
    decoders: &Arc<Decoders>,
) -> Result<Option<Folded>, FoldError> {
    let schema = Arc::clone(&node.node().schema);
    let path = &schema.path;
    let unclean_until = node.node().unclean_until();
    let waiting = match journal.next(path, unclean_until, MAX_BATCH_BYTES, MAX_BATCH) {
        None => return Ok(None),
        Some(Next::Refold {
            corrections,
            last_seq,
        }) => {
            let refolded = rebuild::refold(node, journal, decoders, &corrections, last_seq);
            return Ok(Some(refolded.await?));
        }
        Some(Next::Fold(waiting)) => waiting,
    };
    let Some(last_seq) = waiting.last().map(|last| last.header.seq) else {
        return Ok(None);
    };
    journal.still_ours().await?;
    let (counting, corrections) = sift(journal, waiting, last_seq);
    let prepared = prepare(journal, counting, &schema, decoders).await?;
    let (written, mut outcomes) = write(node, prepared, last_seq).await?;
    let folded = Folded::of(last_seq, &outcomes);
    outcomes.extend(rebuild::corrected(journal, &corrections, last_seq));
    journal.announce_outcomes(path, last_seq, outcomes).await?;
    journal.still_ours().await?;
    commit::publish(written).await?;
    journal.settle(path, last_seq);
    Ok(Some(folded))
}

/// Parts what waits, up to `seq`, into contributions that count and corrections.
fn sift(journal: &Journal, waiting: Vec<Waiting>, seq: u64) -> (Vec<Waiting>, Vec<Arc<Header>>) {
    let (mut counting, corrections): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .partition(|waiting| waiting.header.kind == Kind::Contribution);
    counting.retain(|waiting| !journal.is_retracted(waiting.header.seq, seq));
    let corrections = corrections.into_iter().map(|waiting| waiting.header);
    (counting, corrections.collect())
}

/// What one fold did.
#[derive(Debug, Clone, Copy)]
pub struct Folded {
    /// The last contribution taken.
    pub seq: u64,
    /// How many contributions.
    pub n_contributions: usize,
    /// How many of them were rejected as a whole.
    pub n_rejected: usize,
    /// Rows that took part.
    pub n_rows: u64,
}

impl Folded {
    fn of(seq: u64, outcomes: &[(u64, Outcome)]) -> Self {
        Self {
            seq,
            n_contributions: outcomes.len(),
            n_rejected: outcomes
                .iter()
                .filter(|(_, outcome)| outcome.status == Status::Rejected)
                .count(),
            n_rows: outcomes
                .iter()
                .map(|(_, outcome)| outcome.n_rows_accepted)
                .sum(),
        }
    }
}

/// The step at which a fold stopped.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// Contributions cannot be read, or their outcomes not written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The arrays cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A change of the arrays was interrupted and cannot be completed yet.
    #[error(
        "a change of the arrays was interrupted and cannot be completed yet; nothing is merged until it is, and queries are refused while values are half moved"
    )]
    Unsettled(#[source] CommitError),
    /// The node cannot be read again.
    #[error(transparent)]
    Open(#[from] OpenNodeError),
}

/// Why a contribution is rejected as a whole.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// Its bytes are no table.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its table does not fit the node.
    #[error(transparent)]
    Normalize(#[from] NormalizeError),
    /// Its endpoint is no longer configured.
    #[error("the endpoint `{0}` is not configured; configure it again and retry the contribution")]
    UnknownEndpoint(String),
}

/// A contribution after decode and normalize.
pub type Prepared = (u64, Result<Normalized, IngestError>);

/// Decodes and normalizes contributions, in order.
///
/// # Errors
/// [`JournalError`] if a payload cannot be read; what is wrong with a payload is in the result.
pub async fn prepare(
    journal: &Journal,
    waiting: Vec<Waiting>,
    schema: &Arc<NodeSchema>,
    decoders: &Arc<Decoders>,
) -> Result<Vec<Prepared>, JournalError> {
    let payloads: Vec<(Waiting, Bytes)> = futures::stream::iter(waiting)
        .map(|waiting| async move {
            let payload = journal.waiting_payload(&waiting).await?;
            Ok::<_, JournalError>((waiting, payload))
        })
        .buffered(8)
        .try_collect()
        .await?;
    let (schema, decoders) = (Arc::clone(schema), Arc::clone(decoders));
    let prepare_all = move || {
        let one = |(waiting, payload): &(Waiting, Bytes)| {
            (
                waiting.header.seq,
                ingest(&waiting.header, payload, &schema, &decoders),
            )
        };
        // One at a time uses all cores inside; many small ones are spread over them.
        if payloads.len() < 4 {
            payloads.iter().map(one).collect()
        } else {
            payloads.par_iter().map(one).collect()
        }
    };
    Ok(blocking(prepare_all).await)
}

/// One contribution: bytes to table or arrays to batch.
///
/// # Errors
/// [`IngestError`] if nothing of it can be taken.
pub fn ingest(
    header: &Header,
    payload: &[u8],
    schema: &NodeSchema,
    decoders: &Decoders,
) -> Result<Normalized, IngestError> {
    let decoder = decoders.get(&header.endpoint)?;
    fit(&decode(header, payload, decoder)?, decoder, schema)
}

/// The first step of [`ingest`]: bytes to table or arrays.
///
/// # Errors
/// [`DecodeError`].
pub(crate) fn decode(
    header: &Header,
    payload: &[u8],
    decoder: &Decoder,
) -> Result<Decoded, DecodeError> {
    let content = Content {
        content_type: header.content_type.clone(),
        content_encoding: header.content_encoding.clone(),
    };
    decode_arrays(payload, &content, decoder, &header.variables)
}

/// The second step of [`ingest`]: table or arrays to batch.
///
/// # Errors
/// [`IngestError`] if nothing of it can be taken.
pub(crate) fn fit(
    arrived: &Decoded,
    decoder: &Decoder,
    schema: &NodeSchema,
) -> Result<Normalized, IngestError> {
    match arrived {
        Decoded::Grids(grids) if takes_grids(schema) => Ok(normalize_grids(grids, schema)?),
        Decoded::Grids(grids) => Ok(normalize(&grids.to_table(decoder.limits())?, schema)?),
        Decoded::Table(table) => Ok(normalize(table, schema)?),
    }
}

/// Merges prepared contributions and writes their chunks; gives what became of each, for the journal.
///
/// # Errors
/// [`CommitError`]; nothing is published then.
pub async fn write(
    node: Settled,
    prepared: Vec<Prepared>,
    last_seq: u64,
) -> Result<(Written, Vec<(u64, Outcome)>), CommitError> {
    let mut incoming = Vec::with_capacity(prepared.len());
    let mut outcomes = Vec::new();
    for (seq, prepared) in prepared {
        match prepared {
            Ok(normalized) => incoming.push(Incoming { seq, normalized }),
            Err(error) => outcomes.push((seq, rejected(&error))),
        }
    }
    let state = node.node().state();
    let schema = Arc::clone(&node.node().schema);
    let mut update =
        blocking(move || merge(&schema, &state.coordinates, &state.components, incoming)).await;
    let judged = std::mem::take(&mut update.judged);
    let mut written = commit::write(node, update, last_seq).await?;
    let mut conflicts = std::mem::take(&mut written.conflicts);
    conflicts.sort_by_key(|(seq, problem)| (*seq, problem.row));
    for Judged {
        seq,
        n_rows_read,
        n_rows_rejected,
        n_coordinates_added,
        mut problems,
    } in judged
    {
        let begin = conflicts.partition_point(|(other, _)| *other < seq);
        let end = conflicts.partition_point(|(other, _)| *other <= seq);
        for (_, conflict) in &conflicts[begin..end] {
            problems.push(|| conflict.clone());
        }
        let mut outcome = Outcome::of(n_rows_read, n_rows_rejected, n_coordinates_added, problems);
        outcome.commit = (outcome.status != Status::Rejected).then_some(last_seq);
        outcomes.push((seq, outcome));
    }
    outcomes.sort_by_key(|(seq, _)| *seq);
    Ok((written, outcomes))
}

/// The outcome of a contribution that is rejected as a whole.
pub fn rejected(error: &IngestError) -> Outcome {
    let mut outcome = Outcome::rejected(whole(error));
    outcome.too_large = matches!(
        error,
        IngestError::Decode(DecodeError::TooLargeDecompressed { .. })
    );
    outcome
}

/// A problem that concerns the whole contribution, causes included.
pub fn whole(error: &dyn std::error::Error) -> RowProblem {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !reason.contains(&text) {
            reason = format!("{reason}: {text}");
        }
        source = cause.source();
    }
    RowProblem {
        reason,
        ..RowProblem::default()
    }
}

/// Folds into one node whenever something arrives, until `stop`. Never gives up: the journal keeps what cannot be written.
pub async fn run(dataset: Arc<Dataset>, node: Arc<Node>, stop: CancellationToken) {
    let path = node.schema.path.clone();
    let mut arrivals = dataset.journal.arrivals();
    let mut delay = Duration::from_millis(100);
    loop {
        // Only when to begin is decided here; what is done then, by what waits then.
        let next = dataset.journal.next(&path, node.unclean_until(), 1, 1);
        let refolding = if let Some(Next::Refold { .. }) = next {
            Some(dataset.turns.begin(&path).await)
        } else {
            None
        };
        let begin = Instant::now();
        let folded = fold(&node, &dataset.journal, &dataset.decoders).await;
        drop(refolding);
        let pause = match folded {
            Ok(Some(folded)) => {
                let Folded {
                    n_contributions,
                    n_rows,
                    n_rejected,
                    seq,
                } = folded;
                let duration = begin.elapsed();
                tracing::info!(
                    dataset.name = dataset.name,
                    node.path = path,
                    commit.id = seq,
                    n_contributions,
                    n_rows,
                    n_rejected,
                    duration_ms = duration.as_millis(),
                    "Merged {n_contributions} contributions into `{}/{path}`",
                    dataset.name
                );
                dataset.folded(&path, folded, duration);
                delay = Duration::from_millis(100);
                (duration * 4).min(MAX_PAUSE)
            }
            Ok(None) => {
                dataset.unhindered(&path);
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = arrivals.changed() => match changed {
                        Ok(()) => Duration::ZERO,
                        Err(_closed) => return,
                    },
                }
            }
            Err(FoldError::Journal(JournalError::Fenced { .. })) => {
                dataset.yield_to_another();
                stop.cancelled().await;
                return;
            }
            Err(error) => {
                tracing::error!(
                    dataset.name = dataset.name,
                    node.path = path,
                    error = &error as &dyn std::error::Error,
                    "Cannot merge into `{}/{path}`; trying again",
                    dataset.name
                );
                dataset.stumbled(&path, &whole(&error).reason);
                delay = (delay * 2).min(Duration::from_secs(10));
                delay
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[cfg(test)]
mod laws;
