//! `zf log`: contributions and outcomes, newest first.

use std::process::ExitCode;

use zarr_fuse_service::journal::{Entry, Filter};
use zarr_fuse_service::outcome::Status;

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
            "id",
            "first problem",
        ];
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(entries.iter().map(row));
        print(&table(&rows))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(entry: &Entry) -> Vec<String> {
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
        header.id.to_string(),
        problem,
    ]
}
