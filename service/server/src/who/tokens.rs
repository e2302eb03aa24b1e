//! Tokens: those of the configuration, and those of a file that is read again when it has changed.

pub(super) mod file;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use self::file::{TokenFile, TokenFileError};
use super::Denied;
use super::attempts::{Attempts, What};
use super::signed::Signed;
use crate::config::{Scope, Secret, Token};
use crate::stamp::Stamp;

/// How old what is known of the file may be.
const MAX_AGE: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) struct Tokens {
    configured: Vec<Known>,
    file: Option<Mutex<Watched>>,
}

/// A token as it is kept.
#[derive(Debug, Clone)]
struct Known {
    sha256: [u8; 32],
    signed: Arc<Signed>,
    expires: Option<DateTime<Utc>>,
}

/// The file as it was read.
#[derive(Debug)]
struct Watched {
    path: PathBuf,
    looked: Instant,
    stamp: Option<Stamp>,
    tokens: Arc<[Known]>,
}

impl Known {
    fn new(
        sha256: &str,
        name: String,
        scopes: Vec<Scope>,
        expires: Option<DateTime<Utc>>,
    ) -> Option<Self> {
        let sha256 = crate::config::digest(sha256)?;
        let signed = Arc::new(Signed {
            name,
            scopes,
            token: Some(sha256),
        });
        Some(Self {
            sha256,
            signed,
            expires,
        })
    }
}

impl Tokens {
    /// The tokens of the configuration and of the file, if there is one; it may come later.
    ///
    /// # Errors
    /// [`TokenFileError`] if it cannot be read.
    pub(super) fn new(configured: &[Token], file: Option<&Path>) -> Result<Self, TokenFileError> {
        let configured = configured.iter().filter_map(|token| {
            let (name, scopes) = (token.name.clone(), token.scopes.clone());
            Known::new(token.sha256.expose(), name, scopes, token.expires)
        });
        let watched = |path: &Path| {
            let stamp = Stamp::of(path);
            Ok(Mutex::new(Watched {
                path: path.to_owned(),
                looked: Instant::now(),
                stamp,
                tokens: read(path)?,
            }))
        };
        Ok(Self {
            configured: configured.collect(),
            file: file.map(watched).transpose()?,
        })
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// [`Denied::Token`], [`Denied::Expired`], [`Denied::Limited`] after too many failures.
    pub(super) fn check(
        &self,
        token: &Secret,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
        attempts: &Attempts,
    ) -> Result<Arc<Signed>, Denied> {
        let sha256: [u8; 32] = Sha256::digest(token.expose()).into();
        let what = What::Token(sha256);
        // Nobody guesses what `zf token` makes, so that it is let in even where others fail.
        let attempt = if file::is_made_here(token.expose()) {
            None
        } else {
            Some(attempts.begin(address, what)?)
        };
        let Some(known) = self.find(&sha256) else {
            if attempt.is_none() {
                attempts.begin(address, what)?;
            }
            return Err(Denied::Token);
        };
        if let Some(attempt) = attempt {
            attempt.succeeded();
        }
        match known.expires {
            Some(expires) if expires <= now => Err(Denied::Expired {
                name: known.signed.name.clone(),
                expired: expires.to_rfc3339_opts(SecondsFormat::Secs, true),
            }),
            _ => Ok(known.signed),
        }
    }

    /// Whether somebody who signed in could do so again.
    pub(super) fn still_knows(&self, signed: &Signed, now: DateTime<Utc>) -> bool {
        let Some(sha256) = &signed.token else {
            return true;
        };
        self.find(sha256).is_some_and(|known| {
            *known.signed == *signed && known.expires.is_none_or(|expires| expires > now)
        })
    }

    fn find(&self, sha256: &[u8; 32]) -> Option<Known> {
        let configured = find(&self.configured, sha256);
        let Some(file) = &self.file else {
            return configured;
        };
        let mut file = file.lock();
        if file.looked.elapsed() > MAX_AGE {
            file.look();
        }
        let found = find(&file.tokens, sha256).or(configured);
        if found.is_none() && file.look() {
            return find(&file.tokens, sha256);
        }
        found
    }
}

/// Looks at all of them, so that the time it takes says nothing.
fn find(tokens: &[Known], sha256: &[u8; 32]) -> Option<Known> {
    let mut found = None;
    for known in tokens {
        if bool::from(known.sha256.ct_eq(sha256)) {
            found = Some(known.clone());
        }
    }
    found
}

impl Watched {
    /// Reads the file again if it has changed; says whether it had. One that cannot be read changes nothing.
    fn look(&mut self) -> bool {
        self.looked = Instant::now();
        let stamp = Stamp::of(&self.path);
        if stamp == self.stamp {
            return false;
        }
        match read(&self.path) {
            Ok(tokens) => {
                let n_tokens = tokens.len();
                let path = self.path.display();
                tracing::info!(n_tokens, "Read {n_tokens} tokens from `{path}`");
                self.tokens = tokens;
            }
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "The tokens read before are used on: {error}"
            ),
        }
        self.stamp = stamp;
        true
    }
}

fn read(path: &Path) -> Result<Arc<[Known]>, TokenFileError> {
    let file = TokenFile::read(path)?;
    let known = file
        .tokens
        .into_iter()
        .filter_map(|token| Known::new(&token.sha256, token.name, token.scopes, token.expires));
    Ok(known.collect())
}
