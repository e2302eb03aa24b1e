//! From the configuration to opened datasets.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zarr_fuse_decode::{Decoder, Decoding, Recipe};
use zarr_fuse_fusion::dataset::{Dataset, Decoders, OpenError};
use zarr_fuse_journal::{JournalSettings, Known};
use zarr_fuse_schemas::{Schema, store::StoreSettings};
use zarr_fuse_store::{S3Access, Store, StoreError, local_folder, probe};

use super::{AppError, places};
use crate::config::{Config, DatasetConfig};

/// All that decides how one dataset is opened; equal ones open alike.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Its name.
    pub(crate) name: String,
    /// Its schema.
    pub(crate) schema: Arc<Schema>,
    /// Where its arrays lie.
    pub(crate) store: Place,
    /// Where its journal lies, if apart from them.
    pub(crate) journal: Option<Place>,
    access: S3Access,
    decoders: HashMap<String, Decoder>,
    settings: JournalSettings,
    cache_bytes: u64,
    keep_layouts: Duration,
}

/// An address, and the folder that it is relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) url: String,
    pub(crate) folder: PathBuf,
}

impl Place {
    fn open(&self, access: &S3Access, dataset: &str) -> Result<Store, AppError> {
        let opened = Store::open(&self.url, &self.folder, access);
        opened.map_err(|source| AppError::Store {
            dataset: dataset.to_owned(),
            source,
        })
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        fn recipes(plan: &Plan) -> BTreeMap<&String, &Recipe> {
            let decoders = plan.decoders.iter();
            decoders
                .map(|(endpoint, decoder)| (endpoint, decoder.recipe()))
                .collect()
        }
        // What a schema takes from further files is in its tree, comments are in its text.
        let schema = |plan: &Self| {
            let Schema { text, root, .. } = &*plan.schema;
            (Arc::clone(text), format!("{root:?}"))
        };
        self.name == other.name
            && self.is_in_same_place(other)
            && self.settings == other.settings
            && self.cache_bytes == other.cache_bytes
            && recipes(self) == recipes(other)
            && schema(self) == schema(other)
    }
}

impl Plan {
    /// That of the dataset `name` of `config`; reads its schema and what its endpoints need.
    ///
    /// # Errors
    /// [`AppError`] names the file or key at fault. No store is asked.
    pub(crate) fn of(
        config: &Config,
        name: &str,
        dataset: &DatasetConfig,
    ) -> Result<Self, AppError> {
        let mut schema = Schema::load(&dataset.schema)?;
        name.clone_into(&mut schema.name);
        Ok(Self {
            name: name.to_owned(),
            store: store(config, dataset, &schema)?,
            journal: journal_place(config, name),
            access: access(config, &schema),
            decoders: decoders(config, name)?,
            settings: journal_settings(config),
            cache_bytes: config.limits.max_chunk_cache_bytes,
            keep_layouts: config.limits.keep_layouts,
            schema: Arc::new(schema),
        })
    }

    /// Those of all datasets of `config`, in its order.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) fn all(config: &Config) -> Result<Vec<Arc<Self>>, AppError> {
        let datasets = config.datasets.by_name.iter();
        let plans: Result<Vec<_>, _> = datasets
            .map(|(name, dataset)| Self::of(config, name, dataset).map(Arc::new))
            .collect();
        let plans = plans?;
        let shared = places::shared(plans.iter().map(AsRef::as_ref));
        if shared.is_empty() {
            Ok(plans)
        } else {
            Err(AppError::Shared(shared))
        }
    }

    pub(super) fn access(&self) -> &S3Access {
        &self.access
    }

    /// Whether arrays and journal lie where those of `other` lie, and are had in the same way.
    pub(crate) fn is_in_same_place(&self, other: &Self) -> bool {
        self.store == other.store && self.journal == other.journal && self.access == other.access
    }

    /// Opens the dataset: from now on this process writes it.
    ///
    /// # Errors
    /// [`AppError`] says why it cannot be opened, or is not safe in its store.
    pub(crate) async fn open(&self) -> Result<Arc<Dataset>, AppError> {
        self.open_known(None).await
    }

    /// As [`Self::open`], if the journal is the one that is `known`: a folder that is gone is not made anew then.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn open_known(&self, known: Option<&Known>) -> Result<Arc<Dataset>, AppError> {
        if let Some(known) = known {
            self.must_be(known).await?;
        }
        for warning in &self.schema.warnings {
            tracing::warn!(dataset.name = self.name, "{warning}");
        }
        let name = &self.name;
        let (store, journal) = self.safe_stores().await?;
        let opened = self.open_in(store, journal).await?;
        opened.keep_layouts(self.keep_layouts);
        if opened.has_another_writer() {
            tracing::warn!(
                dataset.name = name,
                "Another zf process writes `{name}`; it will take no more contributions once this one has taken one"
            );
        }
        tracing::info!(
            dataset.name = name,
            store.url = opened.store.url(),
            journal.last_seq = opened.journal.last_seq(),
            "Opened the dataset `{name}` in `{}`",
            opened.store.url()
        );
        Ok(opened)
    }

    /// Opens the dataset for reading only and closes it, to see whether it can be opened.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) async fn try_out(&self) -> Result<(), AppError> {
        let (store, journal) = self.safe_stores().await?;
        self.open_in(store.read_only(), journal.read_only())
            .await
            .map(|_dataset| ())
    }

    async fn must_be(&self, known: &Known) -> Result<(), AppError> {
        let fail = |source| AppError::Store {
            dataset: self.name.clone(),
            source,
        };
        for place in std::iter::once(&self.store).chain(&self.journal) {
            if let Some(folder) = local_folder(&place.url, &place.folder).filter(|at| !at.exists())
            {
                let reason = "it is gone; was it unmounted, renamed or removed?";
                return Err(fail(StoreError::Elsewhere { folder, reason }));
            }
        }
        let journal = self.journal.as_ref().unwrap_or(&self.store);
        let journal = journal.open(&self.access, &self.name)?;
        known.check(&journal).await.map_err(fail)
    }

    async fn safe_stores(&self) -> Result<(Store, Store), AppError> {
        let store = self.store.open(&self.access, &self.name)?;
        let apart = self.journal.as_ref();
        let apart = apart.map(|place| place.open(&self.access, &self.name));
        let journal = apart.unwrap_or_else(|| Ok(store.clone()))?;
        must_be_safe(&self.name, &store).await?;
        if self.journal.is_some() {
            must_be_safe(&self.name, &journal).await?;
        }
        Ok((store, journal))
    }

    async fn open_in(&self, store: Store, journal: Store) -> Result<Arc<Dataset>, AppError> {
        let opened = Dataset::open_apart(
            Arc::clone(&self.schema),
            store,
            journal,
            Decoders::new(&self.name, self.decoders.clone()),
            self.settings.clone(),
            self.cache_bytes,
        );
        Box::pin(opened).await.map_err(|source| AppError::Open {
            dataset: self.name.clone(),
            source: source.into(),
        })
    }
}

/// Refuses a store in which acknowledged data could be lost.
async fn must_be_safe(dataset: &str, store: &Store) -> Result<(), AppError> {
    let probed = probe::essential(store).await;
    let report = probed.map_err(|source| AppError::Store {
        dataset: dataset.to_owned(),
        source,
    })?;
    if !report.is_safe() {
        return Err(AppError::Unsafe {
            dataset: dataset.to_owned(),
            report,
        });
    }
    Ok(())
}

/// A dataset as a configuration has it, for commands.
#[derive(Debug)]
pub struct Configured {
    /// What the configuration calls it; `None` if it does not name it.
    pub name: Option<String>,
    /// Its schema file, if the configuration names it.
    pub schema: Option<PathBuf>,
    /// Where it lies: the address and the folder that it is relative to, if the configuration or its schema says so.
    pub store: Option<(String, PathBuf)>,
    config: Config,
}

/// How a command names a dataset.
#[derive(Debug, Clone, Copy)]
pub enum Which<'a> {
    /// By its schema file.
    Schema(&'a Path),
    /// By its store.
    Store(&'a str),
}

/// Finds a dataset in the configuration in `file`.
///
/// # Errors
/// [`AppError::Schema`] with every problem of the file.
pub fn configured(file: &Path, which: Which<'_>) -> Result<Configured, AppError> {
    let config = Config::load(file, &std::env::vars().collect())?;
    let place = |dataset: &DatasetConfig, name: &String| {
        let mut schema = Schema::load(&dataset.schema).ok()?;
        schema.name.clone_from(name);
        let place = store(&config, dataset, &schema).ok()?;
        Some((place.url, place.folder))
    };
    let is_this = |(name, dataset): &(&String, &DatasetConfig)| match which {
        Which::Schema(path) => is_same_path(&dataset.schema, path),
        Which::Store(url) => place(dataset, name)
            .is_some_and(|(own, folder)| is_same_place(&folder, &own, Path::new(""), url)),
    };
    let found = config.datasets.by_name.iter().find(is_this);
    let found =
        found.map(|(name, dataset)| (name.clone(), dataset.schema.clone(), place(dataset, name)));
    let (name, schema, store) = match found {
        Some((name, schema, store)) => (Some(name), Some(schema), store),
        None => (None, None, None),
    };
    Ok(Configured {
        name,
        schema,
        store,
        config,
    })
}

impl Configured {
    /// How contributions to dataset `name` are decoded, by endpoint.
    ///
    /// # Errors
    /// [`AppError::Decode`] if a program or table cannot be used.
    pub fn decoders(&self, name: &str) -> Result<HashMap<String, Decoder>, AppError> {
        decoders(&self.config, name)
    }

    /// The journal of dataset `name`, whose schema has these settings, if it lies apart from the arrays.
    ///
    /// # Errors
    /// [`AppError::Store`] if it has no usable address.
    pub fn journal_apart(
        &self,
        name: &str,
        settings: &StoreSettings,
    ) -> Result<Option<Store>, AppError> {
        let place = journal_place(&self.config, name);
        let access = self.access(settings);
        place.map(|place| place.open(&access, name)).transpose()
    }

    /// Access to the stores of the dataset with these settings.
    pub fn access(&self, settings: &StoreSettings) -> S3Access {
        let environment = std::env::vars().collect();
        let config = &self.config;
        S3Access::new(&environment, &config.store, config.folder(), settings)
    }
}

fn is_same_path(a: &Path, b: &Path) -> bool {
    let (a, b) = (a.canonicalize(), b.canonicalize());
    a.is_ok_and(|a| b.is_ok_and(|b| a == b))
}

/// Whether two addresses are of one store.
fn is_same_place(folder: &Path, a: &str, other: &Path, b: &str) -> bool {
    let local = |url: &str| match url.strip_prefix("file://") {
        Some(path) => Some(path.to_owned()),
        None => (!url.contains("://") && !url.starts_with("memory:")).then(|| url.to_owned()),
    };
    match (local(a), local(b)) {
        (Some(a), Some(b)) => is_same_path(&folder.join(a), &other.join(b)),
        (None, None) => a.trim_end_matches('/') == b.trim_end_matches('/'),
        _ => false,
    }
}

/// The store that the configuration gives, else the schema, else one under `store.root`.
fn store(config: &Config, dataset: &DatasetConfig, schema: &Schema) -> Result<Place, AppError> {
    let root = config.store.root.as_ref();
    let root = root.map(|root| format!("{}/{}.zarr", root.trim_end_matches('/'), schema.name));
    let (url, folder) = match (&dataset.store, &schema.store.url) {
        (None, Some(url)) => (url, schema.folder.as_path()),
        (url, _) => (
            url.as_ref()
                .or(root.as_ref())
                .ok_or_else(|| AppError::Open {
                    dataset: schema.name.clone(),
                    source: OpenError::NoStore(schema.name.clone()).into(),
                })?,
            config.folder(),
        ),
    };
    Ok(Place {
        url: url.clone(),
        folder: folder.to_owned(),
    })
}

/// Where the journal of a dataset lies, if the configuration keeps journals apart from arrays.
fn journal_place(config: &Config, name: &str) -> Option<Place> {
    let root = config.journal.url.as_ref()?;
    Some(Place {
        url: format!("{}/{name}", root.trim_end_matches('/')),
        folder: config.folder().to_owned(),
    })
}

fn access(config: &Config, schema: &Schema) -> S3Access {
    let environment = std::env::vars().collect();
    S3Access::new(&environment, &config.store, config.folder(), &schema.store)
}

/// Those of the endpoints that go to dataset `name`, its own included.
pub(super) fn decoders(config: &Config, name: &str) -> Result<HashMap<String, Decoder>, AppError> {
    let only = config.datasets.by_name.len() == 1;
    let mut by_endpoint = HashMap::new();
    for (endpoint, settings) in &config.endpoints {
        if settings
            .dataset
            .as_deref()
            .map_or(only, |dataset| dataset == name)
        {
            let decoder = settings.decode.prepare(config.folder());
            let decoder = decoder.map_err(|source| AppError::Decode {
                endpoint: endpoint.clone(),
                source,
            })?;
            by_endpoint.insert(endpoint.clone(), decoder);
        }
    }
    if !by_endpoint.contains_key(name) {
        let mut own = Decoding::default();
        let max = usize::try_from(config.limits.max_decompressed_bytes).unwrap_or(usize::MAX);
        own.limits.max_decompressed_bytes = own.limits.max_decompressed_bytes.min(max);
        let decoder = own
            .prepare(config.folder())
            .map_err(|source| AppError::Decode {
                endpoint: name.to_owned(),
                source,
            })?;
        by_endpoint.insert(name.to_owned(), decoder);
    }
    Ok(by_endpoint)
}

fn journal_settings(config: &Config) -> JournalSettings {
    let journal = &config.journal;
    JournalSettings {
        max_segment_bytes: usize::try_from(journal.max_segment_bytes).unwrap_or(usize::MAX),
        flush_interval: journal.flush_interval,
        idempotency_window: journal.idempotency_window,
        max_waiting: config.limits.max_waiting_contributions,
        max_waiting_bytes: config.limits.max_waiting_bytes,
        ..JournalSettings::default()
    }
}
