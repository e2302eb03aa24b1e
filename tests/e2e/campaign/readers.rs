//! Readers of every kind while late rows move others, and while contributions are taken back.

use serde_json::Value;
use zarr_fuse_harness::python;
use zarr_fuse_harness::service::Service;

use super::{faults, seed};
use crate::workspace::Workspace;

const SCHEMA: &str = "
ATTRS: {STORE_URL: readers.zarr}
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 1024}
  VARS:
    x: {coords: [time], type: float64}
    y: {coords: [time], type: float64}
";
const CONFIG: &str =
    "server: {listen: '127.0.0.1:0'}\ndatasets: {readers: {schema: readers.yaml}}\n";

/// Lets readers read for a while; what they found is printed.
async fn read(name: &str, seconds: usize, retract: &[&str]) {
    let chance = seed(name);
    let workspace = Workspace::new();
    workspace.write("readers.yaml", SCHEMA);
    workspace.write("zarr-fuse.yaml", CONFIG);
    let service = Service::start(workspace.path(), ["serve", "--config", "zarr-fuse.yaml"])
        .await
        .unwrap();
    let url = service.url("");
    let (seconds, seed) = (seconds.to_string(), chance.0.to_string());
    let mut args = vec![url.trim_end_matches('/'), "readers", &seconds, &seed];
    args.extend(retract);
    let run = python::script("check_readers.py", workspace.path(), args).unwrap();
    println!("{name}, {seconds} s: {}", run.stdout.trim());
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(found["late rows"]["read"].as_u64() > Some(3), "{found}");
    service.terminate().await.unwrap();
    let verified = workspace.zf("verify readers.yaml");
    assert_eq!(
        verified.code,
        Some(0),
        "{}{}",
        verified.stdout,
        verified.stderr
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_rows_move_nothing_that_readers_have_opened() {
    read("late rows while readers read", faults(8, 300), &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_taken_back_is_an_error_for_readers_and_never_another_value() {
    read(
        "contributions taken back while readers read",
        faults(8, 300),
        &["retract"],
    )
    .await;
}
