//! Copies a dataset from store to store, also while a service writes it: `zf cp`.
//!
//! What is copied is a state that a service could have left behind when it was interrupted: a node's group as it was before
//! its chunks were read, chunks that are at least as new, and a journal that has everything that may be in them. The groups
//! come last, so that the copy is no dataset before it is whole, and opening it merges what the groups do not have yet.
//! While a node changes, it is gone through again, and only changed chunks are copied again, so that mostly nothing is left
//! to merge.
//!
//! A copy that was interrupted goes on where it was: `staging/copied/` tells which state of each object was copied.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt as _;
use serde_json::{Value as Json, json};
use zarr_fuse_store::{Object, Store, StoreError, Writer, keys};

use crate::pyramid::is_level_of;

mod destination;
mod manifest;
mod source;

use destination::Destination;
use source::{Group, Source};

/// Small objects copied at once.
const CONCURRENT_OBJECTS: usize = 12;
/// Times a node is gone through while it changes, and changes in place.
const MAX_PASSES: usize = 5;
/// Times a node is gone through because late rows were inserted meanwhile, which moves values.
const MAX_INSERTIONS: usize = 20;

/// Why a copy cannot be made; what was copied stays, and the next try goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is nothing to copy.
    #[error("there is no dataset at `{0}`")]
    Nothing(String),
    /// No node is chosen.
    #[error("no node matches `{glob}`; there are {known}")]
    NoNode {
        /// What was asked for.
        glob: String,
        /// What there is.
        known: String,
    },
    /// Both are the same place.
    #[error("`{0}` cannot be copied to itself")]
    Itself(String),
    /// The destination holds something else.
    #[error("`{url}` holds {what}; give an empty place")]
    Occupied {
        /// The destination.
        url: String,
        /// What is there.
        what: &'static str,
    },
    /// A zf process writes the destination.
    #[error("a zf process writes `{0}`; stop it first")]
    Busy(String),
    /// Late rows keep coming.
    #[error(
        "late rows are inserted into `{0}` faster than it can be copied; try again when fewer come, or stop the service meanwhile"
    )]
    Moving(String),
    /// Metadata is damaged.
    #[error("`{key}` is not readable; `zf verify` tells more")]
    Metadata {
        /// The object.
        key: String,
        /// Cause.
        source: serde_json::Error,
    },
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far a copy is; read it while the copy runs.
#[derive(Debug, Default)]
pub struct Progress {
    /// Objects looked at so far.
    pub n_objects: AtomicU64,
    /// Objects known so far that are to be looked at.
    pub n_known: AtomicU64,
    /// Bytes copied.
    pub n_bytes: AtomicU64,
}

/// What a copy did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Objects copied.
    pub n_copied: u64,
    /// Objects that were there already.
    pub n_kept: u64,
    /// Bytes copied.
    pub n_bytes: u64,
    /// Nodes and the contribution up to which each is merged.
    pub nodes: BTreeMap<String, u64>,
    /// First sequence number of the last segment of the journal; `None` if no journal was copied.
    pub last_segment: Option<u64>,
    /// Nodes that changed up to the end, so that the copy merges something when it is opened.
    pub changing: Vec<String>,
}

/// Copies the whole dataset, or only the arrays of the nodes whose paths match `glob`; those are plain Zarr then, without a
/// journal.
///
/// # Errors
/// [`CopyError`].
pub async fn copy(
    source: &Store,
    destination: &Store,
    glob: Option<&str>,
    progress: &Progress,
) -> Result<Summary, CopyError> {
    if source.url() == destination.url() {
        return Err(CopyError::Itself(source.url().to_owned()));
    }
    let source = Source(source);
    let groups = source.groups().await?;
    let segments = source.0.list_objects(keys::SEGMENTS, None).await?;
    if groups.is_empty() && segments.is_empty() {
        return Err(CopyError::Nothing(source.0.url().to_owned()));
    }
    let mut copy = Copy {
        source,
        destination: Destination::open(destination, &source, &segments, glob.is_some()).await?,
        progress,
        summary: Summary::default(),
    };
    let _writer = match destination.mark()? {
        Writer::Another => return Err(CopyError::Busy(destination.url().to_owned())),
        mark => mark,
    };
    let copied = copy.all(&groups, glob).await;
    // Also when it broke off, the next try is to know what was copied.
    copy.destination.finish(copied.is_ok()).await?;
    copied?;
    copy.summary.n_bytes = progress.n_bytes.load(Ordering::Relaxed);
    Ok(copy.summary)
}

/// A copy under way.
struct Copy<'a> {
    source: Source<'a>,
    destination: Destination<'a>,
    progress: &'a Progress,
    summary: Summary,
}

impl Copy<'_> {
    /// Chunks of every node, the journal, then the metadata that publishes them.
    async fn all(&mut self, groups: &[String], glob: Option<&str>) -> Result<(), CopyError> {
        let mut published = BTreeMap::new();
        for path in groups {
            let is_level = groups.iter().any(|of| is_level_of(path, of));
            if is_level || glob.is_some_and(|glob| !matches(glob, path)) {
                continue;
            }
            let levels = groups.iter().filter(|other| is_level_of(other, path));
            let levels: Vec<&String> = levels.collect();
            if let Some((group, levels)) = self.node(path, &levels).await?
                && (!path.is_empty() || group.has_arrays())
            {
                published.insert(path.clone(), group);
                published.extend(levels);
            }
        }
        if let Some(glob) = glob
            && !published.values().any(Group::has_arrays)
        {
            return Err(self.no_node(groups, glob).await);
        }
        if glob.is_none() {
            self.journal().await?;
        } else {
            above(&mut published);
        }
        self.publish(&published, glob.is_some()).await
    }

    async fn no_node(&self, groups: &[String], glob: &str) -> CopyError {
        let mut known = Vec::new();
        for path in groups {
            match self.source.group(path).await {
                Ok(Some(group)) if group.has_arrays() => known.push(format!("`{path}`")),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
        CopyError::NoNode {
            glob: glob.to_owned(),
            known: known.join(", "),
        }
    }

    /// Copies the chunks of a node and of its coarser levels; gives the groups to publish. `None`: the group is gone.
    async fn node(
        &mut self,
        path: &str,
        levels: &[&String],
    ) -> Result<Option<(Group, BTreeMap<String, Group>)>, CopyError> {
        let mut n_insertions = 0;
        let mut n_passes = 0;
        loop {
            let Some(group) = self.source.group(path).await? else {
                return Ok(None);
            };
            for array in group.arrays() {
                self.array(path, &keys::join(path, &array), &group).await?;
            }
            let mut copied = BTreeMap::new();
            for level in levels {
                let Some(found) = self.source.group(level).await? else {
                    continue;
                };
                for array in found.arrays() {
                    self.array(level, &keys::join(level, &array), &found)
                        .await?;
                }
                copied.insert((*level).clone(), found);
            }
            let Some(after) = self.source.group(path).await? else {
                return Ok(None);
            };
            if after.layout() != group.layout() {
                n_insertions += 1;
                if n_insertions == MAX_INSERTIONS {
                    return Err(CopyError::Moving(path.to_owned()));
                }
                continue;
            }
            n_passes += 1;
            let is_changing = after.folded_seq() != group.folded_seq();
            if is_changing && n_passes < MAX_PASSES {
                continue;
            }
            if is_changing {
                self.summary.changing.push(path.to_owned());
            }
            return Ok(Some((group, copied)));
        }
    }

    /// Makes the chunks of one array as they are in the source.
    async fn array(&mut self, node: &str, array: &str, group: &Group) -> Result<(), CopyError> {
        let metadata = keys::metadata(array);
        let mut objects = self.source.objects(array, group).await?;
        objects.retain(|object| object.key != metadata);
        let mut there = self.destination.list(array).await?;
        there.remove(&metadata);
        let missing: Vec<&Object> = objects
            .iter()
            .filter(|object| !self.destination.has(object, there.get(&object.key)))
            .collect();
        let known: std::collections::HashSet<&str> =
            objects.iter().map(|object| object.key.as_str()).collect();
        let gone: Vec<String> = there
            .into_keys()
            .filter(|key| !known.contains(key.as_str()))
            .collect();
        if !missing.is_empty() || !gone.is_empty() {
            self.destination.unpublish(node).await?;
        }
        self.destination.store.delete_many(gone).await?;
        let n_kept = objects.len() - missing.len();
        self.objects(&missing, Some(group), n_kept).await
    }

    /// Copies outcomes, segments, payloads and definitions so that each refers only to what is there, too.
    async fn journal(&mut self) -> Result<(), CopyError> {
        // Outcomes are of contributions in segments listed later; payloads and definitions are there before the segments are.
        let all = self.source.0.list_objects(keys::JOURNAL, None).await?;
        let is_in = |object: &Object, folder: &str| {
            let rest = object.key.strip_prefix(folder);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let others: Vec<&Object> = all
            .iter()
            .filter(|object| {
                !is_in(object, keys::SEGMENTS)
                    && !is_in(object, keys::BLOBS)
                    && !is_in(object, keys::DEFINITIONS)
                    && object.key != keys::WRITER_LOCK
                    && object.key != keys::PROBE
                    // A copy is another store.
                    && object.key != keys::IDENTITY
                    && !is_in(object, keys::TRIALS)
                    && object.key != keys::DOOR
            })
            .collect();
        // A listing of a folder that grows may lack one segment and have the next, but not the second listing.
        let first = self.source.0.list_objects(keys::SEGMENTS, None).await?;
        let last = first.last().map(|object| object.key.clone());
        let mut segments = self.source.0.list_objects(keys::SEGMENTS, None).await?;
        segments.retain(|segment| Some(&segment.key) <= last.as_ref());
        let blobs = self.source.0.list_objects(keys::BLOBS, None).await?;
        let definitions = self.source.0.list_objects(keys::DEFINITIONS, None).await?;
        self.summary.last_segment = last.as_deref().and_then(keys::segment_seq);

        let mut there = self.destination.list(keys::JOURNAL).await?;
        for objects in [&definitions, &blobs, &segments] {
            // These never change.
            let missing: Vec<&Object> = objects
                .iter()
                .filter(|object| {
                    let there = there.get(&object.key);
                    there.is_none_or(|there| there.n_bytes != object.n_bytes)
                })
                .collect();
            let n_kept = objects.len() - missing.len();
            self.objects(&missing, None, n_kept).await?;
        }
        let missing: Vec<&Object> = others
            .iter()
            .copied()
            .filter(|object| !self.destination.has(object, there.get(&object.key)))
            .collect();
        self.objects(&missing, None, others.len() - missing.len())
            .await?;
        // A copy that was opened may have outcomes of its own; the source's are of the same contributions.
        for object in others {
            there.remove(&object.key);
        }
        let own: Vec<String> = there
            .into_keys()
            .filter(|key| key.starts_with(keys::OUTCOMES) || key.starts_with(keys::CHECKPOINTS))
            .collect();
        Ok(self.destination.store.delete_many(own).await?)
    }

    /// Writes the metadata of what was copied: arrays, groups, the root last.
    async fn publish(
        &mut self,
        published: &BTreeMap<String, Group>,
        plain: bool,
    ) -> Result<(), CopyError> {
        let mut consolidated = serde_json::Map::new();
        for (path, group) in published {
            let json = if plain {
                group.plain()
            } else {
                group.json.clone()
            };
            for (name, array) in group.array_metadata() {
                let key = keys::metadata(&keys::join(path, name));
                self.destination.publish(&key, array).await?;
                consolidated.insert(keys::join(path, name), array.clone());
            }
            if path.is_empty() {
                continue;
            }
            self.destination
                .publish(&keys::metadata(path), &json)
                .await?;
            let mut short = json;
            if let Some(group) = short.as_object_mut() {
                group.remove("consolidated_metadata");
            }
            consolidated.insert(path.clone(), short);
            let is_level = published.keys().any(|of| is_level_of(path, of));
            if group.has_arrays() && !is_level {
                self.summary.nodes.insert(path.clone(), group.folded_seq());
            }
        }
        let Some(root) = self.root(published, plain, consolidated).await? else {
            return Ok(());
        };
        self.destination.publish(&keys::metadata(""), &root).await
    }

    /// The root group with the metadata of what was copied, in the source's order.
    async fn root(
        &self,
        published: &BTreeMap<String, Group>,
        plain: bool,
        mut consolidated: serde_json::Map<String, Json>,
    ) -> Result<Option<Json>, CopyError> {
        if let Some(root) = published.get("").filter(|root| root.has_arrays()) {
            return Ok(Some(if plain {
                root.plain()
            } else {
                root.json.clone()
            }));
        }
        let Some(root) = self.source.group("").await? else {
            return Ok(None);
        };
        let mut ordered = serde_json::Map::new();
        for (name, _) in root.array_metadata() {
            if let Some(object) = consolidated.remove(name) {
                ordered.insert(name.clone(), object);
            }
        }
        ordered.extend(consolidated);
        let mut json = root.json;
        json["consolidated_metadata"] =
            json!({"kind": "inline", "must_understand": false, "metadata": ordered});
        Ok(Some(json))
    }

    /// Copies objects, some at once.
    async fn objects(
        &mut self,
        missing: &[&Object],
        group: Option<&Group>,
        n_kept: usize,
    ) -> Result<(), CopyError> {
        let (n_kept, n_missing) = (n_kept as u64, missing.len() as u64);
        self.progress
            .n_known
            .fetch_add(n_kept + n_missing, Ordering::Relaxed);
        self.progress.n_objects.fetch_add(n_kept, Ordering::Relaxed);
        self.summary.n_kept += n_kept;
        self.summary.n_copied += n_missing;
        let (source, destination, progress) = (&self.source, &self.destination, self.progress);
        futures::stream::iter(missing.iter().map(Ok::<_, CopyError>))
            .try_for_each_concurrent(CONCURRENT_OBJECTS, |object| async move {
                if let Some(found) = source.open(&object.key, group).await? {
                    let n_bytes = destination.write(&object.key, found).await?;
                    progress.n_bytes.fetch_add(n_bytes, Ordering::Relaxed);
                }
                progress.n_objects.fetch_add(1, Ordering::Relaxed);
                Ok(())
            })
            .await
    }
}

/// Adds the groups above those that are published.
fn above(published: &mut BTreeMap<String, Group>) {
    let paths: Vec<String> = published.keys().cloned().collect();
    for path in paths {
        for (end, _) in path.match_indices('/') {
            let above = published.entry(path[..end].to_owned());
            above.or_insert_with(Group::bare);
        }
    }
}

/// Whether `text` matches `glob`, in which `*` stands for any characters.
pub fn matches(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            (0..=text.len())
                .filter(|&i| text.is_char_boundary(i))
                .any(|i| matches(rest, &text[i..]))
        }),
    }
}
