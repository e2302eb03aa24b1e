//! The REST interface: one file per resource. The only place that mentions actix.
//!
//! Handlers read the request, call, and answer. Request threads do no work that takes its time: decoding, folding and
//! queries run on the runtime of [`App`].

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
mod starting;
#[cfg(test)]
mod tests;
mod tls;
mod viewer;
mod zarr;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, PathConfig, QueryConfig};
use actix_web::{App as Server, HttpServer};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt as _;
use utoipa_actix_web::service_config::ServiceConfig;

use self::connections::Connections;
use self::error::ApiError;
use self::outside::KnownRoutes;
pub(crate) use self::outside::uses;
use self::places::Admission;
pub(crate) use self::starting::answer_while;
pub(crate) use self::tls::Tls;
pub use self::tls::TlsError;
use crate::app::App;
use crate::config::ServerConfig;

/// Log filter of the service: what the HTTP server says of itself at start-up, and of requests that cannot be read, is left out.
pub const LOG_FILTER: &str = "info,actix_server=warn,actix_http=off";
/// How often a stopping service looks whether requests are still worked on.
const STOP_POLL: Duration = Duration::from_millis(20);

/// Answers requests on `listener` until the app's token is cancelled; then finishes those that are worked on.
///
/// # Errors
/// What the listener or the threads report.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    settings: ServerConfig,
    tls: Option<Tls>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let data = Data::from(Arc::clone(&app));
    let known = Data::new(KnownRoutes::new(&document(), &app));
    let connections = Arc::new(Connections::new(&settings, app.limits.max_answer_pause));
    let admission = Data::new(Admission::default());
    let workers = settings.workers.unwrap_or_else(available);
    let server_data = Data::new(settings.clone());
    let factory = move || {
        Server::new()
            .app_data(data.clone())
            .app_data(known.clone())
            .app_data(server_data.clone())
            .app_data(admission.clone())
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
            .configure(|config| ingest::aliases(config, &data))
            .configure(docs::routes)
            .configure(files)
            .default_service(actix_web::web::to(outside::answer))
            .wrap(from_fn(gate::gate))
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
    let scheme = if tls.is_some() { "https" } else { "http" };
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls.server()?)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    tracing::info!(server.address = %address, "Listening on {scheme}://{address}");
    let stopping = stop(&app, server.handle(), settings.grace);
    let watching = connections.watch(app.stop.clone());
    let (ended, (), ()) = tokio::join!(server, stopping, watching);
    ended
}

/// Waits for the token, then for the requests that are worked on, at most `grace`; idle connections are cut.
async fn stop(app: &App, server: ServerHandle, grace: Duration) {
    app.stop.cancelled().await;
    server.pause().await;
    let deadline = tokio::time::Instant::now() + grace;
    // Twice in a row nothing to do: the last answer has left the process.
    let mut n_idle = 0;
    while n_idle < 3 && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(STOP_POLL).await;
        let n_working = app.metrics.in_flight.get() + app.metrics.event_streams.get();
        n_idle = if n_working == 0 { n_idle + 1 } else { 0 };
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
