//! Collectors by hand: tried out, run once, run apart from the service.

use serde_json::Value as Json;
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::web::{Reply, Server};
use zarr_fuse_harness::wire::Connection;

use crate::workspace::Workspace;

const SCHEMA: &str = "
ATTRS: {STORE_URL: site.zarr}
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 4}
    place: {type: str, sorted: false}
  VARS:
    temperature: {coords: [date_time, place], unit: degC, df_col: T}
";

/// A place with a collector that asks `server` for two places.
fn site(server: &Server) -> Workspace {
    let workspace = Workspace::new();
    workspace.write("site.yaml", SCHEMA);
    workspace.write("places.csv", "name\nA\nB\n");
    workspace.write(
        "zarr-fuse.yaml",
        &format!(
            "server: {{listen: '127.0.0.1:0'}}\ndatasets: [site.yaml]\ncollectors:\n  feed:\n    target_node: readings\n    decode: {{set: {{place: '${{place}}'}}}}\n    runs: [{{cron: '0 0 1 1 *'}}]\n    request:\n      url: {}/{{place}}.csv\n      allow_private: [127.0.0.1]\n      headers:\n        - {{header_name: User-Agent, header_value: tests}}\n        - {{header_name: X-Api-Key, header_value: hush}}\n    iterate: [{{name: row, source: dataframe, dataframe_path: places.csv, outputs: {{place: name}}}}]\n",
            server.url("")
        ),
    );
    workspace
}

/// Answers every place; `B` with a row that does not fit, if `bad`.
async fn server(bad: bool) -> Server {
    let answer = move |asked: &zarr_fuse_harness::web::Asked| {
        let value = if bad && asked.target == "/B.csv" {
            "warm"
        } else {
            "7.5"
        };
        let csv = format!("date_time,T\n2025-03-01T12:00:00Z,{value}\n2025-03-01T13:00:00Z,8\n");
        Reply::new(200, csv)
            .with("Content-Type", "text/csv")
            .with("ETag", "\"1\"")
    };
    Server::start("127.0.0.1", answer).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_tried_out_without_a_trace() {
    let server = server(true).await;
    let site = site(&server);
    let ran = site.zf("collect feed --dry-run --at 2026-05-05T00:00:00Z");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    for line in [
        "feed: the run that was due at 2026-01-01 00:00:00 UTC".to_owned(),
        format!("  GET {}", server.url("/A.csv")),
        "    X-Api-Key: …".to_owned(),
        "    variables {\"place\":\"B\"}".to_owned(),
        "  A.csv (60 bytes): merged, 2 of 2 rows, 3 new coordinate values".to_owned(),
        "feed: 2 pages, 2 requests, 0 not asked for, 0 unchanged, 0 failed, 2 contributed (121 bytes)".to_owned(),
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "no `{line}` in\n{}", ran.stdout);
    }
    assert!(ran.stderr.contains("`T`: not a number"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("hush") && !ran.stderr.contains("hush"));
    assert!(!site.path().join("site.zarr").exists(), "nothing is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_runs_once() {
    let server = server(false).await;
    let site = site(&server);
    let ran = site.zf("collect feed --once");
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let rows = site
        .zf("query site.yaml readings --format csv")
        .ok()
        .unwrap();
    assert_eq!(rows.lines().count(), 5, "{rows}");
    let again = site.zf("collect feed --once").ok().unwrap();
    assert!(again.contains("0 contributed"), "nothing new: {again}");
    let unknown = site.zf("collect fed --once");
    assert_eq!(unknown.code, Some(1));
    assert_eq!(
        unknown.stderr,
        "zf: there is no collector `fed`; did you mean `feed`?\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_runs_apart_from_the_service() {
    let server = server(false).await;
    let site = site(&server);
    let service = Service::start(site.path(), ["serve"]).await.unwrap();
    let push = format!("collect --push http://{} --once", service.address());
    let busy = site.zf("collect feed --once");
    assert_eq!(busy.code, Some(1));
    assert!(
        busy.stderr.contains("another zf process writes"),
        "{}",
        busy.stderr
    );
    let ran = site.zf(&push);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("2 contributed"), "{}", ran.stdout);
    let again = site.zf(&push).ok().unwrap();
    assert!(
        again.contains("2 unchanged") && again.contains("0 contributed"),
        "{again}"
    );
    let mut connection = Connection::open(service.address()).await.unwrap();
    let list = connection
        .get("/api/v1/contributions")
        .await
        .unwrap()
        .text();
    let list: Json = serde_json::from_str(&list).unwrap();
    let arrived = list["contributions"].as_array().unwrap();
    assert_eq!(arrived.len(), 2, "{list}");
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");
}
