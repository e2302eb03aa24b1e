//! Values of Zarr arrays and how chunks of them are coded. The only part that writes with zarrs.

pub mod array;
pub mod circular;
pub mod values;
