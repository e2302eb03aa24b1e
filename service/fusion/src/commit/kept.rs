//! Copies of a node that stay as they are, for those who read its folder or bucket.
//!
//! Late values move others, and a reader who has opened the node lazily cannot notice. Who has opened a copy has nothing to
//! notice: it does not change, and is removed only when a newer one has been there for as long as the schema says
//! (`readers`). Copies are made between commits, by the task that makes them; on a local store they share their files with
//! the node until chunks are replaced.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use zarr_fuse_schemas::KEPT;
use zarr_fuse_store::{StoreError, keys};

use super::{CommitError, delete_all};
use crate::node::{Layout, Node, json_bytes, stated};

/// Chunks copied at once.
const CONCURRENT_COPIES: usize = 8;

/// The copies of one node that there are, once they are known.
#[derive(Debug, Default)]
pub struct Kept(Option<Vec<Copy>>);

/// One copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Copy {
    /// Of its group, within that of all copies.
    name: String,
    made_at: DateTime<Utc>,
}

impl Kept {
    /// Makes a copy if the schema asks for copies, the newest one is old enough and the node has changed since, and removes
    /// those that are too old. Gives the time until there may be something to do. Call it only between commits.
    ///
    /// # Errors
    /// [`CommitError`]; calling again goes on.
    pub async fn keep(
        &mut self,
        node: &Node,
        now: DateTime<Utc>,
    ) -> Result<Option<Duration>, CommitError> {
        let Some(time) = node.schema.readers else {
            return Ok(None);
        };
        let group = format!("{}{KEPT}", node.schema.path);
        let mut copies = match self.0.take() {
            Some(copies) => copies,
            None => load(node, &group).await?,
        };
        let layout = node.present_layout();
        let is_empty = layout.lengths.iter().all(|n| *n == 0);
        let name = format!("{}-{}", layout.number, layout.folded_seq);
        let newest = copies.last();
        let mut has_changed = !is_empty && newest.is_none_or(|newest| newest.name != name);
        let age = |copy: &Copy| (now - copy.made_at).to_std().unwrap_or(time);
        if has_changed && newest.is_none_or(|newest| age(newest) >= time) {
            make(node, &layout, &keys::join(&group, &name)).await?;
            copies.push(Copy { name, made_at: now });
            publish(node, &group, &copies).await?;
            has_changed = false;
        }
        while copies.get(1).is_some_and(|newer| age(newer) >= time) {
            let oldest = copies.remove(0);
            publish(node, &group, &copies).await?;
            remove(node, &keys::join(&group, &oldest.name)).await?;
        }
        let wait = (copies.len() > 1 || has_changed).then(|| {
            copies
                .last()
                .map_or(time, |newest| time.saturating_sub(age(newest)))
        });
        self.0 = Some(copies);
        Ok(wait.map(|wait| wait.max(Duration::from_secs(1))))
    }
}

/// The copies that the group of all tells of.
async fn load(node: &Node, group: &str) -> Result<Vec<Copy>, StoreError> {
    let stored = node.store.get(&keys::metadata(group)).await?;
    let stored: Option<Json> = stored.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let stated = stored.as_ref().and_then(stated::stated);
    let copies = stated.as_ref().and_then(|stated| stated.get("copies"));
    let copies = copies.map(|copies| serde_json::from_value(copies.clone()));
    Ok(copies.and_then(Result::ok).unwrap_or_default())
}

/// Tells readers which copy is the newest.
async fn publish(node: &Node, group: &str, copies: &[Copy]) -> Result<(), StoreError> {
    let newest = copies.last().map(|newest| &newest.name);
    let ours = stated::attribute(&json!({"copies_of": node.schema.path, "copies": copies}));
    let json = json!({
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {"newest": newest, stated::ATTRIBUTE: ours},
    });
    let key = keys::metadata(group);
    node.store.put(&key, json_bytes(&json)).await
}

/// Copies all chunks, then writes metadata, the group last.
async fn make(node: &Node, layout: &Layout, folder: &str) -> Result<(), CommitError> {
    // Of an earlier try.
    remove(node, folder).await?;
    let below = |key: &str| {
        let inside = key.strip_prefix(node.schema.path.as_str())?;
        Some(keys::join(folder, inside.trim_start_matches('/')))
    };
    for spec in node.own_arrays() {
        let chunks = node.store.list(&keys::join(&spec.path, "c"), None).await?;
        let chunks = chunks
            .into_iter()
            .filter_map(|key| Some((below(&key)?, key)));
        futures::stream::iter(chunks)
            .map(Ok::<_, StoreError>)
            .try_for_each_concurrent(CONCURRENT_COPIES, |(to, from)| async move {
                node.store.copy(&from, &to).await
            })
            .await?;
    }
    for (key, json) in node.metadata(layout, None) {
        let is_own = key.strip_prefix(node.schema.path.as_str());
        if is_own.is_some_and(|inside| inside.starts_with('/'))
            && let Some(to) = below(&key)
        {
            node.store.put(&to, json_bytes(&json)).await?;
        }
    }
    Ok(())
}

/// Removes a copy, its group first, so that nobody opens the rest of it.
async fn remove(node: &Node, folder: &str) -> Result<(), CommitError> {
    node.store.delete(&keys::metadata(folder)).await?;
    delete_all(&node.store, node.store.list(folder, None).await?).await
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::path::Path;
    use std::sync::Arc;

    use chrono::TimeDelta;
    use zarr_fuse_journal::{JournalSettings, NewContribution};
    use zarr_fuse_schemas::Schema;
    use zarr_fuse_store::{S3Access, Store};

    use super::*;
    use crate::dataset::{Dataset, Decoders};

    const SCHEMA: &str = "
n:
  COORDS: {time: {unit: {tick: s, tz: UTC}, chunk_size: 4}}
  VARS: {x: {coords: [time], type: float64}}
  readers: 10m
";

    async fn fold(dataset: &Dataset, csv: &str) {
        let new = NewContribution::csv("d", "n", csv.to_owned());
        dataset.contribute(new).await.unwrap();
        dataset.fold_all().await.unwrap();
    }

    #[tokio::test]
    async fn a_copy_stays_as_it_is_until_a_newer_one_has_been_there_for_its_time() {
        let schema = Schema::parse(SCHEMA, "d.yaml", Path::new(".")).unwrap();
        let store = Store::open("memory://", Path::new("."), &S3Access::default()).unwrap();
        let decoders = Decoders::new("d", HashMap::new());
        let settings = JournalSettings::default();
        let opened = Dataset::open(Arc::new(schema), store.clone(), decoders, settings).await;
        let dataset = opened.unwrap();
        let node = dataset.node("n").unwrap();
        let begin = Utc::now();
        let at = |minutes| begin + TimeDelta::minutes(minutes);
        let mut kept = Kept::default();
        assert_eq!(kept.keep(node, at(0)).await.unwrap(), None, "nothing there");
        fold(&dataset, "time,x\n10,10\n20,20\n30,30\n40,40\n50,50\n").await;
        assert_eq!(kept.keep(node, at(0)).await.unwrap(), None);
        let objects = async || {
            let all = store.list("n@kept", None).await.unwrap();
            let mut found = Vec::new();
            for key in all {
                let bytes = store.get(&key).await.unwrap().unwrap();
                found.push((key, bytes));
            }
            found
        };
        let names = async || {
            let mut names: Vec<String> = store.folders("n@kept").await.unwrap();
            names.sort();
            names
        };
        let first = objects().await;
        assert_eq!(names().await, ["0-1"]);
        let chunk = async |key: &str| store.get(key).await.unwrap().unwrap();
        assert_eq!(chunk("n@kept/0-1/x/c/0").await, chunk("n/x/c/0").await);

        fold(&dataset, "time,x\n15,15\n").await;
        let wait = kept.keep(node, at(4)).await.unwrap();
        assert_eq!(wait, Some(Duration::from_mins(6)), "not so soon again");
        assert_eq!(objects().await, first, "late values change no copy");
        // Another process goes on with what is there.
        let mut kept = Kept::default();
        assert_eq!(
            kept.keep(node, at(11)).await.unwrap(),
            Some(Duration::from_mins(10))
        );
        assert_eq!(names().await, ["0-1", "1-2"]);
        let group: Json = serde_json::from_slice(&chunk("n@kept/zarr.json").await).unwrap();
        assert_eq!(group["attributes"]["newest"], "1-2");
        let copy: Json = serde_json::from_slice(&chunk("n@kept/1-2/zarr.json").await).unwrap();
        let shape = copy.pointer("/consolidated_metadata/metadata/x/shape/0");
        assert_eq!(shape, Some(&json!(6)));
        kept.keep(node, at(20)).await.unwrap();
        assert_eq!(names().await, ["0-1", "1-2"]);
        assert_eq!(kept.keep(node, at(21)).await.unwrap(), None);
        assert_eq!(names().await, ["1-2"]);
    }
}
