//! Runs the service: listens, keeps its datasets open, folds and answers until it is told to stop.

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use zarr_fuse_collectors::Clock;

use crate::app::{App, AppError, Plan};
use crate::conduct::Conductor;
use crate::config::{AuthMode, Config, ServerConfig};
use crate::door::Door;
use crate::http::{self, TlsError};
use crate::site::{Current, Site};
use crate::slot::Slot;
use crate::tasks::{self, TaskError, Tasks};

/// Requests are answered after so long, also if datasets are not open yet. Mostly they are, and nobody needs to be told to
/// come back.
const PATIENCE: Duration = Duration::from_secs(1);

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
    /// The configuration is not usable.
    #[error(transparent)]
    App(#[from] AppError),
    /// The certificate or its key is not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A part of the service failed while it ran.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// Runs the service until a signal or `stop`. A dataset that cannot be opened is tried again, and the others serve. Edited
/// files take effect while it runs. In the end, what was acknowledged is in the journal, and the arrays are consistent.
///
/// # Errors
/// [`ServeError`] if the configuration is wrong, the address cannot be had, or a part of it fails.
///
/// Boxed, so that the service is compiled here and not again in whoever runs it.
pub fn serve(
    config: Config,
    stop: CancellationToken,
) -> BoxFuture<'static, Result<(), ServeError>> {
    Box::pin(run_configured(config, stop))
}

async fn run_configured(config: Config, stop: CancellationToken) -> Result<(), ServeError> {
    let address = config.server.listen.to_string();
    if !config.server.listen.is_loopback() && config.auth.is_none() {
        return Err(ServeError::Open { address });
    }
    let unusable = |source| ServeError::Listen {
        address: address.clone(),
        source,
    };
    let plans = Plan::all(&config)?;
    let slots = plans.iter().map(|plan| {
        let schema = Arc::clone(&plan.schema);
        Arc::new(Slot::opening(&plan.name, schema))
    });
    let app = App::of_config(&config, slots.collect(), &Clock::system(), stop.clone())?;
    let site = Site::new(Current::new(app, config.server.clone(), None)?);
    let listener = TcpListener::bind(&address).map_err(unusable)?;
    if exposes_secrets(&config) {
        tracing::warn!(
            "Passwords and tokens travel to `{address}` unencrypted: set `server.tls`, or listen on loopback behind a proxy that speaks TLS"
        );
    }
    let serving = async {
        let served = run_site(site, listener, Some((config, plans))).await;
        stop.cancel();
        served
    };
    let (served, signals) = tokio::join!(serving, tasks::stop_on_signals(stop.clone()));
    served?;
    signals.map_err(unusable)
}

/// Runs an app whose datasets are open on a listener, until its token is cancelled.
///
/// # Errors
/// [`ServeError::Task`].
pub fn run(
    app: Arc<App>,
    listener: TcpListener,
    server: ServerConfig,
) -> BoxFuture<'static, Result<(), ServeError>> {
    Box::pin(async move {
        let site = Site::new(Current::new(app, server, None)?);
        run_site(site, listener, None).await
    })
}

/// Runs what is in `site`; with a configuration, its files are followed.
async fn run_site(
    site: Arc<Site>,
    listener: TcpListener,
    configured: Option<(Config, Vec<Arc<Plan>>)>,
) -> Result<(), ServeError> {
    let current = site.current();
    let (stop, grace) = (current.app.stop.clone(), current.server.grace);
    let listening = listener.local_addr();
    match listening.and_then(|address| Door::new(address, current.tls.is_some())) {
        Ok(door) => {
            let _is_there_already = current.app.door.set(door);
        }
        Err(error) => tracing::warn!("Commands cannot reach the service by themselves: {error}"),
    }
    let drained = CancellationToken::new();
    let mut tasks = Tasks::new(stop.clone());
    let conductor = Conductor::new(Arc::clone(&site), configured, drained.clone());
    let slots: Vec<_> = current.app.datasets.values().cloned().collect();
    drop(current);
    tasks.spawn("datasets", endless(conductor.run()));
    tasks.spawn("http", async move {
        let drained = drained.drop_guard();
        let opened = tokio::time::timeout(PATIENCE, opened(&slots));
        let _some_are_not_open = stop.run_until_cancelled(opened).await;
        let served = http::serve(site, listener).await;
        drop(drained);
        served
    });
    // The other tasks need a moment more than requests may take.
    let ended = tasks.run(grace + Duration::from_secs(10)).await;
    tracing::info!("Stopped");
    Ok(ended?)
}

/// Waits until all datasets are open or have failed.
async fn opened(slots: &[Arc<Slot>]) {
    for slot in slots {
        let mut changes = slot.changes();
        while slot.dataset().is_err_and(|error| !error.has_failed) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

/// Whether somebody on the way could read what people sign in with.
fn exposes_secrets(config: &Config) -> bool {
    let server = &config.server;
    let is_private = server.listen.is_loopback() || !server.trusted_proxies.is_empty();
    let auth = config.auth.as_ref();
    !is_private && server.tls.is_none() && auth.is_some_and(|auth| auth.mode == AuthMode::Required)
}

async fn endless(task: impl Future<Output = ()>) -> Result<(), Box<dyn Error + Send + Sync>> {
    task.await;
    Ok(())
}
