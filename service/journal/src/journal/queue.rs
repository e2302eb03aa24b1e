//! What waits to be folded, node by node, and how much of it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::payload::Payload;
use super::segment::{Header, Kind};

/// Payload bytes kept in memory for folding; beyond, they are read back from the journal.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// A frame that a node has to fold: a contribution, or a request to correct one.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What is known of it.
    pub header: Arc<Header>,
    /// Its bytes, unless too many wait.
    pub(super) payload: Option<Payload>,
}

/// What a fold has to do next.
#[derive(Debug, Clone)]
pub enum Next {
    /// To merge these into the arrays, oldest first.
    Fold(Vec<Waiting>),
    /// To fold everything up to a sequence number again, because what waits changes what is in the arrays.
    Refold {
        /// What asks for it.
        corrections: Vec<Arc<Header>>,
        /// The last that waits.
        last_seq: u64,
    },
}

impl From<Arc<Header>> for Waiting {
    fn from(header: Arc<Header>) -> Self {
        Self {
            header,
            payload: None,
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    by_node: HashMap<String, VecDeque<Waiting>>,
    n: usize,
    n_bytes: u64,
    kept_bytes: usize,
}

impl Queue {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// How many wait, and their payload bytes.
    pub(super) fn size(&self) -> (usize, u64) {
        (self.n, self.n_bytes)
    }

    /// Adds what became durable; keeps the payload while there is room.
    pub(super) fn push(&mut self, header: Arc<Header>, payload: Option<Payload>) {
        if !header.kind.concerns_fold() {
            return;
        }
        let room = MAX_KEPT_BYTES.saturating_sub(self.kept_bytes);
        let payload = payload.filter(|payload| payload.n_bytes_in_memory() <= room);
        let payload = payload.map(Payload::settled);
        self.kept_bytes += payload.as_ref().map_or(0, Payload::n_bytes_in_memory);
        self.n += 1;
        self.n_bytes += header.n_bytes;
        let queue = self.by_node.entry(header.node.clone()).or_default();
        queue.push_back(Waiting { header, payload });
    }

    /// Replaces what waits for `node`.
    pub(super) fn replace(&mut self, node: &str, headers: impl Iterator<Item = Arc<Header>>) {
        self.take_through(node, u64::MAX);
        for header in headers {
            self.push(header, None);
        }
    }

    /// Takes out what is folded: everything for `node` up to `seq`.
    pub(super) fn take_through(&mut self, node: &str, seq: u64) {
        let Some(queue) = self.by_node.get_mut(node) else {
            return;
        };
        while queue.front().is_some_and(|next| next.header.seq <= seq) {
            let done = queue.pop_front().expect("there is a front");
            let kept = done.payload.as_ref().map_or(0, Payload::n_bytes_in_memory);
            self.kept_bytes -= kept;
            self.n_bytes -= done.header.n_bytes;
            self.n -= 1;
        }
    }

    /// What waits for `node`, oldest first, up to `max_bytes` of payload but at least one.
    pub(super) fn first(&self, node: &str, max_bytes: u64, max_n: usize) -> Vec<Waiting> {
        let mut n_bytes = 0;
        let queue = self.by_node.get(node).into_iter().flatten();
        queue
            .take_while(|next| {
                let first = n_bytes == 0;
                n_bytes += next.header.n_bytes.max(1);
                first || n_bytes <= max_bytes
            })
            .take(max_n)
            .cloned()
            .collect()
    }

    /// Whether anything waits for `node`.
    pub(super) fn waits(&self, node: &str) -> bool {
        let queue = self.by_node.get(node);
        queue.is_some_and(|queue| !queue.is_empty())
    }

    /// Whether `seq` waits for `node`.
    pub(super) fn contains(&self, node: &str, seq: u64) -> bool {
        let queue = self.by_node.get(node);
        queue.is_some_and(|queue| {
            queue
                .binary_search_by_key(&seq, |waiting| waiting.header.seq)
                .is_ok()
        })
    }

    /// Requests to correct something that wait for `node`, and the last sequence number that waits for it.
    pub(super) fn corrections(&self, node: &str) -> (Vec<Arc<Header>>, u64) {
        let queue = self.by_node.get(node);
        let corrections = queue
            .into_iter()
            .flatten()
            .filter(|waiting| waiting.header.kind != Kind::Contribution)
            .map(|waiting| Arc::clone(&waiting.header));
        let last = queue.and_then(|queue| queue.back());
        (
            corrections.collect(),
            last.map_or(0, |last| last.header.seq),
        )
    }
}
