//! Collectors against servers on this machine, with the clock in the test's hand.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests; what is not as expected may panic"
)]

mod bounds;
mod conditions;
mod laws;
mod mqtt;
mod plans;
mod schedules;
mod world;
