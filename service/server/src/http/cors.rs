//! Pages of other sites: which may ask, as `server.cors` says. What browsers are told is in the head of every answer, refusals
//! included; what they ask beforehand is answered here.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderValue};

use super::relay::vary;
use crate::config::CorsConfig;

/// Methods of the interface.
const METHODS: &str = "GET, HEAD, POST, DELETE";
/// Headers that a page may send.
const SENT: &str = "Accept, Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-None-Match, If-Range, \
                    Last-Event-ID, Range";
/// Headers that a page may read, beside those that all may.
const READ: &str = "Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Location, Next-Cursor, Retry-After, \
                    WWW-Authenticate";

/// The answer to what a browser asks before a page of another site sends its request.
pub(super) fn preflight(cors: &CorsConfig, req: &ServiceRequest) -> Option<HttpResponse> {
    let headers = req.headers();
    let asks = headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if req.method() != Method::OPTIONS || !asks || !cors.allows(origin(headers)?) {
        return None;
    }
    let mut response = HttpResponse::NoContent();
    response
        .insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, SENT))
        .insert_header((header::ACCESS_CONTROL_MAX_AGE, cors.max_age.as_secs()));
    Some(response.finish())
}

/// Tells the browser whether the page that asks, at `origin`, may read the answer.
pub(super) fn tell(cors: &CorsConfig, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if cors.origins.is_empty() {
        return;
    }
    if !cors.is_for_all() {
        vary(headers, "Origin");
    }
    let Some(origin) = origin.filter(|value| value.to_str().is_ok_and(|text| cors.allows(text)))
    else {
        return;
    };
    let allowed = if cors.is_for_all() {
        HeaderValue::from_static("*")
    } else {
        origin.clone()
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    let read = HeaderValue::from_static(READ);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, read);
    if cors.credentials {
        let yes = HeaderValue::from_static("true");
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
    }
}

/// Whether the request comes from a page that is named in the configuration: it may change what others may not.
pub(super) fn is_trusted(cors: &CorsConfig, headers: &HeaderMap) -> bool {
    !cors.is_for_all() && origin(headers).is_some_and(|origin| cors.allows(origin))
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::ORIGIN)?.to_str().ok()
}
