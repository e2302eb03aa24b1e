//! `format=covjson`: an answer as coverages of [`CoverageJSON`](https://docs.ogc.org/cs/21-069r2/21-069r2.html).
//!
//! Where longitude and latitude are coordinates, the answer is one coverage on a grid. Else there is a coverage for each
//! tuple of the coordinates other than time: a `PointSeries`, or a `VerticalProfile` where there is one time or none but
//! depths or heights, or a `Point`. A place whose longitude and latitude are not known, or a node without any, gives
//! domains without `x` and `y`, which have no name in the standard. Positions of a series or profile without any value are
//! left out, and series without any.
//!
//! All of an answer is in memory, [`Bounds::max_block_cells`](super::Bounds) values at most.

mod domain;
mod write;

use std::ops::Range;
use std::sync::Arc;

use zarr_fuse_fusion::node::NodeView;
use zarr_fuse_schemas::DataType;
use zarr_fuse_store::blocking;

use self::domain::{Domain, Role};
use super::bounds::Bounds;
use super::elements::at;
use super::error::QueryError;
use super::format::Field;
use super::plan::Plan;
use super::points::strides;
use super::rows::Block;
use super::selection::{Layout, Selection};

/// Refuses what a coverage cannot hold, before anything is read.
///
/// # Errors
/// [`QueryError::DoesNotFit`] for pages, wide rows, too many values, complex numbers, or no values at all.
pub(super) fn check(
    plan: &Plan,
    view: &NodeView,
    selection: &Selection,
    max_cells: u64,
) -> Result<(), QueryError> {
    let misfit = |reason: String| Err(QueryError::DoesNotFit { reason });
    if selection.limit.is_some() || selection.cursor.is_some() {
        return misfit("`format=covjson` has no rows and no pages; leave out `limit` and `cursor`, and select less or use `max_points`".to_owned());
    }
    if selection.layout == Layout::Wide {
        return misfit("`format=covjson` has no rows; leave out `layout`".to_owned());
    }
    let parameters = parameters(plan, view, selection);
    if parameters.is_empty() {
        return misfit("`format=covjson` needs a variable besides coordinates; add one to `var`, or use another `format`".to_owned());
    }
    for parameter in &parameters {
        if matches!(
            parameter.field.data_type,
            DataType::Complex64 | DataType::Complex128
        ) {
            return misfit(format!(
                "CoverageJSON knows no complex numbers, and `{}` holds some; leave it out of `var`, or use another `format`",
                parameter.field.name
            ));
        }
    }
    let n_cells = plan.axes.iter().fold(parameters.len() as u64, |n, axis| {
        n.saturating_mul(axis.picked.len())
    });
    if n_cells > max_cells {
        return misfit(format!(
            "`format=covjson` would hold {n_cells} values, more than {max_cells}; select less, use `max_points` or `resample`, or a `format` that streams, such as `csv`"
        ));
    }
    Ok(())
}

/// The whole answer; `blocks` has all of each input of the plan.
///
/// # Errors
/// [`QueryError::DoesNotFit`] if no coordinate is a time, a depth or height, or a place; and what reading places gives.
pub(super) async fn write(
    plan: Plan,
    view: NodeView,
    selection: &Selection,
    blocks: Vec<Block>,
    bounds: &Bounds,
) -> Result<Vec<u8>, QueryError> {
    let domain = Domain::new(&plan, &view, bounds).await?;
    let parameters = parameters(&plan, &view, selection);
    let keep_na = selection.keep_na;
    let write = move || write::coverages(&plan, &view, &domain, &parameters, &blocks, keep_na);
    Ok(blocking(write).await)
}

/// A variable that the coverages hold.
struct Parameter {
    input: usize,
    field: Arc<Field>,
    standard_name: Option<String>,
    /// Between neighbours along each axis of the plan.
    strides: Vec<u64>,
}

/// The variables selected, but those that are the places of the coverages if nobody asked for them by name.
fn parameters(plan: &Plan, view: &NodeView, selection: &Selection) -> Vec<Parameter> {
    let schema = view.schema();
    let inputs = plan.inputs.iter().enumerate();
    let inputs = inputs.skip(plan.n_coordinate_inputs);
    let places = domain::places(plan, schema);
    let is_place = |name: &str| {
        places
            .iter()
            .any(|(_, longitude, latitude)| longitude.name == name || latitude.name == name)
    };
    let parameter = |(input_idx, input): (usize, &super::plan::Input)| {
        let column = plan
            .columns
            .iter()
            .find(|column| column.input == input_idx)?;
        let lengths: Vec<u64> = input
            .axes
            .iter()
            .map(|&axis| plan.axes[axis].picked.len())
            .collect();
        let mut along = vec![0; plan.axes.len()];
        for (&axis, stride) in input.axes.iter().zip(strides(&lengths)) {
            along[axis] = stride;
        }
        let variable = schema.variables.get(&input.variable)?;
        let standard_name = variable.attrs.get("standard_name");
        Some(Parameter {
            input: input_idx,
            field: Arc::clone(&column.field),
            standard_name: standard_name
                .and_then(|name| name.as_str())
                .map(str::to_owned),
            strides: along,
        })
    };
    inputs
        .filter(|(_, input)| !(selection.is_default && is_place(&input.variable)))
        .filter_map(parameter)
        .collect()
}

impl Parameter {
    /// Its element at a position along every axis of the plan; `None` where there is nothing.
    fn element(&self, block: &Block, position: &[u64]) -> Option<usize> {
        let along = self.strides.iter().zip(position);
        let cell = along.map(|(stride, position)| stride * position).sum();
        block.value(self.field.na, at(cell))
    }
}

/// All tuples of positions along `axes`, each as long as the plan has axes.
fn tuples(plan: &Plan, axes: &[usize]) -> Vec<Vec<u64>> {
    axes.iter()
        .fold(vec![vec![0; plan.axes.len()]], |tuples, &axis| {
            let along: Range<u64> = 0..plan.axes[axis].picked.len();
            let one = |tuple: Vec<u64>| {
                along.clone().map(move |position| {
                    let mut tuple = tuple.clone();
                    tuple[axis] = position;
                    tuple
                })
            };
            tuples.into_iter().flat_map(one).collect()
        })
}

/// The axes of a plan with this role.
fn with_role(roles: &[Role], role: Role) -> Option<usize> {
    roles.iter().position(|of_axis| *of_axis == role)
}
