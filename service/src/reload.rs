//! Notices that the configuration, a schema, an extraction program or a lookup table was edited, and checks it before it
//! takes effect: a file that is not right changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use zarr_fuse_schemas::{Schema, SchemaError, check_edit};

use crate::app::App;
use crate::config::Config;
use crate::decode::DecodeSetupError;
use crate::node::blocking;

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is known of a file without reading it; `None` if it is not there.
type Stamp = Option<(SystemTime, u64)>;

/// Why an edit does not take effect.
#[derive(Debug, thiserror::Error)]
enum ReloadError {
    /// A file is not right, or asks for other stored values or shapes.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The `decode` of an endpoint cannot be used.
    #[error("the endpoint `{endpoint}` cannot decode: {source}")]
    Decode {
        /// The endpoint.
        endpoint: String,
        /// Cause.
        source: DecodeSetupError,
    },
    /// What is only read at the start was changed.
    #[error(
        "`server.listen` is now `{new}`; it is read at the start only, so restart the service for it"
    )]
    Listen {
        /// The new address.
        new: String,
    },
}

/// Waits until files of `config` are edited so that they can take effect, or a SIGHUP comes; gives the new configuration.
/// `None`: `stop` was cancelled.
pub(crate) async fn edited(config: &Config, app: &App, stop: &CancellationToken) -> Option<Config> {
    let mut hangup = signal(SignalKind::hangup()).ok();
    let files = files(config);
    let mut seen = stamps(files.clone()).await;
    loop {
        let hung_up = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return None,
            _ = hung_up => {}
            () = tokio::time::sleep(INTERVAL) => {
                let now = stamps(files.clone()).await;
                if now == seen {
                    continue;
                }
                // An editor may still be writing: what is read must be what is there afterwards.
                seen = now;
                tokio::time::sleep(INTERVAL / 10).await;
                if stamps(files.clone()).await != seen {
                    seen.clear();
                    continue;
                }
            }
        }
        match check(config, app) {
            Ok(new) => {
                tracing::info!("The configuration or a schema was edited; reading it again");
                return Some(new);
            }
            Err(error) => tracing::error!(
                "An edit of the configuration or of a schema does not take effect: {error}"
            ),
        }
    }
}

/// The new configuration, if it can take effect.
fn check(config: &Config, app: &App) -> Result<Config, ReloadError> {
    let new = Config::load(&config.file, &std::env::vars().collect())?;
    if new.server.listen != config.server.listen {
        let new = new.server.listen.to_string();
        return Err(ReloadError::Listen { new });
    }
    for (name, dataset) in &new.datasets.by_name {
        let mut schema = Schema::load(&dataset.schema)?;
        schema.name.clone_from(name);
        if let Some(old) = app.datasets.get(name) {
            let problems = check_edit(&old.schema, &schema);
            if !problems.is_empty() {
                return Err(SchemaError { problems }.into());
            }
        }
    }
    for (endpoint, settings) in &new.endpoints {
        let prepared = settings.decode.prepare(new.folder());
        prepared.map_err(|source| ReloadError::Decode {
            endpoint: endpoint.clone(),
            source,
        })?;
    }
    Ok(new)
}

/// Every file that the configuration consists of.
fn files(config: &Config) -> Vec<PathBuf> {
    let schemas = config.datasets.by_name.values();
    let schemas = schemas.map(|dataset| dataset.schema.clone());
    let decoding = config.endpoints.values();
    let decoding = decoding.flat_map(|endpoint| endpoint.decode.files());
    let decoding = decoding.map(|file| config.folder().join(file));
    let mut files = vec![config.file.clone()];
    let tables = config.collectors.values().flat_map(|c| &c.iterate);
    let tables = tables.filter_map(|step| step.dataframe_path.as_deref());
    let tables = tables.map(|file| config.folder().join(file));
    files.extend(schemas.chain(decoding).chain(tables));
    files
}

async fn stamps(files: Vec<PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    let stamp = |file: &Path| {
        let known = std::fs::metadata(file).ok()?;
        Some((known.modified().ok()?, known.len()))
    };
    blocking(move || {
        let stamped = files.into_iter().map(|file| {
            let stamp = stamp(&file);
            (file, stamp)
        });
        stamped.collect()
    })
    .await
}
