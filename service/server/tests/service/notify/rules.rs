//! Rules from the problem to the mailbox: told once, not again while it lasts, and once when it is over.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use zarr_fuse_harness::web::{Asked, Reply, Server};
use zarr_fuse_server::{
    app::App,
    config::{Config, LimitsConfig},
};

use super::{MailServer, PATIENCE, Teller, hook, told};
use crate::world::{BOREHOLES, World};

/// A web server that takes every message.
async fn web() -> (Server, UnboundedReceiver<Asked>) {
    let (sender, taken) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start("127.0.0.1", move |asked| {
        let _closed = sender.send(asked.clone());
        Reply::new(200, "{}")
    });
    (server.await.unwrap(), taken)
}

/// The next message to a webhook: its stage and title.
async fn posted(taken: &mut UnboundedReceiver<Asked>) -> (String, String) {
    let asked = tokio::time::timeout(PATIENCE, taken.recv()).await;
    let body: Json = serde_json::from_slice(&asked.unwrap().unwrap().body).unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (text("stage"), text("title"))
}

/// Mail over STARTTLS and a webhook, and one rule.
fn config(folder: &Path, mail: &MailServer, web: &Server, rule: &Json) -> Json {
    json!({
        "name": "bukov", "interval": "50ms", "smtp": mail.config(folder, "starttls", Some("zf")),
        "channels": {"desk": {"email": {"to": ["ann@example.org"]}}, "chat": hook(web.address)},
        "rules": {"it": rule},
    })
}

/// A service whose collector asks `source` when it is asked to.
async fn collecting(folder: &Path, source: &Server) -> Arc<App> {
    std::fs::write(folder.join("boreholes.yaml"), BOREHOLES).unwrap();
    let text = format!(
        "datasets: {{boreholes: {{schema: boreholes.yaml, store: 'memory://'}}}}\ncollectors:\n  feed:\n    \
         target_node: temperature\n    runs: [{{cron: '0 0 1 1 *'}}]\n    request:\n      url: {}/feed.csv\n      \
         max_attempts: 1\n      allow_private: [127.0.0.1]\n      headers: [{{header_name: User-Agent, header_value: tests}}]\n",
        source.url("")
    );
    let file = folder.join("zarr-fuse.yaml");
    std::fs::write(&file, text).unwrap();
    let config = Config::load(&file, &HashMap::new()).unwrap();
    let stop = CancellationToken::new();
    App::build(config, stop).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_three_times_is_told_once_and_once_when_it_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start(folder.path(), "starttls", "zf", 0).await;
    let (web, mut taken) = web().await;
    let is_well = Arc::new(AtomicBool::new(false));
    let health = Arc::clone(&is_well);
    let source = Server::start("127.0.0.1", move |_| {
        if health.load(Ordering::Relaxed) {
            let csv = "time,borehole,T\n2025-03-01T12:00:00,B1,5\n";
            Reply::new(200, csv).with("Content-Type", "text/csv")
        } else {
            Reply::new(500, "")
        }
    });
    let source = source.await.unwrap();
    let app = collecting(folder.path(), &source).await;
    let rule = json!({"when": "collector_failed", "times": 3});
    let told = told();
    let teller = Teller::start(&app, &told, config(folder.path(), &mail, &web, &rule));
    let stop = CancellationToken::new();
    let feed = Arc::clone(&app.collectors["feed"]);
    let running = tokio::spawn(Arc::clone(&feed).run(stop.clone()));
    let run = async |n: u64| {
        feed.collector.ask();
        let done = async {
            while feed.collector.status().totals.runs < n {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, done).await.unwrap();
        // Time for a look after each run: two failures must not be told.
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    for n in 1..=5 {
        run(n).await;
    }
    let title = "the collector `feed` failed 3 times in a row";
    let got = mail.mail().await;
    assert_eq!(got["headers"]["subject"], format!("[bukov] {title}"));
    assert_eq!((&got["tls"], &got["user"]), (&json!(true), &json!("zf")));
    assert!(got["body"].as_str().unwrap().contains("500"), "{got}");
    assert_eq!(posted(&mut taken).await, ("began".into(), title.into()));
    is_well.store(true, Ordering::Relaxed);
    run(6).await;
    // The fourth and fifth failure were not told: the next message is that it is over.
    let got = mail.mail().await;
    let subject = got["headers"]["subject"].as_str().unwrap();
    assert!(
        subject.starts_with("[bukov] over: the collector `feed` failed"),
        "{subject}"
    );
    assert_eq!(posted(&mut taken).await.0, "over");
    teller.end().await;
    stop.cancel();
    running.await.unwrap();
    assert!(taken.try_recv().is_err(), "nothing more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_written_is_told_once_and_once_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let mut mail = MailServer::start(folder.path(), "starttls", "zf", 0).await;
    let (web, mut taken) = web().await;
    let store = folder.path().join("site.zarr");
    let schemas = [("boreholes", BOREHOLES, store.to_str().unwrap())];
    let world = World::on(&schemas, LimitsConfig::default()).await;
    let path = "/api/v1/ingest/boreholes/temperature";
    let good = "time,borehole,T\n2025-03-01T12:00:00,B1,5\n";
    world.merge(path, good).await;
    let rule = json!({"when": "store_unreachable", "after": "100ms"});
    let told = told();
    let teller = Teller::start(&world.app, &told, config(folder.path(), &mail, &web, &rule));
    // A file lies where the journal's folder should be.
    let (journal, away) = (store.join("journal"), store.join("journal.away"));
    std::fs::rename(&journal, &away).unwrap();
    std::fs::write(&journal, "").unwrap();
    let send = async || {
        let later = good.replace("12:00", "12:10");
        world
            .post(path, "text/csv", later)
            .send()
            .await
            .unwrap()
            .status()
    };
    for _ in 0..3 {
        assert_eq!(send().await, 503);
    }
    let title = "the journal of `boreholes` cannot be written: nothing is taken";
    let got = mail.mail().await;
    assert_eq!(got["headers"]["subject"], format!("[bukov] {title}"));
    assert_eq!(posted(&mut taken).await, ("began".into(), title.into()));
    assert_eq!(send().await, 503);
    std::fs::remove_file(&journal).unwrap();
    std::fs::rename(&away, &journal).unwrap();
    // It finds out by itself.
    let got = mail.mail().await;
    assert_eq!(got["headers"]["subject"], format!("[bukov] over: {title}"));
    let over = ("over".into(), format!("over: {title}"));
    assert_eq!(posted(&mut taken).await, over);
    assert_eq!(send().await, 202);
    teller.end().await;
    world.end().await.unwrap();
    assert!(taken.try_recv().is_err(), "nothing more");
}
