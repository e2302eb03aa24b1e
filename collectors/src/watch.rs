//! Watches a place into which files are dropped: each is contributed once, then moved to `done/` or `failed/` with its
//! outcome beside it.
//!
//! A crash at any moment changes nothing: the idempotency key of a file is its name and its bytes, and it is moved only when
//! its outcome is known.

pub mod folder;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use parking_lot::Mutex;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zarr_fuse_schemas::quantity::{DurationText, SizeText, bytes, duration};

use crate::clock::{Clock, later};
use crate::config::{At, Fault, Faults};
use crate::scheduled::{Destination, hex};
use crate::sink::{Contribution, Sink, SinkError, Verdict};
use crate::status::{RunReport, Status};
use crate::template::Variables;

/// Names that are still being written, as usual.
const UNFINISHED: [&str; 5] = [".part", ".tmp", ".new", ".filepart", "~"];

/// A place that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchConfig {
    /// A folder, relative to that of the configuration (`folder`), or `s3://bucket/prefix` (`objects`).
    pub path: String,
    /// Which files, such as `{logger}_{date}.csv`: `{name}` stands for any text but `/`, which becomes a variable, `*` for
    /// any text. The whole name is the variable `file`. Hidden files and `*.part`, `*.tmp`, `*.new`, `*.filepart`, `*~` are
    /// never taken. Default: all others.
    pub pattern: Option<String>,
    /// How often it is looked at. Default `5s`.
    #[serde(default = "interval", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// How long a file must stay as it is before it is taken. Objects are complete at once, and need not wait. Default `2s`.
    #[serde(default = "settle", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub settle: Duration,
    /// Largest file; larger ones go to `failed/`. Default `256MiB`.
    #[serde(default = "max_file_bytes", deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_file_bytes: u64,
    /// Further variables.
    #[serde(default)]
    pub set: IndexMap<String, String>,
}

fn interval() -> Duration {
    Duration::from_secs(5)
}

fn settle() -> Duration {
    Duration::from_secs(2)
}

fn max_file_bytes() -> u64 {
    256 << 20
}

impl WatchConfig {
    /// What is wrong; `key` is the key it stands at.
    ///
    /// # Errors
    /// Everything at once, with its place.
    pub fn check(&self, key: &'static str) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::default();
        if self.path.is_empty() {
            faults.add(
                &[At::Key(key), At::Key("path")],
                "say which place is watched",
            );
        }
        faults.keep(&[At::Key(key), At::Key("pattern")], self.regex());
        if self.interval.is_zero() {
            faults.add(
                &[At::Key(key), At::Key("interval")],
                "must be longer than 0",
            );
        }
        if faults.0.is_empty() {
            Ok(())
        } else {
            Err(faults.0)
        }
    }

    fn regex(&self) -> Result<Option<Regex>, String> {
        let Some(pattern) = &self.pattern else {
            return Ok(None);
        };
        let mut regex = "^".to_owned();
        let mut rest = pattern.as_str();
        while let Some(at) = rest.find(['{', '*']) {
            regex.push_str(&regex::escape(&rest[..at]));
            if rest[at..].starts_with('*') {
                regex.push_str(".*");
                rest = &rest[at + 1..];
                continue;
            }
            let end = rest[at..].find('}').map(|end| at + end);
            let end = end.ok_or_else(|| format!("`{pattern}`: `{{` is not closed"))?;
            regex.extend(["(?P<", &rest[at + 1..end], ">[^/]+?)"]);
            rest = &rest[end + 1..];
        }
        regex.push_str(&regex::escape(rest));
        regex.push('$');
        Regex::new(&regex).map(Some).map_err(|_error| {
            format!(
                "`{pattern}` is no pattern; names in braces are letters, digits and `_`, each once"
            )
        })
    }
}

/// Something that lies in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name, in a place with folders its path.
    pub name: String,
    /// Its size.
    pub n_bytes: u64,
    /// Changes when it does.
    pub version: String,
}

/// A place into which files are dropped.
#[async_trait]
pub trait Place: Send + Sync + std::fmt::Debug {
    /// What lies there, without what is done or failed.
    ///
    /// # Errors
    /// Why it cannot be looked at.
    async fn list(&self) -> Result<Vec<Found>, String>;

    /// The bytes of a file; `None` if it is gone.
    ///
    /// # Errors
    /// Why it cannot be read.
    async fn read(&self, name: &str) -> Result<Option<Bytes>, String>;

    /// Moves a file to `done/` or `failed/`, with `verdict` beside it.
    ///
    /// # Errors
    /// Why it cannot be moved.
    async fn put_away(&self, name: &str, is_good: bool, verdict: &str) -> Result<(), String>;
}

/// A collector that takes what is dropped.
#[derive(Debug)]
pub struct Watched {
    name: String,
    kind: &'static str,
    destination: Destination,
    settings: WatchConfig,
    pattern: Option<Regex>,
    place: Box<dyn Place>,
    clock: Clock,
    status: Mutex<Status>,
    asked: Notify,
}

/// What was seen of a file, and since when it is so.
type Seen = HashMap<String, (Found, DateTime<Utc>)>;

impl Watched {
    /// Makes a collector ready; `kind` is `folder` or `objects`.
    ///
    /// # Errors
    /// What is wrong with `settings`.
    pub fn new(
        name: &str,
        kind: &'static str,
        destination: Destination,
        settings: &WatchConfig,
        place: Box<dyn Place>,
        clock: Clock,
    ) -> Result<Arc<Self>, Vec<Fault>> {
        settings.check(kind)?;
        Ok(Arc::new(Self {
            name: name.to_owned(),
            kind,
            destination,
            pattern: settings.regex().ok().flatten(),
            settings: settings.clone(),
            place,
            clock,
            status: Mutex::default(),
            asked: Notify::new(),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `folder` or `objects`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What it does.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Asks to look at once.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// Takes what is dropped until `stop`.
    pub async fn run(&self, sink: &dyn Sink, stop: &CancellationToken) {
        let mut seen = Seen::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.look(&mut seen, sink) => {}
            }
            let next = later(self.clock.now(), self.settings.interval);
            self.status.lock().next_run = Some(next);
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.asked.notified() => {}
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    /// Looks once, and contributes what is complete.
    async fn look(&self, seen: &mut Seen, sink: &dyn Sink) {
        let mut found = match self.place.list().await {
            Ok(found) => found,
            Err(error) => {
                self.trouble(Some(error));
                return;
            }
        };
        let now = self.clock.now();
        found.retain(|found| self.variables(&found.name).is_some());
        found.sort_by(|a, b| a.name.cmp(&b.name));
        seen.retain(|name, _| found.iter().any(|found| found.name == *name));
        let mut trouble = None;
        for found in found {
            let (last, since) = seen
                .entry(found.name.clone())
                .or_insert_with(|| (found.clone(), now));
            if *last != found {
                (*last, *since) = (found.clone(), now);
            }
            if later(*since, self.settings.settle) > now {
                continue;
            }
            match self.take(&found, sink).await {
                Ok(report) => {
                    seen.remove(&found.name);
                    self.count(report);
                }
                // It is tried again at the next look.
                Err(error) => trouble = Some(format!("`{}`: {error}", found.name)),
            }
        }
        self.trouble(trouble);
    }

    /// The variables in a name, if it is one of those that are taken.
    fn variables(&self, name: &str) -> Option<Variables> {
        let last = name.rsplit('/').next().unwrap_or(name);
        let is_finished =
            !last.starts_with('.') && !UNFINISHED.iter().any(|end| last.ends_with(end));
        let mut variables = Variables::new();
        match &self.pattern {
            _ if !is_finished => return None,
            None => {}
            Some(pattern) => {
                let captures = pattern.captures(name)?;
                for group in pattern.capture_names().flatten() {
                    let text = captures.name(group).map_or("", |found| found.as_str());
                    variables.insert(group.to_owned(), Json::String(text.to_owned()));
                }
            }
        }
        variables.insert("file".to_owned(), Json::String(name.to_owned()));
        for (name, value) in &self.settings.set {
            variables.insert(name.clone(), Json::String(value.clone()));
        }
        Some(variables)
    }

    /// Contributes a file, waits for its outcome and puts it away.
    async fn take(&self, found: &Found, sink: &dyn Sink) -> Result<RunReport, String> {
        let began = self.clock.now();
        let mut report = RunReport {
            due: began,
            began,
            ..RunReport::default()
        };
        report.counts.planned = 1;
        let verdict = match self.judge(found, sink, &mut report).await {
            Ok(Some(verdict)) => verdict,
            Ok(None) => return Ok(RunReport::default()),
            Err(SinkError::Later { reason, .. }) => return Err(reason),
            Err(SinkError::Refused(reason)) => Verdict {
                is_rejected: true,
                text: format!("{:#}", json!({"status": "refused", "reason": reason})),
            },
        };
        self.place
            .put_away(&found.name, !verdict.is_rejected, &verdict.text)
            .await?;
        if verdict.is_rejected {
            report.failed(format!(
                "`{}` is in `failed/`, with the reason beside it",
                found.name
            ));
        }
        report.ended = self.clock.now();
        Ok(report)
    }

    async fn judge(
        &self,
        found: &Found,
        sink: &dyn Sink,
        report: &mut RunReport,
    ) -> Result<Option<Verdict>, SinkError> {
        let max = self.settings.max_file_bytes;
        if found.n_bytes > max {
            let reason = format!(
                "it has {} bytes, more than `max_file_bytes` ({max})",
                found.n_bytes
            );
            return Err(SinkError::Refused(reason));
        }
        let read = self.place.read(&found.name).await;
        let read = read.map_err(|reason| SinkError::Later {
            reason,
            after: None,
        })?;
        let Some(payload) = read else {
            return Ok(None);
        };
        let n_bytes = payload.len() as u64;
        let name = &self.name;
        let contribution = Contribution {
            endpoint: self.destination.endpoint.clone(),
            node: self.destination.node.clone(),
            content_type: self.destination.content_type.clone().unwrap_or_default(),
            content_encoding: self.destination.content_encoding.clone(),
            file_name: found.name.clone(),
            variables: self.variables(&found.name).unwrap_or_default(),
            idempotency_key: format!("{name}:{}", identity(&found.name, &payload)),
            payload,
        };
        let taken = sink.contribute(contribution).await?;
        if taken.replayed {
            report.counts.unchanged = 1;
        } else {
            report.counts.contributed = 1;
            report.counts.bytes = n_bytes;
        }
        report.contributions = vec![taken.id];
        loop {
            match sink.outcome(taken.id).await {
                Err(SinkError::Later {
                    after: Some(after), ..
                }) => self.clock.sleep(after).await,
                other => return other.map(Some),
            }
        }
    }

    fn count(&self, report: RunReport) {
        if report.counts.planned == 0 {
            return;
        }
        let mut status = self.status.lock();
        status.totals.add(&report);
        status.n_failed_in_a_row = if report.is_good() {
            0
        } else {
            status.n_failed_in_a_row + 1
        };
        let name = &self.name;
        match report.errors.first() {
            None => tracing::info!(
                collector.name = name,
                "Collector `{name}`: a file was contributed"
            ),
            Some(error) => tracing::warn!(collector.name = name, "Collector `{name}`: {error}"),
        }
        status.last = Some(report);
    }

    fn trouble(&self, trouble: Option<String>) {
        let mut status = self.status.lock();
        if let Some(trouble) = trouble.as_ref().filter(|_| status.trouble != trouble) {
            tracing::warn!(
                collector.name = self.name,
                "Collector `{}`: {trouble}",
                self.name
            );
        }
        status.trouble = trouble;
    }
}

/// Of the name and the bytes.
fn identity(name: &str, payload: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{name}\n"));
    hash.update(payload);
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, name: &str) -> Option<Vec<String>> {
        let settings: WatchConfig =
            serde_json::from_value(json!({"path": "x", "pattern": pattern})).unwrap();
        let regex = settings.regex().unwrap().unwrap();
        let captures = regex.captures(name)?;
        let groups = captures.iter().skip(1).flatten();
        Some(groups.map(|group| group.as_str().to_owned()).collect())
    }

    #[test]
    fn names_are_taken_apart() {
        let found = |texts: [&str; 2]| Some(texts.map(str::to_owned).to_vec());
        assert_eq!(
            captured("{logger}_{date}.csv", "A-1_2026.csv"),
            found(["A-1", "2026"])
        );
        assert_eq!(captured("{a}/{b}.dat", "x/y.dat"), found(["x", "y"]));
        assert_eq!(captured("{a}.csv", "x/y.csv"), None);
        assert_eq!(captured("*.csv", "x/y.csv"), Some(Vec::new()));
        assert_eq!(captured("a+b.csv", "aab.csv"), None);
        for pattern in ["{a", "{a}{a}", "{a b}"] {
            let settings: WatchConfig =
                serde_json::from_value(json!({"path": "x", "pattern": pattern})).unwrap();
            assert!(settings.check("folder").is_err(), "{pattern}");
        }
    }
}
