//! From the configuration to opened datasets.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use zarr_fuse_schemas::Schema;

use super::AppError;
use crate::config::{Config, DatasetConfig};
use crate::dataset::{Dataset, Decoders, OpenError};
use crate::decode::{Decoder, Decoding};
use crate::journal::JournalSettings;
use crate::store::{S3Access, Store, probe};

/// Opens the datasets of `config`, one after the other.
pub(super) async fn datasets(config: &Config) -> Result<Vec<Arc<Dataset>>, AppError> {
    let mut datasets = Vec::new();
    for (name, dataset) in &config.datasets.by_name {
        let mut schema = Schema::load(&dataset.schema)?;
        schema.name.clone_from(name);
        for warning in &schema.warnings {
            tracing::warn!(dataset.name = name, "{warning}");
        }
        let store = store(config, dataset, &schema)?;
        let decoders = Decoders::new(name, decoders(config, name)?);
        let settings = journal_settings(config);
        let cache_bytes = config.limits.max_chunk_cache_bytes;
        let journal = journal_apart(config, name, &schema)?.unwrap_or_else(|| store.clone());
        must_be_safe(name, &store).await?;
        if config.journal.url.is_some() {
            must_be_safe(name, &journal).await?;
        }
        let opened = Dataset::open_apart(
            Arc::new(schema),
            store,
            journal,
            decoders,
            settings,
            cache_bytes,
        )
        .await;
        let opened = opened.map_err(|source| AppError::Open {
            dataset: name.clone(),
            source: source.into(),
        })?;
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
        datasets.push(opened);
    }
    Ok(datasets)
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

/// The store that the configuration gives, else the schema, else one under `store.root`.
fn store(config: &Config, dataset: &DatasetConfig, schema: &Schema) -> Result<Store, AppError> {
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
    open_store_in(url, folder, &access(config, schema), schema)
}

/// Where the journal of a dataset lies, if the configuration keeps journals apart from arrays.
pub(super) fn journal_apart(
    config: &Config,
    name: &str,
    schema: &Schema,
) -> Result<Option<Store>, AppError> {
    let Some(root) = &config.journal.url else {
        return Ok(None);
    };
    let url = format!("{}/{name}", root.trim_end_matches('/'));
    open_store_in(&url, config.folder(), &access(config, schema), schema).map(Some)
}

fn open_store_in(
    url: &str,
    folder: &Path,
    access: &S3Access,
    schema: &Schema,
) -> Result<Store, AppError> {
    Store::open(url, folder, access).map_err(|source| AppError::Store {
        dataset: schema.name.clone(),
        source,
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
