//! The service: what is configured, the REST interface, who may do what, collectors, events and notifications.

pub mod app;
pub mod collect;
mod conduct;
pub mod config;
pub mod door;
pub mod endpoint;
pub mod events;
mod http;
mod keep;
pub mod metrics;
pub mod notify;
mod reload;
mod serve;
mod site;
pub mod slot;
mod stamp;
pub mod tasks;
pub mod who;

pub use http::{LOG_FILTER, TlsError, openapi};
pub use serve::{ServeError, run, serve};
