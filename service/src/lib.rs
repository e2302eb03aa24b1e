//! The data path of zarr-fuse, its REST interface and the parts of the `zf` command.
//!
//! The journal is the truth, the arrays are its merged view. Read [`fold`] first.

mod array;
pub mod commit;
pub mod config;
pub mod dataset;
pub mod decode;
pub mod fold;
pub mod journal;
pub mod merge;
pub mod node;
pub mod normalize;
pub mod outcome;
pub mod query;
pub mod store;
pub mod values;
pub mod verify;
