//! What there is.

use reqwest::Method;
use serde_json::json;

use crate::world::{World, json, refused};

#[tokio::test(flavor = "multi_thread")]
async fn datasets_are_listed() {
    let world = World::new().await;
    let list = world.get_json("/api/v1/datasets").await;
    assert_eq!(
        list,
        json!({"datasets": [
            {"name": "boreholes", "attributes": {"title": "Boreholes"}, "nodes": ["temperature"], "last_seq": 0, "n_waiting": 0},
            {"name": "weather", "attributes": {"title": "Weather"}, "nodes": ["forecast", "stations"], "last_seq": 0, "n_waiting": 0},
        ]})
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_tells_extents_shapes_and_what_arrived() {
    let world = World::new().await;
    let csv = "time,borehole,T\n2024-05-01T12:00:00,B,1\n2024-05-01T13:00:00,A,2\n2024-05-01T14:00:00,C,3\n";
    world.merge("/api/v1/ingest/boreholes", csv).await;
    let mut tree = world.get_json("/api/v1/datasets/boreholes").await;
    let arrival = tree["nodes"][0]["last_arrival"].take();
    assert!(chrono::DateTime::parse_from_rfc3339(arrival.as_str().unwrap()).is_ok());
    let expected = json!({
        "name": "boreholes",
        "attributes": {"title": "Boreholes"},
        "last_seq": 1,
        "n_waiting": 0,
        "nodes": [{
            "path": "temperature",
            "attributes": {"description": "Below ground"},
            "coordinates": [
                {"length": 3, "extent": ["2024-05-01T10:00:00Z", "2024-05-01T12:00:00Z"], "sorted": true,
                 "name": "time", "type": "int64", "tick": "s", "tz": "UTC", "dimensions": ["time"],
                 "shape": [3], "chunks": [4], "attributes": {}},
                {"length": 3, "extent": ["A", "C"], "sorted": false,
                 "name": "borehole", "type": "str", "dimensions": ["borehole"],
                 "shape": [3], "chunks": [8], "attributes": {}},
            ],
            "variables": [
                {"name": "rock_temp", "type": "float64", "unit": "degC", "dimensions": ["time", "borehole"],
                 "shape": [3, 3], "chunks": [4, 8], "description": "Rock temperature", "attributes": {}},
                {"name": "n_samples", "type": "int32", "dimensions": ["time", "borehole"],
                 "shape": [3, 3], "chunks": [4, 8], "attributes": {}},
            ],
            "contributions": {"merged": 1},
            "folded_seq": 1,
            "last_arrival": null,
        }],
    });
    let address = tree.as_object_mut().unwrap().remove("zarr_url").unwrap();
    assert!(
        address.as_str().unwrap().starts_with("/zarr/boreholes@0-"),
        "{address}"
    );
    assert_eq!(tree, expected);
    refused(
        world.ask(Method::GET, "/api/v1/datasets/bukov"),
        404,
        "there is no dataset `bukov`; there are `boreholes`, `weather`",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_is_given_as_written_or_as_json_without_secrets() {
    let world = World::new().await;
    let path = "/api/v1/datasets/boreholes/schema";
    let yaml = world.get(path).await;
    assert_eq!(
        yaml.headers()["content-type"],
        "application/yaml; charset=utf-8"
    );
    let text = yaml.text().await.unwrap();
    assert!(text.contains("# the only node"), "{text}");
    assert!(!text.contains("hush-hush"), "{text}");
    let asked = world
        .ask(Method::GET, path)
        .header("accept", "application/json")
        .send()
        .await
        .unwrap();
    let by_accept = json(asked).await;
    assert_eq!(
        by_accept["temperature"]["VARS"]["rock_temp"]["unit"],
        "degC"
    );
    assert_eq!(by_accept["temperature"]["COORDS"]["time"]["chunk_size"], 4);
    assert_eq!(
        world.get_json(&format!("{path}?format=json")).await,
        by_accept
    );
    refused(
        world.ask(Method::GET, path).header("accept", "image/png"),
        406,
        "none of the media types in `Accept` can be given; ask for `application/yaml` or `application/json`, or use `format=`",
    )
    .await;
    world.end().await.unwrap();
}
