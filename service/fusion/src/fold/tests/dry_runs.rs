//! A dry run says what the real one would.

use super::*;

#[tokio::test]
async fn a_dry_run_tells_what_reject_would_refuse_and_changes_nothing() {
    let world = World::new(
        "
n:
  COORDS:
    x: {type: int32}
  VARS:
    v: {coords: [x], type: float32, merge: reject}
",
    )
    .await;
    world.merge("x,v\n1,1\n5,5\n").await;
    let csv = "x,v\n1,2\n3,3\n5,5\n";
    let tried = world.dataset.dry_run(world.contribution(csv)).await;
    let (tried, shown) = tried.expect("it is tried");
    assert!(shown.is_some());
    assert_eq!(world.n_values("x"), 2);
    let merged = world.merge(csv).await;
    assert_eq!(tried.problems, merged.problems);
    assert_eq!((tried.status, tried.n_problems), (Status::Partial, 1));
    assert_eq!(tried.n_coordinates_added, merged.n_coordinates_added);
}

#[tokio::test]
async fn a_dry_run_is_within_the_bounds() {
    let world = World::new(
        "
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, step_limits: [60, 60, s]}
  VARS:
    v: {coords: [time], type: float32}
",
    )
    .await;
    world.merge("time,v\n2025-01-01T00:00:00Z,1\n").await;
    let csv = "time,v\n1970-01-01T00:00:00Z,2\n9999-01-01,2\n2025-01-01T00:01:00Z,3\n";
    let tried = world.dataset.dry_run(world.contribution(csv)).await;
    let (tried, _) = tried.expect("it is tried");
    assert_eq!((tried.n_rows_rejected, tried.n_coordinates_added), (2, 1));
    assert_eq!(tried.problems, world.merge(csv).await.problems);
}
