//! Which layouts clients have opened at the plain address.
//!
//! A reader of a Zarr store reads the metadata of a group, then chunks, each with a request of its own that does not say what
//! was opened. The same address, program and credentials are taken for the same client.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header;
use moka::sync::Cache;
use xxhash_rust::xxh64::xxh64;

use super::super::relay;
use crate::who::Who;

/// Most openings of nodes remembered.
const MAX_OPENINGS: u64 = 1 << 18;
/// Clients that ask for nothing for so long are forgotten.
const MAX_IDLE: Duration = Duration::from_hours(24);

/// What clients have opened.
#[derive(Debug)]
pub(crate) struct Openings(Cache<u64, Opening>);

/// Layouts of nodes, by the hash of their path.
#[derive(Debug, Clone)]
struct Opening {
    at: Instant,
    layouts: Arc<[(u64, u64)]>,
}

impl Default for Openings {
    fn default() -> Self {
        let weigh = |_: &u64, opening: &Opening| {
            u32::try_from(opening.layouts.len())
                .unwrap_or(u32::MAX)
                .max(1)
        };
        let cache = Cache::builder()
            .max_capacity(MAX_OPENINGS)
            .weigher(weigh)
            .time_to_idle(MAX_IDLE);
        Self(cache.build())
    }
}

impl Openings {
    /// Notes that `client` has read metadata that tell of `nodes` in these layouts, perhaps of all nodes there are.
    pub(super) fn opened<'a>(
        &self,
        client: u64,
        dataset: &str,
        are_all: bool,
        nodes: impl Iterator<Item = (&'a str, u64)>,
    ) {
        let layouts: Arc<[(u64, u64)]> = nodes
            .map(|(path, layout)| (xxh64(path.as_bytes(), 0), layout))
            .collect();
        let at = Instant::now();
        if are_all {
            self.0.insert(all(client, dataset), Opening { at, layouts });
            return;
        }
        for node in layouts.iter() {
            let layouts = Arc::from([*node]);
            self.0
                .insert(one(client, dataset, node.0), Opening { at, layouts });
        }
    }

    /// The layout of a node that `client` has opened last.
    pub(super) fn of(&self, client: u64, dataset: &str, path: &str) -> Option<u64> {
        let node = xxh64(path.as_bytes(), 0);
        let places = [one(client, dataset, node), all(client, dataset)];
        let opened = places.into_iter().filter_map(|place| {
            let opening = self.0.get(&place)?;
            let found = opening.layouts.iter().find(|(of, _)| *of == node)?;
            Some((opening.at, found.1))
        });
        opened.max_by_key(|(at, _)| *at).map(|(_, layout)| layout)
    }
}

fn all(client: u64, dataset: &str) -> u64 {
    xxh64(dataset.as_bytes(), client)
}

fn one(client: u64, dataset: &str, node: u64) -> u64 {
    xxh64(&node.to_le_bytes(), all(client, dataset))
}

/// Stands for who sends a request, as far as one can tell.
pub(super) fn client(who: &Who, req: &HttpRequest) -> u64 {
    let program = relay::text(req, &header::USER_AGENT).unwrap_or_default();
    let credentials = relay::text(req, &header::AUTHORIZATION).unwrap_or_default();
    let address = who.address().map(|address| address.to_string());
    let mut of = address.unwrap_or_default();
    for part in [program, credentials] {
        of.push('\n');
        of.push_str(part);
    }
    xxh64(of.as_bytes(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_opened_last_counts() {
        let openings = Openings::default();
        let opened = |client, group: &str, nodes: &[(&str, u64)]| {
            openings.opened(client, "d", group.is_empty(), nodes.iter().copied());
        };
        opened(1, "", &[("a", 1), ("b", 5)]);
        opened(2, "a", &[("a", 2)]);
        assert_eq!(openings.of(1, "d", "a"), Some(1));
        assert_eq!(openings.of(2, "d", "a"), Some(2));
        assert_eq!(openings.of(2, "d", "b"), None);
        assert_eq!(openings.of(1, "e", "a"), None);
        opened(1, "a", &[("a", 3)]);
        assert_eq!(openings.of(1, "d", "a"), Some(3));
        opened(1, "", &[("a", 4), ("b", 6)]);
        assert_eq!(openings.of(1, "d", "a"), Some(4));
        assert_eq!(openings.of(1, "d", "b"), Some(6));
    }
}
