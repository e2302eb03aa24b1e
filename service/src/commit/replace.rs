//! Puts new arrays of a node, written beside the old ones, in their place.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::staging::{self, Record};
use super::{CommitError, Node, json_bytes};
use crate::node::State;
use crate::pyramid;
use crate::store::{Store, keys};

/// Arrays that are complete up to `folded_seq`, in a folder of their own below `staging/`.
#[derive(Debug)]
pub struct Replacement {
    /// The node in that folder.
    pub node: Arc<Node>,
    /// The folder.
    pub folder: String,
    /// What the arrays contain.
    pub folded_seq: u64,
}

/// Switches to new arrays. `old`, if the old ones are open, is kept from readers meanwhile and reads the new ones then.
///
/// # Errors
/// [`CommitError`]; opening the dataset again completes the switch if its record was made.
pub async fn replace(
    store: &Store,
    replacement: &Replacement,
    old: Option<&Node>,
) -> Result<(), CommitError> {
    let Replacement {
        node,
        folder,
        folded_seq,
    } = replacement;
    let group = keys::metadata(&node.schema.path);
    let kept: Option<Json> = store
        .get(&group)
        .await?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let layout = kept
        .as_ref()
        .and_then(|kept| kept.pointer("/attributes/zarr_fuse/layout")?.as_u64());
    let state = node.state();
    let state = State {
        folded_seq: *folded_seq,
        // Positions have changed for whoever knows them.
        layout: layout.unwrap_or(state.layout) + 1,
        ..state.as_ref().clone()
    };
    let (key, json) = node
        .metadata(&state, None)
        .pop()
        .expect("a node has at least its group");
    node.store.put(&key, json_bytes(&json)).await?;

    let mut arrays: BTreeSet<String> = node.arrays.iter().map(|spec| spec.path.clone()).collect();
    let mut moves = Vec::new();
    for array in &arrays {
        moves.extend(node.store.list(array, None).await?);
    }
    let former = kept
        .as_ref()
        .and_then(|kept| kept.pointer("/consolidated_metadata/metadata")?.as_object());
    arrays.extend(
        former
            .into_iter()
            .flatten()
            .map(|(name, _)| keys::join(&node.schema.path, name)),
    );
    for level in &node.levels {
        if node.has_cells(level, &state) {
            moves.push(keys::metadata(&level.path));
        }
    }
    let factor = kept.as_ref().and_then(|kept| {
        kept.pointer("/attributes/zarr_fuse/pyramid/factor")?
            .as_u64()
    });
    let former_levels = factor.into_iter().flat_map(pyramid::steps);
    arrays.extend(former_levels.map(|n| pyramid::group(&node.schema.path, n)));
    let new: BTreeSet<&String> = moves.iter().collect();
    let mut removes = Vec::new();
    for array in &arrays {
        let old = store.list(array, None).await?;
        removes.extend(old.into_iter().filter(|key| !new.contains(key)));
    }
    moves.push(group);
    let record = Record {
        from: Some(folder.clone()),
        moves,
        removes,
    };
    staging::record(store, *folded_seq, &record).await?;
    match old {
        Some(old) => {
            let _nobody_reads = old.layout.write().await;
            staging::apply(store, *folded_seq).await?;
            old.reload().await?;
        }
        None => staging::apply(store, *folded_seq).await?,
    }
    staging::discard(store, *folded_seq).await
}
