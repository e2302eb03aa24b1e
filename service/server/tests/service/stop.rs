//! A clean stop.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{BOREHOLES, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_service_stops_at_once() {
    let world = World::new().await;
    // Leaves a connection open.
    world.get_json("/api/v1/datasets").await;
    let begin = Instant::now();
    world.end().await.unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_before_a_stop_is_there_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("store.zarr").display().to_string();
    let schemas = [("boreholes", BOREHOLES, address.as_str())];
    let mut acknowledged = BTreeSet::new();
    for round in 0..3 {
        let world = World::on(&schemas, LimitsConfig::default()).await;
        let uploads: Vec<_> = (0..8)
            .map(|uploader| {
                tokio::spawn(upload(
                    world.client.clone(),
                    world.url("/api/v1/ingest/boreholes"),
                    round,
                    uploader,
                ))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.end().await.unwrap();
        for upload in uploads {
            acknowledged.extend(upload.await.unwrap());
        }
    }
    assert!(acknowledged.len() > 24, "{}", acknowledged.len());
    let world = World::on(&schemas, LimitsConfig::default()).await;
    let dataset = world.app.dataset("boreholes").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while dataset.journal.n_waiting() > 0 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let rows = world
        .get("/api/v1/query/boreholes?var=rock_temp")
        .await
        .text()
        .await
        .unwrap();
    let merged: BTreeSet<String> = rows
        .lines()
        .skip(1)
        .map(|row| row.split(',').nth(1).unwrap().to_owned())
        .collect();
    let lost: Vec<_> = acknowledged.difference(&merged).collect();
    assert!(lost.is_empty(), "{lost:?}");
    world.end().await.unwrap();
}

/// Contributes one borehole after the other until the service is gone; gives those that were acknowledged.
async fn upload(
    client: reqwest::Client,
    url: String,
    round: usize,
    uploader: usize,
) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for i in 0.. {
        let borehole = format!("R{round}U{uploader}N{i}");
        let csv = format!("time,borehole,T\n2024-05-01T12:00:00,{borehole},{i}.5\n");
        let sent = client
            .post(&url)
            .header("content-type", "text/csv")
            .body(csv)
            .send()
            .await;
        match sent {
            Ok(response) if response.status() == 202 => {
                let receipt: Result<Json, _> = response.json().await;
                if receipt.is_ok() {
                    acknowledged.push(borehole);
                }
            }
            Ok(response) => {
                assert_eq!(response.status(), 503);
                break;
            }
            Err(_gone) => break,
        }
    }
    acknowledged
}
