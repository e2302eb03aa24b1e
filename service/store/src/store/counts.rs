//! Counts requests by kind: what a contribution and a commit cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kinds of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Reading an object or a part of it, or asking for its size.
    Get,
    /// Writing an object or a part of it.
    Put,
    /// Writing an object that must not exist.
    Create,
    /// Listing, by pages of 1000 objects.
    List,
    /// Copying inside the store.
    Copy,
    /// Deleting, up to 1000 objects at once.
    Delete,
}

impl RequestKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Put,
        Self::Create,
        Self::List,
        Self::Copy,
        Self::Delete,
    ];

    /// As in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Create => "create",
            Self::List => "list",
            Self::Copy => "copy",
            Self::Delete => "delete",
        }
    }
}

/// Requests made by a store and its clones, without those that the S3 client sends again by itself.
#[derive(Debug, Clone, Default)]
pub struct RequestCounts(Arc<[AtomicU64; 6]>);

impl RequestCounts {
    /// How many of one kind.
    pub fn of(&self, kind: RequestKind) -> u64 {
        self.0[kind as usize].load(Ordering::Relaxed)
    }

    /// How many of all kinds.
    pub fn total(&self) -> u64 {
        RequestKind::ALL.into_iter().map(|kind| self.of(kind)).sum()
    }

    /// Whether both count the same requests.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn add(&self, kind: RequestKind, n: u64) {
        self.0[kind as usize].fetch_add(n, Ordering::Relaxed);
    }
}
