//! Who may do what: users with passwords, tokens, what each may do, and the bound on failed attempts.
//!
//! `SignIn::who` turns the credentials of a request into a [`Who`]; whatever serves the request asks [`Who::may`] before
//! it does anything. Passwords, tokens and what was sent in their place never leave this module.

mod address;
mod attempts;
mod credentials;
mod passwords;
mod rates;
mod signed;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

pub(crate) use self::address::{client_address, is_proxy, network};
use self::attempts::Attempts;
pub(crate) use self::credentials::Credentials;
use self::passwords::Passwords;
pub use self::passwords::{HashError, hash as hash_password};
pub(crate) use self::rates::Rates;
use self::signed::Signed;
use self::tokens::Tokens;
pub use self::tokens::file::{StoredToken, TokenFile, TokenFileError};
use crate::config::{Auth, AuthMode, Scope};

/// The name of whoever uses a command on the machine of the service.
const OPERATOR: &str = "operator";

/// Who sends a request. Ask it before anything is done: `who.may(&Scope::ingest("bukov"))?`.
#[derive(Debug, Clone)]
pub struct Who {
    /// `None`: nobody signed in.
    signed: Option<Arc<Signed>>,
    /// Where the request came from.
    address: Option<IpAddr>,
    /// Datasets that everyone may read; `None`: everyone may do everything.
    public: Option<Arc<[String]>>,
}

/// Why a request is not served. None of the texts repeats what was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nobody signed in.
    #[error(
        "{}sign in with a name and a password (`Authorization: Basic`) or a token (`Authorization: Bearer`)",
        needed(.scope.as_ref())
    )]
    SignIn {
        /// What is missing, if it can be told without telling what there is.
        scope: Option<Scope>,
    },
    /// The header `Authorization` cannot be read.
    #[error(
        "the header `Authorization` cannot be read: send `Basic` with base64 of `name:password`, or `Bearer` with a token"
    )]
    Unreadable,
    /// No such name, or another password.
    #[error("the name or the password is wrong")]
    Password,
    /// No such token.
    #[error("the token is not known; it may have been revoked, `zf token create` makes another")]
    Token,
    /// The token was good once.
    #[error("the token `{name}` expired at {expired}; `zf token create` makes another")]
    Expired {
        /// The token.
        name: String,
        /// Since when.
        expired: String,
    },
    /// Who signed in may do other things.
    #[error(
        "`{name}` may not do this: the scope `{scope}` is missing; ask who runs the service for it"
    )]
    Scope {
        /// Who signed in.
        name: String,
        /// What is missing.
        scope: Scope,
    },
    /// The endpoint is for others.
    #[error(
        "`{name}` is none of the `senders` of the endpoint `{endpoint}`; ask who runs the service to be added"
    )]
    Sender {
        /// Who signed in.
        name: String,
        /// Where to.
        endpoint: String,
    },
    /// A browser sends along what somebody signed in with elsewhere.
    #[error(
        "a page of another site sent this, and nothing was done; send it from a page of this service, from one that `server.cors` names, or with a token (`Authorization: Bearer`)"
    )]
    CrossSite,
    /// Too many failed attempts.
    #[error("too many attempts to sign in have failed; try again in {seconds} s")]
    Limited {
        /// When to try again.
        seconds: u64,
    },
    /// Too many passwords are being checked.
    #[error("too many passwords are being checked at once; try again in a moment")]
    Busy,
}

fn needed(scope: Option<&Scope>) -> String {
    scope.map_or_else(String::new, |scope| format!("`{scope}` is needed: "))
}

impl Denied {
    /// In one word, for counting.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::SignIn { .. } => "nobody",
            Self::Unreadable => "unreadable",
            Self::Password => "password",
            Self::Token => "token",
            Self::Expired { .. } => "expired",
            Self::Scope { .. } => "scope",
            Self::Sender { .. } => "sender",
            Self::CrossSite => "cross-site",
            Self::Limited { .. } => "limited",
            Self::Busy => "busy",
        }
    }
}

/// SHA-256 of a token.
pub(crate) fn digest_of(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl Who {
    /// Who can write the store anyway, and uses a command on this machine.
    pub(crate) fn operator(address: Option<IpAddr>) -> Self {
        Self {
            signed: Some(Arc::new(Signed {
                name: OPERATOR.to_owned(),
                scopes: vec![Scope::Admin],
                token: None,
            })),
            address,
            public: Some(Arc::from([])),
        }
    }

    /// Whether this may be done; `admin` may do everything.
    ///
    /// # Errors
    /// [`Denied::SignIn`] if nobody signed in, [`Denied::Scope`] names what is missing.
    pub fn may(&self, scope: &Scope) -> Result<(), Denied> {
        if self.public.is_none() {
            return Ok(());
        }
        match &self.signed {
            None => Err(Denied::SignIn {
                scope: Some(scope.clone()),
            }),
            Some(signed) if signed.scopes.iter().any(|given| given.covers(scope)) => Ok(()),
            Some(signed) => Err(Denied::Scope {
                name: signed.name.clone(),
                scope: scope.clone(),
            }),
        }
    }

    /// Whether somebody has signed in, or nobody needs to.
    ///
    /// # Errors
    /// [`Denied::SignIn`].
    pub fn is_somebody(&self) -> Result<(), Denied> {
        if self.public.is_some() && self.signed.is_none() {
            return Err(Denied::SignIn { scope: None });
        }
        Ok(())
    }

    /// Whether the values of a dataset may be read, by its scope or because it is public.
    ///
    /// # Errors
    /// As [`Who::may`].
    pub fn may_read(&self, dataset: &str) -> Result<(), Denied> {
        let is_public = |public: &Arc<[String]>| public.iter().any(|name| name == dataset);
        if self.public.as_ref().is_some_and(is_public) {
            return Ok(());
        }
        self.may(&Scope::read(dataset))
    }

    /// Whether a contribution may be sent to an endpoint that takes them from `senders` (empty: from all).
    ///
    /// # Errors
    /// As [`Who::may`], and [`Denied::Sender`].
    pub fn may_contribute(&self, endpoint: &str, senders: &[String]) -> Result<(), Denied> {
        self.may(&Scope::ingest(endpoint))?;
        match &self.signed {
            Some(signed) if !senders.is_empty() && !senders.contains(&signed.name) => {
                Err(Denied::Sender {
                    name: signed.name.clone(),
                    endpoint: endpoint.to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Whether a contribution to an endpoint, which takes them from `senders`, may be retracted or retried: anybody's with
    /// `correct:…`, else one's own.
    ///
    /// # Errors
    /// [`Denied::SignIn`], [`Denied::Scope`], and [`Denied::Sender`] for one's own where one may contribute no more.
    pub fn may_correct(
        &self,
        endpoint: &str,
        senders: &[String],
        contributed_by: Option<&str>,
    ) -> Result<(), Denied> {
        let anybodys = self.may(&Scope::correct(endpoint));
        if anybodys.is_ok() || self.name().is_none() || self.name() != contributed_by {
            return anybodys;
        }
        self.may_contribute(endpoint, senders)
    }

    /// The name that signed in.
    pub fn name(&self) -> Option<&str> {
        Some(&self.signed.as_ref()?.name)
    }

    /// Where the request came from.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// What the journal notes: the name that signed in, else the address.
    pub fn sender(&self) -> Option<String> {
        let name = self.name().map(str::to_owned);
        name.or_else(|| Some(self.address?.to_string()))
    }
}

/// Everybody who can sign in. Built once, shared by all requests.
#[derive(Debug, Default)]
pub struct SignIn {
    /// `None`: nobody needs to.
    guard: Option<Guard>,
    attempts: Arc<Attempts>,
}

#[derive(Debug)]
struct Guard {
    passwords: Passwords,
    tokens: Tokens,
    public: Arc<[String]>,
}

/// Why nobody could sign in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The file of tokens cannot be used.
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
    /// A password of the environment cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

impl SignIn {
    /// As configured; without a configuration, and with `mode: none`, nobody needs to sign in.
    ///
    /// # Errors
    /// [`SignInError`] if there is a file of tokens that cannot be read.
    pub fn new(auth: Option<&Auth>) -> Result<Self, SignInError> {
        Self::counting(auth, Arc::default())
    }

    /// As configured anew: what failed in `former` counts on, and who has signed in there is known.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn after(auth: Option<&Auth>, former: &Self) -> Result<Self, SignInError> {
        Self::counting(auth, Arc::clone(&former.attempts))
    }

    fn counting(auth: Option<&Auth>, attempts: Arc<Attempts>) -> Result<Self, SignInError> {
        let Some(auth) = auth.filter(|auth| auth.mode == AuthMode::Required) else {
            return Ok(Self {
                guard: None,
                attempts,
            });
        };
        let guard = Guard {
            passwords: Passwords::new(auth)?,
            tokens: Tokens::new(&auth.tokens, auth.token_file.as_deref())?,
            public: auth.public.clone().into(),
        };
        Ok(Self {
            guard: Some(guard),
            attempts,
        })
    }

    /// Somebody who has not signed in.
    pub(crate) fn nobody(&self, address: Option<IpAddr>) -> Who {
        Who {
            signed: None,
            address,
            public: self.guard.as_ref().map(|guard| Arc::clone(&guard.public)),
        }
    }

    /// Whether somebody needs to sign in.
    pub fn is_required(&self) -> bool {
        self.guard.is_some()
    }

    /// Whether `who` could still sign in as they did: a token may have expired or been revoked meanwhile. Users change with the
    /// configuration, which everything begins anew with.
    pub(crate) fn still_knows(&self, who: &Who, now: DateTime<Utc>) -> bool {
        match (&self.guard, &who.signed) {
            (Some(guard), Some(signed)) => guard.tokens.still_knows(signed, now),
            _ => true,
        }
    }

    /// Who sends a request with the header `authorization` from `address`.
    ///
    /// # Errors
    /// [`Denied`] if the header is there but is not good; without one nobody has signed in, which is fine here.
    pub(crate) async fn who(
        &self,
        authorization: Option<&[u8]>,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) -> Result<Who, Denied> {
        let Some(guard) = &self.guard else {
            return Ok(self.nobody(address));
        };
        let attempts = &*self.attempts;
        let signed = match authorization.map(Credentials::read) {
            None => return Ok(self.nobody(address)),
            Some(None) => return Err(Denied::Unreadable),
            Some(Some(Credentials::Password { name, password })) => {
                let found = guard.passwords.check(&name, password, address, attempts);
                found.await?
            }
            Some(Some(Credentials::Token(token))) => {
                guard.tokens.check(&token, address, now, attempts)?
            }
        };
        Ok(Who {
            signed: Some(signed),
            address,
            public: Some(Arc::clone(&guard.public)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attempts_that_failed_count_after_the_configuration_is_edited() {
        let auth: Auth = serde_json::from_value(serde_json::json!({"public": ["a"]})).unwrap();
        let mut sign_in = SignIn::new(Some(&auth)).unwrap();
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        for n in 0..20 {
            let token = format!("Bearer wrong{n}");
            let denied = sign_in.who(Some(token.as_bytes()), address, Utc::now());
            assert_eq!(denied.await.unwrap_err(), Denied::Token);
            sign_in = SignIn::after(Some(&auth), &sign_in).unwrap();
        }
        let limited = sign_in
            .who(Some(b"Bearer wrong"), address, Utc::now())
            .await;
        assert!(matches!(limited, Err(Denied::Limited { .. })));
    }
}
