//! A server to ask, a sink that keeps everything, and collectors between them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde_json::{Value as Json, json};
use uuid::Uuid;
use zarr_fuse_collectors::Clock;
use zarr_fuse_collectors::config::{CatchUp, Iterate, Render, Request, Run};
use zarr_fuse_collectors::hosts::Hosts;
use zarr_fuse_collectors::plan::{Plan, Source};
use zarr_fuse_collectors::scheduled::{Destination, Due, Scheduled, Settings, SetupError};
use zarr_fuse_collectors::sink::{Contribution, Sink, SinkError, Taken, Verdict};
use zarr_fuse_collectors::status::RunReport;
use zarr_fuse_schemas::yaml::Yaml;

pub(crate) const START: &str = "2026-01-10T12:00:00Z";

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// Keeps contributions by idempotency key, and what collectors remember.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) contributions: Mutex<Vec<Contribution>>,
    memory: Mutex<HashMap<String, Bytes>>,
    arrived: tokio::sync::Notify,
    /// What the next contributions are answered.
    pub(crate) refusals: Mutex<Vec<SinkError>>,
}

impl Kept {
    /// Waits until there are `n` contributions.
    pub(crate) async fn wait_for(&self, n: usize) {
        let wait = async {
            while self.contributions.lock().unwrap().len() < n {
                self.arrived.notified().await;
            }
        };
        let patience = Duration::from_secs(20);
        let waited = tokio::time::timeout(patience, wait).await;
        waited.unwrap_or_else(|_| panic!("only {:?} arrived", self.bodies()));
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        let contributions = self.contributions.lock().unwrap();
        let bodies = contributions.iter();
        bodies
            .map(|one| String::from_utf8_lossy(&one.payload).into_owned())
            .collect()
    }
}

#[async_trait]
impl Sink for Kept {
    async fn contribute(&self, contribution: Contribution) -> Result<Taken, SinkError> {
        if let Some(error) = self.refusals.lock().unwrap().pop() {
            return Err(error);
        }
        let mut contributions = self.contributions.lock().unwrap();
        let key = &contribution.idempotency_key;
        let known = contributions
            .iter()
            .position(|known| known.idempotency_key == *key);
        let replayed = known.is_some();
        if !replayed {
            contributions.push(contribution);
            self.arrived.notify_one();
        }
        let n = known.map_or(contributions.len(), |idx| idx + 1);
        let id = Uuid::from_u128(n as u128);
        Ok(Taken { id, replayed })
    }

    /// What holds the word `garbage` is rejected.
    async fn outcome(&self, id: Uuid) -> Result<Verdict, SinkError> {
        let idx = usize::try_from(id.as_u128()).unwrap() - 1;
        let contributions = self.contributions.lock().unwrap();
        let is_rejected = contributions[idx].payload.starts_with(b"garbage");
        let status = if is_rejected { "rejected" } else { "merged" };
        let text = format!("{{\"status\": \"{status}\"}}");
        Ok(Verdict { is_rejected, text })
    }

    async fn remembered(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        Ok(self.memory.lock().unwrap().get(name).cloned())
    }

    async fn remember(&self, name: &str, bytes: Vec<u8>) -> Result<(), SinkError> {
        self.memory
            .lock()
            .unwrap()
            .insert(name.to_owned(), bytes.into());
        Ok(())
    }
}

/// The configuration of a collector, as JSON; what is missing has usual values.
pub(crate) struct Config {
    pub(crate) runs: Vec<Run>,
    pub(crate) request: Request,
    pub(crate) render: Vec<Render>,
    pub(crate) iterate: Vec<Iterate>,
    pub(crate) catch_up: CatchUp,
    pub(crate) run_timeout: Duration,
}

impl Config {
    /// One run per hour that asks `url`, where private addresses in 127.0.0.1/32 are allowed; `more` is merged into the request.
    pub(crate) fn hourly(url: &str, more: Json) -> Self {
        let mut request = json!({
            "url": url,
            "headers": [{"header_name": "User-Agent", "header_value": "tests tests@example.org"}],
            "allow_private": ["127.0.0.1"],
        });
        for (key, value) in more.as_object().unwrap() {
            request[key] = value.clone();
        }
        Self {
            runs: serde_json::from_value(json!([{"cron": "0 * * * *"}])).unwrap(),
            request: serde_json::from_value(request).unwrap(),
            render: Vec::new(),
            iterate: Vec::new(),
            catch_up: CatchUp::Last,
            run_timeout: Duration::from_mins(15),
        }
    }

    pub(crate) fn source<'a>(&'a self, folder: &'a Path, schema: Option<&'a Yaml>) -> Source<'a> {
        Source {
            runs: &self.runs,
            request: &self.request,
            render: &self.render,
            iterate: &self.iterate,
            folder,
            schema,
            target_node: "forecast",
        }
    }

    pub(crate) fn plan(&self, folder: &Path) -> Result<Plan, Vec<String>> {
        let schema = zarr_fuse_schemas::yaml::load(
            "forecast: {VARS: {a: {df_col: t2m}, b: {df_col: rh}, c: {df_col: t2m}}}",
        );
        let schema = schema.unwrap().root;
        Plan::prepare(self.source(folder, Some(&schema))).map_err(|faults| {
            let faults = faults.into_iter();
            faults
                .map(|fault| format!("{:?}: {}", fault.path, fault.message))
                .collect()
        })
    }

    pub(crate) fn collector(&self, clock: &Clock) -> Arc<Scheduled> {
        self.try_collector(clock).unwrap()
    }

    fn try_collector(&self, clock: &Clock) -> Result<Arc<Scheduled>, SetupError> {
        let settings = Settings {
            name: "weather".to_owned(),
            destination: Destination {
                endpoint: "forecasts".to_owned(),
                ..Destination::default()
            },
            catch_up: self.catch_up,
            run_timeout: self.run_timeout,
        };
        let source = self.source(Path::new("."), None);
        Scheduled::new(settings, source, Hosts::default(), clock.clone())
    }

    /// Does the run that is due at `due`, on a clock that nobody waits for.
    pub(crate) async fn run(&self, due: &str, sink: &Kept) -> RunReport {
        let clock = Clock::jumping(at(due));
        let due = Due {
            at: at(due),
            run: 0,
        };
        self.collector(&clock).run_now(due, sink).await.unwrap()
    }
}
