//! People are told of problems.

mod delivery;
mod rules;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zarr_fuse_harness::python;
use zarr_fuse_server::{
    app::App,
    config::NotifyConfig,
    notify::{self, Told},
};

/// Longer than any message needs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A mail server of another make, on a free port of this machine.
pub(crate) struct MailServer {
    port: u16,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

impl MailServer {
    /// With a certificate for `localhost` in `folder`; the first `n_refused` messages are refused for the moment.
    pub(crate) async fn start(folder: &Path, tls: &str, user: &str, n_refused: u32) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&cert, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let python = tokio::task::spawn_blocking(|| python::interpreter().unwrap());
        let mut process = Command::new(python.await.unwrap())
            .arg(python::folder().join("smtp.py"))
            .args([&cert, &key])
            .args([tls, user, "open-sesame", &n_refused.to_string()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap();
        Self {
            port: port.parse().unwrap(),
            lines,
            _process: process,
        }
    }

    /// The next message that it takes.
    pub(crate) async fn mail(&mut self) -> Json {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        let line = line.expect("a message comes").unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    pub(crate) fn config(&self, folder: &Path, tls: &str, user: Option<&str>) -> Json {
        let password = user.map(|_| "open-sesame");
        json!({
            "host": "localhost", "port": self.port, "tls": tls, "ca_file": folder.join("cert.pem"),
            "username": user, "password": password, "from": "Data <zf@example.org>",
        })
    }
}

/// The part of a service that tells people.
pub(crate) struct Teller {
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Teller {
    pub(crate) fn start(app: &Arc<App>, told: &Arc<Told>, config: Json) -> Self {
        let config: NotifyConfig = serde_json::from_value(config).unwrap();
        let stop = CancellationToken::new();
        let (app, told) = (Arc::clone(app), Arc::clone(told));
        let running = tokio::spawn(notify::run(config, app, told, stop.clone()));
        Self { stop, running }
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

pub(crate) fn told() -> Arc<Told> {
    Arc::new(Told::new(chrono::Utc::now()))
}

pub(crate) fn hook(address: SocketAddr) -> Json {
    json!({"webhook": {"url": format!("http://{address}/hooks/s3cret"), "headers": {"Authorization": "Bearer t0ken"}}})
}
