//! What every request passes: the bound on how many are worked on, counting, compression, and headers for browsers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::{Bytes, Data};
use actix_web::{Error, HttpMessage as _};

use super::caller::{self, Caller};
use super::compress::Accepted;
use super::connections::Connection;
use super::cors;
use super::error::ApiError;
use crate::app::App;
use crate::config::ServerConfig;
use crate::who::Denied;

/// Marks an answer that lasts as long as its client wants: it is not waited for, and does not count as being worked on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endless;

/// Lets a request through, unless too many are worked on or the service stops.
pub(super) async fn gate(
    mut req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse, Error> {
    let begin = Instant::now();
    let app = req
        .app_data::<Data<App>>()
        .expect("every server has it")
        .clone()
        .into_inner();
    let server = req
        .app_data::<Data<ServerConfig>>()
        .expect("every server has it")
        .clone();
    let method = known_method(req.method().as_str());
    let accepted = Accepted::of(req.method(), req.headers());
    let origin = req.headers().get(header::ORIGIN).cloned();
    if method == "HEAD" && !req.path().starts_with(super::zarr::PREFIX) {
        // Answered like GET; the body is left out when the answer is written.
        req.head_mut().method = Method::GET;
    }
    let n_others = app.metrics.in_flight.inc();
    let connection = req.conn_data::<Arc<Connection>>().cloned();
    let mut working = Working::begin(Arc::clone(&app), connection);
    let preflight = cors::preflight(&server.cors, &req);
    // Nobody signs in to ask what may be asked.
    let asks = preflight.is_some();
    let refusal = refusal(&app, &server, &req, n_others, asks).await;
    let response = match (refusal, preflight) {
        (Some(error), _) => req.error_response(error),
        (None, Some(preflight)) => req.into_response(preflight),
        (None, None) => next.call(req).await?,
    };
    let mut response = accepted.apply(response);
    note_denial(&app, &server, &response);
    let stopping = app.stop.is_cancelled();
    let head = response.response_mut().head_mut();
    if stopping {
        head.set_connection_type(actix_web::http::ConnectionType::Close);
    }
    let headers = &mut head.headers;
    cors::tell(&server.cors, origin.as_ref(), headers);
    if !headers.contains_key(header::CACHE_CONTROL) {
        // Data grow: what was answered once is to be asked for again.
        let ask_again = HeaderValue::from_static("no-cache");
        headers.insert(header::CACHE_CONTROL, ask_again);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if content_type.is_some_and(|content_type| content_type.starts_with(b"text/html")) {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        );
    }
    let duration = begin.elapsed();
    let status = response.status().as_u16();
    let request = response.request();
    let route = request.match_pattern();
    let route = route.as_deref().unwrap_or("unknown");
    app.metrics.answered(method, route, status, duration);
    tracing::debug!(
        http.method = method,
        http.route = route,
        http.status = status,
        duration_ms = duration.as_secs_f64() * 1e3,
        "Answered {status}"
    );
    if response.response().extensions().contains::<Endless>() {
        working.uncount();
        if method == "HEAD" {
            return Ok(response.map_body(|_, _| BoxBody::new(())));
        }
    }
    Ok(response.map_body(|_, body| BoxBody::new(Counted { body, working })))
}

/// Why a request is not let through. `n_others` are worked on already; `asks`: it only asks what may be asked.
async fn refusal(
    app: &App,
    server: &ServerConfig,
    req: &ServiceRequest,
    n_others: i64,
    asks: bool,
) -> Option<ApiError> {
    // Probes are answered whatever else goes on.
    let is_health = req.path().starts_with("/health/");
    let is_probe = is_health || req.path() == "/metrics";
    let max = app.limits.max_concurrent_requests;
    let max_url_bytes = app.limits.max_url_bytes;
    let n_url_bytes = req
        .uri()
        .path_and_query()
        .map_or(0, |url| url.as_str().len());
    if n_url_bytes as u64 > max_url_bytes {
        return Some(ApiError::UrlTooLong {
            max_bytes: max_url_bytes,
        });
    }
    if !is_probe && app.stop.is_cancelled() {
        return Some(ApiError::Stopping);
    }
    if !is_probe && usize::try_from(n_others).is_ok_and(|n| n >= max) {
        return Some(ApiError::Busy { max });
    }
    if asks {
        return None;
    }
    if is_health {
        // They are answered to everybody, whatever they send.
        caller::identify_or_admit(app, server, req).await;
        return None;
    }
    let identified = caller::identify(app, server, req).await;
    identified.err().map(ApiError::Denied)
}

/// Counts a request that was denied, and tells who keeps the service. What was sent to sign in is not told, not even the
/// name, for which people write passwords by mistake.
fn note_denial(app: &App, server: &ServerConfig, response: &ServiceResponse) {
    let error = response.response().error();
    let Some(ApiError::Denied(denied)) = error.and_then(Error::as_error) else {
        return;
    };
    app.metrics.denied(denied.reason());
    let request = response.request();
    let address = caller::address(server, request);
    let address = address.map(|address| address.to_string());
    let caller = request.extensions().get::<Caller>().cloned();
    let name = caller.as_ref().and_then(|caller| caller.name());
    let route = request.match_pattern();
    let status = response.status().as_u16();
    // Nothing was tried, or so often that it has been told before.
    if matches!(denied, Denied::SignIn { .. } | Denied::Limited { .. }) {
        tracing::debug!(
            sender.address = address,
            http.route = route,
            http.status = status,
            "Denied a request: {denied}"
        );
    } else {
        tracing::warn!(
            sender.name = name,
            sender.address = address,
            http.route = route,
            http.status = status,
            "Denied a request: {denied}"
        );
    }
}

/// Methods that are counted by name; others are made up by clients.
fn known_method(method: &str) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// A request counts until the last byte of its answer.
struct Working {
    app: Arc<App>,
    connection: Option<Arc<Connection>>,
    counts: bool,
}

impl Working {
    fn begin(app: Arc<App>, connection: Option<Arc<Connection>>) -> Self {
        if let Some(connection) = &connection {
            connection.begin();
        }
        Self {
            app,
            connection,
            counts: true,
        }
    }

    /// Counts it no more: its answer lasts as long as the client wants.
    fn uncount(&mut self) {
        self.counts = false;
        self.app.metrics.in_flight.dec();
        if let Some(connection) = &self.connection {
            connection.lasts();
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if self.counts {
            self.app.metrics.in_flight.dec();
        }
        if let Some(connection) = &self.connection {
            connection.end();
        }
    }
}

/// The body of a request that counts.
struct Counted {
    body: BoxBody,
    working: Working,
}

impl MessageBody for Counted {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let connection = self.working.connection.clone();
        if let Some(connection) = &connection {
            connection.asked();
        }
        let piece = Pin::new(&mut self.body).poll_next(cx);
        if let (Poll::Ready(Some(_)), Some(connection)) = (&piece, &connection) {
            connection.handed();
        }
        piece
    }
}
