//! Sources of contributions: what is fetched or subscribed to, and the simulated instruments of `zf demo`.
//!
//! A source makes contributions and hands them to a [`sink::Sink`]; nothing here knows the journal or the arrays.
//! [`scheduled::Scheduled`] asks over HTTP on schedule: [`plan`] says what, [`Clock`] when. [`watch::Watch`] contributes what
//! appears in folders and stores.

mod address;
pub mod clock;
mod collector;
pub mod config;
mod fetch;
pub mod hosts;
mod iterate;
pub mod memory;
pub mod mqtt;
pub mod plan;
pub mod push;
mod render;
pub mod schedule;
pub mod scheduled;
pub mod shown;
pub mod simulate;
pub mod sink;
pub mod status;
pub mod template;
pub mod tls;
pub mod watch;

pub use clock::Clock;
pub use collector::Collector;
