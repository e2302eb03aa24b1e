//! A checked schema: what the rest of zarr-fuse works with. Built only by [`crate::Schema::parse`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::problem::Problem;
use crate::store::StoreSettings;
use crate::time::TimeUnit;
use crate::unit::{Conversion, Unit};

/// Everything one schema file describes.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Dataset name: the file's stem.
    pub name: String,
    /// The file as the user named it.
    pub file: String,
    /// The YAML text as read.
    pub text: Arc<str>,
    /// Where the file lies; relative paths in it are relative to this folder.
    pub folder: PathBuf,
    /// The files that it names, such as those of labels, by the name it calls them.
    pub files: BTreeMap<String, Arc<str>>,
    /// The tree; the root's `ATTRS` configure the store.
    pub root: Node,
    /// Where the dataset is stored, from the root's `ATTRS`.
    pub store: StoreSettings,
    /// What loads, but is probably not meant.
    pub warnings: Vec<Problem>,
}

/// What the name of the group beside a node that holds its copies ends with.
pub const KEPT: &str = "@kept";

/// One group of the tree, with its own coordinates and variables, in schema order.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Path from the root without leading slash, `""` for the root, `a/b` for a child of `a`.
    pub path: String,
    /// `ATTRS`, as given.
    pub attrs: Map<String, Json>,
    /// Coordinates by name. The order is the order of dimensions in merging and in query rows.
    pub coordinates: IndexMap<String, Coordinate>,
    /// Variables by name; components of composed coordinates are among them.
    pub variables: IndexMap<String, Variable>,
    /// Coarser levels along one coordinate.
    pub pyramid: Option<Pyramid>,
    /// How long copies of it stay as they are, for those who read the folder or bucket itself.
    pub readers: Option<Duration>,
    /// Child nodes by name.
    pub children: IndexMap<String, Node>,
}

/// Coarser levels of a node: groups beside it whose cells each stand for `factor`, `factor`², … values of a coordinate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pyramid {
    /// The coordinate, which is sorted.
    pub coord: String,
    /// How many cells of one level, or values of the coordinate, make a cell of the next.
    pub factor: u64,
    /// What is kept of them, beside their count.
    pub aggregates: Vec<Aggregate>,
    /// Variables whose means are those of directions.
    pub circular: Vec<String>,
}

/// What a cell of a coarser level tells of the values it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// The smallest value, and where it is.
    Min,
    /// The largest value, and where it is.
    Max,
    /// The mean.
    Mean,
    /// How many there are.
    Count,
}

impl Node {
    /// Whether the pyramid has levels of `variable`: a number that is no code, over the pyramid's coordinate.
    pub fn has_levels(&self, variable: &Variable) -> bool {
        let numeric = variable.data_type.is_numeric()
            && matches!(variable.measure, Measure::Plain | Measure::Physical { .. });
        let over = |pyramid: &Pyramid| variable.coords.contains(&pyramid.coord);
        numeric && self.pyramid.as_ref().is_some_and(over)
    }

    /// The length of a full turn, if the pyramid keeps means of `variable` as those of directions.
    pub fn level_turn(&self, variable: &Variable) -> Option<f64> {
        let pyramid = self.pyramid.as_ref()?;
        variable
            .turn
            .filter(|_| pyramid.circular.contains(&variable.name))
    }
}

/// The path of `name` inside the node at `path`, `""` for the root; in a store, the key.
pub fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}/{name}")
    }
}

/// One array of a node over `coords`.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Its name in the node, and the array's name.
    pub name: String,
    /// Coordinates it lies on, in dimension order. A coordinate lies on itself.
    pub coords: Vec<String>,
    /// Type of the stored elements.
    pub data_type: DataType,
    /// What the numbers mean and how incoming ones are converted.
    pub measure: Measure,
    /// Incoming column.
    pub column: String,
    /// What stands for "no value" in the array: fill value and `_FillValue`. `None`: the type has none (strings, and `bool`
    /// of coordinates).
    pub na: Option<Scalar>,
    /// Who says so.
    pub na_origin: NaOrigin,
    /// Values outside are rejected. Discrete ranges are in `measure`.
    pub interval: Option<Interval>,
    /// Which value wins when a cell is written again.
    pub merge: MergeRule,
    /// Of a direction, the length of a full turn in the stored unit: then 359° and 1° are neighbours.
    pub turn: Option<f64>,
    /// How chunks are compressed.
    pub codec: Codec,
    /// `description`, written as `long_name`.
    pub description: Option<String>,
    /// Further attributes of the array.
    pub attrs: Map<String, Json>,
}

/// A coordinate of a node.
#[derive(Debug, Clone)]
pub struct Coordinate {
    /// Name, type, unit and column. For composed coordinates the type is [`DataType::Int64`] and the column is unused.
    pub variable: Variable,
    /// Values ascend; else they keep the order of first appearance.
    pub sorted: bool,
    /// Chunk length along this coordinate, of every array on it.
    pub chunk_size: u64,
    /// Whether the schema says how long they are; else arrays keep the length with which they were begun.
    pub has_chunk_size: bool,
    /// Which new values may be added.
    pub step_limits: StepLimits,
    /// Most new values that one contribution may bring, if the schema says so; see [`Coordinate::max_new`].
    pub max_new: Option<u64>,
    /// Names of the variables whose tuple is this coordinate; empty for a plain coordinate.
    pub composed: Vec<String>,
}

/// Most new values of a coordinate in one contribution, unless the schema says otherwise.
const MAX_NEW: u64 = 1 << 24;
/// Most new texts of a coordinate in one contribution, unless the schema says otherwise.
const MAX_NEW_TEXTS: u64 = 10_000;
/// Most values that fill one gap of a coordinate with steps, unless the schema says otherwise: two years of minutes.
const MAX_FILLED: u64 = 1 << 20;

impl Coordinate {
    /// Most new values that one contribution may bring, those included that fill gaps.
    ///
    /// The defaults are part of what a schema means: a journal that is folded again must come to the same rows.
    pub fn max_new(&self) -> u64 {
        let is_text = matches!(
            self.variable.data_type,
            DataType::String | DataType::FixedString(_)
        );
        self.max_new
            .unwrap_or(if is_text { MAX_NEW_TEXTS } else { MAX_NEW })
    }

    /// Most values that may fill the gap before a row of a coordinate with steps.
    pub fn max_filled(&self) -> u64 {
        self.max_new.unwrap_or(MAX_FILLED)
    }
}

/// Types of stored elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DataType {
    Bool,
    Int8,
    Int16,
    Int32,
    Int64,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    Float32,
    Float64,
    Complex64,
    Complex128,
    /// Zarr v3 variable-length `string`.
    String,
    /// At most so many Unicode characters: Zarr v3 `fixed_length_utf32`.
    FixedString(u32),
}

/// What the stored elements mean, and how incoming values become stored ones.
#[derive(Debug, Clone)]
pub enum Measure {
    /// Neither unit nor conversion.
    Plain,
    /// A physical quantity.
    Physical {
        /// Unit stored.
        unit: Unit,
        /// Unit delivered.
        source_unit: Unit,
        /// Whether the schema says what is delivered; else it is the unit stored, unless a file says otherwise.
        has_source_unit: bool,
        /// From delivered to stored.
        conversion: Conversion,
    },
    /// A point in time, stored as `int64` ticks since 1970-01-01 UTC.
    Time {
        /// Tick stored; its zone is how queries print.
        unit: TimeUnit,
        /// How incoming times are read.
        source_unit: TimeUnit,
    },
    /// One of a list of labels, stored as its code; code 0 is NA, the first label has code 1.
    Discrete {
        /// The labels in order.
        labels: Arc<[String]>,
    },
    /// True or false, stored as `int8`: 1, 0, and -1 where nothing came.
    Truth,
}

/// Who says what stands for "no value".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NaOrigin {
    /// The schema: whoever delivers it delivers no value.
    Said,
    /// Nobody: it is a value like others, which cannot be stored. Arrays keep that with which they were begun.
    #[default]
    Default,
    /// Nobody either, in a schema of the time when such a number counted as no value.
    FormerDefault,
}

/// A single value of some [`DataType`].
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Scalar {
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Complex(f64, f64),
    Str(String),
}

/// Accepted values, in the stored unit, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lowest accepted value.
    pub min: f64,
    /// Highest accepted value.
    pub max: f64,
}

/// Which value of a cell wins; all rules are idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeRule {
    /// The last valid value written.
    #[default]
    Last,
    /// The first valid value written.
    First,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The first; a differing one is a problem.
    Reject,
}

/// Which new values a sorted coordinate takes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum StepLimits {
    /// Every new value, at any position.
    #[default]
    AnyNew,
    /// None after the first contribution.
    NoNew,
    /// New values are thinned and filled so that steps lie within, in stored units (ticks for times).
    Within {
        /// Shortest step.
        min: f64,
        /// Longest step.
        max: f64,
    },
}

/// Compression of an array's chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Codec {
    /// blosc with zstd level 3 and bit shuffling.
    #[default]
    Blosc,
    /// Plain zstd at this level.
    Zstd(i32),
    /// gzip at this level.
    Gzip(u32),
    /// No compression.
    None,
}
