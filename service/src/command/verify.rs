//! `zf verify`: whether the arrays are what the journal says.

use std::process::ExitCode;

use anyhow::Context as _;

use super::{Access, Target, print};

/// Prove that the arrays are what the journal says.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    target: Target,
    /// Only this node.
    #[arg(long, value_name = "N")]
    node: Option<String>,
}

impl Verify {
    /// Folds the journal into memory and compares, node by node. Exit code 1 if anything differs.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let dataset = self.target.open(Access::Read).await?;
        if let Some(node) = &self.node {
            dataset
                .node(node)
                .with_context(|| format!("there is no node `{node}` with variables"))?;
        }
        let mut code = ExitCode::SUCCESS;
        for entry in dataset.journal.after(0) {
            dataset.decoders.get(&entry.header.endpoint).map_err(|error| {
                anyhow::anyhow!(
                    "contribution {} came through an endpoint that is not known here: {error}; give --config",
                    entry.header.id
                )
            })?;
        }
        for (path, node) in dataset
            .nodes
            .iter()
            .filter(|(path, _)| self.node.as_ref().is_none_or(|node| node == *path))
        {
            let verdict = zarr_fuse_service::verify::verify(&dataset, node).await?;
            let (n_contributions, n_cells) = (verdict.n_contributions, verdict.n_cells);
            if verdict.n_differences == 0 {
                print(&format!(
                    "{path}: {n_cells} cells are what {n_contributions} contributions say"
                ))?;
                continue;
            }
            code = ExitCode::FAILURE;
            print(&format!("{path}: {} of {n_cells} cells differ", verdict.n_differences))?;
            for difference in verdict.differences {
                print(&format!("  {difference}"))?;
            }
        }
        Ok(code)
    }
}
