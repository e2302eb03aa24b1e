//! A fault of the code concerns the contribution that brings it to light, and no other.

use super::*;

fn schema(path: &str) -> String {
    format!(
        "
{path}:
  COORDS:
    x: {{type: int32, chunk_size: 4}}
  VARS:
    v: {{coords: [x], type: float32}}
    w: {{coords: [x], type: float32}}
"
    )
}

/// Sends twenty contributions of which two strike, and looks what becomes of them.
async fn two_of_twenty(path: &str, step: &'static str) {
    let world = World::new(&schema(path)).await;
    world.merge("x,v,w\n0,1,1\n5,1,1\n").await;
    let mut struck = Vec::new();
    for k in 0..20 {
        // All write the same cells, so that what is left behind would be seen.
        let seq = world
            .send(&format!("x,v,w\n0,{k},{k}\n5,{k},{k}\n{},7,7\n", 10 + k))
            .await;
        if k == 7 || k == 19 {
            strikes::ask(path, step, seq);
            struck.push(seq);
        }
    }
    world
        .dataset
        .fold_all()
        .await
        .expect("the others are merged");
    for seq in 2..=21 {
        let outcome = world.outcome(seq);
        let is_struck = struck.contains(&seq);
        assert_eq!(
            outcome.status == Status::Rejected,
            is_struck,
            "{seq}: {outcome:?}"
        );
        assert_eq!(outcome.set_aside, is_struck);
    }
    assert_eq!(world.n_values("x"), 20);
    let reason = &world.outcome(struck[0]).problems[0].reason;
    let id = world
        .dataset
        .journal
        .frame_at(struck[0])
        .expect("it is kept")
        .header
        .id;
    assert!(
        reason.starts_with("the service has a fault with this contribution"),
        "{reason}"
    );
    assert!(reason.contains(&id.to_string()), "{reason}");
    // Folding again, as verifying does, does not try them.
    world.verify().await;
    world.retract(2).await;
    world.verify().await;
    assert_eq!(world.n_values("x"), 19);
    // When the fault is mended, a retry takes it.
    strikes::mend(path);
    world.retry(struck[0]).await;
    assert_eq!(world.outcome(struck[0]).status, Status::Merged);
    assert_eq!(world.outcome(struck[1]).status, Status::Rejected);
    assert_eq!(world.n_values("x"), 20);
    world.verify().await;
}

#[tokio::test]
async fn a_fault_while_contributions_are_prepared_rejects_those_at_fault() {
    two_of_twenty("prepared_fault", "prepared").await;
}

#[tokio::test]
async fn a_fault_while_contributions_are_merged_rejects_those_at_fault() {
    two_of_twenty("merged_fault", "merged").await;
}

#[tokio::test]
async fn a_fault_while_contributions_are_written_rejects_those_at_fault_and_leaves_nothing_of_them()
{
    two_of_twenty("written_fault", "written").await;
}

#[tokio::test]
async fn a_retry_that_strikes_again_is_rejected_again() {
    let path = "retried_fault";
    let world = World::new(&schema(path)).await;
    let struck = world.send("x,v,w\n0,1,1\n").await;
    for step in ["prepared", "merged", "written"] {
        strikes::mend(path);
        strikes::ask(path, step, struck);
        if step == "prepared" {
            world.dataset.fold_all().await.expect("it is set aside");
        } else {
            world.retry(struck).await;
        }
        assert!(world.outcome(struck).set_aside, "{step}");
        assert_eq!(world.merge("x,v,w\n1,2,2\n").await.status, Status::Merged);
    }
    world.verify().await;
}
