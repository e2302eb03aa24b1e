//! From what waits in the journal to arrays: sorted, merged and published, and proven to be what the journal says.
//!
//! Read [`fold`] first.

pub mod commit;
pub mod copy;
pub mod dataset;
mod definition;
pub mod fold;
pub mod meaning;
pub mod memory;
pub mod merge;
pub mod node;
pub mod normalize;
pub mod preview;
pub mod pyramid;
pub mod rebuild;
pub mod reinterpret;
pub mod tree;
pub mod verify;
