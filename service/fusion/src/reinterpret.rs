//! What would change if earlier contributions meant what the schema and the endpoints say today.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use zarr_fuse_journal::{Definition, Journal, Reinterpretation};
use zarr_fuse_schemas::{Node as NodeSchema, row_problem::whole};
use zarr_fuse_store::blocking;

use crate::fold::{FoldError, IngestError, Meanings, ingest};
use crate::normalize::{Admission, Batch, BatchVariable, Normalized};

/// Contributions that are named.
const MAX_NAMED: usize = 20;

/// What would change in one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// Contributions that count and were looked at.
    pub n_contributions: u64,
    /// Of them, those whose values or outcome would change.
    pub n_changed: u64,
    /// Of them, those that were taken and would be rejected.
    pub n_rejected: u64,
    /// Values of single cells that they bring and that would be others, or would come or go.
    pub n_cells: u64,
    /// The first 20 that would change.
    pub changed: Vec<Change>,
    /// Endpoints that are not configured: what came through them stays as it is.
    pub unknown_endpoints: Vec<String>,
}

/// A contribution that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// Its place in the order.
    pub seq: u64,
    /// Values that would change.
    pub n_cells: u64,
    /// Why it would be rejected, if it would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejected: Option<String>,
}

/// Reads every contribution to a node that `of` is about twice, as it is meant so far and as it would be, and compares.
///
/// # Errors
/// [`FoldError`] if the journal cannot be read.
pub(crate) async fn difference(
    journal: &Journal,
    stored: &Arc<NodeSchema>,
    definitions: &BTreeMap<String, Arc<Definition>>,
    of: &Reinterpretation,
) -> Result<Difference, FoldError> {
    let path = &stored.path;
    let as_of = journal.last_seq();
    let endpoints = journal.endpoints(path, of.from).into_keys();
    let mut found = Difference {
        unknown_endpoints: endpoints
            .filter(|endpoint| !of.definitions.contains_key(endpoint))
            .collect(),
        ..Difference::default()
    };
    for definition in definitions.values() {
        journal.know(definition);
    }
    let mut meanings = Meanings::new(journal, stored, as_of);
    for (seq, _) in journal.counting(path, of.from.saturating_sub(1), as_of) {
        let Some(entry) = journal.frame_at(seq) else {
            continue;
        };
        let Some(today) = of.definitions.get(&entry.header.endpoint) else {
            continue;
        };
        found.n_contributions += 1;
        if journal.definition_of(seq, as_of) == Some(*today) {
            continue;
        }
        let (then, now) = (
            meanings.of(&entry.header).await?,
            meanings.named(*today).await?,
        );
        let payload = journal.payload(seq).await?;
        let compare = move || {
            let read = |meant: crate::fold::Meant| {
                ingest(&entry.header, &payload, meant?.as_ref(), Admission::Again)
            };
            changed(read(then), read(now))
        };
        let Some((n_cells, rejected)) = blocking(compare).await else {
            continue;
        };
        found.n_changed += 1;
        found.n_cells += n_cells;
        found.n_rejected += u64::from(rejected.is_some());
        if found.changed.len() < MAX_NAMED {
            found.changed.push(Change {
                seq,
                n_cells,
                rejected,
            });
        }
    }
    Ok(found)
}

/// Values that differ, and why nothing would be taken any more; `None`: all is the same.
fn changed(
    then: Result<Normalized, IngestError>,
    now: Result<Normalized, IngestError>,
) -> Option<(u64, Option<String>)> {
    match (then, now) {
        (Ok(then), Ok(now)) => {
            let n = differing(&then.batch, &now.batch);
            let is_other =
                then.n_rows_rejected != now.n_rows_rejected || then.problems.n != now.problems.n;
            (n > 0 || is_other).then_some((n, None))
        }
        (Ok(then), Err(error)) => Some((n_values(&then.batch), Some(whole(&error).reason))),
        (Err(_), Ok(now)) => Some((n_values(&now.batch), None)),
        (Err(_), Err(_)) => None,
    }
}

fn n_values(batch: &Batch) -> u64 {
    let values = batch
        .variables
        .iter()
        .map(|variable| variable.values.len() as u64);
    values.sum()
}

/// Values of cells that two batches do not have in common.
fn differing(then: &Batch, now: &Batch) -> u64 {
    let places = |batch: &Batch| -> Vec<_> {
        let coordinates = batch.coordinates.iter();
        coordinates
            .map(|one| (one.coordinate_idx, one.step_limits, one.index.clone()))
            .collect()
    };
    let is_same_place = places(then) == places(now)
        && then.coordinates.iter().zip(&now.coordinates).all(|(a, b)| {
            let n = a.values.len();
            n == b.values.len() && (0..n).all(|i| a.values.same(i, &b.values, i))
        });
    if !is_same_place {
        return n_values(then).max(n_values(now)).max(1);
    }
    let of = |batch: &'_ Batch, idx: usize| {
        let place = batch
            .variables
            .iter()
            .position(|one| one.variable_idx == idx);
        place.map(|place| batch.variables[place].clone())
    };
    let all = then.variables.iter().chain(&now.variables);
    let all: std::collections::BTreeSet<usize> = all.map(|one| one.variable_idx).collect();
    let counts = all
        .into_iter()
        .map(|idx| match (of(then, idx), of(now, idx)) {
            (Some(then), Some(now)) => differing_values(&then, &now),
            (then, now) => then.or(now).map_or(0, |one| one.values.len() as u64),
        });
    counts.sum()
}

fn differing_values(then: &BatchVariable, now: &BatchVariable) -> u64 {
    let (n, m) = (then.values.len(), now.values.len());
    let valid = |one: &BatchVariable| one.grid.as_ref().and_then(|grid| grid.valid.clone());
    if then.merge != now.merge || then.rows != now.rows || n != m || valid(then) != valid(now) {
        return n.max(m) as u64;
    }
    let differ = (0..n).filter(|&i| !then.values.same(i, &now.values, i));
    differ.count() as u64
}
