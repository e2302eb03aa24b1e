//! Collectors inside the service: a day of forecasts for forty places, and the routes.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use reqwest::{Client, Method};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::{
    Clock,
    simulate::{Location, locationforecast},
};
use zarr_fuse_harness::web::{Asked, Reply, Server};
use zarr_fuse_journal::outcome::Status;
use zarr_fuse_server::{
    app::App,
    config::{Config, ServerConfig},
    run,
};

use crate::world::{json, problem};

const N_PLACES: usize = 40;

fn checkout() -> PathBuf {
    zarr_fuse_harness::checkout()
}

/// The shipped configuration of yr.no, asking `server` for [`N_PLACES`] places, in memory.
fn yrno(folder: &Path, server: &Server) -> Config {
    let shipped = std::fs::read_to_string(checkout().join("collectors/yrno/zarr-fuse.yaml"));
    let text = shipped.unwrap();
    let schema = checkout()
        .join("schemas/weather.yaml")
        .display()
        .to_string();
    let replace = [
        (
            "../../schemas/weather.yaml, store: weather.zarr",
            format!("{schema}, store: \"memory://\""),
        ),
        ("https://api.met.no", server.url("")),
        (
            "    request:\n",
            "    request:\n      allow_private: [127.0.0.1]\n      max_concurrent_per_host: 1\n"
                .to_owned(),
        ),
    ];
    let text = replace.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    let mut places = "name,latitude,longitude\n".to_owned();
    for idx in 0..N_PLACES {
        let step = f64::from(u32::try_from(idx).unwrap()) / 100.0;
        writeln!(places, "place {idx},{:.2},{:.2}", 50.0 + step, 14.0 + step).unwrap();
    }
    std::fs::write(folder.join("locations.csv"), places).unwrap();
    let file = folder.join("zarr-fuse.yaml");
    std::fs::write(&file, text).unwrap();
    Config::load(&file, &std::collections::HashMap::new()).unwrap()
}

/// Imitates yr.no: a new forecast every six hours that expires after half an hour or so, and now and then a failure.
fn forecasts(clock: &Clock) -> impl Fn(&Asked) -> Reply + Send + Sync + 'static {
    let (clock, n) = (clock.clone(), AtomicU64::new(0));
    move |asked| {
        assert!(asked.header("user-agent").unwrap().starts_with("zarr-fuse"));
        let n = n.fetch_add(1, Ordering::Relaxed) + 1;
        match n {
            _ if n % 97 == 0 => return Reply::new(429, "").with("Retry-After", "20"),
            _ if n % 131 == 0 => return Reply::new(503, "<html>try later</html>"),
            _ if n % 211 == 0 => {
                return Reply::new(200, "{\"properties\": {\"timeser")
                    .with("Content-Type", "application/json");
            }
            _ if n % 307 == 0 => {
                clock.advance(Duration::from_secs(31));
                return Reply::Silence;
            }
            _ if n % 401 == 0 => return Reply::Bytes(b"\xff\xfe nonsense".to_vec()),
            _ => {}
        }
        let now = clock.now();
        let issued = now
            .with_minute(0)
            .and_then(|now| now.with_hour(now.hour() / 6 * 6))
            .unwrap();
        let modified = http_date(issued.with_second(0).unwrap());
        let expires = http_date(now + TimeDelta::minutes(28 + i64::try_from(n % 7).unwrap()));
        if asked.header("if-modified-since") == Some(&modified) {
            return Reply::new(304, "").with("Expires", &expires);
        }
        let (latitude, longitude) = coordinates(&asked.target);
        let place = Location {
            name: "somewhere",
            latitude,
            longitude,
            altitude: 300.0,
        };
        let body = locationforecast(&place, issued, 60).to_string();
        Reply::new(200, body)
            .with("Content-Type", "application/json")
            .with("Last-Modified", &modified)
            .with("Expires", &expires)
    }
}

fn http_date(at: DateTime<Utc>) -> String {
    at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn coordinates(target: &str) -> (f64, f64) {
    let url = url::Url::parse(&format!("http://x{target}")).unwrap();
    let value = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.unwrap().1.parse().unwrap()
    };
    (value("lat"), value("lon"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_forecasts_for_forty_places() {
    let begin: DateTime<Utc> = "2026-01-10T00:00:01Z".parse().unwrap();
    let clock = Clock::jumping(begin);
    let server = Server::start("127.0.0.1", forecasts(&clock)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = yrno(folder.path(), &server);
    let stop = CancellationToken::new();
    let app = App::build_at(config, &clock, stop.clone()).await.unwrap();
    let collecting = Arc::clone(&app.collectors["yrno"]);
    let end = begin + TimeDelta::days(1) - TimeDelta::seconds(2);
    clock.by(end, Arc::clone(&collecting).run(stop)).await;
    let dataset = &app.dataset("weather").unwrap();
    dataset.fold_all().await.unwrap();

    let totals = collecting.collector.status().totals;
    let counts = dataset.journal.counts("forecast");
    let of = |status: Status| counts.get(&status).copied().unwrap_or(0);
    let c = totals.counts;
    println!(
        "runs {}  pages {}  requests {}  fresh {}  unchanged {}  retries {}  failed {}  contributed {}  merged {}  rejected {}",
        totals.runs,
        c.planned,
        c.requests,
        c.fresh,
        c.unchanged,
        c.retries,
        c.failed,
        c.contributed,
        of(Status::Merged),
        of(Status::Rejected)
    );
    assert!(
        (95..=96).contains(&totals.runs),
        "every quarter of an hour: {}",
        totals.runs
    );
    assert_eq!(c.planned, totals.runs * N_PLACES as u64);
    // The run that begins at midnight is cut off after its first request.
    assert!(server.asked().len() as u64 - c.requests <= 2);
    assert_eq!(c.planned, c.fresh + c.unchanged + c.failed + c.contributed);
    assert_eq!(
        c.requests,
        c.unchanged + c.contributed + c.retries + c.failed
    );
    assert_eq!(
        (c.failed, c.retries > 20),
        (0, true),
        "what failed was tried again"
    );
    let settled = of(Status::Merged) + of(Status::Rejected);
    assert!(
        (c.contributed..=c.contributed + 2).contains(&settled),
        "{settled}, but for the run that is cut off"
    );
    assert!(of(Status::Rejected) > 0, "garbage is rejected, and kept");
    // Four forecasts for each place; what came after garbage came as if it were new.
    let expected = 4 * N_PLACES as u64;
    assert!((expected..=expected + of(Status::Rejected)).contains(&of(Status::Merged)));
    assert!(
        c.requests < c.planned * 2 / 3,
        "most of the time nothing had expired"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_are_listed_and_run_when_asked() {
    let clock = Clock::held("2026-01-10T12:07:00Z".parse().unwrap());
    let server = Server::start("127.0.0.1", forecasts(&Clock::held(clock.now())))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = yrno(folder.path(), &server);
    let yrno = config.collectors.get_mut("yrno").unwrap();
    yrno.request.as_mut().unwrap().min_interval = Duration::ZERO;
    let stop = CancellationToken::new();
    let app = App::build_at(config, &clock, stop.clone()).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!(
        "http://{}/api/v1/collectors",
        listener.local_addr().unwrap()
    );
    let running = tokio::spawn(run(Arc::clone(&app), listener, ServerConfig::default()));
    let client = Client::builder().no_proxy().build().unwrap();

    let events = base.replace("collectors", "events");
    let mut events = client.get(events).send().await.unwrap();
    let asked = client
        .post(format!("{base}/yrno/run"))
        .send()
        .await
        .unwrap();
    assert_eq!(asked.status(), 202);
    let state = loop {
        let list = json(client.get(&base).send().await.unwrap()).await;
        let outcomes = &list["collectors"][0]["last_run"]["outcomes"];
        if outcomes["merged"] == N_PLACES {
            break list["collectors"][0].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(state["kind"], "http");
    assert_eq!(
        (&state["endpoint"], &state["dataset"]),
        (&Json::from("yrno"), &Json::from("weather"))
    );
    assert_eq!(state["schedule"], serde_json::json!(["*/15 * * * * (UTC)"]));
    assert_eq!(state["last_run"]["due"], "2026-01-10T12:00:00Z");
    assert_eq!(state["last_run"]["n_contributed"], N_PLACES);
    assert_eq!(state["next_run"], "2026-01-10T12:15:00Z");
    assert_eq!(state["totals"]["n_runs"], 1);

    let mut told = String::new();
    while !told.contains("\"state\":\"ended\"") {
        let piece = events.chunk().await.unwrap().unwrap();
        told.push_str(std::str::from_utf8(&piece).unwrap());
    }
    let (began, ended) = told.split_once("\"state\":\"ended\"").unwrap();
    assert!(
        began.contains(
            "event: collector\ndata: {\"name\":\"yrno\",\"dataset\":\"weather\",\"state\":\"began\""
        ),
        "{began}"
    );
    assert!(
        ended.contains("\"is_good\":true,\"n_contributed\":40,\"n_failed\":0}"),
        "{ended}"
    );

    let unknown = client.request(Method::POST, format!("{base}/yrnoo/run"));
    let (status, body) = problem(unknown).await;
    assert_eq!(status, 404);
    assert_eq!(
        body["detail"],
        "there is no collector `yrnoo` that runs; there are `yrno`"
    );
    stop.cancel();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_see_no_collectors_and_nobody_sees_their_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "p.yaml",
        "ATTRS: {STORE_URL: 'memory://p'}\nn:\n  COORDS: {time: {unit: {tick: s}}}\n  VARS: {v: {coords: time}}\n",
    );
    let auth = serde_json::json!({
        "public": ["p"],
        "tokens": [crate::who::token("admin", "admin", &["admin"]), crate::who::token("reader", "reader", &["read:p"])],
    });
    write(
        "zarr-fuse.yaml",
        &format!(
            "datasets: [p.yaml]\nauth: {auth}\ncollectors:\n  feed:\n    target_node: n\n    runs: [{{cron: '0 0 1 1 *'}}]\n    \
             request:\n      url: 'http://joe:SECRETPW@127.0.0.1:9/a?token=SECRETTOK&SECRETWORD'\n      max_attempts: 1\n      timeout: 2s\n      \
             headers: [{{header_name: User-Agent, header_value: t}}]\n      query_params: [{{name: q, value: SECRETKEY}}]\n"
        ),
    );
    let file = folder.path().join("zarr-fuse.yaml");
    let config = Config::load(&file, &std::collections::HashMap::new()).unwrap();
    let stop = CancellationToken::new();
    let app = App::build(config, stop.clone()).await.unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let running = tokio::spawn(run(Arc::clone(&app), listener, ServerConfig::default()));
    let client = Client::builder().no_proxy().build().unwrap();
    let list = format!("{base}/api/v1/collectors");
    let ran = client.post(format!("{list}/feed/run")).bearer_auth("admin");
    assert_eq!(ran.send().await.unwrap().status(), 202);
    let shown = loop {
        let listed = client.get(&list).bearer_auth("reader").send();
        let text = listed.await.unwrap().text().await.unwrap();
        if text.contains("last_run") {
            break text;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        shown.contains("request 1, http://127.0.0.1:9/a?token=…&…&q=…: "),
        "{shown}"
    );
    assert!(
        !shown.contains("SECRET") && !shown.contains("joe"),
        "{shown}"
    );
    let stranger = client.get(&list).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    let datasets = client.get(format!("{base}/api/v1/datasets/p")).send();
    assert_eq!(datasets.await.unwrap().status(), 200, "it is public");
    stop.cancel();
    running.await.unwrap().unwrap();
}
