//! Subscriptions to an MQTT broker. A message is acknowledged when it is durable in the journal, not before: what was not,
//! the broker delivers again. One whose bytes will never be taken is told of and acknowledged, since a broker that goes on
//! delivering it would deliver nothing else.

mod link;
pub mod topic;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;
use zarr_fuse_schemas::Secret;
use zarr_fuse_schemas::quantity::{DurationText, SizeText, bytes, duration};

use self::link::{Client, Event, Events, Message};
use self::topic::Topic;
use crate::clock::Clock;
use crate::config::{At, Fault, Faults};
use crate::scheduled::{Destination, hex};
use crate::shown::ShownUrl;
use crate::sink::{Contribution, Sink, SinkError, Taken};
use crate::status::Status;
use crate::tls::{TlsError, client_config};

/// Messages that may wait to be contributed; further ones stay with the broker.
const MAX_WAITING: usize = 100;
/// How long a message that was refused is told of beside what came since.
const TOLD: chrono::TimeDelta = chrono::TimeDelta::days(1);
/// Pauses between attempts to connect, and to contribute.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// The broker: `mqtt://host:1883`, or `mqtts://host:8883` with TLS.
    pub url: String,
    /// Topics, such as `mine/{logger}/data`: `{name}` stands for one level, which becomes a variable, `+` for one level, `#`
    /// for all that follow. The whole topic is the variable `topic`.
    pub topics: Vec<String>,
    /// `5` or `3.1.1`. Default `5`.
    #[serde(default)]
    pub version: Version,
    /// Name under which the broker keeps the session; no two clients may have the same. Default `zarr-fuse-` and the name of
    /// the collector.
    pub client_id: Option<String>,
    /// Name to sign in with.
    pub username: Option<String>,
    /// Password to sign in with.
    pub password: Option<Secret>,
    /// PEM file with the authorities that are trusted, relative to the folder of the configuration. Default: the system's.
    pub ca: Option<PathBuf>,
    /// How often a sign of life is sent. Default `30s`.
    #[serde(default = "keep_alive", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub keep_alive: Duration,
    /// How long the broker keeps messages for a service that is away (MQTT 5). Default `7d`.
    #[serde(default = "session_expiry", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub session_expiry: Duration,
    /// Largest message. Default `1MiB`.
    #[serde(default = "max_message_bytes", deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_message_bytes: u64,
    /// Further variables.
    #[serde(default)]
    pub set: IndexMap<String, String>,
}

fn keep_alive() -> Duration {
    Duration::from_secs(30)
}

fn session_expiry() -> Duration {
    Duration::from_hours(7 * 24)
}

fn max_message_bytes() -> u64 {
    1 << 20
}

/// A version of MQTT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Version {
    /// MQTT 5.
    #[default]
    #[serde(rename = "5")]
    Five,
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    Three,
}

/// Where the broker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broker {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_encrypted: bool,
}

impl MqttConfig {
    /// What is wrong; `folder` is that of the configuration.
    ///
    /// # Errors
    /// Everything at once, with its place.
    pub fn check(&self, folder: &Path) -> Result<(), Vec<Fault>> {
        let mut faults = Faults::default();
        let at = |key| [At::Key("mqtt"), At::Key(key)];
        faults.keep(&at("url"), self.broker());
        if self.topics.is_empty() {
            faults.add(
                &at("topics"),
                "there are no topics; write such as `mine/{logger}/data`",
            );
        }
        for (idx, topic) in self.topics.iter().enumerate() {
            let path = [At::Key("mqtt"), At::Key("topics"), At::Index(idx)];
            faults.keep(&path, Topic::parse(topic));
        }
        if self.password.is_some() && self.username.is_none() {
            faults.add(
                &at("password"),
                "there is a password but no `username`: give both",
            );
        }
        let seconds = self.keep_alive.as_secs();
        if !(5..=65_535).contains(&seconds) {
            faults.add(&at("keep_alive"), "must lie between 5s and 18h");
        }
        if let Some(ca) = &self.ca {
            let read = client_config(Some(&folder.join(ca)));
            faults.keep(&at("ca"), read.map_err(|error| error.to_string()));
        }
        if faults.0.is_empty() {
            Ok(())
        } else {
            Err(faults.0)
        }
    }

    pub(crate) fn broker(&self) -> Result<Broker, String> {
        let wrong = |why: &str| {
            format!(
                "`{}` is no address of a broker ({why}); write `mqtt://host:1883` or `mqtts://host:8883`",
                ShownUrl::of_text(&self.url)
            )
        };
        let url = Url::parse(&self.url).map_err(|error| wrong(&error.to_string()))?;
        let (is_encrypted, usual) = match url.scheme() {
            "mqtt" => (false, 1883),
            "mqtts" => (true, 8883),
            _ => return Err(wrong("it begins with neither")),
        };
        if !url.username().is_empty() {
            return Err(wrong("names and passwords have keys of their own"));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        Ok(Broker {
            host: host.ok_or_else(|| wrong("there is no host"))?.to_owned(),
            port: url.port().unwrap_or(usual),
            is_encrypted,
        })
    }
}

/// A collector that takes what a broker delivers.
#[derive(Debug)]
pub struct Subscribed {
    name: String,
    destination: Destination,
    settings: MqttConfig,
    folder: PathBuf,
    topics: Vec<Topic>,
    clock: Clock,
    status: Mutex<Status>,
    /// The last message that was refused, and when.
    refused: Mutex<Option<(DateTime<Utc>, String)>>,
}

impl Subscribed {
    /// Makes a collector ready; it connects when it runs.
    ///
    /// # Errors
    /// What is wrong with `settings`.
    pub fn new(
        name: &str,
        destination: Destination,
        settings: &MqttConfig,
        folder: &Path,
        clock: Clock,
    ) -> Result<Arc<Self>, Vec<Fault>> {
        settings.check(folder)?;
        let topics = settings
            .topics
            .iter()
            .filter_map(|topic| Topic::parse(topic).ok());
        Ok(Arc::new(Self {
            name: name.to_owned(),
            destination,
            settings: settings.clone(),
            folder: folder.to_owned(),
            topics: topics.collect(),
            clock,
            status: Mutex::new(Status {
                trouble: Some("not connected yet".to_owned()),
                ..Status::default()
            }),
            refused: Mutex::default(),
        }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it does. A message that was refused is told of for a day, since it is gone.
    pub fn status(&self) -> Status {
        let mut status = self.status.lock().clone();
        let refused = self.refused.lock().clone();
        let recent = refused.filter(|(at, _)| self.clock.now() - *at < TOLD);
        status.trouble = status.trouble.or(recent.map(|(_, reason)| reason));
        status
    }

    /// Takes messages until `stop`; connects again whenever the connection is lost.
    pub async fn run(&self, sink: &dyn Sink, stop: &CancellationToken) {
        let (client, events) = match self.connect() {
            Ok(parts) => parts,
            Err(error) => {
                self.trouble(&error.to_string());
                stop.cancelled().await;
                return;
            }
        };
        let (send, receive) = mpsc::channel(MAX_WAITING);
        let connection = Mutex::new(0);
        let listening = self.listen(&client, events, send, &connection);
        let contributing = self.contribute_all(&client, receive, &connection, sink);
        tokio::select! {
            () = stop.cancelled() => {}
            () = listening => {}
            () = contributing => {}
        }
    }

    fn connect(&self) -> Result<(Client, Events), TlsError> {
        let broker = self.settings.broker().unwrap_or(Broker {
            host: String::new(),
            port: 0,
            is_encrypted: false,
        });
        let tls = if broker.is_encrypted {
            let ca = self.settings.ca.as_ref().map(|ca| self.folder.join(ca));
            Some(client_config(ca.as_deref())?)
        } else {
            None
        };
        let id = self.settings.client_id.clone();
        let id = id.unwrap_or_else(|| format!("zarr-fuse-{}", self.name));
        Ok(link::new(&self.settings, &id, &broker, tls))
    }

    /// Keeps the connection, and hands on what arrives. `connection` counts connections.
    async fn listen(
        &self,
        client: &Client,
        mut events: Events,
        send: mpsc::Sender<(u64, Message)>,
        connection: &Mutex<u64>,
    ) {
        let mut pause = PAUSES.0;
        loop {
            match events.next().await {
                Ok(Event::Connected) => {
                    pause = PAUSES.0;
                    *connection.lock() += 1;
                    let filters = self.topics.iter().map(Topic::filter);
                    if let Err(error) = client.subscribe(filters) {
                        self.trouble(&error);
                        continue;
                    }
                    self.status.lock().trouble = None;
                    tracing::info!(
                        collector.name = self.name,
                        "Collector `{}` is connected to `{}`",
                        self.name,
                        ShownUrl::of_text(&self.settings.url)
                    );
                }
                Ok(Event::Refused(topics)) => {
                    self.trouble(&format!("the broker refuses the subscription ({topics}); ask who runs it to allow it"));
                }
                Ok(Event::Message(message)) => {
                    let at = *connection.lock();
                    if send.send((at, *message)).await.is_err() {
                        return;
                    }
                }
                Ok(Event::Other) => {}
                Err(error) => {
                    *connection.lock() += 1;
                    self.trouble(&error);
                    self.clock.sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    async fn contribute_all(
        &self,
        client: &Client,
        mut receive: mpsc::Receiver<(u64, Message)>,
        connection: &Mutex<u64>,
        sink: &dyn Sink,
    ) {
        // What became durable when the connection that could have acknowledged it was gone.
        let mut unconfirmed: HashSet<String> = HashSet::new();
        while let Some((at, message)) = receive.recv().await {
            let is_lost = || *connection.lock() != at;
            if message.needs_ack && is_lost() {
                // It is delivered again.
                continue;
            }
            let identity = identity(&message);
            if message.is_repeated && unconfirmed.remove(&identity) {
                client.ack(&message);
                continue;
            }
            self.contribute(&message, &identity, sink).await;
            if is_lost() {
                unconfirmed.insert(identity);
            } else {
                client.ack(&message);
            }
        }
    }

    /// Contributes one message; waits while the sink is not ready.
    async fn contribute(&self, message: &Message, identity: &str, sink: &dyn Sink) {
        let matched = self
            .topics
            .iter()
            .find_map(|topic| topic.matches(&message.topic));
        let mut variables = matched.unwrap_or_default();
        variables.insert("topic".to_owned(), Json::String(message.topic.clone()));
        for (name, value) in &self.settings.set {
            variables.insert(name.clone(), Json::String(value.clone()));
        }
        let said = message.content_type.clone();
        let content_type = self.destination.content_type.clone().or(said);
        let mut contribution = Contribution {
            endpoint: self.destination.endpoint.clone(),
            node: self.destination.node.clone(),
            content_type: content_type.unwrap_or_else(|| "application/json".to_owned()),
            content_encoding: self.destination.content_encoding.clone(),
            file_name: message
                .topic
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
            variables,
            idempotency_key: format!("{}:{identity}", self.name),
            payload: message.payload.clone(),
        };
        let mut pause = PAUSES.0;
        loop {
            match sink.contribute(contribution.clone()).await {
                Ok(Taken { replayed: true, .. })
                    if !message.is_repeated && !message.is_retained =>
                {
                    // Another message with the same bytes, and the same number by chance.
                    let new = uuid::Uuid::now_v7();
                    contribution.idempotency_key = format!("{}:{new}", self.name);
                }
                Ok(_) => {
                    let mut status = self.status.lock();
                    status.trouble = None;
                    status.totals.counts.contributed += 1;
                    status.totals.counts.bytes += message.payload.len() as u64;
                    return;
                }
                Err(SinkError::Refused(reason)) => {
                    let name = &self.name;
                    tracing::error!(
                        collector.name = name,
                        "Collector `{name}`: a message of `{}` cannot be contributed and is lost: {reason}",
                        message.topic
                    );
                    self.status.lock().totals.counts.failed += 1;
                    let at = self.clock.now();
                    let told = format!(
                        "a message of `{}` of {} was refused and is lost: {reason}",
                        message.topic,
                        at.format("%F %T UTC")
                    );
                    *self.refused.lock() = Some((at, told));
                    return;
                }
                Err(SinkError::Later { reason, after }) => {
                    self.trouble(&reason);
                    self.clock.sleep(after.unwrap_or(pause)).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    fn trouble(&self, trouble: &str) {
        let mut status = self.status.lock();
        if status.trouble.as_deref() != Some(trouble) {
            tracing::warn!(
                collector.name = self.name,
                "Collector `{}`: {trouble}",
                self.name
            );
            status.trouble = Some(trouble.to_owned());
        }
    }
}

/// The same for a message that is delivered again; not for others, except by chance.
fn identity(message: &Message) -> String {
    let mut hash = Sha256::new();
    let number = if message.is_retained {
        0
    } else {
        message.number
    };
    hash.update(format!("{number} {}\n", message.topic));
    hash.update(&message.payload);
    hex(&hash.finalize())
}
