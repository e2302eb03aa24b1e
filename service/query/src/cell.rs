//! One cell of a variable: which one a selection means, and what a contribution brings for it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::{
    node::NodeView,
    normalize::{Batch, BatchVariable, NO_VALUE},
};

use super::bounds::Bounds;
use super::elements::at;
use super::error::QueryError;
use super::format::Field;
use super::format::write_json;
use super::plan::{Input, Plan, Source};
use super::selection::Selection;

/// One cell of a variable.
#[derive(Debug, Clone)]
pub struct Cell {
    /// The variable.
    pub variable: String,
    /// Its coordinates as the schema names them, the components of composed ones.
    pub coordinates: Map<String, Json>,
    /// What it holds; null if nothing.
    pub value: Json,
    /// Of the node's variables.
    variable_idx: usize,
    /// Of the node's coordinates, in the order of the variable, each with the stored value.
    at: Vec<(usize, Values)>,
    input: Input,
    field: Arc<Field>,
}

impl Cell {
    /// The cell that `selection` leaves.
    ///
    /// # Errors
    /// [`QueryError::DoesNotFit`] if it leaves several or none; else as a query for values.
    pub async fn find(
        view: &NodeView,
        selection: &Selection,
        bounds: &Bounds,
    ) -> Result<Self, QueryError> {
        let misfit = |reason: String| Err(QueryError::DoesNotFit { reason });
        let schema = view.schema();
        let [name] = selection.variables.as_slice() else {
            return misfit("give one variable, `var=<name>`".to_owned());
        };
        let Some((variable_idx, _, variable)) = schema.variables.get_full(name) else {
            return misfit(format!(
                "`{name}` is a coordinate; give a variable, `var=<name>`"
            ));
        };
        let plan = Plan::new(view, selection, bounds).await?;
        if let Some(axis) = plan.axes.iter().find(|axis| axis.picked.len() != 1) {
            return misfit(format!(
                "the selection leaves {} values of `{}`; give one, such as `sel.{}=<value>`",
                axis.picked.len(),
                axis.name,
                axis.name
            ));
        }
        let is_wanted = |input: &&Input| input.variable == *name;
        let Some(input) = plan.inputs.iter().find(is_wanted).cloned() else {
            return misfit(format!(
                "`{name}` is part of a coordinate; give another variable"
            ));
        };
        let mut coordinates = Map::new();
        let mut field = None;
        for (input, column) in plan.inputs.iter().zip(&plan.columns) {
            if let Some(values) = input.in_memory(view, &plan.axes, 0..1) {
                coordinates.insert(input.variable.clone(), json(&column.field, &values, 0));
            }
            if input.variable == *name {
                field = Some(Arc::clone(&column.field));
            }
        }
        let Some(field) = field.filter(|_| matches!(input.source, Source::Array)) else {
            return misfit(format!(
                "`{name}` is part of a coordinate; give another variable"
            ));
        };
        let mut stored = Vec::with_capacity(variable.coords.len());
        let mut indices = Vec::with_capacity(variable.coords.len());
        for &axis in &input.axes {
            let axis = &plan.axes[axis];
            let one = std::iter::once(at(axis.picked.get(0)));
            let values = view.coordinate(&axis.name).map(|values| values.take(one));
            let coordinate_idx = schema.coordinates.get_index_of(&axis.name);
            stored.extend(coordinate_idx.zip(values));
            indices.push(axis.picked.indices(0..1));
        }
        let (value, _share) = bounds.room.read(view, name, &indices).await?;
        Ok(Self {
            variable: name.clone(),
            coordinates,
            value: json(&field, &input.converted(value), 0),
            variable_idx,
            at: stored,
            input,
            field,
        })
    }

    /// The value that a contribution brings for the cell, in the unit asked for.
    pub fn value_in(&self, batch: &Batch) -> Option<Json> {
        let variables = &batch.variables;
        let brought = variables
            .iter()
            .find(|brought| brought.variable_idx == self.variable_idx)?;
        // Per coordinate of the variable, which entry of the batch's list each row or place has, and the one wanted.
        let mut wanted: Vec<(&[u32], u32)> = Vec::with_capacity(self.at.len());
        for (coordinate_idx, value) in &self.at {
            let mut coordinates = batch.coordinates.iter();
            let coordinate = coordinates.find(|of| of.coordinate_idx == *coordinate_idx)?;
            let entry =
                (0..coordinate.values.len()).find(|&i| coordinate.values.same(i, value, 0))?;
            wanted.push((&coordinate.index, u32::try_from(entry).ok()?));
        }
        let element = element_of(brought, batch.n_rows, &wanted)?;
        let one = brought.values.take(std::iter::once(element));
        Some(json(&self.field, &self.input.converted(one), 0))
    }
}

/// The element of `brought` in the row, or at the place of an array, that has every wanted entry.
fn element_of(brought: &BatchVariable, n_rows: usize, wanted: &[(&[u32], u32)]) -> Option<usize> {
    let Some(grid) = &brought.grid else {
        let has_all = |row: usize| wanted.iter().all(|(index, entry)| index[row] == *entry);
        return match &brought.rows {
            None => (0..n_rows).rfind(|&row| has_all(row)),
            Some(rows) => rows.iter().rposition(|&row| has_all(row as usize)),
        };
    };
    let mut element = 0;
    for ((index, entry), stride) in wanted.iter().zip(&grid.strides) {
        let is_wanted = |found: &u32| *found != NO_VALUE && found == entry;
        element += index.iter().rposition(is_wanted)? * stride;
    }
    let is_valid = grid.valid.as_ref().is_none_or(|valid| valid[element]);
    is_valid.then_some(element)
}

fn json(field: &Field, values: &Values, i: usize) -> Json {
    let mut text = Vec::new();
    write_json(&mut text, field, values, i);
    serde_json::from_slice(&text).unwrap_or(Json::Null)
}
