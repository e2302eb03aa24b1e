//! Under which name the service is asked, and whether a page of another site has a browser ask.
//!
//! Browsers let a page ask whatever it likes, and keep only the answer from it. A page that has its own name resolved to this
//! machine may even read (DNS rebinding); what it cannot change is the header `Host`, which then holds its own name.

use std::net::IpAddr;

use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderName};
use actix_web::http::uri::Authority;
use url::Url;

use super::cors;
use crate::app::App;
use crate::config::ServerConfig;
use crate::who::is_proxy;

/// Said by browsers over HTTPS and to this machine itself; pages cannot set it.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The name under which a request asks, if the service has no such name.
pub(super) fn strange_host(
    app: &App,
    server: &ServerConfig,
    req: &ServiceRequest,
) -> Option<String> {
    let knows_names = !server.hosts.is_empty();
    let is_private = server.listen.is_loopback() && !app.sign_in.is_required();
    if !knows_names && !is_private {
        return None;
    }
    let is_ours = |host: &str| {
        let address = host.parse::<IpAddr>();
        host == "localhost"
            || address.is_ok_and(|address| address.to_canonical().is_loopback())
            || host == server.listen.host
            || server.hosts.iter().any(|name| name.is(host))
    };
    let mut asked = authorities(req).map(|authority| Named::read(authority).host);
    asked.find(|host| !is_ours(host))
}

/// Whether a page of another site has a browser change something here. Browsers send along names and passwords that were
/// entered for this service; a token is sent only by who knows it.
pub(super) fn is_forged(app: &App, server: &ServerConfig, req: &ServiceRequest) -> bool {
    let headers = req.headers();
    let text = |name: &HeaderName| headers.get(name).map(header::HeaderValue::as_bytes);
    let is_token = text(&header::AUTHORIZATION)
        .and_then(|value| value.get(..7))
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
    if req.method().is_safe()
        || is_token && app.sign_in.is_required()
        || cors::is_trusted(&server.cors, headers)
    {
        return false;
    }
    match (text(&FETCH_SITE), text(&header::ORIGIN)) {
        (Some(site), _) => !matches!(site, b"same-origin" | b"none"),
        (None, Some(origin)) => {
            let origin = std::str::from_utf8(origin).ok();
            let origin = origin.and_then(|origin| Url::parse(origin).ok());
            !origin.is_some_and(|origin| is_own(server, req, &origin))
        }
        // No browser, or one so old that it says nothing.
        (None, None) => false,
    }
}

/// Whether `origin` is where this service is, as far as the request tells: by scheme, name and port.
fn is_own(server: &ServerConfig, req: &ServiceRequest, origin: &Url) -> bool {
    let peer = req.peer_addr().map(|peer| peer.ip());
    let has_proxy = peer.is_some_and(|peer| is_proxy(server, peer));
    let own = if server.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let mut said = proxied(req, FORWARDED_PROTO, "proto").peekable();
    let is_scheme = if !has_proxy {
        origin.scheme() == own
    } else if said.peek().is_some() {
        said.any(|scheme| scheme.eq_ignore_ascii_case(origin.scheme()))
    } else {
        // What the proxy speaks is not known.
        matches!(origin.scheme(), "http" | "https")
    };
    let is_here = |authority: &str| {
        let Named { host, port } = Named::read(authority);
        let default = if origin.scheme() == "https" { 443 } else { 80 };
        let at = origin.host_str().unwrap_or_default();
        let at = at.trim_start_matches('[').trim_end_matches(']');
        host == at && Some(port.unwrap_or(default)) == origin.port_or_known_default()
    };
    is_scheme
        && (authorities(req).any(is_here)
            || has_proxy && proxied(req, FORWARDED_HOST, "host").any(is_here))
}

/// Names and ports that the request was sent to: of its address, and of `Host`.
fn authorities(req: &ServiceRequest) -> impl Iterator<Item = &str> {
    let of_address = req.uri().authority().map(Authority::as_str);
    let of_header = req.headers().get_all(header::HOST);
    let of_header = of_header.map(|value| value.to_str().unwrap_or_default());
    of_address.into_iter().chain(of_header)
}

/// What proxies say in `name`, or in `key=…` of the standard header.
fn proxied<'a>(
    req: &'a ServiceRequest,
    name: &'static str,
    key: &'static str,
) -> impl Iterator<Item = &'a str> {
    let elements = |name: &'static str| {
        let values = req.headers().get_all(name);
        values.flat_map(|value| value.to_str().unwrap_or_default().split(','))
    };
    let standard = elements("forwarded")
        .flat_map(|element| element.split(';'))
        .filter_map(move |pair| {
            let (found, value) = pair.split_once('=')?;
            let is_key = found.trim().eq_ignore_ascii_case(key);
            is_key.then(|| value.trim().trim_matches('"'))
        });
    elements(name).map(str::trim).chain(standard)
}

/// `data.example.org:8000`, `[::1]:8000`, `localhost`.
struct Named {
    /// In small letters, without brackets and without the dot at the end of a full name.
    host: String,
    port: Option<u16>,
}

impl Named {
    fn read(text: &str) -> Self {
        let text = text.rsplit('@').next().unwrap_or_default();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches([']', '.']);
        Self {
            host: host.to_ascii_lowercase(),
            port,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ports_are_told_apart() {
        let read = |text: &str| {
            let Named { host, port } = Named::read(text);
            (host, port)
        };
        for (text, host, port) in [
            ("Data.Example.org", "data.example.org", None),
            ("data.example.org.:8000", "data.example.org", Some(8000)),
            ("[::1]:8000", "::1", Some(8000)),
            ("[::1]", "::1", None),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("evil@localhost:80", "localhost", Some(80)),
            ("localhost:", "localhost", None),
            ("", "", None),
        ] {
            assert_eq!(read(text), (host.to_owned(), port), "{text}");
        }
    }
}
