//! `zf rebuild`: the arrays again, from the journal.

use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use parking_lot::Mutex;
use zarr_fuse_fusion::{
    dataset::{Dataset, Rebuild as How},
    rebuild::{Losses, Progress},
    reinterpret::Difference,
};
use zarr_fuse_journal::Requester;
use zarr_fuse_schemas::{Schema, check_edit};
use zarr_fuse_store::keys;

use super::through::{Service, Through};
use super::{Access, Parts, Target, note, print};

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
    /// Contributions mean from now on what the schema and the endpoints (--config) say today, not what they said when each
    /// came. Tells what would change; say --yes to do it.
    #[arg(long)]
    reinterpret: bool,
    /// With --reinterpret: only contributions from this sequence number or time on.
    #[arg(long, value_name = "SEQ|TIME", requires = "reinterpret")]
    from: Option<String>,
    /// With --reinterpret: do it.
    #[arg(long, requires = "reinterpret")]
    yes: bool,
    /// Also if contributions that were merged are rejected then.
    #[arg(long)]
    even_if: bool,
}

impl Rebuild {
    /// Rebuilds node by node; what is done when it is interrupted is not done again.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        if let Some(service) = self.through.service(&self.target).await? {
            return self.ask(&service).await;
        }
        let Parts {
            schema,
            store,
            journal,
            decoders,
            settings,
        } = self.target.parts(Access::Write).await?;
        if let Some(node) = &self.node {
            let known: Vec<&str> = schema.nodes().map(|node| node.path.as_str()).collect();
            let exists = known.contains(&node.as_str());
            exists.then_some(()).with_context(|| {
                format!("there is no node `{node}`; there are {}", known.join(", "))
            })?;
        }
        let node = self.node.as_deref();
        let mut reinterpret = None;
        if self.reinterpret {
            let from = self.from.as_deref();
            let (from, differences) =
                Dataset::differences(&schema, &journal, &decoders, node, from).await?;
            tell_of(&differences)?;
            let n_changed: u64 = differences.iter().map(|(_, found)| found.n_changed).sum();
            if n_changed == 0 {
                print("nothing would change")?;
                return Ok(ExitCode::SUCCESS);
            }
            if !self.yes {
                note("nothing was changed; say --yes to do it");
                return Ok(ExitCode::FAILURE);
            }
            let by = Requester {
                sender: super::user(),
                address: None,
                even_if: self.even_if,
            };
            reinterpret = Some((from, by));
        }
        let how = How {
            node,
            reinterpret,
            losses: Losses::taken_if(self.even_if),
        };
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
        let rebuilt = Dataset::rebuild(schema, store, journal, decoders, settings, how, &tell);
        let dataset = match rebuilt.await {
            Ok(dataset) => dataset,
            Err(error) => {
                bar.finish_and_clear();
                let service = self.through.instead_of(&self.target, error.into()).await?;
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
        let parts = self.target.parts(Access::Read).await?;
        let schema = &parts.schema;
        let kept = parts.journal.get(keys::SCHEMA).await?;
        let kept = kept.map(|text| String::from_utf8_lossy(&text).into_owned());
        let kept = kept.and_then(|text| Schema::parse(&text, keys::SCHEMA, &schema.folder).ok());
        if kept.is_some_and(|kept| !check_edit(&kept, schema).is_empty()) {
            anyhow::bail!(
                "the schema asks for other stored values or shapes than the service that writes `{0}` has: take `{0}` out of its configuration, or stop it, then rebuild, and put it back",
                service.dataset
            );
        }
        let mut how = Vec::new();
        if self.even_if {
            how.push(("even_if", "true"));
        }
        if self.reinterpret {
            how.push(("reinterpret", "true"));
            how.extend(self.from.as_deref().map(|from| ("from", from)));
            if !self.yes {
                how.push(("dry_run", "true"));
            }
        }
        let nodes = schema.nodes();
        let nodes = nodes.filter(|node| !node.coordinates.is_empty() || !node.variables.is_empty());
        for node in nodes {
            if self.node.as_ref().is_none_or(|only| *only == node.path) {
                service.rebuild(&node.path, &how).await?;
            }
        }
        if self.reinterpret && !self.yes {
            note("nothing was changed; say --yes to do it");
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints what a reinterpretation would change.
fn tell_of(differences: &[(String, Difference)]) -> anyhow::Result<()> {
    for (path, found) in differences {
        print(&format!(
            "{path}: {} of {} contributions would change, {} values; {} would be rejected",
            found.n_changed, found.n_contributions, found.n_cells, found.n_rejected
        ))?;
        for change in &found.changed {
            let rejected = change.rejected.as_ref();
            let rejected = rejected.map(|reason| format!(", rejected: {reason}"));
            print(&format!(
                "  contribution {}: {} values{}",
                change.seq,
                change.n_cells,
                rejected.unwrap_or_default()
            ))?;
        }
        for endpoint in &found.unknown_endpoints {
            note(&format!(
                "what came to `{path}` through the endpoint `{endpoint}` stays as it is, since the endpoint is not configured here; say --config"
            ));
        }
    }
    Ok(())
}
