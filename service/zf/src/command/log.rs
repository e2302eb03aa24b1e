//! `zf log`: contributions and outcomes, newest first.

use std::process::ExitCode;

use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{Entry, Filter, outcome::Status};

use super::{Access, Target, print, table};

/// Print contributions and what became of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Log {
    #[command(flatten)]
    target: Target,
    /// Only of this state: journaled, merged, partial, rejected, retracted.
    #[arg(long, value_name = "S", value_parser = status)]
    status: Option<Status>,
    /// Only for this node.
    #[arg(long, value_name = "N")]
    node: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// One JSON object per line, with all problems that are kept.
    #[arg(long)]
    json: bool,
}

/// Reads a state.
pub(super) fn status(text: &str) -> Result<Status, String> {
    serde_json::from_value(text.into())
        .map_err(|_unknown| "choose journaled, merged, partial, rejected or retracted".to_owned())
}

impl Log {
    /// Prints the list.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let dataset = self.target.open(Access::Read).await?;
        let filter = Filter {
            status: self.status,
            node: self.node,
            limit: self.limit,
            ..Filter::default()
        };
        let entries = dataset.journal.list(&filter);
        if self.json {
            for entry in &entries {
                let line = serde_json::json!({
                    "contribution": entry.header.as_ref(),
                    "status": entry.status(),
                    "outcome": entry.outcome.as_deref(),
                    "definition": dataset.journal.definition_of(entry.header.seq, u64::MAX),
                    "definition_assumed": is_assumed(&dataset, entry),
                });
                print(&line.to_string())?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let head = [
            "seq",
            "received",
            "status",
            "node",
            "rows",
            "bytes",
            "endpoint",
            "meaning",
            "id",
            "first problem",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(entries.iter().map(|entry| row(&dataset, entry)));
        print(&table(&rows))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether what a contribution means is what was configured when the journal began to keep definitions.
fn is_assumed(dataset: &Dataset, entry: &Entry) -> bool {
    let seq = entry.header.seq;
    let assumed = dataset
        .journal
        .assumed(seq)
        .map(|(_, definition)| definition);
    assumed.is_some() && assumed == dataset.journal.definition_of(seq, u64::MAX)
}

/// The beginning of the name of the definition; `?` if nobody has said what the contribution means.
fn meaning(dataset: &Dataset, entry: &Entry) -> String {
    let definition = dataset.journal.definition_of(entry.header.seq, u64::MAX);
    match definition.map(|id| id.to_string()) {
        Some(id) if is_assumed(dataset, entry) => format!("{} (assumed)", &id[..8]),
        Some(id) => id[..8].to_owned(),
        None => "?".to_owned(),
    }
}

fn row(dataset: &Dataset, entry: &Entry) -> Vec<String> {
    let header = &entry.header;
    let (rows, problem) = match &entry.outcome {
        Some(outcome) => (
            format!("{}/{}", outcome.n_rows_accepted, outcome.n_rows_read),
            outcome
                .problems
                .first()
                .map(|problem| problem.reason.clone())
                .unwrap_or_default(),
        ),
        None => (String::new(), String::new()),
    };
    vec![
        header.seq.to_string(),
        header.received_at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        format!("{:?}", entry.status()).to_lowercase(),
        header.node.clone(),
        rows,
        header.n_bytes.to_string(),
        header.endpoint.clone(),
        meaning(dataset, entry),
        header.id.to_string(),
        problem,
    ]
}
