//! A node in memory, with the interface of the published state of a node.

use std::collections::HashMap;
use std::sync::Arc;

use zarr_fuse_schemas::Node;

use super::elements::take;
use crate::values::Values;

/// The state of a node: immutable, cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeView {
    pub(crate) schema: Arc<Node>,
    pub(crate) folded_seq: u64,
    pub(crate) coordinates: Arc<HashMap<String, Values>>,
    pub(crate) arrays: Arc<HashMap<String, Values>>,
}

/// Which elements along one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Indices {
    /// Contiguous ones.
    Range(std::ops::Range<u64>),
    /// Ascending ones.
    List(Vec<u64>),
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
#[error("no array")]
pub struct ReadError;

impl NodeView {
    /// The node's schema.
    pub fn schema(&self) -> &Node {
        &self.schema
    }

    /// Sequence number folded last.
    pub fn folded_seq(&self) -> u64 {
        self.folded_seq
    }

    /// Stored values of a coordinate in array order.
    pub fn coordinate(&self, name: &str) -> Option<&Values> {
        self.coordinates.get(name)
    }

    /// Elements at the cross product of `indices`, C order.
    ///
    /// # Errors
    /// If there is no such array.
    pub async fn read(&self, variable: &str, indices: &[Indices]) -> Result<Values, ReadError> {
        let array = self.arrays.get(variable).ok_or(ReadError)?;
        let shape: Vec<u64> = self.schema.variables[variable]
            .coords
            .iter()
            .map(|name| self.coordinates.get(name).map_or(0, Values::len) as u64)
            .collect();
        let mut offsets = vec![0_u64];
        for (indices, n) in indices.iter().zip(shape) {
            let along: Vec<u64> = match indices {
                Indices::Range(range) => range.clone().collect(),
                Indices::List(list) => list.clone(),
            };
            offsets = offsets
                .iter()
                .flat_map(|offset| along.iter().map(move |i| offset * n + i))
                .collect();
        }
        Ok(take(
            array,
            offsets
                .into_iter()
                .map(|offset| usize::try_from(offset).expect("in memory")),
        ))
    }
}
