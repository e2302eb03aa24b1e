//! Tells people of problems: what is wrong is looked at every few seconds, and each problem is told once when it begins,
//! again while it lasts, and once when it is over.
//!
//! `Lookout::look` finds what is wrong now; it only reads what the service knows. The [`ledger`] compares that with
//! what was told already and says what to tell. The [`outbox`] keeps messages until they are delivered, tries again, and is
//! bounded. Nothing here stands in the way of contributions: whoever appends or folds never waits for a message.
//!
//! What was told and what is to be delivered outlives a reload in memory, and a restart in an object beside the journal of
//! the first dataset ([`keys::TOLD`]).

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zarr_fuse_store::keys;

use crate::app::App;
use crate::config::{LOG, NotifyConfig};

mod email;
pub mod ledger;
mod look;
mod message;
pub mod outbox;
mod silence;
#[cfg(test)]
mod tests;
pub(crate) mod webhook;

use ledger::Ledger;
pub use look::Lookout;
pub use message::{Item, Message, Stage};
use outbox::Outbox;

/// Longest time between two writes of what is known, if nothing was told meanwhile.
const SAVE_INTERVAL: TimeDelta = TimeDelta::minutes(1);

/// What was told and what is to be delivered; kept by who runs the service, so that a reload does not forget it.
#[derive(Debug)]
pub struct Told {
    /// When the process began.
    started: DateTime<Utc>,
    state: Mutex<Option<State>>,
    /// Wakes who delivers.
    added: Notify,
}

/// See [`Told`].
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    ledger: Ledger,
    seen: look::Seen,
    outbox: Outbox,
}

impl Told {
    /// Nothing yet; `started` is when the process began.
    pub fn new(started: DateTime<Utc>) -> Self {
        Self {
            started,
            state: Mutex::default(),
            added: Notify::new(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(self.state.lock().get_or_insert_default())
    }

    /// Reads what an earlier process told, unless this one knows better already.
    async fn recall(&self, app: &App) {
        if self.state.lock().is_some() {
            return;
        }
        let Some(slot) = app.datasets.values().next() else {
            return;
        };
        let Ok(dataset) = slot.dataset() else {
            return;
        };
        let state = match dataset.journal.store().get(keys::TOLD).await {
            Ok(None) => State::default(),
            Ok(Some(bytes)) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(
                    "What was told of problems cannot be read and is told again: {error}"
                );
                State::default()
            }),
            Err(error) => {
                tracing::warn!(
                    "What was told of problems cannot be read and is told again: {error}"
                );
                State::default()
            }
        };
        self.state.lock().get_or_insert(state);
    }

    /// Keeps what was told for the next process. That it cannot be kept is no problem of its own.
    async fn keep(&self, app: &App) {
        let first = app.datasets.values().next();
        let Some(Ok(dataset)) = first.map(|slot| slot.dataset()) else {
            return;
        };
        if dataset.journal.check_writable().is_err() {
            return;
        }
        let bytes = self.with(|state| serde_json::to_vec(state));
        let bytes = bytes.expect("keys are texts and numbers are finite");
        if let Err(error) = dataset.journal.store().put(keys::TOLD, bytes).await {
            tracing::debug!("What was told of problems cannot be kept: {error}");
        }
    }
}

/// Looks for problems and tells of them until `stop`.
pub async fn run(config: NotifyConfig, app: Arc<App>, told: Arc<Told>, stop: CancellationToken) {
    told.recall(&app).await;
    let channels = outbox::channels(&config);
    let deliveries = channels
        .into_iter()
        .map(|channel| outbox::deliver(channel, Arc::clone(&told), stop.clone()));
    tokio::join!(
        watch(&config, &app, &told, &stop),
        futures::future::join_all(deliveries)
    );
    told.keep(&app).await;
}

async fn watch(config: &NotifyConfig, app: &Arc<App>, told: &Told, stop: &CancellationToken) {
    let mut lookout = Lookout::new(config.clone(), Arc::clone(app), told.started);
    let mut kept_at = Utc::now();
    loop {
        let now = Utc::now();
        let has_told = lookout.tell(told, now).await;
        if has_told || now - kept_at >= SAVE_INTERVAL {
            told.keep(app).await;
            kept_at = now;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(config.interval) => {}
        }
    }
}

impl Lookout {
    /// Looks for problems, and hands over what is to be told of them; gives whether that was anything.
    pub async fn tell(&mut self, told: &Told, now: DateTime<Utc>) -> bool {
        let before = told.with(|state| (state.ledger.clone(), state.seen.clone()));
        let (ledger, mut seen) = before;
        let sight = self.look(&ledger, &mut seen, now).await;
        let messages = told.with(|state| {
            state.seen = seen;
            let news = state.ledger.update(&self.config, &sight, now);
            message::messages(&self.config, news, now)
        });
        for message in &messages {
            if self.config.tells(&message.rule, LOG) {
                message.log();
            }
        }
        let is_any = !messages.is_empty();
        told.with(|state| {
            for message in messages {
                for channel in self.config.channels.keys() {
                    if self.config.tells(&message.rule, channel) {
                        state.outbox.push(channel, message.clone());
                    }
                }
            }
        });
        told.added.notify_waiters();
        is_any
    }
}

impl NotifyConfig {
    /// Whether what a rule finds goes to a channel.
    fn tells(&self, rule: &str, channel: &str) -> bool {
        let tell = self.rules.get(rule).and_then(|rule| rule.tell.as_ref());
        tell.is_none_or(|tell| tell.iter().any(|name| name == channel))
    }
}

/// A span as a clock counts it.
fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
