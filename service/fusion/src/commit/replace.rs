//! Puts new arrays of a node, written beside the old ones, in their place.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;
use zarr_fuse_store::{Store, keys};

use super::{CommitError, Recovered, Settled, Stage, json_bytes};
use crate::node::{Placement, stated};
use crate::pyramid;

/// Arrays that are complete up to `folded_seq`, in a folder of their own below `staging/`.
#[derive(Debug)]
pub struct Replacement {
    /// The node in that folder.
    pub node: Settled,
    /// The folder.
    pub stage: Stage,
    /// What the arrays contain.
    pub folded_seq: u64,
}

/// The arrays that are to give way.
#[derive(Debug)]
pub enum Old<'a> {
    /// They are open. They are kept from readers meanwhile, and are the new ones then.
    Open(Settled),
    /// They are not, nor is anything in their store half done.
    Closed(&'a Recovered),
}

/// Switches to new arrays; gives the node back, if the old ones were open.
///
/// # Errors
/// [`CommitError`]; the node is suspect then. If the record was made, recovery completes the switch.
pub async fn replace(
    store: &Store,
    replacement: Replacement,
    old: Old<'_>,
) -> Result<Option<Settled>, CommitError> {
    let Replacement {
        node: new,
        stage,
        folded_seq,
    } = replacement;
    let node = Arc::clone(new.node());
    let group = keys::metadata(&node.schema.path);
    let kept: Option<Json> = store
        .get(&group)
        .await?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let layout = kept
        .as_ref()
        .and_then(|kept| stated::number(kept, "layout"));
    let mut next = node.present_layout();
    next.folded_seq = folded_seq;
    // Positions have changed for whoever knows them.
    next.number = layout.unwrap_or(next.number) + 1;
    let (key, json) = node
        .metadata(&next, None)
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
        if node.has_cells(level, &next) {
            moves.push(keys::metadata(&level.path));
        }
    }
    let factor = kept.as_ref().and_then(|kept| {
        let stated = stated::stated(kept)?;
        stated.pointer("/pyramid/factor")?.as_u64()
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
    let old = match old {
        Old::Open(settled) => Some(settled.begin()),
        Old::Closed(_) => None,
    };
    let recorded = stage.record(store, moves, removes).await?;
    if let Some(old) = &old {
        let old = old.node();
        let mut placement = old.layout.write().await;
        *placement = Placement::HalfMoved;
        recorded.apply(store).await?;
        old.reload().await?;
        *placement = Placement::InPlace;
    } else {
        recorded.apply(store).await?;
    }
    recorded.discard(store).await?;
    Ok(old.map(super::Unpublished::published))
}
