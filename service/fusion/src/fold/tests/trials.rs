//! A contribution that ends the process is found and set aside.

use object_store::ObjectStore;
use zarr_fuse_store::keys;

use super::*;

const NODE: &str = "
n:
  COORDS:
    x: {type: int32}
  VARS:
    v: {coords: [x], type: float32}
";

fn store(objects: &Arc<InMemory>) -> Store {
    Store::new(Arc::clone(objects) as Arc<dyn ObjectStore>, "memory://")
}

/// Opens the dataset and lets the process end while it folds: at the contribution `killer`, if it gets to it.
async fn killed(objects: &Arc<InMemory>, killer: u64) -> bool {
    let world = World::on(store(objects), NODE).await;
    let journal = &world.dataset.journal;
    let node = world.dataset.node("n").expect("the node");
    loop {
        let waiting = journal.waiting("n", u64::MAX, usize::MAX);
        let Some(first) = waiting.first() else {
            return false;
        };
        let first = first.header.seq;
        let n = journal.to_try("n", first).unwrap_or(waiting.len());
        let seqs: Vec<u64> = waiting.iter().take(n).map(|w| w.header.seq).collect();
        if seqs.contains(&killer) && journal.n_ended("n", killer).is_none() {
            // As a fold does before it tries them.
            journal.begin_trial("n", &seqs).await.expect("it is marked");
            return true;
        }
        let folded = fold(node, journal).await;
        folded.expect("the others are merged");
    }
}

#[tokio::test]
async fn who_ends_the_process_is_set_aside_and_the_others_are_merged() {
    let objects = Arc::new(InMemory::new());
    let world = World::on(store(&objects), NODE).await;
    let mut killer = 0;
    for k in 0..200 {
        let seq = world.send(&format!("x,v\n{k},1\n")).await;
        if k == 77 {
            killer = seq;
        }
    }
    drop(world);
    let mut n_ended = 0;
    while killed(&objects, killer).await {
        n_ended += 1;
    }
    // With all others, in a group of twelve, then twice alone.
    assert_eq!(n_ended, 4);
    let world = World::on(store(&objects), NODE).await;
    world.dataset.fold_all().await.expect("nothing waits");
    let outcome = world.outcome(killer);
    assert!(outcome.set_aside);
    assert!(
        reasons(&outcome)[0].starts_with("the service was ended 2 times"),
        "{outcome:?}"
    );
    assert_eq!(world.n_values("x"), 199);
    world.verify().await;
    assert_eq!(
        world
            .dataset
            .journal
            .store()
            .list(keys::TRIALS, None)
            .await
            .expect("a list"),
        Vec::<String>::new()
    );
    // With more memory it is taken after all.
    world.retry(killer).await;
    assert_eq!(world.outcome(killer).status, Status::Merged);
    assert_eq!(world.n_values("x"), 200);
}

#[tokio::test]
async fn what_arrives_while_a_process_runs_is_not_marked() {
    let objects = Arc::new(InMemory::new());
    let world = World::on(store(&objects), NODE).await;
    let before = world.dataset.journal.store().requests().total();
    world.merge("x,v\n1,1\n").await;
    let first = world.dataset.journal.store().requests().total() - before;
    world.send("x,v\n1,2\n").await;
    drop(world);
    let world = World::on(store(&objects), NODE).await;
    world.dataset.fold_all().await.expect("it folds");
    let before = world.dataset.journal.store().requests().total();
    world.merge("x,v\n1,3\n").await;
    assert!(world.dataset.journal.store().requests().total() - before <= first);
}

#[tokio::test]
async fn a_process_that_ends_once_is_no_reason_to_reject() {
    let objects = Arc::new(InMemory::new());
    let world = World::on(store(&objects), NODE).await;
    let seq = world.send("x,v\n1,1\n").await;
    drop(world);
    assert!(killed(&objects, seq).await);
    let world = World::on(store(&objects), NODE).await;
    world.dataset.fold_all().await.expect("it folds");
    assert_eq!(world.outcome(seq).status, Status::Merged);
}
