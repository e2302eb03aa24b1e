//! Folders into which files are dropped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::Clock;
use zarr_fuse_collectors::scheduled::Destination;
use zarr_fuse_collectors::sink::SinkError;
use zarr_fuse_collectors::watch::folder::Folder;
use zarr_fuse_collectors::watch::{WatchConfig, Watched};

use crate::world::{Kept, START, at};

fn collector(folder: &Path, clock: &Clock, more: &Json) -> Arc<Watched> {
    let mut settings = json!({"path": "unused"});
    for (key, value) in more.as_object().unwrap() {
        settings[key] = value.clone();
    }
    let settings: WatchConfig = serde_json::from_value(settings).unwrap();
    let place = Box::new(Folder::new(folder.to_owned()));
    let destination = Destination::default();
    Watched::new(
        "drop",
        "folder",
        destination,
        &settings,
        place,
        clock.clone(),
    )
    .unwrap()
}

/// Lets a collector look at `folder` for a minute.
async fn watch(folder: &Path, sink: &Kept, more: &Json) -> Arc<Watched> {
    let clock = Clock::jumping(at(START));
    let collector = collector(folder, &clock, more);
    let stop = CancellationToken::new();
    let end = clock.now() + TimeDelta::minutes(1);
    clock.by(end, collector.run(sink, &stop)).await;
    collector
}

fn drop_file(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn files_are_contributed_once_and_put_away_with_their_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let (place, sink) = (folder.path(), Kept::default());
    drop_file(place, "A-1_2026.csv", "a");
    drop_file(place, "B-2_2026.csv", "garbage");
    drop_file(place, ".hidden_1.csv", "no");
    drop_file(place, "C_1.csv.part", "no");
    std::os::unix::fs::symlink("/etc/hostname", place.join("D_1.csv")).unwrap();
    let more = json!({"pattern": "{logger}_{year}.csv", "set": {"site": "x"}});
    let collector = watch(place, &sink, &more).await;
    assert_eq!(sink.bodies(), ["a", "garbage"]);
    let variables = Json::Object(sink.contributions.lock().unwrap()[0].variables.clone());
    assert_eq!(
        variables,
        json!({"logger": "A-1", "year": "2026", "file": "A-1_2026.csv", "site": "x"})
    );
    assert_eq!(
        files(place),
        [".hidden_1.csv", "C_1.csv.part", "D_1.csv", "done", "failed"]
    );
    assert_eq!(
        files(&place.join("done")),
        ["A-1_2026.csv", "A-1_2026.csv.outcome.json"]
    );
    assert_eq!(
        files(&place.join("failed")),
        ["B-2_2026.csv", "B-2_2026.csv.outcome.json"]
    );
    let outcome = std::fs::read_to_string(place.join("failed/B-2_2026.csv.outcome.json")).unwrap();
    assert_eq!(outcome, "{\"status\": \"rejected\"}");
    let status = collector.status();
    assert_eq!(
        (
            status.totals.counts.contributed,
            status.totals.counts.failed
        ),
        (2, 1)
    );
    // The same file again is known; another of the same name is not.
    drop_file(place, "A-1_2026.csv", "a");
    watch(place, &sink, &more).await;
    drop_file(place, "A-1_2026.csv", "b");
    watch(place, &sink, &more).await;
    assert_eq!(sink.bodies(), ["a", "garbage", "b"]);
    assert_eq!(
        files(&place.join("done")).len(),
        6,
        "a.csv, a.2.csv, a.3.csv"
    );
}

#[tokio::test]
async fn a_file_that_is_still_written_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (place, sink) = (folder.path().to_owned(), Arc::new(Kept::default()));
    let clock = Clock::held(at(START));
    let collector = collector(&place, &clock, &json!({"settle": "10s"}));
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let (collector, sink, stop) = (Arc::clone(&collector), Arc::clone(&sink), stop.clone());
        async move { collector.run(&*sink, &stop).await }
    });
    drop_file(&place, "a.csv", "half");
    for _ in 0..4 {
        // Looks are told apart by the time of the next one.
        let next = loop {
            match collector.status().next_run {
                Some(next) if next > clock.now() => break next,
                _ => tokio::task::yield_now().await,
            }
        };
        let more = std::fs::read_to_string(place.join("a.csv")).unwrap() + "+";
        drop_file(&place, "a.csv", &more);
        clock.advance_to(next);
    }
    assert!(sink.bodies().is_empty());
    while sink.bodies().is_empty() {
        clock.advance(Duration::from_secs(5));
        tokio::task::yield_now().await;
    }
    assert_eq!(sink.bodies(), ["half++++"]);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_crash_before_a_file_is_moved_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (place, sink) = (folder.path(), Kept::default());
    drop_file(place, "a.csv", "a");
    // Nothing can be moved, as if the process ended after the contribution.
    drop_file(place, "done", "a file where the folder should be");
    let collector = watch(place, &sink, &json!({"pattern": "*.csv"})).await;
    let trouble = collector.status().trouble.unwrap();
    assert!(
        trouble.starts_with("`a.csv`: it cannot be moved to `done/`: "),
        "{trouble}"
    );
    std::fs::remove_file(place.join("done")).unwrap();
    watch(place, &sink, &json!({})).await;
    assert_eq!(sink.bodies(), ["a"], "once");
    assert_eq!(files(&place.join("done")), ["a.csv", "a.csv.outcome.json"]);
}

#[tokio::test]
async fn what_cannot_be_taken_now_is_taken_later_and_what_never_can_is_failed() {
    let folder = tempfile::tempdir().unwrap();
    let (place, sink) = (folder.path(), Kept::default());
    drop_file(place, "a.csv", "a");
    drop_file(place, "big.csv", "more than four bytes");
    let later = SinkError::Later {
        reason: "the store is away".to_owned(),
        after: None,
    };
    sink.refusals.lock().unwrap().push(later);
    watch(place, &sink, &json!({"max_file_bytes": 4})).await;
    assert_eq!(sink.bodies(), ["a"]);
    assert_eq!(
        files(&place.join("failed")),
        ["big.csv", "big.csv.outcome.json"]
    );
    let outcome = std::fs::read_to_string(place.join("failed/big.csv.outcome.json")).unwrap();
    assert!(
        outcome.contains("more than `max_file_bytes` (4)"),
        "{outcome}"
    );
    let gone = watch(&place.join("nowhere"), &sink, &json!({})).await;
    assert!(
        gone.status()
            .trouble
            .unwrap()
            .contains("cannot be looked at")
    );
}
