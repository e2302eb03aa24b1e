//! `zf demo`: everything it merges is what its feeds sent, on disk and over HTTP.

use zarr_fuse_harness::service::{Service, free_address};
use zarr_fuse_harness::wire::Connection;
use zarr_fuse_harness::{checkout, python};

use crate::workspace::Workspace;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_array_of_the_demo_is_what_its_feeds_sent() {
    let workspace = Workspace::new();
    let address = free_address().unwrap();
    let demo = workspace.zf(&format!("demo --dir demo --listen {address} --once"));
    assert_eq!(demo.code, Some(0), "{}{}", demo.stdout, demo.stderr);
    assert!(
        !demo.stderr.contains("WARN") && !demo.stderr.contains("ERROR"),
        "{}",
        demo.stderr
    );

    let service = Service::start(
        workspace.path(),
        ["serve", "--config", "demo/zarr-fuse.yaml"],
    )
    .await
    .unwrap();
    for (dataset, node) in [("weather", "forecast"), ("boreholes", "temperature")] {
        let schema = checkout().join(format!("schemas/{dataset}.yaml"));
        let store = format!("demo/{dataset}.zarr");
        let base = service.url("");
        let args = [
            base.as_str(),
            schema.to_str().unwrap(),
            &store,
            dataset,
            node,
        ];
        let run = python::script("check_service.py", workspace.path(), args).unwrap();
        assert_eq!(
            (run.code, run.stderr.as_str()),
            (Some(0), ""),
            "{}",
            run.stdout
        );
        let verified = workspace.zf(&format!(
            "verify demo/{dataset}.yaml --config demo/zarr-fuse.yaml"
        ));
        assert_eq!(
            verified.code,
            Some(0),
            "{}{}",
            verified.stdout,
            verified.stderr
        );
    }
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_goes_on_live_and_stops_when_asked() {
    let workspace = Workspace::new();
    let address = free_address().unwrap().to_string();
    let demo = Service::start(
        workspace.path(),
        ["demo", "--dir", "demo", "--listen", &address],
    )
    .await
    .unwrap();
    demo.wait_for("Ctrl-C stops").unwrap();
    let mut connection = Connection::open(demo.address()).await.unwrap();
    let mut newest = async || {
        let tree = connection.get("/api/v1/datasets/boreholes").await.unwrap();
        let tree: serde_json::Value = serde_json::from_slice(&tree.body).unwrap();
        tree["last_seq"].as_u64().unwrap()
    };
    let before = newest().await;
    while newest().await == before {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let (status, log) = demo.terminate().await.unwrap();
    assert!(status.success(), "{log}");
}
