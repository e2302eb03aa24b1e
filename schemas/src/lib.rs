//! The schema language of zarr-fuse: a YAML file describes a dataset, a tree of nodes with coordinates and variables.
//!
//! [`Schema::load`] reads a file and reports every problem in it at once, each with file, line, column and remedy.
//! `schemas/README.md` describes the language.

pub mod model;
pub mod near;
pub mod problem;
pub mod quantity;
pub mod row_problem;
pub mod rules;
pub mod store;
pub mod time;
pub mod unit;
pub mod yaml;

mod data_type;
mod edit;
mod json_schema;
mod read;
mod secret;

pub use edit::check_edit;
pub use json_schema::json_schema;
pub use model::{
    Aggregate, Codec, Coordinate, DataType, Interval, KEPT, Measure, MergeRule, NaOrigin, Node,
    Pyramid, Scalar, Schema, StepLimits, Variable,
};
pub use problem::{Problem, SchemaError};
pub use read::Defaults;
pub use secret::Secret;
pub use store::StoreSettings;
pub use time::{Fold, Since, Tick, TimeFormat, TimeUnit, Zone};
pub use unit::{Conversion, Unit, UnitError};

/// An index or length that fits memory.
pub fn to_usize(n: u64) -> usize {
    usize::try_from(n).expect("64-bit")
}
