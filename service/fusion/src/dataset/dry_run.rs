//! What would become of a contribution, tried out in mind only: nothing is stored.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Semaphore, SemaphorePermit};
use uuid::Uuid;
use zarr_fuse_decode::Content;
use zarr_fuse_journal::{
    self as journal, CorrectionError, Header, JournalError, NewContribution, Payload, PayloadPlace,
    outcome::{Outcome, Problems, RowProblem},
};
use zarr_fuse_store::blocking;

use super::Dataset;
use crate::commit::{self, CommitError};
use crate::definition;
use crate::fold::{self, IngestError, Meanings, Meant};
use crate::meaning::Meaning;
use crate::memory::Share;
use crate::merge::{Incoming, Update, merge};
use crate::node::Node;
use crate::normalize::Admission;
use crate::preview::{Dimension, Preview, preview};

/// Contributions that are tried out at once, of all datasets.
static DRY_RUNS: Semaphore = Semaphore::const_new(4);
/// How long one waits for its turn.
const DRY_RUN_WAIT: Duration = Duration::from_secs(5);

/// Why a contribution cannot be tried out.
#[derive(Debug, thiserror::Error)]
pub enum DryRunError {
    /// Others are tried out, or take the memory for it.
    #[error(
        "other contributions are being tried out or merged and take the memory there is for it; try again in a moment"
    )]
    Busy,
    /// The code that tries it has a fault.
    #[error("a fault of the service: {0}")]
    Fault(String),
    /// The temporary file of a large body cannot be read.
    #[error("the temporary file of the body cannot be read")]
    Spool(#[source] std::io::Error),
    /// What is stored cannot be read.
    #[error(transparent)]
    Read(#[from] CommitError),
    /// The state of the contribution does not allow a retry.
    #[error(transparent)]
    Correction(#[from] CorrectionError),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What would become of a contribution and, if it can be decoded, what it looks like then.
type Tried = (Outcome, Option<Preview>);

impl Dataset {
    /// What would become of a contribution that came now.
    ///
    /// # Errors
    /// [`DryRunError`].
    pub async fn dry_run(&self, new: NewContribution) -> Result<Tried, DryRunError> {
        let payload = new.payload.clone();
        let header = journal::header(new, self.name.clone(), PayloadPlace::Plain);
        let Some(node) = self.nodes.get(&header.node) else {
            return Ok((no_node(&header.node), None));
        };
        let meant = self.meaning(&header.endpoint, &node.schema).map(Arc::new);
        let read = async {
            let read = tokio::task::spawn_blocking(move || payload.bytes()).await;
            let read = read.map_err(std::io::Error::other).flatten();
            read.map_err(DryRunError::Spool)
        };
        try_out(node, header, meant, read).await
    }

    /// What would become of a contribution that is retried, read as the retry would read it, and merged as if it came now.
    ///
    /// # Errors
    /// [`DryRunError`]; [`DryRunError::Correction`] where a retry would be refused.
    pub async fn dry_run_of_retry(&self, id: Uuid) -> Result<Tried, DryRunError> {
        self.journal.may_retry(id)?;
        let entry = self.journal.entry(id).ok_or(CorrectionError::Unknown(id))?;
        let header = entry.header.as_ref().clone();
        let Some(node) = self.nodes.get(&header.node) else {
            return Ok((no_node(&header.node), None));
        };
        let meant = if let Some(today) = self.meant_if_retried(id)? {
            Meaning::of(today.id(), &definition::ready(today), &node.schema).map(Arc::new)
        } else {
            let as_of = self.journal.last_seq();
            let mut meanings = Meanings::new(&self.journal, &node.schema, as_of);
            meanings.of(&header).await?
        };
        let seq = header.seq;
        let read = async { Ok(self.journal.payload(seq).await?) };
        try_out(node, header, meant, read).await
    }
}

fn no_node(path: &str) -> Outcome {
    Outcome::rejected(RowProblem {
        reason: format!("there is no node `{path}`"),
        ..RowProblem::default()
    })
}

/// A place among what is tried out, with the memory that it is thought to take.
#[derive(Debug)]
struct Turn {
    _place: SemaphorePermit<'static>,
    _memory: Share<'static>,
}

/// Waits for one, but not long.
async fn turn(memory: impl Future<Output = Share<'static>>) -> Result<Turn, DryRunError> {
    let busy = |_| DryRunError::Busy;
    let place = tokio::time::timeout(DRY_RUN_WAIT, DRY_RUNS.acquire()).await;
    let place = place.map_err(busy)?.map_err(|_closed| DryRunError::Busy)?;
    let memory = tokio::time::timeout(DRY_RUN_WAIT, memory).await;
    Ok(Turn {
        _place: place,
        _memory: memory.map_err(busy)?,
    })
}

/// Does `work` with the bytes of a payload in its turn, within the bounds of dry runs. What panics is told as a fault.
///
/// # Errors
/// [`DryRunError`].
pub async fn in_turn<T: Send + 'static>(
    payload: Payload,
    content: &Content,
    work: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> Result<T, DryRunError> {
    let encoding = content.content_encoding.as_deref();
    let room = fold::room_for_body(payload.len(), &content.content_type, encoding);
    let _turn = turn(room).await?;
    blocking(move || {
        let bytes = payload.bytes().map_err(DryRunError::Spool)?;
        let done = fold::isolated(|| work(&bytes));
        done.map_err(|panic| DryRunError::Fault(fold::said(&*panic).to_owned()))
    })
    .await
}

async fn try_out(
    node: &Arc<Node>,
    header: Header,
    meant: Meant,
    payload: impl Future<Output = Result<Bytes, DryRunError>>,
) -> Result<Tried, DryRunError> {
    let _turn = turn(fold::room_for(&header)).await?;
    let payload = payload.await?;
    let (id, into) = (header.id, Arc::clone(node));
    let tried = tokio::task::spawn_blocking(move || {
        let work = || merged_in_mind(&into, &header, meant, &payload);
        fold::isolated(work).unwrap_or_else(|panic| {
            let fault = fold::Fault::of(id, 0, "tried", &*panic);
            let error = IngestError::from(fold::SetAside::from(fault));
            (Err(fold::rejected(&error)), None)
        })
    });
    let tried = tried.await.map_err(std::io::Error::other);
    let (merged, mut shown) = tried.map_err(DryRunError::Spool)?;
    let mut update = match merged {
        Ok(update) => update,
        Err(outcome) => return Ok((outcome, shown)),
    };
    if let Some(shown) = &mut shown {
        shown.dimensions = dimensions(node, &update);
    }
    let judged = update.judged.pop();
    let conflicts = commit::conflicts(node, &Arc::new(update)).await?;
    let outcome = judged.map_or_else(
        || Outcome::of(0, 0, 0, Problems::default()),
        |judged| fold::judged_with(judged, &conflicts),
    );
    Ok((outcome, shown))
}

/// How long the dimensions of a node would be.
fn dimensions(node: &Node, update: &Update) -> Vec<Dimension> {
    let coordinates = node.schema.coordinates.keys().zip(&update.coordinates);
    coordinates
        .map(|(name, coordinate)| Dimension {
            name: name.clone(),
            length: coordinate.index.len(),
            added: coordinate.index.len().saturating_sub(coordinate.old_len),
        })
        .collect()
}

/// A contribution merged, or why it cannot be, and what it looks like.
fn merged_in_mind(
    node: &Node,
    header: &Header,
    meant: Meant,
    payload: &[u8],
) -> (Result<Update, Outcome>, Option<Preview>) {
    let mut shown = None;
    let fitted = meant.map_err(IngestError::from).and_then(|meaning| {
        let table = fold::decode(header, payload, &meaning)?;
        shown = Some(preview(&table, &node.schema));
        fold::fit(&table, &meaning, Admission::New)
    });
    let merged = fitted.map(|normalized| {
        let state = node.state();
        let incoming = vec![Incoming {
            seq: 0,
            normalized,
            admission: Admission::New,
        }];
        let (coordinates, components) = (&state.coordinates, &state.components);
        merge(&node.schema, coordinates, components, incoming)
    });
    (merged.map_err(|error| fold::rejected(&error)), shown)
}
