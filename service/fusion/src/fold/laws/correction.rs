//! A dataset with retractions and retries is what it would be if only what counts had been contributed.

use zarr_fuse_journal::{Correction, Requester, outcome::Status};

use super::*;

pub(super) type Rows = Vec<Vec<Option<u8>>>;

/// What happens to a dataset, one after the other.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Contribute(Rows),
    /// Retracts one of the contributions so far, or counts it again if it is retracted.
    Toggle(prop::sample::Index),
    Rebuild,
    Fold,
}

pub(super) fn story(of: impl Strategy<Value = Case>) -> impl Strategy<Value = (Case, Vec<Event>)> {
    of.prop_flat_map(|case| {
        let others = prop_oneof![
            3 => any::<prop::sample::Index>().prop_map(Event::Toggle),
            1 => Just(Event::Rebuild),
            3 => Just(Event::Fold),
        ];
        let n = case.contributions.len();
        prop::collection::vec(prop::collection::vec(others, 0..3), n).prop_map(move |others| {
            let contributions = case.contributions.iter().cloned().map(Event::Contribute);
            let events = contributions.zip(others);
            let events = events.flat_map(|(first, rest)| std::iter::once(first).chain(rest));
            (case.clone(), events.collect())
        })
    })
}

/// Plays the events until the store fails, if it does.
async fn play(case: &Case, events: &[Event], dataset: &Dataset) -> Result<(), ()> {
    let mut ids = Vec::new();
    for event in events {
        match event {
            Event::Contribute(rows) => {
                let new = contribution(case.payload(rows));
                ids.push(dataset.contribute(new).await.map_err(drop)?.id);
            }
            Event::Toggle(which) => {
                let id = *which.get(&ids);
                let retracted = {
                    let seq = dataset.journal.entry(id).unwrap().header.seq;
                    dataset.journal.is_retracted(seq, u64::MAX)
                };
                // Only what was folded has a state that can be corrected back.
                let status = dataset.journal.entry(id).unwrap().status();
                let correction = match (retracted, status) {
                    (true, Status::Retracted) => Correction::Retry(id),
                    (false, Status::Retracted) | (true, _) => continue,
                    (false, _) => Correction::Retract(id),
                };
                let asked = dataset.correct(&correction, Requester::default()).await;
                asked.map_err(drop)?;
            }
            Event::Rebuild => {
                let correction = Correction::Rebuild("n".into());
                let asked = dataset.correct(&correction, Requester::default()).await;
                asked.map_err(drop)?;
            }
            Event::Fold => dataset.fold_all().await.map_err(drop)?,
        }
    }
    dataset.fold_all().await.map_err(drop)
}

/// What counts, by what the journal says.
fn counting(case: &Case, dataset: &Dataset) -> Vec<Rows> {
    let arrived = dataset.journal.contributions();
    let counts = arrived.iter().zip(&case.contributions);
    counts
        .filter(|(entry, _)| !dataset.journal.is_retracted(entry.header.seq, u64::MAX))
        .map(|(_, rows)| rows.clone())
        .collect()
}

pub(super) async fn check(case: &Case, dataset: &Dataset) {
    let expected = comparable(naive(case, &counting(case, dataset)));
    assert_eq!(comparable(arrays(case, dataset).await), expected);
    for entry in dataset.journal.contributions() {
        let retracted = dataset.journal.is_retracted(entry.header.seq, u64::MAX);
        assert_eq!(
            entry.status() == Status::Retracted,
            retracted,
            "contribution {} is {:?}",
            entry.header.seq,
            entry.status()
        );
    }
    let node = dataset.node("n").unwrap();
    let verdict = crate::verify::verify(dataset, node).await.unwrap();
    assert_eq!(verdict.differences, Vec::<String>::new());
}

pub(super) async fn left_over(store: &Store) -> Vec<String> {
    store.list("staging", None).await.unwrap()
}

/// Plays the events on a store that fails at one write, goes on after a restart, and checks. Whether it failed.
async fn survives(case: &Case, events: &[Event], fail_at: usize, effect: Effect) -> bool {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let failing = Arc::new(FailingStore::new(Arc::clone(&objects), fail_at, effect));
    if let Ok(dataset) = open(case, Arc::clone(&failing) as Arc<dyn ObjectStore>).await {
        let _interrupted = play(case, events, &dataset).await;
    }
    let dataset = open(case, objects).await.unwrap();
    dataset.fold_all().await.unwrap();
    check(case, &dataset).await;
    assert_eq!(left_over(&dataset.store).await, Vec::<String>::new());
    failing.failed()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    #[test]
    fn what_is_retracted_was_never_there((case, events) in story(case())) {
        block_on(async {
            let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
            let dataset = open(&case, Arc::clone(&objects)).await.unwrap();
            play(&case, &events, &dataset).await.unwrap();
            check(&case, &dataset).await;
            // Also for who opens it afterwards.
            let dataset = open(&case, objects).await.unwrap();
            check(&case, &dataset).await;
            assert_eq!(left_over(&dataset.store).await, Vec::<String>::new());
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crash_cases().div_ceil(3), ..ProptestConfig::default() })]

    #[test]
    fn a_crash_amid_a_correction_is_made_good((case, events) in story(case_for_crashes())) {
        for effect in [Effect::Lost, Effect::Done] {
            for fail_at in 0.. {
                if !block_on(survives(&case, &events, fail_at, effect)) {
                    break;
                }
            }
        }
    }
}
