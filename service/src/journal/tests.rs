use super::*;
use object_store::memory::InMemory;

fn memory() -> Store {
    Store::new(Arc::new(InMemory::new()), "memory://")
}

fn contribution(payload: &str, key: Option<&str>) -> NewContribution {
    NewContribution {
        endpoint: "weather".into(),
        node: "forecast".into(),
        content_type: "text/csv".into(),
        content_encoding: None,
        received_at: Utc::now(),
        sender: None,
        address: None,
        idempotency_key: key.map(str::to_owned),
        variables: Map::new(),
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

async fn open(store: &Store) -> Arc<Journal> {
    Journal::open(store.clone(), "weather", JournalSettings::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again() {
    let store = memory();
    let long = "x,".repeat(5_000_000);
    let journal = open(&store).await;
    let first = journal
        .append(contribution("a,b\n1,2\n", None))
        .await
        .unwrap();
    let second = journal.append(contribution(&long, None)).await.unwrap();
    drop(journal);
    let journal = open(&store).await;
    assert_eq!((first.seq, second.seq, journal.last_seq()), (1, 2, 2));
    assert_eq!(journal.payload(1).await.unwrap(), "a,b\n1,2\n");
    assert_eq!(journal.payload(2).await.unwrap(), long);
}

#[tokio::test]
async fn many_at_once_get_distinct_numbers_in_few_segments() {
    let store = memory();
    let journal = open(&store).await;
    let appends = (0..500).map(|i| journal.append(contribution(&i.to_string(), None)));
    let mut seqs: Vec<u64> = futures::future::try_join_all(appends)
        .await
        .unwrap()
        .iter()
        .map(|r| r.seq)
        .collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=500).collect::<Vec<_>>());
    let n_segments = store.list(keys::SEGMENTS, None).await.unwrap().len();
    assert!(n_segments < 50, "{n_segments} segments");
}

#[tokio::test]
async fn a_key_sent_twice_at_once_is_one_contribution() {
    let journal = open(&memory()).await;
    let appends = (0..8).map(|_| journal.append(contribution("same", Some("k"))));
    let receipts = futures::future::try_join_all(appends).await.unwrap();
    assert!(receipts.iter().all(|receipt| receipt.seq == 1));
    assert_eq!(
        receipts.iter().filter(|receipt| !receipt.replayed).count(),
        1
    );
    let other = journal
        .append(contribution("other", Some("k")))
        .await
        .unwrap_err();
    assert!(
        other.to_string().contains("use a new key for new data"),
        "{other}"
    );
}

#[tokio::test]
async fn a_second_writer_fences_the_first() {
    let store = memory();
    let (older, newer) = (open(&store).await, open(&store).await);
    newer.append(contribution("n", None)).await.unwrap();
    let error = older.append(contribution("o", None)).await.unwrap_err();
    assert!(matches!(error, AppendError::Fenced { .. }), "{error}");
    assert!(matches!(
        older.append(contribution("o", None)).await,
        Err(AppendError::Fenced { .. })
    ));
    assert_eq!(newer.append(contribution("n", None)).await.unwrap().seq, 2);
}

#[tokio::test]
async fn a_missing_segment_is_an_error_not_a_gap() {
    let store = memory();
    let journal = open(&store).await;
    for payload in ["1", "2", "3"] {
        journal.append(contribution(payload, None)).await.unwrap();
    }
    store.delete(&keys::segment(2)).await.unwrap();
    let error = Journal::open(store, "weather", JournalSettings::default())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the journal lacks sequence number 2"),
        "{error}"
    );
}
