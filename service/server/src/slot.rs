//! One configured dataset as requests find it: open, being opened, or failed.
//!
//! A slot lasts as long as the dataset is configured, however often it is opened anew. Requests take what it holds at their
//! beginning and keep it to their end.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::RwLock;
use tokio::sync::watch;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::outcome::Outcome;
use zarr_fuse_schemas::Schema;

/// How long a client is to wait before it asks again for a dataset that is being opened.
const OPENING_PAUSE: Duration = Duration::from_secs(2);
/// Longest such pause.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// See the module.
#[derive(Debug)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// The schema that is configured; what is open may still be of the former one.
    schema: RwLock<Arc<Schema>>,
    state: RwLock<State>,
    /// Changes with the state.
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    holds: Holds,
    /// Since when it holds that.
    since: DateTime<Utc>,
    /// Why what is configured is not what is open.
    refused: Option<String>,
}

#[derive(Debug)]
enum Holds {
    Opening,
    Open {
        dataset: Arc<Dataset>,
        /// The newest contribution when it was opened. Ready means that these are folded.
        recovered: u64,
    },
    Failed {
        reason: String,
        next_try: DateTime<Utc>,
    },
}

/// Why a dataset that is configured cannot be used at present.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the dataset `{dataset}` is not open: {reason}")]
pub struct NotOpen {
    /// The dataset.
    pub dataset: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Whether it was tried and failed; else it is being opened.
    pub has_failed: bool,
    /// When to ask again.
    pub retry_after: Duration,
}

impl Slot {
    /// A dataset that is to be opened.
    pub fn opening(name: &str, schema: Arc<Schema>) -> Self {
        Self::holding(name, schema, Holds::Opening)
    }

    /// A dataset that is open.
    pub fn open(dataset: Arc<Dataset>) -> Self {
        let (name, schema) = (dataset.name.clone(), Arc::clone(&dataset.schema));
        let recovered = dataset.journal.last_seq();
        Self::holding(&name, schema, Holds::Open { dataset, recovered })
    }

    fn holding(name: &str, schema: Arc<Schema>, holds: Holds) -> Self {
        Self {
            name: name.to_owned(),
            schema: RwLock::new(schema),
            state: RwLock::new(State {
                holds,
                since: Utc::now(),
                refused: None,
            }),
            changes: watch::Sender::default(),
        }
    }

    /// The dataset, if it is open.
    ///
    /// # Errors
    /// [`NotOpen`] says why it is not.
    pub fn dataset(&self) -> Result<Arc<Dataset>, NotOpen> {
        let state = self.state.read();
        let (reason, retry_after, has_failed) = match &state.holds {
            Holds::Open { dataset, .. } => return Ok(Arc::clone(dataset)),
            Holds::Opening => ("it is being opened".to_owned(), OPENING_PAUSE, false),
            Holds::Failed { reason, next_try } => {
                let pause = (*next_try - Utc::now()).to_std().unwrap_or_default();
                let pause = pause.clamp(Duration::from_secs(1), MAX_PAUSE);
                (reason.clone(), pause, true)
            }
        };
        Err(NotOpen {
            dataset: self.name.clone(),
            reason,
            since: state.since,
            has_failed,
            retry_after,
        })
    }

    /// The newest contribution that the journal held when the dataset was opened.
    pub fn recovered(&self) -> u64 {
        match &self.state.read().holds {
            Holds::Open { recovered, .. } => *recovered,
            Holds::Opening | Holds::Failed { .. } => 0,
        }
    }

    /// Why what is configured for the dataset does not take effect, if it does not.
    pub fn refused(&self) -> Option<String> {
        self.state.read().refused.clone()
    }

    /// The schema that is configured.
    pub fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.schema.read())
    }

    /// Changes whenever the dataset is opened, fails or is taken back.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The outcome of frame `seq` of `dataset`, as soon as there is one, also if the dataset is opened again meanwhile.
    pub async fn settled(&self, mut dataset: Arc<Dataset>, seq: u64) -> Arc<Outcome> {
        loop {
            tokio::select! {
                outcome = dataset.journal.settled(seq) => return outcome,
                () = dataset.journal.retired() => {}
            }
            dataset = self.successor(&dataset).await;
        }
    }

    /// What is open in place of `former`, once something is; if it lies elsewhere, never.
    pub async fn successor(&self, former: &Dataset) -> Arc<Dataset> {
        let mut changes = self.changes();
        loop {
            if let Ok(dataset) = self.dataset()
                && !std::ptr::eq(&raw const *dataset, former)
                && dataset.journal.store().url() == former.journal.store().url()
            {
                return dataset;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Another schema is configured.
    pub(crate) fn set_schema(&self, schema: Arc<Schema>) {
        *self.schema.write() = schema;
    }

    /// It is open from now on.
    pub(crate) fn set_open(&self, dataset: Arc<Dataset>) {
        let recovered = dataset.journal.last_seq();
        self.set(Holds::Open { dataset, recovered });
    }

    /// It cannot be opened, or has broken down, and is tried again at `next_try`.
    pub(crate) fn set_failed(&self, reason: String, next_try: DateTime<Utc>) {
        self.set(Holds::Failed { reason, next_try });
    }

    /// What is configured does not take effect for `reason`; `None`: it does.
    pub(crate) fn set_refused(&self, reason: Option<String>) {
        self.state.write().refused = reason;
        self.changes.send_modify(|n| *n += 1);
    }

    fn set(&self, holds: Holds) {
        let mut state = self.state.write();
        let was_failed = matches!(state.holds, Holds::Failed { .. });
        // A failure lasts over the tries that come to nothing.
        let lasts = was_failed && matches!(holds, Holds::Failed { .. });
        let since = if lasts { state.since } else { Utc::now() };
        *state = State {
            holds,
            since,
            refused: None,
        };
        drop(state);
        self.changes.send_modify(|n| *n += 1);
    }
}
