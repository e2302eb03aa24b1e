//! The service as its clients see it: the real thing on memory stores, asked over HTTP.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these are tests; what is not as expected may panic"
)]

mod aladin;
mod apart;
mod collectors;
mod compression;
mod contributions;
#[expect(
    unreachable_pub,
    reason = "the files of the fuzz targets are a crate of their own, too"
)]
mod corpora;
mod corrections;
mod cors;
mod datasets;
mod deploy;
mod drafts;
mod events;
mod half_moved;
mod hostile;
mod ingest;
mod notify;
mod operation;
mod paths;
mod pressure;
mod query;
mod questions;
mod readers;
mod refusals;
mod slow;
mod stop;
mod tls;
mod viewer;
mod who;
mod whole_path;
mod world;
mod zarr;
