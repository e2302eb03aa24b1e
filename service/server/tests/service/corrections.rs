//! What was taken can be taken back, and what was not can be tried again.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{World, json, problem};

const VALUES: &str = "/api/v1/query/boreholes/temperature?format=csv&var=rock_temp";

async fn values(world: &World) -> String {
    world.get(VALUES).await.text().await.unwrap()
}

async fn refuses(request: RequestBuilder, status: u16, part: &str) {
    let (found, body) = problem(request).await;
    assert_eq!(found.as_u16(), status, "{body}");
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(part), "{detail}");
}

async fn id_of(world: &World, path: &str, csv: &str) -> String {
    let answer = world
        .post(path, "text/csv", csv.to_owned())
        .send()
        .await
        .unwrap();
    json(answer).await["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retracted_contribution_leaves_no_trace_in_the_arrays() {
    let world = World::new().await;
    let to = "/api/v1/ingest/boreholes?wait=merged";
    id_of(&world, to, "time,borehole,T\n2024-05-01T00:00:00,A,1\n").await;
    let before = values(&world).await;
    let wrong = id_of(
        &world,
        to,
        "time,borehole,T\n2024-05-01T00:00:00,A,99\n2024-04-30T00:00:00,B,99\n",
    )
    .await;
    assert_ne!(values(&world).await, before);
    let path = format!("/api/v1/contributions/{wrong}");
    let answer = world
        .ask(Method::DELETE, &format!("{path}?wait=merged"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let receipt = json(answer).await;
    assert_eq!(receipt["status"], "retracted");
    assert_eq!(receipt["contribution"], json!(wrong));
    assert_eq!(values(&world).await, before);
    assert_eq!(world.get_json(&path).await["status"], "retracted");
    let payload = world.get(&format!("{path}/payload")).await;
    assert_eq!(payload.status(), StatusCode::OK, "the journal keeps it");

    refuses(world.ask(Method::DELETE, &path), 409, "is retracted").await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retried_contribution_counts_at_its_own_place_in_the_order() {
    let world = World::new().await;
    let to = "/api/v1/ingest/boreholes?wait=merged";
    let older = id_of(
        &world,
        to,
        "time,borehole,T\n2024-05-01T00:00:00,A,1\n2024-05-02T00:00:00,A,1\n",
    )
    .await;
    id_of(&world, to, "time,borehole,T\n2024-05-01T00:00:00,A,2\n").await;
    let before = values(&world).await;
    let path = format!("/api/v1/contributions/{older}");
    for (method, path) in [
        (Method::DELETE, format!("{path}?wait=merged")),
        (Method::POST, format!("{path}/retry?wait=merged")),
    ] {
        let answer = world.ask(method, &path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(values(&world).await, before, "what came later stays");
    refuses(
        world.ask(Method::POST, &format!("{path}/retry")),
        409,
        "zf rebuild",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_can_be_tried_out_first() {
    let world = World::new().await;
    let csv = "time,borehole,T\n2024-05-01T00:00:00,A,1\n";
    let id = id_of(&world, "/api/v1/ingest/boreholes?wait=merged", csv).await;
    let path = format!("/api/v1/contributions/{id}");
    let dry_run = format!("{path}/retry?dry_run=true");
    refuses(world.ask(Method::POST, &dry_run), 409, "zf rebuild").await;
    let retracted = world.ask(Method::DELETE, &format!("{path}?wait=merged"));
    assert_eq!(retracted.send().await.unwrap().status(), StatusCode::OK);
    let before = values(&world).await;
    let answer = world.ask(Method::POST, &dry_run).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let tried = json(answer).await;
    assert_eq!(tried["status"], "merged");
    assert_eq!(tried["n_rows_accepted"], 1);
    assert_eq!(tried["preview"]["columns"][0]["name"], "time");
    assert_eq!(values(&world).await, before, "nothing is changed");
    let answer = world.ask(Method::GET, &path).send().await.unwrap();
    assert_eq!(json(answer).await["status"], "retracted");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_rebuilt_while_it_is_asked() {
    let world = World::new().await;
    for i in 0..5 {
        let csv = format!("time,borehole,T\n2024-05-01T0{i}:00:00,A,{i}\n");
        world.merge("/api/v1/ingest/boreholes", &csv).await;
    }
    let before = values(&world).await;
    let answer = world
        .ask(
            Method::POST,
            "/api/v1/datasets/boreholes/rebuild?wait=merged",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(json(answer).await["node"], "temperature");
    assert_eq!(values(&world).await, before);
    refuses(
        world.ask(Method::POST, "/api/v1/datasets/weather/rebuild"),
        404,
        "forecast",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_contribution_is_neither_retried_nor_retracted() {
    let world = World::new().await;
    let id = "0193b0a4-7c11-7c3e-9f0e-4a1d0c8b2f63";
    let path = format!("/api/v1/contributions/{id}");
    for (method, path) in [
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/retry")),
    ] {
        refuses(world.ask(method, &path), 404, "there is no contribution").await;
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_corrects_so_often_in_a_minute() {
    let limits = LimitsConfig {
        max_corrections_per_minute: 2,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let rebuild = || world.ask(Method::POST, "/api/v1/datasets/boreholes/rebuild");
    for _ in 0..2 {
        assert_eq!(rebuild().send().await.unwrap().status(), 202);
    }
    let refused = rebuild().send().await.unwrap();
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    let body = json(refused).await;
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.contains("`limits.max_corrections_per_minute`"),
        "{detail}"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_that_come_together_are_folded_together() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for i in 0..10 {
        let csv = format!("time,borehole,T\n2024-05-01T0{i}:00:00,A,{i}\n");
        ids.push(id_of(&world, "/api/v1/ingest/boreholes?wait=merged", &csv).await);
    }
    let dataset = &world.app.dataset("boreholes").unwrap();
    let n_before = dataset.fold_counts().n_commits;
    let retracted = ids.iter().flat_map(|id| [id, id]).map(|id| {
        let path = format!("/api/v1/contributions/{id}?wait=merged");
        world.ask(Method::DELETE, &path).send()
    });
    let answers = futures::future::join_all(retracted).await;
    let mut seqs = std::collections::HashSet::new();
    for answer in answers {
        let answer = answer.unwrap();
        // The second of a pair may come when the first is done.
        if answer.status() == StatusCode::OK {
            seqs.insert(json(answer).await["seq"].as_u64().unwrap());
        } else {
            assert_eq!(answer.status(), StatusCode::CONFLICT);
        }
    }
    assert!(seqs.len() >= 10, "{seqs:?}");
    let n_commits = dataset.fold_counts().n_commits - n_before;
    assert!(n_commits <= 6, "{n_commits} folds for ten retractions");
    assert_eq!(
        values(&world).await.lines().count(),
        1,
        "only the head is left"
    );
    world.end().await.unwrap();
}
