//! When runs are done: on time, once, and what is made up for.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::Clock;
use zarr_fuse_collectors::config::CatchUp;
use zarr_fuse_collectors::memory::Memory;
use zarr_fuse_collectors::sink::Sink as _;
use zarr_fuse_harness::web::{Reply, Server};

use crate::world::{Config, Kept, at};

/// A server whose every answer is new: the time.
async fn clockwork(clock: &Clock, takes_minutes: u64) -> Server {
    let clock = clock.clone();
    let answer = move |_: &_| {
        let now = clock.now();
        clock.advance(std::time::Duration::from_mins(takes_minutes));
        Reply::new(200, now.format("%d %H:%M").to_string())
    };
    Server::start("127.0.0.1", answer).await.unwrap()
}

/// Lets a collector run from `from` to `until`, and gives what it contributed.
async fn contributed(
    catch_up: CatchUp,
    last: Option<&str>,
    (from, until): (&str, &str),
    takes_minutes: u64,
) -> Vec<String> {
    let clock = Clock::jumping(at(from));
    let server = clockwork(&clock, takes_minutes).await;
    let more = json!({"timeout": "10h", "min_interval": "0s"});
    let mut config = Config::hourly(&server.url("/"), more);
    config.catch_up = catch_up;
    config.run_timeout = std::time::Duration::from_hours(10);
    let sink = Kept::default();
    if let Some(last) = last {
        let last: DateTime<Utc> = at(last);
        let mut memory = Memory::default();
        memory.runs.insert("0 * * * * UTC {}".to_owned(), last);
        sink.remember("weather", memory.to_bytes()).await.unwrap();
    }
    let stop = CancellationToken::new();
    let collector = config.collector(&clock);
    clock.by(at(until), collector.run(&sink, &stop)).await;
    sink.bodies()
}

#[tokio::test]
async fn runs_are_done_when_they_are_due() {
    let found = contributed(
        CatchUp::Last,
        None,
        ("2026-01-10T10:20:00Z", "2026-01-10T13:30:00Z"),
        0,
    );
    assert_eq!(found.await, ["10 11:00", "10 12:00", "10 13:00"]);
}

#[tokio::test]
async fn missed_runs_are_made_up_for_as_configured() {
    let missed = Some("2026-01-10T08:00:00Z");
    let span = ("2026-01-10T11:30:00Z", "2026-01-10T12:30:00Z");
    let found = contributed(CatchUp::Last, missed, span, 0).await;
    assert_eq!(found, ["10 11:30", "10 12:00"]);
    let found = contributed(CatchUp::None, missed, span, 0).await;
    assert_eq!(found, ["10 12:00"]);
    let found = contributed(CatchUp::All, missed, span, 1).await;
    assert_eq!(
        found,
        ["10 11:30", "10 11:31", "10 11:32", "10 12:00"],
        "9, 10 and 11 o'clock"
    );
}

#[tokio::test]
async fn at_most_a_hundred_missed_runs_are_made_up_for() {
    let span = ("2026-01-10T11:30:00Z", "2026-01-10T11:59:00Z");
    let found = contributed(CatchUp::All, Some("2025-01-10T08:00:00Z"), span, 0).await;
    assert_eq!(
        found.len(),
        1,
        "the answers are all the same at the same minute"
    );
}

#[tokio::test]
async fn runs_do_not_overlap() {
    // Each run takes 90 minutes.
    let span = ("2026-01-10T10:20:00Z", "2026-01-10T16:00:00Z");
    let found = contributed(CatchUp::Last, None, span, 90).await;
    assert_eq!(found, ["10 11:00", "10 12:30", "10 14:00"]);
    let found = contributed(CatchUp::None, None, span, 90).await;
    assert_eq!(found, ["10 11:00", "10 13:00"]);
}

#[tokio::test]
async fn a_run_can_be_asked_for() {
    let clock = Clock::held(at("2026-01-10T10:20:00Z"));
    let server = clockwork(&clock, 0).await;
    let config = Config::hourly(&server.url("/"), json!({}));
    let (sink, stop) = (Arc::new(Kept::default()), CancellationToken::new());
    let collector = config.collector(&clock);
    collector.ask();
    let running = tokio::spawn({
        let (collector, sink, stop) = (Arc::clone(&collector), Arc::clone(&sink), stop.clone());
        async move { collector.run(&*sink, &stop).await }
    });
    while collector.status().last.is_none() {
        tokio::task::yield_now().await;
    }
    let status = collector.status();
    assert_eq!(status.last.unwrap().due, at("2026-01-10T10:00:00Z"));
    assert_eq!(status.next_run, Some(at("2026-01-10T11:00:00Z")));
    assert_eq!(sink.bodies(), ["10 10:20"]);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_clock_that_was_ahead_does_not_keep_the_collector_quiet() {
    let ahead = Some("2036-01-10T08:00:00Z");
    let span = ("2026-01-10T11:30:00Z", "2026-01-10T12:30:00Z");
    assert_eq!(
        contributed(CatchUp::Last, ahead, span, 0).await,
        ["10 12:00"]
    );
}
