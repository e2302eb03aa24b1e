//! Stores as people meet them: probed, refused, copied.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use zarr_fuse_harness::binary;
use zarr_fuse_harness::ceph::Ceph;
use zarr_fuse_harness::run::{self, Run};
use zarr_fuse_harness::service::{Service, free_address};
use zarr_fuse_harness::wire::Connection;

use crate::careless_s3;
use crate::workspace::Workspace;

const SCHEMA: &str = "
ATTRS: {STORE_URL: here.zarr}
readings:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 4}
    station: {type: str, sorted: false, chunk_size: 4}
  VARS:
    value: {coords: [time, station]}
";

const KEYS: [(&str, &str); 2] = [("ZF_S3_ACCESS_KEY", "k"), ("ZF_S3_SECRET_KEY", "s")];

fn zf(workspace: &Workspace, environment: &[(&str, &str)], args: &str) -> Run {
    let mut command = run::command(binary::zf().unwrap());
    command
        .args(args.split(' '))
        .current_dir(workspace.path())
        .envs(environment.iter().copied());
    run::run(&mut command).unwrap()
}

/// What lies in a folder, but for the lock of who writes it and what a copy notes for itself.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut content = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in std::fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let key = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_dir() {
                waiting.push(path);
            } else if key != "journal/writer.lock" && !key.starts_with("staging/copied/") {
                content.insert(key, std::fs::read(&path).unwrap());
            }
        }
    }
    content
}

#[test]
fn the_doctor_tells_good_stores_from_bad_ones_and_from_none() {
    let workspace = Workspace::new();
    let good = workspace.zf("doctor here");
    assert_eq!(good.code, Some(0), "{}{}", good.stdout, good.stderr);
    assert!(
        good.stdout.contains("works   create only"),
        "{}",
        good.stdout
    );
    assert!(
        good.stdout.ends_with("Data is safe here.\n"),
        "{}",
        good.stdout
    );
    assert!(
        !workspace.path().join("here").exists(),
        "it leaves nothing behind"
    );

    let careless = careless_s3::start();
    let mut environment = KEYS.to_vec();
    environment.push(("S3_ENDPOINT_URL", &careless));
    let bad = zf(&workspace, &environment, "doctor s3://bucket/prefix");
    assert_eq!(bad.code, Some(1), "{}{}", bad.stdout, bad.stderr);
    assert!(
        bad.stdout.contains("UNSAFE  create only")
            && bad.stdout.contains("16 of 16 creators of one object won"),
        "{}",
        bad.stdout
    );

    let nobody = format!("http://{}", free_address().unwrap());
    environment[2].1 = &nobody;
    let none = zf(&workspace, &environment, "doctor s3://bucket/prefix");
    assert_eq!(none.code, Some(3), "{}{}", none.stdout, none.stderr);
    assert!(
        none.stderr.contains("is the endpoint right"),
        "{}",
        none.stderr
    );
    let copied = zf(&workspace, &environment, "cp s3://bucket/prefix there");
    assert_eq!(copied.code, Some(3), "{}{}", copied.stdout, copied.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_refuses_a_bucket_on_which_it_could_lose_data() {
    let workspace = Workspace::new();
    workspace.write(
        "readings.yaml",
        &SCHEMA.replace("here.zarr", "s3://bucket/readings"),
    );
    let careless = careless_s3::start();
    let config = format!(
        "server: {{listen: '127.0.0.1:0'}}\nstore: {{endpoint_url: '{careless}'}}\ndatasets: [readings.yaml]\n"
    );
    workspace.write("zarr-fuse.yaml", &config);
    let environment = KEYS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let service = Service::spawn_in(workspace.path(), ["serve"], &environment).unwrap();
    for expected in [
        "the store `s3://bucket/readings` of the dataset `readings` is not safe",
        "UNSAFE  create only",
        "works   list after write",
        "use a store that honours `If-None-Match: *`",
    ] {
        service.wait_for(expected).unwrap();
    }
    service.terminate().await.unwrap();
}

#[test]
fn a_copy_that_is_killed_again_and_again_is_whole_in_the_end() {
    let workspace = Workspace::new();
    workspace.write("readings.yaml", SCHEMA);
    let mut csv = "time,station,value\n".to_owned();
    for i in 0..1200_u32 {
        writeln!(csv, "{},S{},{i}", 1_700_000_000 + i, i % 7).unwrap();
    }
    workspace.write("readings.csv", &csv);
    workspace
        .zf("ingest readings.yaml readings readings.csv")
        .ok()
        .unwrap();
    let ceph = Ceph::start().unwrap();
    let (environment, far) = match ceph {
        Some(ceph) => (ceph.environment().to_vec(), ceph.bucket().unwrap()),
        None => (Vec::new(), "far.zarr".to_owned()),
    };
    let to_far = format!("cp here.zarr {far}");
    // How long it takes here, so that kills come amid the copy.
    let begin = std::time::Instant::now();
    zf(&workspace, &environment, "cp here.zarr measured.zarr")
        .ok()
        .unwrap();
    let whole = begin.elapsed();
    let mut n_kills = 0;
    for percent in [40, 50, 60, 70, 80, 90, 95] {
        let mut command = run::command(binary::zf().unwrap());
        command
            .args(to_far.split(' '))
            .current_dir(workspace.path())
            .envs(environment.iter().copied())
            .stdout(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        // The time is the test: the instant of the kill is arbitrary.
        std::thread::sleep(whole * percent / 100);
        child.kill().unwrap();
        n_kills += usize::from(!child.wait().unwrap().success());
    }
    let copied = zf(&workspace, &environment, &to_far).ok().unwrap();
    println!("after {n_kills} kills: {copied}");
    assert!(
        n_kills > 0,
        "no copy was under way when it was to be killed"
    );
    let verify = format!("verify readings.yaml --store {far}");
    zf(&workspace, &environment, &verify).ok().unwrap();
    let back = format!("cp {far} back.zarr");
    zf(&workspace, &environment, &back).ok().unwrap();
    let (here, back) = (
        workspace.path().join("here.zarr"),
        workspace.path().join("back.zarr"),
    );
    let (mut here, back) = (content(&here), content(&back));
    // A copy is a store of its own: it is given its identity when it is first written.
    assert!(here.remove("journal/identity.json").is_some());
    assert!(here.len() > 700, "{}", here.len());
    assert_eq!(
        here.keys().collect::<Vec<_>>(),
        back.keys().collect::<Vec<_>>()
    );
    assert!(here == back, "objects differ");

    let elsewhere = workspace.zf("cp here.zarr .");
    assert_eq!(elsewhere.code, Some(1));
    assert!(
        elsewhere
            .stderr
            .contains("`.` holds other objects; give an empty place"),
        "{}",
        elsewhere.stderr
    );
}

/// A counter of `/metrics`.
fn counted(metrics: &str, line: &str) -> u64 {
    let found = metrics.lines().find_map(|found| found.strip_prefix(line));
    found
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn contributions_that_arrive_together_share_requests_to_s3() {
    let Some(ceph) = Ceph::start().unwrap() else {
        return;
    };
    let workspace = Workspace::new();
    let url = format!("{}/readings", ceph.bucket().unwrap());
    let schema = SCHEMA
        .replace("here.zarr", &url)
        .replace("chunk_size: 4", "chunk_size: 1024");
    workspace.write("readings.yaml", &schema);
    let config = "server: {listen: '127.0.0.1:0'}\ndatasets: [readings.yaml]\n";
    workspace.write("zarr-fuse.yaml", config);
    let environment = ceph.environment();
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut service = Service::spawn_in(workspace.path(), ["serve"], &environment).unwrap();
    service.ready().await.unwrap();
    let address = service.address();
    let metrics = async || {
        let mut connection = Connection::open(address).await.unwrap();
        connection.get("/metrics").await.unwrap().text()
    };
    let kinds = ["get", "put", "create", "list", "copy", "delete"];
    let counts = |metrics: &str| {
        let of = |kind| {
            let line =
                format!("zarr_fuse_store_requests_total{{dataset=\"readings\",kind=\"{kind}\"}}");
            counted(metrics, &line)
        };
        let commits = counted(metrics, "zarr_fuse_commits_total{dataset=\"readings\"}");
        (kinds.map(of), commits)
    };
    let (before, commits_before) = counts(&metrics().await);
    let deadline = Instant::now() + Duration::from_secs(4);
    let clients = (0..16_u64).map(|client| {
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await.unwrap();
            let mut took = Vec::new();
            while Instant::now() < deadline {
                let time = 1_700_000_000 + took.len();
                let body = format!("time,station,value\n{time},S{client},1.5\n");
                let begin = Instant::now();
                let headers = [("content-type", "text/csv")];
                let path = "/api/v1/ingest/readings/readings";
                let answer = connection
                    .post(path, &headers, body.as_bytes())
                    .await
                    .unwrap();
                assert_eq!(answer.status, 202, "{}", answer.text());
                took.push(begin.elapsed());
            }
            took
        })
    });
    let mut took = Vec::new();
    for client in clients.collect::<Vec<_>>() {
        took.extend(client.await.unwrap());
    }
    let mut connection = Connection::open(address).await.unwrap();
    let last = b"time,station,value\n1800000000,last,1\n";
    let path = "/api/v1/ingest/readings/readings?wait=merged";
    let merged = connection
        .post(path, &[("content-type", "text/csv")], last)
        .await
        .unwrap();
    assert_eq!(merged.status, 200, "{}", merged.text());
    let (after, commits_after) = counts(&metrics().await);
    let n = took.len() as u64 + 1;
    let n_commits = commits_after - commits_before;
    let each: Vec<u64> = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before)
        .collect();
    let n_requests: u64 = each.iter().sum();
    // Every commit creates one batch of outcomes; the other creates are segments.
    let n_segments = each[2].saturating_sub(n_commits);
    took.sort_unstable();
    println!(
        "{n} contributions acknowledged, p50 {:?}, p99 {:?}; {n_segments} segments, {n_commits} commits\n\
         requests {}\n\
         per 1000 contributions: {} to acknowledge them, {} in all; per commit: {}",
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        kinds
            .iter()
            .zip(&each)
            .map(|(kind, n)| format!("{kind} {n}"))
            .collect::<Vec<_>>()
            .join(", "),
        n_segments * 1000 / n,
        n_requests * 1000 / n,
        (n_requests - n_segments).div_ceil(n_commits)
    );
    assert!(
        n_requests < n,
        "{n_requests} requests for {n} contributions"
    );
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");
}
