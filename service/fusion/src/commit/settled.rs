//! Who may write a node: one at a time, and only when nothing that was recorded is left to be done.
//!
//! A node is suspect when it is opened and whenever a commit did not end well, however it ended. Then there is nothing to
//! be done with it but to recover it, which gives a [`Settled`]. Only that can be written, and only a publication that
//! succeeded gives it back.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use zarr_fuse_schemas::Node as NodeSchema;
use zarr_fuse_store::Store;

use super::staging::{self, Whose};
use super::{CommitError, Node};
use crate::node::{ChunkCache, Condition, OpenNodeError, Placement};

/// A store in which nothing that was recorded is left to be done.
#[derive(Debug)]
pub struct Recovered(Store);

impl Recovered {
    pub(super) fn new(store: &Store) -> Self {
        Self(store.clone())
    }

    /// Opens a node in it.
    ///
    /// # Errors
    /// As [`Node::open`].
    pub async fn open(
        &self,
        schema: Arc<NodeSchema>,
        cache: ChunkCache,
    ) -> Result<Settled, OpenNodeError> {
        let node = Node::open(self.0.clone(), schema, cache).await?;
        let held = Held::of(node).await;
        Ok(Unpublished(held).published())
    }
}

/// A node and the right to write it.
#[derive(Debug)]
struct Held {
    node: Arc<Node>,
    condition: OwnedMutexGuard<Condition>,
}

impl Held {
    async fn of(node: Arc<Node>) -> Self {
        let condition = Arc::clone(&node.condition).lock_owned().await;
        Self { node, condition }
    }
}

/// A node whose arrays are as published. Whoever has it is the only one.
#[derive(Debug)]
pub struct Settled(Held);

/// A node that may be amid a change of its arrays.
#[derive(Debug)]
pub struct Suspect(Held);

/// A node that is being written: suspect, unless it gets to be published.
#[derive(Debug)]
pub(super) struct Unpublished(Held);

/// Waits until nobody else writes `node`, and tells what is known of it.
///
/// # Errors
/// The node as [`Suspect`], if a commit may have been interrupted.
pub async fn take(node: &Arc<Node>) -> Result<Settled, Suspect> {
    let held = Held::of(Arc::clone(node)).await;
    match *held.condition {
        Condition::Settled => Ok(Settled(held)),
        Condition::Suspect => Err(Suspect(held)),
    }
}

impl Settled {
    /// The node.
    pub fn node(&self) -> &Arc<Node> {
        &self.0.node
    }

    /// From now on it is suspect, until it is published.
    pub(super) fn begin(mut self) -> Unpublished {
        *self.0.condition = Condition::Suspect;
        Unpublished(self.0)
    }
}

impl Unpublished {
    pub(super) fn node(&self) -> &Arc<Node> {
        &self.0.node
    }

    pub(super) fn published(mut self) -> Settled {
        *self.0.condition = Condition::Settled;
        Settled(self.0)
    }
}

impl Suspect {
    /// The node.
    pub fn node(&self) -> &Arc<Node> {
        &self.0.node
    }

    /// Completes what was recorded for the node, removes what was staged and not recorded, and reads it as it is published.
    /// `ours` tells by sequence number which changes are its own. While anything is half moved, queries wait; if it stays so,
    /// they are told, until a later recovery succeeds.
    ///
    /// # Errors
    /// [`CommitError`]; the node stays suspect.
    pub async fn recover(
        self,
        ours: &(dyn Fn(u64) -> bool + Sync),
    ) -> Result<Settled, CommitError> {
        let node = Arc::clone(self.node());
        let whose = Whose::Node {
            path: &node.schema.path,
            ours,
        };
        let left = staging::left_over(&node.store, whose).await?;
        let is_half_moved = *node.layout.read().await == Placement::HalfMoved;
        if left.is_recorded() || is_half_moved {
            let mut placement = node.layout.write().await;
            *placement = Placement::HalfMoved;
            left.complete().await?;
            node.reload().await?;
            *placement = Placement::InPlace;
        } else {
            node.reload().await?;
        }
        left.discard().await?;
        Ok(Unpublished(self.0).published())
    }
}
