//! Checks the objects of a journal without opening it, and puts sound ones in the place of damaged ones.
//!
//! Nothing is thrown away: what was damaged is kept under `journal/damaged`. Contributions that cannot be saved leave a frame
//! that names them as lost, so that the order has no gap.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use bytes::Bytes;
use chrono::{TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zarr_fuse_store::{Object, Store, StoreError, keys};

use super::correction::{Assumption, Reinterpretation};
use super::definition::DefinitionId;
use super::segment::{self, Frame, Header, Kind, PayloadPlace, SegmentError};
use super::{Journal, JournalError};
use crate::outcome::{Outcome, RowProblem, Status};

/// Objects read at once.
const CONCURRENT: usize = 8;
/// Bytes of a blob read at once.
const PIECE_BYTES: u64 = 4 << 20;

/// No contribution is under way for so long.
const ORPHANED: TimeDelta = TimeDelta::hours(1);

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The object.
    pub key: String,
    /// Where in it.
    pub offset: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.offset {
            Some(offset) => write!(f, "`{}`, byte {offset}: {}", self.key, self.reason),
            None => write!(f, "`{}`: {}", self.key, self.reason),
        }
    }
}

/// A sequence number of which nothing can be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Lost {
    /// The number.
    pub seq: u64,
    /// What a damaged header says of it, if anything can be read.
    pub hint: Option<Box<Header>>,
    /// Why.
    pub reason: String,
}

/// What a check found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Segments read.
    pub n_segments: usize,
    /// Sound frames in them.
    pub n_frames: usize,
    /// Payloads that are objects of their own.
    pub n_blobs: usize,
    /// Batches of outcomes read.
    pub n_outcomes: usize,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What a repair cannot save.
    pub lost: Vec<Lost>,
    /// Payloads of their own that no contribution names: of contributions that were refused or cut off.
    pub orphans: Vec<Object>,
    named: HashSet<String>,
    repairs: Vec<Repair>,
    damaged_outcomes: Vec<String>,
    last_outcomes: u64,
    definitions: BTreeSet<DefinitionId>,
}

/// A segment to be written anew.
#[derive(Debug)]
struct Repair {
    first_seq: u64,
    writer: Uuid,
    frames: Vec<Frame>,
}

/// Reads every object of the journal in `store`, which must reach at least to `last_seq`.
///
/// # Errors
/// [`JournalError::Store`], or [`JournalError::Segment`] for one that a newer program wrote.
pub async fn check(store: &Store, last_seq: u64) -> Result<Checked, JournalError> {
    let mut checked = Checked::default();
    let with_outcomes = check_outcomes(store, &mut checked).await?;
    let all = store.list(keys::SEGMENTS, None).await?;
    let (named, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|key| keys::segment_seq(key).is_some());
    for key in others {
        let reason = "this is no name of a segment; nothing reads it".to_owned();
        checked.find(&key, None, reason);
    }
    let ends: Vec<Option<u64>> = named
        .iter()
        .skip(1)
        .map(|key| keys::segment_seq(key))
        .chain([None])
        .collect();
    let read = futures::stream::iter(named.iter().zip(ends))
        .map(|(key, end)| async move {
            let bytes = store.get(key).await?.unwrap_or_default();
            Ok::<_, JournalError>((key, end, bytes))
        })
        .buffered(CONCURRENT);
    let mut read = std::pin::pin!(read);
    let mut next = 1;
    while let Some((key, end, bytes)) = read.try_next().await? {
        let first_seq = keys::segment_seq(key).expect("only such keys are read");
        if first_seq > next {
            let reason = format!("the segment that should begin with {next} is missing");
            checked.find(&keys::segment(next), None, reason.clone());
            checked.replace(next, Uuid::nil(), Vec::new(), &[], first_seq, &reason);
        }
        next = check_segment(store, key, first_seq, end, &bytes, &mut checked)
            .await?
            .max(next);
    }
    for definition in std::mem::take(&mut checked.definitions) {
        match super::definition::check(store, definition).await {
            Ok(()) => {}
            Err(JournalError::Definition { key, reason, .. }) => {
                let reason = format!(
                    "it is {reason}: what contributions mean is not known without it; put it back from a copy"
                );
                checked.find(&key, None, reason);
            }
            Err(error) => return Err(error),
        }
    }
    let known = last_seq.max(with_outcomes);
    if known >= next {
        let reason = format!("the journal ends before {next}, but {known} was once in it");
        checked.find(&keys::segment(next), None, reason.clone());
        checked.replace(next, Uuid::nil(), Vec::new(), &[], known + 1, &reason);
    }
    // What a damaged frame named cannot be told.
    if checked.lost.is_empty() && checked.repairs.is_empty() {
        let blobs = store.list_objects(keys::BLOBS, None).await?;
        let orphans = blobs.into_iter();
        checked.orphans = orphans
            .filter(|blob| !checked.named.contains(&blob.key))
            .collect();
    }
    Ok(checked)
}

/// Removes payloads that no contribution names, if they are so old that no contribution that names them can be under way, or
/// if `is_alone`: nobody else writes the journal. Gives their keys.
///
/// # Errors
/// [`StoreError`].
pub async fn remove_orphans(
    store: &Store,
    checked: &Checked,
    is_alone: bool,
) -> Result<Vec<String>, StoreError> {
    let mut removed = Vec::new();
    for orphan in &checked.orphans {
        let is_old = Utc::now() - orphan.modified > ORPHANED;
        // Somebody may have brought the same bytes meanwhile.
        let is_same = store.head(&orphan.key).await?.as_ref() == Some(orphan);
        if is_same && (is_alone || is_old) {
            store.delete(&orphan.key).await?;
            removed.push(orphan.key.clone());
        }
    }
    Ok(removed)
}

/// Checks one segment up to the next one's number; gives the number after its last.
async fn check_segment(
    store: &Store,
    key: &str,
    first_seq: u64,
    end: Option<u64>,
    bytes: &Bytes,
    checked: &mut Checked,
) -> Result<u64, JournalError> {
    let unreadable = |source: SegmentError| JournalError::Segment {
        key: key.to_owned(),
        source,
    };
    let salvaged = segment::salvage(bytes, first_seq).map_err(unreadable)?;
    checked.n_segments += 1;
    let mut sound = salvaged.damages.is_empty();
    for damage in &salvaged.damages {
        checked.find(key, Some(damage.offset), damage.reason.clone());
    }
    let mut frames = Vec::new();
    let mut reasons: BTreeMap<u64, String> = BTreeMap::new();
    for frame in salvaged.frames {
        let header = &frame.header;
        let blob = keys::blob(&header.sha256);
        let fault = match header.payload {
            PayloadPlace::Blob => {
                checked.n_blobs += 1;
                checked.named.insert(blob.clone());
                blob_fault(store, &blob, &header.sha256).await?
            }
            _ if frame.is_whole() => None,
            _ => Some("its payload is not what its header says".to_owned()),
        };
        if let Some(reason) = fault {
            let of = format!("{reason}; contribution {} ({})", header.seq, header.id);
            let is_blob = header.payload == PayloadPlace::Blob;
            checked.find(if is_blob { &blob } else { key }, None, of);
            reasons.insert(header.seq, reason);
            sound = false;
            continue;
        }
        checked.n_frames += 1;
        checked.definitions.extend(header.definition);
        let named = Assumption::of(&header.variables).map(|said| said.definitions);
        let other = || Reinterpretation::of(&header.variables).map(|said| said.definitions);
        let is_said = matches!(header.kind, Kind::Assumed | Kind::Reinterpret);
        if let Some(named) = named.or_else(other).filter(|_| is_said) {
            checked.definitions.extend(named.into_values());
        }
        frames.push(frame);
    }
    let after_last = frames
        .last()
        .map_or(first_seq, |frame| frame.header.seq + 1);
    let counted = salvaged.n_frames.map_or(0, |n| first_seq + n);
    let hinted = salvaged.hints.iter().map(|hint| hint.seq + 1).max();
    let by_itself = after_last
        .max(counted)
        .max(hinted.unwrap_or(0))
        .max(first_seq + 1);
    // A damaged segment reaches to the next one; a sound one says itself where it ends.
    let end = match end {
        Some(end) if !sound => end,
        _ => by_itself,
    };
    frames.retain(|frame| frame.header.seq < end);
    if !sound {
        let first = checked
            .findings
            .iter()
            .rev()
            .find(|finding| finding.key == key);
        let why = first.map_or_else(|| "damaged".to_owned(), |finding| finding.reason.clone());
        let mut hints = salvaged.hints;
        hints.retain(|hint| !reasons.contains_key(&hint.seq));
        let writer = salvaged.writer.unwrap_or_default();
        checked.replace(first_seq, writer, frames, &hints, end, &why);
    }
    Ok(end)
}

/// What is wrong with a payload that is an object of its own.
async fn blob_fault(store: &Store, key: &str, sha256: &str) -> Result<Option<String>, StoreError> {
    let mut hash = Sha256::new();
    let mut offset = 0;
    loop {
        let options = object_store::GetOptions {
            range: Some(object_store::GetRange::Bounded(
                offset..offset + PIECE_BYTES,
            )),
            ..object_store::GetOptions::default()
        };
        let Some(found) = store.get_opts(key, options).await? else {
            return Ok(Some("the payload is missing".to_owned()));
        };
        let n_bytes = found.meta.size;
        let piece = found
            .bytes()
            .await
            .map_err(|source| store.failed("read", key, source))?;
        hash.update(&piece);
        offset += piece.len() as u64;
        if offset >= n_bytes || piece.is_empty() {
            break;
        }
    }
    let same = zarr_fuse_store::hexadecimal(&hash.finalize()) == sha256;
    Ok((!same).then(|| "the payload is not what its header says".to_owned()))
}

/// Reads all outcomes; gives the newest sequence number that has one.
async fn check_outcomes(store: &Store, checked: &mut Checked) -> Result<u64, JournalError> {
    let mut newest = 0;
    for key in store.list(keys::OUTCOMES, None).await? {
        let Some(number) = keys::outcomes_number(&key) else {
            checked.find(
                &key,
                None,
                "this is no name of outcomes; nothing reads it".to_owned(),
            );
            continue;
        };
        checked.n_outcomes += 1;
        checked.last_outcomes = checked.last_outcomes.max(number);
        let bytes = store.get(&key).await?.unwrap_or_default();
        let read = zstd::decode_all(bytes.as_ref())
            .and_then(|json| Ok(serde_json::from_slice::<Vec<(u64, Outcome)>>(&json)?));
        match read {
            Ok(batch) => {
                let last = batch.iter().map(|(seq, _)| *seq).max();
                newest = newest.max(last.unwrap_or(0));
            }
            Err(error) => {
                let reason = format!("the outcomes are not readable: {error}");
                checked.find(&key, None, reason);
                checked.damaged_outcomes.push(key);
            }
        }
    }
    Ok(newest)
}

impl Checked {
    /// Whether a repair has something to do.
    pub fn needs_repair(&self) -> bool {
        !self.repairs.is_empty() || !self.damaged_outcomes.is_empty()
    }

    fn find(&mut self, key: &str, offset: Option<usize>, reason: String) {
        self.findings.push(Finding {
            key: key.to_owned(),
            offset,
            reason,
        });
    }

    /// Plans a sound segment of the numbers from `first_seq` to before `end`.
    fn replace(
        &mut self,
        first_seq: u64,
        writer: Uuid,
        saved: Vec<Frame>,
        hints: &[Header],
        end: u64,
        reason: &str,
    ) {
        let mut saved: BTreeMap<u64, Frame> = saved
            .into_iter()
            .map(|frame| (frame.header.seq, frame))
            .collect();
        let mut frames = Vec::new();
        for seq in first_seq..end {
            let frame = saved.remove(&seq).unwrap_or_else(|| {
                let hint = hints.iter().find(|hint| hint.seq == seq);
                self.lost.push(Lost {
                    seq,
                    hint: hint.cloned().map(Box::new),
                    reason: reason.to_owned(),
                });
                lost_frame(seq, hint, &keys::segment(first_seq), reason)
            });
            frames.push(frame);
        }
        self.repairs.push(Repair {
            first_seq,
            writer,
            frames,
        });
    }
}

/// What stands in the place of a contribution that is lost. It has no idempotency key: who sends it again is to be heard.
fn lost_frame(seq: u64, hint: Option<&Header>, key: &str, reason: &str) -> Frame {
    let text = |text: &str| Json::from(text);
    let mut variables = Map::new();
    variables.insert("reason".to_owned(), text(reason));
    variables.insert("segment".to_owned(), text(key));
    if let Some(hint) = hint {
        variables.insert("id".to_owned(), text(&hint.id.to_string()));
        variables.insert("endpoint".to_owned(), text(&hint.endpoint));
        variables.insert(
            "received_at".to_owned(),
            text(&hint.received_at.to_rfc3339()),
        );
        variables.insert("sha256".to_owned(), text(&hint.sha256));
    }
    let (dataset, node) = hint.map_or(("", ""), |hint| (&hint.dataset, &hint.node));
    let header = Header {
        seq,
        variables,
        ..Header::without_payload(Kind::Lost, dataset, node)
    };
    Frame {
        header,
        payload: Bytes::new(),
    }
}

/// Writes sound objects in the place of those that `checked` found damaged; gives the keys under which these are kept.
/// Nobody may write the journal meanwhile. What is done when it breaks off need not be done again.
///
/// # Errors
/// [`StoreError`].
pub async fn repair(store: &Store, checked: &Checked) -> Result<Vec<String>, StoreError> {
    let mut kept = Vec::new();
    for repair in &checked.repairs {
        let key = keys::segment(repair.first_seq);
        kept.extend(keep_aside(store, &key).await?);
        let bytes = segment::encode(repair.first_seq, repair.writer, &repair.frames);
        store.put(&key, bytes).await?;
    }
    for key in &checked.damaged_outcomes {
        kept.extend(keep_aside(store, key).await?);
        store.delete(key).await?;
    }
    let outcomes: Vec<(u64, Outcome)> = checked.lost.iter().map(outcome).collect();
    if !outcomes.is_empty() {
        let json = serde_json::to_vec(&outcomes).expect("outcomes have only string keys");
        let bytes = zstd::bulk::compress(&json, 1).expect("memory suffices");
        store
            .put(&keys::outcomes(checked.last_outcomes + 1), bytes)
            .await?;
    }
    Journal::forget_checkpoints(store).await?;
    Ok(kept)
}

fn outcome(lost: &Lost) -> (u64, Outcome) {
    let reason = format!(
        "lost to damage of the journal: {}; send it again",
        lost.reason
    );
    let outcome = Outcome::rejected(RowProblem {
        reason,
        ..RowProblem::default()
    });
    debug_assert_eq!(outcome.status, Status::Rejected);
    (lost.seq, outcome)
}

/// Copies an object to where damaged ones are kept, under a name that is free; `None`: there is no such object.
async fn keep_aside(store: &Store, key: &str) -> Result<Option<String>, StoreError> {
    let Some(bytes) = store.get(key).await? else {
        return Ok(None);
    };
    let name = key.rsplit('/').next().unwrap_or(key);
    for n in 0_u32.. {
        let suffix = if n == 0 {
            String::new()
        } else {
            format!(".{n}")
        };
        let place = keys::damaged(&format!("{name}{suffix}"));
        match store.create(&place, bytes.clone()).await {
            Ok(()) => return Ok(Some(place)),
            Err(StoreError::Exists { .. }) => {
                // An earlier repair that broke off kept these very bytes.
                if store.get(&place).await?.as_ref() == Some(&bytes) {
                    return Ok(Some(place));
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
