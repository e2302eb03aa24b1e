//! Contributes what appears in a place: files dropped into a folder, objects under a prefix of a store.
//!
//! A [`Shelf`] says what lies there; [`Watch`] contributes each thing once, in the order in which they were written, waits for
//! what becomes of it and lets the shelf put it away. The idempotency key is made of name, size and SHA-256, so that what was
//! contributed before a crash but not put away is recognized. Nothing is remembered that the place itself can tell; only
//! for places from which nothing is taken away, what was done is kept by the [`Sink`].

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use indexmap::IndexMap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, later};
use crate::scheduled::{Destination, hex};
use crate::sink::{Contribution, Sink, SinkError, Taken, Verdict};
use crate::status::{MAX_LISTED, RunReport, Status, Totals};
use crate::template::Variables;

pub mod config;
pub mod folder;
pub mod pattern;

use pattern::Pattern;

/// Most contributions of a watch whose outcome is awaited at a time.
const MAX_OPEN: usize = 256;
/// Pause before a sink that is not ready is asked again, unless it says so.
const SINK_PAUSE: Duration = Duration::from_secs(2);

/// Something that lies in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Path in the place, parts divided by `/`.
    pub name: String,
    /// Size.
    pub n_bytes: u64,
    /// When it was last written.
    pub modified: DateTime<Utc>,
    /// Another one whenever it was written again.
    pub version: String,
}

/// What became of something that was contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Nothing of it was taken.
    pub is_failed: bool,
    /// As JSON.
    pub text: String,
}

/// A place in which things appear.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// What kind of place it is, in one word.
    fn kind(&self) -> &'static str;

    /// Where it is, for messages.
    fn place(&self) -> String;

    /// What lies there: complete or not, whatever it is called.
    ///
    /// # Errors
    /// Why it cannot be told, in words.
    async fn list(&self) -> Result<Vec<Item>, String>;

    /// The bytes of an item; `None` if it is gone or was written again since it was listed.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    async fn read(&self, item: &Item) -> Result<Option<Bytes>, String>;

    /// Puts an item away, if that is wanted, and its fate beside it. Doing it again after a crash changes nothing.
    ///
    /// # Errors
    /// Why it cannot be put away, in words.
    async fn put_away(&self, item: &Item, fate: &Fate) -> Result<(), String>;

    /// Whether an item that met this fate stays, so that one has to remember it.
    fn keeps(&self, fate: &Fate) -> bool;
}

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
        sightings.since = since;
        memory.done = done;
        ready.sort_by(|(a, _), (b, _)| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        ready.truncate(self.settings.max_items);
        ready
    }

    /// Contributes items one after the other, so that a later one wins over an earlier one, and puts them away as their
    /// outcomes come. Gives what is wrong with the place, if anything.
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
        for (item, variables) in ready {
            if let Some((version, fate)) = sightings.stuck.remove(&item.name)
                && version == item.version
            {
                settled.push((item, fate));
            } else {
                match self.contribute(&item, variables, sink, report).await {
                    Ok(Some(taken)) => open
                        .push(async move { (item, taken, fate(sink, &self.clock, taken).await) }),
                    Ok(None) => {}
                    Err(Failure::Item(fate)) => settled.push((item, fate)),
                    Err(Failure::Place(reason)) => {
                        report.failed(format!("{}: {reason}", item.name));
                        trouble = Some(format!("`{}` cannot be read: {reason}", item.name));
                    }
                }
            }
            while open.len() >= MAX_OPEN
                && let Some((item, taken, fate)) = open.next().await
            {
                settled.extend(self.judge(item, taken, fate, report));
            }
            for (item, fate) in settled.drain(..) {
                self.put_away(item, fate, memory, sightings, report, &mut trouble)
                    .await;
            }
        }
        while let Some((item, taken, fate)) = open.next().await {
            if let Some((item, fate)) = self.judge(item, taken, fate, report) {
                self.put_away(item, fate, memory, sightings, report, &mut trouble)
                    .await;
            }
        }
        trouble
    }

    async fn contribute(
        &self,
        item: &Item,
        variables: Variables,
        sink: &dyn Sink,
        report: &mut RunReport,
    ) -> Result<Option<Taken>, Failure> {
        let Settings {
            name,
            destination,
            max_bytes,
            ..
        } = &self.settings;
        if item.n_bytes > *max_bytes {
            let reason = format!(
                "it has {} bytes, more than `max_bytes` ({max_bytes})",
                item.n_bytes
            );
            report.failed(format!("{}: {reason}", item.name));
            return Err(Failure::Item(refused(&reason)));
        }
        let Some(payload) = self.shelf.read(item).await.map_err(Failure::Place)? else {
            return Ok(None);
        };
        let n_bytes = payload.len() as u64;
        let sha256 = hex(&Sha256::digest(&payload));
        let contribution = Contribution {
            endpoint: destination.endpoint.clone(),
            node: destination.node.clone(),
            content_type: destination.content_type.clone().unwrap_or_default(),
            content_encoding: destination.content_encoding.clone(),
            file_name: item.name.clone(),
            variables,
            idempotency_key: key(name, &item.name, n_bytes, &sha256),
            payload,
        };
        loop {
            match sink.contribute(contribution.clone()).await {
                Ok(taken) => {
                    report.counts.contributed += u64::from(!taken.replayed);
                    report.counts.unchanged += u64::from(taken.replayed);
                    report.counts.bytes += n_bytes;
                    if report.contributions.len() < MAX_LISTED * 5 {
                        report.contributions.push(taken.id);
                    }
                    return Ok(Some(taken));
                }
                Err(SinkError::Refused(reason)) => {
                    report.failed(format!("{}: {reason}", item.name));
                    return Err(Failure::Item(refused(&reason)));
                }
                Err(SinkError::Later { reason, after }) => {
                    self.status.lock().trouble = Some(format!("waiting to contribute: {reason}"));
                    report.counts.retries += 1;
                    self.clock.sleep(after.unwrap_or(SINK_PAUSE)).await;
                    self.status.lock().trouble = None;
                }
            }
        }
    }

    /// The fate of an item, unless it cannot be told; then it is asked for again at the next look.
    fn judge(
        &self,
        item: Item,
        taken: Taken,
        fate: Result<Fate, SinkError>,
        report: &mut RunReport,
    ) -> Option<(Item, Fate)> {
        match fate {
            Ok(fate) => {
                if fate.is_failed {
                    report.failed(format!(
                        "{}: rejected, contribution {}",
                        item.name, taken.id
                    ));
                }
                Some((item, fate))
            }
            Err(error) => {
                report.failed(format!("{}: contribution {}: {error}", item.name, taken.id));
                None
            }
        }
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

/// Why an item did not become a contribution.
enum Failure {
    /// It never will.
    Item(Fate),
    /// The place cannot be read; it is looked at again.
    Place(String),
}

async fn fate(sink: &dyn Sink, clock: &Clock, taken: Taken) -> Result<Fate, SinkError> {
    let Verdict { is_rejected, text } = loop {
        match sink.outcome(taken.id).await {
            // A sink that does not wait says when to ask again.
            Err(SinkError::Later {
                after: Some(after), ..
            }) => clock.sleep(after).await,
            told => break told?,
        }
    };
    let outcome: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|_text| text.into());
    let told = serde_json::json!({"contribution": taken.id, "outcome": outcome});
    Ok(Fate {
        is_failed: is_rejected,
        text: format!("{told:#}"),
    })
}

/// The fate of what was not taken at all.
fn refused(reason: &str) -> Fate {
    let told = serde_json::json!({"contribution": null, "reason": reason});
    Fate {
        is_failed: true,
        text: format!("{told:#}"),
    }
}

/// The same for the same bytes under the same name. Names that are long or odd are replaced by what tells them apart, since
/// keys may travel in headers.
fn key(collector: &str, name: &str, n_bytes: u64, sha256: &str) -> String {
    let is_plain = name.len() <= 100 && name.bytes().all(|byte| byte.is_ascii_graphic());
    let name = if is_plain {
        name.to_owned()
    } else {
        hex(&Sha256::digest(name))
    };
    format!("{collector}:{name}:{n_bytes}:{sha256}")
}
