//! Memory that questions may take, all of them together.
//!
//! A question takes its share before it reads or makes something, waits while there is none, and gives back what it no
//! longer holds. Bytes on their way to a client keep their share until they have left.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::{
    node::{Indices, NodeView},
    pyramid::Part,
};

use super::error::{QueryError, unreadable};

/// What is counted, in bytes.
const UNIT: u64 = 1 << 10;
/// Longest time that a question waits for room.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Room that questions have unless the configuration says otherwise.
pub const DEFAULT_ROOM: u64 = 512 << 20;

/// Room for all questions.
#[derive(Clone)]
pub struct Room {
    free: Arc<Semaphore>,
    n_units: u64,
    max_wait: Duration,
}

/// What one question has of it; it is given back with this.
#[derive(Debug, Default)]
pub struct Share(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Self {
        Self::new(DEFAULT_ROOM)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("n_bytes", &self.n_bytes())
            .field("n_bytes_free", &self.n_bytes_free())
            .finish_non_exhaustive()
    }
}

impl Room {
    /// Of so many bytes.
    pub fn new(n_bytes: u64) -> Self {
        let n_units = n_bytes.div_ceil(UNIT).clamp(1, u64::from(u32::MAX));
        Self {
            free: Arc::new(Semaphore::new(zarr_fuse_schemas::to_usize(n_units))),
            n_units,
            max_wait: MAX_WAIT,
        }
    }

    /// The same, for which questions wait no longer than this.
    #[must_use]
    pub fn within(mut self, max_wait: Duration) -> Self {
        self.max_wait = self.max_wait.min(max_wait);
        self
    }

    /// All there is.
    pub fn n_bytes(&self) -> u64 {
        self.n_units * UNIT
    }

    /// What nobody has.
    pub fn n_bytes_free(&self) -> u64 {
        self.free.available_permits() as u64 * UNIT
    }

    /// A share of so many bytes, for what `what` names. Waits if others have it.
    ///
    /// # Errors
    /// [`QueryError::DoesNotFit`] if it is more than all there is, [`QueryError::NoRoom`] if it is not given back in time.
    pub async fn take(&self, n_bytes: u64, what: &str) -> Result<Share, QueryError> {
        let n_units = n_bytes.div_ceil(UNIT);
        if n_units > self.n_units {
            let reason = format!(
                "{what} takes about {} MiB of memory, more than the {} MiB that all questions have together (`limits.max_answer_memory_bytes`); select less",
                n_bytes >> 20,
                self.n_bytes() >> 20
            );
            return Err(QueryError::DoesNotFit { reason });
        }
        let n_units = u32::try_from(n_units).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_many_owned(n_units) {
            return Ok(Share(Some(permit)));
        }
        let permit = Arc::clone(&self.free).acquire_many_owned(n_units);
        match tokio::time::timeout(self.max_wait, permit).await {
            Ok(Ok(permit)) => Ok(Share(Some(permit))),
            Ok(Err(_)) | Err(_) => Err(QueryError::NoRoom),
        }
    }

    /// Reads values of a variable, as [`NodeView::read`] does, and the share that they keep.
    ///
    /// # Errors
    /// As [`Self::take`]; [`QueryError::Read`].
    pub(super) async fn read(
        &self,
        view: &NodeView,
        variable: &str,
        indices: &[Indices],
    ) -> Result<(Values, Share), QueryError> {
        let (n_bytes, beside) = view.read_bytes(variable, indices);
        let what = format!("what is read of `{variable}` at once");
        let mut share = self.take(n_bytes.saturating_add(beside), &what).await?;
        let read = view.read(variable, indices).await;
        let values = read.map_err(|error| unreadable(variable, error))?;
        share.keep(n_bytes);
        Ok((values, share))
    }

    /// The same of a coarser level, if it has what is asked for.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) async fn read_level(
        &self,
        view: &NodeView,
        level: usize,
        (variable, part): (&str, Part),
        indices: &[Indices],
    ) -> Result<Option<(Values, Share)>, QueryError> {
        let (n_bytes, beside) = view.read_level_bytes(level, variable, part, indices);
        let what = format!("what is read of `{variable}` at once");
        let mut share = self.take(n_bytes.saturating_add(beside), &what).await?;
        let read = view.read_level(level, variable, part, indices).await;
        let values = read.map_err(|error| unreadable(variable, error))?;
        share.keep(n_bytes);
        Ok(values.map(|values| (values, share)))
    }
}

impl Share {
    /// How large it is.
    pub fn n_bytes(&self) -> u64 {
        let n_units = self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        n_units as u64 * UNIT
    }

    /// Gives back all but so many bytes.
    pub fn keep(&mut self, n_bytes: u64) {
        if let Some(permit) = &mut self.0 {
            let n_units = zarr_fuse_schemas::to_usize(n_bytes.div_ceil(UNIT));
            drop(permit.split(permit.num_permits().saturating_sub(n_units)));
        }
    }

    /// A part of it, as a share of its own; less if it is not so large.
    #[must_use]
    pub fn part(&mut self, n_bytes: u64) -> Self {
        let n_units = zarr_fuse_schemas::to_usize(n_bytes.div_ceil(UNIT));
        let part = self
            .0
            .as_mut()
            .and_then(|permit| permit.split(n_units.min(permit.num_permits())));
        Self(part)
    }

    /// Adds another share of the same room.
    pub fn add(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(permit), Some(other)) => permit.merge(other),
            (none, other) => *none = none.take().or(other),
        }
    }

    /// Bytes that keep it until the last of them is gone.
    pub fn hold(self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Held {
            bytes,
            _share: self,
        })
    }
}

struct Held {
    bytes: Vec<u8>,
    _share: Share,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_held_is_not_given_twice() {
        let room = Room::new(10 << 10);
        let mut share = room.take(6 << 10, "it").await.unwrap();
        assert!(
            room.take(5 << 10, "it").now_or_never().is_none(),
            "it waits"
        );
        let error = room.take(11 << 20, "it").await.unwrap_err().to_string();
        assert_eq!(
            error,
            "it takes about 11 MiB of memory, more than the 0 MiB that all questions have together (`limits.max_answer_memory_bytes`); select less"
        );
        let bytes = share.part(2 << 10).hold(vec![1; 2000]);
        share.keep(1);
        assert_eq!(room.n_bytes_free(), 7 << 10);
        let (begin, end) = (bytes.slice(..1000), bytes.slice(1000..));
        drop((bytes, begin));
        assert_eq!(room.n_bytes_free(), 7 << 10);
        drop(end);
        assert_eq!(room.n_bytes_free(), 9 << 10);
        let mut others = room.take(8 << 10, "it").await.unwrap();
        others.add(share);
        assert_eq!(room.n_bytes_free(), 1 << 10);
        drop(others);
        assert_eq!(room.n_bytes_free(), 10 << 10);
    }
}
