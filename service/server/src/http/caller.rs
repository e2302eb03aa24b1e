//! Who sends a request: worked out once in the gate, asked by the handlers.
//!
//! A handler takes [`Caller`] as an argument and asks it first, such as `who.may(&Scope::ingest(&endpoint.name))?`. It derefs
//! to [`Who`]; `?` turns what is denied into 401, 403 or 429.

use std::future::{Ready, ready};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Once;

use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::{self, HeaderName};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use chrono::Utc;

use super::asked;
use super::error::ApiError;
use crate::app::App;
use crate::config::{AddressHeader, ServerConfig};
use crate::who::{Credentials, Denied, Who, client_address, is_proxy};

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
/// [`Denied`] if the header `Authorization` is there but is not good, or a page of another site sent it.
pub(super) async fn identify(
    app: &App,
    server: &ServerConfig,
    req: &ServiceRequest,
) -> Result<Caller, Denied> {
    if asked::is_forged(app, server, req) {
        return Err(Denied::CrossSite);
    }
    let headers = req.headers();
    let mut credentials = headers.get_all(header::AUTHORIZATION);
    let authorization = credentials.next().map(header::HeaderValue::as_bytes);
    if credentials.next().is_some() {
        return Err(Denied::Unreadable);
    }
    if let Some(who) = from_this_machine(app, authorization, address(server, req.request())) {
        let caller = Caller(who);
        req.extensions_mut().insert(caller.clone());
        return Ok(caller);
    }
    let who = app
        .sign_in
        .who(authorization, address(server, req.request()), Utc::now());
    let caller = Caller(who.await?);
    req.extensions_mut().insert(caller.clone());
    Ok(caller)
}

/// A command that has read the token of this process.
fn from_this_machine(
    app: &App,
    authorization: Option<&[u8]>,
    address: Option<IpAddr>,
) -> Option<Who> {
    match (app.door.get(), Credentials::read(authorization?)?) {
        (Some(door), Credentials::Token(token)) if door.admits(&token) => {
            Some(Who::operator(address))
        }
        _ => None,
    }
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
        .get_all(&name)
        .map(|value| value.to_str().unwrap_or_default())
        .collect();
    if !said.is_empty() && !is_proxy(server, peer) {
        warn_of_proxy(peer, &name);
    }
    Some(client_address(peer, server, said.into_iter()))
}

/// Tells once that a proxy may have been forgotten.
fn warn_of_proxy(peer: IpAddr, header: &HeaderName) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            sender.address = %peer,
            "`{peer}` says in `{header}` whom it asks for, and is none of `server.trusted_proxies`: if it is a proxy of yours, name it \
             there, or all its clients count as one in limits, in failed attempts to sign in and in the journal"
        );
    });
}
