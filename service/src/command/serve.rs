//! `zf serve`: the service, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use tokio_util::sync::CancellationToken;
use zarr_fuse_service::config::Config;

/// Run the service.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "zarr-fuse.yaml",
        env = "ZF_CONFIG"
    )]
    config: PathBuf,
}

impl Serve {
    /// Runs until SIGINT or SIGTERM, then finishes what is under way.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let environment = std::env::vars().collect();
        let config = Config::load(&self.config, &environment)?;
        zarr_fuse_service::serve(config, CancellationToken::new()).await?;
        Ok(ExitCode::SUCCESS)
    }
}
