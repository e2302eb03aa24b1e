//! Failed attempts to sign in: so many at once per address and per name, then one after the other.
//!
//! Passwords and tokens are counted apart, and who has signed in from an address before is counted for themselves: whoever
//! fails there keeps out those who have never been seen there, and nobody else.

use std::hash::BuildHasher as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use moka::sync::Cache;
use parking_lot::Mutex;

use super::Denied;
use super::address::network;

/// Failures that an address may have at once, of passwords and of tokens each, and how long one of them counts. The same for
/// somebody who has signed in from there.
const PER_ADDRESS: Bound = Bound {
    n_failures: 20,
    each: Duration::from_secs(6),
};
/// The same for a name, from wherever.
const PER_NAME: Bound = Bound {
    n_failures: 30,
    each: Duration::from_secs(10),
};
/// Most addresses, names and pairs of them that are remembered; the longest unused are forgotten.
const MAX_REMEMBERED: u64 = 20_000;
/// When all of their failures are forgotten anyhow.
const FORGOTTEN: Duration = Duration::from_mins(10);
/// How long an address is one from which a name signs in.
const FAMILIAR: Duration = Duration::from_hours(24);

#[derive(Debug, Clone, Copy)]
struct Bound {
    n_failures: u32,
    each: Duration,
}

/// When the failures so far will be forgotten: each adds `each`, time takes it away.
type Until = Arc<Mutex<Instant>>;

/// What somebody tries to sign in with.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'a> {
    /// A password for this name.
    Password(&'a str),
    /// A token with this digest.
    Token([u8; 32]),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Attempts {
    /// By address, and whether it is tokens that are tried.
    addresses: Cache<(Option<IpAddr>, bool), Until>,
    /// By the hash of the name, which may be long.
    names: Cache<u64, Until>,
    /// Names and tokens where they have signed in, by their hash.
    familiar: Cache<(Option<IpAddr>, u64), Until>,
    hasher: RandomState,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            addresses: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_idle(FORGOTTEN)
                .build(),
            names: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_idle(FORGOTTEN)
                .build(),
            familiar: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_idle(FAMILIAR)
                .build(),
            hasher: RandomState::default(),
        }
    }
}

impl Attempts {
    /// Whether one more may be made.
    ///
    /// # Errors
    /// [`Denied::Limited`].
    pub(super) fn allowed(&self, address: Option<IpAddr>, what: What<'_>) -> Result<(), Denied> {
        let place = self.place(address, what);
        self.bounds(&place).try_for_each(|(until, bound)| {
            let until = *until.lock();
            bound.check(until)
        })
    }

    /// Counts an attempt as failed until it is known to have succeeded, so that many at once do not pass together.
    ///
    /// # Errors
    /// [`Denied::Limited`]; then it is not counted.
    pub(super) fn begin(
        &self,
        address: Option<IpAddr>,
        what: What<'_>,
    ) -> Result<Attempt<'_>, Denied> {
        self.allowed(address, what)?;
        let place = self.place(address, what);
        let counted: Vec<_> = self.bounds(&place).collect();
        for (until, bound) in &counted {
            let mut until = until.lock();
            *until = (*until).max(Instant::now()) + bound.each;
        }
        Ok(Attempt {
            attempts: self,
            place,
            counted,
        })
    }

    fn place(&self, address: Option<IpAddr>, what: What<'_>) -> Place {
        let (is_token, hash) = match what {
            What::Password(name) => (false, self.hasher.hash_one(name)),
            What::Token(digest) => (true, self.hasher.hash_one(digest)),
        };
        Place {
            address: address.map(network),
            is_token,
            hash,
        }
    }

    fn bounds(&self, place: &Place) -> impl Iterator<Item = (Until, Bound)> {
        let Place {
            address,
            is_token,
            hash,
        } = *place;
        let familiar = self.familiar.get(&(address, hash));
        let is_strange = familiar.is_none();
        let by_address = is_strange.then(|| self.addresses.get_with((address, is_token), start));
        let by_name = (is_strange && !is_token).then(|| self.names.get_with(hash, start));
        let here = familiar.or(by_address).map(|until| (until, PER_ADDRESS));
        here.into_iter()
            .chain(by_name.map(|until| (until, PER_NAME)))
    }
}

fn start() -> Until {
    Arc::new(Mutex::new(Instant::now()))
}

impl Bound {
    fn check(self, until: Instant) -> Result<(), Denied> {
        let left = until.saturating_duration_since(Instant::now());
        let most = self.each * (self.n_failures - 1);
        match left.checked_sub(most) {
            Some(wait) if !wait.is_zero() => Err(Denied::Limited {
                seconds: wait.as_secs() + 1,
            }),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Place {
    address: Option<IpAddr>,
    is_token: bool,
    hash: u64,
}

/// An attempt that counts as failed.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    attempts: &'a Attempts,
    place: Place,
    counted: Vec<(Until, Bound)>,
}

impl Attempt<'_> {
    /// It does not count any more.
    pub(super) fn succeeded(self) {
        for (until, bound) in &self.counted {
            let mut until = until.lock();
            *until = until.checked_sub(bound.each).unwrap_or(*until);
        }
        let Place { address, hash, .. } = self.place;
        self.attempts.familiar.get_with((address, hash), start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn token(n: u8) -> What<'static> {
        What::Token([n; 32])
    }

    fn fail(attempts: &Attempts, address: IpAddr, what: What<'_>, n: u32) {
        for _ in 0..n {
            attempts.begin(Some(address), what).unwrap();
        }
    }

    #[test]
    fn an_address_may_fail_so_many_times() {
        let attempts = Attempts::default();
        for n in 0..20 {
            fail(&attempts, address(1), token(n), 1);
        }
        let Err(Denied::Limited { seconds }) = attempts.begin(Some(address(1)), token(99)) else {
            panic!("it may");
        };
        assert!((1..=6).contains(&seconds), "{seconds}");
        fail(&attempts, address(2), token(0), 1);
    }

    #[test]
    fn a_name_may_fail_so_many_times_from_everywhere() {
        let attempts = Attempts::default();
        let (ann, bob) = (What::Password("ann"), What::Password("bob"));
        for last in 0..30 {
            fail(&attempts, address(last), ann, 1);
        }
        assert!(attempts.allowed(Some(address(99)), ann).is_err());
        attempts.allowed(Some(address(99)), bob).unwrap();
    }

    #[test]
    fn a_name_is_not_locked_out_where_it_has_signed_in() {
        let attempts = Attempts::default();
        let ann = What::Password("ann");
        attempts.begin(Some(address(99)), ann).unwrap().succeeded();
        for last in 0..30 {
            fail(&attempts, address(last), ann, 1);
        }
        // Whoever else fails there.
        fail(&attempts, address(99), What::Password("mallory"), 20);
        attempts.allowed(Some(address(99)), ann).unwrap();
        assert!(attempts.allowed(Some(address(98)), ann).is_err());
        let bob = What::Password("bob");
        assert!(attempts.allowed(Some(address(99)), bob).is_err());
        // What is tried in its own name counts.
        fail(&attempts, address(99), ann, 20);
        assert!(attempts.allowed(Some(address(99)), ann).is_err());
    }

    #[test]
    fn wrong_passwords_keep_no_token_out_and_wrong_tokens_none_that_is_known() {
        let attempts = Attempts::default();
        fail(&attempts, address(1), What::Password("mallory"), 20);
        attempts
            .begin(Some(address(1)), token(1))
            .unwrap()
            .succeeded();
        for n in 10..30 {
            fail(&attempts, address(1), token(n), 1);
        }
        attempts.allowed(Some(address(1)), token(1)).unwrap();
        assert!(attempts.allowed(Some(address(1)), token(2)).is_err());
    }

    #[test]
    fn what_succeeds_does_not_count() {
        let attempts = Attempts::default();
        let ann = What::Password("ann");
        for _ in 0..100 {
            attempts.begin(Some(address(1)), ann).unwrap().succeeded();
        }
        fail(&attempts, address(1), ann, 20);
    }

    #[test]
    fn a_network_of_version_6_counts_as_one_address() {
        let attempts = Attempts::default();
        for last in 0..20 {
            let address: IpAddr = format!("2001:db8::{last:x}").parse().unwrap();
            fail(&attempts, address, token(last), 1);
        }
        let other = "2001:db8::ffff".parse().unwrap();
        assert!(attempts.allowed(Some(other), token(99)).is_err());
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        attempts.allowed(Some(elsewhere), token(99)).unwrap();
    }
}
