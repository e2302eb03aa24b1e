//! Schemas drafted from sample files.

use std::io::{Read as _, Write as _};

use reqwest::Method;
use serde_json::{Value as Json, json};
use zarr_fuse_server::config::{LimitsConfig, ServerConfig};

use crate::who::token;
use crate::world::{World, json, problem};

const DATES: &str = "Date,Temp [°C]\n03.04.2021 10:00,1.5\n03.04.2021 11:00,2.5\n";

async fn drafted(world: &World, query: &str, kind: &str, body: impl Into<reqwest::Body>) -> Json {
    let path = format!("/api/v1/draft{query}");
    let response = world.post(&path, kind, body).send().await.unwrap();
    let status = response.status();
    let body = json(response).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_that_may_mean_two_things_is_asked_for_then_tried() {
    let world = World::new().await;
    let asked = drafted(&world, "?name=Soil%201.csv", "text/csv", DATES).await;
    assert_eq!(asked["name"], "soil_1");
    assert_eq!(
        asked["questions"],
        json!([{
            "parameter": "first", "column": "Date", "cells": ["03.04.2021 10:00", "03.04.2021 11:00"],
            "choices": [
                {"value": "day", "format": "%d.%m.%Y %H:%M", "cells": ["2021-04-03T10:00:00", "2021-04-03T11:00:00"]},
                {"value": "month", "format": "%m.%d.%Y %H:%M", "cells": ["2021-03-04T10:00:00", "2021-03-04T11:00:00"]},
            ],
        }, {"parameter": "tz", "column": "Date", "cells": ["03.04.2021 10:00", "03.04.2021 11:00"], "choices": [], "assumed": "UTC"}])
    );
    assert!(asked.get("trial").is_none(), "{asked}");
    let told = drafted(
        &world,
        "?name=Soil%201.csv&first=day&tz=Europe/Prague&node=soil",
        "text/csv",
        DATES,
    )
    .await;
    assert_eq!(told["questions"], json!([]));
    let schema = told["schema"].as_str().unwrap();
    assert!(schema.contains("%d.%m.%Y %H:%M"), "{schema}");
    assert!(schema.contains("Europe/Prague"), "{schema}");
    assert!(schema.contains("STORE_URL: soil.zarr\nsoil:"), "{schema}");
    let trial = &told["trial"];
    assert_eq!(trial["status"], "merged", "{told}");
    assert_eq!(trial["n_rows_accepted"], 2);
    assert_eq!(
        trial["preview"]["dimensions"],
        json!([{"name": "time", "length": 2, "added": 2}])
    );
    assert_eq!(trial["preview"]["rows"][1][1], "2.5");
    assert_eq!(
        told["configuration"],
        "datasets:\n  soil: {schema: soil.yaml}\n"
    );
    // Nothing of it stays.
    let datasets = world.get_json("/api/v1/datasets").await;
    assert_eq!(datasets["datasets"].as_array().unwrap().len(), 2);
    let known = world.get_json("/api/v1/contributions").await;
    assert_eq!(known["contributions"], json!([]));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_laid_out_in_another_way_gets_an_endpoint() {
    let world = World::new().await;
    let text = "Station report\nserial;123\nDate;Temp;Hum\n;°C;%\n31.12.2023 23:00;1,5;80\n01.01.2024 00:00;2,5;81\n01.01.2024 01:00;2,5;82\n";
    let told = drafted(&world, "?name=log.csv", "text/csv", text).await;
    assert_eq!(
        told["decode"],
        json!({"csv": {"header": 3, "skip_after_header": 1, "decimal_comma": true}})
    );
    let configuration = told["configuration"].as_str().unwrap();
    assert!(
        configuration.contains("endpoints:\n  log: {dataset: log, decode: {"),
        "{configuration}"
    );
    assert_eq!(told["trial"]["status"], "merged", "{told}");
    assert_eq!(told["questions"][0]["parameter"], "tz");
    // Compressed it is the same file.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let kind = "application/octet-stream";
    let same = drafted(&world, "?name=log.csv.gz", kind, packed).await;
    assert_eq!(same["decode"], told["decode"]);
    assert_eq!(same["trial"]["status"], "merged", "{same}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_are_drafted_from_their_metadata() {
    let world = World::new().await;
    let bytes = include_bytes!("../../../decode/tests/fixtures/formats/climate.nc");
    let told = drafted(
        &world,
        "?name=climate.nc",
        "application/x-netcdf",
        &bytes[..],
    )
    .await;
    let dimensions = told["trial"]["preview"]["dimensions"].as_array().unwrap();
    assert!(dimensions.len() > 1, "{told}");
    assert!(
        dimensions
            .iter()
            .all(|dimension| dimension["length"].as_u64() > Some(0)),
        "{told}"
    );
    assert_ne!(told["trial"]["status"], "rejected", "{told}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_needs_no_file() {
    let world = World::new().await;
    let told = drafted(&world, "?like=hobo", "text/csv", "").await;
    assert_eq!(told["decode"], json!({"csv": {"skip_rows": 1}}));
    assert!(told.get("trial").is_none(), "{told}");
    let unknown = world.post("/api/v1/draft?like=hobbo", "text/csv", "");
    let (status, body) = problem(unknown).await;
    assert_eq!(status, 400);
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains("did you mean `hobo`"), "{detail}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_gives_no_draft_says_why() {
    let world = World::new().await;
    let cases: [(&str, &str, &[u8], u16, &str); 8] = [
        (
            "?name=a.csv",
            "text/csv",
            b"a,b\n1,2\n",
            422,
            "no column is a time, among `a`, `b`",
        ),
        (
            "?name=a.csv",
            "text/csv",
            b"\0\xff\x01\x02",
            422,
            "the file gives no draft",
        ),
        (
            "?name=a.nc",
            "application/x-netcdf",
            b"CDF\x01nonsense",
            422,
            "NetCDF",
        ),
        (
            "?name=a.parquet",
            "application/octet-stream",
            b"PAR1 no",
            422,
            "Parquet",
        ),
        (
            "",
            "",
            b"time,x\n",
            415,
            "the request has no `Content-Type`",
        ),
        (
            "",
            "image/png",
            b"\x89PNG",
            415,
            "content type `image/png` is not supported",
        ),
        (
            "?name=a.csv&tz=Mars/Base",
            "text/csv",
            DATES.as_bytes(),
            422,
            "Mars/Base",
        ),
        (
            "?name=a.csv&node=journal&first=day",
            "text/csv",
            DATES.as_bytes(),
            422,
            "journal",
        ),
    ];
    for (query, kind, body, expected, says) in cases {
        let path = format!("/api/v1/draft{query}");
        let request = if kind.is_empty() {
            world.ask(Method::POST, &path).body(body.to_vec())
        } else {
            world.post(&path, kind, body.to_vec())
        };
        let (status, body) = problem(request).await;
        assert_eq!(status.as_u16(), expected, "{query} {kind} {body}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains(says), "{detail}");
    }
    let (status, body) = problem(world.post("/api/v1/draft?first=year", "text/csv", DATES)).await;
    assert_eq!(status, 400, "{body}");
    let (status, body) = problem(world.post("/api/v1/draft?frist=day", "text/csv", DATES)).await;
    assert_eq!(status, 400, "{body}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_too_large_is_refused() {
    let limits = LimitsConfig {
        max_body_bytes: 1000,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let body = DATES.repeat(100);
    let (status, answer) = problem(world.post("/api/v1/draft", "text/csv", body)).await;
    assert_eq!(status, 413, "{answer}");
    world.end().await.unwrap();
    // Much more than it was, once it is unpacked.
    let world = World::new().await;
    let packed = zstd::encode_all(std::io::repeat(b'0').take(600 << 20), 1).unwrap();
    let request = world.post("/api/v1/draft", "text/csv", packed);
    let (status, answer) = problem(request.header("content-encoding", "zstd")).await;
    assert_eq!(status, 413, "{answer}");
    assert_eq!(answer["type"], "urn:zarr-fuse:problem:body-too-large");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_contribute_somewhere_may_draft() {
    let tokens = json!({"tokens": [
        token("reader", "reader", &["read:*", "correct:*"]),
        token("logger", "logger", &["ingest:private"]),
        token("other", "other", &["ingest:private", "read:*"]),
        token("gone", "gone", &["ingest:nothing"]),
        token("all", "all", &["ingest:*"]),
    ], "public": ["boreholes"]});
    let world = World::guarded(tokens, ServerConfig::default()).await;
    let ask = || world.post("/api/v1/draft?name=a.csv&first=day", "text/csv", DATES);
    let (status, _) = problem(ask()).await;
    assert_eq!(status, 401);
    // `private` takes what `logger` sends alone.
    for denied in ["reader", "other", "gone"] {
        let (status, body) = problem(ask().bearer_auth(denied)).await;
        assert_eq!(status, 403, "{denied}: {body}");
    }
    for good in ["logger", "all"] {
        let response = ask().bearer_auth(good).send().await.unwrap();
        assert_eq!(response.status(), 200, "{good}");
    }
    world.end().await.unwrap();
}
