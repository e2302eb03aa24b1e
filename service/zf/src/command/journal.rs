//! `zf journal check` and `zf journal repair`: whether the journal is as it was written, and what can be saved.

use std::process::ExitCode;

use zarr_fuse_fusion::dataset;
use zarr_fuse_journal::repair::{self, Checked, Lost};
use zarr_fuse_store::Writer;

use super::{Access, Parts, Target, note, print};

/// Read every object of the journal, and mend it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum JournalCommand {
    /// Read every segment, payload and batch of outcomes; exit code 1 if anything is wrong.
    #[command(after_help = "Example:\n  zf journal check schemas/boreholes.yaml")]
    Check(Check),
    /// Put sound objects in the place of damaged ones, which are kept in `journal/damaged`; says what is lost.
    #[command(after_help = "Example:\n  zf journal repair schemas/boreholes.yaml --yes")]
    Repair(Repair),
}

/// Check the journal.
#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    #[command(flatten)]
    target: Target,
}

/// Repair the journal.
#[derive(Debug, clap::Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    target: Target,
    /// Do it; without this, what would be done is told. No service may run on the dataset meanwhile.
    #[arg(long)]
    yes: bool,
}

impl JournalCommand {
    /// Runs either.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Check(check) => check.run().await,
            Self::Repair(repair) => repair.run().await,
        }
    }
}

impl Check {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let checked = examine(&self.target.parts(Access::Read).await?).await?;
        tell(&checked)?;
        if checked.findings.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        if checked.needs_repair() {
            let n_lost = checked.lost.len();
            note(&format!(
                "`zf journal repair` would keep all but {n_lost} contributions; put the objects back from a copy if there is one"
            ));
        }
        Ok(ExitCode::FAILURE)
    }
}

impl Repair {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let access = if self.yes {
            Access::Write
        } else {
            Access::Read
        };
        let parts = self.target.parts(access).await?;
        // Held until the end, so that no service begins to write meanwhile.
        let writer = self.yes.then(|| parts.store.mark()).transpose()?;
        let checked = examine(&parts).await?;
        tell(&checked)?;
        for lost in &checked.lost {
            print(&describe(lost))?;
        }
        if !checked.needs_repair() && checked.orphans.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes {
            note("nothing was changed; stop the service, then say --yes to repair");
            return Ok(ExitCode::FAILURE);
        }
        let is_alone = matches!(writer, Some(Writer::This(_))) && parts.journal.folder().is_some();
        for key in repair::remove_orphans(&parts.journal, &checked, is_alone).await? {
            print(&format!("removed `{key}`, which no contribution names"))?;
        }
        if !checked.needs_repair() {
            return Ok(ExitCode::SUCCESS);
        }
        for place in repair::repair(&parts.journal, &checked).await? {
            print(&format!("kept the damaged object as `{place}`"))?;
        }
        print("the journal is sound again; `zf rebuild` makes the arrays what it says now")?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn examine(parts: &Parts) -> anyhow::Result<Checked> {
    let last_seq = dataset::newest_folded(&parts.store, &parts.schema).await?;
    Ok(repair::check(&parts.journal, last_seq).await?)
}

fn tell(checked: &Checked) -> anyhow::Result<()> {
    for finding in &checked.findings {
        print(&finding.to_string())?;
    }
    let Checked {
        n_segments,
        n_frames,
        n_blobs,
        n_outcomes,
        ..
    } = checked;
    for orphan in &checked.orphans {
        note(&format!(
            "`{}` ({} bytes): no contribution names it; `zf journal repair` removes it",
            orphan.key, orphan.n_bytes
        ));
    }
    print(&format!(
        "{n_frames} sound entries in {n_segments} segments, {n_blobs} payloads of their own, {n_outcomes} batches of outcomes; {} faults",
        checked.findings.len()
    ))
}

fn describe(lost: &Lost) -> String {
    let of = lost.hint.as_ref().map_or_else(String::new, |hint| {
        format!(
            " (contribution {} to `{}`, received {}, if its damaged header is right)",
            hint.id,
            hint.node,
            hint.received_at.format("%Y-%m-%dT%H:%M:%SZ")
        )
    });
    format!("lost: {}{of}: {}", lost.seq, lost.reason)
}
