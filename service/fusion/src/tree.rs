//! What a dataset holds: its nodes with coordinates, variables and what arrived.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use utoipa::ToSchema;
use zarr_fuse_arrays::{values::Values, with_values};
use zarr_fuse_journal::outcome::Status;
use zarr_fuse_schemas::{Measure, Node as NodeSchema, Tick, Variable};

use crate::dataset::{Dataset, is_public};
use crate::node::{Node, NodeView};

/// A dataset with its nodes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tree {
    /// Name of the dataset.
    pub name: String,
    /// Attributes of the root.
    #[schema(value_type = Object)]
    pub attributes: Map<String, Json>,
    /// The newest sequence number of the journal.
    pub last_seq: u64,
    /// Contributions that wait to be merged.
    pub n_waiting: u64,
    /// Every node but an empty root, parents before their children.
    pub nodes: Vec<NodeTree>,
}

/// A node: one group of the dataset.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NodeTree {
    /// From the root, without a leading slash; empty for the root.
    pub path: String,
    /// Its attributes.
    #[schema(value_type = Object)]
    pub attributes: Map<String, Json>,
    /// Its coordinates, in the order of dimensions.
    pub coordinates: Vec<CoordinateTree>,
    /// Its variables.
    pub variables: Vec<VariableTree>,
    /// Contributions by their state.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub contributions: BTreeMap<Status, u64>,
    /// Contributions up to this sequence number are merged.
    pub folded_seq: u64,
    /// When the newest contribution arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_arrival: Option<DateTime<Utc>>,
}

/// A coordinate.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoordinateTree {
    /// Number of values.
    pub length: u64,
    /// Smallest and largest value, times as ISO 8601 in UTC; absent while there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub extent: Option<[Json; 2]>,
    /// Values ascend.
    pub sorted: bool,
    /// Variables whose tuple it stands for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub composed: Vec<String>,
    /// What holds for every array.
    #[serde(flatten)]
    pub array: VariableTree,
}

/// An array.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VariableTree {
    /// Its name.
    pub name: String,
    /// Type of its elements, as schemas write it.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Physical unit, as the schema writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Tick of times: `D`, `h`, `m`, `s`, `ms`, `us` or `ns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick: Option<String>,
    /// Time zone in which times are printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// Labels that values may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// Names of its dimensions.
    pub dimensions: Vec<String>,
    /// Lengths of its dimensions.
    pub shape: Vec<u64>,
    /// Lengths of its chunks.
    pub chunks: Vec<u64>,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Further attributes.
    #[schema(value_type = Object)]
    pub attributes: Map<String, Json>,
}

/// What `dataset` holds at present.
pub fn tree(dataset: &Dataset) -> Tree {
    let schema = &dataset.schema;
    let nodes = schema
        .nodes()
        .filter_map(|node| match dataset.nodes.get(&node.path) {
            Some(opened) => Some(with_arrays(dataset, opened)),
            None if node.path.is_empty() => None,
            None => Some(without_arrays(node)),
        });
    Tree {
        name: dataset.name.clone(),
        attributes: public(&schema.root.attrs),
        last_seq: dataset.journal.last_seq(),
        n_waiting: dataset.journal.n_waiting() as u64,
        nodes: nodes.collect(),
    }
}

fn without_arrays(schema: &NodeSchema) -> NodeTree {
    NodeTree {
        path: schema.path.clone(),
        attributes: schema.attrs.clone(),
        coordinates: Vec::new(),
        variables: Vec::new(),
        contributions: BTreeMap::new(),
        folded_seq: 0,
        last_arrival: None,
    }
}

fn with_arrays(dataset: &Dataset, node: &std::sync::Arc<Node>) -> NodeTree {
    let view = node.view();
    let schema = view.schema();
    let coordinates = schema.coordinates.values().map(|coordinate| {
        let values = view.coordinate(&coordinate.variable.name);
        CoordinateTree {
            length: values.map_or(0, |values| values.len() as u64),
            extent: values
                .and_then(|values| extent(values, &coordinate.variable.measure, coordinate.sorted)),
            sorted: coordinate.sorted,
            composed: coordinate.composed.clone(),
            array: array(&view, &coordinate.variable),
        }
    });
    NodeTree {
        path: schema.path.clone(),
        attributes: public(&schema.attrs),
        coordinates: coordinates.collect(),
        variables: schema
            .variables
            .values()
            .map(|variable| array(&view, variable))
            .collect(),
        contributions: dataset.journal.counts(&schema.path),
        folded_seq: view.folded_seq(),
        last_arrival: dataset.journal.last_arrival(&schema.path),
    }
}

fn array(view: &NodeView, variable: &Variable) -> VariableTree {
    let schema = view.schema();
    let dimensions = if schema.coordinates.contains_key(&variable.name) {
        vec![variable.name.clone()]
    } else {
        variable.coords.clone()
    };
    let length = |name: &String| {
        view.coordinate(name)
            .map_or(0, |values| values.len() as u64)
    };
    let chunk = |name: &String| {
        schema
            .coordinates
            .get(name)
            .map_or(1, |coordinate| coordinate.chunk_size)
    };
    let (unit, tick, tz, labels) = match &variable.measure {
        Measure::Plain | Measure::Truth => (None, None, None, None),
        Measure::Physical { unit, .. } => (Some(unit.written.clone()), None, None, None),
        Measure::Time { unit, .. } => (
            None,
            Some(unit.tick.symbol().to_owned()),
            Some(unit.zone.to_string()),
            None,
        ),
        Measure::Discrete { labels } => (None, None, None, Some(labels.to_vec())),
    };
    VariableTree {
        name: variable.name.clone(),
        data_type: variable.type_name(),
        unit,
        tick,
        tz,
        labels,
        shape: dimensions.iter().map(length).collect(),
        chunks: dimensions.iter().map(chunk).collect(),
        dimensions,
        description: variable.description.clone(),
        attributes: variable.attrs.clone(),
    }
}

/// Smallest and largest value.
fn extent(values: &Values, measure: &Measure, sorted: bool) -> Option<[Json; 2]> {
    let (first, last) = if sorted {
        (0, values.len().checked_sub(1)?)
    } else {
        with_values!(values, v => {
            let by = |&a: &usize, &b: &usize| v[a].partial_cmp(&v[b]).unwrap_or(std::cmp::Ordering::Equal);
            ((0..v.len()).min_by(by)?, (0..v.len()).max_by(by)?)
        })
    };
    Some([value(values, first, measure), value(values, last, measure)])
}

/// Element `i` as a reader expects it in JSON.
fn value(values: &Values, i: usize, measure: &Measure) -> Json {
    match (values, measure) {
        (Values::Int64(ticks), Measure::Time { unit, .. }) => {
            iso(ticks[i], unit.tick).map_or(json!(ticks[i]), Json::String)
        }
        (_, Measure::Discrete { labels }) => {
            let code: usize = values.display(i).parse().unwrap_or(0);
            json!(code.checked_sub(1).and_then(|idx| labels.get(idx)))
        }
        (Values::Float32(v), _) => json!(v[i]),
        (Values::Float64(v), _) => json!(v[i]),
        (Values::Bool(v), _) => json!(v[i]),
        (Values::Str(_) | Values::Complex64(_) | Values::Complex128(_), _) => {
            json!(values.display(i))
        }
        (Values::UInt64(v), _) => json!(v[i]),
        _ => values
            .display(i)
            .parse::<i64>()
            .map_or(Json::Null, |x| json!(x)),
    }
}

/// A time in UTC with as many fractional digits as its tick needs; `None` beyond the years that ISO 8601 writes.
fn iso(ticks: i64, tick: Tick) -> Option<String> {
    let nanoseconds = i128::from(ticks) * i128::from(tick.nanoseconds());
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    let rest = u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?;
    let format = match tick {
        Tick::Nanosecond => SecondsFormat::Nanos,
        Tick::Microsecond => SecondsFormat::Micros,
        Tick::Millisecond => SecondsFormat::Millis,
        Tick::Second | Tick::Minute | Tick::Hour | Tick::Day => SecondsFormat::Secs,
    };
    Some(DateTime::from_timestamp(seconds, rest)?.to_rfc3339_opts(format, true))
}

/// Attributes without those that configure the store.
pub fn public(attrs: &Map<String, Json>) -> Map<String, Json> {
    let shown = attrs.iter().filter(|(key, _)| is_public(key));
    shown
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
