//! Finds what is wrong now, rule by rule, from what the service knows already.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::AppendError;
use zarr_fuse_schemas::row_problem::whole;

use super::delta;
use super::ledger::{Finding, Ledger, Sight};
use super::silence::{Silence, SilenceError};
use crate::app::App;
use crate::config::{NotifyConfig, RuleConfig, Trigger};
use crate::events::place;

mod settled;
pub(super) use settled::Seen;
use settled::Settled;

/// How long after a start nothing is called silent: what was away with the service may come back first.
const START_GRACE: TimeDelta = TimeDelta::minutes(10);

/// Looks for what is wrong; made again with every reload.
#[derive(Debug)]
pub struct Lookout {
    pub(super) config: NotifyConfig,
    app: Arc<App>,
    started: DateTime<Utc>,
    settled: Settled,
    /// By dataset and node: the oldest that waits, and since when it is.
    waiting: HashMap<(String, String), (u64, DateTime<Utc>)>,
    /// By rule.
    silences: HashMap<String, Silence>,
}

/// What a rule adds to a sight.
struct Notes<'a> {
    rule: &'a str,
    after: Duration,
    sight: &'a mut Sight,
}

impl Notes<'_> {
    fn add(&mut self, subject: &str, since: Option<DateTime<Utc>>, title: String, text: String) {
        self.sight.findings.push(Finding {
            rule: self.rule.to_owned(),
            subject: subject.to_owned(),
            title,
            text,
            since,
            after: self.after,
        });
    }

    fn unsure(&mut self, subject: Option<&str>) {
        let subject = subject.map(str::to_owned);
        self.sight.unsure.insert((self.rule.to_owned(), subject));
    }
}

impl Lookout {
    /// Looks at `app` by the rules of `config`; `started` is when the process began.
    pub fn new(config: NotifyConfig, app: Arc<App>, started: DateTime<Utc>) -> Self {
        Self {
            config,
            app,
            started,
            settled: Settled::default(),
            waiting: HashMap::new(),
            silences: HashMap::new(),
        }
    }

    /// What is wrong at `now`. `ledger` says what was told; `seen` is what was looked at already.
    pub(super) async fn look(
        &mut self,
        ledger: &Ledger,
        seen: &mut Seen,
        now: DateTime<Utc>,
    ) -> Sight {
        let app = Arc::clone(&self.app);
        let rules = self.config.rules.clone();
        if rules.values().any(needs_arrivals) {
            self.settled.look(&app, seen, now).await;
        }
        self.note_waiting(&app, now);
        let mut sight = Sight::default();
        for (name, rule) in &rules {
            let mut notes = Notes {
                rule: name,
                after: rule.after(),
                sight: &mut sight,
            };
            match rule.when {
                Trigger::CollectorFailed => collectors(&app, rule, &mut notes),
                Trigger::ContributionRejected => {
                    seen.rejected(&app, rule, |subject, since, title, text| {
                        notes.add(subject, Some(since), title, text);
                    });
                }
                Trigger::NoData if rule.coordinate.is_some() => {
                    self.silent_values(name, rule, ledger, &mut notes, now)
                        .await;
                }
                Trigger::NoData => self.silent(name, rule, ledger, seen, &mut notes, now),
                Trigger::StoreUnreachable => store_unreachable(&app, rule, &mut notes),
                Trigger::DatasetFailed => dataset_failed(&app, rule, &mut notes),
                Trigger::TakenOver => taken_over(&app, rule, &mut notes),
                Trigger::FoldStuck => self.stuck(&app, rule, &mut notes, now),
            }
        }
        seen.forget(now, &self.config);
        sight
    }

    /// Takes note of the oldest contribution that waits for each node.
    fn note_waiting(&mut self, app: &App, now: DateTime<Utc>) {
        for dataset in app.open_datasets() {
            for path in dataset.nodes.keys() {
                let key = (dataset.name.clone(), path.clone());
                match dataset.journal.waiting(path, 1, 1).first() {
                    None => {
                        self.waiting.remove(&key);
                    }
                    Some(first) => {
                        let seq = first.header.seq;
                        let known = self.waiting.entry(key).or_insert((seq, now));
                        if known.0 != seq {
                            *known = (seq, now);
                        }
                    }
                }
            }
        }
    }

    fn stuck(&self, app: &App, rule: &RuleConfig, notes: &mut Notes<'_>, now: DateTime<Utc>) {
        for dataset in of(app, rule).filter(|dataset| !dataset.journal.is_fenced()) {
            let troubles = dataset.troubles();
            for path in dataset.nodes.keys() {
                let subject = place(&dataset.name, path);
                let key = (dataset.name.clone(), path.clone());
                let waits = self.waiting.get(&key).map(|(_, since)| *since);
                let is_late = waits.is_some_and(|since| now - since >= delta(rule.after()));
                let reason = match troubles.get(path) {
                    Some(trouble) => trouble.clone(),
                    None if is_late => "the oldest that waits is still not merged".to_owned(),
                    None => continue,
                };
                let n = dataset.journal.n_waiting();
                let title = format!("what arrives for `{subject}` is not merged");
                let text = format!(
                    "{reason}. {n} contributions wait; they are in the journal and are merged when this is over."
                );
                notes.add(&subject, waits, title, text);
            }
        }
    }

    /// Endpoints and nodes that nothing came to.
    fn silent(
        &mut self,
        name: &str,
        rule: &RuleConfig,
        ledger: &Ledger,
        seen: &mut Seen,
        notes: &mut Notes<'_>,
        now: DateTime<Utc>,
    ) {
        let is_early = self.is_early(rule, now);
        let mut judge = |subject: &str, last: Option<DateTime<Utc>>, what: String| {
            let watched = seen.watched_since(name, subject, now);
            let silent_since = last.unwrap_or(watched);
            if now - silent_since < delta(rule.after()) {
                return;
            }
            if is_early && !ledger.is_told(name, subject) {
                return notes.unsure(Some(subject));
            }
            let title = match last {
                Some(last) => format!("no data {what} since {}", minutes(last)),
                None => format!("no data {what} so far"),
            };
            let text = "Look whether the sender runs and reaches the service; what is refused is in the log and in `zf log`.";
            notes.after = Duration::ZERO;
            notes.add(subject, Some(silent_since), title, text.to_owned());
        };
        for endpoint in &rule.endpoints {
            let last = self.settled.last_arrival(&self.app, endpoint);
            judge(endpoint, last, format!("through `{endpoint}`"));
        }
        if let (Some(node), Some(dataset)) = (&rule.node, of(&self.app, rule).next()) {
            let subject = place(&dataset.name, node);
            let last = dataset.journal.last_arrival(node);
            judge(&subject, last, format!("for `{subject}`"));
        }
    }

    /// Whether the service has just begun to watch.
    fn is_early(&self, rule: &RuleConfig, now: DateTime<Utc>) -> bool {
        now - self.started < START_GRACE.min(delta(rule.after()))
    }

    /// Values of a coordinate that have no data.
    async fn silent_values(
        &mut self,
        name: &str,
        rule: &RuleConfig,
        ledger: &Ledger,
        notes: &mut Notes<'_>,
        now: DateTime<Utc>,
    ) {
        let (Some(path), Some(coordinate)) = (&rule.node, &rule.coordinate) else {
            return;
        };
        let Some(dataset) = of(&self.app, rule).next() else {
            return;
        };
        let silence = self
            .silences
            .entry(name.to_owned())
            .or_insert_with(|| Silence::new(rule.after(), now));
        let node = dataset.node(path.trim_matches('/'));
        let looked = match node {
            Some(node) => silence.look(node, coordinate, &rule.values, now).await,
            None => Err(SilenceError::NoNode(path.clone())),
        };
        let silent = match looked {
            Ok(silent) => silent,
            Err(error) => {
                if silence.is_first_error() {
                    tracing::warn!(
                        notify.rule = name,
                        "The rule `{name}` cannot tell what is silent: {}",
                        whole(&error).reason
                    );
                }
                return notes.unsure(None);
            }
        };
        let is_early = self.is_early(rule, now);
        let node = place(&dataset.name, path);
        for (value, last) in silent {
            let subject = format!("{node}?{coordinate}={value}");
            if is_early && !ledger.is_told(name, &subject) {
                notes.unsure(Some(&subject));
                continue;
            }
            let title = if let Some(last) = last {
                format!(
                    "no data for {coordinate} `{value}` in `{node}` since {}",
                    minutes(last)
                )
            } else {
                let hours = delta(rule.after());
                format!(
                    "no data for {coordinate} `{value}` in `{node}` since before {}",
                    minutes(now - hours)
                )
            };
            let text =
                "Look whether it is in order and its data are sent; times are those of the data.";
            notes.after = Duration::ZERO;
            notes.add(&subject, last, title, text.to_owned());
        }
    }
}

fn needs_arrivals(rule: &RuleConfig) -> bool {
    let is_no_data = rule.when == Trigger::NoData && !rule.endpoints.is_empty();
    is_no_data || rule.when == Trigger::ContributionRejected
}

/// Whether a rule concerns a dataset.
fn concerns(rule: &RuleConfig, name: &str) -> bool {
    rule.dataset.as_ref().is_none_or(|dataset| dataset == name)
}

/// The datasets that a rule concerns, of those that are open.
fn of(app: &App, rule: &RuleConfig) -> impl Iterator<Item = Arc<Dataset>> {
    let datasets = app.open_datasets();
    datasets.filter(|dataset| concerns(rule, &dataset.name))
}

/// Collectors that failed several times in a row, or cannot do what they should.
fn collectors(app: &App, rule: &RuleConfig, notes: &mut Notes<'_>) {
    let times = u64::from(rule.times.unwrap_or(3));
    let is_meant = |name: &String| rule.collectors.is_empty() || rule.collectors.contains(name);
    for (name, collecting) in app.collectors.iter().filter(|(name, _)| is_meant(name)) {
        let status = collecting.collector.status();
        let n = status.n_failed_in_a_row;
        let last = status.last.as_ref().filter(|last| !last.is_good());
        let (title, reason) = if n >= times {
            notes.after = Duration::ZERO;
            let reason = last.and_then(|last| last.errors.first().cloned());
            let title = format!("the collector `{name}` failed {n} times in a row");
            (title, reason.unwrap_or_default())
        } else if let Some(trouble) = status.trouble {
            notes.after = rule.after();
            (format!("the collector `{name}` cannot work"), trouble)
        } else {
            continue;
        };
        let text = format!("{reason}. See GET /api/v1/collectors and the log.");
        notes.add(name, None, title, text);
    }
}

fn store_unreachable(app: &App, rule: &RuleConfig, notes: &mut Notes<'_>) {
    for dataset in of(app, rule) {
        if let Err(AppendError::Store(error)) = dataset.journal.check_writable() {
            let name = &dataset.name;
            let title = format!("the journal of `{name}` cannot be written: nothing is taken");
            let reason = whole(&*error).reason;
            let text = format!(
                "{reason}. Senders are told to come back; nothing that was acknowledged is lost."
            );
            notes.add(name, None, title, text);
        }
    }
}

fn dataset_failed(app: &App, rule: &RuleConfig, notes: &mut Notes<'_>) {
    let slots = app.datasets.values();
    for slot in slots.filter(|slot| concerns(rule, &slot.name)) {
        let name = &slot.name;
        let not_open = slot.dataset().err().filter(|error| error.has_failed);
        if let Some(error) = not_open {
            let title = format!("the dataset `{name}` is not open");
            let text = format!(
                "{}. It is tried again and again, and when files of the configuration change; the other datasets serve on.",
                error.reason
            );
            notes.add(name, Some(error.since), title, text);
        } else if let Some(reason) = slot.refused() {
            let title = format!("an edit of the dataset `{name}` does not take effect");
            let text = format!("{reason}. The dataset serves on as it was before.");
            notes.add(name, None, title, text);
        }
    }
}

fn taken_over(app: &App, rule: &RuleConfig, notes: &mut Notes<'_>) {
    for dataset in of(app, rule).filter(|dataset| dataset.journal.is_fenced()) {
        let name = &dataset.name;
        let title = format!("another zf process has taken over the dataset `{name}`");
        let text = "This one answers queries from what it knows and takes nothing more. If the other one is meant to go on, stop this one; else stop the other one and start this one again.";
        notes.add(name, None, title, text.to_owned());
    }
}

fn minutes(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
