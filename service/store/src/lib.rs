//! S3, a local folder or memory as one kind of object store, and the names of the objects in it.
//!
//! [`Store`] is what everything else reads and writes; [`keys`] says where things lie; [`probe`] finds out what a store can do.

mod access;
mod address;
mod blocking;
mod digest;
mod error;
/// Object keys of the journal and of staged writes.
pub mod keys;
/// What a store can do, and whether data is safe in it.
pub mod probe;
mod store;

pub use access::{S3Access, StoreConfig};
pub use address::local_folder;
pub use blocking::blocking;
pub use digest::{hexadecimal, sha256};
pub use error::{Failure, FailureKind, StoreError};
pub use store::{Object, RequestCounts, RequestKind, Store, Writer};
