//! Names with passwords. Checking a password takes a while on purpose, so that it is done off the request threads, a few at
//! once, and what was found is remembered for a while.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::attempts::{Attempts, What};
use super::signed::Signed;
use super::{Denied, SignInError};
use crate::config::{Auth, Scope, Secret};

/// How long a password that was right is remembered; other users come with another configuration, which begins anew.
const REMEMBERED: Duration = Duration::from_mins(10);
/// Most passwords remembered.
const MAX_REMEMBERED: u64 = 1000;
/// Most passwords that wait to be checked.
const MAX_WAITING: usize = 256;

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashError(argon2::password_hash::Error);

/// The argon2id hash of a password in PHC form, with a salt of its own.
///
/// # Errors
/// If the system gives no random numbers.
pub fn hash(password: &str) -> Result<String, HashError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(HashError)
}

/// See the module.
pub(super) struct Passwords {
    users: HashMap<String, User>,
    /// Checked for names that are not there, so that they take as long.
    decoy: Arc<str>,
    /// Without it, what is remembered means nothing.
    key: [u8; 32],
    remembered: Cache<[u8; 32], Arc<Signed>>,
    turns: Semaphore,
    n_waiting: AtomicUsize,
}

#[derive(Clone)]
struct User {
    hash: Arc<str>,
    signed: Arc<Signed>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords")
            .field("n_users", &self.users.len())
            .finish_non_exhaustive()
    }
}

impl Passwords {
    /// Those that are configured. Passwords of the environment are hashed and forgotten.
    pub(super) fn new(auth: &Auth) -> Result<Self, SignInError> {
        let mut users = HashMap::new();
        let user = |name: &str, hash: String, scopes: Vec<Scope>| User {
            hash: hash.into(),
            signed: Arc::new(Signed {
                name: name.to_owned(),
                scopes,
                token: None,
            }),
        };
        for configured in &auth.users {
            let hash = configured.password_hash.expose().to_owned();
            let user = user(&configured.name, hash, configured.scopes.clone());
            users.insert(configured.name.clone(), user);
        }
        for (name, password) in &auth.passwords {
            let everywhere = vec![Scope::ingest("*"), Scope::read("*")];
            let user = user(name, hash(password.expose())?, everywhere);
            users.insert(name.clone(), user);
        }
        let any = users
            .values()
            .next()
            .map(|user: &User| Arc::clone(&user.hash));
        let decoy = match any {
            Some(hash) => hash,
            None => hash("")?.into(),
        };
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(SignInError::Random)?;
        let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            users,
            decoy,
            key,
            remembered: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_live(REMEMBERED)
                .build(),
            turns: Semaphore::new(n_cores.div_ceil(2)),
            n_waiting: AtomicUsize::new(0),
        })
    }

    /// Who has this name and password.
    ///
    /// # Errors
    /// [`Denied::Password`], [`Denied::Limited`] after too many failures, [`Denied::Busy`].
    pub(super) async fn check(
        &self,
        name: &str,
        password: Secret,
        address: Option<IpAddr>,
        attempts: &Attempts,
    ) -> Result<Arc<Signed>, Denied> {
        let digest = self.keyed(name, password.expose());
        if let Some(signed) = self.remembered.get(&digest) {
            return Ok(signed);
        }
        // Refused before it waits for a turn; asked again when it has one.
        attempts.allowed(address, What::Password(name))?;
        let waiting = Waiting::begin(&self.n_waiting).ok_or(Denied::Busy)?;
        let turn = self.turns.acquire().await.map_err(|_closed| Denied::Busy)?;
        drop(waiting);
        // Another request may have had the same password checked meanwhile.
        if let Some(signed) = self.remembered.get(&digest) {
            return Ok(signed);
        }
        let attempt = attempts.begin(address, What::Password(name))?;
        let user = self.users.get(name).cloned();
        let hash = user.as_ref().map_or(&self.decoy, |user| &user.hash);
        let hash = Arc::clone(hash);
        let checked = tokio::task::spawn_blocking(move || is_right(&password, &hash));
        let is_right = checked.await.unwrap_or(false);
        drop(turn);
        match user {
            Some(user) if is_right => {
                attempt.succeeded();
                self.remembered.insert(digest, Arc::clone(&user.signed));
                Ok(user.signed)
            }
            _ => Err(Denied::Password),
        }
    }

    /// A digest that nobody can foresee who does not know the key, so that looking it up tells nothing.
    fn keyed(&self, name: &str, password: &str) -> [u8; 32] {
        let digest = Sha256::new()
            .chain_update(self.key)
            .chain_update((name.len() as u64).to_le_bytes())
            .chain_update(name)
            .chain_update(password)
            .finalize();
        // Twice, so that what is appended to a password does not follow from its digest.
        Sha256::new()
            .chain_update(self.key)
            .chain_update(digest)
            .finalize()
            .into()
    }
}

/// The comparison inside takes the same time wherever both differ.
fn is_right(password: &Secret, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.expose().as_bytes(), &hash)
            .is_ok()
    })
}

/// One that waits; there are not too many.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(n_waiting: &'a AtomicUsize) -> Option<Self> {
        let waiting = Self(n_waiting);
        (n_waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::User as Configured;

    fn passwords() -> Passwords {
        let user = |name: &str, password: &str| Configured {
            name: name.to_owned(),
            password_hash: Secret::new(&hash(password).unwrap()),
            scopes: vec![Scope::Admin],
        };
        let auth = Auth {
            users: vec![user("ann", "correct horse")],
            passwords: vec![("bob".to_owned(), Secret::new("battery staple"))],
            ..Auth::default()
        };
        Passwords::new(&auth).unwrap()
    }

    async fn check(passwords: &Passwords, name: &str, password: &str) -> Result<String, Denied> {
        let attempts = Attempts::default();
        let found = passwords.check(name, Secret::new(password), None, &attempts);
        found.await.map(|signed| signed.name.clone())
    }

    #[tokio::test]
    async fn each_name_has_its_own_password() {
        let passwords = passwords();
        for (name, password) in [("ann", "correct horse"), ("bob", "battery staple")] {
            let found = check(&passwords, name, password).await;
            assert_eq!(found.as_deref(), Ok(name));
        }
        for (name, password) in [
            ("ann", "battery staple"),
            ("bob", "correct horse"),
            ("annc", "orrect horse"),
            ("", ""),
        ] {
            let found = check(&passwords, name, password).await;
            assert_eq!(found, Err(Denied::Password), "{name}");
        }
    }

    #[tokio::test]
    async fn what_was_right_is_not_checked_again() {
        let passwords = passwords();
        check(&passwords, "ann", "correct horse").await.unwrap();
        // From now on nothing can be checked.
        passwords.turns.close();
        let found = check(&passwords, "ann", "correct horse").await;
        assert_eq!(found.as_deref(), Ok("ann"));
        let found = check(&passwords, "ann", "correct hors").await;
        assert_eq!(found, Err(Denied::Busy));
    }

    #[tokio::test]
    async fn many_that_come_at_once_are_checked_once() {
        let passwords = passwords();
        passwords.turns.forget_permits(usize::MAX);
        passwords.turns.add_permits(1);
        let begin = Instant::now();
        check(&passwords, "bob", "battery staple").await.unwrap();
        let once = begin.elapsed();
        let begin = Instant::now();
        let all = (0..100).map(|_| check(&passwords, "ann", "correct horse"));
        for found in futures::future::join_all(all).await {
            assert_eq!(found.as_deref(), Ok("ann"));
        }
        assert!(
            begin.elapsed() < once * 20,
            "{:?} for one takes {once:?}",
            begin.elapsed()
        );
    }

    #[tokio::test]
    async fn no_more_than_so_many_wait() {
        let passwords = passwords();
        passwords.turns.forget_permits(usize::MAX);
        let mut waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| Box::pin(check(&passwords, "ann", "wrong")))
            .collect();
        for one in &mut waiting {
            assert!(futures::poll!(one).is_pending());
        }
        assert_eq!(check(&passwords, "ann", "wrong").await, Err(Denied::Busy));
        drop(waiting);
        passwords.turns.add_permits(1);
        check(&passwords, "ann", "correct horse").await.unwrap();
    }
}
