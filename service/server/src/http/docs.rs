//! `GET /openapi.json` and `/docs`: the interface described, and a page that shows it. No network is needed.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::{Path, ServiceConfig, redirect};
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::Bytes;
use utoipa::ToSchema;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use utoipa_swagger_ui::Config;

use super::error::{ApiError, Problems, shortened};
use super::relay;

static DOCUMENT: LazyLock<String> = LazyLock::new(super::openapi);

/// Bytes, or text, as the content type says.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies")]
pub(crate) struct Binary(Vec<u8>);

/// What the document says besides its routes.
pub(super) fn head() -> OpenApi {
    let tag = |name: &str, about: &str| {
        TagBuilder::new()
            .name(name)
            .description(Some(about))
            .build()
    };
    let info = InfoBuilder::new()
        .title("zarr-fuse")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Contributions go in, one sorted, merged Zarr dataset comes out. Errors are problems as in RFC 9457. \
             Where a service asks people to sign in, an operation needs one of the scopes it lists; `admin` includes all.",
        ))
        .license(Some(LicenseBuilder::new().name("Apache-2.0 OR MIT").build()))
        .build();
    let scheme = |scheme, about: &str| {
        let http = HttpBuilder::new().scheme(scheme).description(Some(about));
        SecurityScheme::Http(http.build())
    };
    let schemes = ComponentsBuilder::new()
        .security_scheme(
            "basic",
            scheme(HttpAuthScheme::Basic, "A name and a password"),
        )
        .security_scheme(
            "bearer",
            scheme(
                HttpAuthScheme::Bearer,
                "A token that `zf token create` made",
            ),
        );
    OpenApiBuilder::new()
        .info(info)
        .components(Some(schemes.build()))
        .tags(Some([
            tag("contributions", "What arrives, and what becomes of it"),
            tag("collectors", "What is fetched, and when"),
            tag("datasets", "What there is"),
            tag("values", "What is measured, as rows and as Zarr"),
            tag("operation", "For those who run the service"),
        ]))
        .build()
}

/// Get this document.
#[utoipa::path(tag = "operation", responses(
    (status = 200, description = "OpenAPI 3.1", body = Object, headers(("ETag" = String, description = "Changes with the document"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Problems))]
#[get("/openapi.json")]
pub(crate) async fn get_openapi(req: HttpRequest) -> HttpResponse {
    relay::tagged(
        &req,
        "application/json",
        Bytes::from_static(DOCUMENT.as_bytes()),
    )
}

/// The page that shows the document.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(redirect("/docs", "/docs/"))
        .service(get_page);
}

#[get("/docs/{page:.*}")]
async fn get_page(page: Path<String>) -> Result<HttpResponse, ApiError> {
    let settings = Arc::new(Config::from("/openapi.json"));
    let file = utoipa_swagger_ui::serve(&page, settings);
    let file = file
        .map_err(|error| ApiError::Internal(Arc::from(std::io::Error::other(error.to_string()))))?;
    let file = file.ok_or_else(|| ApiError::UnknownPage(shortened(&page)))?;
    let mut response = HttpResponse::Ok();
    if file.gzpipped {
        response.insert_header(ContentEncoding::Gzip);
    }
    response.insert_header((
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
    ));
    // The files are in the binary: no answer needs memory of its own.
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(response.content_type(file.content_type).body(bytes))
}
