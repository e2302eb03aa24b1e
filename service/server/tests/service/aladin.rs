//! The shipped collectors of ALADIN, half a day of them, against a server that imitates CHMI's directory on a bad day.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::Clock;
use zarr_fuse_harness::{
    checkout, python,
    web::{Asked, Reply, Server},
};
use zarr_fuse_journal::outcome::Status;
use zarr_fuse_server::{app::App, config::Config};

/// The shipped configuration, asking `server`, with both collectors.
fn shipped(folder: &Path, server: &Server) -> Config {
    let shipped = checkout().join("collectors/aladin");
    std::fs::copy(shipped.join("aladin.yaml"), folder.join("aladin.yaml")).unwrap();
    let text = std::fs::read_to_string(shipped.join("zarr-fuse.yaml")).unwrap();
    let replace = [
        ("https://opendata.chmi.cz", server.url("")),
        (
            "    request:\n",
            "    request:\n      allow_private: [127.0.0.1]\n".to_owned(),
        ),
        ("    enabled: false", "    enabled: true".to_owned()),
    ];
    let text = replace.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    let file = folder.join("zarr-fuse.yaml");
    std::fs::write(&file, text).unwrap();
    Config::load(&file, &HashMap::new()).unwrap()
}

/// Answers with the files of `service/server/tests/fixtures/aladin`, in time or late, whole or not.
fn directory(clock: &Clock) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let clock = clock.clone();
    let asked_before: Mutex<HashMap<String, u32>> = Mutex::default();
    move |asked| {
        assert!(asked.header("user-agent").unwrap().starts_with("zarr-fuse"));
        let root = "/meteorology/weather/nwp_aladin/";
        let path = asked.target.strip_prefix(root).unwrap();
        let before = {
            let mut all = asked_before.lock().unwrap();
            let n = all.entry(path.to_owned()).or_default();
            *n += 1;
            *n - 1
        };
        let place = checkout()
            .join("service/server/tests/fixtures/aladin")
            .join(path);
        let Ok(bytes) = std::fs::read(&place) else {
            return Reply::new(404, "<html>404 Not Found</html>");
        };
        let of = |run: &str, quantity: &str| {
            path.starts_with(&format!("CZ_1km/{run}/"))
                && path.ends_with(&format!("_{quantity}.grb.bz2"))
        };
        let whole = Reply::new(200, bytes.clone())
            .with("Content-Type", "application/octet-stream")
            .with("ETag", &format!("\"{}\"", bytes.len()));
        match before {
            0 if of("00", "CLSTEMPERATURE") => Reply::new(429, "").with("Retry-After", "120"),
            0 if of("00", "CLSHUMI_RELATIVE") => Reply::new(503, "<html>busy</html>"),
            1 if of("00", "CLSHUMI_RELATIVE") => {
                clock.advance(Duration::from_secs(301));
                Reply::Silence
            }
            // The connection breaks in the middle.
            0 if of("00", "CLSWIND_SPEED") => {
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
                Reply::Bytes([head.as_bytes(), &bytes[..bytes.len() / 2]].concat())
            }
            // Half a file that looks whole.
            _ if of("00", "SURFPREC_TOTAL") => Reply::new(200, &bytes[..bytes.len() / 2]),
            _ if of("06", "MSLPRESSURE") => Reply::new(200, "<html>down for maintenance</html>"),
            _ if of("06", "CLSWIND_SPEED") => Reply::new(404, ""),
            _ => whole,
        }
    }
}

/// Lets a collector run from one midnight to the next noon; what it did, and its contributions by what became of them.
async fn half_a_day(folder: &Path, name: &str, node: &str) -> ([u64; 3], HashMap<Status, u64>) {
    let begin: DateTime<Utc> = "2026-01-10T00:00:01Z".parse().unwrap();
    let clock = Clock::jumping(begin);
    let server = Server::start("127.0.0.1", directory(&clock)).await.unwrap();
    let stop = CancellationToken::new();
    let config = shipped(folder, &server);
    let app = App::build_at(config, &clock, stop.clone()).await.unwrap();
    let collecting = Arc::clone(&app.collectors[name]);
    let end = begin + TimeDelta::hours(12);
    clock.by(end, Arc::clone(&collecting).run(stop)).await;
    let dataset = &app.dataset("aladin").unwrap();
    dataset.fold_all().await.unwrap();
    dataset.publish_groups().await.unwrap();
    let counts = collecting.collector.status().totals.counts;
    let became = dataset.journal.counts(node).clone();
    (
        [counts.planned, counts.contributed, counts.failed],
        became.into_iter().collect(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn forecasts_of_aladin_are_merged_as_cfgrib_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let collector = "aladin_central_europe";
    let (did, became) = half_a_day(folder.path(), collector, "forecast_central_europe").await;
    assert_eq!(did, [8, 4, 4], "there are no files of the second run");
    assert_eq!(became, HashMap::from([(Status::Merged, 4)]));
    let (did, became) = half_a_day(folder.path(), "aladin", "forecast").await;
    assert_eq!(did, [10, 9, 1], "one file is not there");
    // Half a file and a web page are rejected, and kept.
    let expected = HashMap::from([(Status::Merged, 7), (Status::Rejected, 2)]);
    assert_eq!(became, expected);
    for (node, expected) in [
        ("forecast", "CZ_1km"),
        ("forecast_central_europe", "Lambert_2.3km"),
    ] {
        let expected = checkout().join(format!(
            "service/server/tests/fixtures/aladin/{expected}.expected.json"
        ));
        let args = ["aladin.zarr", node, expected.to_str().unwrap()];
        let ran = python::script("check_formats.py", folder.path(), args).unwrap();
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    }
}
