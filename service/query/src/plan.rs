//! What is read, and which columns come out of it.

use std::ops::Range;
use std::sync::Arc;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::node::NodeView;
use zarr_fuse_schemas::{Conversion, Node, Variable};

use super::bounds::Bounds;
use super::cursor::value_hash;
use super::elements::Na;
use super::elements::at;
use super::error::QueryError;
use super::format::{Field, Kind};
use super::picked::Picked;
use super::points::Points;
use super::resolve::{column, resolve};
use super::room::Share;
use super::selection::{Layout, Selection};

/// The answer before anything is read but coordinates.
#[derive(Debug)]
pub(super) struct Plan {
    /// The row coordinates, in schema order.
    pub(super) axes: Vec<Axis>,
    /// What the rows are made of: the columns of the axes, then the variables.
    pub(super) inputs: Vec<Input>,
    /// How many of them are columns of the axes.
    pub(super) n_coordinate_inputs: usize,
    /// Inputs whose values keep a row in the answer; empty: every row is kept.
    pub(super) deciding: Vec<usize>,
    /// The columns of the answer, each from one input.
    pub(super) columns: Vec<Column>,
    pub(super) layout: Layout,
    /// For what it holds in memory.
    pub(super) shares: Vec<Share>,
}

/// One row coordinate.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) name: String,
    pub(super) picked: Picked,
    pub(super) chunk_size: u64,
}

/// A coordinate, component or variable over some of the axes.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) variable: String,
    /// Positions among the axes, in the order of the variable's dimensions.
    pub(super) axes: Vec<usize>,
    /// Of the converted values.
    pub(super) na: Na,
    /// Na of the stored values, and the conversion asked for.
    pub(super) conversion: Option<(Na, Conversion)>,
    pub(super) source: Source,
}

/// Where the values of an input come from.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// The array, block by block.
    Array,
    /// The coordinate of its axis, which is in memory.
    Coordinate,
    /// All selected values of a component, or what was made of a variable.
    Known(Values),
    /// Some cells of a variable; there is nothing in the others.
    Points(Arc<Points>),
}

/// A column of the answer.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) field: Arc<Field>,
    pub(super) input: usize,
    /// In wide layout, the position along each of the input's axes but the first one of the plan.
    pub(super) at: Vec<u64>,
}

impl Plan {
    /// Finds the rows and columns of `selection`.
    ///
    /// # Errors
    /// [`QueryError`] for values that do not exist, too many columns, or arrays that cannot be read.
    pub(super) async fn new(
        view: &NodeView,
        selection: &Selection,
        bounds: &Bounds,
    ) -> Result<Self, QueryError> {
        let schema = view.schema();
        let names = row_coordinates(schema, &selection.variables);
        let picked = resolve(view, selection, &names, bounds).await?;
        let axes: Vec<Axis> = names
            .into_iter()
            .zip(picked)
            .map(|(name, picked)| Axis {
                chunk_size: schema.coordinates[&name].chunk_size.max(1),
                name,
                picked,
            })
            .collect();
        let mut inputs = Vec::new();
        let mut fields = Vec::new();
        let mut shares = Vec::new();
        for (axis_idx, axis) in axes.iter().enumerate() {
            for variable in columns_of_axis(schema, &axis.name) {
                let (mut input, field) = input(variable, selection, vec![axis_idx]);
                input.source = if variable.name == axis.name {
                    Source::Coordinate
                } else {
                    let read = column(view, &variable.name, &axis.name, bounds);
                    let (values, share) = read.await?;
                    shares.push(share);
                    let picked = (0..axis.picked.len()).map(|position| axis.picked.get(position));
                    Source::Known(input.converted(values.take(picked.map(at))))
                };
                inputs.push(input);
                fields.push(Arc::new(field));
            }
        }
        let n_coordinate_inputs = inputs.len();
        for name in &selection.variables {
            let is_column_already = inputs.iter().any(|input: &Input| input.variable == *name);
            let Some(variable) = schema.variables.get(name).filter(|_| !is_column_already) else {
                continue;
            };
            let over = variable
                .coords
                .iter()
                .filter_map(|name| axes.iter().position(|axis| axis.name == *name));
            let (input, field) = input(variable, selection, over.collect());
            inputs.push(input);
            fields.push(Arc::new(field));
        }
        let deciding = if selection.keep_na {
            Vec::new()
        } else {
            deciding(&inputs, n_coordinate_inputs, axes.len())
        };
        let mut plan = Self {
            axes,
            inputs,
            n_coordinate_inputs,
            deciding,
            columns: Vec::new(),
            layout: selection.layout,
            shares,
        };
        plan.columns = match plan.layout {
            Layout::Wide if plan.axes.len() > 1 => plan.wide_columns(view, &fields, bounds)?,
            _ => {
                plan.layout = Layout::Long;
                fields
                    .into_iter()
                    .enumerate()
                    .map(|(input, field)| Column {
                        field,
                        input,
                        at: Vec::new(),
                    })
                    .collect()
            }
        };
        Ok(plan)
    }

    fn wide_columns(
        &self,
        view: &NodeView,
        fields: &[Arc<Field>],
        bounds: &Bounds,
    ) -> Result<Vec<Column>, QueryError> {
        let is_spread = |input: &Input| matches!(input.source, Source::Array);
        let others = |input: &Input| -> Vec<usize> {
            let mut others: Vec<usize> = input
                .axes
                .iter()
                .copied()
                .filter(|&axis| axis != 0)
                .collect();
            others.sort_unstable();
            others
        };
        let n_columns = self
            .inputs
            .iter()
            .filter(|input| is_spread(input))
            .map(|input| {
                others(input).iter().fold(1_u64, |n, &axis| {
                    n.saturating_mul(self.axes[axis].picked.len())
                })
            });
        let n_columns = n_columns.fold(0, u64::saturating_add);
        if n_columns > bounds.max_columns {
            let reason = format!(
                "`layout=wide` would have {n_columns} columns, more than {}; select fewer values of `{}`, or use `layout=long`",
                bounds.max_columns,
                self.axes
                    .iter()
                    .skip(1)
                    .map(|axis| axis.name.as_str())
                    .collect::<Vec<_>>()
                    .join("`, `"),
            );
            return Err(QueryError::DoesNotFit { reason });
        }
        let mut columns = Vec::new();
        for (input_idx, (input, field)) in self.inputs.iter().zip(fields).enumerate() {
            if !is_spread(input) {
                if input.axes == [0] {
                    columns.push(Column {
                        field: Arc::clone(field),
                        input: input_idx,
                        at: vec![0],
                    });
                }
                continue;
            }
            let others = others(input);
            let mut tuples: Vec<Vec<u64>> = vec![Vec::new()];
            for &axis in &others {
                let n = self.axes[axis].picked.len();
                tuples = tuples
                    .iter()
                    .flat_map(|tuple| (0..n).map(move |i| [tuple.as_slice(), &[i]].concat()))
                    .collect();
            }
            for tuple in tuples {
                let labels = others
                    .iter()
                    .zip(&tuple)
                    .map(|(&axis, &position)| self.label(view, axis, position, fields));
                let labels = labels.collect::<Vec<_>>().join(",");
                let mut field = Field::clone(field);
                if !others.is_empty() {
                    field.name = format!("{}[{labels}]", field.name);
                }
                let position = |axis: &usize| {
                    others
                        .iter()
                        .position(|other| other == axis)
                        .map_or(0, |i| tuple[i])
                };
                columns.push(Column {
                    field: Arc::new(field),
                    input: input_idx,
                    at: input.axes.iter().map(position).collect(),
                });
            }
        }
        Ok(columns)
    }

    /// The value of a coordinate, components joined by commas; text with commas or brackets in double quotes.
    pub(super) fn label(
        &self,
        view: &NodeView,
        axis: usize,
        position: u64,
        fields: &[Arc<Field>],
    ) -> String {
        let parts = self
            .inputs
            .iter()
            .zip(fields)
            .filter(|(input, _)| input.axes == [axis]);
        let parts = parts.filter_map(|(input, field)| {
            let one = input.in_memory(view, &self.axes, position..position + 1)?;
            Some(field.kind.text(&one, 0))
        });
        let quoted = |text: String| {
            if text.contains([',', '"', '[', ']']) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                text
            }
        };
        parts.map(quoted).collect::<Vec<_>>().join(",")
    }

    /// Index and value hash of the row at `position`, for a cursor.
    pub(super) fn mark(&self, view: &NodeView, position: &[u64]) -> Vec<(u64, u64)> {
        let along = self.axes.iter().zip(position).map(|(axis, &position)| {
            let index = axis.picked.get(position);
            (
                index,
                view.coordinate(&axis.name)
                    .map_or(0, |values| value_hash(values, at(index))),
            )
        });
        along.collect()
    }
}

impl Input {
    /// Values of a coordinate or component at some positions of its axis; `None` for what is read from an array.
    pub(super) fn in_memory(
        &self,
        view: &NodeView,
        of_plan: &[Axis],
        positions: Range<u64>,
    ) -> Option<Values> {
        match (&self.source, self.axes.as_slice()) {
            (Source::Known(known), [_]) => Some(known.take(positions.map(at))),
            (Source::Coordinate, &[axis]) => {
                let picked = &of_plan[axis].picked;
                let values = view.coordinate(&self.variable)?;
                Some(self.converted(values.take(positions.map(|place| at(picked.get(place))))))
            }
            _ => None,
        }
    }

    /// Values in the unit asked for.
    pub(super) fn converted(&self, values: Values) -> Values {
        match self.conversion {
            Some((na, conversion)) => super::elements::convert(&values, na, conversion),
            None => values,
        }
    }
}

/// The coordinates of all `variables`, in schema order.
fn row_coordinates(schema: &Node, variables: &[String]) -> Vec<String> {
    let uses = |coordinate: &String| {
        variables.iter().any(|name| {
            name == coordinate
                || schema
                    .variables
                    .get(name)
                    .is_some_and(|variable| variable.coords.contains(coordinate))
        })
    };
    schema
        .coordinates
        .keys()
        .filter(|name| uses(name))
        .cloned()
        .collect()
}

/// The coordinate itself, or the components of a composed one.
fn columns_of_axis<'a>(schema: &'a Node, name: &str) -> Vec<&'a Variable> {
    let coordinate = &schema.coordinates[name];
    if coordinate.composed.is_empty() {
        return vec![&coordinate.variable];
    }
    coordinate
        .composed
        .iter()
        .filter_map(|component| schema.variables.get(component))
        .collect()
}

fn input(variable: &Variable, selection: &Selection, axes: Vec<usize>) -> (Input, Field) {
    let stored_na = Na::of(variable);
    let unit = selection.units.get(&variable.name);
    let conversion = unit
        .map(|(conversion, _)| *conversion)
        .filter(|conversion| !conversion.is_identity());
    let na = if conversion.is_some() {
        Na::Float(f64::NAN)
    } else {
        stored_na
    };
    let mut field = Field {
        name: variable.name.clone(),
        kind: Kind::of(variable, selection.zone),
        na,
        units: Field::units_of(variable),
        description: variable.description.clone(),
        data_type: variable.data_type,
    };
    if let Some((_, units)) = unit {
        field.units = Some(units.clone());
    }
    if conversion.is_some() && field.data_type != zarr_fuse_schemas::DataType::Float32 {
        field.data_type = zarr_fuse_schemas::DataType::Float64;
    }
    let conversion = conversion.map(|conversion| (stored_na, conversion));
    (
        Input {
            variable: variable.name.clone(),
            axes,
            na,
            conversion,
            source: Source::Array,
        },
        field,
    )
}

/// The variables over all axes, else all of them; booleans only if there is nothing else.
fn deciding(inputs: &[Input], n_coordinate_inputs: usize, n_axes: usize) -> Vec<usize> {
    let variables: Vec<usize> = (n_coordinate_inputs..inputs.len()).collect();
    let full: Vec<usize> = variables
        .iter()
        .copied()
        .filter(|&i| inputs[i].axes.len() == n_axes)
        .collect();
    let candidates = if full.is_empty() { variables } else { full };
    let telling: Vec<usize> = candidates
        .into_iter()
        .filter(|&i| inputs[i].na != Na::Never)
        .collect();
    telling
}
