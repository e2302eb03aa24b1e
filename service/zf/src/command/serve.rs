//! `zf serve`: the service, until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use zarr_fuse_server::config::Config;

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
        raise_file_limit();
        let environment = std::env::vars().collect();
        let config = Config::load(&self.config, &environment)?;
        zarr_fuse_server::serve(config, CancellationToken::new()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Connections and files of the store count as open files, of which many systems give a process only 1024 unless it asks.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "No more than {:?} files can be open at once: {error}",
            limit.current
        );
    }
}
