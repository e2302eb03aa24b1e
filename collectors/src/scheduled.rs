//! A scheduled collector: waits until a run is due, fetches what it asks for, contributes what is new.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, later};
use crate::config::{CatchUp, Fault, Request};
use crate::fetch::Fetcher;
use crate::hosts::Hosts;
use crate::memory::{Memory, Page};
use crate::plan::{Plan, PlanError, Planned, Source};
use crate::sink::{Sink, SinkError};
use crate::status::{Counts, MAX_LISTED, RunReport, Status};

/// Most pages of a run that are worked on at a time, at all hosts together.
const MAX_CONCURRENT: usize = 16;
/// Pause before a sink that is not ready is asked again, unless it says so.
const SINK_PAUSE: Duration = Duration::from_secs(5);

mod due;
mod page;

pub use due::Due;
use page::{Done, Work};

/// Where contributions go, and how they are described.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destination {
    /// The endpoint whose decoding is used.
    pub endpoint: String,
    /// Node, relative to the endpoint.
    pub node: String,
    /// Instead of what the source says.
    pub content_type: Option<String>,
    /// Instead of what the source says.
    pub content_encoding: Option<String>,
}

/// What a scheduled collector needs besides its plan.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// Where contributions go.
    pub destination: Destination,
    /// What to do about missed runs.
    pub catch_up: CatchUp,
    /// Longest time of a run.
    pub run_timeout: Duration,
}

/// A collector that runs on schedule.
#[derive(Debug)]
pub struct Scheduled {
    settings: Settings,
    plan: Plan,
    fetcher: Fetcher,
    clock: Clock,
    status: Mutex<Status>,
    asked: Notify,
}

/// Why a collector cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The configuration is wrong.
    #[error("{}", texts(.0))]
    Faults(Vec<Fault>),
    /// TLS cannot be set up.
    #[error("requests cannot be made")]
    Client(#[from] reqwest::Error),
    /// The place that is watched cannot be opened.
    #[error("`{path}` cannot be watched: {reason}")]
    Place {
        /// Where it is.
        path: String,
        /// Why not.
        reason: String,
    },
}

fn texts(faults: &[Fault]) -> String {
    let texts: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
    texts.join("; ")
}

impl Scheduled {
    /// Makes a collector ready; `hosts` are those of all collectors.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(
        settings: Settings,
        source: Source<'_>,
        hosts: Hosts,
        clock: Clock,
    ) -> Result<Arc<Self>, SetupError> {
        let plan = Plan::prepare(source).map_err(SetupError::Faults)?;
        if plan.n_skipped_rows > 0 {
            tracing::warn!(
                collector.name = settings.name,
                "{} rows of the tables of the collector `{}` lack a value and are passed over",
                plan.n_skipped_rows,
                settings.name
            );
        }
        let seed = u64::from(std::process::id()) ^ name_seed(&settings.name);
        let request: &Request = source.request;
        let fetcher = Fetcher::new(request, &plan, hosts, clock.clone(), seed)?;
        Ok(Arc::new(Self {
            settings,
            plan,
            fetcher,
            clock,
            status: Mutex::default(),
            asked: Notify::new(),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Its schedules, as configured.
    pub fn schedules(&self) -> Vec<String> {
        let runs = self.plan.runs.iter();
        runs.map(|run| format!("{} ({})", run.cron, run.schedule.zone()))
            .collect()
    }

    /// What it does.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Asks for a run now: the one that was last due.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// The requests of a run.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn expand(&self, due: Due) -> Result<Vec<Planned>, PlanError> {
        self.plan.expand(due.run, due.at)
    }

    /// The run that was last due, of all kinds.
    pub fn last_due(&self, now: DateTime<Utc>) -> Due {
        let last = self.plan.runs.iter().enumerate().filter_map(|(run, kind)| {
            let at = kind.schedule.last(now)?;
            Some(Due { at, run })
        });
        last.max().unwrap_or(Due { at: now, run: 0 })
    }

    /// Does the runs that are due until `stop`, one after the other.
    ///
    /// A run that `stop` breaks off is done again after the next start, as `catch_up` says.
    pub async fn run(&self, sink: &dyn Sink, stop: &CancellationToken) {
        let Some(mut memory) = self.recall(sink, stop).await else {
            return;
        };
        let started = self.clock.now();
        for kind in 0..self.plan.runs.len() {
            // A clock that was ahead must not keep the collector quiet.
            let done = memory.runs.entry(self.key(kind)).or_insert(started);
            *done = started.min(*done);
        }
        self.publish(&memory, None);
        loop {
            let now = self.clock.now();
            let missed = self.missed(&mut memory, now);
            let due = if let Some(due) = missed.first() {
                *due
            } else {
                let next = self.next(&memory);
                self.publish(&memory, next);
                let wait = async {
                    match next {
                        Some(next) => self.clock.sleep_until(next).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    () = self.asked.notified() => self.last_due(self.clock.now()),
                    () = wait => continue,
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                report = self.run_once(due, &mut memory, sink) => {
                    self.say(&report);
                    self.finish(&mut memory, due, report);
                }
            }
            self.publish(&memory, self.next(&memory));
            if let Err(error) = sink.remember(&self.settings.name, memory.to_bytes()).await {
                let name = &self.settings.name;
                tracing::warn!(
                    "What the collector `{name}` knows cannot be kept; after a restart it asks again: {error}"
                );
            }
        }
    }

    /// Does one run and keeps what it learned.
    ///
    /// # Errors
    /// [`SinkError`] if what is remembered cannot be read or written.
    pub async fn run_now(&self, due: Due, sink: &dyn Sink) -> Result<RunReport, SinkError> {
        let bytes = sink.remembered(&self.settings.name).await?;
        let mut memory = bytes.map_or_else(Memory::default, |bytes| Memory::from_bytes(&bytes));
        let report = self.run_once(due, &mut memory, sink).await;
        self.finish(&mut memory, due, report.clone());
        sink.remember(&self.settings.name, memory.to_bytes())
            .await?;
        Ok(report)
    }

    async fn recall(&self, sink: &dyn Sink, stop: &CancellationToken) -> Option<Memory> {
        loop {
            let error = match sink.remembered(&self.settings.name).await {
                Ok(bytes) => {
                    return Some(
                        bytes.map_or_else(Memory::default, |bytes| Memory::from_bytes(&bytes)),
                    );
                }
                Err(error) => error,
            };
            let name = &self.settings.name;
            tracing::warn!("What the collector `{name}` knew cannot be read: {error}");
            self.status.lock().trouble = Some(error.to_string());
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.clock.sleep(SINK_PAUSE) => {}
            }
        }
    }

    fn finish(&self, memory: &mut Memory, due: Due, report: RunReport) {
        let done = memory.runs.entry(self.key(due.run)).or_insert(due.at);
        *done = due.at.max(*done);
        memory.n_failed_in_a_row = if report.is_good() {
            0
        } else {
            memory.n_failed_in_a_row + 1
        };
        memory.totals.add(&report);
        memory.last = Some(report);
        memory.forget(self.clock.now());
    }

    fn publish(&self, memory: &Memory, next_run: Option<DateTime<Utc>>) {
        let mut status = self.status.lock();
        status.running_since = None;
        status.next_run = next_run;
        status.last.clone_from(&memory.last);
        status.totals = memory.totals;
        status.n_failed_in_a_row = memory.n_failed_in_a_row;
        status.trouble = None;
    }

    fn say(&self, report: &RunReport) {
        let name = &self.settings.name;
        let Counts {
            planned,
            requests,
            contributed,
            failed,
            ..
        } = report.counts;
        let seconds = (report.ended - report.began).as_seconds_f64();
        if report.is_good() {
            tracing::info!(
                collector.name = name,
                "Collector `{name}`: {contributed} of {planned} pages contributed, {requests} requests, {seconds:.1} s"
            );
        } else {
            let first = report.errors.first().map_or("", String::as_str);
            tracing::warn!(
                collector.name = name,
                "Collector `{name}`: {failed} of {planned} pages failed, {contributed} contributed, {requests} requests, {seconds:.1} s; {first}"
            );
        }
    }

    /// Fetches and contributes what a run asks for.
    async fn run_once(&self, due: Due, memory: &mut Memory, sink: &dyn Sink) -> RunReport {
        let began = self.clock.now();
        {
            let mut status = self.status.lock();
            status.running_since = Some(began);
            status.next_run = None;
        }
        let mut report = RunReport {
            run: due.run,
            due: due.at,
            began,
            ended: began,
            ..RunReport::default()
        };
        let pages = match self.plan.expand(due.run, due.at) {
            Ok(pages) => pages,
            Err(error) => {
                report.note(error.to_string());
                report.ended = self.clock.now();
                return report;
            }
        };
        report.counts.planned = pages.len() as u64;
        let deadline = later(began, self.settings.run_timeout);
        let counts = Mutex::new(report.counts);
        let work = Work {
            collector: self,
            due,
            deadline,
            counts: &counts,
            known: &memory.pages,
            sink,
        };
        let mut learned: BTreeMap<String, Page> = BTreeMap::new();
        let mut n_done = 0_u64;
        let mut done = futures::stream::iter(pages.into_iter().map(|planned| work.page(planned)))
            .buffer_unordered(MAX_CONCURRENT);
        let mut errors = Vec::new();
        let mut contributions = Vec::new();
        let finished = self.clock.by(deadline, async {
            while let Some(Done {
                key,
                page,
                taken,
                error,
            }) = done.next().await
            {
                n_done += 1;
                learned.extend(page.map(|page| (key, page)));
                contributions.extend(taken.map(|taken| taken.id));
                errors.extend(error);
            }
        });
        let finished = finished.await;
        drop(done);
        report.counts = *counts.lock();
        for error in errors {
            report.failed(error);
        }
        if finished.is_none() {
            let left = report.counts.planned - n_done;
            report.counts.failed += left;
            report.note(format!(
                "{left} pages were not done within `run_timeout` ({:?})",
                self.settings.run_timeout
            ));
        }
        memory.pages.extend(learned);
        contributions.truncate(MAX_LISTED * 5);
        report.contributions = contributions;
        report.ended = self.clock.now();
        report
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every text");
        text
    })
}

fn name_seed(name: &str) -> u64 {
    let digest = Sha256::digest(name);
    digest
        .iter()
        .take(8)
        .fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}
