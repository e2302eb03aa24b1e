//! Runs the service: opens the datasets, then folds and answers until it is told to stop.

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError};
use crate::config::{AuthMode, Config, ServerConfig};
use crate::events;
use crate::fold;
use crate::http::{self, Tls, TlsError};
use crate::notify::{self, Told};
use crate::reload;
use crate::tasks::{self, TaskError, Tasks};

/// Pause before datasets that cannot be opened again are tried once more.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// Why the service did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Everybody could do everything.
    #[error(
        "`{address}` can be reached from other machines, and no `auth` is configured: listen on `127.0.0.1`, or say `auth: {{mode: none}}` to let everyone do everything"
    )]
    Open {
        /// Where it was to listen.
        address: String,
    },
    /// The address cannot be had.
    #[error("cannot listen on `{address}`; is another process using it?")]
    Listen {
        /// Where it was to listen.
        address: String,
        /// Cause.
        source: io::Error,
    },
    /// The datasets or endpoints are not usable.
    #[error(transparent)]
    App(#[from] AppError),
    /// The certificate or its key is not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A part of the service failed while it ran.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Runs the service until a signal or `stop`. Edited files take effect while it runs: requests that are worked on are
/// finished, the datasets are opened again, and meanwhile others are told to come back. In the end, what was acknowledged is
/// in the journal, and the arrays are consistent.
///
/// # Errors
/// [`ServeError`] if it cannot start, or a part of it fails.
pub async fn serve(config: Config, stop: CancellationToken) -> Result<(), ServeError> {
    let address = config.server.listen.to_string();
    if !config.server.listen.is_loopback() && config.auth.is_none() {
        return Err(ServeError::Open { address });
    }
    let unusable = |source| ServeError::Listen {
        address: address.clone(),
        source,
    };
    let listener = TcpListener::bind(&address).map_err(unusable)?;
    let tls = tls(&config.server)?;
    if exposes_secrets(&config) {
        tracing::warn!(
            "Passwords and tokens travel to `{address}` unencrypted: set `server.tls`, or listen on loopback behind a proxy that speaks TLS"
        );
    }
    let serving = async {
        let served = serve_on(&listener, tls.as_ref(), config, &stop).await;
        stop.cancel();
        served
    };
    let (served, signals) = tokio::join!(serving, tasks::stop_on_signals(stop.clone()));
    served?;
    signals.map_err(unusable)
}

/// Runs the service on a listener, and again whenever its files were edited.
async fn serve_on(
    listener: &TcpListener,
    tls: Option<&Tls>,
    mut config: Config,
    stop: &CancellationToken,
) -> Result<(), ServeError> {
    let address = config.server.listen.to_string();
    let unusable = |source| ServeError::Listen {
        address: address.clone(),
        source,
    };
    let told = Arc::new(Told::new(chrono::Utc::now()));
    let mut is_first = true;
    loop {
        let server = config.server.clone();
        let running = stop.child_token();
        let opening = open(&config, &running, is_first);
        let app = http::answer_while(listener, tls, opening)
            .await
            .map_err(unusable)??;
        let listening = listener.try_clone().map_err(unusable)?;
        let watch = async {
            let new = reload::edited(&config, &app, &running).await;
            running.cancel();
            new
        };
        let telling = tell(&config, &app, &told, &running);
        let serving = run(Arc::clone(&app), listening, server);
        let (ended, new, ()) = tokio::join!(serving, watch, telling);
        ended?;
        match new {
            Some(new) => config = new,
            None => return Ok(()),
        }
        is_first = false;
    }
}

/// Tells of problems as `config` says, until `stop`.
async fn tell(config: &Config, app: &Arc<App>, told: &Arc<Told>, stop: &CancellationToken) {
    if let Some(notify) = &config.notify {
        notify::run(
            notify.clone(),
            Arc::clone(app),
            Arc::clone(told),
            stop.clone(),
        )
        .await;
    }
}

/// Opens the datasets. What fails at the start is for who started the service to mend; later it is tried again.
async fn open(
    config: &Config,
    stop: &CancellationToken,
    is_first: bool,
) -> Result<Arc<App>, AppError> {
    loop {
        match App::build(config.clone(), stop.clone()).await {
            Err(error) if !is_first && !stop.is_cancelled() => {
                tracing::error!(
                    error = &error as &dyn Error,
                    "Cannot open the datasets again; trying once more in {RETRY_DELAY:?}"
                );
                tokio::select! {
                    () = tokio::time::sleep(RETRY_DELAY) => {}
                    () = stop.cancelled() => return Err(error),
                }
            }
            opened => return opened,
        }
    }
}

/// Runs an app that is built on a listener, until its token is cancelled.
///
/// # Errors
/// [`ServeError::Task`].
pub async fn run(
    app: Arc<App>,
    listener: TcpListener,
    server: ServerConfig,
) -> Result<(), ServeError> {
    let stop = app.stop.clone();
    let mut tasks = Tasks::new(stop.clone());
    for dataset in app.datasets.values() {
        for (path, node) in &dataset.nodes {
            let folding = fold::run(Arc::clone(dataset), Arc::clone(node), stop.clone());
            tasks.spawn(format!("fold {}/{path}", dataset.name), endless(folding));
        }
        let root = Arc::clone(dataset).run_root(stop.clone());
        tasks.spawn(format!("root {}", dataset.name), endless(root));
        let watch = Arc::clone(dataset).run_watch(stop.clone());
        tasks.spawn(format!("watch {}", dataset.name), endless(watch));
        let events = events::look::follow(Arc::clone(&app), Arc::clone(dataset), stop.clone());
        tasks.spawn(format!("events {}", dataset.name), endless(events));
    }
    if !app.collectors.is_empty() {
        let events = events::look::follow_collectors(Arc::clone(&app), stop.clone());
        tasks.spawn("events of collectors", endless(events));
    }
    for (name, collecting) in &app.collectors {
        let collecting = Arc::clone(collecting).run(stop.clone());
        tasks.spawn(format!("collector {name}"), endless(collecting));
    }
    let grace = server.grace;
    let tls = tls(&server)?;
    if let Some(tls) = tls.clone() {
        tasks.spawn("certificate", tls.follow(stop.clone()));
    }
    tasks.spawn("http", http::serve(Arc::clone(&app), listener, server, tls));
    // The other tasks need a moment more than requests may take.
    let ended = tasks.run(grace + Duration::from_secs(10)).await;
    for dataset in app.datasets.values() {
        if let Err(error) = dataset.publish_groups().await {
            let name = &dataset.name;
            tracing::warn!(
                error = &error as &dyn Error,
                "Cannot write the root group of `{name}`"
            );
        }
        dataset.close().await;
    }
    tracing::info!("Stopped");
    Ok(ended?)
}

fn tls(server: &ServerConfig) -> Result<Option<Tls>, TlsError> {
    server.tls.as_ref().map(Tls::load).transpose()
}

/// Whether somebody on the way could read what people sign in with.
fn exposes_secrets(config: &Config) -> bool {
    let server = &config.server;
    let is_private = server.listen.is_loopback() || !server.trusted_proxies.is_empty();
    let auth = config.auth.as_ref();
    !is_private && server.tls.is_none() && auth.is_some_and(|auth| auth.mode == AuthMode::Required)
}

async fn endless(task: impl Future<Output = ()>) -> io::Result<()> {
    task.await;
    Ok(())
}
