//! What queries see of a node: one published state, its arrays and its coarser levels.

use std::sync::Arc;

use parking_lot::Mutex;
use zarr_fuse_arrays::{array::ArraySpec, values::Values};
use zarr_fuse_schemas::{Aggregate, Node as NodeSchema, Pyramid, Scalar};

use super::{Chunk, Former, Indices, Layout, Node, Present, ReadError, State};
use crate::merge::CoordinateIndex;
use crate::pyramid::{Level, Part};

/// The published state of a node: immutable, cheap to clone.
#[derive(Debug, Clone)]
pub struct NodeView {
    node: Arc<Node>,
    state: Arc<State>,
    /// Whether coarser levels are left out.
    without_levels: bool,
    /// Keeps the layout readable while anything reads it.
    _reader: Arc<Reader>,
}

/// Tells the node that a layout is read.
#[derive(Debug)]
struct Reader {
    former: Arc<Mutex<Former>>,
    layout: u64,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.former.lock().leave(self.layout);
    }
}

impl NodeView {
    /// A view of a state whose layout the node has just been told to keep.
    pub(super) fn new(node: Arc<Node>, state: Arc<State>, former: Arc<Mutex<Former>>) -> Self {
        let layout = state.layout;
        let reader = Reader { former, layout };
        Self {
            node,
            state,
            without_levels: false,
            _reader: Arc::new(reader),
        }
    }

    /// The same without coarser levels, which are those of the present layout only.
    #[must_use]
    pub fn without_levels(mut self) -> Self {
        self.without_levels = true;
        self
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
    /// the fill value where nothing was written. Positions are those of the view, wherever late values have moved their values
    /// since it was taken; a value that was replaced meanwhile is the new one.
    ///
    /// # Errors
    /// [`ReadError::Moved`] if the node was folded again since the view was taken, [`ReadError::BeingCompleted`] if values are on
    /// their way; else what the store says.
    pub async fn read(&self, variable: &str, indices: &[Indices]) -> Result<Values, ReadError> {
        let idx = self.node.schema.variables.get_index_of(variable);
        let idx = idx.ok_or_else(|| ReadError::UnknownVariable(variable.to_owned()))?;
        self.read_array(idx, indices).await
    }

    /// Paths within the store and shapes of all arrays but the node's coordinates, those of levels included.
    pub(crate) fn arrays(&self) -> Vec<(String, Vec<u64>)> {
        let (node, layout) = (&self.node, Layout::of(&self.state));
        let arrays = node.arrays.iter().enumerate().skip(layout.lengths.len());
        arrays
            .map(|(array, spec)| {
                let below = spec.path.strip_prefix(node.schema.path.as_str());
                let name = below.and_then(|below| below.strip_prefix('/'));
                let name = name.unwrap_or(&spec.path).to_owned();
                (name, node.shape(array, &layout))
            })
            .collect()
    }

    /// Shape of variable number `variable`.
    #[cfg(test)]
    pub(crate) fn shape_of(&self, variable: usize) -> Vec<u64> {
        let layout = Layout::of(&self.state);
        self.node.shape(layout.lengths.len() + variable, &layout)
    }

    /// Elements of one of [`Self::arrays`], as [`Self::read`] gives them.
    ///
    /// # Errors
    /// As [`Self::read`]; [`ReadError::Moved`] also if late values have changed the cells of a level.
    pub(crate) async fn read_array(
        &self,
        array: usize,
        indices: &[Indices],
    ) -> Result<Values, ReadError> {
        let (node, _stays) = self.node.hold().await?;
        let layout = node.layout_of_view(&self.state);
        let layout = layout.ok_or(ReadError::Moved)?;
        let array = self.state.coordinates.len() + array;
        let array = node.array_at(&self.node.arrays[array].path);
        let array = array.ok_or(ReadError::Moved)?;
        let epoch = node.state().epoch;
        if !layout.is_former() {
            return node.read_published(array, indices, epoch).await;
        }
        if array >= node.own_arrays().count() {
            return Err(ReadError::Moved);
        }
        let along = node.arrays[array].dims.iter().zip(indices);
        let from: Vec<Vec<Option<u64>>> = along
            .map(|(&d, indices)| {
                let now = |position| Some(layout.now(d, position));
                indices.positions().map(now).collect()
            })
            .collect();
        Ok(node.gather(array, &from, epoch, None).await?.0)
    }

    /// Where an array is among those of `node`, which has them now; `None` if positions have moved since the view was taken.
    fn place_in(&self, node: &Node, array: usize) -> Option<usize> {
        let layout = node.layout_of_view(&self.state)?;
        let array = node.array_at(&self.node.arrays[array].path)?;
        (!layout.is_former()).then_some(array)
    }

    /// Which chunks of a variable there are, if it has dimensions and that is known; with `list` it is found out, unless they
    /// are too many.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn chunks_of(&self, variable: &str, list: bool) -> Result<Option<Chunks>, ReadError> {
        let idx = self.node.schema.variables.get_index_of(variable);
        let idx = idx.ok_or_else(|| ReadError::UnknownVariable(variable.to_owned()))?;
        let own = self.state.coordinates.len() + idx;
        let (node, _stays) = self.node.hold().await?;
        let Some(array) = self.place_in(node, own) else {
            return Ok(None);
        };
        let epoch = node.state().epoch;
        let mut present = node.known[array].get(epoch);
        if present.is_none() && list {
            present = node.present(array, epoch).await?;
        }
        Ok(present.map(|present| Chunks {
            present,
            spec: Arc::clone(&node.arrays[array]),
            array: own,
        }))
    }

    /// One of `chunks`, of which there may be none.
    ///
    /// # Errors
    /// As [`Self::read`]; [`ReadError::Moved`] if positions have moved since the view was taken.
    pub async fn chunk(
        &self,
        chunks: &Chunks,
        place: &[u64],
    ) -> Result<Option<Arc<Chunk>>, ReadError> {
        let (node, _stays) = self.node.hold().await?;
        let array = self.place_in(node, chunks.array);
        let array = array.ok_or(ReadError::Moved)?;
        let epoch = node.state().epoch;
        node.chunk(array, place, epoch, None).await
    }

    /// `n` elements of a variable, at these indices along each of its dimensions.
    ///
    /// # Errors
    /// As [`Self::chunk`].
    pub async fn read_points(
        &self,
        variable: &str,
        indices: &[Vec<u64>],
        n: usize,
    ) -> Result<Values, ReadError> {
        let idx = self.node.schema.variables.get_index_of(variable);
        let idx = idx.ok_or_else(|| ReadError::UnknownVariable(variable.to_owned()))?;
        let array = self.state.coordinates.len() + idx;
        let (node, _stays) = self.node.hold().await?;
        let array = self.place_in(node, array).ok_or(ReadError::Moved)?;
        let epoch = node.state().epoch;
        node.read_points(array, indices, n, epoch).await
    }

    /// Bytes of memory that [`Self::read`] takes at most: for what it gives, and beside that while it reads. Text counts as if
    /// it were short.
    pub fn read_bytes(&self, variable: &str, indices: &[Indices]) -> (u64, u64) {
        let idx = self.node.schema.variables.get_index_of(variable);
        idx.map_or((0, 0), |idx| {
            self.node
                .read_bytes(self.state.coordinates.len() + idx, indices)
        })
    }

    /// The same for [`Self::read_level`].
    pub fn read_level_bytes(
        &self,
        level: usize,
        variable: &str,
        part: Part,
        indices: &[Indices],
    ) -> (u64, u64) {
        let idx = self.node.schema.variables.get_index_of(variable);
        let array = idx.and_then(|idx| self.node.level_array(level, idx, part));
        array.map_or((0, 0), |array| self.node.read_bytes(array, indices))
    }

    /// Coarser levels that have cells, finest first: how many positions along the coordinate of the pyramid a cell stands
    /// for, and how many cells there are.
    pub fn levels(&self) -> Vec<LevelView> {
        let Some(along) = self.node.along().filter(|_| !self.without_levels) else {
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
    pub fn levels_of(
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

/// Which chunks of a variable there are.
#[derive(Debug, Clone)]
pub struct Chunks {
    /// In which places there are any.
    pub present: Arc<Present>,
    spec: Arc<ArraySpec>,
    array: usize,
}

impl Chunks {
    /// Their length along each dimension.
    pub fn shape(&self) -> &[u64] {
        &self.spec.chunk_shape
    }

    /// What reading some of them takes.
    pub fn bytes_at_once(&self) -> u64 {
        let n_bytes = zarr_fuse_arrays::values::n_bytes_of(self.spec.data_type);
        n_bytes
            .saturating_mul(self.spec.chunk_len() as u64)
            .saturating_mul(4)
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
