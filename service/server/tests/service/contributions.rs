//! What arrived, and what became of it.

use reqwest::Method;
use serde_json::{Value as Json, json};

use crate::world::{World, json, refused};

async fn fill(world: &World) {
    for i in 0..7 {
        let csv = format!("time,borehole,T\n2024-05-01T0{i}:00:00,A,{i}\n");
        world.merge("/api/v1/ingest/boreholes", &csv).await;
        let csv = format!("time,site,air_temp\n2024-05-01T0{i}:00:00Z,A,28{i}\n");
        world.merge("/api/v1/ingest/weather/forecast", &csv).await;
    }
    let rejected = world.post(
        "/api/v1/ingest/weather/stations?wait=merged",
        "text/csv",
        "nothing\n1\n",
    );
    assert_eq!(rejected.send().await.unwrap().status(), 422);
}

fn seqs(page: &Json) -> Vec<(String, u64)> {
    let list = page["contributions"].as_array().unwrap().iter();
    list.map(|one| {
        (
            one["dataset"].as_str().unwrap().to_owned(),
            one["seq"].as_u64().unwrap(),
        )
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_every_contribution_once_newest_first() {
    let world = World::new().await;
    fill(&world).await;
    let all = seqs(&world.get_json("/api/v1/contributions").await);
    assert_eq!(all.len(), 15);
    assert_eq!(
        all[..3],
        [
            ("weather".to_owned(), 8),
            ("weather".to_owned(), 7),
            ("boreholes".to_owned(), 7)
        ]
    );
    let mut paged = Vec::new();
    let mut path = "/api/v1/contributions?limit=4".to_owned();
    loop {
        let page = world.get_json(&path).await;
        paged.extend(seqs(&page));
        let Some(before) = page["before"].as_str() else {
            break;
        };
        path = format!("/api/v1/contributions?limit=4&before={before}");
    }
    assert_eq!(paged, all);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_choose_state_dataset_node_and_endpoint() {
    let world = World::new().await;
    fill(&world).await;
    let count = async |filter: &str| {
        seqs(
            &world
                .get_json(&format!("/api/v1/contributions?{filter}"))
                .await,
        )
        .len()
    };
    assert_eq!(count("status=rejected").await, 1);
    assert_eq!(count("status=merged").await, 14);
    assert_eq!(count("status=journaled").await, 0);
    assert_eq!(count("dataset=weather").await, 8);
    assert_eq!(count("node=stations").await, 1);
    assert_eq!(count("endpoint=boreholes&status=merged").await, 7);
    assert_eq!(count("endpoint=logger").await, 0);
    refused(
        world.ask(Method::GET, "/api/v1/contributions?dataset=none"),
        404,
        "there is no dataset `none`; there are `boreholes`, `weather`",
    )
    .await;
    refused(
        world.ask(Method::GET, "/api/v1/contributions?before=12"),
        400,
        "query parameter `before` cannot be read; take it from the former page, or leave it out",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_contribution_keeps_its_reasons_and_its_payload() {
    let world = World::new().await;
    fill(&world).await;
    let list = world
        .get_json("/api/v1/contributions?status=rejected")
        .await;
    let short = &list["contributions"][0];
    assert_eq!(short["outcome"]["problems"], json!([]));
    assert_eq!(short["outcome"]["n_problems"], 1);
    let id = short["id"].as_str().unwrap();
    let full = world.get_json(&format!("/api/v1/contributions/{id}")).await;
    assert_eq!(full["status"], "rejected");
    assert_eq!(full["content_type"], "text/csv");
    assert_eq!(full["sender"], "127.0.0.1");
    assert_eq!(full["n_bytes"], 10);
    let reason = full["outcome"]["problems"][0]["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("no column of the table belongs to node `stations`"),
        "{reason}"
    );
    let payload = world
        .get(&format!("/api/v1/contributions/{id}/payload"))
        .await;
    assert_eq!(payload.status(), 200);
    let headers = payload.headers().clone();
    assert_eq!(headers["content-type"], "text/csv");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(
        headers["content-security-policy"],
        "default-src 'none'; sandbox"
    );
    assert_eq!(
        headers["content-disposition"].to_str().unwrap(),
        format!("attachment; filename=\"{id}.csv\"")
    );
    assert_eq!(payload.text().await.unwrap(), "nothing\n1\n");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_contribution_is_not_found() {
    let world = World::new().await;
    for id in ["0190b2a4-0000-7000-8000-000000000000", "12", "..%2Fx"] {
        for end in ["", "/payload"] {
            let response = world.get(&format!("/api/v1/contributions/{id}{end}")).await;
            assert_eq!(response.status(), 404, "{id}");
            assert_eq!(
                json(response).await["type"],
                "urn:zarr-fuse:problem:unknown-contribution"
            );
        }
    }
    world.end().await.unwrap();
}
