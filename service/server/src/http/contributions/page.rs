//! Pages of contributions over several datasets.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{Entry, Filter};

use super::ApiError;

/// Where a page ends: by dataset, the last sequence number on it or on an earlier page. Opaque to clients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place(BTreeMap<String, u64>);

impl Place {
    /// Reads what [`fmt::Display`] writes.
    ///
    /// # Errors
    /// [`ApiError::BadRequest`] for any other text.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let read = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        read().map(Self).ok_or_else(|| {
            ApiError::BadRequest(
                "query parameter `before` cannot be read; take it from the former page, or leave it out".to_owned(),
            )
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_vec(&self.0).map_err(|_never| fmt::Error)?;
        f.write_str(&URL_SAFE_NO_PAD.encode(json))
    }
}

/// The newest contributions after `place` that `filter` lets through, and where the next page begins if there is more.
pub(super) fn newest(
    datasets: &[Arc<Dataset>],
    filter: &Filter,
    mut place: Place,
    limit: usize,
) -> (Vec<(Arc<Dataset>, Entry)>, Option<Place>) {
    let list = |dataset: &Arc<Dataset>| {
        let filter = Filter {
            before: place.0.get(&dataset.name).copied(),
            ..filter.clone()
        };
        VecDeque::from(dataset.journal.list(&filter))
    };
    let mut lists: Vec<_> = datasets.iter().map(list).collect();
    let mut page = Vec::with_capacity(limit);
    loop {
        // `None` is the smallest, so a list that has ended is taken only when all have.
        let received = |(_, list): &(&Arc<Dataset>, &mut VecDeque<Entry>)| {
            list.front().map(|entry| entry.header.received_at)
        };
        let newest = datasets.iter().zip(&mut lists).max_by_key(received);
        let Some((dataset, entry)) =
            newest.and_then(|(dataset, list)| Some((dataset, list.pop_front()?)))
        else {
            return (page, None);
        };
        if page.len() == limit {
            return (page, Some(place));
        }
        // Whatever the dataset was called when it came.
        place.0.insert(dataset.name.clone(), entry.header.seq);
        page.push((Arc::clone(dataset), entry));
    }
}
