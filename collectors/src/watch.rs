//! Contributes what appears in a place: files dropped into a folder, objects under a prefix of a store.
//!
//! A [`Shelf`] says what lies there; [`Watch`] contributes each thing once, in the order in which they were written, waits for
//! what becomes of it and lets the shelf put it away. The idempotency key is made of name, size and SHA-256, so that what was
//! contributed before a crash but not put away is recognized. Nothing is remembered that the place itself can tell; only
//! for places from which nothing is taken away, what was done is kept by the [`Sink`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, later};
use crate::scheduled::Destination;
use crate::sink::{Sink, Taken};
use crate::status::{RunReport, Status, Totals};
use crate::template::Variables;

pub mod config;
mod deliver;
pub mod folder;
pub mod pattern;
mod shelf;

use deliver::{Failure, fate};
use pattern::Pattern;
pub use shelf::{Fate, Item, Shelf};

/// Most contributions of a watch whose outcome is awaited at a time.
const MAX_OPEN: usize = 256;
/// Pause before a sink that is not ready is asked again, unless it says so.
const SINK_PAUSE: Duration = Duration::from_secs(2);
/// How long a look waits for outcomes; those that are not known by then are asked for at the next look.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tries before an item gives way to the next.
const MAX_TRIES: u32 = 5;
/// Shortest and longest time for which an item gives way to others.
const PUT_OFF: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(1));

/// How a place is watched.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the collector.
    pub name: String,
    /// Where contributions go.
    pub destination: Destination,
    /// Which names are meant, and what they say.
    pub pattern: Pattern,
    /// Further variables.
    pub set: IndexMap<String, String>,
    /// How often it is looked.
    pub interval: Duration,
    /// How long an item must not have changed.
    pub settle: Duration,
    /// Larger items are not contributed.
    pub max_bytes: u64,
    /// Most items contributed in one look.
    pub max_items: usize,
}

/// A collector that watches a place.
pub struct Watch {
    settings: Settings,
    shelf: Box<dyn Shelf>,
    clock: Clock,
    status: Mutex<Status>,
    asked: Notify,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("settings", &self.settings)
            .field("place", &self.shelf.place())
            .finish_non_exhaustive()
    }
}

/// What a watch remembers across restarts.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    /// Versions of items that are done with and stay where they are, by name.
    done: BTreeMap<String, String>,
    last: Option<RunReport>,
    totals: Totals,
    n_failed_in_a_row: u64,
}

/// What is known of what lies there, while the process runs.
#[derive(Debug, Default)]
struct Sightings {
    /// By name: the version, and since when it is the same.
    since: HashMap<String, (String, DateTime<Utc>)>,
    /// Fates of items that could not be put away, by name, with their versions.
    stuck: HashMap<String, (String, Fate)>,
    /// Items that were contributed and whose outcomes are not known yet, by name, with their versions.
    awaited: HashMap<String, (String, Taken)>,
    /// Items that could not be contributed when others could, by name.
    put_off: HashMap<String, PutOff>,
}

/// When an item is tried again.
#[derive(Debug, Clone, Copy)]
struct PutOff {
    until: DateTime<Utc>,
    pause: Duration,
}

impl Watch {
    /// A watch of a place.
    pub fn new(settings: Settings, shelf: Box<dyn Shelf>, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            settings,
            shelf,
            clock,
            status: Mutex::default(),
            asked: Notify::new(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// What kind of place it watches, in one word.
    pub fn kind(&self) -> &'static str {
        self.shelf.kind()
    }

    /// How often it looks, and where.
    pub fn schedule(&self) -> String {
        let Settings {
            interval, pattern, ..
        } = &self.settings;
        format!(
            "every {interval:?}: {}/{}",
            self.shelf.place(),
            pattern.text()
        )
    }

    /// What it does.
    pub fn status(&self) -> Status {
        self.status.lock().clone()
    }

    /// Asks for a look now.
    pub fn ask(&self) {
        self.asked.notify_one();
    }

    /// What would be contributed now: names with the variables that they give.
    ///
    /// # Errors
    /// Why it cannot be told, in words.
    pub async fn preview(&self) -> Result<Vec<(Item, Variables)>, String> {
        let items = self.shelf.list().await?;
        let named = items.into_iter().filter_map(|item| {
            let variables = self.settings.pattern.variables(&item.name)?;
            Some((item, variables))
        });
        Ok(named.collect())
    }

    /// Looks and contributes until `stop`.
    pub async fn run(&self, sink: &dyn Sink, stop: &CancellationToken) {
        let Some(mut memory) = self.recall(sink, stop).await else {
            return;
        };
        let mut sightings = Sightings::default();
        self.publish(&memory, None);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                looked = self.look(&mut memory, &mut sightings, sink) => {
                    self.publish(&memory, looked.err());
                }
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.asked.notified() => {}
                () = self.clock.sleep(self.settings.interval) => {}
            }
        }
    }

    async fn recall(&self, sink: &dyn Sink, stop: &CancellationToken) -> Option<Memory> {
        loop {
            let error = match sink.remembered(&self.settings.name).await {
                Ok(bytes) => {
                    return Some(bytes.map_or_else(Memory::default, |bytes| self.read(&bytes)));
                }
                Err(error) => error,
            };
            let name = &self.settings.name;
            tracing::warn!(
                collector.name = name,
                "What the collector `{name}` knew cannot be read: {error}"
            );
            self.status.lock().trouble = Some(error.to_string());
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.clock.sleep(SINK_PAUSE) => {}
            }
        }
    }

    /// Losing what was remembered costs time, never data: what is contributed again has the key it had before.
    fn read(&self, bytes: &[u8]) -> Memory {
        serde_json::from_slice(bytes).unwrap_or_else(|error| {
            let name = &self.settings.name;
            tracing::warn!(
                collector.name = name,
                "What the collector `{name}` remembered cannot be read and is forgotten: {error}"
            );
            Memory::default()
        })
    }

    fn publish(&self, memory: &Memory, trouble: Option<String>) {
        let next_run = later(self.clock.now(), self.settings.interval);
        let mut status = self.status.lock();
        if let Some(trouble) = trouble
            .as_ref()
            .filter(|new| status.trouble.as_ref() != Some(*new))
        {
            let name = &self.settings.name;
            tracing::warn!(collector.name = name, "Collector `{name}`: {trouble}");
        }
        *status = Status {
            running_since: None,
            next_run: Some(next_run),
            last: memory.last.clone(),
            totals: memory.totals,
            n_failed_in_a_row: memory.n_failed_in_a_row,
            trouble,
        };
    }

    /// Contributes what is complete and new.
    async fn look(
        &self,
        memory: &mut Memory,
        sightings: &mut Sightings,
        sink: &dyn Sink,
    ) -> Result<(), String> {
        let began = self.clock.now();
        let listed = self.shelf.list().await?;
        let ready = self.ready(listed, memory, sightings, began);
        if ready.is_empty() {
            return Ok(());
        }
        self.status.lock().running_since = Some(began);
        let mut report = RunReport {
            due: began,
            began,
            ..RunReport::default()
        };
        report.counts.planned = ready.len() as u64;
        let n_done = memory.done.len();
        let trouble = self
            .contribute_all(ready, memory, sightings, sink, &mut report)
            .await;
        report.ended = self.clock.now();
        self.say(&report);
        memory.n_failed_in_a_row = if report.is_good() {
            0
        } else {
            memory.n_failed_in_a_row + 1
        };
        memory.totals.add(&report);
        memory.last = Some(report);
        let bytes = serde_json::to_vec(memory).expect("keys are texts and numbers are finite");
        if let Err(error) = sink.remember(&self.settings.name, bytes).await {
            let name = &self.settings.name;
            tracing::warn!(
                collector.name = name,
                "What the collector `{name}` knows cannot be kept; after a restart it looks again at {} items: {error}",
                memory.done.len().max(n_done)
            );
        }
        trouble.map_or(Ok(()), Err)
    }

    /// The items that are to be contributed now, in the order in which they were written; forgets those that are gone.
    fn ready(
        &self,
        listed: Vec<Item>,
        memory: &mut Memory,
        sightings: &mut Sightings,
        now: DateTime<Utc>,
    ) -> Vec<(Item, Variables)> {
        let mut since = HashMap::with_capacity(listed.len());
        let mut ready = Vec::new();
        let mut done = BTreeMap::new();
        for item in listed {
            let Some(mut variables) = self.settings.pattern.variables(&item.name) else {
                continue;
            };
            for (name, value) in &self.settings.set {
                variables.insert(name.clone(), value.as_str().into());
            }
            if memory.done.get(&item.name) == Some(&item.version) {
                done.insert(item.name, item.version);
                continue;
            }
            let known = sightings.since.remove(&item.name);
            let known = known.filter(|(version, _)| *version == item.version);
            let (_, first) = since
                .entry(item.name.clone())
                .or_insert_with(|| known.unwrap_or((item.version.clone(), now)));
            if (now - *first)
                .to_std()
                .is_ok_and(|same| same >= self.settings.settle)
            {
                ready.push((item, variables));
            }
        }
        sightings.stuck.retain(|name, _| since.contains_key(name));
        sightings.awaited.retain(|name, _| since.contains_key(name));
        sightings.put_off.retain(|name, _| since.contains_key(name));
        ready.retain(|(item, _)| {
            let put_off = sightings.put_off.get(&item.name);
            put_off.is_none_or(|put_off| put_off.until <= now)
        });
        sightings.since = since;
        memory.done = done;
        ready.sort_by(|(a, _), (b, _)| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        ready.truncate(self.settings.max_items);
        ready
    }

    /// Contributes items one after the other, so that a later one wins over an earlier one, and puts them away as their
    /// outcomes come. Gives what is wrong with the place, if anything.
    ///
    /// One that the sink does not take after some tries is passed over if it takes the next one: then it is tried again
    /// later and later. If it does not take that one either, the look ends, and goes on in order at the next.
    async fn contribute_all(
        &self,
        ready: Vec<(Item, Variables)>,
        memory: &mut Memory,
        sightings: &mut Sightings,
        sink: &dyn Sink,
        report: &mut RunReport,
    ) -> Option<String> {
        let mut open = FuturesUnordered::new();
        let mut trouble = None;
        let mut settled = Vec::new();
        let mut not_taken: Option<Item> = None;
        let until = later(self.clock.now(), PATIENCE);
        for (item, variables) in ready {
            if let Some((version, fate)) = sightings.stuck.remove(&item.name)
                && version == item.version
            {
                settled.push((item, fate));
            } else {
                let awaited = sightings.awaited.remove(&item.name);
                let awaited = awaited.filter(|(version, _)| *version == item.version);
                let taken = if let Some((_, taken)) = awaited {
                    Ok(Some(taken))
                } else {
                    let n_tries = if not_taken.is_some() { 1 } else { MAX_TRIES };
                    self.contribute(&item, variables, n_tries, sink, report)
                        .await
                };
                if !matches!(taken, Err(Failure::Sink(_) | Failure::Place(_)))
                    && let Some(item) = not_taken.take()
                {
                    self.put_off(item, sightings);
                }
                match taken {
                    Ok(Some(taken)) => {
                        let known = (item.version.clone(), taken);
                        sightings.awaited.insert(item.name.clone(), known);
                        open.push(
                            async move { (item, taken, fate(sink, &self.clock, taken).await) },
                        );
                    }
                    Ok(None) => {}
                    Err(Failure::Item(fate)) => settled.push((item, fate)),
                    Err(Failure::Place(reason)) => {
                        report.failed(format!("{}: {reason}", item.name));
                        trouble = Some(format!("`{}` cannot be read: {reason}", item.name));
                    }
                    Err(Failure::Sink(reason)) => {
                        report.failed(format!("{}: {reason}", item.name));
                        trouble = Some(format!("`{}` is not taken: {reason}", item.name));
                        if not_taken.is_some() {
                            break;
                        }
                        not_taken = Some(item);
                    }
                }
            }
            while open.len() >= MAX_OPEN
                && let Some((item, taken, fate)) = self.within(until, open.next()).await
            {
                sightings.awaited.remove(&item.name);
                settled.extend(Self::judge(item, taken, fate, report));
            }
            for (item, fate) in settled.drain(..) {
                self.put_away(item, fate, memory, sightings, report, &mut trouble)
                    .await;
            }
        }
        while let Some((item, taken, fate)) = self.within(until, open.next()).await {
            sightings.awaited.remove(&item.name);
            if let Some((item, fate)) = Self::judge(item, taken, fate, report) {
                self.put_away(item, fate, memory, sightings, report, &mut trouble)
                    .await;
            }
        }
        trouble
    }

    /// What comes until then.
    async fn within<T>(
        &self,
        until: DateTime<Utc>,
        next: impl Future<Output = Option<T>>,
    ) -> Option<T> {
        tokio::select! {
            biased;
            next = next => next,
            () = self.clock.sleep_until(until) => None,
        }
    }

    /// Lets others go before an item, longer each time.
    fn put_off(&self, item: Item, sightings: &mut Sightings) {
        let before = sightings.put_off.get(&item.name);
        let pause = before.map_or(PUT_OFF.0, |before| (before.pause * 2).min(PUT_OFF.1));
        let until = later(self.clock.now(), pause);
        let name = &self.settings.name;
        tracing::warn!(
            collector.name = name,
            "Collector `{name}`: `{}` is not taken, others are; it is tried again in {pause:?}",
            item.name
        );
        sightings.put_off.insert(item.name, PutOff { until, pause });
    }

    async fn put_away(
        &self,
        item: Item,
        fate: Fate,
        memory: &mut Memory,
        sightings: &mut Sightings,
        report: &mut RunReport,
        trouble: &mut Option<String>,
    ) {
        if let Err(reason) = self.shelf.put_away(&item, &fate).await {
            let text = format!("`{}` cannot be put away: {reason}", item.name);
            report.note(text.clone());
            *trouble = Some(text);
            sightings.stuck.insert(item.name, (item.version, fate));
        } else if self.shelf.keeps(&fate) {
            memory.done.insert(item.name, item.version);
        }
    }

    fn say(&self, report: &RunReport) {
        let name = &self.settings.name;
        let counts = report.counts;
        let seconds = (report.ended - report.began).as_seconds_f64();
        if report.is_good() {
            tracing::info!(
                collector.name = name,
                "Collector `{name}`: {} of {} items contributed, {seconds:.1} s",
                counts.contributed,
                counts.planned
            );
        } else {
            let first = report.errors.first().map_or("", String::as_str);
            tracing::warn!(
                collector.name = name,
                "Collector `{name}`: {} of {} items failed, {} contributed, {seconds:.1} s; {first}",
                counts.failed,
                counts.planned,
                counts.contributed
            );
        }
    }
}
