//! `zf cp`: a dataset from store to store.

use std::convert::Infallible;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use zarr_fuse_fusion::copy::{Progress, Summary, copy};
use zarr_fuse_store::Store;

use super::doctor::s3_access;
use super::print;

/// Copy a dataset from store to store.
#[derive(Debug, clap::Args)]
pub(crate) struct Cp {
    /// The store to copy: a folder, `file://…`, `s3://bucket/prefix`. A service may go on writing it.
    source: String,
    /// Where to: an empty place, or an earlier copy, which is brought up to date.
    destination: String,
    /// Only the arrays of nodes whose path matches, `*` standing for any characters: plain Zarr, without the journal.
    #[arg(long, value_name = "GLOB")]
    node: Option<String>,
    /// Configuration whose `store` section gives access to the source, if it is on S3.
    #[arg(long, value_name = "FILE")]
    source_config: Option<PathBuf>,
    /// Configuration whose `store` section gives access to the destination, if it is on S3.
    #[arg(long, value_name = "FILE")]
    destination_config: Option<PathBuf>,
}

impl Cp {
    /// Copies; can be repeated after it broke off, and later to bring the copy up to date.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let from = Path::new(self.source.strip_prefix("file://").unwrap_or(&self.source));
        if !self.source.contains("://") || self.source.starts_with("file://") {
            anyhow::ensure!(from.is_dir(), "there is no dataset at `{}`", self.source);
        }
        let source_access = s3_access(self.source_config.as_deref())?;
        let destination_access = s3_access(self.destination_config.as_deref())?;
        let source = Store::open(&self.source, Path::new(""), &source_access)?.read_only();
        let destination = Store::open(&self.destination, Path::new(""), &destination_access)?;
        let progress = Progress::default();
        let bar = bar();
        let shown = async || -> Infallible {
            loop {
                bar.set_length(progress.n_known.load(Ordering::Relaxed));
                bar.set_position(progress.n_objects.load(Ordering::Relaxed));
                let n_bytes = progress.n_bytes.load(Ordering::Relaxed);
                bar.set_message(HumanBytes(n_bytes).to_string());
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let summary = tokio::select! {
            done = copy(&source, &destination, self.node.as_deref(), &progress) => done?,
            never = shown() => match never {},
        };
        bar.finish_and_clear();
        self.tell(&summary)?;
        Ok(ExitCode::SUCCESS)
    }

    fn tell(&self, summary: &Summary) -> anyhow::Result<()> {
        for (path, seq) in &summary.nodes {
            match self.node {
                Some(_) => print(path)?,
                None => print(&format!("{path}: merged up to contribution {seq}"))?,
            }
        }
        print(&format!(
            "copied {} objects ({}), {} were there already",
            HumanCount(summary.n_copied),
            HumanBytes(summary.n_bytes),
            HumanCount(summary.n_kept)
        ))?;
        if !summary.changing.is_empty() {
            print(&format!(
                "`{}` changed up to the end; what arrived meanwhile is in the journal and is merged when the copy is first written, \
                 or copy again when less arrives",
                summary.changing.join("`, `")
            ))?;
        }
        Ok(())
    }
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {human_pos}/{human_len} objects, {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style)
}
