//! What all requests share: the opened datasets, the endpoints, the bounds. Built once.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::{Clock, hosts::Hosts, scheduled::SetupError};
use zarr_fuse_decode::DecodeSetupError;
use zarr_fuse_fusion::dataset::{Dataset, OpenError};
use zarr_fuse_journal::outcome::Outcome;
use zarr_fuse_query::Room;
use zarr_fuse_schemas::SchemaError;
use zarr_fuse_store::{StoreError, probe::Report};

use crate::collect::{self, Collectors};
use crate::config::{Auth, Config, EndpointConfig, LimitsConfig};
use crate::door::Door;
use crate::endpoint::{self, Endpoint, EndpointError};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::slot::{NotOpen, Slot};
use crate::who::{Rates, SignIn, SignInError};

mod bodies;
mod open;
mod places;

pub use bodies::Bodies;
pub(crate) use open::Plan;
pub use open::{Configured, Which, configured};

/// See the module. An edit of the files makes another one, which shares with the former one what has not changed; requests
/// keep the one they began with.
#[derive(Debug)]
pub struct App {
    /// By name, in the order of the configuration.
    pub datasets: IndexMap<String, Arc<Slot>>,
    /// By name: the configured ones, then those that datasets have under their own names.
    pub endpoints: IndexMap<String, Endpoint>,
    /// By name.
    pub collectors: Collectors,
    /// Who may do what.
    pub sign_in: Arc<SignIn>,
    /// Bounds on what clients may use.
    pub limits: LimitsConfig,
    /// Room for the bodies of requests.
    pub bodies: Arc<Bodies>,
    /// Room for answers.
    pub answers: Room,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What happens, for those who follow it.
    pub events: Arc<Events>,
    /// How often each sender asks for corrections.
    pub(crate) corrections: Arc<Rates>,
    /// Cancelled when the service stops.
    pub stop: CancellationToken,
    /// Cancelled when another one takes its place, or the service stops.
    pub superseded: CancellationToken,
    /// Where work runs that takes its time: request threads only read and write requests.
    pub runtime: Handle,
    /// What collectors do at each host.
    hosts: Hosts,
    clock: Clock,
    /// How commands on this machine come in, once the service listens.
    pub(crate) door: Arc<OnceLock<Door>>,
    /// What `sign_in` was made of.
    auth: Option<Auth>,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A schema has problems.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A store has no usable address.
    #[error("the store of the dataset `{dataset}` cannot be opened")]
    Store {
        /// The dataset.
        dataset: String,
        /// Cause.
        source: StoreError,
    },
    /// Data could be lost in a store.
    #[error(
        "the store `{}` of the dataset `{dataset}` is not safe; `zf doctor` tells more\n{report}", report.url
    )]
    Unsafe {
        /// The dataset.
        dataset: String,
        /// What was tried.
        report: Report,
    },
    /// A dataset cannot be opened.
    #[error("the dataset `{dataset}` cannot be opened")]
    Open {
        /// The dataset.
        dataset: String,
        /// Cause.
        source: Box<OpenError>,
    },
    /// Datasets would write into one another.
    #[error("{}", .0.join("; "))]
    Shared(Vec<String>),
    /// An endpoint names what is not there.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Large bodies have no place to go.
    #[error(
        "temporary files cannot be made in `{}`; name another folder in `limits.spool_folder`", .folder.display()
    )]
    Spool {
        /// The folder.
        folder: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// The `decode` of an endpoint cannot be used.
    #[error("the endpoint `{endpoint}` cannot decode")]
    Decode {
        /// The endpoint.
        endpoint: String,
        /// Cause.
        source: DecodeSetupError,
    },
    /// A collector cannot be made.
    #[error("the collector `{collector}` cannot run")]
    Collector {
        /// The collector.
        collector: String,
        /// Cause.
        source: SetupError,
    },
    /// Nobody could sign in.
    #[error(transparent)]
    SignIn(#[from] SignInError),
}

impl App {
    /// Opens every dataset of `config`; returns when each of them takes contributions.
    ///
    /// # Errors
    /// [`AppError`] names the dataset or endpoint at fault.
    pub async fn build(config: Config, stop: CancellationToken) -> Result<Arc<Self>, AppError> {
        Self::build_at(config, &Clock::system(), stop).await
    }

    /// The same, where `clock` tells collectors the time.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub async fn build_at(
        config: Config,
        clock: &Clock,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, AppError> {
        let mut slots = Vec::new();
        for plan in Plan::all(&config)? {
            slots.push(Arc::new(Slot::open(plan.open().await?)));
        }
        Self::of_config(&config, slots, clock, stop)
    }

    /// The service that `config` describes, with its datasets in `slots`.
    ///
    /// # Errors
    /// [`AppError`] names what is wrong with the configuration.
    pub(crate) fn of_config(
        config: &Config,
        slots: Vec<Arc<Slot>>,
        clock: &Clock,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, AppError> {
        let sign_in = Arc::new(SignIn::new(config.auth.as_ref())?);
        let limits = limits(config);
        let mut app = Self::assemble(slots, &config.endpoints, sign_in, limits, stop)?;
        app.clock = clock.clone();
        app.auth.clone_from(&config.auth);
        app.collect(config, None)?;
        Ok(Arc::new(app))
    }

    /// The service that `config` describes after this one. What is the same is shared: counters, events, places, who signs in,
    /// collectors.
    ///
    /// # Errors
    /// As [`Self::of_config`].
    pub(crate) fn succeeded_by(
        &self,
        config: &Config,
        slots: Vec<Arc<Slot>>,
    ) -> Result<Arc<Self>, AppError> {
        // Failed attempts are not forgotten, nor passwords that were checked; the file of tokens is followed by itself.
        let sign_in = if self.auth == config.auth {
            Arc::clone(&self.sign_in)
        } else {
            Arc::new(SignIn::after(config.auth.as_ref(), &self.sign_in)?)
        };
        let limits = limits(config);
        let mut app = Self::assemble(slots, &config.endpoints, sign_in, limits, self.stop.clone())?;
        app.metrics = Arc::clone(&self.metrics);
        app.metrics.ask(app.datasets.values().cloned().collect());
        app.events = Arc::clone(&self.events);
        app.hosts = self.hosts.clone();
        app.door = Arc::clone(&self.door);
        app.clock = self.clock.clone();
        app.auth.clone_from(&config.auth);
        if Bodies::is_same(&self.limits, &app.limits) {
            app.bodies = Arc::clone(&self.bodies);
        }
        let of_answers = |of: &LimitsConfig| (of.max_answer_memory_bytes, of.max_query_time);
        if of_answers(&self.limits) == of_answers(&app.limits) {
            app.answers = self.answers.clone();
        }
        if self.limits.max_corrections_per_minute == app.limits.max_corrections_per_minute {
            app.corrections = Arc::clone(&self.corrections);
        }
        app.collect(config, Some(self))?;
        Ok(Arc::new(app))
    }

    /// The service of datasets that are open, in which everyone may do everything; their decoders know what `endpoints`
    /// decode. Call it inside the runtime that is to do the work.
    ///
    /// # Errors
    /// [`AppError::Endpoint`] if an endpoint names a dataset that is not there, [`AppError::Spool`] if no temporary file can
    /// be made.
    pub fn of(
        datasets: Vec<Arc<Dataset>>,
        endpoints: &IndexMap<String, EndpointConfig>,
        limits: LimitsConfig,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, AppError> {
        Self::guarded(datasets, endpoints, SignIn::default(), limits, stop)
    }

    /// As [`App::of`], where `sign_in` says who may do what.
    ///
    /// # Errors
    /// [`AppError::Endpoint`] if an endpoint names a dataset that is not there.
    pub fn guarded(
        datasets: Vec<Arc<Dataset>>,
        endpoints: &IndexMap<String, EndpointConfig>,
        sign_in: SignIn,
        limits: LimitsConfig,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, AppError> {
        let slots = datasets.into_iter().map(Slot::open).map(Arc::new);
        let app = Self::assemble(slots.collect(), endpoints, Arc::new(sign_in), limits, stop);
        app.map(Arc::new)
    }

    fn assemble(
        slots: Vec<Arc<Slot>>,
        endpoints: &IndexMap<String, EndpointConfig>,
        sign_in: Arc<SignIn>,
        limits: LimitsConfig,
        stop: CancellationToken,
    ) -> Result<Self, AppError> {
        for dataset in slots.iter().filter_map(|slot| slot.dataset().ok()) {
            dataset.keep_layouts(limits.keep_layouts);
        }
        let metrics = Metrics::new();
        metrics.ask(slots.clone());
        let datasets: IndexMap<_, _> = slots.into_iter().map(|s| (s.name.clone(), s)).collect();
        let endpoints = endpoint::all(&datasets, endpoints)?;
        let corrections = Rates::a_minute(limits.max_corrections_per_minute);
        let bodies =
            Bodies::new(&limits).map_err(|(folder, source)| AppError::Spool { folder, source })?;
        Ok(Self {
            datasets,
            endpoints,
            collectors: Collectors::new(),
            sign_in,
            answers: Room::new(limits.max_answer_memory_bytes).within(limits.max_query_time / 2),
            limits,
            bodies: Arc::new(bodies),
            metrics: Arc::new(metrics),
            events: Arc::default(),
            corrections: Arc::new(corrections),
            superseded: stop.child_token(),
            stop,
            runtime: Handle::current(),
            hosts: Hosts::default(),
            clock: Clock::system(),
            door: Arc::default(),
            auth: None,
        })
    }

    /// Makes the collectors of `config`, or takes those of `former` that are the same.
    fn collect(&mut self, config: &Config, former: Option<&Self>) -> Result<(), AppError> {
        let former = former.map(|former| &former.collectors);
        let made = collect::all(config, &self.endpoints, &self.hosts, &self.clock, former);
        self.collectors =
            made.map_err(|(collector, source)| AppError::Collector { collector, source })?;
        Ok(())
    }

    /// The datasets that are open.
    pub fn open_datasets(&self) -> impl Iterator<Item = Arc<Dataset>> {
        self.datasets
            .values()
            .filter_map(|slot| slot.dataset().ok())
    }

    /// The dataset of this name, if it is there and open.
    pub fn dataset(&self, name: &str) -> Option<Arc<Dataset>> {
        self.datasets.get(name)?.dataset().ok()
    }

    /// The outcome of frame `seq` of `dataset`, as soon as there is one, also if the dataset is opened again meanwhile.
    pub(crate) async fn settled(&self, dataset: &Arc<Dataset>, seq: u64) -> Arc<Outcome> {
        match self.datasets.get(&dataset.name) {
            Some(slot) => slot.settled(Arc::clone(dataset), seq).await,
            None => dataset.journal.settled(seq).await,
        }
    }

    /// The datasets that are not open, and why.
    pub fn not_open(&self) -> Vec<NotOpen> {
        let slots = self.datasets.values();
        slots.filter_map(|slot| slot.dataset().err()).collect()
    }

    /// Why the service is not ready, by dataset or node; empty if it is.
    pub fn unready(&self) -> Vec<(String, String)> {
        let mut reasons = Vec::new();
        for slot in self.datasets.values() {
            match slot.dataset() {
                Ok(dataset) => unready(&dataset, slot.recovered(), &mut reasons),
                Err(error) => reasons.push((slot.name.clone(), error.reason)),
            }
            if let Some(refused) = slot.refused() {
                reasons.push((slot.name.clone(), refused));
            }
        }
        if self.stop.is_cancelled() {
            reasons.push((String::new(), "the service is stopping".to_owned()));
        }
        reasons
    }
}

/// The limits of a configuration, relative paths resolved.
fn limits(config: &Config) -> LimitsConfig {
    let mut limits = config.limits.clone();
    zarr_fuse_fusion::memory::budget().set(limits.max_merge_memory_bytes);
    limits.spool_folder = limits.spool_folder.map(|at| config.folder().join(at));
    limits
}

/// Adds why a dataset is not ready. `recovered`: the newest contribution when it was opened.
fn unready(dataset: &Dataset, recovered: u64, reasons: &mut Vec<(String, String)>) {
    if let Some(trouble) = dataset.journal.trouble() {
        reasons.push((dataset.name.clone(), trouble));
    }
    for (path, node) in &dataset.nodes {
        let place = format!("{}/{path}", dataset.name);
        let waiting = dataset.journal.waiting(path, 1, 1);
        if waiting
            .first()
            .is_some_and(|first| first.header.seq <= recovered)
        {
            let folded = node.folded_seq();
            let reason = format!(
                "what was in the journal at the start is being merged, {folded} of {recovered}"
            );
            reasons.push((place.clone(), reason));
        }
        if let Some(trouble) = dataset.troubles().remove(path) {
            reasons.push((place, trouble));
        }
    }
}

/// What datasets of a configuration share and must not: stores and journals that are in one place, or one inside the other. It
/// tells nothing of those whose schema cannot be read.
pub fn shared_places(config: &Config) -> Vec<String> {
    let datasets = config.datasets.by_name.iter();
    let plans: Vec<_> = datasets
        .filter_map(|(name, dataset)| Plan::of(config, name, dataset).ok())
        .collect();
    places::shared(plans.iter())
}
