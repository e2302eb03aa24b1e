//! The store fails for a while, and the same process goes on. Whoever asks meanwhile gets one state or an error, and in the
//! end the arrays are what the naive map says.

use std::time::Duration;

use zarr_fuse_journal::{Correction, Requester, outcome::Status};

use super::correction::{Event, Rows, check, left_over, story};
use super::*;

/// More tries than any outage can make fail.
const MAX_TRIES: usize = 200;
/// Pause between tries.
const PAUSE: Duration = Duration::from_millis(1);

/// What fails, and how it is looked at.
#[derive(Debug, Clone, Copy)]
struct Outage {
    fail_at: usize,
    effect: Effect,
    /// Operations of any kind that fail after the first.
    n_more: usize,
    /// Whether the journal lies in a store that works.
    journal_apart: bool,
    cache_bytes: u64,
}

async fn open_with(
    case: &Case,
    store: &Store,
    journal: &Store,
    cache_bytes: u64,
) -> Result<Arc<Dataset>, crate::dataset::OpenError> {
    Dataset::open_apart(
        Arc::new(case.schema()),
        store.clone(),
        journal.clone(),
        crate::dataset::Decoders::new("n", HashMap::new()),
        JournalSettings {
            retry_delay: PAUSE,
            probe_interval: PAUSE,
            ..JournalSettings::default()
        },
        cache_bytes,
    )
    .await
}

/// What happens, each thing tried until it succeeds. Whether the store failed.
async fn lives_on(case: &Case, events: &[Event], outage: Outage) -> bool {
    let Outage {
        fail_at,
        effect,
        n_more,
        journal_apart,
        cache_bytes,
    } = outage;
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let failing = FailingStore::for_a_while(Arc::clone(&objects), fail_at, effect, n_more);
    let failing = Arc::new(failing);
    let store = Store::new(Arc::clone(&failing) as Arc<dyn ObjectStore>, "memory://");
    let journal = if journal_apart {
        Store::new(Arc::new(InMemory::new()), "memory://journal")
    } else {
        store.clone()
    };
    let mut tries = 0;
    let mut again = || {
        tries += 1;
        assert!(tries < MAX_TRIES, "it does not go on after {outage:?}");
        tokio::time::sleep(PAUSE)
    };
    let dataset = loop {
        match open_with(case, &store, &journal, cache_bytes).await {
            Ok(dataset) => break dataset,
            Err(_) => again().await,
        }
    };
    let mut ids = Vec::new();
    for event in events.iter().chain([&Event::Fold]) {
        match event {
            Event::Contribute(rows) => {
                let mut new = contribution(case.payload(rows));
                new.idempotency_key = Some(format!("contribution {}", ids.len()));
                loop {
                    match dataset.contribute(new.clone()).await {
                        Ok(receipt) => break ids.push(receipt.id),
                        Err(_) => again().await,
                    }
                }
            }
            Event::Toggle(which) => {
                let id = *which.get(&ids);
                let entry = dataset.journal.entry(id).unwrap();
                let is_retracted = || dataset.journal.is_retracted(entry.header.seq, u64::MAX);
                let correction = match (is_retracted(), entry.status()) {
                    (true, Status::Retracted) => Correction::Retry(id),
                    (false, Status::Retracted) | (true, _) => continue,
                    (false, _) => Correction::Retract(id),
                };
                let wanted = !is_retracted();
                while is_retracted() != wanted {
                    let asked = dataset.correct(&correction, Requester::default()).await;
                    if asked.is_err() {
                        again().await;
                    }
                }
            }
            Event::Rebuild => {
                let correction = Correction::Rebuild("n".into());
                while dataset
                    .correct(&correction, Requester::default())
                    .await
                    .is_err()
                {
                    again().await;
                }
            }
            Event::Fold => loop {
                let (folded, ()) = tokio::join!(dataset.fold_all(), ask(case, &dataset));
                ask(case, &dataset).await;
                if folded.is_ok() {
                    break;
                }
                again().await;
            },
        }
        ask(case, &dataset).await;
    }
    check(case, &dataset).await;
    assert_eq!(left_over(&store).await, Vec::<String>::new());
    // Also for who opens it afterwards.
    let failed = failing.failed();
    let store = Store::new(objects, "memory://");
    let journal = if journal_apart {
        journal
    } else {
        store.clone()
    };
    let dataset = open_with(case, &store, &journal, cache_bytes)
        .await
        .unwrap();
    dataset.fold_all().await.unwrap();
    check(case, &dataset).await;
    failed
}

/// Reads everything. It is refused, or the coordinates are those of the published state, and each cell is that of this state
/// or of one that is about to come, since values at known coordinates are written before they are published.
async fn ask(case: &Case, dataset: &Dataset) {
    let view = dataset.node("n").unwrap().view();
    let Ok(found) = seen(case, &view).await else {
        return;
    };
    let found = comparable(found);
    let (from, to) = (view.folded_seq(), dataset.journal.last_seq());
    let states: Vec<Content> = (from..=to).map(|seq| state(case, dataset, seq)).collect();
    assert_eq!(found.coordinates, states[0].coordinates);
    for name in (0..case.vars.len()).map(|v| format!("v{v}")) {
        let cell = |of: &Content, at: &Vec<String>| of.cells.get(&name)?.get(at).cloned();
        let places = states.iter().chain([&found]);
        let places = places.filter_map(|of| of.cells.get(&name));
        for at in places.flat_map(BTreeMap::keys) {
            let is = cell(&found, at);
            let is_seen = is.is_some() || lies_in(&found, case, &name, at);
            let may_be: Vec<_> = states.iter().map(|of| cell(of, at)).collect();
            assert!(
                !is_seen || may_be.contains(&is),
                "`{name}` at {at:?} is {is:?}, not one of {may_be:?}"
            );
        }
    }
}

/// Whether a cell is one of those that were read.
fn lies_in(found: &Content, case: &Case, name: &str, at: &[String]) -> bool {
    let var = &case.vars[name[1..].parse::<usize>().unwrap()];
    let on = (0..case.coords.len()).filter(|d| var.on >> d & 1 == 1);
    on.zip(at)
        .all(|(d, text)| found.coordinates[&format!("d{d}")].contains(text))
}

/// What the journal says up to `seq`.
fn state(case: &Case, dataset: &Dataset, seq: u64) -> Content {
    let arrived = dataset.journal.contributions();
    let counts = arrived.iter().zip(&case.contributions);
    let counts = counts.filter(|(entry, _)| {
        let of = entry.header.seq;
        of <= seq && !dataset.journal.is_retracted(of, seq)
    });
    let counting: Vec<Rows> = counts.map(|(_, rows)| rows.clone()).collect();
    comparable(naive(case, &counting))
}

/// Every third write is a place to begin to fail at, from a random one on; every one if more cases are asked for.
fn step() -> usize {
    if std::env::var_os("ZF_CRASH_CASES").is_some() {
        1
    } else {
        3
    }
}

/// Plays `events` once per write at which the store can begin to fail.
fn at_every_write(case: &Case, events: &[Event], outage: Outage) {
    for effect in [Effect::Lost, Effect::Done] {
        for fail_at in (outage.fail_at % step()..).step_by(step()) {
            let outage = Outage {
                fail_at,
                effect,
                ..outage
            };
            if !block_on(lives_on(case, events, outage)) {
                break;
            }
        }
    }
}

fn outage() -> impl Strategy<Value = Outage> {
    let cache_bytes = prop_oneof![Just(1), Just(crate::dataset::CACHE_BYTES)];
    (0..3_usize, 0..40_usize, any::<bool>(), cache_bytes).prop_map(
        |(fail_at, n_more, journal_apart, cache_bytes)| Outage {
            fail_at,
            effect: Effect::Lost,
            n_more,
            journal_apart,
            cache_bytes,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crash_cases(), ..ProptestConfig::default() })]

    #[test]
    fn an_outage_at_any_write_leaves_one_state_after_another(
        case in case_for_crashes(), groups in any::<u32>(), outage in outage(),
    ) {
        let contributions = case.contributions.iter().cloned().map(Event::Contribute).enumerate();
        let events = contributions.flat_map(|(i, event)| {
            let fold = (groups >> i & 1 == 1).then_some(Event::Fold);
            std::iter::once(event).chain(fold)
        });
        at_every_write(&case, &events.collect::<Vec<_>>(), outage);
    }

    #[test]
    fn an_outage_amid_corrections_leaves_one_state_after_another(
        (case, events) in story(case_for_crashes()), outage in outage(),
    ) {
        at_every_write(&case, &events, outage);
    }
}
