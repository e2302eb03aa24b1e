//! The whole story: what waits in the journal is decoded, normalized, merged, and committed to the arrays.
//!
//! The journal is the truth, so everything here can be repeated: a fold that is interrupted at any point is done again
//! from the node's published `folded_seq`, and ends in the same arrays.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;
use zarr_fuse_decode::{Content, DecodeError, Decoded, decode_arrays};
use zarr_fuse_journal::{
    DefinitionId, Header, Journal, JournalError, Kind, Next, Waiting,
    outcome::{Outcome, RowProblem, Status},
};
use zarr_fuse_schemas::{Node as NodeSchema, row_problem::whole};
use zarr_fuse_store::blocking;

use crate::commit::{self, CommitError, Settled, Written};
use crate::definition;
use crate::meaning::{Meaning, MeaningError};
use crate::memory::Share;
use crate::merge::{Incoming, Judged, merge};
use crate::node::{Node, OpenNodeError};
use crate::normalize::{
    Admission, NormalizeError, Normalized, Terms, normalize_as, normalize_grids_as, takes_grids,
};
use crate::rebuild;

mod prepare;
mod tries;
pub use prepare::{Fault, Prepared, SetAside};
pub(crate) use prepare::{isolated, said};
pub(crate) use tries::Tries;

/// Payload bytes folded at once, unless a single contribution is larger.
const MAX_BATCH_BYTES: u64 = 32 << 20;
/// Contributions folded at once.
const MAX_BATCH: usize = 8192;

/// Merges what waits for `node` into its arrays. `None`: nothing waits. A commit that was interrupted before is settled first.
/// A contribution that brings a fault of the service to light, or that has ended it before, is rejected, and the others are
/// merged.
///
/// # Errors
/// [`FoldError`] names the step; nothing is lost and the fold can be tried again.
pub async fn fold(node: &Arc<Node>, journal: &Journal) -> Result<Option<Folded>, FoldError> {
    let mut tries = Tries::default();
    loop {
        let once = AssertUnwindSafe(fold_once(node, journal, &mut tries));
        let panic = match once.catch_unwind().await {
            Ok(done) => return done,
            Err(panic) => panic,
        };
        if !tries.is_writing {
            tries.panicked(&*panic)?;
            continue;
        }
        // What was written is not published, and may be of a contribution that is not to be merged.
        let culprits = tries.culprits(&*panic);
        let (seq, id) = match culprits.as_slice() {
            [] => return Err(FoldError::Fault(prepare::said(&*panic).to_owned())),
            [(seq, id)] => (*seq, *id),
            several => {
                tries.without(several);
                continue;
            }
        };
        let (settled, found) = settle(node, journal).await?;
        if found.is_some() {
            return Ok(found);
        }
        let outcomes = vec![(seq, faulty(id))];
        let path = &node.schema.path;
        journal.announce_outcomes(path, seq, outcomes).await?;
        let refolded = rebuild::refold(settled, journal, &[], seq).await?;
        return Ok(Some(refolded));
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

/// One try of a fold.
async fn fold_once(
    node: &Arc<Node>,
    journal: &Journal,
    tries: &mut Tries,
) -> Result<Option<Folded>, FoldError> {
    let (settled, found) = settle(node, journal).await?;
    if found.is_some() {
        return Ok(found);
    }
    let path = &node.schema.path;
    let next = journal.next(path, node.unclean_until(), MAX_BATCH_BYTES, tries.at_most);
    let mut waiting = match next {
        None => return Ok(None),
        Some(Next::Refold {
            corrections,
            last_seq,
        }) => {
            let refolded = rebuild::refold(settled, journal, &corrections, last_seq);
            let refolded = refolded.await?;
            journal.tried_through(path, last_seq);
            return Ok(Some(refolded));
        }
        Some(Next::Fold(waiting)) => waiting,
    };
    let Some(first) = waiting.first() else {
        return Ok(None);
    };
    journal.still_ours().await?;
    let mut marked = Vec::new();
    if let Some(n) = journal.to_try(path, first.header.seq) {
        waiting.truncate(n);
        marked.extend(waiting.iter().map(|waiting| waiting.header.seq));
        journal.begin_trial(path, &marked).await?;
    }
    let folded = fold_waiting(settled, journal, waiting, tries).await?;
    if !marked.is_empty() {
        journal.end_trial(path, &marked).await?;
    }
    journal.tried_through(path, folded.seq);
    Ok(Some(folded))
}

/// Folds the first of what waits, as many as are merged at once.
async fn fold_waiting(
    node: Settled,
    journal: &Journal,
    waiting: Vec<Waiting>,
    tries: &mut Tries,
) -> Result<Folded, FoldError> {
    let schema = Arc::clone(&node.node().schema);
    let path = &schema.path;
    let all = waiting.last().map_or(0, |last| last.header.seq);
    let (mut counting, mut corrections) = sift(journal, waiting.clone(), all);
    let aside = |seq| {
        let ended = journal.n_ended(path, seq).map(SetAside::Ended);
        ended.or_else(|| tries.aside(seq))
    };
    let first_time = |_| Admission::New;
    let meant = (&schema, all);
    let prepared = prepare(journal, &counting, meant, first_time, aside).await?;
    let (mut prepared, share) = prepared;
    let mut last_seq = all;
    let mut shares = Some(share);
    if prepared.len() < counting.len() {
        last_seq = prepared.last().map_or(all, |last| last.seq);
        let until = waiting.into_iter();
        let until = until.take_while(|waiting| waiting.header.seq <= last_seq);
        let done = std::mem::take(&mut counting);
        (counting, corrections) = sift(journal, until.collect(), last_seq);
        // What is taken back by what comes later counts until then.
        let is_done = |seq| {
            let found = done.binary_search_by_key(&seq, |done| done.header.seq);
            found.is_ok()
        };
        let missing = counting.iter().filter(|of| !is_done(of.header.seq));
        let missing: Vec<Waiting> = missing.cloned().collect();
        for one in missing {
            // Nobody waits for memory while holding some.
            shares = None;
            let one = std::slice::from_ref(&one);
            let more = prepare(journal, one, meant, first_time, aside).await?;
            prepared.extend(more.0);
        }
        prepared.sort_by_key(|prepared| prepared.seq);
    }
    tries.merge(counting.iter());
    let (written, mut outcomes) = write(node, prepared, last_seq, tries).await?;
    drop(shares);
    let folded = Folded::of(last_seq, &outcomes);
    outcomes.extend(rebuild::corrected(journal, &corrections, last_seq));
    journal.announce_outcomes(path, last_seq, outcomes).await?;
    journal.still_ours().await?;
    commit::publish(written).await?;
    journal.settle(path, last_seq);
    Ok(folded)
}

/// Parts what waits, up to `seq`, into contributions that count and corrections.
fn sift(journal: &Journal, waiting: Vec<Waiting>, seq: u64) -> (Vec<Waiting>, Vec<Arc<Header>>) {
    let (mut counting, corrections): (Vec<_>, Vec<_>) = waiting
        .into_iter()
        .partition(|waiting| waiting.header.kind == Kind::Contribution);
    counting.retain(|waiting| !journal.is_retracted(waiting.header.seq, seq));
    let corrections = corrections.into_iter().map(|waiting| waiting.header);
    let corrections = corrections.filter(|correction| !journal.is_refused(correction.seq));
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
    pub(crate) fn of(seq: u64, outcomes: &[(u64, Outcome)]) -> Self {
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
    /// Folding again would reject what was merged.
    #[error(
        "contribution {seq} was merged and would be rejected: {reason}; nothing was changed, do it with --even-if (`even_if=true`) if that is meant"
    )]
    WouldReject {
        /// The first such contribution.
        seq: u64,
        /// Why it would be rejected.
        reason: String,
    },
    /// One of these contributions, given by sequence number and id, brought a fault of the code to light when it was written.
    #[error("a fault of the service with one of {} contributions; the log has more", .0.len())]
    Culprits(Vec<(u64, Uuid)>),
    /// The code has a fault that no contribution has to do with.
    #[error("a fault of the service: {0}; the log has more")]
    Fault(String),
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
    /// It is kept, but not tried.
    #[error(transparent)]
    SetAside(#[from] SetAside),
    /// Nobody can say what it means.
    #[error(transparent)]
    Meaning(#[from] MeaningError),
}

/// Decodes and normalizes the first of `waiting`, in order, as many as are merged at once: at least one, if any waits. Each
/// means what the journal says up to `as_of`; `admission` says for which the bounds hold, `aside` which are not to be tried
/// and why.
///
/// # Errors
/// [`JournalError`] if a payload or a definition cannot be read; what is wrong with a payload is in the result.
pub(crate) async fn prepare(
    journal: &Journal,
    waiting: &[Waiting],
    (schema, as_of): (&Arc<NodeSchema>, u64),
    admission: impl Fn(u64) -> Admission,
    aside: impl Fn(u64) -> Option<SetAside>,
) -> Result<(Vec<Prepared>, Share<'static>), JournalError> {
    let sizes = waiting.iter().map(|waiting| waiting.header.as_ref());
    let sizes = sizes.map(|header| {
        let encoding = header.content_encoding.as_deref();
        (header.n_bytes, may_expand(&header.content_type, encoding))
    });
    let thought = prepare::thought_of(sizes);
    let mut known = Vec::with_capacity(waiting.len());
    for waiting in waiting {
        let seq = waiting.header.seq;
        known.push((waiting.clone(), admission(seq), aside(seq)));
    }
    drop((admission, aside));
    let mut meanings = Meanings::new(journal, schema, as_of);
    let mut meant = Vec::with_capacity(known.len());
    for (waiting, admission, aside) in known {
        let meaning = meanings.of(&waiting.header).await?;
        meant.push((waiting, admission, aside, meaning));
    }
    let mut share = prepare::room(thought).await;
    let payloads: Vec<Given> = futures::stream::iter(meant)
        .map(|(waiting, admission, aside, meaning)| async move {
            let payload = match (aside, meaning) {
                (Some(aside), _) => Err(NotTried::Aside(aside)),
                (None, Err(error)) => Err(NotTried::NotUnderstood(error)),
                (None, Ok(meaning)) => Ok((meaning, journal.waiting_payload(&waiting).await?)),
            };
            Ok::<_, JournalError>((waiting, admission, payload))
        })
        .buffered(8)
        .try_collect()
        .await?;
    #[cfg(test)]
    let path = schema.path.clone();
    let one = move |(waiting, admission, payload): &Given| {
        let header = &waiting.header;
        let result = match payload {
            Ok((meaning, payload)) => {
                let work = || {
                    #[cfg(test)]
                    strikes::strike(&path, "prepared", std::iter::once(header.seq));
                    ingest(header, payload, meaning, *admission)
                };
                prepare::isolated(work).unwrap_or_else(|panic| {
                    let fault = Fault::of(header.id, header.seq, "prepared", &*panic);
                    Err(SetAside::from(fault).into())
                })
            }
            Err(NotTried::Aside(aside)) => Err(aside.clone().into()),
            Err(NotTried::NotUnderstood(error)) => Err(error.clone().into()),
        };
        Prepared {
            seq: header.seq,
            admission: *admission,
            result,
        }
    };
    let prepared = blocking(move || prepare::as_many_as_fit(&payloads, one)).await;
    let n_bytes: usize = prepared.iter().map(Prepared::n_bytes).sum();
    share.correct(n_bytes as u64);
    Ok((prepared, share))
}

/// A contribution with what it means and its bytes.
type Given = (Waiting, Admission, Result<(Arc<Meaning>, Bytes), NotTried>);

/// Why a contribution is not even decoded.
enum NotTried {
    Aside(SetAside),
    NotUnderstood(MeaningError),
}

/// Waits for the memory that preparing a contribution is thought to take.
pub(crate) async fn room_for(header: &Header) -> Share<'static> {
    let encoding = header.content_encoding.as_deref();
    room_for_body(header.n_bytes, &header.content_type, encoding).await
}

/// The same for a body of `n_bytes` that is sent as this.
pub(crate) async fn room_for_body(
    n_bytes: u64,
    content_type: &str,
    content_encoding: Option<&str>,
) -> Share<'static> {
    let sizes = std::iter::once((n_bytes, may_expand(content_type, content_encoding)));
    prepare::room(prepare::thought_of(sizes)).await
}

/// Whether a body that is sent as this may be much more than its bytes.
fn may_expand(content_type: &str, content_encoding: Option<&str>) -> bool {
    let is_text = ["text/", "application/json", "application/x-ndjson"]
        .iter()
        .any(|kind| content_type.starts_with(kind));
    content_encoding.is_some() || !is_text
}

/// What a contribution means, or why nobody can say.
pub(crate) type Meant = Result<Arc<Meaning>, MeaningError>;

/// What contributions to a node mean by what the journal says up to some frame.
pub struct Meanings<'a> {
    journal: &'a Journal,
    stored: &'a NodeSchema,
    as_of: u64,
    known: HashMap<DefinitionId, Meant>,
}

impl<'a> Meanings<'a> {
    /// Of contributions to the node that is stored as `stored` says.
    pub fn new(journal: &'a Journal, stored: &'a NodeSchema, as_of: u64) -> Self {
        Self {
            journal,
            stored,
            as_of,
            known: HashMap::new(),
        }
    }

    /// That of one contribution.
    ///
    /// # Errors
    /// [`JournalError`] if its definition cannot be read.
    pub async fn of(&mut self, header: &Header) -> Result<Meant, JournalError> {
        match self.journal.definition_of(header.seq, self.as_of) {
            Some(id) => self.named(id).await,
            None => Ok(Err(MeaningError::Undefined(header.endpoint.clone()))),
        }
    }

    /// That of contributions of a definition.
    ///
    /// # Errors
    /// [`JournalError`] if it cannot be read.
    pub(crate) async fn named(&mut self, id: DefinitionId) -> Result<Meant, JournalError> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known.clone());
        }
        let definition = self.journal.definition(id).await?;
        let ready = blocking(move || definition::ready(&definition)).await;
        let meant = Meaning::of(id, &ready, self.stored).map(Arc::new);
        self.known.insert(id, meant.clone());
        Ok(meant)
    }
}

/// One contribution: bytes to table or arrays to batch.
///
/// # Errors
/// [`IngestError`] if nothing of it can be taken.
pub fn ingest(
    header: &Header,
    payload: &[u8],
    meaning: &Meaning,
    admission: Admission,
) -> Result<Normalized, IngestError> {
    fit(&decode(header, payload, meaning)?, meaning, admission)
}

/// The first step of [`ingest`]: bytes to table or arrays.
///
/// # Errors
/// [`DecodeError`].
pub(crate) fn decode(
    header: &Header,
    payload: &[u8],
    meaning: &Meaning,
) -> Result<Decoded, DecodeError> {
    let content = Content {
        content_type: header.content_type.clone(),
        content_encoding: header.content_encoding.clone(),
    };
    decode_arrays(payload, &content, meaning.decoder(), &header.variables)
}

/// The second step of [`ingest`]: table or arrays to batch.
///
/// # Errors
/// [`IngestError`] if nothing of it can be taken.
pub(crate) fn fit(
    arrived: &Decoded,
    meaning: &Meaning,
    admission: Admission,
) -> Result<Normalized, IngestError> {
    let node = meaning.node();
    let terms = Terms::of(meaning.decoder(), admission);
    let read = match arrived {
        Decoded::Grids(grids) if takes_grids(node) => normalize_grids_as(grids, node, terms)?,
        Decoded::Grids(grids) => {
            let table = grids.to_table(meaning.decoder().limits())?;
            normalize_as(&table, node, terms)?
        }
        Decoded::Table(table) => normalize_as(table, node, terms)?,
    };
    Ok(Normalized {
        batch: meaning.place(read.batch),
        ..read
    })
}

/// Merges prepared contributions and writes their chunks; gives what became of each, for the journal.
///
/// # Errors
/// [`CommitError`]; nothing is published then.
pub(crate) async fn write(
    node: Settled,
    prepared: Vec<Prepared>,
    last_seq: u64,
    tries: &mut Tries,
) -> Result<(Written, Vec<(u64, Outcome)>), CommitError> {
    let mut incoming = Vec::with_capacity(prepared.len());
    let mut outcomes = Vec::new();
    for Prepared {
        seq,
        admission,
        result,
    } in prepared
    {
        match result {
            Ok(normalized) => incoming.push(Incoming {
                seq,
                normalized,
                admission,
            }),
            Err(error) => outcomes.push((seq, rejected(&error))),
        }
    }
    let state = node.node().state();
    let schema = Arc::clone(&node.node().schema);
    #[cfg(test)]
    let path = schema.path.clone();
    let merging = move || {
        #[cfg(test)]
        strikes::strike(
            &schema.path,
            "merged",
            incoming.iter().map(|incoming| incoming.seq),
        );
        merge(&schema, &state.coordinates, &state.components, incoming)
    };
    let mut update = blocking(merging).await;
    let judged = std::mem::take(&mut update.judged);
    tries.is_writing = true;
    #[cfg(test)]
    let seqs: Vec<u64> = judged.iter().map(|judged| judged.seq).collect();
    let mut written = commit::write(node, update, last_seq).await?;
    #[cfg(test)]
    strikes::strike(&path, "written", seqs.into_iter());
    let mut conflicts = std::mem::take(&mut written.conflicts);
    conflicts.sort_by_key(|(seq, problem)| (*seq, problem.row));
    for judged in judged {
        let seq = judged.seq;
        let mut outcome = judged_with(judged, &conflicts);
        outcome.commit = (outcome.status != Status::Rejected).then_some(last_seq);
        outcomes.push((seq, outcome));
    }
    outcomes.sort_by_key(|(seq, _)| *seq);
    Ok((written, outcomes))
}

/// Merges what one contribution brings into a node without a journal, and publishes it: for trials of the whole path. Gives
/// how many of its rows took part.
///
/// # Errors
/// [`CommitError`]; nothing is published then.
pub async fn merge_alone(
    node: Settled,
    seq: u64,
    normalized: Normalized,
) -> Result<(Settled, u64), CommitError> {
    let prepared = Prepared {
        seq,
        admission: Admission::New,
        result: Ok(normalized),
    };
    let (written, outcomes) = write(node, vec![prepared], seq, &mut Tries::default()).await?;
    let outcomes = outcomes.iter();
    let n_rows = outcomes.map(|(_, outcome)| outcome.n_rows_accepted).sum();
    Ok((commit::publish(written).await?, n_rows))
}

/// What became of a contribution, with what `merge: reject` variables did not take, sorted by sequence number.
pub(crate) fn judged_with(judged: Judged, conflicts: &[(u64, RowProblem)]) -> Outcome {
    let Judged {
        seq,
        n_rows_read,
        n_rows_rejected,
        n_coordinates_added,
        mut problems,
        limited,
        warnings,
    } = judged;
    let begin = conflicts.partition_point(|(other, _)| *other < seq);
    let end = conflicts.partition_point(|(other, _)| *other <= seq);
    for (_, conflict) in &conflicts[begin..end] {
        problems.push(|| conflict.clone());
    }
    let mut outcome = Outcome::of(n_rows_read, n_rows_rejected, n_coordinates_added, problems);
    outcome.limited = limited;
    outcome.warnings = warnings;
    outcome
}

/// The outcome of a contribution that is rejected as a whole.
pub fn rejected(error: &IngestError) -> Outcome {
    let mut outcome = Outcome::rejected(whole(error));
    outcome.too_large = matches!(
        error,
        IngestError::Decode(DecodeError::TooLargeDecompressed { .. })
    );
    outcome.set_aside = matches!(error, IngestError::SetAside(_));
    outcome
}

/// The outcome of a contribution `id` that brought a fault of the service to light.
pub(crate) fn faulty(id: Uuid) -> Outcome {
    rejected(&SetAside::from(Fault { report: id }).into())
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod strikes;
#[cfg(test)]
mod tests;
