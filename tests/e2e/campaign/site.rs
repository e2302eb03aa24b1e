//! A dataset to test, in a folder or on S3, and the service on it.

use std::path::PathBuf;

use zarr_fuse_harness::run::{self, Run};
use zarr_fuse_harness::service::Service;

use crate::workspace::Workspace;

const NODE: &str = "
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 256}
    station: {type: str, sorted: false, chunk_size: 4}
  VARS:
    value: {coords: [date_time, station]}
    newest: {coords: station, type: int64}
";

/// See the module.
pub(super) struct Site {
    pub(super) workspace: Workspace,
    environment: Vec<(String, String)>,
}

impl Site {
    /// In a folder of its own.
    pub(super) fn local() -> Self {
        Self::at("campaign.zarr", &[])
    }

    /// At `store`, with this environment.
    pub(super) fn at(store: &str, environment: &[(&str, &str)]) -> Self {
        let workspace = Workspace::new();
        let schema = format!("ATTRS: {{STORE_URL: '{store}'}}{NODE}");
        workspace.write("campaign.yaml", &schema);
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let site = Self {
            workspace,
            environment: environment.iter().map(owned).collect(),
        };
        site.configure("");
        site
    }

    /// Adds lines to the configuration of the service.
    pub(super) fn configure(&self, more: &str) {
        let config = format!(
            "server: {{listen: '127.0.0.1:0'}}\ndatasets: {{campaign: {{schema: campaign.yaml}}}}\n{more}"
        );
        self.workspace.write("zarr-fuse.yaml", &config);
    }

    /// Starts the service; it need not be ready yet.
    pub(super) fn spawn(&self) -> Service {
        self.spawn_with(&[])
    }

    /// As [`Self::spawn`], with more in the environment.
    pub(super) fn spawn_with(&self, more: &[(&str, &str)]) -> Service {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = self.environment.iter().cloned();
        let environment: Vec<_> = environment.chain(more.iter().map(owned)).collect();
        let args = ["serve", "--config", "zarr-fuse.yaml"];
        Service::spawn_in(self.workspace.path(), args, &environment).unwrap()
    }

    /// Starts the service and waits until it is ready.
    pub(super) async fn serve(&self) -> Service {
        let mut service = self.spawn();
        service.ready().await.unwrap();
        service
    }

    /// Runs `zf`, arguments divided by spaces.
    pub(super) fn zf(&self, args: &str) -> Run {
        run::zf_in(self.workspace.path(), args.split(' '), &self.environment).unwrap()
    }

    /// A file of the store in the folder.
    pub(super) fn file(&self, key: &str) -> PathBuf {
        self.workspace.path().join("campaign.zarr").join(key)
    }
}
