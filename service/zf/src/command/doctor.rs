//! `zf doctor`: whether a store is fit to hold data.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zarr_fuse_schemas::store::StoreSettings;
use zarr_fuse_server::config::Config;
use zarr_fuse_store::{S3Access, probe};

use super::print;

/// Probe a store: what works, what it means, what to set.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// A folder, `file://…`, `s3://bucket/prefix`. Small objects are written under `staging/probe/` and removed again.
    url: String,
    /// Configuration whose `store` section gives access to S3.
    #[arg(long, value_name = "FILE", env = "ZF_CONFIG")]
    config: Option<PathBuf>,
}

impl Doctor {
    /// Prints the table. Exit code 1 if data could be lost, 3 if the store cannot be reached.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let access = s3_access(self.config.as_deref())?;
        let folder = Path::new(self.url.strip_prefix("file://").unwrap_or(&self.url));
        let is_new = !folder.exists();
        let report = probe::thorough(&self.url, Path::new(""), &access).await;
        if is_new {
            // Opening a folder makes it; only an empty one is removed.
            let _not_empty = std::fs::remove_dir(folder);
        }
        let report = report?;
        print(&report.to_string())?;
        if report.is_safe() {
            print("Data is safe here.")?;
            return Ok(ExitCode::SUCCESS);
        }
        print("Data could be lost here: the service refuses this store.")?;
        Ok(ExitCode::FAILURE)
    }
}

/// Access to S3 as the environment and a configuration say, for stores that are named by address.
pub(crate) fn s3_access(config: Option<&Path>) -> anyhow::Result<S3Access> {
    let schema = StoreSettings::default();
    let Some(file) = config else {
        return Ok(S3Access::from_environment(&schema));
    };
    let environment = std::env::vars().collect();
    let config = Config::load(file, &environment)?;
    Ok(S3Access::new(
        &environment,
        &config.store,
        config.folder(),
        &schema,
    ))
}
