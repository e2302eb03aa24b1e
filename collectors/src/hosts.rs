//! Turns at hosts: how many requests at a time, how soon one after the other. All collectors of a process share them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::{Clock, later};

/// What is under way at each host.
#[derive(Debug, Clone, Default)]
pub struct Hosts(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    hosts: Mutex<HashMap<String, State>>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct State {
    n_active: usize,
    /// Before then, no request begins.
    next: DateTime<Utc>,
}

/// A request that may be made; ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    shared: Arc<Shared>,
    host: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut hosts = self.shared.hosts.lock();
        if let Some(state) = hosts.get_mut(&self.host) {
            state.n_active = state.n_active.saturating_sub(1);
        }
        drop(hosts);
        self.shared.freed.notify_waiters();
    }
}

impl Hosts {
    /// Waits for a turn at `host`.
    pub(crate) async fn turn(
        &self,
        host: &str,
        max_concurrent: usize,
        min_interval: Duration,
        clock: &Clock,
    ) -> Turn {
        loop {
            let freed = self.0.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            let wait_until = {
                let mut hosts = self.0.hosts.lock();
                let state = hosts.entry(host.to_owned()).or_default();
                let now = clock.now();
                if state.n_active >= max_concurrent {
                    None
                } else if now < state.next {
                    Some(state.next)
                } else {
                    state.n_active += 1;
                    state.next = later(now, min_interval);
                    return Turn {
                        shared: Arc::clone(&self.0),
                        host: host.to_owned(),
                    };
                }
            };
            match wait_until {
                Some(next) => clock.sleep_until(next).await,
                None => freed.await,
            }
        }
    }

    /// Nobody asks `host` before `until`: it said so.
    pub(crate) fn pause(&self, host: &str, until: DateTime<Utc>) {
        let mut hosts = self.0.hosts.lock();
        let state = hosts.entry(host.to_owned()).or_default();
        state.next = state.next.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn requests_to_a_host_keep_their_distance_and_their_number() {
        let clock = Clock::jumping("2026-01-01T00:00:00Z".parse().unwrap());
        let hosts = Hosts::default();
        let begin = clock.now();
        let first = hosts.turn("a", 2, GAP, &clock).await;
        let second = hosts.turn("a", 2, GAP, &clock).await;
        assert_eq!(clock.now() - begin, chrono::TimeDelta::seconds(1));
        let third = hosts.turn("a", 2, GAP, &clock);
        tokio::pin!(third);
        assert!(
            futures::poll!(third.as_mut()).is_pending(),
            "two are under way"
        );
        let _elsewhere = hosts.turn("b", 2, GAP, &clock).await;
        drop(first);
        let _third = third.await;
        drop(second);
    }

    #[tokio::test]
    async fn a_host_that_asks_for_a_pause_has_it_from_everybody() {
        let clock = Clock::jumping("2026-01-01T00:00:00Z".parse().unwrap());
        let hosts = Hosts::default();
        hosts.pause("a", clock.now() + chrono::TimeDelta::minutes(5));
        hosts.turn("a", 9, Duration::ZERO, &clock).await;
        assert_eq!(clock.now().to_rfc3339(), "2026-01-01T00:05:00+00:00");
    }
}
