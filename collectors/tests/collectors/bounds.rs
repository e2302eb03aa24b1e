//! Failures, retries, and what is never done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value as Json, json};
use zarr_fuse_collectors::Clock;
use zarr_fuse_collectors::scheduled::Due;
use zarr_fuse_harness::web::{Reply, Server};

use crate::world::{Config, Kept, START, at};

/// A server that gives `replies` in order, the last one again and again.
async fn server(host: &str, replies: Vec<Reply>) -> Server {
    let n = AtomicUsize::new(0);
    let answer = move |_: &_| {
        let idx = n.fetch_add(1, Ordering::Relaxed);
        replies[idx.min(replies.len() - 1)].clone()
    };
    Server::start(host, answer).await.unwrap()
}

/// What one run comes to: requests made, contributions, errors without the address.
async fn outcome(server: &Server, more: Json) -> (usize, Vec<String>, Vec<String>) {
    let url = server.url("/");
    let config = Config::hourly(&url, more);
    let sink = Kept::default();
    let report = config.run(START, &sink).await;
    let errors = report.errors.iter();
    let errors = errors.map(|error| error.replace(&format!("request 1, {url}: "), ""));
    (server.asked().len(), sink.bodies(), errors.collect())
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let closed = Reply::Bytes(Vec::new());
    let garbage = Reply::Bytes(b"\x00\x01\x02 nonsense\r\n\r\n".to_vec());
    let cut = Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_vec());
    let replies = vec![
        Reply::new(500, ""),
        closed,
        garbage,
        cut,
        Reply::new(200, "good"),
    ];
    let server = server("127.0.0.1", replies).await;
    assert_eq!(
        outcome(&server, json!({})).await,
        (5, vec!["good".to_owned()], vec![])
    );
}

#[tokio::test]
async fn attempts_are_bounded() {
    let server = server("127.0.0.1", vec![Reply::new(503, "")]).await;
    let errors = vec!["the server answered 503 Service Unavailable".to_owned()];
    assert_eq!(
        outcome(&server, json!({"max_attempts": 3})).await,
        (3, vec![], errors)
    );
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    let server = server("127.0.0.1", vec![Reply::new(404, "")]).await;
    let errors = vec!["the server answered 404 Not Found".to_owned()];
    assert_eq!(outcome(&server, json!({})).await, (1, vec![], errors));
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_has_it() {
    let n = Arc::new(AtomicUsize::new(0));
    let clock = Clock::jumping(at(START));
    let (counted, seen) = (Arc::clone(&n), clock.clone());
    let server = Server::start("127.0.0.1", move |_| {
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::new(429, "").with("Retry-After", "120"),
            1 => Reply::new(503, "").with("Retry-After", "Sat, 10 Jan 2026 12:05:00 GMT"),
            _ => Reply::new(200, seen.now().to_rfc3339()),
        }
    });
    let server = server.await.unwrap();
    let sink = Kept::default();
    let config = Config::hourly(&server.url("/"), json!({}));
    let due = Due {
        at: at(START),
        run: 0,
    };
    let report = config.collector(&clock).run_now(due, &sink).await.unwrap();
    assert_eq!(report.counts.retries, 2);
    assert_eq!(sink.bodies(), ["2026-01-10T12:05:00+00:00"]);
}

#[tokio::test]
async fn a_pause_beyond_the_end_of_the_run_is_not_waited_for() {
    let reply = Reply::new(429, "").with("Retry-After", "86400");
    let server = server("127.0.0.1", vec![reply]).await;
    let (n, _, errors) = outcome(&server, json!({})).await;
    assert_eq!(n, 1);
    assert_eq!(
        errors,
        [
            "the server answered 429 Too Many Requests; the server asks to come back at 2026-01-11 12:00:00 UTC, after the run has to end"
        ]
    );
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let clock = Clock::jumping(at(START));
    let slow = clock.clone();
    let server = Server::start("127.0.0.1", move |_| {
        slow.advance(Duration::from_secs(31));
        Reply::Silence
    });
    let server = server.await.unwrap();
    let config = Config::hourly(&server.url("/"), json!({"max_attempts": 2}));
    let due = Due {
        at: at(START),
        run: 0,
    };
    let report = config
        .collector(&clock)
        .run_now(due, &Kept::default())
        .await
        .unwrap();
    assert!(
        report.errors[0].ends_with("no answer within 30s"),
        "{report:?}"
    );
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_run_that_takes_too_long_ends() {
    let clock = Clock::jumping(at(START));
    let slow = clock.clone();
    let server = Server::start("127.0.0.1", move |_| {
        slow.advance(Duration::from_mins(15));
        Reply::Silence
    });
    let server = server.await.unwrap();
    let config = Config::hourly(&server.url("/"), json!({"timeout": "1h"}));
    let due = Due {
        at: at(START),
        run: 0,
    };
    let report = config
        .collector(&clock)
        .run_now(due, &Kept::default())
        .await
        .unwrap();
    assert_eq!(report.counts.failed, 1);
    assert_eq!(
        report.errors,
        ["1 pages were not done within `run_timeout` (900s)"]
    );
}

#[tokio::test]
async fn answers_are_bounded() {
    let announced = server("127.0.0.1", vec![Reply::new(200, vec![b'x'; 2000])]).await;
    let errors = vec!["the answer is larger than `max_response_bytes` (1024)".to_owned()];
    let bounds = json!({"max_response_bytes": "1KiB"});
    assert_eq!(
        outcome(&announced, bounds.clone()).await,
        (1, vec![], errors.clone())
    );
    let mut chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..100 {
        chunked.extend(b"40\r\n");
        chunked.extend([b'x'; 64]);
        chunked.extend(b"\r\n");
    }
    let endless = server("127.0.0.1", vec![Reply::Bytes(chunked)]).await;
    assert_eq!(outcome(&endless, bounds).await, (1, vec![], errors));
}

#[tokio::test]
async fn redirects_are_followed_to_allowed_hosts_only() {
    let target = server("127.0.0.2", vec![Reply::new(200, "there")]).await;
    let redirect = Reply::new(302, "").with("Location", &target.url("/x"));
    let more = json!({"allow_private": ["127.0.0.0/8"], "headers": [
        {"header_name": "User-Agent", "header_value": "t"},
        {"header_name": "Authorization", "header_value": "Bearer hush"},
    ]});
    let first = server("127.0.0.1", vec![redirect.clone()]).await;
    let errors =
        vec!["it redirects to `127.0.0.2`, a host that is not in `redirect_hosts`".to_owned()];
    assert_eq!(outcome(&first, more.clone()).await, (1, vec![], errors));
    let mut more = more;
    more["redirect_hosts"] = json!(["127.0.0.2"]);
    let first = server("127.0.0.1", vec![redirect]).await;
    assert_eq!(
        outcome(&first, more).await,
        (1, vec!["there".to_owned()], vec![])
    );
    assert_eq!(
        first.asked()[0].header("authorization"),
        Some("Bearer hush")
    );
    assert_eq!(
        target.asked()[0].header("authorization"),
        None,
        "not for other hosts"
    );
    let circle = server("127.0.0.1", vec![Reply::new(302, "").with("Location", "/")]).await;
    let errors = vec!["it redirects more than 5 times".to_owned()];
    assert_eq!(outcome(&circle, json!({})).await, (6, vec![], errors));
}

#[tokio::test]
async fn private_addresses_are_refused() {
    let inside = server("127.0.0.1", vec![Reply::new(200, "secret")]).await;
    let url = format!("http://localhost:{}/", inside.address.port());
    let sink = Kept::default();
    let by_name = Config::hourly(&url, json!({"allow_private": []}))
        .run(START, &sink)
        .await;
    assert!(
        by_name.errors[0].contains("`localhost` is the private address "),
        "{by_name:?}"
    );
    let by_address = Config::hourly(&inside.url("/"), json!({"allow_private": []}));
    let by_address = by_address.run(START, &sink).await;
    assert!(
        by_address.errors[0].ends_with(
            "`127.0.0.1` is the private address 127.0.0.1; list it in `request.allow_private` if it is meant"
        ),
        "{by_address:?}"
    );
    // A server that may be asked leads to a name that leads inside.
    let redirect = Reply::new(302, "").with("Location", &url);
    let lure = server("127.0.0.2", vec![redirect]).await;
    let more = json!({"allow_private": ["127.0.0.2"], "redirect_hosts": ["localhost"]});
    let lured = Config::hourly(&lure.url("/"), more).run(START, &sink).await;
    assert!(
        lured.errors[0].contains("`localhost` is the private address "),
        "{lured:?}"
    );
    assert_eq!((inside.asked().len(), sink.bodies().len()), (0, 0));
}

#[tokio::test]
async fn a_body_is_posted() {
    let server = server("127.0.0.1", vec![Reply::new(200, "x")]).await;
    let more = json!({"method": "POST", "body": "{{\"q\": 1}}"});
    outcome(&server, more).await;
    let asked = &server.asked()[0];
    assert_eq!(
        (asked.method.as_str(), asked.body.as_slice()),
        ("POST", &b"{\"q\": 1}"[..])
    );
}
