//! `zf ingest`: files through the same path as uploads, without a server.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Map;
use zarr_fuse_decode::{Decoder, Decoding, content_of_file};
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{
    NewContribution,
    outcome::{Outcome, Status},
};

use super::{Access, Target, note, print, trial};

/// Problems printed per file.
const MAX_PRINTED: usize = 10;

/// Contribute files to a node.
#[derive(Debug, clap::Args)]
pub(crate) struct Ingest {
    #[command(flatten)]
    target: Target,
    /// The node's path in the dataset.
    node: String,
    /// Files; `-` is standard input.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Media type of the files; else their names tell.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Endpoint whose extraction is used; needs --config.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// How the files are decoded, as the `decode` part of an endpoint has it: `{csv: {delimiter: ";"}}`. Files that it
    /// names are relative to the current folder.
    #[arg(long, value_name = "YAML", conflicts_with = "endpoint")]
    decode: Option<String>,
    /// Only show what the files look like and what would become of them.
    #[arg(long)]
    dry_run: bool,
    /// Variables for the extraction, as NAME=VALUE.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    variables: Vec<String>,
}

impl Ingest {
    /// Contributes the files in order and folds them.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let access = if self.dry_run {
            Access::Read
        } else {
            Access::Write
        };
        let decoder = self.decode.as_deref().map(decoder).transpose()?;
        if self.dry_run && !self.target.exists() {
            return self.try_in_memory().await;
        }
        let dataset = self.target.open_with(access, decoder).await?;
        if dataset.node(&self.node).is_none() {
            let known: Vec<&str> = dataset.nodes.keys().map(String::as_str).collect();
            anyhow::bail!(
                "there is no node `{}` with variables; there are {}",
                self.node,
                known.join(", ")
            );
        }
        let endpoint = self
            .endpoint
            .clone()
            .unwrap_or_else(|| dataset.name.clone());
        dataset
            .decoders
            .get(&endpoint)
            .map_err(|error| anyhow::anyhow!("{error}; give it with --config"))?;
        let variables = self.variables()?;
        if self.dry_run {
            return self.try_out(&dataset, &endpoint, &variables).await;
        }
        let progress = progress(self.files.len());
        let mut receipts = Vec::with_capacity(self.files.len());
        for file in &self.files {
            progress.set_message(file.display().to_string());
            let contribution = self.contribution(file, &endpoint, &variables)?;
            receipts.push((file, dataset.contribute(contribution).await?));
            progress.inc(1);
        }
        progress.set_message("merging");
        dataset.fold_all().await?;
        dataset.publish_groups().await?;
        dataset.keep_copies().await?;
        dataset.close().await;
        progress.finish_and_clear();
        let mut code = ExitCode::SUCCESS;
        for (file, receipt) in receipts {
            let outcome = dataset.journal.settled(receipt.seq).await;
            print(&summary(&file.display().to_string(), &outcome))?;
            if outcome.status != Status::Merged {
                code = ExitCode::FAILURE;
            }
            problems(&outcome);
        }
        Ok(code)
    }

    fn contribution(
        &self,
        file: &Path,
        endpoint: &str,
        variables: &Map<String, serde_json::Value>,
    ) -> anyhow::Result<NewContribution> {
        let content = content_of_file(file);
        Ok(NewContribution {
            endpoint: endpoint.to_owned(),
            node: self.node.clone(),
            content_type: self.content_type.clone().unwrap_or(content.content_type),
            content_encoding: content.content_encoding,
            received_at: chrono::Utc::now(),
            sender: super::user(),
            address: None,
            idempotency_key: None,
            variables: variables.clone(),
            payload: read(file)?.into(),
        })
    }

    /// Shows what would become of the files.
    async fn try_out(
        &self,
        dataset: &Arc<Dataset>,
        endpoint: &str,
        variables: &Map<String, serde_json::Value>,
    ) -> anyhow::Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        for file in &self.files {
            let contribution = self.contribution(file, endpoint, variables)?;
            let (outcome, shown) = dataset.dry_run(contribution).await?;
            trial::show(file, &outcome, shown.as_ref())?;
            if outcome.status != Status::Merged {
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    }

    /// The same where there is no store yet, which a look must not make.
    async fn try_in_memory(self) -> anyhow::Result<ExitCode> {
        let target = Target {
            store: Some("memory://".to_owned()),
            ..self.target.clone()
        };
        let decoder = self.decode.as_deref().map(decoder).transpose()?;
        let dataset = target.open_with(Access::Write, decoder).await?;
        let endpoint = self
            .endpoint
            .clone()
            .unwrap_or_else(|| dataset.name.clone());
        let variables = self.variables()?;
        self.try_out(&dataset, &endpoint, &variables).await
    }

    fn variables(&self) -> anyhow::Result<Map<String, serde_json::Value>> {
        let mut variables = Map::new();
        for variable in &self.variables {
            let (name, value) = variable
                .split_once('=')
                .with_context(|| format!("`{variable}` is not NAME=VALUE"))?;
            variables.insert(name.to_owned(), value.into());
        }
        Ok(variables)
    }
}

/// Reads `--decode`.
fn decoder(text: &str) -> anyhow::Result<Decoder> {
    let decoding: Decoding = serde_saphyr::from_str(text)
        .map_err(|error| anyhow::anyhow!("`--decode` cannot be read: {error}"))?;
    decoding
        .prepare(Path::new("."))
        .map_err(|error| anyhow::anyhow!("`--decode`: {error}"))
}

/// The bytes of a file, `-` being standard input.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
}

fn progress(n_files: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(n_files as u64).with_style(style)
}

/// One line for a file or contribution.
pub(crate) fn summary(what: &str, outcome: &Outcome) -> String {
    let status = format!("{:?}", outcome.status).to_lowercase();
    let Outcome {
        n_rows_read,
        n_rows_accepted,
        n_coordinates_added,
        ..
    } = outcome;
    format!(
        "{what}: {status}, {n_rows_accepted} of {n_rows_read} rows, {n_coordinates_added} new coordinate values"
    )
}

/// Warnings and the first problems.
pub(crate) fn problems(outcome: &Outcome) {
    for warning in &outcome.warnings {
        note(&format!("  warning: {warning}"));
    }
    for problem in outcome.problems.iter().take(MAX_PRINTED) {
        note(&format!("  {problem}"));
    }
    let more = outcome.n_problems.saturating_sub(MAX_PRINTED as u64);
    if more > 0 {
        note(&format!("  and {more} more"));
    }
}
