//! The dataset that is copied: an insertion under way, or new arrays that are being put in place, count as done.

use std::collections::{BTreeMap, HashMap, HashSet};

use object_store::{GetOptions, GetResult};
use serde_json::{Value as Json, json};
use zarr_fuse_schemas::KEPT;
use zarr_fuse_store::{Object, Store, StoreError, keys};

use super::CopyError;
use crate::node::stated;

/// Times a group is read that is being moved to its place.
const MAX_TRIES: usize = 20;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a Store);

/// A group as published, and what will happen to its objects.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Its `zarr.json`.
    pub(super) json: Json,
    coming: Coming,
}

/// What changes that are decided, but not completed, will do.
#[derive(Debug, Clone, Default)]
struct Coming {
    /// From an object's key to where it is staged.
    moves: HashMap<String, String>,
    /// Objects that will be gone.
    removes: HashSet<String>,
}

impl Group {
    /// A group without arrays and attributes.
    pub(super) fn bare() -> Self {
        Self {
            json: json!({"zarr_format": 3, "node_type": "group", "attributes": {}}),
            coming: Coming::default(),
        }
    }

    /// Names and metadata of what lies in it, as far as it tells.
    pub(super) fn array_metadata(&self) -> impl Iterator<Item = (&String, &Json)> {
        let found = self.json.pointer("/consolidated_metadata/metadata");
        found.and_then(Json::as_object).into_iter().flatten()
    }

    /// Names of its arrays.
    pub(super) fn arrays(&self) -> impl Iterator<Item = String> {
        let arrays = self
            .array_metadata()
            .filter(|(name, array)| array["node_type"] == "array" && !name.contains('/'));
        arrays.map(|(name, _)| name.clone())
    }

    pub(super) fn has_arrays(&self) -> bool {
        self.arrays().next().is_some()
    }

    /// The contribution up to which it is merged.
    pub(super) fn folded_seq(&self) -> u64 {
        self.number("folded_seq")
    }

    /// Changes with every insertion.
    pub(super) fn layout(&self) -> u64 {
        self.number("layout")
    }

    fn number(&self, name: &str) -> u64 {
        stated::number(&self.json, name).unwrap_or(0)
    }

    /// Its `zarr.json` without what makes it part of a dataset with a journal.
    pub(super) fn plain(&self) -> Json {
        let mut json = self.json.clone();
        if let Some(attributes) = json.get_mut("attributes").and_then(Json::as_object_mut) {
            attributes.shift_remove(stated::ATTRIBUTE);
        }
        json
    }
}

impl Source<'_> {
    /// Paths of all groups, the root as `""`, parents first.
    pub(super) async fn groups(&self) -> Result<Vec<String>, CopyError> {
        let mut groups = Vec::new();
        let mut waiting = vec![String::new()];
        while let Some(path) = waiting.pop() {
            let group = self.group(&path).await?;
            if group.is_none() && !path.is_empty() {
                continue;
            }
            let arrays: Vec<String> = group.iter().flat_map(Group::arrays).collect();
            let folders = self.0.folders(&path).await?;
            for name in folders.iter().cloned() {
                let is_ours = path.is_empty() && (name == keys::JOURNAL || name == keys::STAGING);
                let is_kept = name.strip_suffix(KEPT);
                let is_kept = is_kept.is_some_and(|of| folders.iter().any(|name| name == of));
                let is_ours = is_ours || is_kept;
                if !is_ours && !arrays.contains(&name) {
                    waiting.push(keys::join(&path, &name));
                }
            }
            if group.is_some() {
                groups.push(path);
            }
        }
        groups.sort_unstable();
        Ok(groups)
    }

    /// A group; `None` if there is none at `path`.
    pub(super) async fn group(&self, path: &str) -> Result<Option<Group>, CopyError> {
        let key = keys::metadata(path);
        for _ in 0..MAX_TRIES {
            let coming = self.coming().await?;
            let bytes = match coming.moves.get(&key) {
                Some(staged) => match self.0.get(staged).await? {
                    // It was moved to its place meanwhile.
                    None => continue,
                    found => found,
                },
                None => self.0.get(&key).await?,
            };
            let Some(bytes) = bytes else { return Ok(None) };
            let json: Json = serde_json::from_slice(&bytes)
                .map_err(|source| CopyError::Metadata { key, source })?;
            return Ok((json["node_type"] == "group").then_some(Group { json, coming }));
        }
        Err(CopyError::Moving(path.to_owned()))
    }

    /// Reads the records of changes that are decided, but not completed.
    async fn coming(&self) -> Result<Coming, CopyError> {
        let mut coming = Coming::default();
        for key in self.0.list(keys::STAGING, None).await? {
            let mut parts = key.split('/');
            let is_record = parts.nth(1).is_some_and(|seq| seq.parse::<u64>().is_ok())
                && parts.next() == Some("commit.json")
                && parts.next().is_none();
            if !is_record {
                continue;
            }
            let Some(bytes) = self.0.get(&key).await? else {
                continue;
            };
            let record: Json =
                serde_json::from_slice(&bytes).map_err(|source| CopyError::Metadata {
                    key: key.clone(),
                    source,
                })?;
            let list = |name: &str| {
                let list = record[name].as_array().into_iter().flatten();
                list.filter_map(Json::as_str).map(str::to_owned)
            };
            let own = key.trim_end_matches("/commit.json");
            let from = record["from"].as_str().unwrap_or(own);
            let moves = list("moves").map(|key| {
                let staged = keys::join(from, &key);
                (key, staged)
            });
            coming.moves.extend(moves);
            coming.removes.extend(list("removes"));
        }
        Ok(coming)
    }

    /// The objects of an array of `group`, ascending.
    pub(super) async fn objects(
        &self,
        array: &str,
        group: &Group,
    ) -> Result<Vec<Object>, StoreError> {
        let mut objects: BTreeMap<String, Object> = BTreeMap::new();
        // A listing of a folder may lack an object that is replaced at this moment; a second one has it.
        for _ in 0..if self.0.folder().is_some() { 2 } else { 1 } {
            let listed = self.0.list_objects(array, None).await?;
            objects.extend(
                listed
                    .into_iter()
                    .map(|object| (object.key.clone(), object)),
            );
        }
        let inside = format!("{array}/");
        objects.retain(|key, _| !group.coming.removes.contains(key));
        for (key, staged) in &group.coming.moves {
            if key.starts_with(&inside)
                && let Some(found) = self.0.head(staged).await?
            {
                let key = key.clone();
                objects.insert(key.clone(), Object { key, ..found });
            }
        }
        Ok(objects.into_values().collect())
    }

    /// An object, from where it is staged if it is to be moved; `None` if it is gone.
    pub(super) async fn open(
        &self,
        key: &str,
        group: Option<&Group>,
    ) -> Result<Option<GetResult>, StoreError> {
        if let Some(staged) = group.and_then(|group| group.coming.moves.get(key))
            && let Some(found) = self.0.get_opts(staged, GetOptions::default()).await?
        {
            return Ok(Some(found));
        }
        self.0.get_opts(key, GetOptions::default()).await
    }
}
