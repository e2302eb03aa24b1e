//! Where the values of coverages lie: which coordinate is which axis.

use zarr_fuse_fusion::node::NodeView;
use zarr_fuse_schemas::{Conversion, Measure, Node, Unit, Variable};

use super::super::Bounds;
use super::super::bbox::{is_latitude, is_longitude};
use super::super::elements::at;
use super::super::elements::number;
use super::super::error::QueryError;
use super::super::plan::{Axis, Plan};
use super::super::resolve::column;
use super::with_role;

/// What a coordinate of the rows is in a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    X,
    Y,
    Z,
    T,
    /// It tells coverages apart.
    Other,
}

/// How the rows of a plan become domains.
#[derive(Debug)]
pub(super) struct Domain {
    /// Of each axis of the plan.
    pub(super) roles: Vec<Role>,
    /// Axes that have many values in one domain.
    pub(super) inner: Vec<usize>,
    /// Axes for each tuple of which there is a coverage.
    pub(super) outer: Vec<usize>,
    /// An outer axis along which places lie, with their degrees east and north.
    pub(super) place: Option<(usize, Vec<[f64; 2]>)>,
    pub(super) vertical: Option<Vertical>,
}

/// The axis `z`.
#[derive(Debug)]
pub(super) struct Vertical {
    pub(super) name: String,
    pub(super) direction: &'static str,
}

impl Domain {
    /// # Errors
    /// [`QueryError::DoesNotFit`] if none of the axes has a place in a domain.
    pub(super) async fn new(
        plan: &Plan,
        view: &NodeView,
        bounds: &Bounds,
    ) -> Result<Self, QueryError> {
        let schema = view.schema();
        let mut roles = roles(plan, schema);
        let is_grid = with_role(&roles, Role::X).is_some() && with_role(&roles, Role::Y).is_some();
        if !is_grid {
            for role in &mut roles {
                if matches!(role, Role::X | Role::Y) {
                    *role = Role::Other;
                }
            }
        }
        let (time, height) = (with_role(&roles, Role::T), with_role(&roles, Role::Z));
        let length = |axis: usize| plan.axes[axis].picked.len();
        let inner: Vec<usize> = match (time, height) {
            _ if is_grid => (0..roles.len())
                .filter(|&axis| roles[axis] != Role::Other)
                .collect(),
            (Some(time), Some(height)) if length(time) == 1 && length(height) > 1 => vec![height],
            (Some(axis), _) | (None, Some(axis)) => vec![axis],
            (None, None) => Vec::new(),
        };
        let mut place = None;
        if let Some((axis, longitude, latitude)) =
            places(plan, schema).first().copied().filter(|_| !is_grid)
        {
            let east = degrees(view, &plan.axes[axis], longitude, bounds).await?;
            let north = degrees(view, &plan.axes[axis], latitude, bounds).await?;
            place = Some((
                axis,
                east.into_iter().zip(north).map(<[f64; 2]>::from).collect(),
            ));
        }
        if inner.is_empty() && place.is_none() {
            let reason = "`format=covjson` needs a coordinate of time, of depth or height, or longitudes and latitudes, and the selected variables have none; use another `format`";
            return Err(QueryError::DoesNotFit {
                reason: reason.to_owned(),
            });
        }
        let vertical = height.map(|axis| {
            let variable = &schema.coordinates[&plan.axes[axis].name].variable;
            Vertical {
                name: variable.name.clone(),
                direction: direction(variable),
            }
        });
        Ok(Self {
            outer: (0..roles.len())
                .filter(|axis| !inner.contains(axis))
                .collect(),
            roles,
            inner,
            place,
            vertical,
        })
    }
}

/// One of each role; other coordinates are [`Role::Other`].
fn roles(plan: &Plan, schema: &Node) -> Vec<Role> {
    let mut roles: Vec<Role> = Vec::new();
    for axis in &plan.axes {
        let coordinate = &schema.coordinates[&axis.name];
        let variable = &coordinate.variable;
        let role = match variable.measure {
            _ if !coordinate.composed.is_empty() => Role::Other,
            Measure::Time { .. } => Role::T,
            _ if is_longitude(variable) => Role::X,
            _ if is_latitude(variable) => Role::Y,
            _ if is_vertical(variable) => Role::Z,
            _ => Role::Other,
        };
        roles.push(if roles.contains(&role) {
            Role::Other
        } else {
            role
        });
    }
    roles
}

/// Axes along which a longitude and a latitude lie, with these.
pub(super) fn places<'a>(
    plan: &Plan,
    schema: &'a Node,
) -> Vec<(usize, &'a Variable, &'a Variable)> {
    let place = |(axis_idx, axis): (usize, &Axis)| {
        let find = |is: fn(&Variable) -> bool| {
            schema
                .variables
                .values()
                .find(|variable| variable.coords == [axis.name.as_str()] && is(variable))
        };
        Some((axis_idx, find(is_longitude)?, find(is_latitude)?))
    };
    plan.axes.iter().enumerate().filter_map(place).collect()
}

/// Degrees, NaN where they are not known.
async fn degrees(
    view: &NodeView,
    axis: &Axis,
    variable: &Variable,
    bounds: &Bounds,
) -> Result<Vec<f64>, QueryError> {
    let (values, _share) = column(view, &variable.name, &axis.name, bounds).await?;
    let conversion = in_degrees(variable);
    let positions = (0..axis.picked.len()).map(|position| at(axis.picked.get(position)));
    let na = super::super::elements::Na::of(variable);
    let degrees = positions.map(|i| {
        let value = number(&values, i)
            .filter(|_| !na.is_na(&values, i))
            .unwrap_or(f64::NAN);
        conversion.map_or(value, |conversion| conversion.apply(value))
    });
    Ok(degrees.collect())
}

/// From the unit in which degrees are stored.
pub(super) fn in_degrees(variable: &Variable) -> Option<Conversion> {
    let Measure::Physical { unit, .. } = &variable.measure else {
        return None;
    };
    let conversion = Conversion::between(unit, &Unit::parse("deg").ok()?).ok()?;
    (!conversion.is_identity()).then_some(conversion)
}

fn attribute<'a>(variable: &'a Variable, name: &str) -> Option<&'a str> {
    variable.attrs.get(name).and_then(|value| value.as_str())
}

fn is_vertical(variable: &Variable) -> bool {
    const NAMES: [&str; 5] = ["depth", "height", "altitude", "elevation", "z"];
    let is_text = variable.data_type.is_string() || variable.is_truth();
    let is_named = |name: &str| NAMES.contains(&name.to_lowercase().as_str());
    !is_text
        && (attribute(variable, "axis") == Some("Z")
            || attribute(variable, "positive").is_some()
            || attribute(variable, "standard_name").is_some_and(is_named)
            || is_named(&variable.name))
}

fn direction(variable: &Variable) -> &'static str {
    let is_depth = [
        Some(variable.name.as_str()),
        attribute(variable, "standard_name"),
    ]
    .into_iter()
    .flatten()
    .any(|name| name.to_lowercase().contains("depth"));
    let is_down = attribute(variable, "positive").map_or(is_depth, |positive| positive == "down");
    if is_down { "down" } else { "up" }
}
