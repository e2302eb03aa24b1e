//! Contributions that are taken.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use crate::world::{World, json, problem, refused};

const CSV: &str =
    "time,borehole,T,n_samples\n2024-05-01T12:00:00,A,11.5,3\n2024-05-01T12:00:00,B,12.25,4\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_contribution_is_acknowledged_with_its_place() {
    let world = World::new().await;
    let response = world
        .post("/api/v1/ingest/boreholes/temperature", "text/csv", CSV)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let receipt = json(response).await;
    let id = receipt["id"].as_str().unwrap();
    assert_eq!(
        receipt,
        json!({"id": id, "seq": 1, "status": "journaled", "dataset": "boreholes", "node": "temperature"})
    );
    assert_eq!(location, format!("/api/v1/contributions/{id}"));
    let known = world.get_json(&location).await;
    assert_eq!((&known["id"], &known["seq"]), (&receipt["id"], &json!(1)));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_node_needs_no_name() {
    let world = World::new().await;
    let receipt = world.merge("/api/v1/ingest/boreholes", CSV).await;
    assert_eq!(receipt["node"], "temperature");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_gets_the_outcome() {
    let world = World::new().await;
    let receipt = world
        .merge("/api/v1/ingest/boreholes/temperature", CSV)
        .await;
    let id = receipt["id"].clone();
    let expected = json!({
        "id": id, "seq": 1, "status": "merged", "dataset": "boreholes", "node": "temperature",
        "outcome": {"status": "merged", "n_rows_read": 2, "n_rows_accepted": 2, "n_rows_rejected": 0,
            "n_coordinates_added": 3, "n_problems": 0, "problems": [], "commit": 1},
    });
    assert_eq!(receipt, expected);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn some_rejected_rows_do_not_hold_up_the_others() {
    let world = World::new().await;
    let receipt = world
        .merge(
            "/api/v1/ingest/boreholes",
            "time,borehole,T,n_samples\n2024-05-01T12:00:00,A,11.5,3\nyesterday,B,12.25,4\n",
        )
        .await;
    assert_eq!(receipt["status"], "partial");
    let problem = &receipt["outcome"]["problems"][0];
    assert_eq!(
        (&problem["row"], &problem["column"]),
        (&json!(2), &json!("time"))
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_at_its_bound() {
    let limits = zarr_fuse_server::config::LimitsConfig {
        wait: std::time::Duration::ZERO,
        ..Default::default()
    };
    let world = World::bounded(limits).await;
    let response = world
        .post("/api/v1/ingest/boreholes?wait=merged", "text/csv", CSV)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(json(response).await["status"], "journaled");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_the_outcome_and_stores_nothing() {
    let world = World::new().await;
    let response = world
        .post("/api/v1/ingest/boreholes?dry_run=true", "text/csv", CSV)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let outcome = json(response).await;
    assert_eq!(outcome["status"], "merged");
    assert_eq!(outcome["n_rows_accepted"], 2);
    assert_eq!(outcome["node"], "temperature");
    let preview = &outcome["preview"];
    assert_eq!(
        (&preview["n_rows"], &preview["missing"]),
        (&json!(2), &json!([]))
    );
    assert_eq!(preview["columns"][0]["name"], "time", "{preview}");
    assert_eq!(preview["columns"][0]["role"], "coordinate", "{preview}");
    assert_eq!(preview["columns"][2]["role"], "variable", "{preview}");
    assert_eq!(preview["rows"].as_array().map(Vec::len), Some(2));
    let rejected = world.post(
        "/api/v1/ingest/boreholes?dry_run=true",
        "text/csv",
        "time,borehole,T\nnever,A,1\n",
    );
    let (status, body) = problem(rejected).await;
    assert_eq!(status, 422);
    assert!(body.get("id").is_none(), "{body}");
    assert_eq!(body["preview"]["rows"][0][0], "never");
    let known = world.get_json("/api/v1/contributions").await;
    assert_eq!(known, json!({"contributions": [], "before": null}));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_key_answers_the_first_receipt() {
    let world = World::new().await;
    let send = |body: &'static str| {
        let request = world.post("/api/v1/ingest/boreholes", "text/csv", body);
        request.header("Idempotency-Key", "2024-05-01 noon")
    };
    let first = send(CSV).send().await.unwrap();
    assert_eq!(first.status(), 202);
    assert!(first.headers().get("idempotency-replayed").is_none());
    let first = json(first).await;
    let again = send(CSV).send().await.unwrap();
    assert_eq!(again.status(), 200);
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(json(again).await, first);
    let id = first["id"].as_str().unwrap();
    let detail = format!(
        "the idempotency key `2024-05-01 noon` was used for other bytes (contribution {id}); use a new key for new data"
    );
    refused(send("time,borehole,T\n2024-05-01,A,1\n"), 422, &detail).await;
    let known = world.get_json("/api/v1/contributions").await;
    assert_eq!(known["contributions"].as_array().unwrap().len(), 1);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn further_parameters_are_variables_of_the_contribution() {
    let world = World::new().await;
    let path = "/api/v1/ingest/logger?site=Bukov%20II&wait=merged";
    let response = world
        .post(
            path,
            "application/octet-stream",
            "time;air_temp\n2024-05-01T00:00:00Z;283.15\n",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let id = json(response).await["id"].as_str().unwrap().to_owned();
    let known = world.get_json(&format!("/api/v1/contributions/{id}")).await;
    assert_eq!(known["variables"], json!({"site": "Bukov II"}));
    assert_eq!(known["endpoint"], "logger");
    let rows = world
        .get("/api/v1/query/weather/forecast")
        .await
        .text()
        .await
        .unwrap();
    assert_eq!(
        rows,
        "time,site,air_temp\n2024-05-01T00:00:00Z,Bukov II,10.0\n"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_answers_under_its_further_path_too() {
    let world = World::new().await;
    let response = world
        .post(
            "/api/v1/logger?site=A",
            "text/csv",
            "time;air_temp\n2024-05-01;280\n",
        )
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(json(response).await["node"], "forecast");
    refused(
        world.post(
            "/api/v1/logger/elsewhere?site=A",
            "text/csv",
            "time;air_temp\n",
        ),
        404,
        "the dataset `weather` has no node `elsewhere`; it has none",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_taken_and_kept_as_they_came() {
    let world = World::new().await;
    let zipped = zstd::encode_all(CSV.as_bytes(), 3).unwrap();
    let response = world
        .post(
            "/api/v1/ingest/boreholes?wait=merged",
            "text/csv",
            zipped.clone(),
        )
        .header("content-encoding", "zstd")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let receipt: Json = json(response).await;
    let id = receipt["id"].as_str().unwrap();
    let payload = world
        .get(&format!("/api/v1/contributions/{id}/payload"))
        .await;
    assert_eq!(payload.headers()["content-encoding"], "zstd");
    assert_eq!(payload.bytes().await.unwrap(), zipped);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_in_pieces_of_unknown_length_is_taken() {
    let world = World::new().await;
    let mut csv = String::from("time,borehole,T\n");
    for i in 0..20_000 {
        writeln!(csv, "2024-05-01T12:00:00,B{},{}.5", i % 5_000, i % 40).unwrap();
    }
    let pieces: Vec<_> = csv
        .as_bytes()
        .chunks(10_000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let response = world
        .post("/api/v1/ingest/boreholes?wait=merged", "text/csv", body)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(json(response).await["outcome"]["n_rows_accepted"], 20_000);
    world.end().await.unwrap();
}
