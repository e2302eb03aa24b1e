//! What contributions mean, in datasets that are opened under other configurations than they were written under.

use std::collections::HashMap;
use std::path::Path;

use object_store::ObjectStore;
use object_store::memory::InMemory;
use uuid::Uuid;
use zarr_fuse_decode::Decoding;
use zarr_fuse_journal::{
    Correction, Kind, Requester,
    outcome::{Outcome, Status},
};

use super::*;
use crate::node::Indices;

const SCHEMA: &str =
    "n:\n  COORDS:\n    t: {type: int64}\n  VARS:\n    v: {coords: [t], type: float64}\n";

fn schema(name: &str) -> Arc<Schema> {
    let schema = Schema::parse(SCHEMA, &format!("{name}.yaml"), Path::new("."));
    Arc::new(schema.unwrap())
}

/// Decoders of a dataset whose endpoint `logger` renames `from` to `v`; without it if `from` is none.
fn decoders(name: &str, from: Option<&str>) -> Decoders {
    let decoder = |from: &str| {
        let decoding = Decoding {
            rename: IndexMap::from([(from.to_owned(), "v".to_owned())]),
            ..Decoding::default()
        };
        decoding.prepare(Path::new(".")).unwrap()
    };
    let logger = from.map(|from| ("logger".to_owned(), decoder(from)));
    Decoders::new(name, logger.into_iter().collect::<HashMap<_, _>>())
}

async fn open(objects: &Arc<dyn ObjectStore>, decoders: Decoders) -> Arc<Dataset> {
    let store = Store::new(Arc::clone(objects), "memory://");
    let schema = schema(&decoders.own);
    Dataset::open(schema, store, decoders, JournalSettings::default())
        .await
        .unwrap()
}

fn contribution(endpoint: &str, csv: &str) -> NewContribution {
    NewContribution::csv(endpoint, "n", csv.to_owned())
}

async fn contribute(dataset: &Dataset, endpoint: &str, csv: &str) -> Uuid {
    let receipt = dataset.contribute(contribution(endpoint, csv)).await;
    dataset.fold_all().await.unwrap();
    receipt.unwrap().id
}

async fn values(dataset: &Dataset) -> Vec<String> {
    let view = dataset.node("n").unwrap().view();
    let n = view.coordinate("t").unwrap().len();
    let values = view
        .read("v", &[Indices::Range(0..n as u64)])
        .await
        .unwrap();
    (0..n).map(|i| values.display(i)).collect()
}

async fn correct(dataset: &Dataset, correction: Correction, even_if: bool) -> Arc<Outcome> {
    let by = Requester {
        even_if,
        ..Requester::default()
    };
    let receipt = dataset.correct(&correction, by).await.unwrap();
    dataset.fold_all().await.unwrap();
    dataset.journal.outcome(receipt.seq).unwrap()
}

/// A journal as earlier programs wrote it, with what came through the endpoint `logger` of the dataset `old`.
async fn old_journal(objects: &Arc<dyn ObjectStore>, n: usize) {
    let store = Store::new(Arc::clone(objects), "memory://");
    let journal = Journal::open(store.clone(), "old", JournalSettings::default());
    let journal = journal.await.unwrap();
    for i in 0..n {
        let new = contribution("logger", &format!("t,T\n{i},{i}\n"));
        journal.append_undefined(new).await.unwrap();
    }
    let text = schema("old").public_text().into_bytes();
    store.put(keys::SCHEMA, text).await.unwrap();
}

#[tokio::test]
async fn an_old_journal_means_what_is_configured_when_it_is_first_opened() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    old_journal(&objects, 3).await;
    let dataset = open(&objects, decoders("old", Some("T"))).await;
    dataset.fold_all().await.unwrap();
    assert_eq!(values(&dataset).await, ["0", "1", "2"]);
    assert!(dataset.journal.assumed(1).is_some());
    let last = dataset.journal.last_seq();
    drop(dataset);
    // Said once; and it stays, whatever is configured later.
    for from in [Some("temperature"), None] {
        let dataset = open(&objects, decoders("new", from)).await;
        let (said, _) = dataset.journal.assumed(3).unwrap();
        assert_eq!(said, last);
        assert_eq!(
            dataset.journal.frame_at(said).unwrap().header.kind,
            Kind::Assumed
        );
        let rebuilt = correct(&dataset, Correction::Rebuild("n".into()), false).await;
        assert!(!rebuilt.refused);
        assert_eq!(values(&dataset).await, ["0", "1", "2"]);
    }
}

#[tokio::test]
async fn what_nobody_can_read_is_not_rejected_by_a_correction() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    old_journal(&objects, 2).await;
    let dataset = open(&objects, decoders("old", None)).await;
    assert_eq!(
        dataset.journal.undefined(None),
        BTreeMap::from([("logger".to_owned(), 1)])
    );
    drop(dataset);
    // Read only, by somebody who knows the endpoint: taken for granted, and not written.
    let store = Store::new(Arc::clone(&objects), "memory://").read_only();
    let known = Dataset::open(
        schema("old"),
        store,
        decoders("old", Some("T")),
        JournalSettings::default(),
    );
    let known = known.await.unwrap();
    assert!(known.journal.undefined(None).is_empty());
    assert_eq!(known.journal.last_seq(), 2);
}

#[tokio::test]
async fn a_reinterpretation_that_would_reject_what_was_merged_is_refused_unless_told() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let dataset = open(&objects, decoders("d", Some("T"))).await;
    contribute(&dataset, "logger", "t,T\n1,1\n").await;
    let second = contribute(&dataset, "logger", "t,T\n2,2\n").await;
    drop(dataset);
    let dataset = open(&objects, decoders("d", Some("temperature"))).await;
    let found = dataset.difference("n", 0).await.unwrap();
    assert_eq!(
        (found.n_contributions, found.n_changed, found.n_rejected),
        (2, 2, 2)
    );
    assert_eq!(found.n_cells, 2);
    let all = Correction::Reinterpret("n".into(), 0);
    let refused = correct(&dataset, all.clone(), false).await;
    assert!(refused.refused);
    let reason = &refused.problems[0].reason;
    assert!(
        reason.starts_with("contribution 1 was merged and would be rejected"),
        "{reason}"
    );
    assert_eq!(values(&dataset).await, ["1", "2"]);
    // What was refused counts for nothing, and what comes next is folded.
    contribute(&dataset, "logger", "t,temperature\n3,3\n").await;
    let retracted = correct(&dataset, Correction::Retract(second), false).await;
    assert_eq!(retracted.status, Status::Retracted);
    assert_eq!(values(&dataset).await, ["1", "3"]);
    drop(dataset);
    let dataset = open(&objects, decoders("d", Some("temperature"))).await;
    assert_eq!(values(&dataset).await, ["1", "3"]);
    let done = correct(&dataset, all, true).await;
    assert!(!done.refused);
    assert_eq!(values(&dataset).await, ["3"]);
}

#[tokio::test]
async fn of_corrections_asked_for_together_only_the_bad_one_is_refused() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let dataset = open(&objects, decoders("d", Some("T"))).await;
    contribute(&dataset, "logger", "t,T\n1,1\n").await;
    let wrong = contribute(&dataset, "logger", "t,T\n2,2\n").await;
    drop(dataset);
    let dataset = open(&objects, decoders("d", Some("temperature"))).await;
    let by = Requester::default();
    let bad = Correction::Reinterpret("n".into(), 0);
    let bad = dataset.correct(&bad, by.clone()).await.unwrap().seq;
    let good = dataset
        .correct(&Correction::Retract(wrong), by)
        .await
        .unwrap()
        .seq;
    dataset.fold_all().await.unwrap();
    assert!(dataset.journal.outcome(bad).unwrap().refused);
    assert!(!dataset.journal.outcome(good).unwrap().refused);
    assert_eq!(values(&dataset).await, ["1"]);
}

#[tokio::test]
async fn a_rejected_contribution_is_retried_as_its_endpoint_says_today() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let dataset = open(&objects, decoders("d", Some("T"))).await;
    let id = contribute(&dataset, "logger", "t,temperature\n1,1\n").await;
    assert_eq!(
        dataset.journal.entry(id).unwrap().status(),
        Status::Rejected
    );
    drop(dataset);
    let dataset = open(&objects, decoders("d", None)).await;
    let unknown = dataset
        .correct(&Correction::Retry(id), Requester::default())
        .await;
    assert!(matches!(
        unknown,
        Err(CorrectionError::UnknownEndpoint { .. })
    ));
    drop(dataset);
    let dataset = open(&objects, decoders("d", Some("temperature"))).await;
    let retried = correct(&dataset, Correction::Retry(id), false).await;
    assert_eq!(retried.status, Status::Merged);
    drop(dataset);
    // From now on it means that.
    let dataset = open(&objects, decoders("d", None)).await;
    correct(&dataset, Correction::Rebuild("n".into()), false).await;
    assert_eq!(values(&dataset).await, ["1"]);
}

#[tokio::test]
async fn a_definition_is_written_once_for_each_edit() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for from in ["T", "T", "temperature"] {
        let dataset = open(&objects, decoders("d", Some(from))).await;
        for t in 0..3 {
            contribute(&dataset, "logger", &format!("t,{from}\n{t},{t}\n")).await;
        }
    }
    let store = Store::new(objects, "memory://");
    let kept = store.list_objects(keys::DEFINITIONS, None).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|object| object.n_bytes < 1024), "{kept:?}");
}
