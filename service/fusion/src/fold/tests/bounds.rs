//! What a wrong clock or a mistaken column adds to coordinates: nothing.

use std::fmt::Write as _;

use super::*;

const GRID: &str = "
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, step_limits: [60, 60, s]}
    station: {type: str, sorted: false}
  VARS:
    v: {coords: [time, station], type: float32}
";

#[tokio::test]
async fn a_logger_that_lost_its_clock_loses_one_row() {
    let world = World::new(GRID).await;
    world
        .merge("time,station,v\n2025-01-01T00:00:00Z,A,1\n2025-01-01T00:01:00Z,A,2\n")
        .await;
    let outcome = world
        .merge("time,station,v\n1970-01-01T00:00:00Z,A,3\n2025-01-01T00:02:00Z,A,4\n")
        .await;
    assert_eq!(outcome.status, Status::Partial);
    assert_eq!((outcome.n_rows_read, outcome.n_rows_rejected), (2, 1));
    assert_eq!(world.n_values("time"), 3);
    let problem = &outcome.problems[0];
    assert_eq!(
        (problem.row, problem.value.as_deref()),
        (Some(1), Some("1970-01-01T00:00:00Z"))
    );
    assert_eq!(
        problem.reason,
        "28928160 values would fill the gap between it and 2025-01-01T00:00:00Z, and 1048576 may: is the clock right? If it is meant, write `max_new: 28928160` for `time` in the schema and retry the contribution"
    );
    world.verify().await;
}

#[tokio::test]
async fn of_the_first_contribution_the_rows_that_lie_together_are_taken() {
    let world = World::new(GRID).await;
    let outcome = world
        .merge("time,station,v\n1970-01-01T00:00:00Z,A,3\n2025-01-01T00:00:00Z,A,1\n2025-01-01T00:02:00Z,A,2\n2034-01-01,A,7\n")
        .await;
    assert_eq!((outcome.n_rows_read, outcome.n_rows_rejected), (4, 2));
    assert_eq!(world.n_values("time"), 3);
    let rows: Vec<_> = outcome.problems.iter().map(|problem| problem.row).collect();
    assert_eq!(rows, [Some(1), Some(4)]);
    world.verify().await;
}

#[tokio::test]
async fn many_gaps_that_are_allowed_each_are_too_many_together() {
    let world = World::new(GRID).await;
    let mut csv = "time,station,v\n".to_owned();
    for k in 0..20 {
        let _ = writeln!(csv, "{},A,1", 1_735_689_600 + k * 60_000_000_i64);
    }
    let outcome = world.merge(&csv).await;
    assert_eq!(outcome.status, Status::Rejected);
    assert!(outcome.limited);
    assert_eq!(
        reasons(&outcome),
        [
            "its rows make the grid of `time` 19000000 values longer, and one contribution may add 16777216: split it, or write `max_new: 19000000` for `time` in the schema if that is meant"
        ]
    );
    assert_eq!(world.n_values("time"), 0);
}

#[tokio::test]
async fn a_mistaken_column_is_rejected_with_the_number_to_write_if_it_is_meant() {
    let text = |max_new: &str| {
        format!(
            "
n:
  COORDS:
    station: {{type: str, sorted: false{max_new}}}
  VARS:
    v: {{coords: [station], type: float32}}
"
        )
    };
    let mut csv = "station,v\n".to_owned();
    for k in 0..10_001 {
        let _ = writeln!(csv, "{k}.5,1");
    }
    let world = World::new(&text("")).await;
    world.merge("station,v\n1.5,1\n").await;
    assert_eq!(world.merge(&csv).await.status, Status::Merged);
    let world = World::new(&text("")).await;
    let outcome = world.merge(&csv).await;
    assert_eq!(outcome.status, Status::Rejected);
    assert_eq!(
        reasons(&outcome),
        [
            "10001 new values of the coordinate `station`, such as `0.5`, `1.5`, `2.5`; one contribution may add 10000: if `station` is the right column and they are meant, write `max_new: 10001` for `station` in the schema, else send it with the right column"
        ]
    );
    assert_eq!(world.n_values("station"), 0);
    let world = World::new(&text(", max_new: 10001")).await;
    assert_eq!(world.merge(&csv).await.status, Status::Merged);
}

#[tokio::test]
async fn a_diagonal_of_many_coordinates_takes_as_many_chunks_as_it_has_rows() {
    let mut schema = "n:\n  COORDS:\n".to_owned();
    let mut csv = String::new();
    for d in 0..8 {
        let _ = writeln!(schema, "    c{d}: {{type: int32, chunk_size: 1}}");
        let _ = write!(csv, "c{d},");
    }
    schema += "  VARS:\n    v: {coords: [c0, c1, c2, c3, c4, c5, c6, c7], type: float32}\n";
    csv += "v\n";
    for k in 0..256 {
        let _ = writeln!(csv, "{}1", format!("{k},").repeat(8));
    }
    let world = World::new(&schema).await;
    let outcome = world.merge(&csv).await;
    assert_eq!(
        (outcome.status, outcome.n_rows_accepted),
        (Status::Merged, 256)
    );
}

#[tokio::test]
async fn a_contribution_that_lies_in_too_many_chunks_is_rejected() {
    let world = World::new(
        "
n:
  COORDS:
    x: {type: int32, chunk_size: 1}
  VARS:
    v: {coords: [x], type: float32}
",
    )
    .await;
    let mut csv = "x,v\n".to_owned();
    for k in 0..=1 << 18 {
        let _ = writeln!(csv, "{k},1");
    }
    let outcome = world.merge(&csv).await;
    assert_eq!(outcome.status, Status::Rejected);
    assert!(
        reasons(&outcome)[0].contains("chunks, and one contribution may write 262144: split it")
    );
}

#[tokio::test]
async fn what_was_merged_before_there_were_bounds_stays_when_it_is_folded_again() {
    let world = World::new(
        "
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}}
  VARS:
    v: {coords: [time], type: float32}
",
    )
    .await;
    world.send("time,v\n9999-01-01,1\n2025-01-01,2\n").await;
    let node = world.dataset.node("n").expect("the node");
    fold_unbounded(node, &world.dataset.journal).await;
    let other = world.send("time,v\n2025-01-02,3\n0001-01-01,4\n").await;
    world.dataset.fold_all().await.expect("it folds");
    assert_eq!(world.outcome(other).n_rows_rejected, 1);
    assert_eq!(world.n_values("time"), 3);
    world.verify().await;
    let gone = world.send("time,v\n2025-01-03,3\n").await;
    world.dataset.fold_all().await.expect("it folds");
    world.retract(gone).await;
    assert_eq!(world.n_values("time"), 3);
    assert_eq!(world.outcome(1).status, Status::Merged);
    assert!(world.outcome(other).limited);
    world.verify().await;
}

/// Folds as a service did that knew no bounds.
async fn fold_unbounded(node: &Arc<Node>, journal: &Journal) {
    let waiting = journal.waiting("n", u64::MAX, usize::MAX);
    let seq = waiting.last().expect("something waits").header.seq;
    let again = |_| Admission::Again;
    let nothing = |_| None;
    let prepared = prepare(journal, &waiting, (&node.schema, u64::MAX), again, nothing).await;
    let (prepared, _share) = prepared.expect("it is read");
    let settled = commit::take(node).await.expect("it is settled");
    let (written, outcomes) = write(settled, prepared, seq, &mut Tries::default())
        .await
        .expect("it is written");
    let announced = journal.announce_outcomes("n", seq, outcomes).await;
    announced.expect("they are kept");
    commit::publish(written).await.expect("it is published");
    journal.settle("n", seq);
}
