//! `zf rebuild`: the arrays again, from the journal.

use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use zarr_fuse_schemas::{Schema, check_edit};
use zarr_fuse_service::dataset::Dataset;
use zarr_fuse_service::rebuild::Progress;
use zarr_fuse_service::store::keys;

use super::through::{Service, Through};
use super::{Access, Parts, Target, print};

/// Write the arrays again from the journal.
#[derive(Debug, clap::Args)]
pub(crate) struct Rebuild {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    through: Through,
    /// Only this node. A changed schema needs all of them.
    #[arg(long, value_name = "N")]
    node: Option<String>,
}

impl Rebuild {
    /// Rebuilds node by node; what is done when it is interrupted is not done again.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(service) = self.through.service(&self.target)? {
            return self.ask(&service).await;
        }
        let Parts {
            schema,
            store,
            journal,
            decoders,
            settings,
        } = self.target.parts(Access::Write)?;
        if let Some(node) = &self.node {
            let known: Vec<&str> = schema.nodes().map(|node| node.path.as_str()).collect();
            let exists = known.contains(&node.as_str());
            exists.then_some(()).with_context(|| {
                format!("there is no node `{node}`; there are {}", known.join(", "))
            })?;
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} contributions of {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(0).with_style(style);
        let done: Mutex<Vec<(String, Progress)>> = Mutex::default();
        let tell = |node: &str, progress: Progress| {
            bar.set_message(node.to_owned());
            bar.set_length(progress.n_all);
            bar.set_position(progress.n_contributions);
            let mut done = done.lock();
            match done.last_mut().filter(|(last, _)| last == node) {
                Some((_, last)) => *last = progress,
                None => done.push((node.to_owned(), progress)),
            }
        };
        let node = self.node.as_deref();
        let rebuilt = Dataset::rebuild(schema, store, journal, decoders, settings, node, &tell);
        let dataset = match rebuilt.await {
            Ok(dataset) => dataset,
            Err(error) => {
                bar.finish_and_clear();
                let service = self.through.instead_of(&self.target, error.into())?;
                return self.ask(&service).await;
            }
        };
        dataset.fold_all().await?;
        dataset.publish_groups().await?;
        dataset.close().await;
        bar.finish_and_clear();
        for path in dataset.nodes.keys() {
            if node.is_some_and(|node| node != path) {
                continue;
            }
            let done = done.lock();
            let progress = done.iter().find(|(node, _)| node == path);
            let Progress {
                n_contributions,
                n_rows,
                n_rejected,
                ..
            } = progress.map(|(_, progress)| *progress).unwrap_or_default();
            print(&format!(
                "{path}: {n_contributions} contributions folded again, {n_rows} rows, {n_rejected} contributions rejected"
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Has the service that writes the dataset rebuild it, as it knows the schema.
    async fn ask(&self, service: &Service) -> anyhow::Result<ExitCode> {
        let schema = Schema::load(&self.target.schema)?;
        let kept = self
            .target
            .parts(Access::Read)?
            .journal
            .get(keys::SCHEMA)
            .await?;
        let kept = kept.map(|text| String::from_utf8_lossy(&text).into_owned());
        let kept = kept.and_then(|text| Schema::parse(&text, keys::SCHEMA, &schema.folder).ok());
        if kept.is_some_and(|kept| !check_edit(&kept, &schema).is_empty()) {
            anyhow::bail!(
                "the schema asks for other stored values or shapes than the service that writes `{0}` has: take `{0}` out of its configuration, or stop it, then rebuild, and put it back",
                service.dataset
            );
        }
        let nodes = schema.nodes();
        let nodes = nodes.filter(|node| !node.coordinates.is_empty() || !node.variables.is_empty());
        for node in nodes {
            if self.node.as_ref().is_none_or(|only| *only == node.path) {
                service.rebuild(&node.path).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
