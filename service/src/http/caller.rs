//! Who sends a request: worked out once in the gate, asked by the handlers.
//!
//! A handler takes [`Caller`] as an argument and asks it first, such as `who.may(&Scope::ingest(&endpoint.name))?`. It derefs
//! to [`Who`]; `?` turns what is denied into 401, 403 or 429.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::ops::Deref;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use chrono::Utc;

use super::cors;
use super::error::ApiError;
use crate::app::App;
use crate::config::{AddressHeader, ServerConfig};
use crate::who::{Denied, Who, client_address};

/// Who sends a request.
#[derive(Debug, Clone)]
pub(crate) struct Caller(Who);

impl Deref for Caller {
    type Target = Who;

    fn deref(&self) -> &Who {
        &self.0
    }
}

impl FromRequest for Caller {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let caller = req.extensions().get::<Self>().cloned();
        ready(Ok(caller.expect("the gate lets only known callers in")))
    }
}

/// Works out who sends a request, for the handlers and the log.
///
/// # Errors
/// [`Denied`] if the header `Authorization` is there but is not good.
pub(super) async fn identify(
    app: &App,
    server: &ServerConfig,
    req: &ServiceRequest,
) -> Result<(), Denied> {
    let headers = req.headers();
    if is_forged(req) && !cors::is_trusted(&server.cors, headers) {
        return Err(Denied::CrossSite);
    }
    let mut credentials = headers.get_all(header::AUTHORIZATION);
    let authorization = credentials.next().map(header::HeaderValue::as_bytes);
    if credentials.next().is_some() {
        return Err(Denied::Unreadable);
    }
    let who = app
        .sign_in
        .who(authorization, address(server, req.request()), Utc::now());
    let caller = Caller(who.await?);
    req.extensions_mut().insert(caller);
    Ok(())
}

/// Whether a page of another site has a browser change something here. Browsers say where requests come from, and send along
/// names and passwords that were entered here; a token is sent only by who knows it.
fn is_forged(req: &ServiceRequest) -> bool {
    let headers = req.headers();
    let is = |name: HeaderName, text: &str| {
        let value = headers.get(name).map(header::HeaderValue::as_bytes);
        value.is_some_and(|value| {
            value
                .get(..text.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(text.as_bytes()))
        })
    };
    !req.method().is_safe()
        && is(HeaderName::from_static("sec-fetch-site"), "cross-site")
        && !is(header::AUTHORIZATION, "bearer ")
}

/// The same, where what is not good counts as nothing.
pub(super) async fn identify_or_admit(app: &App, server: &ServerConfig, req: &ServiceRequest) {
    if identify(app, server, req).await.is_err() {
        let nobody = app.sign_in.nobody(address(server, req.request()));
        req.extensions_mut().insert(Caller(nobody));
    }
}

/// Where a request comes from.
pub(super) fn address(server: &ServerConfig, req: &HttpRequest) -> Option<IpAddr> {
    let peer = req.peer_addr()?.ip();
    let name = match server.address_header {
        AddressHeader::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
        AddressHeader::Forwarded => header::FORWARDED,
    };
    let said: Vec<&str> = req
        .headers()
        .get_all(name)
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    Some(client_address(peer, server, said.into_iter()))
}
