//! Questions that would take more than their share.

use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{World, problem, refused};

const QUERY: &str = "/api/v1/query/boreholes/temperature";

/// The boreholes with a series of so many values.
async fn series(limits: LimitsConfig, n: usize) -> World {
    // Chunks of four values are many files.
    let wait = Duration::from_mins(3);
    let world = World::bounded(LimitsConfig { wait, ..limits }).await;
    let mut csv = "time,borehole,T\n".to_owned();
    for i in (1_700_000_000..).take(n) {
        csv.extend([i.to_string().as_str(), ",A,1.5\n"]);
    }
    world.merge("/api/v1/ingest/boreholes", &csv).await;
    world
}

/// Sends a request on a connection of its own that takes few bytes before they are read.
async fn ask(world: &World, path: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let mut stream = socket.connect(world.address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn until(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_selectors_are_answered_as_one() {
    let limits = LimitsConfig {
        max_url_bytes: 64 << 10,
        ..LimitsConfig::default()
    };
    let world = series(limits, 20_000).await;
    let once = world.get(&format!("{QUERY}?limit=2")).await;
    let once = once.text().await.unwrap();
    for many in [vec![":"; 8000].join(","), vec!["0:20000"; 5000].join(",")] {
        let answer = world
            .get(&format!("{QUERY}?limit=2&isel.time={many}"))
            .await;
        assert_eq!(answer.text().await.unwrap(), once);
    }
    let many = vec!["/"; 8000].join(",");
    let answer = world.get(&format!("{QUERY}?limit=2&sel.time={many}")).await;
    assert_eq!(answer.text().await.unwrap(), once);
    let (status, body) = problem(world.ask(
        Method::GET,
        &format!("{QUERY}?isel.time={}", vec!["1"; 10_001].join(",")),
    ))
    .await;
    assert_eq!(status, 400);
    let detail = body["detail"].as_str().unwrap();
    assert!(
        detail.ends_with(
            "10001 values and ranges are more than 10000; select ranges, or ask several times"
        ),
        "{detail}"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_for_which_there_is_no_room_is_refused() {
    let limits = LimitsConfig {
        max_answer_memory_bytes: 1 << 20,
        max_query_time: Duration::from_secs(1),
        ..LimitsConfig::default()
    };
    let world = series(limits, 40_000).await;
    let asked = world.ask(Method::GET, &format!("{QUERY}?latest=40000"));
    refused(
        asked,
        422,
        "what `latest` keeps takes about 3 MiB of memory, more than the 1 MiB that all questions have together (`limits.max_answer_memory_bytes`); select less",
    )
    .await;
    let others = world.app.answers.take(1 << 20, "all").await.unwrap();
    let asked = world.ask(Method::GET, &format!("{QUERY}?limit=1"));
    refused(
        asked,
        503,
        "other questions take all the memory there is for them (`limits.max_answer_memory_bytes`); ask again in some seconds",
    )
    .await;
    drop(others);
    assert_eq!(world.get(&format!("{QUERY}?limit=1")).await.status(), 200);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_takes_too_long_is_refused() {
    let limits = LimitsConfig {
        max_query_time: Duration::ZERO,
        ..LimitsConfig::default()
    };
    let world = series(limits, 40_000).await;
    let asked = world.ask(Method::GET, &format!("{QUERY}?resample=1min"));
    refused(
        asked,
        504,
        "the answer takes longer than 0 s of work (`limits.max_query_time`); select less, take `resample` or `max_points`, or ask page by page with `limit`",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_ends_when_its_client_leaves() {
    let world = series(LimitsConfig::default(), 10).await;
    // It waits for room, as long as it takes.
    let others = world
        .app
        .answers
        .take(world.app.answers.n_bytes(), "all")
        .await
        .unwrap();
    for path in [
        format!("{QUERY}?limit=1"),
        "/api/v1/origin/boreholes?var=rock_temp&isel.time=0&isel.borehole=0".to_owned(),
    ] {
        let stream = ask(&world, &path).await;
        until("it is worked on", || world.app.metrics.in_flight.get() > 0).await;
        let begin = Instant::now();
        drop(stream);
        until("it ends", || world.app.metrics.in_flight.get() == 0).await;
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{:?}",
            begin.elapsed()
        );
    }
    drop(others);
    // Who only closes its own side once it has asked still gets what is answered at once.
    let mut stream = ask(&world, &format!("{QUERY}?limit=1")).await;
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_holds_little() {
    let world = series(LimitsConfig::default(), 120_000).await;
    let room = world.app.answers.clone();
    for format in ["csv", "json", "ndjson", "arrow", "parquet"] {
        let mut readers = Vec::new();
        for _ in 0..8 {
            readers.push(ask(&world, &format!("{QUERY}?format={format}")).await);
        }
        for reader in &readers {
            reader.readable().await.unwrap();
        }
        // What is read stands still where nobody reads.
        let held = || room.n_bytes() - room.n_bytes_free();
        until("it stands still", || held() <= 8 * (3 << 20)).await;
        drop(readers);
        until("it is given back", || held() == 0).await;
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_but_always_is_not_cut_off() {
    let limits = LimitsConfig {
        max_answer_pause: Duration::from_millis(1500),
        ..LimitsConfig::default()
    };
    let world = series(limits, 100_000).await;
    let all = world
        .get(&format!("{QUERY}?format=json"))
        .await
        .bytes()
        .await
        .unwrap();
    let mut stream = ask(&world, &format!("{QUERY}?format=json")).await;
    let (begin, mut n_bytes, mut end) = (Instant::now(), 0, Vec::new());
    let mut piece = vec![0; 64 << 10];
    loop {
        let n = stream.read(&mut piece).await.unwrap();
        if n == 0 {
            break;
        }
        n_bytes += n;
        end = piece[n.saturating_sub(5)..n].to_vec();
        // Much more slowly than it is made, for longer than any pause.
        if begin.elapsed() < Duration::from_secs(4) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert!(begin.elapsed() > Duration::from_secs(4));
    assert!(n_bytes > all.len(), "{n_bytes} of {}", all.len());
    assert_eq!(end, b"0\r\n\r\n");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn payloads_are_sent_piece_by_piece() {
    let world = World::new().await;
    let room = world.app.answers.clone();
    // Not compressible, and no CSV: it is rejected and kept. One lies in a segment, one in an object of its own.
    for n_bytes in [3_usize << 20, 20 << 20] {
        let mut state = 1_u64;
        let payload: Vec<u8> = std::iter::repeat_with(|| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .take(n_bytes)
        .collect();
        let sent = world.post(
            "/api/v1/ingest/boreholes?wait=merged",
            "text/csv",
            payload.clone(),
        );
        assert_eq!(sent.send().await.unwrap().status(), 422);
        let list = world.get_json("/api/v1/contributions?limit=1").await;
        let id = list["contributions"][0]["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/contributions/{id}/payload");
        let mut readers = Vec::new();
        for _ in 0..4 {
            readers.push(ask(&world, &path).await);
        }
        for reader in &readers {
            reader.readable().await.unwrap();
        }
        until("it stands still", || {
            room.n_bytes() - room.n_bytes_free() <= 4 * (2 << 20)
        })
        .await;
        drop(readers);
        let answer = world.get(&path).await;
        assert_eq!(answer.content_length(), Some(n_bytes as u64));
        assert!(answer.bytes().await.unwrap() == payload, "{n_bytes}");
    }
    until("it is given back", || room.n_bytes() == room.n_bytes_free()).await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_files_with_names() {
    let world = series(LimitsConfig::default(), 1).await;
    for (format, expected) in [
        ("csv", "attachment; filename=\"boreholes-temperature.csv\""),
        ("json", "inline; filename=\"boreholes-temperature.json\""),
        (
            "parquet",
            "attachment; filename=\"boreholes-temperature.parquet\"",
        ),
    ] {
        let answer = world.get(&format!("{QUERY}?format={format}")).await;
        assert_eq!(answer.headers()["content-disposition"], expected);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    }
    world.end().await.unwrap();
}
