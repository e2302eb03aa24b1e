//! Scheduled collectors against a local server, with the clock in the test's hand.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests; what is not as expected may panic"
)]

mod bounds;
mod conditions;
mod plans;
mod schedules;
mod world;
