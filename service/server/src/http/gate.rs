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
use super::connections::{Connection, Exchange, MAX_ANSWERS};
use super::error::{ApiError, shortened};
use super::places::{Admission, Bounds, Place};
use super::{asked, cors};
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
    let connection = req.conn_data::<Arc<Connection>>();
    let mut working = Working::begin(Arc::clone(&app), connection);
    let preflight = cors::preflight(&server.cors, &req);
    // Nobody signs in to ask what may be asked.
    let asks = preflight.is_some();
    let admitted = admit(&app, &server, &req, &working, asks).await;
    let response = match (admitted, preflight) {
        (Err(error), _) => req.error_response(error),
        (Ok(_), Some(preflight)) => req.into_response(preflight),
        (Ok(place), None) => {
            working.place = place;
            next.call(req).await?
        }
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
    Ok(response.map_body(|_, body| {
        BoxBody::new(Counted {
            body,
            rest: Bytes::new(),
            working,
        })
    }))
}

/// Lets a request through, with its place if it takes one, or says why not. `asks`: it only asks what may be asked.
async fn admit(
    app: &App,
    server: &ServerConfig,
    req: &ServiceRequest,
    working: &Working,
    asks: bool,
) -> Result<Option<Place>, ApiError> {
    // Probes are answered whatever else goes on.
    let is_health = req.path().starts_with("/health/");
    let is_probe = is_health || req.path() == "/metrics";
    let max_url_bytes = app.limits.max_url_bytes;
    let n_url_bytes = req
        .uri()
        .path_and_query()
        .map_or(0, |url| url.as_str().len());
    if n_url_bytes as u64 > max_url_bytes {
        return Err(ApiError::UrlTooLong {
            max_bytes: max_url_bytes,
        });
    }
    if is_health {
        // They are answered to everybody, whatever they send.
        caller::identify_or_admit(app, server, req).await;
        return Ok(None);
    }
    if let Some(host) = asked::strange_host(app, server, req) {
        return Err(ApiError::StrangeHost(shortened(&host)));
    }
    let admission = req.app_data::<Data<Admission>>();
    let places = admission.filter(|_| !is_probe);
    let places = places.map(|admission| admission.of(req.method(), req.path()));
    let bounds = Bounds::of_requests(&app.limits);
    if let Some(places) = places {
        if app.stop.is_cancelled() {
            return Err(ApiError::Stopping);
        }
        if working.n_open() > MAX_ANSWERS {
            return Err(ApiError::TooManyAtOnce { max: MAX_ANSWERS });
        }
        if places.is_full(bounds) {
            return Err(ApiError::Busy { max: bounds.max });
        }
    }
    if asks {
        return Ok(None);
    }
    let caller = caller::identify(app, server, req).await?;
    let place = places.map(|places| places.take(&caller, bounds));
    Ok(place.transpose()?)
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

/// A request counts, and keeps its place, until the last byte of its answer. One that is refused has none.
struct Working {
    app: Arc<App>,
    exchange: Option<Exchange>,
    place: Option<Place>,
    counts: bool,
}

impl Working {
    fn begin(app: Arc<App>, connection: Option<&Arc<Connection>>) -> Self {
        app.metrics.in_flight.inc();
        Self {
            app,
            exchange: connection.map(Connection::begin),
            place: None,
            counts: true,
        }
    }

    /// Requests of its connection that were open with it.
    fn n_open(&self) -> usize {
        self.exchange.as_ref().map_or(1, |exchange| exchange.n_open)
    }

    /// Counts it no more: its answer lasts as long as the client wants.
    fn uncount(&mut self) {
        self.counts = false;
        self.place = None;
        self.app.metrics.in_flight.dec();
        if let Some(exchange) = &self.exchange {
            exchange.lasts();
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        if self.counts {
            self.app.metrics.in_flight.dec();
        }
    }
}

/// Most bytes of an answer handed over at once: whoever reads as many within the longest pause is seen to read, and is not
/// cut off.
const MAX_PIECE_BYTES: usize = 64 << 10;

/// The body of the answer to a request that counts.
struct Counted {
    body: BoxBody,
    /// What is left of the piece that the body gave.
    rest: Bytes,
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
        if let Some(exchange) = &self.working.exchange {
            exchange.asked();
        }
        if self.rest.is_empty() {
            match Pin::new(&mut self.body).poll_next(cx) {
                Poll::Ready(Some(Ok(piece))) => self.rest = piece,
                other => return other,
            }
        }
        let n_bytes = self.rest.len().min(MAX_PIECE_BYTES);
        let piece = self.rest.split_to(n_bytes);
        if let Some(exchange) = &self.working.exchange {
            exchange.handed();
        }
        Poll::Ready(Some(Ok(piece)))
    }
}
