//! `GET /`: the viewer, or a page that says what runs here.

#[cfg(not(feature = "viewer"))]
mod plain;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};

use super::caller::Caller;
use super::error::Problems;
use crate::app::App;
use crate::config::ServerConfig;

/// Get the viewer; a service built without it answers with a page of links to what there is.
#[utoipa::path(tag = "operation", responses(
    (status = 200, description = "A page", body = String, content_type = "text/html"),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Problems))]
#[get("/")]
pub(crate) async fn get_home(
    app: Data<App>,
    who: Caller,
    server: Data<ServerConfig>,
    req: HttpRequest,
) -> HttpResponse {
    page(&app, &who, &server, &req)
}

#[cfg(feature = "viewer")]
fn page(_: &App, _: &Caller, server: &ServerConfig, req: &HttpRequest) -> HttpResponse {
    super::viewer::files::index(req, &server.viewer)
}

#[cfg(not(feature = "viewer"))]
fn page(app: &App, who: &Caller, _: &ServerConfig, _: &HttpRequest) -> HttpResponse {
    plain::answer(app, who)
}
