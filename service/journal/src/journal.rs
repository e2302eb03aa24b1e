//! The append-only truth: contributions in sequence order, durable before they are acknowledged, and what became of them.
//!
//! Only this module writes the journal. `journal/segment.rs` has the format, `journal/writer.rs` the group commit.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::{Mutex, RwLock};
use serde_json::{Map, Value as Json};
use tokio::sync::{OnceCell, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zarr_fuse_schemas::Schema;
use zarr_fuse_store::{Store, StoreError, keys, sha256};

use crate::outcome::{Outcome, Status};

mod blob;
mod catalog;
mod checkpoint;
mod correction;
mod definition;
mod health;
mod identity;
pub mod machine;
pub mod payload;
mod pressure;
mod queue;
pub mod repair;
pub mod segment;
mod takeover;
mod trial;
mod writer;

use catalog::Catalog;
pub use catalog::{Entry, Filter};
pub use correction::is_even_if;
pub use correction::{
    Assumption, Correction, CorrectionError, Reinterpretation, Request, Requester,
};
pub use definition::{Definition, DefinitionId, Kept};
pub use identity::{Identity, Known};
pub use payload::{Payload, Room, Spool, Spooling, spool_folder};
use pressure::Pressure;
pub use pressure::PressureCounts;
use queue::Queue;
pub use queue::{Next, Waiting};
pub use segment::PayloadPlace;
use segment::SegmentError;
pub use segment::{Header, Kind};
pub use takeover::{Life, Process};

/// Payloads above this become objects of their own.
const BLOB_BYTES: u64 = 8 << 20;
/// Payloads above this are compressed and hashed off the request's thread.
const INLINE_BYTES: u64 = 64 << 10;

/// Segments kept in memory for those who read one payload after the other.
const MAX_KEPT_SEGMENTS: usize = 4;

/// A segment that is read once for all who want it.
type KeptSegment = Arc<OnceCell<Arc<segment::Segment>>>;

/// How the journal writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalSettings {
    /// A segment closes at this size.
    pub max_segment_bytes: usize,
    /// How long a segment stays open for more contributions; zero: only while the former one is written.
    pub flush_interval: Duration,
    /// How long an idempotency key is remembered.
    pub idempotency_window: Duration,
    /// Contributions that may wait to be folded; further ones are refused.
    pub max_waiting: usize,
    /// Payload bytes that may wait to be folded; further contributions are refused.
    pub max_waiting_bytes: u64,
    /// Pause before a failed segment is written again; it grows with every try.
    pub retry_delay: Duration,
    /// How often a store that has failed is tried again.
    pub probe_interval: Duration,
    /// Whether another process that may still write is fenced; else the dataset is not opened for writing.
    pub takes_over: bool,
}

impl Default for JournalSettings {
    fn default() -> Self {
        Self {
            max_segment_bytes: 16 << 20,
            flush_interval: Duration::ZERO,
            idempotency_window: Duration::from_hours(7 * 24),
            max_waiting: 100_000,
            max_waiting_bytes: 1 << 30,
            retry_delay: Duration::from_millis(20),
            probe_interval: Duration::from_secs(1),
            takes_over: true,
        }
    }
}

/// A contribution as it arrives.
#[derive(Debug, Clone)]
pub struct NewContribution {
    /// Where it was pushed to.
    pub endpoint: String,
    /// Path of the target node.
    pub node: String,
    /// As the sender says.
    pub content_type: String,
    /// As the sender says.
    pub content_encoding: Option<String>,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Who sent it: a user or token, else the address.
    pub sender: Option<String>,
    /// Network address it came from.
    pub address: Option<String>,
    /// The sender's idempotency key.
    pub idempotency_key: Option<String>,
    /// What decoding may refer to as `$vars`.
    pub variables: Map<String, Json>,
    /// The bytes.
    pub payload: Payload,
}

impl NewContribution {
    /// CSV that arrives now, from nobody in particular.
    pub fn csv(endpoint: &str, node: &str, csv: impl Into<Payload>) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            node: node.to_owned(),
            content_type: "text/csv".to_owned(),
            content_encoding: None,
            received_at: Utc::now(),
            sender: None,
            address: None,
            idempotency_key: None,
            variables: Map::new(),
            payload: csv.into(),
        }
    }
}

/// Proof that a contribution is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub id: Uuid,
    /// Its place in the order.
    pub seq: u64,
    /// Its node.
    pub node: String,
    /// The same key and bytes had arrived before: this is the first receipt again.
    pub replayed: bool,
}

/// Why a contribution was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// The key was used for other bytes.
    #[error(
        "the idempotency key `{key}` was used for other bytes (contribution {id}); use a new key for new data"
    )]
    KeyReused {
        /// The key.
        key: String,
        /// The contribution that has it.
        id: Uuid,
    },
    /// Too many contributions wait to be folded.
    #[error("{n_waiting} contributions wait to be merged; try again later")]
    Overloaded {
        /// How many wait.
        n_waiting: usize,
    },
    /// Another process writes this dataset.
    #[error(
        "another zf process has taken over the dataset `{dataset}`; this one no longer takes contributions"
    )]
    Fenced {
        /// The dataset.
        dataset: String,
    },
    /// The journal cannot be written.
    #[error("the journal cannot be written; nothing was taken, try again later")]
    Store(#[source] Arc<StoreError>),
    /// What the journal has where it is to go on cannot be read.
    #[error("the end of the journal cannot be read; nothing was taken, try again later")]
    Unreadable(#[source] Arc<JournalError>),
    /// The temporary file of a large body cannot be read back.
    #[error("the temporary file of the body cannot be read; nothing was taken, send it again")]
    Spool(#[source] Arc<std::io::Error>),
    /// Nobody knows what it would mean.
    #[error("the endpoint `{0}` is not configured")]
    UnknownEndpoint(String),
    /// The service stops.
    #[error("the service is stopping; try again later")]
    Stopping,
    /// The dataset is opened again in the same process.
    #[error(
        "the dataset `{dataset}` is being opened again after an edit; nothing was taken, try again in a moment"
    )]
    Retired {
        /// The dataset.
        dataset: String,
    },
}

/// Why the journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A segment is damaged.
    #[error("the journal segment `{key}` is damaged: {source}; see `zf journal check`")]
    Segment {
        /// The segment.
        key: String,
        /// How.
        source: SegmentError,
    },
    /// An outcome batch is damaged.
    #[error("the outcomes `{key}` are not readable")]
    Outcomes {
        /// The batch.
        key: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A payload is not as it was delivered.
    #[error("the payload of contribution {id} is {reason}")]
    Payload {
        /// The contribution.
        id: Uuid,
        /// `missing`, `damaged`.
        reason: &'static str,
    },
    /// What contributions mean is not kept as it was written.
    #[error(
        "what contributions mean is {reason}: `{key}` of the definition {id}; put it back from a copy, `zf journal check` tells more"
    )]
    Definition {
        /// The definition.
        id: DefinitionId,
        /// The object.
        key: String,
        /// `missing`, `damaged`.
        reason: &'static str,
    },
    /// A segment is missing.
    #[error("the journal lacks sequence number {seq}: `{key}` should begin there")]
    Gap {
        /// The first number missing.
        seq: u64,
        /// The key that should exist.
        key: String,
    },
    /// Another process writes this dataset.
    #[error("another zf process has taken over the dataset `{dataset}`")]
    Fenced {
        /// The dataset.
        dataset: String,
    },
    /// The temporary file of a large body that waits cannot be read back.
    #[error("the temporary file of contribution {id} cannot be read")]
    Spool {
        /// The contribution.
        id: Uuid,
        /// Cause.
        source: std::io::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The journal of one dataset.
#[derive(Debug)]
pub struct Journal {
    dataset: String,
    store: Store,
    settings: JournalSettings,
    pressure: Arc<Pressure>,
    catalog: RwLock<Catalog>,
    queue: Mutex<Queue>,
    writer: Uuid,
    fenced: AtomicBool,
    /// Cancelled when the dataset is handed over within this process: no contribution is let in any more.
    retired: CancellationToken,
    /// Held while a segment is written; true: nothing is written any more.
    ended: tokio::sync::Mutex<bool>,
    /// Which journal it is, if it is written.
    identity: OnceLock<Identity>,
    /// When it was last seen to be that.
    verified: Mutex<Option<tokio::time::Instant>>,
    /// Held by those who write a payload of its own and name it, by its hash.
    blobs: Mutex<HashMap<String, Weak<tokio::sync::RwLock<()>>>>,
    /// Why the last write failed, until one succeeds.
    trouble: RwLock<Option<Arc<StoreError>>>,
    /// Whether the journal says that this process writes it.
    announced: AtomicBool,
    /// Outcomes in the journal that count only when the arrays they tell of are published: those up to this sequence number.
    announced_outcomes: Mutex<BTreeMap<u64, (u64, Outcome)>>,
    /// Read last, the latest first.
    kept_segments: Mutex<VecDeque<(u64, KeptSegment)>>,
    last_seq: AtomicU64,
    next_outcomes: AtomicU64,
    /// Number of the first batch of outcomes that tells of frames that were not known when it was read.
    early_outcomes: AtomicU64,
    checkpoints: Mutex<checkpoint::Progress>,
    /// What may end a process.
    trials: Mutex<trial::Trials>,
    definitions: definition::Definitions,
    appends: mpsc::Sender<Append>,
    arrived: watch::Sender<u64>,
    settled: watch::Sender<u64>,
}

/// A prepared contribution on its way to the writer.
#[derive(Debug)]
struct Append {
    header: Header,
    kept: Bytes,
    payload: Payload,
    reply: oneshot::Sender<Result<Receipt, AppendError>>,
    /// What it takes while it is on its way, whether or not its sender still waits.
    _place: Option<pressure::Place>,
}

impl Journal {
    /// Reads the journal in `store` and starts its writer.
    ///
    /// # Errors
    /// [`JournalError`] if a segment is missing or damaged, or the store fails.
    pub async fn open(
        store: Store,
        dataset: &str,
        settings: JournalSettings,
    ) -> Result<Arc<Self>, JournalError> {
        let (appends, queue) = mpsc::channel(4096);
        let journal = Arc::new(Self {
            dataset: dataset.to_owned(),
            store,
            pressure: Pressure::new(settings.max_waiting, settings.max_waiting_bytes).into(),
            settings,
            catalog: RwLock::default(),
            queue: Mutex::default(),
            writer: Uuid::now_v7(),
            fenced: AtomicBool::new(false),
            retired: CancellationToken::new(),
            ended: tokio::sync::Mutex::new(false),
            identity: OnceLock::new(),
            verified: Mutex::default(),
            blobs: Mutex::default(),
            trouble: RwLock::default(),
            announced: AtomicBool::new(false),
            announced_outcomes: Mutex::default(),
            kept_segments: Mutex::default(),
            last_seq: AtomicU64::new(0),
            next_outcomes: AtomicU64::new(1),
            early_outcomes: AtomicU64::new(1),
            checkpoints: Mutex::default(),
            trials: Mutex::default(),
            definitions: definition::Definitions::default(),
            appends,
            arrived: watch::Sender::new(0),
            settled: watch::Sender::new(0),
        });
        let (seq, outcomes) = journal.read_checkpoints().await?;
        journal.read_segments(seq).await?;
        journal.read_outcomes(outcomes).await?;
        tokio::spawn(writer::run(Arc::downgrade(&journal), queue));
        Ok(journal)
    }

    /// Reads the segments after frame `seq` into the catalog.
    async fn read_segments(&self, seq: u64) -> Result<(), JournalError> {
        let after = keys::segment(seq);
        let keys = self.store.list(keys::SEGMENTS, Some(&after)).await?;
        let mut segments =
            futures::stream::iter(keys.iter().filter(|key| keys::segment_seq(key).is_some()))
                .map(|key| async move { Ok::<_, JournalError>((key, self.segment(key).await?)) })
                .buffered(16);
        let mut next = seq + 1;
        while let Some((key, segment)) = segments.try_next().await? {
            if next != segment.first_seq || keys::segment_seq(key) != Some(segment.first_seq) {
                return Err(JournalError::Gap {
                    seq: next,
                    key: keys::segment(next),
                });
            }
            next = segment.first_seq + segment.frames.len() as u64;
            self.checkpoints.lock().segment_added();
            let mut catalog = self.catalog.write();
            for frame in segment.frames {
                self.last_seq.store(frame.header.seq, Ordering::Release);
                catalog.insert(&frame.header, segment.first_seq);
            }
        }
        Ok(())
    }

    /// Reads the outcomes after batch `batch` into the catalog.
    async fn read_outcomes(&self, batch: u64) -> Result<(), JournalError> {
        let after = keys::outcomes(batch);
        let keys = self.store.list(keys::OUTCOMES, Some(&after)).await?;
        let mut batches = futures::stream::iter(&keys)
            .map(|key| async move {
                let bytes = self.store.get(key).await?.unwrap_or_default();
                let unreadable = |source| JournalError::Outcomes {
                    key: key.clone(),
                    source,
                };
                let json = zstd::decode_all(bytes.as_ref()).map_err(unreadable)?;
                let batch: Vec<(u64, Outcome)> =
                    serde_json::from_slice(&json).map_err(|error| unreadable(error.into()))?;
                Ok::<_, JournalError>(batch)
            })
            .buffered(16);
        let mut early = None;
        let mut numbers = keys.iter().map(|key| keys::outcomes_number(key));
        while let Some(batch) = batches.try_next().await? {
            let number = numbers.next().flatten();
            let mut catalog = self.catalog.write();
            let mut progress = self.checkpoints.lock();
            progress.outcomes_noted("", batch.iter().map(|(seq, _)| *seq));
            drop(progress);
            if batch.iter().any(|(seq, _)| *seq > catalog.last_seq()) {
                early = early.or(number);
            }
            for (seq, outcome) in batch {
                catalog.settle(seq, &outcome);
            }
        }
        let last = keys
            .iter()
            .filter_map(|key| keys::outcomes_number(key))
            .max()
            .unwrap_or(batch);
        self.next_outcomes.store(last + 1, Ordering::Release);
        let early = early.unwrap_or(last + 1);
        self.early_outcomes.store(early, Ordering::Release);
        Ok(())
    }

    /// Reads what the former writer has noted since this journal was opened, and what it had noted of frames that were not known
    /// yet; asked once it writes no more and its frames are known. Else this process would leave these outcomes out of its
    /// checkpoints, and nobody would read them again.
    ///
    /// # Errors
    /// [`JournalError`].
    pub async fn catch_up(&self) -> Result<(), JournalError> {
        let early = self.early_outcomes.load(Ordering::Acquire);
        self.read_outcomes(early - 1).await
    }

    /// The segment that begins with frame `first_seq`, kept in memory with the few that were read last.
    async fn kept_segment(&self, first_seq: u64) -> Result<Arc<segment::Segment>, JournalError> {
        let cell = {
            let mut kept = self.kept_segments.lock();
            let found = kept.iter().position(|(seq, _)| *seq == first_seq);
            let cell = match found.and_then(|place| kept.remove(place)) {
                Some((_, cell)) => cell,
                None => Arc::default(),
            };
            kept.push_front((first_seq, Arc::clone(&cell)));
            kept.truncate(MAX_KEPT_SEGMENTS);
            cell
        };
        let read = || async {
            let segment = self.segment(&keys::segment(first_seq)).await?;
            Ok::<_, JournalError>(Arc::new(segment))
        };
        cell.get_or_try_init(read).await.map(Arc::clone)
    }

    async fn segment(&self, key: &str) -> Result<segment::Segment, JournalError> {
        let bytes = self.store.get(key).await?.unwrap_or_default();
        segment::decode(&bytes).map_err(|source| JournalError::Segment {
            key: key.to_owned(),
            source,
        })
    }

    /// Makes a contribution durable, with what it means; answers only then.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was acknowledged then, though it may have become durable if the store failed.
    pub async fn append(
        &self,
        new: NewContribution,
        definition: &Definition,
    ) -> Result<Receipt, AppendError> {
        self.check_writable()?;
        self.keep_definition(definition).await.map_err(|error| {
            let error = Arc::new(error);
            self.note(Some(Arc::clone(&error)));
            AppendError::Store(error)
        })?;
        self.append_as(new, Some(definition.id())).await
    }

    /// As journals of earlier programs have it: without what it means. Tests make such journals.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn append_undefined(&self, new: NewContribution) -> Result<Receipt, AppendError> {
        self.append_as(new, None).await
    }

    async fn append_as(
        &self,
        new: NewContribution,
        definition: Option<DefinitionId>,
    ) -> Result<Receipt, AppendError> {
        self.check_writable()?;
        let mut place = self.make_room(new.payload.len()).await?;
        let payload = new.payload.clone();
        let in_frame = if payload.len() > BLOB_BYTES {
            0
        } else {
            payload.len()
        };
        place.prepare(in_frame).await;
        let dataset = self.dataset.clone();
        let (prepared, place) = if payload.len() > INLINE_BYTES {
            tokio::task::spawn_blocking(move || (prepare(new, dataset), place))
                .await
                .map_err(|_stopped| AppendError::Stopping)?
        } else {
            (prepare(new, dataset), place)
        };
        let (mut header, kept) = prepared.map_err(|error| AppendError::Spool(Arc::new(error)))?;
        header.definition = definition;
        if header.payload == PayloadPlace::Blob {
            return self.append_blob(header, payload, place).await;
        }
        self.send(header, kept, payload, Some(place)).await
    }

    /// Hands a frame to the writer and waits until it is durable.
    async fn send(
        &self,
        header: Header,
        kept: Bytes,
        payload: Payload,
        place: Option<pressure::Place>,
    ) -> Result<Receipt, AppendError> {
        let (reply, answer) = oneshot::channel();
        let append = Append {
            header,
            kept,
            payload,
            reply,
            _place: place,
        };
        self.appends
            .send(append)
            .await
            .map_err(|_closed| AppendError::Stopping)?;
        answer.await.map_err(|_closed| AppendError::Stopping)?
    }

    /// Waits while much waits to be folded, and refuses when too much does.
    async fn make_room(&self, n_bytes: u64) -> Result<pressure::Place, AppendError> {
        let (n_waiting, waiting_bytes) = self.queue.lock().size();
        self.pressure.admit(n_waiting, waiting_bytes, n_bytes).await
    }

    /// How often contributions were made to wait, or were refused, because too much waited to be folded.
    pub fn pressure(&self) -> PressureCounts {
        self.pressure.counts()
    }

    /// Whether a contribution of `n_bytes` would be refused now, because too much waits to be folded.
    ///
    /// # Errors
    /// [`AppendError::Overloaded`].
    pub fn would_take(&self, n_bytes: u64) -> Result<(), AppendError> {
        let (n_waiting, waiting_bytes) = self.queue.lock().size();
        self.pressure.check(n_waiting, waiting_bytes, n_bytes)
    }

    /// Where it lies.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Keeps the schema beside the segments with the files it names and the name of the dataset, so that the store explains
    /// itself.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_schema(&self, schema: &Schema) -> Result<(), StoreError> {
        self.keep(keys::NAME, schema.name.clone()).await?;
        if !schema.files.is_empty() {
            let files = serde_json::to_string(&schema.files).expect("it has only string keys");
            self.keep(keys::SCHEMA_FILES, files).await?;
        }
        self.keep(keys::SCHEMA, schema.public_text()).await
    }

    async fn keep(&self, key: &str, text: String) -> Result<(), StoreError> {
        match self.store.get(key).await? {
            Some(kept) if kept == text => Ok(()),
            _ => self.store.put(key, text.into_bytes()).await,
        }
    }

    /// Puts everything after `folded_seq` for `node` into the queue of the fold; called once when the node is opened.
    pub fn enqueue(&self, node: &str, folded_seq: u64) {
        let headers = self.catalog.read().for_fold(node, folded_seq);
        self.queue.lock().replace(node, headers.into_iter());
    }

    /// What waits for `node`, oldest first, up to `max_bytes` of payload but at least one.
    pub fn waiting(&self, node: &str, max_bytes: u64, max_n: usize) -> Vec<Waiting> {
        self.queue.lock().first(node, max_bytes, max_n)
    }

    /// The bytes of a waiting contribution, from memory or read back.
    ///
    /// # Errors
    /// As [`Self::payload`].
    pub async fn waiting_payload(&self, waiting: &Waiting) -> Result<Bytes, JournalError> {
        match &waiting.payload {
            Some(Payload::Memory(bytes, _)) => Ok(bytes.clone()),
            Some(spooled) => {
                let (id, spooled) = (waiting.header.id, spooled.clone());
                let read = tokio::task::spawn_blocking(move || spooled.bytes()).await;
                read.map_err(std::io::Error::other)
                    .flatten()
                    .map_err(|source| JournalError::Spool { id, source })
            }
            None => self.payload(waiting.header.seq).await,
        }
    }

    /// The bytes of a contribution as delivered, checked against its hash.
    ///
    /// # Errors
    /// [`JournalError::Payload`] if they are missing or damaged, or as [`Self::open`].
    pub async fn payload(&self, seq: u64) -> Result<Bytes, JournalError> {
        let Some(entry) = self.catalog.read().get(seq) else {
            return Err(JournalError::Payload {
                id: Uuid::nil(),
                reason: "missing",
            });
        };
        let bad = |reason| JournalError::Payload {
            id: entry.header.id,
            reason,
        };
        let bytes = if entry.header.payload == PayloadPlace::Blob {
            self.store
                .get(&keys::blob(&entry.header.sha256))
                .await?
                .ok_or_else(|| bad("missing"))?
        } else {
            let segment = self.kept_segment(entry.segment).await?;
            let position = zarr_fuse_schemas::to_usize(seq - entry.segment);
            let frame = segment.frames.get(position).ok_or_else(|| bad("missing"))?;
            match frame.header.payload {
                PayloadPlace::Zstd => {
                    let limit = zarr_fuse_schemas::to_usize(entry.header.n_bytes);
                    Bytes::from(
                        zstd::bulk::decompress(&frame.payload, limit)
                            .map_err(|_error| bad("damaged"))?,
                    )
                }
                PayloadPlace::Plain | PayloadPlace::Blob => frame.payload.clone(),
            }
        };
        if sha256(&bytes) != entry.header.sha256 {
            return Err(bad("damaged"));
        }
        Ok(bytes)
    }

    /// A part of the payload of a contribution as it arrived, so that not all of it need be in memory: that of a large one is
    /// read from its object, and is not compared with its checksum; a smaller one is read whole and is.
    ///
    /// # Errors
    /// As [`Self::payload`].
    pub async fn payload_part(
        &self,
        seq: u64,
        range: std::ops::Range<u64>,
    ) -> Result<Bytes, JournalError> {
        let entry = self.catalog.read().get(seq);
        let large = entry.filter(|entry| entry.header.payload == PayloadPlace::Blob);
        let Some(entry) = large else {
            let all = self.payload(seq).await?;
            let (begin, end) = (
                range.start.min(all.len() as u64),
                range.end.min(all.len() as u64),
            );
            let part = zarr_fuse_schemas::to_usize(begin)..zarr_fuse_schemas::to_usize(end);
            // A copy, so that the rest can go.
            return Ok(Bytes::copy_from_slice(&all[part]));
        };
        let key = keys::blob(&entry.header.sha256);
        let bad = |reason| JournalError::Payload {
            id: entry.header.id,
            reason,
        };
        let part = self.store.get_part(&key, range).await?;
        part.ok_or_else(|| bad("missing"))
    }

    /// Writes outcomes.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    async fn write_outcomes(
        &self,
        node: &str,
        outcomes: &[(u64, Outcome)],
    ) -> Result<(), JournalError> {
        let json = serde_json::to_vec(outcomes).expect("outcomes have only string keys");
        let bytes = Bytes::from(zstd::bulk::compress(&json, 1).expect("memory suffices"));
        loop {
            let batch = {
                let mut progress = self.checkpoints.lock();
                let batch = self.next_outcomes.fetch_add(1, Ordering::AcqRel);
                progress.outcomes_coming(batch, node);
                batch
            };
            let key = keys::outcomes(batch);
            match self.store.create(&key, bytes.clone()).await {
                Ok(()) => return Ok(()),
                // An earlier try took effect and its answer was lost, or another process writes: the next number serves both.
                Err(StoreError::Exists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes what is in the arrays of `node`, up to `seq`, out of the queue, and tells who waits for it. Gives the outcomes
    /// that count from now on.
    pub fn settle(&self, node: &str, seq: u64) -> Vec<(u64, Outcome)> {
        self.queue.lock().take_through(node, seq);
        let catalog = self.catalog.read();
        let counts = |of: &u64, (through, _): &mut (u64, Outcome)| {
            *through <= seq && catalog.is_for(*of, node)
        };
        let outcomes: Vec<(u64, Outcome)> = self
            .announced_outcomes
            .lock()
            .extract_if(.., counts)
            .map(|(seq, (_, outcome))| (seq, outcome))
            .collect();
        drop(catalog);
        self.note_outcomes(node, &outcomes);
        outcomes
    }

    /// Tells who waits for them of outcomes that are written.
    fn note_outcomes(&self, node: &str, outcomes: &[(u64, Outcome)]) {
        let mut catalog = self.catalog.write();
        for (seq, outcome) in outcomes {
            catalog.settle(*seq, outcome);
        }
        drop(catalog);
        let mut progress = self.checkpoints.lock();
        progress.outcomes_noted(node, outcomes.iter().map(|(seq, _)| *seq));
        drop(progress);
        self.settled.send_modify(|n| *n += 1);
    }

    /// The outcome of a contribution, as soon as there is one.
    pub async fn settled(&self, seq: u64) -> Arc<Outcome> {
        let mut settled = self.settled.subscribe();
        loop {
            if let Some(outcome) = self.outcome(seq) {
                return outcome;
            }
            if settled.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What became of contribution `seq`, or of a correction.
    pub fn outcome(&self, seq: u64) -> Option<Arc<Outcome>> {
        self.catalog.read().outcome(seq).map(Arc::new)
    }

    /// Writes outcomes of contributions to `node`, before the commit they belong to is published. They count from
    /// [`Self::settle`] on, when the arrays are published up to `through`.
    ///
    /// # Errors
    /// [`JournalError::Store`].
    pub async fn announce_outcomes(
        &self,
        node: &str,
        through: u64,
        outcomes: Vec<(u64, Outcome)>,
    ) -> Result<(), JournalError> {
        if !outcomes.is_empty() {
            self.write_outcomes(node, &outcomes).await?;
            let announced = outcomes.into_iter();
            let announced = announced.map(|(seq, outcome)| (seq, (through, outcome)));
            self.announced_outcomes.lock().extend(announced);
        }
        Ok(())
    }

    /// What will have become of contribution `seq` once announced outcomes count.
    pub fn coming_outcome(&self, seq: u64) -> Option<Arc<Outcome>> {
        let announced = self.announced_outcomes.lock().get(&seq).cloned();
        let announced = announced.map(|(_, outcome)| Arc::new(outcome));
        announced.or_else(|| self.outcome(seq))
    }

    /// Corrections of `node` up to `seq` that have no outcome yet.
    pub fn open_corrections(&self, node: &str, seq: u64) -> Vec<Arc<Header>> {
        let catalog = self.catalog.read();
        catalog.open_corrections(node, seq)
    }

    /// Corrections that wait for `node` and were not refused, and the last sequence number that waits for it.
    pub fn corrections(&self, node: &str) -> (Vec<Arc<Header>>, u64) {
        let (mut corrections, last) = self.queue.lock().corrections(node);
        let catalog = self.catalog.read();
        corrections.retain(|correction| !catalog.is_refused(correction.seq));
        (corrections, last)
    }

    /// Whether frame `seq` is a correction that was refused.
    pub fn is_refused(&self, seq: u64) -> bool {
        self.catalog.read().is_refused(seq)
    }

    /// What the fold of `node` has to do next, by what waits for it now; `None`: nothing. Contributions up to
    /// `unclean_until` may be in the arrays in part although they wait. Batches are as [`Self::waiting`] gives them.
    pub fn next(
        &self,
        node: &str,
        unclean_until: u64,
        max_bytes: u64,
        max_n: usize,
    ) -> Option<Next> {
        // In this order, as when frames are admitted; under both, nothing arrives between one look and another.
        let catalog = self.catalog.read();
        let queue = self.queue.lock();
        let (mut corrections, last_seq) = queue.corrections(node);
        corrections.retain(|correction| !catalog.is_refused(correction.seq));
        let is_in_arrays = |correction: &Arc<Header>| match (correction.kind, correction.target) {
            // What was never folded, or was rejected, is not. The status alone does not tell: it may say "retracted" since
            // before a crash that kept the arrays from following.
            (Kind::Retract, Some(target)) if queue.contains(node, target) => {
                target <= unclean_until
            }
            (Kind::Retract, Some(target)) => catalog.status(target) != Some(Status::Rejected),
            _ => true,
        };
        if corrections.iter().any(is_in_arrays) {
            return Some(Next::Refold {
                corrections,
                last_seq,
            });
        }
        let waiting = queue.first(node, max_bytes, max_n);
        (!waiting.is_empty()).then_some(Next::Fold(waiting))
    }

    /// Whether contribution `seq` is retracted by what the journal says up to `as_of`.
    pub fn is_retracted(&self, seq: u64, as_of: u64) -> bool {
        self.catalog.read().is_retracted(seq, as_of)
    }

    /// The contributions to `node` that are retracted by what the journal says up to `as_of`.
    pub fn retracted(&self, node: &str, as_of: u64) -> Vec<u64> {
        self.catalog.read().retracted(node, as_of)
    }

    /// Changes whenever contributions have become durable.
    pub fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrived.subscribe()
    }

    /// The newest sequence number.
    pub fn last_seq(&self) -> u64 {
        self.last_seq.load(Ordering::Acquire)
    }

    /// How many contributions wait to be folded.
    pub fn n_waiting(&self) -> usize {
        self.queue.lock().len()
    }

    /// Whether another process has taken over: nothing is taken any more, and nothing may be written.
    pub fn is_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }

    /// A contribution by its id.
    pub fn entry(&self, id: Uuid) -> Option<Entry> {
        self.catalog.read().by_id(id)
    }

    /// The node that contribution `seq` is for.
    pub fn node_of(&self, seq: u64) -> Option<String> {
        Some(self.catalog.read().get(seq)?.header.node.clone())
    }

    /// Contributions, newest first.
    pub fn list(&self, filter: &Filter) -> Vec<Entry> {
        self.catalog.read().list(filter)
    }

    /// How many contributions of each state a node has.
    pub fn counts(&self, node: &str) -> BTreeMap<Status, u64> {
        self.catalog.read().counts(node)
    }

    /// When the newest contribution to a node arrived.
    pub fn last_arrival(&self, node: &str) -> Option<DateTime<Utc>> {
        self.catalog.read().last_arrival(node)
    }

    /// All contributions, oldest first.
    pub fn contributions(&self) -> Vec<Entry> {
        let mut all = self.list(&Filter {
            limit: usize::MAX,
            ..Filter::default()
        });
        all.reverse();
        all
    }

    /// Sequence numbers and sizes of the contributions to `node` of which its arrays up to `seq` consist, after `after`,
    /// oldest first.
    pub fn counting(&self, node: &str, after: u64, seq: u64) -> Vec<(u64, u64)> {
        self.catalog.read().counting(node, after, seq)
    }

    /// Sequence number, kind and state of the frames after `after` up to `through`, all or those for `node`, oldest first.
    /// Nothing else is copied.
    pub fn states(&self, node: Option<&str>, after: u64, through: u64) -> Vec<(u64, Kind, Status)> {
        self.catalog.read().states(node, after, through)
    }

    /// A frame by its sequence number.
    pub fn frame_at(&self, seq: u64) -> Option<Entry> {
        self.catalog.read().get(seq)
    }

    /// The endpoints that contributions to `node` from `from` on came through, and whether it was the one that the dataset
    /// had by its name of the day.
    pub fn endpoints(&self, node: &str, from: u64) -> BTreeMap<String, bool> {
        self.catalog.read().endpoints(node, from)
    }

    /// The first contribution that arrived at `time` or later, in the order of the journal.
    pub fn first_since(&self, time: DateTime<Utc>) -> Option<u64> {
        self.catalog.read().first_since(time)
    }

    /// Registers frames that are durable now.
    fn admit(&self, first_seq: u64, frames: impl Iterator<Item = (Header, Option<Payload>)>) {
        let mut catalog = self.catalog.write();
        let mut queue = self.queue.lock();
        for (header, payload) in frames {
            let header = Arc::new(header);
            self.last_seq.store(header.seq, Ordering::Release);
            queue.push(Arc::clone(&header), payload);
            catalog.insert(&header, first_seq);
        }
        drop(queue);
        drop(catalog);
        self.checkpoints.lock().segment_added();
        self.arrived.send_modify(|n| *n += 1);
    }
}

/// The header, and the payload as it is kept in the frame.
fn prepare(new: NewContribution, dataset: String) -> std::io::Result<(Header, Bytes)> {
    let (place, kept) = if new.payload.len() > BLOB_BYTES {
        (PayloadPlace::Blob, Bytes::new())
    } else if new.content_encoding.is_some() || new.payload.len() < 64 {
        (PayloadPlace::Plain, new.payload.bytes()?)
    } else {
        let kept = zstd::bulk::compress(&new.payload.bytes()?, 1).expect("memory suffices");
        (PayloadPlace::Zstd, Bytes::from(kept))
    };
    Ok((header(new, dataset, place), kept))
}

/// The header that a contribution gets.
pub fn header(new: NewContribution, dataset: String, payload: PayloadPlace) -> Header {
    Header {
        sha256: new.payload.sha256(),
        n_bytes: new.payload.len(),
        id: Uuid::now_v7(),
        seq: 0,
        kind: Kind::Contribution,
        target: None,
        endpoint: new.endpoint,
        dataset,
        node: new.node,
        content_type: new.content_type,
        content_encoding: new.content_encoding,
        received_at: new.received_at,
        sender: new.sender,
        address: new.address,
        idempotency_key: new.idempotency_key,
        definition: None,
        payload,
        variables: new.variables,
    }
}

#[cfg(test)]
mod tests;
