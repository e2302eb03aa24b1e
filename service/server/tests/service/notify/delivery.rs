//! Messages that leave the service: to a real mail server and to a web server.

use std::time::Duration;

use serde_json::{Value as Json, json};
use zarr_fuse_harness::web::{Reply, Server};
use zarr_fuse_server::config::LimitsConfig;

use super::{MailServer, PATIENCE, Teller, hook, told};
use crate::world::World;

const BAD: &str = "time,borehole,T\nnever,B1,warm\n";

fn rules(channel: &Json) -> Json {
    json!({
        "name": "bukov", "interval": "50ms", "channels": {"desk": channel},
        "rules": {"bad": {"when": "contribution_rejected", "over_after": "0s"}},
    })
}

async fn contribute_bad(world: &World) {
    let request = world.post(
        "/api/v1/ingest/boreholes/temperature?wait=merged",
        "text/csv",
        BAD,
    );
    assert_eq!(request.send().await.unwrap().status(), 422);
}

/// Waits until the first look is over, after which what is rejected is news.
async fn first_look() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_contribution_is_mailed_over_starttls_after_signing_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = MailServer::start(folder.path(), "starttls", "zf", 2).await;
    let world = World::bounded(LimitsConfig::default()).await;
    let mut config = rules(&json!({"email": {"to": ["Ann <ann@example.org>", "bob@example.org"]}}));
    config["smtp"] = server.config(folder.path(), "starttls", Some("zf"));
    let teller = Teller::start(&world.app, &told(), config);
    first_look().await;
    contribute_bad(&world).await;
    let mail = server.mail().await;
    assert_eq!(mail["tls"], true);
    assert_eq!(mail["user"], "zf");
    assert_eq!(mail["from"], "zf@example.org");
    assert_eq!(mail["to"], json!(["ann@example.org", "bob@example.org"]));
    let headers = &mail["headers"];
    let subject =
        "[bukov] a contribution was rejected: to `boreholes/temperature` through `boreholes`";
    assert_eq!(headers["subject"], subject);
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert_eq!(headers["from"], "Data <zf@example.org>");
    let body = mail["body"].as_str().unwrap();
    assert!(
        body.contains("zf retry ") && !body.contains("warm"),
        "{body}"
    );
    world
        .merge(
            "/api/v1/ingest/boreholes/temperature",
            "time,borehole,T\n2025-03-01T12:00:00,B1,5\n",
        )
        .await;
    let mail = server.mail().await;
    assert_eq!(
        mail["headers"]["subject"],
        subject.replace("[bukov] ", "[bukov] over: ")
    );
    teller.end().await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_over_implicit_tls_and_without_tls_too() {
    for (tls, is_encrypted) in [("implicit", true), ("none", false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = MailServer::start(folder.path(), tls, "", 0).await;
        let world = World::new().await;
        let mut config = rules(&json!({"email": {"to": ["ann@example.org"]}}));
        config["smtp"] = server.config(folder.path(), tls, None);
        let teller = Teller::start(&world.app, &told(), config);
        first_look().await;
        contribute_bad(&world).await;
        assert_eq!(server.mail().await["tls"], is_encrypted);
        teller.end().await;
        world.end().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_trusted_gets_no_password_and_no_mail() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = MailServer::start(folder.path(), "starttls", "zf", 0).await;
    let world = World::new().await;
    let mut config = rules(&json!({"email": {"to": ["ann@example.org"]}}));
    config["smtp"] = server.config(folder.path(), "starttls", Some("zf"));
    config["smtp"]["ca_file"] = Json::Null;
    let told = told();
    let teller = Teller::start(&world.app, &told, config.clone());
    first_look().await;
    contribute_bad(&world).await;
    let line = tokio::time::timeout(Duration::from_millis(1500), server.lines.next_line()).await;
    assert!(line.is_err(), "{line:?}");
    // What waits is delivered after the mistake is mended, as by a reload.
    teller.end().await;
    config["smtp"] = server.config(folder.path(), "starttls", Some("zf"));
    let teller = Teller::start(&world.app, &told, config);
    assert_eq!(server.mail().await["user"], "zf");
    teller.end().await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_json_and_is_tried_again_until_it_takes_it() {
    let n_asked = std::sync::atomic::AtomicU32::new(0);
    let (sender, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start("127.0.0.1", move |asked| {
        let _closed = sender.send(asked.clone());
        match n_asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Reply::new(503, "").with("Retry-After", "0"),
            1 => Reply::Bytes(b"garbage".to_vec()),
            _ => Reply::new(200, "{}"),
        }
    });
    let server = server.await.unwrap();
    let world = World::new().await;
    let teller = Teller::start(&world.app, &told(), rules(&hook(server.address)));
    first_look().await;
    contribute_bad(&world).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let asked = tokio::time::timeout(PATIENCE, taken.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (asked.method.as_str(), asked.target.as_str()),
            ("POST", "/hooks/s3cret")
        );
        assert_eq!(asked.header("authorization"), Some("Bearer t0ken"));
        let body: Json = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!(asked.header("idempotency-key"), body["id"].as_str());
        assert_eq!(body["stage"], "began");
        assert_eq!(body["service"], "bukov");
        assert_eq!(body["rule"], "bad");
        assert_eq!(body["when"], "contribution_rejected");
        assert_eq!(body["n_problems"], 1);
        assert_eq!(
            body["problems"][0]["subject"],
            "boreholes/temperature through boreholes"
        );
        ids.push(body["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(ids[1], ids[2]);
    teller.end().await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn contributions_do_not_wait_for_messages() {
    let server = Server::start("127.0.0.1", |_| Reply::Silence)
        .await
        .unwrap();
    let world = World::new().await;
    let teller = Teller::start(&world.app, &told(), rules(&hook(server.address)));
    first_look().await;
    let begin = std::time::Instant::now();
    for _ in 0..20 {
        contribute_bad(&world).await;
    }
    assert!(
        begin.elapsed() < Duration::from_secs(8),
        "{:?}",
        begin.elapsed()
    );
    let begin = std::time::Instant::now();
    teller.end().await;
    world.end().await.unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
}
