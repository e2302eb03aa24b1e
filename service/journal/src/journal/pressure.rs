//! Back pressure: who contributes faster than contributions are folded is slowed down at half of a bound, and refused at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::AppendError;

/// Longest time a contribution is made to wait because many others do.
const MAX_STALL: Duration = Duration::from_secs(2);
/// Shorter pauses are not worth a timer.
const MIN_STALL: Duration = Duration::from_millis(5);
/// Most payload bytes that are prepared for a segment at once; those of further contributions stay where they are.
const MAX_PREPARED_BYTES: u64 = 48 << 20;
/// What the semaphore of prepared bytes counts in.
const UNIT_BYTES: u64 = 1024;

/// How often back pressure was felt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PressureCounts {
    /// Contributions that were made to wait.
    pub n_stalled: u64,
    /// Contributions that were refused.
    pub n_refused: u64,
}

/// The bounds on what waits to be folded, and what is on its way to be added to it.
#[derive(Debug)]
pub(super) struct Pressure {
    max_n: usize,
    max_bytes: u64,
    arriving: Mutex<Arriving>,
    prepared: Arc<Semaphore>,
    n_stalled: AtomicU64,
    n_refused: AtomicU64,
}

/// Contributions that are let in and do not wait to be folded yet.
#[derive(Debug, Clone, Copy, Default)]
struct Arriving {
    n: usize,
    n_bytes: u64,
}

/// A place among those that wait, and a share of what is prepared at once, held until the contribution waits itself or has
/// failed.
#[derive(Debug)]
pub(super) struct Place {
    pressure: Arc<Pressure>,
    n_bytes: u64,
    prepared: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Waits until `n_bytes` may be prepared for a segment.
    pub(super) async fn prepare(&mut self, n_bytes: u64) {
        let n_units = n_bytes.min(MAX_PREPARED_BYTES).div_ceil(UNIT_BYTES);
        let n_units = u32::try_from(n_units).expect("the bound is far below");
        let permit = Arc::clone(&self.pressure.prepared).acquire_many_owned(n_units);
        self.prepared = Some(permit.await.expect("the semaphore is never closed"));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut arriving = self.pressure.arriving.lock();
        arriving.n -= 1;
        arriving.n_bytes -= self.n_bytes;
    }
}

impl Pressure {
    pub(super) fn new(max_n: usize, max_bytes: u64) -> Self {
        let n_units = MAX_PREPARED_BYTES / UNIT_BYTES;
        Self {
            max_n: max_n.max(1),
            max_bytes: max_bytes.max(1),
            arriving: Mutex::default(),
            prepared: Semaphore::new(zarr_fuse_schemas::to_usize(n_units)).into(),
            n_stalled: AtomicU64::new(0),
            n_refused: AtomicU64::new(0),
        }
    }

    /// Lets a contribution of `n_bytes` in while `n_waiting` with `waiting_bytes` wait: at once below half of the bounds, then
    /// later and later, and not at all at a bound.
    pub(super) async fn admit(
        self: &Arc<Self>,
        n_waiting: usize,
        waiting_bytes: u64,
        n_bytes: u64,
    ) -> Result<Place, AppendError> {
        let (place, stall) = self.enter(n_waiting, waiting_bytes, n_bytes)?;
        if stall >= MIN_STALL {
            self.n_stalled.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(stall).await;
        }
        Ok(place)
    }

    fn enter(
        self: &Arc<Self>,
        n_waiting: usize,
        waiting_bytes: u64,
        n_bytes: u64,
    ) -> Result<(Place, Duration), AppendError> {
        let mut arriving = self.arriving.lock();
        let share = self.share(*arriving, n_waiting, waiting_bytes, n_bytes)?;
        arriving.n += 1;
        arriving.n_bytes += n_bytes;
        let place = Place {
            pressure: Arc::clone(self),
            n_bytes,
            prepared: None,
        };
        Ok((
            place,
            MAX_STALL.mul_f64((share * 2.0 - 1.0).clamp(0.0, 1.0)),
        ))
    }

    /// Whether a contribution of `n_bytes` would be let in.
    pub(super) fn check(
        &self,
        n_waiting: usize,
        waiting_bytes: u64,
        n_bytes: u64,
    ) -> Result<(), AppendError> {
        let arriving = *self.arriving.lock();
        self.share(arriving, n_waiting, waiting_bytes, n_bytes)
            .map(|_share| ())
    }

    /// Which part of the bounds is taken, between 0 and 1. A contribution that would pass the bound on bytes alone is let in
    /// when nothing else waits.
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    fn share(
        &self,
        arriving: Arriving,
        n_waiting: usize,
        waiting_bytes: u64,
        n_bytes: u64,
    ) -> Result<f64, AppendError> {
        let n = n_waiting + arriving.n;
        let bytes = waiting_bytes.saturating_add(arriving.n_bytes);
        if n >= self.max_n || (n > 0 && bytes.saturating_add(n_bytes) > self.max_bytes) {
            self.n_refused.fetch_add(1, Ordering::Relaxed);
            return Err(AppendError::Overloaded { n_waiting: n });
        }
        let by_count = n as f64 / self.max_n as f64;
        let by_bytes = bytes as f64 / self.max_bytes as f64;
        Ok(by_count.max(by_bytes))
    }

    pub(super) fn counts(&self) -> PressureCounts {
        PressureCounts {
            n_stalled: self.n_stalled.load(Ordering::Relaxed),
            n_refused: self.n_refused.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_below_half_and_everybody_is_refused_at_the_bound() {
        let pressure = Arc::new(Pressure::new(10, 1000));
        let stall = |n, bytes| pressure.enter(n, bytes, 0).map(|(_, stall)| stall);
        assert_eq!(stall(5, 500).unwrap(), Duration::ZERO);
        assert!(stall(6, 0).unwrap() < stall(9, 0).unwrap());
        assert!(stall(0, 600).unwrap() < stall(0, 990).unwrap());
        assert!(stall(9, 999).unwrap() <= MAX_STALL);
        assert!(stall(10, 0).is_err());
        assert_eq!(pressure.counts().n_refused, 1);
    }

    #[test]
    fn those_that_are_let_in_at_once_count_before_they_wait() {
        let pressure = Arc::new(Pressure::new(10, 1000));
        let (first, _) = pressure.enter(0, 0, 700).unwrap();
        let refused = pressure.enter(0, 0, 400);
        assert!(matches!(
            refused,
            Err(AppendError::Overloaded { n_waiting: 1 })
        ));
        drop(first);
        assert!(pressure.enter(0, 0, 400).is_ok());
    }

    #[test]
    fn what_passes_the_bound_alone_is_taken_when_nothing_waits() {
        let pressure = Arc::new(Pressure::new(10, 1000));
        assert!(pressure.enter(0, 0, 5000).is_ok());
        assert!(pressure.enter(1, 0, 5000).is_err());
    }

    #[tokio::test]
    async fn a_contribution_is_delayed_past_half() {
        let pressure = Arc::new(Pressure::new(1000, 1000));
        let begin = tokio::time::Instant::now();
        let _place = pressure.admit(510, 0, 1).await.unwrap();
        assert!(begin.elapsed() >= MAX_STALL / 50);
        let delayed = PressureCounts {
            n_stalled: 1,
            n_refused: 0,
        };
        assert_eq!(pressure.counts(), delayed);
    }
}
