//! The REST interface: one file per resource. The only place that mentions actix.
//!
//! Handlers read the request, call, and answer. Request threads do no work that takes its time: decoding, folding and
//! queries run on the runtime of [`crate::app::App`].

mod asked;
mod body;
mod caller;
mod collectors;
mod compress;
mod connections;
mod contributions;
mod corrections;
mod cors;
mod datasets;
mod docs;
mod draft;
mod error;
mod events;
mod gate;
mod health;
mod home;
mod ingest;
mod metrics;
mod origin;
mod outside;
mod places;
mod query;
mod relay;
mod schema;
#[cfg(test)]
mod tests;
mod tls;
mod viewer;
mod zarr;

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Extensions, ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::ConnectionType;
use actix_web::middleware::{Next, from_fn};
use actix_web::web::{Data, PathConfig, QueryConfig};
use actix_web::{App as Server, HttpServer};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt as _;
use utoipa_actix_web::service_config::ServiceConfig;

use self::connections::Connections;
use self::error::ApiError;
use self::outside::KnownRoutes;
use self::places::Admission;
pub(crate) use self::tls::Tls;
pub use self::tls::TlsError;
pub(crate) use self::zarr::Openings;
use crate::site::{Current, Site};

/// Log filter of the service: what the HTTP server says of itself at start-up, and of requests that cannot be read, is left out.
pub const LOG_FILTER: &str = "info,actix_server=warn,actix_http=off";
/// How often a stopping service looks whether requests are still worked on.
const STOP_POLL: Duration = Duration::from_millis(20);

/// Answers requests on `listener` with what is in `site`, until its token is cancelled; then finishes those that are worked
/// on. Where an edit asks for another server, such as further paths, one is begun and the former one finishes what it has.
///
/// # Errors
/// What the listener or the threads report.
pub(crate) async fn serve(site: Arc<Site>, listener: TcpListener) -> io::Result<()> {
    let mut changes = site.changes();
    let service_stop = site.current().app.stop.clone();
    let mut servers: JoinSet<io::Result<()>> = JoinSet::new();
    let mut stop = CancellationToken::new();
    let mut shape = None;
    let admission = Data::new(Admission::default());
    loop {
        let current = site.current();
        let wanted = Shape::of(&current);
        if shape.as_ref() != Some(&wanted) {
            stop.cancel();
            stop = service_stop.child_token();
            let places = admission.clone();
            let server = begin(&site, &current, listener.try_clone()?, places, stop.clone())?;
            servers.spawn(server);
            shape = Some(wanted);
        }
        drop(current);
        tokio::select! {
            Some(ended) = servers.join_next() => {
                ended.map_err(io::Error::other).flatten()?;
                if servers.is_empty() {
                    return Ok(());
                }
            }
            edited = changes.changed(), if !service_stop.is_cancelled() => {
                edited.map_err(io::Error::other)?;
            }
        }
    }
}

/// What is fixed when a server begins.
#[derive(Debug, PartialEq)]
struct Shape {
    /// As it is debugged: what a server has of it is not told one by one.
    server: String,
    max_answer_pause: Duration,
    aliases: Vec<(String, Option<String>)>,
}

impl Shape {
    fn of(current: &Current) -> Self {
        let Current { app, server, .. } = current;
        let aliases = app.endpoints.values();
        let aliases = aliases.filter(|endpoint| endpoint.alias.is_some());
        Self {
            server: format!("{server:?}"),
            max_answer_pause: app.limits.max_answer_pause,
            aliases: aliases
                .map(|endpoint| (endpoint.name.clone(), endpoint.alias.clone()))
                .collect(),
        }
    }
}

/// Begins a server, which ends after `stop`.
fn begin(
    site: &Arc<Site>,
    current: &Current,
    listener: TcpListener,
    admission: Data<Admission>,
    stop: CancellationToken,
) -> io::Result<impl Future<Output = io::Result<()>> + Send + use<>> {
    let address = listener.local_addr()?;
    let (app, settings) = (Data::from(Arc::clone(&current.app)), &current.server);
    let known = Data::new(KnownRoutes::new(&document(), &app));
    let connections = Arc::new(Connections::new(settings, app.limits.max_answer_pause));
    let workers = settings.workers.unwrap_or_else(available);
    let (asked, is_ending) = (Arc::clone(site), stop.clone());
    let openings = Data::from(Arc::clone(&site.openings));
    let factory = move || {
        let (site, ending) = (Arc::clone(&asked), is_ending.clone());
        Server::new()
            .app_data(known.clone())
            .app_data(admission.clone())
            .app_data(openings.clone())
            .app_data(
                PathConfig::default()
                    .error_handler(|error, _| ApiError::BadPath(error.to_string()).into()),
            )
            .app_data(
                QueryConfig::default().error_handler(|error, _| ApiError::bad_query(&error).into()),
            )
            .into_utoipa_app()
            .configure(routes)
            .into_app()
            .configure(|config| ingest::aliases(config, &app))
            .configure(docs::routes)
            .configure(files)
            .default_service(actix_web::web::to(outside::answer))
            .wrap(from_fn(gate::gate))
            .wrap(from_fn(move |req, next| {
                now(Arc::clone(&site), ending.clone(), req, next)
            }))
    };
    let server = HttpServer::new(factory)
        .workers(workers)
        .max_connections(settings.max_connections.div_ceil(workers))
        .keep_alive(settings.keep_alive)
        .client_request_timeout(settings.head_timeout)
        .on_connect({
            let connections = Arc::clone(&connections);
            move |stream, of_requests| connections.accepted(stream, of_requests)
        })
        .disable_signals()
        .shutdown_timeout(0);
    let scheme = if current.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let server = match &current.tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls.server()?)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    tracing::info!(server.address = %address, "Listening on {scheme}://{address}");
    let (handle, service_stop) = (server.handle(), current.app.stop.clone());
    let (tls, grace) = (current.tls.clone(), settings.grace);
    Ok(async move {
        let is_over = CancellationToken::new();
        let stopping = async {
            stop.cancelled().await;
            end(&connections, handle, &service_stop, grace).await;
            is_over.cancel();
        };
        let watching = connections.watch(is_over.clone());
        let following = async {
            match tls {
                Some(tls) => tls.follow(is_over.clone()).await,
                None => Ok(()),
            }
        };
        let (ended, (), (), followed) = tokio::join!(server, stopping, watching, following);
        ended.and(followed)
    })
}

/// Lets a request find what the service is when it comes. A server that ends asks for other connections.
async fn now(
    site: Arc<Site>,
    is_ending: CancellationToken,
    mut req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, actix_web::Error> {
    let current = site.current();
    let mut found = Extensions::new();
    found.insert(Data::from(Arc::clone(&current.app)));
    found.insert(Data::from(Arc::clone(&current.server)));
    req.add_data_container(Rc::new(found));
    let mut response = next.call(req).await?;
    if is_ending.is_cancelled() {
        let head = response.response_mut().head_mut();
        head.set_connection_type(ConnectionType::Close);
    }
    Ok(response)
}

/// Waits for the requests that are worked on, at most `grace` once the service stops; idle connections are cut.
async fn end(
    connections: &Connections,
    server: ServerHandle,
    service_stop: &CancellationToken,
    grace: Duration,
) {
    server.pause().await;
    let too_late = async {
        service_stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    let done = async {
        // Several times in a row nothing to do: the last answer has left the process.
        let mut n_idle = 0;
        while n_idle < 3 {
            tokio::time::sleep(STOP_POLL).await;
            n_idle = if connections.n_working() == 0 {
                n_idle + 1
            } else {
                0
            };
        }
    };
    tokio::select! {
        () = done => {}
        () = too_late => {}
    }
    server.stop(false).await;
}

fn available() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The files of the viewer.
#[cfg(feature = "viewer")]
use self::viewer::files::routes as files;

/// There are none.
#[cfg(not(feature = "viewer"))]
fn files(_: &mut actix_web::web::ServiceConfig) {}

/// Every route that the OpenAPI document describes.
fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(ingest::create_contribution)
        .service(ingest::create_contribution_for_node)
        .service(draft::create_draft)
        .service(contributions::list_contributions)
        .service(contributions::get_contribution)
        .service(contributions::get_payload)
        .service(corrections::retry_contribution)
        .service(corrections::retract_contribution)
        .service(datasets::list_datasets)
        .service(datasets::get_dataset)
        .service(corrections::rebuild_node)
        .service(schema::get_schema)
        .service(collectors::list_collectors)
        .service(collectors::run_collector)
        .service(events::get_events)
        .service(viewer::get_viewer)
        .service(query::query_only_node)
        .service(query::query_node)
        .service(origin::get_origin_in_only_node)
        .service(origin::get_origin)
        .service(zarr::get_object)
        .service(zarr::get_state)
        .service(health::get_liveness)
        .service(health::get_readiness)
        .service(metrics::get_metrics)
        .service(docs::get_openapi)
        .service(home::get_home);
}

fn document() -> OpenApi {
    let (_, document) = Server::new()
        .into_utoipa_app()
        .openapi(docs::head())
        .configure(routes)
        .split_for_parts();
    document
}

/// The OpenAPI 3.1 document of the interface, as JSON.
pub fn openapi() -> String {
    let mut text = document()
        .to_pretty_json()
        .expect("the document has only string keys");
    text.push('\n');
    text
}
