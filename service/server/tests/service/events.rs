//! What happens, told to those who follow it.

use std::time::{Duration, Instant};

use chrono::Utc;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use zarr_fuse_server::{
    config::{LimitsConfig, Scope, ServerConfig, Trigger},
    events::kinds::{Event, Problem},
    who::TokenFile,
};

use crate::who::token;
use crate::world::{World, json as body, problem, refused};

const PATH: &str = "/api/v1/events";
const INGEST: &str = "/api/v1/ingest/boreholes";
const PATIENCE: Duration = Duration::from_secs(20);

/// One event as it came.
#[derive(Debug, Clone, Default)]
struct Told {
    id: String,
    name: String,
    data: Json,
}

/// A stream of events that is read on.
struct Stream {
    response: Response,
    text: String,
    id: String,
}

impl Stream {
    async fn open(request: RequestBuilder) -> Self {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            text: String::new(),
            id: String::new(),
        }
    }

    async fn of(world: &World) -> Self {
        let mut stream = Self::open(world.ask(Method::GET, PATH)).await;
        // From here on it knows where it is.
        while stream.id.is_empty() {
            stream.block().await.unwrap();
        }
        stream
    }

    /// The next part up to an empty line; `None`: the stream has ended.
    async fn block(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let mut event = Told::default();
                for line in block.lines() {
                    let (field, value) = line.split_once(": ").unwrap_or((line, ""));
                    match field {
                        "id" => value.clone_into(&mut self.id),
                        "event" => value.clone_into(&mut event.name),
                        "data" => event.data = serde_json::from_str(value).unwrap(),
                        _ => {}
                    }
                }
                event.id.clone_from(&self.id);
                self.text = String::from(rest);
                return Some(event);
            }
            let piece = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let piece = piece.expect("nothing came").unwrap()?;
            self.text.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// The next event.
    async fn next(&mut self) -> Told {
        loop {
            let event = self.block().await.expect("the stream has ended");
            if !event.name.is_empty() {
                return event;
            }
        }
    }

    /// The next event of this name.
    async fn until(&mut self, name: &str) -> Told {
        loop {
            let event = self.next().await;
            if event.name == name {
                return event;
            }
        }
    }
}

fn csv(borehole: &str) -> String {
    format!("time,borehole,T\n2024-05-01T12:00:00,{borehole},11.5\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contribution_is_told_when_it_arrives_and_when_it_is_merged_and_then_its_commit() {
    let world = World::new().await;
    let mut stream = Stream::of(&world).await;
    let receipt = world.merge(INGEST, &csv("A")).await;
    let (arrived, merged, commit) = (
        stream.next().await,
        stream.next().await,
        stream.next().await,
    );
    assert_eq!(arrived.name, "contribution");
    let mut data = arrived.data.clone();
    assert!(data["received_at"].take().is_string());
    assert_eq!(
        data,
        json!({"id": receipt["id"], "seq": 1, "status": "journaled", "dataset": "boreholes", "node": "temperature",
            "endpoint": "boreholes", "sender": "127.0.0.1", "received_at": null, "n_bytes": csv("A").len()})
    );
    assert_eq!(merged.name, "contribution");
    assert_eq!(
        (&merged.data["status"], &merged.data["n_rows_accepted"]),
        (&json!("merged"), &json!(1))
    );
    assert_eq!(commit.name, "commit");
    assert_eq!(
        commit.data,
        json!({"dataset": "boreholes", "node": "temperature", "folded_seq": 1, "n_contributions": 1,
            "n_rows": 1, "n_rejected": 0})
    );
    let number = |event: &Told| -> u64 { event.id.rsplit('-').next().unwrap().parse().unwrap() };
    assert_eq!([&arrived, &merged, &commit].map(number), [1, 2, 3]);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_again_goes_on_after_the_last_event_seen() {
    let world = World::new().await;
    let mut stream = Stream::of(&world).await;
    world.merge(INGEST, &csv("A")).await;
    let first = stream.next().await;
    drop(stream);
    let again = world.ask(Method::GET, PATH);
    let mut by_header = Stream::open(again.header("last-event-id", &first.id)).await;
    let path = format!("{PATH}?last_event_id={}", first.id);
    let mut by_parameter = Stream::open(world.ask(Method::GET, &path)).await;
    for stream in [&mut by_header, &mut by_parameter] {
        assert_eq!(stream.next().await.data["status"], "merged");
        assert_eq!(stream.next().await.name, "commit");
    }
    // Before anything is seen, there is an id already.
    let stream = Stream::of(&world).await;
    let again = world.ask(Method::GET, PATH);
    let mut again = Stream::open(again.header("last-event-id", &stream.id)).await;
    world.merge(INGEST, &csv("B")).await;
    assert_eq!(again.next().await.data["seq"], 2);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_from_another_process_is_told_to_load_again() {
    let world = World::new().await;
    world.merge(INGEST, &csv("A")).await;
    let mut newer = Stream::of(&world).await;
    world.merge(INGEST, &csv("B")).await;
    let mut last = newer.until("commit").await;
    while last.data["folded_seq"] != 2 {
        last = newer.until("commit").await;
    }
    let ours = last.id;
    let (process, _) = ours.split_once('-').unwrap();
    for id in ["0123456789ab-1", "1", "-", &format!("{process}-999")] {
        let asked = world.ask(Method::GET, PATH).header("last-event-id", id);
        let mut stream = Stream::open(asked).await;
        let reset = stream.next().await;
        assert_eq!(reset.name, "reset", "{id}");
        assert_eq!(reset.id, ours, "{id}");
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_contributions_at_once_are_told_in_one_event() {
    let limits = LimitsConfig {
        max_concurrent_requests_per_address: 512,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let mut stream = Stream::of(&world).await;
    let uploads = (0..400).map(|i| {
        let sent = world.post(INGEST, "text/csv", csv(&format!("B{i}"))).send();
        async { assert_eq!(sent.await.unwrap().status(), 202) }
    });
    futures::future::join_all(uploads).await;
    let (mut n_single, mut n_together, mut n_bundles) = (0, 0, 0);
    let mut last = 0;
    while n_single + n_together < 400 {
        let event = stream.next().await;
        if event.data["status"] == "journaled" {
            n_single += 1;
            assert!(event.data["seq"].as_u64().unwrap() > last, "in order");
            last = event.data["seq"].as_u64().unwrap();
        } else if event.name == "contributions" {
            n_bundles += 1;
            n_together += event.data["n"].as_u64().unwrap();
            assert!(event.data["first_seq"].as_u64().unwrap() > last, "in order");
            last = event.data["last_seq"].as_u64().unwrap();
        }
    }
    assert_eq!((n_single + n_together, last), (400, 400));
    assert!(n_bundles > 0, "{n_single} were told one by one");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_contribution_is_a_problem_until_a_good_one_comes() {
    let world = World::new().await;
    let mut stream = Stream::of(&world).await;
    let bad = world.post(INGEST, "text/csv", "nonsense\n1\n").send().await;
    assert_eq!(bad.unwrap().status(), 202);
    let began = stream.until("problem").await.data;
    let id = began["text"].as_str().unwrap().split(':').next().unwrap();
    assert_eq!(began["rule"], "contribution_rejected");
    assert_eq!(began["subject"], "boreholes/temperature through boreholes");
    assert_eq!(began["is_over"], false);
    assert_eq!(
        began["title"],
        "a contribution was rejected: to `boreholes/temperature` through `boreholes`"
    );
    let told = began["text"].as_str().unwrap();
    assert!(told.contains(&format!("`zf retry {id}`")), "{told}");
    // Who comes later is told what is wrong.
    let mut late = Stream::of(&world).await;
    assert_eq!(late.next().await.data, began);
    world.merge(INGEST, &csv("A")).await;
    let over = stream.until("problem").await.data;
    assert_eq!(over["is_over"], true);
    assert_eq!(over["subject"], began["subject"]);
    let mut later = Stream::of(&world).await;
    world.merge(INGEST, &csv("B")).await;
    assert_eq!(later.next().await.name, "contribution", "nothing is wrong");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retracted_contribution_is_told() {
    let world = World::new().await;
    let id = world.merge(INGEST, &csv("A")).await["id"].clone();
    let mut stream = Stream::of(&world).await;
    let path = format!("/api/v1/contributions/{}", id.as_str().unwrap());
    let retracted = world.ask(Method::DELETE, &path).send().await.unwrap();
    assert!(retracted.status().is_success());
    // That it was merged may be told before.
    loop {
        let event = stream.until("contribution").await;
        assert_eq!(event.data["id"], id);
        if event.data["status"] == "retracted" {
            break;
        }
        assert_eq!(event.data["status"], "merged");
    }
    assert_eq!(stream.next().await.name, "commit");
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_is_told_what_they_may_read_and_no_more() {
    let auth = json!({"public": ["weather"], "tokens": [token("all", "all", &["admin"]), token("one", "one", &["read:boreholes"])]});
    let world = World::guarded(auth, ServerConfig::default()).await;
    let ask = |token: &str| world.ask(Method::GET, PATH).bearer_auth(token.to_owned());
    let of = |dataset: &str| world.ask(Method::GET, &format!("{PATH}?dataset={dataset}"));
    let mut of_boreholes = Stream::open(ask("one")).await;
    let mut of_public = Stream::open(world.ask(Method::GET, PATH)).await;
    let mut of_one = Stream::open(of("boreholes").bearer_auth("all")).await;
    for (path, csv) in [
        ("/api/v1/ingest/weather/stations", "site,elevation\nA,5\n"),
        (INGEST, &csv("A")),
    ] {
        let sent = world
            .post(&format!("{path}?wait=merged"), "text/csv", csv.to_owned())
            .bearer_auth("all");
        assert_eq!(sent.send().await.unwrap().status(), 200);
    }
    for stream in [&mut of_boreholes, &mut of_one] {
        let first = stream.next().await;
        assert_eq!(first.name, "contribution");
        assert_eq!(first.data["dataset"], "boreholes", "not `weather`");
    }
    // What arrived in a public dataset, and from whom, is not public.
    let first = of_public.next().await;
    assert_eq!(
        (&*first.name, &first.data["dataset"]),
        ("commit", &json!("weather"))
    );
    let (status, _) = problem(of("boreholes")).await;
    assert_eq!(status, 401);
    let (status, _) = problem(of("nowhere").bearer_auth("one")).await;
    assert_eq!(status, 403);
    refused(
        of("nowhere").bearer_auth("all"),
        404,
        "there is no dataset `nowhere`; there are `boreholes`, `weather`",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_follow_are_bounded_and_leave_room_for_requests() {
    let limits = LimitsConfig {
        max_event_streams: 2,
        max_concurrent_requests: 1,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let first = Stream::of(&world).await;
    let _second = Stream::of(&world).await;
    let response = world.get(PATH).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "30");
    assert_eq!(
        body(response).await["detail"],
        "2 clients follow events; try again later, or raise `limits.max_event_streams`"
    );
    world.get_json("/api/v1/datasets").await;
    let head = world.ask(Method::HEAD, PATH).send().await.unwrap();
    assert_eq!(head.status(), 503);
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    while world.app.metrics.event_streams.get() > 1 {
        assert!(Instant::now() < deadline, "a client that left still counts");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let head = world.ask(Method::HEAD, PATH).send().await.unwrap();
    assert_eq!(head.status(), 200);
    let _third = Stream::of(&world).await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_at_once_when_the_service_stops() {
    let world = World::new().await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(Stream::of(&world).await);
    }
    let begin = Instant::now();
    world.end().await.unwrap();
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    for mut stream in streams {
        // It ends as it should; one that is cut would be an error.
        while stream.block().await.is_some() {}
    }
}

fn impatient() -> LimitsConfig {
    LimitsConfig {
        max_answer_pause: Duration::from_millis(400),
        ..LimitsConfig::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_in_which_nothing_happens_lasts() {
    let world = World::bounded(impatient()).await;
    let mut stream = Stream::of(&world).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    world.merge(INGEST, &csv("A")).await;
    assert_eq!(stream.next().await.name, "contribution");
    world.end().await.unwrap();
}

/// Makes up an event of about 600 bytes.
fn tell_at_length(world: &World, i: u32) {
    let problem = Problem {
        rule: Trigger::FoldStuck,
        subject: i.to_string(),
        dataset: "boreholes".to_owned(),
        is_over: true,
        since: Utc::now(),
        title: String::new(),
        text: "x".repeat(400),
    };
    world.app.events.publish(&Event::Problem(problem));
}

async fn ask_by_hand(world: &World) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let mut stream = socket.connect(world.address).await.unwrap();
    let head = format!("GET {PATH} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 15];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_too_slowly_is_told_what_it_missed_and_costs_nothing() {
    let world = World::new().await;
    let mut slow = ask_by_hand(&world).await;
    // More than the list and the buffers of the connection hold.
    for i in 0..60_000 {
        tell_at_length(&world, i);
    }
    let mut read = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    let reset = async {
        loop {
            let n = slow.read(&mut buffer).await.unwrap();
            assert!(n > 0, "it was cut");
            read.extend_from_slice(&buffer[..n]);
            if read
                .windows(12)
                .rev()
                .take(n + 12)
                .any(|part| part == b"event: reset")
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reset).await.unwrap();
    assert!(read.len() < 60_000 * 400, "{} bytes were sent", read.len());
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_is_cut() {
    let world = World::bounded(impatient()).await;
    let _silent = ask_by_hand(&world).await;
    let deadline = Instant::now() + PATIENCE;
    while world.app.metrics.event_streams.get() > 0 {
        assert!(Instant::now() < deadline, "it is still there");
        for i in 0..2000 {
            tell_at_length(&world, i);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_the_token_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let scopes = vec![Scope::read("boreholes")];
    let make = |name| TokenFile::create(&file, name, scopes.clone(), Utc::now(), None);
    let (first, second) = (make("first").unwrap(), make("second").unwrap());
    let world = World::guarded(json!({"token_file": file}), ServerConfig::default()).await;
    let follow = |token: &str| Stream::open(world.ask(Method::GET, PATH).bearer_auth(token));
    let (_first, _second) = (follow(&first).await, follow(&second).await);
    assert_eq!(world.app.metrics.event_streams.get(), 2);
    TokenFile::revoke(&file, "first").unwrap();
    let begin = Instant::now();
    while world.app.metrics.event_streams.get() == 2 {
        assert!(begin.elapsed() < PATIENCE, "it lasts");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Looked at twice a second, and the file as often; the machine may be slow.
    assert!(
        begin.elapsed() < Duration::from_secs(3),
        "{:?}",
        begin.elapsed()
    );
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(
        world.app.metrics.event_streams.get(),
        1,
        "the other goes on"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_does_not_take_all_streams() {
    let limits = LimitsConfig {
        max_event_streams: 4,
        max_event_streams_per_address: 2,
        ..LimitsConfig::default()
    };
    let world = World::bounded(limits).await;
    let streams = (Stream::of(&world).await, Stream::of(&world).await);
    refused(
        world.ask(Method::GET, PATH),
        429,
        "2 clients of yours follow events; close one of them (`limits.max_event_streams_per_address`)",
    )
    .await;
    drop(streams);
    while world.app.metrics.event_streams.get() > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let _again = Stream::of(&world).await;
    world.end().await.unwrap();
}
