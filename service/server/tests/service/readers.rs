//! Readers of the Zarr store while late values move others.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value as Json;
use zarr_fuse_harness::{python, run, wire::Connection};
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{World, json, problem, refused};

const SERIES: &str = "
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 16}
  VARS:
    x: {coords: [time], type: float64}
    y: {coords: [time], type: int64}
";

fn rows(seconds: impl IntoIterator<Item = u32>) -> String {
    let row = |s: u32| format!("2024-05-01T00:{:02}:{:02}Z,{s},{s}\n", s / 60, s % 60);
    "time,x,y\n".to_owned() + &seconds.into_iter().map(row).collect::<String>()
}

async fn series(limits: LimitsConfig) -> World {
    let world = World::on(&[("d", SERIES, "memory://")], limits).await;
    world
        .merge("/api/v1/ingest/d/n", &rows((100..200).step_by(2)))
        .await;
    world
}

/// The address of the present state, as `/zarr/d@now` tells it.
async fn now(world: &World) -> String {
    let answer = world.get("/zarr/d@now").await;
    assert_eq!(answer.status(), 200);
    let path = answer.url().path().to_owned();
    assert_eq!(json(answer).await["node_type"], "group");
    path
}

/// Opens, lets late rows come, and only then reads.
const LAZY: &str = r#"
import sys, urllib.request, warnings
warnings.simplefilter("error")
import numpy, xarray
url = sys.argv[1]
late = iter((150, 99, 101, 300, 0, 199, 250, 1, 111, 400))
def contribute():
    s = next(late)
    row = f"time,x,y\n2024-05-01T00:{s // 60:02}:{s % 60:02}Z,{s},{s}\n".encode()
    request = urllib.request.Request(url + "/api/v1/ingest/d/n?wait=merged", data=row, headers={"Content-Type": "text/csv"})
    urllib.request.urlopen(request).read()
now = urllib.request.urlopen(url + "/zarr/d@now").url
n = None
for store in (now, url + "/zarr/d", url + "/zarr/d/n", now):
    group = None if store.endswith("/n") else "n"
    opened = xarray.open_zarr(store, group=group, chunks=None)
    n = n or opened.sizes["time"]
    contribute()
    first = opened.x[: opened.sizes["time"] // 2].values
    contribute()
    seconds = (opened.time.values - numpy.datetime64("2024-05-01")) // numpy.timedelta64(1, "s")
    assert (opened.x.values == seconds).all() and (opened.y.values == seconds).all(), (store, opened.load())
    assert (first == seconds[: len(first)]).all(), (store, first)
assert xarray.open_zarr(now, group="n").sizes["time"] == n
print("read")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_store_opened_before_late_values_came_is_read_as_it_was() {
    let world = series(LimitsConfig::default()).await;
    let url = world.url("");
    let read = move || {
        let mut command = run::command(python::interpreter().unwrap());
        run::run(command.args(["-c", LAZY, url.trim_end_matches('/')])).unwrap()
    };
    let read = tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!((read.stdout.as_str(), read.stderr.as_str()), ("read\n", ""));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_keeps_its_chunks_and_metadata() {
    let world = series(LimitsConfig::default()).await;
    let state = now(&world).await;
    let chunk = |state: &str, n: u32| format!("{state}/n/x/c/{n}");
    let read = async |path: String| {
        let answer = world.get(&path).await;
        assert_eq!(answer.status(), 200, "{path}");
        (
            answer.headers()["etag"].clone(),
            answer.bytes().await.unwrap(),
        )
    };
    let (_, before) = read(chunk(&state, 1)).await;
    let tree = world.get_json("/api/v1/datasets/d").await;
    assert_eq!(tree["zarr_url"], state);
    world.merge("/api/v1/ingest/d/n", &rows([101, 500])).await;
    let (tag, after) = read(chunk(&state, 1)).await;
    assert_eq!(after, before, "made as it was");
    let known = world
        .ask(Method::GET, &chunk(&state, 1))
        .header("if-none-match", &tag);
    assert_eq!(known.send().await.unwrap().status(), 304);
    let part = world
        .ask(Method::GET, &chunk(&state, 1))
        .header("range", "bytes=-4");
    let part = part.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), before[before.len() - 4..]);
    let metadata = world.get_json(&format!("{state}/n/x/zarr.json")).await;
    assert_eq!(metadata["shape"][0], 50);
    let root = world.get_json(&format!("{state}/zarr.json")).await;
    let shape = |root: &Json| root["consolidated_metadata"]["metadata"]["n/x"]["shape"][0].clone();
    assert_eq!(shape(&root), 50);
    let latest = now(&world).await;
    assert_ne!(latest, state);
    let root = world.get_json(&format!("{latest}/zarr.json")).await;
    assert_eq!(shape(&root), 52);
    let beyond = world.get(&chunk(&state, 18_446_744)).await;
    assert_eq!(beyond.status(), 404);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_is_not_kept_is_refused_and_never_another_one() {
    let limits = LimitsConfig {
        keep_layouts: Duration::ZERO,
        ..LimitsConfig::default()
    };
    let world = series(limits).await;
    let state = now(&world).await;
    assert_eq!(world.get("/zarr/d/n/zarr.json").await.status(), 200);
    world.merge("/api/v1/ingest/d/n", &rows([500])).await;
    assert_eq!(
        world.get(&format!("{state}/n/x/c/0")).await.status(),
        200,
        "what is appended moves nothing"
    );
    world.merge("/api/v1/ingest/d/n", &rows([101])).await;
    for key in ["n/x/c/0", "n/zarr.json", "zarr.json"] {
        let (status, body) = problem(world.ask(Method::GET, &format!("{state}/{key}"))).await;
        assert_eq!(status, 410, "{key}");
        let detail = body["detail"].as_str().unwrap();
        assert!(
            detail.ends_with("`/zarr/d@now` leads to the present state, open that"),
            "{detail}"
        );
    }
    refused(
        world.ask(Method::GET, "/zarr/d/n/x/c/0"),
        410,
        "late values have moved others since `d` was opened from here, longer than 0ns ago, or arrays were written again; open it again",
    )
    .await;
    assert_eq!(world.get("/zarr/d/n/zarr.json").await.status(), 200);
    assert_eq!(
        world.get("/zarr/d/n/x/c/0").await.status(),
        200,
        "opened again"
    );
    let (status, _) = problem(world.ask(Method::GET, "/zarr/d@now/zarr.json")).await;
    assert_eq!(status, 400);
    let (status, _) = problem(world.ask(Method::GET, "/zarr/d@0-00000000/zarr.json")).await;
    assert_eq!(status, 410);
    let (status, _) = problem(world.ask(Method::GET, "/zarr/other@now")).await;
    assert_eq!(status, 404);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_that_are_written_again_are_another_state() {
    let world = series(LimitsConfig::default()).await;
    let late = world.merge("/api/v1/ingest/d/n", &rows([101])).await;
    let state = now(&world).await;
    assert_eq!(world.get("/zarr/d/zarr.json").await.status(), 200);
    let id = late["id"].as_str().unwrap();
    let retracted = world.ask(
        Method::DELETE,
        &format!("/api/v1/contributions/{id}?wait=merged"),
    );
    assert_eq!(retracted.send().await.unwrap().status(), 200);
    for store in [state.as_str(), "/zarr/d"] {
        let (status, _) = problem(world.ask(Method::GET, &format!("{store}/n/x/c/0"))).await;
        assert_eq!(status, 410, "{store}");
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_root_tells_of_what_was_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("d.zarr");
    let address = store.display().to_string();
    let world = World::on(&[("d", SERIES, &address)], LimitsConfig::default()).await;
    for n in 1..6 {
        world.merge("/api/v1/ingest/d/n", &rows([n])).await;
        let root = std::fs::read(store.join("zarr.json")).unwrap();
        let root: Json = serde_json::from_slice(&root).unwrap();
        let shape = &root["consolidated_metadata"]["metadata"]["n/x"]["shape"];
        assert_eq!(*shape, serde_json::json!([n]));
    }
    world.end().await.unwrap();
}

/// The answer that takes long is read slowly enough for late values to come meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_survives_late_values() {
    let limits = LimitsConfig {
        max_query_block_cells: 1 << 14,
        ..LimitsConfig::default()
    };
    let schema = SERIES
        .replace("chunk_size: 16", "chunk_size: 4096")
        .replace("tick: s", "tick: ms");
    let world = World::on(&[("d", &schema, "memory://")], limits).await;
    let row = |n: u64| format!("{n},{n},{n}\n");
    let many: String = (1_000_000..1_300_000).map(row).collect();
    world
        .merge("/api/v1/ingest/d/n", &format!("time,x,y\n{many}"))
        .await;
    let question = "/api/v1/query/d/n?format=csv";
    let expected = world.get(question).await.text().await.unwrap();
    let mut running = world.get(question).await;
    let mut found = Vec::new();
    let mut late = 999_999;
    while let Some(piece) = running.chunk().await.unwrap() {
        found.extend_from_slice(&piece);
        if found.len() > (1_000_000 - late) << 20 {
            let late_row = format!("time,x,y\n{}", row(late as u64));
            world.merge("/api/v1/ingest/d/n", &late_row).await;
            late -= 1;
        }
    }
    assert!(late < 999_995, "late values came while it ran");
    assert!(found == expected.as_bytes(), "the answer is of one state");
    world.end().await.unwrap();
}

/// An answer that is written in pieces takes 40 ms if the system holds the later ones back.
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_sent_at_once() {
    let world = series(LimitsConfig::default()).await;
    let mut connection = Connection::open(world.address).await.unwrap();
    let mut n_slow = 0;
    for _ in 0..200 {
        let begin = Instant::now();
        let answer = connection.get("/zarr/d/n/x/c/0").await.unwrap();
        assert_eq!(answer.status, 200);
        n_slow += usize::from(begin.elapsed() > Duration::from_millis(30));
    }
    assert!(n_slow < 50, "{n_slow} of 200 answers took over 30 ms");
    world.end().await.unwrap();
}
