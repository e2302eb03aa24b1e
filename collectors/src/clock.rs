//! What time it is, and waiting: a value, so that tests hold the time in their hand.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

/// Longest sleep before the system's clock is read again: it may have been set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);

/// Tells the time and waits for it.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    System,
    Held {
        now: Arc<watch::Sender<DateTime<Utc>>>,
        /// Waiting moves the time on instead.
        jumps: bool,
    },
}

impl Clock {
    /// The clock of the system.
    pub fn system() -> Self {
        Self(Kind::System)
    }

    /// A clock that stands at `at` until it is advanced.
    pub fn held(at: DateTime<Utc>) -> Self {
        let now = Arc::new(watch::Sender::new(at));
        Self(Kind::Held { now, jumps: false })
    }

    /// A held clock that whoever pauses moves on: days pass as quickly as there is nothing to do. Time-outs do not move it.
    pub fn jumping(at: DateTime<Utc>) -> Self {
        let now = Arc::new(watch::Sender::new(at));
        Self(Kind::Held { now, jumps: true })
    }

    /// What time it is.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Kind::System => Utc::now(),
            Kind::Held { now, .. } => *now.borrow(),
        }
    }

    /// Moves a held clock on, never back; the system's is left alone.
    pub fn advance_to(&self, at: DateTime<Utc>) {
        if let Kind::Held { now, .. } = &self.0 {
            now.send_modify(|now| *now = at.max(*now));
        }
    }

    /// Moves a held clock on.
    pub fn advance(&self, by: Duration) {
        self.advance_to(later(self.now(), by));
    }

    /// Waits until it is `at`; a jumping clock is moved there.
    pub async fn sleep_until(&self, at: DateTime<Utc>) {
        if let Kind::Held { jumps: true, .. } = &self.0 {
            // Others that could do something now do it first.
            tokio::task::yield_now().await;
            self.advance_to(at);
            return;
        }
        self.reach(at).await;
    }

    /// Waits for a while.
    pub async fn sleep(&self, how_long: Duration) {
        self.sleep_until(later(self.now(), how_long)).await;
    }

    /// What `work` gives, unless it is not done by `at`.
    pub async fn by<T>(&self, at: DateTime<Utc>, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.reach(at) => None,
        }
    }

    /// Waits until it is `at`, without moving any clock.
    async fn reach(&self, at: DateTime<Utc>) {
        match &self.0 {
            Kind::System => {
                while let Ok(left) = (at - Utc::now()).to_std() {
                    if left.is_zero() {
                        return;
                    }
                    tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
                }
            }
            Kind::Held { now, .. } => {
                let mut now = now.subscribe();
                now.wait_for(|now| *now >= at)
                    .await
                    .expect("this clock sends, and is alive");
            }
        }
    }
}

/// `at` and a while; the end of time if that is later.
pub(crate) fn later(at: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| at.checked_add_signed(by))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_held_clock_goes_on_when_it_is_told_to() {
        let clock = Clock::held(at("2026-01-01T00:00:00Z"));
        let waiting = clock.sleep(Duration::from_mins(1));
        tokio::pin!(waiting);
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        clock.advance(Duration::from_secs(59));
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        clock.advance(Duration::from_secs(1));
        waiting.await;
        assert_eq!(clock.now(), at("2026-01-01T00:01:00Z"));
    }

    #[tokio::test]
    async fn whoever_pauses_moves_a_jumping_clock() {
        let clock = Clock::jumping(at("2026-01-01T00:00:00Z"));
        clock.sleep(Duration::from_hours(24)).await;
        assert_eq!(clock.now(), at("2026-01-02T00:00:00Z"));
        clock.sleep_until(at("2025-01-01T00:00:00Z")).await;
        assert_eq!(clock.now(), at("2026-01-02T00:00:00Z"), "never back");
    }

    #[tokio::test]
    async fn what_takes_too_long_is_given_up() {
        let clock = Clock::held(at("2026-01-01T00:00:00Z"));
        let limit = at("2026-01-01T00:00:30Z");
        assert_eq!(clock.by(limit, async { 7 }).await, Some(7));
        let stuck = clock.by(limit, std::future::pending::<()>());
        let (given_up, ()) = tokio::join!(stuck, async { clock.advance(Duration::from_secs(30)) });
        assert_eq!(given_up, None);
    }
}
