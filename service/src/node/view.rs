//! What queries see of a node: one published state, its arrays and its coarser levels.

use std::sync::Arc;

use zarr_fuse_schemas::{Aggregate, Node as NodeSchema, Pyramid, Scalar};

use super::{Indices, Node, ReadError, State};
use crate::merge::CoordinateIndex;
use crate::pyramid::{Level, Part};
use crate::values::Values;

/// The published state of a node: immutable, cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeView {
    node: Arc<Node>,
    state: Arc<State>,
}

impl NodeView {
    pub(super) fn new(node: Arc<Node>, state: Arc<State>) -> Self {
        Self { node, state }
    }

    /// The node's schema.
    pub fn schema(&self) -> &NodeSchema {
        &self.node.schema
    }

    /// The sequence number up to which contributions are in this view.
    pub fn folded_seq(&self) -> u64 {
        self.state.folded_seq
    }

    /// Changes when late values were inserted, that is, when positions changed.
    pub fn layout(&self) -> u64 {
        self.state.layout
    }

    /// Stored values of a coordinate in array order (sorted ones ascend).
    pub fn coordinate(&self, name: &str) -> Option<&Values> {
        let idx = self.node.schema.coordinates.get_index_of(name)?;
        Some(self.state.coordinates[idx].values())
    }

    /// A coordinate with its lookup.
    pub fn coordinate_index(&self, name: &str) -> Option<&CoordinateIndex> {
        self.state
            .coordinates
            .get(self.node.schema.coordinates.get_index_of(name)?)
    }

    /// What stands for "no value" in a variable.
    pub fn na(&self, variable: &str) -> Option<&Scalar> {
        self.node.schema.variables.get(variable)?.na.as_ref()
    }

    /// Elements at the cross product of `indices` (one entry per coordinate of the variable, in its order), C order;
    /// the fill value where nothing was written.
    ///
    /// # Errors
    /// [`ReadError::Moved`] if late values were inserted since the view was taken, [`ReadError::BeingCompleted`] if some are
    /// on their way; else what the store says.
    pub async fn read(&self, variable: &str, indices: &[Indices]) -> Result<Values, ReadError> {
        let idx = self.node.schema.variables.get_index_of(variable);
        let idx = idx.ok_or_else(|| ReadError::UnknownVariable(variable.to_owned()))?;
        self.read_array(idx, indices).await
    }

    /// Paths within the store and shapes of all arrays but the node's coordinates, those of levels included.
    pub(crate) fn arrays(&self) -> Vec<(String, Vec<u64>)> {
        let (node, coordinates) = (&self.node, &self.state.coordinates);
        let arrays = node.arrays.iter().enumerate().skip(coordinates.len());
        arrays
            .map(|(array, spec)| {
                let below = spec.path.strip_prefix(node.schema.path.as_str());
                let name = below.and_then(|below| below.strip_prefix('/'));
                let name = name.unwrap_or(&spec.path).to_owned();
                (name, node.shape(array, coordinates))
            })
            .collect()
    }

    /// Elements of one of [`Self::arrays`], as [`Self::read`] gives them.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn read_array(
        &self,
        array: usize,
        indices: &[Indices],
    ) -> Result<Values, ReadError> {
        let _stays = self.node.hold(&self.state).await?;
        let array = self.state.coordinates.len() + array;
        self.node.read_array(array, indices, self.state.epoch).await
    }

    /// Coarser levels that have cells, finest first: how many positions along the coordinate of the pyramid a cell stands
    /// for, and how many cells there are.
    pub fn levels(&self) -> Vec<LevelView> {
        let Some(along) = self.node.along() else {
            return Vec::new();
        };
        let n = self.state.coordinates[along].len();
        let of = |level: &Level| LevelView {
            n_positions: level.n_positions,
            n_cells: n / level.n_positions,
        };
        let levels = self.node.levels.iter().map(of);
        levels.take_while(|level| level.n_cells > 0).collect()
    }

    /// The same, if they are along `coordinate` and tell each of `aggregates` of a variable; else none.
    pub(crate) fn levels_of(
        &self,
        variable: &str,
        coordinate: &str,
        aggregates: &[Aggregate],
    ) -> Vec<LevelView> {
        let schema = self.schema();
        let tells = |pyramid: &Pyramid| {
            let kept = |of: &Aggregate| *of == Aggregate::Count || pyramid.aggregates.contains(of);
            pyramid.coord == coordinate && aggregates.iter().all(kept)
        };
        let variable = schema.variables.get(variable);
        let has = variable.is_some_and(|variable| schema.has_levels(variable));
        if has && schema.pyramid.as_ref().is_some_and(tells) {
            self.levels()
        } else {
            Vec::new()
        }
    }

    /// Cells of level number `level` at the cross product of `indices`, one entry per coordinate of the variable, along
    /// that of the pyramid in cells. `None`: the schema does not ask for it.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_level(
        &self,
        level: usize,
        variable: &str,
        part: Part,
        indices: &[Indices],
    ) -> Result<Option<Values>, ReadError> {
        let idx = self.node.schema.variables.get_index_of(variable);
        let idx = idx.ok_or_else(|| ReadError::UnknownVariable(variable.to_owned()))?;
        let Some(array) = self.node.level_array(level, idx, part) else {
            return Ok(None);
        };
        let read = self.read_array(array - self.state.coordinates.len(), indices);
        Ok(Some(read.await?))
    }
}

/// A coarser level of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LevelView {
    /// Positions along the coordinate that a cell stands for.
    pub n_positions: u64,
    /// Its complete cells.
    pub n_cells: u64,
}
