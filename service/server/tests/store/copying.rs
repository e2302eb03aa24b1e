//! Copies of datasets.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use zarr_fuse_fusion::{
    copy::{CopyError, Progress, Summary, copy},
    dataset::{Dataset, Decoders, OpenError},
    verify::verify,
};
use zarr_fuse_journal::{JournalSettings, NewContribution};
use zarr_fuse_schemas::Schema;
use zarr_fuse_store::Store;

use crate::meddling::Meddling;
use crate::place;
use crate::stopping::Stopping;

const SCHEMA: &str = r#"
ATTRS: {title: "Wells"}
wells:
  ATTRS: {description: "all of them"}
  deep:
    COORDS:
      time: {unit: {tick: s}, chunk_size: 4}
      well: {type: str, sorted: false, chunk_size: 2}
    VARS:
      level: {coords: [time, well], unit: m}
      note: {coords: [well], type: str}
rain:
  COORDS:
    time: {unit: {tick: s}, chunk_size: 8}
  VARS:
    amount: {coords: [time], unit: mm}
"#;

async fn open(store: &Store) -> Result<Arc<Dataset>, OpenError> {
    let schema = Schema::parse(SCHEMA, "wells.yaml", Path::new(".")).unwrap();
    let decoders = Decoders::new("wells", HashMap::new());
    let settings = JournalSettings::default();
    Dataset::open(Arc::new(schema), store.clone(), decoders, settings).await
}

fn contribution(node: &str, csv: String) -> NewContribution {
    NewContribution {
        endpoint: "wells".to_owned(),
        node: node.to_owned(),
        content_type: "text/csv".to_owned(),
        content_encoding: None,
        received_at: chrono::Utc::now(),
        sender: None,
        address: None,
        idempotency_key: None,
        variables: serde_json::Map::new(),
        payload: bytes::Bytes::from(csv).into(),
    }
}

/// The `i`-th contributions: rows at the end, rows again with other values, and rows in between.
fn contributions(i: u64) -> [NewContribution; 2] {
    let late = if i % 5 == 4 { 3 + 10 * (i / 2) } else { 10 * i };
    let well = ["A", "B", "C"][(i % 3) as usize];
    let deep = format!(
        "time,well,level,note\n{},{well},{i},n{i}\n{},A,{},again\n",
        1_700_000_000 + late,
        1_700_000_000 + 10 * (i / 3),
        i * 100
    );
    let rain = format!("time,amount\n{},{i}\n", 1_700_000_000 + 7 * i);
    [contribution("wells/deep", deep), contribution("rain", rain)]
}

/// Contributes from `from` up to `to` and merges now and then.
async fn grow(dataset: &Dataset, from: u64, to: u64) {
    for i in from..to {
        for contribution in contributions(i) {
            dataset.contribute(contribution).await.unwrap();
        }
        if i % 3 == 0 {
            dataset.fold_all().await.unwrap();
        }
    }
    dataset.fold_all().await.unwrap();
    dataset.publish_groups().await.unwrap();
}

/// A dataset of some contributions in memory.
async fn grown(to: u64) -> Store {
    let store = place::memory();
    let dataset = open(&store).await.unwrap();
    grow(&dataset, 0, to).await;
    dataset.close().await;
    store
}

async fn whole(from: &Store, to: &Store) -> Result<Summary, CopyError> {
    copy(from, to, None, &Progress::default()).await
}

/// What a store has for itself.
const OWN: [&str; 2] = ["journal/writer.lock", "journal/identity.json"];

/// Everything but what a copy notes for itself, and what a store has for itself.
async fn content(store: &Store) -> BTreeMap<String, bytes::Bytes> {
    let mut content = BTreeMap::new();
    for object in store.list_objects("", None).await.unwrap() {
        let key = object.key;
        if !key.starts_with("staging/copied/") && !OWN.contains(&key.as_str()) {
            content.insert(key.clone(), store.get(&key).await.unwrap().unwrap());
        }
    }
    content
}

async fn assert_equal(a: &Store, b: &Store) {
    let (a, b) = (content(a).await, content(b).await);
    let keys =
        |content: &BTreeMap<String, bytes::Bytes>| content.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&a), keys(&b));
    for (key, bytes) in a {
        assert!(bytes == b[&key], "`{key}` differs");
    }
}

/// The arrays are what the journal beside them says.
async fn assert_sound(store: &Store) {
    let dataset = open(&store.clone().read_only()).await.unwrap();
    for node in dataset.nodes.values() {
        let verdict = verify(&dataset, node).await.unwrap();
        assert_eq!(verdict.n_differences, 0, "{:?}", verdict.differences);
    }
}

/// Opening it merges what is left, and then the arrays are what the journal says.
async fn assert_completed(store: &Store) -> Arc<Dataset> {
    let dataset = open(store).await.unwrap();
    dataset.fold_all().await.unwrap();
    for node in dataset.nodes.values() {
        let verdict = verify(&dataset, node).await.unwrap();
        assert_eq!(verdict.n_differences, 0, "{:?}", verdict.differences);
    }
    dataset
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_copy_is_byte_for_byte_the_dataset() {
    let (_here, folder) = place::folder();
    let dataset = open(&folder).await.unwrap();
    grow(&dataset, 0, 20).await;
    let large = vec![b' '; 9 << 20];
    let large = format!(
        "time,amount\n1800000000,1{}\n",
        String::from_utf8(large).unwrap()
    );
    dataset
        .contribute(contribution("rain", large))
        .await
        .unwrap();
    dataset.fold_all().await.unwrap();
    dataset.publish_groups().await.unwrap();
    dataset.close().await;

    let between = match place::ceph("far/away") {
        Some((_, ceph)) => ceph,
        None => place::memory(),
    };
    let (_there, back) = place::folder();
    let out = whole(&folder, &between).await.unwrap();
    assert_eq!(out.n_kept, 0);
    assert_eq!(out.changing, Vec::<String>::new());
    assert_sound(&between).await;
    whole(&between, &back).await.unwrap();
    assert_equal(&folder, &between).await;
    assert_equal(&folder, &back).await;

    let again = whole(&folder, &between).await.unwrap();
    assert_eq!((again.n_copied, again.n_bytes), (0, 0));
    assert_eq!(again.n_kept, out.n_copied);
}

#[tokio::test]
async fn a_later_copy_brings_only_what_changed() {
    let source = grown(12).await;
    let destination = place::memory();
    let all = whole(&source, &destination).await.unwrap();
    let dataset = open(&source).await.unwrap();
    dataset
        .contribute(contributions(12)[1].clone())
        .await
        .unwrap();
    dataset.fold_all().await.unwrap();
    dataset.publish_groups().await.unwrap();
    let later = whole(&source, &destination).await.unwrap();
    assert!(later.n_copied < 10, "{later:?} after {all:?}");
    assert!(later.n_kept >= all.n_copied - 10);
    assert_equal(&source, &destination).await;
    assert_sound(&destination).await;
}

#[tokio::test]
async fn a_copy_that_was_interrupted_anywhere_goes_on() {
    let source = grown(12).await;
    let mut n_tries = 0;
    let mut n_kept = 0;
    for n_writes in (1..).step_by(3) {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let stopping = Stopping::after(n_writes, Arc::clone(&objects));
        let first = stopping.store("memory://destination");
        let first = whole(&source, &first).await;
        let second = Store::new(objects, "memory://destination");
        if !stopping.has_stopped() {
            first.unwrap();
            break;
        }
        n_tries += 1;
        // Before it is complete, there is nothing that could be taken for a dataset.
        if second.get("zarr.json").await.unwrap().is_none() {
            assert!(first.is_err());
        }
        n_kept += whole(&source, &second).await.unwrap().n_kept;
        assert_equal(&source, &second).await;
    }
    assert!(n_tries > 20 && n_kept > 100, "{n_tries} {n_kept}");
}

#[tokio::test]
async fn a_copy_is_sound_wherever_its_renewal_was_interrupted() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let source = Store::new(objects, "memory://source");
    let dataset = open(&source).await.unwrap();
    grow(&dataset, 0, 8).await;
    let older = place::memory();
    whole(&source, &older).await.unwrap();
    let older = content_with_notes(&older).await;
    grow(&dataset, 8, 16).await;
    let mut n_tries = 0;
    for n_writes in (1..).step_by(2) {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let destination = Store::new(Arc::clone(&objects), "memory://destination");
        for (key, bytes) in &older {
            destination.put(key, bytes.clone()).await.unwrap();
        }
        let stopping = Stopping::after(n_writes, objects);
        let renewed = stopping.store("memory://destination");
        let renewed = whole(&source, &renewed).await;
        let done = !stopping.has_stopped();
        assert!(done || renewed.is_err() || n_writes > 30);
        drop(assert_completed(&destination).await);
        if done {
            break;
        }
        n_tries += 1;
    }
    assert!(n_tries > 10, "{n_tries}");
}

async fn content_with_notes(store: &Store) -> BTreeMap<String, bytes::Bytes> {
    let mut content = BTreeMap::new();
    for object in store.list_objects("", None).await.unwrap() {
        let bytes = store.get(&object.key).await.unwrap().unwrap();
        content.insert(object.key, bytes);
    }
    content
}

#[tokio::test]
async fn an_insertion_that_stopped_half_way_is_complete_in_the_copy() {
    let mut n_staged = 0;
    for n_writes in 1.. {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let source = Store::new(Arc::clone(&objects), "memory://source");
        let dataset = open(&source).await.unwrap();
        grow(&dataset, 0, 6).await;
        drop(dataset);
        let stopping = Stopping::after(n_writes, objects);
        let broken = stopping.store("memory://source");
        if let Ok(dataset) = open(&broken).await {
            let late = "time,well,level,note\n1700000001,D,5,late\n".to_owned();
            let arrived = dataset.contribute(contribution("wells/deep", late)).await;
            let folded = dataset.fold_all().await;
            assert_eq!(arrived.is_ok() && folded.is_ok(), !stopping.has_stopped());
        }
        let staged = source.list("staging", None).await.unwrap();
        n_staged += usize::from(staged.iter().any(|key| key.ends_with("commit.json")));
        let destination = place::memory();
        whole(&source, &destination).await.unwrap();
        assert_sound(&destination).await;
        drop(assert_completed(&destination).await);
        if !stopping.has_stopped() {
            break;
        }
    }
    assert!(n_staged > 3, "a record was found {n_staged} times");
}

/// What happens once while a dataset is copied, at each moment in turn; in the end the copy is what its journal says.
async fn while_copied(csv: &'static str) {
    let mut n_moments = 0;
    for before in 0.. {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let source = Store::new(Arc::clone(&objects), "memory://source");
        let dataset = open(&source).await.unwrap();
        grow(&dataset, 0, 6).await;
        let event = async move {
            let contribution = contribution("wells/deep", csv.to_owned());
            dataset.contribute(contribution).await.unwrap();
            dataset.fold_all().await.unwrap();
            dataset.publish_groups().await.unwrap();
        };
        let meddling = Meddling::new(objects, before, 1, [Box::pin(event) as BoxFuture<'_, ()>]);
        let meddled = meddling.store("memory://source");
        let destination = place::memory();
        whole(&meddled, &destination).await.unwrap();
        assert_sound(&destination).await;
        drop(assert_completed(&destination).await);
        if !meddling.has_happened() {
            break;
        }
        n_moments += 1;
    }
    assert!(n_moments > 30, "{n_moments}");
}

#[tokio::test]
async fn an_insertion_at_any_moment_of_a_copy_leaves_it_whole() {
    while_copied("time,well,level,note\n1700000001,D,5,late\n").await;
}

#[tokio::test]
async fn while_late_rows_are_inserted_a_copy_is_not_finished() {
    let copied_with = async |n_insertions: u64| {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let source = Store::new(Arc::clone(&objects), "memory://source");
        let dataset = open(&source).await.unwrap();
        grow(&dataset, 0, 6).await;
        let events = (0..n_insertions).map(|i| {
            let dataset = Arc::clone(&dataset);
            let late = format!("time,well,level,note\n{},D,{i},late\n", 1_699_999_999 - i);
            let event: BoxFuture<'_, ()> = Box::pin(async move {
                let late = contribution("wells/deep", late);
                dataset.contribute(late).await.unwrap();
                dataset.fold_all().await.unwrap();
            });
            event
        });
        let meddling = Meddling::new(objects, 20, 4, events);
        let meddled = meddling.store("memory://source");
        let destination = place::memory();
        let summary = whole(&meddled, &destination).await;
        (summary, meddling.has_happened(), destination)
    };
    let (summary, all_happened, destination) = copied_with(9).await;
    summary.unwrap();
    assert!(all_happened);
    assert_sound(&destination).await;
    let (endless, ..) = copied_with(1000).await;
    assert_eq!(
        endless.unwrap_err().to_string(),
        "late rows are inserted into `wells/deep` faster than it can be copied; try again when fewer come, or stop the service meanwhile"
    );
}

#[tokio::test]
async fn new_rows_and_new_values_at_any_moment_of_a_copy_leave_it_whole() {
    while_copied("time,well,level,note\n1700000000,A,77,again\n1800000000,A,5,new\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dataset_is_copied_while_it_is_written() {
    let (_here, source) = place::folder();
    let dataset = open(&source).await.unwrap();
    grow(&dataset, 0, 10).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (dataset, stop) = (Arc::clone(&dataset), Arc::clone(&stop));
        async move {
            let mut i = 10;
            while !stop.load(Ordering::SeqCst) {
                for contribution in contributions(i) {
                    dataset.contribute(contribution).await.unwrap();
                }
                dataset.fold_all().await.unwrap();
                i += 1;
            }
        }
    });
    let reader = source.clone().read_only();
    let mut last = 0;
    let renewed = place::memory();
    for _ in 0..6 {
        dataset.journal.arrivals().changed().await.unwrap();
        let fresh = place::memory();
        let summary = whole(&reader, &fresh).await.unwrap();
        let copied = assert_completed(&fresh).await;
        assert!(
            copied.journal.last_seq() > last,
            "nothing was written meanwhile"
        );
        last = copied.journal.last_seq();
        assert!(summary.nodes["rain"] > 0 && summary.nodes["wells/deep"] > 0);
        whole(&reader, &renewed).await.unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    dataset.publish_groups().await.unwrap();
    dataset.close().await;
    drop(dataset);
    let last = whole(&reader, &renewed).await.unwrap();
    assert_eq!(last.changing, Vec::<String>::new());
    assert_equal(&source, &renewed).await;
}

#[tokio::test]
async fn arrays_of_some_nodes_are_copied_as_plain_zarr() {
    let source = grown(6).await;
    let destination = place::memory();
    let summary = copy(&source, &destination, Some("wells/*"), &Progress::default())
        .await
        .unwrap();
    assert_eq!(summary.nodes.keys().collect::<Vec<_>>(), ["wells/deep"]);
    let json = async |key: &str| -> serde_json::Value {
        let bytes = destination.get(key).await.unwrap().unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let node = json("wells/deep/zarr.json").await;
    assert!(node["attributes"].get("zarr_fuse").is_none(), "{node}");
    let root = json("zarr.json").await;
    let listed = root["consolidated_metadata"]["metadata"]
        .as_object()
        .unwrap();
    assert!(listed.contains_key("wells/deep/level") && !listed.contains_key("rain"));
    let keys = destination.list_objects("", None).await.unwrap();
    let elsewhere = |key: &str| key.starts_with("rain") || key.starts_with("journal");
    assert!(
        !keys.iter().any(|object| elsewhere(&object.key)),
        "{keys:?}"
    );
    assert_eq!(
        destination.get("wells/deep/level/c/0/0").await.unwrap(),
        source.get("wells/deep/level/c/0/0").await.unwrap()
    );
    let unmatched = copy(
        &source,
        &place::memory(),
        Some("well"),
        &Progress::default(),
    )
    .await;
    assert_eq!(
        unmatched.unwrap_err().to_string(),
        "no node matches `well`; there are `rain`, `wells/deep`"
    );
}

#[tokio::test]
async fn what_is_somewhere_else_is_not_overwritten() {
    let source = grown(3).await;
    let refused = async |destination: &Store, expected: &str| {
        let before = content(destination).await;
        let error = whole(&source, destination).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert_eq!(content(destination).await, before);
    };
    let other = Store::new(Arc::new(InMemory::new()), "memory://other");
    grow(&open(&other).await.unwrap(), 0, 2).await;
    refused(
        &other,
        "`memory://other` holds another dataset; give an empty place",
    )
    .await;

    let files = Store::new(Arc::new(InMemory::new()), "memory://files");
    files
        .put("precious.txt", "x".as_bytes().to_vec())
        .await
        .unwrap();
    refused(
        &files,
        "`memory://files` holds other objects; give an empty place",
    )
    .await;

    let own = Store::new(Arc::new(InMemory::new()), "memory://own");
    whole(&source, &own).await.unwrap();
    grow(&open(&own).await.unwrap(), 3, 4).await;
    refused(
        &own,
        "`memory://own` holds a copy of this dataset that was written since; give an empty place",
    )
    .await;

    let itself = whole(&source, &source).await.unwrap_err();
    let expected = format!("`{}` cannot be copied to itself", source.url());
    assert_eq!(itself.to_string(), expected);
    let (_folder, empty) = place::folder();
    let nothing = whole(&empty, &own).await.unwrap_err();
    assert_eq!(nothing.to_string(), "there is no dataset at `store`");
}

#[tokio::test]
async fn a_copy_whose_first_segment_had_not_come_goes_on() {
    let source = grown(12).await;
    let segments = source.list("journal/segments", None).await.unwrap();
    assert!(segments.len() > 1);
    let copy = place::memory();
    whole(&source, &copy).await.unwrap();
    copy.delete(&segments[0]).await.unwrap();
    whole(&source, &copy).await.unwrap();
    assert_equal(&source, &copy).await;
    // Of another dataset, they are left alone.
    copy.delete(&segments[0]).await.unwrap();
    copy.delete("staging/copied/origin.json").await.unwrap();
    let refused = whole(&source, &copy).await;
    assert!(
        matches!(refused, Err(CopyError::Occupied { .. })),
        "{refused:?}"
    );
}
