//! The file in which tokens are kept as digests.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::{Scope, name_problem};

/// What tokens begin with, so that they are recognised where they do not belong.
const PREFIX: &str = "zf_";
/// Characters after it: 256 random bits.
const N_CHARS: usize = 43;

/// The tokens of a file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenFile {
    /// In the order in which they were made.
    pub tokens: Vec<StoredToken>,
}

/// A token as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredToken {
    /// The sender noted in the journal.
    pub name: String,
    /// SHA-256 of the token in hexadecimal digits.
    pub sha256: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// From this time on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<DateTime<Utc>>,
}

/// Why tokens cannot be read, made or revoked.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The file cannot be read.
    #[error("the file of tokens `{}` cannot be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// It is not as it was written.
    #[error("the file of tokens `{}` is damaged: restore it, or remove it and make new tokens", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: serde_json::Error,
    },
    /// A digest in it is none.
    #[error("the file of tokens `{}` is damaged: `sha256` of `{name}` is not 64 hexadecimal digits", .path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// The token.
        name: String,
    },
    /// It cannot be written.
    #[error("the file of tokens `{}` cannot be written", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The name is used.
    #[error(
        "there is a token `{name}` already: choose another name, or revoke it first with `zf token revoke {name}`"
    )]
    Exists {
        /// The name.
        name: String,
    },
    /// The name cannot be used.
    #[error("`{name}` cannot name a token: {problem}")]
    Name {
        /// The name.
        name: String,
        /// Why.
        problem: String,
    },
    /// Nothing has this name.
    #[error("there is no token `{name}`; `zf token list` shows what there is")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl TokenFile {
    /// Reads a file; one that is not there has no tokens.
    ///
    /// # Errors
    /// [`TokenFileError::Read`], [`TokenFileError::Damaged`], [`TokenFileError::Digest`].
    pub fn read(path: &Path) -> Result<Self, TokenFileError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => {
                let path = path.to_owned();
                return Err(TokenFileError::Read { path, source });
            }
        };
        let file: Self =
            serde_json::from_slice(&bytes).map_err(|source| TokenFileError::Damaged {
                path: path.to_owned(),
                source,
            })?;
        let damaged = file
            .tokens
            .iter()
            .find(|token| crate::config::digest(&token.sha256).is_none());
        match damaged {
            Some(token) => Err(TokenFileError::Digest {
                path: path.to_owned(),
                name: token.name.clone(),
            }),
            None => Ok(file),
        }
    }

    /// Makes a token, keeps its digest, and returns the token itself, which nobody can tell afterwards.
    ///
    /// # Errors
    /// [`TokenFileError`] if the name is used, or the file cannot be read or written.
    pub fn create(
        path: &Path,
        name: &str,
        scopes: Vec<Scope>,
        created: DateTime<Utc>,
        expires: Option<DateTime<Utc>>,
    ) -> Result<String, TokenFileError> {
        let name = name.to_owned();
        if let Some(problem) = name_problem(&name) {
            return Err(TokenFileError::Name { name, problem });
        }
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(TokenFileError::Random)?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
        let sha256 = format!("{:x}", Sha256::digest(&token));
        Self::change(path, |file| {
            if file.tokens.iter().any(|other| other.name == name) {
                return Err(TokenFileError::Exists { name });
            }
            file.tokens.push(StoredToken {
                name,
                sha256,
                scopes,
                created,
                expires,
            });
            Ok(())
        })?;
        Ok(token)
    }

    /// Removes a token; a running service refuses it within a second.
    ///
    /// # Errors
    /// [`TokenFileError`] if there is none of this name, or the file cannot be read or written.
    pub fn revoke(path: &Path, name: &str) -> Result<(), TokenFileError> {
        Self::change(path, |file| {
            let n_tokens = file.tokens.len();
            file.tokens.retain(|token| token.name != name);
            if file.tokens.len() == n_tokens {
                let name = name.to_owned();
                return Err(TokenFileError::Unknown { name });
            }
            Ok(())
        })
    }

    /// Reads, changes and replaces the file, alone among those that do.
    fn change(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<(), TokenFileError>,
    ) -> Result<(), TokenFileError> {
        let fail = |source| TokenFileError::Write {
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let lock = File::open(folder).map_err(fail)?;
        lock.lock().map_err(fail)?;
        let mut file = Self::read(path)?;
        change(&mut file)?;
        let mut text = serde_json::to_vec_pretty(&file).expect("tokens have only string keys");
        text.push(b'\n');
        // A temporary file belongs to its owner alone, and so does what it becomes.
        let mut new = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        new.write_all(&text).map_err(fail)?;
        new.as_file().sync_all().map_err(fail)?;
        new.persist(path).map_err(|error| fail(error.error))?;
        lock.sync_all().map_err(fail)
    }
}

/// Whether a token looks like one that [`TokenFile::create`] made.
pub(super) fn is_made_here(token: &str) -> bool {
    let random = token.strip_prefix(PREFIX).unwrap_or_default();
    random.len() == N_CHARS && URL_SAFE_NO_PAD.decode(random).is_ok()
}
