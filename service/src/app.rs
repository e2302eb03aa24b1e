//! What all requests share: the opened datasets, the endpoints, the bounds. Built once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::Clock;
use zarr_fuse_collectors::scheduled::SetupError;
use zarr_fuse_schemas::{Schema, SchemaError};

use crate::collect::{self, Collectors};
use crate::config::{Config, DatasetConfig, EndpointConfig, LimitsConfig};
use crate::dataset::{Dataset, OpenError};
use crate::decode::{DecodeSetupError, Decoder};
use crate::events::Events;
use crate::metrics::Metrics;
use crate::store::probe::Report;
use crate::store::{Store, StoreError};
use crate::who::{Rates, SignIn, SignInError};

mod bodies;
mod endpoint;
mod open;

pub use bodies::Bodies;
pub use endpoint::Endpoint;
pub(crate) use endpoint::node_at;

/// See the module.
#[derive(Debug)]
pub struct App {
    /// By name, in the order of the configuration.
    pub datasets: IndexMap<String, Arc<Dataset>>,
    /// By name: the configured ones, then those that datasets have under their own names.
    pub endpoints: IndexMap<String, Endpoint>,
    /// By name.
    pub collectors: Collectors,
    /// Who may do what.
    pub sign_in: SignIn,
    /// Bounds on what clients may use.
    pub limits: LimitsConfig,
    /// Room for the bodies of requests.
    pub bodies: Bodies,
    /// What is counted.
    pub metrics: Metrics,
    /// What happens, for those who follow it.
    pub events: Events,
    /// How often each sender asks for corrections.
    pub(crate) corrections: Rates,
    /// Cancelled when the service stops.
    pub stop: CancellationToken,
    /// Where work runs that takes its time: request threads only read and write requests.
    pub runtime: Handle,
    /// By dataset: the newest contribution when it was opened. Ready means that these are folded.
    recovered: Vec<u64>,
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
    /// An endpoint names what is not there.
    #[error("the endpoint `{endpoint}`: {reason}")]
    Endpoint {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
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
        let sign_in = SignIn::new(config.auth.as_ref())?;
        let datasets = Box::pin(open::datasets(&config)).await?;
        let mut limits = config.limits.clone();
        limits.spool_folder = limits.spool_folder.map(|at| config.folder().join(at));
        let mut app = Self::assemble(datasets, &config.endpoints, sign_in, limits, stop)?;
        let collectors = collect::all(&config, &app.endpoints, clock);
        app.collectors =
            collectors.map_err(|(collector, source)| AppError::Collector { collector, source })?;
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
        Self::assemble(datasets, endpoints, sign_in, limits, stop).map(Arc::new)
    }

    fn assemble(
        datasets: Vec<Arc<Dataset>>,
        endpoints: &IndexMap<String, EndpointConfig>,
        sign_in: SignIn,
        limits: LimitsConfig,
        stop: CancellationToken,
    ) -> Result<Self, AppError> {
        let recovered = datasets
            .iter()
            .map(|dataset| dataset.journal.last_seq())
            .collect();
        let metrics = Metrics::new(&datasets);
        let datasets: IndexMap<_, _> = datasets.into_iter().map(|d| (d.name.clone(), d)).collect();
        let endpoints = endpoint::all(&datasets, endpoints)?;
        let runtime = Handle::current();
        let corrections = Rates::a_minute(limits.max_corrections_per_minute);
        let bodies =
            Bodies::new(&limits).map_err(|(folder, source)| AppError::Spool { folder, source })?;
        Ok(Self {
            datasets,
            endpoints,
            collectors: Collectors::new(),
            sign_in,
            limits,
            bodies,
            metrics,
            events: Events::default(),
            corrections,
            stop,
            runtime,
            recovered,
        })
    }

    /// Why the service is not ready, by dataset or node; empty if it is.
    pub fn unready(&self) -> Vec<(String, String)> {
        let mut reasons = Vec::new();
        for (dataset, recovered) in self.datasets.values().zip(&self.recovered) {
            if let Some(trouble) = dataset.journal.trouble() {
                reasons.push((dataset.name.clone(), trouble));
            }
            for (path, node) in &dataset.nodes {
                let place = format!("{}/{path}", dataset.name);
                let waiting = dataset.journal.waiting(path, 1, 1);
                if waiting
                    .first()
                    .is_some_and(|first| first.header.seq <= *recovered)
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
        if self.stop.is_cancelled() {
            reasons.push((String::new(), "the service is stopping".to_owned()));
        }
        reasons
    }
}

/// Where the configuration in `file` keeps the journal of the dataset of `schema`, read from `schema_file`, if apart from
/// the arrays.
///
/// # Errors
/// [`AppError::Schema`] with every problem of the file, [`AppError::Store`] if the journal has no usable address.
pub fn journal_apart(
    file: &Path,
    schema_file: &Path,
    schema: &Schema,
) -> Result<Option<Store>, AppError> {
    let config = Config::load(file, &std::env::vars().collect())?;
    let is_this = |dataset: &DatasetConfig| {
        let configured = dataset.schema.canonicalize();
        configured.is_ok_and(|path| schema_file.canonicalize().is_ok_and(|file| file == path))
    };
    let mut datasets = config.datasets.by_name.iter();
    let named = datasets.find(|(_, dataset)| is_this(dataset));
    let name = named.map_or(schema.name.as_str(), |(name, _)| name);
    open::journal_apart(&config, name, schema)
}

/// How the configuration in `file` decodes the contributions of the endpoints of `dataset`.
///
/// # Errors
/// [`AppError::Schema`] with every problem of the file, [`AppError::Decode`] if a program or table cannot be used.
pub fn endpoint_decoders(file: &Path, dataset: &str) -> Result<HashMap<String, Decoder>, AppError> {
    let config = Config::load(file, &std::env::vars().collect())?;
    open::decoders(&config, dataset)
}
