//! How many requests are worked on at once, and by whom: nobody takes all places, and some are kept for those who sign in.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::Method;
use parking_lot::Mutex;

use super::error::ApiError;
use crate::config::LimitsConfig;
use crate::who::{Who, network};

/// Whom a place is counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    /// Somebody who signed in.
    Name(String),
    /// An address; of version 6 a network.
    Address(Option<IpAddr>),
}

impl Holder {
    pub(super) fn of(who: &Who) -> Self {
        match who.name() {
            Some(name) => Self::Name(name.to_owned()),
            None => Self::Address(who.address().map(network)),
        }
    }
}

/// So many of something for each holder.
#[derive(Debug)]
pub(super) struct Counts<K> {
    by_holder: HashMap<K, usize>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        let by_holder = HashMap::new();
        Self { by_holder }
    }
}

impl<K: Hash + Eq + Clone> Counts<K> {
    /// Counts one more, unless `holder` has `max` already.
    pub(super) fn add(&mut self, holder: &K, max: usize) -> bool {
        let n = self.by_holder.entry(holder.clone()).or_default();
        let is_room = *n < max;
        *n += usize::from(is_room);
        is_room
    }

    /// Counts one less.
    pub(super) fn remove(&mut self, holder: &K) {
        let Some(n) = self.by_holder.get_mut(holder) else {
            return;
        };
        *n -= 1;
        if *n == 0 {
            self.by_holder.remove(holder);
        }
    }
}

/// How many places there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max: usize,
    pub(super) max_per_holder: usize,
}

impl Bounds {
    pub(super) fn of_requests(limits: &LimitsConfig) -> Self {
        Self {
            max: limits.max_concurrent_requests,
            max_per_holder: limits.max_concurrent_requests_per_address,
        }
    }

    pub(super) fn of_events(limits: &LimitsConfig) -> Self {
        Self {
            max: limits.max_event_streams,
            max_per_holder: limits.max_event_streams_per_address,
        }
    }

    /// Those that who has not signed in where people do may have.
    fn max_strangers(self) -> usize {
        self.max - self.max / 4
    }
}

/// Places of one kind.
#[derive(Debug, Default)]
pub(super) struct Places {
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    n: usize,
    n_strangers: usize,
    holders: Counts<Holder>,
}

/// One place; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    holder: Holder,
    is_stranger: bool,
}

/// All places. Those of files are others than those of data, so that neither is starved by the other.
#[derive(Debug, Default)]
pub(super) struct Admission {
    requests: Arc<Places>,
    files: Arc<Places>,
    /// Of those who follow events.
    pub(super) events: Arc<Places>,
}

impl Admission {
    /// Those that a request may have one of.
    pub(super) fn of(&self, method: &Method, path: &str) -> &Arc<Places> {
        let is_data = path.starts_with("/api/") || path.starts_with(super::zarr::PREFIX);
        let is_file = !is_data || path == "/api/v1/viewer";
        if is_file && method.is_safe() {
            &self.files
        } else {
            &self.requests
        }
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// There is none left for such as who asks, of so many.
    All(usize),
    /// Who asks has so many.
    Yours(usize),
}

impl From<Full> for ApiError {
    fn from(full: Full) -> Self {
        match full {
            Full::All(max) => Self::Busy { max },
            Full::Yours(max) => Self::TooManyAtOnce { max },
        }
    }
}

impl Places {
    /// Whether all are taken, so that it need not be found out who asks.
    pub(super) fn is_full(&self, bounds: Bounds) -> bool {
        self.taken.lock().n >= bounds.max
    }

    /// Takes a place until it is dropped.
    ///
    /// # Errors
    /// [`Full`].
    pub(super) fn take(self: &Arc<Self>, who: &Who, bounds: Bounds) -> Result<Place, Full> {
        let is_stranger = who.is_somebody().is_err();
        let holder = Holder::of(who);
        let mut taken = self.taken.lock();
        if taken.n >= bounds.max || is_stranger && taken.n_strangers >= bounds.max_strangers() {
            return Err(Full::All(bounds.max));
        }
        if !taken.holders.add(&holder, bounds.max_per_holder) {
            return Err(Full::Yours(bounds.max_per_holder));
        }
        taken.n += 1;
        taken.n_strangers += usize::from(is_stranger);
        let places = Arc::clone(self);
        Ok(Place {
            places,
            holder,
            is_stranger,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.holders.remove(&self.holder);
        taken.n -= 1;
        taken.n_strangers -= usize::from(self.is_stranger);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Auth;
    use crate::who::SignIn;

    /// Somebody who has not signed in, and somebody who has.
    async fn people(last: u8) -> (Who, Who) {
        let digest = "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90";
        let auth: Auth = serde_json::from_value(serde_json::json!(
            {"public": ["a"], "tokens": [{"name": "alice", "sha256": digest, "scopes": ["admin"]}]}
        ))
        .unwrap();
        let sign_in = SignIn::new(Some(&auth)).unwrap();
        let now = chrono::Utc::now();
        let address = Some(IpAddr::from([192, 0, 2, last]));
        let alice = sign_in.who(Some(b"Bearer alice"), address, now).await;
        (sign_in.nobody(address), alice.unwrap())
    }

    #[tokio::test]
    async fn a_share_is_kept_for_those_who_sign_in() {
        let places: Arc<Places> = Arc::default();
        let bounds = Bounds {
            max: 8,
            max_per_holder: 8,
        };
        let (stranger, alice) = people(1).await;
        let take = |who| places.take(who, bounds);
        let mut held: Vec<Place> = (0..6).map(|_| take(&stranger).unwrap()).collect();
        assert!(matches!(take(&stranger), Err(Full::All(8))));
        held.extend((0..2).map(|_| take(&alice).unwrap()));
        assert!(places.is_full(bounds));
        assert!(matches!(take(&alice), Err(Full::All(8))));
        held.clear();
        take(&stranger).unwrap();
    }

    #[tokio::test]
    async fn an_address_takes_so_many_places_and_gives_them_back() {
        let places: Arc<Places> = Arc::default();
        let bounds = Bounds {
            max: 100,
            max_per_holder: 3,
        };
        let (one, two) = (people(1).await.0, people(2).await.0);
        let take = |who| places.take(who, bounds);
        let held: Vec<Place> = (0..3).map(|_| take(&one).unwrap()).collect();
        assert!(matches!(take(&one), Err(Full::Yours(3))));
        take(&two).unwrap();
        drop(held);
        take(&one).unwrap();
        assert!(places.taken.lock().holders.by_holder.is_empty());
    }
}
