//! What one contribution cannot do to a node, to the others, or to the service.

mod bounds;
mod dry_runs;
mod faults;
mod trials;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use object_store::memory::InMemory;
use zarr_fuse_journal::{Correction, JournalSettings, NewContribution, Requester};
use zarr_fuse_schemas::Schema;
use zarr_fuse_store::Store;

use super::*;
use crate::dataset::Dataset;

/// A dataset of one node `n` in memory.
struct World {
    dataset: Arc<Dataset>,
    path: String,
}

impl World {
    async fn new(node: &str) -> Self {
        let store = Store::new(Arc::new(InMemory::new()), "memory://");
        Self::on(store, node).await
    }

    async fn on(store: Store, node: &str) -> Self {
        let schema = Schema::parse(node, "d.yaml", Path::new(".")).expect("a schema");
        let dataset = Dataset::open(
            Arc::new(schema),
            store,
            crate::dataset::Decoders::new("d", HashMap::new()),
            JournalSettings::default(),
        );
        let dataset = dataset.await.expect("it opens");
        let path = dataset.nodes.keys().next().expect("a node").clone();
        Self { dataset, path }
    }

    fn contribution(&self, csv: &str) -> NewContribution {
        NewContribution::csv("d", &self.path, csv.to_owned())
    }

    /// Makes a CSV durable.
    async fn send(&self, csv: &str) -> u64 {
        let receipt = self.dataset.contribute(self.contribution(csv)).await;
        receipt.expect("it is taken").seq
    }

    /// What becomes of a CSV.
    async fn merge(&self, csv: &str) -> Arc<Outcome> {
        let seq = self.send(csv).await;
        self.dataset.fold_all().await.expect("it folds");
        self.outcome(seq)
    }

    fn outcome(&self, seq: u64) -> Arc<Outcome> {
        self.dataset.journal.outcome(seq).expect("it is folded")
    }

    fn n_values(&self, coordinate: &str) -> usize {
        let view = self.dataset.node(&self.path).expect("the node").view();
        view.coordinate(coordinate).expect("the coordinate").len()
    }

    async fn retract(&self, seq: u64) {
        self.correct(seq, Correction::Retract).await;
    }

    async fn retry(&self, seq: u64) {
        self.correct(seq, Correction::Retry).await;
    }

    async fn correct(&self, seq: u64, correction: impl Fn(Uuid) -> Correction) {
        let journal = &self.dataset.journal;
        let entry = journal.frame_at(seq).expect("a frame");
        let correction = correction(entry.header.id);
        let asked = self.dataset.correct(&correction, Requester::default());
        asked.await.expect("it may be asked for");
        self.dataset.fold_all().await.expect("it folds");
    }

    /// Whether the arrays are what the journal says.
    async fn verify(&self) {
        let node = self.dataset.node(&self.path).expect("the node");
        let verdict = crate::verify::verify(&self.dataset, node).await;
        let verdict = verdict.expect("it can be verified");
        assert_eq!(verdict.differences, Vec::<String>::new());
    }
}

fn reasons(outcome: &Outcome) -> Vec<&str> {
    let problems = outcome.problems.iter();
    problems.map(|problem| problem.reason.as_str()).collect()
}
