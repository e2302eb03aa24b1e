//! What every request passes: the bound on how many are worked on, counting, and headers for browsers.

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
use super::connections::Connection;
use super::error::ApiError;
use crate::app::App;
use crate::config::ServerConfig;
use crate::who::Denied;

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
    if method == "HEAD" && !req.path().starts_with(super::zarr::PREFIX) {
        // Answered like GET; the body is left out when the answer is written.
        req.head_mut().method = Method::GET;
    }
    // Probes are answered whatever else goes on.
    let is_health = req.path().starts_with("/health/");
    let is_probe = is_health || req.path() == "/metrics";
    let n_others = app.metrics.in_flight.inc();
    let connection = req.conn_data::<Arc<Connection>>().cloned();
    let working = Working::begin(Arc::clone(&app), connection);
    let max = app.limits.max_concurrent_requests;
    let max_url_bytes = app.limits.max_url_bytes;
    let n_url_bytes = req
        .uri()
        .path_and_query()
        .map_or(0, |url| url.as_str().len());
    let refusal = if n_url_bytes as u64 > max_url_bytes {
        Some(ApiError::UrlTooLong {
            max_bytes: max_url_bytes,
        })
    } else if is_probe {
        None
    } else if app.stop.is_cancelled() {
        Some(ApiError::Stopping)
    } else if usize::try_from(n_others).is_ok_and(|n| n >= max) {
        Some(ApiError::Busy { max })
    } else {
        None
    };
    let refusal = match refusal {
        // Probes are answered to everybody, whatever they send.
        None if is_health => {
            caller::identify_or_admit(&app, &server, &req).await;
            None
        }
        None => caller::identify(&app, &server, &req)
            .await
            .err()
            .map(ApiError::Denied),
        refusal => refusal,
    };
    let mut response = match refusal {
        Some(error) => req.error_response(error),
        None => next.call(req).await?,
    };
    note_denial(&app, &server, &response);
    let stopping = app.stop.is_cancelled();
    let head = response.response_mut().head_mut();
    if stopping {
        head.set_connection_type(actix_web::http::ConnectionType::Close);
    }
    let headers = &mut head.headers;
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
    Ok(response.map_body(|_, body| BoxBody::new(Counted { body, working })))
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
}

impl Working {
    fn begin(app: Arc<App>, connection: Option<Arc<Connection>>) -> Self {
        if let Some(connection) = &connection {
            connection.begin();
        }
        Self { app, connection }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.app.metrics.in_flight.dec();
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
