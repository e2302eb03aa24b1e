//! What was seen is remembered: fresh pages are not asked for, unmodified ones not contributed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use zarr_fuse_collectors::sink::SinkError;
use zarr_fuse_harness::web::{Reply, Server};

use crate::world::{Config, Kept};

#[tokio::test]
async fn an_unmodified_page_is_asked_for_conditionally_and_not_contributed_again() {
    let server = Server::start("127.0.0.1", |asked| match asked.header("if-none-match") {
        Some("\"v1\"") => Reply::new(304, ""),
        _ => Reply::new(200, "v1")
            .with("ETag", "\"v1\"")
            .with("Last-Modified", "Sat, 10 Jan 2026 11:00:00 GMT"),
    });
    let server = server.await.unwrap();
    let config = Config::hourly(&server.url("/page"), json!({}));
    let sink = Kept::default();
    let first = config.run("2026-01-10T12:00:00Z", &sink).await;
    assert_eq!(
        (first.counts.contributed, first.counts.unchanged),
        (1, 0),
        "{first:?}"
    );
    // Another collector of the same name is the same after a restart.
    let second = config.run("2026-01-10T13:00:00Z", &sink).await;
    assert_eq!(
        (second.counts.contributed, second.counts.unchanged),
        (0, 1),
        "{second:?}"
    );
    assert_eq!(sink.bodies(), ["v1"]);
    let asked = server.asked();
    assert_eq!(
        asked[0].header("user-agent"),
        Some("tests tests@example.org")
    );
    assert_eq!(
        asked[1].header("if-modified-since"),
        Some("Sat, 10 Jan 2026 11:00:00 GMT")
    );
}

#[tokio::test]
async fn a_page_that_has_not_expired_is_not_asked_for() {
    let server = Server::start("127.0.0.1", |asked| {
        let reply = Reply::new(200, "x");
        match asked.target.as_str() {
            "/expires" => reply.with("Expires", "Sat, 10 Jan 2026 13:30:00 GMT"),
            _ => reply.with("Cache-Control", "public, max-age=5400"),
        }
    });
    let server = server.await.unwrap();
    for path in ["/expires", "/age"] {
        let config = Config::hourly(&server.url(path), json!({}));
        let sink = Kept::default();
        config.run("2026-01-10T12:00:00Z", &sink).await;
        let fresh = config.run("2026-01-10T13:00:00Z", &sink).await;
        assert_eq!(
            (fresh.counts.fresh, fresh.counts.requests),
            (1, 0),
            "{path}"
        );
        let later = config.run("2026-01-10T14:00:00Z", &sink).await;
        assert_eq!(
            (later.counts.fresh, later.counts.unchanged),
            (0, 1),
            "{path}"
        );
    }
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn what_changes_and_changes_back_is_contributed_each_time() {
    let n = Arc::new(AtomicUsize::new(0));
    let server = Server::start("127.0.0.1", move |_| {
        let body = ["a", "b", "a", "a"][n.fetch_add(1, Ordering::Relaxed)];
        Reply::new(200, body)
    });
    let server = server.await.unwrap();
    let config = Config::hourly(&server.url("/"), json!({}));
    let sink = Kept::default();
    for hour in 12..16 {
        config
            .run(&format!("2026-01-10T{hour}:00:00Z"), &sink)
            .await;
    }
    assert_eq!(sink.bodies(), ["a", "b", "a"]);
}

#[tokio::test]
async fn what_was_not_taken_is_fetched_and_contributed_again() {
    let server = Server::start("127.0.0.1", |asked| match asked.header("if-none-match") {
        Some(_) => Reply::new(304, ""),
        None => Reply::new(200, "x").with("ETag", "\"x\""),
    });
    let server = server.await.unwrap();
    let config = Config::hourly(&server.url("/"), json!({}));
    let sink = Kept::default();
    let refusal = SinkError::Refused("the endpoint is gone".to_owned());
    sink.refusals.lock().unwrap().push(refusal);
    let refused = config.run("2026-01-10T12:00:00Z", &sink).await;
    assert_eq!(refused.counts.failed, 1);
    assert!(
        refused.errors[0].ends_with("the endpoint is gone"),
        "{refused:?}"
    );
    let later = SinkError::Later {
        reason: "too much waits".to_owned(),
        after: None,
    };
    sink.refusals.lock().unwrap().extend([later.clone(), later]);
    let taken = config.run("2026-01-10T13:00:00Z", &sink).await;
    assert_eq!(
        (taken.counts.contributed, taken.counts.failed),
        (1, 0),
        "{taken:?}"
    );
}

#[tokio::test]
async fn a_run_that_is_done_again_contributes_nothing_twice() {
    let server = Server::start("127.0.0.1", |_| Reply::new(200, "x"))
        .await
        .unwrap();
    let config = Config::hourly(&server.url("/"), json!({}));
    let sink = Kept::default();
    config.run("2026-01-10T12:00:00Z", &sink).await;
    // The process was killed before it could keep what it had learned.
    zarr_fuse_collectors::sink::Sink::remember(&sink, "weather", Vec::new())
        .await
        .unwrap();
    config.run("2026-01-10T12:00:00Z", &sink).await;
    assert_eq!(server.asked().len(), 2);
    assert_eq!(sink.bodies(), ["x"]);
}
