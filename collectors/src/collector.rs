//! What all collectors have in common.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::mqtt::Subscribed;
use crate::scheduled::Scheduled;
use crate::sink::Sink;
use crate::status::Status;
use crate::watch::Watch;

/// A collector of any kind.
#[derive(Debug, Clone)]
pub enum Collector {
    /// Asks over HTTP on schedule.
    Scheduled(Arc<Scheduled>),
    /// Takes what an MQTT broker delivers.
    Subscribed(Arc<Subscribed>),
    /// Contributes what appears in a folder or a store.
    Watch(Arc<Watch>),
}

impl Collector {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Scheduled(collector) => collector.name(),
            Self::Subscribed(collector) => collector.name(),
            Self::Watch(collector) => collector.name(),
        }
    }

    /// What kind it is, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scheduled(_) => "http",
            Self::Subscribed(_) => "mqtt",
            Self::Watch(collector) => collector.kind(),
        }
    }

    /// When it runs, as configured; empty if it waits for what comes.
    pub fn schedules(&self) -> Vec<String> {
        match self {
            Self::Scheduled(collector) => collector.schedules(),
            Self::Subscribed(_) => Vec::new(),
            Self::Watch(collector) => vec![collector.schedule()],
        }
    }

    /// What it does.
    pub fn status(&self) -> Status {
        match self {
            Self::Scheduled(collector) => collector.status(),
            Self::Subscribed(collector) => collector.status(),
            Self::Watch(collector) => collector.status(),
        }
    }

    /// Asks for a run now; false if there is nothing to run.
    pub fn ask(&self) -> bool {
        match self {
            Self::Scheduled(collector) => collector.ask(),
            Self::Subscribed(_) => return false,
            Self::Watch(collector) => collector.ask(),
        }
        true
    }

    /// Collects until `stop`.
    pub async fn run(&self, sink: &dyn Sink, stop: &CancellationToken) {
        match self {
            Self::Scheduled(collector) => collector.run(sink, stop).await,
            Self::Subscribed(collector) => collector.run(sink, stop).await,
            Self::Watch(collector) => collector.run(sink, stop).await,
        }
    }
}
