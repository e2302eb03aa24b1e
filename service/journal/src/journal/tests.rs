use super::*;
use object_store::memory::InMemory;

fn memory() -> Store {
    Store::new(Arc::new(InMemory::new()), "memory://")
}

fn contribution(payload: &str, key: Option<&str>) -> NewContribution {
    NewContribution {
        idempotency_key: key.map(str::to_owned),
        ..NewContribution::csv("weather", "forecast", payload.to_owned())
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
        .append_undefined(contribution("a,b\n1,2\n", None))
        .await
        .unwrap();
    let second = journal
        .append_undefined(contribution(&long, None))
        .await
        .unwrap();
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
    let appends = (0..500).map(|i| journal.append_undefined(contribution(&i.to_string(), None)));
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
    let appends = (0..8).map(|_| journal.append_undefined(contribution("same", Some("k"))));
    let receipts = futures::future::try_join_all(appends).await.unwrap();
    assert!(receipts.iter().all(|receipt| receipt.seq == 1));
    assert_eq!(
        receipts.iter().filter(|receipt| !receipt.replayed).count(),
        1
    );
    let other = journal
        .append_undefined(contribution("other", Some("k")))
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
    newer
        .append_undefined(contribution("n", None))
        .await
        .unwrap();
    let error = older
        .append_undefined(contribution("o", None))
        .await
        .unwrap_err();
    assert!(matches!(error, AppendError::Fenced { .. }), "{error}");
    assert!(matches!(
        older.append_undefined(contribution("o", None)).await,
        Err(AppendError::Fenced { .. })
    ));
    assert_eq!(
        newer
            .append_undefined(contribution("n", None))
            .await
            .unwrap()
            .seq,
        2
    );
}

#[tokio::test]
async fn a_missing_segment_is_an_error_not_a_gap() {
    let store = memory();
    let journal = open(&store).await;
    for payload in ["1", "2", "3"] {
        journal
            .append_undefined(contribution(payload, None))
            .await
            .unwrap();
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

/// Everything a start finds out, as text.
async fn known(store: &Store) -> Vec<String> {
    let journal = open(store).await;
    let all = Filter {
        limit: usize::MAX,
        ..Filter::default()
    };
    let listed = journal.list(&all).into_iter();
    let mut known: Vec<String> = listed.map(|entry| format!("{entry:?}")).collect();
    known.push(format!("{:?}", journal.counts("forecast")));
    known.push(format!(
        "{} {}",
        journal.last_seq(),
        journal.is_retracted(2, 99)
    ));
    known
}

fn outcome(n_rows: u64) -> Outcome {
    Outcome::of(n_rows, 0, 0, crate::outcome::Problems::default())
}

#[tokio::test]
async fn a_start_from_checkpoints_knows_what_a_start_from_the_segments_knows() {
    let store = memory();
    let journal = open(&store).await;
    for i in 0..10_u64 {
        let key = format!("key {i}");
        journal
            .append_undefined(contribution(&i.to_string(), Some(&key)))
            .await
            .unwrap();
        if i == 2 || i == 5 {
            journal.checkpoint().await.unwrap();
        }
        if i % 3 == 0 {
            let outcomes = vec![(i.max(1), outcome(i)), (1, outcome(100 + i))];
            journal
                .announce_outcomes("forecast", i, outcomes)
                .await
                .unwrap();
            if i == 3 {
                // Between writing and noting: the batch is read again by a start.
                journal.checkpoint().await.unwrap();
            }
            journal.settle("forecast", i);
        }
    }
    let second = journal.list(&Filter {
        before: Some(3),
        limit: 1,
        ..Filter::default()
    });
    let retract = Request::Retract(second[0].header.id);
    journal
        .request(retract, Requester::default())
        .await
        .unwrap();
    journal.checkpoint().await.unwrap();
    journal
        .append_undefined(contribution("last", None))
        .await
        .unwrap();

    let checkpoints = store.list(keys::CHECKPOINTS, None).await.unwrap();
    assert!(checkpoints.len() >= 3, "{checkpoints:?}");
    let quick = known(&store).await;
    // What a checkpoint tells of is not read.
    let first = store.get(&keys::segment(1)).await.unwrap().unwrap();
    store.delete(&keys::segment(1)).await.unwrap();
    assert_eq!(known(&store).await, quick);
    store.put(&keys::segment(1), first).await.unwrap();
    // One that is damaged is made up for.
    store
        .put(&checkpoints[1], b"damaged".to_vec())
        .await
        .unwrap();
    assert_eq!(known(&store).await, quick);
    Journal::forget_checkpoints(&store).await.unwrap();
    assert_eq!(known(&store).await, quick);
    let replayed = open(&store)
        .await
        .append_undefined(contribution("4", Some("key 4")))
        .await;
    assert!(replayed.unwrap().replayed);
}

#[tokio::test]
async fn what_is_settled_while_a_checkpoint_is_written_is_told_of_by_the_next_one() {
    let store = memory();
    let journal = open(&store).await;
    journal
        .append_undefined(contribution("1", None))
        .await
        .unwrap();
    let outcomes = vec![(1, outcome(7))];
    let announced = journal.announce_outcomes("forecast", 1, outcomes);
    announced.await.unwrap();
    // The first has copied what it tells of when it waits for the first time.
    let settling = async { journal.settle("forecast", 1) };
    let (written, _) = tokio::join!(journal.checkpoint(), settling);
    written.unwrap();
    journal
        .append_undefined(contribution("2", None))
        .await
        .unwrap();
    journal.checkpoint().await.unwrap();
    let again = open(&store).await;
    assert_eq!(again.outcome(1).unwrap().n_rows_read, 7);
}

#[tokio::test]
async fn what_a_fold_has_to_do_is_decided_by_one_look_at_what_waits() {
    let journal = open(&memory()).await;
    let next = |unclean| journal.next("forecast", unclean, 1 << 20, 100);
    assert!(next(0).is_none());
    let first = journal
        .append_undefined(contribution("1", None))
        .await
        .unwrap();
    let announced = journal.announce_outcomes("forecast", 1, vec![(1, outcome(1))]);
    announced.await.unwrap();
    journal.settle("forecast", 1);
    let second = journal
        .append_undefined(contribution("2", None))
        .await
        .unwrap();
    let retract = |id| {
        let correction = Request::Retract(id);
        let journal = Arc::clone(&journal);
        async move { journal.request(correction, Requester::default()).await }
    };
    retract(second.id).await.unwrap();
    // It was never folded, unless a commit that broke off may have written some of it.
    assert!(matches!(next(1), Some(Next::Fold(waiting)) if waiting.len() == 2));
    assert!(matches!(next(2), Some(Next::Refold { last_seq: 3, .. })));
    retract(first.id).await.unwrap();
    assert!(
        matches!(next(1), Some(Next::Refold { corrections, last_seq: 4 }) if corrections.len() == 2)
    );
}

#[tokio::test]
async fn outcomes_count_only_when_the_arrays_that_they_tell_of_are_published() {
    let journal = open(&memory()).await;
    for text in ["1", "2"] {
        journal
            .append_undefined(contribution(text, None))
            .await
            .unwrap();
    }
    let both = vec![(1, outcome(1)), (2, outcome(1))];
    journal
        .announce_outcomes("forecast", 2, both)
        .await
        .unwrap();
    assert!(journal.settle("forecast", 1).is_empty());
    assert_eq!(journal.outcome(1), None);
    assert_eq!(journal.settle("forecast", 2).len(), 2);
    assert!(journal.outcome(1).is_some() && journal.outcome(2).is_some());
}

#[tokio::test]
async fn a_body_keeps_its_room_as_long_as_anybody_has_its_bytes() {
    let journal = open(&memory()).await;
    let room = Arc::new(tokio::sync::Semaphore::new(1));
    let permit = Arc::clone(&room).try_acquire_owned().unwrap();
    let mut new = contribution("", None);
    new.payload = Payload::Memory(Bytes::from_static(b"a,b\n1,2\n"), vec![permit].into());
    // The sender goes away when its contribution is handed over and not written yet.
    tokio::select! {
        biased;
        _ = journal.append_undefined(new) => panic!("it is not durable yet"),
        () = std::future::ready(()) => {}
    }
    assert_eq!(room.available_permits(), 0);
    let mut arrived = journal.arrivals();
    arrived.wait_for(|n| *n == 1).await.unwrap();
    let _back = room.acquire().await.unwrap();
    let waiting = journal.waiting("forecast", 1 << 20, 1);
    assert_eq!(
        journal.waiting_payload(&waiting[0]).await.unwrap(),
        "a,b\n1,2\n"
    );
}

#[tokio::test]
async fn who_takes_over_knows_what_became_of_contributions_until_then() {
    let store = memory();
    let older = open(&store).await;
    older.take_over().await.unwrap();
    let newer = open(&store).await;
    // Merged by the older one while the newer one opens.
    let new = contribution("o", None);
    let seq = older.append_undefined(new).await.unwrap().seq;
    let outcomes = vec![(seq, outcome(1))];
    let announced = older.announce_outcomes("forecast", seq, outcomes);
    announced.await.unwrap();
    older.settle("forecast", seq);
    newer.take_over().await.unwrap();
    newer.catch_up().await.unwrap();
    assert!(newer.outcome(seq).is_some());
    newer.checkpoint().await.unwrap();
    assert!(open(&store).await.outcome(seq).is_some());
}

#[tokio::test]
async fn outcomes_that_were_read_before_their_contributions_are_not_forgotten() {
    let store = memory();
    let older = open(&store).await;
    older.take_over().await.unwrap();
    // The older one appends and merges between the two lists that the newer one reads.
    let outcomes = serde_json::to_vec(&[(2, outcome(1))]).unwrap();
    let outcomes = zstd::encode_all(outcomes.as_slice(), 1).unwrap();
    store.put(&keys::outcomes(1), outcomes).await.unwrap();
    let newer = open(&store).await;
    let new = contribution("o", None);
    assert_eq!(older.append_undefined(new).await.unwrap().seq, 2);
    newer.take_over().await.unwrap();
    newer.catch_up().await.unwrap();
    assert!(newer.outcome(2).is_some());
    newer.checkpoint().await.unwrap();
    assert!(open(&store).await.outcome(2).is_some());
}

#[tokio::test]
async fn who_takes_over_says_so_and_fences_the_former_writer() {
    let store = memory();
    let older = open(&store).await;
    older.take_over().await.unwrap();
    older
        .append_undefined(contribution("o", None))
        .await
        .unwrap();
    older.still_ours().await.unwrap();
    let newer = open(&store).await;
    assert_eq!(newer.other_writer(), Some(Process::this()));
    assert_eq!(Process::this().life(), Life::This);
    newer.take_over().await.unwrap();
    assert!(matches!(
        older.still_ours().await,
        Err(JournalError::Fenced { .. })
    ));
    assert!(matches!(
        older.append_undefined(contribution("o", None)).await,
        Err(AppendError::Fenced { .. })
    ));
    assert_eq!(
        newer
            .append_undefined(contribution("n", None))
            .await
            .unwrap()
            .seq,
        4
    );
    newer.close().await;
    assert_eq!(open(&store).await.other_writer(), None);
}

#[tokio::test]
async fn what_took_effect_though_it_was_refused_is_not_taken_twice() {
    let store = memory();
    let journal = open(&store).await;
    let new = contribution("a,b\n1,2\n", Some("key"));
    let (mut header, kept) = prepare(new.clone(), "weather".into()).unwrap();
    header.seq = 1;
    let frames = [segment::Frame {
        header,
        payload: kept,
    }];
    let late = segment::encode(1, journal.writer, &frames);
    store.create(&keys::segment(1), late).await.unwrap();
    let other = contribution("a,b\n3,4\n", Some("other"));
    let (again, other) = tokio::join!(
        journal.append_undefined(new),
        journal.append_undefined(other)
    );
    let (again, other) = (again.unwrap(), other.unwrap());
    assert_eq!((again.seq, again.replayed), (1, true));
    assert_eq!((other.seq, other.replayed), (2, false));
    assert_eq!(journal.last_seq(), 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_and_right_again_makes_no_key_older() {
    let journal = open(&memory()).await;
    let at = |days: i64, key: &str| NewContribution {
        received_at: Utc::now() - chrono::TimeDelta::days(days),
        ..contribution("a,b\n1,2\n", Some(key))
    };
    journal.append_undefined(at(0, "first")).await.unwrap();
    journal
        .append_undefined(at(30, "while set back"))
        .await
        .unwrap();
    let again = journal
        .append_undefined(at(0, "while set back"))
        .await
        .unwrap();
    assert_eq!((again.seq, again.replayed), (2, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_over_gets_its_turn_although_the_other_appends_without_a_pause() {
    let store = memory();
    let older = open(&store).await;
    older.take_over().await.unwrap();
    let (writing, wrote) = tokio::sync::oneshot::channel();
    let busy = {
        let older = Arc::clone(&older);
        tokio::spawn(async move {
            older
                .append_undefined(contribution("o", None))
                .await
                .unwrap();
            writing.send(()).unwrap();
            while older
                .append_undefined(contribution("o", None))
                .await
                .is_ok()
            {}
        })
    };
    wrote.await.unwrap();
    let newer = open(&store).await;
    newer.take_over().await.unwrap();
    newer
        .append_undefined(contribution("n", None))
        .await
        .unwrap();
    busy.await.unwrap();
    assert!(older.is_fenced() && !newer.is_fenced());
    assert_eq!(store.get(keys::TAKEOVER).await.unwrap(), None);
}

/// More than fits into a frame.
fn large(letter: &str) -> String {
    letter.repeat(9 << 20)
}

async fn n_blobs(store: &Store) -> usize {
    store.list(keys::BLOBS, None).await.unwrap().len()
}

#[tokio::test]
async fn a_refused_payload_leaves_no_object() {
    let store = memory();
    let journal = open(&store).await;
    let first = journal
        .append_undefined(contribution(&large("a"), Some("k")))
        .await;
    let first = first.unwrap();
    assert_eq!(n_blobs(&store).await, 1);
    let other = journal
        .append_undefined(contribution(&large("b"), Some("k")))
        .await;
    assert!(
        matches!(other, Err(AppendError::KeyReused { .. })),
        "{other:?}"
    );
    assert_eq!(n_blobs(&store).await, 1);
    let again = journal
        .append_undefined(contribution(&large("a"), Some("k")))
        .await;
    assert!(again.unwrap().replayed);
    // At the same time: one is taken, the others are refused.
    let bodies = ["c", "d", "e"].map(large);
    let appends = bodies
        .iter()
        .map(|body| journal.append_undefined(contribution(body, Some("l"))));
    let appended = futures::future::join_all(appends).await;
    assert_eq!(appended.iter().filter(|append| append.is_ok()).count(), 1);
    assert_eq!(n_blobs(&store).await, 2);
    assert_eq!(journal.payload(first.seq).await.unwrap(), large("a"));
}

#[tokio::test]
async fn payloads_that_nothing_names_are_found_and_removed() {
    let store = memory();
    let journal = open(&store).await;
    journal
        .append_undefined(contribution(&large("a"), None))
        .await
        .unwrap();
    let orphan = keys::blob(&sha256(b"cut off"));
    store.put(&orphan, "cut off").await.unwrap();
    let checked = repair::check(&store, 0).await.unwrap();
    assert!(checked.findings.is_empty() && !checked.needs_repair());
    let found: Vec<_> = checked.orphans.iter().map(|orphan| &orphan.key).collect();
    assert_eq!(found, [&orphan]);
    let kept = repair::remove_orphans(&store, &checked, false)
        .await
        .unwrap();
    assert!(kept.is_empty(), "a contribution may be under way");
    let removed = repair::remove_orphans(&store, &checked, true)
        .await
        .unwrap();
    assert_eq!(removed, [orphan]);
    assert_eq!(n_blobs(&store).await, 1);
}

#[tokio::test]
async fn nothing_is_taken_into_a_journal_that_lacks_what_was_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().display().to_string();
    let access = zarr_fuse_store::S3Access::default();
    let store = Store::open(&url, std::path::Path::new(""), &access).unwrap();
    let journal = open(&store).await;
    journal.identify().await.unwrap();
    let known = journal.known().unwrap();
    known.check(&store).await.unwrap();
    journal
        .append_undefined(contribution("a", None))
        .await
        .unwrap();
    let segments = folder.path().join(keys::SEGMENTS);
    let away = folder.path().join("away");
    // Replaced by an older copy, of which this is the state before the first contribution.
    std::fs::rename(&segments, &away).unwrap();
    let refused = journal
        .append_undefined(contribution("b", None))
        .await
        .unwrap_err();
    let AppendError::Store(cause) = &refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(**cause, StoreError::Replaced { .. }), "{cause:?}");
    assert!(store.list(keys::SEGMENTS, None).await.unwrap().is_empty());
    assert!(journal.known().unwrap().check(&store).await.is_err());
    // Another identity.
    let _made_again = std::fs::remove_dir_all(&segments);
    std::fs::rename(&away, &segments).unwrap();
    journal.known().unwrap().check(&store).await.unwrap();
    let other = format!("{{\"id\":\"{}\"}}", Uuid::now_v7());
    store.put(keys::IDENTITY, other).await.unwrap();
    assert!(journal.known().unwrap().check(&store).await.is_err());
}
