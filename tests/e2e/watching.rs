//! Files dropped into a folder while `zf serve` is killed again and again.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;

use crate::workspace::Workspace;

const SCHEMA: &str = "
ATTRS: {STORE_URL: site.zarr}
readings:
  COORDS:
    number: {type: int64, chunk_size: 64}
  VARS:
    air: {coords: number, unit: degC}
";

const CONFIG: &str = "
server: {listen: '127.0.0.1:0'}
datasets: [site.yaml]
collectors:
  drop:
    target_node: readings
    folder: {path: drop, settle: 100ms, interval: 50ms}
notify:
  interval: 50ms
  rules:
    bad: {when: contribution_rejected}
";

const N_FILES: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn files_are_contributed_once_each_however_often_the_service_is_killed() {
    let workspace = Workspace::new();
    workspace.write("site.yaml", SCHEMA);
    workspace.write("zarr-fuse.yaml", CONFIG);
    let drop = workspace.path().join("drop");
    std::fs::create_dir(&drop).unwrap();
    let mut service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    let mut n_kills = 0;
    for n in 0..N_FILES {
        let mut text = "number,air\n".to_owned();
        // The first half appears at once, the other grows.
        if n % 2 == 0 {
            writeln!(text, "{n},{n}.5").unwrap();
            std::fs::write(drop.join(".new"), &text).unwrap();
            std::fs::rename(drop.join(".new"), drop.join(format!("{n}.csv"))).unwrap();
        } else {
            std::fs::write(drop.join(format!("{n}.csv")), &text).unwrap();
            writeln!(text, "{n},{n}.5").unwrap();
            std::fs::write(drop.join(format!("{n}.csv")), &text).unwrap();
        }
        if n % 20 == 19 {
            // Something is under way: some are done, others are not.
            let begin = Instant::now();
            while names(&drop.join("done")).len() < 2 * (n - 15) && begin.elapsed().as_secs() < 60 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            service.kill().unwrap();
            n_kills += 1;
            service = Service::start(workspace.path(), ["serve"]).await.unwrap();
        }
    }
    assert_eq!(n_kills, 6);
    let expect: BTreeSet<String> = (0..N_FILES)
        .flat_map(|n| [format!("{n}.csv"), format!("{n}.csv.outcome.json")])
        .collect();
    let begin = Instant::now();
    while names(&drop.join("done")) != expect {
        assert!(
            begin.elapsed() < Duration::from_mins(1),
            "{:?}",
            names(&drop)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(names(&drop), BTreeSet::from(["done".to_owned()]));
    let contributions = get(&service, "/api/v1/contributions?limit=1000").await;
    let listed = contributions["contributions"].as_array().unwrap();
    assert_eq!(listed.len(), N_FILES, "none twice");
    let rows = get(
        &service,
        "/api/v1/query/site/readings?format=json&limit=1000",
    )
    .await;
    let rows = rows["rows"].as_array().unwrap();
    assert_eq!(rows.len(), N_FILES, "none lost");
    // Trouble of the start, when the dataset was being opened, is over with the next look.
    let begin = Instant::now();
    loop {
        let state = get(&service, "/api/v1/collectors").await;
        let state = &state["collectors"][0];
        assert_eq!(
            (state["name"].as_str(), state["kind"].as_str()),
            (Some("drop"), Some("folder"))
        );
        if state["trouble"].is_null() {
            break;
        }
        assert!(begin.elapsed() < Duration::from_mins(1), "{state}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What is bad is told, and put where one finds it.
    std::fs::write(drop.join("bad.csv"), "number,air\nmany,warm\n").unwrap();
    service
        .wait_for("a contribution was rejected: to `site/readings` through `drop`")
        .unwrap();
    let outcome = drop.join("failed/bad.csv.outcome.json");
    let begin = Instant::now();
    while !drop.join("failed/bad.csv").exists() {
        assert!(begin.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let outcome: Json = serde_json::from_str(&std::fs::read_to_string(outcome).unwrap()).unwrap();
    assert_eq!(outcome["outcome"]["status"], "rejected", "{outcome}");
    let (status, _) = service.terminate().await.unwrap();
    assert!(status.success());
}

/// What lies in a folder, hidden names left out.
fn names(folder: &Path) -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeSet::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| !name.starts_with('.')).collect()
}

async fn get(service: &Service, path: &str) -> Json {
    let mut connection = Connection::open(service.address()).await.unwrap();
    let answer = connection.get(path).await.unwrap();
    assert_eq!(answer.status, 200, "{path}");
    serde_json::from_slice(&answer.body).unwrap()
}
