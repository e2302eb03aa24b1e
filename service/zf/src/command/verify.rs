//! `zf verify`: whether the arrays are what the journal says.

use std::process::ExitCode;

use anyhow::Context as _;
use zarr_fuse_fusion::verify::{Verdict, verify};

use super::{Access, Target, must_be_known, print};

/// Prove that the arrays are what the journal says.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    target: Target,
    /// Only this node.
    #[arg(long, value_name = "N")]
    node: Option<String>,
}

/// Times a dataset is verified again that changed meanwhile.
const MAX_TRIES: usize = 5;

impl Verify {
    /// Folds the journal into memory and compares, node by node. Exit code 1 if anything differs.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let dataset = self.target.open(Access::Read).await?;
        if let Some(node) = &self.node {
            dataset
                .node(node)
                .with_context(|| format!("there is no node `{node}` with variables"))?;
        }
        must_be_known(&dataset.journal.undefined(self.node.as_deref()))?;
        let mut code = ExitCode::SUCCESS;
        let wanted = |path: &String| self.node.as_ref().is_none_or(|node| node == path);
        for path in dataset.nodes.keys().filter(|path| wanted(path)) {
            let verdict = self.verdict(path).await?;
            let (n_contributions, n_cells) = (verdict.n_contributions, verdict.n_cells);
            if verdict.n_differences == 0 {
                print(&format!(
                    "{path}: {n_cells} cells are what {n_contributions} contributions say"
                ))?;
                continue;
            }
            code = ExitCode::FAILURE;
            print(&format!(
                "{path}: {} of {n_cells} cells differ",
                verdict.n_differences
            ))?;
            for difference in verdict.differences {
                print(&format!("  {difference}"))?;
            }
        }
        Ok(code)
    }

    /// Verifies one node; again if a running service changed it meanwhile.
    async fn verdict(&self, path: &str) -> anyhow::Result<Verdict> {
        for _ in 0..MAX_TRIES {
            let dataset = self.target.open(Access::Read).await?;
            let node = dataset.node(path).context("the node is gone")?;
            let before = node.folded_seq();
            let verdict = verify(&dataset, node).await;
            if node.stored_seq().await? == before
                || verdict
                    .as_ref()
                    .is_ok_and(|verdict| verdict.n_differences == 0)
            {
                return Ok(verdict?);
            }
        }
        anyhow::bail!(
            "`{path}` changes while it is verified; stop the service or try again when less arrives"
        )
    }
}
