//! Compresses answers that are text, as the client accepts.
//!
//! A compressed answer is another form of the same state: its `ETag` becomes weak, and `If-None-Match` compares weakly, so
//! that either form is known again. Parts of objects, images, events and what is compressed already are left alone.

use std::fmt;

use actix_http::encoding::Encoder;
use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{self, ContentEncoding, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};

use super::relay::vary;

/// Smaller bodies are not worth it.
const MIN_BYTES: u64 = 1024;
/// The best first.
pub(super) const ENCODINGS: [(&str, ContentEncoding); 3] = [
    ("zstd", ContentEncoding::Zstd),
    ("br", ContentEncoding::Brotli),
    ("gzip", ContentEncoding::Gzip),
];

/// What the client accepts, kept from its request.
pub(super) struct Accepted {
    encoding: ContentEncoding,
    /// A part of an object is asked for, or its head alone.
    is_partial: bool,
    known: Option<HeaderValue>,
}

impl Accepted {
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let accept = headers.get_all(header::ACCEPT_ENCODING);
        let accept = accept.filter_map(|value| value.to_str().ok());
        Self {
            encoding: negotiate(accept, ENCODINGS.into_iter()),
            is_partial: headers.contains_key(header::RANGE) || method == Method::HEAD,
            known: headers.get(header::IF_NONE_MATCH).cloned(),
        }
    }

    /// Compresses the answer if that is possible and worth it.
    pub(super) fn apply(&self, mut response: ServiceResponse) -> ServiceResponse {
        let size = response.response().body().size();
        let status = response.status();
        let headers = response.headers_mut();
        if status == StatusCode::NOT_MODIFIED {
            vary(headers, "Accept-Encoding");
            self.know_again(headers);
            return response;
        }
        let text = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        if !text.is_some_and(is_text) || status == StatusCode::PARTIAL_CONTENT {
            return response;
        }
        vary(headers, "Accept-Encoding");
        let is_small =
            matches!(size, BodySize::None) || matches!(size, BodySize::Sized(n) if n < MIN_BYTES);
        let is_done = headers.contains_key(header::CONTENT_ENCODING);
        if is_small || is_done || self.is_partial || self.encoding == ContentEncoding::Identity {
            return response;
        }
        weaken(headers);
        headers.remove(header::ACCEPT_RANGES);
        let encoding = self.encoding;
        response.map_body(|head, body| BoxBody::new(Encoder::response(encoding, head, body)))
    }

    /// Says the tag as the client does, who may have it from a compressed answer.
    fn know_again(&self, headers: &mut HeaderMap) {
        let is_weak = |tag: &HeaderValue| {
            let known = self.known.as_ref().and_then(|known| known.to_str().ok());
            let weak = tag.to_str().ok().map(|tag| format!("W/{tag}"));
            known
                .zip(weak)
                .is_some_and(|(known, weak)| known.contains(&weak))
        };
        if headers.get(header::ETAG).is_some_and(is_weak) {
            weaken(headers);
        }
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

fn weaken(headers: &mut HeaderMap) {
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    let weak = tag
        .filter(|tag| !tag.starts_with("W/"))
        .map(|tag| format!("W/{tag}"));
    if let Some(weak) = weak.and_then(|weak| HeaderValue::try_from(weak).ok()) {
        headers.insert(header::ETAG, weak);
    }
}

/// Whether a media type is text that compresses well.
pub(super) fn is_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    if essence == "text/event-stream" {
        return false;
    }
    let known = [
        "application/json",
        "application/x-ndjson",
        "application/yaml",
        "application/javascript",
        "application/openmetrics-text",
        "application/prs.coverage+json",
        "application/wasm",
        "application/xml",
        "image/svg+xml",
    ];
    essence.starts_with("text/") || essence.ends_with("+json") || known.contains(&&*essence)
}

/// The encoding `among` some that is accepted most, and of equals the first one.
pub(super) fn negotiate<'a>(
    accept: impl Iterator<Item = &'a str>,
    among: impl Iterator<Item = (&'static str, ContentEncoding)>,
) -> ContentEncoding {
    let accepted: Vec<(String, f32)> = accept
        .flat_map(|text| text.split(','))
        .map(weighed)
        .collect();
    let weight = |name: &str| {
        let of = |name: &str| {
            accepted
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, q)| *q)
        };
        of(name).or_else(|| of("*")).unwrap_or(0.0)
    };
    let plain = accepted.iter().find(|(name, _)| name == "identity");
    let mut best = (ContentEncoding::Identity, plain.map_or(0.0, |(_, q)| *q));
    for (name, encoding) in among {
        let q = weight(name);
        let is_better = q > best.1 || q == best.1 && best.0 == ContentEncoding::Identity;
        if q > 0.0 && is_better {
            best = (encoding, q);
        }
    }
    best.0
}

/// A name, and how much it is wanted; what cannot be read is not wanted.
fn weighed(item: &str) -> (String, f32) {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    let q = q.map_or(Some(1.0), |q| q.parse().ok());
    (name, q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accept: &str, expected: ContentEncoding) {
        assert_eq!(
            negotiate([accept].into_iter(), ENCODINGS.into_iter()),
            expected,
            "{accept}"
        );
    }

    #[test]
    fn the_encoding_most_wanted_is_taken() {
        check("gzip, deflate, br, zstd", ContentEncoding::Zstd);
        check("gzip, deflate, br", ContentEncoding::Brotli);
        check("gzip;q=1.0, br;q=0.5", ContentEncoding::Gzip);
        check("gzip;q=0.2, identity;q=0.5", ContentEncoding::Identity);
        check("gzip, identity", ContentEncoding::Gzip);
        check("GZip ; Q=0.3", ContentEncoding::Gzip);
        check("*", ContentEncoding::Zstd);
        check("*;q=0.5, zstd;q=0, br;q=0", ContentEncoding::Gzip);
        check("deflate, compress", ContentEncoding::Identity);
        check("gzip;q=0", ContentEncoding::Identity);
        check("gzip;q=much", ContentEncoding::Identity);
        check("", ContentEncoding::Identity);
    }

    #[test]
    fn text_is_told_from_what_is_compressed_already() {
        for text in [
            "text/csv; charset=utf-8",
            "application/json",
            "application/problem+json",
            "TEXT/HTML",
        ] {
            assert!(is_text(text), "{text}");
        }
        for other in [
            "image/png",
            "application/vnd.apache.parquet",
            "text/event-stream",
            "application/octet-stream",
        ] {
            assert!(!is_text(other), "{other}");
        }
    }
}
