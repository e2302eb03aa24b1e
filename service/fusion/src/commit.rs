//! Writes an update into the arrays and publishes it. The only module that writes arrays.
//!
//! Appends and upserts go to their places at once: cells beyond the published shape are invisible and every write can
//! be repeated. An insertion moves values, which cannot be repeated in place, so its objects are staged, listed in a
//! commit record, and then moved. In both cases one object, the group's `zarr.json`, publishes everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use zarr_fuse_arrays::{array::ArrayError, values::Values};
use zarr_fuse_journal::outcome::RowProblem;
use zarr_fuse_schemas::{MergeRule, to_usize};
use zarr_fuse_store::{StoreError, blocking, keys};

use crate::merge::Update;
use crate::node::{EPOCH, Layout, Node, Placement, ReadError, State, json_bytes};

mod cells;
mod conflicts;
mod grid;
mod kept;
mod levels;
mod moved;
mod replace;
mod settled;
mod staging;
use cells::Cells;
pub use conflicts::conflicts;
pub use kept::Kept;
pub use replace::{Old, Replacement, replace};
use settled::Unpublished;
pub use settled::{Recovered, Settled, Suspect, take};
pub(crate) use staging::{REBUILD, delete_all, rebuild_prefix};
pub use staging::{Stage, rebuilt, recover, recover_for_rebuild};

/// Variables written at once.
const CONCURRENT_VARIABLES: usize = 4;
/// Chunks of one variable written at once.
const CONCURRENT_CHUNKS: usize = 4;

/// Why an update cannot be committed; the journal still has everything and the fold tries again.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Chunks cannot be read or coded.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Arrays that were put in place of others cannot be read.
    #[error(transparent)]
    Open(Box<crate::node::OpenNodeError>),
    /// A commit record is not readable.
    #[error(
        "the commit record `{key}` is not readable; `zf rebuild` writes the arrays again from the journal"
    )]
    Record {
        /// The object.
        key: String,
        /// Cause.
        source: serde_json::Error,
    },
    /// Staged objects that a record names are gone.
    #[error(
        "what the commit record `{key}` names is no longer there; `zf rebuild` writes the arrays again from the journal"
    )]
    Lost {
        /// The record.
        key: String,
        /// What is missing.
        source: StoreError,
    },
    /// Somebody else in this process is at it.
    #[error("`{key}` is being worked on by another part of this process; it is tried again")]
    UnderWay {
        /// The record or folder.
        key: String,
    },
    /// A change could not be completed, and the arrays are not written again yet.
    #[error(
        "the change of `{key}` could not be completed; `zf rebuild`, of all nodes, writes the arrays again from the journal"
    )]
    HalfDone {
        /// The record that was not readable.
        key: String,
    },
}

impl From<crate::node::OpenNodeError> for CommitError {
    fn from(error: crate::node::OpenNodeError) -> Self {
        Self::Open(Box::new(error))
    }
}

impl From<ArrayError> for CommitError {
    fn from(error: ArrayError) -> Self {
        Self::Read(error.into())
    }
}

/// An update whose chunks are written, in place or staged, but not published.
#[derive(Debug)]
pub struct Written {
    node: Unpublished,
    state: State,
    before: Arc<State>,
    staged: Option<(Stage, Vec<String>)>,
    components_changed: bool,
    /// Values that a `merge: reject` variable did not take, with the contribution's sequence number.
    pub conflicts: Vec<(u64, RowProblem)>,
}

/// Writes the chunks that `update` touches, up to contribution `folded_seq`.
///
/// # Errors
/// [`CommitError`]; nothing is published then, and the node is suspect.
pub async fn write(
    settled: Settled,
    update: Update,
    folded_seq: u64,
) -> Result<Written, CommitError> {
    let unpublished = settled.begin();
    let node = unpublished.node();
    let before = node.state();
    let shifts = update
        .coordinates
        .iter()
        .any(|coordinate| coordinate.shift.is_some());
    let components_changed = node
        .schema
        .coordinates
        .values()
        .zip(&update.coordinates)
        .any(|(schema, coordinate)| {
            !schema.composed.is_empty() && coordinate.index.len() != coordinate.old_len
        });
    let state = State {
        folded_seq,
        layout: before.layout + u64::from(shifts),
        epoch: if shifts {
            EPOCH.fetch_add(1, Ordering::Relaxed)
        } else {
            before.epoch
        },
        coordinates: update
            .coordinates
            .iter()
            .map(|coordinate| coordinate.index.clone())
            .collect(),
        components: before.components.clone(),
    };
    let update = Arc::new(update);
    let own_folder = shifts.then(|| Stage::new(&node.store, folded_seq));
    let own_folder = own_folder.transpose()?;
    let job = Job {
        node,
        update: &update,
        before: &before,
        state: &state,
        staging: own_folder.as_ref().map(Stage::folder),
    };
    let mut moves = job.coordinates().await?;
    let mut conflicts = Vec::new();
    let mut variables = futures::stream::iter(0..node.schema.variables.len())
        .map(|variable_idx| job.variable(variable_idx))
        .buffer_unordered(CONCURRENT_VARIABLES);
    while let Some((keys, refused)) = variables.try_next().await? {
        moves.extend(keys);
        conflicts.extend(refused);
    }
    drop(variables);
    Ok(Written {
        node: unpublished,
        state,
        before,
        staged: own_folder.map(|folder| (folder, moves)),
        components_changed,
        conflicts,
    })
}

/// Publishes what was written: from now on readers see it.
///
/// # Errors
/// [`CommitError`]; the node is suspect then. If the record of an insertion was made, recovery completes it.
pub async fn publish(written: Written) -> Result<Settled, CommitError> {
    let Written {
        node: unpublished,
        state,
        before,
        staged,
        components_changed,
        conflicts: _,
    } = written;
    let node = unpublished.node();
    let metadata = node.metadata(&Layout::of(&state), Some(&Layout::of(&before)));
    let Some((stage, mut moves)) = staged else {
        for (key, json) in metadata {
            node.store.put(&key, json_bytes(&json)).await?;
        }
        node.publish(node.with_components(state, components_changed).await?);
        return Ok(unpublished.published());
    };
    for (key, json) in metadata {
        let staged = keys::join(stage.folder(), &key);
        node.store.put(&staged, json_bytes(&json)).await?;
        moves.push(key);
    }
    let recorded = stage.record(&node.store, moves, Vec::new()).await?;
    {
        let mut placement = node.layout.write().await;
        // Whatever happens from here on, nobody reads before all is in its place.
        *placement = Placement::HalfMoved;
        recorded.apply(&node.store).await?;
        node.publish(node.with_components(state, components_changed).await?);
        *placement = Placement::InPlace;
    }
    recorded.discard(&node.store).await?;
    Ok(unpublished.published())
}

/// One commit under way.
struct Job<'a> {
    node: &'a Node,
    update: &'a Arc<Update>,
    before: &'a State,
    state: &'a State,
    staging: Option<&'a str>,
}

impl Job<'_> {
    /// Writes the chunks of coordinates that grew.
    async fn coordinates(&self) -> Result<Vec<String>, CommitError> {
        let mut written = Vec::new();
        for (array, coordinate) in self.update.coordinates.iter().enumerate() {
            if coordinate.old_len == coordinate.index.len() {
                continue;
            }
            let first = match &coordinate.shift {
                Some(shift) => shift.first,
                None => coordinate.old_len,
            };
            let every = (coordinate.index.values().as_ref(), 1);
            written.extend(self.values_from(array, first, every).await?);
        }
        written.extend(levels::write_coordinates(self).await?);
        Ok(written)
    }

    /// Writes the chunks of an array that holds the first of every `step` of `all` values, from the one with element
    /// `first` on.
    async fn values_from(
        &self,
        array: usize,
        first: u64,
        (all, step): (&Values, u64),
    ) -> Result<Vec<String>, CommitError> {
        let spec = &self.node.arrays[array];
        let (chunk_len, n) = (spec.chunk_shape[0], all.len() as u64 / step);
        let write = |chunk: u64| async move {
            let (begin, end) = (chunk * chunk_len, ((chunk + 1) * chunk_len).min(n));
            let mut values = all.take((begin..end).map(|i| to_usize(i * step)));
            let missing = spec.chunk_len() - values.len();
            values.extend_from(&Values::filled(spec.data_type, spec.na.as_ref(), missing));
            let spec = Arc::clone(spec);
            let (values, object) = blocking(move || {
                let object = spec.encode(&values);
                (values, object)
            })
            .await;
            self.put(array, vec![chunk], Arc::new(values), object).await
        };
        futures::stream::iter(first / chunk_len..n.div_ceil(chunk_len))
            .map(write)
            .buffered(CONCURRENT_CHUNKS)
            .try_collect()
            .await
    }

    /// Writes the chunks of one variable that the update touches.
    async fn variable(
        &self,
        variable_idx: usize,
    ) -> Result<(Vec<String>, Vec<(u64, RowProblem)>), CommitError> {
        let array = self.node.schema.coordinates.len() + variable_idx;
        let spec = &self.node.arrays[array];
        let update = Arc::clone(self.update);
        let cells_spec = Arc::clone(spec);
        let cells =
            Arc::new(blocking(move || Cells::new(&update, &cells_spec, variable_idx)).await);
        let mut chunks: BTreeSet<Vec<u64>> = cells.chunks().cloned().collect();
        chunks.extend(self.moved(array).await?);
        let has_levels = self
            .node
            .levels
            .first()
            .is_some_and(|level| level.variables[variable_idx].is_some());
        let touched = has_levels.then(|| chunks.clone());
        let mut done = futures::stream::iter(chunks)
            .map(|chunk| self.chunk(array, chunk, &cells))
            .buffer_unordered(CONCURRENT_CHUNKS);
        let mut written = Vec::new();
        let mut found = BTreeMap::new();
        while let Some((chunk, key, problems)) = done.try_next().await? {
            written.extend(key);
            found.insert(chunk, problems);
        }
        drop(done);
        if let Some(touched) = touched {
            written.extend(levels::write(self, variable_idx, &touched, &written).await?);
        }
        let refused = found.into_values().flatten();
        let conflicts = conflicts::told(self.node, self.update, variable_idx, refused);
        Ok((written, conflicts))
    }

    /// Writes one chunk: what was there, moved where values moved, then the cells of the batches in order.
    async fn chunk(
        &self,
        array: usize,
        chunk: Vec<u64>,
        cells: &Arc<Cells>,
    ) -> Result<(Vec<u64>, Option<String>, Vec<cells::Conflict>), CommitError> {
        let spec = &self.node.arrays[array];
        let from: Vec<Vec<Option<u64>>> = spec
            .dims
            .iter()
            .zip(&chunk)
            .zip(&spec.chunk_shape)
            .map(|((&d, &at), &chunk_len)| {
                let coordinate = &self.update.coordinates[d];
                (at * chunk_len..(at + 1) * chunk_len)
                    .map(|position| coordinate.source(position))
                    .collect()
            })
            .collect();
        let (mut values, found) = self
            .node
            .gather(array, &from, self.before.epoch, None)
            .await?;
        let touched = cells.touches(&chunk);
        if !found
            && !touched
            && self
                .node
                .store
                .get(&keys::chunk(&spec.path, &chunk))
                .await?
                .is_none()
        {
            return Ok((chunk, None, Vec::new()));
        }
        let (update, cells, coded) = (Arc::clone(self.update), Arc::clone(cells), Arc::clone(spec));
        let at = chunk.clone();
        let (values, object, problems) = blocking(move || {
            let problems = cells.apply(&update, &at, &mut values, coded.na.as_ref());
            let object = coded.encode(&values);
            (values, object, problems)
        })
        .await;
        let key = self
            .put(array, chunk.clone(), Arc::new(values), object)
            .await?;
        Ok((chunk, Some(key), problems))
    }

    /// Puts a chunk to its place, or into staging. Gives its final key.
    async fn put(
        &self,
        array: usize,
        chunk: Vec<u64>,
        values: Arc<Values>,
        object: Bytes,
    ) -> Result<String, CommitError> {
        let key = keys::chunk(&self.node.arrays[array].path, &chunk);
        match self.staging {
            Some(staging) => {
                self.node
                    .store
                    .put(&keys::join(staging, &key), object)
                    .await?;
            }
            None => self.node.store.put(&key, object).await?,
        }
        self.node.remember(array, chunk, self.state.epoch, values);
        Ok(key)
    }
}

/// Whether `new` replaces `old` in a cell under a merge rule; `None`: it is refused.
pub(crate) fn wins(
    rule: MergeRule,
    old: (&Values, usize),
    new: (&Values, usize),
    old_is_na: bool,
) -> Option<bool> {
    use crate::merge::coordinate::key;
    let ((old_values, i), (new_values, j)) = (old, new);
    if old_is_na {
        return Some(true);
    }
    match rule {
        MergeRule::Last => Some(true),
        MergeRule::First => Some(false),
        MergeRule::Min => Some(key(new_values, j) < key(old_values, i)),
        MergeRule::Max => Some(key(new_values, j) > key(old_values, i)),
        MergeRule::Reject => new_values.same(j, old_values, i).then_some(false),
    }
}
