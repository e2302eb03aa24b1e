//! How often somebody does something that costs others: so many at once, then one after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use parking_lot::Mutex;

/// Most of them that are remembered; the longest unused are forgotten.
const MAX_REMEMBERED: u64 = 20_000;
/// After this, everything may be done at once again.
const FORGOTTEN: Duration = Duration::from_mins(1);

/// When what was done so far will be forgotten: each time adds its share of a minute, time takes it away.
type Until = Arc<Mutex<Instant>>;

/// See the module.
#[derive(Debug)]
pub(crate) struct Rates {
    each: Duration,
    by_name: Cache<String, Until>,
}

impl Rates {
    /// So many times a minute.
    pub(crate) fn a_minute(max: u32) -> Self {
        Self {
            each: FORGOTTEN / max.max(1),
            by_name: Cache::builder()
                .max_capacity(MAX_REMEMBERED)
                .time_to_idle(FORGOTTEN)
                .build(),
        }
    }

    /// Counts one time.
    ///
    /// # Errors
    /// How long to wait; then it does not count.
    pub(crate) fn once(&self, name: &str) -> Result<(), Duration> {
        let start = || Arc::new(Mutex::new(Instant::now()));
        let until = self.by_name.get_with(name.to_owned(), start);
        let mut until = until.lock();
        let now = Instant::now();
        let next = (*until).max(now) + self.each;
        let wait = next.saturating_duration_since(now + FORGOTTEN);
        if !wait.is_zero() {
            return Err(wait);
        }
        *until = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_may_do_so_much_at_once_and_then_one_after_the_other() {
        let rates = Rates::a_minute(3);
        for _ in 0..3 {
            rates.once("ann").unwrap();
        }
        let wait = rates.once("ann").unwrap_err();
        let seconds = wait.as_secs_f64();
        assert!((19.0..=20.0).contains(&seconds), "{seconds}");
        rates.once("bob").unwrap();
    }
}
