use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;
use crate::journal::{Filter, JournalSettings, NewContribution};

/// A journal of ten contributions in ten segments, the last one with a payload of its own.
async fn ten() -> Store {
    let store = Store::new(Arc::new(InMemory::new()), "memory://");
    let journal = open(&store).await;
    for i in 1..=10 {
        let rows = if i == 10 { 3_000_000 } else { 5 };
        let new = NewContribution {
            idempotency_key: Some(format!("key {i}")),
            ..NewContribution::csv(
                "weather",
                "forecast",
                format!("a,b\n{i},{i}\n{}", "1,2\n".repeat(rows)),
            )
        };
        journal.append_undefined(new).await.unwrap();
    }
    let outcomes = vec![(1, Outcome::of(6, 0, 0, crate::outcome::Problems::default()))];
    journal
        .announce_outcomes("forecast", 1, outcomes)
        .await
        .unwrap();
    store
}

async fn open(store: &Store) -> Arc<Journal> {
    Journal::open(store.clone(), "weather", JournalSettings::default())
        .await
        .unwrap()
}

async fn change(store: &Store, key: &str, at: usize) {
    let mut bytes = store.get(key).await.unwrap().unwrap().to_vec();
    bytes[at] ^= 0x5A;
    store.put(key, bytes).await.unwrap();
}

fn lost(checked: &Checked) -> Vec<u64> {
    checked.lost.iter().map(|lost| lost.seq).collect()
}

/// Checks, repairs, and sees that nothing is wrong any more, that the journal opens, and that all but `expected` is there.
async fn repaired(store: &Store, expected: &[u64]) -> Vec<String> {
    let checked = check(store, 0).await.unwrap();
    assert!(!checked.findings.is_empty());
    assert_eq!(lost(&checked), expected);
    let kept = repair(store, &checked).await.unwrap();
    let again = check(store, 0).await.unwrap();
    assert_eq!(again.findings, []);
    let journal = open(store).await;
    assert_eq!(journal.last_seq(), 10);
    for seq in 1..=10 {
        let payload = journal.payload(seq).await;
        assert_eq!(
            payload.is_err(),
            expected.contains(&seq),
            "{seq}: {payload:?}"
        );
    }
    let all = Filter {
        limit: 100,
        ..Filter::default()
    };
    assert_eq!(journal.list(&all).len(), 10 - expected.len());
    kept
}

#[tokio::test]
async fn a_sound_journal_has_no_findings() {
    let checked = check(&ten().await, 10).await.unwrap();
    assert_eq!(checked.findings, []);
    let counts = (
        checked.n_segments,
        checked.n_frames,
        checked.n_blobs,
        checked.n_outcomes,
    );
    assert_eq!(counts, (10, 10, 1, 1));
}

#[tokio::test]
async fn a_damaged_frame_is_named_and_the_others_are_kept() {
    let store = ten().await;
    let key = keys::segment(4);
    let length = store.get(&key).await.unwrap().unwrap().len();
    change(&store, &key, length - 20).await;
    let checked = check(&store, 0).await.unwrap();
    assert_eq!(
        checked.findings[0].to_string(),
        "`journal/segments/00000000000000000004.seg`, byte 36: the checksum of the frame differs"
    );
    assert_eq!(checked.lost[0].hint.as_ref().unwrap().seq, 4);
    let kept = repaired(&store, &[4]).await;
    assert_eq!(kept, ["journal/damaged/00000000000000000004.seg"]);
    let damaged = store.get(&kept[0]).await.unwrap().unwrap();
    assert_eq!(damaged.len(), length);
}

#[tokio::test]
async fn who_sends_a_lost_contribution_again_is_heard() {
    let store = ten().await;
    change(&store, &keys::segment(4), 100).await;
    repaired(&store, &[4]).await;
    let journal = open(&store).await;
    let new = NewContribution {
        idempotency_key: Some("key 4".into()),
        ..NewContribution::csv("weather", "forecast", "a,b\n4,4\n".to_owned())
    };
    let receipt = journal.append_undefined(new).await.unwrap();
    assert_eq!((receipt.seq, receipt.replayed), (11, false));
}

#[tokio::test]
async fn a_damaged_head_costs_nothing() {
    for at in [0, 9, 12, 25] {
        let store = ten().await;
        change(&store, &keys::segment(4), at).await;
        repaired(&store, &[]).await;
    }
}

#[tokio::test]
async fn missing_segments_are_found_between_others_and_at_the_end() {
    let store = ten().await;
    store.delete(&keys::segment(5)).await.unwrap();
    store.delete(&keys::segment(6)).await.unwrap();
    let checked = check(&store, 0).await.unwrap();
    assert_eq!(
        checked.findings[0].to_string(),
        "`journal/segments/00000000000000000005.seg`: the segment that should begin with 5 is missing"
    );
    repaired(&store, &[5, 6]).await;

    store.delete(&keys::segment(10)).await.unwrap();
    assert_eq!(check(&store, 0).await.unwrap().findings, []);
    let checked = check(&store, 10).await.unwrap();
    assert_eq!(lost(&checked), [10]);
}

#[tokio::test]
async fn a_missing_and_a_changed_payload_are_found() {
    let store = ten().await;
    let blob = store.list("journal/blobs", None).await.unwrap().remove(0);
    change(&store, &blob, 9_000_000).await;
    let checked = check(&store, 0).await.unwrap();
    let found = checked.findings[0].to_string();
    assert!(
        found.contains(&blob) && found.contains("is not what its header says"),
        "{found}"
    );
    store.delete(&blob).await.unwrap();
    let checked = check(&store, 0).await.unwrap();
    let found = checked.findings[0].to_string();
    assert!(
        found.contains("the payload is missing; contribution 10"),
        "{found}"
    );
    repaired(&store, &[10]).await;
}

#[tokio::test]
async fn damaged_outcomes_are_put_aside() {
    let store = ten().await;
    change(&store, &keys::outcomes(1), 3).await;
    let kept = repaired(&store, &[]).await;
    assert_eq!(kept, ["journal/damaged/00000000000000000001.json.zst"]);
}
