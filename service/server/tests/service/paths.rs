//! Hostile paths, sent as they are over a socket: nothing leaves its place.

use std::os::unix::fs::symlink;
use std::path::Path;

use zarr_fuse_harness::wire::{Answer, Connection};
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{BOREHOLES, World};

const CSV: &str = "time,borehole,T\n2024-05-01T12:00:00,A,11.5\n";
/// Stands in files that must not be reached.
const HIDDEN: &str = "hidden-outside-of-the-store";

/// Ways out of a folder, ways into hidden parts of it, and what breaks programs that read paths.
fn hostile() -> Vec<Vec<u8>> {
    let texts = [
        "..",
        "../",
        "../..",
        "../../../../../../etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e",
        "%2e%2e/%2e%2e/etc/passwd",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "%252e%252e%252fetc%252fpasswd",
        "..%5c..%5cetc%5cpasswd",
        "..\\..\\etc\\passwd",
        "..;/etc/passwd",
        "%c0%ae%c0%ae/etc/passwd",
        "%uff0e%uff0e/etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
        "%2fetc%2fpasswd",
        "%2Fetc%2Fpasswd",
        "file:///etc/passwd",
        "C:%5cwindows%5cwin.ini",
        "outside/secret",
        "temperature/outside/secret",
        "temperature/../journal/writer.lock",
        "journal/segments/00000000000000000001.seg",
        "journal%2fsegments%2f00000000000000000001.seg",
        "temperature/%2e%2e/journal/schema.yaml",
        "journal/schema.yaml",
        "staging/1/zarr.json",
        "temperature/rock_temp/c/0/0/../../zarr.json",
        "temperature/rock_temp/c/..%2f..%2fzarr.json",
        ".",
        "./zarr.json",
        "%00",
        "zarr.json%00",
        "temperature%00/zarr.json",
        "zarr.json%00.png",
        "%ff%fe",
        "%f0%28%8c%28",
        "%",
        "%2",
        "%zz",
        "~root",
        "*",
        "{node}",
        "${HOME}",
        "a%0d%0aset-cookie:%20x=1",
        "%E2%80%AE",
        "CON",
        "zarr.json/",
        "zarr.json//",
        "zarr.json?../..",
        "zarr.json;x=y",
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(b"\xff\xfe/zarr.json".to_vec());
    all.push("žluťoučký/../kůň".as_bytes().to_vec());
    all.push("a".repeat(10_000).into_bytes());
    all.push("../".repeat(3_000).into_bytes());
    all.push("%2e%2e%2f".repeat(1_500).into_bytes());
    all.push("a/".repeat(5_000).into_bytes());
    all
}

/// Prefixes of all routes with a part of the path that the client chooses.
const ROUTES: [(&str, &str); 12] = [
    ("GET", "/zarr/boreholes/"),
    ("HEAD", "/zarr/boreholes/"),
    ("GET", "/zarr/"),
    ("GET", "/api/v1/datasets/"),
    ("GET", "/api/v1/datasets/boreholes/"),
    ("GET", "/api/v1/query/"),
    ("GET", "/api/v1/query/boreholes/"),
    ("GET", "/api/v1/contributions/"),
    ("POST", "/api/v1/ingest/"),
    ("POST", "/api/v1/ingest/boreholes/"),
    ("GET", "/docs/"),
    ("GET", "/"),
];

fn request(method: &str, prefix: &str, path: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{method} {prefix}").into_bytes();
    bytes.extend_from_slice(path);
    bytes.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    if method == "POST" {
        let n = CSV.len();
        bytes.extend_from_slice(
            format!("content-type: text/csv\r\ncontent-length: {n}\r\n").as_bytes(),
        );
    }
    bytes.extend_from_slice(b"\r\n");
    if method == "POST" {
        bytes.extend_from_slice(CSV.as_bytes());
    }
    bytes
}

async fn send(world: &World, request: &[u8]) -> Answer {
    let mut connection = Connection::open(world.address).await.unwrap();
    connection.send(request).await.unwrap()
}

/// A service on a folder, beside which lies what nobody may read.
async fn world(folder: &Path) -> World {
    let store = folder.join("store.zarr");
    std::fs::create_dir_all(folder.join("outside")).unwrap();
    std::fs::write(folder.join("outside/secret"), HIDDEN).unwrap();
    std::fs::write(folder.join("zarr.json"), HIDDEN).unwrap();
    let store = store.display().to_string();
    let world = World::on(&[("boreholes", BOREHOLES, &store)], LimitsConfig::default()).await;
    world.merge("/api/v1/ingest/boreholes", CSV).await;
    symlink(folder.join("outside"), Path::new(&store).join("outside")).unwrap();
    world
}

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.display().to_string());
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path));
        }
    }
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_paths_are_answered_and_reach_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let before = files(folder.path());
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let passwd = passwd.lines().next().unwrap();
    let mut n_sent = 0;
    for path in hostile() {
        for (method, prefix) in ROUTES {
            let shown = format!("{method} {prefix}{}", String::from_utf8_lossy(&path));
            let shown: String = shown.chars().take(100).collect();
            let mut connection = Connection::open(world.address).await.unwrap();
            let request = request(method, prefix, &path);
            let answer = if method == "HEAD" {
                connection.head(&request).await.unwrap()
            } else {
                connection.send(&request).await.unwrap()
            };
            n_sent += 1;
            let text = answer.text();
            assert!(answer.status < 500, "{shown}: {} {text}", answer.status);
            assert!(
                !text.contains(HIDDEN) && !text.contains(passwd),
                "{shown}: {text}"
            );
            assert!(!text.starts_with("ZFJ"), "{shown}: a segment");
            assert!(answer.header("set-cookie").is_none(), "{shown}");
            // Only what stands at this place itself, written in other ways, is found.
            if answer.status < 300 && method != "POST" {
                let content_type = answer.header("content-type").unwrap_or_default();
                let is_known = ["zarr.json", "application/json", "text/html"]
                    .iter()
                    .any(|known| content_type.starts_with(known));
                assert!(is_known, "{shown}: {} {content_type}", answer.status);
            } else if answer.status >= 400 && method != "HEAD" && !text.is_empty() {
                assert!(
                    text.starts_with("{\"type\":\"urn:zarr-fuse:problem:"),
                    "{shown}: {text}"
                );
                assert!(text.len() < 2_000, "{shown}: {}", text.len());
            }
        }
    }
    assert!(n_sent > 600, "{n_sent}");
    let after = files(folder.path());
    let new: Vec<_> = after.iter().filter(|file| !before.contains(file)).collect();
    let is_inside = |file: &&&String| file.contains("/store.zarr/");
    assert!(new.iter().all(|file| is_inside(&file)), "{new:?}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_store_leads_nobody_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let store = folder.path().join("store.zarr");
    let secret = folder.path().join("outside/secret");
    for key in ["temperature/rock_temp/c/7/7", "temperature/n_samples/c/7/7"] {
        let at = store.join(key);
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        symlink(&secret, at).unwrap();
    }
    let variable = store.join("temperature/n_samples/c");
    std::fs::remove_dir_all(&variable).unwrap();
    std::fs::create_dir_all(folder.path().join("outside/0")).unwrap();
    std::fs::write(folder.path().join("outside/0/0"), HIDDEN).unwrap();
    symlink(folder.path().join("outside"), &variable).unwrap();
    for path in [
        "/zarr/boreholes/temperature/rock_temp/c/7/7",
        "/zarr/boreholes/temperature/n_samples/c/0/0",
    ] {
        let answer = send(&world, &request("GET", path, b"")).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_name_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(folder.path()).await;
    let before = files(folder.path());
    for (key, status) in [
        ("../../../../tmp/x", 202),
        ("/etc/passwd", 202),
        ("..%2f..%2fx", 202),
        ("a\u{0}b", 400),
        ("\u{7f}", 400),
        ("", 400),
    ] {
        let mut bytes = b"POST /api/v1/ingest/boreholes HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: text/csv\r\nidempotency-key: ".to_vec();
        bytes.extend_from_slice(key.as_bytes());
        bytes.extend_from_slice(
            format!("\r\ncontent-length: {}\r\n\r\n{CSV}", CSV.len()).as_bytes(),
        );
        let answer = send(&world, &bytes).await;
        assert_eq!(answer.status, status, "{key:?}: {}", answer.text());
    }
    let outside = |files: &[String]| {
        let mut outside = files.to_vec();
        outside.retain(|file| !file.contains("/store.zarr/"));
        outside
    };
    assert_eq!(outside(&files(folder.path())), outside(&before));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_too_long_is_a_problem() {
    let world = World::new().await;
    for path in ["/api/v1/datasets/", "/health/live?", "/nowhere/"] {
        let answer = send(&world, &request("GET", path, "a".repeat(17_000).as_bytes())).await;
        assert_eq!(answer.status, 414, "{}", answer.text());
        assert!(
            answer
                .text()
                .contains("path and query are longer than 16384 bytes"),
            "{}",
            answer.text()
        );
    }
    world.end().await.unwrap();
}
