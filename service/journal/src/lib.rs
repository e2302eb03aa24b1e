//! The journal of a dataset, which is the truth: contributions as they came, what became of them, and what they mean.
//!
//! [`Journal`] appends and reads; an [`outcome::Outcome`] says what became of a contribution. Nothing here decodes anything.

mod journal;
pub mod outcome;

pub use journal::*;
