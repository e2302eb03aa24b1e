//! Clients that are slow on purpose.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zarr_fuse_server::config::{LimitsConfig, ServerConfig};

use crate::world::World;

const HEAD: &[u8] =
    b"POST /api/v1/ingest/boreholes HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/csv\r\ncontent-length: 1000\r\n\r\n";

/// Writes `first`, then one byte after the other with a pause, until it is answered; the answer.
async fn drip(world: &World, first: &[u8], pause: Duration) -> String {
    let stream = TcpStream::connect(world.address).await.unwrap();
    let (mut from, mut to) = stream.into_split();
    to.write_all(first).await.unwrap();
    let dripping = tokio::spawn(async move {
        while to.write_all(b"a").await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    });
    let mut answer = Vec::new();
    let _reset = from.read_to_end(&mut answer).await;
    dripping.abort();
    String::from_utf8_lossy(&answer).into_owned()
}

fn limits(max_body_pause: Duration) -> LimitsConfig {
    LimitsConfig {
        max_body_pause,
        ..LimitsConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_pauses_is_cut_off() {
    let world = World::bounded(limits(Duration::from_millis(200))).await;
    let answer = drip(&world, HEAD, Duration::from_mins(1)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.contains("nothing of the body arrived for 200ms; nothing was taken, send it again"),
        "{answer}"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_drips_is_cut_off() {
    let world = World::bounded(limits(Duration::from_millis(500))).await;
    let answer = drip(&world, HEAD, Duration::from_millis(50)).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.contains("the body came more slowly than 256 bytes per second; nothing was taken"),
        "{answer}"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_drips_is_cut_off() {
    let server = ServerConfig {
        head_timeout: Duration::from_millis(300),
        ..ServerConfig::default()
    };
    let world = World::guarded(serde_json::json!({"mode": "none"}), server).await;
    let begin = Instant::now();
    let answer = drip(
        &world,
        b"GET /health/live HTTP/1.1\r\nx: ",
        Duration::from_millis(20),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_signed_in_keeps_nobody_waiting_with_a_body() {
    let auth = serde_json::json!({"public": ["weather"]});
    let world = World::guarded(auth, ServerConfig::default()).await;
    let answer = drip(&world, HEAD, Duration::from_millis(20)).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_head_that_drips_is_cut_off_too() {
    let server = ServerConfig {
        keep_alive: Duration::from_millis(300),
        head_timeout: Duration::from_millis(300),
        ..ServerConfig::default()
    };
    let world = World::guarded(serde_json::json!({"mode": "none"}), server).await;
    let begin = Instant::now();
    let first =
        b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\nGET /health/live HTTP/1.1\r\nx: ";
    let answer = drip(&world, first, Duration::from_millis(20)).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        begin.elapsed() < Duration::from_secs(5),
        "{:?}",
        begin.elapsed()
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_an_answer_keeps_nobody_waiting() {
    let limits = LimitsConfig {
        // Chunks of four values are many files.
        wait: Duration::from_mins(3),
        max_answer_pause: Duration::from_millis(300),
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let mut csv = "time,borehole,T\n".to_owned();
    for i in 1_700_000_000..1_700_050_000 {
        csv.extend([i.to_string().as_str(), ",A,1.5\n"]);
    }
    let sent = world.post("/api/v1/ingest/boreholes?wait=merged", "text/csv", csv);
    assert_eq!(sent.send().await.unwrap().status(), 200);
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    // Many answers, more than fits into the buffers of the system.
    for _ in 0..10 {
        stream
            .write_all(
                b"GET /api/v1/query/boreholes?format=json HTTP/1.1\r\nhost: localhost\r\n\r\n",
            )
            .await
            .unwrap();
    }
    while world.app.metrics.in_flight.get() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let begin = Instant::now();
    while world.app.metrics.in_flight.get() > 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "it waits for ever"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_but_steadily_gets_all_of_it() {
    let limits = LimitsConfig {
        max_answer_pause: Duration::from_secs(3),
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let body = vec![b'a'; 24 << 20];
    let sent = world.post(
        "/api/v1/ingest/boreholes?wait=merged",
        "text/csv",
        body.clone(),
    );
    let sent = crate::world::json(sent.send().await.unwrap()).await;
    let id = sent["id"].as_str().unwrap();
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let head = format!(
        "GET /api/v1/contributions/{id}/payload HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let begin = Instant::now();
    let (mut n_read, mut piece) = (0, vec![0; 64 << 10]);
    loop {
        let n = stream.read(&mut piece).await.unwrap();
        n_read += n;
        if n == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(12)).await;
    }
    assert!(n_read > body.len(), "{n_read} bytes came");
    assert!(begin.elapsed() > Duration::from_secs(3), "it was too quick");
    world.end().await.unwrap();
}
