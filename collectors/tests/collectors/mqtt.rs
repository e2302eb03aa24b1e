//! Subscriptions at a real Mosquitto.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::Clock;
use zarr_fuse_collectors::mqtt::{MqttConfig, Subscribed};
use zarr_fuse_collectors::scheduled::Destination;
use zarr_fuse_collectors::sink::SinkError;

use crate::world::{Kept, START, at};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running Mosquitto; it ends when it is dropped.
struct Broker {
    _child: Child,
    log: Lines<BufReader<ChildStderr>>,
    port: u16,
    /// How clients of the command line reach it.
    access: Vec<String>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Broker {
    async fn start(folder: &Path, port: u16, more: &str) -> Self {
        let config = folder.join("mosquitto.conf");
        let place = folder.display();
        let text = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {place}/\nlog_type all\nlog_dest stderr\n{more}"
        );
        std::fs::write(&config, text).unwrap();
        // Debian keeps it where only root looks.
        let mut child = Command::new("/usr/sbin/mosquitto")
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut broker = Self {
            _child: child,
            log,
            port,
            access: Vec::new(),
        };
        broker.says("running").await;
        broker
    }

    /// Waits until the log has a line with this text.
    async fn says(&mut self, text: &str) {
        let wait = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                if line.contains(text) {
                    return;
                }
            }
            panic!("the broker ended before it said `{text}`");
        };
        tokio::time::timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("no `{text}`"));
    }

    async fn publish(&self, topic: &str, message: &str) {
        let done = Command::new("mosquitto_pub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-q",
                "1",
                "-t",
                topic,
                "-m",
                message,
            ])
            .args(&self.access)
            .status();
        assert!(done.await.unwrap().success());
    }

    fn settings(&self, more: &Json) -> MqttConfig {
        let mut settings = json!({
            "url": format!("mqtt://127.0.0.1:{}", self.port),
            "topics": ["mine/{logger}/data", "weather/#"],
        });
        for (key, value) in more.as_object().unwrap() {
            settings[key] = value.clone();
        }
        serde_json::from_value(settings).unwrap()
    }
}

/// A collector under way.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
    collector: Arc<Subscribed>,
}

fn run(settings: &MqttConfig, folder: &Path, clock: Clock, sink: &Arc<Kept>) -> Running {
    let destination = Destination {
        endpoint: "loggers".to_owned(),
        ..Destination::default()
    };
    let collector = Subscribed::new("loggers", destination, settings, folder, clock).unwrap();
    let (stop, sink) = (CancellationToken::new(), Arc::clone(sink));
    let (running, stopping) = (Arc::clone(&collector), stop.clone());
    let task = tokio::spawn(async move { running.run(&*sink, &stopping).await });
    Running {
        stop,
        task,
        collector,
    }
}

impl Running {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_contributed_with_what_their_topics_say() {
    for version in ["5", "3.1.1"] {
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Broker::start(folder.path(), free_port(), "").await;
        let sink = Arc::new(Kept::default());
        let settings = broker.settings(&json!({"version": version, "set": {"site": "Bukov"}}));
        let running = run(&settings, folder.path(), Clock::system(), &sink);
        broker.says("Sending SUBACK").await;
        broker.publish("mine/A 1/data", "{\"t\": 1}").await;
        broker.publish("mine/A 1/state", "not ours").await;
        broker.publish("mine/A 1/data", "{\"t\": 1}").await;
        sink.wait_for(2).await;
        broker.says("Received PUBACK from zarr-fuse-loggers").await;
        {
            let contributions = sink.contributions.lock().unwrap();
            assert_eq!(
                contributions.len(),
                2,
                "the same message again is another one"
            );
            let variables = Json::Object(contributions[0].variables.clone());
            assert_eq!(
                variables,
                json!({"logger": "A 1", "topic": "mine/A 1/data", "site": "Bukov"})
            );
            assert_eq!(contributions[0].content_type, "application/json");
        }
        assert_eq!(running.collector.status().trouble, None);
        running.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_acknowledged_only_when_it_is_durable() {
    for version in ["5", "3.1.1"] {
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Broker::start(folder.path(), free_port(), "").await;
        let sink = Arc::new(Kept::default());
        let later = SinkError::Later {
            reason: "the store is away".to_owned(),
            after: None,
        };
        sink.refusals.lock().unwrap().push(later);
        let settings = broker.settings(&json!({"version": version}));
        // On this clock nothing is tried a second time.
        let first = run(&settings, folder.path(), Clock::held(at(START)), &sink);
        broker.says("Sending SUBACK").await;
        broker.publish("mine/A/data", "1").await;
        while first.collector.status().trouble.as_deref() != Some("the store is away") {
            tokio::task::yield_now().await;
        }
        first.end().await;
        assert!(sink.bodies().is_empty());
        // While nobody listens, another one comes.
        broker.publish("mine/A/data", "2").await;
        let second = run(&settings, folder.path(), Clock::system(), &sink);
        sink.wait_for(2).await;
        assert_eq!(sink.bodies(), ["1", "2"]);
        broker.says("Received PUBACK from zarr-fuse-loggers").await;
        broker.says("Received PUBACK from zarr-fuse-loggers").await;
        second.end().await;
        // Nothing is left to be delivered.
        let third = run(&settings, folder.path(), Clock::system(), &sink);
        broker.says("Sending SUBACK").await;
        broker.publish("weather/x/y", "3").await;
        sink.wait_for(3).await;
        assert_eq!(sink.bodies(), ["1", "2", "3"]);
        third.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut broker = Broker::start(folder.path(), port, "").await;
    let sink = Arc::new(Kept::default());
    let settings = broker.settings(&json!({}));
    let running = run(&settings, folder.path(), Clock::system(), &sink);
    broker.says("Sending SUBACK").await;
    broker.publish("mine/A/data", "1").await;
    sink.wait_for(1).await;
    drop(broker);
    while running.collector.status().trouble.is_none() {
        tokio::task::yield_now().await;
    }
    let mut broker = Broker::start(folder.path(), port, "").await;
    broker.says("Sending SUBACK").await;
    broker.publish("mine/A/data", "2").await;
    sink.wait_for(2).await;
    assert_eq!(sink.bodies(), ["1", "2"]);
    running.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_encrypted_with_certificates_that_are_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).unwrap();
    let place = folder.path();
    std::fs::write(place.join("ca.pem"), cert.pem()).unwrap();
    std::fs::write(place.join("key.pem"), signing_key.serialize_pem()).unwrap();
    let more = format!(
        "certfile {0}/ca.pem\nkeyfile {0}/key.pem\n",
        place.display()
    );
    let mut broker = Broker::start(place, free_port(), &more).await;
    broker.access = vec![
        "--cafile".to_owned(),
        place.join("ca.pem").display().to_string(),
    ];
    let sink = Arc::new(Kept::default());
    let url = format!("mqtts://127.0.0.1:{}", broker.port);
    let distrusted = run(
        &broker.settings(&json!({"url": url})),
        place,
        Clock::held(at(START)),
        &sink,
    );
    while !distrusted
        .collector
        .status()
        .trouble
        .is_some_and(|trouble| trouble.contains("ertificate"))
    {
        tokio::task::yield_now().await;
    }
    distrusted.end().await;
    let settings = broker.settings(&json!({"url": url, "ca": "ca.pem"}));
    let running = run(&settings, place, Clock::system(), &sink);
    broker.says("Sending SUBACK").await;
    broker.publish("mine/A/data", "1").await;
    sink.wait_for(1).await;
    running.end().await;
}

#[test]
fn what_cannot_work_is_refused() {
    let faults = |settings: Json| {
        let settings: MqttConfig = serde_json::from_value(settings).unwrap();
        let faults = settings.check(Path::new("/nowhere")).unwrap_err();
        let messages = faults.into_iter().map(|fault| fault.message);
        messages.collect::<Vec<_>>()
    };
    assert_eq!(
        faults(json!({"url": "http://x", "topics": ["a/{b"], "password": "p", "ca": "x.pem"})),
        [
            "`http://x` is no address of a broker (it begins with neither); write `mqtt://host:1883` or `mqtts://host:8883`",
            "`{b` is no level of a topic; `{name}`, `+` and (at the end) `#` stand for whole levels",
            "there is a password but no `username`: give both",
            "`/nowhere/x.pem` holds no certificates that can be used: I/O error: No such file or directory (os error 2)",
        ]
    );
}
