//! What the catalog knows, written down now and then, so that a start does not read the whole journal.
//!
//! A checkpoint tells of the frames since the one before it and of outcomes that were noted meanwhile. It says nothing that
//! the segments and outcomes do not say, so any may be lost: what it told of is then read from them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, Write as _};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use zarr_fuse_store::{Store, StoreError, blocking, keys};

use super::segment::Header;
use super::{Journal, JournalError};
use crate::outcome::Outcome;

/// The newest form that this program writes and reads. 2 has definitions.
const VERSION: u32 = 2;
/// A checkpoint is written after so many frames,
const MAX_FRAMES: u64 = 20_000;
/// or so many objects, segments or batches of outcomes, that a start would have to read.
const MAX_OBJECTS: u64 = 512;
/// Frames that one checkpoint tells of; those of a segment stay together.
const MAX_PART: u64 = 50_000;
/// Frames copied from the catalog at once; meanwhile nothing can be admitted.
const MAX_STEP: usize = 1024;
/// Checkpoints read at once.
const CONCURRENT: usize = 2;

/// How far checkpoints go, and what the next one has to tell beside new frames.
#[derive(Debug, Default)]
pub(super) struct Progress {
    seq: u64,
    /// Where the checkpoint that is being written will end.
    coming_seq: u64,
    outcomes: u64,
    n_segments: u64,
    /// Frames up to `seq`, or those that are being written, of which something else is known since.
    changed: BTreeSet<u64>,
    /// Batches of outcomes that are written or being written, but not in the catalog yet, with their node.
    coming: BTreeMap<u64, String>,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    version: u32,
    /// Where the checkpoint before ends.
    after: u64,
    /// Frames up to here are told of.
    seq: u64,
    /// Batches of outcomes up to here are told of.
    outcomes: u64,
}

/// A further line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    /// First sequence number of its segment, and the header.
    Frame(u64, Box<Header>),
    /// Of this frame.
    Outcome(u64, Outcome),
}

impl Progress {
    pub(super) fn segment_added(&mut self) {
        self.n_segments += 1;
    }

    pub(super) fn outcomes_coming(&mut self, batch: u64, node: &str) {
        self.coming.insert(batch, node.to_owned());
    }

    /// The outcomes of `node` that were written are in the catalog, among them those of `settled`.
    pub(super) fn outcomes_noted(&mut self, node: &str, settled: impl Iterator<Item = u64>) {
        self.coming.retain(|_, other| other != node);
        // A frame may be settled when it is copied already: then the next checkpoint tells of that.
        let seq = self.seq.max(self.coming_seq);
        self.changed.extend(settled.filter(|other| *other <= seq));
    }
}

impl Journal {
    /// Reads the checkpoints into the catalog; gives the sequence number and the batch of outcomes where they end.
    ///
    /// # Errors
    /// [`JournalError::Store`]. A checkpoint that cannot be read is passed over.
    pub(super) async fn read_checkpoints(&self) -> Result<(u64, u64), JournalError> {
        let keys = self.store.list(keys::CHECKPOINTS, None).await?;
        let mut checkpoints = futures::stream::iter(keys)
            .map(|key| async move {
                let bytes = self.store.get(&key).await?.unwrap_or_default();
                let read = blocking(move || read(&bytes)).await;
                Ok::<_, JournalError>((key, read))
            })
            .buffered(CONCURRENT);
        let mut progress = Progress::default();
        while let Some((key, read)) = checkpoints.try_next().await? {
            let (head, lines) = match read {
                Ok(found) if found.0.after == progress.seq => found,
                // Another process wrote a longer one from the same place.
                Ok(found) if found.0.seq <= progress.seq => continue,
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "The checkpoint `{key}` cannot be read; reading the journal instead");
                    break;
                }
            };
            let mut catalog = self.catalog.write();
            for line in lines {
                match line {
                    Line::Frame(segment, header) => catalog.insert(&header, segment),
                    Line::Outcome(seq, outcome) => catalog.settle(seq, &outcome),
                }
            }
            (progress.seq, progress.outcomes) = (head.seq, head.outcomes);
        }
        let reached = (progress.seq, progress.outcomes);
        self.last_seq.store(progress.seq, Ordering::Release);
        *self.checkpoints.lock() = progress;
        Ok(reached)
    }

    /// Writes a checkpoint if a start would otherwise have much to read.
    ///
    /// # Errors
    /// [`StoreError`]; nothing depends on it.
    pub async fn checkpoint_if_due(&self) -> Result<(), StoreError> {
        let due = {
            let progress = self.checkpoints.lock();
            let n_frames = self.last_seq().saturating_sub(progress.seq);
            let next = self.next_outcomes.load(Ordering::Acquire);
            n_frames >= MAX_FRAMES
                || progress.n_segments >= MAX_OBJECTS
                || next.saturating_sub(progress.outcomes) >= MAX_OBJECTS && n_frames > 0
        };
        if !due {
            return Ok(());
        }
        match self.still_ours().await {
            Ok(()) => self.checkpoint().await,
            // Who has taken over writes them.
            Err(JournalError::Store(error)) => Err(error),
            Err(_) => Ok(()),
        }
    }

    /// Writes checkpoints of everything that is known.
    ///
    /// # Errors
    /// [`StoreError`]; nothing depends on it.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        while !self.checkpoint_part().await? {}
        Ok(())
    }

    /// Writes the next checkpoint; gives whether it reaches the end.
    async fn checkpoint_part(&self) -> Result<bool, StoreError> {
        let Part {
            head,
            changed,
            n_segments,
            is_last,
        } = self.begin_part();
        let (after, seq, outcomes) = (head.after, head.seq, head.outcomes);
        let mut text = Text::begin(&head);
        let mut frames = after + 1..=seq;
        let mut others = changed.iter().copied();
        loop {
            let frames: Vec<u64> = frames.by_ref().take(MAX_STEP).collect();
            let others: Vec<u64> = others.by_ref().take(MAX_STEP).collect();
            if frames.is_empty() && others.is_empty() {
                break;
            }
            let lines = self.lines(&frames, &others);
            text = blocking(move || text.with(&lines)).await;
        }
        let bytes = blocking(move || text.finish()).await;
        let written = self.store.create(&keys::checkpoint(seq), bytes).await;
        let mut progress = self.checkpoints.lock();
        match written {
            // One that ends at the same frame says the same, or less about outcomes, which are then read.
            Ok(()) | Err(StoreError::Exists { .. }) => {
                (progress.seq, progress.outcomes) = (seq, outcomes);
                if is_last {
                    progress.n_segments = progress.n_segments.saturating_sub(n_segments);
                }
                Ok(is_last)
            }
            Err(error) => {
                progress.changed.extend(changed);
                Err(error)
            }
        }
    }

    /// What the next checkpoint is to tell of.
    fn begin_part(&self) -> Part {
        let mut progress = self.checkpoints.lock();
        let next = self.next_outcomes.load(Ordering::Acquire);
        let first_coming = progress.coming.keys().next().copied();
        let catalog = self.catalog.read();
        let after = progress.seq;
        // The catalog takes whole segments only, and so do checkpoints.
        let seq = catalog.segment_end(after + MAX_PART);
        let is_last = seq == catalog.last_seq();
        progress.coming_seq = seq;
        let head = Head {
            version: VERSION,
            after,
            seq,
            // What an earlier part leaves out is told of by a later one.
            outcomes: if is_last {
                first_coming.unwrap_or(next) - 1
            } else {
                progress.outcomes
            },
        };
        Part {
            head,
            changed: std::mem::take(&mut progress.changed),
            n_segments: progress.n_segments,
            is_last,
        }
    }

    /// Lines that tell of `frames`, and of what is known of these and of `others`.
    fn lines(&self, frames: &[u64], others: &[u64]) -> Vec<Line> {
        let catalog = self.catalog.read();
        let entries = frames.iter().filter_map(|seq| catalog.get(*seq));
        let mut lines: Vec<Line> = entries
            .map(|entry| Line::Frame(entry.segment, Box::new(entry.header.as_ref().clone())))
            .collect();
        let settled = frames.iter().chain(others);
        lines.extend(settled.filter_map(|seq| Some(Line::Outcome(*seq, catalog.outcome(*seq)?))));
        lines
    }

    /// Removes all checkpoints of a journal whose segments are about to be changed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn forget_checkpoints(store: &Store) -> Result<(), StoreError> {
        for key in store.list(keys::CHECKPOINTS, None).await? {
            store.delete(&key).await?;
        }
        Ok(())
    }
}

/// What a checkpoint is to tell of.
struct Part {
    head: Head,
    /// Frames before it of which something else is known since.
    changed: BTreeSet<u64>,
    n_segments: u64,
    /// Whether it reaches the end.
    is_last: bool,
}

/// A checkpoint while it is written.
struct Text(zstd::Encoder<'static, Vec<u8>>);

impl Text {
    fn begin(head: &Head) -> Self {
        let mut text = Self(zstd::Encoder::new(Vec::new(), 1).expect("memory suffices"));
        text.put(serde_json::to_vec(head).expect("numbers"));
        text
    }

    fn put(&mut self, mut line: Vec<u8>) {
        line.push(b'\n');
        self.0.write_all(&line).expect("memory suffices");
    }

    fn with(mut self, lines: &[Line]) -> Self {
        for line in lines {
            let line = serde_json::to_vec(line);
            self.put(line.expect("headers and outcomes have only string keys"));
        }
        self
    }

    fn finish(self) -> Bytes {
        Bytes::from(self.0.finish().expect("memory suffices"))
    }
}

/// Head and lines, if every frame that should be there is.
fn read(bytes: &[u8]) -> std::io::Result<(Head, Vec<Line>)> {
    let wrong = |reason: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
    let mut text = std::io::BufReader::new(zstd::Decoder::new(bytes)?).split(b'\n');
    let head = text.next().ok_or_else(|| wrong("it is empty"))??;
    let head: Head = serde_json::from_slice(&head)?;
    if head.version > VERSION {
        return Err(wrong("a newer zf wrote it"));
    }
    let lines: Vec<Line> = text
        .map(|line| Ok(serde_json::from_slice(&line?)?))
        .collect::<std::io::Result<_>>()?;
    let frames = lines.iter().filter_map(|line| match line {
        Line::Frame(_, header) => Some(header.seq),
        Line::Outcome(..) => None,
    });
    if head.after > head.seq || !frames.eq(head.after + 1..=head.seq) {
        return Err(wrong("frames are missing"));
    }
    Ok((head, lines))
}
