//! The data path of zarr-fuse, its REST interface and the parts of the `zf` command.
//!
//! The journal is the truth, the arrays are its merged view. Read [`fold`] first.

pub mod app;
mod array;
mod circular;
pub mod collect;
pub mod commit;
mod conduct;
pub mod config;
pub mod copy;
pub mod dataset;
pub mod decode;
mod definition;
pub mod door;
pub mod draft;
pub mod events;
pub mod fold;
mod http;
pub mod journal;
mod keep;
pub mod meaning;
pub mod memory;
pub mod merge;
pub mod metrics;
pub mod node;
pub mod normalize;
pub mod notify;
pub mod outcome;
pub mod preview;
pub mod pyramid;
pub mod query;
pub mod rebuild;
pub mod reinterpret;
mod reload;
mod serve;
mod site;
mod stamp;
pub mod store;
pub mod tasks;
pub mod tree;
pub mod values;
pub mod verify;
pub mod who;

pub use http::{LOG_FILTER, TlsError, openapi};
pub use serve::{ServeError, run, serve};
