//! Large bodies, many bodies, and more than can be merged.

use std::fmt::Write as _;

use reqwest::Method;
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{World, json, problem};

const INGEST: &str = "/api/v1/ingest/boreholes";

/// CSV of `n_bytes` that compresses badly and is rejected row by row quickly: no matter what becomes of it, it is kept.
fn long(n_bytes: usize) -> String {
    let mut text = "time,borehole,T\n".to_owned();
    let mut x = 1_u64;
    while text.len() < n_bytes {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        writeln!(text, "2024-05-01T00:00:00,B{},{x}", x >> 62).unwrap();
    }
    text.truncate(n_bytes);
    text
}

async fn kept(world: &World, body: &str) {
    let answer = world
        .post(INGEST, "text/csv", body.to_owned())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let id = json(answer).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/contributions/{id}/payload");
    let payload = world
        .ask(Method::GET, &path)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(
        payload == body.as_bytes(),
        "{} bytes came back",
        payload.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_kept_in_a_frame_and_a_larger_one_as_an_object_of_its_own() {
    let world = World::new().await;
    for n_bytes in [1 << 20, (1 << 20) + 1, 3 << 20, (8 << 20) + 1, 20 << 20] {
        kept(&world, &long(n_bytes)).await;
    }
    let store = &world.app.dataset("boreholes").unwrap().store;
    assert_eq!(store.list("journal/blobs", None).await.unwrap().len(), 2);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_go_into_files_when_there_is_no_room_in_memory() {
    let limits = LimitsConfig {
        max_body_memory_bytes: 10_000,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    kept(&world, &long(5_000)).await;
    kept(&world, &long(50_000)).await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_bounded_too_and_give_their_room_back() {
    let limits = LimitsConfig {
        max_spool_bytes: 3 << 20,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    for _ in 0..3 {
        let request = world.post(INGEST, "text/csv", long(4 << 20));
        let (status, body) = problem(request).await;
        assert_eq!(status, 429);
        assert_eq!(
            body["detail"],
            "3145728 bytes of large bodies are being taken; nothing of this one was, try again later"
        );
        assert_eq!(world.app.bodies.n_file_bytes(), 0);
    }
    kept(&world, &long(2 << 20)).await;
    let metrics = world.get("/metrics").await.text().await.unwrap();
    let counted = "zarr_fuse_contributions_refused_total{reason=\"overloaded\"} 3";
    assert!(metrics.contains(counted), "{metrics}");
    world.end().await.unwrap();
}
