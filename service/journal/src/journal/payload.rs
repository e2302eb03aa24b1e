//! The bytes of a contribution on their way: in memory, or in a temporary file when they are many.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use zarr_fuse_store::{Store, StoreError};

/// Bytes read from a temporary file at once.
const PIECE_BYTES: u64 = 1 << 20;

/// The bytes of a contribution.
#[derive(Debug, Clone)]
pub enum Payload {
    /// In memory.
    Memory(Bytes, Room),
    /// In a temporary file.
    File(Arc<Spool>),
}

/// The share that bytes have of the memory that all bodies may take: taken as long as anybody has them.
#[derive(Debug, Clone, Default)]
pub struct Room {
    _permits: Option<Arc<Vec<OwnedSemaphorePermit>>>,
}

impl From<Vec<OwnedSemaphorePermit>> for Room {
    fn from(permits: Vec<OwnedSemaphorePermit>) -> Self {
        Self {
            _permits: Some(Arc::new(permits)),
        }
    }
}

impl Payload {
    /// The same bytes, once they are durable: from then on another bound holds for how many are in memory.
    pub(super) fn settled(self) -> Self {
        match self {
            Self::Memory(bytes, _) => Self::Memory(bytes, Room::default()),
            file @ Self::File(_) => file,
        }
    }

    /// How many bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes, _) => bytes.len() as u64,
            Self::File(spool) => spool.n_bytes,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them are in memory.
    pub(super) fn n_bytes_in_memory(&self) -> usize {
        match self {
            Self::Memory(bytes, _) => bytes.len(),
            Self::File(_) => 0,
        }
    }

    /// Hexadecimal SHA-256 of the bytes.
    pub fn sha256(&self) -> String {
        match self {
            Self::Memory(bytes, _) => zarr_fuse_store::sha256(bytes),
            Self::File(spool) => spool.sha256.clone(),
        }
    }

    /// All bytes, in memory. Those of a file are read now; call it where it may take its time.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn bytes(&self) -> io::Result<Bytes> {
        match self {
            Self::Memory(bytes, _) => Ok(bytes.clone()),
            Self::File(spool) => spool.piece(0, spool.n_bytes),
        }
    }

    /// Puts the bytes into `store`, in parts if they are many, so that few are in memory at a time.
    ///
    /// # Errors
    /// [`StoreError::Failed`].
    pub(super) async fn put(&self, store: &Store, key: &str) -> Result<(), StoreError> {
        let spool = match self {
            Self::Memory(bytes, _) => return store.put(key, bytes.clone()).await,
            Self::File(spool) => spool,
        };
        let pieces = futures::stream::try_unfold(0, |offset| {
            let spool = Arc::clone(spool);
            async move {
                let n_bytes = (spool.n_bytes - offset).min(PIECE_BYTES);
                if n_bytes == 0 {
                    return Ok(None);
                }
                let read = tokio::task::spawn_blocking(move || spool.piece(offset, n_bytes)).await;
                let piece = read.map_err(io::Error::other).flatten()?;
                Ok(Some((piece, offset + n_bytes)))
            }
        });
        store.put_stream(key, pieces).await
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(bytes, Room::default())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Memory(bytes.into(), Room::default())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::Memory(text.into(), Room::default())
    }
}

/// A complete body in a temporary file without a name: it is gone when the last holder or the process ends.
#[derive(Debug)]
pub struct Spool {
    file: File,
    n_bytes: u64,
    sha256: String,
    /// Its share of what may be in files at once.
    _room: Option<OwnedSemaphorePermit>,
}

impl Spool {
    fn piece(&self, offset: u64, n_bytes: u64) -> io::Result<Bytes> {
        let mut piece = vec![0; zarr_fuse_schemas::to_usize(n_bytes)];
        self.file.read_exact_at(&mut piece, offset)?;
        Ok(piece.into())
    }
}

/// A body while it arrives in a temporary file.
#[derive(Debug)]
pub struct Spooling {
    file: File,
    n_bytes: u64,
    hash: Sha256,
    room: Option<OwnedSemaphorePermit>,
}

impl Spooling {
    /// A new file in `folder`.
    ///
    /// # Errors
    /// If there can be none.
    pub fn begin(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: tempfile::tempfile_in(folder)?,
            n_bytes: 0,
            hash: Sha256::new(),
            room: None,
        })
    }

    /// Writes the next bytes, and keeps what allows them to be there as long as the file.
    ///
    /// # Errors
    /// If they cannot be written: the disk is full, say.
    pub fn write(&mut self, bytes: &[u8], room: OwnedSemaphorePermit) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.n_bytes += bytes.len() as u64;
        match &mut self.room {
            Some(before) => before.merge(room),
            None => self.room = Some(room),
        }
        Ok(())
    }

    /// How many bytes there are.
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The complete body.
    pub fn finish(self) -> Spool {
        Spool {
            file: self.file,
            n_bytes: self.n_bytes,
            sha256: zarr_fuse_store::hexadecimal(&self.hash.finalize()),
            _room: self.room,
        }
    }
}

/// The first folder in which a temporary file can be made: `configured` alone, else `TMPDIR`, `/var/tmp` and `/tmp`.
/// `/var/tmp` comes before `/tmp`, which lies in memory on many systems.
///
/// # Errors
/// The folder in which none can be made, and why.
pub fn spool_folder(configured: Option<&Path>) -> Result<PathBuf, (PathBuf, io::Error)> {
    let from_environment = std::env::var_os("TMPDIR").map(PathBuf::from);
    let usual = ["/var/tmp", "/tmp"].map(PathBuf::from);
    let folders: Vec<PathBuf> = match configured {
        Some(folder) => vec![folder.to_owned()],
        None => from_environment.into_iter().chain(usual).collect(),
    };
    let mut refusal = None;
    for folder in folders {
        match tempfile::tempfile_in(&folder) {
            Ok(_) => return Ok(folder),
            Err(error) => refusal = refusal.or(Some((folder, error))),
        }
    }
    Err(refusal.expect("there is at least one folder to try"))
}
