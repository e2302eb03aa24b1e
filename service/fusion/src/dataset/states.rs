//! States that readers of the Zarr store keep to, and the metadata that they see.
//!
//! A state is named by the layouts of all nodes: how often late values have moved others. Within it values are appended and
//! replaced, but none is moved. Only names that were given to somebody are remembered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh64::xxh64;
use zarr_fuse_schemas::Node as NodeSchema;

use super::{Dataset, public_attributes};
use crate::node::{KEEP, Layout};

/// Most names remembered.
const MAX_NAMES: usize = 1024;

/// The names of states that were given to readers.
#[derive(Debug)]
pub(super) struct States {
    names: Mutex<VecDeque<(String, Arc<[u64]>)>>,
    keep: Mutex<Duration>,
}

impl Default for States {
    fn default() -> Self {
        Self {
            names: Mutex::default(),
            keep: Mutex::new(KEEP),
        }
    }
}

/// The `zarr.json` of a node that has no arrays of its own.
pub(super) fn bare_group(schema: &NodeSchema) -> Json {
    json!({"zarr_format": 3, "node_type": "group", "attributes": schema.attrs})
}

impl Dataset {
    /// Keeps states readable for so long after late values have changed them.
    pub fn keep_layouts(&self, keep: Duration) {
        *self.states.keep.lock() = keep;
        for node in self.nodes.values() {
            node.keep_layouts(keep);
        }
    }

    /// Remembers the names of states that another one of this process has given, which has handed its nodes over to this one.
    pub fn keep_states_of(&self, former: &Self) {
        let given = former.states.names.lock().clone();
        let present = self.layouts();
        let known = given.into_iter().map(|(name, numbers)| {
            let nodes = self.nodes.keys().zip(&present);
            let numbers = nodes.map(|(path, present)| {
                let place = former.nodes.get_index_of(path);
                let number = place.and_then(|place| numbers.get(place));
                number.copied().unwrap_or(present.number)
            });
            (name, numbers.collect())
        });
        self.states.names.lock().extend(known);
    }

    /// For how long states are kept.
    pub fn kept_for(&self) -> Duration {
        *self.states.keep.lock()
    }

    /// The present layouts of all nodes, in their order.
    pub fn layouts(&self) -> Vec<Layout> {
        let nodes = self.nodes.values();
        nodes.map(|node| node.present_layout()).collect()
    }

    /// The name of the present state, to be asked for later.
    pub fn state_name(&self) -> String {
        let numbers: Vec<u64> = self.layouts().iter().map(|layout| layout.number).collect();
        let name = self.name_of(&numbers);
        let mut names = self.states.names.lock();
        if !names.iter().any(|(known, _)| *known == name) {
            names.push_back((name.clone(), numbers.into()));
            if names.len() > MAX_NAMES {
                names.pop_front();
            }
        }
        name
    }

    /// The layouts of all nodes in the state of this name; `None` if it is no longer kept, or never was.
    pub fn state(&self, name: &str) -> Option<Vec<Layout>> {
        let present = self.layouts();
        let numbers: Vec<u64> = present.iter().map(|layout| layout.number).collect();
        if self.name_of(&numbers) == name {
            return Some(present);
        }
        let names = self.states.names.lock();
        let (_, numbers) = names.iter().find(|(known, _)| known == name)?;
        let layouts = self.nodes.values().zip(numbers.iter());
        layouts
            .map(|(node, number)| node.layout_number(*number))
            .collect()
    }

    /// How often values were moved in all nodes together, which only grows; and a mark of the dataset and of each count, so
    /// that the name means the same after a restart, and nothing in another dataset that is put in this one's place.
    fn name_of(&self, numbers: &[u64]) -> String {
        let first = self.journal.frame_at(1);
        let mut of = first.map_or_else(String::new, |first| first.header.id.to_string());
        for (path, number) in self.nodes.keys().zip(numbers) {
            of.extend(["\n", path, " ", &number.to_string()]);
        }
        let n: u64 = numbers.iter().sum();
        format!("{n}-{:08x}", xxh64(of.as_bytes(), 0) >> 32)
    }

    /// The `zarr.json` with this key when nodes have these layouts.
    pub fn document(&self, key: &str, layouts: &[Layout]) -> Option<Json> {
        let group = key.strip_suffix("zarr.json")?.trim_end_matches('/');
        for ((path, node), layout) in self.nodes.iter().zip(layouts) {
            let below = key.strip_prefix(path.as_str());
            if below.is_none_or(|below| !path.is_empty() && !below.starts_with(['/', '@'])) {
                continue;
            }
            let found = node.metadata(layout, None);
            if let Some((_, json)) = found.into_iter().find(|(known, _)| known == key) {
                return Some(json);
            }
        }
        if group.is_empty() {
            return Some(self.root_document(layouts));
        }
        let schema = self.schema.nodes().find(|node| node.path == group)?;
        Some(bare_group(schema))
    }

    /// The root's `zarr.json`, with consolidated metadata of all nodes; not that of a root with arrays of its own.
    pub(super) fn root_document(&self, layouts: &[Layout]) -> Json {
        let mut metadata = Map::new();
        for schema in self.schema.nodes().filter(|node| !node.path.is_empty()) {
            let Some((place, _, node)) = self.nodes.get_full(&schema.path) else {
                metadata.insert(schema.path.clone(), bare_group(schema));
                continue;
            };
            for (key, mut object) in node.metadata(&layouts[place], None) {
                let path = key.strip_suffix("/zarr.json").unwrap_or_default();
                if path == schema.path
                    && let Some(group) = object.as_object_mut()
                {
                    group.remove("consolidated_metadata");
                }
                metadata.insert(path.to_owned(), object);
            }
        }
        json!({
            "zarr_format": 3,
            "node_type": "group",
            "attributes": public_attributes(&self.schema.root.attrs),
            "consolidated_metadata": {"kind": "inline", "must_understand": false, "metadata": metadata},
        })
    }

    /// Place of the node among [`Self::nodes`] and of the array in it, with the position of the chunk, that a key names.
    pub fn chunk_at(&self, key: &str) -> Option<(usize, usize, Vec<u64>)> {
        let (array, indices) = match key.rfind("/c/") {
            Some(at) => (&key[..at], &key[at + 3..]),
            None => (key.strip_suffix("/c")?, ""),
        };
        let indices = indices.split('/').filter(|text| !text.is_empty());
        let indices: Option<Vec<u64>> = indices.map(|text| text.parse().ok()).collect();
        let mut nodes = self.nodes.iter().enumerate();
        let (node, array) = nodes.find_map(|(place, (path, node))| {
            let is_near = array.starts_with(path.as_str());
            let found = is_near.then(|| node.array_at(array)).flatten();
            found.map(|found| (place, found))
        })?;
        Some((node, array, indices?))
    }
}
