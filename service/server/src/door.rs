//! How commands on this machine reach the service that writes a dataset: its address and a token, in a file beside the lock of
//! the store that only the user of the service can read.
//!
//! The token lasts as long as the process. Who can read the file can change the store anyway.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zarr_fuse_store::{Store, keys};

use crate::config::Secret;
use crate::who::digest_of;

/// What commands send, and what is compared with it.
pub struct Door {
    url: String,
    token: Secret,
    digest: [u8; 32],
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Note {
    /// Where the service listens.
    pub url: String,
    /// The name of the dataset there.
    pub dataset: String,
    /// What lets commands in.
    token: String,
}

impl Note {
    /// What lets commands in.
    pub fn token(&self) -> Secret {
        Secret::new(&self.token)
    }

    /// The note beside a local store; `None`: no service has left one that may be read.
    pub fn beside(store: &Store) -> Option<Self> {
        let bytes = fs::read(path(store)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

impl Door {
    /// A door to the service that listens on `address`.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(crate) fn new(address: SocketAddr, has_tls: bool) -> io::Result<Self> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let token = format!("zfd_{}", zarr_fuse_store::hexadecimal(&random));
        // Where it listens on all addresses, it does so on this machine.
        let ip = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        let scheme = if has_tls { "https" } else { "http" };
        Ok(Self {
            url: format!("{scheme}://{}", SocketAddr::new(ip, address.port())),
            digest: digest_of(&token),
            token: Secret::new(&token),
        })
    }

    /// Whether this is the token; its hash is compared, so that the time tells nothing.
    pub(crate) fn admits(&self, token: &Secret) -> bool {
        digest_of(token.expose()) == self.digest
    }

    /// Leaves a note beside a local store.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(crate) fn leave_note(&self, store: &Store, dataset: &str) -> io::Result<()> {
        let Some(path) = path(store) else {
            return Ok(());
        };
        let note = Note {
            url: self.url.clone(),
            dataset: dataset.to_owned(),
            token: self.token.expose().to_owned(),
        };
        let bytes = serde_json::to_vec(&note).map_err(io::Error::other)?;
        remove(&path)?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        file.write_all(&bytes)
    }
}

/// Takes the note away.
pub(crate) fn remove_note(store: &Store) {
    if let Some(path) = path(store) {
        let _is_not_there = remove(&path);
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn path(store: &Store) -> Option<PathBuf> {
    Some(store.folder()?.join(keys::DOOR))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use zarr_fuse_store::S3Access;

    use super::*;

    #[test]
    fn a_note_is_for_its_owner_and_lets_in() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("journal")).unwrap();
        let url = folder.path().display().to_string();
        let store = Store::open(&url, Path::new(""), &S3Access::default()).unwrap();
        let door = Door::new("0.0.0.0:8000".parse().unwrap(), false).unwrap();
        for _ in 0..2 {
            door.leave_note(&store, "a").unwrap();
        }
        let mode = fs::metadata(folder.path().join(keys::DOOR))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let note = Note::beside(&store).unwrap();
        assert_eq!(
            (note.url.as_str(), note.dataset.as_str()),
            ("http://127.0.0.1:8000", "a")
        );
        assert!(door.admits(&note.token()));
        assert!(!door.admits(&Secret::new("zfd_0")));
        remove_note(&store);
        assert!(Note::beside(&store).is_none());
    }
}
