//! Contributions are prepared a few at a time, until what they hold decoded is as much as is merged at once.
//!
//! What was sent says little about it: a compressed file of some kilobytes may hold millions of rows. And whatever a
//! contribution does to the code that reads it, it does to itself: a panic becomes its outcome.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use uuid::Uuid;

use super::IngestError;
use crate::memory::{self, Share};
use crate::normalize::{Admission, Normalized};

/// Bytes of batches merged at once, unless a single contribution has more.
const MAX_BATCH_BYTES: usize = 128 << 20;
/// What a byte that was sent is thought to become while it is prepared.
const BYTES_PER_BYTE: u64 = 12;
/// The same where it may be compressed.
const BYTES_PER_COMPRESSED_BYTE: u64 = 200;
/// Least that preparing is thought to take.
const MIN_BYTES: u64 = 16 << 20;
/// How many more are prepared in each round than in the one before, if there is room.
const GROWTH: usize = 4;

/// A contribution after decode and normalize.
#[derive(Debug)]
pub struct Prepared {
    /// Its sequence number.
    pub seq: u64,
    /// Whether the bounds on what it may add hold.
    pub admission: Admission,
    /// Its batch.
    pub result: Result<Normalized, IngestError>,
}

impl Prepared {
    pub(super) fn n_bytes(&self) -> usize {
        self.result.as_ref().map_or(0, Normalized::n_bytes)
    }
}

/// A fault of the service that a contribution brings to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the service has a fault with this contribution, which is kept; nothing of it is merged. Send the lines of the service's log that name {report} to who makes zarr-fuse; when it is mended, `zf retry` takes it"
)]
pub struct Fault {
    /// What the log calls it: the contribution's id.
    pub report: Uuid,
}

/// Why a contribution is kept, but not tried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetAside {
    /// It brings a fault to light.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It ends the process.
    #[error(
        "the service was ended {0} times, for want of memory or by a fault, while this contribution alone was merged, so it is set aside: it is kept, and nothing of it is merged. `zf retry` tries it again: give the service more memory before, or retract it and send the data in parts"
    )]
    Ended(u32),
    /// It was set aside before, for this reason.
    #[error("{0}")]
    Before(String),
}

impl Fault {
    /// Reports what a panic said while the contribution `id` was `step`.
    pub(crate) fn of(id: Uuid, seq: u64, step: &'static str, panic: &(dyn Any + Send)) -> Self {
        let said = said(panic);
        tracing::error!(
            report.id = %id,
            contribution.seq = seq,
            step,
            "A fault of the service with contribution {seq} ({id}) while it was {step}: {said}"
        );
        Self { report: id }
    }
}

/// The message of a panic.
pub(crate) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message")
}

/// What `work` gives, or what its panic said. What it has begun is dropped with it.
pub(crate) fn isolated<T>(work: impl FnOnce() -> T) -> Result<T, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(work))
}

/// The memory that preparing contributions of these sizes, compressed or not, is thought to take at once.
pub(super) fn thought_of(sizes: impl Iterator<Item = (u64, bool)>) -> u64 {
    let all = sizes
        .map(|(n_bytes, may_be_compressed)| thought(n_bytes, may_be_compressed))
        .fold(0, u64::saturating_add);
    all.min(2 * MAX_BATCH_BYTES as u64).max(MIN_BYTES)
}

/// Waits for memory, but not for so much that one fold keeps all the others from theirs.
pub(super) async fn room(n_bytes: u64) -> Share<'static> {
    let budget = memory::budget();
    budget.take(n_bytes.min(budget.n_bytes() / 2)).await
}

/// Bytes that preparing a contribution of `n_bytes` is thought to take.
fn thought(n_bytes: u64, may_be_compressed: bool) -> u64 {
    let factor = if may_be_compressed {
        BYTES_PER_COMPRESSED_BYTE
    } else {
        BYTES_PER_BYTE
    };
    n_bytes.saturating_mul(factor)
}

/// The first of `items` prepared by `one`, in order: as many as are merged at once, at least one if there is any.
pub(super) fn as_many_as_fit<T: Sync>(
    items: &[T],
    one: impl Fn(&T) -> Prepared + Sync,
) -> Vec<Prepared> {
    let mut done: Vec<Prepared> = Vec::new();
    let n_bytes = AtomicUsize::new(0);
    let is_full = || n_bytes.load(Ordering::Relaxed) >= MAX_BATCH_BYTES;
    let count = |prepared: Prepared| {
        n_bytes.fetch_add(prepared.n_bytes(), Ordering::Relaxed);
        prepared
    };
    let mut at_once = 1;
    while done.len() < items.len() && !is_full() {
        let end = done.len().saturating_add(at_once).min(items.len());
        let part = &items[done.len()..end];
        // One at a time uses all cores inside; many small ones are spread over them.
        if part.len() < GROWTH {
            for item in part {
                done.push(count(one(item)));
                if is_full() {
                    break;
                }
            }
        } else {
            let parts = part
                .par_iter()
                .map(|item| (!is_full()).then(|| count(one(item))));
            let parts: Vec<Option<Prepared>> = parts.collect();
            done.extend(parts.into_iter().map_while(|prepared| prepared));
        }
        at_once = at_once.saturating_mul(GROWTH);
    }
    done
}

#[cfg(test)]
mod tests {
    use zarr_fuse_journal::outcome::Problems;

    use super::*;
    use crate::normalize::Batch;

    /// A contribution that takes `n_bytes`.
    fn prepared(seq: u64, n_bytes: usize) -> Prepared {
        let normalized = Normalized {
            batch: Batch::default(),
            n_rows_read: 0,
            n_rows_rejected: 0,
            problems: Problems::default(),
            table_rows: Some(vec![0; n_bytes / 4]),
            limited: false,
            warnings: Vec::new(),
        };
        Prepared {
            seq,
            admission: Admission::New,
            result: Ok(normalized),
        }
    }

    #[test]
    fn what_is_prepared_at_once_is_bounded_by_what_it_becomes() {
        let sent: Vec<u64> = (0..5000).collect();
        let small = as_many_as_fit(&sent, |seq| prepared(*seq, 10));
        assert_eq!(small.len(), sent.len());
        let mib = as_many_as_fit(&sent, |seq| prepared(*seq, 1 << 20));
        let n = MAX_BATCH_BYTES >> 20;
        // Fewer if another thread has gone ahead: only what is prepared without a gap counts.
        assert!((1..n + 64).contains(&mib.len()), "{}", mib.len());
        let seqs: Vec<u64> = mib.iter().map(|prepared| prepared.seq).collect();
        assert_eq!(seqs, sent[..seqs.len()]);
        let huge = as_many_as_fit(&sent, |seq| prepared(*seq, MAX_BATCH_BYTES));
        assert_eq!(huge.len(), 1);
    }
}
