//! A dataset: one schema, its store, its journal and its nodes.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use indexmap::IndexMap;
use parking_lot::{Mutex, RwLock};
use serde_json::{Map, Value as Json};
use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;
use zarr_fuse_decode::Decoder;
use zarr_fuse_journal::{
    AppendError, CorrectionError, Definition, Journal, JournalError, JournalSettings, Life,
    NewContribution, Receipt,
};
use zarr_fuse_schemas::{Node as NodeSchema, Schema, SchemaError, check_edit};
use zarr_fuse_store::{RequestKind, S3Access, Store, StoreError, Writer, keys};

use crate::commit::{self, CommitError, Recovered};
use crate::definition;
use crate::fold::{self, FoldError, Folded};
use crate::meaning::{Meaning, MeaningError};
use crate::node::{ChunkCache, Layout, Node, OpenNodeError, chunk_cache, json_bytes, stated};
use crate::rebuild::Turns;

mod correct;
mod decoders;
mod dry_run;
pub mod folding;
mod states;

pub use correct::{Differences, Rebuild};
pub use decoders::{Decoders, UnknownEndpoint};
use decoders::{define_old, kept_schema};
pub use dry_run::{DryRunError, in_turn};

/// Decoded chunks kept in memory per dataset, unless something else is asked for.
pub const CACHE_BYTES: u64 = 128 << 20;
/// Commits kept for who follows them one by one and is behind.
const MAX_COMMITS: usize = 1024;
/// Shortest time between two writes of the root group.
const ROOT_INTERVAL: Duration = Duration::from_secs(2);

/// How often a process looks whether another has taken over.
const WATCH_INTERVAL: Duration = Duration::from_secs(5);
/// How long a process that takes over waits before it changes arrays, unless the former writer is known to have ended: by
/// then the other has found out, since it looks before every commit.
const TAKEOVER_WAIT: Duration = Duration::from_secs(5);

/// Everything one schema file describes, opened.
#[derive(Debug)]
pub struct Dataset {
    /// Its name: the schema's.
    pub name: String,
    /// Its schema.
    pub schema: Arc<Schema>,
    /// Where it lies.
    pub store: Store,
    /// What arrived.
    pub journal: Arc<Journal>,
    /// Nodes that have arrays, by path, in schema order.
    pub nodes: IndexMap<String, Arc<Node>>,
    /// How contributions that come from now on are decoded.
    pub decoders: Decoders,
    /// What they mean, by endpoint.
    definitions: BTreeMap<String, Arc<Definition>>,
    /// When corrections are taken.
    pub turns: Turns,
    writer: Mutex<Writer>,
    opened_at: SystemTime,
    troubles: RwLock<BTreeMap<String, String>>,
    folds: watch::Sender<FoldCounts>,
    commits: broadcast::Sender<(String, Folded)>,
    /// States that readers keep to.
    states: states::States,
    /// What the root group tells.
    root: watch::Sender<RootGroup>,
    /// Somebody waits for the root group.
    root_wanted: Notify,
}

/// How far the root group has followed.
#[derive(Debug, Clone, Default)]
struct RootGroup {
    /// Per node, what is merged in what it tells.
    folded: Vec<u64>,
    /// How often it could not be written.
    n_failed: u64,
}

/// What the folds of a dataset did since it was opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct FoldCounts {
    /// Commits.
    pub n_commits: u64,
    /// Contributions folded.
    pub n_contributions: u64,
    /// Rows that took part.
    pub n_rows: u64,
    /// Contributions rejected as a whole.
    pub n_rejected: u64,
    /// Time spent folding.
    pub duration: Duration,
}

/// Why a dataset cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No address.
    #[error(
        "the dataset `{0}` has no store; give `STORE_URL` in its `ATTRS`, `ZF_STORE_URL`, or `--store`"
    )]
    NoStore(String),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The schema asks for other stored values or shapes than the one the dataset was last opened with.
    #[error(transparent)]
    Edit(#[from] SchemaError),
    /// Another process has the dataset open for writing.
    #[error(
        "process {pid} on `{host}` has opened the dataset `{dataset}` for writing: send contributions to it over HTTP (POST /api/v1/ingest/…), stop it, or, if it is gone, say --take-over"
    )]
    Busy {
        /// The dataset.
        dataset: String,
        /// Machine of the other process.
        host: String,
        /// Its id there.
        pid: u32,
    },
    /// The arrays hold more than the journal.
    #[error(
        "the arrays of `{node}` hold contributions up to {folded_seq}, the journal in `{journal}` ends at {last_seq}: if it lies elsewhere, name it (`journal.url`, --config); if its end is lost, put it back from a copy"
    )]
    JournalBehind {
        /// The node.
        node: Box<str>,
        /// What its arrays hold.
        folded_seq: u64,
        /// Where the journal is looked for.
        journal: Box<str>,
        /// Where it ends.
        last_seq: u64,
    },
    /// A node does not fit its schema.
    #[error(transparent)]
    Node(#[from] OpenNodeError),
    /// A node cannot be folded again.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The journal does not take what is to be said in it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Nobody knows what contributions mean.
    #[error(
        "contribution {seq} came through the endpoint `{endpoint}` before the journal kept what contributions mean, and nothing here says how it is decoded: say --config FILE, with a configuration that has the endpoint, or --even-if to do without"
    )]
    Undefined {
        /// The endpoint.
        endpoint: String,
        /// The first such contribution.
        seq: u64,
    },
    /// Where to begin is not understood.
    #[error("`{0}` is neither a sequence number nor a time such as `2024-05-01T00:00:00Z`")]
    Beginning(String),
    /// A reinterpretation was not taken.
    #[error(transparent)]
    Correction(#[from] CorrectionError),
    /// An interrupted insertion cannot be completed.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl Dataset {
    /// Opens a dataset: completes what was interrupted, reads the journal and every node, and queues what is to be folded.
    /// The journal lies beside the arrays.
    ///
    /// # Errors
    /// [`OpenError`] names what is damaged or does not fit.
    pub async fn open(
        schema: Arc<Schema>,
        store: Store,
        decoders: Decoders,
        settings: JournalSettings,
    ) -> Result<Arc<Self>, OpenError> {
        let journal = store.clone();
        Self::open_apart(schema, store, journal, decoders, settings, CACHE_BYTES).await
    }

    /// A dataset in memory that nobody else has, to try contributions in; they come through its own endpoint.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn in_memory(schema: Arc<Schema>, decoder: Decoder) -> Result<Arc<Self>, OpenError> {
        let store = Store::open("memory://", Path::new("."), &S3Access::default())?;
        let decoders = Decoders::new(&schema.name, HashMap::new()).with_own(decoder);
        Self::open(schema, store, decoders, JournalSettings::default()).await
    }

    /// As [`Self::open`], with the journal in another store than the arrays, and `cache_bytes` of decoded chunks kept in
    /// memory.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_apart(
        schema: Arc<Schema>,
        store: Store,
        journal: Store,
        decoders: Decoders,
        settings: JournalSettings,
        cache_bytes: u64,
    ) -> Result<Arc<Self>, OpenError> {
        if !store.is_read_only() {
            check_kept_schema(&journal, &schema).await?;
        }
        let opened_at = SystemTime::now();
        let (journal, writer) = take_journal(&schema.name, &store, journal, settings).await?;
        define_old(&journal, &schema, &decoders, store.is_read_only()).await?;
        let recovered = recover(&store).await?;
        let cache = chunk_cache(cache_bytes);
        let mut nodes = IndexMap::new();
        for node in schema.nodes().filter(|node| has_arrays(node)) {
            let opened = open_node(&store, recovered.as_ref(), node, cache.clone()).await?;
            let (folded_seq, last_seq) = (opened.folded_seq(), journal.last_seq());
            if folded_seq > last_seq {
                return Err(OpenError::JournalBehind {
                    node: node.path.as_str().into(),
                    folded_seq,
                    journal: journal.store().url().into(),
                    last_seq,
                });
            }
            opened.suspect_until(last_seq);
            journal.enqueue(&node.path, folded_seq);
            if !store.is_read_only() {
                journal.expect_trials(&node.path).await?;
            }
            nodes.insert(node.path.clone(), opened);
        }
        let dataset = Self {
            name: schema.name.clone(),
            definitions: decoders.definitions(&schema),
            schema,
            store,
            journal,
            nodes,
            decoders,
            writer: Mutex::new(writer),
            opened_at,
            turns: Turns::default(),
            troubles: RwLock::default(),
            folds: watch::Sender::default(),
            commits: broadcast::Sender::new(MAX_COMMITS),
            states: states::States::default(),
            root: watch::Sender::default(),
            root_wanted: Notify::new(),
        };
        if !dataset.store.is_read_only() {
            dataset.journal.keep_schema(&dataset.schema).await?;
            dataset.publish_groups().await?;
        }
        Ok(Arc::new(dataset))
    }

    /// Says in the journal that this process writes no more.
    pub async fn close(&self) {
        self.checkpoint().await;
        self.journal.close().await;
    }

    /// Gives the dataset up to another one of this process: nothing is taken any more and the store may be marked by others.
    /// What is known can be read on.
    pub async fn retire(&self) {
        self.checkpoint().await;
        self.journal.retire().await;
        let mark = std::mem::replace(&mut *self.writer.lock(), Writer::Unknown);
        drop(mark);
    }

    async fn checkpoint(&self) {
        if let Err(error) = self.journal.checkpoint_if_due().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "Cannot write a checkpoint of the journal of `{}`",
                self.name
            );
        }
    }

    /// Whether another process on this machine writes the dataset, too. The one whose next append comes first goes on.
    pub fn has_another_writer(&self) -> bool {
        matches!(*self.writer.lock(), Writer::Another)
    }

    /// Another process has taken over: leaves the store to it, and says so.
    pub(crate) fn yield_to_another(&self) {
        let former = std::mem::replace(&mut *self.writer.lock(), Writer::Unknown);
        drop(former);
        let reason = format!(
            "another zf process has taken over the dataset `{}`; this one answers queries from what it knows and takes nothing more: stop it",
            self.name
        );
        for path in self.nodes.keys() {
            if self
                .troubles
                .write()
                .insert(path.clone(), reason.clone())
                .is_none()
            {
                tracing::error!(dataset.name = self.name, node.path = path, "{reason}");
            }
        }
    }

    /// Removes temporary files that killed processes left in a local store.
    async fn tidy(&self) {
        if !matches!(*self.writer.lock(), Writer::This(_)) {
            return;
        }
        let (store, before) = (self.store.clone(), self.opened_at);
        let tidied = tokio::task::spawn_blocking(move || store.remove_leftovers(before)).await;
        match tidied.map_err(std::io::Error::other).flatten() {
            Ok(0) => {}
            Ok(n) => tracing::info!(
                dataset.name = self.name,
                "Removed {n} temporary files that a killed process left in `{}`",
                self.store.url()
            ),
            Err(error) => tracing::warn!(
                dataset.name = self.name,
                error = &error as &dyn std::error::Error,
                "Cannot remove temporary files that a killed process left in `{}`",
                self.store.url()
            ),
        }
    }

    /// Looks every few seconds whether another process has taken over, until `stop`.
    pub async fn run_watch(self: Arc<Self>, stop: CancellationToken) {
        self.tidy().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(WATCH_INTERVAL) => {}
            }
            if let Err(JournalError::Fenced { .. }) = self.journal.still_ours().await {
                self.yield_to_another();
                stop.cancelled().await;
                return;
            }
            if self.has_another_writer()
                && let Ok(writer @ Writer::This(_)) = self.store.mark()
            {
                *self.writer.lock() = writer;
            }
        }
    }

    /// The node at `path`, if it has arrays.
    pub fn node(&self, path: &str) -> Option<&Arc<Node>> {
        self.nodes.get(path)
    }

    /// Makes a contribution durable.
    ///
    /// # Errors
    /// [`AppendError`].
    pub async fn contribute(&self, new: NewContribution) -> Result<Receipt, AppendError> {
        let definition = self.definitions.get(&new.endpoint);
        let definition =
            definition.ok_or_else(|| AppendError::UnknownEndpoint(new.endpoint.clone()))?;
        self.journal.append(new, definition).await
    }

    /// What contributions through `endpoint` that come from now on mean for a node.
    fn meaning(&self, endpoint: &str, stored: &NodeSchema) -> Result<Meaning, MeaningError> {
        let definition = self.definitions.get(endpoint);
        let definition = definition.ok_or_else(|| MeaningError::Undefined(endpoint.to_owned()))?;
        Meaning::of(definition.id(), &definition::ready(definition), stored)
    }

    /// Folds everything that waits.
    ///
    /// # Errors
    /// [`FoldError`] names the step; see [`fold::fold`].
    pub async fn fold_all(&self) -> Result<(), FoldError> {
        for (path, node) in &self.nodes {
            loop {
                let begin = std::time::Instant::now();
                let Some(folded) = fold::fold(node, &self.journal).await? else {
                    break;
                };
                self.folded(path, folded, begin.elapsed());
            }
        }
        Ok(())
    }

    /// Writes the groups that have no arrays, and the root's consolidated metadata of all nodes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn publish_groups(&self) -> Result<(), StoreError> {
        let layouts = self.layouts();
        let written = self.write_groups(&layouts).await;
        self.root.send_modify(|root| match &written {
            Ok(()) => root.folded = layouts.iter().map(|layout| layout.folded_seq).collect(),
            Err(_) => root.n_failed += 1,
        });
        written
    }

    /// Makes the copies of nodes that the schema asks for, while nothing is folded.
    ///
    /// # Errors
    /// [`CommitError`].
    pub async fn keep_copies(&self) -> Result<(), CommitError> {
        for node in self.nodes.values() {
            commit::Kept::default()
                .keep(node, chrono::Utc::now())
                .await?;
        }
        Ok(())
    }

    async fn write_groups(&self, layouts: &[Layout]) -> Result<(), StoreError> {
        match self.journal.still_ours().await {
            // Another process has taken over and writes it, knowing more.
            Err(JournalError::Fenced { .. }) => return Ok(()),
            Err(JournalError::Store(error)) => return Err(error),
            _ => {}
        }
        if self.journal.is_fenced() {
            return Ok(());
        }
        for schema in self.schema.nodes().filter(|node| !node.path.is_empty()) {
            if self.nodes.contains_key(&schema.path) {
                continue;
            }
            let key = keys::metadata(&schema.path);
            let bytes = json_bytes(&states::bare_group(schema));
            let stored = self.store.get(&key).await?;
            if stored.is_none_or(|stored| stored != bytes) {
                self.store.put(&key, bytes).await?;
            }
        }
        if self.nodes.contains_key("") {
            // The root has arrays of its own: its `zarr.json` is published by its commits.
            return Ok(());
        }
        let root = json_bytes(&self.root_document(layouts));
        self.store.put(&keys::metadata(""), root).await
    }

    /// Waits until the root group tells of contribution `seq` to the node at `path`; not longer than it takes to find out that
    /// it cannot be written.
    pub async fn root_follows(&self, path: &str, seq: u64) {
        let Some(place) = self.nodes.get_index_of(path) else {
            return;
        };
        let mut root = self.root.subscribe();
        let n_failed = root.borrow().n_failed;
        loop {
            {
                let now = root.borrow_and_update();
                let has_followed = now.folded.get(place).is_some_and(|folded| *folded >= seq);
                if has_followed || now.n_failed > n_failed {
                    return;
                }
            }
            self.root_wanted.notify_one();
            // Who is opened in its place writes the root before anything else.
            tokio::select! {
                changed = root.changed() => if changed.is_err() { return },
                () = self.journal.retired() => return,
            }
        }
    }

    /// Keeps the root group up to date until `stop`: every two seconds, and when somebody waits for it as soon as it can be
    /// written. One write serves all who wait, and the store has a pause as long as the last one took.
    pub async fn run_root(self: Arc<Self>, stop: CancellationToken) {
        let mut folds = self.folds.subscribe();
        loop {
            self.checkpoint().await;
            let stopping = tokio::select! {
                () = stop.cancelled() => true,
                changed = folds.changed() => changed.is_err(),
                () = self.root_wanted.notified() => false,
            };
            let begin = Instant::now();
            if let Err(error) = self.publish_groups().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "Cannot write the root group of `{}`",
                    self.name
                );
                folds.mark_changed();
            }
            if stopping {
                return;
            }
            let took = begin.elapsed().min(ROOT_INTERVAL);
            let wanted = async {
                tokio::time::sleep(took).await;
                self.root_wanted.notified().await;
                // For the write to come.
                self.root_wanted.notify_one();
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(ROOT_INTERVAL) => {}
                () = wanted => {}
            }
        }
    }

    /// How many requests of one kind arrays and journal made to their stores since the dataset was opened.
    pub fn n_requests(&self, kind: RequestKind) -> u64 {
        let (arrays, journal) = (self.store.requests(), self.journal.store().requests());
        let apart = !arrays.is_same(journal);
        arrays.of(kind) + if apart { journal.of(kind) } else { 0 }
    }

    /// What folds did since the dataset was opened.
    pub fn fold_counts(&self) -> FoldCounts {
        *self.folds.borrow()
    }

    /// Changes with every commit.
    pub fn commits(&self) -> watch::Receiver<FoldCounts> {
        self.folds.subscribe()
    }

    /// Every commit to come, with the path of its node.
    pub fn each_commit(&self) -> broadcast::Receiver<(String, Folded)> {
        self.commits.subscribe()
    }

    /// Why nodes cannot be folded at present, by path.
    pub fn troubles(&self) -> BTreeMap<String, String> {
        self.troubles.read().clone()
    }

    pub(crate) fn folded(&self, path: &str, folded: Folded, duration: Duration) {
        self.unhindered(path);
        self.folds.send_modify(|counts| {
            counts.n_commits += 1;
            counts.n_contributions += folded.n_contributions as u64;
            counts.n_rows += folded.n_rows;
            counts.n_rejected += folded.n_rejected as u64;
            counts.duration += duration;
        });
        let _nobody_follows = self.commits.send((path.to_owned(), folded));
    }

    /// Nothing waits and nothing failed: what troubled the node, if anything did, is over.
    pub(crate) fn unhindered(&self, path: &str) {
        if self.troubles.read().contains_key(path) {
            self.troubles.write().remove(path);
        }
    }

    /// Notes why a node cannot be merged into at the moment.
    pub fn stumbled(&self, path: &str, reason: &str) {
        self.troubles
            .write()
            .insert(path.to_owned(), reason.to_owned());
    }
}

/// The newest contribution that any arrays in `store` hold, by what their groups say.
///
/// # Errors
/// [`StoreError`].
pub async fn newest_folded(store: &Store, schema: &Schema) -> Result<u64, StoreError> {
    let mut newest = 0;
    for node in schema.nodes().filter(|node| has_arrays(node)) {
        let group = store.get(&keys::metadata(&node.path)).await?;
        let group: Option<Json> = group.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let folded = group.and_then(|group| stated::number(&group, "folded_seq"));
        newest = newest.max(folded.unwrap_or(0));
    }
    Ok(newest)
}

/// Whether a node has arrays of its own.
pub fn has_arrays(node: &NodeSchema) -> bool {
    !node.coordinates.is_empty() || !node.variables.is_empty()
}

/// Recovers what was interrupted, if the store may be written.
async fn recover(store: &Store) -> Result<Option<Recovered>, CommitError> {
    if store.is_read_only() {
        return Ok(None);
    }
    commit::recover(store).await.map(Some)
}

/// Opens a node: in a recovered store, to be written; else only to be read.
async fn open_node(
    store: &Store,
    recovered: Option<&Recovered>,
    schema: &NodeSchema,
    cache: ChunkCache,
) -> Result<Arc<Node>, OpenNodeError> {
    let schema = Arc::new(schema.clone());
    match recovered {
        Some(recovered) => {
            let settled = recovered.open(schema, cache).await?;
            Ok(Arc::clone(settled.node()))
        }
        None => Node::open(store.clone(), schema, cache).await,
    }
}

/// Opens the journal; who may write becomes the only one who does.
async fn take_journal(
    dataset: &str,
    store: &Store,
    journal: Store,
    settings: JournalSettings,
) -> Result<(Arc<Journal>, Writer), OpenError> {
    if store.is_read_only() {
        let journal = Journal::open(journal, dataset, settings).await?;
        return Ok((journal, Writer::Unknown));
    }
    let takes_over = settings.takes_over;
    let writer = store.mark()?;
    let journal = Journal::open(journal, dataset, settings).await?;
    let is_marked = matches!(writer, Writer::This(_));
    let may_live = journal.other_writer().filter(|other| match other.life() {
        Life::Runs => true,
        // Whoever holds the mark of a local store is alone on this machine, unless the mark has just been given up to a
        // process that has taken over and has not picked it up yet.
        Life::Unknown => !is_marked,
        Life::This | Life::Ended => false,
    });
    // Nobody else sees this memory; elsewhere only the journal tells.
    let is_alone = is_marked && may_live.is_none() || store.url().starts_with("memory:");
    if !is_alone {
        if let (Some(other), false) = (&may_live, takes_over) {
            return Err(OpenError::Busy {
                dataset: dataset.to_owned(),
                host: other.host.clone(),
                pid: other.pid,
            });
        }
        journal.take_over().await?;
        if may_live.is_some() || matches!(writer, Writer::Another) {
            tracing::info!(
                dataset.name = dataset,
                "Another process may still write `{dataset}`; waiting {TAKEOVER_WAIT:?} until it has noticed"
            );
            tokio::time::sleep(TAKEOVER_WAIT).await;
        }
        journal.catch_up().await?;
    }
    store.hold()?;
    journal.store().hold()?;
    journal.identify().await?;
    Ok((journal, writer))
}

/// Compares the schema with the one kept beside the journal: what changes stored values or shapes needs `zf rebuild`.
async fn check_kept_schema(journal: &Store, schema: &Schema) -> Result<(), OpenError> {
    let Some(kept) = kept_schema(journal, schema).await? else {
        return Ok(());
    };
    let problems = check_edit(&kept, schema);
    if problems.is_empty() {
        Ok(())
    } else {
        Err(SchemaError { problems }.into())
    }
}

/// Root attributes that readers may see: those in upper case configure the store.
fn public_attributes(attrs: &Map<String, Json>) -> Map<String, Json> {
    attrs
        .iter()
        .filter(|(key, _)| is_public(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Whether readers may see an attribute of this name: those in upper case configure the store.
pub(crate) fn is_public(key: &str) -> bool {
    !key.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[cfg(test)]
mod tests;
