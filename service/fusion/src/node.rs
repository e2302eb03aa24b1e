//! A node as published: its coordinates in memory, its chunks in the store and a bounded cache.

mod begun;
mod chunk;
mod former;
mod present;
mod view;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use moka::sync::Cache;
use parking_lot::{Mutex, RwLock};
use serde_json::{Map, Value as Json, json};
use tokio::sync::{RwLockReadGuard, RwLockWriteGuard};
use zarr_fuse_arrays::{
    array::{ArrayError, ArraySpec},
    values::{Values, n_bytes_of},
};
use zarr_fuse_schemas::{Node as NodeSchema, to_usize};
use zarr_fuse_store::{Store, StoreError, blocking, keys};

use crate::merge::{CoordinateIndex, StoredComponents, region};
use crate::pyramid::{self, Level, Part};

pub use chunk::Chunk;
use former::Former;
pub use former::{KEEP, Layout};
use present::Known;
pub use present::Present;
pub use view::Chunks;
pub use view::{LevelView, NodeView};

/// Chunks read at once for one answer, unless they are large.
const CONCURRENT_CHUNKS: u64 = 8;
/// Before more chunks than this are asked for, it is found out which of them there are.
const MAX_UNSEEN: u64 = 256;
/// Bytes of chunks read at once, if it is more than one.
const CONCURRENT_BYTES: u64 = 32 << 20;
/// Longest time a reader waits for values that are being moved.
const MOVING_TIMEOUT: Duration = Duration::from_secs(20);
/// Stripes of chunk versions.
const STRIPES: usize = 256;

/// Decoded chunks of all nodes of a dataset, least recently used ones leave first.
pub type ChunkCache = Cache<ChunkId, Arc<Chunk>>;

/// Names a decoded chunk: node, layout epoch, array, grid position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChunkId {
    epoch: u64,
    array: Arc<str>,
    chunk: Vec<u64>,
}

/// A cache for `max_bytes` of decoded chunks.
pub fn chunk_cache(max_bytes: u64) -> ChunkCache {
    let weigh =
        |_: &ChunkId, chunk: &Arc<Chunk>| u32::try_from(chunk.n_bytes()).unwrap_or(u32::MAX);
    Cache::builder()
        .max_capacity(max_bytes)
        .weigher(weigh)
        .build()
}

/// One group of the dataset. Only its commit changes it.
#[derive(Debug)]
pub struct Node {
    /// What the schema says of it.
    pub schema: Arc<NodeSchema>,
    /// Where it lies.
    pub store: Store,
    /// Of the coordinates, then of the variables, both in schema order, then of the levels.
    pub arrays: Vec<Arc<ArraySpec>>,
    /// Coarser levels, finest first.
    pub(crate) levels: Vec<Level>,
    state: RwLock<Arc<State>>,
    cache: ChunkCache,
    /// Of each array, which chunks there are.
    known: Vec<Known>,
    /// Counts writes of the chunks of each stripe, so that a reader never caches what a writer has replaced meanwhile.
    versions: Vec<Mutex<u64>>,
    /// Held for reading by queries, for writing while chunks move to other places.
    pub(crate) layout: tokio::sync::RwLock<Placement>,
    /// Held by who writes; see [`crate::commit::Settled`].
    pub(crate) condition: Arc<tokio::sync::Mutex<Condition>>,
    /// The node that this process opened in its place, and that changes the arrays now.
    successor: OnceLock<Arc<Node>>,
    /// Up to this sequence number, an interrupted commit may have left values beyond the published shape.
    unclean_until: AtomicU64,
    /// Layouts before the present one. Locked before `state`.
    former: RwLock<Arc<Mutex<Former>>>,
}

/// Where the chunks of the published state are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Placement {
    /// In their places.
    #[default]
    InPlace,
    /// A change that moves them has begun and is not completed: some are in their new places, some in their old ones.
    HalfMoved,
}

/// What is known of a node's arrays by who is about to write them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// A commit may have been interrupted: what was recorded of it is to be completed before anything else.
    #[default]
    Suspect,
    /// They are as published.
    Settled,
}

/// What is published.
#[derive(Debug, Clone)]
pub struct State {
    /// The newest contribution that is merged.
    pub folded_seq: u64,
    /// Counts insertions: positions of values change with it.
    pub layout: u64,
    /// Tells cached chunks of this state from those of states before a move or an interrupted commit.
    pub epoch: u64,
    /// Values of its coordinates, in schema order.
    pub coordinates: Vec<CoordinateIndex>,
    /// What composed coordinates are made of.
    pub components: StoredComponents,
}

/// Chunks of a commit under way that are not in their places yet.
#[derive(Debug)]
pub(crate) struct Staged<'a> {
    pub folder: &'a str,
    pub keys: &'a HashSet<String>,
}

/// Indices along one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Indices {
    /// Consecutive ones.
    Range(Range<u64>),
    /// In this order.
    List(Vec<u64>),
}

impl Indices {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Self::Range(range) => to_usize(range.end.saturating_sub(range.start)),
            Self::List(list) => list.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In how many chunks of a length they lie at most.
    fn n_chunks(&self, chunk_len: u64) -> u64 {
        match self {
            Self::Range(range) if range.start >= range.end => 0,
            Self::Range(range) => (range.end - 1) / chunk_len - range.start / chunk_len + 1,
            Self::List(list) => list.len() as u64,
        }
    }

    /// One by one.
    pub fn positions(&self) -> Box<dyn Iterator<Item = u64> + Send + '_> {
        match self {
            Self::Range(range) => Box::new(range.clone()),
            Self::List(list) => Box::new(list.iter().copied()),
        }
    }
}

/// Why values cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not in the schema.
    #[error("there is no variable `{0}`")]
    UnknownVariable(String),
    /// The arrays that the view knows are gone: contributions were taken back or counted again, or late values changed the
    /// coarser levels.
    #[error("values were taken back or moved while this was read; ask again")]
    Moved,
    /// Values are on their way to other places and not all are there.
    #[error(
        "late values are being inserted, or new arrays put in place, and this is being completed; ask again"
    )]
    BeingCompleted,
    /// A chunk is damaged.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a node cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenNodeError {
    /// The stored arrays are not those of the schema.
    #[error(
        "the array `{array}` differs from the schema: {difference}; `zf rebuild` writes it again from the journal"
    )]
    Differs {
        /// The array.
        array: String,
        /// How.
        difference: String,
    },
    /// The group's metadata is damaged.
    #[error("`{key}` is not readable: {reason}; `zf rebuild` writes it again from the journal")]
    Metadata {
        /// The object.
        key: String,
        /// How it shows.
        reason: String,
    },
    /// Arrays cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StoreError> for OpenNodeError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl From<ArrayError> for OpenNodeError {
    fn from(error: ArrayError) -> Self {
        Self::Read(error.into())
    }
}

async fn stored_group(store: &Store, key: &str) -> Result<Option<Json>, OpenNodeError> {
    let Some(bytes) = store.get(key).await? else {
        return Ok(None);
    };
    let unreadable = |error: serde_json::Error| OpenNodeError::Metadata {
        key: key.to_owned(),
        reason: error.to_string(),
    };
    Ok(Some(serde_json::from_slice(&bytes).map_err(unreadable)?))
}

impl Node {
    /// From now on `successor` changes the arrays: views of this one are read through it.
    pub fn hand_over_to(&self, successor: &Arc<Self>) {
        let (ours, theirs) = (&self.schema.coordinates, &successor.schema.coordinates);
        if successor.state().layout == self.state().layout && ours.keys().eq(theirs.keys()) {
            *successor.former.write() = self.former();
        }
        let _only_once = self.successor.set(Arc::clone(successor));
    }

    /// Has queries wait until the guard is dropped, as while chunks move to other places.
    pub async fn hold_off_readers(&self) -> RwLockWriteGuard<'_, Placement> {
        self.layout.write().await
    }

    /// The node that changes the arrays now. Chunks stay in their places while the guards are held.
    ///
    /// # Errors
    /// [`ReadError::BeingCompleted`] if some are on their way.
    pub async fn hold(&self) -> Result<(&Self, Vec<RwLockReadGuard<'_, Placement>>), ReadError> {
        let mut guards = vec![self.in_place().await?];
        let mut node = self;
        while let Some(successor) = node.successor.get() {
            guards.push(successor.in_place().await?);
            node = successor;
        }
        Ok((node, guards))
    }

    /// Opens the group in `store`, and creates it or arrays that the schema has added.
    ///
    /// # Errors
    /// [`OpenNodeError::Differs`] if the schema asks for other stored values or shapes than there are.
    pub async fn open(
        store: Store,
        schema: Arc<NodeSchema>,
        cache: ChunkCache,
    ) -> Result<Arc<Self>, OpenNodeError> {
        let stored = stored_group(&store, &keys::metadata(&schema.path)).await?;
        let schema = match &stored {
            Some(group) => Arc::new(begun::as_begun(&schema, group)),
            None => schema,
        };
        let coordinates = schema
            .coordinates
            .values()
            .map(|c| ArraySpec::new(&schema, &c.variable, true));
        let variables = schema
            .variables
            .values()
            .map(|v| ArraySpec::new(&schema, v, false));
        let mut arrays = coordinates
            .chain(variables)
            .map(|spec| spec.map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let (levels, of_levels) = pyramid::levels(&schema, arrays.len())?;
        arrays.extend(of_levels);
        let empty = schema.coordinates.values().map(|c| {
            let values = Values::new(c.variable.data_type);
            CoordinateIndex::new(values, c.sorted)
        });
        let state = State {
            folded_seq: 0,
            layout: 0,
            epoch: 0,
            coordinates: empty.collect(),
            components: StoredComponents::default(),
        };
        let node = Self {
            schema,
            store,
            known: arrays.iter().map(|_| Known::default()).collect(),
            arrays,
            levels,
            state: RwLock::new(Arc::new(state)),
            cache,
            versions: (0..STRIPES).map(|_| Mutex::default()).collect(),
            layout: tokio::sync::RwLock::default(),
            successor: OnceLock::new(),
            condition: Arc::default(),
            unclean_until: AtomicU64::new(0),
            former: RwLock::default(),
        };
        node.reload_from(stored).await?;
        Ok(Arc::new(node))
    }

    /// Reads the published state again; after an interrupted commit, what is in memory may not be it.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn reload(&self) -> Result<(), OpenNodeError> {
        let stored = stored_group(&self.store, &keys::metadata(&self.schema.path)).await?;
        self.reload_from(stored).await
    }

    async fn reload_from(&self, stored: Option<Json>) -> Result<(), OpenNodeError> {
        let key = keys::metadata(&self.schema.path);
        let number = |name: &str| number(stored.as_ref()?, name);
        let mut lengths = vec![0; self.schema.coordinates.len()];
        let mut complete = stored.is_some();
        let of_pyramid = |json: &Json| json.pointer("/attributes/zarr_fuse/pyramid").cloned();
        let kept = stored.as_ref().and_then(of_pyramid);
        let pyramid = self.schema.pyramid.as_ref().map(pyramid::attribute);
        let fits = match (&self.schema.pyramid, &kept) {
            (Some(pyramid), Some(kept)) => pyramid::fits(pyramid, kept),
            (pyramid, kept) => pyramid.is_none() && kept.is_none(),
        };
        if stored.is_some() && !fits {
            let text =
                |pyramid: Option<Json>| pyramid.map_or("nothing".to_owned(), |of| of.to_string());
            let (kept, asked) = (text(kept), text(pyramid));
            return Err(OpenNodeError::Differs {
                array: self.schema.path.clone(),
                difference: format!(
                    "its `pyramid` is {kept} in the store and {asked} in the schema"
                ),
            });
        }
        for (place, spec) in self.own_arrays().enumerate() {
            let pointer = format!(
                "/consolidated_metadata/metadata/{}",
                spec.name.replace('~', "~0").replace('/', "~1")
            );
            match stored.as_ref().and_then(|stored| stored.pointer(&pointer)) {
                Some(array) => {
                    if let Some(difference) = spec.difference(array) {
                        return Err(OpenNodeError::Differs {
                            array: spec.path.clone(),
                            difference,
                        });
                    }
                    if let Some(length) = lengths.get_mut(place) {
                        let reason = || "an array has no shape".to_owned();
                        let shape = array.pointer("/shape/0").and_then(Json::as_u64);
                        *length = shape.ok_or_else(|| OpenNodeError::Metadata {
                            key: key.clone(),
                            reason: reason(),
                        })?;
                    }
                }
                None => complete = false,
            }
        }
        let epoch = EPOCH.fetch_add(1, Ordering::Relaxed);
        let mut coordinates = Vec::with_capacity(lengths.len());
        for (place, (coordinate, length)) in
            self.schema.coordinates.values().zip(&lengths).enumerate()
        {
            let indices = [Indices::Range(0..*length)];
            let values = self.read_array(place, &indices, epoch).await?;
            coordinates.push(CoordinateIndex::new(values, coordinate.sorted));
        }
        let mut state = State {
            folded_seq: number("folded_seq").unwrap_or(0),
            layout: number("layout").unwrap_or(0),
            epoch,
            coordinates,
            components: StoredComponents::default(),
        };
        state.components = self.read_components(&state).await?;
        let layout = Layout::of(&state);
        let up_to_date = stored.as_ref() == Some(&self.group(&layout)) && complete;
        {
            let former = self.former();
            let mut former = former.lock();
            if self.state.read().layout != state.layout {
                // What has changed is not known: another commit may have been completed, or other arrays put in place.
                former.broken();
            }
            *self.state.write() = Arc::new(state);
        }
        if !up_to_date && !self.store.is_read_only() {
            for (key, json) in self.metadata(&layout, None) {
                self.store.put(&key, json_bytes(&json)).await?;
            }
        }
        Ok(())
    }

    /// The sequence number up to which contributions are in the arrays by what the store says now.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn stored_seq(&self) -> Result<u64, OpenNodeError> {
        let stored = stored_group(&self.store, &keys::metadata(&self.schema.path)).await?;
        Ok(stored
            .and_then(|stored| number(&stored, "folded_seq"))
            .unwrap_or(0))
    }

    /// Waits until no values are on their way to other places, and keeps them where they are while the guard is held.
    ///
    /// # Errors
    /// [`ReadError::BeingCompleted`] if that takes long, or some have stayed half-way.
    pub(crate) async fn in_place(&self) -> Result<RwLockReadGuard<'_, Placement>, ReadError> {
        let placement = match self.layout.try_read() {
            Ok(placement) => placement,
            Err(_moving) => tokio::time::timeout(MOVING_TIMEOUT, self.layout.read())
                .await
                .map_err(|_elapsed| ReadError::BeingCompleted)?,
        };
        match *placement {
            Placement::InPlace => Ok(placement),
            Placement::HalfMoved => Err(ReadError::BeingCompleted),
        }
    }

    /// Says that commits of contributions up to `seq` may have been interrupted.
    pub(crate) fn suspect_until(&self, seq: u64) {
        self.unclean_until.fetch_max(seq, Ordering::AcqRel);
    }

    /// Whether a commit that begins after `folded_seq` may find values of an interrupted one beyond the shape.
    pub(crate) fn is_suspect(&self, folded_seq: u64) -> bool {
        folded_seq < self.unclean_until()
    }

    /// Contributions up to this one may have been part of an interrupted commit, so that some of their values may be in the
    /// arrays although nothing says so.
    pub(crate) fn unclean_until(&self) -> u64 {
        self.unclean_until.load(Ordering::Acquire)
    }

    async fn read_components(&self, state: &State) -> Result<StoredComponents, ReadError> {
        let mut components = StoredComponents::default();
        for (d, (name, coordinate)) in self.schema.coordinates.iter().enumerate() {
            if coordinate.composed.is_empty() {
                continue;
            }
            let length = state.coordinates[d].len();
            let mut values = Vec::new();
            for component in &coordinate.composed {
                let Some(idx) = self.schema.variables.get_index_of(component) else {
                    continue;
                };
                let array = self.schema.coordinates.len() + idx;
                values.push(Arc::new(
                    self.read_array(array, &[Indices::Range(0..length)], state.epoch)
                        .await?,
                ));
            }
            components.0.insert(name.clone(), values);
        }
        Ok(components)
    }

    /// The state that queries see.
    pub fn view(self: &Arc<Self>) -> NodeView {
        let former = self.former();
        let state = {
            let mut former = former.lock();
            let state = self.state();
            former.enter(state.layout);
            state
        };
        NodeView::new(Arc::clone(self), state, former)
    }

    fn former(&self) -> Arc<Mutex<Former>> {
        Arc::clone(&self.former.read())
    }

    /// Keeps layouts readable for so long after late values have changed them.
    pub(crate) fn keep_layouts(&self, keep: Duration) {
        self.former().lock().keep(keep);
    }

    /// The present layout.
    pub fn present_layout(&self) -> Layout {
        Layout::of(&self.state())
    }

    /// The layout with this number: the present one, or a former one that is kept.
    pub fn layout_number(&self, number: u64) -> Option<Layout> {
        let former = self.former();
        let mut former = former.lock();
        let state = self.state();
        if state.layout == number {
            return Some(Layout::of(&state));
        }
        former.kept(number)
    }

    /// The layout of a view, while the caller holds the lock of the layout.
    fn layout_of_view(&self, viewed: &State) -> Option<Layout> {
        let former = self.former();
        let mut former = former.lock();
        let state = self.state();
        if state.layout == viewed.layout {
            return Some(Layout::of(&state));
        }
        former.of_reader(viewed.layout)
    }

    /// What is published now.
    pub fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.read())
    }

    /// Publishes a state after an append, an upsert or an insertion.
    pub(crate) fn publish(&self, state: State) {
        let former = self.former();
        let mut former = former.lock();
        let before = self.state();
        if before.layout != state.layout {
            former.inserted(&before, &state);
        }
        *self.state.write() = Arc::new(state);
    }

    /// Reads the components again after a commit that added values to a composed coordinate.
    pub(crate) async fn with_components(
        &self,
        mut state: State,
        changed: bool,
    ) -> Result<State, ReadError> {
        if changed {
            state.components = self.read_components(&state).await?;
        }
        Ok(state)
    }

    /// The sequence number up to which contributions are in the arrays.
    pub fn folded_seq(&self) -> u64 {
        self.state.read().folded_seq
    }

    /// The arrays but those of levels.
    pub(crate) fn own_arrays(&self) -> impl Iterator<Item = &Arc<ArraySpec>> {
        let n = self.schema.coordinates.len() + self.schema.variables.len();
        self.arrays.iter().take(n)
    }

    /// Shape of array `array` in a layout.
    pub(crate) fn shape(&self, array: usize, layout: &Layout) -> Vec<u64> {
        let spec = &self.arrays[array];
        let dims = spec.dims.iter().zip(&spec.cells);
        dims.map(|(&d, n_positions)| layout.lengths[d] / n_positions)
            .collect()
    }

    /// The metadata objects in a layout, the publishing group last; arrays only where their shape differs from `before`.
    pub(crate) fn metadata(&self, layout: &Layout, before: Option<&Layout>) -> Vec<(String, Json)> {
        let changed = |array: usize| {
            let shape = self.shape(array, layout);
            let same = before.is_some_and(|before| self.shape(array, before) == shape);
            (!same).then(|| {
                let spec = &self.arrays[array];
                (keys::metadata(&spec.path), spec.metadata(&shape))
            })
        };
        let mut objects = Vec::new();
        for level in &self.levels {
            if !self.has_cells(level, layout) {
                continue;
            }
            let arrays: Vec<_> = level.arrays.clone().filter_map(changed).collect();
            if !arrays.is_empty() {
                objects.extend(arrays);
                objects.push((keys::metadata(&level.path), self.level_group(level, layout)));
            }
        }
        objects.extend((0..self.own_arrays().count()).filter_map(changed));
        objects.push((keys::metadata(&self.schema.path), self.group(layout)));
        objects
    }

    /// Whether the group or array at `path` is the node's own or of one of its levels.
    pub fn tells_of(&self, path: &str) -> bool {
        let is_level = self.levels.iter().any(|level| level.path == path);
        self.schema.path == path || is_level || self.array_at(path).is_some()
    }

    /// Place of the array at `path` in the store.
    pub fn array_at(&self, path: &str) -> Option<usize> {
        self.arrays.iter().position(|spec| spec.path == path)
    }

    /// Place of an array of a level.
    pub(crate) fn level_array(&self, level: usize, variable: usize, part: Part) -> Option<usize> {
        self.levels.get(level)?.variables[variable].as_ref()?[part as usize]
    }

    /// Whether any cell of a level is complete.
    pub(crate) fn has_cells(&self, level: &Level, layout: &Layout) -> bool {
        let along = self.along().map(|along| layout.lengths[along]);
        along.is_some_and(|n| n >= level.n_positions)
    }

    /// Place of the coordinate along which there are levels.
    pub(crate) fn along(&self) -> Option<usize> {
        let pyramid = self.schema.pyramid.as_ref()?;
        self.schema.coordinates.get_index_of(&pyramid.coord)
    }

    /// The `zarr.json` of a level's group, with consolidated metadata.
    fn level_group(&self, level: &Level, layout: &Layout) -> Json {
        let array = |array: usize| {
            let spec = &self.arrays[array];
            let shape = self.shape(array, layout);
            (spec.name.clone(), spec.metadata(&shape))
        };
        let metadata: Map<String, Json> = level.arrays.clone().map(array).collect();
        json!({
            "zarr_format": 3,
            "node_type": "group",
            "attributes": {"zarr_fuse": {"level_of": self.schema.path, "n_positions": level.n_positions}},
            "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": metadata},
        })
    }

    /// The group's `zarr.json` with consolidated metadata.
    fn group(&self, layout: &Layout) -> Json {
        let mut attributes = self.schema.attrs.clone();
        let components: Vec<&str> = self
            .schema
            .coordinates
            .values()
            .flat_map(|c| &c.composed)
            .map(String::as_str)
            .collect();
        if !components.is_empty() && !attributes.contains_key("coordinates") {
            attributes.insert("coordinates".to_owned(), json!(components.join(" ")));
        }
        let mut published = json!({"folded_seq": layout.folded_seq, "layout": layout.number});
        if let Some(pyramid) = &self.schema.pyramid {
            published["pyramid"] = pyramid::attribute(pyramid);
        }
        attributes.insert("zarr_fuse".to_owned(), published);
        let mut metadata = Map::new();
        for (array, spec) in self.own_arrays().enumerate() {
            metadata.insert(spec.name.clone(), spec.metadata(&self.shape(array, layout)));
        }
        json!({
            "zarr_format": 3,
            "node_type": "group",
            "attributes": attributes,
            "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": metadata},
        })
    }

    /// A chunk as stored; `None` if it was never written. Cells beyond the published shape may hold anything.
    async fn chunk(
        &self,
        array: usize,
        chunk: &[u64],
        epoch: u64,
        staged: Option<&Staged<'_>>,
    ) -> Result<Option<Arc<Chunk>>, ReadError> {
        let spec = &self.arrays[array];
        let id = ChunkId {
            epoch,
            array: Arc::from(spec.path.as_str()),
            chunk: chunk.to_vec(),
        };
        if let Some(found) = self.cache.get(&id) {
            return Ok(Some(found));
        }
        let version = *self.versions[stripe(&id)].lock();
        let mut key = keys::chunk(&spec.path, chunk);
        if let Some(staged) = staged.filter(|staged| staged.keys.contains(&key)) {
            key = keys::join(staged.folder, &key);
        }
        let Some(object) = self.store.get(&key).await? else {
            return Ok(None);
        };
        let spec = Arc::clone(spec);
        let decode = move || Ok(Chunk::new(Arc::new(spec.decode(&object)?), &spec));
        let decoded = Arc::new(blocking(decode).await.map_err(ReadError::Array)?);
        let stripe = self.versions[stripe(&id)].lock();
        if *stripe == version {
            self.cache.insert(id, Arc::clone(&decoded));
        }
        Ok(Some(decoded))
    }

    /// The object of a chunk in a former layout, made of the arrays as they are now; `None` if there is nothing in it. The caller
    /// holds the lock of the layout.
    ///
    /// # Errors
    /// [`ReadError::Moved`] for coarser levels, which are those of the present layout only; else what the store says.
    pub async fn chunk_in(
        &self,
        layout: &Layout,
        array: usize,
        chunk: &[u64],
    ) -> Result<Option<Bytes>, ReadError> {
        if array >= self.own_arrays().count() {
            return Err(ReadError::Moved);
        }
        let spec = &self.arrays[array];
        let shape = self.shape(array, layout);
        if chunk.len() != shape.len() {
            return Ok(None);
        }
        let mut from = Vec::with_capacity(chunk.len());
        for (place, (&at, &chunk_len)) in chunk.iter().zip(&spec.chunk_shape).enumerate() {
            if at >= shape[place].div_ceil(chunk_len) {
                return Ok(None);
            }
            let now = |position| {
                (position < shape[place]).then(|| layout.now(spec.dims[place], position))
            };
            from.push((at * chunk_len..(at + 1) * chunk_len).map(now).collect());
        }
        let epoch = self.state().epoch;
        let (values, found) = self.gather(array, &from, epoch, None).await?;
        if !found {
            return Ok(None);
        }
        let spec = Arc::clone(spec);
        Ok(Some(blocking(move || spec.encode(&values)).await))
    }

    /// Keeps a chunk that was just written.
    pub(crate) fn remember(&self, array: usize, chunk: Vec<u64>, epoch: u64, values: Arc<Values>) {
        self.known[array].note(epoch, &chunk);
        let spec = &self.arrays[array];
        let kept = Arc::new(Chunk::new(values, spec));
        let id = ChunkId {
            epoch,
            array: Arc::from(spec.path.as_str()),
            chunk,
        };
        let mut version = self.versions[stripe(&id)].lock();
        *version += 1;
        self.cache.insert(id, kept);
    }

    /// The chunks of array `array` that there are. The caller keeps them from moving, and `epoch` is that of the node.
    async fn present(&self, array: usize, epoch: u64) -> Result<Option<Arc<Present>>, ReadError> {
        let spec = &self.arrays[array];
        let n_dims = spec.dims.len();
        if n_dims == 0 {
            return Ok(None);
        }
        let folder = keys::chunk(&spec.path, &[]);
        let listed = async {
            let keys = self.store.list_up_to(&folder, present::MAX_LISTED).await?;
            let Some(keys) = keys else {
                return Ok::<_, ReadError>(None);
            };
            let mut present = Present::default();
            for chunk in keys.iter().filter_map(|key| chunk_of(key, &folder, n_dims)) {
                present.insert(&chunk);
            }
            Ok(Some(present))
        };
        self.known[array].list(epoch, listed).await
    }

    /// The chunks of array `array` that lie in the store, those too that an interrupted commit left beyond the shape.
    pub(crate) async fn stored_chunks(&self, array: usize) -> Result<Vec<Vec<u64>>, StoreError> {
        let spec = &self.arrays[array];
        let folder = keys::chunk(&spec.path, &[]);
        let keys = self.store.list(&folder, None).await?;
        let chunks = keys
            .iter()
            .filter_map(|key| chunk_of(key, &folder, spec.dims.len()));
        Ok(chunks.collect())
    }

    /// How many chunks of an array are read at once.
    fn n_at_once(&self, array: usize) -> u64 {
        let n_bytes = self.chunk_bytes(array).max(1);
        (CONCURRENT_BYTES / n_bytes).clamp(1, CONCURRENT_CHUNKS)
    }

    /// What a decoded chunk takes.
    fn chunk_bytes(&self, array: usize) -> u64 {
        let spec = &self.arrays[array];
        (spec.chunk_len() as u64).saturating_mul(n_bytes_of(spec.data_type))
    }

    /// Bytes of memory that elements at the cross product of `indices` take, and what reading them takes beside that.
    fn read_bytes(&self, array: usize, indices: &[Indices]) -> (u64, u64) {
        let spec = &self.arrays[array];
        let n_elements = indices
            .iter()
            .fold(1_u64, |n, along| n.saturating_mul(along.len() as u64));
        let n_chunks = indices
            .iter()
            .zip(&spec.chunk_shape)
            .fold(1_u64, |n, (along, &chunk_len)| {
                n.saturating_mul(along.n_chunks(chunk_len))
            });
        // Encoded and decoded, each once.
        let at_once = n_chunks
            .min(self.n_at_once(array))
            .saturating_mul(self.chunk_bytes(array))
            .saturating_mul(2);
        let n_bytes = n_elements.saturating_mul(n_bytes_of(spec.data_type));
        (n_bytes, at_once)
    }

    /// Elements of array `array` at the cross product of `indices`, which lie within its shape, C order.
    async fn read_array(
        &self,
        array: usize,
        indices: &[Indices],
        epoch: u64,
    ) -> Result<Values, ReadError> {
        Ok(self.gather(array, &sources(indices), epoch, None).await?.0)
    }

    /// The same of the published state. The caller keeps chunks from moving, and `epoch` is that of the node: chunks that are
    /// known not to be there are not asked for.
    async fn read_published(
        &self,
        array: usize,
        indices: &[Indices],
        epoch: u64,
    ) -> Result<Values, ReadError> {
        let mut present = self.known[array].get(epoch);
        let shape = self.arrays[array].chunk_shape.iter();
        let n_chunks = indices.iter().zip(shape);
        let n_chunks = n_chunks.fold(1_u64, |n, (along, &len)| {
            n.saturating_mul(along.n_chunks(len))
        });
        if present.is_none() && n_chunks > MAX_UNSEEN {
            present = self.present(array, epoch).await?;
        }
        let from = sources(indices);
        let read = self.gather_known(array, &from, epoch, None, present.as_deref());
        let (values, found) = read.await?;
        if found.n_absent > 0 {
            self.present(array, epoch).await?;
        }
        Ok(values)
    }

    /// `n` elements of array `array` at these indices along each of its dimensions. The caller keeps chunks from moving, and
    /// `epoch` is that of the node.
    async fn read_points(
        &self,
        array: usize,
        indices: &[Vec<u64>],
        n: usize,
        epoch: u64,
    ) -> Result<Values, ReadError> {
        let spec = &self.arrays[array];
        let present = self.known[array].get(epoch);
        let mut by_chunk: HashMap<Vec<u64>, Vec<usize>> = HashMap::new();
        for point in 0..n {
            let along = indices.iter().zip(&spec.chunk_shape);
            let chunk: Vec<u64> = along.map(|(along, len)| along[point] / len).collect();
            by_chunk.entry(chunk).or_default().push(point);
        }
        if let Some(present) = &present {
            by_chunk.retain(|chunk, _| present.contains(chunk));
        }
        let shape: Vec<usize> = spec.chunk_shape.iter().map(|&len| to_usize(len)).collect();
        let strides = region::strides(&shape);
        let cell = |point: usize| -> usize {
            let along = indices.iter().zip(&shape).zip(&strides);
            along
                .map(|((along, len), stride)| to_usize(along[point]) % len * stride)
                .sum()
        };
        let mut values = Values::filled(spec.data_type, spec.na.as_ref(), n);
        let mut chunks = futures::stream::iter(by_chunk)
            .map(|(chunk, points)| async move {
                let read = self.chunk(array, &chunk, epoch, None).await?;
                Ok::<_, ReadError>((points, read))
            })
            .buffer_unordered(to_usize(self.n_at_once(array)));
        while let Some((points, chunk)) = chunks.try_next().await? {
            for point in points {
                let element = chunk.as_ref().and_then(|chunk| chunk.element(cell(point)));
                let Some((from, element)) = element else {
                    continue;
                };
                zarr_fuse_arrays::with_pair!(&mut values, from, (to, from) => to[point].clone_from(&from[element]));
            }
        }
        Ok(values)
    }

    /// Elements of array `array` at the cross product of `from`, fill values for `None`, and whether any chunk was there.
    /// Chunks that are `staged` are read from there.
    pub(crate) async fn gather(
        &self,
        array: usize,
        from: &[Vec<Option<u64>>],
        epoch: u64,
        staged: Option<&Staged<'_>>,
    ) -> Result<(Values, bool), ReadError> {
        let gathered = self.gather_known(array, from, epoch, staged, None).await?;
        Ok((gathered.0, gathered.1.any))
    }

    async fn gather_known(
        &self,
        array: usize,
        from: &[Vec<Option<u64>>],
        epoch: u64,
        staged: Option<&Staged<'_>>,
        present: Option<&Present>,
    ) -> Result<(Values, Found), ReadError> {
        let spec = &self.arrays[array];
        let out_shape: Vec<usize> = from.iter().map(Vec::len).collect();
        let mut out = Values::filled(spec.data_type, spec.na.as_ref(), out_shape.iter().product());
        let groups: Vec<Groups> = from
            .iter()
            .zip(&spec.chunk_shape)
            .map(|(from, &chunk_len)| region::by_chunk(from.iter().copied(), chunk_len))
            .collect();
        let mut found = Found::default();
        let wanted = wanted(&groups, present);
        let mut chunks = futures::stream::iter(wanted)
            .map(|places| {
                let chunk: Vec<u64> = places
                    .iter()
                    .zip(&groups)
                    .map(|(&i, group)| group[i].0)
                    .collect();
                async move {
                    Ok::<_, ReadError>((places, self.chunk(array, &chunk, epoch, staged).await?))
                }
            })
            .buffer_unordered(to_usize(self.n_at_once(array)));
        while let Some((places, chunk)) = chunks.try_next().await? {
            let Some(chunk) = chunk else {
                found.n_absent += 1;
                continue;
            };
            found.any = true;
            let maps: Vec<&[(usize, usize)]> = places
                .iter()
                .zip(&groups)
                .map(|(&i, group)| group[i].1.as_slice())
                .collect();
            if !maps.is_empty() {
                chunk.copy(&mut out, &out_shape, spec, &maps);
            }
        }
        Ok((out, found))
    }
}

/// What was found while elements were gathered.
#[derive(Debug, Default, Clone, Copy)]
struct Found {
    /// A chunk was there.
    any: bool,
    /// Chunks that were asked for and not there.
    n_absent: usize,
}

/// Per chunk along one dimension, where its elements go.
type Groups = Vec<(u64, Vec<(usize, usize)>)>;

fn sources(indices: &[Indices]) -> Vec<Vec<Option<u64>>> {
    let lists = indices.iter();
    lists
        .map(|list| list.positions().map(Some).collect())
        .collect()
}

/// The chunks to read, as places in `groups`: all combinations, or those of them that are `present`.
fn wanted(groups: &[Groups], present: Option<&Present>) -> Vec<Vec<usize>> {
    let Some(present) = present else {
        let places: Vec<Vec<usize>> = groups
            .iter()
            .map(|group| (0..group.len()).collect())
            .collect();
        return region::product(&places);
    };
    let ends = |group: &Groups| {
        let chunks = group.iter().map(|(chunk, _)| *chunk);
        chunks.clone().min().unwrap_or(0)..chunks.max().map_or(0, |last| last + 1)
    };
    let of_box: Vec<Range<u64>> = groups.iter().map(ends).collect();
    let places: Vec<HashMap<u64, usize>> = groups
        .iter()
        .map(|group| {
            let chunks = group.iter().enumerate();
            chunks.map(|(place, (chunk, _))| (*chunk, place)).collect()
        })
        .collect();
    let place = |chunk: Vec<u64>| {
        let along = chunk.iter().zip(&places);
        along
            .map(|(chunk, places)| places.get(chunk).copied())
            .collect()
    };
    present.chunks(&of_box).filter_map(place).collect()
}

/// A number that a group's metadata has of ours.
fn number(group: &Json, name: &str) -> Option<u64> {
    group
        .pointer(&format!("/attributes/zarr_fuse/{name}"))?
        .as_u64()
}

/// Tells cached chunks of one state of a node from those of another.
pub(crate) static EPOCH: AtomicU64 = AtomicU64::new(1);

/// The position of the chunk with the key `key`, of those of an array in `folder`.
fn chunk_of(key: &str, folder: &str, n_dims: usize) -> Option<Vec<u64>> {
    let below = key.strip_prefix(folder)?.strip_prefix('/')?;
    let chunk: Vec<u64> = below
        .split('/')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    (chunk.len() == n_dims).then_some(chunk)
}

fn stripe(id: &ChunkId) -> usize {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    to_usize(hasher.finish() % STRIPES as u64)
}

/// The bytes of a metadata object.
pub fn json_bytes(json: &Json) -> Vec<u8> {
    serde_json::to_vec_pretty(json).expect("metadata has only string keys")
}
