//! `GET /api/v1/viewer`: what the viewer must know before anything else. With the feature `viewer`, the viewer itself, too.

#[cfg(feature = "viewer")]
pub(super) mod files;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Problems;
use super::relay;
use crate::app::App;
use crate::config::{BaseMap, ServerConfig};

/// What the viewer must know.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewerSettings {
    /// What to call this service.
    title: String,
    /// The version of the service.
    version: &'static str,
    /// Whether people need to sign in for what is not public.
    needs_sign_in: bool,
    /// Whether something can be read without signing in.
    has_public: bool,
    /// What lies under maps; absent: what the viewer brings itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    base_map: Option<BaseMapSettings>,
}

/// What lies under maps.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BaseMapSettings {
    /// `tiles`: `url` is a template with `{z}`, `{x}` and `{y}`; `style`: it is the address of a style of MapLibre.
    kind: &'static str,
    /// Where it is.
    url: String,
    /// Whom to name on the map.
    #[serde(skip_serializing_if = "Option::is_none")]
    attribution: Option<String>,
    /// The closest zoom that there are tiles of.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_zoom: Option<u8>,
}

impl From<&BaseMap> for BaseMapSettings {
    fn from(map: &BaseMap) -> Self {
        Self {
            kind: if map.is_template() { "tiles" } else { "style" },
            url: map.url.clone(),
            attribution: map.attribution.clone(),
            max_zoom: map.max_zoom,
        }
    }
}

/// Get what the viewer must know before anybody signs in.
#[utoipa::path(tag = "operation", responses(
    (status = 200, description = "Title, version, what lies under maps", body = ViewerSettings),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Problems))]
#[get("/api/v1/viewer")]
pub(crate) async fn get_viewer(
    app: Data<App>,
    server: Data<ServerConfig>,
    req: HttpRequest,
) -> HttpResponse {
    let nobody = app.sign_in.nobody(None);
    let settings = ViewerSettings {
        title: server.viewer.title.clone(),
        version: env!("CARGO_PKG_VERSION"),
        needs_sign_in: app.sign_in.is_required(),
        has_public: app
            .datasets
            .keys()
            .any(|name| nobody.may_read(name).is_ok()),
        base_map: server.viewer.base_map.as_ref().map(Into::into),
    };
    relay::tagged_json(&req, &settings)
}
