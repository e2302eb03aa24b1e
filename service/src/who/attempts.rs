//! Failed attempts to sign in: so many at once per address and per name, then one after the other.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::fast::RandomState;
use moka::sync::Cache;
use parking_lot::Mutex;

use super::Denied;

/// Failures that an address may have at once, and how long one of them counts.
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

/// See the module.
#[derive(Debug)]
pub(super) struct Attempts {
    addresses: Cache<Option<IpAddr>, Until>,
    /// By the hash of the name, which may be long.
    names: Cache<u64, Until>,
    /// A name is not locked out where it has signed in, whatever others try.
    familiar: Cache<(Option<IpAddr>, u64), ()>,
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
    pub(super) fn allowed(
        &self,
        address: Option<IpAddr>,
        name: Option<&str>,
    ) -> Result<(), Denied> {
        let place = self.place(address, name);
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
        name: Option<&str>,
    ) -> Result<Attempt<'_>, Denied> {
        self.allowed(address, name)?;
        let place = self.place(address, name);
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

    fn place(&self, address: Option<IpAddr>, name: Option<&str>) -> Place {
        use std::hash::BuildHasher as _;
        Place {
            address: address.map(network),
            name: name.map(|name| self.hasher.hash_one(name)),
        }
    }

    fn bounds(&self, place: &Place) -> impl Iterator<Item = (Until, Bound)> {
        let start = || Arc::new(Mutex::new(Instant::now()));
        let by_address = self.addresses.get_with(place.address, start);
        let strange = place
            .name
            .filter(|name| !self.familiar.contains_key(&(place.address, *name)));
        let by_name = strange.map(|name| self.names.get_with(name, start));
        std::iter::once((by_address, PER_ADDRESS)).chain(by_name.map(|until| (until, PER_NAME)))
    }
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
    name: Option<u64>,
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
        if let Some(name) = self.place.name {
            let familiar = &self.attempts.familiar;
            familiar.insert((self.place.address, name), ());
        }
    }
}

/// Who has one address of version 6 has a network of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn fail(attempts: &Attempts, address: IpAddr, name: Option<&str>, n: u32) {
        for _ in 0..n {
            attempts.begin(Some(address), name).unwrap();
        }
    }

    #[test]
    fn an_address_may_fail_so_many_times() {
        let attempts = Attempts::default();
        fail(&attempts, address(1), None, 20);
        let Err(Denied::Limited { seconds }) = attempts.begin(Some(address(1)), None) else {
            panic!("it may");
        };
        assert!((1..=6).contains(&seconds), "{seconds}");
        fail(&attempts, address(2), None, 1);
    }

    #[test]
    fn a_name_may_fail_so_many_times_from_everywhere() {
        let attempts = Attempts::default();
        for last in 0..30 {
            fail(&attempts, address(last), Some("ann"), 1);
        }
        assert!(attempts.allowed(Some(address(99)), Some("ann")).is_err());
        attempts.allowed(Some(address(99)), Some("bob")).unwrap();
    }

    #[test]
    fn a_name_is_not_locked_out_where_it_has_signed_in() {
        let attempts = Attempts::default();
        let good = attempts.begin(Some(address(99)), Some("ann")).unwrap();
        good.succeeded();
        for last in 0..30 {
            fail(&attempts, address(last), Some("ann"), 1);
        }
        attempts.allowed(Some(address(99)), Some("ann")).unwrap();
        assert!(attempts.allowed(Some(address(98)), Some("ann")).is_err());
    }

    #[test]
    fn what_succeeds_does_not_count() {
        let attempts = Attempts::default();
        for _ in 0..100 {
            let attempt = attempts.begin(Some(address(1)), Some("ann")).unwrap();
            attempt.succeeded();
        }
        fail(&attempts, address(1), Some("ann"), 20);
    }

    #[test]
    fn a_network_of_version_6_counts_as_one_address() {
        let attempts = Attempts::default();
        for last in 0..20 {
            let address: IpAddr = format!("2001:db8::{last:x}").parse().unwrap();
            fail(&attempts, address, None, 1);
        }
        let other = "2001:db8::ffff".parse().unwrap();
        assert!(attempts.allowed(Some(other), None).is_err());
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        attempts.allowed(Some(elsewhere), None).unwrap();
    }
}
