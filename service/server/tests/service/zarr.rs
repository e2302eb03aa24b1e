//! The Zarr store over HTTP.

use reqwest::Method;
use zarr_fuse_harness::{python, run};
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{BOREHOLES, World, json, refused};

const CSV: &str = "time,borehole,T\n2024-05-01T12:00:00,A,11.5\n2024-05-01T13:00:00,B,12.25\n";
const CHUNK: &str = "/zarr/boreholes/temperature/rock_temp/c/0/0";

async fn filled() -> World {
    let world = World::new().await;
    world.merge("/api/v1/ingest/boreholes", CSV).await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_given_whole_with_length_and_tag() {
    let world = filled().await;
    let metadata = world.get("/zarr/boreholes/temperature/zarr.json").await;
    assert_eq!(metadata.status(), 200);
    assert_eq!(metadata.headers()["content-type"], "application/json");
    assert_eq!(json(metadata).await["node_type"], "group");
    let chunk = world.get(CHUNK).await;
    let headers = chunk.headers().clone();
    let bytes = chunk.bytes().await.unwrap();
    assert_eq!(
        headers["content-length"].to_str().unwrap(),
        bytes.len().to_string()
    );
    assert_eq!(headers["accept-ranges"], "bytes");
    let head = world.ask(Method::HEAD, CHUNK).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(head.headers()["content-length"], headers["content-length"]);
    assert_eq!(head.headers()["etag"], headers["etag"]);
    let again = world
        .ask(Method::GET, CHUNK)
        .header("if-none-match", &headers["etag"]);
    assert_eq!(again.send().await.unwrap().status(), 304);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_give_parts() {
    let world = filled().await;
    let whole = world.get(CHUNK).await.bytes().await.unwrap();
    let n = whole.len();
    let ask = async |range: &str| {
        let request = world
            .ask(Method::GET, CHUNK)
            .header("range", range.to_owned());
        request.send().await.unwrap()
    };
    for (range, begin, end) in [
        ("bytes=0-3".to_owned(), 0, 4),
        ("bytes=5-".to_owned(), 5, n),
        ("bytes=-4".to_owned(), n - 4, n),
        (format!("bytes=7-{}", 10 * n), 7, n),
    ] {
        let part = ask(&range).await;
        assert_eq!(part.status(), 206, "{range}");
        let expected = format!("bytes {begin}-{}/{n}", end - 1);
        assert_eq!(part.headers()["content-range"].to_str().unwrap(), expected);
        assert_eq!(
            part.headers()["content-length"].to_str().unwrap(),
            (end - begin).to_string()
        );
        assert_eq!(part.bytes().await.unwrap(), whole[begin..end], "{range}");
    }
    assert_eq!(ask("bytes=0-1,3-4").await.status(), 200, "several ranges");
    let stale = world
        .ask(Method::GET, CHUNK)
        .header("range", "bytes=0-3")
        .header("if-range", "\"other\"");
    assert_eq!(
        stale.send().await.unwrap().status(),
        200,
        "the range of another state"
    );
    let outside = ask(&format!("bytes={n}-")).await;
    assert_eq!(outside.status(), 416);
    assert_eq!(
        outside.headers()["content-range"].to_str().unwrap(),
        format!("bytes */{n}")
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_the_zarr_store_can_be_reached() {
    let world = filled().await;
    for key in [
        "journal/segments/00000000000000000001.seg",
        "journal/schema.yaml",
        "temperature/../journal/segments/00000000000000000001.seg",
        "temperature/%2e%2e/journal/segments/00000000000000000001.seg",
        "temperature%2Fzarr.json",
        "temperature/zarr.json%00",
        "temperature/rock_temp/c/0/0/",
        "temperature/rock_temp/c/9/9",
        ".zmetadata",
        "",
    ] {
        let response = world.get(&format!("/zarr/boreholes/{key}")).await;
        assert_eq!(response.status(), 404, "{key}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json",
            "{key}"
        );
    }
    refused(
        world.ask(Method::GET, "/zarr/boreholes/temperature/.zgroup"),
        404,
        "the Zarr store of `boreholes` has no object `temperature/.zgroup`; chunks that were never written do not exist",
    )
    .await;
    let long = format!("/zarr/boreholes/{}", "a/".repeat(8_000));
    assert_eq!(world.get(&long).await.status(), 404);
    world.end().await.unwrap();
}

const SCRIPT: &str = r#"
import sys, warnings
warnings.simplefilter("error")
import xarray as xr
with xr.open_zarr(sys.argv[1], group="temperature") as ds:
    assert list(ds.rock_temp.dims) == ["time", "borehole"], ds
    assert str(ds.time.values[0]) == "2024-05-01T10:00:00.000000000", ds.time
    assert list(ds.borehole.values) == ["A", "B"], ds.borehole
    table = ds.rock_temp.values
    assert table[0, 0] == 11.5 and table[1, 1] == 12.25, table
    assert table[0, 1] != table[0, 1], table
tree = xr.open_datatree(sys.argv[1], engine="zarr")
assert "temperature" in tree.children, tree
print("read")
"#;

/// The same from memory and from a folder: stores differ in tags and in how they give ranges.
#[tokio::test(flavor = "multi_thread")]
async fn xarray_opens_it_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let address = folder.path().join("boreholes.zarr").display().to_string();
    for store in ["memory://", &address] {
        let world = World::on(&[("boreholes", BOREHOLES, store)], LimitsConfig::default()).await;
        world.merge("/api/v1/ingest/boreholes", CSV).await;
        // The root learns of commits a moment later.
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let url = world.url("/zarr/boreholes");
        let read = move || {
            let mut command = run::command(python::interpreter().unwrap());
            run::run(command.args(["-c", SCRIPT, &url])).unwrap()
        };
        let read = tokio::task::spawn_blocking(read).await.unwrap();
        assert_eq!(
            (read.stdout.as_str(), read.stderr.as_str()),
            ("read\n", ""),
            "{store}"
        );
        world.end().await.unwrap();
    }
}
