//! What becomes of files.

use std::fs;
use std::io::Write as _;

use serde_json::{Value as Json, json};

use crate::world::World;

fn outcome(world: &World, name: &str) -> Json {
    serde_json::from_str(&fs::read_to_string(world.path(name)).unwrap()).unwrap()
}

#[tokio::test]
async fn a_file_is_contributed_when_it_has_stopped_changing_and_moved_with_its_outcome() {
    let world = World::new("{}");
    world.write("a.csv", "one", 0);
    world.pass(4).await;
    assert_eq!(world.taken(), [""; 0], "it may still be written");
    let file = fs::File::options().append(true).open(world.path("a.csv"));
    file.unwrap().write_all(b" two").unwrap();
    world.pass(4).await;
    assert_eq!(world.taken(), [""; 0], "it was written again");
    world.pass(3).await;
    assert_eq!(world.taken(), ["one two"]);
    world.pass(10).await;
    assert_eq!(world.taken().len(), 1);
    assert_eq!(world.files(), ["done/a.csv", "done/a.csv.outcome.json"]);
    let told = outcome(&world, "done/a.csv.outcome.json");
    assert_eq!(told["outcome"], json!({"status": "merged"}));
    assert!(told["contribution"].is_string(), "{told}");
    let status = world.watch.status();
    assert_eq!(status.totals.counts.contributed, 1);
    assert_eq!((status.totals.runs, status.n_failed_in_a_row), (1, 0));
    let taken = world.sink.taken.lock().unwrap();
    assert_eq!(taken[0].file_name, "a.csv");
    assert_eq!(taken[0].variables["file"], "a.csv");
}

#[tokio::test]
async fn what_is_rejected_or_refused_is_moved_to_failed() {
    let world = World::new(r#"{"settle": "0s", "max_bytes": 100}"#);
    world.write("bad.csv", "bad rows", 0);
    world.write("odd.bin", "refused", 0);
    world.write("large.csv", &"x".repeat(101), 0);
    world.write("good.csv", "good", 0);
    world.pass(2).await;
    let expect = [
        "done/good.csv",
        "done/good.csv.outcome.json",
        "failed/bad.csv",
        "failed/bad.csv.outcome.json",
        "failed/large.csv",
        "failed/large.csv.outcome.json",
        "failed/odd.bin",
        "failed/odd.bin.outcome.json",
    ];
    assert_eq!(world.files(), expect);
    let told = outcome(&world, "failed/bad.csv.outcome.json");
    assert_eq!(told["outcome"]["status"], "rejected");
    let told = outcome(&world, "failed/odd.bin.outcome.json");
    assert_eq!(
        told,
        json!({"contribution": null, "reason": "nothing reads this"})
    );
    let told = outcome(&world, "failed/large.csv.outcome.json");
    assert_eq!(
        told["reason"],
        "it has 101 bytes, more than `max_bytes` (100)"
    );
    let status = world.watch.status();
    let counts = status.totals.counts;
    assert_eq!((counts.failed, counts.contributed), (3, 2));
    let errors = status.last.unwrap().errors;
    let rejected = "bad.csv: rejected, contribution ";
    assert!(
        errors.iter().any(|error| error.starts_with(rejected)),
        "{errors:?}"
    );
}

#[tokio::test]
async fn files_are_contributed_in_the_order_in_which_they_were_written() {
    let world = World::new(r#"{"settle": "1s"}"#);
    for (name, age) in [("c", 30), ("a", 20), ("b", 10)] {
        world.write(name, name, age);
    }
    world.pass(3).await;
    assert_eq!(world.taken(), ["c", "a", "b"]);
}

#[tokio::test]
async fn folders_and_names_become_variables_and_others_are_left_alone() {
    let world = World::new(r#"{"settle": "0s", "pattern": "{station}/{day}_*.csv"}"#);
    let others = [
        "B1/.20260301_x.csv",
        "B1/20260301_x.csv.part",
        "B1/readme.txt",
        "20260301_x.csv",
        "done/20260301_x.csv",
    ];
    for name in others.into_iter().chain(["B1/20260301_x.csv"]) {
        world.write(name, name, 0);
    }
    std::os::unix::fs::symlink("/etc/hostname", world.path("B1/1_link.csv")).unwrap();
    world.pass(2).await;
    assert_eq!(world.taken(), ["B1/20260301_x.csv"]);
    let variables = world.sink.taken.lock().unwrap()[0].variables.clone();
    let expect = json!({"file": "B1/20260301_x.csv", "station": "B1", "day": "20260301"});
    assert_eq!(Json::Object(variables), expect);
    assert!(world.path("done/B1/20260301_x.csv").exists());
    for name in others {
        assert!(world.path(name).exists(), "{name}");
    }
}

#[tokio::test]
async fn a_crash_between_contributing_and_moving_contributes_nothing_twice() {
    let mut world = World::new(r#"{"settle": "0s"}"#);
    *world.sink.never_tells.lock().unwrap() = true;
    world.write("a.csv", "one", 0);
    world.watch.ask();
    world.until(|world| !world.taken().is_empty()).await;
    assert_eq!(world.files(), ["a.csv"]);
    // The outcome was begun to be kept, but the file not moved.
    fs::create_dir(world.path("done")).unwrap();
    fs::write(world.path("done/a.csv.outcome.json"), "{\"contri").unwrap();
    *world.sink.never_tells.lock().unwrap() = false;
    world.restart().await;
    world.pass(1).await;
    assert_eq!(world.taken(), ["one"]);
    assert_eq!(world.files(), ["done/a.csv", "done/a.csv.outcome.json"]);
    let told = outcome(&world, "done/a.csv.outcome.json");
    assert_eq!(told["outcome"]["status"], "merged");
    assert_eq!(world.watch.status().totals.counts.unchanged, 1);
}

#[tokio::test]
async fn files_in_done_are_never_overwritten() {
    let world = World::new(r#"{"settle": "0s"}"#);
    for (text, age) in [("one", 3), ("two", 2), ("three", 1)] {
        world.write("a.csv", text, age);
        world.pass(1).await;
    }
    assert_eq!(world.taken(), ["one", "two", "three"]);
    let read = |name: &str| fs::read_to_string(world.path(name)).unwrap();
    let kept = ["done/a.csv", "done/a-2.csv", "done/a-3.csv"].map(read);
    assert_eq!(kept, ["one", "two", "three"]);
    // The same bytes under the same name are the same contribution.
    world.write("a.csv", "two", 0);
    world.pass(1).await;
    assert_eq!(world.taken().len(), 3);
    assert!(world.path("done/a-4.csv").exists());
}

#[tokio::test]
async fn kept_files_are_contributed_once_across_restarts_and_again_when_written_again() {
    let mut world = World::new(r#"{"settle": "0s", "after": "keep"}"#);
    world.write("a.csv", "one", 0);
    world.write("bad.csv", "bad", 0);
    world.pass(2).await;
    world.restart().await;
    world.pass(2).await;
    assert_eq!(world.taken().len(), 2);
    let unchanged = world.watch.status().totals.counts.unchanged;
    assert_eq!(unchanged, 0, "nothing was read again");
    assert_eq!(world.files(), ["a.csv", "bad.csv"]);
    world.write("a.csv", "more", 5);
    world.pass(2).await;
    assert_eq!(world.taken().last().unwrap(), "more");
    fs::remove_file(world.path("a.csv")).unwrap();
    world.write("b.csv", "b", 5);
    world.pass(1).await;
    let kept = world.sink.kept.lock().unwrap()["drop"].clone();
    let kept: Json = serde_json::from_slice(&kept).unwrap();
    let names: Vec<&String> = kept["done"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["b.csv", "bad.csv"], "what is gone is forgotten");
}

#[tokio::test]
async fn taken_files_are_deleted_if_that_is_wanted_but_failed_ones_are_not() {
    let world = World::new(r#"{"settle": "0s", "after": "delete"}"#);
    world.write("a.csv", "one", 0);
    world.write("bad.csv", "bad", 0);
    world.pass(1).await;
    assert_eq!(
        world.files(),
        ["failed/bad.csv", "failed/bad.csv.outcome.json"]
    );
}

#[tokio::test]
async fn while_nothing_is_taken_files_wait() {
    let world = World::new(r#"{"settle": "0s"}"#);
    *world.sink.n_later.lock().unwrap() = 2;
    world.write("a.csv", "one", 0);
    world.watch.ask();
    let trouble = "waiting to contribute: the journal cannot be written";
    let waits = |world: &World| world.watch.status().trouble.as_deref() == Some(trouble);
    world.until(waits).await;
    assert_eq!(world.files(), ["a.csv"]);
    world.until_later(|world| !world.taken().is_empty()).await;
    world.look().await;
    assert_eq!(world.files(), ["done/a.csv", "done/a.csv.outcome.json"]);
}

#[tokio::test]
async fn a_file_that_is_never_taken_does_not_keep_newer_ones_waiting() {
    let world = World::new(r#"{"settle": "0s"}"#);
    world.write("a.csv", "later", 30);
    world.write("b.csv", "b", 20);
    world.watch.ask();
    let has = |n: usize| move |world: &World| world.taken().len() == n;
    world.until_later(has(1)).await;
    world.write("c.csv", "c", 10);
    world.until_later(has(2)).await;
    assert_eq!(world.taken(), ["b", "c"]);
    // It is tried again, later and later, and taken once that is possible.
    fs::write(world.path("a.csv"), "a").unwrap();
    world.until_later(has(3)).await;
    assert_eq!(world.taken(), ["b", "c", "a"]);
}

#[tokio::test]
async fn files_keep_their_order_while_nothing_at_all_is_taken() {
    let world = World::new(r#"{"settle": "0s"}"#);
    *world.sink.n_later.lock().unwrap() = 20;
    for (name, age) in [("a", 30), ("b", 20), ("c", 10)] {
        world.write(name, name, age);
    }
    world.watch.ask();
    world.until_later(|world| world.taken().len() == 3).await;
    assert_eq!(world.taken(), ["a", "b", "c"]);
}

#[tokio::test]
async fn an_outcome_that_does_not_come_does_not_keep_newer_files_waiting() {
    let world = World::new(r#"{"settle": "0s"}"#);
    *world.sink.never_tells.lock().unwrap() = true;
    world.write("a.csv", "a", 30);
    world.watch.ask();
    let has = |n: usize| move |world: &World| world.taken().len() == n;
    world.until_later(has(1)).await;
    world.write("b.csv", "b", 20);
    world.until_later(has(2)).await;
    *world.sink.never_tells.lock().unwrap() = false;
    world.until_later(|world| world.files().len() == 4).await;
    assert_eq!(world.taken(), ["a", "b"]);
    let unchanged = world.watch.status().totals.counts.unchanged;
    assert_eq!(unchanged, 0, "nothing was contributed twice");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_a_trouble_until_it_is() {
    let world = World::new(r#"{"settle": "0s"}"#);
    fs::remove_dir(world.path("")).unwrap();
    world.look().await;
    let trouble = world.watch.status().trouble.unwrap();
    assert!(trouble.starts_with("the folder `"), "{trouble}");
    assert!(trouble.contains("cannot be listed"), "{trouble}");
    world.write("a.csv", "one", 0);
    world.pass(1).await;
    assert_eq!(world.taken(), ["one"]);
    assert_eq!(world.watch.status().trouble, None);
}

#[tokio::test]
async fn what_cannot_be_moved_is_not_read_again_and_moved_later() {
    let world = World::new(r#"{"settle": "0s"}"#);
    fs::write(world.path("done"), "not a folder").unwrap();
    world.write("a.csv", "one", 0);
    world.pass(2).await;
    assert_eq!(world.taken(), ["one"]);
    let trouble = world.watch.status().trouble.unwrap();
    let expect = "`a.csv` cannot be put away: ";
    assert!(trouble.starts_with(expect), "{trouble}");
    fs::remove_file(world.path("done")).unwrap();
    world.pass(1).await;
    assert_eq!(world.files(), ["done/a.csv", "done/a.csv.outcome.json"]);
    assert_eq!(world.watch.status().totals.counts.unchanged, 0);
    assert_eq!(world.watch.status().trouble, None);
}

#[tokio::test]
async fn thousands_of_files_are_contributed_once_each() {
    let world = World::new(r#"{"settle": "1s", "pattern": "**/*"}"#);
    for n in 0..3000_u64 {
        world.write(&format!("{}/{n}.csv", n % 7), &n.to_string(), n);
    }
    world.pass(3).await;
    let taken = world.taken();
    let mut taken: Vec<u64> = taken.iter().map(|text| text.parse().unwrap()).collect();
    taken.sort_unstable();
    assert!(taken.into_iter().eq(0..3000));
    let files = world.files();
    assert_eq!(files.len(), 6000);
    assert!(files.iter().all(|name| name.starts_with("done/")));
}
