//! Folds into the nodes of a dataset for as long as it is open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use zarr_fuse_journal::{JournalError, Next};
use zarr_fuse_schemas::row_problem::whole;

use super::Dataset;
use crate::commit;
use crate::fold::{FoldError, Folded, fold};
use crate::node::Node;

/// Pause before copies for readers are tried again.
const MAX_COPY_DELAY: Duration = Duration::from_secs(10);
/// Longest pause between commits of a busy node, so that each takes more.
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// Folds into one node whenever something arrives, until `stop`. Never gives up: the journal keeps what cannot be written.
pub async fn run(dataset: Arc<Dataset>, node: Arc<Node>, stop: CancellationToken) {
    let path = node.schema.path.clone();
    let mut arrivals = dataset.journal.arrivals();
    let mut delay = Duration::from_millis(100);
    let mut kept = commit::Kept::default();
    loop {
        let due = keep_copies(&dataset, &node, &mut kept).await;
        // Only when to begin is decided here; what is done then, by what waits then.
        let next = dataset.journal.next(&path, node.unclean_until(), 1, 1);
        let refolding = if let Some(Next::Refold { .. }) = next {
            Some(dataset.turns.begin(&path).await)
        } else {
            None
        };
        let begin = Instant::now();
        let folded = fold(&node, &dataset.journal).await;
        drop(refolding);
        let pause = match folded {
            Ok(Some(folded)) => {
                let Folded {
                    n_contributions,
                    n_rows,
                    n_rejected,
                    seq,
                } = folded;
                let duration = begin.elapsed();
                tracing::info!(
                    dataset.name = dataset.name,
                    node.path = path,
                    commit.id = seq,
                    n_contributions,
                    n_rows,
                    n_rejected,
                    duration_ms = duration.as_millis(),
                    "Merged {n_contributions} contributions into `{}/{path}`",
                    dataset.name
                );
                dataset.folded(&path, folded, duration);
                delay = Duration::from_millis(100);
                if dataset.journal.is_trying(&path, seq) {
                    Duration::ZERO
                } else {
                    (duration * 4).min(MAX_PAUSE)
                }
            }
            Ok(None) => {
                dataset.unhindered(&path);
                tokio::select! {
                    () = stop.cancelled() => return,
                    changed = arrivals.changed() => match changed {
                        Ok(()) => Duration::ZERO,
                        Err(_closed) => return,
                    },
                    () = tokio::time::sleep(due.unwrap_or(Duration::MAX)), if due.is_some() => Duration::ZERO,
                }
            }
            Err(FoldError::Journal(JournalError::Fenced { .. })) => {
                dataset.yield_to_another();
                stop.cancelled().await;
                return;
            }
            Err(error) => {
                tracing::error!(
                    dataset.name = dataset.name,
                    node.path = path,
                    error = &error as &dyn std::error::Error,
                    "Cannot merge into `{}/{path}`; trying again",
                    dataset.name
                );
                dataset.stumbled(&path, &whole(&error).reason);
                delay = (delay * 2).min(Duration::from_secs(10));
                delay
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Makes the copies of a node that its schema asks for, unless another process writes it. Gives the time until there may be
/// more to do.
async fn keep_copies(dataset: &Dataset, node: &Node, kept: &mut commit::Kept) -> Option<Duration> {
    node.schema.readers?;
    dataset.journal.still_ours().await.ok()?;
    match kept.keep(node, chrono::Utc::now()).await {
        Ok(due) => due,
        Err(error) => {
            let path = &node.schema.path;
            tracing::warn!(
                dataset.name = dataset.name,
                node.path = path,
                error = &error as &dyn std::error::Error,
                "Cannot copy `{path}` for readers of the store; trying again"
            );
            Some(MAX_COPY_DELAY)
        }
    }
}
