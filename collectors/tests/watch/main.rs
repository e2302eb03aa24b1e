//! Watched folders: real files, a sink that remembers, and the clock in the test's hand.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests; what is not as expected may panic"
)]

mod files;
mod world;
