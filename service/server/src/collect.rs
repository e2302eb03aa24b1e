//! The collectors of the service: made from the configuration, run as tasks, contributing to the journal.

mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::Utc;
use indexmap::IndexMap;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use zarr_fuse_collectors::{
    Clock, Collector,
    hosts::Hosts,
    mqtt::Subscribed,
    scheduled::{Destination, Scheduled, Settings, SetupError},
    sink::{Contribution, Sink, SinkError, Taken, Verdict},
};
use zarr_fuse_decode::{Content, content_of_file};
use zarr_fuse_journal::{AppendError, NewContribution, outcome::Status};
use zarr_fuse_store::{StoreError, keys};

use crate::config::{CollectorConfig, Config, StoreConfig};
use crate::endpoint::{Endpoint, OpenEndpoint};

/// A collector and where its contributions go.
#[derive(Debug)]
pub struct Collecting {
    /// What it does.
    pub collector: Collector,
    /// The endpoint it contributes to.
    pub endpoint: Endpoint,
    /// What it was made of.
    made_of: MadeOf,
}

/// All that decides what a collector does; equal ones do the same.
#[derive(Debug, PartialEq)]
struct MadeOf {
    settings: CollectorConfig,
    store: StoreConfig,
    folder: PathBuf,
    endpoint: String,
    dataset: String,
    node: String,
    /// The schema of the dataset, and tables that are iterated over.
    files: Vec<(PathBuf, Option<Vec<u8>>)>,
}

impl MadeOf {
    fn of(config: &Config, settings: &CollectorConfig, endpoint: &Endpoint) -> Self {
        let dataset = config.datasets.by_name.get(endpoint.dataset());
        let schema = dataset.map(|dataset| dataset.schema.clone());
        let tables = settings.iterate.iter();
        let tables = tables.filter_map(|step| step.dataframe_path.as_deref());
        let tables = tables.map(|file| config.folder().join(file));
        let read = |file: PathBuf| {
            let bytes = std::fs::read(&file).ok();
            (file, bytes)
        };
        Self {
            settings: settings.clone(),
            store: config.store.clone(),
            folder: config.folder().to_owned(),
            endpoint: endpoint.name.clone(),
            dataset: endpoint.dataset().to_owned(),
            node: endpoint.node.clone(),
            files: schema.into_iter().chain(tables).map(read).collect(),
        }
    }
}

/// By name, in the order of the configuration.
pub type Collectors = IndexMap<String, Arc<Collecting>>;

/// Makes the enabled collectors of `config`, or takes those of `former` that would be the same; `endpoints` are those of the
/// service, `hosts` what collectors do at each host.
///
/// # Errors
/// The name of a collector that cannot be made, and why.
pub(crate) fn all(
    config: &Config,
    endpoints: &IndexMap<String, Endpoint>,
    hosts: &Hosts,
    clock: &Clock,
    former: Option<&Collectors>,
) -> Result<Collectors, (String, SetupError)> {
    let mut collectors = Collectors::new();
    for (name, settings) in &config.collectors {
        let endpoint = endpoints.get(settings.endpoint(name));
        let Some(endpoint) = endpoint.filter(|_| settings.enabled) else {
            continue;
        };
        let made_of = MadeOf::of(config, settings, endpoint);
        let same = former.and_then(|former| former.get(name)).filter(|former| {
            former.made_of == made_of && Arc::ptr_eq(&former.endpoint.slot, &endpoint.slot)
        });
        if let Some(same) = same {
            collectors.insert(name.clone(), Arc::clone(same));
            continue;
        }
        let collector = make(config, name, settings, hosts, clock);
        let collector = collector.map_err(|error| (name.clone(), error))?;
        let endpoint = endpoint.clone();
        let collecting = Collecting {
            collector,
            endpoint,
            made_of,
        };
        collectors.insert(name.clone(), Arc::new(collecting));
    }
    Ok(collectors)
}

/// Makes one collector; `hosts` are those of all.
///
/// # Errors
/// [`SetupError`].
pub fn make(
    config: &Config,
    name: &str,
    settings: &CollectorConfig,
    hosts: &Hosts,
    clock: &Clock,
) -> Result<Collector, SetupError> {
    let schema = config.collector_schema(name, settings);
    let destination = Destination {
        endpoint: settings.endpoint(name).to_owned(),
        node: settings.relative_node().to_owned(),
        content_type: settings.content_type.clone(),
        content_encoding: settings.content_encoding.clone(),
    };
    let folder = config.folder();
    if let Some(mqtt) = &settings.mqtt {
        let subscribed = Subscribed::new(name, destination, mqtt, folder, clock.clone());
        return Ok(Collector::Subscribed(
            subscribed.map_err(SetupError::Faults)?,
        ));
    }
    if let Some(watch) = watch::make(config, name, settings, &destination, clock) {
        return watch.map(Collector::Watch);
    }
    let source = settings.source(folder, schema.as_ref());
    let source = source.ok_or_else(|| SetupError::Faults(Vec::new()))?;
    let settings = Settings {
        name: name.to_owned(),
        destination,
        catch_up: settings.catch_up,
        run_timeout: settings.run_timeout,
    };
    let scheduled = Scheduled::new(settings, source, hosts.clone(), clock.clone())?;
    Ok(Collector::Scheduled(scheduled))
}

impl CollectorConfig {
    /// The endpoint that contributions go to.
    pub fn endpoint<'a>(&'a self, name: &'a str) -> &'a str {
        self.endpoint.as_deref().unwrap_or(name)
    }

    /// The node, relative to the endpoint: an endpoint of the collector's own has it already.
    fn relative_node(&self) -> &str {
        if self.endpoint.is_some() {
            &self.target_node
        } else {
            ""
        }
    }
}

impl Collecting {
    /// Collects into the journal until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let sink = self.sink();
        self.collector.run(&sink, &stop).await;
    }

    /// The journal of the collector's dataset.
    pub fn sink(&self) -> JournalSink {
        JournalSink::new(self.collector.name(), self.endpoint.clone())
    }
}

/// Contributes to the journal of a dataset; what collectors remember lies beside it.
#[derive(Debug)]
pub struct JournalSink {
    sender: String,
    endpoint: Endpoint,
}

impl JournalSink {
    /// Contributions of `collector` to `endpoint`.
    pub fn new(collector: &str, endpoint: Endpoint) -> Self {
        Self {
            sender: format!("collector:{collector}"),
            endpoint,
        }
    }

    /// The endpoint, if its dataset is open.
    fn open(&self) -> Result<OpenEndpoint, SinkError> {
        self.endpoint
            .open()
            .map_err(|error| later(&error, Some(error.retry_after)))
    }

    /// What the journal takes.
    ///
    /// # Errors
    /// [`SinkError::Refused`] if nothing reads such bytes, [`SinkError::Later`] if there is no such node or endpoint, which the
    /// configuration is to be mended for.
    pub fn new_contribution(
        &self,
        contribution: Contribution,
    ) -> Result<NewContribution, SinkError> {
        let endpoint = &self.open()?;
        let node = endpoint
            .target(&contribution.node)
            .ok_or_else(|| SinkError::Later {
                reason: format!(
                    "the endpoint `{}` has no node `{}`; it has `{}`",
                    endpoint.name,
                    contribution.node,
                    endpoint.targets().join("`, `")
                ),
                after: None,
            })?;
        let content = content(&contribution);
        let decoders = &endpoint.dataset.decoders;
        let refused = |error: &dyn std::error::Error| SinkError::Refused(error.to_string());
        let decoder = decoders
            .get(&endpoint.name)
            .map_err(|error| later(&error, None))?;
        decoder.accepts(&content).map_err(|error| refused(&error))?;
        Ok(NewContribution {
            endpoint: endpoint.name.clone(),
            node: node.schema.path.clone(),
            content_type: content.content_type,
            content_encoding: content.content_encoding,
            received_at: Utc::now(),
            sender: Some(self.sender.clone()),
            address: None,
            idempotency_key: Some(contribution.idempotency_key),
            variables: contribution.variables,
            payload: contribution.payload.into(),
        })
    }
}

/// What the bytes are: as the source says, or else as the name of the file does.
fn content(contribution: &Contribution) -> Content {
    let said = contribution.content_type.trim();
    let by_name = content_of_file(Path::new(&contribution.file_name));
    let is_vague = said.is_empty() || said.starts_with("application/octet-stream");
    if is_vague && contribution.content_encoding.is_none() {
        return by_name;
    }
    let content_type = if is_vague {
        by_name.content_type
    } else {
        said.to_owned()
    };
    Content {
        content_type,
        content_encoding: contribution.content_encoding.clone(),
    }
}

#[async_trait]
impl Sink for JournalSink {
    async fn contribute(&self, contribution: Contribution) -> Result<Taken, SinkError> {
        let new = self.new_contribution(contribution)?;
        let receipt = self
            .open()?
            .dataset
            .contribute(new)
            .await
            .map_err(|error| match error {
                AppendError::KeyReused { .. } => SinkError::Refused(error.to_string()),
                AppendError::Fenced { .. } => later(&error, Some(Duration::from_mins(1))),
                error => later(&error, None),
            })?;
        Ok(Taken {
            id: receipt.id,
            replayed: receipt.replayed,
        })
    }

    async fn outcome(&self, id: Uuid) -> Result<Verdict, SinkError> {
        let dataset = self.open()?.dataset;
        let entry = dataset.journal.entry(id);
        let entry =
            entry.ok_or_else(|| SinkError::Refused(format!("there is no contribution {id}")))?;
        let outcome = self.endpoint.slot.settled(dataset, entry.header.seq).await;
        let text = serde_json::to_string_pretty(&*outcome);
        Ok(Verdict {
            is_rejected: outcome.status == Status::Rejected,
            text: text.expect("an outcome has only string keys"),
        })
    }

    async fn remembered(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        let dataset = self.open()?.dataset;
        let store = dataset.journal.store();
        store.get(&keys::collector(name)).await.map_err(unavailable)
    }

    async fn remember(&self, name: &str, bytes: Vec<u8>) -> Result<(), SinkError> {
        let dataset = self.open()?.dataset;
        let store = dataset.journal.store();
        store
            .put(&keys::collector(name), bytes)
            .await
            .map_err(unavailable)
    }
}

fn later(error: &dyn std::error::Error, after: Option<Duration>) -> SinkError {
    SinkError::Later {
        reason: zarr_fuse_schemas::row_problem::whole(error).reason,
        after,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped with")]
fn unavailable(error: StoreError) -> SinkError {
    later(&error, None)
}
