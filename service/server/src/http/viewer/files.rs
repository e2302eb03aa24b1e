//! The files of the viewer, as the build has put them into the binary.

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::{self, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get};

use super::super::compress::{ENCODINGS, negotiate};
use super::super::error::{ApiError, shortened};
use super::super::relay;
use crate::config::{BaseMap, ViewerConfig};

include!(concat!(env!("OUT_DIR"), "/viewer.rs"));

/// Files whose names change with their content lie here.
const HASHED: &str = "assets/";

/// A file of the viewer.
pub(super) struct File {
    path: &'static str,
    etag: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gzip: Option<&'static [u8]>,
}

/// The page that the viewer begins with.
pub(in crate::http) fn index(req: &HttpRequest, viewer: &ViewerConfig) -> HttpResponse {
    let file = find("index.html").expect("the build looks for it");
    let mut response = file.answer(req);
    let policy = header::HeaderValue::try_from(policy(viewer));
    let policy = policy.expect("origins are ASCII");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// Everything but the first page.
pub(in crate::http) fn routes(config: &mut ServiceConfig) {
    config.service(get_asset);
    let beside = FILES.iter().filter(|file| !file.path.starts_with(HASHED));
    for file in beside.filter(|file| file.path != "index.html") {
        let answer = move |req: HttpRequest| async move { file.answer(&req) };
        config.route(&format!("/{}", file.path), web::get().to(answer));
    }
}

#[get("/assets/{file:.*}")]
async fn get_asset(name: Path<String>, req: HttpRequest) -> Result<HttpResponse, ApiError> {
    let file = find(&format!("{HASHED}{name}"));
    let file = file.ok_or_else(|| ApiError::UnknownRoute(shortened(req.path())))?;
    Ok(file.answer(&req))
}

fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

impl File {
    fn answer(&self, req: &HttpRequest) -> HttpResponse {
        let is_known = relay::is_known(req, self.etag);
        let mut response = if is_known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        let caching = if self.path.starts_with(HASHED) {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        response
            .insert_header((header::ETAG, self.etag))
            .insert_header((header::CACHE_CONTROL, caching));
        if is_known {
            return response.finish();
        }
        response.content_type(self.media_type());
        let accept = req.headers().get_all(header::ACCEPT_ENCODING);
        let accept = accept.filter_map(|value| value.to_str().ok());
        let there = ENCODINGS
            .into_iter()
            .filter(|(_, encoding)| self.packed(*encoding).is_some());
        let encoding = negotiate(accept, there);
        let Some(packed) = self.packed(encoding) else {
            return response.body(self.plain);
        };
        response.insert_header(encoding);
        response.body(packed)
    }

    fn packed(&self, encoding: ContentEncoding) -> Option<&'static [u8]> {
        match encoding {
            ContentEncoding::Brotli => self.br,
            ContentEncoding::Gzip => self.gzip,
            _ => None,
        }
    }

    fn media_type(&self) -> &'static str {
        match self.path.rsplit('.').next().unwrap_or_default() {
            "html" => "text/html; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "json" | "map" => "application/json",
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "webp" => "image/webp",
            "ico" => "image/x-icon",
            "woff2" => "font/woff2",
            "wasm" => "application/wasm",
            "txt" => "text/plain; charset=utf-8",
            "webmanifest" => "application/manifest+json",
            _ => "application/octet-stream",
        }
    }
}

/// What the page may load: this service, and where the base map is. MapLibre runs its worker from a blob.
fn policy(viewer: &ViewerConfig) -> String {
    let maps = viewer.base_map.as_ref();
    let maps = maps.map_or_else(Vec::new, BaseMap::sources);
    let and_maps = maps
        .iter()
        .fold(String::new(), |text, source| format!("{text} {source}"));
    let and_images = viewer
        .image_origins
        .iter()
        .fold(String::new(), |text, origin| format!("{text} {origin}"));
    format!(
        "default-src 'self'; script-src 'self'; style-src 'self'; worker-src 'self' blob:; child-src blob:; \
         img-src 'self' data: blob:{and_maps}{and_images}; connect-src 'self'{and_maps}; object-src 'none'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'self'"
    )
}
