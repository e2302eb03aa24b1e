//! What the fuzz targets do with one input. The tests of the service run it for every file of `corpus/`, so that it goes on
//! to compile and to hold.

pub mod archives;
pub mod csv;
pub mod formats;
pub mod json_jq;
pub mod schema;
pub mod segment;
pub mod selection;
pub mod time;
pub mod whole_path;
