//! One writer at a time: a process that opens a journal for writing says so in it, and fences whoever wrote before.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use object_store::{GetOptions, GetRange};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zarr_fuse_store::{StoreError, keys};

use super::segment::{self, Frame, Header, Kind};
use super::{Journal, JournalError};

/// Numbers that a process may lose to the one that writes before it asks for a pause.
const PATIENCE: u32 = 3;
/// How long the pause is at most.
const WAY: Duration = Duration::from_secs(5);

/// A process that writes a journal, told well enough to find out whether it still runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Name of its machine.
    pub host: String,
    /// Its process id.
    pub pid: u32,
    /// Tells one start of the machine from another, as far as the system says.
    boot: String,
    /// Tells one container from another on the same machine.
    namespace: String,
    /// When it began, in ticks since the machine started.
    started: u64,
}

/// Whether a process still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It is this very process.
    This,
    /// It runs.
    Runs,
    /// It has ended.
    Ended,
    /// It is on another machine or in another container.
    Unknown,
}

impl Process {
    /// This one.
    pub fn this() -> Self {
        let read = |path: &str| {
            std::fs::read_to_string(path)
                .map(|text| text.trim().to_owned())
                .unwrap_or_default()
        };
        let pid = std::process::id();
        let namespace = std::fs::read_link("/proc/self/ns/pid")
            .map(|link| link.display().to_string())
            .unwrap_or_default();
        Self {
            host: read("/proc/sys/kernel/hostname"),
            pid,
            boot: read("/proc/sys/kernel/random/boot_id"),
            namespace,
            started: started(pid).unwrap_or(0),
        }
    }

    /// Whether it still runs, seen from this process.
    pub fn life(&self) -> Life {
        let this = Self::this();
        if *self == this {
            return Life::This;
        }
        let near = self.boot == this.boot && self.namespace == this.namespace;
        if !near || this.boot.is_empty() || this.namespace.is_empty() {
            return Life::Unknown;
        }
        if started(self.pid) == Some(self.started) {
            Life::Runs
        } else {
            Life::Ended
        }
    }
}

/// When the process began, if there is one.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the 20th field after it is the start.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

impl Journal {
    /// The process that opened the journal last and has not closed it.
    pub fn other_writer(&self) -> Option<Process> {
        let catalog = self.catalog.read();
        let last = catalog.last_of(&[Kind::Opened, Kind::Closed])?;
        if last.header.kind == Kind::Closed {
            return None;
        }
        serde_json::from_value(Json::Object(last.header.variables.clone())).ok()
    }

    /// Makes this process the only one that appends: another one's next append fails.
    ///
    /// # Errors
    /// [`JournalError`] if the store fails or what was appended meanwhile is damaged.
    pub async fn take_over(&self) -> Result<(), JournalError> {
        for n_lost in 0.. {
            // Whoever appends without a pause always has the next number first: it is asked to pause.
            if n_lost == PATIENCE {
                let name = self.writer.to_string().into_bytes();
                self.store.put(keys::TAKEOVER, name).await?;
            }
            let seq = self.last_seq() + 1;
            let header = Header {
                seq,
                variables: as_variables(&Process::this()),
                ..self.frame(Kind::Opened, "")
            };
            let frames = [Frame {
                header,
                payload: Bytes::new(),
            }];
            let key = keys::segment(seq);
            let bytes = Bytes::from(segment::encode(seq, self.writer, &frames));
            match self.store.create(&key, bytes).await {
                Ok(()) => {
                    self.announced.store(true, Ordering::Release);
                    self.admit(seq, frames.into_iter().map(|frame| (frame.header, None)));
                    break;
                }
                // Appended meanwhile, or by an earlier try of ours whose answer was lost.
                Err(StoreError::Exists { .. }) => {
                    let found = self.segment(&key).await?;
                    let ours = found.writer == self.writer;
                    let headers = found.frames.into_iter().map(|frame| (frame.header, None));
                    self.admit(seq, headers);
                    if ours {
                        self.announced.store(true, Ordering::Release);
                        break;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.store.delete(keys::TAKEOVER).await?)
    }

    /// Pauses if another process has asked to take over, until it has; goes on if it does not.
    pub(super) async fn give_way(&self, asked: &mut Option<Bytes>) {
        let Ok(Some(name)) = self.store.get(keys::TAKEOVER).await else {
            return;
        };
        if name == self.writer.to_string() || asked.as_ref() == Some(&name) {
            return;
        }
        let deadline = tokio::time::Instant::now() + WAY;
        while tokio::time::Instant::now() < deadline && self.still_ours().await.is_ok() {
            tokio::time::sleep(WAY / 50).await;
        }
        *asked = Some(name);
    }

    /// Says in the journal that this process has ended in order, if it had said that it began.
    pub async fn close(&self) {
        if self.announced.swap(false, Ordering::AcqRel) && !self.is_fenced() {
            let closed = self.frame(Kind::Closed, "");
            if let Err(error) = self
                .send(closed, Bytes::new(), Bytes::new().into(), None)
                .await
            {
                tracing::warn!(%error, "Cannot say in the journal of `{}` that this process ends", self.dataset);
            }
        }
    }

    /// Takes nothing more, since the dataset is handed over within this process: what is under way is finished, later
    /// contributions are refused. What is known can be read on.
    pub async fn retire(&self) {
        self.retired.cancel();
        self.close().await;
        *self.ended.lock().await = true;
    }

    /// Waits until the dataset is handed over to another one of this process.
    pub async fn retired(&self) {
        self.retired.cancelled().await;
    }

    /// Makes sure that no other process has appended; asked before arrays are changed.
    ///
    /// # Errors
    /// [`JournalError::Fenced`] if one has, [`JournalError::Store`] if that cannot be found out.
    pub async fn still_ours(&self) -> Result<(), JournalError> {
        let fenced = || JournalError::Fenced {
            dataset: self.dataset.clone(),
        };
        if self.is_fenced() {
            return Err(fenced());
        }
        self.verify_at_times().await?;
        let seq = self.last_seq() + 1;
        let key = keys::segment(seq);
        let options = GetOptions {
            range: Some(GetRange::Bounded(0..segment::HEAD as u64)),
            ..GetOptions::default()
        };
        let Some(found) = self.store.get_opts(&key, options).await? else {
            return Ok(());
        };
        let head = found
            .bytes()
            .await
            .map_err(|source| self.store.failed("read", &key, source))?;
        if segment::writer_of(&head) == Some(self.writer) {
            return Ok(());
        }
        self.fence();
        Err(fenced())
    }
}

fn as_variables(process: &Process) -> serde_json::Map<String, Json> {
    match serde_json::to_value(process) {
        Ok(Json::Object(variables)) => variables,
        _ => serde_json::Map::new(),
    }
}
